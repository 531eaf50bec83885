//! SQLite's only writer.
//!
//! Writers wait in line for the one connection. Those that queue up behind one another share one commit: each runs in
//! its own savepoint of the same transaction and is answered after that transaction is on disk, so a full disk sync is
//! paid once for all of them. A write that is refused waits as well, because it may have been refused on the ground
//! of a neighbour's change that is not durable yet.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mc_model::{Error, ErrorKind, Result};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::sqlite::{self, BUSY_PAUSE, BUSY_TRIES, Connection};
use crate::store::{Announcer, Committed};

/// The most writes that share one commit; bounds what a power cut can undo of unacknowledged work.
const MAX_BATCH: usize = 128;
/// SQLite ends a transaction by itself when it cannot go on, for instance without space on the disk.
const ENDED: &str = "SQLite ended the transaction";

/// The line in front of the connection.
pub(crate) struct Writer {
    batch: Arc<Mutex<Batch>>,
    /// Writers that wait for their turn.
    waiting: Arc<AtomicUsize>,
}

struct Batch {
    connection: Connection,
    announcer: Announcer,
    /// Whether the shared transaction has begun.
    is_open: bool,
    answers: Vec<(oneshot::Sender<Result<()>>, Committed)>,
}

impl Writer {
    pub(crate) fn open(path: &Path, announcer: Announcer) -> Result<Self> {
        let connection = Connection::open(path)?;
        let batch = Batch { connection, announcer, is_open: false, answers: Vec::new() };
        Ok(Self { batch: Arc::new(Mutex::new(batch)), waiting: Arc::new(AtomicUsize::new(0)) })
    }

    /// A number that differs whenever another process has written.
    pub(crate) async fn data_version(&self) -> Result<i64> {
        self.batch.lock().await.connection.data_version()
    }

    /// Waits for the connection and opens a savepoint in the shared transaction.
    pub(crate) async fn turn(&self) -> Result<Turn> {
        let place = Place::take(self);
        let guard = Arc::clone(&self.batch).lock_owned().await;
        place.leave();
        let mut turn = Turn { guard: Some(guard), waiting: Arc::clone(&self.waiting), is_begun: false };
        turn.begin().await?;
        Ok(turn)
    }
}

impl Batch {
    /// Begins the shared transaction if there is none. Another process may have the file; it is asked again and again
    /// without keeping a thread.
    async fn begin(&mut self) -> Result<()> {
        match (self.is_open, self.connection.is_idle()) {
            (true, true) => self.fail(ENDED),
            // What could not be undone when it failed: nothing can begin before it is.
            (false, false) => self.connection.command("ROLLBACK")?,
            _ => {}
        }
        for _ in 0..BUSY_TRIES {
            if self.is_open {
                return Ok(());
            }
            match self.connection.command("BEGIN IMMEDIATE") {
                Ok(()) => self.is_open = true,
                Err(error) if sqlite::is_busy(&error) => tokio::time::sleep(BUSY_PAUSE).await,
                Err(error) => return Err(error),
            }
        }
        match self.is_open {
            true => Ok(()),
            false => Err(try_again("Another process keeps the database to itself. Try again in a moment.")),
        }
    }

    /// Ends the shared transaction and answers those who wait for it.
    fn commit(&mut self) {
        let outcome = match self.connection.is_idle() {
            true => Err(ENDED.to_owned()),
            false => self.connection.command("COMMIT").map_err(|error| cause_of(&error)),
        };
        match outcome {
            Ok(()) => self.succeed(),
            Err(cause) => self.fail(&cause),
        }
    }

    fn succeed(&mut self) {
        self.is_open = false;
        let answers = std::mem::take(&mut self.answers);
        self.announcer.announce(answers.iter().map(|(_, committed)| committed));
        for (answer, _) in answers {
            // A writer that went away needs no answer.
            answer.send(Ok(())).ok();
        }
    }

    fn fail(&mut self, cause: &str) {
        tracing::error!(error = cause, writes = self.answers.len(), "store.commit.failed");
        if !self.connection.is_idle()
            && let Err(error) = self.connection.command("ROLLBACK")
        {
            tracing::error!(%error, "store.rollback.failed");
        }
        self.is_open = false;
        for (answer, _) in std::mem::take(&mut self.answers) {
            answer.send(Err(not_saved(cause))).ok();
        }
    }
}

/// A place in the line. When its owner goes away before its turn came, somebody else must look after the batch that
/// may have been left open for it.
struct Place {
    batch: Arc<Mutex<Batch>>,
    waiting: Arc<AtomicUsize>,
    is_abandoned: bool,
}

impl Place {
    fn take(writer: &Writer) -> Self {
        writer.waiting.fetch_add(1, Ordering::SeqCst);
        Self { batch: Arc::clone(&writer.batch), waiting: Arc::clone(&writer.waiting), is_abandoned: true }
    }

    fn leave(mut self) {
        self.is_abandoned = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        if self.is_abandoned {
            let (batch, waiting) = (Arc::clone(&self.batch), Arc::clone(&self.waiting));
            tokio::spawn(async move {
                drop(Turn { guard: Some(batch.lock_owned().await), waiting, is_begun: false });
            });
        }
    }
}

/// The right to use the connection, and a savepoint on it. When it ends, in whatever way, the batch is passed on or
/// committed; what was not kept is undone.
pub(crate) struct Turn {
    guard: Option<OwnedMutexGuard<Batch>>,
    waiting: Arc<AtomicUsize>,
    /// Whether the savepoint stands.
    is_begun: bool,
}

impl Turn {
    async fn begin(&mut self) -> Result<()> {
        let batch = self.batch();
        batch.begin().await?;
        batch.connection.command("SAVEPOINT turn")?;
        self.is_begun = true;
        Ok(())
    }

    /// The connection that it is the turn for, as long as what it writes belongs to the shared transaction.
    ///
    /// # Errors
    /// 503 when SQLite has ended that: a statement would be a transaction of its own.
    pub(crate) fn writer(&self) -> Result<&Connection> {
        let connection = self.connection();
        if connection.is_idle() { Err(not_saved(ENDED)) } else { Ok(connection) }
    }

    fn connection(&self) -> &Connection {
        &self.guard.as_deref().expect("only the end of the turn takes it").connection
    }

    fn batch(&mut self) -> &mut Batch {
        self.guard.as_deref_mut().expect("only the end of the turn takes it")
    }

    /// Ends the turn and keeps what was written; the receiver hears when it is on disk.
    pub(crate) fn keep(mut self, committed: Committed) -> Result<oneshot::Receiver<Result<()>>> {
        self.connection().command("RELEASE turn").map_err(|error| not_saved(&cause_of(&error)))?;
        self.is_begun = false;
        Ok(self.wait(committed))
    }

    /// Ends the turn and undoes what was written; the receiver hears when what it was refused for is on disk.
    pub(crate) fn undo(mut self) -> oneshot::Receiver<Result<()>> {
        self.roll_back();
        self.wait(Committed::default())
    }

    fn wait(&mut self, committed: Committed) -> oneshot::Receiver<Result<()>> {
        let (sender, receiver) = oneshot::channel();
        let batch = self.batch();
        match batch.is_open {
            true => batch.answers.push((sender, committed)),
            // Undone with the whole batch. Nobody listens yet, so it cannot fail.
            false => drop(sender.send(Err(not_saved(ENDED)))),
        }
        receiver
    }

    fn roll_back(&mut self) {
        if !std::mem::take(&mut self.is_begun) {
            return;
        }
        let batch = self.batch();
        if batch.connection.is_idle() {
            return batch.fail(ENDED);
        }
        let undone =
            ["ROLLBACK TO turn", "RELEASE turn"].iter().try_for_each(|sql| batch.connection.command(sql));
        if let Err(error) = undone {
            // What cannot be undone alone is undone with its neighbours.
            batch.fail(&cause_of(&error));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.roll_back();
        let Some(mut guard) = self.guard.take() else { return };
        let is_last = self.waiting.load(Ordering::SeqCst) == 0;
        if guard.is_open && (is_last || guard.answers.len() >= MAX_BATCH) {
            // A thread that may wait for the disk; and the caller may be cancelled, the commit may not.
            tokio::task::spawn_blocking(move || guard.commit());
        }
    }
}

fn not_saved(cause: &str) -> Error {
    try_again("The change could not be saved. Try again.").because(cause.to_owned())
}

fn try_again(text: &'static str) -> Error {
    Error::text(ErrorKind::Unavailable, text).retry_after(Duration::from_secs(1))
}

fn cause_of(error: &Error) -> String {
    error.cause().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        folder: tempfile::TempDir,
        writer: Writer,
    }

    impl World {
        async fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let writer =
                Writer::open(&folder.path().join("test.db"), Announcer::default()).expect("a connection");
            let world = Self { folder, writer };
            world.write("CREATE TABLE t (x TEXT)").await.expect("a table");
            world
        }

        async fn write(&self, sql: &str) -> Result<()> {
            let turn = self.writer.turn().await?;
            let written = turn.connection().run(sql, &[]);
            let saved = match written {
                Ok(_) => turn.keep(Committed::default())?,
                Err(_) => turn.undo(),
            };
            saved.await.map_err(Error::internal)?.and(written.map(drop))
        }

        /// What another process would see.
        fn stored(&self) -> Vec<String> {
            let other = self.other();
            let rows = other.rows("SELECT x FROM t ORDER BY x", &[], usize::MAX).expect("rows");
            rows.iter().filter_map(|row| row.get(0).ok()).collect()
        }

        fn other(&self) -> Connection {
            Connection::open(&self.folder.path().join("test.db")).expect("the file")
        }
    }

    fn insert(text: &str) -> String {
        format!("INSERT INTO t VALUES ('{text}')")
    }

    #[tokio::test]
    async fn a_refused_write_is_undone_and_its_neighbours_stay() {
        let world = World::new().await;
        let (one, two) = (insert("one"), insert("two"));
        let (first, wrong, last) =
            tokio::join!(world.write(&one), world.write("INSERT INTO nowhere VALUES (1)"), world.write(&two));
        assert!(first.is_ok() && wrong.is_err() && last.is_ok());
        assert_eq!(world.stored(), ["one", "two"]);
    }

    #[tokio::test]
    async fn a_turn_that_is_given_up_leaves_nothing() {
        let world = World::new().await;
        let turn = world.writer.turn().await.expect("a turn");
        turn.connection().run(&insert("lost"), &[]).expect("a row");
        drop(turn);
        world.write(&insert("kept")).await.expect("a write");
        assert_eq!(world.stored(), ["kept"]);
    }

    #[tokio::test]
    async fn a_writer_waits_for_another_process() {
        let world = World::new().await;
        let other = world.other();
        other.run("BEGIN IMMEDIATE", &[]).expect("the file for itself");
        other.run(&insert("other"), &[]).expect("a row");
        let sql = insert("ours");
        let (written, ()) = tokio::join!(world.write(&sql), async {
            // Meanwhile the writer has found the file taken.
            tokio::task::yield_now().await;
            other.run("COMMIT", &[]).expect("an end");
        });
        written.expect("a write");
        assert_eq!(world.stored(), ["other", "ours"]);
    }

    #[tokio::test]
    async fn without_room_nobody_hears_of_a_write_that_is_not_there() {
        let world = World::new().await;
        {
            let turn = world.writer.turn().await.expect("a turn");
            turn.connection().rows("PRAGMA max_page_count = 5", &[], 1).expect("a limit");
        }
        let texts: Vec<String> = (0..20).map(|n| format!("{n:02}{}", "x".repeat(1_500))).collect();
        let mut told = Vec::new();
        for pair in texts.chunks(2) {
            let (one, two) = (insert(&pair[0]), insert(&pair[1]));
            let (one, two) = tokio::join!(world.write(&one), world.write(&two));
            for (outcome, text) in [one, two].into_iter().zip(pair) {
                match outcome {
                    Ok(()) => told.push(text.clone()),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
                }
            }
        }
        assert!(!told.is_empty() && told.len() < texts.len());
        assert_eq!(world.stored(), told);
    }
}

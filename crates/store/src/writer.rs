//! SQLite's only writer.
//!
//! Writers wait in line for the one connection. Those that queue up behind one another share one commit: each runs in
//! its own savepoint of the same transaction and is answered after that transaction is on disk, so a full disk sync is
//! paid once for all of them. A write that is refused waits as well, because it may have been refused on the ground
//! of a neighbour's change that is not durable yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mc_model::{Error, ErrorKind, Result};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::sql::failure;
use crate::store::{Announcer, Committed};

/// The most writes that share one commit; bounds what a power cut can undo of unacknowledged work.
const MAX_BATCH: usize = 128;

/// The line in front of the connection.
pub(crate) struct Writer {
    batch: Arc<Mutex<Batch>>,
    /// Writers that wait for their turn.
    waiting: Arc<AtomicUsize>,
}

struct Batch {
    connection: DatabaseConnection,
    announcer: Announcer,
    open: Option<DatabaseTransaction>,
    answers: Vec<(oneshot::Sender<Result<()>>, Committed)>,
}

impl Writer {
    pub(crate) fn new(connection: DatabaseConnection, announcer: Announcer) -> Self {
        let batch = Batch { connection, announcer, open: None, answers: Vec::new() };
        Self { batch: Arc::new(Mutex::new(batch)), waiting: Arc::new(AtomicUsize::new(0)) }
    }

    /// The connection, for work outside of transactions of ours.
    pub(crate) async fn connection(&self) -> DatabaseConnection {
        self.batch.lock().await.connection.clone()
    }

    /// Waits for the connection and opens a savepoint in the shared transaction.
    pub(crate) async fn turn(&self) -> Result<(Turn, DatabaseTransaction)> {
        let place = Place::take(self);
        let guard = Arc::clone(&self.batch).lock_owned().await;
        place.leave();
        let mut turn = Turn { guard: Some(guard), waiting: Arc::clone(&self.waiting) };
        // A task of its own: the caller may be cancelled, but a savepoint that is dropped half open rolls back the
        // whole transaction and so the neighbours in it. The savepoint stands first: it must end before its turn.
        let open = async move { turn.savepoint().await.map(|savepoint| (savepoint, turn)) };
        let (savepoint, turn) = tokio::spawn(open).await.map_err(Error::internal)??;
        Ok((turn, savepoint))
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
                drop(Turn { guard: Some(batch.lock_owned().await), waiting });
            });
        }
    }
}

/// The right to use the connection. When it ends, in whatever way, the batch is passed on or committed.
pub(crate) struct Turn {
    guard: Option<OwnedMutexGuard<Batch>>,
    waiting: Arc<AtomicUsize>,
}

impl Turn {
    async fn savepoint(&mut self) -> Result<DatabaseTransaction> {
        let Some(batch) = self.guard.as_deref_mut() else {
            return Err(Error::internal("the turn is over"));
        };
        let open = match batch.open.take() {
            Some(open) => open,
            None => {
                let options = TransactionOptions {
                    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                    ..TransactionOptions::default()
                };
                batch.connection.begin_with_options(options).await.map_err(failure)?
            }
        };
        let savepoint = open.begin().await.map_err(failure);
        batch.open = Some(open);
        savepoint
    }

    /// Ends the turn; the receiver hears when the shared transaction is on disk.
    pub(crate) fn finish(mut self, committed: Committed) -> oneshot::Receiver<Result<()>> {
        let (sender, receiver) = oneshot::channel();
        if let Some(batch) = self.guard.as_deref_mut() {
            batch.answers.push((sender, committed));
        }
        receiver
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(guard) = self.guard.take() else { return };
        let is_last = self.waiting.load(Ordering::SeqCst) == 0;
        if guard.open.is_some() && (is_last || guard.answers.len() >= MAX_BATCH) {
            // A task of its own: the caller may be cancelled, the commit may not.
            tokio::spawn(commit(guard));
        }
    }
}

async fn commit(mut batch: OwnedMutexGuard<Batch>) {
    let Some(open) = batch.open.take() else { return };
    let outcome = open.commit().await;
    let answers = std::mem::take(&mut batch.answers);
    let announcer = batch.announcer.clone();
    drop(batch);
    match outcome {
        Ok(()) => {
            announcer.announce(answers.iter().map(|(_, committed)| committed));
            for (answer, _) in answers {
                // A writer that went away needs no answer.
                answer.send(Ok(())).ok();
            }
        }
        Err(error) => {
            let text = error.to_string();
            tracing::error!(error = %text, writes = answers.len(), "store.commit.failed");
            for (answer, _) in answers {
                answer.send(Err(not_saved(&text))).ok();
            }
        }
    }
}

fn not_saved(cause: &str) -> Error {
    Error::text(ErrorKind::Unavailable, "The change could not be saved. Try again.").because(cause.to_owned())
}

//! The event log: in commit order within a scope, settled across scopes, found again by time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::BoardId;
use mc_model::{Clock, Result, Timestamp};
use mc_store::events::{self, LogEntry, LogPosition};
use mc_store::{Store, WriteTx};
use mc_testkit::database::{self, Backend};
use mc_testkit::db_test;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use crate::world::{World, eventually, in_time};

fn note(tx: &mut WriteTx, text: &str) {
    tx.activity(NewActivity::new(kind::TASK_UPDATED, text));
}

async fn say(store: &Store, scope: Scope, text: &str) {
    let write = async |tx: &mut WriteTx| {
        note(tx, text);
        Ok(())
    };
    store.write(scope, None, write).await.expect("nothing stands in the way");
}

async fn settled(world: &World, after: LogPosition) -> Vec<LogEntry> {
    events::settled_after(world.store.reader(), after, 1_000).await.expect("the log can be read")
}

/// `count` entries after `after`. They may take a while: the server numbers the transactions of all its databases
/// together, so those of other tests hold them back, too.
async fn wait_for(world: &World, after: LogPosition, count: usize) -> Vec<LogEntry> {
    eventually("the entries are settled", async || settled(world, after).await.len() >= count).await;
    settled(world, after).await
}

/// A transaction that stays open until it is told to commit.
struct Held {
    go_on: Arc<Notify>,
    done: JoinHandle<Result<()>>,
}

impl Held {
    async fn open(world: &World, board: usize, text: &'static str) -> Self {
        let (inside, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let done = tokio::spawn({
            let (store, scope) = (world.store.clone(), world.scope(board));
            let (inside, go_on) = (inside.clone(), go_on.clone());
            async move {
                let write = async |tx: &mut WriteTx| {
                    note(tx, text);
                    inside.notify_one();
                    go_on.notified().await;
                    Ok(())
                };
                store.write(scope, None, write).await
            }
        });
        in_time("a transaction that is held open", inside.notified()).await;
        Self { go_on, done }
    }

    async fn commit(self) {
        self.go_on.notify_one();
        in_time("a held transaction", self.done).await.expect("no panic").expect("it is saved");
    }
}

#[test]
fn nothing_is_settled_past_an_open_transaction_on_postgres() {
    database::run(async {
        let world = World::new(Backend::Postgres, 3).await;
        say(&world.store, world.scope(2), "early").await;
        let early = wait_for(&world, LogPosition::default(), 1).await;
        let held = Held::open(&world, 0, "late").await;
        say(&world.store, world.scope(1), "meanwhile").await;
        say(&world.store, world.scope(2), "meanwhile").await;
        assert_eq!(world.log(1).await.len(), 1, "the scope itself shows it at once");
        let seen = settled(&world, early[0].position).await;
        assert!(seen.is_empty(), "passed an open transaction: {seen:?}");
        held.commit().await;
        let seen = wait_for(&world, early[0].position, 3).await;
        let seen: Vec<_> = seen.iter().map(|entry| (entry.scope_id, entry.seq)).collect();
        let id = |board: usize| world.scope(board).id();
        assert_eq!(seen, [(id(0), 1), (id(1), 1), (id(2), 2)], "the one that began first comes first");
    });
}

/// Writers of several scopes commit in an order nobody foresees, while a reader follows the log of all scopes in small
/// steps. What it read is the whole log, each entry once, each scope in order.
#[db_test]
async fn a_reader_across_scopes_skips_and_repeats_nothing(backend: Backend) {
    const SCOPES: usize = 6;
    const WRITERS: usize = 12;
    const WRITES: usize = 12;
    let world = World::new(backend, SCOPES).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, scope) = (world.store.clone(), world.scope(writer % SCOPES));
        writers.spawn(async move {
            for number in 0..WRITES {
                // Held open for a while that differs from writer to writer and from round to round.
                let hold = Duration::from_micros(((writer * 7919 + number * 104_729) % 3_000) as u64);
                let write = async |tx: &mut WriteTx| {
                    note(tx, "one");
                    tokio::time::sleep(hold).await;
                    if number % 3 == 0 {
                        note(tx, "two");
                    }
                    Ok(())
                };
                store.write(scope, None, write).await.expect("nothing stands in the way");
            }
        });
    }
    let wanted = WRITERS * (WRITES + WRITES / 3);
    let mut read: Vec<LogEntry> = Vec::new();
    eventually("the reader has seen every event", async || {
        let after = read.last().map(|entry| entry.position).unwrap_or_default();
        let more = events::settled_after(world.store.reader(), after, 7).await.expect("the log can be read");
        read.extend(more);
        read.len() >= wanted
    })
    .await;
    in_time("the writers", writers.join_all()).await;
    let last = read.last().expect("there are events").position;
    assert!(settled(&world, last).await.is_empty(), "there is more than was written");
    assert_eq!(read.len(), wanted);
    assert!(read.windows(2).all(|pair| pair[0].position < pair[1].position), "positions grow");
    let mut scopes: HashMap<Uuid, Vec<i64>> = HashMap::new();
    for entry in &read {
        scopes.entry(entry.scope_id).or_default().push(entry.seq);
    }
    for board in 0..SCOPES {
        let full: Vec<_> = world.log(board).await.iter().map(|event| event.seq).collect();
        assert_eq!(full, (1..=full.len() as i64).collect::<Vec<_>>(), "board {board} has a gap");
        assert_eq!(scopes[&world.scope(board).id()], full, "board {board} was read otherwise than written");
    }
}

#[db_test]
async fn the_order_of_a_scope_is_that_of_its_commits(backend: Backend) {
    let world = World::new(backend, 1).await;
    let held = Held::open(&world, 0, "first in").await;
    let second = tokio::spawn({
        let (store, scope) = (world.store.clone(), world.scope(0));
        async move { say(&store, scope, "second in").await }
    });
    tokio::task::yield_now().await;
    assert!(world.log(0).await.is_empty());
    held.commit().await;
    in_time("the second writer", second).await.expect("no panic");
    let log: Vec<_> = world.log(0).await.into_iter().map(|event| (event.seq, event.message)).collect();
    assert_eq!(log, [(1, Some("first in".to_owned())), (2, Some("second in".to_owned()))]);
}

/// A writer that waited for its scope carries the moment at which it got in: times never run against the order.
#[db_test]
async fn a_writer_that_waited_is_stamped_when_its_turn_came(backend: Backend) {
    let world = World::new(backend, 1).await;
    let held = Held::open(&world, 0, "first in").await;
    let began = world.clock.now();
    let second = tokio::spawn({
        let (store, scope) = (world.store.clone(), world.scope(0));
        async move { say(&store, scope, "second in").await }
    });
    if backend == Backend::Postgres {
        eventually("the second writer waits for the row", async || {
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                           AND datname = current_database()";
            world.number(waiting).await == 1
        })
        .await;
    }
    world.clock.advance(Duration::from_secs(5));
    held.commit().await;
    in_time("the second writer", second).await.expect("no panic");
    let moments: Vec<_> = world.log(0).await.into_iter().map(|event| event.created_at).collect();
    assert_eq!(moments, [began, began.after(Duration::from_secs(5))]);
}

async fn position(world: &World, since: Timestamp) -> Option<i64> {
    events::position_at(world.store.reader(), world.scope(0), since).await.expect("the log can be read")
}

#[db_test]
async fn a_moment_leads_to_the_first_event_at_or_after_it(backend: Backend) {
    let world = World::new(backend, 1).await;
    let start = world.clock.now();
    assert_eq!(position(&world, start).await, Some(0), "an empty log begins at its beginning");
    for _ in 0..3 {
        say(&world.store, world.scope(0), "at the same moment").await;
    }
    world.clock.advance(Duration::from_micros(1));
    let next = world.clock.now();
    for _ in 0..2 {
        say(&world.store, world.scope(0), "a microsecond later").await;
    }
    assert_eq!(position(&world, start.before(Duration::from_secs(60))).await, Some(0));
    assert_eq!(position(&world, start).await, Some(0), "all three of the same moment follow");
    assert_eq!(position(&world, next).await, Some(3));
    assert_eq!(position(&world, next.after(Duration::from_micros(1))).await, Some(5), "nothing is that new");
    let gone = Scope::Board(BoardId::generate());
    let nowhere = events::position_at(world.store.reader(), gone, start).await.expect("the log can be read");
    assert_eq!(nowhere, None);
}

#[db_test]
async fn a_scope_is_read_in_slices(backend: Backend) {
    let world = World::new(backend, 2).await;
    for number in 0..5 {
        say(&world.store, world.scope(0), &number.to_string()).await;
        say(&world.store, world.scope(1), "elsewhere").await;
    }
    let slice = async |after: i64, limit: u32| -> Vec<i64> {
        let slice = events::of_scope(world.store.reader(), world.scope(0), after, limit).await;
        slice.expect("the log can be read").iter().map(|event| event.seq).collect()
    };
    assert_eq!(slice(0, 2).await, [1, 2]);
    assert_eq!(slice(2, 2).await, [3, 4]);
    assert_eq!(slice(4, 2).await, [5]);
    assert!(slice(5, 2).await.is_empty());
    let head = events::head(world.store.reader(), world.scope(0)).await.expect("the log can be read");
    assert_eq!(head, Some(5));
}

//! Write transactions: all or nothing, cancelled at any point, in order within a scope, side by side across scopes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mc_model::event::{NewActivity, kind};
use mc_model::ids::TaskId;
use mc_model::{Error, ErrorKind, Result};
use mc_store::{self as store, NewJob, Store, WriteTx};
use mc_testkit::database::{self, Backend};
use mc_testkit::db_test;
use serde_json::json;
use tokio::sync::{Barrier, Notify};
use tokio::task::JoinSet;

use crate::world::{World, create_task, eventually, in_time};

const TABLES: [&str; 4] = ["tasks", "activity_events", "events", "jobs"];

fn job(tx: &WriteTx, key: &str) -> NewJob {
    NewJob {
        kind: "test",
        payload: json!({"key": key}),
        run_at: tx.now(),
        max_attempts: 3,
        dedup_key: Some(key.to_owned()),
    }
}

#[db_test]
async fn a_refused_write_leaves_nothing_behind(backend: Backend) {
    let world = World::new(backend, 1).await;
    let board = world.boards[0];
    let refused: Result<()> = world
        .store
        .write(world.scope(0), None, async |tx| {
            create_task(tx, board, "never").await?;
            tx.job(job(tx, "never"));
            Err(Error::forbidden("no"))
        })
        .await;
    assert_eq!(refused.expect_err("the work refused").kind(), ErrorKind::Forbidden);
    for table in TABLES {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    assert_eq!(world.number("SELECT event_seq FROM boards").await, 0);
}

#[db_test]
async fn a_write_that_fails_at_its_end_leaves_nothing_behind(backend: Backend) {
    let world = World::new(backend, 1).await;
    let board = world.boards[0];
    let failed: Result<()> = world
        .store
        .write(world.scope(0), None, async |tx| {
            create_task(tx, board, "never").await?;
            tx.job(job(tx, "never"));
            // This row refers to a task that is not there: the last statements of the transaction fail.
            tx.activity(NewActivity::new(kind::TASK_UPDATED, "dangling").task(TaskId::generate()));
            Ok(())
        })
        .await;
    assert_eq!(failed.expect_err("the foreign key holds").kind(), ErrorKind::Internal);
    for table in TABLES {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
}

#[db_test]
async fn what_is_written_appears_together(backend: Backend) {
    let world = World::new(backend, 1).await;
    let board = world.boards[0];
    world
        .store
        .write(world.scope(0), Some("request-1"), async |tx| {
            create_task(tx, board, "once").await?;
            tx.job(job(tx, "once"));
            Ok(())
        })
        .await
        .expect("nothing stands in the way");
    for table in TABLES {
        assert_eq!(world.count(table).await, 1, "{table}");
    }
    let marked = "SELECT count(*) FROM activity_events a, jobs j WHERE a.request_id = 'request-1' \
                  AND j.request_id = 'request-1'";
    assert_eq!(world.number(marked).await, 1);
    assert_eq!(world.log(0).await[0].seq, 1);
}

#[db_test]
async fn a_scope_that_is_gone_is_not_found(backend: Backend) {
    let world = World::new(backend, 1).await;
    world.execute("DELETE FROM boards").await;
    let written: Result<()> = world
        .store
        .write(world.scope(0), None, async |tx| {
            tx.activity(NewActivity::new(kind::TASK_UPDATED, "nowhere"));
            Ok(())
        })
        .await;
    assert_eq!(written.expect_err("there is no board").kind(), ErrorKind::NotFound);
    assert_eq!(world.count("activity_events").await, 0);
}

#[db_test]
async fn sixty_four_writers_of_one_scope_make_a_sequence_without_gaps(backend: Backend) {
    const WRITERS: usize = 64;
    const WRITES: usize = 4;
    let world = World::new(backend, 1).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, scope, board) = (world.store.clone(), world.scope(0), world.boards[0]);
        writers.spawn(async move {
            for number in 0..WRITES {
                let title = format!("{writer}/{number}");
                let write = async |tx: &mut WriteTx| create_task(tx, board, &title).await.map(drop);
                store.write(scope, None, write).await.expect("nothing stands in the way");
            }
        });
    }
    in_time("64 writers", writers.join_all()).await;
    let log = world.log(0).await;
    let sequence: Vec<_> = log.iter().map(|event| event.seq).collect();
    assert_eq!(sequence, (1..=(WRITERS * WRITES) as i64).collect::<Vec<_>>());
    let tasks: HashSet<_> = log.iter().filter_map(|event| event.task_id).collect();
    assert_eq!(tasks.len(), WRITERS * WRITES, "each write is there once");
    assert_eq!(world.number("SELECT event_seq FROM boards").await, (WRITERS * WRITES) as i64);
}

#[db_test]
async fn a_failing_writer_does_not_take_its_neighbours_along(backend: Backend) {
    const WRITERS: usize = 48;
    let world = World::new(backend, 1).await;
    // All of them are in line before the first one ends, so on SQLite they share commits.
    let start = Arc::new(Barrier::new(WRITERS));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, scope, board) = (world.store.clone(), world.scope(0), world.boards[0]);
        let start = start.clone();
        writers.spawn(async move {
            start.wait().await;
            let title = format!("writer {writer}");
            let write = async |tx: &mut WriteTx| {
                create_task(tx, board, &title).await?;
                match writer % 3 {
                    0 => Ok(()),
                    1 => Err(Error::forbidden("this one is refused")),
                    // The statement itself fails, at the very end.
                    _ => {
                        tx.activity(
                            NewActivity::new(kind::TASK_UPDATED, "dangling").task(TaskId::generate()),
                        );
                        Ok(())
                    }
                }
            };
            (writer, store.write(scope, None, write).await.is_ok())
        });
    }
    for (writer, succeeded) in in_time("a batch with failures", writers.join_all()).await {
        assert_eq!(succeeded, writer % 3 == 0, "writer {writer}");
    }
    let titles: HashSet<_> = world.log(0).await.into_iter().filter_map(|event| event.message).collect();
    let wanted: HashSet<_> =
        (0..WRITERS).filter(|writer| writer % 3 == 0).map(|writer| format!("writer {writer}")).collect();
    assert_eq!(titles, wanted);
    assert_eq!(world.count("tasks").await, wanted.len() as i64);
}

#[db_test]
async fn a_writer_cancelled_inside_its_work_holds_nobody_up(backend: Backend) {
    let world = World::new(backend, 1).await;
    let board = world.boards[0];
    let (store, scope) = (world.store.clone(), world.scope(0));
    let inside = Arc::new(Notify::new());
    let stuck = tokio::spawn({
        let (store, inside) = (store.clone(), inside.clone());
        async move {
            let write = async |tx: &mut WriteTx| -> Result<()> {
                create_task(tx, board, "cancelled").await?;
                inside.notify_one();
                std::future::pending().await
            };
            store.write(scope, None, write).await
        }
    });
    in_time("the first writer", inside.notified()).await;
    let mut waiting = JoinSet::new();
    for number in 0..8 {
        let store = store.clone();
        waiting.spawn(async move {
            let title = format!("kept {number}");
            store.write(scope, None, async |tx| create_task(tx, board, &title).await.map(drop)).await
        });
    }
    tokio::task::yield_now().await;
    stuck.abort();
    for written in in_time("those behind a cancelled writer", waiting.join_all()).await {
        written.expect("the cancelled writer is no reason to fail");
    }
    let titles: Vec<_> = world.log(0).await.into_iter().filter_map(|event| event.message).collect();
    assert_eq!(titles.len(), 8, "{titles:?}");
    assert!(titles.iter().all(|title| title.starts_with("kept")), "{titles:?}");
    assert_eq!(world.count("tasks").await, 8);
}

#[db_test]
async fn a_writer_cancelled_while_it_waits_leaves_no_trace(backend: Backend) {
    let world = World::new(backend, 1).await;
    let board = world.boards[0];
    let (store, scope) = (world.store.clone(), world.scope(0));
    let (inside, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let first = tokio::spawn({
        let (store, inside, go_on) = (store.clone(), inside.clone(), go_on.clone());
        async move {
            let write = async |tx: &mut WriteTx| {
                create_task(tx, board, "first").await?;
                inside.notify_one();
                go_on.notified().await;
                Ok(())
            };
            store.write(scope, None, write).await
        }
    });
    in_time("the first writer", inside.notified()).await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.write(scope, None, async |tx| create_task(tx, board, "gone").await.map(drop)).await }
    });
    tokio::task::yield_now().await;
    waiting.abort();
    assert!(waiting.await.expect_err("it was cancelled").is_cancelled());
    go_on.notify_one();
    in_time("the first writer", first).await.expect("no panic").expect("it is saved");
    let write = async |tx: &mut WriteTx| create_task(tx, board, "last").await.map(drop);
    in_time("a writer after a cancelled one", store.write(scope, None, write)).await.expect("it is saved");
    let titles: Vec<_> = world.log(0).await.into_iter().filter_map(|event| event.message).collect();
    assert_eq!(titles, ["first", "last"]);
}

/// Every write is cancelled somewhere: before its turn, in a statement, at its end. Whatever was acknowledged is there,
/// whatever is there is whole, and nobody hangs.
#[db_test]
async fn writers_cancelled_anywhere_lose_no_acknowledged_write(backend: Backend) {
    const ROUNDS: u64 = 60;
    const WRITERS: u64 = 24;
    let world = World::new(backend, 1).await;
    let (store, scope, board) = (world.store.clone(), world.scope(0), world.boards[0]);
    let mut acknowledged = HashSet::new();
    for round in 0..ROUNDS {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            // A spread of moments from "at once" to "surely done", different in each round.
            let patience = Duration::from_micros((round * 37 + writer * 211) % 6_000);
            writers.spawn(async move {
                let title = format!("{round}/{writer}");
                let write = async |tx: &mut WriteTx| create_task(tx, board, &title).await.map(drop);
                let write = store.write(scope, None, write);
                if writer % 4 == 0 {
                    write.await.expect("nobody cancelled this one");
                    return Some(title.clone());
                }
                match tokio::time::timeout(patience, write).await {
                    Ok(written) => written.map(|()| title.clone()).ok(),
                    Err(_) => None,
                }
            });
        }
        acknowledged.extend(in_time("a round of writers", writers.join_all()).await.into_iter().flatten());
    }
    let write = async |tx: &mut WriteTx| create_task(tx, board, "after all").await.map(drop);
    in_time("a writer after all of them", store.write(scope, None, write)).await.expect("it is saved");
    let log = world.log(0).await;
    let sequence: Vec<_> = log.iter().map(|event| event.seq).collect();
    assert_eq!(sequence, (1..=log.len() as i64).collect::<Vec<_>>());
    let present: HashSet<_> = log.iter().filter_map(|event| event.message.clone()).collect();
    let lost: Vec<_> = acknowledged.difference(&present).collect();
    assert!(lost.is_empty(), "acknowledged, but not there: {lost:?}");
    assert_eq!(
        world.count("tasks").await,
        log.len() as i64,
        "each event has its task and each task its event"
    );
}

#[db_test]
async fn a_failed_commit_is_reported_and_the_next_write_succeeds(backend: Backend) {
    let world = World::new(backend, 1).await;
    world.execute(veto(backend)).await;
    let (store, scope, board) = (&world.store, world.scope(0), world.boards[0]);
    let vetoed = store.write(scope, None, async |tx| create_task(tx, board, "veto").await.map(drop)).await;
    let error = vetoed.expect_err("the database refuses the commit");
    if backend == Backend::Sqlite {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    for table in ["tasks", "activity_events", "events"] {
        assert_eq!(world.count(table).await, 0, "{table}");
    }
    let write = async |tx: &mut WriteTx| create_task(tx, board, "fine").await.map(drop);
    in_time("a write after a failed commit", store.write(scope, None, write)).await.expect("it is saved");
    assert_eq!(world.log(0).await.len(), 1);
}

/// Makes the commit of a task with the title `veto` fail, not its insertion.
fn veto(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => {
            "CREATE TABLE vacuity (id INTEGER PRIMARY KEY);
             CREATE TABLE veto (id INTEGER REFERENCES vacuity (id) DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER veto AFTER INSERT ON tasks WHEN NEW.title = 'veto'
             BEGIN INSERT INTO veto (id) VALUES (1); END"
        }
        Backend::Postgres => {
            "CREATE FUNCTION veto() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'veto'; END $$;
             CREATE CONSTRAINT TRIGGER veto AFTER INSERT ON tasks DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN (NEW.title = 'veto') EXECUTE FUNCTION veto()"
        }
    }
}

// ---- PostgreSQL alone: several writers at the same time ---------------------------------------------------------

#[test]
fn writers_of_different_scopes_overlap_on_postgres() {
    database::run(async {
        let world = World::new(Backend::Postgres, 2).await;
        let (inside, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let held = tokio::spawn({
            let (store, scope, board) = (world.store.clone(), world.scope(0), world.boards[0]);
            let (inside, go_on) = (inside.clone(), go_on.clone());
            async move {
                let write = async |tx: &mut WriteTx| {
                    create_task(tx, board, "held").await?;
                    inside.notify_one();
                    go_on.notified().await;
                    Ok(())
                };
                store.write(scope, None, write).await
            }
        });
        in_time("the held transaction", inside.notified()).await;
        let board = world.boards[1];
        let write = async |tx: &mut WriteTx| create_task(tx, board, "free").await.map(drop);
        in_time("a writer of another scope", world.store.write(world.scope(1), None, write))
            .await
            .expect("it is saved");
        assert_eq!(world.log(1).await.len(), 1);
        assert!(world.log(0).await.is_empty(), "the held transaction is still open");
        go_on.notify_one();
        in_time("the held transaction", held).await.expect("no panic").expect("it is saved");
        assert_eq!(world.log(0).await.len(), 1);
    });
}

#[test]
fn writers_of_one_scope_wait_for_each_other_on_postgres() {
    database::run(async {
        let world = World::new(Backend::Postgres, 1).await;
        let (inside, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (store, scope, board) = (world.store.clone(), world.scope(0), world.boards[0]);
        let held = tokio::spawn({
            let (store, inside, go_on) = (store.clone(), inside.clone(), go_on.clone());
            async move {
                let write = async |tx: &mut WriteTx| {
                    inside.notify_one();
                    go_on.notified().await;
                    create_task(tx, board, "first").await.map(drop)
                };
                store.write(scope, None, write).await
            }
        });
        in_time("the held transaction", inside.notified()).await;
        let second = tokio::spawn(async move {
            store.write(scope, None, async |tx| create_task(tx, board, "second").await.map(drop)).await
        });
        eventually("the second writer waits for the row", async || {
            world.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()").await == 1
        })
        .await;
        go_on.notify_one();
        in_time("the first writer", held).await.expect("no panic").expect("it is saved");
        in_time("the second writer", second).await.expect("no panic").expect("it is saved");
        let titles: Vec<_> = world.log(0).await.into_iter().filter_map(|event| event.message).collect();
        assert_eq!(titles, ["first", "second"]);
    });
}

#[test]
fn a_deadlock_is_run_again_on_postgres() {
    database::run(async {
        let world = World::new(Backend::Postgres, 2).await;
        let users = [world.add_user("one").await, world.add_user("two").await];
        let attempts = Arc::new(AtomicUsize::new(0));
        // Both hold their first row before either asks for its second: one of them must be turned down.
        let both = Arc::new(Barrier::new(2));
        let mut writers = JoinSet::new();
        for writer in 0..2 {
            let (store, scope, board) = (world.store.clone(), world.scope(writer), world.boards[writer]);
            let (attempts, both) = (attempts.clone(), both.clone());
            writers.spawn(async move {
                let write = async |tx: &mut WriteTx| {
                    store::users::lock(tx, users[writer]).await?;
                    if attempts.fetch_add(1, Ordering::SeqCst) < 2 {
                        both.wait().await;
                    }
                    store::users::lock(tx, users[1 - writer]).await?;
                    create_task(tx, board, "done").await.map(drop)
                };
                store.write(scope, None, write).await
            });
        }
        for written in in_time("two writers in a deadlock", writers.join_all()).await {
            written.expect("the loser is run again");
        }
        assert_eq!(attempts.load(Ordering::SeqCst), 3, "one of the two was run twice");
        for board in 0..2 {
            assert_eq!(world.log(board).await.len(), 1, "board {board}");
        }
    });
}

#[test]
fn a_connection_lost_before_the_commit_is_reported_as_unavailable_on_postgres() {
    database::run(async {
        let world = World::new(Backend::Postgres, 1).await;
        let (store, scope, board): (&Store, _, _) = (&world.store, world.scope(0), world.boards[0]);
        let write = async |tx: &mut WriteTx| {
            create_task(tx, board, "lost").await?;
            world
                .execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND state = 'idle in transaction'",
                )
                .await;
            Ok(())
        };
        let error = store.write(scope, None, write).await.expect_err("the connection is gone");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(world.count("tasks").await, 0);
        let write = async |tx: &mut WriteTx| create_task(tx, board, "fine").await.map(drop);
        store.write(scope, None, write).await.expect("a new connection is opened");
    });
}

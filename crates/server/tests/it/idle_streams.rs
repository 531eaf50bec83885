//! Weakness 26: an open stream holds no connection to the database, so there may be more streams than connections.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::future::join_all;
use mc_testkit::{Backend, EventStream, TestApp, db_test, raw};
use serde_json::json;

use crate::approvals::{approvals_of, asked};
use crate::tasks::{task_of, tasks_of};

/// Many times the connections of a server.
const STREAMS: usize = 1_000;

/// Waits for the end of what may be under way beside the streams. A transaction that a stream held would have none.
async fn nothing_is_held(app: &TestApp) {
    let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                AND state LIKE 'idle in transaction%'";
    let none = async {
        while raw::text(app.database().url(), held).await != "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), none).await.expect("no transaction is left open");
}

#[db_test]
async fn a_thousand_streams_hold_no_connection(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (tasks, approvals) = (tasks_of(world.board.id), approvals_of(world.board.id));
    let mut streams: Vec<EventStream> = Vec::new();
    for number in 0..STREAMS {
        let (actor, path) = match number % 4 {
            0 => (&*world.reader, &tasks),
            1 => (&*world.reader, &approvals),
            2 => (&*world.worker, &tasks),
            _ => (&*world.worker, &approvals),
        };
        let stream = app.stream(actor, &format!("{path}/stream"), &[]).await;
        assert_eq!(stream.status, StatusCode::OK, "{number}");
        streams.push(stream);
    }
    if backend == Backend::Postgres {
        nothing_is_held(&app).await;
        let all = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
        let all: usize = raw::text(app.database().url(), all).await.parse().expect("a number");
        assert!(all < STREAMS / 10, "{all} connections");
    }
    // Requests of every kind are answered, many at a time.
    let path = task_of(world.board.id, world.task.id);
    join_all((0..50).map(async |number| {
        app.get(&world.owner, &tasks).await.ok();
        app.patch(&world.owner, &path, json!({"title": number.to_string()})).await.ok();
        app.post(&world.worker, &approvals, asked(json!({}))).await.ok();
    }))
    .await;
    // And every stream goes on.
    for (number, stream) in streams.iter_mut().enumerate() {
        let wanted = if number % 2 == 0 { "task" } else { "approval" };
        assert_eq!(stream.next().await.event, wanted, "{number}");
    }
}

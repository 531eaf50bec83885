//! A stream on which nothing happens says every fifteen seconds that it lives (tasks spec §9). The clock of the runtime
//! stands still here and moves only by hand, so nothing depends on how fast the machine is.

use std::sync::mpsc;
use std::time::Duration;

use axum::http::StatusCode;
use futures_util::poll;
use mc_testkit::{Backend, TestApp};
use serde_json::json;

use crate::approvals::{approvals_of, asked};
use crate::tasks::{task_of, tasks_of};

const MOMENT: Duration = Duration::from_millis(1);
const PING: Duration = Duration::from_secs(15);

/// Stops the clock of the runtime. By itself it would jump to the next timer whenever there is nothing else to do, but
/// not while there is blocking work, which the returned value is.
fn stop_the_clock() -> mpsc::Sender<()> {
    let (hold, held) = mpsc::channel();
    tokio::task::spawn_blocking(move || held.recv());
    tokio::time::pause();
    hold
}

/// On a runtime of one thread, the only kind whose clock can be stopped.
fn run(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the runtime starts").block_on(body);
}

async fn silent_streams_ping(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for path in [tasks_of(world.board.id), approvals_of(world.board.id)] {
        let mut stream = app.stream(&world.reader, &format!("{path}/stream"), &[]).await;
        assert_eq!(stream.status, StatusCode::OK);
        let _held = stop_the_clock();
        for number in 0..3 {
            let mut piece = std::pin::pin!(stream.raw());
            assert!(poll!(&mut piece).is_pending(), "{path} {number}: nothing happened");
            tokio::time::advance(PING - MOMENT).await;
            assert!(poll!(&mut piece).is_pending(), "{path} {number}: not yet");
            tokio::time::advance(2 * MOMENT).await;
            let ping = String::from_utf8(piece.await).expect("UTF-8");
            let stamp = app.services().now().to_string();
            assert_eq!(ping, format!(": ping - {stamp}\r\n\r\n"), "{path} {number}: a comment with the time");
        }
        tokio::time::resume();
    }
    // Clients pass over comments: the next event is the next thing they see.
    let mut stream = app.stream(&world.reader, &format!("{}/stream", tasks_of(world.board.id)), &[]).await;
    app.patch(&world.owner, &task_of(world.board.id, world.task.id), json!({"title": "new"})).await.ok();
    app.post(&world.owner, &approvals_of(world.board.id), asked(json!({}))).await.ok();
    assert_eq!(stream.next().await.data["task"]["title"], "new");
}

#[test]
fn silent_streams_ping_every_fifteen_seconds_on_sqlite() {
    run(silent_streams_ping(Backend::Sqlite));
}

#[test]
fn silent_streams_ping_every_fifteen_seconds_on_postgres() {
    run(silent_streams_ping(Backend::Postgres));
}

//! Two nodes on one PostgreSQL: what one commits the other one is told of at once, by the bridge between them.
//!
//! Timers make up for lost word, so a broken bridge would only be slow. In these tests the clock of the runtime stands
//! still, and is moved by less than any timer that could hide one: the three seconds after which a pump of streams
//! looks by itself, the second for which an answer of the access checks counts.

use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use axum::http::StatusCode;
use mc_model::ids::BoardId;
use mc_testkit::{Backend, EventStream, TestApp, World};
use serde_json::json;

use crate::tasks::{task_of, tasks_of};

/// How far the clock moves at a time; the bridge collects hints for 25 of these.
const STEP: Duration = Duration::from_millis(1);
/// How many steps are sure to be needed for one change.
const EXPECTED_STEPS: u32 = 30;
/// How long one of these waits for what happens meanwhile.
const TURN: Duration = Duration::from_millis(5);
/// How long a further step waits, on a machine that is slow. Only a test that fails uses all steps.
const LONG_TURN: Duration = Duration::from_millis(100);
/// Less than what a pump waits for before it looks by itself.
const BELOW_PUMP: Duration = Duration::from_millis(1_500);
/// Less than what an answer of the access checks counts for.
const BELOW_ACCESS: Duration = Duration::from_millis(900);

/// The clock of the runtime, which moves only when it is told to.
struct StillClock {
    left: Duration,
    _hold: mpsc::Sender<()>,
}

impl StillClock {
    /// Stops the clock; it may be moved by `budget` in all.
    fn stop(budget: Duration) -> Self {
        let (hold, held) = mpsc::channel();
        // A clock that is paused jumps to the next timer when nothing else is to be done, except while there is
        // blocking work.
        tokio::task::spawn_blocking(move || held.recv());
        tokio::time::pause();
        Self { left: budget, _hold: hold }
    }

    /// Moves the clock step by step until `what` is done.
    #[expect(clippy::disallowed_methods, reason = "tokio's sleep stands still here")]
    async fn until<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        for step in 0_u32.. {
            let length = if step < EXPECTED_STEPS { TURN } else { LONG_TURN };
            let turn = tokio::task::spawn_blocking(move || std::thread::sleep(length));
            tokio::select! {
                done = &mut what => return done,
                over = turn => over.expect("sleeping does not fail"),
            }
            self.left = self.left.checked_sub(STEP).expect("no word came from the other node");
            tokio::time::advance(STEP).await;
        }
        unreachable!("the budget ends before the numbers do")
    }
}

/// On a runtime of one thread, the only kind whose clock can be stopped.
fn run(body: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("the runtime starts").block_on(body);
}

async fn two_nodes() -> (TestApp, TestApp, World) {
    let one = TestApp::new(Backend::Postgres).await;
    let world = one.world().await;
    let other = one.another_node().await;
    (one, other, world)
}

async fn follow(app: &TestApp, world: &World, board: BoardId) -> EventStream {
    let stream = app.stream(&world.reader, &format!("{}/stream", tasks_of(board)), &[]).await;
    assert_eq!(stream.status, StatusCode::OK);
    stream
}

#[test]
fn a_change_on_one_node_reaches_the_streams_of_the_other_one() {
    run(async {
        let (one, other, world) = two_nodes().await;
        let board = world.board.id;
        let mut clock = StillClock::stop(BELOW_PUMP);
        let mut streams = [follow(&one, &world, board).await, follow(&other, &world, board).await];
        // The first word may be missed while a node begins to listen; that it looks then is not the bridge's merit.
        for round in 0..3 {
            for (name, node) in [("one", &one), ("other", &other)] {
                let title = format!("Round {round} on {name}");
                node.patch(&world.owner, &task_of(board, world.task.id), json!({"title": title})).await.ok();
                for stream in &mut streams {
                    let event = clock.until(stream.next()).await;
                    assert_eq!(event.data["task"]["title"], json!(title));
                }
            }
        }
    });
}

#[test]
fn who_loses_access_on_one_node_loses_it_on_the_other_one() {
    run(async {
        let (one, other, world) = two_nodes().await;
        let mut clock = StillClock::stop(BELOW_ACCESS);
        let tasks = tasks_of(world.board.id);
        // Word of a first change shows that the other node listens.
        let mut stream = follow(&other, &world, world.board.id).await;
        for round in 0..2 {
            let title = json!({"title": format!("Listening? {round}")});
            one.patch(&world.owner, &task_of(world.board.id, world.task.id), title).await.ok();
            clock.until(stream.next()).await;
        }
        other.get(&world.reader, &tasks).await.ok();
        let member = format!("/api/v1/organizations/me/members/{}", world.reader.member.id);
        one.delete(&world.owner, &member).await.ok();
        let refused = async {
            loop {
                let answer = other.get(&world.reader, &tasks).await;
                if answer.status != StatusCode::OK {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        let answer = clock.until(refused).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer}");
    });
}

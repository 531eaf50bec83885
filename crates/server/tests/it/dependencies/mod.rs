//! Dependencies between tasks over HTTP (tasks spec §4), on both databases.

mod blocks;
mod cascade;
mod lists;

use mc_model::ids::TaskId;
use mc_model::task::{Task, TaskStatus};
use mc_store as store;
use mc_testkit::{Actor, Answer, TestApp, World};
use serde_json::{Value, json};

use crate::tasks::{shown, task_of};

/// The code of what a task that waits for others refuses.
const BLOCKED: &str = "task_blocked_cannot_transition";

/// A task of the world's board.
async fn task(app: &TestApp, world: &World, title: &str, status: TaskStatus) -> Task {
    app.add_task_with(world.board.id, title, status, None).await
}

/// Lets `task` wait for `on`, past all checks.
async fn link(app: &TestApp, world: &World, task: &Task, on: &[&Task]) {
    let on: Vec<TaskId> = on.iter().map(|other| other.id).collect();
    app.seed(async |tx| store::tasks::dependencies::insert(tx, world.board.id, task.id, &on).await).await;
}

/// A task in this state that waits for an open one, and that one.
async fn waiting(app: &TestApp, world: &World, status: TaskStatus) -> (Task, Task) {
    let open = task(app, world, "open", TaskStatus::Inbox).await;
    let waiting = task(app, world, "waiting", status).await;
    link(app, world, &waiting, &[&open]).await;
    (waiting, open)
}

async fn patch(app: &TestApp, world: &World, actor: &Actor, task: &Task, body: Value) -> Answer {
    app.patch(actor, &task_of(world.board.id, task.id), body).await
}

/// Sends `on` as the dependencies of `task`.
async fn send(app: &TestApp, world: &World, actor: &Actor, task: &Task, on: &[TaskId]) -> Answer {
    patch(app, world, actor, task, json!({"depends_on_task_ids": on})).await
}

/// The task as people see it.
async fn seen(app: &TestApp, world: &World, task: &Task) -> Value {
    shown(app, &world.owner, world.board.id, task.id).await
}

/// What a task waits for, and for what of it still.
#[track_caller]
fn assert_waits(task: &Value, on: &[&Task], open: &[&Task]) {
    let ids = |tasks: &[&Task]| json!(tasks.iter().map(|task| task.id).collect::<Vec<_>>());
    assert_eq!(task["depends_on_task_ids"], ids(on), "{task}");
    assert_eq!(task["blocked_by_task_ids"], ids(open), "{task}");
    assert_eq!(task["is_blocked"], !open.is_empty(), "{task}");
}

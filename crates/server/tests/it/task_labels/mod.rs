//! Tags and custom field values on tasks over HTTP (tasks spec §5.1 and §5.3), on both databases.

mod fields;
mod tags;

use mc_testkit::{Actor, Answer, TestApp, World};
use serde_json::Value;

use crate::tasks::{agent_tasks_of, shown, task_of, tasks_of};

/// Creates a task on the world's board as a person.
async fn create(app: &TestApp, world: &World, body: Value) -> Answer {
    app.post(&world.owner, &tasks_of(world.board.id), body).await
}

/// Creates a task on the world's board as its lead.
async fn delegate(app: &TestApp, world: &World, body: Value) -> Answer {
    app.post(&world.lead, &agent_tasks_of(world.board.id), body).await
}

/// Changes the world's task.
async fn patch(app: &TestApp, world: &World, actor: &Actor, body: Value) -> Answer {
    app.patch(actor, &task_of(world.board.id, world.task.id), body).await
}

/// The world's task as people see it.
async fn seen(app: &TestApp, world: &World) -> Value {
    shown(app, &world.owner, world.board.id, world.task.id).await
}

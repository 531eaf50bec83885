//! The comment that a board may ask for before a task goes to review (tasks spec §2): whose it must be, and since when.

use std::time::Duration;

use axum::http::StatusCode;
use mc_model::board::{Board, BoardRules};
use mc_model::task::{Task, TaskStatus};
use mc_testkit::{Actor, Answer, Backend, TestAgent, TestApp, World, db_test};
use serde_json::{Value, json};

use super::{assert_plain, board_with, comments_of, task_of};

/// A board that asks for a comment, with two workers and no lead.
struct Scene {
    app: TestApp,
    world: World,
    board: Board,
    ada: TestAgent,
    ben: TestAgent,
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let app = TestApp::new(backend).await;
        let world = app.world().await;
        let rules = BoardRules {
            require_approval_for_done: false,
            comment_required_for_review: true,
            ..BoardRules::default()
        };
        let board = board_with(&app, &world, rules).await;
        let ada = app.add_agent(world.gateway, Some(board.id), "Ada", false).await;
        let ben = app.add_agent(world.gateway, Some(board.id), "Ben", false).await;
        Self { app, world, board, ada, ben }
    }

    /// A task that Ada took this very moment.
    async fn taken(&self) -> Task {
        self.app.clock().advance(Duration::from_secs(60));
        self.app.add_task_with(self.board.id, "t", TaskStatus::InProgress, Some(self.ada.agent.id)).await
    }

    async fn say(&self, author: &Actor, task: &Task) {
        let path = comments_of(self.board.id, task.id);
        self.app.post(author, &path, json!({"message": "what was done"})).await.ok();
    }

    async fn send(&self, actor: &Actor, task: &Task, more: Value) -> Answer {
        let mut body = json!({"status": "review"});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        self.app.patch(actor, &task_of(self.board.id, task.id), body).await
    }

    async fn assert_missing(&self, actor: &Actor, task: &Task, more: Value) {
        assert_plain(&self.send(actor, task, more).await, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn assert_taken(&self, actor: &Actor, task: &Task, more: Value) {
        assert_eq!(self.send(actor, task, more).await.ok()["status"], "review");
    }
}

#[db_test]
async fn a_comment_counts_from_the_moment_the_task_was_taken(backend: Backend) {
    let scene = Scene::new(backend).await;
    let task = scene.taken().await;
    scene.say(&scene.ada, &task).await;
    scene.app.clock().advance(Duration::from_secs(1));
    let path = task_of(scene.board.id, task.id);
    for status in ["inbox", "in_progress"] {
        scene.app.patch(&scene.ada, &path, json!({"status": status})).await.ok();
    }
    scene.assert_missing(&scene.ada, &task, json!({})).await;
    scene.say(&scene.ada, &task).await;
    scene.assert_taken(&scene.ada, &task, json!({})).await;
}

#[db_test]
async fn the_comment_of_anybody_else_does_not_count(backend: Backend) {
    let scene = Scene::new(backend).await;
    for author in [&*scene.ben, &*scene.world.owner, &*scene.world.main] {
        let task = scene.taken().await;
        scene.say(author, &task).await;
        scene.assert_missing(&scene.ada, &task, json!({})).await;
        scene.assert_missing(&scene.world.owner, &task, json!({})).await;
    }
}

#[db_test]
async fn a_person_may_move_a_task_whose_worker_commented(backend: Backend) {
    let scene = Scene::new(backend).await;
    let task = scene.taken().await;
    scene.assert_missing(&scene.world.owner, &task, json!({})).await;
    scene.say(&scene.ada, &task).await;
    scene.assert_taken(&scene.world.owner, &task, json!({})).await;
}

#[db_test]
async fn the_agent_that_is_named_in_the_move_must_have_commented(backend: Backend) {
    let scene = Scene::new(backend).await;
    let task = scene.taken().await;
    let to_ben = json!({"assigned_agent_id": scene.ben.agent.id});
    scene.say(&scene.ada, &task).await;
    scene.assert_missing(&scene.world.owner, &task, to_ben.clone()).await;
    scene.say(&scene.ben, &task).await;
    scene.assert_taken(&scene.world.owner, &task, to_ben).await;
    // Null names nobody: the one who had the task counts.
    let task = scene.taken().await;
    let to_nobody = json!({"assigned_agent_id": null});
    scene.assert_missing(&scene.world.owner, &task, to_nobody.clone()).await;
    scene.say(&scene.ada, &task).await;
    scene.assert_taken(&scene.world.owner, &task, to_nobody).await;
}

#[db_test]
async fn what_nobody_works_on_needs_a_comment_in_the_move(backend: Backend) {
    let scene = Scene::new(backend).await;
    for owner in [None, Some(scene.ada.agent.id)] {
        // In the inbox its clock does not run, so there is no moment from which a comment could count.
        for status in [TaskStatus::Inbox, TaskStatus::Done] {
            let task = scene.app.add_task_with(scene.board.id, "t", status, owner).await;
            scene.say(&scene.ada, &task).await;
            scene.assert_missing(&scene.ada, &task, json!({})).await;
            scene.assert_missing(&scene.ada, &task, json!({"comment": " \n"})).await;
            scene.assert_taken(&scene.ada, &task, json!({"comment": "here it is"})).await;
        }
    }
}

#[db_test]
async fn a_persons_comment_in_the_move_is_enough(backend: Backend) {
    let scene = Scene::new(backend).await;
    let task = scene.taken().await;
    scene.assert_missing(&scene.world.owner, &task, json!({"comment": null})).await;
    scene.assert_taken(&scene.world.owner, &task, json!({"comment": "I looked at it"})).await;
}

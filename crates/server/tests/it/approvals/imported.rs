//! Approvals of the original that name their task in the old column only, without links (tasks spec §8.1, §8.5).

use axum::http::StatusCode;
use mc_model::Clock;
use mc_model::approval::{Approval, ApprovalStatus};
use mc_model::board::BoardRules;
use mc_model::ids::{ApprovalId, TaskId};
use mc_store as store;
use mc_testkit::{Backend, TestApp, World, db_test, raw};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use super::{ask, assert_conflicts, decide, listed, path_of, pending};
use crate::tasks::{assert_coded, task_of};

/// A pending approval of the world's board as the original left it: no links.
pub async fn add(app: &TestApp, world: &World, task: Option<TaskId>) -> Value {
    let approval = Approval {
        id: ApprovalId::generate(),
        board_id: world.board.id,
        task_ids: task.into_iter().collect(),
        agent_id: None,
        action_type: "imported".to_owned(),
        payload: None,
        confidence: 50.0,
        rubric_scores: None,
        status: ApprovalStatus::Pending,
        created_at: app.clock().now(),
        resolved_at: None,
    };
    app.seed(async |tx| store::approvals::insert(tx, &approval).await).await;
    let db = Database::connect(app.database().url()).await.expect("the database opens");
    // Links are removed from those approvals only that were imported, which no operation makes.
    let sql = "DELETE FROM approval_task_links WHERE approval_id IN \
               (SELECT id FROM approvals WHERE action_type = 'imported')";
    db.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    db.close().await.expect("a connection closes");
    json!({"id": approval.id})
}

#[db_test]
async fn its_task_is_shown_as_the_only_one(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let imported = add(&app, &world, Some(world.task.id)).await;
    let found = listed(&app, &world).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], imported["id"]);
    assert_eq!(found[0]["task_ids"], json!([world.task.id]));
    assert_eq!(found[0]["task_id"], json!(world.task.id));
    assert_eq!(found[0]["task_titles"], json!(["Write the announcement"]));
    assert_eq!((&found[0]["payload"], &found[0]["rubric_scores"]), (&Value::Null, &Value::Null));
    add(&app, &world, None).await;
    let found = listed(&app, &world).await;
    let bare = found.iter().find(|approval| approval["id"] != imported["id"]).expect("the second one");
    assert_eq!((&bare["task_id"], &bare["task_ids"]), (&Value::Null, &json!([])));
}

/// The original writes the JSON literal null where a payload is absent.
#[db_test]
async fn a_json_null_is_no_payload(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    add(&app, &world, Some(world.task.id)).await;
    let db = Database::connect(app.database().url()).await.expect("the database opens");
    db.execute_unprepared("UPDATE approvals SET payload = 'null', rubric_scores = 'null'")
        .await
        .expect("valid");
    db.close().await.expect("a connection closes");
    let found = &listed(&app, &world).await[0];
    assert_eq!((&found["payload"], &found["rubric_scores"]), (&Value::Null, &Value::Null));
}

#[db_test]
async fn it_holds_its_task_like_any_other(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let imported = add(&app, &world, Some(world.task.id)).await;
    let answer = ask(&app, &world, &world.worker, json!({"task_id": world.task.id})).await;
    assert_conflicts(&answer, &[(world.task.id, &imported)]);
    decide(&app, &world, &imported, json!({"status": "approved"})).await.ok();
    let second = pending(&app, &world, &[world.task.id]).await;
    let answer = decide(&app, &world, &imported, json!({"status": "pending"})).await;
    assert_conflicts(&answer, &[(world.task.id, &second)]);
}

#[db_test]
async fn it_opens_and_closes_gates(backend: Backend) {
    let app = TestApp::new(backend).await;
    let mut world = app.world().await;
    let rules = BoardRules { block_status_changes_with_pending_approval: true, ..BoardRules::default() };
    world.board = crate::tasks::board_with(&app, &world, rules).await;
    let task = app.add_task(world.board.id, "t").await;
    let imported = add(&app, &world, Some(task.id)).await;
    let path = task_of(world.board.id, task.id);
    let done = async || app.patch(&world.owner, &path, json!({"status": "done"})).await;
    assert_coded(&done().await, StatusCode::CONFLICT, "task_pending_approval");
    decide(&app, &world, &imported, json!({"status": "rejected"})).await.ok();
    assert_coded(&done().await, StatusCode::CONFLICT, "task_approval_required");
    decide(&app, &world, &imported, json!({"status": "approved"})).await.ok();
    assert_eq!(done().await.ok()["status"], "done");
}

#[db_test]
async fn it_goes_with_its_task(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    add(&app, &world, Some(world.task.id)).await;
    let bare = add(&app, &world, None).await;
    app.delete(&world.owner, &task_of(world.board.id, world.task.id)).await.ok();
    let found = listed(&app, &world).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], bare["id"], "one without a task stays");
}

/// §1.4: the next task of an approval takes the place of one that is deleted; without one the approval goes,
/// whatever its state.
#[db_test]
async fn deleting_a_task_promotes_the_next_or_deletes_the_approval(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut tasks = Vec::new();
    for title in ["a", "b", "c"] {
        tasks.push(app.add_task(world.board.id, title).await.id);
    }
    let several = pending(&app, &world, &[tasks[2], tasks[0], tasks[1]]).await;
    decide(&app, &world, &several, json!({"status": "approved"})).await.ok();
    let free = pending(&app, &world, &[]).await;
    let path = |task: TaskId| task_of(world.board.id, task);
    let column = async || {
        raw::text(app.database().url(), "SELECT count(*) FROM approvals WHERE task_id IS NOT NULL").await
    };
    for (gone, left, titles) in [
        (tasks[2], json!([tasks[0], tasks[1]]), json!(["a", "b"])),
        (tasks[1], json!([tasks[0]]), json!(["a"])),
    ] {
        app.delete(&world.owner, &path(gone)).await.ok();
        let found = listed(&app, &world).await;
        let several = found.iter().find(|one| one["id"] == several["id"]).expect("it is there");
        assert_eq!((&several["task_ids"], &several["task_titles"]), (&left, &titles));
        assert_eq!(several["task_id"], left[0]);
        assert_eq!(several["status"], "approved");
        assert_eq!(column().await, "1");
    }
    app.delete(&world.owner, &path(tasks[0])).await.ok();
    let found = listed(&app, &world).await;
    assert_eq!(found, [free], "an approved one goes with its last task");
    let gone =
        app.patch(&world.owner, &path_of(world.board.id, &several), json!({"status": "pending"})).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "{gone}");
    assert_eq!(raw::text(app.database().url(), "SELECT count(*) FROM approval_task_links").await, "0");
}

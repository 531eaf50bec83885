//! Which lists of dependencies are sound (tasks spec §4.2), and that they replace the ones before.

use axum::http::StatusCode;
use mc_model::ids::TaskId;
use mc_model::task::TaskStatus::{Done, Inbox, Review};
use mc_testkit::{Answer, Backend, TestApp, db_test, raw};
use serde_json::{Value, json};

use super::{assert_waits, link, patch, seen, send, task, waiting};
use crate::tasks::{assert_coded, assert_fault, assert_plain, task_of, tasks_of};

const CYCLE: &str = "task_dependency_cycle";

#[track_caller]
fn assert_missing(answer: &Answer, missing: Value) {
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer}");
    assert_eq!(answer.json()["detail"]["missing_task_ids"], missing, "{answer}");
    assert!(answer.json()["detail"]["message"].is_string(), "{answer}");
}

#[db_test]
async fn repeats_are_dropped_and_the_order_of_the_request_is_kept(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let [a, b, c] = [
        task(&app, &world, "a", Inbox).await,
        task(&app, &world, "b", Done).await,
        task(&app, &world, "c", Review).await,
    ];
    let ids = json!([c.id, a.id, c.id, b.id, a.id]);
    let created = app
        .post(&world.owner, &tasks_of(world.board.id), json!({"title": "t", "depends_on_task_ids": ids}))
        .await
        .ok();
    assert_waits(&created, &[&c, &a, &b], &[&c, &a]);
    let subject = task(&app, &world, "subject", Inbox).await;
    let sent = patch(&app, &world, &world.owner, &subject, json!({"depends_on_task_ids": ids})).await.ok();
    assert_waits(&sent, &[&c, &a, &b], &[&c, &a]);
    assert_waits(&seen(&app, &world, &subject).await, &[&c, &a, &b], &[&c, &a]);
}

#[db_test]
async fn a_list_replaces_null_leaves_and_an_empty_one_clears(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let [a, b] = [task(&app, &world, "a", Inbox).await, task(&app, &world, "b", Inbox).await];
    let subject = task(&app, &world, "subject", Inbox).await;
    for (list, wanted) in [
        (json!([a.id]), vec![&a]),
        (json!([b.id, a.id]), vec![&b, &a]),
        (Value::Null, vec![&b, &a]),
        (json!([b.id]), vec![&b]),
        (json!([]), vec![]),
        (json!([]), vec![]),
    ] {
        let body = json!({"depends_on_task_ids": list});
        let task = patch(&app, &world, &world.owner, &subject, body).await.ok();
        assert_waits(&task, &wanted, &wanted);
    }
    let edges = raw::text(app.database().url(), "SELECT count(*) FROM task_dependencies").await;
    assert_eq!(edges, "0");
    let null = json!({"title": "t", "depends_on_task_ids": null});
    let answer = app.post(&world.owner, &tasks_of(world.board.id), null).await;
    assert_fault(&answer, "list_type", json!(["body", "depends_on_task_ids"]));
}

#[db_test]
async fn a_task_does_not_wait_for_itself(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let [a, b] = [task(&app, &world, "a", Inbox).await, task(&app, &world, "b", Inbox).await];
    for actor in [&*world.owner, &*world.lead] {
        for on in [vec![a.id], vec![b.id, a.id], vec![TaskId::generate(), a.id]] {
            assert_plain(&send(&app, &world, actor, &a, &on).await, StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
    assert_waits(&seen(&app, &world, &a).await, &[], &[]);
}

#[db_test]
async fn what_is_no_task_of_the_board_is_named_in_the_order_of_the_request(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let here = task(&app, &world, "here", Inbox).await;
    let elsewhere = app.add_task(world.other_board.id, "elsewhere").await;
    let foreign = app.add_task(world.foreign_board.id, "foreign").await;
    let nothing = TaskId::generate();
    let on = [nothing, here.id, foreign.id, elsewhere.id, nothing];
    let missing = json!([nothing, foreign.id, elsewhere.id]);
    let subject = task(&app, &world, "subject", Inbox).await;
    for actor in [&*world.owner, &*world.lead] {
        assert_missing(&send(&app, &world, actor, &subject, &on).await, missing.clone());
    }
    let body = json!({"title": "t", "depends_on_task_ids": on});
    assert_missing(&app.post(&world.owner, &tasks_of(world.board.id), body).await, missing);
    assert_waits(&seen(&app, &world, &subject).await, &[], &[]);
}

#[db_test]
async fn circles_of_two_and_three_are_refused(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let [a, b, c] = [
        task(&app, &world, "a", Inbox).await,
        task(&app, &world, "b", Inbox).await,
        task(&app, &world, "c", Inbox).await,
    ];
    link(&app, &world, &a, &[&b]).await;
    for actor in [&*world.owner, &*world.lead] {
        let answer = send(&app, &world, actor, &b, &[a.id]).await;
        assert_coded(&answer, StatusCode::CONFLICT, CYCLE);
        assert_eq!(answer.json()["detail"]["blocked_by_task_ids"], json!([]));
    }
    link(&app, &world, &b, &[&c]).await;
    assert_coded(&send(&app, &world, &world.owner, &c, &[a.id]).await, StatusCode::CONFLICT, CYCLE);
    assert_coded(&send(&app, &world, &world.owner, &c, &[b.id]).await, StatusCode::CONFLICT, CYCLE);
    assert_waits(&seen(&app, &world, &c).await, &[], &[]);
    // Two ways to one task are no circle, and an edge may be turned round in one change after another.
    send(&app, &world, &world.owner, &a, &[b.id, c.id]).await.ok();
    send(&app, &world, &world.owner, &b, &[]).await.ok();
    send(&app, &world, &world.owner, &a, &[]).await.ok();
    assert_waits(&send(&app, &world, &world.owner, &b, &[a.id]).await.ok(), &[&a], &[&a]);
}

/// What was imported may hold a circle. It must not stop everybody else's changes for ever.
#[db_test]
async fn a_circle_that_is_there_already_stops_no_other_change(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let [a, b, c, d] = [
        task(&app, &world, "a", Inbox).await,
        task(&app, &world, "b", Inbox).await,
        task(&app, &world, "c", Inbox).await,
        task(&app, &world, "d", Inbox).await,
    ];
    link(&app, &world, &a, &[&b]).await;
    link(&app, &world, &b, &[&a]).await;
    send(&app, &world, &world.owner, &c, &[d.id]).await.ok();
    send(&app, &world, &world.owner, &c, &[a.id, d.id]).await.ok();
    assert_coded(&send(&app, &world, &world.owner, &d, &[c.id]).await, StatusCode::CONFLICT, CYCLE);
    send(&app, &world, &world.owner, &b, &[]).await.ok();
    assert_waits(&seen(&app, &world, &a).await, &[&b], &[&b]);
}

#[db_test]
async fn the_dependencies_of_a_done_task_are_history(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (finished, open) = waiting(&app, &world, Done).await;
    for actor in [&*world.owner, &*world.lead] {
        for on in [vec![], vec![open.id], vec![TaskId::generate()]] {
            let answer = send(&app, &world, actor, &finished, &on).await;
            assert_coded(&answer, StatusCode::CONFLICT, "task_done_dependencies");
        }
    }
    // The state that counts is the stored one.
    let body = json!({"status": "inbox", "depends_on_task_ids": []});
    let answer = patch(&app, &world, &world.owner, &finished, body).await;
    assert_coded(&answer, StatusCode::CONFLICT, "task_done_dependencies");
    let null = json!({"title": "new", "depends_on_task_ids": null});
    patch(&app, &world, &world.owner, &finished, null).await.ok();
    assert_waits(&seen(&app, &world, &finished).await, &[&open], &[]);
}

#[db_test]
async fn a_worker_sets_no_dependencies(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let open = task(&app, &world, "open", Inbox).await;
    for list in [json!([open.id]), json!([]), Value::Null] {
        let body = json!({"depends_on_task_ids": list});
        let answer = patch(&app, &world, &world.worker, &world.task, body).await;
        assert_coded(&answer, StatusCode::FORBIDDEN, "task_update_field_forbidden");
    }
}

#[db_test]
async fn a_deleted_task_blocks_nobody(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (blocked, open) = waiting(&app, &world, Inbox).await;
    let after = task(&app, &world, "after", Inbox).await;
    link(&app, &world, &after, &[&blocked]).await;
    app.delete(&world.owner, &task_of(world.board.id, open.id)).await.ok();
    assert_waits(&seen(&app, &world, &blocked).await, &[], &[]);
    app.delete(&world.owner, &task_of(world.board.id, blocked.id)).await.ok();
    assert_waits(&seen(&app, &world, &after).await, &[], &[]);
    let edges = raw::text(app.database().url(), "SELECT count(*) FROM task_dependencies").await;
    assert_eq!(edges, "0", "edges go in both directions");
    patch(&app, &world, &world.worker, &after, json!({"status": "in_progress"})).await.ok();
}

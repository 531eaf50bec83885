//! What workers, main agents and leads do to tasks.

use std::time::Duration;

use axum::http::StatusCode;
use mc_model::Clock;
use mc_model::board::BoardRules;
use mc_model::task::TaskStatus;
use mc_testkit::{Backend, TestApp, db_test};
use serde_json::{Value, json};

use super::{STATES, agent_tasks_of, assert_coded, assert_plain, assert_state, board_with, shown, task_of};

#[db_test]
async fn a_worker_moves_its_own_and_free_tasks_anywhere(backend: Backend) {
    use TaskStatus::{Done, InProgress, Inbox, Review};
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let lead = Some(world.lead.agent.id);
    for mover in [&world.worker, &world.main] {
        let me = Some(mover.agent.id);
        for (from, to) in STATES.into_iter().flat_map(|from| STATES.map(|to| (from, to))) {
            for owner in [me, None] {
                let task = app.add_task_with(world.board.id, "Work", from, owner).await;
                let was_running_since = task.in_progress_at.map(|at| at.to_string());
                app.clock().advance(Duration::from_secs(60));
                let now = app.clock().now().to_string();
                let path = format!("{}/{}", agent_tasks_of(world.board.id), task.id);
                let after = app.patch(mover, &path, json!({"status": to.as_str()})).await.ok();
                let (assignee, since) = match (from, to) {
                    (Inbox, Inbox) => (None, None),
                    (Review, Review) | (Done, Done) => (owner, None),
                    (InProgress, InProgress) => (owner, was_running_since.as_deref()),
                    (_, Inbox) => (None, None),
                    (_, InProgress) => (me, Some(now.as_str())),
                    (_, Review) => (lead, None),
                    (_, Done) => (me, was_running_since.as_deref()),
                };
                let case = format!("{}: {} to {} of {owner:?}", mover.agent.name, from.as_str(), to.as_str());
                assert_state(&after, to, assignee, since, &case);
            }
        }
    }
}

#[db_test]
async fn a_task_of_another_agent_is_not_a_workers_to_move(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let task =
        app.add_task_with(world.board.id, "t", TaskStatus::InProgress, Some(world.main.agent.id)).await;
    let path = task_of(world.board.id, task.id);
    for status in STATES {
        let answer = app.patch(&world.worker, &path, json!({"status": status.as_str()})).await;
        assert_coded(&answer, StatusCode::FORBIDDEN, "task_assignee_mismatch");
        // The first fault that is found is told: whose task it is comes before what was sent.
        let body = json!({"status": status.as_str(), "title": "mine"});
        let answer = app.patch(&world.worker, &path, body).await;
        assert_coded(&answer, StatusCode::FORBIDDEN, "task_assignee_mismatch");
    }
    let commented = app.patch(&world.worker, &path, json!({"comment": "but I may say something"})).await;
    assert_eq!(commented.ok()["assigned_agent_id"], json!(world.main.agent.id));
}

#[db_test]
async fn workers_send_nothing_but_status_comment_and_values(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    for (field, value) in [
        ("title", json!("new")),
        ("description", Value::Null),
        ("priority", json!("high")),
        ("due_at", Value::Null),
        ("assigned_agent_id", Value::Null),
        ("assigned_agent_id", json!(world.worker.agent.id)),
        ("depends_on_task_ids", json!([])),
        ("tag_ids", json!([])),
    ] {
        let answer = app.patch(&world.worker, &path, json!({field: value, "status": "in_progress"})).await;
        assert_coded(&answer, StatusCode::FORBIDDEN, "task_update_field_forbidden");
        let message = answer.json()["detail"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(field), "the message names the field: {message}");
    }
    let after = shown(&app, &world.owner, world.board.id, world.task.id).await;
    assert_state(&after, TaskStatus::Inbox, None, None, "refused as a whole");
    let unknown =
        app.patch(&world.worker, &path, json!({"status": "in_progress", "mood": "fine"})).await.ok();
    assert_eq!(unknown["status"], "in_progress", "what nobody knows is ignored");
}

#[db_test]
async fn only_the_lead_and_people_move_tasks_where_the_board_says_so(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let rules = BoardRules {
        require_approval_for_done: false,
        only_lead_can_change_status: true,
        ..BoardRules::default()
    };
    let board = board_with(&app, &world, rules).await;
    let worker = app.add_agent(world.gateway, Some(board.id), "Ada", false).await;
    let lead = app.add_agent(world.gateway, Some(board.id), "Boss", true).await;
    let task = app.add_task(board.id, "t").await;
    let path = task_of(board.id, task.id);
    for agent in [&worker, &world.main] {
        for status in ["in_progress", "inbox"] {
            assert_plain(&app.patch(agent, &path, json!({"status": status})).await, StatusCode::FORBIDDEN);
        }
    }
    app.patch(&worker, &path, json!({"comment": "I may talk"})).await.ok();
    let body = json!({"status": "in_progress", "assigned_agent_id": worker.agent.id});
    assert_eq!(app.patch(&lead, &path, body).await.ok()["status"], "in_progress");
    assert_eq!(app.patch(&world.owner, &path, json!({"status": "done"})).await.ok()["status"], "done");
}

#[db_test]
async fn a_lead_makes_three_moves_and_no_other(backend: Backend) {
    use TaskStatus::{Done, InProgress, Inbox, Review};
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (worker, lead) = (world.worker.agent.id, world.lead.agent.id);
    for (from, to) in STATES.into_iter().flat_map(|from| STATES.map(|to| (from, to))) {
        for with_assignee in [false, true] {
            let task = app.add_task_with(world.board.id, "t", from, Some(lead)).await;
            app.clock().advance(Duration::from_secs(60));
            let now = app.clock().now().to_string();
            let mut body = json!({"status": to.as_str()});
            if with_assignee {
                body["assigned_agent_id"] = json!(worker);
            }
            let answer = app.patch(&world.lead, &task_of(world.board.id, task.id), body).await;
            let case = format!("{} to {}, assignee {with_assignee}", from.as_str(), to.as_str());
            let sent = with_assignee.then_some(worker);
            match (from, to) {
                (Review, Done) => assert_state(&answer.ok(), Done, sent.or(Some(lead)), None, &case),
                // Nobody has ever moved this one to review, so there is nobody to give it back to.
                (Review, Inbox) => assert_state(&answer.ok(), Inbox, sent, None, &case),
                (Inbox, InProgress) if with_assignee => {
                    assert_state(&answer.ok(), InProgress, sent, Some(&now), &case);
                }
                _ => assert_plain(&answer, StatusCode::FORBIDDEN),
            }
        }
    }
}

#[db_test]
async fn a_lead_sends_a_task_back_to_whom_it_came_from(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let ada = app.add_agent(world.gateway, Some(world.board.id), "Ada", false).await;
    let path = task_of(world.board.id, world.task.id);
    let send = async |agent: &mc_testkit::TestAgent, body: Value| {
        app.clock().advance(Duration::from_secs(1));
        app.patch(agent, &path, body).await.ok()
    };
    send(&world.worker, json!({"status": "in_progress"})).await;
    let reviewed = send(&world.worker, json!({"status": "review"})).await;
    assert_eq!(reviewed["assigned_agent_id"], json!(world.lead.agent.id));
    let back = send(&world.lead, json!({"status": "inbox"})).await;
    assert_state(&back, TaskStatus::Inbox, Some(world.worker.agent.id), None, "back to its worker");
    send(&world.worker, json!({"status": "inbox"})).await;
    send(&ada, json!({"status": "review"})).await;
    let back = send(&world.lead, json!({"status": "inbox"})).await;
    assert_state(&back, TaskStatus::Inbox, Some(ada.agent.id), None, "the one who moved it last");
    send(&ada, json!({"status": "review"})).await;
    let explicit = json!({"status": "inbox", "assigned_agent_id": world.worker.agent.id});
    let back = send(&world.lead, explicit).await;
    assert_state(&back, TaskStatus::Inbox, Some(world.worker.agent.id), None, "the lead said to whom");
}

#[db_test]
async fn a_lead_assigns_but_neither_edits_nor_comments_in_a_patch(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    let send = async |body: Value| app.patch(&world.lead, &path, body).await;
    for (field, value) in [
        ("title", json!("t")),
        ("description", Value::Null),
        ("priority", json!("p")),
        ("due_at", Value::Null),
    ] {
        let answer = send(json!({field: value})).await;
        assert_plain(&answer, StatusCode::FORBIDDEN);
        assert!(answer.json()["detail"].as_str().is_some_and(|text| text.contains(field)), "{answer}");
    }
    assert_plain(&send(json!({"comment": "words"})).await, StatusCode::FORBIDDEN);
    assert_plain(&send(json!({"assigned_agent_id": world.lead.agent.id})).await, StatusCode::FORBIDDEN);
    assert_plain(&send(json!({"assigned_agent_id": world.task.id})).await, StatusCode::NOT_FOUND);
    let elsewhere = send(json!({"assigned_agent_id": world.neighbour.agent.id})).await;
    assert_coded(&elsewhere, StatusCode::CONFLICT, "assignee_on_other_board");
    for agent in [&world.worker, &world.main] {
        let body = json!({"assigned_agent_id": agent.agent.id, "comment": "  "});
        assert_eq!(send(body).await.ok()["assigned_agent_id"], json!(agent.agent.id));
    }
    assert_eq!(send(json!({"assigned_agent_id": null})).await.ok()["assigned_agent_id"], Value::Null);
}

#[db_test]
async fn agents_stay_on_boards_they_reach(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    let body = || json!({"status": "in_progress"});
    assert_plain(&app.patch(&world.neighbour, &path, body()).await, StatusCode::FORBIDDEN);
    for agent in [&world.foreign_agent, &world.foreign_main] {
        assert_plain(&app.patch(agent, &path, body()).await, StatusCode::NOT_FOUND);
    }
    let foreign = task_of(world.foreign_board.id, world.task.id);
    assert_plain(&app.patch(&world.main, &foreign, body()).await, StatusCode::NOT_FOUND);
    let after = shown(&app, &world.owner, world.board.id, world.task.id).await;
    assert_state(&after, TaskStatus::Inbox, None, None, "untouched");
}

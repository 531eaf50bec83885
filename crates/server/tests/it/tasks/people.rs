//! What people do to tasks: every move between states, edits, the rules of a board.

use std::time::Duration;

use axum::http::StatusCode;
use mc_model::Clock;
use mc_model::board::BoardRules;
use mc_model::ids::AgentId;
use mc_model::task::{Task, TaskStatus};
use mc_testkit::{Backend, TestApp, World, db_test};
use serde_json::{Value, json};

use super::{
    STATES, assert_coded, assert_fault, assert_plain, assert_state, board_with, shown, task_of, tasks_of,
};

/// A task of the world's board in this state, assigned to its worker, made a minute before now.
async fn worked_on(app: &TestApp, world: &World, status: TaskStatus) -> Task {
    let task = app.add_task_with(world.board.id, "Work", status, Some(world.worker.agent.id)).await;
    app.clock().advance(Duration::from_secs(60));
    task
}

#[db_test]
async fn a_person_moves_a_task_anywhere(backend: Backend) {
    use TaskStatus::{Done, InProgress, Inbox, Review};
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (worker, lead) = (Some(world.worker.agent.id), Some(world.lead.agent.id));
    for from in STATES {
        for to in STATES {
            let before = worked_on(&app, &world, from).await;
            let was_running_since = before.in_progress_at.map(|at| at.to_string());
            let now = app.clock().now().to_string();
            let path = task_of(world.board.id, before.id);
            let after = app.patch(&world.writer, &path, json!({"status": to.as_str()})).await.ok();
            let case = format!("{} to {}", from.as_str(), to.as_str());
            let (assignee, since): (Option<AgentId>, Option<&str>) = match (from, to) {
                // Lets go of a task that waits; any other state that is sent again changes nothing.
                (Inbox, Inbox) => (None, None),
                (Review, Review) => (worker, None),
                (_, Inbox) => (None, None),
                (InProgress, InProgress) => (worker, was_running_since.as_deref()),
                (_, InProgress) => (worker, Some(now.as_str())),
                (_, Review) => (lead, None),
                (_, Done) => (worker, was_running_since.as_deref()),
            };
            assert_state(&after, to, assignee, since, &case);
            assert_eq!(after["updated_at"], now, "{case}");
            assert_eq!(after["created_at"], before.created_at.to_string(), "{case}");
            assert_eq!(shown(&app, &world.writer, world.board.id, before.id).await, after, "{case}");
        }
    }
}

#[db_test]
async fn a_sent_assignee_wins_except_on_the_way_into_review(backend: Backend) {
    use TaskStatus::{Done, InProgress, Inbox, Review};
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (main, lead) = (world.main.agent.id, world.lead.agent.id);
    for (from, to, wanted) in [
        (InProgress, Inbox, main),
        (Inbox, Inbox, main),
        (Inbox, InProgress, main),
        (Review, Done, main),
        (InProgress, Review, lead),
        (Review, Review, main),
    ] {
        let before = worked_on(&app, &world, from).await;
        let body = json!({"status": to.as_str(), "assigned_agent_id": main});
        let after = app.patch(&world.owner, &task_of(world.board.id, before.id), body).await.ok();
        let case = format!("{} to {}", from.as_str(), to.as_str());
        assert_eq!(
            (&after["status"], &after["assigned_agent_id"]),
            (&json!(to.as_str()), &json!(wanted)),
            "{case}"
        );
    }
}

#[db_test]
async fn without_a_lead_a_task_in_review_keeps_its_worker(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = world.other_board.id;
    let worker = world.neighbour.agent.id;
    let task = app.add_task_with(board, "Work", TaskStatus::InProgress, Some(worker)).await;
    let after = app.patch(&world.owner, &task_of(board, task.id), json!({"status": "review"})).await.ok();
    assert_state(&after, TaskStatus::Review, Some(worker), None, "nobody else is there to look at it");
}

/// The edit dialog of the original's client sends everything it shows, changed or not.
#[db_test]
async fn saving_the_whole_form_again_changes_only_what_is_new(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let worker = world.worker.agent.id;
    for status in [TaskStatus::InProgress, TaskStatus::Review, TaskStatus::Done] {
        let before = worked_on(&app, &world, status).await;
        let body = json!({
            "title": "Renamed", "description": null, "status": status.as_str(), "priority": "high",
            "assigned_agent_id": worker, "due_at": "2030-01-01",
        });
        let after = app.patch(&world.owner, &task_of(world.board.id, before.id), body).await.ok();
        let since = before.in_progress_at.map(|at| at.to_string());
        assert_state(&after, status, Some(worker), since.as_deref(), "the state was not touched");
        assert_eq!((&after["title"], &after["priority"]), (&json!("Renamed"), &json!("high")));
        assert_eq!(after["due_at"], "2030-01-01T00:00:00");
    }
}

#[db_test]
async fn absent_fields_stay_and_null_clears_what_may_be_cleared(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let body = json!({
        "title": "t", "description": "d", "priority": "low", "due_at": "2030-01-01",
        "assigned_agent_id": world.worker.agent.id,
    });
    let created = app.post(&world.owner, &tasks_of(world.board.id), body).await.ok();
    let path = format!("{}/{}", tasks_of(world.board.id), created["id"].as_str().expect("an id"));
    app.clock().advance(Duration::from_secs(5));
    let untouched = app.patch(&world.owner, &path, json!({})).await.ok();
    let mut wanted = created.clone();
    wanted["updated_at"] = json!(app.clock().now().to_string());
    assert_eq!(untouched, wanted, "an empty change is one, of nothing");
    let body = json!({
        "description": null, "due_at": null, "assigned_agent_id": null, "depends_on_task_ids": null,
        "tag_ids": null, "comment": null,
    });
    let cleared = app.patch(&world.owner, &path, body).await.ok();
    for field in ["description", "due_at", "assigned_agent_id"] {
        assert_eq!(cleared[field], Value::Null, "{field}");
    }
    assert_eq!((&cleared["title"], &cleared["priority"]), (&json!("t"), &json!("low")));
    for field in ["title", "priority", "status"] {
        let answer = app.patch(&world.owner, &path, json!({field: null})).await;
        assert_fault(&answer, "value_error", json!(["body", field]));
    }
}

#[db_test]
async fn an_assignee_is_checked(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    let assign =
        async |agent: Value| app.patch(&world.owner, &path, json!({"assigned_agent_id": agent})).await;
    assert_plain(&assign(json!(world.board.id)).await, StatusCode::NOT_FOUND);
    assert_plain(&assign(json!(world.foreign_agent.agent.id)).await, StatusCode::NOT_FOUND);
    let elsewhere = assign(json!(world.neighbour.agent.id)).await;
    assert_coded(&elsewhere, StatusCode::CONFLICT, "assignee_on_other_board");
    assert_eq!(
        shown(&app, &world.owner, world.board.id, world.task.id).await["assigned_agent_id"],
        Value::Null
    );
    for agent in [&world.lead, &world.main, &world.worker] {
        assert_eq!(assign(json!(agent.agent.id)).await.ok()["assigned_agent_id"], json!(agent.agent.id));
    }
}

#[db_test]
async fn readers_and_strangers_change_nothing(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    for person in [&world.reader, &world.admin, &world.stranger] {
        assert_plain(&app.patch(person, &path, json!({"title": "no"})).await, StatusCode::FORBIDDEN);
        assert_plain(&app.delete(person, &path).await, StatusCode::FORBIDDEN);
    }
    assert_eq!(
        shown(&app, &world.reader, world.board.id, world.task.id).await["title"],
        "Write the announcement"
    );
}

#[db_test]
async fn review_comes_before_done_where_the_board_says_so(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let rules = BoardRules {
        require_approval_for_done: false,
        require_review_before_done: true,
        ..BoardRules::default()
    };
    let board = board_with(&app, &world, rules).await;
    for from in STATES {
        let task = app.add_task_with(board.id, "t", from, None).await;
        let path = task_of(board.id, task.id);
        let answer = app.patch(&world.owner, &path, json!({"status": "done"})).await;
        if matches!(from, TaskStatus::Review | TaskStatus::Done) {
            assert_eq!(answer.ok()["status"], "done");
        } else {
            assert_coded(&answer, StatusCode::CONFLICT, "task_review_required");
            assert_eq!(answer.json()["detail"]["blocked_by_task_ids"], json!([]));
            assert_eq!(shown(&app, &world.owner, board.id, task.id).await["status"], from.as_str());
        }
    }
}

#[db_test]
async fn done_needs_an_approval_where_the_board_says_so(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = board_with(&app, &world, BoardRules::default()).await;
    let task = app.add_task_with(board.id, "t", TaskStatus::Review, None).await;
    let answer = app.patch(&world.owner, &task_of(board.id, task.id), json!({"status": "done"})).await;
    assert_coded(&answer, StatusCode::CONFLICT, "task_approval_required");
    let done = app.add_task_with(board.id, "t", TaskStatus::Done, None).await;
    let path = task_of(board.id, done.id);
    let edited = app.patch(&world.owner, &path, json!({"status": "done", "title": "new"})).await.ok();
    assert_eq!(edited["title"], "new", "what is done already passes no gate");
}

#[db_test]
async fn review_needs_a_comment_of_the_worker_where_the_board_says_so(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let rules = BoardRules {
        require_approval_for_done: false,
        comment_required_for_review: true,
        ..BoardRules::default()
    };
    let board = board_with(&app, &world, rules).await;
    let worker = app.add_agent(world.gateway, Some(board.id), "Ada", false).await;
    let start = async || {
        let task = app.add_task(board.id, "t").await;
        let path = task_of(board.id, task.id);
        app.patch(&worker, &path, json!({"status": "in_progress"})).await.ok();
        app.clock().advance(Duration::from_secs(60));
        path
    };
    let review = json!({"status": "review"});

    let path = start().await;
    let answer = app.patch(&worker, &path, review.clone()).await;
    assert_plain(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    app.post(&world.owner, &format!("{path}/comments"), json!({"message": "from a person"})).await.ok();
    let answer = app.patch(&worker, &path, review.clone()).await;
    assert_plain(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = app.patch(&worker, &path, json!({"status": "review", "comment": "  "})).await;
    assert_plain(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    app.post(&worker, &format!("{path}/comments"), json!({"message": "what I did"})).await.ok();
    assert_eq!(app.patch(&worker, &path, review.clone()).await.ok()["status"], "review");
    let again = app.patch(&worker, &path, review.clone()).await;
    assert_eq!(again.ok()["status"], "review", "sent again, it asks for nothing");

    let path = start().await;
    let body = json!({"status": "review", "comment": " inside the move "});
    assert_eq!(app.patch(&worker, &path, body).await.ok()["status"], "review");
    let comments = app.get(&worker, &format!("{path}/comments")).await.ok();
    assert_eq!(comments["items"][0]["message"], "inside the move");

    let path = start().await;
    assert_plain(&app.patch(&world.owner, &path, review).await, StatusCode::UNPROCESSABLE_ENTITY);
}

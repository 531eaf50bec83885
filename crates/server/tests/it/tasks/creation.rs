//! Creating tasks.

use std::time::Duration;

use axum::http::StatusCode;
use mc_model::task::TaskStatus;
use mc_model::{Clock, Timestamp};
use mc_testkit::{Backend, TestApp, db_test};
use serde_json::{Value, json};

use super::{STATES, agent_tasks_of, assert_coded, assert_fault, assert_plain, shown, task_of, tasks_of};

const FIELDS: [&str; 18] = [
    "title",
    "description",
    "status",
    "priority",
    "due_at",
    "assigned_agent_id",
    "depends_on_task_ids",
    "tag_ids",
    "id",
    "board_id",
    "created_by_user_id",
    "in_progress_at",
    "created_at",
    "updated_at",
    "blocked_by_task_ids",
    "is_blocked",
    "tags",
    "custom_field_values",
];

#[db_test]
async fn a_title_is_enough(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let now = app.clock().now().to_string();
    let task = app.post(&world.owner, &tasks_of(world.board.id), json!({"title": " Plan "})).await.ok();
    let names: Vec<_> = task.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, FIELDS, "all fields, in the order of the contract");
    let mut wanted = json!({
        "title": " Plan ", "description": null, "status": "inbox", "priority": "medium", "due_at": null,
        "assigned_agent_id": null, "depends_on_task_ids": [], "tag_ids": [], "board_id": world.board.id,
        "created_by_user_id": world.owner.user.id, "in_progress_at": null, "created_at": now, "updated_at": now,
        "blocked_by_task_ids": [], "is_blocked": false, "tags": [], "custom_field_values": {},
    });
    wanted["id"] = task["id"].clone();
    assert_eq!(task, wanted);
    let list = app.get(&world.owner, &tasks_of(world.board.id)).await.ok();
    assert_eq!(list["items"][0], task, "the list shows what the creation answered");
}

#[db_test]
async fn everything_can_be_said_at_once(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let body = json!({
        "title": "", "description": "  kept as it is  ", "status": "review", "priority": "whenever",
        "due_at": "2030-01-01T10:00:00+02:00", "assigned_agent_id": world.worker.agent.id,
        "created_by_user_id": world.writer.user.id, "depends_on_task_ids": [], "tag_ids": [],
        "custom_field_values": {}, "nobody_knows_this": 1,
    });
    let task = app.post(&world.writer, &tasks_of(world.board.id), body.clone()).await.ok();
    for field in ["title", "description", "status", "priority", "assigned_agent_id", "created_by_user_id"] {
        assert_eq!(task[field], body[field], "{field}");
    }
    assert_eq!(task["due_at"], "2030-01-01T08:00:00", "in UTC, without a fraction");
}

#[db_test]
async fn null_means_absent_where_it_is_allowed_and_is_a_fault_elsewhere(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = tasks_of(world.board.id);
    let body = json!({
        "title": "t", "description": null, "due_at": null, "assigned_agent_id": null, "created_by_user_id": null,
    });
    let task = app.post(&world.owner, &path, body).await.ok();
    assert_eq!(task["created_by_user_id"], json!(world.owner.user.id));
    for (field, code) in [
        ("title", "string_type"),
        ("priority", "string_type"),
        ("depends_on_task_ids", "list_type"),
        ("tag_ids", "list_type"),
        ("custom_field_values", "dict_type"),
    ] {
        let mut body = json!({"title": "t"});
        body[field] = Value::Null;
        assert_fault(&app.post(&world.owner, &path, body).await, code, json!(["body", field]));
    }
    let answer = app.post(&world.owner, &path, json!({"title": "t", "status": null})).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    assert_fault(&app.post(&world.owner, &path, json!({})).await, "missing", json!(["body", "title"]));
    assert_fault(
        &app.post(&world.owner, &path, json!({"title": "t", "status": "open"})).await,
        "literal_error",
        json!(["body", "status"]),
    );
}

#[db_test]
async fn all_faults_of_a_body_are_told_at_once(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let body = json!({"status": "open", "due_at": "", "assigned_agent_id": 7, "title": 1});
    let answer = app.post(&world.owner, &tasks_of(world.board.id), body).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    let body = answer.json();
    let faults = body["detail"].as_array().expect("a list");
    let places: Vec<_> = faults.iter().map(|fault| fault["loc"][1].as_str().expect("a field")).collect();
    assert_eq!(places, ["title", "status", "due_at", "assigned_agent_id"], "in declared order");
    assert!(
        faults.iter().all(|fault| fault.get("msg").is_some() && fault.get("input").is_some()),
        "{answer}"
    );
}

#[db_test]
async fn any_state_may_be_the_first_one(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let rules = mc_model::board::BoardRules {
        require_review_before_done: true,
        comment_required_for_review: true,
        ..Default::default()
    };
    let board = super::board_with(&app, &world, rules).await;
    for status in STATES {
        let body = json!({"title": "t", "status": status.as_str()});
        let task = app.post(&world.owner, &tasks_of(board.id), body).await.ok();
        assert_eq!(task["status"], status.as_str());
        let since = (status == TaskStatus::InProgress).then(|| app.clock().now().to_string());
        assert_eq!(task["in_progress_at"], json!(since), "a task that starts in progress is so since now");
    }
}

#[db_test]
async fn an_assignee_must_be_there_and_work_here(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = tasks_of(world.board.id);
    let create = async |agent: Value| {
        app.post(&world.owner, &path, json!({"title": "t", "assigned_agent_id": agent})).await
    };
    assert_plain(&create(json!(world.task.id)).await, StatusCode::NOT_FOUND);
    assert_plain(&create(json!(world.foreign_agent.agent.id)).await, StatusCode::NOT_FOUND);
    let elsewhere = create(json!(world.neighbour.agent.id)).await;
    assert_coded(&elsewhere, StatusCode::CONFLICT, "assignee_on_other_board");
    assert_eq!(elsewhere.json()["detail"]["blocked_by_task_ids"], json!([]));
    for agent in [&world.worker, &world.lead, &world.main] {
        let task = create(json!(agent.agent.id)).await.ok();
        assert_eq!(task["assigned_agent_id"], json!(agent.agent.id));
    }
    let list = app.get(&world.owner, &path).await.ok();
    assert_eq!(list["total"], 4, "refused tasks are not there");
}

#[db_test]
async fn a_creator_must_be_a_member(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for nobody in [json!(world.stranger.user.id), json!(world.task.id)] {
        let body = json!({"title": "t", "created_by_user_id": nobody});
        let answer = app.post(&world.owner, &tasks_of(world.board.id), body).await;
        assert_plain(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[db_test]
async fn due_dates_are_read_in_many_forms_and_shown_in_one(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = tasks_of(world.board.id);
    for (sent, wanted) in [
        (json!("2030-01-01T08:00:00"), "2030-01-01T08:00:00"),
        (json!("2030-01-01T08:00:00.5Z"), "2030-01-01T08:00:00.500000"),
        (json!("2030-01-01T08:00:00.123456-03:30"), "2030-01-01T11:30:00.123456"),
        (json!("2030-01-01"), "2030-01-01T00:00:00"),
        (json!(1_893_484_800), "2030-01-01T08:00:00"),
        (json!(1_893_484_800_000_i64), "2030-01-01T08:00:00"),
        (json!("1893484800"), "2030-01-01T08:00:00"),
    ] {
        let task = app.post(&world.owner, &path, json!({"title": "t", "due_at": sent})).await.ok();
        assert_eq!(task["due_at"], wanted, "{sent}");
    }
    let blank = app.post(&world.owner, &path, json!({"title": "t", "due_at": ""})).await;
    assert_fault(&blank, "datetime_from_date_parsing", json!(["body", "due_at"]));
}

#[db_test]
async fn moments_have_six_digits_or_none(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = tasks_of(world.board.id);
    for moment in ["2026-05-06T07:08:09.000010", "2026-05-06T07:08:09", "2026-05-06T07:08:09.500000"] {
        app.clock().set(Timestamp::parse_iso(moment).expect("a moment"));
        let created =
            app.post(&world.owner, &path, json!({"title": moment, "status": "in_progress"})).await.ok();
        let id = created["id"].as_str().expect("an id").parse().expect("an id");
        let listed = shown(&app, &world.owner, world.board.id, id).await;
        for task in [&created, &listed] {
            for field in ["created_at", "updated_at", "in_progress_at"] {
                assert_eq!(task[field], moment, "{field}");
            }
        }
    }
}

#[db_test]
async fn a_lead_delegates_to_its_workers(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = agent_tasks_of(world.board.id);
    let create = async |body: Value| app.post(&world.lead, &path, body).await;
    let plain = create(json!({"title": "t"})).await.ok();
    assert_eq!(plain["created_by_user_id"], Value::Null, "nobody is made up");
    for agent in [&world.worker, &world.main] {
        let task = create(json!({"title": "t", "assigned_agent_id": agent.agent.id})).await.ok();
        assert_eq!(task["assigned_agent_id"], json!(agent.agent.id));
    }
    let by_user = create(json!({"title": "t", "created_by_user_id": world.writer.user.id})).await.ok();
    assert_eq!(by_user["created_by_user_id"], json!(world.writer.user.id));
    let refused = create(json!({"title": "t", "assigned_agent_id": world.lead.agent.id})).await;
    assert_plain(&refused, StatusCode::FORBIDDEN);
    let refused = create(json!({"title": "t", "assigned_agent_id": world.task.id})).await;
    assert_plain(&refused, StatusCode::NOT_FOUND);
    let refused = create(json!({"title": "t", "assigned_agent_id": world.neighbour.agent.id})).await;
    assert_coded(&refused, StatusCode::CONFLICT, "assignee_on_other_board");
}

#[db_test]
async fn only_people_who_write_and_the_lead_create_tasks(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let body = || json!({"title": "t"});
    for agent in [&world.worker, &world.main, &world.neighbour] {
        let answer = app.post(agent, &agent_tasks_of(world.board.id), body()).await;
        assert_plain(&answer, StatusCode::FORBIDDEN);
    }
    for person in [&world.reader, &world.admin, &world.stranger] {
        let answer = app.post(person, &tasks_of(world.board.id), body()).await;
        assert_plain(&answer, StatusCode::FORBIDDEN);
    }
    let agent_on_the_road_of_people = app.post(&world.lead, &tasks_of(world.board.id), body()).await;
    assert_eq!(agent_on_the_road_of_people.status, StatusCode::UNAUTHORIZED);
    let person_on_the_road_of_agents = app.post(&world.owner, &agent_tasks_of(world.board.id), body()).await;
    assert_eq!(person_on_the_road_of_agents.status, StatusCode::UNAUTHORIZED);
}

#[db_test]
async fn loading_errors_win_over_faults_of_the_body(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let bad = || json!({"status": 1});
    let nowhere = app.post(&world.owner, &tasks_of(mc_model::ids::BoardId::generate()), bad()).await;
    assert_plain(&nowhere, StatusCode::NOT_FOUND);
    let foreign = app.patch(&world.neighbour, &task_of(world.board.id, world.task.id), bad()).await;
    assert_plain(&foreign, StatusCode::FORBIDDEN);
    let path = format!("{}/not-an-id", tasks_of(world.board.id));
    assert_fault(&app.patch(&world.owner, &path, bad()).await, "uuid_parsing", json!(["path", "task_id"]));
    let unknown = app.patch(&world.owner, &task_of(world.other_board.id, world.task.id), bad()).await;
    assert_plain(&unknown, StatusCode::NOT_FOUND);
    app.clock().advance(Duration::from_secs(1));
    assert_eq!(shown(&app, &world.owner, world.board.id, world.task.id).await["status"], "inbox");
}

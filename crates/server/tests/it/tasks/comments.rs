//! Comments on tasks.

use std::time::Duration;

use axum::http::StatusCode;
use mc_model::Clock;
use mc_model::task::TaskStatus;
use mc_testkit::{Backend, TestApp, db_test};
use serde_json::{Value, json};

use super::{agent_tasks_of, assert_fault, assert_plain, comments_of, shown, task_of};

fn say(text: &str) -> Value {
    json!({ "message": text })
}

#[db_test]
async fn comments_are_trimmed_and_listed_oldest_first(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = comments_of(world.board.id, world.task.id);
    let now = app.clock().now().to_string();
    let first = app.post(&world.writer, &path, say(" \n from a person\t")).await.ok();
    let names: Vec<_> = first.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, ["id", "message", "agent_id", "task_id", "created_at"]);
    assert_eq!(first["message"], "from a person");
    assert_eq!((&first["agent_id"], &first["task_id"]), (&Value::Null, &json!(world.task.id)));
    assert_eq!(first["created_at"], now);
    app.clock().advance(Duration::from_secs(1));
    let agent_path = format!("{}/{}/comments", agent_tasks_of(world.board.id), world.task.id);
    let second = app.post(&world.worker, &agent_path, say("from a worker")).await.ok();
    assert_eq!(second["agent_id"], json!(world.worker.agent.id));
    let page = app.get(&world.reader, &path).await.ok();
    assert_eq!(page, json!({"items": [first, second], "total": 2, "limit": 200, "offset": 0}));
    assert_eq!(app.get(&world.main, &agent_path).await.ok(), page);
    let rest = app.get(&world.reader, &format!("{path}?limit=1&offset=1")).await.ok();
    assert_eq!(rest, json!({"items": [second], "total": 2, "limit": 1, "offset": 1}));
    let task = shown(&app, &world.owner, world.board.id, world.task.id).await;
    assert_eq!(task["updated_at"], world.task.updated_at.to_string(), "the task is as it was");
}

/// Weakness 31: the newest of many comments can be read without reading all. The default stays oldest first.
#[db_test]
async fn comments_are_listed_newest_first_for_who_asks(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = comments_of(world.board.id, world.task.id);
    let mut made = Vec::new();
    for number in 0..7 {
        // Some are of one moment: then the order is that of their ids, so pages neither repeat nor lose one.
        app.clock().advance(Duration::from_secs(number / 3));
        made.push(app.post(&world.owner, &path, say(&number.to_string())).await.ok());
    }
    let agent_path = format!("{}/{}/comments", agent_tasks_of(world.board.id), world.task.id);
    for (query, reversed) in [("", false), ("&order=asc", false), ("&order=desc", true)] {
        let mut wanted = made.clone();
        if reversed {
            wanted.reverse();
        }
        for (actor, path) in [(&*world.reader, &path), (&*world.worker, &agent_path)] {
            let mut paged = Vec::new();
            for offset in (0..made.len()).step_by(2) {
                let page = app.get(actor, &format!("{path}?limit=2&offset={offset}{query}")).await.ok();
                assert_eq!(page["total"], made.len(), "{query}");
                paged.extend(page["items"].as_array().expect("items").clone());
            }
            assert_eq!(paged, wanted, "{query}");
        }
    }
    let answer = app.get(&world.owner, &format!("{path}?order=newest")).await;
    assert_fault(&answer, "literal_error", json!(["query", "order"]));
}

#[db_test]
async fn a_comment_needs_text(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = comments_of(world.board.id, world.task.id);
    for (body, code) in [
        (json!({}), "missing"),
        (json!({"message": null}), "string_type"),
        (json!({"message": 7}), "string_type"),
        (say(""), "string_too_short"),
        (say(" \t\n "), "string_too_short"),
    ] {
        assert_fault(&app.post(&world.owner, &path, body).await, code, json!(["body", "message"]));
    }
    assert_eq!(app.get(&world.owner, &path).await.ok()["total"], 0);
}

#[db_test]
async fn who_may_not_write_the_board_may_not_comment(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = comments_of(world.board.id, world.task.id);
    for actor in [&*world.reader, &world.admin, &world.stranger, &world.neighbour] {
        assert_plain(&app.post(actor, &path, say("no")).await, StatusCode::FORBIDDEN);
    }
    for agent in [&world.foreign_agent, &world.foreign_main] {
        assert_plain(&app.post(agent, &path, say("no")).await, StatusCode::NOT_FOUND);
    }
    for actor in [&*world.worker, &world.main, &world.owner] {
        app.post(actor, &path, say("yes")).await.ok();
    }
    let elsewhere = comments_of(world.other_board.id, world.task.id);
    assert_plain(&app.post(&world.owner, &elsewhere, say("no")).await, StatusCode::NOT_FOUND);
    assert_plain(&app.get(&world.owner, &elsewhere).await, StatusCode::NOT_FOUND);
}

#[db_test]
async fn a_lead_speaks_when_it_is_its_turn(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (board, lead) = (world.board.id, world.lead.agent.id);
    // Even as the assignee, it is not asked.
    for status in [TaskStatus::Inbox, TaskStatus::InProgress, TaskStatus::Done] {
        let task = app.add_task_with(board, "t", status, Some(lead)).await;
        let answer = app.post(&world.lead, &comments_of(board, task.id), say("uncalled for")).await;
        assert_plain(&answer, StatusCode::FORBIDDEN);
    }
    let task = app.add_task_with(board, "t", TaskStatus::Review, None).await;
    app.post(&world.lead, &comments_of(board, task.id), say("a judgement")).await.ok();
    let created = app.post(&world.lead, &agent_tasks_of(board), json!({"title": "mine"})).await.ok();
    let path = format!("{}/{}/comments", agent_tasks_of(board), created["id"].as_str().expect("an id"));
    app.post(&world.lead, &path, say("about my own task")).await.ok();
}

#[db_test]
async fn a_lead_answers_where_it_was_mentioned(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = world.board.id;
    for text in ["@lead, help", "what does @LEAD think?", "Lead@lead"] {
        let task = app.add_task(board, "t").await;
        let path = comments_of(board, task.id);
        assert_plain(&app.post(&world.lead, &path, say("me?")).await, StatusCode::FORBIDDEN);
        app.post(&world.owner, &path, say(text)).await.ok();
        app.post(&world.lead, &path, say("here")).await.ok();
    }
    let task = app.add_task(board, "t").await;
    let inline = json!({"comment": "@lead have a look"});
    app.patch(&world.worker, &task_of(board, task.id), inline).await.ok();
    app.post(&world.lead, &comments_of(board, task.id), say("I looked")).await.ok();
    let task = app.add_task(board, "t").await;
    let path = comments_of(board, task.id);
    app.post(&world.owner, &path, say("@leader @leads lead @ lead")).await.ok();
    assert_plain(&app.post(&world.lead, &path, say("me?")).await, StatusCode::FORBIDDEN);
}

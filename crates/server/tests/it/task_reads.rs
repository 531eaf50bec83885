//! Reads of tasks that the contract does not have: one task, other orders, search.

use std::time::Duration;

use axum::http::StatusCode;
use mc_testkit::{Backend, TestApp, World, db_test};
use serde_json::{Value, json};

use crate::tasks::{agent_tasks_of, task_of, tasks_of};

fn titles(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|task| task["title"].as_str().expect("a title")).collect()
}

/// The titles of a list, which must be the same for people and agents and, in pages of two, have no gap and no repeat.
async fn listed(app: &TestApp, world: &World, query: &str) -> Vec<String> {
    let board = world.other_board.id;
    let whole = app.get(&world.owner, &format!("{}?{query}", tasks_of(board))).await.ok();
    let for_agents = app.get(&world.neighbour, &format!("{}?{query}", agent_tasks_of(board))).await.ok();
    assert_eq!(for_agents, whole, "{query}");
    assert_eq!(whole["total"], json!(titles(&whole).len()), "{query}");
    let mut paged = Vec::new();
    for offset in (0..titles(&whole).len()).step_by(2) {
        let path = format!("{}?{query}&limit=2&offset={offset}", tasks_of(board));
        let page = app.get(&world.owner, &path).await.ok();
        assert_eq!(page["total"], whole["total"], "{path}");
        paged.extend(titles(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(paged, titles(&whole), "{query}");
    paged
}

async fn create(app: &TestApp, world: &World, task: Value) -> Value {
    let made = app.post(&world.owner, &tasks_of(world.other_board.id), task).await.ok();
    app.clock().advance(Duration::from_secs(1));
    made
}

#[db_test]
async fn one_task_reads_as_the_list_shows_it(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = world.board.id;
    let field = json!({"field_key": "size", "default_value": "M", "board_ids": [board]});
    app.post(&world.admin, "/api/v1/organizations/me/custom-fields", field).await.ok();
    let tag = app.post(&world.admin, "/api/v1/tags", json!({"name": "Bug"})).await.ok();
    let change = json!({"tag_ids": [tag["id"]], "custom_field_values": {"size": "L"}});
    let path = task_of(board, world.task.id);
    app.patch(&world.owner, &path, change).await.ok();
    let other = json!({"title": "Waits", "depends_on_task_ids": [world.task.id]});
    let other = app.post(&world.owner, &tasks_of(board), other).await.ok();
    let list = app.get(&world.owner, &tasks_of(board)).await.ok();
    for item in list["items"].as_array().expect("a list") {
        let path = format!("{}/{}", tasks_of(board), item["id"].as_str().expect("an id"));
        for actor in [&world.owner.actor, &world.reader.actor, &world.worker.actor, &world.main.actor] {
            assert_eq!(app.get(actor, &path).await.ok(), *item);
        }
    }
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    let waiting = format!("{}/{}", tasks_of(board), other["id"].as_str().expect("an id"));
    assert_eq!(app.get(&world.owner, &waiting).await.ok()["is_blocked"], true);
    let elsewhere = app.get(&world.owner, &task_of(world.other_board.id, world.task.id)).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND, "{elsewhere}");
    let malformed = app.get(&world.owner, &format!("{}/first", tasks_of(board))).await;
    assert_eq!(malformed.json()["detail"][0]["loc"], json!(["path", "task_id"]), "{malformed}");
    app.delete(&world.owner, &path).await.ok();
    assert_eq!(app.get(&world.owner, &path).await.status, StatusCode::NOT_FOUND);
}

#[db_test]
async fn lists_are_sorted_as_asked(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for task in [
        json!({"title": "beta", "priority": "high", "due_at": "2030-03-01", "status": "done"}),
        json!({"title": "Alpha", "priority": "LOW", "status": "review"}),
        json!({"title": "gamma", "priority": "urgent", "due_at": "2030-01-01"}),
        json!({"title": "Äther", "priority": "someday", "due_at": "2030-02-01", "status": "in_progress"}),
        json!({"title": "delta", "priority": "medium"}),
        json!({"title": "Epsilon", "priority": "Anytime", "status": "review"}),
    ] {
        create(&app, &world, task).await;
    }
    let list = app.get(&world.owner, &tasks_of(world.other_board.id)).await.ok();
    let oldest = list["items"][5]["id"].as_str().expect("an id").to_owned();
    let path = format!("{}/{oldest}", tasks_of(world.other_board.id));
    app.patch(&world.owner, &path, json!({"description": "changed last"})).await.ok();
    for (query, wanted) in [
        ("", ["Epsilon", "delta", "Äther", "gamma", "Alpha", "beta"]),
        ("order=desc", ["Epsilon", "delta", "Äther", "gamma", "Alpha", "beta"]),
        ("order=asc", ["beta", "Alpha", "gamma", "Äther", "delta", "Epsilon"]),
        ("sort=created_at&order=asc", ["beta", "Alpha", "gamma", "Äther", "delta", "Epsilon"]),
        ("sort=updated_at", ["beta", "Epsilon", "delta", "Äther", "gamma", "Alpha"]),
        ("sort=updated_at&order=asc", ["Alpha", "gamma", "Äther", "delta", "Epsilon", "beta"]),
        // Those without a date come last, whatever the direction, newest or oldest first.
        ("sort=due_at&order=asc", ["gamma", "Äther", "beta", "Alpha", "delta", "Epsilon"]),
        ("sort=due_at&order=desc", ["beta", "Äther", "gamma", "Epsilon", "delta", "Alpha"]),
        // So do words that are no priority.
        ("sort=priority", ["gamma", "beta", "delta", "Alpha", "Äther", "Epsilon"]),
        ("sort=priority&order=asc", ["Alpha", "delta", "beta", "gamma", "Epsilon", "Äther"]),
        ("sort=title&order=asc", ["Alpha", "beta", "delta", "Epsilon", "gamma", "Äther"]),
        ("sort=title", ["Äther", "gamma", "Epsilon", "delta", "beta", "Alpha"]),
        ("sort=status&order=asc", ["gamma", "delta", "Äther", "Alpha", "Epsilon", "beta"]),
        ("sort=status", ["beta", "Epsilon", "Alpha", "Äther", "delta", "gamma"]),
    ] {
        assert_eq!(listed(&app, &world, query).await, wanted, "{query}");
    }
    // Orders go with filters, and several states take another way through the indexes.
    let some = "status=review,inbox&order=asc";
    assert_eq!(listed(&app, &world, some).await, ["Alpha", "gamma", "delta", "Epsilon"]);
    let some = "status=review,inbox&sort=title&order=asc";
    assert_eq!(listed(&app, &world, some).await, ["Alpha", "delta", "Epsilon", "gamma"]);
    let some = "unassigned=true&status=review&sort=due_at";
    assert_eq!(listed(&app, &world, some).await, ["Epsilon", "Alpha"]);
}

#[db_test]
async fn ties_are_broken_by_the_id_whatever_the_order(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for _ in 0..7 {
        app.add_task(world.other_board.id, "same").await;
    }
    for sort in ["created_at", "updated_at", "due_at", "priority", "title", "status"] {
        let path = |order| format!("{}?sort={sort}&order={order}", tasks_of(world.other_board.id));
        let ids = |page: &Value| -> Vec<String> {
            let items = page["items"].as_array().expect("a list");
            items.iter().map(|task| task["id"].as_str().expect("an id").to_owned()).collect()
        };
        let up = ids(&app.get(&world.owner, &path("asc")).await.ok());
        let mut down = ids(&app.get(&world.owner, &path("desc")).await.ok());
        assert!(up.is_sorted(), "{sort}: {up:?}");
        down.reverse();
        assert_eq!(up, down, "{sort}");
        let mut paged = Vec::new();
        for offset in 0..7 {
            let page = format!("{}&limit=1&offset={offset}", path("asc"));
            paged.extend(ids(&app.get(&world.owner, &page).await.ok()));
        }
        assert_eq!(paged, up, "{sort}");
    }
}

#[db_test]
async fn a_search_finds_texts_as_they_are_written(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (title, description) in [
        ("Deploy the SHOP", None),
        ("Write a report", Some("about 100% of the shop_floor")),
        ("100 percent", Some("no sign")),
        ("shop-floor!", Some("C:\\shops")),
        ("Größe", Some("prüfen")),
    ] {
        create(&app, &world, json!({"title": title, "description": description})).await;
    }
    for (query, wanted) in [
        ("q=shop", vec!["shop-floor!", "Write a report", "Deploy the SHOP"]),
        ("q=SHop&order=asc", vec!["Deploy the SHOP", "Write a report", "shop-floor!"]),
        ("q=%20%20shop%20", vec!["shop-floor!", "Write a report", "Deploy the SHOP"]),
        ("q=100%25", vec!["Write a report"]),
        ("q=shop_f", vec!["Write a report"]),
        ("q=floor!", vec!["shop-floor!"]),
        ("q=C:%5Cshop", vec!["shop-floor!"]),
        ("q=Gr%C3%B6%C3%9Fe", vec!["Größe"]),
        ("q=PR%C3%BCf", vec!["Größe"]),
        ("q=%27", vec![]),
        ("q=nowhere", vec![]),
        ("q=sign&status=inbox,review", vec!["100 percent"]),
        ("q=sign&status=review", vec![]),
        (
            "q=shop&unassigned=true&sort=title&order=asc",
            vec!["Deploy the SHOP", "shop-floor!", "Write a report"],
        ),
        ("q=", vec!["Größe", "shop-floor!", "100 percent", "Write a report", "Deploy the SHOP"]),
        ("q=%20", vec!["Größe", "shop-floor!", "100 percent", "Write a report", "Deploy the SHOP"]),
    ] {
        assert_eq!(listed(&app, &world, query).await, wanted, "{query}");
    }
    // Of what is found, not of what there is.
    let beyond = format!("{}?q=shop&offset=7", tasks_of(world.other_board.id));
    assert_eq!(app.get(&world.owner, &beyond).await.ok()["total"], 3);
}

#[db_test]
async fn wrong_orders_and_searches_are_named(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = tasks_of(world.board.id);
    let long = format!("q={}", "x".repeat(201));
    for (query, code, place) in [
        ("sort=id", "literal_error", "sort"),
        ("sort=", "literal_error", "sort"),
        ("order=up", "literal_error", "order"),
        (long.as_str(), "string_too_long", "q"),
        ("q=a%00b", "value_error", "q"),
    ] {
        let answer = app.get(&world.owner, &format!("{path}?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {answer}");
        let fault = &answer.json()["detail"][0];
        assert_eq!((&fault["type"], &fault["loc"]), (&json!(code), &json!(["query", place])), "{query}");
    }
    app.get(&world.owner, &format!("{path}?q={}", "x".repeat(200))).await.ok();
}

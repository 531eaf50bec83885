//! Lists of tasks: order, pages, filters.

use std::collections::HashSet;
use std::time::Duration;

use axum::http::StatusCode;
use mc_model::task::TaskStatus;
use mc_testkit::{Backend, TestApp, db_test};
use serde_json::{Value, json};

use super::{agent_tasks_of, assert_fault, assert_plain, tasks_of};

fn titles(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|task| task["title"].as_str().expect("a title")).collect()
}

#[db_test]
async fn tasks_come_newest_first_in_pages(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = app.add_board(world.organization.id, world.gateway, "Fresh").await;
    for title in ["one", "two", "three", "four", "five"] {
        app.add_task(board.id, title).await;
        app.clock().advance(Duration::from_secs(1));
    }
    let path = tasks_of(board.id);
    let all = app.get(&world.owner, &path).await.ok();
    assert_eq!(titles(&all), ["five", "four", "three", "two", "one"]);
    assert_eq!((&all["total"], &all["limit"], &all["offset"]), (&json!(5), &json!(200), &json!(0)));
    let page = app.get(&world.owner, &format!("{path}?limit=2&offset=1")).await.ok();
    assert_eq!(titles(&page), ["four", "three"]);
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(5), &json!(2), &json!(1)));
    let beyond = app.get(&world.owner, &format!("{path}?offset=5")).await.ok();
    assert_eq!((titles(&beyond).len(), &beyond["total"]), (0, &json!(5)));
    let empty = app.get(&world.owner, &tasks_of(world.other_board.id)).await.ok();
    assert_eq!((titles(&empty).len(), &empty["total"]), (0, &json!(0)));
}

#[db_test]
async fn pages_do_not_overlap_when_all_tasks_are_of_one_moment(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = app.add_board(world.organization.id, world.gateway, "Fresh").await;
    for number in 0..25 {
        app.add_task(board.id, &number.to_string()).await;
    }
    let mut seen = HashSet::new();
    for offset in [0, 10, 20] {
        let path = format!("{}?limit=10&offset={offset}", tasks_of(board.id));
        let page = app.get(&world.owner, &path).await.ok();
        seen.extend(titles(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), 25);
}

#[db_test]
async fn filters_narrow_the_list_for_people_and_agents_alike(backend: Backend) {
    use TaskStatus::{Done, InProgress, Inbox, Review};
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = world.other_board.id;
    let worker = world.neighbour.agent.id;
    for (title, status, assignee) in [
        ("free", Inbox, None),
        ("mine", Inbox, Some(worker)),
        ("running", InProgress, Some(worker)),
        ("judged", Review, None),
        ("over", Done, Some(worker)),
    ] {
        app.add_task_with(board, title, status, assignee).await;
    }
    let stranger = world.worker.agent.id;
    for (query, wanted) in [
        ("status=inbox", vec!["free", "mine"]),
        ("status=in_progress,review", vec!["judged", "running"]),
        ("status=%20done%20,,%20review,", vec!["judged", "over"]),
        ("status=", vec!["free", "judged", "mine", "over", "running"]),
        ("status=%20,%20", vec!["free", "judged", "mine", "over", "running"]),
        ("unassigned=true", vec!["free", "judged"]),
        ("unassigned=yes&status=inbox", vec!["free"]),
        ("unassigned=1&limit=1", vec!["judged"]),
        ("unassigned=false", vec!["free", "judged", "mine", "over", "running"]),
        (&format!("assigned_agent_id={worker}"), vec!["mine", "over", "running"]),
        (&format!("assigned_agent_id={worker}&status=done,inbox"), vec!["mine", "over"]),
        (&format!("assigned_agent_id={stranger}"), vec![]),
        (&format!("assigned_agent_id={worker}&unassigned=on"), vec![]),
    ] {
        let for_people = app.get(&world.owner, &format!("{}?{query}", tasks_of(board))).await.ok();
        let mut found = titles(&for_people);
        found.sort_unstable();
        assert_eq!(found, wanted, "{query}");
        if !query.contains("limit") {
            assert_eq!(for_people["total"], wanted.len(), "{query}");
        }
        let for_agents = app.get(&world.neighbour, &format!("{}?{query}", agent_tasks_of(board))).await.ok();
        assert_eq!(for_agents, for_people, "{query}");
        let shared = app.get(&world.neighbour, &format!("{}?{query}", tasks_of(board))).await.ok();
        assert_eq!(shared, for_people, "{query}");
    }
}

#[db_test]
async fn wrong_filters_are_named(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = tasks_of(world.board.id);
    for query in ["status=nothing", "status=inbox,Inbox", "status=DONE"] {
        let answer = app.get(&world.owner, &format!("{path}?{query}")).await;
        assert_plain(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    }
    for (query, code, place) in [
        ("limit=0", "greater_than_equal", "limit"),
        ("limit=201", "less_than_equal", "limit"),
        ("limit=two", "int_parsing", "limit"),
        ("offset=-1", "greater_than_equal", "offset"),
        ("assigned_agent_id=me", "uuid_parsing", "assigned_agent_id"),
        ("unassigned=perhaps", "bool_parsing", "unassigned"),
    ] {
        let answer = app.get(&world.owner, &format!("{path}?{query}")).await;
        assert_fault(&answer, code, json!(["query", place]));
    }
}

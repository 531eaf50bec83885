//! `GET …/approvals` (tasks spec §8.2).

use std::time::Duration;

use axum::http::StatusCode;
use mc_testkit::{Backend, TestApp, db_test};
use serde_json::{Value, json};

use super::{agent_approvals_of, approvals_of, ask, asked, decide, pending};
use crate::tasks::{assert_fault, assert_plain};

fn ids(page: &Value) -> Vec<&Value> {
    page["items"].as_array().expect("items").iter().map(|approval| &approval["id"]).collect()
}

#[db_test]
async fn approvals_are_listed_newest_first_and_page_by_page(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut made = Vec::new();
    for number in 0..5 {
        // Two of one moment: the order between them is that of their ids, so pages neither repeat nor lose one.
        app.clock().advance(Duration::from_secs(number / 2));
        made.insert(0, pending(&app, &world, &[]).await["id"].clone());
    }
    app.post(&world.owner, &approvals_of(world.other_board.id), asked(json!({}))).await.ok();
    let path = approvals_of(world.board.id);
    let page = app.get(&world.reader, &path).await.ok();
    assert_eq!(ids(&page), made.iter().collect::<Vec<_>>());
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(5), &json!(200), &json!(0)));
    for (actor, path) in [(&*world.reader, path), (&*world.worker, agent_approvals_of(world.board.id))] {
        let page = app.get(actor, &format!("{path}?limit=2&offset=1")).await.ok();
        assert_eq!(ids(&page), made[1..3].iter().collect::<Vec<_>>());
        let past = app.get(actor, &format!("{path}?offset=9")).await.ok();
        assert_eq!((&past["items"], &past["total"]), (&json!([]), &json!(5)));
    }
}

#[db_test]
async fn a_state_filters_and_must_be_one(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let waiting = pending(&app, &world, &[]).await;
    let granted = pending(&app, &world, &[]).await;
    decide(&app, &world, &granted, json!({"status": "approved"})).await.ok();
    let path = approvals_of(world.board.id);
    for (status, wanted) in
        [("pending", vec![&waiting["id"]]), ("approved", vec![&granted["id"]]), ("rejected", vec![])]
    {
        let page = app.get(&world.reader, &format!("{path}?status={status}")).await.ok();
        assert_eq!((ids(&page), &page["total"]), (wanted.clone(), &json!(wanted.len())), "{status}");
    }
    for status in ["open", "", "Pending", "pending,approved"] {
        let answer = app.get(&world.reader, &format!("{path}?status={status}")).await;
        assert_fault(&answer, "literal_error", json!(["query", "status"]));
    }
    for (query, code, place) in [
        ("limit=0", "greater_than_equal", "limit"),
        ("limit=201", "less_than_equal", "limit"),
        ("offset=-1", "greater_than_equal", "offset"),
    ] {
        let answer = app.get(&world.reader, &format!("{path}?{query}")).await;
        assert_fault(&answer, code, json!(["query", place]));
    }
}

#[db_test]
async fn who_reads_the_board_reads_its_approvals(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    ask(&app, &world, &world.worker, json!({})).await.ok();
    let (path, agents) = (approvals_of(world.board.id), agent_approvals_of(world.board.id));
    for actor in [&*world.owner, &*world.writer, &*world.reader, &*world.lead, &*world.worker, &*world.main] {
        assert_eq!(app.get(actor, &path).await.ok()["total"], 1);
    }
    for actor in [&*world.lead, &*world.worker, &*world.main] {
        assert_eq!(app.get(actor, &agents).await.ok()["total"], 1);
    }
    for actor in [&*world.admin, &*world.stranger, &*world.neighbour] {
        assert_plain(&app.get(actor, &path).await, StatusCode::FORBIDDEN);
    }
    for agent in [&world.foreign_agent, &world.foreign_main] {
        assert_plain(&app.get(agent, &path).await, StatusCode::NOT_FOUND);
    }
    assert_plain(&app.get(&world.owner, &agents).await, StatusCode::UNAUTHORIZED);
}

//! `TestApp` and its world do what every HTTP test relies on.

use mc_testkit::{Actor, Backend, TestApp, db_test};
use serde_json::json;

#[db_test]
async fn everybody_of_the_world_is_who_they_are_said_to_be(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for person in [&world.owner, &world.admin, &world.reader, &world.writer, &world.stranger] {
        let me = app.get(person, "/api/v1/users/me").await.ok();
        assert_eq!(me["id"], json!(person.user.id));
        let member = app.get(person, "/api/v1/organizations/me/member").await.ok();
        assert_eq!(member["role"], person.member.role.as_str());
        assert_eq!(member["organization_id"], json!(person.member.organization_id));
    }
    for agent in [&world.lead, &world.worker, &world.main, &world.neighbour, &world.foreign_agent] {
        let health = app.get(agent, "/api/v1/agent/healthz").await.ok();
        assert_eq!(health["agent_id"], json!(agent.agent.id));
        assert_eq!(health["is_board_lead"], agent.agent.is_board_lead);
    }
    for nobody in [Actor::anonymous(), Actor::wrong_token()] {
        assert_eq!(app.get(&nobody, "/api/v1/users/me").await.status, 401);
        assert_eq!(app.get(&nobody, "/api/v1/agent/healthz").await.status, 401);
    }
}

#[db_test]
async fn a_newcomer_is_made_by_the_first_request(backend: Backend) {
    let app = TestApp::new(backend).await;
    let me = app.get(&app.newcomer(), "/api/v1/users/me").await.ok();
    assert_eq!(me["clerk_user_id"], "newcomer");
    let organizations = app.get(&app.newcomer(), "/api/v1/organizations/me/list").await.ok();
    assert_eq!(organizations[0]["role"], "owner");
}

#[db_test]
async fn a_stream_shows_what_is_changed_while_it_is_open(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let tasks = format!("/api/v1/boards/{}/tasks", world.board.id);
    let mut stream = app.stream(&world.worker, &format!("{tasks}/stream"), &[]).await;
    assert_eq!(stream.status, 200);
    let created = app.post(&world.owner, &tasks, json!({"title": "New"})).await.ok();
    let event = stream.next().await;
    assert_eq!((event.event.as_str(), &event.data["task"]["id"]), ("task", &created["id"]));
    assert!(event.id.is_some());
    app.shut_down();
    assert_eq!(stream.rest().await, []);
}

#[db_test]
async fn another_node_shares_the_database(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let other = app.another_node().await;
    let tasks = format!("/api/v1/boards/{}/tasks", world.board.id);
    let created = app.post(&world.owner, &tasks, json!({"title": "New"})).await.ok();
    assert_eq!(other.get(&world.lead, &tasks).await.ok()["items"][0]["id"], created["id"]);
}

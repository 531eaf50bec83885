//! Organizations over HTTP: making, choosing and deleting them, and what of it is in the log.

use axum::http::StatusCode;
use mc_model::access::Role;
use mc_model::user::local;
use mc_testkit::fixture::AllBoards;
use mc_testkit::{Actor, Backend, TestApp, db_test};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::recorded::recorded;

const ORGANIZATIONS: &str = "/api/v1/organizations";
const ME: &str = "/api/v1/organizations/me";
const LIST: &str = "/api/v1/organizations/me/list";
const ACTIVE: &str = "/api/v1/organizations/me/active";

async fn create(app: &TestApp, actor: &Actor, name: &str) -> mc_testkit::Answer {
    app.post(actor, ORGANIZATIONS, json!({"name": name})).await
}

/// The names of somebody's organizations, the active one marked with a star.
async fn names(app: &TestApp, actor: &Actor) -> Vec<String> {
    let list = app.get(actor, LIST).await.ok();
    let name = |item: &Value| {
        let star = if item["is_active"] == json!(true) { "*" } else { "" };
        format!("{}{star}", item["name"].as_str().expect("a name"))
    };
    list.as_array().expect("a list").iter().map(name).collect()
}

#[db_test]
async fn a_new_organization_is_the_creators_and_active(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let made = create(&app, &world.reader, "  Globex  ").await.ok();
    assert_eq!(made["name"], json!("Globex"));
    assert_eq!(app.get(&world.reader, ME).await.ok(), made);
    assert_eq!(names(&app, &world.reader).await, ["Acme", "Globex*"]);

    let member = app.get(&world.reader, "/api/v1/organizations/me/member").await.ok();
    for (field, value) in [
        ("role", json!("owner")),
        ("all_boards_read", json!(true)),
        ("all_boards_write", json!(true)),
        ("organization_id", made["id"].clone()),
        ("board_access", json!([])),
    ] {
        assert_eq!(member[field], value, "{member}");
    }

    let rows = recorded(&app, "organization.created").await;
    let row = rows.last().expect("it is recorded");
    assert_eq!(row.user_id, Some(world.reader.user.id.0));
    assert_eq!(json!(row.organization_id), made["id"]);
    assert!(row.request_id.is_some());
}

#[db_test]
async fn a_name_is_needed_and_taken_once_whatever_its_case(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let blank = create(&app, &world.reader, "   ").await;
    assert_eq!(blank.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(blank.json()["detail"].is_string(), "{blank}");
    for body in
        [json!({}), json!({"name": null}), json!({"name": "a\u{0}b"}), json!({"name": "x".repeat(201)})]
    {
        let refused = app.post(&world.reader, ORGANIZATIONS, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
        assert!(refused.json()["detail"].is_array(), "{refused}");
    }
    for taken in ["Acme", "aCME", " elsewhere "] {
        let refused = create(&app, &world.reader, taken).await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{refused}");
        assert!(refused.json()["detail"].as_str().expect("a sentence").len() > 20, "{refused}");
    }
    assert_eq!(names(&app, &world.reader).await, ["Acme*"]);
}

#[db_test]
async fn personal_organizations_of_others_are_in_nobodys_way(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let newcomer = app.newcomer();
    assert_eq!(names(&app, &newcomer).await, ["Personal*"]);
    assert_eq!(create(&app, &newcomer, "Personal").await.status, StatusCode::CONFLICT);
    assert_eq!(create(&app, &world.reader, "Personal").await.status, StatusCode::OK);
}

#[db_test]
async fn of_eight_who_take_a_name_at_once_one_gets_it(backend: Backend) {
    let app = std::sync::Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let people = [&world.owner, &world.admin, &world.reader, &world.writer];
    let mut attempts = JoinSet::new();
    for round in 0..8 {
        let (app, actor) = (app.clone(), people[round % people.len()].actor.clone());
        let name = if round % 2 == 0 { "Initech" } else { "INITECH" };
        attempts.spawn(async move { create(&app, &actor, name).await.status });
    }
    let statuses = attempts.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::CONFLICT).count(), 7, "{statuses:?}");
}

#[db_test]
async fn people_choose_among_their_own_organizations_only(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    create(&app, &world.reader, "globex").await.ok();
    let acme = json!({"organization_id": world.organization.id});
    for _ in 0..2 {
        let chosen = app.patch(&world.reader, ACTIVE, acme.clone()).await.ok();
        assert_eq!(chosen["name"], json!("Acme"));
    }
    assert_eq!(names(&app, &world.reader).await, ["Acme*", "globex"]);
    assert_eq!(
        recorded(&app, "organization.member.activated").await.len(),
        1,
        "a choice that changes nothing is none"
    );

    let foreign = json!({"organization_id": world.foreign_board.organization_id});
    let unknown = json!({"organization_id": "00000000-0000-7000-8000-000000000000"});
    for body in [foreign, unknown] {
        let refused = app.patch(&world.reader, ACTIVE, body).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
    }
    for body in [json!({}), json!({"organization_id": "x"}), json!({"organization_id": null})] {
        let refused = app.patch(&world.reader, ACTIVE, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
    }
}

#[db_test]
async fn owners_delete_and_everybody_goes_on_elsewhere(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    create(&app, &world.writer, "Globex").await.ok();
    app.patch(&world.writer, ACTIVE, json!({"organization_id": world.organization.id})).await.ok();
    for actor in [&world.admin, &world.reader] {
        assert_eq!(app.delete(actor, ME).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(app.delete(&world.owner, ME).await.ok(), json!({"ok": true}));
    assert_eq!(names(&app, &world.writer).await, ["Globex*"]);
    assert_eq!(names(&app, &world.owner).await, ["Personal*"]);
    assert_eq!(names(&app, &world.stranger).await, ["Elsewhere*"]);
    let gone = app.get(&world.worker, "/api/v1/agent/healthz").await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED, "its agents are gone: {gone}");
}

#[db_test]
async fn a_second_owner_may_delete_while_the_first_is_demoted(backend: Backend) {
    let app = std::sync::Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let all = AllBoards { read: true, write: true };
    let ann = app.add_person(&world.organization, "ann", Role::Owner, all).await;
    let path = format!("/api/v1/organizations/me/members/{}", world.owner.member.id);
    let mut both = JoinSet::new();
    let (first, actor) = (app.clone(), ann.actor.clone());
    both.spawn(async move { first.patch(&actor, &path, json!({"role": "member"})).await.status });
    let (second, actor) = (app.clone(), world.owner.actor.clone());
    both.spawn(async move { second.delete(&actor, ME).await.status });
    let mut statuses = both.join_all().await;
    statuses.sort();
    let demoted_first = [StatusCode::OK, StatusCode::FORBIDDEN];
    let deleted_first = [StatusCode::OK, StatusCode::NOT_FOUND];
    let is_one = statuses == demoted_first || statuses == deleted_first;
    assert!(is_one, "one of the two came first: {statuses:?}");
}

#[db_test]
async fn the_first_request_of_a_person_is_recorded_as_a_new_organization(backend: Backend) {
    let app = TestApp::new(backend).await;
    let me = app.get(&app.newcomer(), "/api/v1/users/me").await.ok();
    assert_eq!(me["email"], json!(local::EMAIL));
    let rows = recorded(&app, "organization.created").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(json!(rows[0].user_id), me["id"]);
    assert_eq!(rows[0].data["name"], json!("Personal"));
}

//! Invites over HTTP: who makes them, who may accept them, and that each is good for one.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use mc_model::access::Role;
use mc_model::user::{User, local};
use mc_testkit::fixture::AllBoards;
use mc_testkit::{Actor, Answer, Backend, TestApp, TestUser, db_test};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::everything::{Everything, mentioning};
use crate::recorded::recorded;

const INVITES: &str = "/api/v1/organizations/me/invites";
const ACCEPT: &str = "/api/v1/organizations/invites/accept";
const ME: &str = "/api/v1/organizations/me";
const NONE: AllBoards = AllBoards { read: false, write: false };
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn invite(app: &TestApp, actor: &Actor, body: Value) -> Value {
    app.post(actor, INVITES, body).await.ok()
}

async fn accept(app: &TestApp, actor: &Actor, invite: &Value) -> Answer {
    app.post(actor, ACCEPT, json!({"token": invite["token"]})).await
}

async fn revoke(app: &TestApp, actor: &Actor, invite: &Value) -> Answer {
    app.delete(actor, &format!("{INVITES}/{}", invite["id"].as_str().expect("an id"))).await
}

/// Somebody of another organization with this address, or none.
async fn outsider(app: &TestApp, name: &str, email: Option<&str>) -> TestUser {
    let organization = app.add_organization(&format!("of {name}")).await;
    let person = app.add_person(&organization, name, Role::Owner, NONE).await;
    let user = User { email: email.map(str::to_owned), ..person.user.clone() };
    app.seed(async |tx| mc_store::users::update_profile(tx, &user).await).await;
    person
}

#[db_test]
async fn an_invite_is_made_listed_and_taken_back_by_admins(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let made = invite(&app, &world.admin, json!({"invited_email": "  Dee@X.com ", "role": "Admin"})).await;
    for (field, value) in [
        ("organization_id", json!(world.organization.id)),
        ("invited_email", json!("dee@x.com")),
        ("role", json!("admin")),
        ("all_boards_read", json!(false)),
        ("all_boards_write", json!(false)),
        ("created_by_user_id", json!(world.admin.user.id)),
        ("accepted_by_user_id", Value::Null),
        ("accepted_at", Value::Null),
    ] {
        assert_eq!(made[field], value, "{made}");
    }
    assert_eq!(made["token"].as_str().map(str::len), Some(32));
    app.clock().advance(Duration::from_secs(1));
    let newer = invite(&app, &world.admin, json!({"invited_email": "dee@x.com"})).await;
    assert_eq!(newer["role"], json!("member"));
    assert_ne!(newer["token"], made["token"]);

    let page = app.get(&world.owner, INVITES).await.ok();
    assert_eq!(page["items"], json!([newer, made]), "newest first, tokens included");
    assert_eq!(page["total"], json!(2));
    assert_eq!(
        app.get(&world.owner, &format!("{INVITES}?limit=1&offset=1")).await.ok()["items"],
        json!([made])
    );

    for actor in [&world.reader, &world.stranger] {
        let foreign = revoke(&app, actor, &made).await;
        assert!([StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&foreign.status), "{foreign}");
    }
    assert_eq!(revoke(&app, &world.owner, &made).await.ok(), made);
    assert_eq!(revoke(&app, &world.owner, &made).await.status, StatusCode::NOT_FOUND);
    assert_eq!(app.get(&world.owner, INVITES).await.ok()["items"], json!([newer]));
    for actor in [&world.reader.actor, &world.writer.actor] {
        assert_eq!(app.get(actor, INVITES).await.status, StatusCode::FORBIDDEN);
        let refused = app.post(actor, INVITES, json!({"invited_email": "a@x.com"})).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    for (kind, who) in
        [("organization.invite.created", &world.admin), ("organization.invite.revoked", &world.owner)]
    {
        let rows = recorded(&app, kind).await;
        assert_eq!(rows[0].user_id, Some(who.user.id.0), "{kind}");
        assert_eq!(rows[0].data["invite_id"], made["id"]);
        assert_eq!(rows[0].data["invited_email"], json!("dee@x.com"));
    }
}

#[db_test]
async fn only_a_hash_of_the_token_is_anywhere_in_the_database(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let made = invite(&app, &world.owner, json!({"invited_email": "ann@example.com"})).await;
    let ann = outsider(&app, "ann", Some("ann@example.com")).await;
    accept(&app, &ann, &made).await.ok();
    let token = made["token"].as_str().expect("a token").to_lowercase().replace('-', "");
    let rows = Everything::of(&app).await.rows().await;
    let leaks: Vec<_> = rows.values().flatten().filter(|row| row.contains(&token)).collect();
    assert!(leaks.is_empty(), "{leaks:?}");
    let id: uuid::Uuid = made["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    assert!(!mentioning(&rows, [id]).is_empty(), "the search finds what is there");
}

#[db_test]
async fn bad_invites_are_refused_and_leave_nothing(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (own, foreign) = (world.board.id, world.foreign_board.id);
    for (body, is_sentence) in [
        (json!({"invited_email": "  "}), true),
        (json!({"invited_email": "a@x.com", "board_access": [{"board_id": foreign}]}), true),
        (
            json!({"invited_email": "a@x.com", "all_boards_read": true, "board_access": [{"board_id": foreign}]}),
            true,
        ),
        (json!({}), false),
        (json!({"invited_email": null}), false),
        (json!({"invited_email": "a\u{0}@x.com"}), false),
        (json!({"invited_email": format!("{}@x.com", "a".repeat(320))}), false),
        (json!({"invited_email": "a@x.com", "role": null}), false),
        (json!({"invited_email": "a@x.com", "role": "boss"}), false),
        (json!({"invited_email": "a@x.com", "all_boards_read": null}), false),
        (json!({"invited_email": "a@x.com", "board_access": [{"board_id": own}, {"board_id": own}]}), false),
    ] {
        let refused = app.post(&world.owner, INVITES, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
        assert_eq!(refused.json()["detail"].is_string(), is_sentence, "{refused}");
    }
    let member = app.post(&world.owner, INVITES, json!({"invited_email": "READER@example.com"})).await;
    assert_eq!(member.status, StatusCode::CONFLICT, "{member}");
    let owner = app.post(&world.admin, INVITES, json!({"invited_email": "a@x.com", "role": "owner"})).await;
    assert_eq!(owner.status, StatusCode::FORBIDDEN, "{owner}");
    assert_eq!(app.get(&world.owner, INVITES).await.ok()["total"], json!(0));
    invite(&app, &world.owner, json!({"invited_email": "a@x.com", "role": "owner"})).await;
}

#[db_test]
async fn accepting_makes_the_membership_that_the_invite_describes(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let ann = outsider(&app, "ann", Some("Ann@Example.com")).await;
    let made = invite(
        &app,
        &world.owner,
        json!({"invited_email": "ann@example.com", "role": "admin",
            "board_access": [{"board_id": world.board.id, "can_read": false, "can_write": true}]}),
    )
    .await;
    let joined = accept(&app, &ann, &made).await.ok();
    assert_eq!(joined["organization_id"], json!(world.organization.id));
    assert_eq!((&joined["role"], &joined["user_id"]), (&json!("admin"), &json!(ann.user.id)));
    assert_eq!(joined["board_access"][0]["board_id"], json!(world.board.id));
    assert_eq!(joined["board_access"][0]["can_write"], json!(true));
    let active = app.get(&ann, ME).await.ok();
    assert_eq!(active["name"], json!("of ann"), "the active organization stays");
    let tasks = format!("/api/v1/boards/{}/tasks", world.board.id);
    assert_eq!(app.get(&ann, &tasks).await.status, StatusCode::OK);

    assert_eq!(accept(&app, &ann, &made).await.ok(), joined, "again is no error for the one who did");
    assert_eq!(app.get(&world.owner, INVITES).await.ok()["total"], json!(0), "accepted ones are not listed");
    let kept = revoke(&app, &world.owner, &made).await.ok();
    assert_eq!(kept["accepted_by_user_id"], json!(ann.user.id));
    assert_eq!(app.get(&ann, &tasks).await.status, StatusCode::OK, "the membership stays");
    assert_eq!(accept(&app, &ann, &made).await.status, StatusCode::NOT_FOUND);

    let rows = recorded(&app, "organization.member.joined").await;
    assert_eq!((rows.len(), rows[0].user_id), (1, Some(ann.user.id.0)));
    assert_eq!(rows[0].organization_id, Some(world.organization.id.0));
}

#[db_test]
async fn accepting_betters_a_membership_and_never_worsens_it(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let boards = json!([{"board_id": world.board.id, "can_write": true}, {"board_id": world.other_board.id}]);
    // The member's address is not the invited one at that moment, or the invite would be refused.
    let first = invite(&app, &world.owner, json!({"invited_email": "w@x.com", "board_access": boards})).await;
    let second = invite(
        &app,
        &world.owner,
        json!({"invited_email": "w@x.com", "role": "admin", "all_boards_write": true}),
    )
    .await;
    let third = invite(&app, &world.owner, json!({"invited_email": "w@x.com"})).await;
    let user = User { email: Some("w@x.com".to_owned()), ..world.reader.user.clone() };
    app.seed(async |tx| mc_store::users::update_profile(tx, &user).await).await;

    let joined = accept(&app, &world.reader, &first).await.ok();
    assert_eq!(joined["id"], json!(world.reader.member.id));
    let entries = joined["board_access"].as_array().expect("a list");
    let entry = |board| entries.iter().find(|entry| entry["board_id"] == json!(board)).expect("an entry");
    assert_eq!(entries.len(), 2);
    assert_eq!(
        (&entry(world.board.id)["can_read"], &entry(world.board.id)["can_write"]),
        (&json!(true), &json!(true))
    );
    let joined = accept(&app, &world.reader, &second).await.ok();
    for (field, value) in
        [("role", "admin".into()), ("all_boards_read", true.into()), ("all_boards_write", Value::from(true))]
    {
        assert_eq!(joined[field], value, "{joined}");
    }
    let joined = accept(&app, &world.reader, &third).await.ok();
    assert_eq!((&joined["role"], &joined["all_boards_write"]), (&json!("admin"), &json!(true)));
    assert_eq!(recorded(&app, "organization.member.joined").await.len(), 0);
    assert_eq!(recorded(&app, "organization.invite.accepted").await.len(), 3);
}

#[db_test]
async fn an_invite_is_for_its_address_alone(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let made = invite(&app, &world.owner, json!({"invited_email": "dee@x.com"})).await;
    let other = outsider(&app, "ann", Some("eve@x.com")).await;
    let nobody = outsider(&app, "ben", None).await;
    for actor in [&other, &nobody] {
        let refused = accept(&app, actor, &made).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
    }
    for token in [
        "",
        "x",
        "cQvysJUBze97hiz18kUytVx0E7kgibkt",
        &format!(" {}", made["token"].as_str().expect("a token")),
    ] {
        let unknown = app.post(&other, ACCEPT, json!({"token": token})).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{token:?}: {unknown}");
    }
    for body in [json!({}), json!({"token": null}), json!({"token": 1}), json!({"token": "x".repeat(201)})] {
        let refused = app.post(&other, ACCEPT, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
        assert!(!refused.text().contains("xxxx"), "no answer repeats a token: {refused}");
    }
    assert_eq!(app.get(&world.owner, INVITES).await.ok()["total"], json!(1), "it is still good");
}

#[db_test]
async fn an_invite_ends_after_two_weeks(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let ann = outsider(&app, "ann", Some("ann@example.com")).await;
    let made = invite(&app, &world.owner, json!({"invited_email": "ann@example.com"})).await;
    app.clock().advance(14 * DAY - Duration::from_secs(1));
    assert_eq!(app.get(&world.owner, INVITES).await.ok()["total"], json!(1));
    app.clock().advance(Duration::from_secs(1));
    assert_eq!(app.get(&world.owner, INVITES).await.ok()["total"], json!(0));
    let late = accept(&app, &ann, &made).await;
    assert_eq!(late.status, StatusCode::NOT_FOUND);
    assert!(late.json()["detail"].as_str().expect("a sentence").contains("expired"), "{late}");

    invite(&app, &world.owner, json!({"invited_email": "ben@example.com"})).await;
    assert_eq!(revoke(&app, &world.owner, &made).await.status, StatusCode::NOT_FOUND, "it was cleared away");
}

#[db_test]
async fn of_two_who_accept_at_once_one_joins(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let made = invite(&app, &world.owner, json!({"invited_email": "shared@x.com", "role": "admin"})).await;
    let people = [
        outsider(&app, "ann", Some("shared@x.com")).await,
        outsider(&app, "ben", Some("shared@x.com")).await,
        outsider(&app, "cleo", Some("shared@x.com")).await,
    ];
    let mut attempts = JoinSet::new();
    for actor in people.iter().map(|person| person.actor.clone()) {
        let (app, made) = (app.clone(), made.clone());
        attempts.spawn(async move { accept(&app, &actor, &made).await.status });
    }
    let mut statuses = attempts.join_all().await;
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::NOT_FOUND]);
    let members = app.get(&world.owner, "/api/v1/organizations/me/members").await.ok();
    assert_eq!(members["total"], json!(5));
}

#[db_test]
async fn one_person_who_accepts_twice_at_once_joins_once(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let made = invite(&app, &world.owner, json!({"invited_email": "ann@x.com"})).await;
    let ann = outsider(&app, "ann", Some("ann@x.com")).await;
    let mut attempts = JoinSet::new();
    for _ in 0..4 {
        let (app, made, actor) = (app.clone(), made.clone(), ann.actor.clone());
        attempts.spawn(async move { accept(&app, &actor, &made).await.status });
    }
    let statuses = attempts.join_all().await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK), "{statuses:?}");
    assert_eq!(recorded(&app, "organization.member.joined").await.len(), 1);
}

#[db_test]
async fn the_first_login_accepts_the_oldest_invite_that_is_good(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let expired = invite(&app, &world.stranger, json!({"invited_email": local::EMAIL})).await;
    app.clock().advance(15 * DAY);
    let made = invite(
        &app,
        &world.admin,
        json!({"invited_email": local::EMAIL, "role": "admin",
        "board_access": [{"board_id": world.board.id}]}),
    )
    .await;
    app.clock().advance(DAY);
    invite(&app, &world.stranger, json!({"invited_email": local::EMAIL, "role": "owner"})).await;

    let newcomer = app.newcomer();
    let list = app.get(&newcomer, "/api/v1/organizations/me/list").await.ok();
    assert_eq!(
        list,
        json!([{"id": world.organization.id, "name": "Acme", "role": "admin", "is_active": true}])
    );
    let again = accept(&app, &newcomer, &made).await.ok();
    assert_eq!(
        again["board_access"][0]["board_id"],
        json!(world.board.id),
        "whoever follows the link is let in"
    );
    assert_eq!(accept(&app, &newcomer, &expired).await.status, StatusCode::NOT_FOUND);
    let rows = recorded(&app, "organization.member.joined").await;
    assert_eq!((rows.len(), rows[0].organization_id), (1, Some(world.organization.id.0)));

    let member = format!("/api/v1/organizations/me/members/{}", again["id"].as_str().expect("an id"));
    app.delete(&world.owner, &member).await.ok();
    assert_eq!(app.get(&newcomer, ME).await.ok()["name"], json!("Personal"), "later nobody is put anywhere");
}

#[db_test]
async fn twelve_first_requests_of_an_invited_person_make_one_membership(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    invite(&app, &world.owner, json!({"invited_email": local::EMAIL})).await;
    let mut requests = JoinSet::new();
    for _ in 0..12 {
        let app = app.clone();
        requests.spawn(async move { app.get(&app.newcomer(), ME).await.ok()["name"].clone() });
    }
    let names = requests.join_all().await;
    assert!(names.iter().all(|name| name == "Acme"), "{names:?}");
    assert_eq!(recorded(&app, "organization.member.joined").await.len(), 1);
}

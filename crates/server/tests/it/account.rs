//! The end of an account over HTTP, and what is recorded of the own profile.

use std::sync::Arc;

use axum::http::StatusCode;
use mc_model::access::Role;
use mc_testkit::fixture::AllBoards;
use mc_testkit::{Actor, Backend, TestApp, db_test};
use serde_json::json;
use tokio::task::JoinSet;

use crate::recorded::recorded;

const ACCOUNT: &str = "/api/v1/users/me";
const NONE: AllBoards = AllBoards { read: false, write: false };

#[db_test]
async fn a_member_leaves_and_the_others_go_on(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    assert_eq!(app.delete(&world.writer, ACCOUNT).await.ok(), json!({"ok": true}));
    let members = app.get(&world.owner, "/api/v1/organizations/me/members").await.ok();
    assert_eq!(members["total"], json!(3));
    let rows = recorded(&app, "organization.member.left").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].organization_id, Some(world.organization.id.0));
    assert_eq!(rows[0].data["user_id"], json!(world.writer.user.id));
    assert!(rows[0].request_id.is_some());
    let fresh = app.get(&world.writer, ACCOUNT).await.ok();
    assert_ne!(fresh["id"], json!(world.writer.user.id));
}

#[db_test]
async fn each_organization_of_the_account_gets_what_it_needs(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    // Alone in one, a member of another, one of two owners of a third.
    app.post(&world.reader, "/api/v1/organizations", json!({"name": "Alone"})).await.ok();
    let shared = app.post(&world.reader, "/api/v1/organizations", json!({"name": "Shared"})).await.ok();
    let shared = shared["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let shared = mc_store::organizations::by_id(app.store().reader(), shared)
        .await
        .expect("a look-up")
        .expect("there");
    let ann = app.add_person(&shared, "ann", Role::Owner, NONE).await;

    app.delete(&world.reader, ACCOUNT).await.ok();

    assert_eq!(recorded(&app, "organization.member.left").await.len(), 2);
    assert_eq!(app.get(&ann, "/api/v1/organizations/me").await.ok()["name"], json!("Shared"));
    assert_eq!(
        app.post(&ann, "/api/v1/organizations", json!({"name": "Alone"})).await.status,
        StatusCode::OK,
        "the organization of nobody else is gone, its name is free"
    );
    assert_eq!(app.get(&world.owner, "/api/v1/organizations/me/members").await.ok()["total"], json!(3));
}

#[db_test]
async fn an_only_owner_hands_over_first_and_nothing_changes_until_then(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    app.post(&world.owner, "/api/v1/organizations", json!({"name": "Alone"})).await.ok();
    let refused = app.delete(&world.owner, ACCOUNT).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.json()["detail"].as_str().expect("a sentence").contains("Acme"), "{refused}");
    let list = app.get(&world.owner, "/api/v1/organizations/me/list").await.ok();
    assert_eq!(list.as_array().map(Vec::len), Some(2), "the other organization is still there too");

    let acme = json!({"organization_id": world.organization.id});
    app.patch(&world.owner, "/api/v1/organizations/me/active", acme).await.ok();
    let admin = format!("/api/v1/organizations/me/members/{}", world.admin.member.id);
    app.patch(&world.owner, &admin, json!({"role": "owner"})).await.ok();
    app.delete(&world.owner, ACCOUNT).await.ok();
    assert_eq!(app.get(&world.admin, "/api/v1/organizations/me/member").await.ok()["role"], json!("owner"));
}

#[db_test]
async fn of_two_owners_who_delete_their_accounts_at_once_the_last_takes_the_organization(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let ann = app.add_person(&world.organization, "ann", Role::Owner, NONE).await;
    let mut both = JoinSet::new();
    for actor in [ann.actor.clone(), world.owner.actor.clone()] {
        let app = Arc::clone(&app);
        both.spawn(async move { app.delete(&actor, ACCOUNT).await.status });
    }
    let mut statuses = both.join_all().await;
    statuses.sort();
    assert_eq!(statuses, [StatusCode::OK, StatusCode::UNPROCESSABLE_ENTITY], "others are still in it");
    let heads =
        mc_store::members::head_count(app.store().reader(), world.organization.id).await.expect("a count");
    assert_eq!((heads.members, heads.owners), (4, 1));
}

#[db_test]
async fn an_account_deleted_twice_at_once_is_gone_once(backend: Backend) {
    let app = Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let mut both = JoinSet::new();
    for _ in 0..3 {
        let (app, actor) = (Arc::clone(&app), world.writer.actor.clone());
        both.spawn(async move { app.delete(&actor, ACCOUNT).await.status });
    }
    let statuses = both.join_all().await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK), "{statuses:?}");
    assert_eq!(recorded(&app, "organization.member.left").await.len(), 1);
}

#[db_test]
async fn only_a_person_with_full_rights_ends_the_account(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (scope, status) in
        [("read", StatusCode::FORBIDDEN), ("write", StatusCode::FORBIDDEN), ("admin", StatusCode::OK)]
    {
        let made = app
            .post(&world.writer, "/api/v1/users/me/tokens", json!({"name": "t", "scope": scope}))
            .await
            .ok();
        let token = Actor::bearer(made["token"].as_str().expect("a token"));
        let answer = app.delete(&token, ACCOUNT).await;
        assert_eq!(answer.status, status, "{scope}: {answer}");
        if status == StatusCode::OK {
            let after = app.get(&token, ACCOUNT).await;
            assert_eq!(after.status, StatusCode::UNAUTHORIZED, "its tokens go with it: {after}");
        }
    }
}

#[db_test]
async fn profile_changes_are_recorded_by_name_not_by_content(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let body = json!({"name": "reader", "notes": "private matter", "timezone": "Europe/Berlin"});
    for _ in 0..2 {
        app.patch(&world.reader, ACCOUNT, body.clone()).await.ok();
    }
    let rows = recorded(&app, "user.profile_changed").await;
    assert_eq!(rows.len(), 1, "a change of nothing is none");
    assert_eq!(rows[0].data["fields"], json!(["timezone", "notes"]));
    assert_eq!(rows[0].user_id, Some(world.reader.user.id.0));
    for field in ["name", "preferred_name", "pronouns", "timezone", "notes", "context"] {
        let refused = app.patch(&world.reader, ACCOUNT, json!({field: "x".repeat(65_537)})).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
    }
}

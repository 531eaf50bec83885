//! Clerk mode from end to end: a real server with real keys stands in for Clerk.

use std::time::Duration;

use axum::http::Method;
use axum::http::header::{AUTHORIZATION, COOKIE};
use mc_model::Clock;
use mc_testkit::{Actor, Answer, Backend, Health, TestApp, TestIssuer, app, db_test, raw};
use serde_json::{Value, json};

use crate::attacks::{Mode, me};

const ME: &str = "/api/v1/users/me";
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long what happens in the background may take, and between two looks at it. Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);

async fn clerk(backend: Backend) -> (TestIssuer, TestApp) {
    let issuer = TestIssuer::start().await;
    let app = Mode::Clerk.app(backend, &issuer).await;
    (issuer, app)
}

/// A token for `user` that is good now.
fn token(issuer: &TestIssuer, app: &TestApp, user: &str, claims: Value) -> String {
    issuer.token(user, app.clock().now(), claims)
}

async fn get_me(issuer: &TestIssuer, app: &TestApp, user: &str) -> Answer {
    me(app, &token(issuer, app, user, json!({}))).await
}

/// Asks until `done` is content with the answer; what happens in the background has no other sign.
async fn until(issuer: &TestIssuer, app: &TestApp, user: &str, done: impl Fn(&Value) -> bool) {
    let asking = async {
        while !done(&get_me(issuer, app, user).await.ok()) {
            tokio::time::sleep(PAUSE).await;
        }
    };
    if tokio::time::timeout(PATIENCE, asking).await.is_err() {
        panic!("{}", get_me(issuer, app, user).await);
    }
}

#[db_test]
async fn the_first_login_makes_the_account_from_the_profile_and_is_in_the_log(backend: Backend) {
    let (issuer, app) = clerk(backend).await;
    issuer.add_clerk_user("user_ann", "Ann", "Ann@Example.com");
    let claims = json!({ "email": "claimed@example.com", "name": "Claimed" });
    let first = me(&app, &token(&issuer, &app, "user_ann", claims)).await.ok();
    assert_eq!(first["clerk_user_id"], "user_ann");
    assert_eq!(first["email"], "ann@example.com", "the verified address, not the claimed one");
    assert_eq!(first["name"], "Ann");
    assert_eq!(get_me(&issuer, &app, "user_ann").await.ok(), first);
    assert_eq!(issuer.requests("GET /v1/users/user_ann"), 1, "known people are not asked about again");
    assert_eq!(issuer.requests("GET /v1/jwks"), 1);

    let logged = "SELECT CAST(data AS text) FROM activity_events WHERE event_type = 'user.identity_linked'";
    let data: Value = serde_json::from_str(&raw::text(app.database().url(), logged).await).expect("JSON");
    assert_eq!((&data["issuer"], &data["subject"]), (&json!(issuer.url()), &json!("user_ann")));
    assert_eq!(data["user_id"], first["id"]);
    let count = "SELECT count(*) FROM activity_events WHERE event_type = 'user.identity_linked'";
    assert_eq!(raw::text(app.database().url(), count).await, "1");
}

#[db_test]
async fn many_first_requests_at_once_make_one_account(backend: Backend) {
    let (issuer, app) = clerk(backend).await;
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    let token = token(&issuer, &app, "user_ann", json!({}));
    let answers = futures_util::future::join_all((0..12).map(|_| me(&app, &token))).await;
    let first = answers[0].ok();
    assert!(answers.iter().all(|answer| answer.ok() == first));
    assert_eq!(issuer.requests("GET /v1/users/user_ann"), 1);
    for (table, rows) in
        [("users", "1"), ("organizations", "1"), ("organization_members", "1"), ("skill_packs", "2")]
    {
        let count = format!("SELECT count(*) FROM {table}");
        assert_eq!(raw::text(app.database().url(), &count).await, rows, "{table}");
    }
}

#[tokio::test]
async fn the_token_is_taken_as_clerks_libraries_send_it() {
    let (issuer, app) = clerk(Backend::Sqlite).await;
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    let token = token(&issuer, &app, "user_ann", json!({}));
    for (header, value, status) in [
        (AUTHORIZATION, format!("Bearer {token}"), 200),
        (AUTHORIZATION, token.clone(), 200),
        (AUTHORIZATION, format!("bearer {token}"), 401),
        (COOKIE, format!("theme=dark; __session={token}"), 200),
        (COOKIE, format!("__session_Ab1={token}; __session=other"), 200),
        (COOKIE, format!("session={token}"), 401),
    ] {
        let mut request = app::request(&Actor::anonymous(), Method::GET, ME, None);
        request.headers_mut().insert(&header, value.parse().expect("a header value"));
        assert_eq!(app.send(request).await.status, status, "{header}: {value:.30}");
    }
    let mut request = app::request(&Actor::bearer("bad"), Method::GET, ME, None);
    request.headers_mut().insert(COOKIE, format!("__session={token}").parse().expect("a header value"));
    assert_eq!(app.send(request).await.status, 401, "a bad header is not rescued by the cookie");
}

#[db_test]
async fn an_agent_token_still_works_beside_sessions(backend: Backend) {
    let (issuer, app) = clerk(backend).await;
    let organization = app.add_organization("Acme").await;
    let gateway = app.add_gateway(organization.id).await;
    let board = app.add_board(organization.id, gateway, "Launch").await;
    let agent = app.add_agent(gateway, Some(board.id), "Worker", false).await;
    let tasks = format!("/api/v1/boards/{}/tasks", board.id);
    assert_eq!(app.get(&agent, &tasks).await.status, 200);
    assert_eq!(app.get(&Actor::bearer(&agent.token), &tasks).await.status, 200);
    assert_eq!(issuer.requests("GET /v1/jwks"), 0, "an agent's token is none of Clerk's business");
}

#[tokio::test]
async fn a_stale_profile_is_fetched_again_without_anybody_waiting() {
    let (issuer, app) = clerk(Backend::Sqlite).await;
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    get_me(&issuer, &app, "user_ann").await.ok();
    let ann = Actor::bearer(&token(&issuer, &app, "user_ann", json!({})));
    app.patch(&ann, ME, json!({ "name": "A." })).await.ok();
    issuer.add_clerk_user("user_ann", "Anna", "anna@example.com");

    app.clock().advance(DAY - Duration::from_secs(1));
    get_me(&issuer, &app, "user_ann").await.ok();
    assert_eq!(issuer.requests("GET /v1/users/user_ann"), 1);

    app.clock().advance(Duration::from_secs(1));
    until(&issuer, &app, "user_ann", |me| me["email"] == "anna@example.com").await;
    assert_eq!(get_me(&issuer, &app, "user_ann").await.ok()["name"], "A.", "a name that was chosen stays");
    assert_eq!(issuer.requests("GET /v1/users/user_ann"), 2, "one of the many requests asked");
}

#[tokio::test]
async fn a_claimed_address_is_asked_about_and_never_believed() {
    let (issuer, app) = clerk(Backend::Sqlite).await;
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    get_me(&issuer, &app, "user_ann").await.ok();
    app.clock().advance(Duration::from_secs(600));
    let claim = json!({ "email": "boss@example.com" });
    me(&app, &token(&issuer, &app, "user_ann", claim)).await.ok();
    issuer.wait_for_requests("GET /v1/users/user_ann", 2).await;
    until(&issuer, &app, "user_ann", |me| me["email"] == "ann@example.com").await;

    // Another one claims it at the first login: Clerk says otherwise.
    issuer.add_user(json!({ "id": "user_eve", "first_name": "Eve", "primary_email_address_id": "1",
        "email_addresses": [{ "id": "1", "email_address": "eve@example.com", "verification": { "status": "unverified" } }] }));
    let denied = json!({ "email": "boss@example.com", "email_verified": false });
    let eve = me(&app, &token(&issuer, &app, "user_eve", denied)).await.ok();
    assert_eq!((&eve["email"], &eve["name"]), (&json!(null), &json!("Eve")));
}

#[tokio::test]
async fn without_a_profile_the_claims_do_until_clerk_answers() {
    let (issuer, app) = clerk(Backend::Sqlite).await;
    let token_of =
        |user: &str| token(&issuer, &app, user, json!({ "email": " Ann@Example.com ", "given_name": "Ann" }));
    issuer.add_clerk_user("user_other", "Other", "other@example.com");
    get_me(&issuer, &app, "user_other").await.ok();
    issuer.turn(Health::Broken);
    let first = me(&app, &token_of("user_ann")).await.ok();
    assert_eq!((&first["email"], &first["name"]), (&json!("ann@example.com"), &json!("Ann")));
    issuer.turn(Health::Up);
    issuer.add_clerk_user("user_ann", "Ann", "new@example.com");
    me(&app, &token_of("user_ann")).await.ok();
    assert_eq!(issuer.requests("GET /v1/users/user_ann"), 1, "not again at once");
    app.clock().advance(Duration::from_secs(600));
    until(&issuer, &app, "user_ann", |me| me["email"] == "new@example.com").await;
    assert_eq!(issuer.requests("GET /v1/users/user_ann"), 2);
}

#[db_test]
async fn somebody_whom_clerk_does_not_know_any_more_gets_no_account(backend: Backend) {
    let (issuer, app) = clerk(backend).await;
    let answer = get_me(&issuer, &app, "user_gone").await;
    assert_eq!(answer.status, 401, "{answer}");
    for table in ["users", "organizations"] {
        assert_eq!(
            raw::text(app.database().url(), &format!("SELECT count(*) FROM {table}")).await,
            "0",
            "{table}"
        );
    }
    // Somebody who has an account keeps it for as long as there are good tokens.
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    get_me(&issuer, &app, "user_ann").await.ok();
    issuer.remove_user("user_ann");
    app.clock().advance(DAY);
    get_me(&issuer, &app, "user_ann").await.ok();
    issuer.wait_for_requests("GET /v1/users/user_ann", 2).await;
    assert_eq!(get_me(&issuer, &app, "user_ann").await.ok()["email"], "ann@example.com");
}

#[db_test]
async fn the_oldest_invite_for_a_verified_address_is_accepted_at_the_first_login(backend: Backend) {
    let (issuer, app) = clerk(backend).await;
    issuer.add_clerk_user("user_owner", "Owner", "owner@example.com");
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    issuer.add_user(json!({ "id": "user_eve", "first_name": "Eve", "primary_email_address_id": "1",
        "email_addresses": [{ "id": "1", "email_address": "eve@example.com", "verification": { "status": "unverified" } }] }));
    let owner = Actor::bearer(&token(&issuer, &app, "user_owner", json!({})));
    let organization = app.post(&owner, "/api/v1/organizations", json!({ "name": "Acme" })).await.ok();
    for email in ["Ann@example.com", "eve@example.com"] {
        let invite = json!({ "invited_email": email, "role": "admin" });
        app.post(&owner, "/api/v1/organizations/me/invites", invite).await.ok();
    }
    for (user, name, role) in [("user_ann", "Acme", "admin"), ("user_eve", "Personal", "owner")] {
        let actor = Actor::bearer(&token(&issuer, &app, user, json!({})));
        let listed = app.get(&actor, "/api/v1/organizations/me/list").await.ok();
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
        assert_eq!((&listed[0]["name"], &listed[0]["role"]), (&json!(name), &json!(role)), "{user}");
    }
    assert!(organization["id"].is_string());
}

#[db_test]
async fn deleting_the_account_deletes_it_at_clerk_too(backend: Backend) {
    let (issuer, app) = clerk(backend).await;
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    let ann = Actor::bearer(&token(&issuer, &app, "user_ann", json!({})));
    let first = app.get(&ann, ME).await.ok();
    assert_eq!(app.delete(&ann, ME).await.ok(), json!({ "ok": true }));
    assert!(!issuer.has_user("user_ann"));
    assert_eq!(raw::text(app.database().url(), "SELECT count(*) FROM users").await, "0");
    assert_eq!(raw::text(app.database().url(), "SELECT count(*) FROM server_settings").await, "0");

    let answer = app.get(&ann, ME).await;
    assert_eq!(answer.status, 401, "a session that outlives its account makes no new one: {answer}");
    assert_eq!(raw::text(app.database().url(), "SELECT count(*) FROM users").await, "0");

    // Gone at Clerk already: as good as deleted.
    issuer.add_clerk_user("user_bob", "Bob", "bob@example.com");
    let bob = Actor::bearer(&token(&issuer, &app, "user_bob", json!({})));
    assert_ne!(app.get(&bob, ME).await.ok()["id"], first["id"]);
    let other_app = Mode::Clerk.app(Backend::Sqlite, &issuer).await;
    let elsewhere = Actor::bearer(&token(&issuer, &other_app, "user_bob", json!({})));
    other_app.delete(&elsewhere, ME).await.ok();
    assert_eq!(app.delete(&bob, ME).await.ok(), json!({ "ok": true }));
}

#[db_test]
async fn no_half_user_remains_when_clerk_does_not_delete(backend: Backend) {
    let (issuer, app) = clerk(backend).await;
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    let ann = Actor::bearer(&token(&issuer, &app, "user_ann", json!({})));
    app.get(&ann, ME).await.ok();
    issuer.turn(Health::Broken);
    let answer = app.delete(&ann, ME).await;
    assert_eq!(answer.status, 502, "{answer}");
    assert!(answer.text().contains("identity provider"), "{answer}");
    assert_eq!(issuer.requests("DELETE /v1/users/user_ann"), 3, "tried again twice, then told");
    assert_eq!(raw::text(app.database().url(), "SELECT count(*) FROM users").await, "0");

    issuer.turn(Health::Up);
    let answer = app.get(&ann, ME).await;
    assert_eq!(answer.status, 403, "no new account while the old one is being deleted: {answer}");
    assert_eq!(raw::text(app.database().url(), "SELECT count(*) FROM users").await, "0");
    assert_eq!(app.services().retry_remote_deletions().await.expect("a look"), 0, "not due yet");

    app.clock().advance(Duration::from_secs(60));
    let node = app.another_node().await;
    let (one, other) = (app.services().retry_remote_deletions(), node.services().retry_remote_deletions());
    let (one, other) = tokio::join!(one, other);
    assert!(one.is_ok() && other.is_ok());
    // A node that starts looks by itself too, so three of them were at it.
    issuer.wait_for_requests("DELETE /v1/users/user_ann", 4).await;
    let notes = async || raw::text(app.database().url(), "SELECT count(*) FROM server_settings").await;
    let none = async {
        while notes().await != "0" {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, none).await.expect("the note goes with the account");
    assert!(!issuer.has_user("user_ann"));
    assert_eq!(issuer.requests("DELETE /v1/users/user_ann"), 4, "one of them did it");
}

#[tokio::test]
async fn after_a_day_a_deletion_is_given_up_and_the_person_can_come_back() {
    let (issuer, app) = clerk(Backend::Sqlite).await;
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    get_me(&issuer, &app, "user_ann").await.ok();
    issuer.turn(Health::Broken);
    let ann = Actor::bearer(&token(&issuer, &app, "user_ann", json!({})));
    assert_eq!(app.delete(&ann, ME).await.status, 502);
    app.clock().advance(DAY);
    assert_eq!(app.services().retry_remote_deletions().await.expect("a look"), 1);
    issuer.turn(Health::Up);
    assert!(issuer.has_user("user_ann"));
    assert_eq!(get_me(&issuer, &app, "user_ann").await.ok()["email"], "ann@example.com");
}

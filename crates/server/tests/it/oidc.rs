//! OIDC mode from end to end: a real server with real keys stands in for the issuer.

use std::sync::atomic::{AtomicBool, Ordering};

use mc_model::Clock;
use mc_testkit::issuer::{self, ADMIN_GROUP, ADMIN_ORGANIZATION, AUDIENCE};
use mc_testkit::{Actor, Backend, ManualClock, TestApp, TestIssuer, db_test, raw};
use serde_json::{Value, json};

use crate::attacks::{Mode, me};

const LIST: &str = "/api/v1/organizations/me/list";

async fn oidc(backend: Backend) -> (TestIssuer, TestApp) {
    let issuer = TestIssuer::start().await;
    let app = Mode::Oidc.app(backend, &issuer).await;
    (issuer, app)
}

/// A token for `user` that is good now.
fn token(issuer: &TestIssuer, app: &TestApp, user: &str, mut claims: Value) -> String {
    claims["aud"] = json!(AUDIENCE);
    issuer.token(user, app.clock().now(), claims)
}

fn in_groups(groups: &[&str]) -> Value {
    json!({ "groups": groups })
}

/// Name and role of each organization of `user`, after signing in with `claims`.
async fn organizations(
    issuer: &TestIssuer,
    app: &TestApp,
    user: &str,
    claims: Value,
) -> Vec<(String, String)> {
    let actor = Actor::bearer(&token(issuer, app, user, claims));
    let listed = app.get(&actor, LIST).await.ok();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    listed.as_array().expect("a list").iter().map(|one| (text(&one["name"]), text(&one["role"]))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, role)| ((*name).to_owned(), (*role).to_owned())).collect()
}

#[db_test]
async fn claims_make_the_account_and_change_it_later(backend: Backend) {
    let (issuer, app) = oidc(backend).await;
    let first = json!({ "email": "Ann@Example.com", "name": "Ann", "email_verified": true });
    let ann = me(&app, &token(&issuer, &app, "42", first)).await.ok();
    assert_eq!(ann["clerk_user_id"], format!("oidc|{}|42", issuer.url()));
    assert_eq!((&ann["email"], &ann["name"]), (&json!("ann@example.com"), &json!("Ann")));

    let later = json!({ "email": "anna@example.com", "name": "Anna" });
    let renamed = me(&app, &token(&issuer, &app, "42", later)).await.ok();
    assert_eq!(renamed["id"], ann["id"]);
    assert_eq!(renamed["email"], "anna@example.com", "the address follows the issuer");
    assert_eq!(renamed["name"], "Ann", "a name that is there stays");
    for weak in [json!({}), json!({ "email": "boss@example.com", "email_verified": false })] {
        let same = me(&app, &token(&issuer, &app, "42", weak)).await.ok();
        assert_eq!(same, renamed, "nothing better is said");
    }
    let count = "SELECT count(*) FROM activity_events WHERE event_type = 'user.identity_linked'";
    assert_eq!(raw::text(app.database().url(), count).await, "1", "a new subject is told once");
    let linked = "SELECT identity_issuer || ' ' || identity_subject FROM users";
    assert_eq!(raw::text(app.database().url(), linked).await, format!("{} 42", issuer.url()));
}

#[tokio::test]
async fn the_word_bearer_may_be_in_any_case_and_cookies_are_nothing() {
    let (issuer, app) = oidc(Backend::Sqlite).await;
    let token = token(&issuer, &app, "42", json!({}));
    for (header, value, status) in [
        ("authorization", format!("bearer {token}"), 200),
        ("authorization", token.clone(), 401),
        ("cookie", format!("__session={token}"), 401),
    ] {
        let mut request =
            mc_testkit::app::request(&Actor::anonymous(), axum::http::Method::GET, "/api/v1/users/me", None);
        request.headers_mut().insert(header, value.parse().expect("a header value"));
        assert_eq!(app.send(request).await.status, status, "{header}: {value:.30}");
    }
}

#[db_test]
async fn subjects_of_two_issuers_are_two_people(backend: Backend) {
    let (one, two) = (TestIssuer::start().await, TestIssuer::start().await);
    let app = Mode::Oidc.app(backend, &one).await;
    let first = me(&app, &token(&one, &app, "42", json!({}))).await.ok();
    assert_eq!(me(&app, &token(&two, &app, "42", json!({}))).await.status, 401, "not our issuer");
    let mut claims = two.claims("42", app.clock().now());
    claims["aud"] = json!(AUDIENCE);
    claims["iss"] = json!(one.url());
    assert_eq!(me(&app, &two.key().token(&claims)).await.status, 401, "only in name");
    assert_eq!(me(&app, &token(&one, &app, "42", json!({}))).await.ok()["id"], first["id"]);
}

#[db_test]
async fn whoever_had_an_account_with_clerk_keeps_it_when_the_same_issuer_is_used_as_oidc(backend: Backend) {
    let issuer = TestIssuer::start().await;
    issuer.add_clerk_user("user_ann", "Ann", "ann@example.com");
    let (clerk, oidc) = (issuer.clerk_settings(), issuer.oidc_settings());
    let is_first = AtomicBool::new(true);
    // The first node signs in with Clerk, the second with OIDC: as before and after a change of AUTH_MODE.
    let way = move |clock: &ManualClock| match is_first.swap(false, Ordering::SeqCst) {
        true => issuer::clerk(&clerk, clock),
        false => issuer::oidc(&oidc, clock),
    };
    let before = TestApp::builder(backend).sign_in(way).start().await;
    let first = me(&before, &issuer.token("user_ann", before.clock().now(), json!({}))).await.ok();
    let after = before.another_node().await;
    let claims = json!({ "email": "new@example.com", "groups": [ADMIN_GROUP] });
    let second = me(&after, &token(&issuer, &after, "user_ann", claims)).await.ok();
    assert_eq!((&second["id"], &second["clerk_user_id"]), (&first["id"], &json!("user_ann")));
    assert_eq!(second["email"], "new@example.com");
    assert_eq!(raw::text(after.database().url(), "SELECT count(*) FROM users").await, "1");
}

#[db_test]
async fn a_group_makes_admins_of_one_organization_and_unmakes_them(backend: Backend) {
    let (issuer, app) = oidc(backend).await;
    let found = organizations(&issuer, &app, "first", in_groups(&[ADMIN_GROUP])).await;
    assert_eq!(found, pairs(&[(ADMIN_ORGANIZATION, "owner")]), "somebody has to own it; and no Personal one");
    let found = organizations(&issuer, &app, "second", in_groups(&["x", ADMIN_GROUP])).await;
    assert_eq!(found, pairs(&[(ADMIN_ORGANIZATION, "admin")]));
    let found = organizations(&issuer, &app, "second", json!({})).await;
    assert_eq!(
        found,
        pairs(&[(ADMIN_ORGANIZATION, "admin")]),
        "a token that tells of no groups changes nothing"
    );
    let found = organizations(&issuer, &app, "second", in_groups(&["x"])).await;
    assert_eq!(found, pairs(&[(ADMIN_ORGANIZATION, "member")]));
    let found = organizations(&issuer, &app, "first", in_groups(&[])).await;
    assert_eq!(found, pairs(&[(ADMIN_ORGANIZATION, "owner")]), "owners stand above the group");

    let found = organizations(&issuer, &app, "third", in_groups(&["x"])).await;
    assert_eq!(found, pairs(&[("Personal", "owner")]));
    let found = organizations(&issuer, &app, "third", in_groups(&[ADMIN_GROUP])).await;
    assert_eq!(found, pairs(&[(ADMIN_ORGANIZATION, "admin"), ("Personal", "owner")]));
    let changes = "SELECT count(*) FROM activity_events WHERE event_type LIKE 'organization.member.%'";
    assert_eq!(raw::text(app.database().url(), changes).await, "4", "three joined, one lost the role");
}

#[db_test]
async fn two_first_admins_at_once_make_one_owner(backend: Backend) {
    let (issuer, app) = oidc(backend).await;
    let users: Vec<String> = (0..6).map(|n| format!("admin-{n}")).collect();
    let found = futures_util::future::join_all(
        users.iter().map(|user| organizations(&issuer, &app, user, in_groups(&[ADMIN_GROUP]))),
    )
    .await;
    let roles: Vec<&str> = found.iter().flatten().map(|(_, role)| role.as_str()).collect();
    assert_eq!(roles.len(), 6);
    assert_eq!(roles.iter().filter(|role| **role == "owner").count(), 1, "{roles:?}");
}

#[db_test]
async fn the_organization_of_the_group_is_there_before_anybody_can_take_its_name(backend: Backend) {
    let (issuer, app) = oidc(backend).await;
    let eve = Actor::bearer(&token(&issuer, &app, "eve", json!({})));
    let answer = app.post(&eve, "/api/v1/organizations", json!({ "name": ADMIN_ORGANIZATION })).await;
    assert_eq!(answer.status, 409, "{answer}");
    let _second_start = app.another_node().await;
    let count = format!("SELECT count(*) FROM organizations WHERE name = '{ADMIN_ORGANIZATION}'");
    assert_eq!(raw::text(app.database().url(), &count).await, "1");
}

#[db_test]
async fn an_account_that_was_deleted_begins_anew_with_the_next_login(backend: Backend) {
    let (issuer, app) = oidc(backend).await;
    let ann = Actor::bearer(&token(&issuer, &app, "42", json!({})));
    let first = app.get(&ann, "/api/v1/users/me").await.ok();
    app.delete(&ann, "/api/v1/users/me").await.ok();
    let second = app.get(&ann, "/api/v1/users/me").await.ok();
    assert_ne!(first["id"], second["id"]);
    assert_eq!(first["clerk_user_id"], second["clerk_user_id"]);
}

#[tokio::test]
async fn a_discovery_document_of_somebody_else_is_not_believed() {
    let issuer = TestIssuer::start().await;
    let mut settings = issuer.oidc_settings();
    // The same server under another name: its document names it by the address.
    settings.issuer = issuer.url().replace("127.0.0.1", "localhost");
    let app =
        TestApp::builder(Backend::Sqlite).sign_in(move |clock| issuer::oidc(&settings, clock)).start().await;
    let mut claims = issuer.claims("42", app.clock().now());
    claims["aud"] = json!(AUDIENCE);
    assert_eq!(me(&app, &issuer.key().token(&claims)).await.status, 503);
    assert_eq!(issuer.requests("GET /keys"), 0);
}

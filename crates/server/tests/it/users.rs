//! People: the first request, the profile, the organizations.

use axum::http::StatusCode;
use futures_util::future::join_all;
use mc_testkit::world::OWNER_TOKEN;
use mc_testkit::{Actor, Backend, TestApp, db_test, raw};
use serde_json::{Value, json};

const BOOTSTRAP: &str = "/api/v1/auth/bootstrap";
const ME: &str = "/api/v1/users/me";
const ORGANIZATION: &str = "/api/v1/organizations/me";
const ORGANIZATIONS: &str = "/api/v1/organizations/me/list";
const MEMBERSHIP: &str = "/api/v1/organizations/me/member";

async fn bootstrap(app: &TestApp, actor: &Actor) -> Value {
    app.call(actor, axum::http::Method::POST, BOOTSTRAP, None).await.ok()
}

async fn count(app: &TestApp, table: &str) -> String {
    raw::text(app.database().url(), &format!("SELECT count(*) FROM {table}")).await
}

#[db_test]
async fn the_first_request_makes_the_account_and_its_organization(backend: Backend) {
    let app = TestApp::new(backend).await;
    let owner = Actor::bearer(OWNER_TOKEN);
    let user = bootstrap(&app, &owner).await;
    let mut wanted = json!({
        "clerk_user_id": "local-auth-user", "email": "admin@home.local", "name": "Local User",
        "preferred_name": null, "pronouns": null, "timezone": null, "notes": null, "context": null,
        "is_super_admin": false,
    });
    for field in wanted.as_object().expect("an object").keys() {
        assert_eq!(user[field], wanted[field], "{field}");
    }
    wanted["id"] = user["id"].clone();
    assert_eq!(bootstrap(&app, &owner).await, user, "a second time changes nothing");
    assert_eq!(app.get(&owner, ME).await.ok(), user);
    let organization = app.get(&owner, ORGANIZATION).await.ok();
    assert_eq!(organization["name"], "Personal");
    let list = app.get(&owner, ORGANIZATIONS).await.ok();
    let mine = json!([{"id": organization["id"], "name": "Personal", "role": "owner", "is_active": true}]);
    assert_eq!(list, mine);
    let member = app.get(&owner, MEMBERSHIP).await.ok();
    assert_eq!((&member["role"], &member["user_id"]), (&json!("owner"), &user["id"]));
    assert_eq!((&member["all_boards_read"], &member["all_boards_write"]), (&json!(true), &json!(true)));
    assert_eq!((&member["user"]["email"], &member["board_access"]), (&user["email"], &json!([])));
    for (table, rows) in
        [("users", "1"), ("organizations", "1"), ("organization_members", "1"), ("skill_packs", "2")]
    {
        assert_eq!(count(&app, table).await, rows, "{table}");
    }
}

#[db_test]
async fn any_request_may_be_the_first(backend: Backend) {
    for path in [ME, ORGANIZATION, ORGANIZATIONS, MEMBERSHIP] {
        let app = TestApp::new(backend).await;
        app.get(&Actor::bearer(OWNER_TOKEN), path).await.ok();
        assert_eq!(count(&app, "organization_members").await, "1", "{path}");
    }
}

#[db_test]
async fn twelve_first_requests_at_once_make_one_account(backend: Backend) {
    let app = TestApp::new(backend).await;
    let owner = Actor::bearer(OWNER_TOKEN);
    let users = join_all((0..12).map(|_| bootstrap(&app, &owner))).await;
    assert!(users.iter().all(|user| user == &users[0]), "{users:?}");
    for (table, rows) in
        [("users", "1"), ("organizations", "1"), ("organization_members", "1"), ("skill_packs", "2")]
    {
        assert_eq!(count(&app, table).await, rows, "{table}");
    }
}

#[db_test]
async fn different_people_get_accounts_and_organizations_of_their_own(backend: Backend) {
    let app = TestApp::new(backend).await;
    let (owner, newcomer) = (Actor::bearer(OWNER_TOKEN), app.newcomer());
    let (one, two) = tokio::join!(bootstrap(&app, &owner), bootstrap(&app, &newcomer));
    assert_ne!(one["id"], two["id"]);
    let (one, two) = (app.get(&owner, ORGANIZATION).await.ok(), app.get(&newcomer, ORGANIZATION).await.ok());
    assert_ne!(one["id"], two["id"]);
}

#[db_test]
async fn a_profile_is_changed_field_by_field(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let before = app.get(&world.writer, ME).await.ok();
    let change = json!({
        "name": "Wilma", "preferred_name": "W", "pronouns": "she/her", "timezone": "Europe/Berlin",
        "notes": " as typed ", "context": "",
    });
    let after = app.patch(&world.writer, ME, change.clone()).await.ok();
    for (field, value) in change.as_object().expect("an object") {
        assert_eq!(&after[field], value, "{field}");
    }
    for field in ["id", "email", "clerk_user_id", "is_super_admin"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    let cleared = app.patch(&world.writer, ME, json!({"notes": null, "pronouns": null})).await.ok();
    assert_eq!((&cleared["notes"], &cleared["pronouns"]), (&Value::Null, &Value::Null));
    assert_eq!(cleared["timezone"], "Europe/Berlin", "what was not sent stays");
    assert_eq!(app.patch(&world.writer, ME, json!({})).await.ok(), cleared);
    let sneaky = json!({"email": "x@example.com", "is_super_admin": true, "id": world.owner.user.id});
    assert_eq!(
        app.patch(&world.writer, ME, sneaky).await.ok(),
        cleared,
        "these are not for the person to change"
    );
    let wrong = app.patch(&world.writer, ME, json!({"name": 1, "notes": ["x"]})).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(wrong.json()["detail"].as_array().map(Vec::len), Some(2), "{wrong}");
    assert_eq!(app.get(&world.writer, ME).await.ok(), cleared);
    assert_eq!(app.get(&world.owner, ME).await.ok()["name"], "local-auth-user", "nobody else's profile");
}

#[db_test]
async fn the_local_account_gets_its_name_and_address_back(backend: Backend) {
    let app = TestApp::new(backend).await;
    let owner = Actor::bearer(OWNER_TOKEN);
    let user = bootstrap(&app, &owner).await;
    for empty in [Value::Null, json!("")] {
        app.patch(&owner, ME, json!({"name": empty, "timezone": "UTC"})).await.ok();
        let now = app.get(&owner, ME).await.ok();
        assert_eq!((&now["name"], &now["timezone"]), (&json!("Local User"), &json!("UTC")));
    }
    let emptied = "UPDATE users SET email = '' RETURNING clerk_user_id";
    assert_eq!(raw::text(app.database().url(), emptied).await, "local-auth-user");
    assert_eq!(app.get(&owner, ME).await.ok()["email"], user["email"]);
    app.patch(&owner, ME, json!({"name": "Chosen"})).await.ok();
    assert_eq!(app.get(&owner, ME).await.ok()["name"], "Chosen", "a name that is there stays");
}

#[db_test]
async fn members_see_their_membership_and_the_boards_granted_to_them(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let writer = app.get(&world.writer, MEMBERSHIP).await.ok();
    assert_eq!(writer["id"], json!(world.writer.member.id));
    assert_eq!((&writer["role"], &writer["all_boards_write"]), (&json!("member"), &json!(false)));
    let grants = writer["board_access"].as_array().expect("a list");
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0]["board_id"], json!(world.board.id));
    assert_eq!((&grants[0]["can_read"], &grants[0]["can_write"]), (&json!(true), &json!(true)));
    let reader = app.get(&world.reader, MEMBERSHIP).await.ok();
    assert_eq!(reader["board_access"][0]["can_write"], false);
    assert_eq!(app.get(&world.admin, MEMBERSHIP).await.ok()["board_access"], json!([]));
    let organization = app.get(&world.reader, ORGANIZATION).await.ok();
    assert_eq!((&organization["id"], &organization["name"]), (&json!(world.organization.id), &json!("Acme")));
    for nobody in [Actor::anonymous(), Actor::wrong_token(), (*world.worker).clone()] {
        for path in [ME, ORGANIZATION, ORGANIZATIONS, MEMBERSHIP] {
            assert_eq!(app.get(&nobody, path).await.status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
}

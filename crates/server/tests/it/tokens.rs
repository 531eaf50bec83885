//! API tokens over HTTP: what they reach, how they end, what is kept of them.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use mc_model::Clock;
use mc_model::token::MAX_ACTIVE;
use mc_service::auth::hash_agent_token;
use mc_testkit::app::request;
use mc_testkit::issuer::{self, AUDIENCE};
use mc_testkit::{Actor, Answer, Backend, Health, TestApp, TestIssuer, World, db_test};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::contract::operations;
use crate::recorded::recorded;

const TOKENS: &str = "/api/v1/users/me/tokens";
const ME: &str = "/api/v1/users/me";
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A token and what the answer said of it.
struct Made {
    actor: Actor,
    text: String,
    id: String,
    shown: Value,
}

async fn make(app: &TestApp, owner: &Actor, wanted: Value) -> Made {
    let shown = app.post(owner, TOKENS, wanted).await.ok();
    let text = shown["token"].as_str().expect("a token").to_owned();
    let id = shown["id"].as_str().expect("an id").to_owned();
    Made { actor: Actor::bearer(&text), text, id, shown }
}

async fn revoke(app: &TestApp, owner: &Actor, id: &str) -> Answer {
    app.delete(owner, &format!("{TOKENS}/{id}")).await
}

fn in_time(app: &TestApp, span: Duration) -> String {
    app.clock().now().after(span).to_string()
}

fn tasks_of(board: impl std::fmt::Display) -> String {
    format!("/api/v1/boards/{board}/tasks")
}

#[db_test]
async fn token_is_shown_once_and_kept_as_a_hash(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let made = make(&app, &world.owner, json!({"name": " CI ", "scope": "write"})).await;
    assert_eq!(made.text.strip_prefix("mct_").map(str::len), Some(43), "{}", made.text);
    for (field, value) in [("name", json!("CI")), ("scope", json!("write"))] {
        assert_eq!(made.shown[field], value, "{}", made.shown);
    }
    for field in ["board_id", "expires_at", "last_used_at", "revoked_at"] {
        assert_eq!(made.shown[field], Value::Null, "{}", made.shown);
    }

    let page = app.get(&world.owner, TOKENS).await;
    let item = page.ok()["items"][0].clone();
    assert_eq!(item["id"], json!(made.id));
    assert!(!page.text().contains(&made.text), "a list never shows tokens");

    let hash = hash_agent_token(&made.text);
    let kept = mc_store::api_tokens::bearer(app.store().reader(), &hash).await.expect("a look-up");
    assert_eq!(kept.expect("found by its hash").token.id.to_string(), made.id);
    let by_text = mc_store::api_tokens::bearer(app.store().reader(), &made.text).await.expect("a look-up");
    assert!(by_text.is_none(), "the text itself is stored nowhere");
}

/// The operations of [`scope_and_board_decide_what_a_token_reaches`], in the order of its columns.
async fn statuses(app: &TestApp, world: &World, token: &Actor) -> String {
    let (own, other) = (tasks_of(world.board.id), tasks_of(world.other_board.id));
    let spare = make(app, &world.owner, json!({"name": "spare"})).await.id;
    let spare = format!("{TOKENS}/{spare}");
    let title = Some(json!({"title": "New"}));
    let tried = [
        (Method::GET, ME, None),
        (Method::PATCH, ME, Some(json!({"timezone": "UTC"}))),
        (Method::GET, "/api/v1/organizations/me", None),
        (Method::GET, own.as_str(), None),
        (Method::POST, own.as_str(), title.clone()),
        (Method::GET, other.as_str(), None),
        (Method::POST, other.as_str(), title),
        (Method::GET, TOKENS, None),
        (Method::POST, TOKENS, Some(json!({"name": "child"}))),
        (Method::DELETE, spare.as_str(), None),
    ];
    let mut shown = Vec::new();
    for (method, path, body) in tried {
        shown.push(app.call(token, method, path, body).await.status.as_u16().to_string());
    }
    shown.join(" ")
}

#[db_test]
async fn scope_and_board_decide_what_a_token_reaches(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = world.board.id;
    for (scope, board_id, wanted) in [
        //                     me  chg org list new oth oth toks mk del
        ("read", Value::Null, "200 403 200 200 403 200 403 403 403 403"),
        ("write", Value::Null, "200 200 200 200 200 200 200 403 403 403"),
        ("admin", Value::Null, "200 200 200 200 200 200 200 200 200 200"),
        ("read", json!(board), "200 403 403 200 403 403 403 403 403 403"),
        ("write", json!(board), "200 403 403 200 200 403 403 403 403 403"),
        ("admin", json!(board), "200 403 403 200 200 403 403 403 403 403"),
    ] {
        let wish = json!({"name": "x", "scope": scope, "board_id": board_id});
        let token = make(&app, &world.owner, wish).await;
        let got = statuses(&app, &world, &token.actor).await;
        assert_eq!(got, wanted, "{scope} on {board_id}");
    }
}

#[db_test]
async fn refusal_says_which_scope_or_board_is_missing(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let reading = make(&app, &world.owner, json!({"name": "x"})).await;
    let answer = app.post(&reading.actor, &tasks_of(world.board.id), json!({"title": "New"})).await;
    assert_eq!(answer.json()["detail"], "This needs a token with the scope write; this one has read.");
    let bound = make(&app, &world.owner, json!({"name": "x", "board_id": world.board.id})).await;
    let answer = app.get(&bound.actor, &tasks_of(world.other_board.id)).await;
    let detail = answer.json()["detail"].as_str().expect("a sentence").to_owned();
    assert!(detail.starts_with("This token works on one board only"), "{detail}");
}

#[db_test]
async fn token_never_does_more_than_its_owner(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = tasks_of(world.board.id);
    let title = json!({"title": "New"});

    let reader = make(&app, &world.reader, json!({"name": "x", "scope": "admin"})).await;
    assert_eq!(app.get(&reader.actor, &board).await.status, StatusCode::OK);
    assert_eq!(app.post(&reader.actor, &board, title.clone()).await.status, StatusCode::FORBIDDEN);
    let stranger = make(&app, &world.stranger, json!({"name": "x", "scope": "admin"})).await;
    assert_eq!(app.get(&stranger.actor, &board).await.status, StatusCode::FORBIDDEN);
    assert_eq!(revoke(&app, &stranger.actor, &reader.id).await.status, StatusCode::NOT_FOUND);

    // No token for a board that its owner does not reach.
    let wish = json!({"name": "x", "board_id": world.board.id});
    assert_eq!(app.post(&world.stranger, TOKENS, wish).await.status, StatusCode::FORBIDDEN);
}

#[db_test]
async fn removed_member_loses_the_organization_with_every_token(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = tasks_of(world.board.id);
    let made = make(&app, &world.writer, json!({"name": "x", "scope": "admin"})).await;
    let bound = make(&app, &world.writer, json!({"name": "y", "board_id": world.board.id})).await;
    for token in [&made, &bound] {
        assert_eq!(app.get(&token.actor, &board).await.status, StatusCode::OK);
    }
    let member = format!("/api/v1/organizations/me/members/{}", world.writer.member.id);
    app.delete(&world.owner, &member).await.ok();
    for token in [&made, &bound] {
        assert_eq!(app.get(&token.actor, &board).await.status, StatusCode::FORBIDDEN);
        assert_eq!(app.get(&token.actor, ME).await.status, StatusCode::FORBIDDEN);
    }
    // Whoever signs in gets an organization again, and the token with its owner: still not the old one.
    app.get(&world.writer, ME).await.ok();
    assert_eq!(app.get(&made.actor, ME).await.status, StatusCode::OK);
    assert_eq!(app.get(&made.actor, &board).await.status, StatusCode::FORBIDDEN);
}

#[db_test]
async fn account_ends_by_an_admin_token_only_and_takes_its_tokens_along(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let writing = make(&app, &world.writer, json!({"name": "x", "scope": "write"})).await;
    let admin = make(&app, &world.writer, json!({"name": "x", "scope": "admin"})).await;
    assert_eq!(app.delete(&writing.actor, ME).await.status, StatusCode::FORBIDDEN);
    app.delete(&admin.actor, ME).await.ok();
    for token in [&writing, &admin] {
        assert_eq!(app.get(&token.actor, ME).await.status, StatusCode::UNAUTHORIZED);
    }
}

/// Every operation that a person may call, those of later days included, refuses a token whose scope is too small and
/// one of another place, before it looks at anything else.
#[db_test]
async fn every_operation_asks_for_the_scope_that_the_document_names(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let reading = make(&app, &world.owner, json!({"name": "x", "scope": "read"})).await.actor;
    let writing = make(&app, &world.owner, json!({"name": "x", "scope": "write"})).await.actor;
    let wish = json!({"name": "x", "scope": "admin", "board_id": world.other_board.id});
    let elsewhere = make(&app, &world.owner, wish).await.actor;
    let document = app.openapi();
    let mut seen = 0;
    for (name, operation) in operations(&document) {
        let Some(scope) = operation["x-token-scope"].as_str() else { continue };
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("a method");
        let path = with_ids(path, &world);
        let is_refused = async |actor: &Actor, reason: &str| {
            let answer = app.call(actor, method.clone(), &path, None).await;
            let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
            assert!(answer.status == StatusCode::FORBIDDEN && detail.starts_with(reason), "{name}: {answer}");
        };
        assert!(["read", "write", "admin"].contains(&scope), "{name}: {scope}");
        assert!(method.is_safe() || scope != "read", "{name} changes something");
        if scope != "read" {
            is_refused(&reading, "This needs a token with the scope").await;
        }
        if scope == "admin" {
            is_refused(&writing, "This needs a token with the scope admin").await;
        }
        if name != format!("GET {ME}") {
            is_refused(&elsewhere, "This token works on one board only").await;
        }
        seen += 1;
    }
    assert!(seen >= 20, "only {seen} operations name a scope");
}

/// The board of the world; any id for everything else.
fn with_ids(path: &str, world: &World) -> String {
    let filled = path.split('/').map(|part| match part {
        "{board_id}" => world.board.id.to_string(),
        other if other.starts_with('{') => world.task.id.to_string(),
        other => other.to_owned(),
    });
    filled.collect::<Vec<_>>().join("/")
}

#[db_test]
async fn revoked_token_fails_at_once_on_every_node(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let node = app.another_node().await;
    let made = make(&app, &world.owner, json!({"name": "x"})).await;
    assert_eq!(app.get(&made.actor, ME).await.status, StatusCode::OK);
    assert_eq!(node.get(&made.actor, ME).await.status, StatusCode::OK);
    assert_eq!(revoke(&node, &world.reader, &made.id).await.status, StatusCode::NOT_FOUND);
    assert_eq!(revoke(&node, &world.owner, &made.id).await.ok(), json!({"ok": true}));
    for each in [&app, &node] {
        assert_eq!(each.get(&made.actor, ME).await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(revoke(&app, &world.owner, &made.id).await.status, StatusCode::NOT_FOUND);

    assert_eq!(app.get(&world.owner, TOKENS).await.ok()["total"], 0);
    let all = app.get(&world.owner, &format!("{TOKENS}?include_revoked=true")).await.ok();
    assert!(all["items"][0]["revoked_at"].is_string(), "{all}");
}

#[db_test]
async fn token_ends_at_its_time(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let wish = json!({"name": "x", "expires_at": in_time(&app, HOUR)});
    let made = make(&app, &world.owner, wish).await;
    app.clock().advance(HOUR - Duration::from_secs(60));
    assert_eq!(app.get(&made.actor, ME).await.status, StatusCode::OK);
    app.clock().advance(Duration::from_secs(60));
    assert_eq!(app.get(&made.actor, ME).await.status, StatusCode::UNAUTHORIZED);
}

#[db_test]
async fn token_made_with_a_token_ends_with_it(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let wish = json!({"name": "parent", "scope": "admin", "expires_at": in_time(&app, HOUR)});
    let parent = make(&app, &world.owner, wish).await;
    let refused = app.post(&parent.actor, TOKENS, json!({"name": "x"})).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
    let wish = json!({"name": "x", "expires_at": in_time(&app, 2 * HOUR)});
    assert_eq!(app.post(&parent.actor, TOKENS, wish).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let wish = json!({"name": "child", "expires_at": in_time(&app, HOUR / 2)});
    make(&app, &parent.actor, wish).await;
    let made = recorded(&app, "api_token.created").await;
    assert_eq!(made[1].data["by"], "token");
    assert_eq!(made[1].data["with_token_id"], json!(parent.id));
}

#[db_test]
async fn bad_wishes_are_refused(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let year = Duration::from_secs(367 * 24 * 60 * 60);
    for (wish, status) in [
        (json!({}), 422),
        (json!({"name": "  "}), 422),
        (json!({"name": "x".repeat(101)}), 422),
        (json!({"name": "x", "scope": "root"}), 422),
        (json!({"name": "x", "scope": null}), 422),
        (json!({"name": "x", "board_id": "nonsense"}), 422),
        (json!({"name": "x", "board_id": world.task.id}), 404),
        (json!({"name": "x", "board_id": world.foreign_board.id}), 403),
        (json!({"name": "x", "expires_at": app.clock().now().to_string()}), 422),
        (json!({"name": "x", "expires_at": in_time(&app, year)}), 422),
    ] {
        let answer = app.post(&world.owner, TOKENS, wish.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{wish}: {answer}");
    }
    assert_eq!(revoke(&app, &world.owner, "nonsense").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    for wrong in ["mct_", "mct_x", &format!("mct_{}", "A".repeat(43)), &format!("mct_{}", "x".repeat(9_000))]
    {
        assert_eq!(app.get(&Actor::bearer(wrong), ME).await.status, StatusCode::UNAUTHORIZED, "{wrong}");
    }
}

#[db_test]
async fn last_use_is_noted_at_most_once_a_minute(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let made = make(&app, &world.owner, json!({"name": "x"})).await;
    app.get(&made.actor, ME).await.ok();
    let first = noted_use(&app, &world, &Value::Null).await;
    app.clock().advance(Duration::from_secs(59));
    app.get(&made.actor, ME).await.ok();
    assert_eq!(last_use(&app, &world).await, first);
    app.clock().advance(Duration::from_secs(2));
    app.get(&made.actor, ME).await.ok();
    noted_use(&app, &world, &first).await;
}

async fn last_use(app: &TestApp, world: &World) -> Value {
    app.get(&world.owner, TOKENS).await.ok()["items"][0]["last_used_at"].clone()
}

/// The time of the last use once it is another one than `before`; no request waits for it to be written.
async fn noted_use(app: &TestApp, world: &World, before: &Value) -> Value {
    let noted = async {
        loop {
            let now = last_use(app, world).await;
            if now != *before {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), noted).await.expect("the use is noted")
}

#[db_test]
async fn agents_and_their_header_are_as_before(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let made = make(&app, &world.owner, json!({"name": "x", "scope": "admin"})).await;
    let agents_only = app.get(&made.actor, "/api/v1/agent/boards").await;
    assert_eq!(agents_only.status, StatusCode::UNAUTHORIZED, "{agents_only}");

    // With the agent's header nobody but the agent is asked.
    let mut both = request(&made.actor, Method::GET, &tasks_of(world.board.id), None);
    both.headers_mut().insert("x-agent-token", "wrong".parse().expect("a header"));
    assert_eq!(app.send(both).await.status, StatusCode::UNAUTHORIZED);
}

#[db_test]
async fn making_and_revoking_are_recorded_without_the_token(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let wish = json!({"name": "CI", "scope": "write", "board_id": world.board.id});
    let made = make(&app, &world.owner, wish).await;
    let mut ending = request(&world.owner, Method::DELETE, &format!("{TOKENS}/{}", made.id), None);
    ending.headers_mut().insert("x-request-id", "the-end".parse().expect("a header"));
    app.send(ending).await.ok();

    let [created] = &recorded(&app, "api_token.created").await[..] else { panic!("one row") };
    assert_eq!(created.user_id, Some(world.owner.user.id.0));
    assert_eq!(created.organization_id, Some(world.organization.id.0));
    assert!(created.request_id.is_some());
    assert_eq!(created.message, "API token \"CI\" created");
    assert_eq!(created.data["scope"], "write");
    assert_eq!(created.data["board_id"], json!(world.board.id));
    assert_eq!(created.data["by"], "owner");
    let [ended] = &recorded(&app, "api_token.revoked").await[..] else { panic!("one row") };
    assert_eq!(ended.request_id.as_deref(), Some("the-end"));
    assert_eq!(ended.data["token_id"], json!(made.id));
    for row in [created, ended] {
        assert!(!row.data.to_string().contains(&made.text[4..]), "{row:?}");
    }
}

#[db_test]
async fn one_of_two_revocations_succeeds(backend: Backend) {
    let app = std::sync::Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let made = make(&app, &world.owner, json!({"name": "x"})).await;
    let mut both = JoinSet::new();
    for _ in 0..2 {
        let (app, owner, id) = (app.clone(), world.owner.actor.clone(), made.id.clone());
        both.spawn(async move { revoke(&app, &owner, &id).await.status.as_u16() });
    }
    let mut statuses = both.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404]);
    assert_eq!(recorded(&app, "api_token.revoked").await.len(), 1);
}

#[db_test]
async fn number_of_tokens_is_limited_under_concurrency(backend: Backend) {
    let app = std::sync::Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    for _ in 1..MAX_ACTIVE {
        make(&app, &world.owner, json!({"name": "x"})).await;
    }
    let mut rivals = JoinSet::new();
    for _ in 0..4 {
        let (app, owner) = (app.clone(), world.owner.actor.clone());
        rivals.spawn(async move { app.post(&owner, TOKENS, json!({"name": "x"})).await.status.as_u16() });
    }
    let mut statuses = rivals.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    let newest = app.get(&world.owner, &format!("{TOKENS}?limit=1")).await.ok();
    assert_eq!(newest["total"], MAX_ACTIVE);
    revoke(&app, &world.owner, newest["items"][0]["id"].as_str().expect("an id")).await.ok();
    make(&app, &world.owner, json!({"name": "x"})).await;
}

/// Applications that take signed tokens of `issuer`, each with one of its sessions.
async fn with_issuer(backend: Backend, issuer: &TestIssuer) -> [(TestApp, Actor); 2] {
    let (clerk, oidc) = (issuer.clerk_settings(), issuer.oidc_settings());
    let clerk = TestApp::builder(backend).sign_in(move |clock| issuer::clerk(&clerk, clock)).start().await;
    let oidc = TestApp::builder(backend).sign_in(move |clock| issuer::oidc(&oidc, clock)).start().await;
    let session = |app: &TestApp, more| Actor::bearer(&issuer.token("user_1", app.clock().now(), more));
    let (first, second) = (session(&clerk, json!({})), session(&oidc, json!({"aud": AUDIENCE})));
    [(clerk, first), (oidc, second)]
}

#[db_test]
async fn token_works_in_every_mode_and_without_the_issuer(backend: Backend) {
    let issuer = TestIssuer::start().await;
    issuer.add_clerk_user("user_1", "Ann", "ann@example.com");
    let running = with_issuer(backend, &issuer).await;
    let mut made = Vec::new();
    for (app, session) in &running {
        let me = app.get(session, ME).await.ok();
        made.push((me, make(app, session, json!({"name": "x", "scope": "admin"})).await));
    }
    issuer.turn(Health::Down);
    for ((app, session), (me, token)) in running.iter().zip(made) {
        app.clock().advance(48 * HOUR);
        assert_eq!(app.get(&token.actor, ME).await.ok(), me);
        assert_eq!(app.get(session, ME).await.status, StatusCode::UNAUTHORIZED, "the session has ended");
        revoke(app, &token.actor, &token.id).await.ok();
        assert_eq!(app.get(&token.actor, ME).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[db_test]
async fn an_open_stream_ends_with_the_token_that_opened_it(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let tasks = format!("/api/v1/boards/{}/tasks", world.board.id);
    let (revoked, kept) = (
        make(&app, &world.owner, json!({"name": "revoked", "scope": "read"})).await,
        make(&app, &world.owner, json!({"name": "kept", "scope": "read"})).await,
    );
    let stream = async |token: &Made| app.stream(&token.actor, &format!("{tasks}/stream"), &[]).await;
    let (mut ending, mut going_on) = (stream(&revoked).await, stream(&kept).await);
    app.post(&world.owner, &tasks, json!({"title": "Before"})).await.ok();
    assert_eq!(ending.next().await.data["task"]["title"], json!("Before"));
    assert_eq!(going_on.next().await.data["task"]["title"], json!("Before"));

    revoke(&app, &world.owner, &revoked.id).await.ok();
    app.post(&world.owner, &tasks, json!({"title": "Secret"})).await.ok();
    let rest = ending.rest().await;
    assert!(rest.is_empty(), "nothing more is sent: {rest:?}");
    assert_eq!(going_on.next().await.data["task"]["title"], json!("Secret"));
}

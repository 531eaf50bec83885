//! Agents: who they are, when they were seen, which boards they reach.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::future::join_all;
use mc_model::agent::Agent;
use mc_model::ids::AgentId;
use mc_model::{Clock, Timestamp};
use mc_store as store;
use mc_store::WriteTx;
use mc_testkit::{Actor, Backend, TestAgent, TestApp, World, db_test, raw};
use serde_json::{Value, json};

const HEALTH: &str = "/api/v1/agent/healthz";
const HEARTBEAT: &str = "/api/v1/agent/heartbeat";
const BOARDS: &str = "/api/v1/agent/boards";

/// Token and hash in the form of the original, PBKDF2, made with Python's hashlib. The original takes 200,000 rounds;
/// the number stands in the hash, and an unoptimised test has no time for so many.
const IMPORTED_TOKEN: &str = "a-token-from-an-imported-database-000000000";
const IMPORTED_HASH: &str =
    "pbkdf2_sha256$2000$AAECAwQFBgcICQoLDA0ODw$t57YaV3QVf2dDfiZINNIjH9vyMSdpa4lhljsdSEhmkk";

/// A worker of the world's board with this stored status and presence.
async fn agent_with(app: &TestApp, world: &World, status: &str, seen: Option<Timestamp>) -> TestAgent {
    let sample = app.add_agent(world.gateway, Some(world.board.id), "Sample", false).await;
    let id = AgentId::generate();
    let token = format!("{id}-token");
    let agent = Agent {
        id,
        status: status.to_owned(),
        last_seen_at: seen,
        openclaw_session_id: None,
        ..sample.agent.clone()
    };
    let hash = mc_service::auth::hash_agent_token(&token);
    app.seed(async |tx: &mut WriteTx| store::agents::insert(tx, &agent, &hash).await).await;
    TestAgent { actor: Actor::agent(&token), agent, token }
}

async fn stored(app: &TestApp, agent: AgentId) -> Agent {
    let agent = app.seed(async |tx: &mut WriteTx| store::agents::own(tx, agent).await).await;
    agent.expect("the agent is there")
}

#[db_test]
async fn health_says_who_the_token_belongs_to(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (agent, is_lead) in [(&world.worker, false), (&world.lead, true), (&world.main, false)] {
        let wanted = json!({
            "ok": true, "agent_id": agent.agent.id, "board_id": agent.agent.board_id,
            "gateway_id": world.gateway, "status": "online", "is_board_lead": is_lead,
        });
        assert_eq!(app.get(agent, HEALTH).await.ok(), wanted);
        assert_eq!(app.get(&Actor::bearer(&agent.token), HEALTH).await.ok(), wanted, "in the other header");
    }
    for nobody in [Actor::anonymous(), Actor::wrong_token(), (*world.owner).clone()] {
        assert_eq!(app.get(&nobody, HEALTH).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[db_test]
async fn a_check_in_ends_every_waiting_state(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (before, after) in [
        ("provisioning", "online"),
        ("updating", "online"),
        ("offline", "online"),
        ("online", "online"),
        ("busy", "busy"),
        ("deleting", "deleting"),
    ] {
        // Seen just now, so that nothing but the check-in itself can change it.
        let agent = agent_with(&app, &world, before, Some(app.clock().now())).await;
        app.clock().advance(Duration::from_secs(1));
        let answer = app.post(&agent, HEARTBEAT, json!({"status": "deleting"})).await.ok();
        assert_eq!(answer["status"], after, "{before}; the body is ignored");
        assert_eq!(answer["last_seen_at"], app.clock().now().to_string());
        assert_eq!(answer["updated_at"], app.clock().now().to_string());
        let row = stored(&app, agent.agent.id).await;
        assert_eq!((row.status.as_str(), row.last_seen_at), (after, Some(app.clock().now())), "{before}");
    }
}

#[db_test]
async fn a_check_in_shows_the_agent_and_is_announced(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let answer = app.call(&world.lead, axum::http::Method::POST, HEARTBEAT, None).await.ok();
    let names: Vec<_> = answer.as_object().expect("an object").keys().map(String::as_str).collect();
    let wanted = [
        "board_id",
        "name",
        "status",
        "heartbeat_config",
        "identity_profile",
        "identity_template",
        "soul_template",
        "id",
        "gateway_id",
        "is_board_lead",
        "is_gateway_main",
        "openclaw_session_id",
        "last_seen_at",
        "created_at",
        "updated_at",
    ];
    assert_eq!(names, wanted);
    assert_eq!((&answer["is_board_lead"], &answer["is_gateway_main"]), (&json!(true), &json!(false)));
    let main = app.post(&world.main, HEARTBEAT, json!({})).await.ok();
    assert_eq!((&main["board_id"], &main["is_gateway_main"]), (&Value::Null, &json!(true)));
    let activity = "SELECT count(*) FROM activity_events WHERE event_type = 'agent.heartbeat' AND request_id IS NOT NULL";
    assert_eq!(raw::text(app.database().url(), activity).await, "2");
    let scope = mc_model::event::Scope::Board(world.board.id);
    let log = store::events::of_scope(app.store().reader(), scope, 0, 10).await.expect("the log can be read");
    let kinds: Vec<_> = log.iter().map(|event| (event.kind.as_str(), event.agent_id)).collect();
    assert_eq!(kinds, [("agent.heartbeat", Some(world.lead.agent.id))], "the main agent has no board");
}

#[db_test]
async fn a_check_in_forgets_the_wake_ups_that_led_to_it(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let waiting = "UPDATE agents SET wake_attempts = 2, checkin_deadline_at = created_at, \
                   last_provision_error = 'it did not answer' WHERE name = 'Worker' RETURNING name";
    assert_eq!(raw::text(app.database().url(), waiting).await, "Worker");
    app.post(&world.worker, HEARTBEAT, json!({})).await.ok();
    let reset = "SELECT count(*) FROM agents WHERE name = 'Worker' AND wake_attempts = 0 \
                 AND checkin_deadline_at IS NULL AND last_provision_error IS NULL";
    assert_eq!(raw::text(app.database().url(), reset).await, "1");
}

#[db_test]
async fn a_request_refreshes_presence_at_most_every_thirty_seconds(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let agent = agent_with(&app, &world, "offline", None).await;
    let seen = async || stored(&app, agent.agent.id).await.last_seen_at;
    app.get(&agent, HEALTH).await.ok();
    let first = app.clock().now();
    assert_eq!(seen().await, Some(first), "the first request is noted at once");
    assert_eq!(stored(&app, agent.agent.id).await.status, "online");
    app.clock().advance(Duration::from_micros(29_999_999));
    app.get(&agent, HEALTH).await.ok();
    assert_eq!(seen().await, Some(first), "not yet");
    app.clock().advance(Duration::from_micros(1));
    app.get(&agent, HEALTH).await.ok();
    assert_eq!(seen().await, Some(app.clock().now()), "thirty seconds have passed");
    let scope = mc_model::event::Scope::Board(world.board.id);
    let log = store::events::of_scope(app.store().reader(), scope, 0, 10).await.expect("the log can be read");
    let kinds: Vec<_> = log.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["agent.seen", "agent.seen"], "each touch is announced, once");
}

#[db_test]
async fn many_requests_at_once_refresh_presence_once(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    app.clock().advance(Duration::from_secs(60));
    let answers = join_all((0..20).map(|_| app.get(&world.worker, HEALTH))).await;
    answers.iter().for_each(|answer| drop(answer.ok()));
    let scope = mc_model::event::Scope::Board(world.board.id);
    let log =
        store::events::of_scope(app.store().reader(), scope, 0, 100).await.expect("the log can be read");
    assert_eq!(log.len(), 1);
}

#[db_test]
async fn a_request_does_not_end_updating_or_deleting(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for status in ["updating", "deleting"] {
        let agent = agent_with(&app, &world, status, None).await;
        assert_eq!(app.get(&agent, HEALTH).await.ok()["status"], status);
        let row = stored(&app, agent.agent.id).await;
        assert_eq!((row.status.as_str(), row.last_seen_at), (status, Some(app.clock().now())));
    }
}

#[db_test]
async fn a_token_hashed_by_the_original_works_and_is_hashed_anew(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let agent = Agent { id: AgentId::generate(), openclaw_session_id: None, ..world.worker.agent.clone() };
    app.seed(async |tx: &mut WriteTx| store::agents::insert(tx, &agent, IMPORTED_HASH).await).await;
    let imported = async || {
        store::access::agents_with_imported_hash(app.store().reader()).await.expect("readable").len()
    };
    assert_eq!(app.get(&Actor::wrong_token(), HEALTH).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(imported().await, 1, "a wrong token changes nothing");
    let actor = Actor::agent(IMPORTED_TOKEN);
    // The first requests may come together.
    for answer in join_all((0..6).map(|_| app.get(&actor, HEALTH))).await {
        assert_eq!(answer.ok()["agent_id"], json!(agent.id));
    }
    assert_eq!(imported().await, 0, "the next one costs one look-up");
    assert_eq!(app.get(&actor, HEALTH).await.ok()["agent_id"], json!(agent.id));
}

#[db_test]
async fn agents_see_the_boards_they_reach(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    app.clock().advance(Duration::from_secs(1));
    let newest = app.add_board(world.organization.id, world.gateway, "Newest").await;
    let boards = async |agent: &Actor, query: &str| -> (Vec<Value>, Value) {
        let page = app.get(agent, &format!("{BOARDS}{query}")).await.ok();
        let items = page["items"].as_array().expect("a list");
        (items.iter().map(|board| board["id"].clone()).collect(), page["total"].clone())
    };
    for agent in [&world.worker, &world.lead] {
        assert_eq!(boards(agent, "").await, (vec![json!(world.board.id)], json!(1)));
        assert_eq!(boards(agent, "?offset=1").await, (vec![], json!(1)));
    }
    let (of_main, total) = boards(&world.main, "").await;
    assert_eq!((of_main.len(), total, &of_main[0]), (3, json!(3), &json!(newest.id)), "newest first");
    assert!(!of_main.contains(&json!(world.foreign_board.id)));
    assert_eq!(boards(&world.main, "?limit=1&offset=2").await.0, of_main[2..]);
    assert_eq!(boards(&world.foreign_main, "").await, (vec![json!(world.foreign_board.id)], json!(1)));
}

#[db_test]
async fn a_board_is_read_by_its_agents(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = format!("{BOARDS}/{}", world.board.id);
    for agent in [&world.worker, &world.lead, &world.main] {
        let board = app.get(agent, &path).await.ok();
        assert_eq!((&board["id"], &board["name"]), (&json!(world.board.id), &json!("Launch")));
        assert_eq!(board["organization_id"], json!(world.organization.id));
        assert_eq!(board["only_lead_can_change_status"], false);
    }
    for (agent, status) in [
        (&world.neighbour, StatusCode::FORBIDDEN),
        (&world.foreign_agent, StatusCode::NOT_FOUND),
        (&world.foreign_main, StatusCode::NOT_FOUND),
    ] {
        assert_eq!(app.get(agent, &path).await.status, status, "{}", agent.agent.name);
    }
    let nowhere = format!("{BOARDS}/{}", world.task.id);
    assert_eq!(app.get(&world.worker, &nowhere).await.status, StatusCode::NOT_FOUND);
}

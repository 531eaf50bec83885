//! Who gets what answer from every operation, as one golden table.
//!
//! The test walks our own document, so an operation that is added without a row in [`cases`] fails. Each cell is a
//! request on rows of its own where the operation changes something. The table is read against platform spec §11
//! and §15 before a change of it is accepted (`INSTA_UPDATE=always` writes it).

use std::fmt::Write;

use axum::http::Method;
use mc_testkit::app::request;
use mc_testkit::{Actor, Backend, TestApp, World};
use serde_json::{Value, json};

use crate::contract::{operations, our_document};
use crate::openapi::PUBLIC;

/// What one operation is tried with.
struct Case {
    /// Why there is more than one, if so.
    name: &'static str,
    body: Option<Value>,
}

/// The requests of an operation: the least that is valid, one for each rule of who may do what.
fn cases(operation: &str, world: &World) -> Vec<Case> {
    let plain = || vec![Case { name: "", body: None }];
    let with = |body: Value| vec![Case { name: "", body: Some(body) }];
    match operation {
        "health_health_get" | "healthz_healthz_get" | "readyz_readyz_get" => plain(),
        "bootstrap_user_api_v1_auth_bootstrap_post" | "get_me_api_v1_users_me_get" => plain(),
        "update_me_api_v1_users_me_patch" => with(json!({"timezone": "Europe/Berlin"})),
        "list_my_organizations_api_v1_organizations_me_list_get"
        | "get_my_org_api_v1_organizations_me_get"
        | "get_my_membership_api_v1_organizations_me_member_get"
        | "list_my_tokens_api_v1_users_me_tokens_get"
        | "revoke_my_token_api_v1_users_me_tokens__token_id__delete" => plain(),
        "create_my_token_api_v1_users_me_tokens_post" => with(json!({"name": "Script"})),
        "stream_tasks_api_v1_boards__board_id__tasks_stream_get"
        | "list_tasks_api_v1_boards__board_id__tasks_get"
        | "delete_task_api_v1_boards__board_id__tasks__task_id__delete"
        | "list_task_comments_api_v1_boards__board_id__tasks__task_id__comments_get" => plain(),
        "create_task_api_v1_boards__board_id__tasks_post" | "agent_lead_create_task" => {
            with(json!({"title": "New"}))
        }
        "update_task_api_v1_boards__board_id__tasks__task_id__patch"
        | "update_task_api_v1_agent_boards__board_id__tasks__task_id__patch" => vec![
            Case { name: "claim", body: Some(json!({"status": "in_progress"})) },
            Case { name: "assign", body: Some(json!({"assigned_agent_id": world.worker.agent.id})) },
            Case { name: "rename", body: Some(json!({"title": "Renamed"})) },
        ],
        "create_task_comment_api_v1_boards__board_id__tasks__task_id__comments_post"
        | "create_task_comment_api_v1_agent_boards__board_id__tasks__task_id__comments_post" => {
            with(json!({"message": "Hello"}))
        }
        "agent_healthz_api_v1_agent_healthz_get"
        | "agent_heartbeat_api_v1_agent_heartbeat_post"
        | "list_boards_api_v1_agent_boards_get"
        | "get_board_api_v1_agent_boards__board_id__get"
        | "list_tasks_api_v1_agent_boards__board_id__tasks_get"
        | "delete_task_api_v1_agent_boards__board_id__tasks__task_id__delete"
        | "list_task_comments_api_v1_agent_boards__board_id__tasks__task_id__comments_get" => plain(),
        new => panic!("{new} has no row in the access matrix: add it to access_matrix.rs"),
    }
}

/// The columns. All but the last four belong to the organization whose board is asked for; `neighbour` works on
/// another board of it, the last three belong to another organization.
fn actors(world: &World) -> [(&'static str, Actor); 13] {
    [
        ("nobody", Actor::anonymous()),
        ("badtok", Actor::wrong_token()),
        ("reader", world.reader.actor.clone()),
        ("writer", world.writer.actor.clone()),
        ("admin", world.admin.actor.clone()),
        ("owner", world.owner.actor.clone()),
        ("worker", world.worker.actor.clone()),
        ("lead", world.lead.actor.clone()),
        ("main", world.main.actor.clone()),
        ("neighb", world.neighbour.actor.clone()),
        ("strang", world.stranger.actor.clone()),
        ("foragt", world.foreign_agent.actor.clone()),
        ("formai", world.foreign_main.actor.clone()),
    ]
}

/// The path with ids of rows that are there: the board of the world, everything else fresh. What belongs to one person
/// is the owner's.
async fn filled(app: &TestApp, world: &World, path: &str) -> String {
    let mut filled = path.replace("{board_id}", &world.board.id.to_string());
    if filled.contains("{task_id}") {
        let task = app.add_task(world.board.id, "Fresh").await;
        filled = filled.replace("{task_id}", &task.id.to_string());
    }
    if filled.contains("{token_id}") {
        let made = app.post(&world.owner, "/api/v1/users/me/tokens", json!({"name": "Fresh"})).await.ok();
        filled = filled.replace("{token_id}", made["api_token"]["id"].as_str().expect("an id"));
    }
    assert!(!filled.contains('{'), "say in access_matrix.rs what to put into {filled}");
    filled
}

/// The status alone: of a stream nothing more is read.
async fn status(app: &TestApp, world: &World, name: &str, actor: &Actor, body: Option<Value>) -> u16 {
    let (method, path) = name.split_once(' ').expect("a method and a path");
    let method: Method = method.parse().expect("a method");
    let path = filled(app, world, path).await;
    app.open(request(actor, method, &path, body)).await.status.as_u16()
}

/// The actors whose answers do not depend on who they are, only on whether credentials are there.
fn check_anonymous(operation: &str, name: &str, cells: &[u16]) {
    let expected = if PUBLIC.contains(&operation) { [200, 200] } else { [401, 401] };
    assert_eq!(cells[..2], expected, "{name}: without credentials, and with wrong ones");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_every_actor_as_the_table_says() {
    let app = TestApp::new(Backend::Sqlite).await;
    let world = app.world().await;
    let document = our_document().await;
    let actors = actors(&world);
    let mut table = String::new();
    let mut line = |cells: &[String], name: &str| {
        cells.iter().for_each(|cell| write!(table, "{cell:<7}").expect("a string grows"));
        writeln!(table, "{name}").expect("a string grows");
    };
    line(&actors.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>(), "operation");
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().expect("every operation has an id");
        for case in cases(id, &world) {
            let mut cells = Vec::new();
            for (_, actor) in &actors {
                cells.push(status(&app, &world, &name, actor, case.body.clone()).await);
            }
            check_anonymous(id, &name, &cells);
            assert!(cells.iter().all(|status| *status < 500), "{name}: {cells:?}");
            let name = format!("{name} {}", case.name);
            line(&cells.iter().map(u16::to_string).collect::<Vec<_>>(), name.trim_end());
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("access_matrix", table);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_found_on_its_own_board_only() {
    let app = TestApp::new(Backend::Sqlite).await;
    let world = app.world().await;
    let elsewhere = app.add_task(world.other_board.id, "On another board").await;
    let document = our_document().await;
    let mut tried = 0;
    for (name, operation) in operations(&document) {
        let (method, path) = name.split_once(' ').expect("a method and a path");
        if !path.contains("{task_id}") {
            continue;
        }
        let path = path
            .replace("{board_id}", &world.board.id.to_string())
            .replace("{task_id}", &elsewhere.id.to_string());
        let actor = if path.contains("/agent/") { &world.lead.actor } else { &world.owner.actor };
        let id = operation["operationId"].as_str().expect("every operation has an id");
        for case in cases(id, &world) {
            let answer = app.call(actor, method.parse().expect("a method"), &path, case.body).await;
            assert_eq!(answer.status, 404, "{name} {}: {answer}", case.name);
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried}");
}

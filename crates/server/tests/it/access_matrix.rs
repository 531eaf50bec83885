//! Who gets what answer from every operation, as one golden table.
//!
//! The test walks our own document, so an operation that is added without a row in [`cases`] fails. Rows that a
//! request changes are made for it alone. The table is read against platform spec §11 and §15 before a change of it is
//! accepted; `INSTA_UPDATE=always` writes it.

use std::fmt::Write;

use axum::http::Method;
use mc_testkit::app::request;
use mc_testkit::{Actor, Backend, TestApp, World};
use serde_json::{Value, json};

use crate::contract::{operations, our_document};
use crate::openapi::PUBLIC;

/// A request that an operation is tried with. Placeholders in its body are those of [`Filler`].
struct Case {
    /// Why there is more than one, if so.
    name: &'static str,
    body: Option<Value>,
}

/// The requests of an operation, by method and path below `/api/v1`: the least that is valid, one for each rule of who
/// may do what. A path may have any number of parameters as long as [`Filler`] knows them.
fn cases(operation: &str) -> Vec<Case> {
    let one = |body: Value| vec![Case { name: "", body: Some(body) }];
    match operation {
        // What only reads, or needs no body, is the same for all.
        read if read.starts_with("GET ") || read.starts_with("DELETE ") => {
            vec![Case { name: "", body: None }]
        }
        "POST /auth/bootstrap" | "POST /agent/heartbeat" => vec![Case { name: "", body: None }],
        "PATCH /users/me" => one(json!({"timezone": "Europe/Berlin"})),
        "POST /users/me/tokens" => one(json!({"name": "Script"})),
        "POST /organizations" => one(json!({"name": "{unique}"})),
        "PATCH /organizations/me/active" => one(json!({"organization_id": "{organization_id}"})),
        "POST /organizations/me/invites" => one(json!({"invited_email": "{unique}@example.com"})),
        "POST /organizations/invites/accept" => one(json!({"token": "{invite_token}"})),
        "PATCH /organizations/me/members/{member_id}" => one(json!({"role": "admin"})),
        "PUT /organizations/me/members/{member_id}" => one(
            json!({"role": "admin", "all_boards_read": true, "all_boards_write": false, "board_access": []}),
        ),
        "PUT /organizations/me/members/{member_id}/access" => one(json!({"all_boards_read": true})),
        "POST /organizations/me/custom-fields" => {
            one(json!({"field_key": "{unique}", "board_ids": ["{board_id}"]}))
        }
        "PATCH /organizations/me/custom-fields/{task_custom_field_definition_id}" => {
            one(json!({"label": "Renamed"}))
        }
        "POST /tags" => one(json!({"name": "{unique}"})),
        "PATCH /tags/{tag_id}" => one(json!({"name": "{unique}"})),
        "POST /boards/{board_id}/tasks" | "POST /agent/boards/{board_id}/tasks" => {
            one(json!({"title": "New"}))
        }
        "PATCH /boards/{board_id}/tasks/{task_id}" | "PATCH /agent/boards/{board_id}/tasks/{task_id}" => {
            vec![
                Case { name: "claim", body: Some(json!({"status": "in_progress"})) },
                Case { name: "assign", body: Some(json!({"assigned_agent_id": "{worker_id}"})) },
                Case { name: "rename", body: Some(json!({"title": "Renamed"})) },
            ]
        }
        "POST /boards/{board_id}/tasks/{task_id}/comments"
        | "POST /agent/boards/{board_id}/tasks/{task_id}/comments" => one(json!({"message": "Hello"})),
        "POST /boards/{board_id}/approvals" | "POST /agent/boards/{board_id}/approvals" => {
            one(json!({"action_type": "deploy", "confidence": 90, "lead_reasoning": "It is tested."}))
        }
        "PATCH /boards/{board_id}/approvals/{approval_id}" => one(json!({"status": "approved"})),
        new => panic!("{new} has no row in the access matrix: add it to access_matrix.rs"),
    }
}

/// Whether the operation changes who the actors are, so that the next one needs a world of its own.
fn changes_the_world(operation: &str) -> bool {
    const CHANGING: [&str; 5] = [
        "DELETE /users/me",
        "DELETE /organizations/me",
        "POST /organizations",
        "POST /organizations/invites/accept",
        "PATCH /organizations/me/active",
    ];
    let is_read = operation.starts_with("GET ");
    CHANGING.contains(&operation) || (!is_read && operation.contains("/members/{member_id}"))
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

/// Puts ids of rows that are there into paths and bodies: the world's, or fresh ones that the owner made.
struct Filler {
    app: TestApp,
    world: World,
    made: u32,
}

impl Filler {
    async fn new() -> Self {
        let app = TestApp::new(Backend::Sqlite).await;
        let world = app.world().await;
        Self { app, world, made: 0 }
    }

    async fn fill(&mut self, text: &str) -> String {
        let mut filled = text.to_owned();
        while let Some(name) = placeholder(&filled) {
            let value = self.value(&name).await;
            filled = filled.replace(&format!("{{{name}}}"), &value);
        }
        filled
    }

    async fn value(&mut self, name: &str) -> String {
        self.made += 1;
        let unique = format!("fresh_{}", self.made);
        let board = self.world.board.id;
        match name {
            "unique" => unique,
            "board_id" => board.to_string(),
            "organization_id" => self.world.organization.id.to_string(),
            "worker_id" => self.world.worker.agent.id.to_string(),
            "member_id" => self.world.reader.member.id.to_string(),
            "task_id" => self.app.add_task(board, "Fresh").await.id.to_string(),
            "token_id" => self.make("/users/me/tokens", json!({"name": unique}), "/id").await,
            "invite_id" => self.make("/organizations/me/invites", invite(&unique), "/id").await,
            "invite_token" => self.make("/organizations/me/invites", invite("stranger"), "/token").await,
            "tag_id" => self.make("/tags", json!({"name": unique}), "/id").await,
            "task_custom_field_definition_id" => {
                let field = json!({"field_key": unique, "board_ids": [board]});
                self.make("/organizations/me/custom-fields", field, "/id").await
            }
            "approval_id" => {
                let approval =
                    json!({"action_type": "deploy", "confidence": 90, "lead_reasoning": "Tested."});
                self.make(&format!("/boards/{board}/approvals"), approval, "/id").await
            }
            new => panic!("say in access_matrix.rs what to put in place of {{{new}}}"),
        }
    }

    /// What the owner makes with a POST, by the part of the answer that names it.
    async fn make(&self, path: &str, body: Value, part: &str) -> String {
        let made = self.app.post(&self.world.owner, &format!("/api/v1{path}"), body).await.ok();
        let id = made.pointer(part).and_then(Value::as_str);
        id.unwrap_or_else(|| panic!("POST {path} answers without {part}: {made}")).to_owned()
    }

    /// The status alone: of a stream nothing more is read.
    async fn status(&mut self, operation: &str, actor: &Actor, body: Option<&Value>) -> u16 {
        let (method, path) = operation.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("a method");
        let path = self.fill(path).await;
        let body = match body {
            Some(body) => Some(self.fill_body(body).await),
            None => None,
        };
        self.app.open(request(actor, method, &path, body)).await.status.as_u16()
    }

    async fn fill_body(&mut self, body: &Value) -> Value {
        serde_json::from_str(&self.fill(&body.to_string()).await).expect("ids need no escapes")
    }
}

fn invite(name: &str) -> Value {
    json!({"invited_email": format!("{name}@example.com")})
}

/// The name in the first pair of braces that holds nothing but a name.
fn placeholder(text: &str) -> Option<String> {
    text.split('{').skip(1).find_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        is_name.then(|| name.to_owned())
    })
}

fn below_api(name: &str) -> String {
    name.replace("/api/v1/", "/")
}

/// Without credentials, and with wrong ones, nothing but the public operations answers.
fn check_anonymous(operation: &Value, name: &str, cells: &[u16]) {
    let is_public = PUBLIC.iter().any(|id| operation["operationId"] == *id);
    let expected = if is_public { [200, 200] } else { [401, 401] };
    assert_eq!(cells[..2], expected, "{name}: without credentials, and with wrong ones");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_every_actor_as_the_table_says() {
    let mut filler = Filler::new().await;
    let document = our_document().await;
    let mut table = String::new();
    let mut line = |cells: &[String], name: &str| {
        cells.iter().for_each(|cell| write!(table, "{cell:<7}").expect("a string grows"));
        writeln!(table, "{name}").expect("a string grows");
    };
    let names = actors(&filler.world).map(|(name, _)| name.to_owned());
    line(&names, "operation");
    for (name, operation) in operations(&document) {
        for case in cases(&below_api(&name)) {
            let mut cells = Vec::new();
            for column in 0..names.len() {
                let (_, actor) = &actors(&filler.world)[column];
                let status = filler.status(&name, actor, case.body.as_ref()).await;
                if status == 200 && changes_the_world(&below_api(&name)) {
                    filler = Filler::new().await;
                }
                cells.push(status);
            }
            assert!(cells.iter().all(|status| *status < 500), "{name}: {cells:?}");
            check_anonymous(operation, &name, &cells);
            let title = format!("{} {}", below_api(&name), case.name);
            line(&cells.iter().map(u16::to_string).collect::<Vec<_>>(), title.trim_end());
        }
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("access_matrix", table);
    });
}

/// Every id in a path names something of the board or the organization that the caller reaches; the same kind of thing
/// from elsewhere is not found, whoever asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_found_on_its_own_board_only() {
    let mut filler = Filler::new().await;
    let elsewhere = filler.app.add_task(filler.world.other_board.id, "On another board").await;
    let document = our_document().await;
    let mut tried = 0;
    for (name, _) in operations(&document) {
        if !name.contains("{task_id}") {
            continue;
        }
        let people = &filler.world;
        let actor =
            if name.contains("/agent/") { people.lead.actor.clone() } else { people.owner.actor.clone() };
        for case in cases(&below_api(&name)) {
            let name = name.replace("{task_id}", &elsewhere.id.to_string());
            let status = filler.status(&name, &actor, case.body.as_ref()).await;
            assert_eq!(status, 404, "{name} {}", case.name);
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried}");
}

#[test]
fn placeholders_are_names_in_braces() {
    assert_eq!(placeholder(r#"{"a":"x{board_id}"}"#).as_deref(), Some("board_id"));
    assert_eq!(placeholder(r#"{"a":{"b":1}}"#), None);
    assert_eq!(placeholder("/tags/{tag_id}").as_deref(), Some("tag_id"));
}

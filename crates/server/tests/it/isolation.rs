//! Nobody reaches another organization: every operation of our document that names anything in its path is tried with
//! ids of another organization, by everybody of the first one.

use axum::http::Method;
use mc_model::access::Role;
use mc_testkit::app::request;
use mc_testkit::fixture::AllBoards;
use mc_testkit::{Actor, Backend, TestApp, TestUser, World, db_test};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::contract::{operations, our_document};
use crate::everything::{Everything, Ids, Rows, mentioning};

const ALL: AllBoards = AllBoards { read: true, write: true };

/// The other organization, with one row in every table, and its owner.
async fn other_organization(app: &TestApp, everything: &Everything) -> (TestUser, Ids) {
    let organization = app.add_organization("Secret").await;
    let owner = app.add_person(&organization, "ann", Role::Owner, ALL).await;
    let own = Ids::from([
        ("organizations".to_owned(), vec![organization.id.0]),
        ("users".to_owned(), vec![owner.user.id.0]),
        ("organization_members".to_owned(), vec![owner.member.id.0]),
    ]);
    let ids = everything.fill("secret", own).await;
    (owner, ids)
}

/// Which table a parameter of a path names a row of.
fn table_of(parameter: &str) -> &'static str {
    match parameter {
        "board_id" => "boards",
        "task_id" => "tasks",
        "member_id" => "organization_members",
        "invite_id" => "organization_invites",
        "token_id" => "api_tokens",
        "agent_id" => "agents",
        "approval_id" => "approvals",
        "tag_id" => "tags",
        "task_custom_field_definition_id" => "task_custom_field_definitions",
        "gateway_id" => "gateways",
        "group_id" => "board_groups",
        "webhook_id" => "board_webhooks",
        "payload_id" => "board_webhook_payloads",
        "pack_id" => "skill_packs",
        "skill_id" => "marketplace_skills",
        new => panic!("say in isolation.rs which table {new} names a row of"),
    }
}

/// The path with ids of the other organization in the places of `foreign`, and with our own in the others.
fn filled(path: &str, foreign: &[&str], theirs: &Ids, ours: &Ids) -> String {
    let mut filled = path.to_owned();
    for parameter in parameters(path) {
        let ids = if foreign.contains(&parameter) { theirs } else { ours };
        filled = filled.replace(&format!("{{{parameter}}}"), &ids[table_of(parameter)][0].to_string());
    }
    filled
}

fn parameters(path: &str) -> Vec<&str> {
    path.split('{').skip(1).map(|rest| rest.split('}').next().expect("a closing bracket")).collect()
}

/// Everybody of the first organization.
fn people(world: &World) -> Vec<(&'static str, Actor)> {
    vec![
        ("owner", world.owner.actor.clone()),
        ("admin", world.admin.actor.clone()),
        ("reader", world.reader.actor.clone()),
        ("writer", world.writer.actor.clone()),
        ("lead", world.lead.actor.clone()),
        ("worker", world.worker.actor.clone()),
        ("main", world.main.actor.clone()),
    ]
}

/// Each way to mix ids of others into a path: all of them, and each one alone among our own.
fn mixtures(path: &str) -> Vec<Vec<&str>> {
    let all = parameters(path);
    let mut mixtures: Vec<_> = all.iter().map(|one| vec![*one]).collect();
    if all.len() > 1 {
        mixtures.push(all);
    }
    mixtures
}

/// A body that is good for every operation that looks for the row in its path only after reading the body.
fn any_body() -> Value {
    json!({"title": "x", "message": "x", "name": "x", "label": "x", "role": "member", "status": "approved"})
}

async fn status(app: &TestApp, actor: &Actor, method: &Method, path: &str) -> u16 {
    let has_body = matches!(*method, Method::POST | Method::PATCH | Method::PUT);
    app.open(request(actor, method.clone(), path, has_body.then(any_body))).await.status.as_u16()
}

/// What the database holds of the other organization. That we were refused is in our own log, with their board.
fn of_others(rows: &Rows, ids: &Ids, world: &World) -> Vec<(String, String)> {
    let ours = world.organization.id.0.simple().to_string();
    let mut found = mentioning(rows, ids.values().flatten().copied().collect::<Vec<Uuid>>());
    found.retain(|(table, row)| table != "activity_events" || !row.contains(&ours));
    found
}

/// Says which rows differ, and only those.
fn assert_same(before: &[(String, String)], after: &[(String, String)]) {
    let gone: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
    let new: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
    assert!(gone.is_empty() && new.is_empty(), "something of theirs was changed: {gone:#?} became {new:#?}");
}

#[db_test]
async fn no_id_of_another_organization_opens_anything(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let everything = Everything::of(&app).await;
    let (ann, theirs) = other_organization(&app, &everything).await;
    let own = Ids::from([
        ("organizations".to_owned(), vec![world.organization.id.0]),
        ("users".to_owned(), vec![world.owner.user.id.0]),
        ("organization_members".to_owned(), vec![world.owner.member.id.0]),
        ("boards".to_owned(), vec![world.board.id.0]),
        ("gateways".to_owned(), vec![world.gateway.0]),
        ("agents".to_owned(), vec![world.worker.agent.id.0]),
        ("tasks".to_owned(), vec![world.task.id.0, world.task.id.0]),
    ]);
    let own = everything.fill_but("ours", own, &["task_dependencies"]).await;
    let before = of_others(&everything.rows().await, &theirs, &world);

    let document = our_document().await;
    let mut tried = 0;
    for (name, _) in operations(&document) {
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("a method");
        for foreign in mixtures(path) {
            let path = filled(path, &foreign, &theirs, &own);
            for (who, actor) in people(&world) {
                let status = status(&app, &actor, &method, &path).await;
                let is_refused = matches!(status, 401 | 403 | 404);
                assert!(
                    is_refused,
                    "{who} gets {status} from {name} with {foreign:?} of another organization"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "the document was walked: {tried}");
    assert_same(&before, &of_others(&everything.rows().await, &theirs, &world));
    let tasks = app.get(&ann, &format!("/api/v1/boards/{}/tasks", theirs["boards"][0])).await;
    let tasks = tasks.ok()["items"].as_array().map(Vec::len);
    assert_eq!(tasks, Some(2), "the ids are good in the right hands");
}

#[db_test]
async fn lists_hold_nothing_of_another_organization(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let everything = Everything::of(&app).await;
    let (_, theirs) = other_organization(&app, &everything).await;
    let ids: Vec<_> = theirs.values().flatten().map(Uuid::to_string).collect();
    let document = our_document().await;
    let mut read = 0;
    for (name, _) in operations(&document) {
        let Some(path) = name.strip_prefix("GET ").filter(|path| parameters(path).is_empty()) else {
            continue;
        };
        for (who, actor) in people(&world) {
            let answer = app.get(&actor, path).await;
            let text = answer.text();
            let leak = ids.iter().find(|id| text.contains(*id));
            assert_eq!(leak, None, "{who} reads it in {name}");
            assert!(!text.contains("secret "), "{who} reads their texts in {name}");
            read += usize::from(answer.status.is_success());
        }
    }
    assert!(read > 20, "the lists were read: {read}");
}

#[db_test]
async fn bodies_cannot_name_what_belongs_to_another_organization(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let everything = Everything::of(&app).await;
    let (_, theirs) = other_organization(&app, &everything).await;
    let before = of_others(&everything.rows().await, &theirs, &world);
    let (board, agent) = (theirs["boards"][0], theirs["agents"][0]);
    let access = format!("/api/v1/organizations/me/members/{}/access", world.reader.member.id);
    let member = format!("/api/v1/organizations/me/members/{}", world.reader.member.id);
    let tasks = format!("/api/v1/boards/{}/tasks", world.board.id);
    let entry = json!([{"board_id": board}]);
    for (method, path, body) in [
        (Method::PUT, access, json!({"board_access": entry})),
        (Method::PUT, member, json!({"role": "member", "board_access": entry})),
        (
            Method::POST,
            "/api/v1/organizations/me/invites".to_owned(),
            json!({"invited_email": "a@x.com", "board_access": entry}),
        ),
        (
            Method::PATCH,
            "/api/v1/organizations/me/active".to_owned(),
            json!({"organization_id": theirs["organizations"][0]}),
        ),
        (Method::POST, "/api/v1/users/me/tokens".to_owned(), json!({"name": "t", "board_id": board})),
        (Method::POST, tasks, json!({"title": "x", "assigned_agent_id": agent})),
    ] {
        let answer = app.call(&world.owner, method, &path, Some(body)).await;
        assert!(answer.status.is_client_error(), "{path}: {answer}");
    }
    assert_same(&before, &of_others(&everything.rows().await, &theirs, &world));
    let page: Value = app.get(&world.owner, "/api/v1/organizations/me/invites").await.ok();
    assert_eq!(page["total"], json!(0));
}

#[db_test]
async fn an_open_stream_ends_with_the_access_that_opened_it(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let tasks = format!("/api/v1/boards/{}/tasks", world.board.id);
    let members = "/api/v1/organizations/me/members";
    let mut removed = app.stream(&world.reader, &format!("{tasks}/stream"), &[]).await;
    let mut ungranted = app.stream(&world.writer, &format!("{tasks}/stream"), &[]).await;
    app.post(&world.owner, &tasks, json!({"title": "Before"})).await.ok();
    for stream in [&mut removed, &mut ungranted] {
        assert_eq!(stream.next().await.data["task"]["title"], json!("Before"));
    }

    app.delete(&world.owner, &format!("{members}/{}", world.reader.member.id)).await.ok();
    app.put(&world.owner, &format!("{members}/{}/access", world.writer.member.id), json!({})).await.ok();
    app.post(&world.owner, &tasks, json!({"title": "Secret"})).await.ok();
    for stream in [&mut removed, &mut ungranted] {
        let rest = stream.rest().await;
        assert!(rest.is_empty(), "nothing more is sent: {rest:?}");
    }
}

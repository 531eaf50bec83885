//! Tags over HTTP (tasks spec §5.1), on both databases.

use std::time::Duration;

use mc_model::ids::{OrganizationId, TagId, TaskId};
use mc_model::tag::Tag;
use mc_service::tags::MAX_TAGS;
use mc_store as store;
use mc_testkit::{Actor, Answer, Backend, TestApp, World, db_test};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::recorded::recorded;

const TAGS: &str = "/api/v1/tags";

fn tag_path(id: &Value) -> String {
    format!("{TAGS}/{}", id.as_str().expect("an id"))
}

async fn make(app: &TestApp, admin: &Actor, body: Value) -> Value {
    app.post(admin, TAGS, body).await.ok()
}

fn id_of(tag: &Value) -> TagId {
    tag["id"].as_str().and_then(|id| id.parse().ok()).expect("the id of a tag")
}

async fn assign(app: &TestApp, task: TaskId, tag: TagId) {
    app.seed(async |tx| store::tasks::labels::insert_tags(tx, task, &[tag]).await).await;
}

/// A tag of the other organization.
async fn foreign_tag(app: &TestApp, world: &World) -> Value {
    make(app, &world.stranger, json!({"name": "Theirs", "slug": "urgent"})).await
}

/// The codes and places of a 422 list.
fn faults(answer: &Answer) -> Vec<(String, Value)> {
    assert_eq!(answer.status, 422, "{answer}");
    let body = answer.json();
    let list = body["detail"].as_array().unwrap_or_else(|| panic!("no list: {answer}"));
    list.iter()
        .map(|item| (item["type"].as_str().unwrap_or_default().to_owned(), item["loc"].clone()))
        .collect()
}

fn fault(code: &str, loc: Value) -> Vec<(String, Value)> {
    vec![(code.to_owned(), loc)]
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("items").iter().filter_map(|tag| tag["name"].as_str()).collect()
}

#[db_test]
async fn tags_are_listed_by_name_then_age_with_their_tasks(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (name, slug) in [("beta", "1"), ("Alpha", "2"), ("alpha", "3"), ("GAMMA", "4")] {
        make(&app, &world.owner, json!({"name": name, "slug": slug})).await;
        app.clock().advance(Duration::from_secs(1));
    }
    foreign_tag(&app, &world).await;
    let page = app.get(&world.reader, TAGS).await.ok();
    assert_eq!(names(&page), ["Alpha", "alpha", "beta", "GAMMA"], "{page}");
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(4), &json!(200), &json!(0)));

    let second = id_of(&page["items"][1]);
    assign(&app, world.task.id, second).await;
    let page = app.get(&world.reader, &format!("{TAGS}?limit=2&offset=1")).await.ok();
    assert_eq!(names(&page), ["alpha", "beta"], "{page}");
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(4), &json!(2), &json!(1)));
    assert_eq!(page["items"][0]["task_count"], 1, "{page}");
    assert_eq!(page["items"][1]["task_count"], 0, "{page}");
}

#[db_test]
async fn create_brings_name_slug_and_color_into_form(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let tag = make(&app, &world.admin, json!({"name": "  Bug Fix!! ", "description": " as is "})).await;
    let keys: Vec<_> = tag.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = [
        "name",
        "slug",
        "color",
        "description",
        "id",
        "organization_id",
        "task_count",
        "created_at",
        "updated_at",
    ];
    assert_eq!(keys, expected, "{tag}");
    for (field, value) in [
        ("name", json!("Bug Fix!!")),
        ("slug", json!("bug-fix")),
        ("color", json!("9e9e9e")),
        ("description", json!(" as is ")),
        ("organization_id", json!(world.organization.id)),
        ("task_count", json!(0)),
    ] {
        assert_eq!(tag[field], value, "{field}: {tag}");
    }
    for (body, slug, color) in [
        (json!({"name": "日本"}), "tag", "9e9e9e"),
        (json!({"name": " Ünï code ", "slug": "  "}), "n-code", "9e9e9e"),
        (json!({"name": "x", "slug": " My  Slug ", "color": " ##FFaa00 "}), "my-slug", "ffaa00"),
        (json!({"name": "y", "slug": null, "description": null}), "y", "9e9e9e"),
    ] {
        let tag = make(&app, &world.owner, body.clone()).await;
        assert_eq!((&tag["slug"], &tag["color"]), (&json!(slug), &json!(color)), "{body}: {tag}");
        assert_eq!(app.get(&world.reader, &tag_path(&tag["id"])).await.ok(), tag);
    }
}

#[db_test]
async fn names_may_repeat_and_slugs_may_not_within_an_organization(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    foreign_tag(&app, &world).await;
    make(&app, &world.owner, json!({"name": "Urgent"})).await;
    make(&app, &world.owner, json!({"name": "Urgent", "slug": "very"})).await;
    for body in [json!({"name": "URGENT!"}), json!({"name": "Other", "slug": "Very "})] {
        let answer = app.post(&world.owner, TAGS, body.clone()).await;
        assert_eq!(answer.status, 409, "{body}: {answer}");
        assert!(answer.json()["detail"].is_string(), "{answer}");
    }
    assert_eq!(app.get(&world.owner, TAGS).await.ok()["total"], 2);
}

#[db_test]
async fn create_refuses_what_breaks_a_rule(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let long = |length: usize| "x".repeat(length);
    for (body, code, loc) in [
        (json!({}), "missing", json!(["body", "name"])),
        (json!({"name": "  "}), "string_too_short", json!(["body", "name"])),
        (json!({"name": null}), "string_type", json!(["body", "name"])),
        (json!({"name": long(201)}), "string_too_long", json!(["body", "name"])),
        (json!({"name": "a\u{0}"}), "value_error", json!(["body", "name"])),
        (json!({"name": "a", "slug": long(201)}), "string_too_long", json!(["body", "slug"])),
        (json!({"name": "a", "slug": 1}), "string_type", json!(["body", "slug"])),
        (
            json!({"name": "a", "description": long(20_001)}),
            "string_too_long",
            json!(["body", "description"]),
        ),
        (json!({"name": "a", "color": null}), "string_type", json!(["body", "color"])),
        (json!({"name": "a", "color": " "}), "value_error", json!(["body", "color"])),
        (json!({"name": "a", "color": "#12345"}), "value_error", json!(["body", "color"])),
        (json!({"name": "a", "color": "12345g"}), "value_error", json!(["body", "color"])),
    ] {
        let answer = app.post(&world.owner, TAGS, body).await;
        assert_eq!(faults(&answer), fault(code, loc), "{answer}");
    }
    assert_eq!(app.get(&world.owner, TAGS).await.ok()["total"], 0);
}

#[db_test]
async fn a_tag_is_read_in_its_own_organization_only(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let theirs = foreign_tag(&app, &world).await;
    let unknown = json!(TagId::generate());
    for (id, status) in [(&theirs["id"], 403), (&unknown, 404)] {
        let path = tag_path(id);
        for answer in [
            app.get(&world.reader, &path).await,
            app.patch(&world.owner, &path, json!({"name": "Mine"})).await,
            app.delete(&world.owner, &path).await,
        ] {
            assert_eq!(answer.status, status, "{answer}");
            assert!(answer.json()["detail"].is_string(), "{answer}");
        }
    }
    for answer in [
        app.get(&world.reader, "/api/v1/tags/nonsense").await,
        app.patch(&world.owner, "/api/v1/tags/nonsense", json!({"name": "x"})).await,
        app.delete(&world.owner, "/api/v1/tags/nonsense").await,
    ] {
        assert_eq!(faults(&answer), fault("uuid_parsing", json!(["path", "tag_id"])), "{answer}");
    }
    assert_eq!(app.get(&world.stranger, &tag_path(&theirs["id"])).await.ok(), theirs, "it is untouched");
}

#[db_test]
async fn members_read_and_admins_write(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let tag = make(&app, &world.owner, json!({"name": "Kept"})).await;
    let path = tag_path(&tag["id"]);
    for (actor, reads, writes) in [
        (Actor::anonymous(), 401, 401),
        (world.worker.actor.clone(), 401, 401),
        (world.reader.actor.clone(), 200, 403),
        (world.writer.actor.clone(), 200, 403),
        (world.admin.actor.clone(), 200, 200),
    ] {
        assert_eq!(app.get(&actor, TAGS).await.status, reads);
        assert_eq!(app.get(&actor, &path).await.status, reads);
        assert_eq!(app.post(&actor, TAGS, json!({"name": "New"})).await.status, writes);
        assert_eq!(app.patch(&actor, &path, json!({"description": "d"})).await.status, writes);
    }
    for (actor, status) in [(&world.writer.actor, 403), (&world.admin.actor, 200)] {
        assert_eq!(app.delete(actor, &path).await.status, status);
    }
}

#[db_test]
async fn patch_changes_what_was_sent(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let made = make(&app, &world.owner, json!({"name": "First", "description": "d"})).await;
    let path = tag_path(&made["id"]);
    let patch = async |body: Value| app.patch(&world.owner, &path, body).await.ok();

    app.clock().advance(Duration::from_secs(1));
    let tag = patch(json!({"name": " Second "})).await;
    assert_eq!(
        (&tag["name"], &tag["slug"]),
        (&json!("Second"), &json!("first")),
        "a name alone keeps the slug"
    );
    assert_ne!(tag["updated_at"], made["updated_at"]);
    assert_eq!(tag["created_at"], made["created_at"]);
    assert_eq!(patch(json!({"slug": null})).await["slug"], "second");
    assert_eq!(patch(json!({"slug": " ", "name": "Third"})).await["slug"], "third");
    assert_eq!(patch(json!({"slug": "Own Slug"})).await["slug"], "own-slug");
    assert_eq!(patch(json!({"color": "#ABCDEF"})).await["color"], "abcdef");
    assert_eq!(patch(json!({"slug": "own-slug"})).await["slug"], "own-slug", "its own slug is not taken");
    let tag = patch(json!({"description": null, "unknown": 1})).await;
    assert_eq!(tag["description"], Value::Null);
    assert_eq!(app.get(&world.owner, &path).await.ok(), tag);
}

#[db_test]
async fn patch_refuses_what_breaks_a_rule(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    make(&app, &world.owner, json!({"name": "Taken"})).await;
    let made = make(&app, &world.owner, json!({"name": "First"})).await;
    let path = tag_path(&made["id"]);
    for (body, code, loc) in [
        (json!({}), "value_error", json!(["body"])),
        (json!({"unknown": 1}), "value_error", json!(["body"])),
        (json!({"name": null}), "string_type", json!(["body", "name"])),
        (json!({"name": " "}), "string_too_short", json!(["body", "name"])),
        (json!({"color": null}), "string_type", json!(["body", "color"])),
        (json!({"color": "red"}), "value_error", json!(["body", "color"])),
    ] {
        let answer = app.patch(&world.owner, &path, body.clone()).await;
        assert_eq!(faults(&answer), fault(code, loc), "{body}: {answer}");
    }
    let answer = app.patch(&world.owner, &path, json!({"slug": "taken"})).await;
    assert_eq!(answer.status, 409, "{answer}");
    assert_eq!(app.get(&world.owner, &path).await.ok(), made, "nothing changed");
}

#[db_test]
async fn patch_answers_with_the_real_number_of_tasks(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let tag = make(&app, &world.owner, json!({"name": "Counted"})).await;
    assign(&app, world.task.id, id_of(&tag)).await;
    let changed = app.patch(&world.owner, &tag_path(&tag["id"]), json!({"name": "Still counted"})).await.ok();
    assert_eq!(changed["task_count"], 1, "{changed}");
}

#[db_test]
async fn delete_takes_the_tag_from_its_tasks(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (kept, gone) = (
        make(&app, &world.owner, json!({"name": "Kept"})).await,
        make(&app, &world.owner, json!({"name": "Gone"})).await,
    );
    for tag in [&kept, &gone] {
        assign(&app, world.task.id, id_of(tag)).await;
    }
    let path = tag_path(&gone["id"]);
    assert_eq!(app.delete(&world.owner, &path).await.ok(), json!({"ok": true}));
    assert_eq!(app.delete(&world.owner, &path).await.status, 404);
    let tasks = app.get(&world.owner, &format!("/api/v1/boards/{}/tasks", world.board.id)).await.ok();
    assert_eq!(tasks["items"][0]["tag_ids"], json!([kept["id"]]), "{tasks}");
    assert!(recorded(&app, "task.updated").await.is_empty(), "tasks say nothing of it");
}

#[db_test]
async fn each_change_is_in_the_log_of_the_organization(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let tag = make(&app, &world.admin, json!({"name": "Bug"})).await;
    let path = tag_path(&tag["id"]);
    app.patch(&world.admin, &path, json!({"name": "Fault", "description": "d"})).await.ok();
    assign(&app, world.task.id, id_of(&tag)).await;
    app.delete(&world.admin, &path).await.ok();
    let content = |name: &str, description: Value| json!({"name": name, "slug": "bug", "color": "9e9e9e", "description": description});
    let changed = json!({
        "name": {"from": "Bug", "to": "Fault"}, "description": {"from": null, "to": "d"},
    });
    let deleted = json!({"tag_id": tag["id"], "tag": content("Fault", json!("d")), "task_count": 1});
    for (event, message, data) in [
        (
            "tag.created",
            "Tag \"Bug\" created",
            json!({"tag_id": tag["id"], "tag": content("Bug", Value::Null)}),
        ),
        ("tag.updated", "Tag \"Fault\" changed", json!({"tag_id": tag["id"], "changed": changed})),
        ("tag.deleted", "Tag \"Fault\" deleted", deleted),
    ] {
        let rows = recorded(&app, event).await;
        let [row] = &rows[..] else { panic!("{event}: {rows:?}") };
        assert_eq!((row.message.as_str(), &row.data), (message, &data));
        assert_eq!(row.organization_id, Some(world.organization.id.into()));
        assert_eq!((row.user_id, row.agent_id), (Some(world.admin.user.id.into()), None));
        assert!(row.request_id.is_some(), "{row:?}");
    }
}

#[db_test]
async fn of_eight_creates_with_one_slug_one_wins(backend: Backend) {
    let app = std::sync::Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let mut tries = JoinSet::new();
    for number in 0..8 {
        let (app, actor) = (app.clone(), world.owner.actor.clone());
        let body = json!({"name": format!("Rival {number}"), "slug": "wanted"});
        tries.spawn(async move { app.post(&actor, TAGS, body).await });
    }
    assert_eq!(outcomes(tries).await, [200, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(app.get(&world.owner, TAGS).await.ok()["total"], 1);
    assert_eq!(recorded(&app, "tag.created").await.len(), 1);
}

#[db_test]
async fn of_eight_tags_that_want_one_slug_one_gets_it(backend: Backend) {
    let app = std::sync::Arc::new(TestApp::new(backend).await);
    let world = app.world().await;
    let mut tries = JoinSet::new();
    for number in 0..8 {
        let tag = make(&app, &world.owner, json!({"name": format!("Rival {number}")})).await;
        let (app, actor) = (app.clone(), world.owner.actor.clone());
        tries.spawn(async move { app.patch(&actor, &tag_path(&tag["id"]), json!({"slug": "wanted"})).await });
    }
    assert_eq!(outcomes(tries).await, [200, 409, 409, 409, 409, 409, 409, 409]);
}

async fn outcomes(tries: JoinSet<Answer>) -> Vec<u16> {
    let mut statuses: Vec<_> = tries.join_all().await.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    statuses
}

#[db_test]
async fn agents_read_the_tags_of_their_board_s_organization(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    foreign_tag(&app, &world).await;
    for name in ["beta", "Alpha"] {
        make(&app, &world.owner, json!({"name": name, "color": "123456"})).await;
    }
    let path = |board: String| format!("/api/v1/agent/boards/{board}/tags");
    let own = path(world.board.id.to_string());
    for actor in [&world.worker.actor, &world.lead.actor, &world.main.actor] {
        let list = app.get(actor, &own).await.ok();
        let list = list.as_array().expect("a plain array");
        let shown: Vec<_> = list.iter().map(|tag| (&tag["name"], &tag["slug"], &tag["color"])).collect();
        let (color, expected) =
            (json!("123456"), [json!("Alpha"), json!("alpha"), json!("beta"), json!("beta")]);
        assert_eq!(shown, [(&expected[0], &expected[1], &color), (&expected[2], &expected[3], &color)]);
        assert!(list.iter().all(|tag| tag.as_object().is_some_and(|tag| tag.len() == 4)), "{list:?}");
    }
    for (actor, board, status) in [
        (&world.worker.actor, world.other_board.id.to_string(), 403),
        (&world.worker.actor, world.foreign_board.id.to_string(), 404),
        (&world.foreign_main.actor, world.board.id.to_string(), 404),
        (&world.owner.actor, world.board.id.to_string(), 401),
    ] {
        let answer = app.get(actor, &path(board)).await;
        assert_eq!(answer.status, status, "{answer}");
    }
}

#[db_test]
async fn an_organization_has_no_more_than_the_documented_number_of_tags(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    fill(&app, world.organization.id).await;
    let answer = app.post(&world.owner, TAGS, json!({"name": "One more"})).await;
    assert_eq!(answer.status, 409, "{answer}");
    assert!(answer.text().contains(&MAX_TAGS.to_string()), "the limit is named: {answer}");
    let answer = app.post(&world.stranger, TAGS, json!({"name": "One more"})).await;
    assert_eq!(answer.status, 200, "each organization has its own limit: {answer}");
}

async fn fill(app: &TestApp, organization: OrganizationId) {
    app.seed(async |tx| {
        for number in 0..MAX_TAGS {
            let tag = Tag {
                id: TagId::generate(),
                organization_id: organization,
                name: format!("Tag {number}"),
                slug: format!("tag-{number}"),
                color: "9e9e9e".to_owned(),
                description: None,
                task_count: 0,
                created_at: tx.now(),
                updated_at: tx.now(),
            };
            assert!(store::tags::insert(tx, &tag).await?);
        }
        Ok(())
    })
    .await;
}

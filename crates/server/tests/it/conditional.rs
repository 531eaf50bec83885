//! `ETag`, `If-None-Match` and `If-Match`.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use mc_model::access::Role;
use mc_model::event::{Scope, kind};
use mc_store::{self as store, WriteTx};
use mc_testkit::app::request;
use mc_testkit::fixture::AllBoards;
use mc_testkit::{Actor, Answer, Backend, TestApp, World, db_test, raw};
use serde_json::{Value, json};

use crate::tasks::{agent_tasks_of, comments_of, task_of, tasks_of};

const TAGS: &str = "/api/v1/tags";
const FIELDS: &str = "/api/v1/organizations/me/custom-fields";

/// GET with `If-None-Match`.
async fn get_if_new(app: &TestApp, actor: &Actor, path: &str, seen: &str) -> Answer {
    let mut request = request(actor, Method::GET, path, None);
    request.headers_mut().insert("if-none-match", seen.parse().expect("a header value"));
    app.send(request).await
}

/// PATCH with `If-Match`.
async fn patch_if(app: &TestApp, actor: &Actor, path: &str, expected: &str, body: Value) -> Answer {
    let mut request = request(actor, Method::PATCH, path, Some(body));
    request.headers_mut().insert("if-match", expected.parse().expect("a header value"));
    app.send(request).await
}

#[track_caller]
fn etag(answer: &Answer) -> String {
    let tag = answer.header("etag").unwrap_or_else(|| panic!("no ETag: {answer}"));
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{tag} is no strong tag");
    tag.to_owned()
}

fn agent_path(path: &str) -> String {
    format!("/api/v1/agent{}", &path["/api/v1".len()..])
}

/// Everything with a version, as somebody reads it.
struct Readings {
    readings: Vec<(Actor, String)>,
    /// The last tag and body of each.
    seen: HashMap<String, (String, Vec<u8>)>,
}

impl Readings {
    fn of(world: &World) -> Self {
        let board = world.board.id;
        let (owner, worker) = (&world.owner.actor, &world.worker.actor);
        let lists =
            [tasks_of(board), comments_of(board, world.task.id), format!("/api/v1/boards/{board}/approvals")];
        let mut readings = vec![
            (owner.clone(), format!("{}?status=inbox,done&limit=50", tasks_of(board))),
            (owner.clone(), format!("{}?q=a&sort=title", tasks_of(board))),
            (owner.clone(), task_of(board, world.task.id)),
            (worker.clone(), agent_path(&format!("/api/v1/boards/{board}/tags"))),
        ];
        for list in lists {
            readings.push((worker.clone(), agent_path(&list)));
            readings.push((owner.clone(), list));
        }
        Self { readings, seen: HashMap::new() }
    }

    /// Reads all of it anew; what has another body must have another tag, and the old one must not do.
    async fn check(&mut self, app: &TestApp, after: &str) -> usize {
        let mut changed = 0;
        for (actor, path) in &self.readings {
            let fresh = app.get(actor, path).await;
            // The task may be gone.
            if fresh.status == StatusCode::NOT_FOUND {
                continue;
            }
            fresh.ok();
            let tag = etag(&fresh);
            if let Some((old_tag, old_body)) = self.seen.get(path) {
                let is_new = *old_body != fresh.body;
                changed += usize::from(is_new);
                assert!(!is_new || *old_tag != tag, "{path} has changed under one tag after: {after}");
                let answer = get_if_new(app, actor, path, old_tag).await;
                if is_new {
                    assert_eq!(
                        (answer.status, &answer.body),
                        (StatusCode::OK, &fresh.body),
                        "{path}, {after}"
                    );
                }
            }
            let again = get_if_new(app, actor, path, &tag).await;
            assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path}, {after}");
            self.seen.insert(path.clone(), (tag, fresh.body.to_vec()));
        }
        changed
    }
}

/// The writes that change what these answers show, each with the request that makes it. `{x}` in a path or a body stands
/// for the id of what an earlier line made under this name.
fn writes(world: &World) -> Vec<(&'static str, Method, String, Value)> {
    let board = world.board.id;
    let (tasks, task) = (tasks_of(board), task_of(board, world.task.id));
    let approvals = format!("/api/v1/boards/{board}/approvals");
    let (post, patch, delete) = (Method::POST, Method::PATCH, Method::DELETE);
    let ask =
        json!({"action_type": "a", "confidence": 90, "lead_reasoning": "r", "task_ids": [world.task.id]});
    let field = json!({"field_key": "size", "default_value": "M", "board_ids": [board]});
    vec![
        ("other", post.clone(), tasks.clone(), json!({"title": "another"})),
        ("", patch.clone(), task.clone(), json!({"title": "A new title"})),
        ("", patch.clone(), task.clone(), json!({"description": "A text", "due_at": "2030-01-01"})),
        ("", patch.clone(), task.clone(), json!({"depends_on_task_ids": ["{other}"]})),
        ("", patch.clone(), format!("{tasks}/{{other}}"), json!({"status": "done"})),
        ("", patch.clone(), format!("{tasks}/{{other}}"), json!({"status": "inbox"})),
        ("tag", post.clone(), TAGS.to_owned(), json!({"name": "Alarm"})),
        ("", patch.clone(), task.clone(), json!({"tag_ids": ["{tag}"]})),
        ("", patch.clone(), format!("{TAGS}/{{tag}}"), json!({"name": "Ambulance"})),
        ("", patch.clone(), format!("{TAGS}/{{tag}}"), json!({"color": "ff0000"})),
        ("", delete.clone(), format!("{TAGS}/{{tag}}"), Value::Null),
        ("field", post.clone(), FIELDS.to_owned(), field),
        ("", patch.clone(), format!("{FIELDS}/{{field}}"), json!({"default_value": "L"})),
        ("", patch.clone(), task.clone(), json!({"custom_field_values": {"size": "XL"}})),
        ("", patch.clone(), format!("{FIELDS}/{{field}}"), json!({"board_ids": [world.other_board.id]})),
        ("", patch.clone(), format!("{FIELDS}/{{field}}"), json!({"board_ids": [board]})),
        ("", post.clone(), comments_of(board, world.task.id), json!({"message": "Hello"})),
        ("", patch.clone(), task.clone(), json!({"comment": "with a comment"})),
        ("approval", post, approvals.clone(), ask),
        ("", patch.clone(), format!("{approvals}/{{approval}}"), json!({"status": "approved"})),
        ("", patch.clone(), task.clone(), json!({"title": "A title of an approval"})),
        ("", delete.clone(), format!("{tasks}/{{other}}"), Value::Null),
        ("", patch, task.clone(), json!({"assigned_agent_id": world.worker.agent.id})),
        ("", delete, task, Value::Null),
    ]
}

#[db_test]
async fn whatever_changes_an_answer_changes_its_tag(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut readings = Readings::of(&world);
    readings.check(&app, "nothing").await;
    assert_eq!(readings.check(&app, "nothing again").await, 0);
    let mut made: HashMap<&str, String> = HashMap::new();
    for (name, method, path, body) in writes(&world) {
        let fill = |text: String| {
            made.iter().fold(text, |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
        };
        let what = format!("{method} {path} {body}");
        let body = serde_json::from_str::<Value>(&fill(body.to_string())).expect("JSON");
        // Time stands still: nothing but the change itself may tell.
        let answer =
            app.call(&world.owner, method, &fill(path), Some(body).filter(|body| !body.is_null())).await.ok();
        if let Some(id) = answer["id"].as_str() {
            made.insert(name, id.to_owned());
        }
        assert!(readings.check(&app, &what).await > 0, "{what} changes no reading, so it proves nothing");
    }
}

/// The tags of all lists, and the newest events of the board and its organization.
async fn tags_and_places(app: &TestApp, world: &World) -> (Vec<String>, [i64; 2]) {
    let mut tags = Vec::new();
    for (actor, path) in &Readings::of(world).readings {
        let answer = app.get(actor, path).await;
        answer.ok();
        tags.push(etag(&answer));
    }
    let scopes = [Scope::Board(world.board.id), Scope::Organization(world.organization.id)];
    let mut places = [0; 2];
    for (place, scope) in places.iter_mut().zip(scopes) {
        let head = store::events::head(app.store().reader(), scope).await.expect("the log can be read");
        *place = head.expect("the scope is there");
    }
    (tags, places)
}

/// Boards where nothing happens but that agents are there answer 304, though each sign of life has its place in the log.
#[db_test]
async fn signs_of_life_and_refusals_leave_the_tags_as_they_are(backend: Backend) {
    const HEARTBEAT: &str = "/api/v1/agent/heartbeat";
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let task = task_of(world.board.id, world.task.id);
    for (what, counted) in [
        ("a check-in", [true, false]),
        ("a check-in of the main agent", [false, true]),
        ("an agent is seen", [true, false]),
        ("a refused attempt", [false, true]),
    ] {
        let (tags, places) = tags_and_places(&app, &world).await;
        match what {
            "a check-in" => app.post(&world.worker, HEARTBEAT, json!({})).await.ok(),
            "a check-in of the main agent" => app.post(&world.main, HEARTBEAT, json!({})).await.ok(),
            "an agent is seen" => {
                app.clock().advance(Duration::from_secs(60));
                app.get(&world.worker, &tasks_of(world.board.id)).await.ok()
            }
            _ => {
                let refused = app.patch(&world.reader, &task, json!({"title": "Mine"})).await;
                assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused}");
                refused.json()
            }
        };
        let (tags_now, places_now) = tags_and_places(&app, &world).await;
        assert_eq!(tags_now, tags, "{what}");
        let moved = [places_now[0] > places[0], places_now[1] > places[1]];
        assert_eq!(moved, counted, "{what} has its place in the log");
    }
}

/// A sign of life between two changes, in the same transaction or in one of its own, hides neither.
#[db_test]
async fn changes_among_signs_of_life_change_the_tags(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = Scope::Board(world.board.id);
    let path = tasks_of(world.board.id);
    let scopes = [board, Scope::Organization(world.organization.id)];
    for kinds in [
        [kind::AGENT_SEEN, kind::TASK_UPDATED],
        [kind::TASK_UPDATED, kind::AGENT_SEEN],
        [kind::TASK_UPDATED, kind::TASK_UPDATED],
        // Of a kind that is new here, nothing is known.
        [kind::AGENT_HEARTBEAT, "agent.renamed"],
    ] {
        for scope in scopes {
            let before = etag(&app.get(&world.owner, &path).await);
            let record = async |tx: &mut WriteTx| {
                kinds.into_iter().for_each(|kind| tx.event(kind, None));
                Ok(())
            };
            app.store().write(scope, None, record).await.expect("it can be written");
            let changed = get_if_new(&app, &world.owner, &path, &before).await;
            assert_eq!(changed.status, StatusCode::OK, "{kinds:?} in {scope:?}");
            let seen = async |tx: &mut WriteTx| {
                tx.event(kind::AGENT_SEEN, None);
                Ok(())
            };
            app.store().write(scope, None, seen).await.expect("it can be written");
            let same = get_if_new(&app, &world.owner, &path, &etag(&changed)).await;
            assert_eq!(same.status, StatusCode::NOT_MODIFIED, "{kinds:?} in {scope:?}");
        }
    }
}

#[db_test]
async fn what_agents_and_other_nodes_write_changes_the_tag(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let other = app.another_node().await;
    let mut readings = Readings::of(&world);
    readings.check(&app, "nothing").await;
    let path = task_of(world.board.id, world.task.id);
    other.patch(&world.worker, &path, json!({"status": "in_progress"})).await.ok();
    assert!(readings.check(&app, "a claim at another node").await > 0);
    let made = json!({"title": "Delegated"});
    other.post(&world.lead, &agent_tasks_of(world.board.id), made).await.ok();
    assert!(readings.check(&app, "a task of the lead at another node").await > 0);
    let tag = json!({"name": "Elsewhere"});
    other.post(&world.admin, TAGS, tag).await.ok();
    assert!(readings.check(&app, "a tag made at another node").await > 0);
}

#[db_test]
async fn the_end_of_an_account_changes_the_tasks_that_name_it(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let tasks = tasks_of(world.board.id);
    let all = AllBoards { read: true, write: true };
    for (name, leaves_before) in [("ann", false), ("ben", true)] {
        let person = app.add_person(&world.organization, name, Role::Member, all).await;
        let task = app.post(&person, &tasks, json!({"title": name})).await.ok();
        assert_eq!(task["created_by_user_id"], json!(person.user.id));
        if leaves_before {
            let member = format!("/api/v1/organizations/me/members/{}", person.member.id);
            app.delete(&world.owner, &member).await.ok();
        }
        let before = app.get(&world.owner, &tasks).await;
        app.delete(&person, "/api/v1/users/me").await.ok();
        let after = get_if_new(&app, &world.owner, &tasks, &etag(&before)).await;
        assert_eq!(after.ok()["items"][0]["created_by_user_id"], Value::Null, "{name}");
    }
}

#[db_test]
async fn unchanged_answers_have_no_body_and_every_access_is_checked(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = tasks_of(world.board.id);
    let first = app.get(&world.owner, &path).await;
    let tag = etag(&first);
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    for seen in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let answer = get_if_new(&app, &world.owner, &path, &seen).await;
        assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{seen}");
        assert!(answer.body.is_empty(), "{seen}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()), "{seen}");
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"), "{seen}");
        assert_eq!(answer.header("content-type"), None, "{seen}");
    }
    // Others who may read it see the same; a tag of one answer is none of another.
    for (actor, path, status) in [
        (&world.reader.actor, path.clone(), 304),
        (&world.worker.actor, path.clone(), 304),
        (&world.owner.actor, format!("{path}?limit=1"), 200),
        (&world.owner.actor, format!("{path}?limit=0"), 422),
        (&world.worker.actor, agent_tasks_of(world.board.id), 200),
        (&world.owner.actor, tasks_of(world.other_board.id), 200),
        (&world.admin.actor, path.clone(), 403),
        (&world.neighbour.actor, path.clone(), 403),
        (&world.stranger.actor, path.clone(), 403),
        (&world.foreign_agent.actor, path.clone(), 404),
        (&Actor::anonymous(), path.clone(), 401),
    ] {
        let answer = get_if_new(&app, actor, &path, &tag).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {answer}");
        assert_eq!(answer.header("etag").is_some(), status < 400, "{path}: {answer}");
    }
    let wrong = get_if_new(&app, &world.owner, &format!("{path}?limit=0"), "*").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "what cannot be answered has no version");
}

#[db_test]
async fn the_tag_of_a_task_is_its_own(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    let tag = etag(&app.get(&world.owner, &path).await);
    app.post(&world.owner, &tasks_of(world.board.id), json!({"title": "A neighbour"})).await.ok();
    app.post(&world.owner, &comments_of(world.board.id, world.task.id), json!({"message": "Hi"})).await.ok();
    let answer = get_if_new(&app, &world.worker, &path, &tag).await;
    assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "neighbours and comments are not shown in it");
    app.clock().advance(Duration::from_secs(1));
    let changed = app.patch(&world.owner, &path, json!({"title": "Changed"})).await;
    assert_ne!(etag(&changed), tag);
    let read = app.get(&world.reader, &path).await;
    assert_eq!(
        (etag(&read), &read.body),
        (etag(&changed), &changed.body),
        "a change answers with the new version"
    );
}

#[db_test]
async fn a_change_can_ask_for_what_was_seen(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    let for_agents = agent_path(&path);
    let seen = etag(&app.get(&world.owner, &path).await);
    let first = patch_if(&app, &world.owner, &path, &seen, json!({"title": "First"})).await;
    first.ok();
    for (actor, path, body) in [
        (&world.owner.actor, &path, json!({"title": "Second"})),
        (&world.worker.actor, &path, json!({"status": "in_progress"})),
        (&world.worker.actor, &for_agents, json!({"status": "in_progress"})),
        (&world.lead.actor, &for_agents, json!({"assigned_agent_id": world.worker.agent.id})),
    ] {
        for expected in [seen.as_str(), "\"nothing\"", "", "unquoted", &format!("W/{}", etag(&first))] {
            let late = patch_if(&app, actor, path, expected, body.clone()).await;
            assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{expected}: {late}");
            assert_eq!(etag(&late), etag(&first), "the header names the present version");
            let detail = &late.json()["detail"];
            assert_eq!((&detail["current"], &detail["code"]), (&json!(etag(&first)), &json!("task_changed")));
            assert!(detail["message"].as_str().is_some_and(|text| !text.is_empty()), "{late}");
        }
    }
    let unchanged = app.get(&world.owner, &path).await;
    assert_eq!((etag(&unchanged), &unchanged.body), (etag(&first), &first.body), "a refusal changes nothing");
    let several = format!("\"old\", {}", etag(&first));
    let claimed =
        patch_if(&app, &world.worker, &for_agents, &several, json!({"status": "in_progress"})).await;
    claimed.ok();
    patch_if(&app, &world.owner, &path, "*", json!({"title": "Whatever it is"})).await.ok();
    let gone = task_of(world.other_board.id, world.task.id);
    assert_eq!(patch_if(&app, &world.owner, &gone, "*", json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(patch_if(&app, &world.reader, &path, &seen, json!({})).await.status, StatusCode::FORBIDDEN);
}

/// What belongs to the task counts as the task: somebody who saw it free must not move it when it is blocked.
#[db_test]
async fn what_blocks_a_task_is_part_of_what_was_seen(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    let first = app.add_task_with(world.board.id, "First", mc_model::task::TaskStatus::Done, None).await;
    app.patch(&world.owner, &path, json!({"depends_on_task_ids": [first.id]})).await.ok();
    let seen = etag(&app.get(&world.owner, &path).await);
    app.patch(&world.owner, &task_of(world.board.id, first.id), json!({"status": "inbox"})).await.ok();
    let late = patch_if(&app, &world.owner, &path, &seen, json!({"title": "Late"})).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{late}");
}

/// Six changes of one task that all saw the same version, at two nodes.
async fn six_changes_of_what_was_seen(nodes: [&TestApp; 2], world: &World, round: usize) {
    const RIVALS: usize = 6;
    let task = nodes[0].add_task(world.board.id, "As it was").await;
    let path = task_of(world.board.id, task.id);
    let seen = etag(&nodes[0].get(&world.owner, &path).await);
    let changes = (0..RIVALS).map(async |number| {
        let body = json!({"title": format!("{round}, {number}")});
        patch_if(nodes[number % nodes.len()], &world.owner, &path, &seen, body).await
    });
    let answers = join_all(changes).await;
    let (made, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == StatusCode::OK);
    assert_eq!(made.len(), 1, "round {round}");
    for answer in refused {
        assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "round {round}: {answer}");
        assert_eq!(answer.json()["detail"]["current"], etag(made[0]), "round {round}");
    }
    assert_eq!(nodes[1].get(&world.owner, &path).await.body, made[0].body, "round {round}");
}

#[db_test]
async fn of_changes_that_saw_the_same_one_is_made(backend: Backend) {
    const ROUNDS: usize = 200;
    const AT_ONCE: usize = 5;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let other = app.another_node().await;
    let rounds = (0..ROUNDS).map(|round| six_changes_of_what_was_seen([&app, &other], &world, round));
    stream::iter(rounds).buffer_unordered(AT_ONCE).collect::<()>().await;
    let changed = "SELECT count(*) FROM events WHERE kind = 'task.updated'";
    assert_eq!(raw::text(app.database().url(), changed).await, ROUNDS.to_string(), "each is announced once");
}

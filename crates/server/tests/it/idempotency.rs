//! `Idempotency-Key`: what is asked for twice happens once.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures_util::future::{Either, join_all, select};
use futures_util::stream::{self, StreamExt};
use mc_model::event::Scope;
use mc_store::WriteTx;
use mc_testkit::app::request;
use mc_testkit::{Actor, Answer, Backend, TestApp, World, db_test, raw};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::tasks::{agent_tasks_of, comments_of, tasks_of};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn post_with_key(app: &TestApp, actor: &Actor, path: &str, key: &str, body: &Value) -> Answer {
    let mut request = request(actor, Method::POST, path, Some(body.clone()));
    request.headers_mut().insert("idempotency-key", key.parse().expect("a header value"));
    app.send(request).await
}

async fn count(app: &TestApp, what: &str) -> i64 {
    let count = raw::text(app.database().url(), &format!("SELECT count(*) FROM {what}")).await;
    count.parse().expect("a number")
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

#[track_caller]
fn assert_coded(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!(answer.status, status, "{answer}");
    assert_eq!(answer.json()["detail"]["code"], code, "{answer}");
}

/// All operations that take a key: who may call it, where, with what, and the rows that it makes.
fn operations(world: &World) -> Vec<(Actor, String, Value, &'static str)> {
    const COMMENTS: &str = "activity_events WHERE event_type = 'task.comment'";
    let board = world.board.id;
    let (comments, approvals) =
        (comments_of(board, world.task.id), format!("/api/v1/boards/{board}/approvals"));
    let agent = |path: &str| format!("/api/v1/agent{}", &path["/api/v1".len()..]);
    let task = json!({"title": "New", "description": "Größe \"XL\"", "status": "in_progress"});
    let comment = json!({"message": "@lead look"});
    let approval = json!({"action_type": "deploy", "confidence": 90, "lead_reasoning": "It is tested."});
    let (owner, worker, lead) = (&world.owner.actor, &world.worker.actor, &world.lead.actor);
    vec![
        (owner.clone(), tasks_of(board), task.clone(), "tasks"),
        (lead.clone(), agent_tasks_of(board), task, "tasks"),
        (owner.clone(), comments.clone(), comment.clone(), COMMENTS),
        (worker.clone(), comments.clone(), comment.clone(), COMMENTS),
        (worker.clone(), agent(&comments), comment, COMMENTS),
        (owner.clone(), approvals.clone(), approval.clone(), "approvals"),
        (worker.clone(), approvals.clone(), approval.clone(), "approvals"),
        (worker.clone(), agent(&approvals), approval, "approvals"),
    ]
}

/// All events but those that say that an agent is still there.
const CHANGES: &str = "events WHERE kind <> 'agent.seen'";

#[db_test]
async fn every_creation_can_be_sent_again(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let other = app.another_node().await;
    for (number, (actor, path, body, rows)) in operations(&world).into_iter().enumerate() {
        let (before, key) = (count(&app, rows).await, format!("key-{number}"));
        let first = post_with_key(&app, &actor, &path, &key, &body).await;
        first.ok();
        assert!(!is_replayed(&first), "{path}");
        let made = (count(&app, rows).await, count(&app, "jobs").await, count(&app, CHANGES).await);
        assert_eq!(made.0, before + 1, "{path}");
        for node in [&app, &other] {
            app.clock().advance(Duration::from_secs(10));
            let again = post_with_key(node, &actor, &path, &key, &body).await;
            assert!(is_replayed(&again), "{path}: {again}");
            assert_eq!((again.status, &again.body), (first.status, &first.body), "{path}");
            assert_eq!(again.header("content-type"), first.header("content-type"), "{path}");
        }
        let now = (count(&app, rows).await, count(&app, "jobs").await, count(&app, CHANGES).await);
        assert_eq!(now, made, "{path}: nothing was written");
        // Without a key, and with another one, it is another change.
        app.call(&actor, Method::POST, &path, Some(body.clone())).await.ok();
        post_with_key(&app, &actor, &path, &format!("{key}-b"), &body).await.ok();
        assert_eq!(count(&app, rows).await, before + 3, "{path}");
    }
}

#[db_test]
async fn a_key_stands_for_one_request(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = tasks_of(world.board.id);
    let body = json!({"title": "New"});
    let first = post_with_key(&app, &world.owner, &path, "k", &body).await;
    first.ok();
    let comments = comments_of(world.board.id, world.task.id);
    for (path, body) in [
        (&path, json!({"title": "Other"})),
        (&path, json!({"title": "New", "priority": "high"})),
        (&comments, json!({"message": "New"})),
    ] {
        let answer = post_with_key(&app, &world.owner, path, "k", &body).await;
        assert_coded(&answer, StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
    }
    assert!(
        is_replayed(&post_with_key(&app, &world.owner, &path, "k", &body).await),
        "the answer is still there"
    );
    // Keys are the caller's own, and the board's own.
    for (actor, path) in [
        (&world.writer.actor, path.clone()),
        (&world.lead.actor, agent_tasks_of(world.board.id)),
        (&world.owner.actor, tasks_of(world.other_board.id)),
    ] {
        let answer = post_with_key(&app, actor, &path, "k", &body).await;
        answer.ok();
        assert!(!is_replayed(&answer), "{path}");
    }
    let reader = post_with_key(&app, &world.reader, &path, "k", &body).await;
    assert_eq!(reader.status, StatusCode::FORBIDDEN, "{reader}");
}

#[db_test]
async fn a_stored_answer_is_only_for_those_who_still_have_access(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (path, body) = (tasks_of(world.board.id), json!({"title": "New"}));
    post_with_key(&app, &world.writer, &path, "k", &body).await.ok();
    let member = format!("/api/v1/organizations/me/members/{}", world.writer.member.id);
    app.delete(&world.owner, &member).await.ok();
    let answer = post_with_key(&app, &world.writer, &path, "k", &body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer}");
}

#[db_test]
async fn a_refusal_is_not_kept(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let approvals = format!("/api/v1/boards/{}/approvals", world.board.id);
    let ask = json!({"action_type": "a", "confidence": 1, "lead_reasoning": "r", "task_id": world.task.id});
    let held = app.post(&world.owner, &approvals, ask.clone()).await.ok();
    let refused = post_with_key(&app, &world.owner, &approvals, "k", &ask).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{refused}");
    assert_eq!(refused.header("retry-after"), None, "this conflict does not end by itself");
    let decided = format!("{approvals}/{}", held["id"].as_str().expect("an id"));
    app.patch(&world.owner, &decided, json!({"status": "rejected"})).await.ok();
    let accepted = post_with_key(&app, &world.owner, &approvals, "k", &ask).await;
    accepted.ok();
    assert!(!is_replayed(&accepted));
    let wrong = post_with_key(&app, &world.owner, &tasks_of(world.board.id), "w", &json!({"title": 1})).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    assert_eq!(count(&app, "idempotency_keys").await, 1);
}

#[db_test]
async fn answers_are_kept_for_a_day(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (path, body) = (tasks_of(world.board.id), json!({"title": "New"}));
    for key in ["a", "b", "c"] {
        post_with_key(&app, &world.owner, &path, key, &body).await.ok();
    }
    app.clock().advance(DAY - Duration::from_secs(1));
    assert!(is_replayed(&post_with_key(&app, &world.owner, &path, "a", &body).await));
    app.clock().advance(Duration::from_secs(1));
    let other = json!({"title": "After a day the key is free"});
    let answer = post_with_key(&app, &world.owner, &path, "a", &other).await;
    answer.ok();
    assert!(!is_replayed(&answer));
    assert!(is_replayed(&post_with_key(&app, &world.owner, &path, "a", &other).await));
    assert_eq!(count(&app, "idempotency_keys").await, 1, "outdated answers went in passing");
}

#[db_test]
async fn keys_are_visible_ascii_of_up_to_255_characters(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (path, body) = (tasks_of(world.board.id), json!({"title": "New"}));
    for bad in ["", "two words", &"k".repeat(256)] {
        let answer = post_with_key(&app, &world.owner, &path, bad, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad:?}: {answer}");
        let fault = &answer.json()["detail"][0];
        assert_eq!(fault["loc"], json!(["header", "Idempotency-Key"]), "{answer}");
    }
    for good in ["~", "\"quoted\"", &"k".repeat(255)] {
        post_with_key(&app, &world.owner, &path, good, &body).await.ok();
    }
    assert_eq!(count(&app, "idempotency_keys").await, 3);
}

/// While the first request waits for the board, the second one is told to come again.
#[db_test]
async fn a_request_in_flight_is_not_done_twice(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (path, body) = (tasks_of(world.board.id), json!({"title": "New"}));
    let (hold, held) = (std::sync::Arc::new(tokio::sync::Notify::new()), oneshot::channel());
    let (store, board, release) = (app.store().clone(), world.board.id, hold.clone());
    let announce = std::sync::Arc::new(std::sync::Mutex::new(Some(held.0)));
    let holder = tokio::spawn(async move {
        let work = async move |_: &mut WriteTx| {
            if let Some(announce) = announce.lock().expect("unpoisoned").take() {
                announce.send(()).expect("the test waits");
            }
            release.notified().await;
            Ok(())
        };
        store.write(Scope::Board(board), None, work).await
    });
    held.1.await.expect("the board is held");
    let one = Box::pin(post_with_key(&app, &world.owner, &path, "k", &body));
    let two = Box::pin(post_with_key(&app, &world.owner, &path, "k", &body));
    let (Either::Left((told, waiting)) | Either::Right((told, waiting))) = select(one, two).await;
    assert_coded(&told, StatusCode::CONFLICT, "idempotency_key_in_flight");
    assert_eq!(told.header("retry-after"), Some("1"));
    hold.notify_one();
    let done = waiting.await;
    done.ok();
    holder.await.expect("no panic").expect("nothing to save");
    let again = post_with_key(&app, &world.owner, &path, "k", &body).await;
    assert!(is_replayed(&again), "{again}");
    assert_eq!(again.body, done.body);
}

/// One change asked for by ten clients at once, of two nodes. Each gets the one answer or is told to come again.
async fn ten_clients_with_one_key(nodes: [&TestApp; 2], world: &World, round: usize) {
    let (key, body) = (format!("round-{round}"), json!({"title": format!("Round {round}")}));
    let path = tasks_of(world.board.id);
    let send = async |node: &TestApp| post_with_key(node, &world.owner, &path, &key, &body).await;
    let answers = join_all((0..10).map(|number| send(nodes[number % nodes.len()]))).await;
    let (done, told): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == StatusCode::OK);
    let (again, first): (Vec<_>, Vec<_>) = done.into_iter().partition(|answer| is_replayed(answer));
    assert_eq!(first.len(), 1, "round {round}: one makes the change");
    assert!(again.iter().all(|answer| answer.body == first[0].body), "round {round}: one answer for all");
    for answer in told {
        assert_coded(answer, StatusCode::CONFLICT, "idempotency_key_in_flight");
    }
    for node in nodes {
        let later = send(node).await;
        assert!(is_replayed(&later), "round {round}: {later}");
        assert_eq!((later.status, &later.body), (StatusCode::OK, &first[0].body), "round {round}");
    }
}

#[db_test]
async fn of_ten_clients_with_one_key_one_makes_the_change(backend: Backend) {
    const ROUNDS: usize = 200;
    const AT_ONCE: usize = 5;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let other = app.another_node().await;
    let rounds = (0..ROUNDS).map(|round| ten_clients_with_one_key([&app, &other], &world, round));
    stream::iter(rounds).buffer_unordered(AT_ONCE).collect::<()>().await;
    let once = "(SELECT title FROM tasks WHERE title LIKE 'Round %' GROUP BY title HAVING count(*) = 1) once";
    let counts = [count(&app, once).await, count(&app, "idempotency_keys").await];
    assert_eq!(counts, [ROUNDS as i64; 2]);
    let made = "events WHERE kind = 'task.created'";
    assert_eq!(count(&app, made).await, ROUNDS as i64, "each is announced once");
}

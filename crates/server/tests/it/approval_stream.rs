//! The stream of a board's approvals (tasks spec §9.2), on both databases.

use std::time::Duration;

use axum::http::StatusCode;
use mc_model::Clock;
use mc_model::ids::TaskId;
use mc_testkit::{Actor, Backend, EventStream, SentEvent, TestApp, World, db_test};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::approvals::{approvals_of, asked};
use crate::tasks::task_of;

fn stream_of(world: &World) -> String {
    format!("{}/stream", approvals_of(world.board.id))
}

async fn follow(app: &TestApp, world: &World) -> EventStream {
    let stream = app.stream(&world.reader, &stream_of(world), &[]).await;
    assert_eq!(stream.status, StatusCode::OK);
    stream
}

async fn ask(app: &TestApp, world: &World, tasks: &[TaskId]) -> Value {
    let body = asked(json!({"task_ids": tasks}));
    app.post(&world.owner, &approvals_of(world.board.id), body).await.ok()
}

async fn decide(app: &TestApp, world: &World, approval: &Value, status: &str) -> Value {
    let path = format!("{}/{}", approvals_of(world.board.id), approval["id"].as_str().expect("an id"));
    app.patch(&world.owner, &path, json!({"status": status})).await.ok()
}

fn ids(events: &[SentEvent]) -> Vec<i64> {
    let id = |event: &SentEvent| event.id.as_ref().and_then(|id| id.parse().ok()).expect("a position");
    events.iter().map(id).collect()
}

#[db_test]
async fn asking_deciding_and_reopening_are_sent_once_and_in_order(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut stream = follow(&app, &world).await;
    let approval = ask(&app, &world, &[world.task.id]).await;
    let event = stream.next().await;
    assert_eq!((event.event.as_str(), event.id.as_deref()), ("approval", Some("1")));
    let keys: Vec<_> = event.data.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["approval", "pending_approvals_count", "task_counts"]);
    assert_eq!(event.data["approval"], approval, "it is shown as the answer showed it");
    for (number, (status, waiting)) in
        [("approved", 0), ("rejected", 0), ("pending", 1), ("approved", 0)].into_iter().enumerate()
    {
        app.clock().advance(Duration::from_secs(1));
        let answer = decide(&app, &world, &approval, status).await;
        // What changes nothing is no event.
        decide(&app, &world, &approval, status).await;
        let event = stream.next().await;
        assert_eq!(event.id, Some((number + 2).to_string()), "{status}");
        assert_eq!(event.data["approval"], answer, "{status}");
        assert_eq!(event.data["pending_approvals_count"], waiting, "{status}");
        let counts =
            json!({"task_id": world.task.id, "approvals_count": 1, "approvals_pending_count": waiting});
        assert_eq!(event.data["task_counts"], counts, "{status}");
    }
}

#[db_test]
async fn counts_are_an_object_a_list_or_absent(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let other = app.add_task(world.board.id, "other").await.id;
    let mut stream = follow(&app, &world).await;
    let count = |task: TaskId, all: i64, pending: i64| json!({"task_id": task, "approvals_count": all, "approvals_pending_count": pending});

    ask(&app, &world, &[]).await;
    let event = stream.next().await;
    assert_eq!(event.data.get("task_counts"), None, "without a task the key is not there");
    assert_eq!(event.data["pending_approvals_count"], 1);

    let first = ask(&app, &world, &[world.task.id]).await;
    let event = stream.next().await;
    assert_eq!(event.data["task_counts"], count(world.task.id, 1, 1));
    assert_eq!(event.data["pending_approvals_count"], 2, "all of the board count");

    decide(&app, &world, &first, "approved").await;
    assert_eq!(stream.next().await.data["task_counts"], count(world.task.id, 1, 0));

    ask(&app, &world, &[other, world.task.id]).await;
    let event = stream.next().await;
    assert_eq!(event.data["task_counts"], json!([count(other, 1, 1), count(world.task.id, 2, 1)]));
    assert_eq!(event.data["pending_approvals_count"], 2);
}

/// §8.5: approvals of the original that name their task without a link count as well.
#[db_test]
async fn imported_approvals_count(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let imported = crate::approvals::imported::add(&app, &world, Some(world.task.id)).await;
    let mut stream = follow(&app, &world).await;
    decide(&app, &world, &imported, "rejected").await;
    ask(&app, &world, &[world.task.id]).await;
    let events = stream.take(2).await;
    assert_eq!(events[0].data["approval"]["task_ids"], json!([world.task.id]));
    let counts = json!({"task_id": world.task.id, "approvals_count": 2, "approvals_pending_count": 1});
    assert_eq!(events[1].data["task_counts"], counts);
}

#[db_test]
async fn the_stream_shows_its_board_and_approvals_only(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut stream = follow(&app, &world).await;
    app.post(&world.owner, &approvals_of(world.other_board.id), asked(json!({}))).await.ok();
    app.patch(&world.owner, &task_of(world.board.id, world.task.id), json!({"title": "new"})).await.ok();
    let held = ask(&app, &world, &[world.task.id]).await;
    let refused = asked(json!({"task_id": world.task.id}));
    let refused = app.post(&world.owner, &approvals_of(world.board.id), refused).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    decide(&app, &world, &held, "approved").await;
    let events = stream.take(2).await;
    assert_eq!(ids(&events), [2, 3], "a task's change has a position and no event of this stream");
    assert!(events.iter().all(|event| event.data["approval"]["id"] == held["id"]));
    assert_eq!(events[0].data["task_counts"]["approvals_count"], 1);
}

#[db_test]
async fn a_stream_goes_on_where_another_one_ended(backend: Backend) {
    const APPROVALS: usize = 6;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for _ in 0..APPROVALS {
        ask(&app, &world, &[]).await;
    }
    for known in 0..=APPROVALS {
        let header = known.to_string();
        let mut stream = app.stream(&world.worker, &stream_of(&world), &[("last-event-id", &header)]).await;
        ask(&app, &world, &[]).await;
        // One more was made in each round so far, this one included.
        let missed = stream.take(APPROVALS + 1).await;
        let wanted: Vec<_> = (known as i64 + 1..=(APPROVALS + known) as i64 + 1).collect();
        assert_eq!(ids(&missed), wanted, "after {known}");
    }
}

/// The interface sends the newest `resolved_at` or `created_at` it knows, in milliseconds and with a `Z`.
#[db_test]
async fn since_takes_the_moment_itself_along(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut moments = Vec::new();
    for _ in 0..3 {
        app.clock().advance(Duration::from_secs(1));
        moments.push(app.clock().now());
        let approval = ask(&app, &world, &[]).await;
        decide(&app, &world, &approval, "approved").await;
    }
    app.clock().advance(Duration::from_secs(1));
    for (at, moment) in moments.iter().enumerate() {
        let first = 2 * at as i64 + 1;
        let in_millis = format!("{}Z", &moment.to_string()[..23]);
        for form in [moment.to_string(), in_millis] {
            let path = format!("{}?since={form}", stream_of(&world));
            let mut stream = app.stream(&world.reader, &path, &[]).await;
            assert_eq!(ids(&stream.take(6 - 2 * at).await), (first..=6).collect::<Vec<_>>(), "{form}");
        }
    }
    let path = format!("{}?since={}", stream_of(&world), moments[0]);
    let mut both = app.stream(&world.reader, &path, &[("last-event-id", "4")]).await;
    assert_eq!(ids(&both.take(2).await), [5, 6], "the exact position wins");
    for (number, since) in ["", "%20", "soon"].into_iter().enumerate() {
        let mut stream =
            app.stream(&world.reader, &format!("{}?since={since}", stream_of(&world)), &[]).await;
        ask(&app, &world, &[]).await;
        assert_eq!(ids(&[stream.next().await]), [7 + number as i64], "{since:?}: begins now");
    }
}

/// Reopening is told to whoever knows of the decision, however long ago it was.
#[db_test]
async fn reopening_reaches_who_resumes_later_than_the_decision(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let approval = ask(&app, &world, &[world.task.id]).await;
    decide(&app, &world, &approval, "approved").await;
    app.clock().advance(Duration::from_secs(3600));
    let since = app.clock().now();
    let reopened = decide(&app, &world, &approval, "pending").await;
    let mut stream = app.stream(&world.reader, &format!("{}?since={since}", stream_of(&world)), &[]).await;
    let event = stream.next().await;
    assert_eq!((&event.data["approval"], event.id.as_deref()), (&reopened, Some("3")));
}

/// Weakness 28: the newest row is not sent again and again. Time passes, streams wake up, and only news arrive.
#[db_test]
async fn nothing_is_sent_twice_to_any_of_many(backend: Backend) {
    const FOLLOWERS: usize = 40;
    const APPROVALS: usize = 20;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut followers = JoinSet::new();
    for _ in 0..FOLLOWERS {
        let mut stream = follow(&app, &world).await;
        followers.spawn(async move { (stream.take(2 * APPROVALS).await, stream) });
    }
    for _ in 0..APPROVALS {
        let approval = ask(&app, &world, &[]).await;
        app.clock().advance(Duration::from_secs(20));
        decide(&app, &world, &approval, "rejected").await;
    }
    let seen = followers.join_all().await;
    ask(&app, &world, &[]).await;
    for (events, mut stream) in seen {
        assert_eq!(ids(&events), (1..=2 * APPROVALS as i64).collect::<Vec<_>>());
        assert_eq!(stream.next().await.id, Some((2 * APPROVALS + 1).to_string()), "the next one is new");
    }
}

/// What is left of an approval that went with its task.
fn gone(approval: &Value, pending: i64) -> Value {
    json!({"type": "approval.deleted", "approval": null, "approval_id": approval["id"],
           "pending_approvals_count": pending})
}

async fn delete(app: &TestApp, world: &World, task: TaskId) {
    app.delete(&world.lead, &format!("/api/v1/agent/boards/{}/tasks/{task}", world.board.id)).await.ok();
}

#[db_test]
async fn the_end_of_an_approval_is_sent_once(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let other = app.add_task(world.board.id, "other").await.id;
    let decided = ask(&app, &world, &[world.task.id]).await;
    decide(&app, &world, &decided, "rejected").await;
    let pending = ask(&app, &world, &[world.task.id]).await;
    decide(&app, &world, &pending, "approved").await;
    let shared = ask(&app, &world, &[world.task.id, other]).await;
    let free = ask(&app, &world, &[]).await;
    let mut stream = follow(&app, &world).await;
    delete(&app, &world, world.task.id).await;
    let told = stream.take(3).await;
    assert!(told.iter().all(|event| event.event == "approval"));
    assert_eq!(ids(&told), [8, 9, 10], "after the deletion of the task");
    assert_eq!([&told[0].data, &told[1].data], [&gone(&decided, 2), &gone(&pending, 2)], "the oldest first");
    let left = &told[2].data["approval"];
    assert_eq!((&left["id"], &left["task_ids"]), (&shared["id"], &json!([other])), "about what is left");

    delete(&app, &world, other).await;
    assert_eq!(stream.next().await.data, gone(&shared, 1), "without its last task it goes as well");
    decide(&app, &world, &free, "approved").await;
    assert_eq!(stream.next().await.data["approval"]["id"], free["id"], "nothing is sent twice");
    let list = app.get(&world.reader, &approvals_of(world.board.id)).await.ok();
    assert_eq!((&list["total"], &list["items"][0]["id"]), (&json!(1), &free["id"]));
}

#[db_test]
async fn a_stream_that_is_resumed_learns_of_the_end_of_approvals(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let approval = ask(&app, &world, &[world.task.id]).await;
    delete(&app, &world, world.task.id).await;
    let kept = ask(&app, &world, &[]).await;
    // 1 asked, 2 the task, 3 the approval, 4 asked. What was before its end is left out.
    for (known, wanted) in [("0", vec![3, 4]), ("1", vec![3, 4]), ("2", vec![3, 4]), ("3", vec![4])] {
        let mut stream = app.stream(&world.reader, &stream_of(&world), &[("last-event-id", known)]).await;
        let events = stream.take(wanted.len()).await;
        assert_eq!(ids(&events), wanted, "after {known}");
        if wanted.len() == 2 {
            assert_eq!(events[0].data, gone(&approval, 1), "after {known}");
        }
        assert_eq!(events[wanted.len() - 1].data["approval"], kept, "after {known}");
    }
    let path = format!("{}?since={}", stream_of(&world), app.clock().now());
    let mut since = app.stream(&world.reader, &path, &[]).await;
    assert_eq!(ids(&since.take(2).await), [3, 4]);
}

#[db_test]
async fn a_task_without_approvals_ends_none(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut stream = follow(&app, &world).await;
    delete(&app, &world, world.task.id).await;
    let twice = task_of(world.board.id, world.task.id);
    assert_eq!(app.delete(&world.owner, &twice).await.status, StatusCode::NOT_FOUND);
    let next = ask(&app, &world, &[]).await;
    let event = stream.next().await;
    assert_eq!((&event.data["approval"], event.id.as_deref()), (&next, Some("2")));
}

#[db_test]
async fn who_reads_the_board_follows_its_approvals(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let status = async |actor: &Actor| app.stream(actor, &stream_of(&world), &[]).await.status;
    for actor in [&*world.owner, &*world.reader, &*world.lead, &*world.worker, &*world.main] {
        assert_eq!(status(actor).await, StatusCode::OK);
    }
    for actor in [&*world.admin, &*world.stranger, &*world.neighbour] {
        assert_eq!(status(actor).await, StatusCode::FORBIDDEN);
    }
    for agent in [&world.foreign_agent, &world.foreign_main] {
        assert_eq!(status(agent).await, StatusCode::NOT_FOUND, "another organization");
    }
    assert_eq!(status(&Actor::wrong_token()).await, StatusCode::UNAUTHORIZED);
    let stream = follow(&app, &world).await;
    let header = |name: &str| stream.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("x-accel-buffering"), Some("no"));
}

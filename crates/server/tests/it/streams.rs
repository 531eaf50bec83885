//! The stream of a board's tasks.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::future::join_all;
use mc_model::Clock;
use mc_model::ids::{BoardId, TaskId};
use mc_store as store;
use mc_store::WriteTx;
use mc_testkit::{Backend, EventStream, SentEvent, TestApp, World, db_test};
use serde_json::{Value, json};

use crate::tasks::{comments_of, task_of, tasks_of};

/// More than a server keeps in memory for the streams of a board.
const BEYOND_MEMORY: usize = 600;

fn stream_of(board: BoardId) -> String {
    format!("{}/stream", tasks_of(board))
}

async fn follow(app: &TestApp, world: &World) -> EventStream {
    let stream = app.stream(&world.reader, &stream_of(world.board.id), &[]).await;
    assert_eq!(stream.status, StatusCode::OK);
    stream
}

async fn resume(app: &TestApp, world: &World, after: &str) -> EventStream {
    app.stream(&world.reader, &stream_of(world.board.id), &[("last-event-id", after)]).await
}

/// One change, which makes one event.
async fn rename(app: &TestApp, world: &World, title: &str) {
    app.patch(&world.owner, &task_of(world.board.id, world.task.id), json!({"title": title})).await.ok();
}

fn ids(events: &[SentEvent]) -> Vec<i64> {
    let id = |event: &SentEvent| event.id.as_ref().and_then(|id| id.parse().ok()).expect("a position");
    events.iter().map(id).collect()
}

fn types(events: &[SentEvent]) -> Vec<&str> {
    events.iter().map(|event| event.data["type"].as_str().expect("a type")).collect()
}

#[db_test]
async fn every_change_is_sent_once_and_in_order(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut stream = follow(&app, &world).await;
    let board = world.board.id;

    let created = app.post(&world.owner, &tasks_of(board), json!({"title": "t"})).await.ok();
    let event = stream.next().await;
    assert_eq!((event.event.as_str(), event.id.as_deref()), ("task", Some("1")));
    assert_eq!(event.data["task"], created, "the event shows the task as the answer did");
    let activity = event.data["activity"].as_object().expect("an activity");
    let names: Vec<_> = activity.keys().map(String::as_str).collect();
    assert_eq!(names, ["id", "event_type", "message", "agent_id", "task_id", "created_at"]);
    assert_eq!((&activity["event_type"], &activity["task_id"]), (&json!("task.created"), &created["id"]));
    assert_eq!((&activity["agent_id"], &activity["created_at"]), (&Value::Null, &created["created_at"]));

    let task: TaskId = created["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let path = task_of(board, task);
    let edited = app.patch(&world.owner, &path, json!({"title": "new"})).await.ok();
    let event = stream.next().await;
    assert_eq!((&event.data["type"], &event.data["task"]), (&json!("task.updated"), &edited));
    let moved = app.patch(&world.worker, &path, json!({"status": "in_progress"})).await.ok();
    let event = stream.next().await;
    assert_eq!((&event.data["type"], &event.data["task"]), (&json!("task.status_changed"), &moved));
    assert_eq!(event.data["activity"]["agent_id"], json!(world.worker.agent.id));
    let comment =
        app.post(&world.worker, &comments_of(board, task), json!({"message": "hi\nthere"})).await.ok();
    let event = stream.next().await;
    assert_eq!((&event.data["type"], &event.data["comment"]), (&json!("task.comment"), &comment));
    assert_eq!(event.data.get("task"), None, "a comment comes without its task");
    app.delete(&world.owner, &path).await.ok();
    let event = stream.next().await;
    assert_eq!((&event.data["type"], &event.data["task"]), (&json!("task.deleted"), &Value::Null));
    assert_eq!(event.data["activity"]["task_id"], json!(task));
    assert_eq!(event.id.as_deref(), Some("5"), "no position is left out and none is used twice");

    let inline = json!({"status": "review", "comment": "two events"});
    app.patch(&world.worker, &task_of(board, world.task.id), inline).await.ok();
    let both = stream.take(2).await;
    assert_eq!(types(&both), ["task.comment", "task.status_changed"]);
    assert_eq!(ids(&both), [6, 7]);
}

#[db_test]
async fn a_stream_shows_its_board_only_and_nothing_that_was_refused(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut stream = follow(&app, &world).await;
    app.post(&world.owner, &tasks_of(world.other_board.id), json!({"title": "elsewhere"})).await.ok();
    let body = json!({"status": "done"});
    let refused = app.patch(&world.lead, &task_of(world.board.id, world.task.id), body).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    app.post(&world.worker, "/api/v1/agent/heartbeat", json!({})).await.ok();
    rename(&app, &world, "here").await;
    let event = stream.next().await;
    assert_eq!(event.data["task"]["title"], "here");
    assert_eq!(event.id.as_deref(), Some("2"), "the check-in has a position and no event of this stream");
}

#[db_test]
async fn the_form_is_that_of_server_sent_events(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut stream = follow(&app, &world).await;
    let header = |name: &str| stream.headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("x-accel-buffering"), Some("no"));
    app.post(&world.owner, &comments_of(world.board.id, world.task.id), json!({"message": "a\r\nb\u{2028}"}))
        .await
        .ok();
    let raw = String::from_utf8(stream.raw().await).expect("UTF-8");
    let lines: Vec<_> = raw.split("\r\n").collect();
    let [event, id, data, "", ""] = lines[..] else { panic!("not one event: {raw:?}") };
    assert_eq!((event, id), ("event: task", "id: 1"));
    assert!(data.starts_with("data: {\"type\":\"task.comment\",\"activity\":{\"id\":"), "{data}");
    assert!(!raw.replace("\r\n", "").contains(['\r', '\n']), "line ends inside: {raw:?}");
}

#[db_test]
async fn a_stream_goes_on_where_another_one_ended(backend: Backend) {
    const CHANGES: usize = 12;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut first = follow(&app, &world).await;
    for number in 0..CHANGES {
        rename(&app, &world, &number.to_string()).await;
    }
    let all = first.take(CHANGES).await;
    drop(first);
    for known in 0..=CHANGES {
        let mut stream = resume(&app, &world, &known.to_string()).await;
        rename(&app, &world, "one more").await;
        // One more was made in each round so far, this one included.
        let missed = stream.take(CHANGES + 1).await;
        let wanted: Vec<_> = (known as i64 + 1..=(CHANGES + known) as i64 + 1).collect();
        assert_eq!(ids(&missed), wanted, "after {known}");
        let old = CHANGES - known;
        let kept = |events: &[SentEvent]| {
            events.iter().map(|event| event.data["activity"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(kept(&missed[..old]), kept(&all[known..]), "after {known}");
    }
}

#[db_test]
async fn since_takes_the_moment_itself_along(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut moments = Vec::new();
    for number in 0..4 {
        app.clock().advance(Duration::from_millis(1_500));
        moments.push(app.clock().now());
        rename(&app, &world, &number.to_string()).await;
        // A second event of the same moment.
        rename(&app, &world, &format!("{number} again")).await;
    }
    app.clock().advance(Duration::from_secs(1));
    let open = async |query: String, headers: &[(&'static str, &str)]| {
        app.stream(&world.reader, &format!("{}?{query}", stream_of(world.board.id)), headers).await
    };
    for (at, moment) in moments.iter().enumerate() {
        let first = 2 * at as i64 + 1;
        for form in [format!("{moment}"), format!("{moment}Z"), format!("%20{moment}%2B00:00%20")] {
            let mut stream = open(format!("since={form}"), &[]).await;
            assert_eq!(ids(&stream.take(8 - 2 * at).await), (first..=8).collect::<Vec<_>>(), "{form}");
        }
        let just_after = moment.after(Duration::from_micros(1));
        let mut stream = open(format!("since={just_after}"), &[]).await;
        if at + 1 < moments.len() {
            assert_eq!(stream.next().await.id, Some((first + 2).to_string()), "{just_after}");
        }
    }
    let header = [("last-event-id", "6")];
    let mut both = open(format!("since={}", moments[0]), &header).await;
    assert_eq!(ids(&both.take(2).await), [7, 8], "the exact position wins");
    for since in ["", "%20", "yesterday", "2026-99-99"] {
        let mut stream = open(format!("since={since}"), &[]).await;
        assert_eq!(stream.status, StatusCode::OK, "{since}");
        rename(&app, &world, "now").await;
        assert_eq!(stream.next().await.data["task"]["title"], "now", "{since}: begins now");
    }
    let mut unreadable = open(String::new(), &[("last-event-id", "not a position")]).await;
    rename(&app, &world, "after all").await;
    assert_eq!(unreadable.next().await.data["task"]["title"], "after all");
}

#[db_test]
async fn two_hundred_followers_see_the_same(backend: Backend) {
    const FOLLOWERS: usize = 200;
    const CHANGES: usize = 30;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut streams = join_all((0..FOLLOWERS).map(|_| follow(&app, &world))).await;
    let (_, seen) = tokio::join!(
        async {
            for number in 0..CHANGES {
                rename(&app, &world, &number.to_string()).await;
            }
        },
        join_all(streams.iter_mut().map(|stream| stream.take(CHANGES)))
    );
    let first = &seen[0];
    assert_eq!(ids(first), (1..=CHANGES as i64).collect::<Vec<_>>());
    for (follower, events) in seen.iter().enumerate() {
        assert_eq!(events, first, "follower {follower}");
    }
}

/// Nothing is kept for one client. Who reads slowly reads the database, and misses nothing either.
#[db_test]
async fn a_slow_follower_catches_up(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut quick = follow(&app, &world).await;
    let mut slow = follow(&app, &world).await;
    rename(&app, &world, "the first").await;
    assert_eq!(slow.next().await.id.as_deref(), Some("1"));
    for number in 1..BEYOND_MEMORY {
        rename(&app, &world, &number.to_string()).await;
        quick.next().await;
    }
    let rest = slow.take(BEYOND_MEMORY - 1).await;
    assert_eq!(ids(&rest), (2..=BEYOND_MEMORY as i64).collect::<Vec<_>>());
    let mut from_the_start = resume(&app, &world, "0").await;
    assert_eq!(
        ids(&from_the_start.take(BEYOND_MEMORY).await),
        (1..=BEYOND_MEMORY as i64).collect::<Vec<_>>()
    );
    rename(&app, &world, "live again").await;
    for stream in [&mut slow, &mut from_the_start] {
        assert_eq!(stream.next().await.data["task"]["title"], "live again");
    }
}

/// Writers at work while clients come, go and resume: everybody's pieces make the whole.
#[db_test]
async fn clients_that_reconnect_under_load_miss_and_repeat_nothing(backend: Backend) {
    const CHANGES: usize = 120;
    const CLIENTS: usize = 8;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let client = async |number: usize| {
        let (mut seen, mut last) = (Vec::new(), "0".to_owned());
        while seen.len() < CHANGES {
            let mut stream = resume(&app, &world, &last).await;
            // Each takes a piece of another size before it hangs up.
            let piece = stream.take((number * 5 + 3).min(CHANGES - seen.len())).await;
            last = piece.last().and_then(|event| event.id.clone()).expect("a position");
            seen.extend(ids(&piece));
        }
        seen
    };
    let writer = async |_: usize| {
        for number in 0..CHANGES / 4 {
            rename(&app, &world, &number.to_string()).await;
        }
    };
    let (_, seen) = tokio::join!(join_all((0..4).map(writer)), join_all((0..CLIENTS).map(client)));
    for (number, seen) in seen.into_iter().enumerate() {
        assert_eq!(seen, (1..=CHANGES as i64).collect::<Vec<_>>(), "client {number}");
    }
}

#[db_test]
async fn streams_end_with_the_server(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut streams = join_all((0..5).map(|_| follow(&app, &world))).await;
    rename(&app, &world, "the last").await;
    assert_eq!(streams[0].next().await.id.as_deref(), Some("1"));
    app.shut_down();
    assert_eq!(streams[0].rest().await, []);
    for stream in &mut streams[1..] {
        stream.rest().await;
    }
    tokio::time::timeout(Duration::from_secs(60), app.services().stopped())
        .await
        .expect("no work is left behind");
}

#[db_test]
async fn a_follower_outlives_its_board(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut stream = follow(&app, &world).await;
    rename(&app, &world, "the last").await;
    assert_eq!(stream.next().await.data["type"], "task.updated");
    let organization = world.organization.id;
    app.seed(async |tx: &mut WriteTx| store::organizations::delete(tx, organization).await).await;
    let gone = app.get(&world.stranger, &stream_of(world.board.id)).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND, "{gone}");
    app.shut_down();
    assert_eq!(stream.rest().await, []);
}

//! Whole plays.

use std::collections::HashSet;

use mc_testkit::{Backend, TestDatabase, db_test};
use serde_json::Value;

use super::super::seed;
use super::{Place, has_status, never};

/// What was decided of a task, in the order in which it was shown.
fn decisions<'a>(lines: &'a [Value], task: &Value) -> Vec<(&'a str, &'a Value)> {
    let of_task = lines.iter().filter(|line| line["task_id"] == *task);
    of_task
        .filter_map(|line| Some((line["event"].as_str()?.strip_prefix("approval.")?, &line["agent_id"])))
        .collect()
}

/// Whether a task is done, and the approval of it was shown as well: tasks and approvals come by streams of their own,
/// of which now the one and now the other is ahead.
fn is_approved_and_done(lines: &[Value]) -> bool {
    let is_approved = |task: &Value| decisions(lines, task).iter().any(|(what, _)| *what == "approved");
    lines.iter().any(|line| line["status"] == "done" && is_approved(&line["task_id"]))
}

/// The server runs first and the demo writes from a store of its own, as another process does.
#[db_test]
async fn agents_bring_a_task_to_review_and_the_lead_accepts_it(backend: Backend) {
    let database = TestDatabase::new(backend).await;
    let place = Place::on(&database, "0");
    let server = place.serve().await;
    let seed = seed::seed(&place.settings).await.expect("seeded");

    let (played, lines) = place.play_until(&server.url, &seed, is_approved_and_done).await;

    let summary = played.expect("it goes well");
    assert_eq!((summary.refused, summary.deeds > 8), (0, true), "{summary:?}");
    let approved = |line: &&Value| line["status"] == "done" && decisions(&lines, &line["task_id"]).len() > 1;
    let task = &lines.iter().find(approved).expect("a line")["task_id"];
    assert!(seed.tasks.iter().any(|seeded| *task == seeded.id.to_string()), "a task that was seeded");
    let path: Vec<(&str, &str)> = lines
        .iter()
        .filter(|line| line["task_id"] == *task && line["event"] == "task.status_changed")
        .map(|line| (line["status"].as_str().expect("text"), role(&seed, line)))
        .collect();
    assert_eq!(path.last(), Some(&("done", "lead")));
    assert!(path.contains(&("review", "worker")), "{path:?}");
    let decided: Vec<(&str, bool)> = decisions(&lines, task)
        .into_iter()
        .map(|(what, agent)| (what, *agent == seed.lead.id.to_string()))
        .collect();
    // An event shows the approval as it is when the event is sent, so a quick decision may stand in both.
    assert_eq!(decided.last(), Some(&("approved", false)), "a person decides");
    assert!(
        decided.iter().all(|(what, is_lead)| (*what == "pending") == *is_lead),
        "the lead asks: {decided:?}"
    );
    let addressed = |line: &&Value| line["message"].as_str().is_some_and(|said| said.starts_with("@lead "));
    assert!(lines.iter().filter(addressed).any(|line| role(&seed, line) == "worker"));
    let reported = |line: &&Value| line["task_id"] == *task && line["event"] == "task.comment";
    assert!(lines.iter().filter(reported).any(|line| role(&seed, line) == "worker"));
    let checked_in: HashSet<String> = lines
        .iter()
        .filter(|line| line["event"] == "agent.heartbeat")
        .map(|line| line["agent_id"].to_string())
        .collect();
    assert_eq!(checked_in.len(), 4, "lead, two workers, main");
    server.stop().await;
}

#[tokio::test]
async fn a_task_is_started_once_the_one_it_waits_for_is_done() {
    const TITLE: &str = "Measure how long the payment page takes";
    let database = TestDatabase::new(Backend::Sqlite).await;
    let place = Place::on(&database, "0");
    let server = place.serve().await;
    let seed = seed::seed(&place.settings).await.expect("seeded");
    let first = seed.tasks[3].id.to_string();
    let second = seed.tasks.iter().find(|task| task.title == TITLE).expect("seeded").id.to_string();

    let started = |line: &Value| line["title"] == TITLE && line["status"] == "in_progress";
    let (played, lines) = place.play_until(&server.url, &seed, move |lines| lines.iter().any(started)).await;

    assert_eq!(played.expect("it goes well").refused, 0);
    let moved = |task: &str, status: &str| {
        lines.iter().position(|line| line["task_id"] == task && line["status"] == status).expect("it moved")
    };
    assert!(moved(&first, "done") < moved(&second, "in_progress"));
    server.stop().await;
}

fn role(seed: &mc_service::demo::DemoSeed, line: &Value) -> &'static str {
    match line["agent_id"].as_str() {
        Some(id) if id == seed.lead.id.to_string() => "lead",
        Some(id) if seed.workers.iter().any(|worker| worker.id.to_string() == id) => "worker",
        _ => "nobody",
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it_and_the_play_goes_on() {
    let database = TestDatabase::new(Backend::Sqlite).await;
    // Two requests in a second are one too many, and no machine is so busy that the agents never make two.
    let place = Place::on(&database, "1/1");
    let server = place.serve().await;
    let seed = seed::seed(&place.settings).await.expect("seeded");

    let paused =
        |line: &Value| line["message"].as_str().is_some_and(|note| note.contains("RATE_LIMIT_AGENT_AUTH"));
    let enough = move |lines: &[Value]| has_status("in_progress")(lines) && lines.iter().any(paused);
    let (played, lines) = place.play_until(&server.url, &seed, enough).await;

    assert_eq!(played.expect("it goes well").refused, 0);
    let notes: Vec<&str> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
    assert!(notes.iter().any(|note| note.contains("pause of 1 s")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("RATE_LIMIT_AGENT_AUTH=200/1")), "{notes:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_on_another_database_is_told_apart() {
    let (one, two) = (TestDatabase::new(Backend::Sqlite).await, TestDatabase::new(Backend::Sqlite).await);
    let (here, there) = (Place::on(&one, "0"), Place::on(&two, "0"));
    let server = there.serve().await;
    let seed = seed::seed(&here.settings).await.expect("seeded");

    // Another data folder, so another sign-in token; then the right token, and still another database.
    let (stranger, _) = here.play_until(&server.url, &seed, never).await;
    let (guest, _) = there.play_until(&server.url, &seed, never).await;

    let (stranger, guest) =
        (stranger.expect_err("refused").to_string(), guest.expect_err("refused").to_string());
    assert!(stranger.contains("sign-in token") && stranger.contains("DATA_DIR"), "{stranger}");
    assert!(guest.contains("does not know the demo board") && guest.contains("DATABASE_URL"), "{guest}");
    server.stop().await;
}

#[tokio::test]
async fn agents_whose_demo_was_replaced_stop_with_a_reason() {
    let database = TestDatabase::new(Backend::Sqlite).await;
    let place = Place::on(&database, "0");
    let server = place.serve().await;
    let mut seed = seed::seed(&place.settings).await.expect("seeded");
    let newer = seed::seed(&place.settings).await.expect("seeded again");
    assert_eq!(newer.replaced, 1);
    seed.board_id = newer.board_id;

    let (played, _) = place.play_until(&server.url, &seed, never).await;

    let error = played.expect_err("the tokens are unknown").to_string();
    assert!(error.contains("does not know the agents"), "{error}");
    server.stop().await;
}

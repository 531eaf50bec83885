//! Whole plays.

use mc_testkit::{Backend, TestDatabase, db_test};
use serde_json::Value;

use super::super::seed;
use super::Place;

/// The server runs first and the demo writes from a store of its own, as another process does.
#[db_test]
async fn agents_bring_a_task_to_review_and_the_lead_accepts_it(backend: Backend) {
    let database = TestDatabase::new(backend).await;
    let place = Place::on(&database, "0");
    let server = place.serve().await;
    let seed = seed::seed(&place.settings).await.expect("seeded");

    let (played, lines) = place.play_until(&server.url, &seed, "\"status\":\"done\"").await;

    let summary = played.expect("it goes well");
    assert_eq!((summary.refused, summary.deeds > 8), (0, true), "{summary:?}");
    let done = lines.last().expect("lines");
    let task = done["task_id"].as_str().expect("a task");
    assert!(seed.tasks.iter().any(|seeded| seeded.id.to_string() == task), "a task that was seeded");
    let path: Vec<(&str, &str)> = lines
        .iter()
        .filter(|line| line["task_id"] == task && line["event"] == "task.status_changed")
        .map(|line| (line["status"].as_str().expect("text"), role(&seed, line)))
        .collect();
    assert_eq!(path.last(), Some(&("done", "lead")));
    assert!(path.contains(&("review", "worker")), "{path:?}");
    let decisions: Vec<(&str, &str)> = lines
        .iter()
        .filter(|line| line["task_id"] == task)
        .filter_map(|line| Some((line["event"].as_str()?.strip_prefix("approval.")?, role(&seed, line))))
        .collect();
    assert_eq!(decisions, [("pending", "lead"), ("approved", "nobody")], "a person decides");
    let addressed = |line: &&Value| line["message"].as_str().is_some_and(|said| said.starts_with("@lead "));
    assert!(lines.iter().filter(addressed).any(|line| role(&seed, line) == "worker"));
    let reported = |line: &&Value| line["task_id"] == task && line["event"] == "task.comment";
    assert!(lines.iter().filter(reported).any(|line| role(&seed, line) == "worker"));
    let checked_in = lines.iter().filter(|line| line["event"] == "agent.heartbeat").count();
    assert_eq!(checked_in, 4, "lead, two workers, main");
    server.stop().await;
}

#[tokio::test]
async fn a_task_is_started_once_the_one_it_waits_for_is_done() {
    // Keys come in the order in which the demo writes them.
    const LAST: &str = "\"title\":\"Measure how long the payment page takes\",\"status\":\"in_progress\"";
    let database = TestDatabase::new(Backend::Sqlite).await;
    let place = Place::on(&database, "0");
    let server = place.serve().await;
    let seed = seed::seed(&place.settings).await.expect("seeded");
    let title = "Measure how long the payment page takes";
    let first = seed.tasks[3].id.to_string();
    let second = seed.tasks.iter().find(|task| task.title == title).expect("seeded").id.to_string();

    let (played, lines) = place.play_until(&server.url, &seed, LAST).await;

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
    let place = Place::on(&database, "3/1");
    let server = place.serve().await;
    let seed = seed::seed(&place.settings).await.expect("seeded");

    let (played, lines) = place.play_until(&server.url, &seed, "\"status\":\"in_progress\"").await;

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
    let (stranger, _) = here.play_until(&server.url, &seed, "never").await;
    let (guest, _) = there.play_until(&server.url, &seed, "never").await;

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

    let (played, _) = place.play_until(&server.url, &seed, "never").await;

    let error = played.expect_err("the tokens are unknown").to_string();
    assert!(error.contains("does not know the agents"), "{error}");
    server.stop().await;
}

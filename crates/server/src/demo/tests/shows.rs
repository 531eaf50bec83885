//! What people see.

use std::sync::Arc;

use mc_model::ids::{AgentId, TaskId};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::scene::{Scene, SeenTask};
use super::super::show::{Show, Style};
use super::{Tape, never};

fn show(style: Style) -> (Show, Tape) {
    let tape = Tape { text: Arc::default(), enough: Arc::new(never), stop: CancellationToken::new() };
    (Show::new(style, Box::new(tape.clone())), tape)
}

fn scene(title: &str, status: &str) -> Scene {
    let mut scene = Scene::default();
    let task = json!({"id": TaskId::generate(), "title": title, "status": status, "updated_at": "1",
                      "assigned_agent_id": null});
    scene.see(serde_json::from_value::<SeenTask>(task).expect("a task"), Instant::now());
    scene
}

fn text(tape: &Tape) -> String {
    String::from_utf8(tape.text.lock().expect("no panic").clone()).expect("text")
}

#[tokio::test]
async fn the_table_is_drawn_over_the_last_one_and_the_cursor_comes_back() {
    let (mut show, tape) = show(Style::Live);
    show.hint(&["a limit".to_owned()]);
    show.draw(&scene("first", "in_progress"), Instant::now());
    let first = text(&tape);
    assert!(first.contains("in progress") && first.contains("first") && first.contains("a limit"), "{first}");
    let lines = first.matches('\n').count();

    show.note("said");
    show.draw(&scene("second", "done"), Instant::now());
    drop(show);

    let rest = text(&tape).split_off(first.len());
    assert!(rest.contains(&format!("\u{1b}[{lines}F\u{1b}[J")), "{rest:?}");
    assert!(rest.contains("second") && rest.contains("said") && !rest.contains("first"), "{rest:?}");
    assert!(rest.ends_with("\u{1b}[?25h\n"), "{rest:?}");
}

#[tokio::test]
async fn a_title_cannot_steer_the_terminal() {
    let (mut show, tape) = show(Style::Live);
    show.draw(&scene("a\u{1b}[2Jb\nc\u{7}", "inbox"), Instant::now());
    assert!(text(&tape).contains("a [2Jb c "), "{:?}", text(&tape));
}

#[tokio::test]
async fn the_table_tells_what_keeps_a_task_from_going_on() {
    let (mut show, tape) = show(Style::Live);
    let (first, lead) = (TaskId::generate(), AgentId::generate());
    let task = |id: TaskId, title: &str, status: &str, after: &[TaskId]| {
        json!({"id": id, "title": title, "status": status, "updated_at": "1", "assigned_agent_id": null,
               "depends_on_task_ids": after})
    };
    let mut scene = Scene::default();
    let items = [task(first, "first", "review", &[]), task(TaskId::generate(), "second", "inbox", &[first])];
    scene.see_page(&json!({"items": items}), Instant::now());
    for (status, resolved_at) in [("pending", None), ("approved", Some("2"))] {
        let event = json!({"approval": {"id": TaskId::generate(), "status": status, "agent_id": lead,
            "task_ids": [first], "task_titles": ["first"], "created_at": "1", "resolved_at": resolved_at}});
        show.happened(&scene.see_event(&event, Instant::now()).expect("known"));
        show.draw(&scene, Instant::now());
    }
    let text = text(&tape);
    for wanted in ["asks you", "blocked", "approval asked: first", "approved: first"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(text.contains("you  ") && text.contains("approved     "), "{text}");
}

#[tokio::test]
async fn lines_come_one_by_one_and_carry_long_notes_whole() {
    let (mut show, tape) = show(Style::Lines);
    let long = "x".repeat(200);
    show.note(&long);
    show.checked_in(AgentId::generate());
    show.draw(&scene("t", "inbox"), Instant::now());
    let text = text(&tape);
    assert_eq!(text.lines().count(), 2, "no table: {text}");
    assert!(text.contains(&long) && text.contains("checked in"), "{text}");
}

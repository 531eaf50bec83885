//! What is left of a task's changes: the rows of the feed (tasks spec §3.5), who counts as its last worker (§3.3), and
//! nothing at all after its end (§1.4).

use std::time::Duration;

use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::AgentId;
use mc_model::task::{Task, TaskStatus};
use mc_testkit::{Actor, Backend, TestAgent, TestApp, World, db_test, raw};
use serde_json::{Value, json};

use super::{agent_tasks_of, task_of, tasks_of};
use crate::everything::{Everything, Ids, mentioning};
use crate::recorded::recorded;

/// How many rows of the feed are of this type and name the task and its board.
async fn rows_of(app: &TestApp, event: &str) -> String {
    let rows = format!(
        "SELECT count(*) FROM activity_events WHERE event_type = '{event}' AND board_id IS NOT NULL \
         AND task_id IS NOT NULL"
    );
    raw::text(app.database().url(), &rows).await
}

#[db_test]
async fn a_creation_is_one_row_of_who_created(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    app.post(&world.owner, &tasks_of(world.board.id), json!({"title": "By a person"})).await.ok();
    let by_lead = json!({"title": "By the lead"});
    let task = app.post(&world.lead, &agent_tasks_of(world.board.id), by_lead).await.ok();
    assert_eq!(rows_of(&app, "task.created").await, "2");
    let rows = recorded(&app, "task.created").await;
    let found = |title: &str| {
        let row = rows.iter().find(|row| row.message.ends_with(title)).expect("a row");
        (row.user_id, row.agent_id)
    };
    assert_eq!(found("By a person"), (Some(world.owner.user.id.0), None));
    assert_eq!(found("By the lead"), (None, Some(world.lead.agent.id.0)));
    let id = task["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    let reader = app.store().reader();
    let stored: Option<Task> = mc_store::tasks::on_board(reader, world.board.id, id).await.expect("readable");
    let stored = stored.expect("it is there");
    let reason = format!("lead_agent:{}", world.lead.agent.id);
    assert_eq!((stored.auto_created, stored.auto_reason), (true, Some(reason)));
}

/// Weakness 22: from, to and actor are stored as such, so nobody has to read them out of a sentence.
#[db_test]
async fn a_move_is_one_row_with_both_states_and_everything_else_is_an_update(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    // A title that looks like the sentence itself.
    let title = "Moved from review to done: x";
    for (actor, body) in [
        (&*world.owner, json!({"title": title})),
        (&*world.worker, json!({"status": "in_progress"})),
        (&*world.worker, json!({"status": "in_progress"})),
        (&*world.owner, json!({})),
        (&*world.lead, json!({"tag_ids": []})),
        (&*world.worker, json!({"status": "review", "comment": "here"})),
    ] {
        app.clock().advance(Duration::from_secs(1));
        app.patch(actor, &path, body).await.ok();
    }
    let moves = recorded(&app, "task.status_changed").await;
    let found: Vec<_> =
        moves.iter().map(|row| (&row.data["from"], &row.data["to"], row.agent_id, row.user_id)).collect();
    let worker = Some(world.worker.agent.id.0);
    let (inbox, running, review) = (json!("inbox"), json!("in_progress"), json!("review"));
    assert_eq!(found, [(&inbox, &running, worker, None), (&running, &review, worker, None)]);
    for (row, status) in moves.iter().zip(["in_progress", "review"]) {
        assert!(row.message.contains(status) && row.message.ends_with(title), "{}", row.message);
        assert!(row.request_id.is_some());
    }
    let updates = recorded(&app, "task.updated").await;
    let found: Vec<_> =
        updates.iter().map(|row| (row.data["fields"].clone(), row.agent_id, row.user_id)).collect();
    let (owner, lead) = (Some(world.owner.user.id.0), Some(world.lead.agent.id.0));
    let wanted = [
        (json!(["title"]), None, owner),
        (json!(["status"]), worker, None),
        (json!([]), None, owner),
        (json!(["tag_ids"]), lead, None),
    ];
    assert_eq!(found, wanted);
    let counts = [("task.status_changed", "2"), ("task.updated", "4"), ("task.comment", "1")];
    for (event, count) in counts {
        assert_eq!(rows_of(&app, event).await, count, "{event}: each row names the task and its board");
    }
}

// ---- the last worker ------------------------------------------------------------------------------------------

/// A task in review; and the rows of those who are said to have moved it there, oldest first.
async fn in_review(app: &TestApp, world: &World, said: &[(&str, Option<AgentId>)]) -> String {
    let task = app.add_task_with(world.board.id, "t", TaskStatus::Review, None).await;
    for (message, agent) in said {
        app.clock().advance(Duration::from_secs(1));
        let row = async |tx: &mut mc_store::WriteTx| {
            tx.activity(NewActivity::new(kind::TASK_STATUS_CHANGED, *message).task(task.id).agent(*agent));
            Ok(())
        };
        app.store().write(Scope::Board(world.board.id), None, row).await.expect("the row is valid");
    }
    task_of(world.board.id, task.id)
}

/// Who gets the task when the lead sends it back.
async fn sent_back(app: &TestApp, lead: &Actor, path: &str) -> Value {
    let after = app.patch(lead, path, json!({"status": "inbox"})).await.ok();
    assert_eq!(after["status"], "inbox");
    after["assigned_agent_id"].clone()
}

/// Rows of an imported database say so in a sentence only.
#[db_test]
async fn the_last_worker_of_an_imported_task_is_read_from_the_sentence(backend: Backend) {
    const MOVED: &str = "Task moved to review: t";
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (worker, lead) = (world.worker.agent.id, world.lead.agent.id);
    for (said, wanted) in [
        (vec![(MOVED, Some(worker))], json!(worker)),
        (vec![(MOVED, Some(worker)), ("Task moved to done: t", Some(worker))], json!(worker)),
        (vec![(MOVED, Some(worker)), (MOVED, Some(lead)), (MOVED, None)], json!(worker)),
        (vec![("Task moved to inbox: Task moved to review: t", Some(worker))], Value::Null),
        (vec![(MOVED, Some(lead))], Value::Null),
        (vec![], Value::Null),
    ] {
        let path = in_review(&app, &world, &said).await;
        assert_eq!(sent_back(&app, &world.lead, &path).await, wanted, "{said:?}");
    }
}

/// Two workers moved the task to review, the second one last; then `ends` happen to the second one. Gives both.
async fn moved_by_two(
    app: &TestApp,
    world: &World,
    name: &str,
    ends: &[&str],
) -> (TestAgent, TestAgent, String) {
    let board = Some(world.board.id);
    let first = app.add_agent(world.gateway, board, "Ada", false).await;
    let second = app.add_agent(world.gateway, board, name, false).await;
    let task = app.add_task(world.board.id, "t").await;
    let path = task_of(world.board.id, task.id);
    for worker in [&first, &second] {
        app.clock().advance(Duration::from_secs(1));
        app.patch(&world.owner, &path, json!({"status": "inbox"})).await.ok();
        app.patch(worker, &path, json!({"status": "in_progress"})).await.ok();
        app.patch(worker, &path, json!({"status": "review"})).await.ok();
    }
    for end in ends {
        raw::text(app.database().url(), &format!("{end} RETURNING name")).await;
    }
    (first, second, path)
}

#[db_test]
async fn who_left_the_board_is_no_last_worker(backend: Backend) {
    const MOVE: &str =
        "UPDATE agents SET board_id = (SELECT id FROM boards WHERE name = 'Support') WHERE name = 'Moved'";
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (name, end) in [("Gone", "DELETE FROM agents WHERE name = 'Gone'"), ("Moved", MOVE)] {
        let (first, _, path) = moved_by_two(&app, &world, name, &[end]).await;
        let found = sent_back(&app, &world.lead, &path).await;
        assert_eq!(found, json!(first.agent.id), "{name}: the one before");
    }
}

#[db_test]
async fn a_worker_that_became_the_lead_is_no_last_worker(backend: Backend) {
    const ENDS: [&str; 2] = [
        "UPDATE agents SET is_board_lead = FALSE WHERE name = 'Lead'",
        "UPDATE agents SET is_board_lead = TRUE WHERE name = 'Promoted'",
    ];
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (first, second, path) = moved_by_two(&app, &world, "Promoted", &ENDS).await;
    assert_eq!(sent_back(&app, &second, &path).await, json!(first.agent.id));
}

// ---- the end --------------------------------------------------------------------------------------------------

/// §1.4: the task goes with everything that belongs to it, in whatever table. The log keeps that it was there.
#[db_test]
async fn of_a_deleted_task_no_table_keeps_a_row(backend: Backend) {
    const LOG: [&str; 2] = ["events", "idempotency_keys"];
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let kept = app.add_task(world.board.id, "kept").await;
    let everything = Everything::of(&app).await;
    let own = Ids::from([
        ("organizations".to_owned(), vec![world.organization.id.0]),
        ("users".to_owned(), vec![world.owner.user.id.0]),
        ("organization_members".to_owned(), vec![world.owner.member.id.0]),
        ("boards".to_owned(), vec![world.board.id.0]),
        ("gateways".to_owned(), vec![world.gateway.0]),
        ("agents".to_owned(), vec![world.worker.agent.id.0]),
        ("tasks".to_owned(), vec![world.task.id.0, kept.id.0]),
    ]);
    everything.fill("ours", own).await;
    // The rows are made of anything: the log has a place already that the board does not know of.
    let known = "UPDATE boards SET event_seq = 1000 WHERE name = 'Launch' RETURNING name";
    raw::text(app.database().url(), known).await;
    let of_task = async || {
        let rows = mentioning(&everything.rows().await, [world.task.id.0]);
        rows.into_iter().filter(|(table, _)| !LOG.contains(&table.as_str())).collect::<Vec<_>>()
    };
    let before = of_task().await;
    for table in [
        "tasks",
        "activity_events",
        "approvals",
        "approval_task_links",
        "tag_assignments",
        "task_comment_mentions",
        "task_custom_field_values",
        "task_dependencies",
        "task_fingerprints",
    ] {
        assert!(before.iter().any(|(of, _)| of == table), "{table} has a row of the task at first");
    }
    app.delete(&world.owner, &task_of(world.board.id, world.task.id)).await.ok();
    let mut left = of_task().await;
    left.retain(|(table, row)| !(table == "activity_events" && row.contains("task.deleted")));
    assert_eq!(left, [], "rows of a task that is gone");
    let kept = app.get(&world.owner, &task_of(world.board.id, kept.id)).await;
    assert_eq!(kept.ok()["title"], "kept");
}

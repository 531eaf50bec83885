//! Waking an agent is not seeing it (weakness 20): an assignment asks for a wake-up and changes nothing of its presence.

use mc_model::agent::{Agent, status};
use mc_model::ids::AgentId;
use mc_store as store;
use mc_testkit::{Backend, TestApp, World, db_test};
use serde_json::{Value, json};

use super::notices::told;
use super::{task_of, tasks_of};
use crate::recorded::recorded;

/// A worker of the world's board that was never seen, or not for long.
async fn sleeper(app: &TestApp, world: &World) -> Agent {
    let agent = Agent {
        id: AgentId::generate(),
        name: "Sleeper".to_owned(),
        status: status::OFFLINE.to_owned(),
        last_seen_at: None,
        openclaw_session_id: None,
        ..world.worker.agent.clone()
    };
    app.seed(async |tx| store::agents::insert(tx, &agent, "sha256$nobody").await).await;
    agent
}

#[db_test]
async fn an_assignment_wakes_and_does_not_pretend_to_have_seen(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let sleeper = sleeper(&app, &world).await;
    let (path, id) = (task_of(world.board.id, world.task.id), json!(sleeper.id));
    let wake = |kind: &str, reason: &str| (kind.to_owned(), id.clone(), json!(reason));

    app.patch(&world.lead, &path, json!({"assigned_agent_id": id})).await.ok();
    assert_eq!(told(&app).await, [wake("TASK ASSIGNED", "assignment")]);
    app.patch(&world.owner, &path, json!({"status": "in_progress"})).await.ok();
    assert_eq!(told(&app).await, [wake("TASK STARTED", "status_in_progress")]);
    let body = json!({"title": "t", "assigned_agent_id": id});
    app.post(&world.owner, &tasks_of(world.other_board.id), json!({"title": "elsewhere"})).await.ok();
    app.post(&world.owner, &tasks_of(world.board.id), body).await.ok();
    let (kind, to, reason) = told(&app).await.pop().expect("a notice");
    assert_eq!((kind, to, reason), wake("TASK ASSIGNED", "assignment"));

    let stored = app.seed(async |tx| store::agents::own(tx, sleeper.id).await).await;
    assert_eq!(stored, Some(sleeper), "as it was: offline, and never seen");
    for event in ["agent.heartbeat", "task.assignee_woken"] {
        assert!(recorded(&app, event).await.is_empty(), "{event}: nobody woke up yet");
    }
}

/// What does not wake says so: the gateway delivers it without starting a session.
#[db_test]
async fn a_mention_a_comment_and_a_return_wake_nobody(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    app.patch(&world.worker, &path, json!({"status": "in_progress"})).await.ok();
    for (body, kind) in [
        (json!({"comment": "@worker go on"}), "TASK MENTION"),
        (json!({"comment": "go on"}), "NEW TASK COMMENT"),
        (json!({"status": "inbox"}), "TASK BACK IN INBOX"),
    ] {
        app.patch(&world.owner, &path, body).await.ok();
        let told: Vec<_> = told(&app).await.into_iter().map(|(kind, _, wake)| (kind, wake)).collect();
        assert_eq!(told, [(kind.to_owned(), Value::Null)]);
    }
}

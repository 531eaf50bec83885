//! Many agents, one task.

use axum::http::StatusCode;
use futures_util::future::join_all;
use mc_model::event::kind;
use mc_testkit::{Backend, TestApp, db_test};
use serde_json::{Value, json};

use crate::tasks::{task_of, tasks_of};

#[db_test]
async fn of_fifty_agents_that_claim_a_task_one_gets_it(backend: Backend) {
    const AGENTS: usize = 50;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        agents.push(
            app.add_agent(world.gateway, Some(world.board.id), &format!("Agent {number}"), false).await,
        );
    }
    let path = task_of(world.board.id, world.task.id);
    let mut stream = app.stream(&world.owner, &format!("{}/stream", tasks_of(world.board.id)), &[]).await;
    let claim = async |agent| app.patch(agent, &path, json!({"status": "in_progress"})).await;
    let answers = join_all(agents.iter().map(|agent| claim(&agent.actor))).await;
    let mut winners = Vec::new();
    for (agent, answer) in agents.iter().zip(&answers) {
        if answer.status == StatusCode::OK {
            winners.push(agent.agent.id);
            assert_eq!(answer.json()["assigned_agent_id"], json!(agent.agent.id));
        } else {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer}");
            assert_eq!(answer.json()["detail"]["code"], "task_assignee_mismatch", "{answer}");
        }
    }
    assert_eq!(winners.len(), 1, "winners: {winners:?}");
    let task = &app.get(&world.owner, &tasks_of(world.board.id)).await.ok()["items"][0];
    assert_eq!((&task["assigned_agent_id"], &task["status"]), (&json!(winners[0]), &json!("in_progress")));
    // A change by the owner ends the wait: all that was announced before it are claims.
    app.patch(&world.owner, &path, json!({"title": "over"})).await.ok();
    let announced = stream.take(2).await;
    assert_eq!(announced[0].data["type"], kind::TASK_STATUS_CHANGED);
    assert_eq!(announced[0].data["activity"]["agent_id"], json!(winners[0]));
    assert_eq!(announced[1].data["type"], kind::TASK_UPDATED);
}

#[db_test]
async fn a_task_that_is_claimed_and_deleted_at_once_is_gone(backend: Backend) {
    const ROUNDS: usize = 20;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for round in 0..ROUNDS {
        let task = app.add_task(world.board.id, "contested").await;
        let path = task_of(world.board.id, task.id);
        let claim = app.patch(&world.worker, &path, json!({"status": "in_progress"}));
        let delete = app.delete(&world.owner, &path);
        // Who is asked first differs from round to round.
        let (claimed, deleted) = if round % 2 == 0 {
            tokio::join!(claim, delete)
        } else {
            let (deleted, claimed) = tokio::join!(delete, claim);
            (claimed, deleted)
        };
        assert_eq!(deleted.status, StatusCode::OK, "{deleted}");
        assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&claimed.status), "{claimed}");
    }
    let list = app.get(&world.owner, &tasks_of(world.board.id)).await.ok();
    assert_eq!(list["total"], 1, "only the one that was there before");
}

/// Two people who press the same button: one task, one history, no error.
#[db_test]
async fn simultaneous_edits_of_a_task_all_count(backend: Backend) {
    const EDITORS: usize = 24;
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let path = task_of(world.board.id, world.task.id);
    let edits = (0..EDITORS).map(async |number| {
        let body = match number % 3 {
            0 => json!({"priority": format!("p{number}")}),
            1 => json!({"description": format!("d{number}")}),
            _ => json!({"due_at": "2030-01-01"}),
        };
        app.patch(&world.owner, &path, body).await.ok()
    });
    join_all(edits).await;
    let task = app.patch(&world.owner, &path, json!({})).await.ok();
    assert!(task["priority"].as_str().is_some_and(|text| text.starts_with('p')), "{task}");
    assert!(task["description"].as_str().is_some_and(|text| text.starts_with('d')), "{task}");
    assert_ne!(task["due_at"], Value::Null, "no editor undid what another one did");
}

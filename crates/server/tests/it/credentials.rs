//! Which of two sets of credentials counts (tasks spec §0), and how often an agent's are counted (weakness 6).

use axum::http::{HeaderValue, Method, StatusCode};
use mc_testkit::app::request;
use mc_testkit::{Actor, Answer, Backend, TestApp, World, db_test};
use serde_json::{Value, json};

use crate::approvals::{approvals_of, asked};
use crate::tasks::{agent_tasks_of, comments_of, task_of, tasks_of};

/// Sends a request of `person` with an agent's token beside the bearer.
async fn with_agent_token(
    app: &TestApp,
    person: &Actor,
    token: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let mut request = request(person, method, path, body);
    let value = HeaderValue::from_str(token).expect("a header value");
    request.headers_mut().insert("x-agent-token", value);
    app.send(request).await
}

/// What people and agents share: method, path and a body that both may send.
fn shared(world: &World) -> Vec<(Method, String, Option<Value>)> {
    let (board, task) = (world.board.id, world.task.id);
    vec![
        (Method::GET, tasks_of(board), None),
        (Method::GET, task_of(board, task), None),
        (Method::GET, format!("{}/stream", tasks_of(board)), None),
        (Method::PATCH, task_of(board, task), Some(json!({"comment": "x"}))),
        (Method::GET, comments_of(board, task), None),
        (Method::POST, comments_of(board, task), Some(json!({"message": "x"}))),
        (Method::GET, approvals_of(board), None),
        (Method::GET, format!("{}/stream", approvals_of(board)), None),
        (Method::POST, approvals_of(board), Some(asked(json!({})))),
    ]
}

#[db_test]
async fn with_an_agents_header_nobody_but_the_agent_is_asked(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    for (method, path, body) in shared(&world) {
        for token in ["x", "a-token-that-nobody-has"] {
            let answer =
                with_agent_token(&app, &world.owner, token, method.clone(), &path, body.clone()).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} {token:?}: {answer}");
        }
    }
    // The agent is who acts, whatever the person beside it may do.
    let path = comments_of(world.board.id, world.task.id);
    let (token, body) = (&world.worker.token, Some(json!({"message": "x"})));
    let comment = with_agent_token(&app, &world.owner, token, Method::POST, &path, body).await.ok();
    assert_eq!(comment["agent_id"], json!(world.worker.agent.id));
    let (path, body) = (task_of(world.board.id, world.task.id), Some(json!({"title": "x"})));
    let answer = with_agent_token(&app, &world.owner, token, Method::PATCH, &path, body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer}");
}

#[db_test]
async fn an_agents_token_is_as_good_as_a_bearer(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let bearer = Actor::bearer(&world.worker.token);
    for (method, path, body) in shared(&world) {
        let mut request = request(&bearer, method.clone(), &path, body);
        request.headers_mut().insert("x-request-id", HeaderValue::from_static("r"));
        // Streams do not end, so only the head is read.
        let status = app.open(request).await.status;
        assert_eq!(status, StatusCode::OK, "{method} {path}");
    }
}

/// Creating and deleting tasks, deciding, tags and fields are for people: an agent's header is not even read there.
#[db_test]
async fn what_is_for_people_only_asks_for_a_person(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let board = world.board.id;
    let approval = app.post(&world.owner, &approvals_of(board), asked(json!({}))).await.ok();
    let approval = format!("{}/{}", approvals_of(board), approval["id"].as_str().expect("an id"));
    let fields = "/api/v1/organizations/me/custom-fields";
    let field = json!({"field_key": "key", "board_ids": [board]});
    for (method, path, body) in [
        (Method::POST, tasks_of(board), Some(json!({"title": "t"}))),
        (Method::PATCH, approval, Some(json!({"status": "approved"}))),
        (Method::GET, "/api/v1/tags".to_owned(), None),
        (Method::POST, "/api/v1/tags".to_owned(), Some(json!({"name": "Bug"}))),
        (Method::GET, fields.to_owned(), None),
        (Method::POST, fields.to_owned(), Some(field)),
        (Method::DELETE, task_of(board, world.task.id), None),
    ] {
        for agent in [&world.lead, &world.main] {
            for actor in [&agent.actor, &Actor::bearer(&agent.token)] {
                let answer = app.call(actor, method.clone(), &path, body.clone()).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}: {answer}");
            }
        }
        let token = "a-token-that-nobody-has";
        with_agent_token(&app, &world.owner, token, method, &path, body).await.ok();
    }
}

#[db_test]
async fn what_is_for_agents_only_asks_for_an_agent(backend: Backend) {
    let app = TestApp::new(backend).await;
    let world = app.world().await;
    let (tasks, task) = (agent_tasks_of(world.board.id), world.task.id);
    for path in [tasks.clone(), format!("{tasks}/{task}/comments")] {
        assert_eq!(app.get(&world.owner, &path).await.status, StatusCode::UNAUTHORIZED, "{path}");
        let beside = with_agent_token(&app, &world.owner, &world.main.token, Method::GET, &path, None).await;
        assert_eq!(beside.status, StatusCode::OK, "{path}: {beside}");
    }
}

/// The original looked at the token twice on these paths, and ten requests a minute were all an agent had.
#[db_test]
async fn a_request_of_an_agent_is_counted_once(backend: Backend) {
    const LIMIT: usize = 20;
    let app = TestApp::builder(backend).with_limits().start().await;
    let world = app.world().await;
    let task = format!("{}/{}", agent_tasks_of(world.board.id), world.task.id);
    let comments = format!("{task}/comments");
    for number in 0..LIMIT {
        let answer = match number % 3 {
            0 => app.get(&world.worker, &comments).await,
            1 => app.post(&world.worker, &comments, json!({"message": "x"})).await,
            _ => app.patch(&world.worker, &task, json!({"comment": "x"})).await,
        };
        assert_eq!(answer.status, StatusCode::OK, "{number}: {answer}");
    }
    let answer = app.get(&world.worker, &comments).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer}");
    assert!(answer.header("retry-after").is_some(), "{answer}");
    app.get(&world.owner, &tasks_of(world.board.id)).await.ok();
}

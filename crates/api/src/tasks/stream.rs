//! The live stream of a board's tasks (tasks spec §9.1).

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use mc_service::streams::{TaskEvent, TaskEventBody, TaskStream};
use serde::Serialize;
use uuid::Uuid;

use super::wire::TaskRead;
use crate::access::{Granted, ReadBoard};
use crate::decode::Query;
use crate::error::ApiError;
use crate::sse::{self, Frames, StreamQuery};
use crate::state::AppState;
use crate::wire::Moment;

const EVENT: &str = "task";

/// Follow the tasks of a board
///
/// Server-sent events named `task`, one for each change, in order, each once. The `id` of an event is its position:
/// send the last one as `Last-Event-ID` to go on after it, or a time as `since`. A deletion is an event of type
/// `task.deleted` with `task: null`.
#[utoipa::path(
    get, path = "/api/v1/boards/{board_id}/tasks/stream", tag = "tasks", params(StreamQuery),
    responses((status = 200, description = "The stream.", body = serde_json::Value))
)]
pub(crate) async fn stream_tasks(
    State(state): State<AppState>,
    Granted(ReadBoard(board)): Granted<ReadBoard>,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Result<Response, ApiError> {
    let stream = state.services.follow_tasks(&board, query.start(&headers)).await?;
    Ok(sse::respond(TaskFrames(stream), state.services.clone(), board))
}

struct TaskFrames(TaskStream);

impl Frames for TaskFrames {
    async fn next(&mut self) -> Option<Bytes> {
        let events = self.0.next().await?;
        Some(sse::join(events.iter().map(|event| event.rendered(render))))
    }
}

#[derive(Serialize)]
struct Data<'a> {
    r#type: &'a str,
    activity: ActivityData<'a>,
    #[serde(flatten)]
    body: BodyData<'a>,
}

#[derive(Serialize)]
struct ActivityData<'a> {
    id: Uuid,
    event_type: &'a str,
    message: Option<&'a str>,
    agent_id: Option<Uuid>,
    task_id: Option<Uuid>,
    created_at: Moment,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum BodyData<'a> {
    Task(Option<Box<TaskRead>>),
    Comment(CommentData<'a>),
}

#[derive(Serialize)]
struct CommentData<'a> {
    id: Uuid,
    message: Option<&'a str>,
    agent_id: Option<Uuid>,
    task_id: Option<Uuid>,
    created_at: Moment,
}

fn render(event: &TaskEvent) -> Bytes {
    let (id, message, created_at) = (event.id.into(), event.message.as_deref(), event.created_at.into());
    let (agent_id, task_id) = (event.agent_id.map(Uuid::from), event.task_id.map(Uuid::from));
    let body = match &event.body {
        TaskEventBody::Task(view) => {
            BodyData::Task(view.as_deref().cloned().map(|view| Box::new(view.into())))
        }
        TaskEventBody::Comment => {
            BodyData::Comment(CommentData { id, message, agent_id, task_id, created_at })
        }
    };
    let data = Data {
        r#type: &event.kind,
        activity: ActivityData { id, event_type: &event.kind, message, agent_id, task_id, created_at },
        body,
    };
    sse::frame(EVENT, event.seq, &sse::data(&data))
}

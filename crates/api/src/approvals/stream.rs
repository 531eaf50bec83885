//! The live stream of a board's approvals (tasks spec §9.2).

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use mc_model::event::kind;
use mc_service::streams::{ApprovalEvent, ApprovalStream, Shown};
use serde::Serialize;
use uuid::Uuid;

use super::wire::ApprovalRead;
use crate::access::{Granted, ReadBoard};
use crate::decode::Query;
use crate::error::ApiError;
use crate::sse::{self, Frames, StreamQuery};
use crate::state::AppState;

const EVENT: &str = "approval";

/// Follow the approvals of a board
///
/// Server-sent events named `approval`: a new one, a decision, a reopening, the end of one of its tasks, each once, in
/// order. The `id` of an event is its position: send the last one as `Last-Event-ID` to go on after it, or a time as
/// `since`. An approval that went with its only task is an event of type `approval.deleted` with `approval: null` and
/// its `approval_id`.
#[utoipa::path(
    get, path = "/api/v1/boards/{board_id}/approvals/stream", tag = "approvals", params(StreamQuery),
    responses((status = 200, description = "The stream.", body = serde_json::Value))
)]
pub(super) async fn stream_approvals(
    State(state): State<AppState>,
    Granted(ReadBoard(board)): Granted<ReadBoard>,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Result<Response, ApiError> {
    let stream = state.services.follow_approvals(&board, query.start(&headers)).await?;
    Ok(sse::respond(ApprovalFrames(stream), state.services.clone(), board))
}

struct ApprovalFrames(ApprovalStream);

impl Frames for ApprovalFrames {
    async fn next(&mut self) -> Option<Bytes> {
        let events = self.0.next().await?;
        Some(sse::join(events.iter().map(|event| event.rendered(render))))
    }
}

/// `type` and `approval_id` are there only where there is no approval that says it.
#[derive(Serialize)]
struct Data {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    approval: Option<ApprovalRead>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_id: Option<Uuid>,
    pending_approvals_count: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_counts: Option<TaskCounts>,
}

/// An object for one task, a list for several, absent for none.
#[derive(Serialize)]
#[serde(untagged)]
enum TaskCounts {
    One(TaskCount),
    Several(Vec<TaskCount>),
}

#[derive(Serialize)]
struct TaskCount {
    task_id: Uuid,
    approvals_count: i64,
    approvals_pending_count: i64,
}

fn render(event: &ApprovalEvent) -> Bytes {
    let mut counts: Vec<_> = event
        .task_counts
        .iter()
        .map(|counts| TaskCount {
            task_id: counts.task_id.into(),
            approvals_count: counts.total,
            approvals_pending_count: counts.pending,
        })
        .collect();
    let task_counts = match counts.len() {
        0 => None,
        1 => counts.pop().map(TaskCounts::One),
        _ => Some(TaskCounts::Several(counts)),
    };
    let is_gone = event.approval.is_none();
    let data = Data {
        r#type: is_gone.then_some(kind::APPROVAL_DELETED),
        approval: event.approval.clone().map(ApprovalRead::from),
        approval_id: is_gone.then(|| event.id.into()),
        pending_approvals_count: event.pending_count,
        task_counts,
    };
    sse::frame(EVENT, event.seq(), &sse::data(&data))
}

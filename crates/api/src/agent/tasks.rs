//! Tasks for agents.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{
    AgentOnBoard, AgentTaskOwner, AgentTaskReader, AgentTaskWriter, Granted, LeadOnBoard, guard,
};
use crate::conditional::{IfMatch, after_change, conditional, preconditioned};
use crate::decode::{Body, Query};
use crate::error::ApiError;
use crate::idempotency::{self, Keyed, idempotent};
use crate::openapi::LLMErrorResponse;
use crate::page::Paging;
use crate::state::AppState;
use crate::tasks::wire::{
    TaskCommentCreate, TaskCommentPage, TaskCommentQuery, TaskCommentRead, TaskCreate, TaskPage, TaskQuery,
    TaskRead, TaskUpdate,
};
use crate::wire::{Answer, Context, OkResponse};

pub(super) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<AgentOnBoard>(conditional::<AgentOnBoard>(routes!(list_tasks), state), state))
        .routes(guard::<LeadOnBoard>(idempotent(routes!(agent_lead_create_task)), state))
        .routes(guard::<AgentTaskWriter>(preconditioned(routes!(update_task)), state))
        .routes(guard::<AgentTaskOwner>(routes!(delete_task), state))
        .routes(guard::<AgentTaskReader>(
            conditional::<AgentTaskReader>(routes!(list_task_comments), state),
            state,
        ))
        .routes(guard::<AgentTaskWriter>(idempotent(routes!(create_task_comment)), state))
}

/// List the tasks of a board
///
/// Newest first, unless `sort` and `order` say otherwise. `status=inbox&unassigned=true` finds free work, `q` searches
/// titles and descriptions.
#[utoipa::path(
    get, path = "/api/v1/agent/boards/{board_id}/tasks", tags = ["agent", "agent-lead", "agent-worker"],
    params(TaskQuery, Paging),
    responses((status = 200, description = "A page of tasks.", body = TaskPage))
)]
async fn list_tasks(
    State(state): State<AppState>,
    Granted(AgentOnBoard(on)): Granted<AgentOnBoard>,
    Query((query, paging)): Query<(TaskQuery, Paging)>,
) -> Answer<TaskPage> {
    let page = state.services.list_tasks(&on, &query.into_filter()?, paging.into()).await?;
    Ok(Json(page.map(TaskRead::from).into()))
}

/// Create a task for a worker
///
/// For leads. The assignee, if any, is told and woken.
#[utoipa::path(
    post, path = "/api/v1/agent/boards/{board_id}/tasks", tags = ["agent", "agent-lead"], request_body = TaskCreate,
    responses(
        (status = 200, description = "The task.", body = TaskRead),
        (status = 403, description = "You do not lead this board.", body = LLMErrorResponse),
        (status = 404, description = "No such board or assignee.", body = LLMErrorResponse),
        (
            status = 409, body = LLMErrorResponse,
            description = "The assignee works elsewhere, the task is blocked, or it would be done past the board's gates.",
        ),
        (status = 422, description = "The input breaks a rule.", body = LLMErrorResponse),
    )
)]
async fn agent_lead_create_task(
    State(state): State<AppState>,
    Granted(LeadOnBoard(on)): Granted<LeadOnBoard>,
    Context(context): Context,
    keyed: Keyed<TaskCreate>,
) -> Result<Response, ApiError> {
    let once = keyed.once::<_, TaskRead>();
    let made = state.services.delegate_task(&context, &on, keyed.body.into(), once.as_ref()).await?;
    Ok(idempotency::answer::<_, TaskRead>(made))
}

/// Change a task
///
/// Workers send `status`, `comment` and `custom_field_values`; leads everything but texts and comments.
#[utoipa::path(
    patch, path = "/api/v1/agent/boards/{board_id}/tasks/{task_id}", tags = ["agent", "agent-lead", "agent-worker"],
    request_body = TaskUpdate,
    responses((status = 200, description = "The task after the change.", body = TaskRead))
)]
async fn update_task(
    State(state): State<AppState>,
    Granted(AgentTaskWriter(task)): Granted<AgentTaskWriter>,
    Context(context): Context,
    IfMatch(expected): IfMatch,
    Body(update): Body<TaskUpdate>,
) -> Response {
    let changed = state.services.update_task(&context, &task, &update.into(), expected.as_ref()).await;
    after_change(changed)
}

/// Delete a task
///
/// For leads. This cannot be undone.
#[utoipa::path(
    delete, path = "/api/v1/agent/boards/{board_id}/tasks/{task_id}", tags = ["agent", "agent-lead", "agent-worker"],
    responses((status = 200, description = "Done.", body = OkResponse))
)]
async fn delete_task(
    State(state): State<AppState>,
    Granted(AgentTaskOwner(task)): Granted<AgentTaskOwner>,
    Context(context): Context,
) -> Answer<OkResponse> {
    state.services.delete_task(&context, &task).await?;
    Ok(Json(OkResponse::YES))
}

/// List the comments of a task
///
/// Oldest first, unless `order` says otherwise.
#[utoipa::path(
    get, path = "/api/v1/agent/boards/{board_id}/tasks/{task_id}/comments",
    tags = ["agent", "agent-lead", "agent-worker"], params(TaskCommentQuery, Paging),
    responses((status = 200, description = "A page of comments.", body = TaskCommentPage))
)]
async fn list_task_comments(
    State(state): State<AppState>,
    Granted(AgentTaskReader(task)): Granted<AgentTaskReader>,
    Query((query, paging)): Query<(TaskCommentQuery, Paging)>,
) -> Answer<TaskCommentPage> {
    let page = state.services.list_comments(&task, query.order, paging.into()).await?;
    Ok(Json(page.map(TaskCommentRead::from).into()))
}

/// Comment on a task
///
/// `@name` addresses an agent, `@lead` the lead. A lead comments in review, where it was mentioned, and on tasks it
/// created.
#[utoipa::path(
    post, path = "/api/v1/agent/boards/{board_id}/tasks/{task_id}/comments",
    tags = ["agent", "agent-lead", "agent-worker"], request_body = TaskCommentCreate,
    responses((status = 200, description = "The comment.", body = TaskCommentRead))
)]
async fn create_task_comment(
    State(state): State<AppState>,
    Granted(AgentTaskWriter(task)): Granted<AgentTaskWriter>,
    Context(context): Context,
    keyed: Keyed<TaskCommentCreate>,
) -> Result<Response, ApiError> {
    let (once, message) = (keyed.once::<_, TaskCommentRead>(), &keyed.body.message.0);
    let made = state.services.comment_on_task(&context, &task, message, once.as_ref()).await?;
    Ok(idempotency::answer::<_, TaskCommentRead>(made))
}

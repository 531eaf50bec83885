//! Operations on tasks, for people and for agents who share them.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use mc_service::versions::Version;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::stream;
use super::wire::{
    BlockedTaskError, TaskCommentCreate, TaskCommentPage, TaskCommentQuery, TaskCommentRead, TaskCreate,
    TaskPage, TaskQuery, TaskRead, TaskUpdate,
};
use crate::access::{Granted, ReadBoard, ReadTask, UserTaskOwner, UserWritesBoard, WriteTask, guard};
use crate::conditional::{IfMatch, Seen, after_change, conditional, preconditioned, versioned};
use crate::decode::{Body, Query};
use crate::error::ApiError;
use crate::idempotency::{self, Keyed, idempotent};
use crate::page::Paging;
use crate::state::AppState;
use crate::wire::{Answer, Context, OkResponse};

pub(crate) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<ReadBoard>(routes!(stream::stream_tasks), state))
        .routes(guard::<ReadBoard>(conditional::<ReadBoard>(routes!(list_tasks), state), state))
        .routes(guard::<UserWritesBoard>(idempotent(routes!(create_task)), state))
        .routes(guard::<ReadTask>(versioned(routes!(get_task)), state))
        .routes(guard::<WriteTask>(preconditioned(routes!(update_task)), state))
        .routes(guard::<UserTaskOwner>(routes!(delete_task), state))
        .routes(guard::<ReadTask>(conditional::<ReadTask>(routes!(list_task_comments), state), state))
        .routes(guard::<WriteTask>(idempotent(routes!(create_task_comment)), state))
}

/// List the tasks of a board
///
/// Newest first, unless `sort` and `order` say otherwise. `q` searches titles and descriptions.
#[utoipa::path(
    get, path = "/api/v1/boards/{board_id}/tasks", tag = "tasks", params(TaskQuery, Paging),
    responses((status = 200, description = "A page of tasks.", body = TaskPage))
)]
async fn list_tasks(
    State(state): State<AppState>,
    Granted(ReadBoard(board)): Granted<ReadBoard>,
    Query((query, paging)): Query<(TaskQuery, Paging)>,
) -> Answer<TaskPage> {
    let page = state.services.list_tasks(&board, &query.into_filter()?, paging.into()).await?;
    Ok(Json(page.map(TaskRead::from).into()))
}

/// Create a task
///
/// Any state may be the first one; board rules apply to later moves. The lead of the board is told, and so is the
/// assignee.
#[utoipa::path(
    post, path = "/api/v1/boards/{board_id}/tasks", tag = "tasks", request_body = TaskCreate,
    responses(
        (status = 200, description = "The task.", body = TaskRead),
        (status = 409, description = "The assignee works elsewhere, or the task is blocked.", body = BlockedTaskError),
    )
)]
async fn create_task(
    State(state): State<AppState>,
    Granted(UserWritesBoard(board)): Granted<UserWritesBoard>,
    Context(context): Context,
    keyed: Keyed<TaskCreate>,
) -> Result<Response, ApiError> {
    let once = keyed.once::<_, TaskRead>();
    let made = state.services.create_task(&context, &board, keyed.body.into(), once.as_ref()).await?;
    Ok(idempotency::answer::<_, TaskRead>(made))
}

/// Read a task
///
/// With its dependencies, tags and custom field values, as the list shows it.
#[utoipa::path(
    get, path = "/api/v1/boards/{board_id}/tasks/{task_id}", tag = "tasks",
    responses((status = 200, description = "The task.", body = TaskRead))
)]
async fn get_task(
    State(state): State<AppState>,
    Granted(ReadTask(task)): Granted<ReadTask>,
    seen: Seen,
) -> Result<Response, ApiError> {
    let task = state.services.get_task(&task).await?;
    Ok(seen.answer(&Version::of_task(&task), || Json(TaskRead::from(task)).into_response()))
}

/// Change a task
///
/// People change everything; agents what their role allows. A state equal to the present one changes nothing, except
/// that `inbox` without an assignee lets go of the task.
#[utoipa::path(
    patch, path = "/api/v1/boards/{board_id}/tasks/{task_id}", tag = "tasks", request_body = TaskUpdate,
    responses(
        (status = 200, description = "The task after the change.", body = TaskRead),
        (status = 409, description = "A rule of the board forbids the move.", body = BlockedTaskError),
    )
)]
async fn update_task(
    State(state): State<AppState>,
    Granted(WriteTask(task)): Granted<WriteTask>,
    Context(context): Context,
    IfMatch(expected): IfMatch,
    Body(update): Body<TaskUpdate>,
) -> Response {
    let changed = state.services.update_task(&context, &task, &update.into(), expected.as_ref()).await;
    after_change(changed)
}

/// Delete a task
///
/// With its comments, tags, links and values, and the approvals that are about no other task. The streams say so with
/// `task.deleted` and `approval.deleted`.
#[utoipa::path(
    delete, path = "/api/v1/boards/{board_id}/tasks/{task_id}", tag = "tasks",
    responses((status = 200, description = "Done.", body = OkResponse))
)]
async fn delete_task(
    State(state): State<AppState>,
    Granted(UserTaskOwner(task)): Granted<UserTaskOwner>,
    Context(context): Context,
) -> Answer<OkResponse> {
    state.services.delete_task(&context, &task).await?;
    Ok(Json(OkResponse::YES))
}

/// List the comments of a task
///
/// Oldest first, unless `order` says otherwise.
#[utoipa::path(
    get, path = "/api/v1/boards/{board_id}/tasks/{task_id}/comments", tag = "tasks", params(TaskCommentQuery, Paging),
    responses((status = 200, description = "A page of comments.", body = TaskCommentPage))
)]
async fn list_task_comments(
    State(state): State<AppState>,
    Granted(ReadTask(task)): Granted<ReadTask>,
    Query((query, paging)): Query<(TaskCommentQuery, Paging)>,
) -> Answer<TaskCommentPage> {
    let page = state.services.list_comments(&task, query.order, paging.into()).await?;
    Ok(Json(page.map(TaskCommentRead::from).into()))
}

/// Comment on a task
///
/// Agents named with `@name` are told; without a name the assignee is.
#[utoipa::path(
    post, path = "/api/v1/boards/{board_id}/tasks/{task_id}/comments", tag = "tasks",
    request_body = TaskCommentCreate,
    responses((status = 200, description = "The comment.", body = TaskCommentRead))
)]
async fn create_task_comment(
    State(state): State<AppState>,
    Granted(WriteTask(task)): Granted<WriteTask>,
    Context(context): Context,
    keyed: Keyed<TaskCommentCreate>,
) -> Result<Response, ApiError> {
    let (once, message) = (keyed.once::<_, TaskCommentRead>(), &keyed.body.message.0);
    let made = state.services.comment_on_task(&context, &task, message, once.as_ref()).await?;
    Ok(idempotency::answer::<_, TaskCommentRead>(made))
}

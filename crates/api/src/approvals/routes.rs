//! Operations on approvals, for people and for agents who share them.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::stream;
use super::wire::{ApprovalCreate, ApprovalPage, ApprovalQuery, ApprovalRead, ApprovalUpdate};
use crate::access::{Granted, ReadBoard, UserDecidesApproval, WriteBoard, guard};
use crate::conditional::conditional;
use crate::decode::{Body, Query};
use crate::error::ApiError;
use crate::idempotency::{self, Keyed, idempotent};
use crate::page::Paging;
use crate::state::AppState;
use crate::wire::{Answer, Context};

pub(crate) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<ReadBoard>(routes!(stream::stream_approvals), state))
        .routes(guard::<ReadBoard>(conditional::<ReadBoard>(routes!(list_approvals), state), state))
        .routes(guard::<WriteBoard>(idempotent(routes!(create_approval)), state))
        .routes(guard::<UserDecidesApproval>(routes!(update_approval), state))
}

/// List the approvals of a board
///
/// Newest first.
#[utoipa::path(
    get, path = "/api/v1/boards/{board_id}/approvals", tag = "approvals", params(ApprovalQuery, Paging),
    responses((status = 200, description = "A page of approvals.", body = ApprovalPage))
)]
async fn list_approvals(
    State(state): State<AppState>,
    Granted(ReadBoard(board)): Granted<ReadBoard>,
    Query((query, paging)): Query<(ApprovalQuery, Paging)>,
) -> Answer<ApprovalPage> {
    let page = state.services.list_approvals(&board, query.status, paging.into()).await?;
    Ok(Json(page.map(ApprovalRead::from).into()))
}

/// Ask for an approval
///
/// A task can wait for one pending approval at a time. An agent's approval always starts pending and is its own.
#[utoipa::path(
    post, path = "/api/v1/boards/{board_id}/approvals", tag = "approvals", request_body = ApprovalCreate,
    responses((status = 200, description = "The approval.", body = ApprovalRead))
)]
async fn create_approval(
    State(state): State<AppState>,
    Granted(WriteBoard(board)): Granted<WriteBoard>,
    Context(context): Context,
    keyed: Keyed<ApprovalCreate>,
) -> Result<Response, ApiError> {
    let once = keyed.once::<_, ApprovalRead>();
    let made = state.services.create_approval(&context, &board, keyed.body.into(), once.as_ref()).await?;
    Ok(idempotency::answer::<_, ApprovalRead>(made))
}

/// Decide an approval
///
/// For people. Approved and rejected may change into each other, and back to pending while no other approval holds a
/// task of this one. The lead of the board is told of a decision.
#[utoipa::path(
    patch, path = "/api/v1/boards/{board_id}/approvals/{approval_id}", tag = "approvals",
    request_body = ApprovalUpdate,
    responses((status = 200, description = "The approval after the decision.", body = ApprovalRead))
)]
async fn update_approval(
    State(state): State<AppState>,
    Granted(UserDecidesApproval(board, approval)): Granted<UserDecidesApproval>,
    Context(context): Context,
    Body(update): Body<ApprovalUpdate>,
) -> Answer<ApprovalRead> {
    let decided = state.services.decide_approval(&context, &board, approval, update.status.value()).await?;
    Ok(Json(decided.into()))
}

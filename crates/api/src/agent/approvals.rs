//! Approvals for agents.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{AgentOnBoard, AgentWritesBoard, Granted, guard};
use crate::approvals::wire::{ApprovalCreate, ApprovalPage, ApprovalQuery, ApprovalRead};
use crate::decode::{Body, Query};
use crate::page::Paging;
use crate::state::AppState;
use crate::wire::{Answer, Context};

pub(super) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(guard::<AgentOnBoard>(routes!(list_approvals), state)).routes(guard::<
        AgentWritesBoard,
    >(
        routes!(create_approval),
        state,
    ))
}

/// List the approvals of a board
///
/// Newest first. Look here for decisions before you act on them.
#[utoipa::path(
    get, path = "/api/v1/agent/boards/{board_id}/approvals", tags = ["agent", "agent-lead", "agent-worker"],
    params(ApprovalQuery, Paging),
    responses((status = 200, description = "A page of approvals.", body = ApprovalPage))
)]
async fn list_approvals(
    State(state): State<AppState>,
    Granted(AgentOnBoard(on)): Granted<AgentOnBoard>,
    Query((query, paging)): Query<(ApprovalQuery, Paging)>,
) -> Answer<ApprovalPage> {
    let page = state.services.list_approvals(&on, query.status, paging.into()).await?;
    Ok(Json(page.map(ApprovalRead::from).into()))
}

/// Ask people for an approval
///
/// It starts pending and is yours; a person decides it.
#[utoipa::path(
    post, path = "/api/v1/agent/boards/{board_id}/approvals", tags = ["agent", "agent-lead", "agent-worker"],
    request_body = ApprovalCreate,
    responses((status = 200, description = "The approval.", body = ApprovalRead))
)]
async fn create_approval(
    State(state): State<AppState>,
    Granted(AgentWritesBoard(on)): Granted<AgentWritesBoard>,
    Context(context): Context,
    Body(create): Body<ApprovalCreate>,
) -> Answer<ApprovalRead> {
    let approval = state.services.create_approval(&context, &on, create.into()).await?;
    Ok(Json(approval.into()))
}

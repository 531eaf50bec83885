//! Approvals for agents.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{AgentOnBoard, AgentWritesBoard, Granted, guard};
use crate::approvals::wire::{ApprovalCreate, ApprovalPage, ApprovalQuery, ApprovalRead};
use crate::conditional::conditional;
use crate::decode::Query;
use crate::error::ApiError;
use crate::idempotency::{self, Keyed, idempotent};
use crate::page::Paging;
use crate::state::AppState;
use crate::wire::{Answer, Context};

pub(super) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<AgentOnBoard>(conditional::<AgentOnBoard>(routes!(list_approvals), state), state))
        .routes(guard::<AgentWritesBoard>(idempotent(routes!(create_approval)), state))
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
    keyed: Keyed<ApprovalCreate>,
) -> Result<Response, ApiError> {
    let once = keyed.once::<_, ApprovalRead>();
    let made = state.services.create_approval(&context, &on, keyed.body.into(), once.as_ref()).await?;
    Ok(idempotency::answer::<_, ApprovalRead>(made))
}

//! Health, check-in and boards for agents.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::wire::{AgentHealthStatusResponse, AgentRead, BoardPage, BoardRead};
use super::{approvals, tags, tasks};
use crate::access::{AgentOnBoard, CurrentAgent, Granted, guard};
use crate::decode::Query;
use crate::page::Paging;
use crate::state::AppState;
use crate::wire::{Answer, Context};

pub(crate) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<CurrentAgent>(routes!(agent_healthz), state))
        .routes(guard::<CurrentAgent>(routes!(agent_heartbeat), state))
        .routes(guard::<CurrentAgent>(routes!(list_boards), state))
        .routes(guard::<AgentOnBoard>(routes!(get_board), state))
        .merge(tasks::routes(state))
        .merge(tags::routes(state))
        .merge(approvals::routes(state))
}

/// Check your token
///
/// Says who the token belongs to.
#[utoipa::path(
    get, path = "/api/v1/agent/healthz", tags = ["agent", "agent-lead", "agent-worker", "agent-main"],
    responses((status = 200, description = "The token works.", body = AgentHealthStatusResponse))
)]
async fn agent_healthz(
    Granted(CurrentAgent(session)): Granted<CurrentAgent>,
) -> Json<AgentHealthStatusResponse> {
    Json(session.agent().into())
}

/// Check in
///
/// Says that you are alive and at work. Needs no body.
#[utoipa::path(
    post, path = "/api/v1/agent/heartbeat", tags = ["agent", "agent-lead", "agent-worker", "agent-main"],
    responses((status = 200, description = "You, as others see you.", body = AgentRead))
)]
async fn agent_heartbeat(
    State(state): State<AppState>,
    Granted(CurrentAgent(session)): Granted<CurrentAgent>,
    Context(context): Context,
) -> Answer<AgentRead> {
    let agent = state.services.check_in(&context, &session).await?;
    Ok(Json(AgentRead::new(agent, state.services.now())))
}

/// List the boards you reach
///
/// Your own board; for a main agent all boards that its gateway serves, newest first.
#[utoipa::path(
    get, path = "/api/v1/agent/boards", tags = ["agent", "agent-lead", "agent-worker", "agent-main"],
    params(Paging),
    responses((status = 200, description = "A page of boards.", body = BoardPage))
)]
async fn list_boards(
    State(state): State<AppState>,
    Granted(CurrentAgent(session)): Granted<CurrentAgent>,
    Query(paging): Query<Paging>,
) -> Answer<BoardPage> {
    let page = state.services.boards_of_agent(&session, paging.into()).await?;
    Ok(Json(page.map(BoardRead::from).into()))
}

/// Read a board
///
/// Its goal, its rules and its limits.
#[utoipa::path(
    get, path = "/api/v1/agent/boards/{board_id}", tags = ["agent", "agent-lead", "agent-worker", "agent-main"],
    responses((status = 200, description = "The board.", body = BoardRead))
)]
async fn get_board(Granted(AgentOnBoard(on)): Granted<AgentOnBoard>) -> Json<BoardRead> {
    Json(on.board().clone().into())
}

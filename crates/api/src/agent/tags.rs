//! Tags for agents.

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{AgentOnBoard, Granted, guard};
use crate::conditional::conditional;
use crate::state::AppState;
use crate::tasks::wire::TagRefRead;
use crate::wire::Answer;

pub(super) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(guard::<AgentOnBoard>(conditional::<AgentOnBoard>(routes!(list_tags), state), state))
}

/// List the tags that tasks may have
///
/// By name. The ids go into `tag_ids` of a task.
#[utoipa::path(
    get, path = "/api/v1/agent/boards/{board_id}/tags", tags = ["agent", "agent-lead", "agent-worker"],
    responses((status = 200, description = "All tags of the board's organization.", body = Vec<TagRefRead>))
)]
async fn list_tags(
    State(state): State<AppState>,
    Granted(AgentOnBoard(on)): Granted<AgentOnBoard>,
) -> Answer<Vec<TagRefRead>> {
    let tags = state.services.tags_of_board(&on).await?;
    Ok(Json(tags.into_iter().map(Into::into).collect()))
}

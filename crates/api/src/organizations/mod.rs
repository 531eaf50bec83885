//! Organizations, memberships and invites.

mod invite_wire;
mod invites;
mod member_wire;
mod members;
mod routes;
mod wire;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

pub(crate) fn routes(state: &AppState) -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(routes::routes(state))
        .merge(members::routes(state))
        .merge(invites::routes(state))
}

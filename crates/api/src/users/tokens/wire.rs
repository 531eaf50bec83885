//! API tokens on the wire.

use mc_model::Timestamp;
use mc_model::ids::BoardId;
use mc_model::token::{ApiToken, MAX_NAME, NewApiToken, TokenScope};
use mc_service::tokens::MadeToken;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::decode::{Flag, TrimmedText, input};
use crate::page::Page;
use crate::wire::Moment;

/// A page of API tokens.
pub(super) type ApiTokenPage = Page<ApiTokenRead>;

input! {
    /// A token to be made.
    pub(super) struct ApiTokenCreate {
        /// What you call it, such as the program that will use it.
        pub name: TrimmedText<MAX_NAME>,
        /// `read`, `write` (includes `read`), or `admin` (everything you may do).
        pub scope: TokenScope = TokenScope::Read,
        /// The only board it shall reach. Without it: all that you reach.
        pub board_id: Option<BoardId>,
        /// From when it shall no longer work, at most 366 days ahead. Without it: it works until it is revoked.
        pub expires_at: Option<Timestamp>,
    }
}

impl From<ApiTokenCreate> for NewApiToken {
    fn from(create: ApiTokenCreate) -> Self {
        Self {
            name: create.name.into(),
            scope: create.scope,
            board_id: create.board_id,
            expires_at: create.expires_at,
        }
    }
}

input! {
    /// Which tokens are wanted.
    pub(super) struct ApiTokenQuery {
        /// Whether revoked tokens are listed too.
        pub include_revoked: Flag = Flag(false),
    }
}

/// An API token without its text, which was shown once when it was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "ApiTokenRead")]
pub(super) struct ApiTokenRead {
    /// Identifier.
    id: Uuid,
    /// What you call it.
    name: String,
    /// `read`, `write` or `admin`.
    #[schema(value_type = String)]
    scope: &'static str,
    /// The only board it reaches.
    #[schema(required = true)]
    board_id: Option<Uuid>,
    /// From when it no longer works.
    #[schema(inline, required = true)]
    expires_at: Option<Moment>,
    /// When it was last used, to the minute.
    #[schema(inline, required = true)]
    last_used_at: Option<Moment>,
    /// Since when it is revoked.
    #[schema(inline, required = true)]
    revoked_at: Option<Moment>,
    /// Creation time.
    #[schema(inline)]
    created_at: Moment,
}

impl From<ApiToken> for ApiTokenRead {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id.into(),
            name: token.name,
            scope: token.scope.as_str(),
            board_id: token.board_id.map(Uuid::from),
            expires_at: token.expires_at.map(Moment),
            last_used_at: token.last_used_at.map(Moment),
            revoked_at: token.revoked_at.map(Moment),
            created_at: token.created_at.into(),
        }
    }
}

/// A token just made.
#[derive(Serialize, ToSchema)]
#[schema(title = "ApiTokenCreated")]
pub(super) struct ApiTokenCreated {
    /// The token, to be sent as `Authorization: Bearer …`. It is shown this once and cannot be read again.
    token: String,
    /// What is kept of it.
    #[serde(flatten)]
    kept: ApiTokenRead,
}

impl From<MadeToken> for ApiTokenCreated {
    fn from(made: MadeToken) -> Self {
        Self { token: made.secret.expose_secret().to_owned(), kept: made.token.into() }
    }
}

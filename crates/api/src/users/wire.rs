//! Users on the wire.

use mc_model::user::{User, UserPatch};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::decode::{Patch, Text, input};

/// A person's account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "UserRead")]
pub(super) struct UserRead {
    /// The identity provider's name for the account.
    clerk_user_id: String,
    /// E-mail address.
    email: Option<String>,
    /// Full name.
    name: Option<String>,
    /// How the person wants to be addressed.
    preferred_name: Option<String>,
    /// Pronouns.
    pronouns: Option<String>,
    /// Time zone.
    timezone: Option<String>,
    /// Notes for agents.
    notes: Option<String>,
    /// Context for agents.
    context: Option<String>,
    /// Identifier.
    id: Uuid,
    /// Informational; grants nothing.
    is_super_admin: bool,
}

impl From<User> for UserRead {
    fn from(user: User) -> Self {
        Self {
            clerk_user_id: user.external_id,
            email: user.email,
            name: user.name,
            preferred_name: user.preferred_name,
            pronouns: user.pronouns,
            timezone: user.timezone,
            notes: user.notes,
            context: user.context,
            id: user.id.into(),
            is_super_admin: user.is_super_admin,
        }
    }
}

/// The longest profile text, in characters: it is shown to agents with every task.
const MAX_TEXT: usize = 65_536;

input! {
    /// Changes to one's own profile. A field that is left out stays, null clears it.
    pub(super) struct UserUpdate {
        /// Full name.
        pub name: Patch<Text<MAX_TEXT>>,
        /// How the person wants to be addressed.
        pub preferred_name: Patch<Text<MAX_TEXT>>,
        /// Pronouns.
        pub pronouns: Patch<Text<MAX_TEXT>>,
        /// Time zone.
        pub timezone: Patch<Text<MAX_TEXT>>,
        /// Notes for agents.
        pub notes: Patch<Text<MAX_TEXT>>,
        /// Context for agents.
        pub context: Patch<Text<MAX_TEXT>>,
    }
}

impl From<UserUpdate> for UserPatch {
    fn from(update: UserUpdate) -> Self {
        let change = |field: Patch<Text<MAX_TEXT>>| field.map(|text| text.0).change();
        Self {
            name: change(update.name),
            preferred_name: change(update.preferred_name),
            pronouns: change(update.pronouns),
            timezone: change(update.timezone),
            notes: change(update.notes),
            context: change(update.context),
        }
    }
}

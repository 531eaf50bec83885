//! People.

use crate::ids::{OrganizationId, UserId};

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// The identity provider's name for the account; `local-auth-user` in local mode.
    pub external_id: String,
    /// Lower-case e-mail address, if known.
    pub email: Option<String>,
    /// Full name.
    pub name: Option<String>,
    /// How the person wants to be addressed.
    pub preferred_name: Option<String>,
    /// Pronouns.
    pub pronouns: Option<String>,
    /// Time zone, free text.
    pub timezone: Option<String>,
    /// Notes for agents.
    pub notes: Option<String>,
    /// Context for agents.
    pub context: Option<String>,
    /// Informational; grants nothing.
    pub is_super_admin: bool,
    /// The organization that organization-wide requests refer to.
    pub active_organization_id: Option<OrganizationId>,
}

/// The singleton account of local mode.
pub mod local {
    /// External id.
    pub const EXTERNAL_ID: &str = "local-auth-user";
    /// E-mail, restored when it is empty.
    pub const EMAIL: &str = "admin@home.local";
    /// Name, restored when it is empty.
    pub const NAME: &str = "Local User";
}

/// Changes to one's own profile: outer `None` leaves a field, inner `None` clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// Full name.
    pub name: Option<Option<String>>,
    /// How the person wants to be addressed.
    pub preferred_name: Option<Option<String>>,
    /// Pronouns.
    pub pronouns: Option<Option<String>>,
    /// Time zone.
    pub timezone: Option<Option<String>>,
    /// Notes for agents.
    pub notes: Option<Option<String>>,
    /// Context for agents.
    pub context: Option<Option<String>>,
}

impl UserPatch {
    /// The user with the changes applied.
    #[must_use]
    pub fn apply(self, mut user: User) -> User {
        let fields = [
            (&mut user.name, self.name),
            (&mut user.preferred_name, self.preferred_name),
            (&mut user.pronouns, self.pronouns),
            (&mut user.timezone, self.timezone),
            (&mut user.notes, self.notes),
            (&mut user.context, self.context),
        ];
        for (field, change) in fields {
            if let Some(value) = change {
                *field = value;
            }
        }
        user
    }
}

//! The caller's organizations.

use mc_model::organization::{BoardAccessEntry, Organization, OrganizationSummary};
use mc_model::{Error, Result};
use mc_store as store;

use crate::Services;
use crate::access::UserSession;

impl Services {
    /// The caller's active organization.
    ///
    /// # Errors
    /// 403 when it is gone.
    pub async fn active_organization(&self, session: &UserSession) -> Result<Organization> {
        store::organizations::by_id(self.store.reader(), session.member.organization_id)
            .await?
            .ok_or_else(|| Error::forbidden("Your active organization is gone. Choose another one."))
    }

    /// All organizations of the caller, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn my_organizations(&self, session: &UserSession) -> Result<Vec<OrganizationSummary>> {
        let active = Some(session.member.organization_id);
        store::organizations::of_user(self.store.reader(), session.user.id, active).await
    }

    /// The board entries of the caller's membership.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn my_board_access(&self, session: &UserSession) -> Result<Vec<BoardAccessEntry>> {
        store::organizations::board_access(self.store.reader(), session.member.id).await
    }
}

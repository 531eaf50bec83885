//! What the person at the command line of the server does, on the same database while the server runs.
//!
//! Whoever can open the database has its access already: there is nothing to prove. What changes is recorded as done
//! by the operator.

use mc_model::ids::{ApiTokenId, BoardId, OrganizationId, UserId};
use mc_model::token::{ApiToken, NewApiToken, OwnedToken};
use mc_model::user::User;
use mc_model::{Error, ErrorKind, Result, Timestamp};
pub use mc_store::operator::{OrganizationRow, UserRow};
use mc_store::{self as store, Store};

use crate::tokens::{self, Author, MadeToken};

/// Rows that are read at once.
const BATCH: u32 = 1_000;

/// The commands of the operator.
pub struct Administration {
    store: Store,
}

impl Administration {
    /// Works on an open, migrated store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The present moment, as it is written to the database.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    /// All accounts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&self) -> Result<Vec<UserRow>> {
        let (reader, now) = (self.store.reader(), self.now());
        all(
            async |after| store::operator::users(reader, after, BATCH, now).await,
            |row: &UserRow| row.user.id,
        )
        .await
    }

    /// All organizations.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn organizations(&self) -> Result<Vec<OrganizationRow>> {
        let reader = self.store.reader();
        all(
            async |after| store::operator::organizations(reader, after, BATCH).await,
            |row: &OrganizationRow| row.organization.id,
        )
        .await
    }

    /// The tokens of everybody, or of one account; those that no longer work are left out unless asked for.
    ///
    /// # Errors
    /// 404 for an account that is not there, 409 when the name means several; when the database fails.
    pub async fn tokens(&self, owner: Option<&str>, with_ended: bool) -> Result<Vec<OwnedToken>> {
        let owner = match owner {
            Some(name) => Some(self.user(name).await?.id),
            None => None,
        };
        let (reader, now) = (self.store.reader(), self.now());
        let mut tokens = all(
            async |after| store::operator::tokens(reader, owner, after, BATCH).await,
            |row: &OwnedToken| row.token.id,
        )
        .await?;
        tokens.retain(|row| with_ended || row.token.is_active(now));
        Ok(tokens)
    }

    /// Makes a token for the account that `owner` means: an id, an e-mail address in any case, or the identity
    /// provider's name for the account.
    ///
    /// # Errors
    /// As [`Administration::tokens`]; 422 for an end that is not allowed; 403 when the account is in no organization or
    /// does not reach the board, 404 when there is no such board; 409 when it has too many tokens.
    pub async fn create_token(&self, owner: &str, new: &NewApiToken) -> Result<MadeToken> {
        new.check_expiry(self.now(), None)?;
        let owner = self.user(owner).await?;
        let home = self.home(&owner).await?.ok_or_else(|| {
            Error::forbidden("The account is in no organization. Its owner has to sign in first.")
        })?;
        let organization = match new.board_id {
            Some(board) => Some(self.organization_of(board, owner.id).await?),
            None => None,
        };
        tokens::make(&self.store, None, home, &owner, organization, new, &Author::Operator).await
    }

    /// Ends a token of anybody.
    ///
    /// # Errors
    /// 404 when there is no such token or it was revoked before.
    pub async fn revoke_token(&self, token: ApiTokenId) -> Result<ApiToken> {
        let found = store::operator::token(self.store.reader(), token).await?;
        let (_, owner) = found.ok_or_else(|| Error::not_found("There is no such token."))?;
        let home = self.home(&owner).await?;
        tokens::end(&self.store, None, home, owner.id, token, &Author::Operator).await
    }

    async fn user(&self, name: &str) -> Result<User> {
        let mut found = store::operator::users_named(self.store.reader(), name).await?;
        match (found.pop(), found.is_empty()) {
            (Some(user), true) => Ok(user),
            (Some(_), false) => Err(Error::text(
                ErrorKind::Conflict,
                "Several accounts go by this name. Use the id of one of them.",
            )),
            (None, _) => Err(Error::not_found("There is no such account.")),
        }
    }

    /// The organization whose log tells of an account: the active one, else the one it has been in for longest.
    async fn home(&self, user: &User) -> Result<Option<OrganizationId>> {
        let reader = self.store.reader();
        let found = store::users::with_active_membership(reader, &user.external_id).await?;
        if let Some((_, Some(member))) = found {
            return Ok(Some(member.organization_id));
        }
        let oldest = store::organizations::oldest_membership(reader, user.id).await?;
        Ok(oldest.map(|member| member.organization_id))
    }

    async fn organization_of(&self, board: BoardId, owner: UserId) -> Result<OrganizationId> {
        let found = store::access::board_for_user(self.store.reader(), board, owner).await?;
        let found = found.ok_or_else(|| Error::not_found("There is no such board."))?;
        let is_reached = found.grant.is_some_and(|grant| grant.allows(mc_model::access::BoardNeed::Read));
        if is_reached {
            return Ok(found.board.organization_id);
        }
        Err(Error::forbidden("The account has no access to this board, so its token would have none."))
    }
}

/// Reads a list batch by batch to its end.
async fn all<T, K>(
    batch_behind: impl AsyncFn(Option<K>) -> Result<Vec<T>>,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>> {
    let mut rows = Vec::new();
    loop {
        let batch = batch_behind(rows.last().map(&key)).await?;
        if batch.is_empty() {
            return Ok(rows);
        }
        rows.extend(batch);
    }
}

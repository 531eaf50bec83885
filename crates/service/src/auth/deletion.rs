//! The end of an account at the identity provider, when the account here is deleted (Clerk only).
//!
//! The order leaves no half user behind, whatever fails in between:
//!
//! 1. The transaction that deletes the account here also writes a note ([`mark_remote_deletion`]). Either both are
//!    there or nothing has changed.
//! 2. While the note is there, nobody can sign in with this identity (403), so no new account grows from a session that
//!    is still open.
//! 3. After the commit the account is deleted at Clerk ([`Services::finish_remote_deletion`]), within eight seconds;
//!    one that is gone already counts as deleted. Then the note goes.
//! 4. When that fails the caller gets 502, and a background task tries again every minute on whichever node runs. After
//!    a day it gives up with an error in the log and removes the note: the person can sign in anew, with an empty
//!    account, and try again.
//! 5. A session token that outlives its account makes no new one: the first login asks Clerk for the profile, and Clerk
//!    says that there is no such account (401).

use std::time::Duration;

use mc_model::{Error, ErrorKind, Result};
use mc_store::identities::PendingDeletion;
use mc_store::{self as store, WriteTx};

use super::UserAuth;
use crate::Services;

/// Nobody else tries as long as the request that deletes the account may be at it.
const FIRST_RETRY: Duration = Duration::from_secs(30);
/// The pause between two tries, and between two looks at what is due.
const PAUSE: Duration = Duration::from_secs(60);
/// How long it is tried.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Notes, in the transaction that deletes an account, that the provider has to follow. Without Clerk this does nothing.
///
/// # Errors
/// When the database fails.
pub async fn mark_remote_deletion(tx: &WriteTx, users: &UserAuth, external_id: &str) -> Result<()> {
    match users {
        UserAuth::Clerk(_) => {
            store::identities::begin_deletion(tx, external_id, tx.now().after(FIRST_RETRY)).await
        }
        _ => Ok(()),
    }
}

impl Services {
    /// Deletes the account at the provider after [`mark_remote_deletion`] was committed. Without Clerk this does
    /// nothing.
    ///
    /// # Errors
    /// 502 when the provider does not do it; it is tried again in the background.
    pub async fn finish_remote_deletion(&self, external_id: &str) -> Result<()> {
        let UserAuth::Clerk(clerk) = &*self.users else { return Ok(()) };
        clerk.delete(external_id).await.map_err(|fault| {
            Error::text(
                ErrorKind::BadGateway,
                "Your account is deleted here, but the identity provider did not answer as it should. \
                 It is asked again until it has deleted your account too.",
            )
            .because(fault)
        })?;
        self.forget_deletion(external_id).await
    }

    /// Tries the deletions that are due, once, and says how many there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_remote_deletions(&self) -> Result<usize> {
        let due = store::identities::deletions_due(self.store.reader(), self.now()).await?;
        let count = due.len();
        for pending in due {
            self.retry_remote_deletion(&pending).await?;
        }
        Ok(count)
    }

    async fn retry_remote_deletion(&self, pending: &PendingDeletion) -> Result<()> {
        let UserAuth::Clerk(clerk) = &*self.users else { return Ok(()) };
        let is_ours = self
            .store
            .write(None, None, async |tx| {
                store::identities::claim_deletion(tx, pending, tx.now().after(PAUSE)).await
            })
            .await?;
        if !is_ours {
            return Ok(());
        }
        match clerk.delete(&pending.external_id).await {
            Ok(()) => tracing::info!("auth.remote_deletion.done"),
            Err(error) if self.now().since(pending.requested_at) < PATIENCE => {
                tracing::warn!(%error, "auth.remote_deletion.failed");
                return Ok(());
            }
            Err(error) => {
                let user = pending.external_id.as_str();
                tracing::error!(target: "audit", %error, user, "auth.remote_deletion.given_up");
            }
        }
        self.forget_deletion(&pending.external_id).await
    }

    async fn forget_deletion(&self, external_id: &str) -> Result<()> {
        self.store.write(None, None, async |tx| store::identities::end_deletion(tx, external_id).await).await
    }

    /// Looks for due deletions every minute until the services stop. Only Clerk has any.
    pub(crate) fn spawn_remote_deletions(&self) {
        if !matches!(&*self.users, UserAuth::Clerk(_)) {
            return;
        }
        let services = self.clone();
        self.tracker.spawn(async move {
            let shutdown = services.shutdown.clone();
            let look = async {
                loop {
                    if let Err(error) = services.retry_remote_deletions().await {
                        tracing::warn!(%error, "auth.remote_deletion.not_looked");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            };
            shutdown.run_until_cancelled(look).await;
        });
    }
}

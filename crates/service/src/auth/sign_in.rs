//! From a checked token to a session: the account is found, or made at the first login.
//!
//! A request of somebody who is known costs one read. What the provider says of a person is looked at again when it may
//! have changed; for Clerk that is a request to its API, which only a first login waits for.

use std::time::Duration;

use mc_model::access::Role;
use mc_model::{Error, Result, Timestamp};
use mc_store::{self as store, identities::SignedIn};

use super::clerk::{Clerk, NoProfile, Profile};
use super::oidc::{Oidc, OidcPerson};
use super::person::Person;
use super::verifier::Refused;
use crate::Services;
use crate::access::UserSession;

/// The age from which a profile is fetched again.
const PROFILE_AGE: Duration = Duration::from_secs(24 * 3600);
/// The same for one that lacks e-mail or name, or that the token contradicts; and the pause after a failure.
const THIN_PROFILE_AGE: Duration = Duration::from_secs(600);

impl Services {
    pub(super) async fn sign_in_with_clerk(&self, clerk: &Clerk, token: &[u8]) -> Result<UserSession> {
        let person = clerk.verify(token).await.map_err(refuse)?;
        if let Some(session) = self.known_to_clerk(&person).await? {
            return Ok(session);
        }
        let _turn = clerk.first_logins.pass(&person.external_id).await;
        match self.known_to_clerk(&person).await? {
            Some(session) => Ok(session),
            None => self.first_login_with_clerk(clerk, person).await,
        }
    }

    /// The session of a person with an account, an organization and this very identity.
    async fn known_to_clerk(&self, person: &Person) -> Result<Option<UserSession>> {
        let Some(known) = self.linked_to(person, None).await? else { return Ok(None) };
        let Some(member) = known.member.clone() else { return Ok(None) };
        let age = profile_age(person, &known);
        if is_due(&known, age, self.now()) {
            self.refresh_profile(person, &known, age).await?;
        }
        Ok(Some(UserSession::full(known.user, member)))
    }

    async fn first_login_with_clerk(&self, clerk: &Clerk, mut person: Person) -> Result<UserSession> {
        let found = self.account_of(&mut person).await?;
        let synced_at = match clerk.profile(&person.subject).await {
            Ok(profile) => {
                // What its API says now is worth more than what a token said when it was made.
                person.email = profile.email.or(person.email);
                person.name = profile.name.or(person.name);
                self.now()
            }
            Err(NoProfile::Gone) if found.is_none() => {
                tracing::info!("auth.clerk.account_gone");
                return Err(Error::unauthenticated());
            }
            Err(failure) => {
                log_no_profile(&failure);
                let age = if person.email.is_some() && person.name.is_some() {
                    PROFILE_AGE
                } else {
                    THIN_PROFILE_AGE
                };
                self.now().before(age - THIN_PROFILE_AGE)
            }
        };
        if person.email.is_none() {
            tracing::warn!("auth.user_without_email");
        }
        self.provision(&person.identity(Some(synced_at))).await
    }

    /// Fetches the profile of a known person without letting the request wait. One node and one request do it; when
    /// that fails the next try is ten minutes later.
    async fn refresh_profile(&self, person: &Person, known: &SignedIn, age: Duration) -> Result<()> {
        let (user, stale_before) = (known.user.id, self.now().before(age));
        let until_then = self.now().before(age - THIN_PROFILE_AGE);
        let is_ours = self
            .store
            .write(None, None, async |tx| {
                store::identities::claim_sync(tx, user, stale_before, until_then).await
            })
            .await?;
        if !is_ours {
            return Ok(());
        }
        let (services, person) = (self.clone(), person.clone());
        self.tracker.spawn(async move {
            let super::UserAuth::Clerk(clerk) = &*services.users else { return };
            match clerk.profile(&person.subject).await {
                Ok(profile) => services.store_profile(user, &person, profile).await,
                Err(failure) => log_no_profile(&failure),
            }
        });
        Ok(())
    }

    async fn store_profile(&self, user: mc_model::ids::UserId, person: &Person, profile: Profile) {
        let (email, name) =
            (profile.email.or_else(|| person.email.clone()), profile.name.or_else(|| person.name.clone()));
        let stored = self
            .store
            .write(None, None, async |tx| {
                store::identities::store_profile(tx, user, email.as_deref(), name.as_deref()).await
            })
            .await;
        if let Err(error) = stored {
            tracing::warn!(%error, "auth.profile.not_stored");
        }
    }

    pub(super) async fn sign_in_with_oidc(&self, oidc: &Oidc, token: &[u8]) -> Result<UserSession> {
        let mut found = oidc.verify(token).await.map_err(refuse)?;
        if let Some(session) = self.known_to_issuer(oidc, &found).await? {
            return Ok(session);
        }
        let _turn = oidc.first_logins.pass(&found.person.external_id).await;
        if let Some(session) = self.known_to_issuer(oidc, &found).await? {
            return Ok(session);
        }
        self.account_of(&mut found.person).await?;
        let identity = found.person.identity(Some(self.now()));
        if let (Some(admins), Some(is_admin)) = (oidc.admins(), found.is_admin) {
            self.follow_group(&identity, &admins.organization, is_admin).await?;
        }
        if found.person.email.is_none() {
            tracing::warn!("auth.user_without_email");
        }
        self.provision(&identity).await
    }

    /// The session of a person with an account to which the token has nothing to add.
    async fn known_to_issuer(&self, oidc: &Oidc, found: &OidcPerson) -> Result<Option<UserSession>> {
        let (person, admins) = (&found.person, oidc.admins());
        let organization = admins.map(|admins| admins.organization.as_str());
        let Some(known) = self.linked_to(person, organization).await? else { return Ok(None) };
        let adds_name = is_blank(&known.user.name) && person.name.is_some();
        let is_settled =
            !adds_name && !person.has_other_email(&known) && agrees(found.is_admin, known.role_there);
        Ok(known.member.filter(|_| is_settled).map(|member| UserSession::full(known.user, member)))
    }
}

impl Services {
    /// The account that is linked to this very subject, whatever its external id: one that was made in another mode for
    /// the same person stays theirs.
    async fn linked_to(&self, person: &Person, organization: Option<&str>) -> Result<Option<SignedIn>> {
        let db = self.store.reader();
        store::identities::by_subject(db, &person.issuer, &person.subject, organization).await
    }

    /// The account to go on with, linked or not, by whose external id the person is called from now on.
    async fn account_of(&self, person: &mut Person) -> Result<Option<SignedIn>> {
        let found = match self.linked_to(person, None).await? {
            Some(linked) => Some(linked),
            None => store::identities::by_external_id(self.store.reader(), &person.external_id).await?,
        };
        if let Some(known) = &found {
            person.external_id.clone_from(&known.user.external_id);
        }
        Ok(found)
    }
}

/// Whether the role in the organization of the admins is what the group says. Owners stand above the group.
fn agrees(is_admin: Option<bool>, role: Option<Role>) -> bool {
    match is_admin {
        None => true,
        Some(true) => matches!(role, Some(Role::Owner | Role::Admin)),
        Some(false) => role != Some(Role::Admin),
    }
}

/// The age up to which this profile is good.
fn profile_age(person: &Person, known: &SignedIn) -> Duration {
    let is_thin = is_blank(&known.user.email) || is_blank(&known.user.name) || person.has_other_email(known);
    if is_thin { THIN_PROFILE_AGE } else { PROFILE_AGE }
}

fn is_due(known: &SignedIn, age: Duration, now: Timestamp) -> bool {
    known.profile_synced_at.is_none_or(|at| at <= now.before(age))
}

fn is_blank(field: &Option<String>) -> bool {
    field.as_deref().unwrap_or_default().is_empty()
}

/// The reason goes to the log, without a piece of the token.
fn refuse(refused: Refused) -> Error {
    match refused {
        Refused::Token(reason) => tracing::debug!(reason, "auth.token_refused"),
        Refused::Unavailable => tracing::warn!("auth.keys.unavailable"),
    }
    refused.into()
}

fn log_no_profile(failure: &NoProfile) {
    match failure {
        NoProfile::Gone => tracing::warn!("auth.clerk.account_gone"),
        NoProfile::Unknown(error) => tracing::warn!(%error, "auth.clerk.profile_not_fetched"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_rules_over_admins_and_members_but_not_over_owners() {
        for (is_admin, role, settled) in [
            (None, None, true),
            (None, Some(Role::Admin), true),
            (Some(true), None, false),
            (Some(true), Some(Role::Member), false),
            (Some(true), Some(Role::Admin), true),
            (Some(true), Some(Role::Owner), true),
            (Some(false), None, true),
            (Some(false), Some(Role::Member), true),
            (Some(false), Some(Role::Admin), false),
            (Some(false), Some(Role::Owner), true),
        ] {
            assert_eq!(agrees(is_admin, role), settled, "{is_admin:?} {role:?}");
        }
    }
}

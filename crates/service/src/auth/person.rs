//! Who a token is about, in the terms of an account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use mc_model::Timestamp;
use mc_store::identities::SignedIn;
use tokio::sync::OwnedMutexGuard;

use super::provisioning::{Identity, Link};

/// The longest e-mail address there is (RFC 5321).
const MAX_EMAIL: usize = 254;
/// The longest name that is taken over.
const MAX_NAME: usize = 255;

/// A person as the provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// The account's name with us.
    pub external_id: String,
    /// Who issued the token.
    pub issuer: String,
    /// The person's name there.
    pub subject: String,
    /// A verified e-mail address, in lower case. An address that the provider says is not verified never gets here, so
    /// whatever is matched by the e-mail of an account, invites above all, is matched by a verified one.
    pub email: Option<String>,
    /// The name to begin with.
    pub name: Option<String>,
}

impl Person {
    pub(super) fn identity(&self, profile_synced_at: Option<Timestamp>) -> Identity<'_> {
        Identity {
            external_id: &self.external_id,
            email: self.email.as_deref(),
            name: self.name.as_deref(),
            link: Some(Link { issuer: &self.issuer, subject: &self.subject, profile_synced_at }),
        }
    }

    /// Whether the token names another e-mail address than the account has.
    pub(super) fn has_other_email(&self, known: &SignedIn) -> bool {
        self.email.is_some() && self.email != known.user.email
    }
}

/// An e-mail address as it is stored, if the text can be one.
pub(super) fn email(text: &str) -> Option<String> {
    let email = text.trim().to_lowercase();
    let is_plain = email.contains('@') && !email.contains(|c: char| c.is_control() || c.is_whitespace());
    (is_plain && email.len() <= MAX_EMAIL).then_some(email)
}

/// A name as it is stored: one line, not blank, not endless.
pub(super) fn name(text: &str) -> Option<String> {
    let name: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_NAME).collect();
    (!name.trim().is_empty()).then_some(name)
}

/// Lets requests of one person in one after another, so that the many first requests of a page make one account and ask
/// the provider once.
#[derive(Default)]
pub(super) struct Turnstile(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Turnstile {
    /// From how many entries on those that nobody waits at are removed.
    const SWEEP: usize = 256;

    pub(super) async fn pass(&self, person: &str) -> OwnedMutexGuard<()> {
        let gate = {
            let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if gates.len() >= Self::SWEEP {
                gates.retain(|_, gate| gate.strong_count() > 0);
            }
            let found = gates.get(person).and_then(Weak::upgrade);
            found.unwrap_or_else(|| {
                let gate = Arc::default();
                gates.insert(person.to_owned(), Arc::downgrade(&gate));
                gate
            })
        };
        gate.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_mails_and_names_are_taken_only_when_they_can_be_some() {
        assert_eq!(email(" Ann@Example.COM "), Some("ann@example.com".to_owned()));
        for wrong in ["", "  ", "ann", "a b@c", "a\u{0}@c", "a@b\nc"] {
            assert_eq!(email(wrong), None, "{wrong:?}");
        }
        assert_eq!(email(&format!("{}@b", "a".repeat(300))), None);
        assert_eq!(name("  Ann\u{0} Bee\n"), Some("Ann Bee".to_owned()));
        assert_eq!(name(" \u{0} "), None);
        assert_eq!(name(&"x".repeat(999)).map(|name| name.len()), Some(255));
    }

    #[tokio::test]
    async fn one_person_at_a_time_passes_and_others_need_not_wait() {
        let gates = Turnstile::default();
        let first = gates.pass("a").await;
        let other = gates.pass("b").await;
        let second = tokio::time::timeout(std::time::Duration::from_millis(20), gates.pass("a")).await;
        assert!(second.is_err(), "the first is still inside");
        drop((first, other));
        let _again = gates.pass("a").await;
    }
}

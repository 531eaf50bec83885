//! Any OpenID Connect issuer: its tokens as bearer, its claims as profile, one of its groups as admins.

use std::sync::Arc;
use std::time::Duration;

use mc_model::Clock;

use super::issuer::{KeySource, bare};
use super::keys::Keys;
use super::outbound::Outbound;
use super::person::{self, Person, Turnstile};
use super::verifier::{Claims, Refused, Rules, Verifier};

/// Which issuer to trust and what its claims mean.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// The issuer, below which its discovery document is (`OIDC_ISSUER`).
    pub issuer: String,
    /// Tokens must be for one of these (`OIDC_AUDIENCE`).
    pub audiences: Vec<String>,
    /// The difference of the clocks that is tolerated (`OIDC_LEEWAY`).
    pub leeway: Duration,
    /// The claim with the e-mail address (`OIDC_EMAIL_CLAIM`).
    pub email_claim: String,
    /// The claim with the name (`OIDC_NAME_CLAIM`).
    pub name_claim: String,
    /// Which group makes admins of which organization, if one does.
    pub admins: Option<AdminGroup>,
}

/// A group of the issuer whose members are admins of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminGroup {
    /// The claim with the groups (`OIDC_GROUPS_CLAIM`).
    pub claim: String,
    /// The group (`OIDC_ADMIN_GROUP`).
    pub group: String,
    /// The name of the organization (`OIDC_ADMIN_ORGANIZATION`); it is made at the start when there is none.
    pub organization: String,
}

/// Signing in with an OpenID Connect issuer.
pub struct Oidc {
    pub(super) verifier: Verifier,
    pub(super) first_logins: Turnstile,
    settings: OidcSettings,
}

/// A person, and whether the token says that it is in the group of admins; nothing when the token does not tell.
#[derive(Clone, Debug)]
pub(super) struct OidcPerson {
    pub person: Person,
    pub is_admin: Option<bool>,
}

impl Oidc {
    /// Signing in with the issuer of these settings. Nothing is asked of it before the first token.
    #[must_use]
    pub fn new(settings: OidcSettings, outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        let source = KeySource::Discovered(settings.issuer.clone());
        let rules = Rules {
            refused_prefixes: &[],
            issuer: Some(settings.issuer.clone()),
            audiences: settings.audiences.clone(),
            needs_audience: true,
            parties: Vec::new(),
            leeway: settings.leeway,
            checks_issue_time: true,
        };
        let keys = Keys::new(outbound, source, Arc::clone(&clock));
        let verifier = Verifier::new(rules, keys, clock);
        Self { verifier, first_logins: Turnstile::default(), settings }
    }

    pub(super) fn admins(&self) -> Option<&AdminGroup> {
        self.settings.admins.as_ref()
    }

    /// Whom the token is about.
    pub(super) async fn verify(&self, token: &[u8]) -> Result<OidcPerson, Refused> {
        let claims = self.verifier.verify(token).await?;
        Ok(self.person(&claims))
    }

    fn person(&self, claims: &Claims) -> OidcPerson {
        let settings = &self.settings;
        let subject = claims.text("sub").unwrap_or_default().to_owned();
        let issuer = bare(&settings.issuer).to_owned();
        let email = claims.filled(&settings.email_claim).filter(|_| !claims.is_denied("email_verified"));
        let name = claims.filled(&settings.name_claim);
        let is_admin = settings.admins.as_ref().and_then(|admins| {
            claims.has(&admins.claim).then(|| claims.texts(&admins.claim).contains(&admins.group.as_str()))
        });
        let person = Person {
            // The issuer is part of it: no other provider's subject can ever be mistaken for this one.
            external_id: format!("oidc|{issuer}|{subject}"),
            issuer,
            subject,
            email: email.and_then(person::email),
            name: name.and_then(person::name),
        };
        OidcPerson { person, is_admin }
    }
}

#[cfg(test)]
mod tests {
    use mc_model::SystemClock;
    use serde_json::{Value, json};

    use super::*;

    fn person(claims: Value) -> OidcPerson {
        let settings = OidcSettings {
            issuer: "https://id.example.com/realm/".to_owned(),
            audiences: vec!["us".to_owned()],
            leeway: Duration::ZERO,
            email_claim: "email".to_owned(),
            name_claim: "name".to_owned(),
            admins: Some(AdminGroup {
                claim: "realm_access.roles".to_owned(),
                group: "mc-admins".to_owned(),
                organization: "Acme".to_owned(),
            }),
        };
        let oidc = Oidc::new(settings, Outbound::direct().expect("TLS"), Arc::new(SystemClock));
        oidc.person(&Claims::of(claims.as_object().expect("an object").clone()))
    }

    #[test]
    fn an_account_is_named_by_issuer_and_subject() {
        let found = person(json!({ "sub": "42", "email": "Ann@X.com", "name": "Ann" })).person;
        assert_eq!(found.external_id, "oidc|https://id.example.com/realm|42");
        assert_eq!((found.email.as_deref(), found.name.as_deref()), (Some("ann@x.com"), Some("Ann")));
        for denied in [json!(false), json!("false")] {
            let claims = json!({ "sub": "42", "email": "ann@x.com", "email_verified": denied });
            assert_eq!(person(claims).person.email, None);
        }
    }

    #[test]
    fn the_group_decides_only_when_the_token_tells_of_groups() {
        let roles = |roles: Value| person(json!({ "sub": "1", "realm_access": { "roles": roles } })).is_admin;
        assert_eq!(roles(json!(["other", "mc-admins"])), Some(true));
        assert_eq!(roles(json!("mc-admins")), Some(true));
        assert_eq!(roles(json!(["mc-admins-not"])), Some(false));
        assert_eq!(roles(json!([])), Some(false));
        assert_eq!(roles(json!(null)), None);
        assert_eq!(person(json!({ "sub": "1" })).is_admin, None);
    }
}

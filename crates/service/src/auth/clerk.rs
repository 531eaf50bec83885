//! Clerk: session tokens, and the profile of who holds one (platform spec §9.3).

use std::sync::Arc;
use std::time::Duration;

use mc_model::Clock;
use secrecy::SecretString;
use serde_json::Value;

use super::issuer::KeySource;
use super::keys::Keys;
use super::outbound::{Fault, Outbound};
use super::person::{self, Person, Turnstile};
use super::verifier::{Claims, Refused, Rules, Verifier};

/// Beginnings of Clerk's tokens for machines, clients of others and keys.
const NOT_FOR_PEOPLE: &[&str] = &["m2m_", "mt_", "oat_", "ak_"];
/// The pause before a request is repeated; the second pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long deleting an account at Clerk may take, repetitions included.
const DELETION_BUDGET: Duration = Duration::from_secs(8);

/// How to reach Clerk and what to ask of its tokens.
#[derive(Clone, Debug)]
pub struct ClerkSettings {
    /// The key for its API (`CLERK_SECRET_KEY`).
    pub secret_key: SecretString,
    /// The address of its API, with or without `/v1` (`CLERK_API_URL`).
    pub api_url: String,
    /// Whether a token from the future is refused (`CLERK_VERIFY_IAT`).
    pub verify_issue_time: bool,
    /// The difference of the clocks that is tolerated (`CLERK_LEEWAY`).
    pub leeway: Duration,
    /// The issuer that tokens must name; any when none is set (`CLERK_ISSUER`).
    pub issuer: Option<String>,
    /// Audiences that a token may name; one that names others only is refused (`CLERK_AUDIENCE`).
    pub audiences: Vec<String>,
    /// Origins of the web pages whose sessions count; all when none is set (`CLERK_AUTHORIZED_PARTIES`).
    pub authorized_parties: Vec<String>,
}

/// Signing in with Clerk.
pub struct Clerk {
    pub(super) verifier: Verifier,
    pub(super) first_logins: Turnstile,
    outbound: Outbound,
    secret_key: SecretString,
    api_url: String,
}

/// What Clerk's API says of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    /// The verified primary address, else another verified one.
    pub email: Option<String>,
    /// First name, else user name, else last name.
    pub name: Option<String>,
}

/// Why there is no profile.
#[derive(Debug)]
pub(super) enum NoProfile {
    /// Clerk says that there is no such account.
    Gone,
    /// Clerk cannot say.
    Unknown(Fault),
}

impl Clerk {
    /// Signing in with the Clerk application of these settings. Nothing is asked of Clerk before the first token.
    #[must_use]
    pub fn new(settings: ClerkSettings, outbound: Outbound, clock: Arc<dyn Clock>) -> Self {
        let base = settings.api_url.trim().trim_end_matches('/');
        let api_url = if base.ends_with("/v1") { base.to_owned() } else { format!("{base}/v1") };
        let source = KeySource::Fixed { url: format!("{api_url}/jwks"), secret: settings.secret_key.clone() };
        let rules = Rules {
            refused_prefixes: NOT_FOR_PEOPLE,
            issuer: settings.issuer,
            audiences: settings.audiences,
            needs_audience: false,
            parties: settings.authorized_parties,
            leeway: settings.leeway,
            checks_issue_time: settings.verify_issue_time,
        };
        let keys = Keys::new(outbound.clone(), source, Arc::clone(&clock));
        let verifier = Verifier::new(rules, keys, clock);
        let secret_key = settings.secret_key;
        Self { verifier, first_logins: Turnstile::default(), outbound, secret_key, api_url }
    }

    /// Whom the token is about.
    pub(super) async fn verify(&self, token: &[u8]) -> Result<Person, Refused> {
        let claims = self.verifier.verify(token).await?;
        let subject = claims.text("sub").unwrap_or_default().to_owned();
        let issuer = claims.filled("iss").unwrap_or(&self.api_url).to_owned();
        let email = if claims.is_denied("email_verified") { None } else { claimed_email(&claims) };
        Ok(Person { external_id: subject.clone(), issuer, subject, email, name: claimed_name(&claims) })
    }

    /// The profile of a person, within the deadline of the client.
    pub(super) async fn profile(&self, subject: &str) -> Result<Profile, NoProfile> {
        let address = self.user_address(subject).map_err(NoProfile::Unknown)?;
        match self.outbound.get(&address, Some(&self.secret_key)).await {
            Ok(profile) => Ok(Profile::read(&profile)),
            Err(Fault::Status(404, body)) if is_not_found(&body) => Err(NoProfile::Gone),
            Err(fault) => Err(NoProfile::Unknown(fault)),
        }
    }

    /// Deletes the account at Clerk; one that is not there is deleted. Takes eight seconds at most.
    pub(super) async fn delete(&self, external_id: &str) -> Result<(), Fault> {
        // An account that was made while Clerk served as OIDC issuer has more in front of its id there.
        let subject = external_id.rsplit('|').next().unwrap_or_default();
        let address = self.user_address(subject)?;
        let attempts = async {
            let mut pause = FIRST_PAUSE;
            loop {
                match self.outbound.delete(&address, &self.secret_key).await {
                    Ok(()) | Err(Fault::Status(404, _)) => return Ok(()),
                    Err(fault) if fault.is_passing() && pause <= 2 * FIRST_PAUSE => {
                        tokio::time::sleep(pause).await;
                        pause *= 2;
                    }
                    Err(fault) => return Err(fault),
                }
            }
        };
        tokio::time::timeout(DELETION_BUDGET, attempts).await.unwrap_or(Err(Fault::TooSlow))
    }

    fn user_address(&self, subject: &str) -> Result<String, Fault> {
        // Clerk's ids are plain; anything else must not steer the request to another address.
        if subject.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) && !subject.is_empty()
        {
            Ok(format!("{}/users/{subject}", self.api_url))
        } else {
            Err(Fault::Senseless("the subject is no id of Clerk"))
        }
    }
}

/// A plain 404 may come from anything on the way; Clerk's own names its code.
fn is_not_found(body: &Value) -> bool {
    body.pointer("/errors/0/code").is_some_and(|code| code == "resource_not_found")
}

/// The address in the claims: one of three names, else the primary one of a list, else the first usable of it.
fn claimed_email(claims: &Claims) -> Option<String> {
    let named =
        ["email", "email_address", "primary_email_address"].iter().find_map(|name| claims.filled(name));
    if let Some(text) = named {
        return person::email(text);
    }
    let listed = claims.list("email_addresses")?;
    let primary = claims.filled("primary_email_address_id");
    let is_primary = |entry: &&Value| primary.is_some() && entry.get("id").and_then(Value::as_str) == primary;
    let of = |entry: &Value| {
        let text = entry
            .as_str()
            .or_else(|| ["email_address", "email"].iter().find_map(|name| entry.get(name)?.as_str()));
        text.and_then(person::email)
    };
    listed.iter().find(is_primary).and_then(of).or_else(|| listed.iter().find_map(of))
}

fn claimed_name(claims: &Claims) -> Option<String> {
    let one = |names: &[&str]| names.iter().find_map(|name| claims.filled(name));
    if let Some(name) = one(&["name", "full_name"]) {
        return person::name(name);
    }
    let parts = [one(&["given_name", "first_name"]), one(&["family_name", "last_name"])];
    person::name(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

impl Profile {
    fn read(profile: &Value) -> Self {
        let text = |name: &str| profile.get(name).and_then(Value::as_str);
        let name = ["first_name", "username", "last_name"].iter().find_map(|name| person::name(text(name)?));
        let listed = profile.get("email_addresses").and_then(Value::as_array);
        let listed = listed.map(Vec::as_slice).unwrap_or_default();
        let primary = text("primary_email_address_id");
        let of = |entry: &Value| {
            let email = entry.get("email_address")?.as_str()?;
            is_vouched_for(entry).then(|| person::email(email)).flatten()
        };
        let is_primary =
            |entry: &&Value| primary.is_some() && entry.get("id").and_then(Value::as_str) == primary;
        let email = listed.iter().find(is_primary).and_then(of).or_else(|| listed.iter().find_map(of));
        Self { email, name }
    }
}

/// Whether Clerk holds an address for the person's own. One that was imported has no state of verification.
fn is_vouched_for(entry: &Value) -> bool {
    match entry.pointer("/verification/status") {
        None | Some(Value::Null) => true,
        Some(status) => status == "verified",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        Claims::of(value.as_object().expect("an object").clone())
    }

    #[test]
    fn e_mail_and_name_are_found_in_the_claims_as_the_spec_says() {
        for (value, email) in [
            (json!({ "email": " A@X.com ", "email_address": "b@x.com" }), Some("a@x.com")),
            (json!({ "email": " ", "primary_email_address": "c@x.com" }), Some("c@x.com")),
            (json!({ "email_addresses": ["d@x.com", "e@x.com"] }), Some("d@x.com")),
            (
                json!({ "primary_email_address_id": "2", "email_addresses": [
                    { "id": "1", "email": "f@x.com" }, { "id": "2", "email_address": "g@x.com" }] }),
                Some("g@x.com"),
            ),
            (json!({ "email_addresses": [7, { "id": "1" }, { "email": "h@x.com" }] }), Some("h@x.com")),
            (json!({}), None),
        ] {
            assert_eq!(claimed_email(&claims(value.clone())).as_deref(), email, "{value}");
        }
        for (value, name) in [
            (json!({ "name": "Ann", "full_name": "B" }), Some("Ann")),
            (json!({ "given_name": "Ann", "last_name": "Bee" }), Some("Ann Bee")),
            (json!({ "family_name": "Bee" }), Some("Bee")),
            (json!({ "name": " " }), None),
        ] {
            assert_eq!(claimed_name(&claims(value.clone())).as_deref(), name, "{value}");
        }
    }

    #[test]
    fn a_verified_address_is_preferred_and_an_unverified_one_never_taken() {
        let entry = |id: &str, status: Value| json!({ "id": id, "email_address": format!("{id}@X.com"), "verification": { "status": status } });
        for (first, second, email) in [
            (json!("verified"), json!("verified"), Some("one@x.com")),
            (json!("unverified"), json!("verified"), Some("two@x.com")),
            (json!("failed"), json!("expired"), None),
            (json!(null), json!("verified"), Some("one@x.com")),
        ] {
            let profile = json!({
                "primary_email_address_id": "one", "username": "ann",
                "email_addresses": [entry("two", second), entry("one", first)],
            });
            let read = Profile::read(&profile);
            assert_eq!(read.email.as_deref(), email, "{profile}");
            assert_eq!(read.name.as_deref(), Some("ann"));
        }
        assert_eq!(Profile::read(&json!([])), Profile::default());
        let bare =
            json!({ "email_addresses": [{ "id": "x", "email_address": "x@x.com" }], "last_name": "L" });
        assert_eq!(Profile::read(&bare).email.as_deref(), Some("x@x.com"));
    }
}

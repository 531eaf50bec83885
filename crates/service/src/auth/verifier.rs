//! Checking a token: the one place for Clerk and every other issuer (platform spec §9.3).
//!
//! Signatures are RS256 by a key of the issuer and nothing else, whatever the token asks for. The time is the server's
//! own clock. Why a token was refused goes to the log, never to the caller.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm, Validation};
use mc_model::{Clock, Error, ErrorKind};
use serde_json::{Map, Value};

use super::issuer::is_same;
use super::keys::{Keys, NoKey, RETRY};

/// A longer token is refused unread. Those of real issuers, with dozens of groups, have 2 to 8 KB.
const MAX_TOKEN: usize = 16 << 10;
/// The longest subject and issuer that is kept with an account.
const MAX_NAME: usize = 512;

/// What is asked of a token beside its signature.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Beginnings of tokens that are not for people.
    pub refused_prefixes: &'static [&'static str],
    /// Who must have issued it.
    pub issuer: Option<String>,
    /// Whom it may be for (`aud`).
    pub audiences: Vec<String>,
    /// It must say whom it is for.
    pub needs_audience: bool,
    /// Which clients it may have been made for (`azp`); empty for any.
    pub parties: Vec<String>,
    /// The difference of the clocks that is tolerated.
    pub leeway: Duration,
    /// Whether a token from the future is refused.
    pub checks_issue_time: bool,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It proves nothing; the reason is for the log.
    Token(&'static str),
    /// It cannot be checked at the moment.
    Unavailable,
}

/// What a checked token says.
#[derive(Clone, Debug)]
pub(super) struct Claims(Map<String, Value>);

/// Checks the tokens of one issuer.
pub(super) struct Verifier {
    rules: Rules,
    keys: Keys,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    pub(super) fn new(rules: Rules, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self { rules, keys, clock }
    }

    /// What the token says, if it is genuine and for us.
    pub(super) async fn verify(&self, token: &[u8]) -> Result<Claims, Refused> {
        let key_id = self.key_id(token)?;
        let key = self.keys.find(key_id.as_deref()).await.map_err(|missing| match missing {
            NoKey::Unknown => Refused::Token("the issuer has no such key"),
            NoKey::Unavailable => Refused::Unavailable,
        })?;
        let mut signature_only = Validation::new(Algorithm::RS256);
        signature_only.required_spec_claims.clear();
        signature_only.validate_exp = false;
        signature_only.validate_aud = false;
        let read = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &signature_only);
        let claims = Claims(read.map_err(|_| Refused::Token("the signature is wrong"))?.claims);
        // The microseconds of this century are exact in a double.
        let now = self.clock.now().micros() as f64 / 1e6;
        self.rules.check(&claims, now).map_err(Refused::Token)?;
        Ok(claims)
    }

    /// Reads no more of the token than what says which key to take.
    fn key_id(&self, token: &[u8]) -> Result<Option<String>, Refused> {
        if token.len() > MAX_TOKEN {
            return Err(Refused::Token("it is too long"));
        }
        if self.rules.refused_prefixes.iter().any(|prefix| token.starts_with(prefix.as_bytes())) {
            return Err(Refused::Token("it is not a session token"));
        }
        let header =
            jsonwebtoken::decode_header(token).map_err(|_| Refused::Token("it is not a signed token"))?;
        if header.alg != Algorithm::RS256 {
            return Err(Refused::Token("it is not signed with RS256"));
        }
        if header.crit.is_some() {
            return Err(Refused::Token("it asks for extensions"));
        }
        match header.kid {
            Some(id) if id.is_empty() || id.len() > MAX_NAME => {
                Err(Refused::Token("its key has a senseless name"))
            }
            id => Ok(id),
        }
    }
}

impl Rules {
    fn check(&self, claims: &Claims, now: f64) -> Result<(), &'static str> {
        self.check_times(claims, now)?;
        self.check_parties(claims)?;
        let subject = claims.text("sub").unwrap_or_default();
        if subject.is_empty() || subject.len() > MAX_NAME || subject.contains('\0') {
            return Err("it names no subject");
        }
        Ok(())
    }

    fn check_times(&self, claims: &Claims, now: f64) -> Result<(), &'static str> {
        let leeway = self.leeway.as_secs_f64();
        match claims.time("exp")? {
            Some(end) if end > now - leeway => {}
            Some(_) => return Err("it has expired"),
            None => return Err("it never expires"),
        }
        if claims.time("nbf")?.is_some_and(|start| start > now + leeway) {
            return Err("it is not valid yet");
        }
        let issued = claims.time("iat")?;
        if self.checks_issue_time && issued.is_some_and(|at| at > now + leeway) {
            return Err("it was issued in the future");
        }
        Ok(())
    }

    fn check_parties(&self, claims: &Claims) -> Result<(), &'static str> {
        if let Some(wanted) = &self.issuer
            && !claims.text("iss").is_some_and(|issuer| is_same(issuer, wanted))
        {
            return Err("it is from another issuer");
        }
        let audience = claims.texts("aud");
        let is_for_us = audience.iter().any(|one| self.audiences.iter().any(|ours| ours == one));
        let names_audience = claims.has("aud");
        if !is_for_us && (names_audience || self.needs_audience) {
            return Err("it is for another audience");
        }
        let party = claims.text("azp");
        if !self.parties.is_empty()
            && !party.is_some_and(|party| self.parties.iter().any(|ours| ours == party))
        {
            return Err("it was made for another party");
        }
        Ok(())
    }
}

impl Claims {
    #[cfg(test)]
    pub(super) fn of(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// Whether there is a claim of this name that is not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.is_null())
    }

    /// The claim of this name; a name with dots that no claim has is a path into nested ones.
    fn get(&self, name: &str) -> Option<&Value> {
        if let Some(value) = self.0.get(name) {
            return Some(value);
        }
        let mut steps = name.split('.');
        let first = self.0.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.get(step))
    }

    /// A claim that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// A claim that is text with something in it, trimmed.
    pub(super) fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// A claim that is a list; nothing when it is missing or something else.
    pub(super) fn list(&self, name: &str) -> Option<&[Value]> {
        self.get(name)?.as_array().map(Vec::as_slice)
    }

    /// The texts of a claim that is one text or a list.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        match self.get(name) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the claim is there and false; some issuers write booleans as text.
    pub(super) fn is_denied(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Value::Bool(false))) || self.text(name) == Some("false")
    }

    /// Seconds since 1970, as JSON Web Tokens count.
    fn time(&self, name: &str) -> Result<Option<f64>, &'static str> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or("its times are no numbers"),
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Token(_) => Self::unauthenticated(),
            Refused::Unavailable => Self::text(
                ErrorKind::Unavailable,
                "The identity provider cannot be reached. Try again in a moment.",
            )
            .retry_after(RETRY),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: f64 = 1_000_000.0;

    fn rules() -> Rules {
        Rules {
            refused_prefixes: &["m2m_"],
            issuer: Some("https://issuer".to_owned()),
            audiences: vec!["us".to_owned()],
            needs_audience: true,
            parties: Vec::new(),
            leeway: Duration::from_secs(10),
            checks_issue_time: true,
        }
    }

    fn verdict(rules: &Rules, changes: Value) -> Result<(), &'static str> {
        let mut claims = json!({ "sub": "s", "iss": "https://issuer/", "aud": "us", "exp": NOW + 60.0 });
        for (name, value) in changes.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        rules.check(&Claims(claims.as_object().expect("an object").clone()), NOW)
    }

    #[test]
    fn times_are_checked_with_leeway() {
        for (changes, is_good) in [
            (json!({}), true),
            (json!({ "exp": NOW - 9.5 }), true),
            (json!({ "exp": NOW - 10.0 }), false),
            (json!({ "exp": null }), false),
            (json!({ "exp": "9999999999" }), false),
            (json!({ "exp": true }), false),
            (json!({ "nbf": NOW + 10.0 }), true),
            (json!({ "nbf": NOW + 10.5 }), false),
            (json!({ "nbf": "soon" }), false),
            (json!({ "iat": NOW + 10.5 }), false),
            (json!({ "iat": NOW + 9.5 }), true),
        ] {
            assert_eq!(verdict(&rules(), changes.clone()).is_ok(), is_good, "{changes}");
        }
        let lax = Rules { checks_issue_time: false, ..rules() };
        assert_eq!(verdict(&lax, json!({ "iat": NOW + 999.0 })), Ok(()));
        assert!(verdict(&lax, json!({ "iat": "x" })).is_err());
    }

    #[test]
    fn issuer_audience_and_party_must_be_ours() {
        for (changes, is_good) in [
            (json!({ "iss": "https://issuer" }), true),
            (json!({ "iss": "https://issuer.evil" }), false),
            (json!({ "iss": null }), false),
            (json!({ "iss": ["https://issuer"] }), false),
            (json!({ "aud": ["them", "us"] }), true),
            (json!({ "aud": ["them"] }), false),
            (json!({ "aud": "us2" }), false),
            (json!({ "aud": [] }), false),
            (json!({ "aud": null }), false),
            (json!({ "sub": "" }), false),
            (json!({ "sub": 7 }), false),
            (json!({ "sub": "a\u{0}b" }), false),
            (json!({ "sub": "x".repeat(513) }), false),
        ] {
            assert_eq!(verdict(&rules(), changes.clone()).is_ok(), is_good, "{changes}");
        }
        let clerk = Rules {
            issuer: None,
            audiences: Vec::new(),
            needs_audience: false,
            parties: vec!["https://app".to_owned()],
            ..rules()
        };
        for (changes, is_good) in [
            (json!({ "aud": null, "iss": "x", "azp": "https://app" }), true),
            (json!({ "aud": null, "azp": "https://evil" }), false),
            (json!({ "aud": null }), false),
            (json!({ "aud": "anybody", "azp": "https://app" }), false),
        ] {
            assert_eq!(verdict(&clerk, changes.clone()).is_ok(), is_good, "{changes}");
        }
    }

    #[test]
    fn claims_are_found_by_name_then_by_path() {
        let claims = json!({ "a.b": "flat", "a": { "b": "nested", "c": ["x", 1, "y"] }, "no": "false" });
        let claims = Claims(claims.as_object().expect("an object").clone());
        assert_eq!(claims.text("a.b"), Some("flat"));
        assert_eq!(claims.texts("a.c"), ["x", "y"]);
        assert_eq!(claims.text("a.d"), None);
        assert_eq!(claims.list("a.c").map(<[Value]>::len), Some(3));
        assert!(claims.is_denied("no") && !claims.is_denied("a"));
    }
}

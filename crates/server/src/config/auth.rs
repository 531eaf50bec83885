//! The variables of signing in: local, Clerk, any OpenID Connect issuer.

use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::refusal::Refusal;
use super::values::{self, AuthMode};

/// Signing in.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Signing in")]
pub struct AuthSettings {
    /// `local` (one token for the whole server), `clerk` (people of a Clerk application) or `oidc` (people of an OpenID Connect issuer).
    #[arg(long, default_value = "local", value_parser = values::auth_mode)]
    pub auth_mode: AuthMode,
    /// Secret: the token of local mode, 50 characters or more. Without it, the first start makes one in `DATA_DIR/local-auth-token`.
    #[arg(long, value_parser = values::secret)]
    pub local_auth_token: Option<SecretString>,
    /// Secret: key for Clerk's API; needed when `AUTH_MODE` is `clerk`.
    #[arg(long, default_value = "", value_parser = values::secret)]
    pub clerk_secret_key: SecretString,
    /// Address of Clerk's API, with or without `/v1`: keys, profiles and deletions are asked for there.
    #[arg(long, default_value = "https://api.clerk.com", value_parser = values::issuer)]
    pub clerk_api_url: String,
    /// Boolean: whether a Clerk token that was issued in the future is refused.
    #[arg(long, default_value = "true", value_parser = values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub clerk_verify_iat: bool,
    /// Clock difference to Clerk that is tolerated, in seconds, 0 to 86400.
    #[arg(long, default_value = "10.0", value_parser = values::seconds)]
    pub clerk_leeway: Duration,
    /// The issuer (`iss`) that Clerk tokens must name, such as `https://clerk.example.com`. Without it, any of this application.
    #[arg(long, value_parser = values::issuer)]
    pub clerk_issuer: Option<String>,
    /// Comma-separated origins of the web pages whose sessions count (`azp`), such as `https://mission.example.com`. Blank: all of the application.
    #[arg(long, default_value = "")]
    pub clerk_authorized_parties: String,
    /// Comma-separated audiences (`aud`) a Clerk token may name. A token that names none of them, but others, is refused.
    #[arg(long, default_value = "")]
    pub clerk_audience: String,
    /// The issuer, as its tokens name it (`iss`); its `/.well-known/openid-configuration` is read. Needed when `AUTH_MODE` is `oidc`.
    #[arg(long, value_parser = values::issuer)]
    pub oidc_issuer: Option<String>,
    /// Comma-separated audiences; a token must be for one of them (`aud`). Needed when `AUTH_MODE` is `oidc`.
    #[arg(long, default_value = "")]
    pub oidc_audience: String,
    /// Clock difference to the issuer that is tolerated, in seconds, 0 to 86400.
    #[arg(long, default_value = "10.0", value_parser = values::seconds)]
    pub oidc_leeway: Duration,
    /// Claim with the e-mail address; it counts unless `email_verified` is false. A path into nested claims has dots.
    #[arg(long, default_value = "email", value_parser = values::text)]
    pub oidc_email_claim: String,
    /// Claim with the name that a new account begins with.
    #[arg(long, default_value = "name", value_parser = values::text)]
    pub oidc_name_claim: String,
    /// Claim with the groups, a list or one text; a path into nested claims has dots.
    #[arg(long, default_value = "groups", value_parser = values::text)]
    pub oidc_groups_claim: String,
    /// The group whose members are admins of `OIDC_ADMIN_ORGANIZATION`. Blank: none.
    #[arg(long, default_value = "")]
    pub oidc_admin_group: String,
    /// The name of the organization that `OIDC_ADMIN_GROUP` administers; made at the start when there is none.
    #[arg(long, default_value = "")]
    pub oidc_admin_organization: String,
}

/// The parts of a comma-separated list that are not blank, trimmed.
pub(crate) fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

impl AuthSettings {
    /// The rules that concern several variables, each with the variable to change.
    pub(super) fn conflicts(&self) -> Vec<(&'static str, Refusal)> {
        match self.auth_mode {
            AuthMode::Local => self.local_conflicts(),
            AuthMode::Clerk => self.clerk_conflicts(),
            AuthMode::Oidc => self.oidc_conflicts(),
        }
    }

    fn local_conflicts(&self) -> Vec<(&'static str, Refusal)> {
        let token = self.local_auth_token.as_ref().map(ExposeSecret::expose_secret);
        let refused = token.filter(|token| !token.is_empty()).map(values::local_token);
        refused.and_then(Result::err).map(|refusal| ("LOCAL_AUTH_TOKEN", refusal)).into_iter().collect()
    }

    fn clerk_conflicts(&self) -> Vec<(&'static str, Refusal)> {
        let key = self.clerk_secret_key.expose_secret().trim();
        let problem = if key.is_empty() {
            "is blank, and AUTH_MODE=clerk needs it"
        } else if !key.chars().all(|c| c.is_ascii_graphic()) {
            "has characters that no key has"
        } else {
            return Vec::new();
        };
        let fix = "set it to the secret key of the Clerk application, which begins with sk_";
        vec![("CLERK_SECRET_KEY", Refusal::new(problem, fix))]
    }

    fn oidc_conflicts(&self) -> Vec<(&'static str, Refusal)> {
        let mut found = Vec::new();
        if self.oidc_issuer.is_none() {
            found.push((
                "OIDC_ISSUER",
                Refusal::new(
                    "is not set, and AUTH_MODE=oidc needs it",
                    "set it to the issuer of your identity provider, such as https://id.example.com/realms/team",
                ),
            ));
        }
        if listed(&self.oidc_audience).is_empty() {
            found.push((
                "OIDC_AUDIENCE",
                Refusal::new(
                    "is blank, and AUTH_MODE=oidc needs it, or tokens for other applications would count here",
                    "set it to the audience of tokens for this server, often the client id",
                ),
            ));
        }
        let (group, organization) = (self.oidc_admin_group.trim(), self.oidc_admin_organization.trim());
        for (name, text, other, is_set) in [
            ("OIDC_ADMIN_GROUP", group, "OIDC_ADMIN_ORGANIZATION", !organization.is_empty()),
            ("OIDC_ADMIN_ORGANIZATION", organization, "OIDC_ADMIN_GROUP", !group.is_empty()),
        ] {
            if text.is_empty() && is_set {
                let problem = format!("is blank, and {other} is set");
                found.push((name, Refusal::new(problem, "set both of them, or none")));
            }
        }
        found
    }
}

//! How people sign in: from the settings to what the services are given, and to the line that tells a newcomer.

use std::path::Path;
use std::sync::Arc;

use mc_model::SystemClock;
use mc_service::auth::{
    AdminGroup, Clerk, ClerkSettings, LocalToken, Oidc, OidcSettings, Outbound, UserAuth,
};
use secrecy::{ExposeSecret, SecretString};

use crate::config::Settings;
use crate::config::auth::{AuthSettings, listed};
use crate::config::local_token::{self, Place};
use crate::config::values::AuthMode;
use crate::start::{StartError, obtain_token};

/// What a newcomer signs in with.
pub(crate) enum Door {
    /// The token of local mode.
    Token(local_token::LocalToken),
    /// An account at Clerk.
    Clerk,
    /// An account at this issuer.
    Issuer(String),
}

/// The way of signing in that the settings name. Nothing is asked of an identity provider: the server starts without.
pub(crate) fn prepare(settings: &Settings) -> Result<(UserAuth, Door), StartError> {
    let auth = &settings.auth;
    match auth.auth_mode {
        AuthMode::Local => {
            let token = obtain_token(settings)?;
            Ok((UserAuth::Local(LocalToken::new(&token.token)), Door::Token(token)))
        }
        AuthMode::Clerk => {
            warn_of_plain_http("CLERK_API_URL", &auth.clerk_api_url);
            let clerk = Clerk::new(clerk_settings(auth), outbound()?, Arc::new(SystemClock));
            Ok((UserAuth::Clerk(Box::new(clerk)), Door::Clerk))
        }
        AuthMode::Oidc => {
            let oidc = oidc_settings(auth);
            warn_of_plain_http("OIDC_ISSUER", &oidc.issuer);
            let door = Door::Issuer(oidc.issuer.clone());
            Ok((UserAuth::Oidc(Box::new(Oidc::new(oidc, outbound()?, Arc::new(SystemClock)))), door))
        }
    }
}

fn outbound() -> Result<Outbound, StartError> {
    Outbound::new().map_err(|error| {
        StartError::new(
            "connections to the identity provider cannot be set up",
            "check the certificates of this machine and the proxy variables of the environment",
        )
        .because(error.to_string())
    })
}

/// Whoever can change what comes over plain HTTP can sign in as anybody.
fn warn_of_plain_http(variable: &str, address: &str) {
    let lower = address.to_ascii_lowercase();
    let is_local =
        ["http://localhost", "http://127.0.0.1", "http://[::1]"].iter().any(|own| lower.starts_with(own));
    if lower.starts_with("http://") && !is_local {
        tracing::warn!(variable, "auth.provider_over_plain_http");
    }
}

fn clerk_settings(auth: &AuthSettings) -> ClerkSettings {
    ClerkSettings {
        secret_key: SecretString::from(auth.clerk_secret_key.expose_secret().trim()),
        api_url: auth.clerk_api_url.clone(),
        verify_issue_time: auth.clerk_verify_iat,
        leeway: auth.clerk_leeway,
        issuer: auth.clerk_issuer.clone(),
        audiences: listed(&auth.clerk_audience),
        authorized_parties: listed(&auth.clerk_authorized_parties),
    }
}

fn oidc_settings(auth: &AuthSettings) -> OidcSettings {
    let (group, organization) = (auth.oidc_admin_group.trim(), auth.oidc_admin_organization.trim());
    let admins = AdminGroup {
        claim: auth.oidc_groups_claim.trim().to_owned(),
        group: group.to_owned(),
        organization: organization.to_owned(),
    };
    OidcSettings {
        issuer: auth.oidc_issuer.clone().unwrap_or_default(),
        audiences: listed(&auth.oidc_audience),
        leeway: auth.oidc_leeway,
        email_claim: auth.oidc_email_claim.trim().to_owned(),
        name_claim: auth.oidc_name_claim.trim().to_owned(),
        admins: (!group.is_empty() && !organization.is_empty()).then_some(admins),
    }
}

/// The one line a newcomer needs.
pub(crate) fn line(base_url: &str, door: &Door, bold: &str, plain: &str) -> String {
    let shown = |file: &Path| file.strip_prefix(".").unwrap_or(file).display().to_string();
    let how = match door {
        Door::Clerk => "with your account at Clerk".to_owned(),
        Door::Issuer(issuer) => format!("with your account at {issuer}"),
        Door::Token(token) => match &token.place {
            Place::Configured => "with the token in LOCAL_AUTH_TOKEN".to_owned(),
            Place::File(file) => format!("with the token in {}", shown(file)),
            Place::NewFile(file) => {
                format!("with {bold}{}{plain} (kept in {})", token.token.expose_secret(), shown(file))
            }
        },
    };
    format!("Mission Control is up: {bold}{base_url}{plain} \u{2014} sign in {how}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_itself_is_shown_at_the_first_start_only() {
        let line = |place: Place| {
            let token = local_token::LocalToken { token: "t0ken".into(), place };
            line("http://localhost:8000", &Door::Token(token), "", "")
        };
        let file = || Path::new("./data/local-auth-token").to_owned();
        assert_eq!(
            line(Place::NewFile(file())),
            "Mission Control is up: http://localhost:8000 — sign in with t0ken (kept in data/local-auth-token)"
        );
        assert_eq!(
            line(Place::File(file())),
            "Mission Control is up: http://localhost:8000 — sign in with the token in data/local-auth-token"
        );
        assert!(!line(Place::Configured).contains("t0ken"));
    }

    #[test]
    fn people_of_a_provider_are_told_where_their_account_is() {
        let door = Door::Issuer("https://id.example.com".to_owned());
        assert!(line("u", &door, "", "").ends_with("sign in with your account at https://id.example.com"));
        assert!(line("u", &Door::Clerk, "", "").ends_with("sign in with your account at Clerk"));
    }
}

//! From the variables to what the HTTP layers are told.

use mc_api::HttpSettings;
use mc_api::settings::{self, LimiterBackend, Limits, ProxyTrust, SecurityHeaders};

use crate::config::Settings;

/// The settings of everything between the socket and the handlers.
///
/// Wrong entries of `TRUSTED_PROXIES` and `FORWARDED_ALLOW_IPS` are left out with a warning that does not repeat them
/// (platform spec §8), so the log should have started.
#[must_use]
pub fn http_settings(all: &Settings) -> HttpSettings {
    let (http, limits) = (&all.http, &all.limits);
    // The parser of the variable has refused what cannot stand in a header.
    let header = |text: &str| SecurityHeaders::parse(text).unwrap_or_default();
    let limiter = match all.rate_limit_redis() {
        Some(url) => LimiterBackend::Redis { url: url.expose().to_owned() },
        None => LimiterBackend::Memory,
    };
    HttpSettings {
        security_headers: SecurityHeaders {
            content_type_options: header(&http.security_header_x_content_type_options),
            frame_options: header(&http.security_header_x_frame_options),
            referrer_policy: header(&http.security_header_referrer_policy),
            permissions_policy: header(&http.security_header_permissions_policy),
        },
        cors_origins: settings::parse_origins(&http.cors_origins),
        body_limit_bytes: http.request_body_limit_bytes,
        header_timeout: http.request_header_timeout_seconds,
        body_timeout: http.request_body_timeout_seconds,
        slow_after: std::time::Duration::from_millis(all.logging.request_log_slow_ms),
        log_health: all.logging.request_log_include_health,
        proxies: proxies(&limits.trusted_proxies, &limits.forwarded_allow_ips),
        limits: Limits {
            agent_auth: limits.rate_limit_agent_auth.0,
            webhook_ingest: limits.rate_limit_webhook_ingest.0,
        },
        limiter,
    }
}

fn proxies(trusted: &str, forwarded: &str) -> ProxyTrust {
    let (trusted, skipped) = ProxyTrust::parse_trusted(trusted);
    warn_of_skipped("TRUSTED_PROXIES", skipped);
    let mut trust = ProxyTrust { trusted, ..ProxyTrust::default() };
    warn_of_skipped("FORWARDED_ALLOW_IPS", trust.set_forwarded(forwarded));
    trust
}

fn warn_of_skipped(variable: &str, skipped: usize) {
    if skipped > 0 {
        tracing::warn!(variable, skipped, "config.proxies.invalid_entries");
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::time::Duration;

    use mc_api::limit::Limit;

    use super::*;
    use crate::cli;

    fn of(environment: &[(&str, &str)]) -> HttpSettings {
        let folder = tempfile::tempdir().expect("a folder");
        let environment: Vec<(OsString, OsString)> =
            environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let invocation = cli::read([OsString::from("mission-control")], environment, folder.path());
        http_settings(invocation.expect("valid").command.settings().expect("settings"))
    }

    #[test]
    fn every_variable_of_the_http_layers_reaches_them() {
        let http = of(&[
            ("SECURITY_HEADER_X_FRAME_OPTIONS", " SAMEORIGIN "),
            ("SECURITY_HEADER_REFERRER_POLICY", ""),
            ("SECURITY_HEADER_PERMISSIONS_POLICY", "camera=()"),
            ("CORS_ORIGINS", "https://a, https://b"),
            ("REQUEST_BODY_LIMIT_BYTES", "10"),
            ("REQUEST_HEADER_TIMEOUT_SECONDS", "1"),
            ("REQUEST_BODY_TIMEOUT_SECONDS", "2"),
            ("REQUEST_LOG_SLOW_MS", "0"),
            ("REQUEST_LOG_INCLUDE_HEALTH", "1"),
            ("TRUSTED_PROXIES", "10.0.0.1/8, nonsense"),
            ("FORWARDED_ALLOW_IPS", "*"),
            ("RATE_LIMIT_AGENT_AUTH", "3/4"),
            ("RATE_LIMIT_WEBHOOK_INGEST", "0"),
            ("RATE_LIMIT_BACKEND", "redis"),
            ("RATE_LIMIT_REDIS_URL", "redis://r"),
        ]);
        let header = |value: &Option<axum::http::HeaderValue>| {
            value.as_ref().map(|value| value.to_str().expect("text").to_owned())
        };
        let headers = &http.security_headers;
        assert_eq!(header(&headers.content_type_options).as_deref(), Some("nosniff"));
        assert_eq!(header(&headers.frame_options).as_deref(), Some("SAMEORIGIN"));
        assert_eq!(header(&headers.referrer_policy), None);
        assert_eq!(header(&headers.permissions_policy).as_deref(), Some("camera=()"));
        assert_eq!(http.cors_origins, ["https://a", "https://b"]);
        assert_eq!(http.body_limit_bytes, 10);
        assert_eq!(
            (http.header_timeout, http.body_timeout),
            (Duration::from_secs(1), Duration::from_secs(2))
        );
        assert_eq!(http.slow_after, Duration::ZERO);
        assert!(http.log_health);
        assert_eq!(http.proxies.trusted.len(), 1);
        assert!(http.proxies.forwarded_from_all);
        assert_eq!(http.limits.agent_auth, Some(Limit { max: 3, window: Duration::from_secs(4) }));
        assert_eq!(http.limits.webhook_ingest, None);
        assert!(matches!(&http.limiter, LimiterBackend::Redis { url } if url == "redis://r"));
    }

    #[test]
    fn nothing_set_means_the_defaults_of_the_layers() {
        let (ours, theirs) = (of(&[]), HttpSettings::default());
        assert_eq!(format!("{:?}", ours.security_headers), format!("{:?}", theirs.security_headers));
        assert_eq!(format!("{:?}", ours.proxies), format!("{:?}", theirs.proxies));
        assert_eq!(format!("{:?}", ours.limits), format!("{:?}", theirs.limits));
        assert_eq!((ours.body_limit_bytes, ours.slow_after), (theirs.body_limit_bytes, theirs.slow_after));
        assert_eq!((ours.body_timeout, ours.log_health), (theirs.body_timeout, theirs.log_health));
        assert!(ours.cors_origins.is_empty() && matches!(ours.limiter, LimiterBackend::Memory));
    }
}

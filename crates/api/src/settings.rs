//! What the HTTP layers can be told: plain data, filled by the server from its variables.
//!
//! The parse functions here are the only readers of the text forms, so that a message about a wrong
//! variable and the behaviour it describes have one source. `Default` gives the documented defaults
//! (platform spec §5–§8, decisions §2–§3).

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use axum::http::HeaderValue;
use ipnet::IpNet;

use crate::limit::Limit;

/// Settings of everything between the socket and the handlers.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The headers of platform spec §5.
    pub security_headers: SecurityHeaders,
    /// `CORS_ORIGINS`: compared with `Origin` as exact strings, `*` allows all; empty means no CORS layer.
    pub cors_origins: Vec<String>,
    /// The largest request body in bytes; a larger one is answered 413.
    pub body_limit_bytes: u64,
    /// How long a client may take to send its request head. Enforced by the server's connection loop.
    pub header_timeout: Duration,
    /// How long a request body may stall between two pieces before it is answered 408.
    pub body_timeout: Duration,
    /// `REQUEST_LOG_SLOW_MS`: from this duration on a request is reported as slow; zero switches that off.
    pub slow_after: Duration,
    /// `REQUEST_LOG_INCLUDE_HEALTH`: whether successful health checks are logged too.
    pub log_health: bool,
    /// Whose forwarding headers are believed.
    pub proxies: ProxyTrust,
    /// The rate limits.
    pub limits: Limits,
    /// Where attempts are counted.
    pub limiter: LimiterBackend,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            security_headers: SecurityHeaders::default(),
            cors_origins: Vec::new(),
            body_limit_bytes: 1024 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            slow_after: Duration::from_millis(1000),
            log_health: false,
            proxies: ProxyTrust::default(),
            limits: Limits::default(),
            limiter: LimiterBackend::Memory,
        }
    }
}

/// Reads `CORS_ORIGINS`: comma-separated, entries trimmed, empty entries dropped.
#[must_use]
pub fn parse_origins(text: &str) -> Vec<String> {
    list(text).map(str::to_owned).collect()
}

/// The security headers; `None` leaves a header out.
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    /// `x-content-type-options`.
    pub content_type_options: Option<HeaderValue>,
    /// `x-frame-options`.
    pub frame_options: Option<HeaderValue>,
    /// `referrer-policy`.
    pub referrer_policy: Option<HeaderValue>,
    /// `permissions-policy`.
    pub permissions_policy: Option<HeaderValue>,
}

impl SecurityHeaders {
    /// Reads the value of one header: trimmed, a blank one switches the header off.
    ///
    /// # Errors
    /// A sentence for the operator when the text cannot stand in a header.
    pub fn parse(text: &str) -> Result<Option<HeaderValue>, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        HeaderValue::from_str(text)
            .map(Some)
            .map_err(|_| "a header value may hold visible characters and spaces only".to_owned())
    }
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        Self {
            content_type_options: Some(HeaderValue::from_static("nosniff")),
            frame_options: Some(HeaderValue::from_static("DENY")),
            referrer_policy: Some(HeaderValue::from_static("strict-origin-when-cross-origin")),
            permissions_policy: None,
        }
    }
}

/// Whose `Forwarded`, `X-Forwarded-For` and `X-Forwarded-Proto` are believed (platform spec §12.2).
#[derive(Clone, Debug)]
pub struct ProxyTrust {
    /// `TRUSTED_PROXIES`: proxies whose `Forwarded` and `X-Forwarded-For` name the client.
    pub trusted: Vec<IpNet>,
    /// `FORWARDED_ALLOW_IPS`: proxies, usually on this host, whose `X-Forwarded-For` names the client.
    pub forwarded: Vec<IpNet>,
    /// `FORWARDED_ALLOW_IPS=*`: every peer is such a proxy.
    pub forwarded_from_all: bool,
}

impl Default for ProxyTrust {
    fn default() -> Self {
        Self { trusted: Vec::new(), forwarded: vec![host([127, 0, 0, 1].into())], forwarded_from_all: false }
    }
}

impl ProxyTrust {
    /// Reads `TRUSTED_PROXIES`: a comma list of addresses and networks (host bits allowed). Returns how many
    /// entries were left out because they are neither, for a warning that does not repeat them.
    #[must_use]
    pub fn parse_trusted(text: &str) -> (Vec<IpNet>, usize) {
        networks(list(text))
    }

    /// Reads `FORWARDED_ALLOW_IPS` into this value, `*` included. Returns how many entries were left out.
    pub fn set_forwarded(&mut self, text: &str) -> usize {
        self.forwarded_from_all = list(text).any(|entry| entry == "*");
        let (nets, skipped) = networks(list(text).filter(|entry| *entry != "*"));
        self.forwarded = nets;
        skipped
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

fn networks<'a>(entries: impl Iterator<Item = &'a str>) -> (Vec<IpNet>, usize) {
    let mut nets = Vec::new();
    let mut skipped = 0;
    for entry in entries {
        let net = entry.parse::<IpNet>().ok().or_else(|| entry.parse::<IpAddr>().ok().map(host));
        match net {
            Some(net) => nets.push(net.trunc()),
            None => skipped += 1,
        }
    }
    (nets, skipped)
}

fn host(address: IpAddr) -> IpNet {
    address.to_canonical().into()
}

/// The rate limits; `None` switches one off.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `RATE_LIMIT_AGENT_AUTH`: attempts to authenticate as an agent, per client address.
    pub agent_auth: Option<Limit>,
    /// `RATE_LIMIT_WEBHOOK_INGEST`: webhook deliveries, per client address.
    pub webhook_ingest: Option<Limit>,
}

impl Default for Limits {
    fn default() -> Self {
        let window = Duration::from_secs(60);
        Self { agent_auth: Some(Limit { max: 20, window }), webhook_ingest: Some(Limit { max: 60, window }) }
    }
}

/// Where attempts are counted.
#[derive(Clone)]
pub enum LimiterBackend {
    /// In this process.
    Memory,
    /// In a Redis that several processes share.
    Redis {
        /// The address, such as `redis://:password@host:6379/0`. Secret: it may hold a password.
        url: String,
    },
}

impl fmt::Debug for LimiterBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "Memory",
            Self::Redis { .. } => "Redis { url: [redacted] }",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_trimmed_and_blanks_dropped() {
        assert_eq!(parse_origins(" http://a , ,http://b,"), ["http://a", "http://b"]);
        assert!(parse_origins("  ").is_empty());
    }

    #[test]
    fn a_blank_security_header_is_off_and_a_control_character_is_refused() {
        assert_eq!(SecurityHeaders::parse("  ").expect("blank is off"), None);
        assert_eq!(SecurityHeaders::parse(" DENY ").expect("valid"), Some(HeaderValue::from_static("DENY")));
        assert!(SecurityHeaders::parse("a\nb").is_err());
    }

    #[test]
    fn proxies_may_have_host_bits_and_wrong_entries_are_counted() {
        let (nets, skipped) = ProxyTrust::parse_trusted("10.1.2.3/8, ::1, nonsense, 300.1.1.1, 192.0.2.7");
        assert_eq!(skipped, 2);
        let text: Vec<_> = nets.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["10.0.0.0/8", "::1/128", "192.0.2.7/32"]);
    }

    #[test]
    fn a_star_allows_every_forwarder() {
        let mut trust = ProxyTrust::default();
        assert_eq!(trust.set_forwarded("*"), 0);
        assert!(trust.forwarded_from_all && trust.forwarded.is_empty());
        assert_eq!(trust.set_forwarded("10.0.0.1,x"), 1);
        assert!(!trust.forwarded_from_all);
        assert_eq!(trust.forwarded.len(), 1);
    }

    #[test]
    fn the_address_of_redis_is_not_printed() {
        let backend = LimiterBackend::Redis { url: "redis://:hunter2@host".into() };
        assert!(!format!("{backend:?}").contains("hunter2"));
    }
}

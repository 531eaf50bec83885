//! The headers that tell a client where it stands (draft-ietf-httpapi-ratelimit-headers).

use axum::http::{HeaderMap, HeaderValue, header};

use super::Decision;

/// Writes `RateLimit-Policy` and `RateLimit`, and `Retry-After` when the attempt was denied. A rule that is
/// off writes nothing.
///
/// `"agent_auth";q=20;w=60` is the quota and its window in seconds; `"agent_auth";r=3;t=12` says that 3
/// attempts are free and that the next place becomes free in 12 seconds.
pub fn write_headers(decision: &Decision, headers: &mut HeaderMap) {
    let Some(limit) = decision.rule.limit else { return };
    let name = decision.rule.namespace;
    let wait = decision.retry_after_seconds();
    let policy = format!("\"{name}\";q={};w={}", limit.max, limit.window.as_secs());
    let state = format!("\"{name}\";r={};t={wait}", decision.remaining);
    for (header, text) in [("ratelimit-policy", policy), ("ratelimit", state)] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(header, value);
        }
    }
    if !decision.allowed {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Limit, Rule};
    use super::*;

    fn written(allowed: bool, held: usize) -> HeaderMap {
        let limit = Limit { max: 20, window: Duration::from_secs(60) };
        let rule = Rule { namespace: "agent_auth", limit: Some(limit) };
        let mut headers = HeaderMap::new();
        write_headers(
            &Decision::counted(rule, limit, allowed, held, Duration::from_millis(11_001)),
            &mut headers,
        );
        headers
    }

    #[test]
    fn an_allowed_attempt_shows_quota_and_rest() {
        let headers = written(true, 17);
        assert_eq!(headers["ratelimit-policy"], "\"agent_auth\";q=20;w=60");
        assert_eq!(headers["ratelimit"], "\"agent_auth\";r=3;t=12");
        assert!(!headers.contains_key("retry-after"));
    }

    #[test]
    fn a_denied_attempt_says_when_to_come_back() {
        let headers = written(false, 20);
        assert_eq!(headers["ratelimit"], "\"agent_auth\";r=0;t=12");
        assert_eq!(headers["retry-after"], "12");
    }

    #[test]
    fn a_rule_that_is_off_writes_nothing() {
        let mut headers = HeaderMap::new();
        write_headers(&Decision::uncounted(Rule { namespace: "agent_auth", limit: None }), &mut headers);
        assert!(headers.is_empty());
    }
}

//! Reading credentials from headers (platform spec §9.1, §10).

use axum::http::{HeaderMap, header};

const AGENT_TOKEN: &str = "x-agent-token";

/// The token of the first `Authorization` header: scheme `bearer` in any case, one space, the trimmed rest. Blank,
/// another scheme or another separator count as no token.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes().trim_ascii();
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

/// The value of a non-empty `X-Agent-Token` header.
pub(super) fn agent_header(headers: &HeaderMap) -> Option<&[u8]> {
    let token = headers.get(AGENT_TOKEN)?.as_bytes().trim_ascii();
    (!token.is_empty()).then_some(token)
}

/// The agent token: `X-Agent-Token` wins when it is not empty; a wrong one is not rescued by the bearer.
pub(super) fn agent_token(headers: &HeaderMap) -> Option<String> {
    let token = agent_header(headers).or_else(|| bearer(headers))?;
    // Bytes outside UTF-8 make a token that nobody has.
    Some(String::from_utf8_lossy(token).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_bearer_tokens_as_the_spec_says() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("  bEaReR   abc  ", Some("abc")),
            ("Bearer", None),
            ("Bearer  ", None),
            ("Bearer\tabc", None),
            ("Basic abc", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().expect("a header value"));
            assert_eq!(bearer(&headers), token.map(str::as_bytes), "{value:?}");
        }
    }

    #[test]
    fn the_agent_header_wins_unless_empty() {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, "Bearer b".parse().expect("a header value"));
        assert_eq!(agent_token(&headers).as_deref(), Some("b"));
        headers.insert(AGENT_TOKEN, "".parse().expect("a header value"));
        assert_eq!(agent_token(&headers).as_deref(), Some("b"));
        headers.insert(AGENT_TOKEN, "a".parse().expect("a header value"));
        assert_eq!(agent_token(&headers).as_deref(), Some("a"));
    }
}

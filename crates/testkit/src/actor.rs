//! Who sends a request.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HeaderName, HeaderValue};

/// The header of agent tokens.
const AGENT_TOKEN: HeaderName = HeaderName::from_static("x-agent-token");

/// Somebody with or without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    headers: Vec<(HeaderName, String)>,
}

impl Actor {
    /// Nobody: no credentials at all.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { headers: Vec::new() }
    }

    /// A person with this bearer token.
    #[must_use]
    pub fn bearer(token: &str) -> Self {
        Self { headers: vec![(AUTHORIZATION, format!("Bearer {token}"))] }
    }

    /// An agent with this token in `X-Agent-Token`.
    #[must_use]
    pub fn agent(token: &str) -> Self {
        Self { headers: vec![(AGENT_TOKEN, token.to_owned())] }
    }

    /// A token that nobody has, in both headers.
    #[must_use]
    pub fn wrong_token() -> Self {
        const TOKEN: &str = "a-token-that-nobody-has-00000000000000000000";
        let bearer = (AUTHORIZATION, format!("Bearer {TOKEN}"));
        Self { headers: vec![bearer, (AGENT_TOKEN, TOKEN.to_owned())] }
    }

    pub(crate) fn write_to(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers
                .insert(name.clone(), HeaderValue::from_str(value).expect("tokens of tests are plain text"));
        }
    }
}

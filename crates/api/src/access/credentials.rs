//! Reading credentials from headers (platform spec §9.1, §9.3, §10).

use std::borrow::Cow;

use axum::http::{HeaderMap, Method, header};
use mc_model::secret::API_TOKEN_PREFIX;
use mc_service::auth::CredentialPlace;

const AGENT_TOKEN: &str = "x-agent-token";
/// How the names of Clerk's session cookies begin; several applications on one domain add something to it.
const SESSION_COOKIE: &[u8] = b"__session";
/// Where the page stands that makes the browser send a request (Fetch Metadata).
const FETCH_SITE: &str = "sec-fetch-site";

/// The token of the first `Authorization` header: scheme `bearer` in any case, one space, the trimmed rest. Blank,
/// another scheme or another separator count as no token.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes().trim_ascii();
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

/// The token of a person, where the way of signing in has it. API tokens are bearers in every mode.
pub(super) fn user_token<'a>(
    headers: &'a HeaderMap,
    method: &Method,
    place: CredentialPlace,
) -> Option<Cow<'a, [u8]>> {
    let bearer = bearer(headers);
    match place {
        CredentialPlace::Bearer => bearer.map(Cow::Borrowed),
        CredentialPlace::ClerkSession => bearer
            .filter(|token| token.starts_with(API_TOKEN_PREFIX.as_bytes()))
            .map(Cow::Borrowed)
            .or_else(|| clerk_session(headers, method)),
    }
}

/// A header wins over the cookie even when it is of no use. Every literal `Bearer ` in it is removed, so the bare token
/// does as well, and a lower-case `bearer` does not.
fn clerk_session<'a>(headers: &'a HeaderMap, method: &Method) -> Option<Cow<'a, [u8]>> {
    const SCHEME: &[u8] = b"Bearer ";
    let token = match headers.get(header::AUTHORIZATION) {
        Some(value) => without(value.as_bytes(), SCHEME),
        None if is_cross_site(headers, method) => return None,
        None => Cow::Borrowed(session_cookie(headers)?),
    };
    (!token.is_empty()).then_some(token)
}

fn without<'a>(text: &'a [u8], part: &[u8]) -> Cow<'a, [u8]> {
    let mut rest = text;
    let mut kept = Vec::new();
    while let Some(at) = rest.windows(part.len()).position(|window| window == part) {
        kept.extend_from_slice(&rest[..at]);
        rest = &rest[at + part.len()..];
        if kept.is_empty() && !rest.windows(part.len()).any(|window| window == part) {
            return Cow::Borrowed(rest);
        }
    }
    if rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    kept.extend_from_slice(rest);
    Cow::Owned(kept)
}

/// The value of the first cookie whose name begins as Clerk's session cookies do.
fn session_cookie(headers: &HeaderMap) -> Option<&[u8]> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let pairs = cookies.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs
        .filter_map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=')?;
            Some((pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()))
        })
        .find(|(name, _)| name.starts_with(SESSION_COOKIE))
        .map(|(_, value)| value)
}

/// Whether a browser says that a page of somebody else makes it send this change. A cookie goes along with such a request
/// without the person wanting it; a header never does.
fn is_cross_site(headers: &HeaderMap, method: &Method) -> bool {
    !method.is_safe() && headers.get(FETCH_SITE).is_some_and(|site| site == "cross-site")
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

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a header value"));
        }
        headers
    }

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
            let headers = headers(&[("authorization", value)]);
            assert_eq!(bearer(&headers), token.map(str::as_bytes), "{value:?}");
            let place = CredentialPlace::Bearer;
            let found = user_token(&headers, &Method::GET, place);
            assert_eq!(found.as_deref(), token.map(str::as_bytes), "{value:?}");
        }
    }

    #[test]
    fn reads_clerk_sessions_as_the_spec_says() {
        for (pairs, token) in [
            (&[("authorization", "Bearer a.b.c")][..], Some("a.b.c")),
            (&[("authorization", "a.b.c")], Some("a.b.c")),
            (&[("authorization", "Bearer Bearer a.b.c")], Some("a.b.c")),
            (&[("authorization", "a.Bearer b.Bearer c")], Some("a.b.c")),
            (&[("authorization", "bearer a.b.c")], Some("bearer a.b.c")),
            (&[("authorization", "Bearer ")], None),
            (&[("authorization", "Bearer")], Some("Bearer")),
            (&[("authorization", ""), ("cookie", "__session=x")], None),
            (&[("authorization", "Basic eA=="), ("cookie", "__session=x")], Some("Basic eA==")),
            (&[("authorization", "bearer mct_1")], Some("mct_1")),
            (&[("cookie", "a=b; __session=x.y.z; __session_2=no")], Some("x.y.z")),
            (&[("cookie", "a=__session=1"), ("cookie", "__session_Qw= x ")], Some("x")),
            (&[("cookie", "x__session=1; __Session=2; __session")], None),
            (&[("cookie", "__session=")], None),
            (&[], None),
        ] {
            let headers = headers(pairs);
            let found = user_token(&headers, &Method::POST, CredentialPlace::ClerkSession);
            // The server trims header values before this code sees them.
            let found = found.as_deref().map(<[u8]>::trim_ascii);
            assert_eq!(found, token.map(str::as_bytes), "{pairs:?}");
        }
    }

    #[test]
    fn a_page_of_somebody_else_cannot_use_the_cookie_for_a_change() {
        let cookie = ("cookie", "__session=x");
        let place = CredentialPlace::ClerkSession;
        for (site, method, is_taken) in [
            ("cross-site", Method::POST, false),
            ("cross-site", Method::DELETE, false),
            ("cross-site", Method::GET, true),
            ("same-site", Method::POST, true),
            ("same-origin", Method::POST, true),
        ] {
            let headers = headers(&[cookie, (FETCH_SITE, site)]);
            assert_eq!(user_token(&headers, &method, place).is_some(), is_taken, "{site} {method}");
        }
        let headers = headers(&[cookie, (FETCH_SITE, "cross-site"), ("authorization", "Bearer t")]);
        assert_eq!(user_token(&headers, &Method::POST, place).as_deref(), Some(&b"t"[..]));
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

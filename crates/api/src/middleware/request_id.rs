//! The id under which a request is found again in logs and reports (platform spec §4).

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::request_id::RequestId;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ids, and ids with other than visible ASCII characters, are replaced by one of ours: the id goes
/// into every log line and back to the caller, so it must not carry anything into either.
const LONGEST: usize = 128;

/// The id of the caller if it is acceptable (first occurrence of the header only, surrounding blanks left
/// out), else a new one: a random UUID as 32 lowercase hexadecimal digits.
pub(super) fn choose(headers: &HeaderMap) -> RequestId {
    let sent = headers.get(HEADER).and_then(|value| value.to_str().ok()).map(str::trim);
    let accepted = sent.filter(|id| {
        (1..=LONGEST).contains(&id.len()) && id.bytes().all(|character| character.is_ascii_graphic())
    });
    RequestId(accepted.map_or_else(generate, Arc::from))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a request id names no row and no test fixes it: it can be sent"
)]
fn generate() -> Arc<str> {
    Uuid::new_v4().simple().to_string().into()
}

/// Writes the id into a response, unless a handler already did.
pub(super) fn apply(id: &RequestId, headers: &mut HeaderMap) {
    if let (false, Ok(value)) = (headers.contains_key(HEADER), HeaderValue::from_str(&id.0)) {
        headers.insert(HEADER, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(lines: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, HeaderValue::from_bytes(line).expect("a header value"));
        }
        choose(&headers).0.to_string()
    }

    fn is_ours(id: &str) -> bool {
        id.len() == 32 && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    }

    #[test]
    fn acceptable_ids_are_kept_as_they_are() {
        let longest = "x".repeat(128);
        for id in ["a", "4552ecebe835436d9a61937b8ffca96a", "<Weird>;=\"id\"~", &longest] {
            assert_eq!(chosen(&[id.as_bytes()]), id);
        }
        assert_eq!(chosen(&[b"  spaced\t"]), "spaced");
        assert_eq!(chosen(&[b"first", b"second"]), "first");
    }

    #[test]
    fn other_ids_are_replaced() {
        let too_long = "x".repeat(129);
        for id in [b"".as_slice(), b"   ", b"two words", b"tab\tinside", b"h\xf6her", too_long.as_bytes()] {
            assert!(is_ours(&chosen(&[id])), "{id:?}");
        }
        assert!(is_ours(&chosen(&[])));
        assert!(is_ours(&chosen(&[b" ", b"second"])), "only the first occurrence counts");
        assert_ne!(chosen(&[]), chosen(&[]));
    }
}

//! How agent tokens are stored.
//!
//! Tokens carry 256 random bits, so a plain SHA-256 is enough and can be looked up by index. The form of imported
//! databases, PBKDF2 with a salt, is still verified; see `agents`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const ALGORITHM: &str = "pbkdf2_sha256";
/// More iterations than this are not worth anybody's time; the imported form has 200,000.
const MAX_ITERATIONS: u32 = 2_000_000;

/// The stored form of an agent token: `sha256$` and 64 hexadecimal digits.
#[must_use]
pub fn hash_agent_token(token: &str) -> String {
    use std::fmt::Write;

    let mut text = String::with_capacity(71);
    text.push_str("sha256$");
    for byte in Sha256::digest(token.as_bytes()) {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// Whether `token` has the imported hash `pbkdf2_sha256$<iterations>$<salt>$<digest>`. A malformed hash matches
/// nothing. Takes tens of milliseconds: never call it on an async thread.
pub(super) fn matches_imported(token: &str, stored: &str) -> bool {
    let parts: Vec<_> = stored.split('$').collect();
    let [ALGORITHM, iterations, salt, digest] = parts[..] else { return false };
    let (Ok(iterations), Ok(salt), Ok(digest)) =
        (iterations.parse::<u32>(), URL_SAFE_NO_PAD.decode(salt), URL_SAFE_NO_PAD.decode(digest))
    else {
        return false;
    };
    if iterations == 0 || iterations > MAX_ITERATIONS {
        return false;
    }
    let computed = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(token.as_bytes(), &salt, iterations);
    computed.ct_eq(&digest[..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_stable_and_imported_ones_verify() {
        assert_eq!(
            hash_agent_token("abc"),
            "sha256$ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        let salt = [7_u8; 16];
        let digest = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(b"secret", &salt, 1_000);
        let (salt, digest) = (URL_SAFE_NO_PAD.encode(salt), URL_SAFE_NO_PAD.encode(digest));
        let stored = format!("pbkdf2_sha256$1000${salt}${digest}");
        assert!(matches_imported("secret", &stored));
        assert!(!matches_imported("Secret", &stored));
        for broken in ["", "pbkdf2_sha256$x$a$b", "md5$1$a$b", "pbkdf2_sha256$0$$", "pbkdf2_sha256$1$a$b$c"] {
            assert!(!matches_imported("secret", broken), "{broken}");
        }
    }
}

//! Making secrets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `bytes` bytes from the operating system's generator as base64url without padding.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn generate(bytes: usize) -> crate::Result<String> {
    let mut raw = vec![0_u8; bytes];
    getrandom::fill(&mut raw).map_err(|error| crate::Error::internal(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(raw))
}

/// A new agent token: 32 random bytes, 43 characters.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn agent_token() -> crate::Result<String> {
    generate(32)
}

/// What every API token begins with.
pub const API_TOKEN_PREFIX: &str = "mct_";

/// A new API token: its prefix and 32 random bytes, 47 characters.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn api_token() -> crate::Result<String> {
    Ok(format!("{API_TOKEN_PREFIX}{}", generate(32)?))
}

#[cfg(test)]
mod tests {
    #[test]
    fn api_tokens_have_a_prefix_and_43_characters() {
        let token = super::api_token().expect("random");
        assert_eq!(token.strip_prefix("mct_").map(str::len), Some(43));
    }

    #[test]
    fn agent_tokens_have_43_characters_and_differ() {
        let (one, two) = (super::agent_token().expect("random"), super::agent_token().expect("random"));
        assert_eq!(one.len(), 43);
        assert_ne!(one, two);
    }
}

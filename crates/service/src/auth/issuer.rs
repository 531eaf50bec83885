//! Where an issuer publishes its keys.

use secrecy::SecretString;
use serde_json::Value;

use super::outbound::{DEADLINE, Fault, Outbound};

/// Where the key set is.
pub(super) enum KeySource {
    /// At an address that wants a secret.
    Fixed {
        /// The address.
        url: String,
        /// The bearer token for it.
        secret: SecretString,
    },
    /// Where the discovery document of this OpenID Connect issuer says. It is read before each fetch of the keys,
    /// which is seldom enough, so that an issuer may move its keys.
    Discovered(String),
}

impl KeySource {
    pub(super) async fn fetch(&self, outbound: &Outbound) -> Result<Value, Fault> {
        match self {
            Self::Fixed { url, secret } => outbound.get(url, Some(secret)).await,
            Self::Discovered(issuer) => {
                let both = async {
                    let address = discover(outbound, issuer).await?;
                    outbound.get(&address, None).await
                };
                tokio::time::timeout(DEADLINE, both).await.unwrap_or(Err(Fault::TooSlow))
            }
        }
    }
}

/// The address of the keys (OpenID Connect Discovery 1.0 §4). The document must be the issuer's own.
async fn discover(outbound: &Outbound, issuer: &str) -> Result<String, Fault> {
    let document = outbound.get(&format!("{}/.well-known/openid-configuration", bare(issuer)), None).await?;
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    if !text("issuer").is_some_and(|named| is_same(named, issuer)) {
        return Err(Fault::Senseless("the discovery document names another issuer than OIDC_ISSUER"));
    }
    let address = text("jwks_uri").ok_or(Fault::Senseless("the discovery document has no jwks_uri"))?;
    let is_secure = address.starts_with("https://");
    let must_be_secure = issuer.to_ascii_lowercase().starts_with("https://");
    if !is_secure && (must_be_secure || !address.starts_with("http://")) {
        return Err(Fault::Senseless("the jwks_uri of the discovery document is not https"));
    }
    Ok(address.to_owned())
}

/// Issuers are compared as texts, but for a slash at the end, which people add or forget.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    bare(one) == bare(other)
}

pub(super) fn bare(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

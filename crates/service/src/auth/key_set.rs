//! A set of public keys as an issuer publishes it (RFC 7517).

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use mc_model::Timestamp;
use serde_json::Value;

/// Lengths of a usable RSA modulus in bytes: 2048 to 8192 bits. Shorter keys can be broken, longer ones cost too much.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// Keys by their id, and when they were fetched.
#[derive(Default)]
pub(super) struct KeySet {
    keys: HashMap<String, Arc<DecodingKey>>,
    fetched_at: Option<Timestamp>,
}

impl KeySet {
    /// The keys of `document` that verify RS256; everything else in it is left out.
    pub(super) fn read(document: &Value, now: Timestamp) -> Self {
        let listed = document.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut keys = HashMap::with_capacity(listed.len());
        for (id, key) in listed.iter().filter_map(usable) {
            // Two keys with one id are a fault of the issuer; the first is as good as the second.
            keys.entry(id).or_insert_with(|| Arc::new(key));
        }
        Self { keys, fetched_at: Some(now) }
    }

    /// The key that a token names; without a name the only one there is.
    pub(super) fn get(&self, id: Option<&str>) -> Option<&Arc<DecodingKey>> {
        match id {
            Some(id) => self.keys.get(id),
            None if self.keys.len() == 1 => self.keys.values().next(),
            None => None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn fetched_at(&self) -> Option<Timestamp> {
        self.fetched_at
    }
}

/// The id and the key, if it is one for RS256 signatures. A key without an id can only be the only one.
fn usable(key: &Value) -> Option<(String, DecodingKey)> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let is_or_absent = |name: &str, wanted: &str| key.get(name).is_none_or(|value| value == wanted);
    let verifies = key
        .get("key_ops")
        .is_none_or(|uses| uses.as_array().is_some_and(|uses| uses.iter().any(|one| one == "verify")));
    if text("kty") != Some("RSA") || !is_or_absent("use", "sig") || !is_or_absent("alg", "RS256") || !verifies
    {
        return None;
    }
    let decode = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
    let (modulus, exponent) = (decode("n")?, decode("e")?);
    let padding = modulus.iter().take_while(|byte| **byte == 0).count();
    let modulus = &modulus[padding..];
    if !MODULUS_BYTES.contains(&modulus.len()) || exponent.is_empty() || exponent.len() > 8 {
        return None;
    }
    let id = text("kid").unwrap_or_default().to_owned();
    Some((id, DecodingKey::from_rsa_raw_components(modulus, &exponent)))
}

#[cfg(test)]
mod tests {
    use mc_model::{Clock, SystemClock};
    use serde_json::json;

    use super::*;

    fn key(changes: Value) -> Value {
        let mut key = json!({
            "kid": "a", "kty": "RSA", "use": "sig", "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode([0xC5_u8; 256]), "e": "AQAB",
        });
        for (name, value) in changes.as_object().expect("an object") {
            key[name] = value.clone();
        }
        key
    }

    fn read(keys: Value) -> KeySet {
        KeySet::read(&json!({ "keys": keys }), SystemClock.now())
    }

    #[test]
    fn only_keys_that_verify_rs256_are_taken() {
        assert_eq!(read(json!([key(json!({}))])).len(), 1);
        for wrong in [
            json!({ "kty": "EC" }),
            json!({ "kty": "oct", "k": "AAAA" }),
            json!({ "use": "enc" }),
            json!({ "alg": "RS512" }),
            json!({ "alg": "HS256" }),
            json!({ "key_ops": ["encrypt"] }),
            json!({ "n": "%%" }),
            json!({ "n": null }),
            json!({ "e": "" }),
            json!({ "n": URL_SAFE_NO_PAD.encode([0xC5_u8; 128]) }),
            json!({ "n": URL_SAFE_NO_PAD.encode([[0_u8; 200], [0xC5_u8; 200]].concat()) }),
            json!({ "n": URL_SAFE_NO_PAD.encode([0xC5_u8; 1025]) }),
        ] {
            assert!(read(json!([key(wrong.clone())])).is_empty(), "{wrong}");
        }
        for document in [json!(null), json!([]), json!({ "keys": {} }), json!({ "keys": [1, null, "x"] })] {
            assert!(KeySet::read(&document, SystemClock.now()).is_empty(), "{document}");
        }
    }

    #[test]
    fn a_token_without_a_key_id_fits_the_only_key_and_no_other() {
        let one = read(json!([key(json!({}))]));
        assert!(one.get(None).is_some() && one.get(Some("a")).is_some() && one.get(Some("b")).is_none());
        let two = read(json!([key(json!({})), key(json!({ "kid": "b" }))]));
        assert!(two.get(None).is_none() && two.get(Some("b")).is_some());
        let thousand: Vec<Value> = (0..1_000).map(|n| key(json!({ "kid": n.to_string() }))).collect();
        let thousand = read(json!(thousand));
        assert_eq!(thousand.len(), 1_000);
        assert!(thousand.get(Some("999")).is_some());
    }
}

//! Headers that tell browsers what they may do with an answer (platform spec §5).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::settings::SecurityHeaders;

/// The headers that are switched on, ready to be copied.
#[derive(Debug)]
pub(super) struct Defaults(Vec<(HeaderName, HeaderValue)>);

impl Defaults {
    pub(super) fn new(settings: &SecurityHeaders) -> Self {
        let pairs = [
            (header::X_CONTENT_TYPE_OPTIONS, &settings.content_type_options),
            (header::X_FRAME_OPTIONS, &settings.frame_options),
            (header::REFERRER_POLICY, &settings.referrer_policy),
            (HeaderName::from_static("permissions-policy"), &settings.permissions_policy),
        ];
        Self(pairs.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect())
    }

    /// Adds what a handler has not set itself.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            if !headers.contains_key(name) {
                headers.insert(name.clone(), value.clone());
            }
        }
    }
}

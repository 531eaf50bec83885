//! The id of one request, shared by the layer that sets it and everything that shows it.

use std::sync::Arc;

/// The request id, kept as a request extension.
///
/// It is what the caller sent in `X-Request-Id` when that is acceptable, else 32 lowercase hexadecimal digits of
/// our own; the request-id layer sets it before anything else sees the request.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

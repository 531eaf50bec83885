//! `/openapi.json` and the pages that show it: files of the binary, no outside address.
//!
//! The bundles lie in the binary compressed; a client that does not take gzip gets them unpacked.

use std::io::{Read, Write};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use mc_model::Error;

use crate::error::ApiError;

/// What the pages may do: run and load what this server sends, talk to this server, nothing else. Styles
/// inside the page are needed by both programs; `blob:` is the search worker of Redoc.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The routes `/openapi.json`, `/docs`, `/docs/oauth2-redirect`, `/redoc` and `/docs/assets/…`. `openapi` is
/// the serialised document; it is sent as it is.
///
/// All answer `HEAD`, carry an `ETag` and answer 304 to a matching `If-None-Match`.
pub fn routes(openapi: Bytes) -> Router {
    let document = Served::new("application/json", Form::Plain(openapi));
    let router = serve(Router::new(), "/openapi.json", document);
    mc_web::DOCUMENTATION.iter().fold(router, |router, file| {
        let form = match file.content {
            mc_web::Content::Plain(bytes) => Form::Plain(Bytes::from_static(bytes)),
            mc_web::Content::Gzip(bytes) => Form::Gzip(Bytes::from_static(bytes)),
        };
        serve(router, file.path, Served::new(file.content_type, form))
    })
}

fn serve(router: Router, path: &str, file: Served) -> Router {
    let file = Arc::new(file);
    router.route(path, get(move |headers: HeaderMap| async move { file.answer(&headers) }))
}

/// The bytes of a file as they are held.
#[derive(Clone, Debug)]
enum Form {
    Plain(Bytes),
    Gzip(Bytes),
}

/// A file with what is worked out once.
struct Served {
    content_type: HeaderValue,
    etag: HeaderValue,
    is_page: bool,
    content: Form,
    /// The other form of the content, made when it is first asked for.
    other: OnceLock<Option<Bytes>>,
}

impl Served {
    fn new(content_type: &'static str, content: Form) -> Self {
        let etag = format!("W/\"{}\"", fingerprint(&content));
        Self {
            content_type: HeaderValue::from_static(content_type),
            etag: HeaderValue::from_str(&etag).unwrap_or_else(|_| HeaderValue::from_static("W/\"0\"")),
            is_page: content_type.starts_with("text/html"),
            content,
            other: OnceLock::new(),
        }
    }

    fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = if self.is_unchanged(request) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            match self.body(accepts_gzip(request)) {
                Some(body) => body,
                None => {
                    return ApiError::from(Error::internal("an embedded file cannot be unpacked"))
                        .into_response();
                }
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        // Kept by the browser, asked for again each time: an upgrade of the server shows at once.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if self.is_page {
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
        }
        response
    }

    fn is_unchanged(&self, request: &HeaderMap) -> bool {
        let known = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let weak = self.etag.to_str().unwrap_or_default();
        let strong = weak.trim_start_matches("W/");
        known
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag == weak || tag == strong)
    }

    fn body(&self, gzip: bool) -> Option<Response> {
        let bytes = match (&self.content, gzip) {
            (Form::Plain(bytes), false) | (Form::Gzip(bytes), true) => bytes.clone(),
            (Form::Plain(plain), true) => self.other.get_or_init(|| compress(plain)).clone()?,
            (Form::Gzip(packed), false) => self.other.get_or_init(|| decompress(packed)).clone()?,
        };
        let mut response = Response::new(Body::from(bytes));
        response.headers_mut().insert(header::CONTENT_TYPE, self.content_type.clone());
        if gzip {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Some(response)
    }
}

/// Checksum and length of the plain bytes. A gzip file ends with both, so it is not unpacked for them.
fn fingerprint(content: &Form) -> String {
    let (sum, length) = match content {
        Form::Plain(bytes) => {
            let mut crc = Crc::new();
            crc.update(bytes);
            (crc.sum(), crc.amount())
        }
        Form::Gzip(bytes) => match bytes.last_chunk::<8>() {
            Some([a, b, c, d, e, f, g, h]) => {
                (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h]))
            }
            None => (0, 0),
        },
    };
    format!("{sum:08x}-{length:x}")
}

fn compress(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

fn decompress(packed: &[u8]) -> Option<Bytes> {
    let mut plain = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut plain).ok()?;
    Some(plain.into())
}

/// Whether `gzip` (or `*`) is in `Accept-Encoding` with a weight above zero.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let lists = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut any = false;
    for entry in lists.flat_map(|list| list.split(',')) {
        let (coding, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        let wanted = weight.is_ok_and(|weight| weight > 0.0);
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return wanted,
            "*" => any = wanted,
            _ => {}
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    const DOCUMENT: &[u8] = b"{\"openapi\":\"3.1.0\"}";
    const STYLE: &str = "/docs/assets/swagger-ui.css";

    async fn ask(method: &str, path: &str, headers: &[(&str, &str)]) -> (Response<()>, Bytes) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let Ok(response) = routes(Bytes::from_static(DOCUMENT)).oneshot(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        (Response::from_parts(parts, ()), bytes)
    }

    #[tokio::test]
    async fn the_document_is_sent_as_it_is() {
        let (response, body) = ask("GET", "/openapi.json", &[]).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(&body[..], DOCUMENT);
        assert!(!response.headers().contains_key("content-security-policy"));
    }

    #[tokio::test]
    async fn every_file_answers_get_and_head() {
        let paths = mc_web::DOCUMENTATION.iter().map(|file| (file.path, file.content_type));
        for (path, content_type) in paths.chain([("/openapi.json", "application/json")]) {
            let (response, body) = ask("GET", path, &[]).await;
            assert_eq!((response.status().as_u16(), body.is_empty()), (200, false), "{path}");
            assert_eq!(response.headers()["content-type"], content_type);
            let (response, body) = ask("HEAD", path, &[]).await;
            assert_eq!((response.status().as_u16(), body.len()), (200, 0), "{path}");
        }
    }

    #[tokio::test]
    async fn both_forms_are_served_whatever_lies_in_the_binary() {
        for path in [STYLE, "/docs", "/openapi.json"] {
            let (plain, text) = ask("GET", path, &[]).await;
            assert!(!plain.headers().contains_key("content-encoding"));
            assert!(std::str::from_utf8(&text).is_ok(), "{path}");
            let (zipped, body) = ask("GET", path, &[("accept-encoding", "br, gzip;q=0.5")]).await;
            assert_eq!(zipped.headers()["content-encoding"], "gzip");
            assert_eq!(zipped.headers()["vary"], "Accept-Encoding");
            assert_eq!(decompress(&body).expect("gzip"), text, "{path}");
            assert_eq!(zipped.headers()["etag"], plain.headers()["etag"]);
        }
    }

    #[tokio::test]
    async fn an_unchanged_file_is_not_sent_again() {
        let (response, _) = ask("GET", STYLE, &[]).await;
        let etag = response.headers()["etag"].to_str().expect("text").to_owned();
        for known in [etag.as_str(), "*", etag.trim_start_matches("W/"), &format!("\"x\", {etag}")] {
            let (response, body) = ask("GET", STYLE, &[("if-none-match", known)]).await;
            assert_eq!((response.status().as_u16(), body.len()), (304, 0), "{known}");
        }
        let (response, _) = ask("GET", STYLE, &[("if-none-match", "\"x\"")]).await;
        assert_eq!(response.status(), 200);
    }

    #[tokio::test]
    async fn pages_carry_a_policy_that_names_no_host() {
        for path in ["/docs", "/redoc", "/docs/oauth2-redirect"] {
            let (response, _) = ask("GET", path, &[]).await;
            let policy = response.headers()["content-security-policy"].to_str().expect("text");
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
            for loose in ["//", "*", "unsafe-eval", "script-src 'self' 'unsafe-inline'"] {
                assert!(!policy.contains(loose), "{policy}");
            }
        }
    }

    #[test]
    fn the_fingerprint_does_not_depend_on_the_form() {
        let plain = Bytes::from_static(DOCUMENT);
        let packed = compress(DOCUMENT).expect("compresses");
        assert_eq!(fingerprint(&Form::Plain(plain)), fingerprint(&Form::Gzip(packed)));
    }

    #[test]
    fn accept_encoding_is_weighed() {
        for (text, expected) in [
            ("gzip", true),
            ("GZIP", true),
            ("*", true),
            ("br, *;q=0.1", true),
            ("gzip;q=0", false),
            ("gzip; q=0, *", false),
            ("br", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, text.parse().expect("a value"));
            assert_eq!(accepts_gzip(&headers), expected, "{text}");
        }
    }
}

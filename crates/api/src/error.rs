//! Errors on the wire: one status map, one body form.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use mc_model::error::Detail;
use mc_model::{Error, ErrorKind};
use serde::Serialize;
use serde_json::Value;

use crate::request_id::RequestId;

/// An error as a response: `{"detail": …, "request_id": …}` with the status of its kind (platform spec §3).
///
/// The request id is written by [`finish_errors`]; without that layer it is left out.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    error: Error,
}

/// What an error response says; a response extension for [`finish_errors`].
#[derive(Clone, Debug)]
pub struct ErrorBody {
    /// The `detail` member.
    pub detail: Value,
}

impl ApiError {
    /// An error whose detail is the reason phrase of `status`, for what never reaches the service: 404, 405, 408,
    /// 413.
    #[must_use]
    pub fn from_status(status: StatusCode) -> Self {
        Self { status, error: Error::new(kind_of(status)) }
    }

    /// A handler panicked: the same answer as for any fault of ours.
    #[must_use]
    pub fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned());
        Error::internal(format!("panic: {text}")).into()
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The error behind it.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    fn detail(&self) -> Value {
        // A fault of ours says nothing but its name, whatever text it carries.
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            return reason(self.status).into();
        }
        match self.error.detail() {
            Detail::Reason => reason(self.status).into(),
            Detail::Text(text) => text.as_ref().into(),
            Detail::Object(object) => object.clone(),
            Detail::Problems(problems) => serde_json::to_value(problems)
                .unwrap_or_else(|_| reason(StatusCode::UNPROCESSABLE_ENTITY).into()),
        }
    }

    fn log(&self) {
        if self.status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self.error, "unhandled_exception");
        } else if let (true, Some(cause)) = (self.status.is_server_error(), self.error.cause()) {
            tracing::warn!(error = %cause, status_code = self.status.as_u16(), "dependency_failed");
        }
    }
}

/// The only map from kinds of errors to status codes.
fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Gone => StatusCode::GONE,
        ErrorKind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::BadGateway => StatusCode::BAD_GATEWAY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The kind to keep beside a status that has none of its own.
fn kind_of(status: StatusCode) -> ErrorKind {
    match status {
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::TooLarge,
        status if status.is_server_error() => ErrorKind::Internal,
        _ => ErrorKind::BadRequest,
    }
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self { status: status_of(error.kind()), error }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let detail = self.detail();
        let mut response = body_of(&detail, None).into_response();
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let waits = matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT
        );
        if let (true, Some(span)) = (waits, self.error.retry_hint()) {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(span)));
        }
        response.extensions_mut().insert(ErrorBody { detail });
        response
    }
}

fn whole_seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// Writes the body with its members in the order of the contract.
fn body_of(detail: &Value, request_id: Option<&str>) -> Body {
    #[derive(Serialize)]
    struct Wire<'a> {
        detail: &'a Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
    }
    let bytes = serde_json::to_vec(&Wire { detail, request_id });
    Body::from(bytes.expect("JSON values and texts serialize"))
}

/// Puts the request id into error bodies and turns a panic into the same 500 as any other fault of ours.
///
/// Mount with [`axum::middleware::from_fn`] inside the layer that sets [`RequestId`] and outside everything that
/// may fail. Headers that the response already has, such as `allow`, stay.
pub async fn finish_errors(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(payload) => ApiError::panicked(&*payload).into_response(),
    };
    if let (Some(RequestId(id)), Some(ErrorBody { detail })) =
        (id, response.extensions_mut().remove::<ErrorBody>())
    {
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = body_of(&detail, Some(&id));
    }
    response
}

/// The fallback for paths that no route has.
pub async fn not_found() -> ApiError {
    ApiError::from_status(StatusCode::NOT_FOUND)
}

/// The fallback for methods that a path does not have; axum adds the `allow` header.
pub async fn method_not_allowed() -> ApiError {
    ApiError::from_status(StatusCode::METHOD_NOT_ALLOWED)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::header::ALLOW;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use http_body_util::BodyExt;
    use mc_model::error::Problem;
    use serde_json::json;
    use tower::ServiceExt;

    use super::*;

    /// Answers `error` with and without a request id, and gives the response and its body.
    async fn answer(make: fn() -> Error, id: Option<&'static str>) -> (Response, String) {
        let handler = move || async move { Err::<(), _>(ApiError::from(make())) };
        send(Router::new().route("/", get(handler)), "GET", "/", id).await
    }

    async fn send(app: Router, method: &str, path: &str, id: Option<&str>) -> (Response, String) {
        let mut app = app
            .fallback(not_found)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(from_fn(finish_errors));
        if let Some(id) = id {
            app = app.layer(axum::Extension(RequestId(id.into())));
        }
        let request = Request::builder().method(method).uri(path).body(Body::empty());
        let response = app.oneshot(request.expect("a request")).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        (Response::from_parts(parts, Body::empty()), text)
    }

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    #[tokio::test]
    async fn every_kind_has_its_status_and_reason() {
        use ErrorKind as K;
        for (kind, status, reason) in [
            (K::BadRequest, 400, "Bad Request"),
            (K::Unauthenticated, 401, "Unauthorized"),
            (K::Forbidden, 403, "Forbidden"),
            (K::NotFound, 404, "Not Found"),
            (K::Conflict, 409, "Conflict"),
            (K::Gone, 410, "Gone"),
            (K::PreconditionFailed, 412, "Precondition Failed"),
            (K::TooLarge, 413, "Payload Too Large"),
            (K::Invalid, 422, "Unprocessable Entity"),
            (K::RateLimited, 429, "Too Many Requests"),
            (K::Internal, 500, "Internal Server Error"),
            (K::BadGateway, 502, "Bad Gateway"),
            (K::Unavailable, 503, "Service Unavailable"),
        ] {
            let error = ApiError::from(Error::new(kind));
            assert_eq!(error.status().as_u16(), status);
            assert_eq!(error.detail(), json!(reason));
            let challenge = error.into_response().headers().contains_key(WWW_AUTHENTICATE);
            assert_eq!(challenge, status == 401, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn bodies_have_detail_first_and_the_request_id() {
        let text = || Error::not_found("no such board");
        let (response, body) = answer(text, Some("r1")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(header(&response, "content-type"), Some("application/json"));
        assert_eq!(body, r#"{"detail":"no such board","request_id":"r1"}"#);
        let (_, body) = answer(text, None).await;
        assert_eq!(body, r#"{"detail":"no such board"}"#);
        let object = || Error::object(ErrorKind::Conflict, json!({ "message": "m", "code": "c" }));
        let (_, body) = answer(object, Some("r")).await;
        assert_eq!(body, r#"{"detail":{"message":"m","code":"c"},"request_id":"r"}"#);
        let problems = || {
            let loc = vec!["body".into(), 1.into()];
            let msg = "Field required".to_owned();
            Error::problems(vec![Problem { code: "missing", loc, msg, input: json!({}), ctx: None }])
        };
        let (response, body) = answer(problems, Some("r")).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let item = r#"{"type":"missing","loc":["body",1],"msg":"Field required","input":{}}"#;
        assert_eq!(body, format!(r#"{{"detail":[{item}],"request_id":"r"}}"#));
    }

    #[tokio::test]
    async fn waiting_times_are_whole_seconds_rounded_up() {
        for (make, expected) in [
            ((|| wait(ErrorKind::RateLimited, 1_001)) as fn() -> Error, Some("2")),
            (|| wait(ErrorKind::Unavailable, 3_000), Some("3")),
            (|| wait(ErrorKind::Conflict, 1_000), Some("1")),
            (|| wait(ErrorKind::NotFound, 3_000), None),
            (|| Error::new(ErrorKind::RateLimited), None),
        ] {
            let (response, _) = answer(make, None).await;
            assert_eq!(header(&response, "retry-after"), expected);
        }
    }

    fn wait(kind: ErrorKind, millis: u64) -> Error {
        Error::new(kind).retry_after(Duration::from_millis(millis))
    }

    async fn panics() -> StatusCode {
        panic!("secret {}", 1)
    }

    #[tokio::test]
    async fn faults_of_ours_and_panics_say_nothing() {
        let expected = r#"{"detail":"Internal Server Error","request_id":"r"}"#;
        let hidden = || Error::text(ErrorKind::Internal, "table tasks is gone").because("password=x");
        let (response, body) = answer(hidden, Some("r")).await;
        assert_eq!((response.status().as_u16(), body.as_str()), (500, expected));
        let app = Router::new().route("/", get(panics));
        let (response, body) = send(app, "GET", "/", Some("r")).await;
        assert_eq!((response.status().as_u16(), body.as_str()), (500, expected));
        let error = ApiError::panicked(&"boom");
        assert_eq!(error.error().cause().map(ToString::to_string).as_deref(), Some("panic: boom"));
    }

    #[tokio::test]
    async fn unknown_paths_and_methods() {
        let app = || Router::new().route("/x", get(|| async {}).delete(|| async {}));
        let (response, body) = send(app(), "GET", "/nope", Some("r")).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(body, r#"{"detail":"Not Found","request_id":"r"}"#);
        let (response, body) = send(app(), "PATCH", "/x", Some("r")).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(body, r#"{"detail":"Method Not Allowed","request_id":"r"}"#);
        assert_eq!(header(&response, ALLOW.as_str()), Some("GET,HEAD,DELETE"));
    }
}

//! Answers that are sent only when they are new, and changes that are made only to what the caller has seen
//! (RFC 9110 §13).
//!
//! `conditional::<A>(routes!(list), state)`, inside of the guard of `A`, gives the answers of a list of a board an
//! `ETag` and answers 304 to a matching `If-None-Match`, before the list is read. A single task has an `ETag` of its
//! own, which `If-Match` names when the task is changed. None of these headers is ever required.

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CACHE_CONTROL, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use mc_model::error::Detail;
use mc_model::task::TaskView;
use mc_model::{Error, ErrorKind};
use mc_service::access::BoardReader;
use mc_service::versions::{Expected, Version};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, ResponseBuilder};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::access::{Access, AgentOnBoard, AgentTaskReader, Granted, ReadBoard, ReadTask, described};
use crate::error::ApiError;
use crate::state::AppState;
use crate::tasks::wire::TaskRead;

/// Caches of browsers may keep the answer, but ask again before they use it; what belongs to one caller is for nobody
/// else.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("private, no-cache");

/// A check of access that proves that the caller may read a board.
pub(crate) trait OnBoard: Access {
    /// The proof.
    fn board(&self) -> &BoardReader;
}

impl OnBoard for ReadBoard {
    fn board(&self) -> &BoardReader {
        &self.0
    }
}

impl OnBoard for AgentOnBoard {
    fn board(&self) -> &BoardReader {
        &self.0
    }
}

impl OnBoard for ReadTask {
    fn board(&self) -> &BoardReader {
        self.0.on()
    }
}

impl OnBoard for AgentTaskReader {
    fn board(&self) -> &BoardReader {
        self.0.on()
    }
}

/// The value of `If-None-Match`: what the client has already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// `*`: anything.
    any: bool,
    /// Entity tags with their quotation marks, without `W/`: here a weak one matches as well.
    tags: Vec<String>,
}

impl Seen {
    fn read(headers: &HeaderMap) -> Self {
        let mut seen = Self::default();
        for tag in tags(headers, &IF_NONE_MATCH) {
            match tag.strip_prefix("W/").unwrap_or(&tag) {
                "*" => seen.any = true,
                tag => seen.tags.push(tag.to_owned()),
            }
        }
        seen
    }

    fn names(&self, version: &Version) -> bool {
        self.tags.iter().any(|tag| tag == version.as_str())
    }

    /// `answer` with its version, or 304.
    pub(crate) fn answer(&self, version: &Version, answer: impl FnOnce() -> Response) -> Response {
        if self.any || self.names(version) { unchanged(version) } else { tagged(version, answer()) }
    }
}

impl<S: Sync> FromRequestParts<S> for Seen {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::read(&parts.headers))
    }
}

/// The value of `If-Match`: what the client expects to change; nothing when it does not say. A weak tag never matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IfMatch(pub Option<Expected>);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        if !parts.headers.contains_key(IF_MATCH) {
            return Ok(Self(None));
        }
        let tags = tags(&parts.headers, &IF_MATCH);
        let is_any = tags.iter().any(|tag| tag == "*");
        Ok(Self(Some(if is_any { Expected::Any } else { Expected::OneOf(tags) })))
    }
}

/// The members of a comma list. A tag that itself has a comma is none of ours, whatever its parts are read as.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let tags = values.flat_map(|value| value.split(',')).map(str::trim).filter(|tag| !tag.is_empty());
    tags.map(str::to_owned).collect()
}

fn tagged(version: &Version, mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(version.as_str()) {
        headers.insert(ETAG, tag);
        headers.insert(CACHE_CONTROL, ASK_AGAIN);
    }
    answer
}

fn unchanged(version: &Version) -> Response {
    tagged(version, StatusCode::NOT_MODIFIED.into_response())
}

/// The answer to a change of a task: with its new version, or, when it was not as expected, with the present one.
pub(crate) fn after_change(result: Result<TaskView, Error>) -> Response {
    let error = match result {
        Ok(task) => {
            let version = Version::of_task(&task);
            return tagged(&version, Json(TaskRead::from(task)).into_response());
        }
        Err(error) => error,
    };
    let current = current(&error).and_then(|tag| HeaderValue::from_str(tag).ok());
    let mut answer = ApiError::from(error).into_response();
    if let Some(current) = current {
        answer.headers_mut().insert(ETAG, current);
    }
    answer
}

fn current(error: &Error) -> Option<&str> {
    match (error.kind(), error.detail()) {
        (ErrorKind::PreconditionFailed, Detail::Object(detail)) => detail["current"].as_str(),
        _ => None,
    }
}

/// Answers the reads of `routes` with 304 while nothing on the board of `A` has changed since the client asked last.
pub(crate) fn conditional<A: OnBoard>(
    routes: UtoipaMethodRouter<AppState>,
    state: &AppState,
) -> UtoipaMethodRouter<AppState> {
    let (schemas, paths, router) = versioned(routes);
    (schemas, paths, router.route_layer(from_fn_with_state(state.clone(), answer_if_new::<A>)))
}

async fn answer_if_new<A: OnBoard>(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let granted = request.extensions().get::<Granted<A>>().cloned();
    let Granted(access) =
        granted.ok_or_else(|| Error::internal("a conditional operation is mounted without its guard"))?;
    let seen = Seen::read(request.headers());
    let asked = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let version = state.services.board_version(access.board(), &asked).await?;
    if seen.names(&version) {
        return Ok(unchanged(&version));
    }
    let answer = next.run(request).await;
    // A refusal is no version of the list.
    if answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    Ok(seen.answer(&version, || answer))
}

/// Describes operations whose answers have an `ETag` and heed `If-None-Match`.
pub(crate) fn versioned(routes: UtoipaMethodRouter<AppState>) -> UtoipaMethodRouter<AppState> {
    described(routes, |operation| {
        let about =
            "An `ETag` of an earlier answer. While nothing has changed the answer is 304, without a body.";
        add_header(operation, "If-None-Match", about, ObjectBuilder::new());
        let unchanged = ResponseBuilder::new().description("Nothing has changed since that answer.");
        let unchanged = unchanged.header("ETag", etag("The version, as before.")).build();
        operation.responses.responses.insert("304".to_owned(), RefOr::T(unchanged));
        show_etag(operation, "The version of this answer, for `If-None-Match`.");
    })
}

/// Describes changes that heed `If-Match`.
pub(crate) fn preconditioned(routes: UtoipaMethodRouter<AppState>) -> UtoipaMethodRouter<AppState> {
    described(routes, |operation| {
        let about = "The `ETag` of the task as you know it, or `*`. If the task has changed since, nothing is done and \
                     the answer is 412.";
        add_header(operation, "If-Match", about, ObjectBuilder::new());
        let text = "The task has changed: `detail.current` and the header `ETag` name its present version.";
        let failed = ResponseBuilder::new().description(text).header("ETag", etag("The present version."));
        operation.responses.responses.insert("412".to_owned(), RefOr::T(failed.build()));
        show_etag(operation, "The version of the task after the change.");
    })
}

/// Adds an optional header of the request to the description of an operation.
pub(crate) fn add_header(operation: &mut Operation, name: &str, about: &str, schema: ObjectBuilder) {
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(schema.schema_type(Type::String).title(Some(name))))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
}

fn etag(about: &str) -> utoipa::openapi::Header {
    let schema = ObjectBuilder::new().schema_type(Type::String);
    HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build()
}

fn show_etag(operation: &mut Operation, about: &str) {
    if let Some(RefOr::T(answer)) = operation.responses.responses.get_mut("200") {
        answer.headers.insert("ETag".to_owned(), RefOr::T(etag(about)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(name: HeaderName, values: &[&str]) -> Parts {
        let mut request = Request::new(());
        for value in values {
            request.headers_mut().append(name.clone(), value.parse().expect("a header value"));
        }
        request.into_parts().0
    }

    #[test]
    fn what_a_client_has_seen_is_read_from_all_lines() {
        let seen = |values: &[&str]| Seen::read(&sent(IF_NONE_MATCH, values).headers);
        assert_eq!(seen(&[]), Seen::default());
        assert_eq!(seen(&["", " , "]), Seen::default());
        let tags = vec!["\"a\"".to_owned(), "\"b\"".to_owned(), "\"c\"".to_owned()];
        assert_eq!(seen(&["\"a\" ,W/\"b\"", "\"c\""]), Seen { any: false, tags });
        assert!(seen(&["*"]).any);
    }

    #[tokio::test]
    async fn what_a_client_expects_is_any_one_or_nothing() {
        for (values, wanted) in [
            (&[][..], None),
            (&["*"], Some(Expected::Any)),
            (&[""], Some(Expected::OneOf(vec![]))),
            (&["\"a\", W/\"b\""], Some(Expected::OneOf(vec!["\"a\"".to_owned(), "W/\"b\"".to_owned()]))),
        ] {
            let Ok(found) = IfMatch::from_request_parts(&mut sent(IF_MATCH, values), &()).await;
            assert_eq!(found, IfMatch(wanted), "{values:?}");
        }
    }
}

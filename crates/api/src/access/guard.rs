//! The guard: enforcement and documentation of access from one declaration.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use mc_model::Error;
use mc_model::ids::BoardId;
use mc_model::token::TokenRule;
use mc_service::RequestContext;
use mc_service::audit::{Caller, DeniedWrite};
use serde_json::json;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem, Paths};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{RefOr, Required, ResponseBuilder, Schema};
use utoipa_axum::router::UtoipaMethodRouter;

use super::grants::board_in_path;
use crate::error::{ApiError, ErrorBody};
use crate::limit::{Decision, write_headers};
use crate::settings::Limits;
use crate::state::{AGENT_AUTH, AppState};
use crate::wire::Context;

/// A parameter in the path that a check reads.
#[derive(Clone, Copy, Debug)]
pub struct PathParameter {
    /// Name in the path.
    pub name: &'static str,
    /// Title in the document.
    pub title: &'static str,
    /// Whether the contract describes it as a UUID; `board_id` is described as a plain string.
    pub is_uuid: bool,
}

/// What a check says of itself in the document.
#[derive(Clone, Copy, Debug)]
pub struct AccessDoc {
    /// The operation is for people only and names the bearer scheme.
    pub is_user_only: bool,
    /// The operation names the headers that carry an agent's token.
    pub has_agent_headers: bool,
    /// The check may count an attempt to authenticate as an agent.
    pub is_limited: bool,
    /// What the operation asks of a person's API token; nothing where no person is asked.
    pub token: Option<TokenRule>,
    /// The path parameters the check reads.
    pub path: &'static [PathParameter],
}

/// A check of access whose value proves that it was passed.
pub trait Access: Clone + Send + Sync + Sized + 'static {
    /// What the document says of it.
    const DOC: AccessDoc;

    /// Checks the request.
    ///
    /// # Errors
    /// 401, 403, 404, 429, or 422 for a malformed id in the path.
    fn check(state: &AppState, parts: &mut Parts) -> impl Future<Output = Result<Self, Error>> + Send;
}

/// The proof that the guard of this operation made.
#[derive(Clone, Debug)]
pub struct Granted<A>(pub A);

impl<A: Access> FromRequestParts<AppState> for Granted<A> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Self::Rejection> {
        let granted = parts.extensions.get::<Self>().cloned();
        granted.ok_or_else(|| Error::internal("an operation is mounted without its guard").into())
    }
}

/// Puts the check of `A` before the operations of `routes` and describes it in the document.
pub fn guard<A: Access>(
    routes: UtoipaMethodRouter<AppState>,
    state: &AppState,
) -> UtoipaMethodRouter<AppState> {
    let (schemas, mut paths, router) = routes;
    for (path, item) in &mut paths.paths {
        for (method, operation) in operations(item) {
            describe(operation, method, path, &A::DOC);
            note_schemas(operation, &schemas);
        }
    }
    let guarded = Guarded { state: state.clone(), names: names(&paths) };
    let router = router.route_layer(from_fn_with_state(guarded, enforce::<A>));
    (schemas, paths, router)
}

/// Adds to the description of the operations of `routes` what something around or in their handlers does.
pub(crate) fn described(
    routes: UtoipaMethodRouter<AppState>,
    edit: impl Fn(&mut Operation),
) -> UtoipaMethodRouter<AppState> {
    let (schemas, mut paths, router) = routes;
    for item in paths.paths.values_mut() {
        operations(item).for_each(|(_, operation)| edit(operation));
    }
    (schemas, paths, router)
}

/// Operations that anybody may call.
pub fn public(routes: UtoipaMethodRouter<AppState>) -> UtoipaMethodRouter<AppState> {
    const NOBODY: AccessDoc = AccessDoc {
        is_user_only: false,
        has_agent_headers: false,
        is_limited: false,
        token: None,
        path: &[],
    };
    let (schemas, mut paths, router) = routes;
    for (path, item) in &mut paths.paths {
        for (method, operation) in operations(item) {
            describe(operation, method, path, &NOBODY);
            note_schemas(operation, &schemas);
        }
    }
    (schemas, paths, router)
}

/// What the layer before an operation needs.
#[derive(Clone)]
struct Guarded {
    state: AppState,
    names: Names,
}

/// The ids of the operations behind one guard, by method.
type Names = Arc<[(Method, String)]>;

fn names(paths: &Paths) -> Names {
    let items = paths.paths.values().flat_map(|item| {
        let mut item = item.clone();
        operations(&mut item).map(|(method, operation)| named(method, operation)).collect::<Vec<_>>()
    });
    items.flatten().collect()
}

fn named(method: &str, operation: &Operation) -> Option<(Method, String)> {
    let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).ok()?;
    Some((method, operation.operation_id.clone()?))
}

async fn enforce<A: Access>(
    State(Guarded { state, names }): State<Guarded>,
    request: Request,
    next: Next,
) -> Result<Response, Infallible> {
    let (mut parts, body) = request.into_parts();
    if let Some(rule) = A::DOC.token {
        parts.extensions.insert(rule);
    }
    let checked = A::check(&state, &mut parts).await;
    let decision = parts.extensions.remove::<Decision>();
    let attempt = Attempt::of(&mut parts, &names).await;
    let mut response = match checked {
        Ok(access) => {
            parts.extensions.insert(Granted(access));
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => ApiError::from(error).into_response(),
    };
    if let (Some(attempt), Some(reason)) = (attempt, refusal(&response)) {
        attempt.record(&state, &reason).await;
    }
    if let Some(decision) = decision {
        write_headers(&decision, response.headers_mut());
    }
    Ok(response)
}

/// A change that somebody known asks for.
struct Attempt {
    caller: Caller,
    operation: String,
    board: Option<BoardId>,
    context: RequestContext,
}

impl Attempt {
    /// Nothing for a request that only reads, and for one of nobody known.
    async fn of(parts: &mut Parts, names: &Names) -> Option<Self> {
        let caller = *parts.extensions.get::<Caller>()?;
        if parts.method.is_safe() {
            return None;
        }
        let (_, operation) = names.iter().find(|(method, _)| *method == parts.method)?;
        let board = board_in_path(parts).await;
        let Ok(Context(context)) = Context::from_request_parts(parts, &()).await;
        Some(Self { caller, operation: operation.clone(), board, context })
    }

    /// Puts it into the activity log: it was answered with 403 and this reason.
    async fn record(self, state: &AppState, reason: &str) {
        let denied = DeniedWrite { operation: &self.operation, board: self.board, reason };
        state.services.record_denied(&self.context, self.caller, denied).await;
    }
}

/// What the caller was told, when the answer is a refusal.
fn refusal(response: &Response) -> Option<String> {
    if response.status() != StatusCode::FORBIDDEN {
        return None;
    }
    let told = response.extensions().get::<ErrorBody>().map(|body| &body.detail);
    Some(told.map_or_else(String::new, |detail| match detail.as_str() {
        Some(text) => text.to_owned(),
        None => detail.to_string(),
    }))
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", item.get.as_mut()),
        ("post", item.post.as_mut()),
        ("put", item.put.as_mut()),
        ("patch", item.patch.as_mut()),
        ("delete", item.delete.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation?)))
}

fn describe(operation: &mut Operation, method: &str, path: &str, doc: &AccessDoc) {
    if let Some(name) = operation.operation_id.take() {
        operation.operation_id = Some(operation_id(&name, path, method));
    }
    let parameters = operation.parameters.get_or_insert_default();
    let found = doc.path.iter().map(path_parameter);
    parameters.splice(0..0, found.map(RefOr::T));
    if doc.has_agent_headers {
        parameters.extend(["X-Agent-Token", "Authorization"].map(header_parameter).map(RefOr::T));
    }
    let has_input = !parameters.is_empty() || operation.request_body.is_some();
    if parameters.is_empty() {
        operation.parameters = None;
    }
    if doc.is_user_only {
        operation.security = Some(vec![SecurityRequirement::new("HTTPBearer", [] as [&str; 0])]);
    }
    if doc.is_limited {
        let default = Limits::default().agent_auth;
        let default = default.map(|limit| format!("{}/{}", limit.max, limit.window.as_secs()));
        let limit = json!({"name": AGENT_AUTH, "default": default, "per": "client address"});
        let extensions = operation.extensions.get_or_insert_default();
        extensions.insert("x-ratelimit-policy".to_owned(), limit);
    }
    if let Some(rule) = doc.token {
        let scope = rule.scope(method == "get").as_str();
        let extensions = operation.extensions.get_or_insert_default();
        extensions.insert("x-token-scope".to_owned(), json!(scope));
    }
    if has_input && !operation.responses.responses.contains_key("422") {
        let invalid = ResponseBuilder::new().description("The input breaks a rule.").content(
            "application/json",
            utoipa::openapi::ContentBuilder::new()
                .schema(Some(utoipa::openapi::Ref::from_schema_name("HTTPValidationError")))
                .build(),
        );
        operation.responses.responses.insert("422".to_owned(), RefOr::T(invalid.build()));
    }
}

/// The member of an operation, while the document is collected, with the schemas that its handler brought.
pub(crate) const BROUGHT: &str = "x-brought-schemas";

/// The collected document keeps one schema of each name, the last. Noted here, two types of one name can be told.
fn note_schemas(operation: &mut Operation, schemas: &[(String, RefOr<Schema>)]) {
    operation.extensions.get_or_insert_default().insert(BROUGHT.to_owned(), json!(schemas));
}

/// The operation id of the contract (platform spec §15): `<name>_<path>_<method>`, or the bare name for the tools of
/// leads and main agents.
#[must_use]
pub fn operation_id(name: &str, path: &str, method: &str) -> String {
    if name.starts_with("agent_lead_") || name.starts_with("agent_main_") {
        return name.to_owned();
    }
    let path: String = path.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    format!("{name}{path}_{method}")
}

fn path_parameter(parameter: &PathParameter) -> utoipa::openapi::path::Parameter {
    let format = parameter.is_uuid.then_some(SchemaFormat::KnownFormat(KnownFormat::Uuid));
    let schema = ObjectBuilder::new().schema_type(Type::String).format(format).title(Some(parameter.title));
    ParameterBuilder::new()
        .name(parameter.name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(schema))
        .build()
}

fn header_parameter(name: &str) -> utoipa::openapi::path::Parameter {
    let nullable = SchemaType::from_iter([Type::String, Type::Null]);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .schema(Some(ObjectBuilder::new().schema_type(nullable).title(Some(name))))
        .build()
}

#[cfg(test)]
mod tests {
    use super::operation_id;

    #[test]
    fn operation_ids_follow_the_contract() {
        assert_eq!(
            operation_id("get_org_member", "/api/v1/organizations/me/members/{member_id}", "get"),
            "get_org_member_api_v1_organizations_me_members__member_id__get"
        );
        assert_eq!(operation_id("health", "/health", "get"), "health_health_get");
        assert_eq!(operation_id("agent_lead_create_task", "/x", "post"), "agent_lead_create_task");
    }
}

//! The OpenAPI document: what the operations declare, completed.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{OpenApi, PartialSchema, ToSchema};

use crate::access::BROUGHT;
use crate::guidance;

/// Title, version and security of the API (platform spec §15).
#[derive(OpenApi)]
#[openapi(
    info(title = "Mission Control API", version = "0.1.0", description = "Runs a fleet of AI agents for a team."),
    components(schemas(ValidationError, HTTPValidationError, LLMErrorResponse)),
    modifiers(&BearerScheme)
)]
pub(crate) struct Base;

struct BearerScheme;

impl utoipa::Modify for BearerScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("HTTPBearer", SecurityScheme::Http(bearer));
    }
}

/// Names of schemas that no Rust type has, because error bodies are written from `mc_model::Error`; what they hold says
/// [`error_schemas`].
macro_rules! error_schema {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::default())
            }
        }

        impl ToSchema for $name {}
    )+};
}

error_schema! {
    /// One field error.
    ValidationError;
    /// The answer to input that breaks a rule.
    HTTPValidationError;
    /// The error body of the agents' tools.
    LLMErrorResponse;
}

/// The schemas of errors, written out: the document's builders cannot say all of it.
fn error_schemas() -> [(&'static str, Value); 3] {
    let maybe = |kind: &str| json!({"anyOf": [{"type": kind}, {"type": "null"}]});
    let validation_error = json!({
        "type": "object", "title": "ValidationError", "description": "One field error.",
        "required": ["loc", "msg", "type"],
        "properties": {
            "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
            "msg": {"type": "string"},
            "type": {"type": "string"},
            "input": {},
            "ctx": {"type": "object"},
        },
    });
    let invalid = json!({
        "type": "object", "title": "HTTPValidationError", "description": "The answer to input that breaks a rule.",
        "properties": {
            "detail": {"type": "array", "items": {"$ref": "#/components/schemas/ValidationError"}},
        },
    });
    let for_agents = json!({
        "type": "object", "title": "LLMErrorResponse", "description": "The error body of the agents' tools.",
        "required": ["detail"],
        "properties": {
            "detail": {"anyOf": [
                {"type": "string"},
                {"type": "object", "additionalProperties": true},
                {"type": "array", "items": {}},
            ]},
            "request_id": maybe("string"),
            "code": maybe("string"),
            "retryable": maybe("boolean"),
        },
    });
    [
        ("ValidationError", validation_error),
        ("HTTPValidationError", invalid),
        ("LLMErrorResponse", for_agents),
    ]
}

/// The tags, in the order of the contract.
const TAGS: [(&str, &str); 24] = [
    ("auth", "Signing in."),
    ("health", "Whether the server lives and is ready."),
    ("agents", "Agents as people manage them."),
    ("activity", "What happened."),
    ("gateways", "The OpenClaw gateways that run agents."),
    ("metrics", "Figures for the dashboard."),
    ("organizations", "Tenants, members and invites."),
    ("souls-directory", "Published agent characters."),
    ("skills", "Skill packs and the marketplace."),
    ("board-groups", "Groups of boards."),
    ("board-group-memory", "What a group of boards remembers."),
    ("boards", "Boards and their snapshots."),
    ("board-memory", "What a board remembers, chat included."),
    ("board-webhooks", "Events from outside."),
    ("board-onboarding", "Finding the goal of a board together with an agent."),
    ("approvals", "Decisions that people keep for themselves."),
    ("tasks", "Tasks, comments and their live stream."),
    ("custom-fields", "Fields that an organization adds to tasks."),
    ("tags", "Labels for tasks."),
    ("users", "One's own account."),
    ("agent", "What every agent may call."),
    ("agent-lead", "Tools of board leads."),
    ("agent-worker", "Tools of workers."),
    ("agent-main", "Tools of gateway main agents."),
];

/// Completes the collected document.
pub(crate) fn finish(collected: &utoipa::openapi::OpenApi) -> Value {
    let mut document = serde_json::to_value(collected).unwrap_or_default();
    document["openapi"] = json!("3.1.0");
    document["tags"] =
        TAGS.iter().map(|(name, description)| json!({"name": name, "description": description})).collect();
    if let Some(info) = document["info"].as_object_mut() {
        info.remove("license");
        info.remove("contact");
    }
    for (name, schema) in error_schemas() {
        document["components"]["schemas"][name] = schema;
    }
    for_each_operation(&mut document, complete);
    tidy(&mut document["components"]["schemas"]);
    for (name, members) in guidance::SCHEMAS {
        if let Some(schema) = document["components"]["schemas"][name].as_object_mut() {
            schema.extend(members.iter().map(|(key, value)| ((*key).to_owned(), json!(value))));
        }
    }
    document
}

/// Undoes what the macros write around the schemas of fields: an inlined type with a description becomes one schema
/// again, and numbers have no width, as in the contract.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(tidy);
            if is_number(members.get("type")) {
                members.shift_remove("format");
            }
            let parts = members.get("allOf").and_then(Value::as_array);
            if let Some([Value::Object(inlined), Value::Object(described)]) = parts.map(Vec::as_slice) {
                let mut whole = inlined.clone();
                whole.extend(described.clone().into_iter().filter(|(name, _)| name == "description"));
                *members = whole;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The names under which operations brought different schemas.
pub(crate) fn schema_clashes(collected: &utoipa::openapi::OpenApi) -> Vec<String> {
    let mut document = serde_json::to_value(collected).unwrap_or_default();
    let kept = document["components"]["schemas"].clone();
    let mut clashes = BTreeSet::new();
    for_each_operation(&mut document, |operation| {
        for pair in operation.get(BROUGHT).and_then(Value::as_array).into_iter().flatten() {
            if let (Some(name), schema) = (pair[0].as_str(), &pair[1])
                && kept[name] != *schema
            {
                clashes.insert(name.to_owned());
            }
        }
    });
    clashes.into_iter().collect()
}

fn for_each_operation(document: &mut Value, mut edit: impl FnMut(&mut Map<String, Value>)) {
    let paths = document["paths"].as_object_mut();
    let items = paths.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut);
    for operation in items.flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
        edit(operation);
    }
}

fn is_number(kind: Option<&Value>) -> bool {
    let is_one = |kind: &Value| kind == "integer" || kind == "number";
    kind.is_some_and(|kind| is_one(kind) || kind.as_array().is_some_and(|kinds| kinds.iter().any(is_one)))
}

/// The macros keep extensions in no order; the document has one.
fn sort_extensions(operation: &mut Map<String, Value>) {
    let (mut extensions, members): (Vec<_>, Vec<_>) =
        std::mem::take(operation).into_iter().partition(|(name, _)| name.starts_with("x-"));
    extensions.sort_by(|(one, _), (other, _)| one.cmp(other));
    *operation = members.into_iter().chain(extensions).collect();
}

/// Gives an operation the guidance for language models that its id has, and a description if it has none.
fn complete(operation: &mut Map<String, Value>) {
    operation.shift_remove(BROUGHT);
    sort_extensions(operation);
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(guidance) = guidance::of(&id) {
        operation.extend(guidance);
    }
    if !operation.contains_key("description") {
        let summary = operation.get("summary").cloned().unwrap_or_else(|| json!(id));
        operation.insert("description".to_owned(), summary);
    }
}

#[cfg(test)]
mod tests {
    use utoipa_axum::router::OpenApiRouter;
    use utoipa_axum::routes;

    use super::*;
    use crate::access::public;
    use crate::state::AppState;

    mod one {
        #[derive(utoipa::ToSchema)]
        #[expect(dead_code, reason = "only its schema is wanted")]
        pub(super) struct Item {
            text: String,
        }

        #[utoipa::path(get, path = "/one", responses((status = 200, body = Item)))]
        pub(super) async fn read_one() {}
    }

    mod two {
        #[derive(utoipa::ToSchema)]
        #[expect(dead_code, reason = "only its schema is wanted")]
        pub(super) struct Item {
            number: i64,
        }

        #[utoipa::path(get, path = "/two", responses((status = 200, body = Item)))]
        pub(super) async fn read_two() {}
    }

    #[test]
    fn two_types_of_one_name_are_noticed() {
        use one::{__path_read_one, read_one};
        use two::{__path_read_two, read_two};

        let router = || OpenApiRouter::<AppState>::new().routes(public(routes!(read_one)));
        assert_eq!(schema_clashes(&router().into_openapi()), [] as [String; 0]);
        let both = router().routes(public(routes!(read_two)));
        assert_eq!(schema_clashes(&both.into_openapi()), ["Item"]);
    }

    #[test]
    fn notes_do_not_reach_the_document_and_extensions_have_an_order() {
        use one::{__path_read_one, read_one};

        let collected = OpenApiRouter::<AppState>::new().routes(public(routes!(read_one))).into_openapi();
        let mut operation = finish(&collected)["paths"]["/one"]["get"].clone();
        assert!(operation.get(BROUGHT).is_none(), "{operation}");
        operation["x-b"] = json!(1);
        operation["x-a"] = json!(2);
        let members = operation.as_object_mut().expect("an object");
        sort_extensions(members);
        let extensions: Vec<_> = members.keys().filter(|name| name.starts_with("x-")).collect();
        assert_eq!(extensions, ["x-a", "x-b"]);
    }

    #[test]
    fn inlined_types_become_one_schema_without_widths() {
        let mut schema = json!({"properties": {
            "at": {"allOf": [{"type": "string", "format": "date-time"}, {"type": "object", "description": "When."}]},
            "count": {"type": ["integer", "null"], "format": "int64", "minimum": 0},
        }});
        tidy(&mut schema);
        let expected = json!({"properties": {
            "at": {"type": "string", "format": "date-time", "description": "When."},
            "count": {"type": ["integer", "null"], "minimum": 0},
        }});
        assert_eq!(schema, expected);
    }
}

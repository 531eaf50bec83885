//! What declarations say in the document, against the shapes of the contract.

use serde_json::{Value as Json, json};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::{Inner, Sample, Update};
use crate::page::{Page, Paging};

fn schema<T: PartialSchema>() -> Json {
    serde_json::to_value(T::schema()).expect("a schema serializes")
}

#[test]
fn bodies_are_described_as_in_the_contract() {
    let update = schema::<Update>();
    let nullable = |shape: Json| json!({ "anyOf": [shape, { "type": "null" }] });
    let uuids = json!({ "type": "array", "items": { "type": "string", "format": "uuid" } });
    let fields = &update["properties"];
    assert_eq!(fields["priority"], nullable(json!({ "type": "string" })));
    assert_eq!(fields["due_at"], nullable(json!({ "type": "string", "format": "date-time" })));
    assert_eq!(
        fields["status"],
        nullable(json!({ "type": "string", "enum": ["inbox", "in_progress", "review", "done"] }))
    );
    assert_eq!(fields["tag_ids"], nullable(uuids));
    let anything = json!({ "anyOf": [{}, { "type": "null" }] });
    assert_eq!(
        fields["custom_field_values"],
        nullable(json!({ "type": "object", "additionalProperties": anything }))
    );
    assert_eq!(fields["title"]["description"], "New title.");
    assert_eq!(update["title"], "Update");
    assert_eq!(update["type"], "object");
    assert_eq!(update["description"], "Mirrors the PATCH body of a task.");
    assert_eq!(update["x-llm-intent"], "task_update");
    assert_eq!(update.get("required"), None);
}

#[test]
fn defaults_limits_and_references_are_described() {
    let sample = schema::<Sample>();
    let fields = &sample["properties"];
    assert_eq!(sample["required"], json!(["name"]));
    assert_eq!(fields["name"], json!({ "type": "string", "minLength": 1, "title": "Name" }));
    assert_eq!(
        fields["short"],
        json!({ "type": "string", "maxLength": 3, "title": "Short", "default": "abc" })
    );
    assert_eq!(
        fields["count"],
        json!({ "type": "integer", "minimum": 1, "maximum": 200, "title": "Count", "default": 200 })
    );
    assert_eq!(fields["active"]["default"], false);
    assert_eq!(fields["pair"]["anyOf"][0]["minItems"], 1);
    assert_eq!(fields["config"]["anyOf"][0]["additionalProperties"], true);
    assert_eq!(fields["ids"].get("default"), None);
    assert_eq!(fields["link"]["anyOf"][0]["format"], "uri");
    assert_eq!(fields["inners"]["items"], json!({ "$ref": "#/components/schemas/Inner" }));
    assert_eq!(schema::<Inner>()["required"], json!(["key", "value"]));
    let mut named = Vec::new();
    Sample::schemas(&mut named);
    assert!(named.iter().any(|(name, _)| name == "Inner"));
}

#[test]
fn query_parameters_are_described_as_in_the_contract() {
    let parameters = serde_json::to_value(Paging::into_params(|| None)).expect("serializes");
    assert_eq!(
        parameters[0]["schema"],
        json!({ "type": "integer", "minimum": 1, "maximum": 200, "title": "Limit", "default": 200 })
    );
    assert_eq!(parameters[0]["name"], "limit");
    assert_eq!(parameters[0]["in"], "query");
    assert_eq!(parameters[0]["required"], false);
    assert_eq!(
        parameters[1]["schema"],
        json!({ "type": "integer", "minimum": 0, "title": "Offset", "default": 0 })
    );
}

#[test]
fn pages_are_named_and_described_as_in_the_contract() {
    assert_eq!(Page::<Inner>::name(), "LimitOffsetPage_TypeVar_Customized_Inner_");
    assert_eq!(
        schema::<Page<Inner>>(),
        json!({
            "type": "object",
            "title": "LimitOffsetPage[TypeVar]Customized[Inner]",
            "required": ["items", "total", "limit", "offset"],
            "properties": {
                "items": {
                    "type": "array",
                    "title": "Items",
                    "items": { "$ref": "#/components/schemas/Inner" },
                },
                "total": { "type": "integer", "minimum": 0, "title": "Total" },
                "limit": { "type": "integer", "minimum": 1, "title": "Limit" },
                "offset": { "type": "integer", "minimum": 0, "title": "Offset" },
            },
        })
    );
    let page = mc_model::Page::new(vec![1], 5, mc_model::PageRequest { limit: 1, offset: 2 });
    let shown = serde_json::to_string(&Page::from(page)).expect("serializes");
    assert_eq!(shown, r#"{"items":[1],"total":5,"limit":1,"offset":2}"#);
}

type InnerPage = Page<Inner>;

#[utoipa::path(
    post,
    path = "/samples",
    params(Paging),
    request_body = Sample,
    responses((status = 200, description = "A page", body = InnerPage)),
)]
async fn list_samples() {}

#[test]
fn declarations_reach_the_document_of_a_route() {
    let (_, document) = utoipa_axum::router::OpenApiRouter::<()>::new()
        .routes(utoipa_axum::routes!(list_samples))
        .split_for_parts();
    let document = serde_json::to_value(document).expect("the document serializes");
    let operation = &document["paths"]["/samples"]["post"];
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    assert_eq!(operation["requestBody"]["content"]["application/json"]["schema"], reference("Sample"));
    let page = "LimitOffsetPage_TypeVar_Customized_Inner_";
    assert_eq!(operation["responses"]["200"]["content"]["application/json"]["schema"], reference(page));
    assert_eq!(operation["parameters"][1]["name"], "offset");
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let names: Vec<&str> = schemas.keys().map(String::as_str).collect();
    assert_eq!(names, ["Inner", page, "Sample"]);
}

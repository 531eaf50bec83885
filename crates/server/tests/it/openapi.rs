//! The document that the server publishes, as a thing of its own; `contract` compares it with the frozen one.

use std::collections::BTreeSet;
use std::path::Path;

use mc_testkit::{Backend, TestApp};
use serde_json::{Value, json};

use crate::contract::{operations, our_document};

/// Operations that ask for no credentials.
pub const PUBLIC: [&str; 3] = ["health_health_get", "healthz_healthz_get", "readyz_readyz_get"];

/// What an agent chooses its tools by, beside the two texts `x-llm-intent` and `x-required-actor` (platform spec
/// §15.2): lists of sentences.
const GUIDANCE: [&str; 6] = [
    "x-prerequisites",
    "x-side-effects",
    "x-when-to-use",
    "x-when-not-to-use",
    "x-negative-guidance",
    "x-routing-policy",
];

fn ids(document: &Value) -> Vec<&str> {
    operations(document)
        .values()
        .map(|operation| operation["operationId"].as_str().expect("every operation has an id"))
        .collect()
}

fn has_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

async fn our_text() -> String {
    mission_control::start::openapi().await.expect("the document can be made")
}

/// The first line in which two texts differ, with its number.
fn first_difference(one: &str, other: &str) -> Option<(usize, String, String)> {
    let (mut one, mut other) = (one.split('\n'), other.split('\n'));
    for number in 1.. {
        match (one.next(), other.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => {
                let text = |line: Option<&str>| line.unwrap_or("(the end)").to_owned();
                return Some((number, text(one), text(other)));
            }
        }
    }
    None
}

#[tokio::test]
async fn the_committed_document_is_fresh() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let committed = std::fs::read_to_string(file).expect("openapi.json lies at the root of the repository");
    let difference = first_difference(&committed, &our_text().await);
    assert_eq!(difference, None, "openapi.json is stale: run `make generate` and commit it");
}

#[tokio::test]
async fn two_makings_of_the_document_are_the_same() {
    let first = our_text().await;
    for _ in 0..8 {
        assert_eq!(first_difference(&first, &our_text().await), None);
    }
}

#[tokio::test]
async fn no_two_types_share_the_name_of_a_schema() {
    let app = TestApp::new(Backend::Sqlite).await;
    assert_eq!(app.schema_clashes(), [] as [String; 0], "give one of the types another name");
}

#[tokio::test]
async fn every_operation_has_a_unique_id_and_a_description() {
    let document = our_document().await;
    let ids = ids(&document);
    let unique: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:#?}");
    for (name, operation) in operations(&document) {
        assert!(has_text(&operation["description"]), "{name} has no description");
        assert!(has_text(&operation["summary"]), "{name} has no summary");
    }
}

#[tokio::test]
async fn every_operation_is_guarded_or_public() {
    let document = our_document().await;
    for (name, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        let is_for_people = operation["security"] == json!([{"HTTPBearer": []}]);
        let is_for_agents = parameters.iter().any(|parameter| parameter["name"] == "X-Agent-Token");
        // Operations of both name no scheme in the contract; the guard shows in the limit that it counts.
        let is_shared = operation.get("x-ratelimit-policy").is_some();
        let is_public = PUBLIC.iter().any(|id| operation["operationId"] == *id);
        assert_eq!(is_for_people || is_for_agents || is_shared, !is_public, "{name}");
        assert!(!(is_for_people && is_for_agents), "{name}");
    }
}

#[tokio::test]
async fn every_operation_with_input_says_how_wrong_input_is_answered() {
    let document = our_document().await;
    for (name, operation) in operations(&document) {
        let has_input = operation.get("parameters").is_some() || operation.get("requestBody").is_some();
        assert_eq!(operation["responses"].get("422").is_some(), has_input, "{name}");
    }
}

#[tokio::test]
async fn every_tool_of_agents_says_when_to_use_it() {
    let document = our_document().await;
    let mut tools = 0;
    for (name, operation) in operations(&document) {
        let is_tool = name.contains(" /api/v1/agent/");
        assert_eq!(operation.get("x-llm-intent").is_some(), is_tool, "{name}");
        if !is_tool {
            continue;
        }
        tools += 1;
        assert!(has_text(&operation["x-llm-intent"]), "{name}");
        assert!(has_text(&operation["x-required-actor"]), "{name}");
        for member in GUIDANCE {
            let sentences = operation[member].as_array().unwrap_or_else(|| panic!("{name}: no {member}"));
            assert!(!sentences.is_empty() && sentences.iter().all(has_text), "{name}: {member}");
        }
        let examples = operation["x-routing-policy-examples"].as_array().expect("a list of examples");
        assert!(!examples.is_empty(), "{name}");
        for example in examples {
            assert!(has_text(&example["input"]["intent"]), "{name}: {example}");
            assert!(has_text(&example["input"]["required_privilege"]), "{name}: {example}");
            assert!(has_text(&example["decision"]), "{name}: {example}");
        }
    }
    assert!(tools >= 10, "{tools}");
}

/// Agents choose their tools of a board by tag, actor and intent (tasks spec, "OpenAPI facts clients depend on").
#[tokio::test]
async fn agents_find_the_tools_of_a_board_by_tag_actor_and_intent() {
    let document = our_document().await;
    let operations = operations(&document);
    let (leads, all) = (vec!["agent", "agent-lead"], vec!["agent", "agent-lead", "agent-worker"]);
    for (name, tags, intent, actor) in [
        ("GET /tasks", &all, "agent_board_task_discovery", "any_agent"),
        ("POST /tasks", &leads, "delegate_work", "board_lead"),
        ("PATCH /tasks/{task_id}", &all, "agent_task_update", "any_agent"),
        ("DELETE /tasks/{task_id}", &all, "agent_task_delete", "board_lead"),
        ("GET /tasks/{task_id}/comments", &all, "agent_task_comment_discovery", "any_agent"),
        ("POST /tasks/{task_id}/comments", &all, "agent_task_comment_create", "any_agent"),
        ("GET /approvals", &all, "agent_board_approval_discovery", "any_agent"),
        ("POST /approvals", &all, "agent_board_approval_request", "any_agent"),
        ("GET /tags", &all, "agent_board_tag_discovery", "any_agent"),
    ] {
        let operation = operations[&name.replacen(" /", " /api/v1/agent/boards/{board_id}/", 1)];
        assert_eq!(operation["tags"], json!(tags), "{name}");
        assert_eq!(operation["x-llm-intent"], intent, "{name}");
        assert_eq!(operation["x-required-actor"], actor, "{name}");
    }
    let create = operations["POST /api/v1/agent/boards/{board_id}/tasks"];
    assert_eq!(create["operationId"], "agent_lead_create_task");
    for status in ["403", "404", "409", "422"] {
        let schema = &create["responses"][status]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/LLMErrorResponse", "{status}");
    }
    for name in ["POST /api/v1/boards/{board_id}/tasks", "PATCH /api/v1/boards/{board_id}/tasks/{task_id}"] {
        let schema = &operations[name]["responses"]["409"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/BlockedTaskError", "{name}");
    }
}

#[tokio::test]
async fn the_head_of_the_document_is_as_the_spec_says() {
    let document = our_document().await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "Mission Control API");
    assert_eq!(document["info"]["version"], "0.1.0");
    assert!(document.get("servers").is_none());
    assert_eq!(
        document["components"]["securitySchemes"]["HTTPBearer"],
        json!({"type": "http", "scheme": "bearer"})
    );
    let tags = document["tags"].as_array().expect("tags");
    assert_eq!(tags.len(), 24);
    assert!(tags.iter().all(|tag| has_text(&tag["description"])));
    let known: Vec<&Value> = tags.iter().map(|tag| &tag["name"]).collect();
    for (name, operation) in operations(&document) {
        let used = operation["tags"].as_array().expect("every operation has tags");
        assert!(used.iter().all(|tag| known.contains(&tag)), "{name}");
    }
}

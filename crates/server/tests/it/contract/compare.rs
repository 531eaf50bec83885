//! One operation of ours against the same operation of the contract.

use serde_json::{Value, json};

use super::shape::{referred, shape};

/// An operation and the document it is from.
#[derive(Clone, Copy)]
pub struct Operation<'a> {
    pub document: &'a Value,
    pub operation: &'a Value,
}

/// What a client of the contract would notice, one sentence each.
pub fn differences(contract: Operation<'_>, ours: Operation<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for member in ["operationId", "tags", "security", "x-llm-intent", "x-required-actor"] {
        compare(member, &contract.operation[member], &ours.operation[member], &mut found);
    }
    parameters(contract, ours, &mut found);
    body(contract, ours, &mut found);
    responses(contract, ours, &mut found);
    components(contract, ours, &mut found);
    found
}

fn compare(what: &str, contract: &Value, ours: &Value, found: &mut Vec<String>) {
    if contract != ours {
        found.push(format!("{what}: the contract has {contract}, ours is {ours}"));
    }
}

/// Those of the contract, in its order. Further ones of ours must be optional.
fn parameters(contract: Operation<'_>, ours: Operation<'_>, found: &mut Vec<String>) {
    let (theirs, own) = (list(&contract.operation["parameters"]), list(&ours.operation["parameters"]));
    let key = |parameter: &Value| (parameter["in"].clone(), parameter["name"].clone());
    let (known, extra): (Vec<&Value>, Vec<&Value>) =
        own.iter().partition(|parameter| theirs.iter().any(|other| key(other) == key(parameter)));
    let names = |parameters: &[&Value]| -> Value { parameters.iter().map(|it| it["name"].clone()).collect() };
    compare("order of parameters", &names(&theirs.iter().collect::<Vec<_>>()), &names(&known), found);
    for parameter in extra.iter().filter(|parameter| parameter["required"] == true) {
        found.push(format!("parameter {} is required and not in the contract", parameter["name"]));
    }
    for theirs in theirs {
        let Some(own) = known.iter().find(|own| key(own) == key(theirs)) else { continue };
        let what = format!("parameter {}", theirs["name"]);
        let required = |parameter: &Value| json!(parameter["required"] == true);
        compare(&format!("{what}, required"), &required(theirs), &required(own), found);
        schemas(&what, (contract.document, &theirs["schema"]), (ours.document, &own["schema"]), found);
    }
}

fn body(contract: Operation<'_>, ours: Operation<'_>, found: &mut Vec<String>) {
    let (theirs, own) = (&contract.operation["requestBody"], &ours.operation["requestBody"]);
    if theirs.is_null() && own.is_null() {
        return;
    }
    compare("body, required", &json!(theirs["required"] == true), &json!(own["required"] == true), found);
    content("body", (contract.document, theirs), (ours.document, own), found);
}

/// Every answer of the contract must be one of ours; further ones are welcome, successes excepted.
fn responses(contract: Operation<'_>, ours: Operation<'_>, found: &mut Vec<String>) {
    let none = serde_json::Map::new();
    let theirs = contract.operation["responses"].as_object().unwrap_or(&none);
    let own = ours.operation["responses"].as_object().unwrap_or(&none);
    for (status, response) in theirs {
        match own.get(status) {
            Some(own) => content(status, (contract.document, response), (ours.document, own), found),
            None => found.push(format!("answer {status} is in the contract and not in ours")),
        }
    }
    for status in own.keys().filter(|status| status.starts_with('2') && !theirs.contains_key(*status)) {
        found.push(format!("success {status} is not in the contract"));
    }
}

fn content(what: &str, contract: (&Value, &Value), ours: (&Value, &Value), found: &mut Vec<String>) {
    let none = serde_json::Map::new();
    let types = |holder: &Value| -> Value {
        holder["content"].as_object().unwrap_or(&none).keys().cloned().collect()
    };
    compare(&format!("{what}, media types"), &types(contract.1), &types(ours.1), found);
    for (media, theirs) in contract.1["content"].as_object().unwrap_or(&none) {
        if let Some(own) = ours.1["content"].get(media) {
            schemas(what, (contract.0, &theirs["schema"]), (ours.0, &own["schema"]), found);
        }
    }
}

/// The component schemas that generated clients name their types after, with what agents read in them.
fn components(contract: Operation<'_>, ours: Operation<'_>, found: &mut Vec<String>) {
    let mut names = Vec::new();
    referred(contract.document, contract.operation, &mut names);
    for name in names {
        let theirs = &contract.document["components"]["schemas"][&name];
        let Some(own) = ours.document["components"]["schemas"].get(&name) else {
            found.push(format!("there is no component {name}"));
            continue;
        };
        schemas(&format!("component {name}"), (contract.document, theirs), (ours.document, own), found);
        for member in ["x-llm-intent", "x-required-actor"] {
            compare(&format!("component {name}, {member}"), &theirs[member], &own[member], found);
        }
    }
}

fn schemas(what: &str, contract: (&Value, &Value), ours: (&Value, &Value), found: &mut Vec<String>) {
    let (theirs, own) = (shape(contract.0, contract.1), shape(ours.0, ours.1));
    walk(what, &theirs, &own, found);
}

/// Descends to where two shapes differ, so that the sentence is short.
fn walk(what: &str, contract: &Value, ours: &Value, found: &mut Vec<String>) {
    match (contract, ours) {
        (Value::Object(theirs), Value::Object(own)) => {
            let keys = theirs.keys().chain(own.keys().filter(|key| !theirs.contains_key(*key)));
            for key in keys {
                let (theirs, own) = (&contract[key], &ours[key]);
                match key.as_str() {
                    "properties" => properties(what, theirs, own, found),
                    // The original takes texts and lists of any length; ours have a limit, which no client meets.
                    "maxLength" | "maxItems" if theirs.is_null() => {}
                    _ => walk(&format!("{what}, {key}"), theirs, own, found),
                }
            }
        }
        _ => compare(what, contract, ours, found),
    }
}

fn properties(what: &str, contract: &Value, ours: &Value, found: &mut Vec<String>) {
    let names = |properties: &Value| -> Value {
        list(properties).iter().map(|property| property["name"].clone()).collect()
    };
    compare(&format!("{what}, properties in order"), &names(contract), &names(ours), found);
    for theirs in list(contract) {
        let Some(own) = list(ours).iter().find(|own| own["name"] == theirs["name"]) else { continue };
        let what = format!("{what}.{}", theirs["name"].as_str().unwrap_or_default());
        compare(&format!("{what}, required"), &theirs["required"], &own["required"], found);
        walk(&what, &theirs["is"], &own["is"], found);
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

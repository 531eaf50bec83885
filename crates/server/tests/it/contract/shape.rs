//! A schema reduced to what a client can notice: references followed, spellings of one thing made one, prose gone.

use serde_json::{Map, Value, json};

/// Keywords that limit or describe values and are compared as they are.
const PLAIN: [&str; 6] = ["format", "minLength", "maxLength", "minItems", "maxItems", "pattern"];
/// Keywords whose numbers are compared by value: `0` and `0.0` are one bound.
const BOUNDS: [&str; 4] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/// The comparable form of `schema`, a part of `document`.
pub fn shape(document: &Value, schema: &Value) -> Value {
    Reduction { document, inside: Vec::new() }.reduce(schema)
}

/// The names of all component schemas that `schema` refers to, directly or through others, in order of appearance.
pub fn referred(document: &Value, schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(name) = members.get("$ref").and_then(Value::as_str).and_then(component_name)
                && !into.iter().any(|known| known == name)
            {
                into.push(name.to_owned());
                referred(document, &document["components"]["schemas"][name], into);
            }
            members.values().for_each(|member| referred(document, member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| referred(document, item, into)),
        _ => {}
    }
}

fn component_name(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/components/schemas/")
}

struct Reduction<'a> {
    document: &'a Value,
    /// The components being reduced, against endless recursion.
    inside: Vec<&'a str>,
}

impl<'a> Reduction<'a> {
    fn reduce(&mut self, schema: &'a Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.follow(reference);
        }
        let alternatives = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array());
        let mut reduced = match alternatives {
            Some(alternatives) => self.any_of(alternatives),
            None => self.single(schema),
        };
        // FastAPI shows no default of a nullable field; `null` says the same.
        if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
            reduced.insert("default".to_owned(), default.clone());
        }
        reduced.into()
    }

    fn follow(&mut self, reference: &'a str) -> Value {
        let Some(name) = component_name(reference) else { return json!({"reference": reference}) };
        if self.inside.contains(&name) {
            return json!({"inside": name});
        }
        self.inside.push(name);
        let target = &self.document["components"]["schemas"][name];
        let reduced = if target.is_null() { json!({"missing component": name}) } else { self.reduce(target) };
        self.inside.pop();
        reduced
    }

    fn any_of(&mut self, alternatives: &'a [Value]) -> Map<String, Value> {
        let mut is_nullable = false;
        let mut kinds = Vec::new();
        for alternative in alternatives {
            if alternative["type"] == "null" {
                is_nullable = true;
                continue;
            }
            kinds.push(self.reduce(alternative));
        }
        let mut reduced = match (kinds.pop(), kinds.is_empty()) {
            (Some(Value::Object(only)), true) => only,
            (last, _) => {
                kinds.extend(last);
                kinds.sort_by_key(Value::to_string);
                Map::from_iter([("any of".to_owned(), Value::from(kinds))])
            }
        };
        // What may be anything may be null anyway.
        if is_nullable && !reduced.is_empty() {
            reduced.insert("nullable".to_owned(), true.into());
        }
        reduced
    }

    fn single(&mut self, schema: &'a Value) -> Map<String, Value> {
        let mut reduced = Map::new();
        let (kind, is_nullable) = kind(&schema["type"]);
        if let Some(kind) = kind {
            reduced.insert("type".to_owned(), kind);
        }
        if is_nullable {
            reduced.insert("nullable".to_owned(), true.into());
        }
        if let Some(values) = schema.get("enum").cloned().or_else(|| Some(json!([schema.get("const")?]))) {
            reduced.insert("enum".to_owned(), values);
        }
        for keyword in PLAIN {
            if let Some(value) = schema.get(keyword) {
                reduced.insert(keyword.to_owned(), value.clone());
            }
        }
        for keyword in BOUNDS {
            if let Some(value) = schema.get(keyword).and_then(Value::as_f64) {
                reduced.insert(keyword.to_owned(), value.into());
            }
        }
        if let Some(items) = schema.get("items") {
            reduced.insert("items".to_owned(), self.reduce(items));
        }
        if reduced.get("type").is_some_and(|kind| kind == "object") {
            self.object(schema, &mut reduced);
        }
        reduced
    }

    fn object(&mut self, schema: &'a Value, reduced: &mut Map<String, Value>) {
        if let Some(properties) = schema["properties"].as_object() {
            let required = |name: &str| {
                schema["required"].as_array().is_some_and(|required| required.iter().any(|it| it == name))
            };
            let properties = properties
                .iter()
                .map(|(name, property)| {
                    json!({"name": name, "required": required(name), "is": self.reduce(property)})
                })
                .collect::<Vec<_>>();
            reduced.insert("properties".to_owned(), properties.into());
        } else {
            // An object of which nothing is said may hold anything.
            let values = match schema.get("additionalProperties") {
                None | Some(Value::Bool(true)) => json!({}),
                Some(Value::Bool(false)) => json!(false),
                Some(values) => self.reduce(values),
            };
            reduced.insert("values".to_owned(), values);
        }
    }
}

/// The type without null, and whether null is one.
fn kind(kind: &Value) -> (Option<Value>, bool) {
    match kind {
        Value::Null => (None, false),
        Value::Array(kinds) => {
            let others: Vec<&Value> = kinds.iter().filter(|kind| *kind != "null").collect();
            let is_nullable = others.len() < kinds.len();
            match others[..] {
                [] => (None, is_nullable),
                [only] => (Some(only.clone()), is_nullable),
                _ => (Some(json!(others)), is_nullable),
            }
        }
        kind => (Some(kind.clone()), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_nullability_are_one() {
        let document = json!({});
        let old = json!({"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}], "title": "A"});
        let new = json!({"type": ["string", "null"], "format": "uuid", "description": "b", "default": null});
        assert_eq!(shape(&document, &old), shape(&document, &new));
        let required = json!({"type": "string", "format": "uuid"});
        assert_ne!(shape(&document, &old), shape(&document, &required));
    }

    #[test]
    fn references_are_followed_once() {
        let document = json!({"components": {"schemas": {
            "Tree": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Tree"}}},
        }}});
        let reference = json!({"$ref": "#/components/schemas/Tree"});
        let expected = json!({"type": "object", "properties": [
            {"name": "next", "required": false, "is": {"inside": "Tree"}},
        ]});
        assert_eq!(shape(&document, &reference), expected);
        let mut names = Vec::new();
        referred(&document, &reference, &mut names);
        assert_eq!(names, ["Tree"]);
    }
}

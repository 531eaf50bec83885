//! What a change did, for the structured part of an activity.

use serde_json::{Map, Value, json};

/// The members in which two objects differ, each as `{"from": …, "to": …}`.
pub(crate) fn changed_fields(before: &Value, after: &Value) -> Value {
    let changed = |(name, to): (&String, &Value)| {
        let from = &before[name];
        (from != to).then(|| (name.clone(), json!({"from": from, "to": to})))
    };
    Value::Object(after.as_object().into_iter().flat_map(Map::iter).filter_map(changed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_named() {
        let (before, after) = (json!({"a": 1, "b": "x", "c": null}), json!({"a": 1, "b": "y", "c": [2]}));
        let expected = json!({"b": {"from": "x", "to": "y"}, "c": {"from": null, "to": [2]}});
        assert_eq!(changed_fields(&before, &after), expected);
        assert_eq!(changed_fields(&before, &before), json!({}));
    }
}

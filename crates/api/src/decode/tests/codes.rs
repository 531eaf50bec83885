//! One row per code and place: what is sent, and the `type`, `loc`, `input` and `ctx` of the answer.

use mc_model::Timestamp;
use serde_json::{Value as Json, json};

use super::super::{MAX_PROBLEMS, Patch, decode_body, path_id};
use super::{Sample, Update, problems_of};

/// A body with a good name and one more member, and the one problem of that member.
#[track_caller]
fn one(member: &str, value: Json, code: &str, ctx: Json) {
    let body = json!({ "name": "n", member: value.clone() }).to_string();
    let mut problem = json!({ "type": code, "loc": ["body", member], "input": value });
    if !ctx.is_null() {
        problem["ctx"] = ctx;
    }
    assert_eq!(problems_of::<Sample>(&body), json!([problem]), "{body}");
}

#[test]
fn texts_and_their_lengths() {
    one("short", json!(5), "string_type", Json::Null);
    one("short", Json::Null, "string_type", Json::Null);
    one("short", json!("äöüß"), "string_too_long", json!({ "max_length": 3 }));
    one("name", json!("  "), "string_too_short", json!({ "min_length": 1 }));
    let nul = json!({ "error": "text must not contain the NUL character" });
    one("short", json!("a\0"), "value_error", nul.clone());
    one("name", json!("\0"), "value_error", nul.clone());
    one("extra", json!({ "deep": ["\0"] }), "value_error", nul.clone());
    one("config", json!({ "\0": 1 }), "value_error", nul);
}

#[test]
fn integers() {
    let parsing = |value| one("count", value, "int_parsing", Json::Null);
    for text in ["", "x", "1_0", "1.5", "1e1", "true", "+", "1.", "0x1", "--1"] {
        parsing(json!(text));
    }
    for wrong in [Json::Null, json!(true), json!([]), json!({})] {
        one("count", wrong, "int_type", Json::Null);
    }
    one("count", json!(1.5), "int_from_float", Json::Null);
    for low in [json!(0), json!(-5), json!("-99999999999999999999"), json!(-1e300)] {
        one("count", low, "greater_than_equal", json!({ "ge": 1 }));
    }
    for high in [json!(201), json!(u64::MAX), json!(1e300), json!("99999999999999999999")] {
        one("count", high, "less_than_equal", json!({ "le": 200 }));
    }
    for good in [json!(5), json!(5.0), json!("5"), json!(" +5 "), json!("05"), json!("5.0")] {
        let body = json!({ "name": "n", "count": good }).to_string();
        let read = decode_body::<Sample>(true, body.as_bytes()).expect("a good number");
        assert_eq!(read.count.0, 5, "{body}");
    }
}

#[test]
fn numbers() {
    one("confidence", json!("x"), "float_parsing", Json::Null);
    one("confidence", json!(true), "float_type", Json::Null);
    one("confidence", Json::Null, "float_type", Json::Null);
    one("confidence", json!("inf"), "finite_number", Json::Null);
    one("confidence", json!("NaN"), "finite_number", Json::Null);
    one("confidence", json!(-0.5), "greater_than_equal", json!({ "ge": 0.0 }));
    one("confidence", json!(100.5), "less_than_equal", json!({ "le": 100.0 }));
}

#[test]
fn truth_values() {
    one("active", json!(2), "bool_parsing", Json::Null);
    one("active", json!("maybe"), "bool_parsing", Json::Null);
    one("active", Json::Null, "bool_type", Json::Null);
    one("active", json!([]), "bool_type", Json::Null);
    for (sent, meant) in [
        (json!(true), true),
        (json!(0), false),
        (json!(1), true),
        (json!("YES"), true),
        (json!("t"), true),
        (json!("off"), false),
        (json!("N"), false),
    ] {
        let body = json!({ "name": "n", "active": sent }).to_string();
        let read = decode_body::<Sample>(true, body.as_bytes()).expect("a good truth value");
        assert_eq!(read.active.0, meant, "{body}");
    }
}

#[test]
fn identifiers() {
    one("agent", json!(5), "uuid_type", Json::Null);
    let body = r#"{"name":"n","agent":"zz"}"#;
    let found = problems_of::<Sample>(body);
    assert_eq!(found[0]["type"], "uuid_parsing");
    assert_eq!(found[0]["loc"], json!(["body", "agent"]));
    assert!(found[0]["ctx"]["error"].is_string(), "{found}");
    let plain = "96a4af19-8efc-4b52-a351-2e2450f92737";
    for form in [
        plain.to_owned(),
        plain.replace('-', ""),
        format!("{{{plain}}}"),
        format!("urn:uuid:{plain}"),
        plain.to_uppercase(),
    ] {
        let body = json!({ "name": "n", "agent": form }).to_string();
        let read = decode_body::<Sample>(true, body.as_bytes()).expect("a good id");
        assert_eq!(read.agent.map(|id| id.to_string()).as_deref(), Some(plain));
    }
}

#[test]
fn ids_in_paths() {
    let found = path_id::<mc_model::ids::TaskId>("task_id", "zz").expect_err("not an id");
    let shown = serde_json::to_value(&found).expect("problems serialize");
    assert_eq!(shown[0]["type"], "uuid_parsing");
    assert_eq!(shown[0]["loc"], json!(["path", "task_id"]));
    assert_eq!(shown[0]["input"], "zz");
    assert!(shown[0]["ctx"]["error"].is_string());
    assert!(path_id::<mc_model::ids::TaskId>("t", "96a4af198efc4b52a3512e2450f92737").is_ok());
}

#[test]
fn moments() {
    for (sent, shown) in [
        (json!("2030-01-01T08:00:00+02:00"), "2030-01-01T06:00:00"),
        (json!("2030-01-01T08:00:00"), "2030-01-01T08:00:00"),
        (json!("2030-01-01 08:00:00.5Z"), "2030-01-01T08:00:00.500000"),
        (json!("2030-01-01"), "2030-01-01T00:00:00"),
        (json!(1_700_000_000), "2023-11-14T22:13:20"),
        (json!("1700000000"), "2023-11-14T22:13:20"),
        (json!(1_700_000_000.5), "2023-11-14T22:13:20.500000"),
        (json!(1_700_000_000_000_i64), "2023-11-14T22:13:20"),
        (json!(-1), "1969-12-31T23:59:59"),
    ] {
        let body = json!({ "name": "n", "at": sent }).to_string();
        let read = decode_body::<Sample>(true, body.as_bytes()).expect("a good moment");
        assert_eq!(read.at.map(|at| at.to_string()).as_deref(), Some(shown), "{body}");
    }
    for (sent, code) in [
        (json!(""), "datetime_from_date_parsing"),
        (json!("soon"), "datetime_from_date_parsing"),
        (json!("2030-13-01"), "datetime_from_date_parsing"),
        (json!("2030-01-01T25:00:00"), "datetime_parsing"),
        (json!(1e18), "datetime_parsing"),
        (json!(-1e300), "datetime_parsing"),
        (json!("+12030-01-01T00:00:00"), "datetime_parsing"),
        (json!(true), "datetime_type"),
        (json!([]), "datetime_type"),
    ] {
        let body = json!({ "name": "n", "at": sent }).to_string();
        let found = problems_of::<Sample>(&body);
        assert_eq!(found[0]["type"], code, "{body}");
        assert_eq!(found[0]["loc"], json!(["body", "at"]));
        assert_eq!(found[0]["input"], sent);
        assert_eq!(found[0]["ctx"]["error"].is_string(), code != "datetime_type", "{found}");
    }
}

#[test]
fn addresses() {
    for (sent, reason) in [
        ("", "input is empty"),
        ("example.org/x", "there is no scheme"),
        ("ftp://example.org", "the scheme must be http or https"),
        ("https://", "there is no host"),
        ("https://:80/", "there is no host"),
        ("https://a b/", "it contains blanks"),
    ] {
        one("link", json!(sent), "url_parsing", json!({ "error": reason }));
    }
    let body = r#"{"name":"n","link":" https://github.com/a/b "}"#;
    let read = decode_body::<Sample>(true, body.as_bytes()).expect("a good address");
    assert_eq!(read.link.as_deref(), Some("https://github.com/a/b"));
}

#[test]
fn lists_and_objects() {
    one("ids", Json::Null, "list_type", Json::Null);
    one("ids", json!("x"), "list_type", Json::Null);
    one("pair", json!([]), "too_short", json!({ "field_type": "List", "min_length": 1, "actual_length": 0 }));
    one(
        "pair",
        json!([1, 2, 3]),
        "too_long",
        json!({ "field_type": "List", "max_length": 2, "actual_length": 3 }),
    );
    one("config", json!([]), "dict_type", Json::Null);
    one("scores", json!(1), "dict_type", Json::Null);
    one("inner", json!("x"), "model_attributes_type", Json::Null);
    one("inners", json!({}), "list_type", Json::Null);
}

#[test]
fn closed_sets() {
    let expected = json!({ "expected": "'inbox', 'in_progress', 'review' or 'done'" });
    for wrong in [json!("Done"), json!(""), json!(5), json!([])] {
        one("type", wrong, "literal_error", expected.clone());
    }
}

#[test]
fn places_inside_lists_and_objects() {
    let body = json!({
        "name": "n",
        "ids": ["96a4af19-8efc-4b52-a351-2e2450f92737", 7],
        "scores": { "a": 1, "b": "x" },
        "inners": [{ "key": "k", "value": 1 }, { "value": "y" }],
    });
    assert_eq!(
        problems_of::<Sample>(&body.to_string()),
        json!([
            { "type": "uuid_type", "loc": ["body", "ids", 1], "input": 7 },
            { "type": "int_parsing", "loc": ["body", "scores", "b"], "input": "x" },
            { "type": "missing", "loc": ["body", "inners", 1, "key"], "input": { "value": "y" } },
            { "type": "int_parsing", "loc": ["body", "inners", 1, "value"], "input": "y" },
        ])
    );
}

#[test]
fn all_faults_at_once_in_declared_order() {
    let body = json!({ "type": "x", "count": 0, "active": null });
    let found = problems_of::<Sample>(&body.to_string());
    let places: Vec<&Json> =
        found.as_array().into_iter().flatten().map(|problem| &problem["loc"][1]).collect();
    assert_eq!(places, ["name", "count", "active", "type"]);
    assert_eq!(found[0]["type"], "missing");
    assert_eq!(found[0]["input"], body);
}

#[test]
fn absent_null_and_value_are_three_things() {
    let read = |body: &str| decode_body::<Update>(true, body.as_bytes()).expect("a good body");
    let absent = read("{}");
    assert_eq!(absent.description, Patch::Absent);
    assert_eq!(absent.title.0, None);
    assert!(!absent.due_at.is_present());
    let null = read(r#"{"description":null,"due_at":null,"tag_ids":null,"comment":null}"#);
    assert_eq!(null.description, Patch::Null);
    assert_eq!(null.due_at.change(), Some(None));
    assert_eq!(null.tag_ids, None);
    assert!(null.comment.is_none());
    let value = read(r#"{"description":"d","due_at":0,"custom_field_values":{"k":null}}"#);
    assert_eq!(value.description, Patch::Value("d".into()));
    assert_eq!(value.due_at.change(), Some(Timestamp::from_micros(0)));
    let values = value.custom_field_values.value().map(super::super::Dict::into_map);
    assert_eq!(values.map(Json::Object), Some(json!({ "k": null })));
}

#[test]
fn null_where_it_is_refused_is_a_type_error() {
    assert_eq!(
        problems_of::<Update>(r#"{"title":null,"priority":null}"#),
        json!([
            { "type": "string_type", "loc": ["body", "title"], "input": null },
            { "type": "string_type", "loc": ["body", "priority"], "input": null },
        ])
    );
}

#[test]
fn rules_about_a_field_and_about_the_whole() {
    assert_eq!(
        problems_of::<Update>(r#"{"status":null,"comment":"forbidden"}"#),
        json!([
            {
                "type": "value_error", "loc": ["body", "status"], "input": null,
                "ctx": { "error": "status cannot be null" },
            },
            {
                "type": "value_error", "loc": ["body"],
                "input": { "status": null, "comment": "forbidden" },
                "ctx": { "error": "this comment is forbidden" },
            },
        ])
    );
}

#[test]
fn secrets_are_not_repeated() {
    let found = problems_of::<Sample>(r#"{"token":5,"config":{"api_token":"t0p"},"inner":3}"#);
    assert_eq!(
        found,
        json!([
            {
                "type": "missing", "loc": ["body", "name"],
                "input": { "token": "[redacted]", "config": { "api_token": "[redacted]" }, "inner": 3 },
            },
            { "type": "model_attributes_type", "loc": ["body", "inner"], "input": 3 },
            { "type": "string_type", "loc": ["body", "token"], "input": "[redacted]" },
        ])
    );
}

#[test]
fn answers_stay_small() {
    let many = json!({ "name": "n", "ids": vec![0; 50_000] }).to_string();
    let found = problems_of::<Sample>(&many);
    assert_eq!(found.as_array().map(Vec::len), Some(MAX_PROBLEMS));
    let large = json!({ "name": 5, "extra": "x".repeat(100_000), "count": "y".repeat(100_000) });
    let found = problems_of::<Sample>(&large.to_string());
    assert_eq!(found[1]["input"], "[too large to repeat]");
}

#[test]
fn the_derive_works_with_the_same_types() {
    #[derive(Debug, deserr::Deserr)]
    #[deserr(error = super::super::Problems)]
    struct Derived {
        #[deserr(default)]
        title: super::NonNull<super::Text>,
        #[deserr(default)]
        status: Patch<mc_model::task::TaskStatus>,
        tag_ids: Vec<mc_model::ids::TagId>,
    }
    let read = decode_body::<Derived>(true, br#"{"tag_ids":[],"status":null}"#).expect("good");
    assert_eq!((read.title.0, read.status), (None, Patch::Null));
    assert!(read.tag_ids.is_empty());
    let found = problems_of::<Derived>(r#"{"status":"x","title":null}"#);
    let codes: Vec<&Json> = found.as_array().into_iter().flatten().map(|problem| &problem["type"]).collect();
    assert_eq!(codes, ["literal_error", "string_type", "missing"]);
    let found = problems_of::<Derived>("[]");
    assert_eq!(found[0]["type"], "model_attributes_type");
}

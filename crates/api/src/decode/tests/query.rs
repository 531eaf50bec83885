//! Query strings.

use mc_model::PageRequest;
use mc_model::ids::AgentId;
use serde_json::json;

use super::super::{Flag, Text, decode_query, input};
use crate::page::Paging;

input! {
    /// The filters of the task list.
    struct Filter {
        status: Option<Text>,
        assigned_agent_id: Option<AgentId>,
        unassigned: Option<Flag>,
        q: Text = "".into(),
    }
}

#[test]
fn reads_strings_leniently() {
    let read = |raw| decode_query::<(Filter, Paging)>(Some(raw)).expect("a good query");
    let (filter, paging) = read("status=a%2Cb+c&unassigned=Yes&limit=7&offset=+3&nope=1&Limit=x");
    assert_eq!(filter.status.as_deref(), Some("a,b c"));
    assert_eq!(filter.unassigned, Some(Flag(true)));
    assert_eq!(PageRequest::from(paging), PageRequest { limit: 7, offset: 3 });
    let (filter, paging) = read("limit=1&limit=2&status=%zz&q=%ff&&x");
    assert_eq!((paging.limit.0, filter.status.as_deref()), (2, Some("%zz")));
    assert_eq!(&*filter.q, "\u{fffd}");
    let (_, paging) = decode_query::<(Filter, Paging)>(None).expect("no query at all");
    assert_eq!(PageRequest::from(paging), PageRequest::default());
}

#[test]
fn the_literal_null_is_absent_only_for_optional_values() {
    let raw = "status=null&assigned_agent_id=null&unassigned=null&q=null";
    let filter = decode_query::<Filter>(Some(raw)).expect("nulls are absent");
    assert!(filter.status.is_none() && filter.unassigned.is_none());
    assert!(filter.assigned_agent_id.is_none());
    assert_eq!(&*filter.q, "null");
    let found = decode_query::<Paging>(Some("limit=null")).expect_err("no number");
    assert_eq!((found[0].code, &found[0].input), ("int_parsing", &json!("null")));
}

#[test]
fn reports_all_faults_with_the_text_that_was_sent() {
    let raw = "limit=0&offset=9223372036854775808&assigned_agent_id=x&unassigned=2&status=%00";
    let found = decode_query::<(Filter, Paging)>(Some(raw)).expect_err("five faults");
    let shown: Vec<_> = found.iter().map(|one| (one.code, one.loc[1].as_str(), one.input.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("value_error", Some("status"), Some("\0")),
            ("uuid_parsing", Some("assigned_agent_id"), Some("x")),
            ("bool_parsing", Some("unassigned"), Some("2")),
            ("greater_than_equal", Some("limit"), Some("0")),
            ("less_than_equal", Some("offset"), Some("9223372036854775808")),
        ]
    );
    assert!(found.iter().all(|one| one.loc[0] == "query"));
    assert_eq!(found[3].ctx, Some(json!({ "ge": 1 })));
    for (raw, code) in [("limit=201", "less_than_equal"), ("offset=-1", "greater_than_equal")] {
        let found = decode_query::<Paging>(Some(raw)).expect_err("out of range");
        assert_eq!(found[0].code, code, "{raw}");
    }
}

#[test]
fn secrets_in_queries_are_not_repeated() {
    input! {
        /// A gateway probe.
        struct Probe {
            gateway_token: Option<Text<3>>,
        }
    }
    let found = decode_query::<Probe>(Some("gateway_token=abcdef")).expect_err("too long");
    assert_eq!(found[0].input, "[redacted]");
}

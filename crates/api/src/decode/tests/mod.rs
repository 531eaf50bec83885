//! Every code of platform spec §3, the extractors, and junk.

#![expect(dead_code, reason = "most fields of the sample inputs are only decoded, never read")]

mod body;
mod codes;
mod junk;
mod query;
mod schema;

use mc_model::Timestamp;
use mc_model::ids::{AgentId, TagId, TaskId};
use mc_model::task::TaskStatus;
use serde_json::{Value as Json, json};

use super::{
    AnyJson, Dict, Flag, HttpUrl, Int, List, NonNull, Object, Patch, Real, Rules, Text, TrimmedText,
    decode_body, input,
};

input! {
    /// Mirrors the PATCH body of a task.
    struct Update [check = check_update] [extra = json!({ "x-llm-intent": "task_update" })] {
        /// New title.
        title: NonNull<Text>,
        /// New description; `null` clears it.
        description: Patch<Text>,
        status: Patch<TaskStatus>,
        priority: NonNull<Text>,
        due_at: Patch<Timestamp>,
        assigned_agent_id: Patch<AgentId>,
        depends_on_task_ids: Option<Vec<TaskId>>,
        tag_ids: Option<Vec<TagId>>,
        custom_field_values: Patch<Dict<Option<AnyJson>>>,
        comment: Option<Text>,
    }
}

fn check_update(update: &Update, rules: &mut Rules<'_>) {
    if update.status == Patch::Null {
        rules.field("status", "status cannot be null");
    }
    if update.comment.as_deref().is_some_and(|comment| comment == "forbidden") {
        rules.whole("this comment is forbidden");
    }
}

input! {
    /// One field of every type.
    struct Sample {
        name: TrimmedText,
        short: Text<3> = "abc".into(),
        count: Int<1, 200> = Int(200),
        confidence: Real<0, 100> = Real(50.0),
        active: Flag = Flag(false),
        agent: Option<AgentId>,
        at: Option<Timestamp>,
        link: Option<HttpUrl>,
        ids: Vec<TaskId> = Vec::new(),
        pair: Option<List<Int, 1, 2>>,
        config: Option<Object>,
        scores: Option<Dict<Int>>,
        kind as "type": Option<TaskStatus>,
        inner: Option<Inner>,
        inners: Vec<Inner> = Vec::new(),
        token: Option<Text>,
        extra: Option<AnyJson>,
    }
}

input! {
    /// A part of a body.
    struct Inner {
        key: Text,
        value: Int,
    }
}

/// Decodes a body and gives its problems as the wire shows them.
fn problems_of<T: deserr::Deserr<super::Problems> + std::fmt::Debug>(body: &str) -> Json {
    match decode_body::<T>(true, body.as_bytes()) {
        Ok(read) => panic!("{body} was read as {read:?}"),
        Err(super::BodyFault::Unreadable) => json!("unreadable"),
        Err(super::BodyFault::Invalid(problems)) => {
            let mut shown = serde_json::to_value(problems).expect("problems serialize");
            for problem in shown.as_array_mut().expect("a list") {
                let problem = problem.as_object_mut().expect("an object");
                let keys: Vec<&str> = problem.keys().map(String::as_str).collect();
                let expected = ["type", "loc", "msg", "input", "ctx"];
                assert_eq!(keys, expected[..keys.len()], "order of members");
                let msg = problem.shift_remove("msg").expect("there is a message");
                assert!(msg.as_str().is_some_and(|msg| !msg.is_empty()));
            }
            shown
        }
    }
}

//! From bytes to typed input, or to one 422 with everything that is wrong.
//!
//! A body, a part of a body, or the query parameters of an operation are declared once:
//!
//! ```ignore
//! input! {
//!     /// What a caller may change on a task.
//!     pub struct TaskUpdate [check = check_update] [extra = json!({ "x-llm-intent": "task_update" })] {
//!         /// New title.
//!         pub title: NonNull<Text>,                       // may be absent, `null` is `string_type`
//!         /// New description; `null` clears it.
//!         pub description: Patch<Text>,                   // absent, null and a value are three things
//!         /// Where the task goes.
//!         pub status: Patch<TaskStatus>,
//!         /// Replaces the dependencies.
//!         pub depends_on_task_ids: Option<Vec<TaskId>>,   // absent and null are the same
//!     }
//! }
//!
//! fn check_update(update: &TaskUpdate, rules: &mut Rules<'_>) {
//!     if update.status == Patch::Null {
//!         rules.field("status", "status cannot be null");  // value_error at ["body", "status"]
//!     }
//! }
//! ```
//!
//! * A field is required unless its type knows what absence means (`Option`, [`Patch`], [`NonNull`]) or the
//!   declaration gives a default: `pub priority: Text = "medium".into()`.
//! * The wire name is the field's name, or given as `kind as "type": Text`.
//! * Faults are listed in declared order. `check` runs when all fields are good.
//! * The declaration implements [`utoipa::ToSchema`] (bodies: `request_body = TaskUpdate`) and
//!   [`utoipa::IntoParams`] (queries: `params(TaskFilter, Paging)`); doc comments become descriptions.
//! * Handlers take [`Body<T>`], [`Query<T>`] (`Query<(TaskFilter, Paging)>` composes), or [`Input<Q, B>`] for both
//!   with one list of faults. Ids in paths go through [`path_id`].
//! * Field types: [`Text`], [`TrimmedText`], [`HttpUrl`], [`Int`], [`Real`], [`Flag`], the ids of mc-model,
//!   [`mc_model::Timestamp`], the enums of mc-model listed as `choice!` in `scalar.rs`, [`AnyJson`], [`Object`], [`Dict`], `Vec`,
//!   [`List`], and other declared inputs. `#[derive(Deserr)] #[deserr(error = Problems)]` works with all of them
//!   too, but then nothing describes the type in the document and missing fields are listed last.
//!
//! `input` repeats what was sent, except for fields whose names end in `token`, `secret`, `password` or `api_key`.

mod body;
mod declare;
mod field;
mod json;
mod number;
mod problems;
mod query;
mod scalar;
#[cfg(test)]
mod tests;
mod text;

pub use body::{Body, BodyFault, Input, decode_body, is_json, read_bytes};
pub(crate) use declare::input;
pub use declare::{Declared, FieldSpec, members, parameters_of, reference_to, schema_of, to_schema};
pub use field::{Components, Field, List, NonNull, Patch, Reader, Rules};
pub use json::{AnyJson, Dict, Object};
pub use number::{Flag, Int, Real};
pub use problems::{MAX_PROBLEMS, Problems};
pub use query::{Query, QueryPart, decode_query, without_nulls};
pub use scalar::path_id;
pub use text::{HttpUrl, Text, TrimmedText};

//! Definitions of custom fields of the active organization.
//!
//! A definition and the values that tasks have of it must fit. Tasks are written in the scope of their board, a
//! definition in that of the organization, so a change of a definition also locks the boards it is or will be bound
//! to: no task takes a value by a definition that is about to change.
//!
//! What a change means for values that are there already:
//! * a type or a pattern that some of them do not fit is refused, with their number and the first tasks (409);
//! * a field may become required although tasks have no value: they get one when somebody next changes their fields.
//!   The activity says how many there are.

use std::collections::HashSet;

use mc_model::custom_field::{CustomField, CustomFieldPatch, NewCustomField, ValueCheck};
use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::{BoardId, CustomFieldId, OrganizationId, TaskId};
use mc_model::{Error, ErrorKind, Result};
use mc_store::{self as store, Conn, WriteTx};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::access::{OrgAdmin, UserSession};
use crate::changed_fields::changed_fields;
use crate::{RequestContext, Services};

/// The most custom fields an organization has: they are listed in one answer.
pub const MAX_FIELDS: i64 = 500;
/// How many values are read and checked at a time.
const BATCH: u32 = 1_000;
/// How many tasks are named whose values do not fit.
const MAX_NAMED: usize = 20;
/// Up to how many tasks without a required value are counted.
pub const MAX_COUNTED: u32 = 10_000;

impl Services {
    /// The custom fields of the active organization, by label.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_custom_fields(&self, session: &UserSession) -> Result<Vec<CustomField>> {
        store::custom_fields::list(self.store.reader(), session.member.organization_id).await
    }

    /// Defines a field and binds it to boards.
    ///
    /// # Errors
    /// 422 when type, pattern and default do not fit together, or with `invalid_board_ids`; 409 when the key is taken
    /// or there are [`MAX_FIELDS`] already.
    pub async fn create_custom_field(
        &self,
        context: &RequestContext,
        admin: &OrgAdmin,
        new: NewCustomField,
    ) -> Result<CustomField> {
        let session = admin.session();
        let organization = session.member.organization_id;
        let new = &new;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let field = new.clone().define(organization, tx.now());
                check(&field)?;
                refuse_too_many(tx, organization).await?;
                let known = store::custom_fields::lock_boards(tx, organization, &field.board_ids).await?;
                refuse_unknown_boards(&field.board_ids, &known)?;
                if !store::custom_fields::insert(tx, &field).await? {
                    let text = format!(
                        "There is a custom field with the key \"{}\" already. Choose another.",
                        field.key
                    );
                    return Err(Error::text(ErrorKind::Conflict, text));
                }
                store::custom_fields::bind(tx, field.id, &field.board_ids).await?;
                let data =
                    json!({"custom_field_id": field.id, "field_key": field.key, "field": content(&field)});
                tx.activity(activity(kind::CUSTOM_FIELD_CREATED, "created", &field, session, data));
                Ok(field)
            })
            .await
    }

    /// Changes a definition or the boards it is bound to. Values on boards it is unbound from stay, unseen.
    ///
    /// # Errors
    /// 404 when it is none of the organization's; 422 as [`Services::create_custom_field`]; 409 with `misfit_count`
    /// when tasks have values that do not fit the new type or pattern.
    pub async fn update_custom_field(
        &self,
        context: &RequestContext,
        admin: &OrgAdmin,
        field: CustomFieldId,
        patch: CustomFieldPatch,
    ) -> Result<CustomField> {
        let session = admin.session();
        let organization = session.member.organization_id;
        let patch = &patch;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let before = own(tx, organization, field).await?;
                let mut after = patch.clone().apply(before.clone(), tx.now());
                check(&after)?;
                let known = lock_boards_of(tx, &before, &after).await?;
                if patch.board_ids.is_some() {
                    refuse_unknown_boards(&after.board_ids, &known)?;
                }
                after.board_ids.retain(|board| known.contains(board));
                after.board_ids.sort_unstable();
                if after.may_refuse_values_of(&before) {
                    refuse_misfits(tx, &after).await?;
                }
                store::custom_fields::update(tx, &after).await?;
                rebind(tx, &before, &after).await?;
                let data = json!({
                    "custom_field_id": field,
                    "field_key": after.key,
                    "changed": changed_fields(&content(&before), &content(&after)),
                    "tasks_without_value": unset_tasks(tx, &before, &after).await?,
                });
                tx.activity(activity(kind::CUSTOM_FIELD_UPDATED, "changed", &after, session, data));
                Ok(after)
            })
            .await
    }

    /// Deletes a definition that no task has a value of.
    ///
    /// # Errors
    /// 404 when it is none of the organization's; 409 while a task has a value, also on a board that it is no longer
    /// bound to.
    pub async fn delete_custom_field(
        &self,
        context: &RequestContext,
        admin: &OrgAdmin,
        field: CustomFieldId,
    ) -> Result<()> {
        let session = admin.session();
        let organization = session.member.organization_id;
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                let deleted = own(tx, organization, field).await?;
                lock_boards_of(tx, &deleted, &deleted).await?;
                if store::custom_fields::has_values(tx, field).await? {
                    return Err(Error::text(
                        ErrorKind::Conflict,
                        "Tasks have values of this custom field, perhaps on boards it is no longer bound to. Clear \
                         them first.",
                    ));
                }
                store::custom_fields::delete(tx, organization, field).await?;
                let data =
                    json!({"custom_field_id": field, "field_key": deleted.key, "field": content(&deleted)});
                tx.activity(activity(kind::CUSTOM_FIELD_DELETED, "deleted", &deleted, session, data));
                Ok(())
            })
            .await
    }
}

async fn own(db: &impl Conn, organization: OrganizationId, field: CustomFieldId) -> Result<CustomField> {
    let found = store::custom_fields::by_id(db, organization, field).await?;
    found.ok_or_else(|| Error::not_found("There is no such custom field in your active organization."))
}

fn check(field: &CustomField) -> Result<()> {
    field.check().map_err(|reason| Error::text(ErrorKind::Invalid, reason))
}

async fn refuse_too_many(tx: &WriteTx, organization: OrganizationId) -> Result<()> {
    if store::custom_fields::count_of(tx, organization).await? < MAX_FIELDS {
        return Ok(());
    }
    let text = format!(
        "An organization has {MAX_FIELDS} custom fields at most. Delete one that is not needed any more."
    );
    Err(Error::text(ErrorKind::Conflict, text))
}

/// Locks the boards that a field was, is or will be bound to.
async fn lock_boards_of(tx: &WriteTx, before: &CustomField, after: &CustomField) -> Result<HashSet<BoardId>> {
    let boards: HashSet<_> = before.board_ids.iter().chain(&after.board_ids).copied().collect();
    let boards: Vec<_> = boards.into_iter().collect();
    store::custom_fields::lock_boards(tx, before.organization_id, &boards).await
}

fn refuse_unknown_boards(wanted: &[BoardId], known: &HashSet<BoardId>) -> Result<()> {
    let mut unknown: Vec<_> = wanted.iter().filter(|board| !known.contains(board)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    unknown.sort_unstable();
    let message = "These boards are not boards of your active organization.";
    Err(Error::object(ErrorKind::Invalid, json!({"message": message, "invalid_board_ids": unknown})))
}

/// Looks at every value that a task has of the field, on whatever board.
async fn refuse_misfits(tx: &WriteTx, field: &CustomField) -> Result<()> {
    let check = ValueCheck::new(field).map_err(|reason| Error::text(ErrorKind::Invalid, reason))?;
    let mut misfits = Misfits::default();
    let mut after = Uuid::nil();
    loop {
        let values = store::custom_fields::values_after(tx, field.id, after, BATCH).await?;
        let Some(last) = values.last() else { break };
        after = last.row;
        values.iter().filter(|stored| !check.fits(&stored.value)).for_each(|stored| misfits.add(stored.task));
    }
    misfits.into_result()
}

/// The tasks whose values do not fit.
#[derive(Default)]
struct Misfits {
    count: u64,
    named: Vec<TaskId>,
}

impl Misfits {
    fn add(&mut self, task: TaskId) {
        self.count += 1;
        if self.named.len() < MAX_NAMED {
            self.named.push(task);
        }
    }

    fn into_result(self) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let values = if self.count == 1 { "1 value does" } else { &format!("{} values do", self.count) };
        let detail = json!({
            "message": format!("{values} not fit the changed custom field. Change or clear first what tasks have."),
            "code": "custom_field_values_misfit",
            "misfit_count": self.count,
            "task_ids": self.named,
        });
        Err(Error::object(ErrorKind::Conflict, detail))
    }
}

async fn rebind(tx: &WriteTx, before: &CustomField, after: &CustomField) -> Result<()> {
    let only_in = |one: &CustomField, other: &CustomField| -> Vec<BoardId> {
        one.board_ids.iter().filter(|board| !other.board_ids.contains(board)).copied().collect()
    };
    store::custom_fields::unbind(tx, after.id, &only_in(before, after)).await?;
    store::custom_fields::bind(tx, after.id, &only_in(after, before)).await
}

/// How many tasks the change leaves without a value that they must have, counted up to [`MAX_COUNTED`].
async fn unset_tasks(tx: &WriteTx, before: &CustomField, after: &CustomField) -> Result<i64> {
    if !after.may_leave_unset(before) {
        return Ok(0);
    }
    store::custom_fields::tasks_without_value(tx, after.id, MAX_COUNTED).await
}

/// What people chose about a field.
fn content(field: &CustomField) -> Value {
    json!({
        "label": field.label,
        "field_type": field.field_type.as_str(),
        "ui_visibility": field.visibility.as_str(),
        "validation_regex": field.pattern,
        "description": field.description,
        "required": field.required,
        "default_value": field.default,
        "board_ids": field.board_ids,
    })
}

fn activity(
    event: &'static str,
    verb: &str,
    field: &CustomField,
    session: &UserSession,
    data: Value,
) -> NewActivity {
    NewActivity::new(event, format!("Custom field \"{}\" {verb}", field.label))
        .user(Some(session.user.id))
        .data(data)
}

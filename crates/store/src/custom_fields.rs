//! Definitions of custom fields, the boards they are bound to, and the values that tasks have of them.

use std::collections::{HashMap, HashSet};

use mc_model::custom_field::CustomField;
use mc_model::ids::{ActivityId, BoardId, CustomFieldId, OrganizationId, TaskId};
use mc_model::{Error, Result};
use serde_json::Value;
use uuid::Uuid;

use crate::sql::{Conn, count, id, json, marks, time, tuples};
use crate::tasks::labels::{FIELD_COLUMNS, field};
use crate::tx::WriteTx;

/// All fields of the organization, by label without regard to case, each with its boards in the order of their ids.
/// Two statements.
///
/// # Errors
/// When the database fails.
pub async fn list(db: &impl Conn, organization: OrganizationId) -> Result<Vec<CustomField>> {
    let sql =
        format!("SELECT {FIELD_COLUMNS} FROM task_custom_field_definitions f WHERE f.organization_id = $1");
    let rows = db.link().rows(sql, vec![id(organization)]).await?;
    let mut fields = rows.iter().map(field).collect::<Result<Vec<_>>>()?;
    add_boards(db, organization, &mut fields).await?;
    // In Rust: the databases disagree on the order of letters outside ASCII.
    fields.sort_by_cached_key(|field| (field.label.to_lowercase(), field.id));
    Ok(fields)
}

async fn add_boards(db: &impl Conn, organization: OrganizationId, fields: &mut [CustomField]) -> Result<()> {
    let sql = "SELECT f.id, b.board_id FROM board_task_custom_fields b \
               JOIN task_custom_field_definitions f ON f.id = b.task_custom_field_definition_id \
               WHERE f.organization_id = $1";
    let mut boards: HashMap<CustomFieldId, Vec<BoardId>> = HashMap::new();
    for row in db.link().rows(sql, vec![id(organization)]).await? {
        boards.entry(row.id(0)?).or_default().push(row.id(1)?);
    }
    for field in fields {
        field.board_ids = boards.remove(&field.id).unwrap_or_default();
        field.board_ids.sort_unstable();
    }
    Ok(())
}

/// How many fields the organization has.
///
/// # Errors
/// When the database fails.
pub async fn count_of(db: &impl Conn, organization: OrganizationId) -> Result<i64> {
    let sql = "SELECT count(*) FROM task_custom_field_definitions WHERE organization_id = $1";
    count(db.link().row(sql, vec![id(organization)]).await?)
}

/// A field of the organization, its boards in the order of their ids.
///
/// # Errors
/// When the database fails.
pub async fn by_id(
    db: &impl Conn,
    organization: OrganizationId,
    wanted: CustomFieldId,
) -> Result<Option<CustomField>> {
    let sql = format!(
        "SELECT {FIELD_COLUMNS} FROM task_custom_field_definitions f WHERE f.organization_id = $1 AND f.id = $2"
    );
    let Some(row) = db.link().row(sql, vec![id(organization), id(wanted)]).await? else { return Ok(None) };
    let mut found = field(&row)?;
    let sql = "SELECT board_id FROM board_task_custom_fields WHERE task_custom_field_definition_id = $1 \
               ORDER BY board_id";
    let rows = db.link().rows(sql, vec![id(wanted)]).await?;
    found.board_ids = rows.iter().map(|row| row.id(0)).collect::<Result<_>>()?;
    Ok(Some(found))
}

/// Adds a field without its boards, unless its organization has one with this key: says whether it did.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &WriteTx, field: &CustomField) -> Result<bool> {
    // An error would end the transaction on PostgreSQL; a conflict does not.
    let sql = format!(
        "INSERT INTO task_custom_field_definitions (id, organization_id, field_key, label, field_type, \
         ui_visibility, validation_regex, description, required, default_value, created_at, updated_at) \
         VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,{},$11,$12) ON CONFLICT (organization_id, field_key) DO NOTHING",
        tx.link().dialect.json(10)
    );
    let values = vec![
        id(field.id),
        id(field.organization_id),
        field.key.clone().into(),
        field.label.clone().into(),
        field.field_type.as_str().into(),
        field.visibility.as_str().into(),
        field.pattern.clone().into(),
        field.description.clone().into(),
        field.required.into(),
        default_of(field)?,
        time(field.created_at),
        time(field.updated_at),
    ];
    Ok(tx.link().run(sql, values).await? > 0)
}

/// Stores a changed field; its key and its boards stay as they are.
///
/// # Errors
/// When the database fails.
pub async fn update(tx: &WriteTx, field: &CustomField) -> Result<()> {
    let sql = format!(
        "UPDATE task_custom_field_definitions SET label = $3, field_type = $4, ui_visibility = $5, \
         validation_regex = $6, description = $7, required = $8, default_value = {}, updated_at = $10 \
         WHERE id = $1 AND organization_id = $2",
        tx.link().dialect.json(9)
    );
    let values = vec![
        id(field.id),
        id(field.organization_id),
        field.label.clone().into(),
        field.field_type.as_str().into(),
        field.visibility.as_str().into(),
        field.pattern.clone().into(),
        field.description.clone().into(),
        field.required.into(),
        default_of(field)?,
        time(field.updated_at),
    ];
    tx.link().run(sql, values).await.map(drop)
}

fn default_of(field: &CustomField) -> Result<sea_orm::Value> {
    json((!field.default.is_null()).then_some(&field.default))
}

/// Removes a field of the organization with its bindings and values, and says whether it was there.
///
/// # Errors
/// When the database fails.
pub async fn delete(tx: &WriteTx, organization: OrganizationId, field: CustomFieldId) -> Result<bool> {
    let sql = "DELETE FROM task_custom_field_definitions WHERE organization_id = $1 AND id = $2";
    Ok(tx.link().run(sql, vec![id(organization), id(field)]).await? > 0)
}

/// Waits until nobody writes on these boards and keeps everybody from it until this transaction ends. Gives those
/// that are boards of the organization.
///
/// A task is written in the scope of its board, a field in that of the organization. Behind this lock no task can
/// take a value by a definition that is being changed.
///
/// # Errors
/// When the database fails.
pub async fn lock_boards(
    tx: &WriteTx,
    organization: OrganizationId,
    boards: &[BoardId],
) -> Result<HashSet<BoardId>> {
    if boards.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = format!(
        "SELECT id FROM boards WHERE organization_id = $1 AND id IN ({}) ORDER BY id{}",
        marks(2, boards.len()),
        tx.link().dialect.lock_row()
    );
    let values = std::iter::once(id(organization)).chain(boards.iter().map(|board| id(*board))).collect();
    tx.link().rows(sql, values).await?.iter().map(|row| row.id(0)).collect()
}

/// Binds a field to boards it is not bound to.
///
/// # Errors
/// When the database fails.
pub async fn bind(tx: &WriteTx, field: CustomFieldId, boards: &[BoardId]) -> Result<()> {
    const COLUMNS: usize = 4;
    if boards.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO board_task_custom_fields (id, board_id, task_custom_field_definition_id, created_at) VALUES {}",
        tuples(boards.len(), COLUMNS, |_, position| format!("${position}"))
    );
    let row = |board: &BoardId| [id(ActivityId::generate()), id(*board), id(field), time(tx.now())];
    tx.link().run(sql, boards.iter().flat_map(row).collect()).await.map(drop)
}

/// Unbinds a field from boards. The values on their tasks stay, unseen until it is bound again.
///
/// # Errors
/// When the database fails.
pub async fn unbind(tx: &WriteTx, field: CustomFieldId, boards: &[BoardId]) -> Result<()> {
    if boards.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM board_task_custom_fields WHERE task_custom_field_definition_id = $1 AND board_id IN ({})",
        marks(2, boards.len())
    );
    let values = std::iter::once(id(field)).chain(boards.iter().map(|board| id(*board))).collect();
    tx.link().run(sql, values).await.map(drop)
}

/// Whether any task has a value of the field, also on a board it is no longer bound to.
///
/// # Errors
/// When the database fails.
pub async fn has_values(db: &impl Conn, field: CustomFieldId) -> Result<bool> {
    let sql = "SELECT 1 FROM task_custom_field_values WHERE task_custom_field_definition_id = $1 LIMIT 1";
    Ok(db.link().row(sql, vec![id(field)]).await?.is_some())
}

/// A value that a task has of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredValue {
    /// The row, to go on after it.
    pub row: Uuid,
    /// The task.
    pub task: TaskId,
    /// The value.
    pub value: Value,
}

/// The next values of the field after the row `after`, on any board, at most `limit` of them.
///
/// # Errors
/// When the database fails.
pub async fn values_after(
    db: &impl Conn,
    field: CustomFieldId,
    after: Uuid,
    limit: u32,
) -> Result<Vec<StoredValue>> {
    let sql = format!(
        "SELECT id, task_id, CAST(value AS text) FROM task_custom_field_values \
         WHERE task_custom_field_definition_id = $1 AND id > $2 ORDER BY id LIMIT {limit}"
    );
    let rows = db.link().rows(sql, vec![id(field), id(after)]).await?;
    rows.iter()
        .map(|row| {
            let text = row.get::<Option<String>>(2)?;
            let value = text.map_or(Ok(Value::Null), |text| serde_json::from_str(&text));
            Ok(StoredValue { row: row.id(0)?, task: row.id(1)?, value: value.map_err(Error::internal)? })
        })
        .collect()
}

/// How many tasks of the boards that the field is bound to have no value of it; `at_most` when there are more.
///
/// # Errors
/// When the database fails.
pub async fn tasks_without_value(db: &impl Conn, field: CustomFieldId, at_most: u32) -> Result<i64> {
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM board_task_custom_fields b JOIN tasks t ON t.board_id = b.board_id \
         WHERE b.task_custom_field_definition_id = $1 AND NOT EXISTS (SELECT 1 FROM task_custom_field_values v \
         WHERE v.task_id = t.id AND v.task_custom_field_definition_id = $1) LIMIT {at_most}) AS unset"
    );
    count(db.link().row(sql, vec![id(field)]).await?)
}

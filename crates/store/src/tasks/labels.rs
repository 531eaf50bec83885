//! Tags and values of custom fields on tasks.

use std::collections::HashSet;

use mc_model::Error;
use mc_model::Result;
use mc_model::custom_field::{CustomField, FieldType, Visibility};
use mc_model::ids::{ActivityId, BoardId, CustomFieldId, OrganizationId, TagId, TaskId};
use serde_json::{Map, Value};

use crate::sql::{Conn, Row, id, json, marks, time, tuples};
use crate::tx::WriteTx;

/// Those of `tags` that are tags of the organization; they cannot be deleted before this transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn known_tags(
    tx: &WriteTx,
    organization: OrganizationId,
    tags: &[TagId],
) -> Result<HashSet<TagId>> {
    if tags.is_empty() {
        return Ok(HashSet::new());
    }
    let sql = format!(
        "SELECT id FROM tags WHERE organization_id = $1 AND id IN ({}){}",
        marks(2, tags.len()),
        tx.link().dialect.keep_rows()
    );
    let values = std::iter::once(id(organization)).chain(tags.iter().map(|tag| id(*tag))).collect();
    tx.link().rows(sql, values).await?.iter().map(|row| row.id(0)).collect()
}

/// Replaces the tags of a task by `tags`, in this order.
///
/// # Errors
/// When the database fails.
pub async fn replace_tags(tx: &WriteTx, task: TaskId, tags: &[TagId]) -> Result<()> {
    tx.link().run("DELETE FROM tag_assignments WHERE task_id = $1", vec![id(task)]).await?;
    insert_tags(tx, task, tags).await
}

/// Adds tags to a task that has none.
///
/// # Errors
/// When the database fails.
pub async fn insert_tags(tx: &WriteTx, task: TaskId, tags: &[TagId]) -> Result<()> {
    const COLUMNS: usize = 4;
    if tags.is_empty() {
        return Ok(());
    }
    let values = tags
        .iter()
        .flat_map(|tag| [id(ActivityId::generate()), id(task), id(*tag), time(tx.now())])
        .collect();
    let rows = tuples(tags.len(), COLUMNS, |_, position| format!("${position}"));
    let sql = format!("INSERT INTO tag_assignments (id, task_id, tag_id, created_at) VALUES {rows}");
    tx.link().run(sql, values).await.map(drop)
}

pub(crate) const FIELD_COLUMNS: &str = "f.id, f.organization_id, f.field_key, f.label, f.field_type, \
     f.ui_visibility, f.validation_regex, f.description, f.required, CAST(f.default_value AS text), f.created_at, \
     f.updated_at";

pub(crate) fn field(row: &Row) -> Result<CustomField> {
    let field_type: String = row.get(4)?;
    let visibility: String = row.get(5)?;
    let default = row.get::<Option<String>>(9)?;
    Ok(CustomField {
        id: row.id(0)?,
        organization_id: row.id(1)?,
        key: row.get(2)?,
        label: row.get(3)?,
        field_type: FieldType::from_name(&field_type)
            .ok_or_else(|| Error::internal(format!("a custom field has the type {field_type:?}")))?,
        visibility: Visibility::from_name(&visibility).unwrap_or(Visibility::Always),
        pattern: row.get(6)?,
        description: row.get(7)?,
        required: row.get(8)?,
        default: default
            .map_or(Ok(Value::Null), |text| serde_json::from_str(&text).map_err(Error::internal))?,
        board_ids: Vec::new(),
        created_at: row.time(10)?,
        updated_at: row.time(11)?,
    })
}

/// The custom fields bound to the board, in the order of their binding; their own list of boards is left empty.
///
/// # Errors
/// When the database fails.
pub async fn fields_of_board(
    db: &impl Conn,
    organization: OrganizationId,
    board: BoardId,
) -> Result<Vec<CustomField>> {
    let sql = format!(
        "SELECT {FIELD_COLUMNS} FROM board_task_custom_fields b \
         JOIN task_custom_field_definitions f ON f.id = b.task_custom_field_definition_id \
         WHERE b.board_id = $1 AND f.organization_id = $2 ORDER BY b.created_at, b.id"
    );
    db.link().rows(sql, vec![id(board), id(organization)]).await?.iter().map(field).collect()
}

/// The stored values of a task, by key of the field; those of fields no longer bound are among them.
///
/// # Errors
/// When the database fails.
pub async fn stored_values(db: &impl Conn, task: TaskId) -> Result<Map<String, Value>> {
    let sql = "SELECT f.field_key, CAST(v.value AS text) FROM task_custom_field_values v \
               JOIN task_custom_field_definitions f ON f.id = v.task_custom_field_definition_id WHERE v.task_id = $1";
    let rows = db.link().rows(sql, vec![id(task)]).await?;
    rows.iter()
        .map(|row| {
            let text = row.get::<Option<String>>(1)?.unwrap_or_else(|| "null".to_owned());
            Ok((row.get(0)?, serde_json::from_str(&text).map_err(Error::internal)?))
        })
        .collect()
}

/// Stores values of a task; null removes one.
///
/// # Errors
/// When the database fails.
pub async fn store_values(tx: &WriteTx, task: TaskId, changes: &[(CustomFieldId, Value)]) -> Result<()> {
    const COLUMNS: usize = 6;
    const VALUE: usize = 3;
    let removed: Vec<_> = changes.iter().filter(|(_, value)| value.is_null()).map(|(id, _)| *id).collect();
    if !removed.is_empty() {
        let sql = format!(
            "DELETE FROM task_custom_field_values WHERE task_id = $1 AND task_custom_field_definition_id IN ({})",
            marks(2, removed.len())
        );
        let values = std::iter::once(id(task)).chain(removed.into_iter().map(id)).collect();
        tx.link().run(sql, values).await?;
    }
    let set: Vec<_> = changes.iter().filter(|(_, value)| !value.is_null()).collect();
    if set.is_empty() {
        return Ok(());
    }
    let mut values = Vec::with_capacity(set.len() * COLUMNS);
    for (field, value) in &set {
        let row = ActivityId::generate();
        values.extend([id(row), id(task), id(*field), json(Some(value))?, time(tx.now()), time(tx.now())]);
    }
    let dialect = tx.link().dialect;
    let rows = tuples(set.len(), COLUMNS, |column, position| {
        if column == VALUE { dialect.json(position) } else { format!("${position}") }
    });
    let sql = format!(
        "INSERT INTO task_custom_field_values (id, task_id, task_custom_field_definition_id, value, created_at, \
         updated_at) VALUES {rows} ON CONFLICT (task_id, task_custom_field_definition_id) \
         DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"
    );
    tx.link().run(sql, values).await.map(drop)
}

//! What other tables say of tasks: dependencies, tags, custom field values. One statement for all tasks of a page.

use std::collections::HashMap;

use mc_model::ids::{BoardId, TaskId};
use mc_model::task::{TagRef, Task, TaskStatus, TaskView};
use mc_model::{Error, Result};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::status;
use crate::sql::{Conn, Row, id, marks};

const DEPENDENCY: i32 = 1;
const TAG: i32 = 2;
const FIELD: i32 = 3;
const FIELD_VALUE: i32 = 4;

/// A custom field bound to the board.
struct Field {
    definition: Uuid,
    key: String,
    default: Json,
}

/// Whether tasks of the board `$1` can have any of these at all, as 1 or 0: asked along with the tasks, it saves the
/// second statement where an organization uses none of them.
pub(super) const POSSIBLE: &str = "(SELECT CASE WHEN \
     EXISTS (SELECT 1 FROM task_dependencies d WHERE d.board_id = $1) \
     OR EXISTS (SELECT 1 FROM board_task_custom_fields f WHERE f.board_id = $1) \
     OR EXISTS (SELECT 1 FROM boards b JOIN tags g ON g.organization_id = b.organization_id WHERE b.id = $1) \
     THEN 1 ELSE 0 END)";

/// A task without any of these.
pub(super) fn plain(task: Task) -> TaskView {
    TaskView {
        task,
        depends_on: Vec::new(),
        blocked_by: Vec::new(),
        tags: Vec::new(),
        custom_field_values: Map::new(),
    }
}

/// Completes `tasks`, keeping their order.
pub(super) async fn attach(db: &impl Conn, board: BoardId, tasks: Vec<Task>) -> Result<Vec<TaskView>> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let values = std::iter::once(id(board)).chain(tasks.iter().map(|task| id(task.id))).collect();
    let rows = db.link().rows(statement(&marks(2, tasks.len())), values).await?;
    let mut found = Found::default();
    for row in &rows {
        found.add(row)?;
    }
    Ok(tasks.into_iter().map(|task| found.view(task)).collect())
}

/// Rows of (kind, task, referenced id, three texts), each kind in the order of the request that set it.
fn statement(marks: &str) -> String {
    format!(
        "SELECT {DEPENDENCY}, d.task_id, d.depends_on_task_id, o.status, NULL, NULL, d.created_at AS at, d.id AS tie \
         FROM task_dependencies d LEFT JOIN tasks o ON o.id = d.depends_on_task_id WHERE d.task_id IN ({marks}) \
         UNION ALL \
         SELECT {TAG}, a.task_id, g.id, g.name, g.slug, g.color, a.created_at, a.id \
         FROM tag_assignments a JOIN tags g ON g.id = a.tag_id WHERE a.task_id IN ({marks}) \
         UNION ALL \
         SELECT {FIELD}, NULL, f.id, f.field_key, CAST(f.default_value AS text), NULL, b.created_at, b.id \
         FROM board_task_custom_fields b \
         JOIN task_custom_field_definitions f ON f.id = b.task_custom_field_definition_id WHERE b.board_id = $1 \
         UNION ALL \
         SELECT {FIELD_VALUE}, v.task_id, v.task_custom_field_definition_id, CAST(v.value AS text), NULL, NULL, \
         v.created_at, v.id FROM task_custom_field_values v WHERE v.task_id IN ({marks}) \
         ORDER BY 1, 7, 8"
    )
}

#[derive(Default)]
struct Found {
    dependencies: HashMap<TaskId, Vec<(TaskId, bool)>>,
    tags: HashMap<TaskId, Vec<TagRef>>,
    fields: Vec<Field>,
    values: HashMap<(TaskId, Uuid), Json>,
}

impl Found {
    fn add(&mut self, row: &Row) -> Result<()> {
        match row.get::<i32>(0)? {
            DEPENDENCY => {
                let is_open = match row.get::<Option<String>>(3)? {
                    Some(name) => status(&name)? != TaskStatus::Done,
                    None => true,
                };
                self.dependencies.entry(row.id(1)?).or_default().push((row.id(2)?, is_open));
            }
            TAG => {
                let tag = TagRef { id: row.id(2)?, name: row.get(3)?, slug: row.get(4)?, color: row.get(5)? };
                self.tags.entry(row.id(1)?).or_default().push(tag);
            }
            FIELD => {
                let default = parse(row.get::<Option<String>>(4)?)?;
                self.fields.push(Field { definition: row.get(2)?, key: row.get(3)?, default });
            }
            _ => {
                self.values.insert((row.id(1)?, row.get(2)?), parse(row.get(3)?)?);
            }
        }
        Ok(())
    }

    fn view(&mut self, task: Task) -> TaskView {
        let dependencies = self.dependencies.remove(&task.id).unwrap_or_default();
        let is_done = task.status == TaskStatus::Done;
        let open = dependencies.iter().filter(|(_, is_open)| *is_open && !is_done);
        let custom_field_values = self
            .fields
            .iter()
            .map(|field| {
                let value = self.values.remove(&(task.id, field.definition));
                (field.key.clone(), value.filter(|value| !value.is_null()).unwrap_or(field.default.clone()))
            })
            .collect::<Map<_, _>>();
        TaskView {
            blocked_by: open.map(|(id, _)| *id).collect(),
            depends_on: dependencies.into_iter().map(|(id, _)| id).collect(),
            tags: self.tags.remove(&task.id).unwrap_or_default(),
            custom_field_values,
            task,
        }
    }
}

fn parse(text: Option<String>) -> Result<Json> {
    text.map_or(Ok(Json::Null), |text| serde_json::from_str(&text).map_err(Error::internal))
}

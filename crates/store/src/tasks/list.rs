//! Lists of tasks: two statements, whatever the number of rows.

use mc_model::ids::{BoardId, TaskId};
use mc_model::task::{Task, TaskFilter, TaskOrder, TaskSort, TaskView};
use mc_model::{Error, Page, PageRequest, Result};
use sea_orm::Value;

use super::{COLUMN_COUNT, COLUMNS, relations, tally, task};
use crate::dialect::Dialect;
use crate::sql::{Conn, id, marks, way};

/// The tasks of a board that pass `filter`, in its order.
///
/// # Errors
/// When the database fails.
pub async fn list(
    db: &impl Conn,
    board: BoardId,
    filter: &TaskFilter,
    page: PageRequest,
) -> Result<Page<TaskView>> {
    let dialect = db.link().dialect;
    let (condition, values) = condition(dialect, board, filter);
    // The counts of the board need its id only, which is the first value.
    let (total, total_values) = match tally::total(filter) {
        Some(sum) => (format!("(SELECT {sum} FROM boards b WHERE b.id = $1)"), values[..1].to_vec()),
        None => (format!("(SELECT count(*) FROM tasks t WHERE {condition})"), values.clone()),
    };
    let sql = format!(
        "SELECT {COLUMNS}, {total}, {} FROM {} ORDER BY {} LIMIT {} OFFSET {}",
        relations::POSSIBLE,
        source(dialect, &condition, filter, page),
        order(dialect, filter.order),
        page.limit,
        page.offset
    );
    let rows = db.link().rows(sql, values).await?;
    let total = match rows.first() {
        Some(row) => row.get(COLUMN_COUNT)?,
        None if page.offset == 0 => 0,
        None => crate::sql::count(db.link().row(format!("SELECT {total}"), total_values).await?)?,
    };
    let tasks = rows.iter().map(task).collect::<Result<Vec<_>>>()?;
    let has_relations = rows.first().is_some_and(|row| row.get(COLUMN_COUNT + 1).unwrap_or(1) == 1);
    let views = match has_relations {
        true => relations::attach(db, board, tasks).await?,
        false => tasks.into_iter().map(relations::plain).collect(),
    };
    Ok(Page::new(views, total, page))
}

/// Where the rows come from. With several states in the order of their creation, each state gives its first rows by its
/// own index, so that a rare state is not searched for among a million others.
fn source(dialect: Dialect, condition: &str, filter: &TaskFilter, page: PageRequest) -> String {
    let states = filter.statuses.len();
    if states < 2 || filter.order.by != TaskSort::CreatedAt {
        return format!("tasks t WHERE {condition}");
    }
    let order = order(dialect, filter.order);
    let depth = page.offset.saturating_add(page.limit.into());
    let first = FIRST_STATUS;
    let branches: Vec<_> = (first..first + states)
        .map(|position| {
            let condition = condition.replace(&in_states(states), &format!("t.status = ${position}"));
            format!(
                "SELECT * FROM (SELECT t.* FROM tasks t WHERE {condition} \
                 ORDER BY {order} LIMIT {depth}) first_{position}"
            )
        })
        .collect();
    format!("({}) t", branches.join(" UNION ALL "))
}

/// What stands behind `ORDER BY`.
fn order(dialect: Dialect, order: TaskOrder) -> String {
    let way = way(order.direction);
    let text = |column: &str| format!("lower({column}{})", dialect.byte_wise());
    let keys = match order.by {
        // Never null, so nothing is said about nulls: that would keep the index from being used.
        TaskSort::CreatedAt => format!("t.created_at {way}"),
        TaskSort::UpdatedAt => format!("t.updated_at {way}"),
        TaskSort::DueAt => format!("t.due_at {way} NULLS LAST"),
        TaskSort::Priority => {
            let word = text("t.priority");
            format!("CASE {word} {PRIORITY_RANKS} END {way} NULLS LAST, {word} {way}")
        }
        TaskSort::Title => format!("{} {way}", text("t.title")),
        TaskSort::Status => format!("{STATUS_RANK} {way}"),
    };
    format!("{keys}, t.id {way}")
}

const STATUS_RANK: &str =
    "CASE t.status WHEN 'inbox' THEN 1 WHEN 'in_progress' THEN 2 WHEN 'review' THEN 3 ELSE 4 END";
const PRIORITY_RANKS: &str = "WHEN 'low' THEN 1 WHEN 'medium' THEN 2 WHEN 'high' THEN 3 \
     WHEN 'urgent' THEN 4 WHEN 'critical' THEN 5";

/// The parameter of the first wanted state.
const FIRST_STATUS: usize = 2;

fn in_states(states: usize) -> String {
    format!("t.status IN ({})", marks(FIRST_STATUS, states))
}

/// The named tasks of a board, in no particular order; those that are gone are left out.
///
/// # Errors
/// When the database fails.
pub async fn views(db: &impl Conn, board: BoardId, ids: &[TaskId]) -> Result<Vec<TaskView>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql =
        format!("SELECT {COLUMNS} FROM tasks t WHERE t.board_id = $1 AND t.id IN ({})", marks(2, ids.len()));
    let values = std::iter::once(id(board)).chain(ids.iter().map(|task| id(*task))).collect();
    let tasks = db.link().rows(sql, values).await?.iter().map(task).collect::<Result<Vec<Task>>>()?;
    relations::attach(db, board, tasks).await
}

/// The task with what other tables say of it.
///
/// # Errors
/// When the database fails.
pub async fn view(db: &impl Conn, task: Task) -> Result<TaskView> {
    let views = relations::attach(db, task.board_id, vec![task]).await?;
    views.into_iter().next().ok_or_else(|| Error::internal("a task lost its view"))
}

fn condition(dialect: Dialect, board: BoardId, filter: &TaskFilter) -> (String, Vec<Value>) {
    let mut condition = String::from("t.board_id = $1");
    let mut values = vec![id(board)];
    if !filter.statuses.is_empty() {
        condition.push_str(&format!(" AND {}", in_states(filter.statuses.len())));
        values.extend(filter.statuses.iter().map(|status| status.as_str().into()));
    }
    if let Some(agent) = filter.assigned_agent_id {
        values.push(id(agent));
        condition.push_str(&format!(" AND t.assigned_agent_id = ${}", values.len()));
    }
    if filter.unassigned {
        condition.push_str(" AND t.assigned_agent_id IS NULL");
    }
    if let Some(text) = &filter.text {
        values.push(containing(text).into());
        let (mark, as_bytes) = (values.len(), dialect.byte_wise());
        condition.push_str(&format!(
            " AND (lower(t.title{as_bytes}) LIKE ${mark} ESCAPE '!' \
             OR lower(t.description{as_bytes}) LIKE ${mark} ESCAPE '!')"
        ));
    }
    (condition, values)
}

/// The pattern of texts that contain `text`, which itself is no pattern.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter.to_ascii_lowercase());
    }
    pattern + "%"
}

//! What the floor takes and answers: the fields of the product, in its order.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Paging {
    pub limit: u32,
    #[serde(default)]
    pub offset: u32,
}

/// A page of tasks.
#[derive(Debug, Serialize)]
pub struct Page {
    pub items: Vec<Task>,
    pub total: i64,
    pub limit: u32,
    pub offset: u32,
}

/// A task. The world has neither dependencies nor tags nor custom fields.
#[derive(Debug, Serialize)]
pub struct Task {
    pub title: String,
    pub description: Option<String>,
    pub status: String,
    pub priority: String,
    pub due_at: Option<String>,
    pub assigned_agent_id: Option<Uuid>,
    pub depends_on_task_ids: [Uuid; 0],
    pub tag_ids: [Uuid; 0],
    pub id: Uuid,
    pub board_id: Uuid,
    pub created_by_user_id: Option<Uuid>,
    pub in_progress_at: Option<String>,
    pub created_at: String,
    pub updated_at: String,
    pub blocked_by_task_ids: [Uuid; 0],
    pub is_blocked: bool,
    pub tags: [Uuid; 0],
    pub custom_field_values: Map<String, Value>,
}

/// A task to be created.
#[derive(Debug, Deserialize)]
pub struct Create {
    pub title: String,
    pub description: Option<String>,
    #[serde(default = "medium")]
    pub priority: String,
}

fn medium() -> String {
    "medium".to_owned()
}

/// A change of state by an agent: `inbox` or `in_progress`.
#[derive(Debug, Deserialize)]
pub struct Patch {
    pub status: String,
}

/// The stored form of a moment in the form of the wire.
pub fn shown(stored: String) -> String {
    let mut text = stored.replacen(' ', "T", 1);
    if let Some(point) = text.find('.') {
        while text.len() < point + 7 {
            text.push('0');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn moments_have_six_digits_or_none() {
        for (stored, wire) in [
            ("2026-01-02 03:04:05.123456", "2026-01-02T03:04:05.123456"),
            ("2026-01-02 03:04:05.123", "2026-01-02T03:04:05.123000"),
            ("2026-01-02 03:04:05", "2026-01-02T03:04:05"),
        ] {
            assert_eq!(shown(stored.to_owned()), wire);
        }
    }
}

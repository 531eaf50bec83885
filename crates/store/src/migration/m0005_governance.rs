//! Approvals and the tasks they are about (`tasks.md` §11).

use super::ddl::Table;

pub(super) fn tables() -> Vec<Table> {
    vec![approvals(), approval_task_links()]
}

fn approvals() -> Table {
    Table::with_id("approvals")
        .owned_by("board_id", "boards")
        .refers_to("task_id", "tasks")
        .refers_to("agent_id", "agents")
        .text("action_type")
        .json_null("payload")
        .double("confidence")
        .json_null("rubric_scores")
        .text("status")
        .created()
        .at_null("resolved_at")
        .index(&["board_id", "created_at", "id"])
        .index(&["board_id", "status", "created_at", "id"])
        .index(&["task_id"])
        .index(&["agent_id"])
        .index(&["status"])
}

fn approval_task_links() -> Table {
    Table::with_id("approval_task_links")
        .owned_by("approval_id", "approvals")
        .owned_by("task_id", "tasks")
        .created()
        .unique("uq_approval_task_links_approval_task", &["approval_id", "task_id"])
        .index(&["task_id"])
}

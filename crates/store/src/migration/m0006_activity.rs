//! The activity feed, in which task comments live too (`webhooks-activity-metrics.md` B1, `tasks.md` §11).

use super::ddl::Table;

pub(super) fn tables() -> Vec<Table> {
    vec![activity_events(), comment_mentions()]
}

/// `message` is for people. What a program needs (from, to, actor) is in `data`, so that nothing parses prose.
///
/// The specs index the comments of a task with a partial index. A bound `event_type` would not reach it on SQLite,
/// so `(task_id, event_type, …)` takes its place: it serves comments, status history and the foreign key alike.
fn activity_events() -> Table {
    Table::with_id("activity_events")
        .owned_by_null("organization_id", "organizations")
        .text("event_type")
        .text_null("message")
        .refers_to("agent_id", "agents")
        .refers_to("user_id", "users")
        .owned_by_null("task_id", "tasks")
        .owned_by_null("board_id", "boards")
        .text_null("request_id")
        .json_null("data")
        .created()
        .index(&["organization_id", "created_at", "id"])
        .index(&["board_id", "created_at", "id"])
        // The comment feed across boards; its query must spell the type out.
        .index_where(
            "ix_activity_events_board_comments",
            &["board_id", "created_at", "id"],
            "event_type = 'task.comment'",
        )
        .index(&["task_id", "event_type", "created_at", "id"])
        .index(&["agent_id", "created_at", "id"])
        .index(&["event_type", "created_at"])
        .sparse_index("user_id")
}

/// Who a comment mentions, resolved once when it is written.
fn comment_mentions() -> Table {
    Table::with_id("task_comment_mentions")
        .owned_by("activity_id", "activity_events")
        .owned_by("task_id", "tasks")
        .owned_by("agent_id", "agents")
        .created()
        .unique("uq_task_comment_mentions_activity_agent", &["activity_id", "agent_id"])
        .index(&["task_id", "agent_id"])
        .index(&["agent_id"])
}

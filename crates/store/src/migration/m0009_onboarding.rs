//! Board onboarding (`onboarding-and-templates.md` §1).

use super::ddl::Table;

pub(super) fn tables() -> Vec<Table> {
    vec![sessions(), messages()]
}

fn sessions() -> Table {
    Table::with_id("board_onboarding_sessions")
        .owned_by("board_id", "boards")
        .text("session_key")
        .text("status")
        .json_null("draft_goal")
        .created_and_updated()
        .index(&["board_id", "updated_at", "id"])
        .index(&["status"])
}

/// The conversation, one row a message: two writers append without overwriting each other's list.
fn messages() -> Table {
    Table::with_id("board_onboarding_messages")
        .owned_by("session_id", "board_onboarding_sessions")
        .int("position")
        .text("role")
        .text("content")
        .created()
        .unique("uq_board_onboarding_messages_session_position", &["session_id", "position"])
}

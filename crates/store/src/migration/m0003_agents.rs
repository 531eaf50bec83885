//! Agents (`agents.md` §2).

use super::ddl::Table;

pub(super) fn tables() -> Vec<Table> {
    vec![agents()]
}

/// An agent without a board is its gateway's main agent.
///
/// `agent_token_hash` reads `sha256$<hex>`, or `pbkdf2_sha256$…` when imported; it is unique, so a token finds its
/// agent in one look-up. `previous_token_hash` lets a rotated token work until `previous_token_expires_at`.
/// `provision_confirm_token_hash`, `delete_requested_at` and `delete_confirm_token_hash` belong to a handshake that
/// no longer exists; they are kept so that an imported database loses nothing.
fn agents() -> Table {
    let table = Table::with_id("agents")
        .owned_by_null("board_id", "boards")
        .owned_by("gateway_id", "gateways")
        .text("name")
        .text("status")
        .text_null("openclaw_session_id")
        .text_null("agent_token_hash")
        .text_null("previous_token_hash")
        .at_null("previous_token_expires_at")
        .json_null("heartbeat_config")
        .json_null("identity_profile")
        .text_null("identity_template")
        .text_null("soul_template")
        .at_null("provision_requested_at")
        .text_null("provision_action")
        .text_null("provision_confirm_token_hash")
        .at_null("delete_requested_at")
        .text_null("delete_confirm_token_hash")
        .at_null("last_seen_at")
        .int("lifecycle_generation")
        .int("wake_attempts")
        .at_null("last_wake_sent_at")
        .at_null("checkin_deadline_at")
        .text_null("last_provision_error")
        .flag("is_board_lead")
        .created_and_updated();
    with_uniques(with_indexes(table))
}

fn with_uniques(agents: Table) -> Table {
    agents
        .unique("uq_agents_agent_token_hash", &["agent_token_hash"])
        .unique_where(
            "uq_agents_openclaw_session_id",
            &["openclaw_session_id"],
            "openclaw_session_id IS NOT NULL",
        )
        .unique_where("uq_agents_one_lead_per_board", &["board_id"], "is_board_lead")
        .unique_where("uq_agents_one_main_per_gateway", &["gateway_id"], "board_id IS NULL")
}

fn with_indexes(agents: Table) -> Table {
    agents
        .index(&["board_id", "created_at", "id"])
        .index(&["gateway_id", "created_at", "id"])
        .index(&["name"])
        .index(&["status"])
        .sparse_index("previous_token_hash")
        .sparse_index("provision_action")
        .sparse_index("provision_confirm_token_hash")
        .sparse_index("delete_confirm_token_hash")
        // What the check-in reconciler scans.
        .index_where(
            "ix_agents_checkin_due",
            &["checkin_deadline_at", "id"],
            "checkin_deadline_at IS NOT NULL",
        )
}

//! Gateways, boards, their groups and memory, and who may reach a board (`gateways.md` §1, `boards.md` §1,
//! `organizations.md` §1).

use super::ddl::Table;

pub(super) fn tables() -> Vec<Table> {
    vec![gateways(), groups(), boards(), board_memory(), group_memory(), member_access(), invite_access()]
}

fn gateways() -> Table {
    Table::with_id("gateways")
        .owned_by("organization_id", "organizations")
        .text("name")
        .text("url")
        .text_null("token")
        .text("workspace_root")
        .flag("disable_device_pairing")
        .flag("allow_insecure_tls")
        .created_and_updated()
        .index(&["organization_id", "created_at", "id"])
}

fn groups() -> Table {
    Table::with_id("board_groups")
        .owned_by("organization_id", "organizations")
        .text("name")
        .text("slug")
        .text_null("description")
        .created_and_updated()
        .index(&["organization_id", "lower(name)", "id"])
        .index(&["slug"])
}

/// `event_seq` is the board's place in the event log (decisions §5): the row that writers of this board lock first.
/// `content_seq` is the place of the newest event there that may change what its lists show. The `tasks_…` columns say
/// how many tasks the board has, by state and by whether somebody has them.
fn boards() -> Table {
    Table::with_id("boards")
        .owned_by("organization_id", "organizations")
        .text("name")
        .text("slug")
        .text("description")
        .refers_to("gateway_id", "gateways")
        .refers_to("board_group_id", "board_groups")
        .text("board_type")
        .text_null("objective")
        .json_null("success_metrics")
        .at_null("target_date")
        .flag("goal_confirmed")
        .text_null("goal_source")
        .flag_default("require_approval_for_done", true)
        .flag_default("require_review_before_done", false)
        .flag_default("comment_required_for_review", false)
        .flag_default("block_status_changes_with_pending_approval", false)
        .flag_default("only_lead_can_change_status", false)
        .int("max_agents")
        .bigint("event_seq")
        .bigint("content_seq")
        .bigint("tasks_inbox_free")
        .bigint("tasks_inbox_taken")
        .bigint("tasks_in_progress_free")
        .bigint("tasks_in_progress_taken")
        .bigint("tasks_review_free")
        .bigint("tasks_review_taken")
        .bigint("tasks_done_free")
        .bigint("tasks_done_taken")
        .created_and_updated()
        .index(&["organization_id", "lower(name)", "created_at DESC", "id"])
        .index(&["organization_id", "created_at", "id"])
        .index(&["gateway_id", "created_at", "id"])
        .index(&["board_group_id"])
        .index(&["slug"])
        .index(&["board_type"])
}

fn board_memory() -> Table {
    memory(Table::with_id("board_memory").owned_by("board_id", "boards"))
        .index(&["board_id", "created_at", "id"])
        .index(&["board_id", "is_chat", "created_at", "id"])
}

fn group_memory() -> Table {
    memory(Table::with_id("board_group_memory").owned_by("board_group_id", "board_groups"))
        .index(&["board_group_id", "created_at", "id"])
        .index(&["board_group_id", "is_chat", "created_at", "id"])
}

fn memory(table: Table) -> Table {
    table.text("content").json_null("tags").flag("is_chat").text_null("source").created().index(&["is_chat"])
}

fn member_access() -> Table {
    let table = Table::with_id("organization_board_access")
        .owned_by("organization_member_id", "organization_members");
    access(table).unique("uq_org_board_access_member_board", &["organization_member_id", "board_id"])
}

fn invite_access() -> Table {
    let table = Table::with_id("organization_invite_board_access")
        .owned_by("organization_invite_id", "organization_invites");
    access(table).unique("uq_org_invite_board_access_invite_board", &["organization_invite_id", "board_id"])
}

fn access(table: Table) -> Table {
    table
        .owned_by("board_id", "boards")
        .flag("can_read")
        .flag("can_write")
        .created_and_updated()
        .index(&["board_id"])
}

//! The ordered event log and the job queue (decisions §5, house style §6e). Both are additions to the specs.

use sea_orm_migration::sea_query::ColumnDef;

use super::ddl::Table;

pub(super) fn tables() -> Vec<Table> {
    vec![events(), jobs()]
}

/// What happened, in commit order within a scope.
///
/// `seq` counts within `scope_id` (the board, else the organization) and is given out under the scope's lock; `txid`
/// lets a reader across scopes stop before the oldest transaction still open. `activity_id`, `task_id` and
/// `agent_id` are not foreign keys: an event tells of a deletion after the row has gone.
fn events() -> Table {
    Table::new("events")
        .column(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
        .bigint("txid")
        .uuid("scope_id")
        .bigint("seq")
        .owned_by("organization_id", "organizations")
        .owned_by_null("board_id", "boards")
        .text("kind")
        .uuid_null("activity_id")
        .uuid_null("task_id")
        .uuid_null("agent_id")
        .json_null("data")
        .created()
        .unique("uq_events_scope_seq", &["scope_id", "seq"])
        .index(&["txid", "id"])
        .index(&["scope_id", "created_at"])
        .index(&["organization_id"])
        .sparse_index("board_id")
}

/// Work to do after a commit. A row is claimed by setting its lease, deleted when done, and kept with `dead_at` when
/// its attempts are used up.
///
/// A claim walks `(run_at, id)` of the living from the oldest and stops after its limit; the leased rows it steps
/// over are no more than the workers run at once, so the lease is not part of the index and setting it stays cheap.
fn jobs() -> Table {
    Table::with_id("jobs")
        .text("kind")
        .json("payload")
        .owned_by_null("organization_id", "organizations")
        .owned_by_null("board_id", "boards")
        .at("run_at")
        .int("attempt")
        .int("max_attempts")
        .at_null("lease_until")
        .text_null("leased_by")
        .text_null("dedup_key")
        .text_null("last_error")
        .at_null("dead_at")
        .text_null("request_id")
        .created_and_updated()
        .unique("uq_jobs_dedup_key", &["dedup_key"])
        .index_where("ix_jobs_claimable", &["run_at", "id"], "dead_at IS NULL")
        .index_where("ix_jobs_dead", &["dead_at", "id"], "dead_at IS NOT NULL")
        .sparse_index("organization_id")
        .sparse_index("board_id")
}

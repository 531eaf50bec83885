//! Scoped user tokens, idempotency keys and facts about the server itself. All are additions to the specs.

use sea_orm_migration::sea_query::ColumnDef;

use super::ddl::Table;

pub(super) fn tables() -> Vec<Table> {
    vec![api_tokens(), idempotency_keys(), server_settings()]
}

/// A token a user made, confined to an organization or a board if one is set. Only its hash is kept.
fn api_tokens() -> Table {
    Table::with_id("api_tokens")
        .owned_by("user_id", "users")
        .owned_by_null("organization_id", "organizations")
        .owned_by_null("board_id", "boards")
        .text("name")
        .text("token_hash")
        .text("scopes")
        .at_null("expires_at")
        .at_null("last_used_at")
        .at_null("revoked_at")
        .created()
        .unique("uq_api_tokens_token_hash", &["token_hash"])
        .index(&["user_id", "created_at", "id"])
        .index(&["organization_id"])
        .index(&["board_id"])
}

/// The answer given to a request that named a key, to be given again. Rows go when they expire, so the scope and the
/// caller need no foreign key.
fn idempotency_keys() -> Table {
    Table::with_id("idempotency_keys")
        .uuid("scope_id")
        .uuid("caller_id")
        .text("key")
        .text("request_hash")
        .int_null("status")
        .text_null("response")
        .created()
        .at("expires_at")
        .unique("uq_idempotency_keys_scope_caller_key", &["scope_id", "caller_id", "key"])
        .index(&["expires_at"])
}

fn server_settings() -> Table {
    Table::new("server_settings")
        .column(ColumnDef::new("key").text().not_null().primary_key())
        .text("value")
        .at("updated_at")
}

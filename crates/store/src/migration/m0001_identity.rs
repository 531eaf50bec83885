//! Organizations, the people in them, and what those may see (`organizations.md` §1).

use super::ddl::Table;

pub(super) fn tables() -> Vec<Table> {
    vec![organizations(), users(), members(), invites()]
}

/// `event_seq` is the scope's place in the event log (decisions §5), `content_seq` the place of the newest event there
/// that may change what lists of its boards show; `is_demo` marks what `demo` made.
fn organizations() -> Table {
    Table::with_id("organizations")
        .text("name")
        .bigint("event_seq")
        .bigint("content_seq")
        .flag("is_demo")
        .created_and_updated()
        .index(&["name"])
        // A new organization asks whether its name is taken whatever its case.
        .index(&["lower(name)"])
}

/// `clerk_user_id` keeps its name from the contract and holds the local user's key as well. The pair
/// `identity_issuer`, `identity_subject` is the same identity in the terms of an OpenID provider.
fn users() -> Table {
    Table::with_id("users")
        .text("clerk_user_id")
        .text_null("identity_issuer")
        .text_null("identity_subject")
        .text_null("email")
        .text_null("name")
        .text_null("preferred_name")
        .text_null("pronouns")
        .text_null("timezone")
        .text_null("notes")
        .text_null("context")
        .flag("is_super_admin")
        .refers_to("active_organization_id", "organizations")
        .at_null("profile_synced_at")
        .at_null("created_at")
        .at_null("updated_at")
        .unique("uq_users_clerk_user_id", &["clerk_user_id"])
        .unique("uq_users_identity", &["identity_issuer", "identity_subject"])
        .index(&["email"])
        // An invite asks for a member by e-mail whatever its case.
        .index(&["lower(email)"])
        .index(&["active_organization_id"])
}

fn members() -> Table {
    Table::with_id("organization_members")
        .owned_by("organization_id", "organizations")
        .owned_by("user_id", "users")
        .text("role")
        .flag("all_boards_read")
        .flag("all_boards_write")
        .created_and_updated()
        .unique("uq_organization_members_org_user", &["organization_id", "user_id"])
        // A user's oldest membership becomes the active one; an organization's oldest owner speaks for its mains.
        .index(&["user_id", "created_at", "id"])
        .index(&["organization_id", "role", "created_at", "id"])
        .index(&["role"])
}

/// Only a hash of an invite's token is kept; the token itself is shown once to the admin who made it.
fn invites() -> Table {
    Table::with_id("organization_invites")
        .owned_by("organization_id", "organizations")
        .text("invited_email")
        .text("token_hash")
        .text("role")
        .flag("all_boards_read")
        .flag("all_boards_write")
        .refers_to("created_by_user_id", "users")
        .refers_to("accepted_by_user_id", "users")
        .at_null("accepted_at")
        .at_null("expires_at")
        .created_and_updated()
        .unique("uq_org_invites_token", &["token_hash"])
        .index(&["organization_id", "created_at", "id"])
        .index(&["invited_email", "created_at", "id"])
        .index(&["role"])
        .index(&["created_by_user_id"])
        .index(&["accepted_by_user_id"])
}

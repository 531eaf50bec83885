//! Tasks and what hangs on them (`tasks.md` §11).

use super::ddl::Table;

const FIELD_TYPE_KNOWN: &str = "field_type IN ('text', 'text_long', 'integer', 'decimal', 'boolean', 'date', \
     'date_time', 'url', 'json')";
const UI_VISIBILITY_KNOWN: &str = "ui_visibility IN ('always', 'if_set', 'hidden')";

pub(super) fn tables() -> Vec<Table> {
    vec![
        tasks(),
        dependencies(),
        fingerprints(),
        tags(),
        tag_assignments(),
        field_definitions(),
        field_bindings(),
        field_values(),
    ]
}

fn tasks() -> Table {
    Table::with_id("tasks")
        .owned_by_null("board_id", "boards")
        .text("title")
        .text_null("description")
        .text("status")
        .text("priority")
        .at_null("due_at")
        .at_null("in_progress_at")
        .at_null("previous_in_progress_at")
        .refers_to("created_by_user_id", "users")
        .refers_to("assigned_agent_id", "agents")
        .flag("auto_created")
        .text_null("auto_reason")
        .created_and_updated()
        .index(&["board_id", "created_at", "id"])
        .index(&["board_id", "status", "created_at", "id"])
        .index(&["board_id", "assigned_agent_id", "created_at", "id"])
        .index(&["status"])
        .index(&["priority"])
        .index(&["created_by_user_id"])
        .index(&["assigned_agent_id"])
}

fn dependencies() -> Table {
    Table::with_id("task_dependencies")
        .owned_by("board_id", "boards")
        .owned_by("task_id", "tasks")
        .owned_by("depends_on_task_id", "tasks")
        .created()
        .check("task_id <> depends_on_task_id")
        .unique("uq_task_dependencies_task_depends_on", &["task_id", "depends_on_task_id"])
        .index(&["board_id"])
        .index(&["depends_on_task_id"])
}

fn fingerprints() -> Table {
    Table::with_id("task_fingerprints")
        .owned_by("board_id", "boards")
        .text("fingerprint_hash")
        .owned_by("task_id", "tasks")
        .created()
        .index(&["board_id"])
        .index(&["fingerprint_hash"])
        .index(&["task_id"])
}

fn tags() -> Table {
    Table::with_id("tags")
        .owned_by("organization_id", "organizations")
        .text("name")
        .text("slug")
        .text("color")
        .text_null("description")
        .created_and_updated()
        .unique("uq_tags_organization_slug", &["organization_id", "slug"])
        .index(&["organization_id", "lower(name)", "created_at", "id"])
        .index(&["slug"])
}

fn tag_assignments() -> Table {
    Table::with_id("tag_assignments")
        .owned_by("task_id", "tasks")
        .owned_by("tag_id", "tags")
        .created()
        .unique("uq_tag_assignments_task_tag", &["task_id", "tag_id"])
        .index(&["tag_id"])
}

fn field_definitions() -> Table {
    Table::with_id("task_custom_field_definitions")
        .owned_by("organization_id", "organizations")
        .text("field_key")
        .text("label")
        .text_default("field_type", "text")
        .text_default("ui_visibility", "always")
        .text_null("validation_regex")
        .text_null("description")
        .flag("required")
        .json_null("default_value")
        .created_and_updated()
        .check(FIELD_TYPE_KNOWN)
        .check(UI_VISIBILITY_KNOWN)
        .unique("uq_tcf_def_org_key", &["organization_id", "field_key"])
        .index(&["organization_id", "lower(label)", "id"])
        .index(&["field_key"])
}

fn field_bindings() -> Table {
    Table::with_id("board_task_custom_fields")
        .owned_by("board_id", "boards")
        .owned_by("task_custom_field_definition_id", "task_custom_field_definitions")
        .created()
        .unique("uq_board_tcf_binding", &["board_id", "task_custom_field_definition_id"])
        .index(&["task_custom_field_definition_id"])
}

fn field_values() -> Table {
    Table::with_id("task_custom_field_values")
        .owned_by("task_id", "tasks")
        .owned_by("task_custom_field_definition_id", "task_custom_field_definitions")
        .json_null("value")
        .created_and_updated()
        .unique("uq_tcf_values_task_def", &["task_id", "task_custom_field_definition_id"])
        .index(&["task_custom_field_definition_id", "id"])
}

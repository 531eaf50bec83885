//! The skills marketplace (`skills-and-souls.md` A1).

use super::ddl::Table;

pub(super) fn tables() -> Vec<Table> {
    vec![skills(), packs(), installed()]
}

fn skills() -> Table {
    Table::with_id("marketplace_skills")
        .owned_by("organization_id", "organizations")
        .text("name")
        .text_null("description")
        .text_null("category")
        .text_null("risk")
        .text_null("source")
        .text("source_url")
        .json_object_default("metadata")
        .created_and_updated()
        .unique("uq_marketplace_skills_org_source_url", &["organization_id", "source_url"])
        .index(&["organization_id", "created_at", "id"])
}

fn packs() -> Table {
    Table::with_id("skill_packs")
        .owned_by("organization_id", "organizations")
        .text("name")
        .text_null("description")
        .text("source_url")
        .text_default("branch", "main")
        .json_object_default("metadata")
        .created_and_updated()
        .check("source_url LIKE 'https://github.com/%/%'")
        .unique("uq_skill_packs_org_source_url", &["organization_id", "source_url"])
        .index(&["organization_id", "created_at", "id"])
}

fn installed() -> Table {
    Table::with_id("gateway_installed_skills")
        .owned_by("gateway_id", "gateways")
        .owned_by("skill_id", "marketplace_skills")
        .created_and_updated()
        .unique("uq_gateway_installed_skills_gateway_skill", &["gateway_id", "skill_id"])
        .index(&["skill_id"])
}

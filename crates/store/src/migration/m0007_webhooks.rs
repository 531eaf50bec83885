//! Inbound webhooks and what they received (`webhooks-activity-metrics.md` A1).

use super::ddl::Table;

pub(super) fn tables() -> Vec<Table> {
    vec![webhooks(), payloads()]
}

fn webhooks() -> Table {
    Table::with_id("board_webhooks")
        .owned_by("board_id", "boards")
        .refers_to("agent_id", "agents")
        .text("description")
        .flag("enabled")
        .text_null("secret")
        .text_null("signature_header")
        .created_and_updated()
        .index(&["board_id", "created_at", "id"])
        .index(&["agent_id"])
        .index(&["enabled"])
}

/// `delivered_at`, `delivery_attempts` and `delivery_error` say what became of the notice to the agent.
fn payloads() -> Table {
    Table::with_id("board_webhook_payloads")
        .owned_by("board_id", "boards")
        .owned_by("webhook_id", "board_webhooks")
        .json_null("payload")
        .json_null("headers")
        .text_null("source_ip")
        .text_null("content_type")
        .at("received_at")
        .at_null("delivered_at")
        .int("delivery_attempts")
        .text_null("delivery_error")
        .index(&["board_id", "webhook_id", "received_at", "id"])
        .index(&["webhook_id", "received_at", "id"])
        .index(&["received_at"])
}

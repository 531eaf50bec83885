//! Agents: kinds, names on the gateway, and the status the API shows.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::access::AgentKind;
use crate::clock::Timestamp;
use crate::ids::{AgentId, BoardId, GatewayId};

/// An agent not seen for longer than this is offline.
pub const OFFLINE_AFTER: Duration = Duration::from_secs(10 * 60);

/// An authenticated request refreshes "last seen" at most this often.
pub const PRESENCE_INTERVAL: Duration = Duration::from_secs(30);

/// Stored status words that the system itself writes.
pub mod status {
    /// Waiting for its first check-in.
    pub const PROVISIONING: &str = "provisioning";
    /// Its files are being updated.
    pub const UPDATING: &str = "updating";
    /// It checked in.
    pub const ONLINE: &str = "online";
    /// It missed its check-ins.
    pub const OFFLINE: &str = "offline";
    /// It is being removed.
    pub const DELETING: &str = "deleting";
}

/// An agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// Identifier.
    pub id: AgentId,
    /// The board it works on; none for a gateway's main agent.
    pub board_id: Option<BoardId>,
    /// The gateway that runs it.
    pub gateway_id: GatewayId,
    /// Name.
    pub name: String,
    /// Stored status, a free word; see [`Agent::shown_status`].
    pub status: String,
    /// Session key on the gateway.
    pub openclaw_session_id: Option<String>,
    /// Heartbeat settings as stored.
    pub heartbeat_config: Option<Map<String, Value>>,
    /// Identity profile as stored.
    pub identity_profile: Option<Map<String, Value>>,
    /// The agent's own identity template.
    pub identity_template: Option<String>,
    /// The agent's own soul template.
    pub soul_template: Option<String>,
    /// When it last made an authenticated request.
    pub last_seen_at: Option<Timestamp>,
    /// Whether it leads its board.
    pub is_board_lead: bool,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

impl Agent {
    /// Which of the three kinds it is.
    #[must_use]
    pub fn kind(&self) -> AgentKind {
        match (self.board_id, self.is_board_lead) {
            (None, _) => AgentKind::Main,
            (Some(_), true) => AgentKind::Lead,
            (Some(_), false) => AgentKind::Worker,
        }
    }

    /// The status that the API shows (agents spec §3).
    #[must_use]
    pub fn shown_status(&self, now: Timestamp) -> &str {
        if self.status == status::DELETING || self.status == status::UPDATING {
            return &self.status;
        }
        match self.last_seen_at {
            None => status::PROVISIONING,
            Some(seen) if now.since(seen) > OFFLINE_AFTER => status::OFFLINE,
            Some(_) => &self.status,
        }
    }

    /// Whether a request at `now` should refresh "last seen".
    #[must_use]
    pub fn presence_is_stale(&self, now: Timestamp) -> bool {
        self.last_seen_at.is_none_or(|seen| now.since(seen) >= PRESENCE_INTERVAL)
    }

    /// The stored status after a check-in: any successful check-in ends `provisioning` and `updating`, and brings
    /// an offline agent back.
    #[must_use]
    pub fn status_after_check_in(&self) -> &str {
        match self.status.as_str() {
            status::PROVISIONING | status::UPDATING | status::OFFLINE => status::ONLINE,
            other => other,
        }
    }
}

/// The session key of a gateway's main agent.
#[must_use]
pub fn main_session_key(gateway: GatewayId) -> String {
    format!("agent:mc-gateway-{gateway}:main")
}

/// The session key of a board's lead.
#[must_use]
pub fn lead_session_key(board: BoardId) -> String {
    format!("agent:lead-{board}:main")
}

/// The session key of a worker.
#[must_use]
pub fn worker_session_key(agent: AgentId) -> String {
    format!("agent:mc-{agent}:main")
}

/// The heartbeat settings of an agent that has none of its own.
#[must_use]
pub fn default_heartbeat() -> Map<String, Value> {
    match json!({"every": "10m", "target": "last", "includeReasoning": false}) {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn agent(status: &str, seen: Option<Timestamp>) -> Agent {
        let now = SystemClock.now();
        Agent {
            id: AgentId::generate(),
            board_id: None,
            gateway_id: GatewayId::generate(),
            name: "a".into(),
            status: status.into(),
            openclaw_session_id: None,
            heartbeat_config: None,
            identity_profile: None,
            identity_template: None,
            soul_template: None,
            last_seen_at: seen,
            is_board_lead: false,
            created_at: now,
            updated_at: now,
        }
    }

    #[test]
    fn shown_status_follows_presence_unless_updating_or_deleting() {
        let now = SystemClock.now();
        let long_ago = now.before(OFFLINE_AFTER + Duration::from_secs(1));
        for (stored, seen, shown) in [
            ("online", None, "provisioning"),
            ("online", Some(now), "online"),
            ("online", Some(long_ago), "offline"),
            ("updating", None, "updating"),
            ("deleting", Some(long_ago), "deleting"),
            ("busy", Some(now), "busy"),
        ] {
            assert_eq!(agent(stored, seen).shown_status(now), shown, "{stored} {seen:?}");
        }
    }
}

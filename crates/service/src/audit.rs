//! What was refused: every change that somebody known was denied is in the activity log of the organization it was
//! aimed at, or of the caller's own when the caller is a stranger there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::{AgentId, ApiTokenId, BoardId, OrganizationId, UserId};
use mc_model::{Result, Timestamp};
use mc_store as store;
use serde_json::json;
use uuid::Uuid;

use crate::access::{AgentSession, UserSession};
use crate::{RequestContext, Services};

/// How many refusals of one caller are recorded one by one within [`WINDOW`]; further ones are counted.
pub const MAX_RECORDED: u32 = 30;
/// The span in which they are counted.
pub const WINDOW: Duration = Duration::from_secs(60);
/// From this many callers on, those whose span has passed are forgotten.
const MANY_CALLERS: usize = 1_024;

/// Who made a request, known before it was decided whether it is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    user: Option<UserId>,
    token: Option<ApiTokenId>,
    agent: Option<AgentId>,
    organization: OrganizationId,
}

impl From<&UserSession> for Caller {
    fn from(session: &UserSession) -> Self {
        Self {
            user: Some(session.user.id),
            token: session.limits().map(|limits| limits.token_id),
            agent: None,
            organization: session.member.organization_id,
        }
    }
}

impl From<&AgentSession> for Caller {
    fn from(session: &AgentSession) -> Self {
        Self { user: None, token: None, agent: Some(session.agent.id), organization: session.organization_id }
    }
}

impl Caller {
    /// The tokens of a person count together.
    fn key(&self) -> Uuid {
        let agent = self.agent.map(Uuid::from);
        self.user.map(Uuid::from).or(agent).unwrap_or_default()
    }
}

/// A change that was answered with 403.
#[derive(Clone, Copy, Debug)]
pub struct DeniedWrite<'a> {
    /// The operation's id in the OpenAPI document.
    pub operation: &'a str,
    /// The board in the path.
    pub board: Option<BoardId>,
    /// What the caller was told.
    pub reason: &'a str,
}

/// How many refusals of whom were recorded lately, on this node.
#[derive(Debug, Default)]
pub(crate) struct DenialLog {
    windows: Mutex<HashMap<Uuid, Window>>,
}

#[derive(Debug)]
struct Window {
    since: Timestamp,
    recorded: u32,
    suppressed: u64,
}

impl Window {
    fn new(since: Timestamp) -> Self {
        Self { since, recorded: 1, suppressed: 0 }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.since) >= WINDOW
    }

    /// What was only counted goes to the log of the process. Never keeps.
    fn forget(&self, caller: Uuid) -> bool {
        if self.suppressed > 0 {
            tracing::warn!(caller.id = %caller, left_out = self.suppressed, "audit.access_denied");
        }
        false
    }
}

impl DenialLog {
    /// Whether one more refusal of `caller` is recorded; with it, how many were only counted before.
    fn admit(&self, caller: Uuid, now: Timestamp) -> Option<u64> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MANY_CALLERS {
            windows.retain(|caller, window| !window.is_over(now) || window.forget(*caller));
        }
        match windows.entry(caller) {
            Entry::Vacant(place) => {
                place.insert(Window::new(now));
                Some(0)
            }
            Entry::Occupied(mut place) => {
                let window = place.get_mut();
                if window.is_over(now) {
                    let suppressed = window.suppressed;
                    *window = Window::new(now);
                    return Some(suppressed);
                }
                if window.recorded < MAX_RECORDED {
                    window.recorded += 1;
                    return Some(std::mem::take(&mut window.suppressed));
                }
                window.suppressed += 1;
                None
            }
        }
    }
}

impl Services {
    /// Records a refusal as `access.denied`, at most [`MAX_RECORDED`] of one caller within [`WINDOW`]; the next one
    /// after that says how many were left out. A failure to record is logged and changes nothing for the caller.
    pub async fn record_denied(&self, context: &RequestContext, caller: Caller, denied: DeniedWrite<'_>) {
        let Some(left_out) = self.denials.admit(caller.key(), self.now()) else { return };
        if let Err(error) = self.write_denied(context, caller, denied, left_out).await {
            tracing::error!(%error, operation = denied.operation, "audit.not_recorded");
        }
    }

    async fn write_denied(
        &self,
        context: &RequestContext,
        caller: Caller,
        denied: DeniedWrite<'_>,
        left_out: u64,
    ) -> Result<()> {
        let organization = self.concerned(caller, denied.board).await?;
        let activity = NewActivity::new(kind::ACCESS_DENIED, format!("Denied: {}", denied.operation))
            .user(caller.user)
            .agent(caller.agent)
            .data(json!({
                "operation": denied.operation,
                "board_id": denied.board,
                "reason": denied.reason,
                "token_id": caller.token,
                "left_out_before": left_out,
            }));
        self.store
            .write(Scope::Organization(organization), context.id(), async |tx| {
                tx.activity(activity.clone());
                Ok(())
            })
            .await
    }

    /// The organization of the board if the caller belongs to it, else the caller's own: nobody writes into the log
    /// of an organization by being refused there.
    async fn concerned(&self, caller: Caller, board: Option<BoardId>) -> Result<OrganizationId> {
        let Some(board) = board else { return Ok(caller.organization) };
        let reader = self.store.reader();
        let Some(board) = store::access::board(reader, board).await? else { return Ok(caller.organization) };
        let belongs = match caller.user {
            Some(user) => store::users::is_member(reader, board.organization_id, user).await?,
            None => caller.organization == board.organization_id,
        };
        Ok(if belongs { board.organization_id } else { caller.organization })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_refusals_a_minute_are_recorded_and_the_rest_is_counted() {
        let log = DenialLog::default();
        let caller = UserId::generate().0;
        let start = Timestamp::parse_iso("2026-01-01").expect("a date");
        for _ in 0..MAX_RECORDED {
            assert_eq!(log.admit(caller, start), Some(0));
        }
        assert_eq!(log.admit(caller, start.after(Duration::from_secs(59))), None);
        assert_eq!(log.admit(caller, start.after(Duration::from_secs(59))), None);
        assert_eq!(log.admit(UserId::generate().0, start), Some(0), "callers are counted apart");
        assert_eq!(log.admit(caller, start.after(WINDOW)), Some(2));
        assert_eq!(log.admit(caller, start.after(WINDOW)), Some(0));
    }

    #[test]
    fn callers_whose_minute_has_passed_are_forgotten() {
        let log = DenialLog::default();
        let start = Timestamp::parse_iso("2026-01-01").expect("a date");
        for _ in 0..MANY_CALLERS {
            log.admit(UserId::generate().0, start);
        }
        log.admit(UserId::generate().0, start.after(WINDOW));
        assert_eq!(log.windows.lock().expect("free").len(), 1);
    }
}

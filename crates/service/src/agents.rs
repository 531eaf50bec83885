//! Agents.

use mc_model::agent::Agent;
use mc_model::event::{NewActivity, kind};
use mc_model::{Error, Result};
use mc_store as store;

use crate::access::AgentSession;
use crate::auth::home_scope;
use crate::{RequestContext, Services};

impl Services {
    /// Records a check-in of the calling agent.
    ///
    /// # Errors
    /// 401 when the agent was deleted meanwhile.
    pub async fn check_in(&self, context: &RequestContext, session: &AgentSession) -> Result<Agent> {
        self.store
            .write(home_scope(session), context.id(), async |tx| {
                let agent = store::agents::own(tx, session.agent.id).await?;
                let mut agent = agent.ok_or_else(Error::unauthenticated)?;
                agent.status = agent.status_after_check_in().to_owned();
                store::agents::check_in(tx, agent.id, &agent.status).await?;
                agent.last_seen_at = Some(tx.now());
                agent.updated_at = tx.now();
                let message = format!("{} checked in.", agent.name);
                tx.activity(NewActivity::new(kind::AGENT_HEARTBEAT, message).agent(Some(agent.id)));
                Ok(agent)
            })
            .await
    }
}

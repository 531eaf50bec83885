//! Agents: a token, one indexed look-up, a presence mark.

use mc_model::agent::{PRESENCE_INTERVAL, status};
use mc_model::event::{Scope, kind};
use mc_model::{Error, Result};
use mc_store as store;

use super::token_hash::{hash_agent_token, matches_imported};
use crate::Services;
use crate::access::AgentSession;

impl Services {
    /// The session of the agent with this token. Marks the agent as seen, at most every thirty seconds.
    ///
    /// # Errors
    /// 401 without a token or with a wrong one.
    pub async fn authenticate_agent(&self, token: Option<&str>) -> Result<AgentSession> {
        let token = token.ok_or_else(Error::unauthenticated)?;
        let hash = hash_agent_token(token);
        let mut found = store::access::agent_by_token_hash(self.store.reader(), &hash).await?;
        if found.is_none() {
            self.adopt_imported_hash(token, &hash).await?;
            // In any case: another request of the same agent may have replaced the hash in between.
            found = store::access::agent_by_token_hash(self.store.reader(), &hash).await?;
        }
        let (agent, organization_id) = found.ok_or_else(Error::unauthenticated)?;
        let mut session = AgentSession { agent, organization_id };
        if session.agent.presence_is_stale(self.now()) {
            self.mark_seen(&mut session).await?;
        }
        Ok(session)
    }

    /// Tries the hashes of an imported database, which can only be verified one by one, off the async threads; the
    /// one that matches is replaced by ours. Without such rows this costs one empty index range.
    async fn adopt_imported_hash(&self, token: &str, hash: &str) -> Result<()> {
        let candidates = store::access::agents_with_imported_hash(self.store.reader()).await?;
        if candidates.is_empty() {
            return Ok(());
        }
        let guess = token.to_owned();
        let verify = move || candidates.into_iter().find(|(_, stored)| matches_imported(&guess, stored));
        let verified = tokio::task::spawn_blocking(verify).await.map_err(Error::internal)?;
        let Some((agent, imported)) = verified else { return Ok(()) };
        self.store
            .write(None, None, async |tx| store::access::upgrade_token_hash(tx, agent, &imported, hash).await)
            .await
    }

    async fn mark_seen(&self, session: &mut AgentSession) -> Result<()> {
        let agent = session.agent.id;
        let touched_at = self
            .store
            .write(home_scope(session), None, async |tx| {
                let is_touched = store::agents::touch(tx, agent, tx.now().before(PRESENCE_INTERVAL)).await?;
                if is_touched {
                    tx.event(kind::AGENT_SEEN, Some(agent));
                }
                Ok(is_touched.then(|| tx.now()))
            })
            .await?;
        if let Some(now) = touched_at {
            session.agent.last_seen_at = Some(now);
            session.agent.updated_at = now;
            if ![status::UPDATING, status::DELETING].contains(&session.agent.status.as_str()) {
                session.agent.status = status::ONLINE.to_owned();
            }
        }
        Ok(())
    }
}

/// Where the changes of an agent itself are counted: its board, or its organization for a main agent.
pub(crate) fn home_scope(session: &AgentSession) -> Scope {
    match session.agent.board_id {
        Some(board) => Scope::Board(board),
        None => Scope::Organization(session.organization_id),
    }
}

//! Demo data: an organization of its own with everything a newcomer needs to see the server at work.
//!
//! All of it belongs to an organization marked `is_demo`, so one deletion removes it and nothing else.

mod content;
mod records;

use mc_model::event::Scope;
use mc_model::ids::{AgentId, BoardId, GatewayId, OrganizationId, TaskId};
use mc_model::organization::Organization;
use mc_model::task::{NewTask, TaskStatus};
use mc_model::user::local;
use mc_model::{ErrorKind, Result};
use mc_store::{self as store, WriteTx};
use serde::Serialize;

use crate::access::Actor;
use crate::{RequestContext, Services};
use records::Records;

/// What `mission-control demo` made. Holds tokens, so it has no `Debug`.
#[derive(Clone, Serialize)]
pub struct DemoSeed {
    /// The organization that owns all of it.
    pub organization_id: OrganizationId,
    /// The gateway record. Nothing listens at its address.
    pub gateway_id: GatewayId,
    /// The board.
    pub board_id: BoardId,
    /// The lead of the board.
    pub lead: DemoAgent,
    /// The workers of the board, two.
    pub workers: Vec<DemoAgent>,
    /// The gateway's main agent.
    pub main: DemoAgent,
    /// The tasks on the board, all in the inbox, oldest first. The first one waits for no other.
    pub tasks: Vec<DemoTask>,
    /// How many demo organizations were removed to make place for this one.
    #[serde(skip)]
    pub replaced: usize,
}

/// An agent with its token, which is known only here: the database keeps a hash.
#[derive(Clone, Serialize)]
pub struct DemoAgent {
    /// Identifier.
    pub id: AgentId,
    /// Name; comments address it as `@name`.
    pub name: String,
    /// The value of `X-Agent-Token`.
    pub token: String,
}

/// A task of the demo board.
#[derive(Clone, Debug, Serialize)]
pub struct DemoTask {
    /// Identifier.
    pub id: TaskId,
    /// Title.
    pub title: String,
}

/// What a removal of demo data found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CleanReport {
    /// How many demo organizations were removed, with everything they owned.
    pub removed_organizations: usize,
}

impl Services {
    /// Makes the demo organization, its board, agents and tasks, and makes it the local account's active one. An
    /// older demo is removed first: its tokens are known to nobody any more.
    ///
    /// # Errors
    /// When the database fails, or the system gives no randomness for tokens. What was made until then is demo data
    /// and goes with the next [`Services::clean_demo`].
    pub async fn seed_demo(&self) -> Result<DemoSeed> {
        let replaced = self.clean_demo().await?.removed_organizations;
        let records = Records::draw()?;
        let session = self.store.write(None, None, async |tx| records.insert(tx).await).await?;
        // From here on the local account works as it would over HTTP.
        let board = self.board_writer(Actor::User(session), records.board).await?;
        let mut tasks: Vec<DemoTask> = Vec::with_capacity(content::TASKS.len());
        for text in content::TASKS {
            let new = NewTask {
                title: text.title.to_owned(),
                description: Some(text.description.to_owned()),
                status: TaskStatus::Inbox,
                priority: text.priority.to_owned(),
                due_at: None,
                assigned_agent_id: None,
                created_by_user_id: None,
                depends_on: text
                    .after
                    .and_then(|earlier| tasks.get(earlier))
                    .map(|task| task.id)
                    .into_iter()
                    .collect(),
                ..NewTask::default()
            };
            let task = self.create_task(&RequestContext::default(), &board, new, None).await?.done()?.task;
            tasks.push(DemoTask { id: task.id, title: task.title });
        }
        let [lead, main, workers @ ..] = records.agents;
        Ok(DemoSeed {
            organization_id: records.organization,
            gateway_id: records.gateway,
            board_id: records.board,
            lead,
            workers: workers.to_vec(),
            main,
            tasks,
            replaced,
        })
    }

    /// Removes every demo organization with all it owns. A local account that was looking at one goes back to the
    /// oldest organization it is a member of; others do so with their next request, as after any deletion.
    ///
    /// # Errors
    /// When the database fails; organizations removed before that stay removed.
    pub async fn clean_demo(&self) -> Result<CleanReport> {
        let mut removed_organizations = 0;
        for demo in store::organizations::demos(self.store.reader()).await? {
            let scope = Scope::Organization(demo.id);
            let removed = self.store.write(scope, None, async |tx| remove(tx, &demo).await).await;
            match removed {
                Ok(()) => removed_organizations += 1,
                // Somebody else was faster.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(CleanReport { removed_organizations })
    }
}

async fn remove(tx: &WriteTx, demo: &Organization) -> Result<()> {
    let found = store::users::with_active_membership(tx, local::EXTERNAL_ID).await?;
    store::organizations::delete(tx, demo.id).await?;
    let Some((user, _)) = found.filter(|(user, _)| user.active_organization_id == Some(demo.id)) else {
        return Ok(());
    };
    let next = store::organizations::oldest_membership(tx, user.id).await?;
    store::users::set_active_organization(tx, user.id, next.map(|member| member.organization_id)).await
}

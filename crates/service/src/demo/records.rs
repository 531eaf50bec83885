//! The rows the demo starts with, apart from its tasks.

use mc_model::agent::{Agent, default_heartbeat, status};
use mc_model::board::{Board, BoardRules};
use mc_model::event::Scope;
use mc_model::ids::{AgentId, BoardId, GatewayId, OrganizationId, UserId};
use mc_model::organization::{Member, Organization};
use mc_model::user::{User, local};
use mc_model::{Error, Result, Timestamp, secret};
use mc_store::gateways::NewGateway;
use mc_store::{self as store, WriteTx};

use super::{DemoAgent, content};
use crate::access::UserSession;
use crate::auth::{hash_agent_token, provisioning};

/// Ids and tokens, drawn before the transaction because that may run more than once.
pub(super) struct Records {
    pub organization: OrganizationId,
    pub gateway: GatewayId,
    pub board: BoardId,
    /// The lead, the main agent, then the workers.
    pub agents: [DemoAgent; 2 + content::WORKERS.len()],
}

impl Records {
    pub(super) fn draw() -> Result<Self> {
        let [first, second] = content::WORKERS;
        Ok(Self {
            organization: OrganizationId::generate(),
            gateway: GatewayId::generate(),
            board: BoardId::generate(),
            agents: [
                draw_agent(content::LEAD)?,
                draw_agent(content::MAIN)?,
                draw_agent(first)?,
                draw_agent(second)?,
            ],
        })
    }

    /// Writes the rows and gives back the session of the local account, which owns them.
    pub(super) async fn insert(&self, tx: &mut WriteTx) -> Result<UserSession> {
        let mut user = local_account(tx).await?;
        store::organizations::insert(tx, &self.organization(tx.now())).await?;
        tx.enter(Scope::Organization(self.organization))?;
        let member = self.add_owner(tx, user.id).await?;
        user.active_organization_id = Some(self.organization);
        store::gateways::insert(tx, &self.gateway()).await?;
        store::boards::insert(tx, &self.board(tx.now())).await?;
        let [lead, main, workers @ ..] = &self.agents;
        self.add_agent(tx, lead, Some(self.board), true).await?;
        self.add_agent(tx, main, None, false).await?;
        for worker in workers {
            self.add_agent(tx, worker, Some(self.board), false).await?;
        }
        Ok(UserSession::full(user, member))
    }

    fn organization(&self, now: Timestamp) -> Organization {
        Organization {
            id: self.organization,
            name: content::ORGANIZATION.to_owned(),
            is_demo: true,
            created_at: now,
            updated_at: now,
        }
    }

    async fn add_owner(&self, tx: &WriteTx, user: UserId) -> Result<Member> {
        let member = provisioning::owner(self.organization, user, tx.now());
        store::organizations::insert_member(tx, &member).await?;
        store::organizations::insert_default_skill_packs(tx, self.organization, tx.now()).await?;
        store::users::set_active_organization(tx, user, Some(self.organization)).await?;
        Ok(member)
    }

    fn gateway(&self) -> NewGateway {
        NewGateway {
            id: self.gateway,
            organization_id: self.organization,
            name: content::GATEWAY.to_owned(),
            url: content::GATEWAY_URL.to_owned(),
            workspace_root: content::WORKSPACE_ROOT.to_owned(),
        }
    }

    /// Done is reached through review and an approval, which the one who runs the demo gives.
    fn board(&self, now: Timestamp) -> Board {
        Board {
            id: self.board,
            organization_id: self.organization,
            name: content::BOARD.to_owned(),
            slug: content::BOARD_SLUG.to_owned(),
            description: content::BOARD_DESCRIPTION.to_owned(),
            gateway_id: Some(self.gateway),
            board_group_id: None,
            board_type: "goal".to_owned(),
            objective: Some(content::OBJECTIVE.to_owned()),
            success_metrics: None,
            target_date: None,
            goal_confirmed: true,
            goal_source: Some("demo".to_owned()),
            rules: BoardRules {
                require_approval_for_done: true,
                require_review_before_done: true,
                ..BoardRules::default()
            },
            max_agents: content::MAX_AGENTS,
            created_at: now,
            updated_at: now,
        }
    }

    /// No session key: these agents run in no gateway, so nothing is ever sent to one for them.
    async fn add_agent(
        &self,
        tx: &WriteTx,
        drawn: &DemoAgent,
        board_id: Option<BoardId>,
        is_board_lead: bool,
    ) -> Result<()> {
        let agent = Agent {
            id: drawn.id,
            board_id,
            gateway_id: self.gateway,
            name: drawn.name.clone(),
            status: status::PROVISIONING.to_owned(),
            openclaw_session_id: None,
            heartbeat_config: Some(default_heartbeat()),
            identity_profile: None,
            identity_template: None,
            soul_template: None,
            last_seen_at: None,
            is_board_lead,
            created_at: tx.now(),
            updated_at: tx.now(),
        };
        store::agents::insert(tx, &agent, &hash_agent_token(&drawn.token)).await
    }
}

fn draw_agent(name: &str) -> Result<DemoAgent> {
    Ok(DemoAgent { id: AgentId::generate(), name: name.to_owned(), token: secret::agent_token()? })
}

/// The account of local mode, made if nobody has signed in yet, and locked against its first sign-in.
async fn local_account(tx: &WriteTx) -> Result<User> {
    let new = User {
        id: UserId::generate(),
        external_id: local::EXTERNAL_ID.to_owned(),
        email: Some(local::EMAIL.to_owned()),
        name: Some(local::NAME.to_owned()),
        preferred_name: None,
        pronouns: None,
        timezone: None,
        notes: None,
        context: None,
        is_super_admin: false,
        active_organization_id: None,
    };
    store::users::insert_if_absent(tx, &new, tx.now()).await?;
    let found = store::users::with_active_membership(tx, local::EXTERNAL_ID).await?;
    let (user, _) = found.ok_or_else(|| Error::internal("the local account vanished while it was read"))?;
    store::users::lock(tx, user.id).await?;
    Ok(user)
}

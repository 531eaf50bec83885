//! Rows that no operation makes yet, written with the store's functions.

use mc_model::access::Role;
use mc_model::agent::{Agent, status, worker_session_key};
use mc_model::board::{Board, BoardRules};
use mc_model::ids::{AgentId, BoardId, GatewayId, MemberId, OrganizationId, UserId};
use mc_model::organization::{Member, Organization};
use mc_model::task::{NewTask, Task, TaskStatus};
use mc_model::user::User;
use mc_model::{Clock, Result, Timestamp};
use mc_service::auth::hash_agent_token;
use mc_store::gateways::NewGateway;
use mc_store::{self as store, WriteTx};

use crate::{Actor, TestAgent, TestApp};

/// What a member may do with boards, beside the entries of single boards.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllBoards {
    /// All boards may be read.
    pub read: bool,
    /// All boards may be written.
    pub write: bool,
}

impl TestApp {
    /// Writes rows in one transaction.
    ///
    /// # Panics
    /// When the database refuses them.
    pub async fn seed<T>(&self, rows: impl AsyncFnOnce(&mut WriteTx) -> Result<T> + Clone) -> T {
        self.store().write(None, None, rows).await.expect("the rows of a fixture are valid")
    }

    /// An organization with nobody in it.
    pub async fn add_organization(&self, name: &str) -> Organization {
        let now = self.clock().now();
        let organization = Organization {
            id: OrganizationId::generate(),
            name: name.to_owned(),
            is_demo: false,
            created_at: now,
            updated_at: now,
        };
        self.seed(async |tx| store::organizations::insert(tx, &organization).await).await;
        organization
    }

    /// An account whose active organization is `organization`, and its membership there.
    pub async fn add_member(
        &self,
        organization: OrganizationId,
        external_id: &str,
        role: Role,
        boards: AllBoards,
    ) -> (User, Member) {
        let now = self.clock().now();
        let user = User {
            id: UserId::generate(),
            external_id: external_id.to_owned(),
            email: Some(format!("{external_id}@example.com")),
            name: Some(external_id.to_owned()),
            preferred_name: None,
            pronouns: None,
            timezone: None,
            notes: None,
            context: None,
            is_super_admin: false,
            active_organization_id: Some(organization),
        };
        let member = Member {
            id: MemberId::generate(),
            organization_id: organization,
            user_id: user.id,
            role,
            all_boards_read: boards.read,
            all_boards_write: boards.write,
            created_at: now,
            updated_at: now,
        };
        self.seed(async |tx| {
            store::users::insert_if_absent(tx, &user, now).await?;
            store::organizations::insert_member(tx, &member).await
        })
        .await;
        (user, member)
    }

    /// Grants one board to a member.
    pub async fn grant(&self, member: &Member, board: BoardId, can_read: bool, can_write: bool) {
        let entry = store::organizations::board_access_entry(board, can_read, can_write, self.clock().now());
        self.seed(async |tx| store::organizations::insert_board_access(tx, member.id, &entry).await).await;
    }

    /// A gateway record that nothing listens behind.
    pub async fn add_gateway(&self, organization: OrganizationId) -> GatewayId {
        let gateway = gateway(organization);
        self.seed(async |tx| store::gateways::insert(tx, &gateway).await).await;
        gateway.id
    }

    /// A board without any rule.
    pub async fn add_board(&self, organization: OrganizationId, gateway: GatewayId, name: &str) -> Board {
        let rules = BoardRules { require_approval_for_done: false, ..BoardRules::default() };
        self.add_board_with_rules(organization, gateway, name, rules).await
    }

    /// A board with these rules.
    pub async fn add_board_with_rules(
        &self,
        organization: OrganizationId,
        gateway: GatewayId,
        name: &str,
        rules: BoardRules,
    ) -> Board {
        let board = Board { rules, ..board(organization, gateway, name, self.clock().now()) };
        self.seed(async |tx| store::boards::insert(tx, &board).await).await;
        board
    }

    /// A lead or a worker of `board`, or a main agent without one.
    pub async fn add_agent(
        &self,
        gateway: GatewayId,
        board: Option<BoardId>,
        name: &str,
        is_lead: bool,
    ) -> TestAgent {
        let agent = Agent { is_board_lead: is_lead, ..agent(gateway, board, name, self.clock().now()) };
        let token = format!("{}-token", agent.id);
        self.seed(async |tx| store::agents::insert(tx, &agent, &hash_agent_token(&token)).await).await;
        TestAgent { actor: Actor::agent(&token), agent, token }
    }

    /// A task that is there without anything having been announced.
    pub async fn add_task(&self, board: BoardId, title: &str) -> Task {
        self.add_task_with(board, title, TaskStatus::Inbox, None).await
    }

    /// A task in this state with this assignee, without anything having been announced.
    pub async fn add_task_with(
        &self,
        board: BoardId,
        title: &str,
        status: TaskStatus,
        assignee: Option<AgentId>,
    ) -> Task {
        let new = NewTask {
            title: title.to_owned(),
            description: None,
            status,
            priority: "medium".to_owned(),
            due_at: None,
            assigned_agent_id: assignee,
            created_by_user_id: None,
            ..NewTask::default()
        };
        let task = new.into_task(board, None, self.clock().now());
        self.seed(async |tx| store::tasks::insert(tx, &task).await).await;
        task
    }
}

/// A gateway record that nothing listens behind, not stored yet.
#[must_use]
pub fn gateway(organization: OrganizationId) -> NewGateway {
    NewGateway {
        id: GatewayId::generate(),
        organization_id: organization,
        name: "Gateway".to_owned(),
        url: "ws://127.0.0.1:1".to_owned(),
        workspace_root: "/workspaces".to_owned(),
    }
}

/// A board with the default rules, not stored yet.
#[must_use]
pub fn board(organization: OrganizationId, gateway: GatewayId, name: &str, now: Timestamp) -> Board {
    Board {
        id: BoardId::generate(),
        organization_id: organization,
        name: name.to_owned(),
        slug: name.to_lowercase().replace(' ', "-"),
        description: format!("The board {name}"),
        gateway_id: Some(gateway),
        board_group_id: None,
        board_type: "general".to_owned(),
        objective: None,
        success_metrics: None,
        target_date: None,
        goal_confirmed: true,
        goal_source: None,
        rules: BoardRules::default(),
        max_agents: 10,
        created_at: now,
        updated_at: now,
    }
}

/// An agent that is online and leads nothing, not stored yet.
#[must_use]
pub fn agent(gateway: GatewayId, board: Option<BoardId>, name: &str, now: Timestamp) -> Agent {
    let id = AgentId::generate();
    Agent {
        id,
        board_id: board,
        gateway_id: gateway,
        name: name.to_owned(),
        status: status::ONLINE.to_owned(),
        openclaw_session_id: Some(worker_session_key(id)),
        heartbeat_config: None,
        identity_profile: None,
        identity_template: None,
        soul_template: None,
        last_seen_at: Some(now),
        is_board_lead: false,
        created_at: now,
        updated_at: now,
    }
}

//! The data that every side of a comparison has: made once with the store crate, then copied.

use std::sync::Arc;
use std::time::Duration;

use mc_model::access::Role;
use mc_model::agent::{Agent, status};
use mc_model::board::{Board, BoardRules};
use mc_model::ids::{AgentId, BoardId, GatewayId, MemberId, OrganizationId, TaskId, UserId};
use mc_model::organization::{Member, Organization};
use mc_model::task::{NewTask, Task, TaskStatus};
use mc_model::user::{User, local};
use mc_model::{Clock, SystemClock, Timestamp};
use mc_store::{self as store, Store, StoreOptions, WriteTx};

use crate::Outcome;
use crate::floor::token_hash;

/// The sign-in token of the servers under test; 50 characters or more.
pub const USER_TOKEN: &str = "a-token-for-benchmarks-only-which-nobody-else-may-ever-use";
/// Tasks on the board that is listed, polled and claimed from.
pub const TASKS: usize = 1_000;
/// Agents in the world with few agents: two leads and the workers.
pub const FEW_AGENTS: usize = 10;
/// Agents in the world with many.
pub const MANY_AGENTS: usize = 10_000;
/// How many rows one seeding transaction writes.
const SLICE: usize = 2_000;

/// How much is seeded.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Agents in all, at least [`FEW_AGENTS`].
    pub agents: usize,
    /// Tasks on the large board.
    pub large: usize,
}

/// Who and what was seeded.
#[derive(Clone, Debug)]
pub struct World {
    /// A board with [`TASKS`] tasks, a lead and workers.
    pub board: BoardId,
    /// A board with [`Size::large`] tasks.
    pub large: BoardId,
    /// A board with a lead and no task, for creating some.
    pub empty: BoardId,
    /// The tasks of `board`, oldest first.
    pub tasks: Vec<TaskId>,
    /// The tokens of the workers of `board`.
    pub workers: Vec<String>,
}

/// Fills the empty database at `url`, which is migrated first.
pub async fn seed(url: &str, size: Size) -> Outcome<World> {
    let store = Store::open(&StoreOptions { url: url.to_owned() }, Arc::new(SystemClock)).await?;
    store.migrate().await?;
    let plan = Plan::new(size);
    store.write(None, None, async |tx| plan.insert_frame(tx).await).await?;
    let (crowd, people) = (plan.crowd(), plan.tasks());
    for slice in crowd.chunks(SLICE) {
        store.write(None, None, async |tx| insert_agents(tx, slice).await).await?;
    }
    for slice in people.chunks(SLICE) {
        store.write(None, None, async |tx| insert_tasks(tx, slice).await).await?;
    }
    let on_board = people.iter().filter(|task| task.board_id == plan.board.id);
    Ok(World {
        board: plan.board.id,
        large: plan.large.id,
        empty: plan.empty.id,
        tasks: on_board.map(|task| task.id).collect(),
        workers: plan.workers.iter().map(|(_, token)| token.clone()).collect(),
    })
}

/// Everything but the crowd of agents and the tasks.
struct Plan {
    size: Size,
    now: Timestamp,
    organization: Organization,
    user: UserId,
    gateway: GatewayId,
    board: Board,
    large: Board,
    empty: Board,
    leads: Vec<(Agent, String)>,
    workers: Vec<(Agent, String)>,
}

impl Plan {
    fn new(size: Size) -> Self {
        let now = SystemClock.now();
        let organization = Organization {
            id: OrganizationId::generate(),
            name: "Benchmark".to_owned(),
            is_demo: false,
            created_at: now,
            updated_at: now,
        };
        let gateway = GatewayId::generate();
        let board = |name| board(organization.id, gateway, name, now);
        let (first, large, empty) = (board("Board"), board("Large board"), board("Empty board"));
        let agent = |board: &Board, name, is_lead| {
            (agent(board.id, gateway, name, is_lead, now), format!("bench-token-{}", AgentId::generate()))
        };
        let leads = vec![agent(&first, "lead".into(), true), agent(&empty, "other lead".into(), true)];
        let workers =
            (0..FEW_AGENTS - leads.len()).map(|n| agent(&first, format!("worker {n}"), false)).collect();
        let user = UserId::generate();
        Self { size, now, organization, user, gateway, board: first, large, empty, leads, workers }
    }

    async fn insert_frame(&self, tx: &mut WriteTx) -> mc_model::Result<()> {
        store::organizations::insert(tx, &self.organization).await?;
        store::users::insert_if_absent(tx, &self.user(), self.now).await?;
        store::organizations::insert_member(tx, &self.member()).await?;
        store::gateways::insert(tx, &self.gateway()).await?;
        for board in [&self.board, &self.large, &self.empty] {
            store::boards::insert(tx, board).await?;
        }
        for (agent, token) in self.leads.iter().chain(&self.workers) {
            store::agents::insert(tx, agent, &token_hash(token.as_bytes())).await?;
        }
        Ok(())
    }

    /// The agents that are only there to be many; they work on the large board.
    fn crowd(&self) -> Vec<(Agent, String)> {
        let missing = self.size.agents.saturating_sub(self.leads.len() + self.workers.len());
        (0..missing)
            .map(|n| {
                let agent = agent(self.large.id, self.gateway, format!("crowd {n}"), false, self.now);
                let token = format!("bench-token-{}", agent.id);
                (agent, token)
            })
            .collect()
    }

    /// All tasks, oldest first, a millisecond apart.
    fn tasks(&self) -> Vec<Task> {
        let on = |board: &Board, count: usize| {
            let (board, start) = (board.id, self.now.before(Duration::from_millis(count as u64)));
            (0..count).map(move |n| task(board, n, start.after(Duration::from_millis(n as u64))))
        };
        on(&self.board, TASKS).chain(on(&self.large, self.size.large)).collect()
    }

    fn user(&self) -> User {
        User {
            id: self.user,
            external_id: local::EXTERNAL_ID.to_owned(),
            email: Some(local::EMAIL.to_owned()),
            name: Some(local::NAME.to_owned()),
            preferred_name: None,
            pronouns: None,
            timezone: None,
            notes: None,
            context: None,
            is_super_admin: false,
            active_organization_id: Some(self.organization.id),
        }
    }

    fn member(&self) -> Member {
        Member {
            id: MemberId::generate(),
            organization_id: self.organization.id,
            user_id: self.user,
            role: Role::Owner,
            all_boards_read: true,
            all_boards_write: true,
            created_at: self.now,
            updated_at: self.now,
        }
    }

    fn gateway(&self) -> store::gateways::NewGateway {
        store::gateways::NewGateway {
            id: self.gateway,
            organization_id: self.organization.id,
            name: "Nowhere".to_owned(),
            // The discard port: nobody answers, at once.
            url: "ws://127.0.0.1:9".to_owned(),
            workspace_root: "/nowhere".to_owned(),
        }
    }
}

fn board(organization: OrganizationId, gateway: GatewayId, name: &str, now: Timestamp) -> Board {
    Board {
        id: BoardId::generate(),
        organization_id: organization,
        name: name.to_owned(),
        slug: name.to_lowercase().replace(' ', "-"),
        description: "A board of the benchmark.".to_owned(),
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

fn agent(board: BoardId, gateway: GatewayId, name: String, is_lead: bool, now: Timestamp) -> Agent {
    let id = AgentId::generate();
    Agent {
        id,
        board_id: Some(board),
        gateway_id: gateway,
        name,
        status: status::ONLINE.to_owned(),
        openclaw_session_id: Some(format!("agent:{id}:main")),
        heartbeat_config: None,
        identity_profile: None,
        identity_template: None,
        soul_template: None,
        last_seen_at: Some(now),
        is_board_lead: is_lead,
        created_at: now,
        updated_at: now,
    }
}

fn task(board: BoardId, number: usize, at: Timestamp) -> Task {
    const PRIORITIES: [&str; 3] = ["low", "medium", "high"];
    let new = NewTask {
        title: format!("Task {number}: look into the report and say what to do"),
        description: Some("Read the report, compare it with last week's, and propose next steps.".to_owned()),
        status: TaskStatus::Inbox,
        priority: PRIORITIES[number % PRIORITIES.len()].to_owned(),
        due_at: number.is_multiple_of(2).then(|| at.after(Duration::from_hours(24))),
        assigned_agent_id: None,
        created_by_user_id: None,
        ..NewTask::default()
    };
    new.into_task(board, None, at)
}

async fn insert_agents(tx: &mut WriteTx, agents: &[(Agent, String)]) -> mc_model::Result<()> {
    for (agent, token) in agents {
        store::agents::insert(tx, agent, &token_hash(token.as_bytes())).await?;
    }
    Ok(())
}

async fn insert_tasks(tx: &mut WriteTx, tasks: &[Task]) -> mc_model::Result<()> {
    for task in tasks {
        store::tasks::insert(tx, task).await?;
    }
    Ok(())
}

//! Two organizations with everybody that access rules tell apart.

use std::ops::Deref;

use mc_model::access::Role;
use mc_model::agent::Agent;
use mc_model::board::Board;
use mc_model::ids::GatewayId;
use mc_model::organization::{Member, Organization};
use mc_model::task::Task;
use mc_model::user::{User, local};

use crate::fixture::AllBoards;
use crate::{Actor, TestApp};

/// The token of the one person of local mode, who owns the organization of [`World`].
pub const OWNER_TOKEN: &str = "the-token-of-the-owner-0000000000000000000000000000";

/// The people who sign in beside the owner; see [`token_of`].
pub(crate) const OTHERS: [&str; 8] =
    ["admin", "reader", "writer", "stranger", "newcomer", "ann", "ben", "cleo"];

/// The token of one of [`OTHERS`].
pub(crate) fn token_of(name: &str) -> String {
    format!("the-token-of-{name}")
}

/// A person with an account. Stands for its [`Actor`] wherever one is wanted.
#[derive(Clone, Debug)]
pub struct TestUser {
    /// The account.
    pub user: User,
    /// The membership of its active organization.
    pub member: Member,
    /// Its requests.
    pub actor: Actor,
}

impl Deref for TestUser {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.actor
    }
}

/// An agent with its token. Stands for its [`Actor`] wherever one is wanted.
#[derive(Clone, Debug)]
pub struct TestAgent {
    /// The agent as it was added.
    pub agent: Agent,
    /// Its token.
    pub token: String,
    /// Its requests.
    pub actor: Actor,
}

impl Deref for TestAgent {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.actor
    }
}

/// Two organizations. All but the last four fields belong to the first.
#[derive(Clone, Debug)]
pub struct World {
    /// The organization.
    pub organization: Organization,
    /// Its gateway.
    pub gateway: GatewayId,
    /// Its board, without rules.
    pub board: Board,
    /// Another board of it, which no agent and no single grant belongs to but [`World::neighbour`].
    pub other_board: Board,
    /// A task in the inbox of the board.
    pub task: Task,
    /// The person of local mode: owner, all boards.
    pub owner: TestUser,
    /// An admin without any board.
    pub admin: TestUser,
    /// A member who may read the board.
    pub reader: TestUser,
    /// A member who may write the board.
    pub writer: TestUser,
    /// The lead of the board.
    pub lead: TestAgent,
    /// A worker of the board.
    pub worker: TestAgent,
    /// The main agent of the gateway.
    pub main: TestAgent,
    /// A worker of the other board.
    pub neighbour: TestAgent,
    /// The owner of the other organization.
    pub stranger: TestUser,
    /// The board of the other organization.
    pub foreign_board: Board,
    /// A worker of that board.
    pub foreign_agent: TestAgent,
    /// The main agent of that organization's gateway.
    pub foreign_main: TestAgent,
}

impl TestApp {
    /// Fills the database with two organizations.
    pub async fn world(&self) -> World {
        let all = AllBoards { read: true, write: true };
        let organization = self.add_organization("Acme").await;
        let gateway = self.add_gateway(organization.id).await;
        let board = self.add_board(organization.id, gateway, "Launch").await;
        let other_board = self.add_board(organization.id, gateway, "Support").await;
        let owner =
            self.person(&organization, local::EXTERNAL_ID, OWNER_TOKEN.to_owned(), Role::Owner, all).await;
        let admin = self.other_person(&organization, "admin", Role::Admin, AllBoards::default()).await;
        let reader = self.other_person(&organization, "reader", Role::Member, AllBoards::default()).await;
        let writer = self.other_person(&organization, "writer", Role::Member, AllBoards::default()).await;
        self.grant(&reader.member, board.id, true, false).await;
        self.grant(&writer.member, board.id, true, true).await;
        let lead = self.add_agent(gateway, Some(board.id), "Lead", true).await;
        let worker = self.add_agent(gateway, Some(board.id), "Worker", false).await;
        let main = self.add_agent(gateway, None, "Main", false).await;
        let neighbour = self.add_agent(gateway, Some(other_board.id), "Neighbour", false).await;
        let task = self.add_task(board.id, "Write the announcement").await;

        let elsewhere = self.add_organization("Elsewhere").await;
        let foreign_gateway = self.add_gateway(elsewhere.id).await;
        let foreign_board = self.add_board(elsewhere.id, foreign_gateway, "Foreign").await;
        let stranger = self.other_person(&elsewhere, "stranger", Role::Owner, all).await;
        let foreign_agent = self.add_agent(foreign_gateway, Some(foreign_board.id), "Foreigner", false).await;
        let foreign_main = self.add_agent(foreign_gateway, None, "Foreign main", false).await;
        World {
            organization,
            gateway,
            board,
            other_board,
            task,
            owner,
            admin,
            reader,
            writer,
            lead,
            worker,
            main,
            neighbour,
            stranger,
            foreign_board,
            foreign_agent,
            foreign_main,
        }
    }

    async fn other_person(
        &self,
        organization: &Organization,
        name: &str,
        role: Role,
        boards: AllBoards,
    ) -> TestUser {
        self.person(organization, name, token_of(name), role, boards).await
    }

    async fn person(
        &self,
        organization: &Organization,
        name: &str,
        token: String,
        role: Role,
        boards: AllBoards,
    ) -> TestUser {
        let (user, member) = self.add_member(organization.id, name, role, boards).await;
        TestUser { user, member, actor: Actor::bearer(&token) }
    }

    /// A member of `organization` who signs in as `ann`, `ben` or `cleo`; the e-mail address is `NAME@example.com`.
    pub async fn add_person(
        &self,
        organization: &Organization,
        name: &str,
        role: Role,
        boards: AllBoards,
    ) -> TestUser {
        assert!(OTHERS.contains(&name), "{name} cannot sign in");
        self.other_person(organization, name, role, boards).await
    }

    /// Somebody who can sign in and has no account yet.
    #[must_use]
    pub fn newcomer(&self) -> Actor {
        Actor::bearer(&token_of("newcomer"))
    }
}

//! What is compared with what.

use std::rc::Rc;

use crate::client::{NOT_MODIFIED, request};
use crate::load::Requests;
use crate::world::{USER_TOKEN, World};

/// A side of a comparison: a server with its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The hand-written server, on SQLite.
    Floor,
    /// The product on SQLite.
    Sqlite,
    /// The product on SQLite with many agents.
    Crowded,
    /// The product on PostgreSQL.
    Postgres,
    /// A second node of the product on the same PostgreSQL.
    OtherNode,
}

impl Side {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Sqlite => "SQLite",
            Self::Crowded => "SQLite, 10,000 agents",
            Self::Postgres => "PostgreSQL",
            Self::OtherNode => "PostgreSQL, other node",
        }
    }
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Answers per second; more is better.
    Throughput,
    /// The median time to an answer; less is better.
    Latency,
}

/// What one connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// A constant answer.
    Constant,
    /// A page of 50 of the 1,000 tasks.
    List,
    /// The same page by somebody who has it already.
    Unchanged,
    /// The same of the large board.
    ListLarge,
    /// The same by an agent.
    Poll,
    /// A new task.
    Create,
    /// An agent takes a task and lets go of it, in turns.
    Claim,
}

/// One comparison.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Short name, for `--only` and JSON.
    pub key: &'static str,
    /// What it is, in reports.
    pub title: &'static str,
    /// Connections at once.
    pub connections: usize,
    /// What is compared.
    pub measure: Measure,
    /// The ratio to reach (decisions §6), at least for throughput and at most for latency.
    pub target: Option<f64>,
    /// The sides with what is asked of them; the first is the base of the ratios.
    pub sides: &'static [(Side, Load)],
}

const fn against_floor(load: Load) -> [(Side, Load); 3] {
    [(Side::Floor, load), (Side::Sqlite, load), (Side::Postgres, load)]
}

/// All of them, in the order they run.
pub const SCENARIOS: [Scenario; 8] = [
    Scenario {
        key: "constant",
        title: "a constant answer, 16 connections",
        connections: 16,
        measure: Measure::Throughput,
        target: None,
        sides: &[(Side::Floor, Load::Constant), (Side::Sqlite, Load::Constant)],
    },
    Scenario {
        key: "list",
        title: "list 50 of 1,000 tasks, 16 connections",
        connections: 16,
        measure: Measure::Throughput,
        target: Some(0.5),
        sides: &against_floor(Load::List),
    },
    Scenario {
        key: "not-modified",
        title: "the same list unchanged (If-None-Match), against a constant answer, 16 connections",
        connections: 16,
        measure: Measure::Throughput,
        target: Some(0.5),
        sides: &[
            (Side::Floor, Load::Constant),
            (Side::Sqlite, Load::Unchanged),
            (Side::Postgres, Load::Unchanged),
        ],
    },
    Scenario {
        key: "poll",
        title: "list 50 of 1,000 tasks by agents, 16 connections",
        connections: 16,
        measure: Measure::Throughput,
        target: Some(0.5),
        sides: &against_floor(Load::Poll),
    },
    Scenario {
        key: "create",
        title: "create a task, durable, 64 connections",
        connections: 64,
        measure: Measure::Throughput,
        target: Some(0.2),
        sides: &against_floor(Load::Create),
    },
    Scenario {
        key: "claim",
        title: "agents take and release tasks, durable, 64 connections",
        connections: 64,
        measure: Measure::Throughput,
        target: None,
        sides: &against_floor(Load::Claim),
    },
    Scenario {
        key: "agents",
        title: "poll with 10,000 agents instead of 10, 16 connections",
        connections: 16,
        measure: Measure::Throughput,
        target: Some(0.95),
        sides: &[(Side::Sqlite, Load::Poll), (Side::Crowded, Load::Poll)],
    },
    Scenario {
        key: "large",
        title: "median time to list 50, large board instead of 1,000 tasks, 1 connection",
        connections: 1,
        measure: Measure::Latency,
        target: Some(1.5),
        sides: &[(Side::Sqlite, Load::List), (Side::Sqlite, Load::ListLarge)],
    },
];

impl Load {
    /// What connection number `connection` sends; `seen` is the version of the list that [`Load::Unchanged`] has.
    pub fn requests(self, world: &World, connection: usize, seen: &str) -> Requests {
        let user = format!("Bearer {USER_TOKEN}");
        let signed_in = [("Authorization", user.as_str())];
        let worker = &world.workers[connection % world.workers.len()];
        let as_agent = [("X-Agent-Token", worker.as_str())];
        let path_of = |board| format!("/api/v1/boards/{board}/tasks?limit=50");
        let list = |board| vec![request("GET", &path_of(board), &signed_in, None)];
        let requests = match self {
            Self::Constant => vec![request("GET", "/health", &[], None)],
            Self::List => list(world.board),
            Self::Unchanged => {
                let headers = [signed_in[0], ("If-None-Match", seen)];
                vec![request("GET", &path_of(world.board), &headers, None)]
            }
            Self::ListLarge => list(world.large),
            Self::Poll => {
                let path = format!("/api/v1/agent/boards/{}/tasks?limit=50", world.board);
                vec![request("GET", &path, &as_agent, None)]
            }
            Self::Create => {
                let path = format!("/api/v1/boards/{}/tasks", world.empty);
                let body = r#"{"title":"Look into the report","description":"Compare it with last week's.","priority":"high"}"#;
                vec![request("POST", &path, &signed_in, Some(body))]
            }
            Self::Claim => {
                let task = world.tasks[connection % world.tasks.len()];
                let path = format!("/api/v1/agent/boards/{}/tasks/{task}", world.board);
                let to = |status: &str| {
                    request("PATCH", &path, &as_agent, Some(&format!(r#"{{"status":"{status}"}}"#)))
                };
                vec![to("in_progress"), to("inbox")]
            }
        };
        let status = if self == Self::Unchanged { NOT_MODIFIED } else { 200 };
        Requests { bytes: Rc::from(requests), status }
    }
}

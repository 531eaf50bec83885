//! The play itself: one deed after another at the pace the server allows, and an eye on the stream.

use std::future::pending;
use std::time::Duration;

use mc_api::limit::Limit;
use mc_model::ids::{AgentId, BoardId};
use mc_service::demo::{DemoAgent, DemoSeed};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{Api, Failure, Matter};
use super::pace;
use super::scene::{Scene, SeenApproval, SeenTask};
use super::script::{self, Act, Deed};
use super::show::Show;
use super::watch::watch;
use crate::start::StartError;

/// How often the table is drawn again when nothing happens: its times go on.
const REDRAW: Duration = Duration::from_secs(1);
/// The first deeds, one check-in of each agent, go at the wished pace: too few to reach any sensible limit.
const OPENING: u64 = 4;
/// How often in a row the server may fail to answer before the demo gives up.
const PATIENCE: u32 = 6;
/// How long a refused agent waits beyond what the server asks for; a retry that is early counts against it.
const MARGIN: Duration = Duration::from_millis(500);

/// What an agent is on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Leads the board.
    Lead,
    /// Works on it.
    Worker,
    /// Belongs to the gateway.
    Main,
}

/// An agent of the demo.
#[derive(Clone)]
pub(super) struct Player {
    pub id: AgentId,
    name: String,
    token: String,
    role: Role,
    /// The turn of its last check-in.
    pub checked_in: Option<u64>,
}

/// All agents of the demo: the lead first.
#[derive(Clone)]
pub(super) struct Cast {
    lead: Player,
    others: Vec<Player>,
}

impl Cast {
    pub(super) fn new(seed: &DemoSeed) -> Self {
        let player = |agent: &DemoAgent, role| Player {
            id: agent.id,
            name: agent.name.clone(),
            token: agent.token.clone(),
            role,
            checked_in: None,
        };
        let workers = seed.workers.iter().map(|agent| player(agent, Role::Worker));
        let others = workers.chain([player(&seed.main, Role::Main)]).collect();
        Self { lead: player(&seed.lead, Role::Lead), others }
    }

    pub(super) fn lead(&self) -> &Player {
        &self.lead
    }

    pub(super) fn agents(&self) -> impl Iterator<Item = &Player> {
        std::iter::once(&self.lead).chain(&self.others)
    }

    pub(super) fn workers(&self) -> impl Iterator<Item = &Player> {
        self.others.iter().filter(|player| player.role == Role::Worker)
    }

    pub(super) fn role(&self, agent: AgentId) -> Option<Role> {
        self.agents().find(|player| player.id == agent).map(|player| player.role)
    }

    /// What a comment addresses an agent by.
    pub(super) fn first_name(&self, agent: AgentId) -> Option<&str> {
        let player = self.agents().find(|player| player.id == agent)?;
        player.name.split_whitespace().next()
    }

    pub(super) fn check_in(&mut self, agent: AgentId, turn: u64) {
        let mut all = std::iter::once(&mut self.lead).chain(&mut self.others);
        if let Some(player) = all.find(|player| player.id == agent) {
            player.checked_in = Some(turn);
        }
    }
}

/// Where and with whom the play takes place.
pub(super) struct Stage {
    pub api: Api,
    pub board: BoardId,
    pub cast: Cast,
    /// Deeds a second.
    pub rate: f64,
    pub run_for: Option<Duration>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub took: Duration,
    pub deeds: u64,
    pub accepted: u64,
    pub refused: u64,
}

/// Plays until `stop`, the end of the time, or until nobody reads what is shown.
pub(super) async fn play(
    stage: &Stage,
    show: &mut Show,
    stop: &CancellationToken,
) -> Result<Summary, StartError> {
    let started = Instant::now();
    let deadline = stage.run_for.map(|time| started + time);
    // First follow, then read: what happens in between comes with the stream.
    let mut events =
        watch(stage.api.clone(), stage.board).await.map_err(|failure| cannot_watch(stage, failure))?;
    let mut play = Play {
        stage,
        cast: stage.cast.clone(),
        scene: Scene::default(),
        turn: 0,
        limit: None,
        troubles: 0,
        summary: Summary::default(),
    };
    play.look().await.map_err(|failure| cannot_watch(stage, failure))?;
    let mut next = Instant::now();
    let mut drawn = Instant::now();
    while !show.is_deaf() {
        tokio::select! {
            () = end(stop, deadline) => break,
            Some(event) = events.recv() => {
                if let Some(happening) = play.scene.see_event(&event, Instant::now()) {
                    show.happened(&happening);
                }
            }
            () = tokio::time::sleep_until(next) => {
                tokio::select! {
                    () = end(stop, deadline) => break,
                    pause = play.take_turn(show) => next = Instant::now() + pause?,
                }
            }
            () = tokio::time::sleep_until(drawn + REDRAW), if show.is_live() => {}
        }
        drawn = Instant::now();
        show.draw(&play.scene, drawn);
    }
    Ok(Summary { took: started.elapsed(), ..play.summary })
}

async fn end(stop: &CancellationToken, deadline: Option<Instant>) {
    let over = async {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => pending().await,
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = over => {}
    }
}

fn cannot_watch(stage: &Stage, failure: Failure) -> StartError {
    let server = stage.api.base();
    match failure {
        Failure::Unknown => StartError::new(
            format!("the server at {server} does not accept the sign-in token of this configuration"),
            "run the demo with the DATA_DIR (or LOCAL_AUTH_TOKEN) of the server",
        ),
        Failure::Gone => StartError::new(
            format!("the server at {server} does not know the demo board"),
            "run the demo with the DATABASE_URL (or DATA_DIR) of the server, so that both use one database",
        ),
        Failure::Busy(_) | Failure::Refused(_) | Failure::Away(_) => away(server, failure),
    }
}

fn away(server: &str, failure: Failure) -> StartError {
    let why = match failure {
        Failure::Refused(why) | Failure::Away(why) => why,
        Failure::Busy(pause) => format!("it asks for a pause of {} s", pause.as_secs()),
        Failure::Unknown | Failure::Gone => "it does not know the demo any more".to_owned(),
    };
    StartError::new(format!("the server at {server} does not work with the demo"), "look at the server's log")
        .because(why)
}

/// A play in progress.
struct Play<'a> {
    stage: &'a Stage,
    cast: Cast,
    scene: Scene,
    turn: u64,
    /// The server's limit on agents, as far as it said so.
    limit: Option<Limit>,
    /// Requests in a row without an answer.
    troubles: u32,
    summary: Summary,
}

impl Play<'_> {
    /// Reads all tasks and approvals again.
    async fn look(&mut self) -> Result<(), Failure> {
        let Stage { api, board, .. } = self.stage;
        self.scene.see_page(&api.list(*board, Matter::Tasks).await?, Instant::now());
        self.scene.see_approvals(&api.list(*board, Matter::Approvals).await?);
        Ok(())
    }

    /// One deed. Returns the pause until the next one.
    async fn take_turn(&mut self, show: &mut Show) -> Result<Duration, StartError> {
        let deed = script::next(&self.scene, &self.cast, self.turn);
        self.turn += 1;
        match self.perform(&deed).await {
            Ok(body) => {
                self.troubles = 0;
                self.succeeded(&deed, &body, show);
                Ok(self.pause(show))
            }
            Err(Failure::Busy(pause)) => {
                self.turn -= 1;
                show.note(&format!("The server asks for a pause of {} s.", pause.as_secs()));
                Ok(pause + MARGIN)
            }
            Err(Failure::Unknown) => Err(StartError::new(
                format!(
                    "the server at {} does not know the agents of this demo (any more)",
                    self.stage.api.base()
                ),
                "was the demo removed, or another one started? Then start this one again. Else run it with the \
                 DATABASE_URL (or DATA_DIR) of the server",
            )),
            Err(Failure::Away(why)) => {
                self.troubles += 1;
                if self.troubles >= PATIENCE {
                    return Err(away(self.stage.api.base(), Failure::Away(why)));
                }
                show.note(&format!("The server does not answer ({why}); trying again."));
                Ok(Duration::from_secs(1 << self.troubles.min(4)))
            }
            Err(failure @ (Failure::Refused(_) | Failure::Gone)) => {
                self.refused(&deed, &failure, show).await;
                Ok(self.pause(show))
            }
        }
    }

    async fn perform(&mut self, deed: &Deed) -> Result<Value, Failure> {
        let (method, path, body) = request(&deed.act, self.stage.board);
        let Some(agent) = deed.agent else {
            return self.stage.api.as_person(method, &path, body.as_ref()).await;
        };
        let token = self.cast.agents().find(|player| player.id == agent).map(|player| &player.token);
        let token = token.map_or("", String::as_str);
        let answer = self.stage.api.as_agent(token, method, &path, body.as_ref()).await?;
        self.limit = answer.limit;
        Ok(answer.body)
    }

    fn succeeded(&mut self, deed: &Deed, body: &Value, show: &mut Show) {
        self.summary.deeds += 1;
        match &deed.act {
            Act::CheckIn => {
                if let Some(agent) = deed.agent {
                    self.cast.check_in(agent, self.turn);
                    show.checked_in(agent);
                }
            }
            Act::Remove { task } => self.scene.forget(*task),
            Act::Accept { .. } => self.summary.accepted += 1,
            _ => {}
        }
        // Comments and check-ins answer with something else.
        if let Ok(task) = SeenTask::deserialize(body) {
            self.scene.see(task, Instant::now());
        } else if let Ok(approval) = SeenApproval::deserialize(body) {
            self.scene.see_approval(&approval);
        }
        deed.done(self.turn, &mut self.scene);
    }

    /// Somebody else was faster, or a rule of the board changed: look again, and go on with another task.
    async fn refused(&mut self, deed: &Deed, failure: &Failure, show: &mut Show) {
        self.summary.refused += 1;
        if let Failure::Refused(why) = failure {
            show.note(&format!("Refused: {why}"));
        }
        if let Some(entry) = deed.act.task().and_then(|task| self.scene.entry_mut(task)) {
            entry.turn = self.turn;
        }
        // If this fails as well, the next deed says so.
        self.look().await.ok();
    }

    /// The pause after a deed; says once why it is longer than wished.
    fn pause(&self, show: &mut Show) -> Duration {
        let wished = pace::interval(self.stage.rate, None);
        if self.turn < OPENING {
            return wished;
        }
        let pause = pace::interval(self.stage.rate, self.limit);
        if let Some(limit) = self.limit.filter(|_| pause > wished && self.turn == OPENING) {
            let plenty = pace::requests_in(limit.window, self.stage.rate).saturating_mul(2);
            let window = limit.window.as_secs();
            show.hint(&[
                format!(
                    "The server takes {} agent requests in {window} s from one address: one action every {:.0} s.",
                    limit.max,
                    pause.as_secs_f64(),
                ),
                format!("For the full pace start it with RATE_LIMIT_AGENT_AUTH={plenty}/{window}."),
            ]);
        }
        pause
    }
}

/// The HTTP request of a deed; the path comes after `/api/v1/agent`, for the person after `/api/v1`.
fn request(act: &Act, board: BoardId) -> (Method, String, Option<Value>) {
    let tasks = format!("/boards/{board}/tasks");
    let on = |task| format!("{tasks}/{task}");
    let (method, path, body) = match act {
        Act::CheckIn => return (Method::POST, "/heartbeat".to_owned(), None),
        Act::Remove { task } => return (Method::DELETE, on(task), None),
        Act::Add { title, after } => {
            let waits_for: Vec<_> = after.iter().collect();
            (Method::POST, tasks, json!({"title": title, "depends_on_task_ids": waits_for}))
        }
        Act::Delegate { task, to } => {
            (Method::PATCH, on(task), json!({"status": "in_progress", "assigned_agent_id": to}))
        }
        Act::Take { task } => (Method::PATCH, on(task), json!({"status": "in_progress"})),
        Act::HandOver { task, text } => {
            (Method::PATCH, on(task), json!({"status": "review", "comment": text}))
        }
        Act::SendBack { task } => (Method::PATCH, on(task), json!({"status": "inbox"})),
        Act::Accept { task } => (Method::PATCH, on(task), json!({"status": "done"})),
        Act::AskApproval { task } => {
            let reason = "The work is reviewed. May it go out? The decision is a person's.";
            let body = json!({"action_type": "task.done", "task_id": task, "confidence": 85,
                              "payload": {"reason": reason}});
            (Method::POST, format!("/boards/{board}/approvals"), body)
        }
        Act::Approve { approval, .. } => {
            (Method::PATCH, format!("/boards/{board}/approvals/{approval}"), json!({"status": "approved"}))
        }
        Act::Report { task, text } => comment(&on(task), text),
        Act::Ask { task, text } => comment(&on(task), text),
    };
    (method, path, Some(body))
}

fn comment(task: &str, text: &str) -> (Method, String, Value) {
    (Method::POST, format!("{task}/comments"), json!({"message": text}))
}

//! The write transaction: state, activity, events and jobs that become visible together or not at all.

use std::sync::atomic::{AtomicBool, Ordering};

use mc_model::clock::Timestamp;
use mc_model::event::{NewActivity, Scope, kind};
use mc_model::ids::{ActivityId, AgentId, ApprovalId, BoardId, JobId, OrganizationId, TaskId};
use mc_model::{Clock, Error, ErrorKind, Result};
use sea_orm::{DatabaseTransaction, Value};
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::dialect::Dialect;
use crate::sql::{Conn, Link, Target, failure, id, json as json_value, opt_id, time, tuples};
use crate::store::{Announcer, Committed};
use crate::tasks::tally::Tally;
use crate::writer::Turn;

/// The member of an event's data that names an approval.
pub(crate) const APPROVAL: &str = "approval_id";
/// How many rows one statement adds: SQLite takes 32,766 parameters, PostgreSQL 65,535.
const ROWS_AT_ONCE: usize = 500;

/// An open write transaction on one scope.
///
/// What is recorded with [`WriteTx::activity`], [`WriteTx::event`] and [`WriteTx::job`] is written at its end, so the
/// scope's sequence is taken last and held shortest.
pub struct WriteTx {
    transaction: Transaction,
    dialect: Dialect,
    changes_access: AtomicBool,
    scope: Option<Scope>,
    /// The scopes that have been left, with what has been written there.
    left: Committed,
    now: Timestamp,
    request_id: Option<String>,
    activities: Vec<NewActivity>,
    events: Vec<PendingEvent>,
    jobs: Vec<NewJob>,
    mentions: Vec<Mentions>,
    tallies: Vec<(BoardId, Tally)>,
}

/// What a write transaction is on each database.
pub(crate) enum Transaction {
    /// A turn in the line of all writers.
    Sqlite(Turn),
    /// A transaction among others.
    Postgres(DatabaseTransaction),
}

impl Transaction {
    fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Makes the work durable and announces it.
    pub(crate) async fn commit(self, committed: Committed, announcer: &Announcer) -> Result<()> {
        match self {
            // The batch that the turn belongs to announces all that is in it.
            Self::Sqlite(turn) => heard(turn.keep(committed)?).await,
            Self::Postgres(transaction) => {
                let announcer = announcer.clone();
                let end = async move {
                    transaction.commit().await.map_err(failure)?;
                    announcer.announce(std::iter::once(&committed));
                    Ok(())
                };
                // A task of its own: the caller may be cancelled, and what is committed must be announced.
                tokio::spawn(end).await.map_err(Error::internal)?
            }
        }
    }

    /// Undoes the work. On SQLite this too waits for the disk: the work may have been refused on the ground of a
    /// neighbour's change that is not durable yet.
    pub(crate) async fn roll_back(self) -> Result<()> {
        match self {
            Self::Sqlite(turn) => heard(turn.undo()).await,
            Self::Postgres(transaction) => transaction.rollback().await.map_err(failure),
        }
    }
}

/// Waits for the end of a batch.
async fn heard(saved: oneshot::Receiver<Result<()>>) -> Result<()> {
    let stopped = "The server stopped before the change was saved.";
    saved.await.unwrap_or_else(|_| Err(Error::text(ErrorKind::Unavailable, stopped)))
}

struct PendingEvent {
    kind: &'static str,
    activity_id: Option<Uuid>,
    task_id: Option<TaskId>,
    agent_id: Option<AgentId>,
    data: Option<Json>,
}

/// The agents that a comment addresses; rows that need the comment's row first.
struct Mentions {
    comment: ActivityId,
    task: TaskId,
    agents: Vec<AgentId>,
}

/// Background work to be done after the commit, at least once.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Which handler runs it.
    pub kind: &'static str,
    /// What the handler needs.
    pub payload: Json,
    /// Not before this moment.
    pub run_at: Timestamp,
    /// How many runs may fail before the job is set aside.
    pub max_attempts: i32,
    /// While a job with this key waits, another one is not added.
    pub dedup_key: Option<String>,
}

/// The scope's row, locked by this transaction and counted forward.
struct Head {
    scope: Scope,
    seq: i64,
    organization: OrganizationId,
    board: Option<BoardId>,
}

impl Conn for WriteTx {
    fn link(&self) -> Link<'_> {
        Link {
            dialect: self.dialect,
            target: match &self.transaction {
                Transaction::Sqlite(turn) => Target::SqliteWriter(turn),
                Transaction::Postgres(transaction) => Target::PostgresTransaction(transaction),
            },
            changes_access: Some(&self.changes_access),
        }
    }
}

impl WriteTx {
    /// Wraps an open transaction; where writers run in parallel, locks the row of the scope first.
    pub(crate) async fn start(
        transaction: Transaction,
        scope: Option<Scope>,
        clock: &dyn Clock,
        request_id: Option<String>,
    ) -> Result<Self> {
        let mut tx = Self {
            dialect: transaction.dialect(),
            transaction,
            changes_access: AtomicBool::new(false),
            scope: None,
            left: Committed::default(),
            now: clock.now(),
            request_id,
            activities: Vec::new(),
            events: Vec::new(),
            jobs: Vec::new(),
            mentions: Vec::new(),
            tallies: Vec::new(),
        };
        if let Some(scope) = scope {
            tx.go_to(scope).await?;
        }
        // Only now is it this writer's turn: a moment from before the wait would run against the order of the log.
        tx.now = clock.now();
        Ok(tx)
    }

    /// Goes on in another scope: writes what was recorded for the present one, then locks the row of the next. Go
    /// through several scopes in the order of their ids, so that two such transactions do not wait for each other.
    ///
    /// # Errors
    /// 404 when there is no such scope.
    pub async fn go_to(&mut self, scope: Scope) -> Result<()> {
        self.write_recorded().await?;
        if self.dialect.has_parallel_writers() {
            let sql =
                format!("SELECT 1 FROM {} WHERE id = $1{}", scope_table(scope), self.dialect.lock_row());
            self.link().row(sql, vec![scope.id().into()]).await?.ok_or_else(|| scope_is_gone(scope))?;
        }
        self.scope = Some(scope);
        Ok(())
    }

    /// Gives a scope to a transaction that began without one, because it makes the scope itself.
    ///
    /// # Errors
    /// When the transaction has a scope already.
    pub fn enter(&mut self, scope: Scope) -> Result<()> {
        match self.scope.replace(scope) {
            None => Ok(()),
            Some(_) => Err(Error::internal("a write transaction has one scope")),
        }
    }

    /// The moment of this transaction: every row it writes carries the same one.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Records an activity and the event that announces it.
    pub fn activity(&mut self, activity: NewActivity) {
        self.events.push(PendingEvent {
            kind: activity.event_type,
            activity_id: Some(activity.id.0),
            task_id: activity.event_task_id,
            agent_id: activity.agent_id,
            data: None,
        });
        self.activities.push(activity);
    }

    /// Remembers which agents a comment recorded in this transaction addresses.
    pub fn mentions(&mut self, comment: ActivityId, task: TaskId, agents: Vec<AgentId>) {
        self.mentions.push(Mentions { comment, task, agents });
    }

    /// Announces a change that makes no row in the activity feed.
    pub fn event(&mut self, kind: &'static str, agent_id: Option<AgentId>) {
        self.events.push(PendingEvent { kind, activity_id: None, task_id: None, agent_id, data: None });
    }

    /// Announces a change of an approval, which makes no row in the activity feed.
    pub fn approval_event(&mut self, kind: &'static str, approval: ApprovalId) {
        let data = Some(json!({ APPROVAL: approval }));
        self.events.push(PendingEvent { kind, activity_id: None, task_id: None, agent_id: None, data });
    }

    /// By how much this transaction changes the task counts of `board`.
    pub(crate) fn tally(&mut self, board: BoardId) -> &mut Tally {
        let at = self.tallies.iter().position(|(other, _)| *other == board).unwrap_or_else(|| {
            self.tallies.push((board, Tally::default()));
            self.tallies.len() - 1
        });
        &mut self.tallies[at].1
    }

    /// Adds background work.
    pub fn job(&mut self, job: NewJob) {
        self.jobs.push(job);
    }

    /// Writes what was recorded and says what to announce after the commit.
    pub(crate) async fn flush(&mut self) -> Result<Committed> {
        self.write_recorded().await?;
        for (board, tally) in std::mem::take(&mut self.tallies) {
            let sql = format!("UPDATE boards SET event_seq = event_seq{} WHERE id = $1", tally.assignments());
            self.link().run(sql, vec![id(board)]).await?;
        }
        self.left.changes_access = self.changes_access.load(Ordering::Relaxed);
        Ok(std::mem::take(&mut self.left))
    }

    /// The transaction, to be ended.
    pub(crate) fn into_transaction(self) -> Transaction {
        self.transaction
    }

    /// Writes what was recorded for the present scope.
    async fn write_recorded(&mut self) -> Result<()> {
        let (has_events, has_jobs) = (!self.events.is_empty(), !self.jobs.is_empty());
        if !has_events && !has_jobs {
            return Ok(());
        }
        let scope = self.scope.ok_or_else(|| Error::internal("events and jobs need a scope"))?;
        let head = self.count_forward(scope).await?;
        self.write_activities(&head).await?;
        for mentions in &self.mentions {
            crate::activity::insert_mentions(self, mentions.comment, mentions.task, &mentions.agents).await?;
        }
        self.write_events(&head).await?;
        self.write_jobs(&head).await?;
        self.left.scopes.extend(has_events.then_some(scope));
        self.left.has_jobs |= has_jobs;
        self.forget_recorded();
        Ok(())
    }

    fn forget_recorded(&mut self) {
        self.activities.clear();
        self.mentions.clear();
        self.events.clear();
        self.jobs.clear();
    }

    /// Takes the sequence numbers of this transaction's events from the row of the scope, and counts its tasks there.
    /// The statement names `event_seq` first: that tells it from changes that access depends on.
    async fn count_forward(&mut self, scope: Scope) -> Result<Head> {
        let taken = i64::try_from(self.events.len()).map_err(Error::internal)?;
        let organization = match scope {
            Scope::Board(_) => "organization_id",
            Scope::Organization(_) => "id",
        };
        // Signs of life leave the version of lists as it is.
        let changes_content = self.events.iter().any(|event| kind::changes_content(event.kind));
        let content = if changes_content { ", content_seq = event_seq + $1" } else { "" };
        let own = self.tallies.iter().position(|(board, _)| Scope::Board(*board) == scope);
        let tally = own.map(|at| self.tallies.swap_remove(at).1.assignments()).unwrap_or_default();
        let sql = format!(
            "UPDATE {} SET event_seq = event_seq + $1{content}{tally} WHERE id = $2 \
             RETURNING event_seq, {organization}",
            scope_table(scope)
        );
        let row = self
            .link()
            .row(sql, vec![taken.into(), scope.id().into()])
            .await?
            .ok_or_else(|| scope_is_gone(scope))?;
        let board = match scope {
            Scope::Board(board) => Some(board),
            Scope::Organization(_) => None,
        };
        Ok(Head { scope, seq: row.get::<i64>(0)? - taken, organization: row.id(1)?, board })
    }

    async fn write_activities(&self, head: &Head) -> Result<()> {
        const COLUMNS: usize = 11;
        const DATA: usize = 9;
        for activities in self.activities.chunks(ROWS_AT_ONCE) {
            let mut values = Vec::with_capacity(activities.len() * COLUMNS);
            for activity in activities {
                values.extend([
                    id(activity.id),
                    activity.event_type.into(),
                    activity.message.as_str().into(),
                    opt_id(activity.agent_id),
                    opt_id(activity.user_id),
                    opt_id(activity.task_id),
                    opt_id(head.board),
                    id(head.organization),
                    self.request_id.clone().into(),
                    json_value(activity.data.as_ref())?,
                    time(self.now),
                ]);
            }
            let tuples =
                tuples(activities.len(), COLUMNS, |column, position| self.cell(column == DATA, position));
            let sql = format!(
                "INSERT INTO activity_events (id, event_type, message, agent_id, user_id, task_id, board_id, \
                 organization_id, request_id, data, created_at) VALUES {tuples}"
            );
            self.link().run(sql, values).await?;
        }
        Ok(())
    }

    async fn write_events(&self, head: &Head) -> Result<()> {
        const COLUMNS: usize = 10;
        const DATA: usize = 8;
        let mut numbers = head.seq + 1..;
        for events in self.events.chunks(ROWS_AT_ONCE) {
            let mut values: Vec<Value> = Vec::with_capacity(events.len() * COLUMNS);
            for (event, seq) in events.iter().zip(&mut numbers) {
                values.extend([
                    head.scope.id().into(),
                    seq.into(),
                    id(head.organization),
                    opt_id(head.board),
                    event.kind.into(),
                    event.activity_id.into(),
                    opt_id(event.task_id),
                    opt_id(event.agent_id),
                    json_value(event.data.as_ref())?,
                    time(self.now),
                ]);
            }
            let txid = self.dialect.transaction_number();
            let tuples = tuples(events.len(), COLUMNS, |column, position| match column {
                0 => format!("{txid},${position}"),
                DATA => self.dialect.json(position),
                _ => format!("${position}"),
            });
            let sql = format!(
                "INSERT INTO events (txid, scope_id, seq, organization_id, board_id, kind, activity_id, task_id, \
                 agent_id, data, created_at) VALUES {tuples}"
            );
            self.link().run(sql, values).await?;
        }
        Ok(())
    }

    async fn write_jobs(&self, head: &Head) -> Result<()> {
        const COLUMNS: usize = 12;
        const PAYLOAD: usize = 2;
        for jobs in self.jobs.chunks(ROWS_AT_ONCE) {
            let mut values: Vec<Value> = Vec::with_capacity(jobs.len() * COLUMNS);
            for job in jobs {
                values.extend([
                    id(JobId::generate()),
                    job.kind.into(),
                    json_value(Some(&job.payload))?,
                    id(head.organization),
                    opt_id(head.board),
                    time(job.run_at),
                    0_i32.into(),
                    job.max_attempts.into(),
                    job.dedup_key.clone().into(),
                    self.request_id.clone().into(),
                    time(self.now),
                    time(self.now),
                ]);
            }
            let tuples =
                tuples(jobs.len(), COLUMNS, |column, position| self.cell(column == PAYLOAD, position));
            let sql = format!(
                "INSERT INTO jobs (id, kind, payload, organization_id, board_id, run_at, attempt, max_attempts, \
                 dedup_key, request_id, created_at, updated_at) VALUES {tuples} ON CONFLICT (dedup_key) DO NOTHING"
            );
            self.link().run(sql, values).await?;
        }
        Ok(())
    }

    fn cell(&self, is_json: bool, position: usize) -> String {
        if is_json { self.dialect.json(position) } else { format!("${position}") }
    }
}

fn scope_table(scope: Scope) -> &'static str {
    match scope {
        Scope::Board(_) => "boards",
        Scope::Organization(_) => "organizations",
    }
}

fn scope_is_gone(scope: Scope) -> Error {
    Error::not_found(match scope {
        Scope::Board(_) => "There is no such board.",
        Scope::Organization(_) => "There is no such organization.",
    })
}

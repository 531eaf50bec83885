//! Writing: one thread; writes that queue up share a commit, each in its own savepoint, answered after the commit.

use std::sync::mpsc;

use mc_model::ids::{ActivityId, JobId, TaskId, generate_request_id};
use mc_model::{Clock, SystemClock};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::wire::{Create, Patch, Task, shown};
use super::{Answer, broken, missing_or_broken, read};
use crate::Outcome;

/// The most writes of one commit, as in the product.
const MAX_BATCH: usize = 128;

type Work = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Task> + Send>;
type Reply = oneshot::Sender<rusqlite::Result<Task>>;

/// The line in front of the writing thread.
#[derive(Clone)]
pub struct Writer {
    line: mpsc::Sender<(Work, Reply)>,
    /// The only person of the world, who makes the tasks.
    user: Uuid,
}

impl Writer {
    /// Starts the thread.
    pub fn start(connection: Connection) -> Outcome<Self> {
        let user = connection.query_row("SELECT id FROM users", [], |row| read::id(row, 0))?;
        let (line, waiting) = mpsc::channel();
        std::thread::spawn(move || {
            while let Ok(first) = waiting.recv() {
                batch(&connection, first, &waiting)
            }
        });
        Ok(Self { line, user })
    }

    /// Creates a task with the rows that go with it.
    pub async fn create(&self, board: Uuid, create: Create) -> Answer<Task> {
        let user = self.user;
        self.run(move |db| insert(db, board, user, create)).await
    }

    /// Takes a task or lets go of it.
    pub async fn update(&self, board: Uuid, task: Uuid, agent: Uuid, patch: Patch) -> Answer<Task> {
        self.run(move |db| change(db, board, task, agent, patch)).await
    }

    async fn run(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Task> + Send + 'static,
    ) -> Answer<Task> {
        let (reply, answer) = oneshot::channel();
        self.line.send((Box::new(work), reply)).map_err(broken)?;
        answer.await.map_err(broken)?.map_err(missing_or_broken)
    }
}

fn batch(db: &Connection, first: (Work, Reply), waiting: &mpsc::Receiver<(Work, Reply)>) {
    let mut answers = Vec::new();
    let committed = statement(db, "BEGIN IMMEDIATE").and_then(|()| {
        let mut next = Some(first);
        while let Some((work, reply)) = next {
            answers.push((savepoint(db, work), reply));
            next = if answers.len() < MAX_BATCH { waiting.try_recv().ok() } else { None };
        }
        statement(db, "COMMIT")
    });
    if let Err(error) = committed {
        // The replies are dropped with it: their requests fail.
        eprintln!("floor: {error}");
        return;
    }
    for (result, reply) in answers {
        reply.send(result).ok();
    }
}

fn savepoint(db: &Connection, work: Work) -> rusqlite::Result<Task> {
    statement(db, "SAVEPOINT one")?;
    let result = work(db);
    if result.is_err() {
        statement(db, "ROLLBACK TO one")?;
    }
    statement(db, "RELEASE one")?;
    result
}

fn statement(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(drop)
}

/// The present moment in stored form.
fn now() -> String {
    SystemClock.now().naive().format("%Y-%m-%d %H:%M:%S%.6f").to_string()
}

fn insert(db: &Connection, board: Uuid, user: Uuid, create: Create) -> rusqlite::Result<Task> {
    let (id, now) = (TaskId::generate().0, now());
    let Create { title, description, priority } = create;
    db.prepare_cached(
        "INSERT INTO tasks (id, board_id, title, description, status, priority, created_by_user_id, auto_created, \
         created_at, updated_at) VALUES (?1, ?2, ?3, ?4, 'inbox', ?5, ?6, 0, ?7, ?7)",
    )?
    .execute(params![
        id.as_bytes(),
        board.as_bytes(),
        title,
        description,
        priority,
        user.as_bytes(),
        now
    ])?;
    let lead = lead_of(db, board)?;
    let change = Change {
        board,
        task: id,
        kind: "task.created",
        message: format!("Task created: {title}"),
        user: Some(user),
        agent: None,
        data: None,
        now: &now,
        notice: lead.map(|lead| ("NEW TASK ADDED", lead)),
    };
    record(db, change)?;
    let moment = shown(now);
    Ok(Task {
        title,
        description,
        status: "inbox".to_owned(),
        priority,
        due_at: None,
        assigned_agent_id: None,
        depends_on_task_ids: [],
        tag_ids: [],
        id,
        board_id: board,
        created_by_user_id: Some(user),
        in_progress_at: None,
        created_at: moment.clone(),
        updated_at: moment,
        blocked_by_task_ids: [],
        is_blocked: false,
        tags: [],
        custom_field_values: serde_json::Map::new(),
    })
}

fn change(db: &Connection, board: Uuid, task: Uuid, agent: Uuid, patch: Patch) -> rusqlite::Result<Task> {
    let mut task = read::one(db, board, task)?;
    if task.assigned_agent_id.is_some_and(|other| other != agent) {
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    let (now, takes) = (now(), patch.status == "in_progress");
    db.prepare_cached(
        "UPDATE tasks SET status = ?2, assigned_agent_id = ?3, previous_in_progress_at = in_progress_at, \
         in_progress_at = ?4, updated_at = ?5 WHERE id = ?1",
    )?
    .execute(params![
        task.id.as_bytes(),
        patch.status,
        takes.then(|| agent.as_bytes()),
        takes.then_some(&now),
        now
    ])?;
    let lead = lead_of(db, board)?;
    let from = std::mem::replace(&mut task.status, patch.status);
    record(
        db,
        Change {
            board,
            task: task.id,
            kind: "task.status_changed",
            message: format!("Moved from {from} to {}: {}", task.status, task.title),
            user: None,
            agent: Some(agent),
            data: Some(format!(r#"{{"from":"{from}","to":"{}"}}"#, task.status)),
            now: &now,
            notice: lead.filter(|_| !takes).map(|lead| ("TASK BACK IN INBOX", lead)),
        },
    )?;
    task.assigned_agent_id = takes.then_some(agent);
    task.updated_at = shown(now);
    task.in_progress_at = takes.then(|| task.updated_at.clone());
    Ok(task)
}

fn lead_of(db: &Connection, board: Uuid) -> rusqlite::Result<Option<Uuid>> {
    db.prepare_cached("SELECT id FROM agents WHERE board_id = ?1 AND is_board_lead")?
        .query_row([board.as_bytes().as_slice()], |row| read::id(row, 0))
        .optional()
}

/// What goes with every change: activity, event, notice.
struct Change<'a> {
    board: Uuid,
    task: Uuid,
    kind: &'static str,
    message: String,
    user: Option<Uuid>,
    agent: Option<Uuid>,
    data: Option<String>,
    now: &'a str,
    notice: Option<(&'static str, Uuid)>,
}

fn record(db: &Connection, change: Change<'_>) -> rusqlite::Result<()> {
    let (board, task) = (change.board.as_bytes().as_slice(), change.task.as_bytes().as_slice());
    let (activity, request) = (ActivityId::generate().0, generate_request_id());
    let (seq, organization) = db
        .prepare_cached(
            "UPDATE boards SET event_seq = event_seq + 1 WHERE id = ?1 RETURNING event_seq, organization_id",
        )?
        .query_row([board], |row| Ok((row.get::<_, i64>(0)?, read::id(row, 1)?)))?;
    let organization = organization.as_bytes().as_slice();
    let agent = change.agent.as_ref().map(Uuid::as_bytes);
    db.prepare_cached(
        "INSERT INTO activity_events (id, event_type, message, agent_id, user_id, task_id, board_id, \
         organization_id, request_id, data, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        activity.as_bytes(),
        change.kind,
        change.message,
        agent,
        change.user.as_ref().map(Uuid::as_bytes),
        task,
        board,
        organization,
        request,
        change.data,
        change.now
    ])?;
    db.prepare_cached(
        "INSERT INTO events (txid, scope_id, seq, organization_id, board_id, kind, activity_id, task_id, agent_id, \
         created_at) VALUES (0, ?1, ?2, ?3, ?1, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        board,
        seq,
        organization,
        change.kind,
        activity.as_bytes(),
        task,
        agent,
        change.now
    ])?;
    let Some((notice, to)) = change.notice else { return Ok(()) };
    let key = format!("{activity}:{notice}:{to}");
    let payload = format!(
        r#"{{"notice":"{notice}","agent_id":"{to}","task_id":"{}","activity_id":"{activity}","wake":null,"idempotency_key":"{key}"}}"#,
        change.task
    );
    db.prepare_cached(
        "INSERT INTO jobs (id, kind, payload, organization_id, board_id, run_at, attempt, max_attempts, dedup_key, \
         request_id, created_at, updated_at) VALUES (?1, 'agent.notice', ?2, ?3, ?4, ?5, 0, 4, ?6, ?7, ?5, ?5)",
    )?
    .execute(params![
        JobId::generate().0.as_bytes(),
        payload,
        organization,
        board,
        change.now,
        key,
        request
    ])
    .map(drop)
}

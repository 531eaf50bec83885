//! What a task stream shows of the event log.

use std::collections::HashMap;
use std::sync::OnceLock;

use bytes::Bytes;
use mc_model::event::{Event, Scope, kind};
use mc_model::ids::{ActivityId, AgentId, BoardId, TaskId};
use mc_model::task::TaskView;
use mc_model::{Result, Timestamp};
use mc_store::{self as store, Reader};

use super::{Shown, Slice};

/// One event of a task stream.
#[derive(Debug)]
pub struct TaskEvent {
    /// Position in the board's log.
    pub seq: i64,
    /// The activity it announces.
    pub id: ActivityId,
    /// Type.
    pub kind: String,
    /// Text of the activity.
    pub message: Option<String>,
    /// The acting agent.
    pub agent_id: Option<AgentId>,
    /// The task it is about.
    pub task_id: Option<TaskId>,
    /// When.
    pub created_at: Timestamp,
    /// What it shows beside the activity.
    pub body: TaskEventBody,
    rendered: OnceLock<Bytes>,
}

/// What an event shows beside the activity.
#[derive(Debug)]
pub enum TaskEventBody {
    /// A comment: its text is the activity's.
    Comment,
    /// The task as it is now, none when it is gone.
    Task(Option<Box<TaskView>>),
}

impl TaskEvent {
    /// The event in wire form, made by the first stream that needs it and shared by all.
    pub fn rendered(&self, render: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.rendered.get_or_init(|| render(self)).clone()
    }
}

impl Shown for TaskEvent {
    fn seq(&self) -> i64 {
        self.seq
    }

    /// Changes of a task that is gone are left out: its deletion says all there is to say.
    async fn read(db: &Reader, board: BoardId, after: i64, limit: u32) -> Result<Slice<Self>> {
        let log = store::events::of_scope(db, Scope::Board(board), after, limit).await?;
        let read_to = log.last().map_or(after, |event| event.seq);
        let mut wanted: Vec<TaskId> =
            log.iter().filter(|event| shows_task(event)).filter_map(|event| event.task_id).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let views = store::tasks::views(db, board, &wanted).await?;
        let views: HashMap<TaskId, TaskView> = views.into_iter().map(|view| (view.task.id, view)).collect();
        let events = log.into_iter().filter_map(|event| task_event(event, &views)).collect();
        Ok(Slice { events, read_to })
    }
}

fn shows_task(event: &Event) -> bool {
    [kind::TASK_CREATED, kind::TASK_UPDATED, kind::TASK_STATUS_CHANGED].contains(&event.kind.as_str())
}

fn task_event(event: Event, views: &HashMap<TaskId, TaskView>) -> Option<TaskEvent> {
    // The activity rows of a deleted task are gone with it.
    let id = event.activity_id?;
    let body = match event.kind.as_str() {
        kind::TASK_COMMENT => TaskEventBody::Comment,
        kind::TASK_DELETED => TaskEventBody::Task(None),
        _ if shows_task(&event) => {
            TaskEventBody::Task(event.task_id.and_then(|task| views.get(&task)).cloned().map(Box::new))
        }
        _ => return None,
    };
    Some(TaskEvent {
        seq: event.seq,
        id,
        kind: event.kind,
        message: event.message,
        agent_id: event.agent_id,
        task_id: event.task_id,
        created_at: event.created_at,
        body,
        rendered: OnceLock::new(),
    })
}

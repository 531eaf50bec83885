//! What an approval stream shows of the event log.

use std::collections::HashMap;
use std::sync::OnceLock;

use bytes::Bytes;
use mc_model::Result;
use mc_model::event::{Scope, kind};
use mc_model::ids::{ApprovalId, BoardId};
use mc_store::approvals::{ApprovalView, TaskCounts};
use mc_store::{self as store, Reader};

use super::{Shown, Slice};

/// One event of an approval stream, with the counts that clients show beside it.
#[derive(Debug)]
pub struct ApprovalEvent {
    seq: i64,
    /// Which approval it is about.
    pub id: ApprovalId,
    /// The approval as it is now; none when this tells that it went.
    pub approval: Option<ApprovalView>,
    /// How many approvals of the board wait for a decision.
    pub pending_count: i64,
    /// How many approvals name each task of this one, in the order of its tasks.
    pub task_counts: Vec<TaskCounts>,
    rendered: OnceLock<Bytes>,
}

impl ApprovalEvent {
    /// The event in wire form, made by the first stream that needs it and shared by all.
    pub fn rendered(&self, render: impl FnOnce(&Self) -> Bytes) -> Bytes {
        self.rendered.get_or_init(|| render(self)).clone()
    }
}

impl Shown for ApprovalEvent {
    fn seq(&self) -> i64 {
        self.seq
    }

    /// Earlier changes of an approval that is gone are left out: its end says all there is to say.
    async fn read(db: &Reader, board: BoardId, after: i64, limit: u32) -> Result<Slice<Self>> {
        let log = store::events::of_scope(db, Scope::Board(board), after, limit).await?;
        let read_to = log.last().map_or(after, |event| event.seq);
        let mut wanted: Vec<ApprovalId> = log.iter().filter_map(|event| event.approval_id).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(Slice { events: Vec::new(), read_to });
        }
        let views = store::approvals::views(db, board, &wanted).await?;
        let mut tasks: Vec<_> =
            views.iter().flat_map(|view| view.approval.task_ids.iter().copied()).collect();
        tasks.sort_unstable();
        tasks.dedup();
        let counts = store::approvals::task_counts(db, board, &tasks).await?;
        let pending_count = store::approvals::pending_count(db, board).await?;
        let views: HashMap<_, _> = views.into_iter().map(|view| (view.approval.id, view)).collect();
        let events = log.iter().filter_map(|event| {
            let id = event.approval_id?;
            let approval = views.get(&id).cloned();
            if approval.is_none() && event.kind != kind::APPROVAL_DELETED {
                return None;
            }
            let named = approval.iter().flat_map(|view| &view.approval.task_ids);
            let task_counts = named.filter_map(|task| counts.get(task).copied()).collect();
            Some(Self { seq: event.seq, id, approval, pending_count, task_counts, rendered: OnceLock::new() })
        });
        Ok(Slice { events: events.collect(), read_to })
    }
}

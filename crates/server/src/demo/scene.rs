//! The board as the demo knows it: what the server said last, and what its own agents did to each task.

use std::collections::BTreeMap;

use mc_model::event::kind;
use mc_model::ids::{AgentId, ApprovalId, TaskId};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

/// A task as the server shows it; the rest of its fields plays no part.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct SeenTask {
    pub id: TaskId,
    pub title: String,
    pub status: String,
    pub assigned_agent_id: Option<AgentId>,
    /// The tasks it waits for until they are done.
    #[serde(default)]
    pub depends_on_task_ids: Vec<TaskId>,
    /// ISO date-times of one server compare as text.
    pub updated_at: String,
}

/// An approval as the server shows it, as far as it plays a part.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct SeenApproval {
    pub id: ApprovalId,
    /// `pending`, `approved` or `rejected`.
    pub status: String,
    /// The agent that asked; none for a person.
    pub agent_id: Option<AgentId>,
    /// The tasks it is about.
    pub task_ids: Vec<TaskId>,
    created_at: String,
    resolved_at: Option<String>,
}

impl SeenApproval {
    /// When it was last decided, else asked for. A later approval of a task counts more than an earlier one.
    fn age(&self) -> &str {
        self.resolved_at.as_deref().unwrap_or(&self.created_at)
    }
}

/// A task on the scene.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub task: SeenTask,
    /// Since when it has its status and its assignee.
    pub since: Instant,
    /// The turn of the last thing that an agent did to it.
    pub turn: u64,
    /// Comments of its worker since it was taken.
    pub reports: u32,
    /// What became of the lead's judgement.
    pub judgement: Judgement,
    /// Who handed it over for review.
    pub worker: Option<AgentId>,
    /// The approval to finish it, once somebody asked for one.
    pub approval: Option<SeenApproval>,
}

impl Entry {
    fn new(task: SeenTask, now: Instant) -> Self {
        Self {
            task,
            since: now,
            turn: 0,
            reports: 0,
            judgement: Judgement::None,
            worker: None,
            approval: None,
        }
    }

    /// Where its approval stands.
    pub(super) fn consent(&self) -> Option<&str> {
        self.approval.as_ref().map(|approval| approval.status.as_str())
    }
}

/// How the lead looks at a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Not looked at yet.
    #[default]
    None,
    /// Asked for a change, in words.
    Asked,
    /// Sent it back; the next time it is accepted.
    SentBack,
}

/// What an event on the stream told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happening {
    /// Type, such as `task.status_changed`.
    pub kind: String,
    /// Who did it; none for a person.
    pub agent: Option<AgentId>,
    /// The task it is about.
    pub task: Option<TaskId>,
    /// Its title, as far as known.
    pub title: String,
    /// Its status afterwards, when it was changed.
    pub status: Option<String>,
    /// Who it is assigned to afterwards.
    pub assignee: Option<AgentId>,
    /// What a comment says, or what the server says of the change.
    pub message: String,
}

/// All tasks that are known.
#[derive(Debug, Default)]
pub(super) struct Scene {
    tasks: BTreeMap<TaskId, Entry>,
}

impl Scene {
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.tasks.values()
    }

    /// Whether a task waits for another one. What is not on the scene is gone, and nothing waits for it.
    pub(super) fn is_blocked(&self, entry: &Entry) -> bool {
        let is_open = |id| self.tasks.get(id).is_some_and(|other| other.task.status != "done");
        entry.task.status != "done" && entry.task.depends_on_task_ids.iter().any(is_open)
    }

    pub(super) fn entry_mut(&mut self, task: TaskId) -> Option<&mut Entry> {
        self.tasks.get_mut(&task)
    }

    /// Takes over a task, unless something newer is known of it.
    pub(super) fn see(&mut self, task: SeenTask, now: Instant) {
        let Some(known) = self.tasks.get_mut(&task.id) else {
            self.tasks.insert(task.id, Entry::new(task, now));
            return;
        };
        if task.updated_at < known.task.updated_at {
            return;
        }
        let is_same =
            (&task.status, task.assigned_agent_id) == (&known.task.status, known.task.assigned_agent_id);
        if !is_same {
            known.since = now;
        }
        known.task = task;
    }

    pub(super) fn forget(&mut self, task: TaskId) {
        self.tasks.remove(&task);
    }

    /// Takes over a whole page of the list: what is not on it is gone.
    pub(super) fn see_page(&mut self, page: &Value, now: Instant) {
        let listed: Vec<SeenTask> = Vec::deserialize(&page["items"]).unwrap_or_default();
        self.tasks.retain(|id, _| listed.iter().any(|task| task.id == *id));
        for task in listed {
            self.see(task, now);
        }
    }

    /// Takes over an approval for the tasks it names, unless something newer is known of them.
    pub(super) fn see_approval(&mut self, approval: &SeenApproval) {
        for task in &approval.task_ids {
            let Some(entry) = self.tasks.get_mut(task) else { continue };
            if entry.approval.as_ref().is_none_or(|known| known.age() <= approval.age()) {
                entry.approval = Some(approval.clone());
            }
        }
    }

    /// Takes over a whole page of approvals: what is not on it is gone. A rejection leaves a task without one, so
    /// that it can be asked for again.
    pub(super) fn see_approvals(&mut self, page: &Value) {
        let listed: Vec<SeenApproval> = Vec::deserialize(&page["items"]).unwrap_or_default();
        self.tasks.values_mut().for_each(|entry| entry.approval = None);
        listed.iter().filter(|approval| approval.status != "rejected").for_each(|one| self.see_approval(one));
    }

    /// Takes over the data of an event, and says what it told; nothing when it is of no kind we know, or the end of an
    /// approval: that goes with its task, whose end is told.
    pub(super) fn see_event(&mut self, data: &Value, now: Instant) -> Option<Happening> {
        if data["type"] == kind::APPROVAL_DELETED {
            return None;
        }
        match SeenApproval::deserialize(&data["approval"]) {
            Ok(approval) => Some(self.see_decision(data, &approval)),
            Err(_) => self.see_change(data, now),
        }
    }

    fn see_decision(&mut self, data: &Value, approval: &SeenApproval) -> Happening {
        self.see_approval(approval);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Happening {
            kind: format!("approval.{}", approval.status),
            agent: approval.agent_id.filter(|_| approval.status == "pending"),
            task: approval.task_ids.first().copied(),
            title: text(&data["approval"]["task_titles"][0]),
            status: None,
            assignee: None,
            message: text(&data["approval"]["payload"]["reason"]),
        }
    }

    fn see_change(&mut self, data: &Value, now: Instant) -> Option<Happening> {
        let kind = data["type"].as_str()?.to_owned();
        let activity = &data["activity"];
        let task = Option::<TaskId>::deserialize(&activity["task_id"]).ok()?;
        let seen = SeenTask::deserialize(&data["task"]).ok();
        let known = task.and_then(|task| self.tasks.get(&task)).map(|entry| entry.task.title.clone());
        let message = activity["message"].as_str().unwrap_or_default().to_owned();
        // Of a task that is gone, the title is left in what the server says of it: `Task deleted: TITLE`.
        let said = || message.split_once(": ").map(|(_, title)| title.to_owned());
        let happening = Happening {
            agent: Option::deserialize(&activity["agent_id"]).ok()?,
            task,
            title: seen.as_ref().map(|seen| seen.title.clone()).or(known).or_else(said).unwrap_or_default(),
            status: seen.as_ref().map(|seen| seen.status.clone()),
            assignee: seen.as_ref().and_then(|seen| seen.assigned_agent_id),
            message,
            kind,
        };
        match (happening.kind.as_str(), seen, task) {
            ("task.deleted", _, Some(task)) => self.forget(task),
            (_, Some(seen), _) => self.see(seen, now),
            _ => {}
        }
        Some(happening)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(id: TaskId, status: &str, updated_at: &str) -> Value {
        json!({"id": id, "title": "t", "status": status, "assigned_agent_id": null, "updated_at": updated_at,
               "priority": "low"})
    }

    fn event(kind: &str, id: TaskId, task: Value) -> Value {
        json!({"type": kind, "task": task,
               "activity": {"task_id": id, "agent_id": null, "message": "m"}})
    }

    #[test]
    fn an_older_view_of_a_task_does_not_undo_a_newer_one() {
        let (mut scene, id, now) = (Scene::default(), TaskId::generate(), Instant::now());
        for (status, at) in [
            ("review", "2026-01-01T00:00:01"),
            ("inbox", "2026-01-01T00:00:00.9"),
            ("done", "2026-01-01T00:00:01.1"),
        ] {
            scene.see_event(&event("task.status_changed", id, task(id, status, at)), now).expect("known");
        }
        assert_eq!(scene.entries().map(|entry| entry.task.status.as_str()).collect::<Vec<_>>(), ["done"]);
    }

    #[test]
    fn a_deleted_task_leaves_with_its_title_named() {
        let (mut scene, id, now) = (Scene::default(), TaskId::generate(), Instant::now());
        scene.see_page(&json!({"items": [task(id, "inbox", "2026-01-01T00:00:00")]}), now);
        let happening = scene.see_event(&event("task.deleted", id, Value::Null), now).expect("known");
        assert_eq!((happening.title.as_str(), happening.task), ("t", Some(id)));
        assert_eq!(scene.entries().count(), 0);
    }

    #[test]
    fn a_task_that_is_not_on_the_page_is_gone() {
        let (mut scene, now) = (Scene::default(), Instant::now());
        let (one, two) = (TaskId::generate(), TaskId::generate());
        scene.see_page(&json!({"items": [task(one, "inbox", "1"), task(two, "inbox", "1")]}), now);
        scene.see_page(&json!({"items": [task(two, "inbox", "1")]}), now);
        assert_eq!(scene.entries().map(|entry| entry.task.id).collect::<Vec<_>>(), [two]);
    }

    #[test]
    fn a_task_is_blocked_until_what_it_waits_for_is_done_or_gone() {
        let (one, two, now) = (TaskId::generate(), TaskId::generate(), Instant::now());
        let waits = |scene: &Scene| scene.entries().any(|entry| scene.is_blocked(entry));
        let mut second = task(two, "inbox", "1");
        second["depends_on_task_ids"] = json!([one]);
        let mut scene = Scene::default();
        for (status, blocked) in [("inbox", true), ("review", true), ("done", false)] {
            scene.see_page(&json!({"items": [task(one, status, "1"), second]}), now);
            assert_eq!(waits(&scene), blocked, "{status}");
        }
        scene.see_page(&json!({"items": [task(one, "inbox", "1"), second]}), now);
        scene.forget(one);
        assert!(!waits(&scene));
    }

    #[test]
    fn a_decision_is_not_undone_by_an_older_view_but_by_a_newer_one() {
        let (mut scene, id, now) = (Scene::default(), TaskId::generate(), Instant::now());
        let (asker, first, second) = (AgentId::generate(), ApprovalId::generate(), ApprovalId::generate());
        scene.see_page(&json!({"items": [task(id, "review", "1")]}), now);
        let seen = |approval, status, created_at, resolved_at| {
            json!({"id": approval, "status": status, "agent_id": asker, "task_ids": [id], "task_titles": ["t"],
                   "payload": {"reason": "why"}, "created_at": created_at, "resolved_at": resolved_at})
        };
        for (approval, status, created_at, resolved_at, consent) in [
            (first, "pending", "1", None, "pending"),
            (first, "rejected", "1", Some("3"), "rejected"),
            (first, "pending", "1", None, "rejected"),
            (second, "pending", "4", None, "pending"),
            (second, "approved", "4", Some("5"), "approved"),
        ] {
            let event = json!({"approval": seen(approval, status, created_at, resolved_at)});
            let happening = scene.see_event(&event, now).expect("known");
            assert_eq!((happening.title.as_str(), happening.message.as_str()), ("t", "why"));
            assert_eq!(happening.agent, (status == "pending").then_some(asker), "a person decides");
            let consents: Vec<_> = scene.entries().map(Entry::consent).collect();
            assert_eq!(consents, [Some(consent)], "after {status} at {created_at}");
        }
        scene.see_approvals(&json!({"items": [seen(first, "rejected", "1", Some("3"))]}));
        assert_eq!(scene.entries().map(Entry::consent).collect::<Vec<_>>(), [None]);
    }

    #[test]
    fn what_is_no_event_is_passed_over() {
        let gone =
            json!({"type": "approval.deleted", "approval": null, "approval_id": ApprovalId::generate()});
        for data in [json!({"ok": true}), gone] {
            assert_eq!(Scene::default().see_event(&data, Instant::now()), None, "{data}");
        }
    }
}

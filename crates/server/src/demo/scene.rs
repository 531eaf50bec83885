//! The board as the demo knows it: what the server said last, and what its own agents did to each task.

use std::collections::BTreeMap;

use mc_model::ids::{AgentId, TaskId};
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
    /// ISO date-times of one server compare as text.
    pub updated_at: String,
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

    pub(super) fn entry_mut(&mut self, task: TaskId) -> Option<&mut Entry> {
        self.tasks.get_mut(&task)
    }

    /// Takes over a task, unless something newer is known of it.
    pub(super) fn see(&mut self, task: SeenTask, now: Instant) {
        let Some(known) = self.tasks.get_mut(&task.id) else {
            let entry = Entry { task, since: now, turn: 0, reports: 0, judgement: Judgement::None };
            self.tasks.insert(entry.task.id, entry);
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

    /// Takes over the data of an event, and says what it told; nothing when it is of no kind we know.
    pub(super) fn see_event(&mut self, data: &Value, now: Instant) -> Option<Happening> {
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
    fn what_is_no_event_is_passed_over() {
        assert_eq!(Scene::default().see_event(&json!({"ok": true}), Instant::now()), None);
    }
}

//! The hub: tells waiting readers of this process that a scope has new events.
//!
//! A message is a hint and carries no data. Whoever gets one reads the event log, which alone says what happened; a
//! timer backs each hint, so a lost one costs time, never an event.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use mc_model::event::Scope;
use mc_store::Committed;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// Topics by scope id, and the bell of the job runner.
#[derive(Clone, Default)]
pub struct Hub {
    topics: Arc<Mutex<HashMap<Uuid, Weak<watch::Sender<u64>>>>>,
    jobs: Arc<Notify>,
}

/// Hears of new events of one scope until it is dropped.
pub struct Subscription {
    _topic: Arc<watch::Sender<u64>>,
    hints: watch::Receiver<u64>,
}

impl Subscription {
    /// Waits for the next hint; several that came meanwhile count as one.
    pub async fn hint(&mut self) {
        // The sender lives as long as this subscription, so the wait cannot fail.
        self.hints.changed().await.ok();
    }
}

impl Hub {
    /// Subscribes to a scope. Subscribe first, then read: what commits in between makes a hint.
    #[must_use]
    pub fn subscribe(&self, scope: Scope) -> Subscription {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = topics.get(&scope.id()).and_then(Weak::upgrade).unwrap_or_else(|| {
            topics.retain(|_, topic| topic.strong_count() > 0);
            let topic = Arc::new(watch::Sender::new(0));
            topics.insert(scope.id(), Arc::downgrade(&topic));
            topic
        });
        Subscription { hints: topic.subscribe(), _topic: topic }
    }

    /// Hints at new events of the scope with this id.
    pub fn wake(&self, scope: Uuid) {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.get(&scope).and_then(Weak::upgrade) {
            topic.send_modify(|count| *count += 1);
        }
    }

    /// Hints at new events everywhere, after hints may have been lost.
    pub fn wake_all(&self) {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in topics.values().filter_map(Weak::upgrade) {
            topic.send_modify(|count| *count += 1);
        }
        self.jobs.notify_waiters();
    }

    /// Hints at what `committed` brought.
    pub(crate) fn committed(&self, committed: &Committed) {
        for scope in &committed.scopes {
            self.wake(scope.id());
        }
        if committed.has_jobs {
            self.jobs.notify_waiters();
        }
    }

    /// Waits until background work was added.
    pub(crate) async fn job_added(&self) {
        self.jobs.notified().await;
    }
}

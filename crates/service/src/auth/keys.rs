//! The public keys of the issuer, kept at hand.
//!
//! A token whose key is known never waits: the set is swapped as a whole, and fetched outside of any lock. What makes
//! it be fetched, and how often:
//!
//! * there is none yet: the request waits for it; after a failure the next try is [`RETRY`] later;
//! * a token names a key that is not in it: the request waits, at most once a [`COOL_DOWN`], however many tokens do;
//! * it is older than [`FRESH`]: in the background;
//! * it is older than [`WORN`], because nobody asked for so long: the request waits, for keys may have been withdrawn
//!   meanwhile, unless the issuer is known to be down.
//!
//! While the issuer does not answer, the old keys stay good. All waiting ends with the deadline of the client.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use mc_model::{Clock, Timestamp};
use tokio::sync::watch;

use super::issuer::KeySource;
use super::key_set::KeySet;
use super::outbound::{Fault, Outbound};

/// Up to this age nothing is fetched for keys that are known.
const FRESH: Duration = Duration::from_secs(300);
/// From this age on a set is not trusted without asking.
const WORN: Duration = Duration::from_secs(3600);
/// The pause between two fetches once there are keys.
const COOL_DOWN: Duration = Duration::from_secs(60);
/// The pause after a failure while there are no keys.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has no key of this name.
    Unknown,
    /// The issuer did not answer since the start.
    Unavailable,
}

/// The keys of one issuer.
pub(super) struct Keys(Arc<Shared>);

struct Shared {
    outbound: Outbound,
    source: KeySource,
    clock: Arc<dyn Clock>,
    set: RwLock<Arc<KeySet>>,
    fetching: Mutex<Fetching>,
}

#[derive(Default)]
struct Fetching {
    started_at: Option<Timestamp>,
    has_failed: bool,
    /// Closed when the fetch that is under way ends, in whatever way.
    running: Option<watch::Receiver<()>>,
}

impl Keys {
    pub(super) fn new(outbound: Outbound, source: KeySource, clock: Arc<dyn Clock>) -> Self {
        let (set, fetching) = (RwLock::default(), Mutex::default());
        Self(Arc::new(Shared { outbound, source, clock, set, fetching }))
    }

    /// The key of this id.
    pub(super) async fn find(&self, id: Option<&str>) -> Result<Arc<DecodingKey>, NoKey> {
        let shared = &self.0;
        let set = shared.set();
        let age = set.fetched_at().map(|at| shared.clock.now().since(at));
        if let (Some(key), Some(age)) = (set.get(id), age) {
            let key = Arc::clone(key);
            if age >= FRESH {
                let has_failed = shared.fetching().has_failed;
                let running = shared.start(&set);
                if age >= WORN && !has_failed {
                    ended(running).await;
                    return shared.set().get(id).cloned().ok_or(NoKey::Unknown);
                }
            }
            return Ok(key);
        }
        if id.is_none() && !set.is_empty() {
            return Err(NoKey::Unknown);
        }
        ended(shared.start(&set)).await;
        let set = shared.set();
        match set.get(id) {
            Some(key) => Ok(Arc::clone(key)),
            None if set.is_empty() => Err(NoKey::Unavailable),
            None => Err(NoKey::Unknown),
        }
    }
}

/// Waits for a fetch, if there is one.
async fn ended(running: Option<watch::Receiver<()>>) {
    if let Some(mut running) = running {
        // An error says that the sender is gone, which is what is waited for.
        running.changed().await.ok();
    }
}

impl Shared {
    fn set(&self) -> Arc<KeySet> {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn fetching(&self) -> MutexGuard<'_, Fetching> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fetch that is under way, or a new one when it is time for one.
    fn start(self: &Arc<Self>, seen: &KeySet) -> Option<watch::Receiver<()>> {
        let mut fetching = self.fetching();
        if let Some(running) = fetching.running.as_ref().filter(|running| running.has_changed().is_ok()) {
            return Some(running.clone());
        }
        let set = self.set();
        if set.fetched_at() != seen.fetched_at() {
            // Another request brought a new set since the caller looked.
            return None;
        }
        let now = self.clock.now();
        let pause = if set.is_empty() { RETRY } else { COOL_DOWN };
        let is_too_soon = |at: Timestamp| at <= now && now < at.after(pause);
        if fetching.started_at.is_some_and(is_too_soon) {
            return None;
        }
        fetching.started_at = Some(now);
        let (running, done) = watch::channel(());
        fetching.running = Some(done.clone());
        let shared = Arc::clone(self);
        // A task of its own: the caller may go away, those who wait with it shall not start again.
        tokio::spawn(async move {
            let outcome = shared.fetch().await;
            shared.settle(outcome);
            drop(running);
        });
        Some(done)
    }

    async fn fetch(&self) -> Result<KeySet, Fault> {
        let document = self.source.fetch(&self.outbound).await?;
        let set = KeySet::read(&document, self.clock.now());
        if set.is_empty() { Err(Fault::Senseless("the key set has no key for RS256")) } else { Ok(set) }
    }

    fn settle(&self, outcome: Result<KeySet, Fault>) {
        self.fetching().has_failed = outcome.is_err();
        match outcome {
            Ok(set) => {
                tracing::info!(keys = set.len(), "auth.keys.fetched");
                *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
            }
            Err(error) => tracing::warn!(%error, "auth.keys.fetch_failed"),
        }
    }
}

//! The use cases of Mission Control.
//!
//! A function here takes a proof of access from [`access`], does one thing in one write transaction and returns
//! model types. It knows neither HTTP nor SQL.

pub mod access;
mod access_cache;
pub mod admin;
pub mod agents;
pub mod approvals;
pub mod audit;
pub mod auth;
pub mod boards;
mod changed_fields;
pub mod custom_fields;
pub mod demo;
pub mod events;
pub mod idempotency;
pub mod jobs;
pub mod notices;
pub mod organizations;
mod parts_hash;
pub mod streams;
pub mod tags;
pub mod tasks;
pub mod tokens;
pub mod users;
pub mod versions;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use mc_model::Result;
use mc_store::{Committed, Listener, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use access_cache::AccessCache;
use auth::UserAuth;
use events::Hub;
use idempotency::InFlight;
use organizations::InvitePolicy;
use streams::{ApprovalEvent, BoardFeeds, TaskEvent};

/// Everything a request needs. Cheap to clone: a request does so a dozen times, on all threads at once.
#[derive(Clone)]
pub struct Services(Arc<Parts>);

#[doc(hidden)]
pub struct Parts {
    pub(crate) store: Store,
    pub(crate) users: Arc<UserAuth>,
    pub(crate) hub: Hub,
    pub(crate) access_cache: Arc<AccessCache>,
    pub(crate) task_feeds: BoardFeeds<TaskEvent>,
    pub(crate) approval_feeds: BoardFeeds<ApprovalEvent>,
    denials: Arc<audit::DenialLog>,
    invites: Arc<InvitePolicy>,
    pub(crate) in_flight: InFlight,
    shutdown: CancellationToken,
    tracker: TaskTracker,
}

impl Deref for Services {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Services {
    /// Starts the services on an open, migrated store. `shutdown` ends all streams and background work. Invites get a
    /// key of this process alone, so that their tokens can be read again only until it ends.
    #[must_use]
    pub fn start(store: Store, users: UserAuth, shutdown: CancellationToken) -> Self {
        Self::start_with_invites(store, users, InvitePolicy::default(), shutdown)
    }

    /// As [`Services::start`], with invites as `policy` says.
    #[must_use]
    pub fn start_with_invites(
        store: Store,
        users: UserAuth,
        policy: InvitePolicy,
        shutdown: CancellationToken,
    ) -> Self {
        let (hub, access_cache, tracker) =
            (Hub::default(), Arc::<AccessCache>::default(), TaskTracker::new());
        store.listen(Arc::new(Ears { hub: hub.clone(), access_cache: Arc::clone(&access_cache) }));
        let (neighbours, ended) = (store.clone(), shutdown.clone());
        tracker.spawn(async move { ended.run_until_cancelled(neighbours.hear_neighbours()).await });
        let task_feeds = BoardFeeds::new(store.clone(), hub.clone(), shutdown.clone(), tracker.clone());
        let approval_feeds = BoardFeeds::new(store.clone(), hub.clone(), shutdown.clone(), tracker.clone());
        let services = Self(Arc::new(Parts {
            store,
            users: Arc::new(users),
            hub,
            access_cache,
            task_feeds,
            approval_feeds,
            denials: Arc::default(),
            invites: Arc::new(policy),
            in_flight: InFlight::default(),
            shutdown,
            tracker,
        }));
        services.spawn_remote_deletions();
        services
    }

    /// Ends with the process: streams and workers stop when it is cancelled.
    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Waits until all background work has stopped after [`Services::shutdown`] was cancelled.
    pub async fn stopped(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    /// The present moment, as it is written to the database.
    #[must_use]
    pub fn now(&self) -> mc_model::Timestamp {
        self.store.clock().now()
    }

    /// Whether the database answers within two seconds.
    ///
    /// # Errors
    /// 503 when it does not.
    pub async fn ready(&self) -> Result<()> {
        self.store.ping(Duration::from_secs(2)).await
    }
}

/// Passes word of commits on to those who wait and those who remember.
struct Ears {
    hub: Hub,
    access_cache: Arc<AccessCache>,
}

impl Listener for Ears {
    fn committed(&self, committed: &Committed) {
        if committed.changes_access {
            self.access_cache.forget();
        }
        self.hub.committed(committed);
    }

    fn remote(&self, scope: uuid::Uuid) {
        self.hub.wake(scope);
    }

    fn access_changed_elsewhere(&self) {
        self.access_cache.forget();
    }

    fn missed(&self) {
        self.access_cache.forget();
        self.hub.wake_all();
    }
}

/// What a use case must know of the request beside the caller.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// The request id, kept with the activities and jobs that the request causes.
    pub request_id: Option<Arc<str>>,
}

impl RequestContext {
    pub(crate) fn id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

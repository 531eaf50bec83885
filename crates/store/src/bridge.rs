//! Tells the other nodes on PostgreSQL that scopes have new events.
//!
//! `NOTIFY` inside a business transaction would make all commits wait for one global lock, so a task of its own sends
//! the hints after the commits, merged over a short time. Hints may be lost; the reader's timers make up for it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::sqlx::postgres::{PgListener, PgPool};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::store::{Announcer, Committed};

const CHANNEL: &str = "mission_control_events";
/// How long hints are collected before they are sent together.
const MERGE: Duration = Duration::from_millis(25);
/// How many scope ids one notification carries; a payload must stay below 8,000 bytes.
const IDS_PER_NOTIFICATION: usize = 150;
/// How long to wait before a broken connection is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Stands among scope ids for "what the access checks find out may have changed".
const ACCESS: Uuid = Uuid::nil();

/// Scopes with new events that the other nodes have not been told of.
#[derive(Clone, Default)]
pub(crate) struct Outbound(Arc<(Mutex<HashSet<Uuid>>, Notify)>);

impl Outbound {
    pub(crate) fn add(&self, committed: &Committed) {
        let access = committed.changes_access.then_some(ACCESS);
        if committed.scopes.is_empty() && access.is_none() {
            return;
        }
        let (scopes, bell) = &*self.0;
        let mut scopes = scopes.lock().unwrap_or_else(PoisonError::into_inner);
        scopes.extend(committed.scopes.iter().map(|scope| scope.id()).chain(access));
        bell.notify_one();
    }

    async fn take(&self) -> Vec<Uuid> {
        let (scopes, bell) = &*self.0;
        bell.notified().await;
        tokio::time::sleep(MERGE).await;
        scopes.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}

/// Sends and receives hints until it is dropped.
pub(crate) async fn run(pool: PgPool, outbound: Outbound, announcer: Announcer) {
    let node = mc_model::ids::generate_node_name();
    tokio::join!(send(&pool, &node, &outbound), receive(&pool, &node, &announcer));
}

async fn send(pool: &PgPool, node: &str, outbound: &Outbound) {
    loop {
        let scopes = outbound.take().await;
        for ids in scopes.chunks(IDS_PER_NOTIFICATION) {
            let ids: Vec<_> = ids.iter().map(|id| id.simple().to_string()).collect();
            let payload = format!("{node};{}", ids.join(","));
            let sent = sea_orm::sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload);
            if let Err(error) = sent.execute(pool).await {
                tracing::warn!(%error, "store.bridge.send_failed");
            }
        }
    }
}

async fn receive(pool: &PgPool, node: &str, announcer: &Announcer) {
    loop {
        match listen(pool, node, announcer).await {
            Ok(()) => tracing::debug!("store.bridge.reconnecting"),
            Err(error) => tracing::warn!(%error, "store.bridge.receive_failed"),
        }
        tokio::time::sleep(RETRY).await;
        announcer.missed();
    }
}

/// Listens on a connection of its own until it breaks.
async fn listen(pool: &PgPool, node: &str, announcer: &Announcer) -> Result<(), sea_orm::sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // What was sent before this moment was not heard.
    announcer.missed();
    while let Some(notification) = listener.try_recv().await? {
        let Some((sender, ids)) = notification.payload().split_once(';') else { continue };
        if sender == node {
            continue;
        }
        for id in ids.split(',').filter_map(|id| Uuid::try_parse(id).ok()) {
            if id == ACCESS { announcer.access_changed_elsewhere() } else { announcer.remote(id) }
        }
    }
    Ok(())
}

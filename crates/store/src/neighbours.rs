//! Notices what other processes write to the same SQLite file: a command of the operator, the demo.
//!
//! All writes of this process go through one connection. The data version that this connection sees changes exactly
//! when somebody else committed.

use std::time::Duration;

use crate::store::Announcer;
use crate::writer::Writer;

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(200);

/// Announces foreign commits until it is dropped.
pub(crate) async fn watch(writer: &Writer, announcer: &Announcer) {
    let mut known = None;
    loop {
        match writer.data_version().await {
            Ok(version) => {
                if known.is_some_and(|known| known != version) {
                    announcer.missed();
                }
                known = Some(version);
            }
            Err(error) => tracing::debug!(%error, "store.neighbours.unread"),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

//! Demo data, written to the configured database. A server may be running on it: it sees the rows like any others.

use mc_model::Result;
use mc_service::Services;
use mc_service::auth::{LocalToken, UserAuth};
use mc_service::demo::{CleanReport, DemoSeed};
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::start::{self, StartError};

pub(super) async fn seed(settings: &Settings) -> Result<DemoSeed, StartError> {
    with_services(settings, "the demo board cannot be made", async |services| services.seed_demo().await)
        .await
}

pub(super) async fn clean(settings: &Settings) -> Result<CleanReport, StartError> {
    with_services(settings, "the demo cannot be removed", async |services| services.clean_demo().await).await
}

/// Runs `work` on services without HTTP, and stops them.
async fn with_services<T>(
    settings: &Settings,
    what: &str,
    work: impl AsyncFnOnce(&Services) -> Result<T>,
) -> Result<T, StartError> {
    let store = start::open_migrated(settings).await?;
    let stop = CancellationToken::new();
    // Nobody signs in here.
    let users = UserAuth::Local(LocalToken::new(&mc_model::secret::generate(32).unwrap_or_default().into()));
    let services = Services::start(store, users, stop.clone());
    let outcome = work(&services).await;
    stop.cancel();
    services.stopped().await;
    outcome.map_err(|error| {
        StartError::new(what, "check that the database is running and not being changed by another demo")
            .because(error.to_string())
    })
}

//! The server from its first to its last moment: what is opened in which order, and closed.

use std::fmt;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Extensions;
use mc_api::client_ip::Peer;
use mc_api::limit::Limiter;
use mc_api::{AppState, HttpSettings};
use mc_model::SystemClock;
use mc_service::Services;
use mc_service::auth::{LocalToken, UserAuth};
use mc_service::organizations::InvitePolicy;
use mc_store::{Store, StoreOptions};
use tokio::net::TcpListener;

use crate::config::Settings;
use crate::config::local_token;
use crate::http_settings::http_settings;
use crate::logging;
use crate::serve::{Ended, ServeOptions, Shutdown, serve};
use crate::sign_in::{self, Door};
use crate::signals::Signals;

/// How long a client may leave what it asked for unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why the server did not start: what failed, why, and what to do about it.
#[derive(Debug)]
pub struct StartError {
    what: String,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    fix: String,
}

impl StartError {
    pub(crate) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None, fix: fix.into() }
    }

    pub(crate) fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        write!(f, "\n  fix: {}", self.fix)
    }
}

impl std::error::Error for StartError {}

/// Serves until a signal says stop.
///
/// # Errors
/// When something the server needs is missing; nothing has been served then.
pub async fn run(settings: &Settings) -> Result<(), StartError> {
    logging::start(&settings.logging).map_err(|error| {
        StartError::new("the log cannot be started", "this is a fault of the program, please report it")
            .because(error)
    })?;
    tracing::info!("app.lifecycle.starting");
    let shutdown = Shutdown::default();
    let signals = Signals::listen()
        .map_err(|error| StartError::new("signals cannot be handled", "free some memory").because(error))?;
    let server = Server::prepare(settings, shutdown.clone()).await?;
    let steering = tokio::spawn(signals.steer(shutdown));
    tracing::info!(address = %server.address, "app.lifecycle.started");
    server.say_hello();
    match server.serve().await {
        Ended::Drained => tracing::info!("app.lifecycle.stopped"),
        Ended::CutOff(connections) => tracing::warn!(connections, "app.lifecycle.stopped"),
    }
    steering.abort();
    Ok(())
}

/// A server that has all it needs and its port, and serves nobody yet.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its public address, as given to agents and people.
    pub base_url: String,
    listener: TcpListener,
    app: Router,
    services: Services,
    door: Door,
    options: ServeOptions,
    shutdown: Shutdown,
}

impl Server {
    /// Opens the database, asks Redis when one is configured, takes the port, finds or makes the sign-in token and
    /// starts the services. `shutdown` ends them and [`Server::serve`].
    ///
    /// # Errors
    /// When one of these is not there.
    pub async fn prepare(settings: &Settings, shutdown: Shutdown) -> Result<Self, StartError> {
        let store = open_migrated(settings).await?;
        let http = http_settings(settings);
        match http.cors_origins.len() {
            0 => tracing::info!("app.cors.disabled"),
            origins => tracing::info!(origins, "app.cors.enabled"),
        }
        let limiter = start_limiter(settings, &http).await?;
        let (listener, address) = listen(settings).await?;
        // After what can fail: the first start that makes a token is the one that prints it.
        let (users, door) = sign_in::prepare(settings)?;
        let invites = invite_policy(settings)?;
        let services = Services::start_with_invites(store, users, invites, shutdown.stop.clone());
        services.prepare_sign_in().await.map_err(|error| {
            StartError::new(
                "the organization in OIDC_ADMIN_ORGANIZATION cannot be made",
                "check the database",
            )
            .because(error.to_string())
        })?;
        let app = mc_api::app(AppState::new(services.clone(), limiter, &http), &http);
        let grace = settings.server.shutdown_grace_seconds;
        let options = ServeOptions {
            header_timeout: http.header_timeout,
            write_timeout: WRITE_TIMEOUT,
            grace,
            mark_peer,
        };
        let base_url = settings.base_url(address.port());
        Ok(Self { address, base_url, listener, app, services, door, options, shutdown })
    }

    /// Serves until its [`Shutdown`] says stop, and waits for requests, streams and background work to end.
    pub async fn serve(self) -> Ended {
        let ended = serve(self.listener, self.app, self.options, &self.shutdown).await;
        wait_for(&self.services, self.options.grace, &self.shutdown).await;
        ended
    }

    /// Prints the one line a newcomer needs. It goes to standard error: standard output is the log.
    pub fn say_hello(&self) {
        let mut out = std::io::stderr().lock();
        let (bold, plain) = if out.is_terminal() { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
        let line = sign_in::line(&self.base_url, &self.door, bold, plain);
        // Without a terminal or a log to show it on, the line is of no use; the server is.
        let _ = writeln!(out, "{line}");
    }
}

/// Brings the database to the newest schema.
///
/// # Errors
/// When it cannot be reached, or a migration fails; the database is as before then.
pub async fn migrate(settings: &Settings) -> Result<(), StartError> {
    let store = open(settings).await?;
    store.migrate().await.map_err(|error| migration_failed(error.to_string()))
}

/// The OpenAPI document of this version, readable, with a line feed at its end.
///
/// # Errors
/// Never in practice: it needs an empty database in memory.
pub async fn openapi() -> Result<String, StartError> {
    let broken =
        || StartError::new("the document cannot be made", "this is a fault of the program, please report it");
    let options = StoreOptions { url: "sqlite::memory:".to_owned() };
    let store = Store::open(&options, Arc::new(SystemClock))
        .await
        .map_err(|error| broken().because(error.to_string()))?;
    let nobody = UserAuth::Local(LocalToken::new(&"".into()));
    let services = Services::start(store, nobody, Shutdown::default().stop);
    let state = AppState::new(services, Limiter::Off, &HttpSettings::default());
    let text =
        serde_json::to_string_pretty(&mc_api::openapi(&state)).map_err(|error| broken().because(error))?;
    Ok(text + "\n")
}

/// The database of `settings` with the newest schema, for the server and for commands that work beside it.
///
/// # Errors
/// When it cannot be reached, a migration fails, or migrations are missing and `DB_AUTO_MIGRATE` is off.
pub async fn open_migrated(settings: &Settings) -> Result<Store, StartError> {
    let store = open(settings).await?;
    if settings.auto_migrate() {
        store.migrate().await.map_err(|error| migration_failed(error.to_string()))?;
        return Ok(store);
    }
    let pending = store.pending_migrations().await.map_err(|error| migration_failed(error.to_string()))?;
    if pending > 0 {
        return Err(StartError::new(
            format!("the database lacks {pending} migrations, and DB_AUTO_MIGRATE is off"),
            "run `mission-control migrate` first, or set DB_AUTO_MIGRATE=true",
        ));
    }
    Ok(store)
}

async fn open(settings: &Settings) -> Result<Store, StartError> {
    let url = settings.database_url();
    if let Some(folder) = url.sqlite_file().and_then(Path::parent) {
        make_private_folder(folder)?;
    }
    let options = StoreOptions { url: url.expose().to_owned() };
    Store::open(&options, Arc::new(SystemClock)).await.map_err(|error| {
        StartError::new(
            format!("the database {url} cannot be opened"),
            "check DATABASE_URL and that the database is running and reachable, or remove DATABASE_URL to use SQLite",
        )
        .because(error.to_string())
    })
}

fn migration_failed(cause: String) -> StartError {
    StartError::new(
        "the database cannot be brought to the schema of this version",
        "use the version of the server that last used this database, or a newer one; nothing was changed",
    )
    .because(cause)
}

/// Nobody else on the machine has to read the database or the token.
fn make_private_folder(folder: &Path) -> Result<(), StartError> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| {
        StartError::new(
            format!("the folder {} cannot be made", folder.display()),
            "set DATA_DIR (or the path in DATABASE_URL) to a folder this user may write to",
        )
        .because(error)
    })
}

async fn start_limiter(settings: &Settings, http: &HttpSettings) -> Result<Limiter, StartError> {
    let limiter = Limiter::start(&http.limiter).await.map_err(|error| {
        StartError::new(
            error.to_string(),
            "check RATE_LIMIT_REDIS_URL and that Redis is running, or set RATE_LIMIT_BACKEND=memory",
        )
    })?;
    tracing::info!(backend = ?settings.limits.rate_limit_backend, "app.lifecycle.rate_limit");
    Ok(limiter)
}

pub(crate) fn obtain_token(settings: &Settings) -> Result<local_token::LocalToken, StartError> {
    make_private_folder(&settings.server.data_dir)?;
    let file = settings.local_token_file();
    local_token::obtain(settings.local_auth_token(), &file).map_err(|error| {
        StartError::new(
            format!("the sign-in token in {} cannot be used", file.display()),
            "set LOCAL_AUTH_TOKEN, or DATA_DIR to a folder this user may write to",
        )
        .because(error)
    })
}

/// How invites are made: with the configured key, else with one that is kept beside the local token.
fn invite_policy(settings: &Settings) -> Result<InvitePolicy, StartError> {
    let file = settings.secret_key_file();
    let key = local_token::obtain(settings.invites.secret_key.clone(), &file).map_err(|error| {
        StartError::new(
            format!("the secret key in {} cannot be used", file.display()),
            "set SECRET_KEY, or DATA_DIR to a folder this user may write to",
        )
        .because(error)
    })?;
    let lifetime = settings.invites.invite_expire_hours;
    Ok(InvitePolicy::new(key.token, (!lifetime.is_zero()).then_some(lifetime)))
}

async fn listen(settings: &Settings) -> Result<(TcpListener, SocketAddr), StartError> {
    let (host, port) = (settings.server.host.as_str(), settings.server.port);
    let failed = |error: std::io::Error| {
        StartError::new(
            format!("the server cannot listen on {host} port {port}"),
            "stop what else uses the port, or set PORT to another one (0 takes any free one)",
        )
        .because(error)
    };
    let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn mark_peer(extensions: &mut Extensions, peer: SocketAddr) {
    extensions.insert(Peer(peer));
}

/// Background work has watched the same token as the connections and has had their time to stop; it gets no more than
/// the grace period once again, and none when the user asked twice.
async fn wait_for(services: &Services, grace: Duration, shutdown: &Shutdown) {
    tokio::select! {
        () = services.stopped() => {}
        () = tokio::time::sleep(grace) => tracing::warn!("app.lifecycle.work_cut_off"),
        () = shutdown.now.cancelled() => {}
    }
}

//! Every variable, declared once: flag, name, default, meaning and check come from here.
//!
//! A field `base_url` is the flag `--base-url` and the variable `BASE_URL`. The first line of its comment stands in
//! `--help` and in docs/configuration.md. Names, defaults and meaning are those of platform spec §8, with the
//! additions of decisions §2 and §3.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::auth::AuthSettings;
use super::refusal::Refusal;
use super::urls::{DatabaseUrl, OptionalRedisUrl, RedisUrl};
use super::values::{self, Attempts, RateLimitBackend};

/// All settings, one section per subject.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Where the server listens and keeps its files.
    #[command(flatten)]
    pub server: ServerSettings,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// Signing in.
    #[command(flatten)]
    pub auth: AuthSettings,
    /// Invites to organizations.
    #[command(flatten)]
    pub invites: InviteSettings,
    /// What every answer carries and every request must keep to.
    #[command(flatten)]
    pub http: HttpSection,
    /// How often a caller may try, and who the caller is.
    #[command(flatten)]
    pub limits: LimitSettings,
    /// The log.
    #[command(flatten)]
    pub logging: LogSettings,
    /// Background work.
    #[command(flatten)]
    pub queue: QueueSettings,
    /// OpenClaw gateways.
    #[command(flatten)]
    pub gateway: GatewaySettings,
}

/// Where the server listens and keeps its files.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub struct ServerSettings {
    /// Address to listen on; `0.0.0.0` is every network of this machine.
    #[arg(long, default_value = "127.0.0.1", value_parser = values::host)]
    pub host: String,
    /// Port to listen on; `0` takes any free one and prints it.
    #[arg(long, default_value = "8000", value_parser = values::port)]
    pub port: u16,
    /// Folder for the SQLite file and the generated sign-in token; made when it is not there.
    #[arg(long, default_value = "./data")]
    pub data_dir: PathBuf,
    /// Public http(s) address of this server, given to agents; a path is allowed. Without it: `http://localhost:PORT`.
    #[arg(long, value_parser = values::base_url)]
    pub base_url: Option<String>,
    /// `dev` (exactly) migrates the database at start when `DB_AUTO_MIGRATE` is not set.
    #[arg(long, default_value = "dev")]
    pub environment: String,
    /// Seconds a stopping server waits for requests and streams to end, 0 to 86400.
    #[arg(long, default_value = "10", value_parser = values::seconds)]
    pub shutdown_grace_seconds: Duration,
}

/// The database.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Database")]
pub struct DatabaseSettings {
    /// `sqlite://PATH`, or `postgres://…` (also `postgresql://` and `postgresql+psycopg://`). Without it: an SQLite file in `DATA_DIR`.
    #[arg(long, value_parser = DatabaseUrl::parse)]
    pub database_url: Option<DatabaseUrl>,
    /// Boolean: whether the schema is brought up to date at start. Without it: true when `ENVIRONMENT` is `dev`, else false.
    #[arg(long, value_parser = values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub db_auto_migrate: Option<bool>,
}

/// Invites to organizations.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Invites")]
pub struct InviteSettings {
    /// Secret: 32 characters or more, from which the tokens of invites are made; the same on all servers of one database. Without it, the first start makes one in `DATA_DIR/secret-key`.
    #[arg(long, value_parser = values::secret_key)]
    pub secret_key: Option<SecretString>,
    /// Hours for which an invite can be accepted, 0 to 87600; `0` is for good.
    #[arg(long, default_value = "336", value_parser = values::hours)]
    pub invite_expire_hours: Duration,
}

/// What every answer carries and every request must keep to.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
pub struct HttpSection {
    /// Comma-separated origins that browsers may call from; `*` allows all, blank switches CORS off.
    #[arg(long, default_value = "")]
    pub cors_origins: String,
    /// Value of `x-content-type-options`; blank switches it off.
    #[arg(long, default_value = "nosniff", value_parser = values::header)]
    pub security_header_x_content_type_options: String,
    /// Value of `x-frame-options`; blank switches it off.
    #[arg(long, default_value = "DENY", value_parser = values::header)]
    pub security_header_x_frame_options: String,
    /// Value of `referrer-policy`; blank switches it off.
    #[arg(long, default_value = "strict-origin-when-cross-origin", value_parser = values::header)]
    pub security_header_referrer_policy: String,
    /// Value of `permissions-policy`; blank switches it off.
    #[arg(long, default_value = "", value_parser = values::header)]
    pub security_header_permissions_policy: String,
    /// Largest request body in bytes, 1 or more; a larger one gets 413.
    #[arg(long, default_value = "1048576", value_parser = values::positive)]
    pub request_body_limit_bytes: u64,
    /// Seconds a client has to send the head of a request, counted from the moment the connection is idle; then it is closed.
    #[arg(long, default_value = "15", value_parser = values::timeout)]
    pub request_header_timeout_seconds: Duration,
    /// Seconds a request body may pause; then it gets 408.
    #[arg(long, default_value = "30", value_parser = values::timeout)]
    pub request_body_timeout_seconds: Duration,
    /// Largest body of an inbound webhook in bytes.
    #[arg(long, default_value = "1048576", value_parser = values::count)]
    pub webhook_max_payload_bytes: u64,
}

/// How often a caller may try, and who the caller is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Rate limits and client addresses")]
pub struct LimitSettings {
    /// `memory` (counted in this process) or `redis` (shared by all nodes).
    #[arg(long, default_value = "memory", value_parser = values::rate_limit_backend)]
    pub rate_limit_backend: RateLimitBackend,
    /// Redis for shared rate limits. Blank: `RQ_REDIS_URL`.
    #[arg(long, default_value = "", value_parser = OptionalRedisUrl::parse)]
    pub rate_limit_redis_url: OptionalRedisUrl,
    /// Agent sign-ins per client address, `ATTEMPTS/SECONDS`; `0` for no limit.
    #[arg(long, default_value = "20/60", value_parser = values::attempts)]
    pub rate_limit_agent_auth: Attempts,
    /// Inbound webhooks per client address, `ATTEMPTS/SECONDS`; `0` for no limit.
    #[arg(long, default_value = "60/60", value_parser = values::attempts)]
    pub rate_limit_webhook_ingest: Attempts,
    /// Comma-separated addresses and networks of reverse proxies whose forwarding headers name the client; wrong entries are skipped with a warning.
    #[arg(long, default_value = "")]
    pub trusted_proxies: String,
    /// Comma-separated peers whose `X-Forwarded-For` and `X-Forwarded-Proto` are honoured; `*` is every peer.
    #[arg(long, default_value = "127.0.0.1")]
    pub forwarded_allow_ips: String,
}

/// The log.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Log")]
pub struct LogSettings {
    /// `TRACE`, `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL` in any case, or a number as in Python's logging; anything else is `INFO`.
    #[arg(long, default_value = "INFO")]
    pub log_level: String,
    /// `json` (any case) for one JSON object per line; anything else is text.
    #[arg(long, default_value = "text")]
    pub log_format: String,
    /// Boolean: UTC instead of local time in text logs; JSON logs are always in UTC.
    #[arg(long, default_value = "false", value_parser = values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub log_use_utc: bool,
    /// Milliseconds from which a request is logged as slow; `0` switches that off.
    #[arg(long, default_value = "1000", value_parser = values::count)]
    pub request_log_slow_ms: u64,
    /// Boolean: whether `/health`, `/healthz` and `/readyz` are logged too.
    #[arg(long, default_value = "false", value_parser = values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub request_log_include_health: bool,
}

/// Background work. The queue itself is in the database; names of the original are kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Background work")]
pub struct QueueSettings {
    /// Redis of the original's queue; here only what `RATE_LIMIT_REDIS_URL` falls back to.
    #[arg(long, default_value = "redis://localhost:6379/0", value_parser = OptionalRedisUrl::parse)]
    pub rq_redis_url: OptionalRedisUrl,
    /// Name of the original's queue; accepted and not used.
    #[arg(long, default_value = "default")]
    pub rq_queue_name: String,
    /// Seconds between two deliveries to one agent, 0 to 86400.
    #[arg(long, default_value = "15.0", value_parser = values::seconds)]
    pub rq_dispatch_throttle_seconds: Duration,
    /// How often a failed delivery is tried again.
    #[arg(long, default_value = "3", value_parser = values::count)]
    pub rq_dispatch_max_retries: u64,
    /// Seconds before the first retry; doubled each time.
    #[arg(long, default_value = "10.0", value_parser = values::seconds)]
    pub rq_dispatch_retry_base_seconds: Duration,
    /// Longest pause between two retries, in seconds.
    #[arg(long, default_value = "120.0", value_parser = values::seconds)]
    pub rq_dispatch_retry_max_seconds: Duration,
}

/// OpenClaw gateways.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Gateways")]
pub struct GatewaySettings {
    /// Oldest gateway version that is accepted.
    #[arg(long, default_value = "2026.02.9", value_parser = values::text)]
    pub gateway_min_version: String,
    /// File with the device identity shown to gateways.
    #[arg(long)]
    pub openclaw_gateway_device_identity_path: Option<PathBuf>,
}

impl Settings {
    /// The public address: what is configured, else this machine at `port`.
    #[must_use]
    pub fn base_url(&self, port: u16) -> String {
        self.server.base_url.clone().unwrap_or_else(|| format!("http://localhost:{port}"))
    }

    /// The database: what is configured, else the SQLite file in the data folder.
    #[must_use]
    pub fn database_url(&self) -> DatabaseUrl {
        let configured = self.database.database_url.clone();
        configured.unwrap_or_else(|| DatabaseUrl::sqlite_in(&self.server.data_dir))
    }

    /// Whether the schema is brought up to date at start.
    #[must_use]
    pub fn auto_migrate(&self) -> bool {
        self.database.db_auto_migrate.unwrap_or(self.server.environment == "dev")
    }

    /// The configured local token, trimmed; the empty text counts as not set, as it is the original's default.
    #[must_use]
    pub fn local_auth_token(&self) -> Option<SecretString> {
        let token = self.auth.local_auth_token.as_ref()?.expose_secret();
        if token.is_empty() { None } else { Some(SecretString::from(token.trim())) }
    }

    /// Where a made token is kept.
    #[must_use]
    pub fn local_token_file(&self) -> PathBuf {
        Path::new(&self.server.data_dir).join("local-auth-token")
    }

    /// Where a made secret key is kept.
    #[must_use]
    pub fn secret_key_file(&self) -> PathBuf {
        Path::new(&self.server.data_dir).join("secret-key")
    }

    /// The Redis for shared rate limits; nothing when they are counted in memory.
    #[must_use]
    pub fn rate_limit_redis(&self) -> Option<&RedisUrl> {
        if self.limits.rate_limit_backend == RateLimitBackend::Memory {
            return None;
        }
        self.limits.rate_limit_redis_url.0.as_ref().or(self.queue.rq_redis_url.0.as_ref())
    }

    /// The rules that concern several variables, each with the variable to change.
    #[must_use]
    pub fn conflicts(&self) -> Vec<(&'static str, Refusal)> {
        let mut found = self.auth.conflicts();
        if self.limits.rate_limit_backend == RateLimitBackend::Redis && self.rate_limit_redis().is_none() {
            found.push((
                "RATE_LIMIT_REDIS_URL",
                Refusal::new(
                    "is blank, and so is RQ_REDIS_URL, but RATE_LIMIT_BACKEND=redis needs one of them",
                    "set it to redis://HOST:6379/0, or set RATE_LIMIT_BACKEND=memory",
                ),
            ));
        }
        found
    }
}

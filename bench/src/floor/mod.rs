//! The floor: the least a server can do that gives the same answers from the same database.
//!
//! Hand-written SQL through rusqlite, prepared statements, a connection per blocking thread for reading, one thread
//! that writes and lets writes that queue up share a commit. No access rules, no validation, no log, no limits, no
//! request ids beyond the stored one. What a product adds is measured against it.

mod read;
mod wire;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, patch};
use axum::{Json, Router};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::Outcome;
use wire::{Create, Page, Paging, Patch, Task};
use write::Writer;

/// How an answer fails: the status says it all.
type Answer<T> = Result<T, StatusCode>;

#[derive(Clone)]
struct Floor {
    file: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    writer: Writer,
}

/// Serves the database `file` on a free loopback port, which is printed to standard error, until the process is
/// killed.
pub async fn serve(file: &Path) -> Outcome<()> {
    let writer = Writer::start(open(file)?)?;
    let floor = Floor { file: Arc::new(file.to_owned()), idle: Arc::default(), writer };
    let app = Router::new()
        .route("/health", get(constant))
        .route("/readyz", get(constant))
        .route("/api/v1/boards/{board}/tasks", get(list).post(create))
        .route("/api/v1/agent/boards/{board}/tasks", get(poll))
        .route("/api/v1/agent/boards/{board}/tasks/{task}", patch(update))
        .with_state(floor);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    eprintln!("The floor is up: http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

/// Opens `file` as the product does: write-ahead log, full sync, foreign keys.
fn open(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(100);
    Ok(connection)
}

impl Floor {
    /// Runs `work` on a blocking thread with a connection of its own.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Answer<T> {
        let floor = self.clone();
        let run = move || {
            let idle = floor.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = idle.map_or_else(|| open(&floor.file), Ok)?;
            let result = work(&connection);
            floor.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result
        };
        tokio::task::spawn_blocking(run).await.map_err(broken)?.map_err(missing_or_broken)
    }
}

fn broken(error: impl std::fmt::Display) -> StatusCode {
    eprintln!("floor: {error}");
    StatusCode::INTERNAL_SERVER_ERROR
}

fn missing_or_broken(error: rusqlite::Error) -> StatusCode {
    match error {
        rusqlite::Error::QueryReturnedNoRows => StatusCode::NOT_FOUND,
        other => broken(other),
    }
}

async fn constant() -> &'static str {
    r#"{"ok":true}"#
}

async fn list(
    State(floor): State<Floor>,
    UrlPath(board): UrlPath<Uuid>,
    Query(paging): Query<Paging>,
) -> Answer<Json<Page>> {
    floor.read(move |db| read::page(db, board, paging)).await.map(Json)
}

async fn poll(
    State(floor): State<Floor>,
    UrlPath(board): UrlPath<Uuid>,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
) -> Answer<Json<Page>> {
    let hash = agent_hash(&headers)?;
    let page = floor.read(move |db| {
        read::agent(db, &hash)?;
        read::page(db, board, paging)
    });
    page.await.map(Json)
}

async fn create(
    State(floor): State<Floor>,
    UrlPath(board): UrlPath<Uuid>,
    body: Bytes,
) -> Answer<Json<Task>> {
    let create: Create = serde_json::from_slice(&body).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    floor.writer.create(board, create).await.map(Json)
}

async fn update(
    State(floor): State<Floor>,
    UrlPath((board, task)): UrlPath<(Uuid, Uuid)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Json<Task>> {
    let patch: Patch = serde_json::from_slice(&body).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    let hash = agent_hash(&headers)?;
    let agent = floor.read(move |db| read::agent(db, &hash)).await?;
    floor.writer.update(board, task, agent, patch).await.map(Json)
}

fn agent_hash(headers: &HeaderMap) -> Answer<String> {
    headers.get("x-agent-token").map(|token| token_hash(token.as_bytes())).ok_or(StatusCode::UNAUTHORIZED)
}

/// The stored form of an agent token (decisions §2).
pub fn token_hash(token: &[u8]) -> String {
    use std::fmt::Write;

    let mut text = String::from("sha256$");
    for byte in Sha256::digest(token) {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

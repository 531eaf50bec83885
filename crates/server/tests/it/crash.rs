//! The real server, killed in the middle of its work; and two of them side by side.

use std::collections::HashSet;
use std::net::Ipv6Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mc_model::board::Board;
use mc_model::ids::{AgentId, BoardId, OrganizationId};
use mc_model::{Clock, SystemClock};
use mc_service::auth::hash_agent_token;
use mc_store::{self as store, Store, StoreOptions, WriteTx};
use mc_testkit::{Backend, TestDatabase, db_test, fixture, raw};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::server_process::ServerProcess;

const TOKEN: &str = "the-token-of-the-only-person-of-this-server-0123456789";
const AGENT_TOKEN: &str = "the-token-of-the-only-agent-0123456789-0123";
const PATIENCE: Duration = Duration::from_secs(60);

/// A database with one person, one board and one agent, on which servers are started.
struct Site {
    folder: TempDir,
    board: BoardId,
    // Last: the database goes after everything else.
    database: TestDatabase,
}

impl Site {
    async fn new(backend: Backend) -> Self {
        let database = TestDatabase::new(backend).await;
        let folder = tempfile::tempdir().expect("a folder");
        let board = BoardId::generate();
        let site = Self { folder, board, database };
        let server = site.start(&[]);
        let organization = ask(&server, Method::GET, "/api/v1/organizations/me", None).await.ok();
        let organization = organization["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        server.kill();
        site.add_board(organization).await;
        site
    }

    /// A server on this database, with rate limits off unless `environment` says otherwise.
    fn start(&self, environment: &[(&str, &str)]) -> ServerProcess {
        let mut all = vec![
            ("DATABASE_URL", self.database.url()),
            ("LOCAL_AUTH_TOKEN", TOKEN),
            ("RATE_LIMIT_AGENT_AUTH", "0"),
            ("LOG_LEVEL", "ERROR"),
        ];
        all.extend(environment);
        ServerProcess::start(Path::new(self.folder.path()), &all)
    }

    /// What no operation makes yet.
    async fn add_board(&self, organization: OrganizationId) {
        let options = StoreOptions { url: self.database.url().to_owned() };
        let store = Store::open(&options, Arc::new(SystemClock)).await.expect("the store opens");
        let now = SystemClock.now();
        let gateway = fixture::gateway(organization);
        let board = Board { id: self.board, ..fixture::board(organization, gateway.id, "Board", now) };
        let agent = fixture::agent(gateway.id, Some(self.board), "Agent", now);
        let rows = async |tx: &mut WriteTx| {
            store::gateways::insert(tx, &gateway).await?;
            store::boards::insert(tx, &board).await?;
            store::agents::insert(tx, &agent, &hash_agent_token(AGENT_TOKEN)).await
        };
        store.write(None, None, rows).await.expect("the rows are valid");
    }

    fn tasks(&self) -> String {
        format!("/api/v1/boards/{}/tasks", self.board)
    }

    async fn number(&self, sql: &str) -> String {
        raw::text(self.database.url(), sql).await
    }
}

fn client() -> Client {
    Client::builder().timeout(PATIENCE).build().expect("a client")
}

/// What a real server answered.
struct Reply {
    status: StatusCode,
    retry_after: Option<u64>,
    body: Value,
}

impl Reply {
    #[track_caller]
    fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
    }
}

/// Sends a request as the person, or says that the connection broke.
async fn try_to_ask(
    client: &Client,
    method: Method,
    url: String,
    body: Option<Value>,
) -> Result<Reply, reqwest::Error> {
    let mut request = client.request(method, url).bearer_auth(TOKEN);
    if let Some(body) = body {
        request = request.json(&body);
    }
    reply(request.send().await?).await
}

async fn reply(response: reqwest::Response) -> Result<Reply, reqwest::Error> {
    let status = response.status();
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(Reply { status, retry_after, body: response.json().await? })
}

async fn ask(server: &ServerProcess, method: Method, path: &str, body: Option<Value>) -> Reply {
    let url = format!("{}{path}", server.url());
    try_to_ask(&client(), method, url, body).await.expect("the server answers")
}

/// What was acknowledged: tasks, and comments with their task.
#[derive(Default)]
struct Acknowledged {
    tasks: HashSet<String>,
    comments: HashSet<(String, String)>,
}

/// Creates tasks, and a comment on each second one, until the connection breaks.
async fn write_until_cut(base: String, path: String, count: Arc<AtomicUsize>) -> Acknowledged {
    let client = client();
    let mut done = Acknowledged::default();
    for number in 0.. {
        let create = json!({"title": format!("task {number}"), "priority": "high"});
        let Ok(created) = try_to_ask(&client, Method::POST, format!("{base}{path}"), Some(create)).await
        else {
            break;
        };
        let task = created.ok()["id"].as_str().expect("an id").to_owned();
        done.tasks.insert(task.clone());
        count.fetch_add(1, Ordering::SeqCst);
        if number % 2 == 0 {
            continue;
        }
        let url = format!("{base}{path}/{task}/comments");
        let Ok(said) = try_to_ask(&client, Method::POST, url, Some(json!({"message": "a comment"}))).await
        else {
            break;
        };
        let comment = said.ok()["id"].as_str().expect("an id").to_owned();
        done.comments.insert((task, comment));
        count.fetch_add(1, Ordering::SeqCst);
    }
    done
}

/// One life of a server: several connections write until, after `writes` acknowledged writes, it is killed.
async fn live_and_be_killed(site: &Site, writes: usize, all: &mut Acknowledged) {
    const CONNECTIONS: usize = 6;
    let server = site.start(&[]);
    let count = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        writers.spawn(write_until_cut(server.url(), site.tasks(), count.clone()));
    }
    let enough = async {
        while count.load(Ordering::SeqCst) < writes {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, enough).await.expect("the server takes writes");
    server.kill();
    let done =
        tokio::time::timeout(PATIENCE, writers.join_all()).await.expect("a killed server hangs nobody up");
    for part in done {
        all.tasks.extend(part.tasks);
        all.comments.extend(part.comments);
    }
}

#[db_test]
async fn every_acknowledged_write_outlives_sigkill(backend: Backend) {
    let kills = match backend {
        Backend::Sqlite => 20,
        Backend::Postgres => 6,
    };
    let site = Site::new(backend).await;
    let mut all = Acknowledged::default();
    for kill in 0..kills {
        // From a handful of writes to some dozens, another number each time.
        live_and_be_killed(&site, 3 + kill * 17 % 53, &mut all).await;
    }
    let server = site.start(&[]);
    let present = all_tasks(&server, &site).await;
    let lost: Vec<_> = all.tasks.difference(&present).collect();
    assert!(lost.is_empty(), "acknowledged tasks that are not there: {lost:?}");
    for (task, comment) in &all.comments {
        let page = ask(&server, Method::GET, &format!("{}/{task}/comments", site.tasks()), None).await.ok();
        assert_eq!(page["items"][0]["id"], json!(comment), "an acknowledged comment is not there");
    }
    let last = check_the_log(&site).await;
    assert_eq!(positions_of_the_stream(&server, &site, last).await, (1..=last).collect::<Vec<_>>());
    server.kill();
    if backend == Backend::Sqlite {
        assert_eq!(site.number("PRAGMA integrity_check").await, "ok");
    }
}

async fn all_tasks(server: &ServerProcess, site: &Site) -> HashSet<String> {
    let mut found = HashSet::new();
    loop {
        let path = format!("{}?offset={}", site.tasks(), found.len());
        let page = ask(server, Method::GET, &path, None).await.ok();
        let items = page["items"].as_array().expect("a list");
        if items.is_empty() {
            return found;
        }
        found.extend(items.iter().map(|task| task["id"].as_str().expect("an id").to_owned()));
    }
}

/// The log has no gap, and nothing is there by half. Gives the last position.
async fn check_the_log(site: &Site) -> i64 {
    let counted = site
        .number(
            "SELECT count(*) || ' ' || min(seq) || ' ' || max(seq) || ' ' || (SELECT max(event_seq) FROM boards) \
             FROM events WHERE board_id IS NOT NULL",
        )
        .await;
    let numbers: Vec<i64> = counted.split(' ').map(|number| number.parse().expect("a number")).collect();
    let [count, first, last, head] = numbers[..] else { panic!("{counted}") };
    assert_eq!((count, first, head), (last, 1, last), "events, first, head");
    for (what, rows) in [
        (
            "tasks without their event",
            "tasks t WHERE NOT EXISTS (SELECT 1 FROM events e JOIN activity_events a ON a.id = e.activity_id \
             WHERE e.task_id = t.id AND e.kind = 'task.created')",
        ),
        ("events without their task", "events e WHERE e.task_id NOT IN (SELECT id FROM tasks)"),
        (
            "activities without their event",
            "activity_events a WHERE a.board_id IS NOT NULL AND NOT EXISTS \
             (SELECT 1 FROM events e WHERE e.activity_id = a.id)",
        ),
    ] {
        assert_eq!(site.number(&format!("SELECT count(*) FROM {rows}")).await, "0", "{what}");
    }
    last
}

/// Reads the stream from its beginning to `last`.
async fn positions_of_the_stream(server: &ServerProcess, site: &Site, last: i64) -> Vec<i64> {
    let request = client()
        .get(format!("{}{}/stream", server.url(), site.tasks()))
        .bearer_auth(TOKEN)
        .header("last-event-id", "0");
    let mut response = request.send().await.expect("the server answers");
    assert_eq!(response.status(), StatusCode::OK);
    let (mut text, mut positions) = (String::new(), Vec::new());
    while positions.last() != Some(&last) {
        let piece = tokio::time::timeout(PATIENCE, response.chunk()).await.expect("the stream goes on");
        let piece = piece.expect("the stream is whole").expect("the stream is open");
        // All of it is ASCII here, so a piece may end anywhere.
        text.push_str(std::str::from_utf8(&piece).expect("text"));
        while let Some((line, rest)) = text.split_once("\r\n") {
            positions.extend(line.strip_prefix("id: ").map(|id| id.parse::<i64>().expect("a position")));
            text = rest.to_owned();
        }
    }
    positions
}

// ---- limits ---------------------------------------------------------------------------------------------------

/// An address nobody else uses, so that no other test or earlier run has counted for it.
fn fresh_address() -> String {
    let [.., a, b, c, d] = *AgentId::generate().0.as_bytes();
    let group = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    Ipv6Addr::new(0x2001, 0xdb8, group(a, b), group(c, d), 0, 0, 0, 1).to_string()
}

/// A request of the agent that comes, as a proxy says, from `address`.
async fn as_agent(server: &ServerProcess, address: &str) -> Reply {
    let request = client()
        .get(format!("{}/api/v1/agent/healthz", server.url()))
        .header("x-agent-token", AGENT_TOKEN)
        .header("x-forwarded-for", address);
    reply(request.send().await.expect("the server answers")).await.expect("the answer is whole")
}

#[track_caller]
fn assert_limited(reply: &Reply) {
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS, "{}", reply.body);
    assert!(reply.retry_after.is_some_and(|seconds| (1..=60).contains(&seconds)), "{:?}", reply.retry_after);
    assert!(reply.body["request_id"].is_string(), "{}", reply.body);
}

#[db_test]
async fn two_servers_count_attempts_together_in_redis(backend: Backend) {
    let redis = std::env::var("TEST_REDIS_URL")
        .expect("TEST_REDIS_URL: put scripts/with-services before the command");
    let site = Site::new(backend).await;
    let limits = [
        ("RATE_LIMIT_AGENT_AUTH", "20/60"),
        ("RATE_LIMIT_BACKEND", "redis"),
        ("RATE_LIMIT_REDIS_URL", &*redis),
    ];
    let servers = [site.start(&limits), site.start(&limits)];
    for round in 1.. {
        if count_together(&servers).await {
            break;
        }
        assert!(round < ROUNDS, "the attempts were never counted together");
        tokio::time::sleep(AFTER_A_FAILURE).await;
    }
    for server in &servers {
        as_agent(server, &fresh_address()).await.ok();
    }
}

/// A server lets a request pass whose count in Redis takes too long, which on a busy machine happens: such a round says
/// nothing, and one of several must go as it should.
const ROUNDS: usize = 20;
/// Longer than a server leaves Redis alone then.
const AFTER_A_FAILURE: Duration = Duration::from_millis(1_100);

/// Whether both servers refuse an address after twenty attempts, ten at each.
async fn count_together(servers: &[ServerProcess; 2]) -> bool {
    let address = fresh_address();
    for attempt in 0..20 {
        as_agent(&servers[attempt % 2], &address).await.ok();
    }
    for server in servers {
        let reply = as_agent(server, &address).await;
        if reply.status == StatusCode::OK {
            return false;
        }
        assert_limited(&reply);
    }
    true
}

#[db_test]
async fn a_server_on_its_own_counts_in_memory(backend: Backend) {
    let site = Site::new(backend).await;
    let servers = [
        site.start(&[("RATE_LIMIT_AGENT_AUTH", "20/60")]),
        site.start(&[("RATE_LIMIT_AGENT_AUTH", "20/60")]),
    ];
    let address = fresh_address();
    for _ in 0..20 {
        as_agent(&servers[0], &address).await.ok();
    }
    assert_limited(&as_agent(&servers[0], &address).await);
    as_agent(&servers[1], &address).await.ok();
}

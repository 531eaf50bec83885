//! The demo against a server in this process, over TCP, on both databases.

mod arguments;
mod plays;
mod removal;
mod scripts;
mod shows;

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use mc_service::demo::DemoSeed;
use mc_testkit::TestDatabase;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Api;
use super::play::{Cast, Stage, Summary, play};
use super::show::{Show, Style};
use super::{DemoCommand, local_url};
use crate::cli::{self, Command};
use crate::config::Settings;
use crate::serve::{Ended, Shutdown};
use crate::start::{self, Server, StartError};

/// The command that `arguments` make after `mission-control demo`.
fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Result<DemoCommand, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["mission-control", "demo"].iter().chain(arguments).map(OsString::from);
    let environment: Vec<(OsString, OsString)> =
        environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
    match cli::read(arguments, environment, folder.path()) {
        Ok(invocation) => match invocation.command {
            Command::Demo(command) => Ok(*command),
            other => Err(format!("{other:?}")),
        },
        Err(crate::config::Rejected::Usage(error)) => Err(error.to_string()),
        Err(crate::config::Rejected::Faults(faults)) => Err(faults.to_string()),
    }
}

/// The settings of a server and of a demo that share a database and a data folder.
struct Place {
    settings: Settings,
    _folder: TempDir,
}

impl Place {
    fn on(database: &TestDatabase, limit: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().to_str().expect("text").to_owned();
        let environment = [
            ("DATABASE_URL", database.url()),
            ("DATA_DIR", &data),
            ("PORT", "0"),
            ("RATE_LIMIT_AGENT_AUTH", limit),
        ];
        Self { settings: command(&[], &environment).expect("valid").settings, _folder: folder }
    }

    /// A server that runs until the returned value says stop.
    async fn serve(&self) -> Running {
        let shutdown = Shutdown::default();
        let server = Server::prepare(&self.settings, shutdown.clone()).await.expect("it starts");
        let url = local_url("127.0.0.1", server.address.port());
        Running { url, shutdown, ended: tokio::spawn(server.serve()) }
    }

    /// Plays at `url` until what was shown is `enough`. Returns all lines.
    async fn play_until(
        &self,
        url: &str,
        seed: &DemoSeed,
        enough: impl Fn(&[Value]) -> bool + Send + Sync + 'static,
    ) -> (Result<Summary, StartError>, Vec<Value>) {
        let stop = CancellationToken::new();
        let tape = Tape { text: Arc::default(), enough: Arc::new(enough), stop: stop.clone() };
        let mut show = Show::new(Style::Json, Box::new(tape.clone()));
        show.opening(seed, url);
        let token = start::obtain_token(&self.settings).expect("a token").token;
        let stage = Stage {
            api: Api::new(url, token).expect("a client"),
            board: seed.board_id,
            cast: Cast::new(seed),
            rate: 100.0,
            run_for: None,
        };
        (play(&stage, &mut show, &stop).await, tape.lines())
    }
}

struct Running {
    url: String,
    shutdown: Shutdown,
    ended: JoinHandle<Ended>,
}

impl Running {
    async fn stop(self) {
        self.shutdown.stop.cancel();
        assert_eq!(self.ended.await.expect("no panic"), Ended::Drained);
    }
}

/// Whether a task was shown with this status.
fn has_status(status: &'static str) -> impl Fn(&[Value]) -> bool {
    move |lines| lines.iter().any(|line| line["status"] == status)
}

/// Nothing is ever enough.
fn never(_: &[Value]) -> bool {
    false
}

/// Whether what was shown is enough.
type Enough = Arc<dyn Fn(&[Value]) -> bool + Send + Sync>;

/// Keeps what is shown, and stops the play when it is enough.
#[derive(Clone)]
struct Tape {
    text: Arc<Mutex<Vec<u8>>>,
    enough: Enough,
    stop: CancellationToken,
}

impl Tape {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().expect("no panic")).into_owned()
    }

    fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }
}

impl Write for Tape {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.text.lock().expect("no panic").extend_from_slice(piece);
        // What is shown to people is no JSON, and nothing waits for it.
        let text = self.text();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if (self.enough)(&lines) {
            self.stop.cancel();
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! The operator's commands beside a running server, on both databases.

use std::path::Path;
use std::process::Output;

use mc_testkit::{Backend, TestDatabase, db_test};
use serde_json::Value;

use crate::server_process::{ServerProcess, run};

/// A server in a folder of its own, and the environment that it shares with the commands.
struct Beside {
    folder: tempfile::TempDir,
    server: ServerProcess,
    environment: Vec<(&'static str, String)>,
    _database: TestDatabase,
}

impl Beside {
    async fn start(backend: Backend) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = TestDatabase::new(backend).await;
        let environment = vec![("DATABASE_URL", database.url().to_owned())];
        let server = ServerProcess::start(folder.path(), &borrowed(&environment));
        let beside = Self { folder, server, environment, _database: database };
        // The first sign-in makes the account.
        let token = std::fs::read_to_string(beside.folder.path().join("data/local-auth-token"));
        assert_eq!(beside.status(token.expect("a token file").trim()), 200);
        beside
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(self.folder.path(), arguments, &borrowed(&self.environment))
    }

    /// What a command prints that must succeed; nobody reads along, so it is JSON.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn status(&self, token: &str) -> u16 {
        let answer = self.server.get("/api/v1/users/me", token);
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }
}

fn borrowed<'a>(environment: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    environment.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[db_test]
async fn token_made_and_revoked_at_the_command_line_counts_at_once(backend: Backend) {
    let beside = Beside::start(backend).await;
    let made = beside.json(&[
        "token",
        "create",
        "--user",
        "Admin@Home.local",
        "--scope",
        "write",
        "--expires",
        "1h",
        "--name",
        "CI",
    ]);
    let token = made["token"].as_str().expect("a token");
    let id = made["id"].as_str().expect("an id");
    assert_eq!((made["scope"].as_str(), made["name"].as_str()), (Some("write"), Some("CI")));
    assert!(made["expires_at"].is_string(), "{made}");
    assert_eq!(beside.status(token), 200);

    let listed = beside.json(&["token", "list", "--user", "local-auth-user"]);
    assert_eq!(listed[0]["id"], made["id"]);
    assert_eq!(listed[0]["state"], "active");
    assert!(!listed.to_string().contains(token));

    let revoked = beside.json(&["token", "revoke", id]);
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
    assert_eq!(beside.status(token), 401);
    assert_eq!(beside.json(&["token", "list"]), serde_json::json!([]));
    assert_eq!(beside.json(&["token", "list", "--all"])[0]["state"], "revoked");
    let again = beside.run(&["token", "revoke", id]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("token list --all"), "{}", text(&again.stderr));
}

#[db_test]
async fn accounts_and_organizations_are_listed(backend: Backend) {
    let beside = Beside::start(backend).await;
    beside.json(&["token", "create", "--user", "local-auth-user", "--expires", "never"]);
    let users = beside.json(&["user", "list", "--json"]);
    assert_eq!(users.as_array().map(Vec::len), Some(1));
    assert_eq!(users[0]["email"], "admin@home.local");
    assert_eq!(users[0]["organizations"], 1);
    assert_eq!(users[0]["active_tokens"], 1);
    let organizations = beside.json(&["org", "list"]);
    assert_eq!(organizations[0]["name"], "Personal");
    assert_eq!(organizations[0]["members"], 1);
    assert_eq!(organizations[0]["boards"], 0);
}

#[db_test]
async fn wrong_commands_say_what_to_do(backend: Backend) {
    let beside = Beside::start(backend).await;
    let nowhere = "00000000-0000-0000-0000-000000000000";
    let create = ["token", "create", "--user", "local-auth-user"];
    for (arguments, code, said) in [
        (vec!["token", "create", "--user", "nobody"], 1, "There is no such account"),
        ([&create[..], &["--board", nowhere]].concat(), 1, "There is no such board"),
        ([&create[..], &["--expires", "2020-01-01"]].concat(), 1, "must expire in the future"),
        ([&create[..], &["--expires", "400d"]].concat(), 1, "366 days at most"),
        ([&create[..], &["--expires", "soon"]].concat(), 2, "30d"),
        ([&create[..], &["--scope", "root"]].concat(), 2, "read, write and admin"),
        (vec!["token", "create"], 2, "--user"),
        (vec!["token", "revoke", "x"], 2, "token list"),
        ([&create[..], &["--board", "x"]].concat(), 2, "the id of a board"),
        (vec!["user"], 2, "list"),
    ] {
        let output = beside.run(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", text(&output.stdout));
    }
    assert_eq!(beside.json(&["token", "list", "--all"]), serde_json::json!([]), "nothing was made");
}

#[test]
fn without_a_database_none_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), &["user", "list"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("there is no database at ./data/mission-control.db"), "{said}");
    assert!(said.contains("DATA_DIR"), "{said}");
    assert!(!Path::new(&folder.path().join("data")).exists());
    let output = run(folder.path(), &["user", "list"], &[("DATABASE_URL", "mysql://x")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("DATABASE_URL"), "{}", text(&output.stderr));
}

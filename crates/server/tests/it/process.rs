//! The program as its users meet it: first start, sign-in, stop, wrong settings.

use std::io::Write;
use std::path::Path;

use serde_json::Value;

use crate::server_process::{ServerProcess, run};

fn token_in(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("data/local-auth-token")).expect("a token file");
    text.trim().to_owned()
}

#[test]
fn the_first_start_needs_nothing_and_prints_the_token_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = ServerProcess::start(folder.path(), &[]);
    let token = token_in(folder.path());
    assert!(first.sign_in_line.contains(&token), "{}", first.sign_in_line);
    let me = first.get("/api/v1/users/me", &token);
    assert!(me.starts_with("HTTP/1.1 200 OK") && me.contains("admin@home.local"), "{me}");
    assert!(first.get("/readyz", "").starts_with("HTTP/1.1 200 OK"));
    assert!(first.get("/api/v1/users/me", "wrong").starts_with("HTTP/1.1 401 "));
    first.terminate();
    let (status, rest) = first.wait();
    assert!(status.success());
    assert_eq!(rest, "", "one line, and no other");

    let second = ServerProcess::start(folder.path(), &[]);
    assert!(!second.sign_in_line.contains(&token), "{}", second.sign_in_line);
    assert!(second.sign_in_line.contains("data/local-auth-token"), "{}", second.sign_in_line);
    assert!(second.get("/api/v1/users/me", &token).starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn a_configured_token_is_used_and_never_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = "0123456789".repeat(5);
    let server = ServerProcess::start(folder.path(), &[("local_auth_token", &token)]);
    assert!(!server.sign_in_line.contains(&token), "{}", server.sign_in_line);
    assert!(server.get("/api/v1/users/me", &token).starts_with("HTTP/1.1 200 OK"));
    assert!(!folder.path().join("data/local-auth-token").exists());
}

#[test]
fn an_unfinished_request_does_not_keep_the_server_from_stopping() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ServerProcess::start(folder.path(), &[("SHUTDOWN_GRACE_SECONDS", "0.05")]);
    let mut half = server.connect();
    half.write_all(b"POST /api/v1/auth/bootstrap HTTP/1.1\r\nhost: ").expect("sent");
    // The server takes connections in turn: this answer says that it has the one above.
    assert!(server.get("/healthz", "").starts_with("HTTP/1.1 200 OK"));
    server.terminate();
    let (status, _) = server.wait();
    assert!(status.success());
}

#[test]
fn wrong_settings_stop_the_start_with_code_2_and_are_all_named() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(".env"), "PORT=abc\nLOG_USE_UTC=\n").expect("written");
    let output = run(folder.path(), &[], &[("AUTH_MODE", "none")]);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    for part in ["3 settings stop the start", "PORT=\"abc\" (from .env)", "LOG_USE_UTC", "AUTH_MODE", "fix: "]
    {
        assert!(stderr.contains(part), "{part} in {stderr}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was made");
    assert_eq!(run(folder.path(), &["serve", "--nonsense"], &[]).status.code(), Some(2));
}

#[test]
fn an_unreachable_part_stops_the_start_with_code_1_and_no_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let redis = [("RATE_LIMIT_BACKEND", "redis"), ("RATE_LIMIT_REDIS_URL", "redis://:s3cret@127.0.0.1:1")];
    let output = run(folder.path(), &[], &redis);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("127.0.0.1:1") && stderr.contains("fix: "), "{stderr}");
    let log = String::from_utf8(output.stdout).expect("text");
    assert!(!stderr.contains("s3cret") && !log.contains("s3cret"), "{stderr}{log}");
}

#[test]
fn a_database_without_schema_is_refused_when_migration_is_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let off = [("DB_AUTO_MIGRATE", "off"), ("PORT", "0")];
    let refused = run(folder.path(), &[], &off);
    let stderr = String::from_utf8(refused.stderr).expect("text");
    assert_eq!(refused.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("mission-control migrate"), "{stderr}");

    assert!(run(folder.path(), &["migrate"], &[]).status.success());
    let server = ServerProcess::start(folder.path(), &off);
    assert!(server.get("/readyz", "").starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn doctor_and_openapi_print_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let doctor = run(folder.path(), &["doctor", "--json"], &[("PORT", "9")]);
    let rows: Value = serde_json::from_slice(&doctor.stdout).expect("JSON");
    let port = rows.as_array().expect("rows").iter().find(|row| row["variable"] == "PORT");
    assert_eq!(port.expect("a row")["value"], "9");

    let document: Value =
        serde_json::from_slice(&run(folder.path(), &["openapi"], &[]).stdout).expect("JSON");
    assert_eq!(document["info"]["title"], "Mission Control API");
    assert!(!folder.path().join("data").exists(), "neither makes a file");
}

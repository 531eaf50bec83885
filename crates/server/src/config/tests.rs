//! The command line, the environment and the files together, as a start sees them.

use std::ffi::OsString;
use std::time::Duration;

use mc_api::limit::Limit;
use secrecy::ExposeSecret;

use super::values::{Attempts, RateLimitBackend};
use super::{Effective, Rejected, Settings};
use crate::cli::{self, Invocation};

fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Invocation, Rejected> {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = std::iter::once("mission-control").chain(arguments.iter().copied()).map(OsString::from);
    let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
    cli::read(arguments, environment.collect::<Vec<(OsString, OsString)>>(), folder.path())
}

fn settings(arguments: &[&str], environment: &[(&str, &str)]) -> Settings {
    let invocation = start(arguments, environment).expect("valid settings");
    invocation.command.settings().expect("a command with settings").clone()
}

fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    match start(arguments, environment).expect_err("refused") {
        Rejected::Faults(faults) => faults.to_string(),
        Rejected::Usage(error) => panic!("not a fault of a setting: {error}"),
    }
}

fn effective(invocation: &Invocation, variable: &str) -> Effective {
    let found = invocation.effective.iter().find(|row| row.variable == variable);
    found.expect("a variable").clone()
}

#[test]
fn nothing_set_starts_with_the_documented_defaults() {
    let settings = settings(&[], &[]);
    assert_eq!((settings.server.host.as_str(), settings.server.port), ("127.0.0.1", 8000));
    assert_eq!(settings.base_url(8000), "http://localhost:8000");
    assert_eq!(settings.database_url().expose(), "sqlite://./data/mission-control.db");
    assert!(settings.auto_migrate());
    assert!(settings.local_auth_token().is_none());
    assert!(settings.rate_limit_redis().is_none());
    let per_minute = |max| Attempts(Some(Limit { max, window: Duration::from_secs(60) }));
    assert_eq!(settings.limits.rate_limit_agent_auth, per_minute(20));
    assert_eq!(settings.limits.rate_limit_webhook_ingest, per_minute(60));
    assert_eq!(settings.http.request_body_limit_bytes, 1_048_576);
    assert_eq!(settings.logging.request_log_slow_ms, 1000);
}

#[test]
fn flags_beat_the_environment_and_no_command_means_serve() {
    let environment = [("PORT", "1111"), ("host", "0.0.0.0"), ("LOG_USE_UTC", "on")];
    for arguments in [&["serve", "--port", "2222"][..], &["--port=2222"], &["--port", "1", "--port", "2222"]]
    {
        let settings = settings(arguments, &environment);
        assert_eq!(settings.server.port, 2222, "{arguments:?}");
        assert_eq!(settings.server.host, "0.0.0.0");
        assert!(settings.logging.log_use_utc);
    }
    assert!(settings(&["--log-use-utc"], &[]).logging.log_use_utc);
    assert_eq!(
        settings(&["--port", "2222"], &[("PORT", "junk")]).server.port,
        2222,
        "a replaced value is not read"
    );
}

#[test]
fn every_wrong_value_is_named_at_once_with_its_origin_and_remedy() {
    let shown =
        refused(&[], &[("PORT", "abc"), ("LOG_USE_UTC", ""), ("BASE_URL", "ftp://x"), ("HOST", "0.0.0.0")]);
    assert!(shown.starts_with("3 settings stop the start:"), "{shown}");
    for part in [
        "PORT=\"abc\" (from the environment) is not a port\n    fix: set it to a number from 1 to 65535",
        "LOG_USE_UTC=\"\" (from the environment) is not a yes-or-no value",
        "BASE_URL=\"ftp://x\" (from the environment) is not an http or https URL",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let shown = refused(&["serve", "--port", "abc"], &[]);
    assert!(shown.contains("--port=\"abc\" is not a port"), "{shown}");
}

#[test]
fn each_variable_refuses_what_breaks_its_rule() {
    for (name, wrong) in [
        ("PORT", &["", "-1", "65536", "8000a", "80.0"][..]),
        ("HOST", &["", " ", "a b", "http://x"]),
        ("BASE_URL", &["", "localhost:8000", "http://", "ftp://h", "http://h/?q=1", "http://h/#f"]),
        ("DATABASE_URL", &["", "mysql://h/d", "sqlite://"]),
        ("AUTH_MODE", &["", "Local", "LOCAL", "none"]),
        ("RATE_LIMIT_BACKEND", &["", "Redis", "disk"]),
        ("RATE_LIMIT_AGENT_AUTH", &["", "20", "20/0", "-1/60", "20/60/1", "a/b", "2000000/60"]),
        ("RATE_LIMIT_WEBHOOK_INGEST", &["", "x"]),
        ("RATE_LIMIT_REDIS_URL", &["http://h", "redis://"]),
        ("RQ_REDIS_URL", &["localhost:6379"]),
        ("DB_AUTO_MIGRATE", &["", " true", "maybe", "2"]),
        ("LOG_USE_UTC", &["", "null"]),
        ("REQUEST_LOG_INCLUDE_HEALTH", &[""]),
        ("CLERK_VERIFY_IAT", &["", "2"]),
        ("CLERK_LEEWAY", &["", "-1", "nan", "inf", "x"]),
        ("CLERK_API_URL", &["", "api.clerk.com"]),
        ("CLERK_ISSUER", &["", "clerk.example.com"]),
        ("OIDC_ISSUER", &["", "id.example.com", "https://", "https://id/?a=b"]),
        ("OIDC_LEEWAY", &["", "-1"]),
        ("OIDC_EMAIL_CLAIM", &["", " "]),
        ("REQUEST_LOG_SLOW_MS", &["", "-1", "1.5", "9223372036854775808"]),
        ("REQUEST_BODY_LIMIT_BYTES", &["", "0", "-5", "1MB"]),
        ("REQUEST_HEADER_TIMEOUT_SECONDS", &["", "0", "-1", "86401"]),
        ("REQUEST_BODY_TIMEOUT_SECONDS", &["0"]),
        ("SHUTDOWN_GRACE_SECONDS", &["", "-1"]),
        ("WEBHOOK_MAX_PAYLOAD_BYTES", &["", "-1", "x"]),
        ("RQ_DISPATCH_THROTTLE_SECONDS", &["", "fast"]),
        ("RQ_DISPATCH_MAX_RETRIES", &["", "-1", "1.5"]),
        ("RQ_DISPATCH_RETRY_BASE_SECONDS", &["x"]),
        ("RQ_DISPATCH_RETRY_MAX_SECONDS", &["x"]),
        ("GATEWAY_MIN_VERSION", &["", " "]),
        ("SECURITY_HEADER_X_FRAME_OPTIONS", &["DENY\nx: y", "caf\u{e9}\u{7}"]),
        ("LOCAL_AUTH_TOKEN", &[" ", "short", "change-me", "Replace-With-Strong-Random-Token"]),
    ] {
        for value in wrong {
            let shown = refused(&[], &[(name, value)]);
            assert!(shown.starts_with("1 setting stops the start:"), "{name}={value:?}: {shown}");
            assert!(shown.contains(&format!("\n  {name}")), "{name}={value:?}: {shown}");
            assert!(
                ["fix: set", "fix: use", "fix: write", "fix: at most"].iter().any(|fix| shown.contains(fix)),
                "{name}={value:?}: {shown}"
            );
        }
    }
}

#[test]
fn each_variable_takes_every_documented_form() {
    for (name, right) in [
        ("PORT", &["0", "65535", " 80 "][..]),
        ("HOST", &["::1", "[::1]", "localhost", "0.0.0.0", "my-host.example"]),
        ("BASE_URL", &[" https://h/ ", "HTTP://h:1/path//", "http://[::1]:8000", "http://user@h"]),
        ("AUTH_MODE", &["local"]),
        ("DB_AUTO_MIGRATE", &["true", "T", "yes", "y", "ON", "1", "false", "f", "No", "n", "off", "0"]),
        ("RATE_LIMIT_AGENT_AUTH", &["0", "20/60", " 5 / 1 "]),
        ("RATE_LIMIT_REDIS_URL", &["", "redis://h", "rediss://:p@h:1/2"]),
        ("REQUEST_LOG_SLOW_MS", &["0", "5"]),
        ("SHUTDOWN_GRACE_SECONDS", &["0", "2.5"]),
        ("LOG_LEVEL", &["", "trace", "17", "nonsense"]),
        ("LOG_FORMAT", &["", "JSON", "yaml"]),
        ("SECURITY_HEADER_X_FRAME_OPTIONS", &["", " SAMEORIGIN "]),
        ("LOCAL_AUTH_TOKEN", &["", "12345678901234567890123456789012345678901234567890"]),
        ("ENVIRONMENT", &["", "prod", "DEV"]),
        ("CORS_ORIGINS", &["", "*", "https://a.example, https://b.example,"]),
    ] {
        for value in right {
            assert!(start(&[], &[(name, value)]).is_ok(), "{name}={value:?}");
        }
    }
    let settings = settings(&[], &[("BASE_URL", " https://h/sub// "), ("CORS_ORIGINS", "a, b,,")]);
    assert_eq!(settings.base_url(1), "https://h/sub");
    assert_eq!(settings.http.cors_origins, "a, b,,");
}

#[test]
fn migration_at_start_follows_the_environment_unless_set() {
    for (environment, expected) in [
        (&[][..], true),
        (&[("ENVIRONMENT", "prod")], false),
        (&[("ENVIRONMENT", "DEV")], false),
        (&[("ENVIRONMENT", "prod"), ("DB_AUTO_MIGRATE", "yes")], true),
        (&[("DB_AUTO_MIGRATE", "off")], false),
    ] {
        assert_eq!(settings(&[], environment).auto_migrate(), expected, "{environment:?}");
    }
}

#[test]
fn shared_limits_need_a_redis() {
    let redis = ("RATE_LIMIT_BACKEND", "redis");
    let url = |environment: &[(&str, &str)]| {
        let settings = settings(&[], environment);
        assert_eq!(settings.limits.rate_limit_backend, RateLimitBackend::Redis);
        settings.rate_limit_redis().map(|url| url.expose().to_owned())
    };
    assert_eq!(url(&[redis]).as_deref(), Some("redis://localhost:6379/0"));
    assert_eq!(url(&[redis, ("RQ_REDIS_URL", "redis://q")]).as_deref(), Some("redis://q"));
    assert_eq!(
        url(&[redis, ("RQ_REDIS_URL", ""), ("RATE_LIMIT_REDIS_URL", "redis://r")]).as_deref(),
        Some("redis://r")
    );
    let shown = refused(&[], &[redis, ("RQ_REDIS_URL", "")]);
    assert!(shown.contains("RATE_LIMIT_REDIS_URL is blank"), "{shown}");
}

#[test]
fn each_mode_needs_its_own_variables_and_no_others() {
    let shown = refused(&[], &[("AUTH_MODE", "clerk"), ("LOCAL_AUTH_TOKEN", "short")]);
    assert!(shown.starts_with("1 setting stops the start:"), "{shown}");
    assert!(shown.contains("CLERK_SECRET_KEY is blank"), "{shown}");
    let shown = refused(&[], &[("AUTH_MODE", "clerk"), ("CLERK_SECRET_KEY", "sk key")]);
    assert!(shown.contains("CLERK_SECRET_KEY (from the environment) has characters"), "{shown}");
    assert!(!shown.contains("sk key"), "{shown}");
    settings(&[], &[("AUTH_MODE", "clerk"), ("CLERK_SECRET_KEY", "sk_test")]);

    let shown =
        refused(&[], &[("AUTH_MODE", "oidc"), ("OIDC_ADMIN_GROUP", "admins"), ("OIDC_AUDIENCE", " , ")]);
    assert!(shown.starts_with("3 settings stop the start:"), "{shown}");
    for part in ["OIDC_ISSUER is not set", "OIDC_AUDIENCE=\" , \" (from the environment) is blank"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(shown.contains("OIDC_ADMIN_ORGANIZATION is blank, and OIDC_ADMIN_GROUP is set"), "{shown}");
    let oidc = [("AUTH_MODE", "oidc"), ("OIDC_ISSUER", "https://id.example.com/"), ("OIDC_AUDIENCE", "mc")];
    assert_eq!(settings(&[], &oidc).auth.oidc_issuer.as_deref(), Some("https://id.example.com"));
    // What another mode needs is checked when that mode is chosen.
    settings(&[], &[("OIDC_ADMIN_GROUP", "admins"), ("CLERK_SECRET_KEY", "")]);
}

#[test]
fn no_secret_is_shown_in_messages_debug_output_or_the_report() {
    let token = "s3cret-s3cret-s3cret-s3cret-s3cret-s3cret-s3cret-s3cret";
    let environment = [
        ("LOCAL_AUTH_TOKEN", token),
        ("CLERK_SECRET_KEY", "s3cret"),
        ("DATABASE_URL", "postgres://u:s3cret@h/d"),
        ("RQ_REDIS_URL", "redis://:s3cret@h"),
    ];
    let invocation = start(&["doctor"], &environment).expect("valid");
    assert!(!format!("{invocation:?}").contains("s3cret"), "{invocation:?}");
    assert_eq!(effective(&invocation, "DATABASE_URL").value, "postgres://u:***@h/d");
    let settings = invocation.command.settings().expect("settings");
    assert_eq!(settings.local_auth_token().expect("set").expose_secret(), token);

    let wrong = [
        ("LOCAL_AUTH_TOKEN", "s3cret"),
        ("DATABASE_URL", "mysql://u:s3cret@h/d"),
        ("RQ_REDIS_URL", "x://:s3cret@h"),
    ];
    let shown = refused(&[], &wrong);
    assert!(!shown.contains("s3cret"), "{shown}");
    let shown = refused(&["--database-url", "mysql://u:s3cret@h/d"], &[]);
    assert!(shown.contains("--database-url") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn the_report_says_where_each_value_comes_from() {
    let invocation = start(&["doctor", "--port", "9"], &[("HOST", "::1"), ("PORT", "8")]).expect("valid");
    let row = |variable: &str| {
        let row = effective(&invocation, variable);
        (row.value, row.origin)
    };
    let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(row("HOST"), pair("::1", "the environment"));
    assert_eq!(row("PORT"), pair("9", "flag"));
    assert_eq!(row("BASE_URL"), pair("http://localhost:9", "default"));
    assert_eq!(row("DB_AUTO_MIGRATE"), pair("true", "default"));
    assert_eq!(row("LOG_LEVEL"), pair("INFO", "default"));
}

#[test]
fn commands_without_settings_ignore_wrong_variables() {
    for arguments in [&["openapi"][..], &["config", "--markdown"]] {
        let invocation = start(arguments, &[("PORT", "abc")]).expect("not read");
        assert!(invocation.effective.is_empty());
    }
    assert!(matches!(start(&["--help"], &[("PORT", "abc")]), Err(Rejected::Usage(_))));
    assert!(matches!(start(&["nonsense"], &[]), Err(Rejected::Usage(_))));
    assert!(matches!(start(&["serve", "--nonsense"], &[]), Err(Rejected::Usage(_))));
}

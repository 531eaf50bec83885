//! The command line of the demo.

use std::time::Duration;

use super::command;

#[test]
fn pace_and_time_have_bounds_and_units() {
    let demo = command(&["--rate", "0.5", "--for", "90s"], &[]).expect("valid");
    assert_eq!((demo.rate, demo.run_for), (0.5, Some(Duration::from_secs(90))));
    for (text, seconds) in [("7", 7), ("5m", 300), ("1h", 3_600)] {
        let demo = command(&["--for", text], &[]).expect("valid");
        assert_eq!(demo.run_for, Some(Duration::from_secs(seconds)), "{text}");
    }
    let demo = command(&[], &[]).expect("valid");
    assert_eq!((demo.rate, demo.run_for, demo.url), (2.0, None, None));
}

#[test]
fn nonsense_is_refused_with_the_form_that_works() {
    for (arguments, hint) in [
        (["--rate", "0"], "0.01 to 100"),
        (["--rate", "NaN"], "0.01 to 100"),
        (["--for", "0s"], "60s, 5m or 1h"),
        (["--for", "8d"], "60s, 5m or 1h"),
        (["--for", "99999h"], "60s, 5m or 1h"),
        (["--url", "https://x"], "http://localhost:8000"),
        (["--url", "http://"], "http://localhost:8000"),
    ] {
        let error = command(&arguments, &[]).expect_err("refused");
        assert!(error.contains(hint), "{arguments:?}: {error}");
    }
    for pair in [["--clean", "--seed-only"], ["--clean", "--for=1s"], ["--seed-only", "--url=http://x"]] {
        assert!(command(&pair, &[]).is_err(), "{pair:?}");
    }
}

#[test]
fn settings_come_from_the_environment_as_for_the_server() {
    let demo = command(&["--url", " http://x:1/ "], &[("DATA_DIR", "elsewhere")]).expect("valid");
    assert_eq!(demo.settings.server.data_dir, std::path::Path::new("elsewhere"));
    assert_eq!(demo.url.as_deref(), Some("http://x:1"));
}

#[test]
fn only_a_private_server_of_the_demo_itself_gets_a_wider_limit() {
    let lifted = |environment: &[(&str, &str)], rate| {
        let mut settings = command(&[], environment).expect("valid").settings;
        super::super::lift_limit(&mut settings, rate)
    };
    assert_eq!(lifted(&[], 2.0).map(|limit| limit.max), Some(240));
    assert_eq!(lifted(&[], 0.1), None, "the usual limit leaves room enough");
    assert_eq!(lifted(&[("RATE_LIMIT_AGENT_AUTH", "0")], 2.0), None);
    assert_eq!(lifted(&[("HOST", "0.0.0.0")], 2.0), None);
    let shared = [("RATE_LIMIT_BACKEND", "redis"), ("RATE_LIMIT_REDIS_URL", "redis://r")];
    assert_eq!(lifted(&shared, 2.0), None);
}

//! What is known about each variable, read from the one declaration in [`super::settings`].

use std::any::TypeId;
use std::fmt::Write;

use clap::{Arg, Args, Command};
use secrecy::SecretString;

use super::settings::Settings;
use super::urls::{DatabaseUrl, OptionalRedisUrl, redact};

/// One variable.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name in the environment, such as `BASE_URL`.
    pub name: String,
    /// The same on the command line, such as `--base-url`.
    pub flag: String,
    /// The field's name, as clap knows it.
    pub id: String,
    /// The section it stands in.
    pub section: String,
    /// The value when it is not set; nothing when that depends on other settings.
    pub default: Option<String>,
    /// What it means and which values it takes.
    pub meaning: String,
    display: Display,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Display {
    Plain,
    /// An address that may hold a password.
    Address,
    Secret,
}

impl Variable {
    /// `value` as it may be shown: secrets are hidden, passwords in addresses replaced.
    #[must_use]
    pub fn shown(&self, value: &str) -> String {
        match self.display {
            Display::Plain => value.to_owned(),
            Display::Address => redact(value),
            Display::Secret if value.is_empty() => String::new(),
            Display::Secret => "(set, hidden)".to_owned(),
        }
    }

    /// Whether the value must not be repeated in messages.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.display == Display::Secret
    }

    fn read(arg: &Arg) -> Option<Self> {
        let flag = arg.get_long()?;
        let parser = arg.get_value_parser().type_id();
        let display = if parser == TypeId::of::<SecretString>() {
            Display::Secret
        } else if parser == TypeId::of::<DatabaseUrl>() || parser == TypeId::of::<OptionalRedisUrl>() {
            Display::Address
        } else {
            Display::Plain
        };
        let default = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
        Some(Self {
            name: flag.to_ascii_uppercase().replace('-', "_"),
            flag: format!("--{flag}"),
            id: arg.get_id().to_string(),
            section: arg.get_help_heading().unwrap_or_default().to_owned(),
            default,
            meaning: arg.get_help().map(ToString::to_string).unwrap_or_default(),
            display,
        })
    }
}

/// Every variable, in the order of declaration.
#[must_use]
pub fn variables() -> Vec<Variable> {
    let command = Settings::augment_args(Command::new("settings"));
    command.get_arguments().filter_map(Variable::read).collect()
}

/// docs/configuration.md.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut section = String::new();
    for variable in variables() {
        if variable.section != section {
            section.clone_from(&variable.section);
            let _ = write!(page, "\n## {section}\n\n| Variable | Default | Meaning |\n|---|---|---|\n");
        }
        let default = match variable.default.as_deref() {
            None => "(see right)".to_owned(),
            Some("") => "(blank)".to_owned(),
            Some(value) => format!("`{value}`"),
        };
        let meaning = variable.meaning.replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {default} | {meaning} |", variable.name);
    }
    page
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Made by `make generate` from crates/server/src/config/settings.rs. Edit there. -->

No variable is required: the server starts with nothing set. A variable that is set to a wrong value stops the start
with exit code 2 and a message that names it, the place it came from and what to set instead; all wrong values are
listed at once.

Values are looked up in this order; the first place that has the variable wins:

1. a flag of the command, such as `mission-control serve --log-level debug` for `LOG_LEVEL`;
2. the environment of the process (names are compared without case);
3. the file `.env` in the working directory;
4. the file `backend/.env`.

Variables that are not listed are ignored. An empty text is a value, not \"not set\": an empty boolean or number stops
the start. Booleans take `true/t/yes/y/on/1` and `false/f/no/n/off/0` in any case.

`mission-control doctor` checks everything and shows the values in effect, with secrets hidden; `--json` prints them
for programs.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Variable {
        variables().into_iter().find(|variable| variable.name == name).expect("a variable")
    }

    #[test]
    fn secrets_and_passwords_are_hidden() {
        assert_eq!(named("LOCAL_AUTH_TOKEN").shown("abc"), "(set, hidden)");
        assert_eq!(named("CLERK_SECRET_KEY").shown(""), "");
        assert_eq!(named("DATABASE_URL").shown("postgres://u:p@h/d"), "postgres://u:***@h/d");
        assert_eq!(named("RATE_LIMIT_REDIS_URL").shown("redis://:p@h"), "redis://:***@h");
        assert_eq!(named("RQ_REDIS_URL").shown("redis://:p@h"), "redis://:***@h");
        assert_eq!(named("LOG_LEVEL").shown("debug"), "debug");
    }

    #[test]
    fn every_variable_says_what_it_means_and_where_it_belongs() {
        let all = variables();
        for variable in &all {
            assert!(variable.meaning.len() > 20, "{variable:?}");
            assert!(!variable.section.is_empty(), "{variable:?}");
        }
        // Platform spec §8 and decisions §2 and §3.
        for name in "ENVIRONMENT DATABASE_URL AUTH_MODE LOCAL_AUTH_TOKEN CLERK_SECRET_KEY CLERK_API_URL \
            CLERK_VERIFY_IAT CLERK_LEEWAY BASE_URL CORS_ORIGINS SECURITY_HEADER_X_CONTENT_TYPE_OPTIONS \
            SECURITY_HEADER_X_FRAME_OPTIONS SECURITY_HEADER_REFERRER_POLICY SECURITY_HEADER_PERMISSIONS_POLICY \
            WEBHOOK_MAX_PAYLOAD_BYTES RATE_LIMIT_BACKEND RATE_LIMIT_REDIS_URL TRUSTED_PROXIES DB_AUTO_MIGRATE \
            RQ_REDIS_URL RQ_QUEUE_NAME RQ_DISPATCH_THROTTLE_SECONDS RQ_DISPATCH_MAX_RETRIES \
            RQ_DISPATCH_RETRY_BASE_SECONDS RQ_DISPATCH_RETRY_MAX_SECONDS GATEWAY_MIN_VERSION LOG_LEVEL LOG_FORMAT \
            LOG_USE_UTC REQUEST_LOG_SLOW_MS REQUEST_LOG_INCLUDE_HEALTH OPENCLAW_GATEWAY_DEVICE_IDENTITY_PATH \
            FORWARDED_ALLOW_IPS HOST PORT DATA_DIR RATE_LIMIT_AGENT_AUTH RATE_LIMIT_WEBHOOK_INGEST \
            REQUEST_BODY_LIMIT_BYTES REQUEST_HEADER_TIMEOUT_SECONDS REQUEST_BODY_TIMEOUT_SECONDS \
            SHUTDOWN_GRACE_SECONDS SECRET_KEY INVITE_EXPIRE_HOURS CLERK_ISSUER CLERK_AUTHORIZED_PARTIES \
            CLERK_AUDIENCE OIDC_ISSUER OIDC_AUDIENCE OIDC_LEEWAY OIDC_EMAIL_CLAIM OIDC_NAME_CLAIM \
            OIDC_GROUPS_CLAIM OIDC_ADMIN_GROUP OIDC_ADMIN_ORGANIZATION"
            .split_whitespace()
        {
            assert!(all.iter().any(|variable| variable.name == name), "{name} is missing");
        }
        assert_eq!(all.len(), 55, "a new variable belongs into this list too");
    }
}

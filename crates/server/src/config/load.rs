//! From the command line and the sources to checked settings.
//!
//! Values from outside become flags in front of the user's own, so that one parser checks all of them. When one is
//! wrong, every value is checked by itself, so that all faults are reported together.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Args, Command};

use super::refusal::{Fault, Faults, Refusal};
use super::settings::Settings;
use super::sources::Sources;
use super::variables::{Variable, variables};

/// Why the settings cannot be used.
#[derive(Debug)]
pub enum Rejected {
    /// The command line is wrong, or asks for help.
    Usage(Box<clap::Error>),
    /// Variables stop the start.
    Faults(Faults),
}

/// Where a value in effect came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The variable's name.
    pub variable: String,
    /// Its value, redacted; what follows from other settings is filled in.
    pub value: String,
    /// `default`, `flag`, `the environment`, `.env` or `backend/.env`.
    pub origin: String,
}

/// `arguments` with the values of `sources` put in front of the user's flags, which stand behind the first `depth`
/// words: the program and the command.
#[must_use]
pub fn with_sources(arguments: &[OsString], depth: usize, sources: &Sources) -> Vec<OsString> {
    let (head, own) = arguments.split_at(arguments.len().min(depth));
    let mut all = head.to_vec();
    for variable in variables() {
        let Some(sourced) = sources.get(&variable.name) else { continue };
        if !is_given(own, &variable.flag) {
            all.push(format!("{}={}", variable.flag, sourced.value).into());
        }
    }
    all.extend_from_slice(own);
    all
}

fn is_given(arguments: &[OsString], flag: &str) -> bool {
    arguments.iter().filter_map(|argument| argument.to_str()).any(|argument| {
        argument.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })
}

/// What `error` means to the user: the variables that are wrong, or the command line.
#[must_use]
pub fn explain(error: clap::Error, sources: &Sources) -> Rejected {
    let faults = faults_of(sources);
    if error.kind() == ErrorKind::ValueValidation || error.kind() == ErrorKind::InvalidValue {
        if !faults.is_empty() {
            return Rejected::Faults(Faults(faults));
        }
        if let Some(fault) = flag_fault(&error) {
            return Rejected::Faults(fault.into());
        }
    }
    Rejected::Usage(Box::new(error))
}

fn faults_of(sources: &Sources) -> Vec<Fault> {
    let known = variables();
    let faulty = sources.iter().filter_map(|(name, sourced)| {
        let variable = known.iter().find(|variable| variable.name == name)?;
        let arguments = ["settings".to_owned(), format!("{}={}", variable.flag, sourced.value)];
        let error = Settings::augment_args(Command::new("settings")).try_get_matches_from(arguments).err()?;
        Some(Fault {
            variable: name.to_owned(),
            source: Some(sourced.origin.to_owned()),
            value: (!variable.is_secret()).then(|| variable.shown(&sourced.value)),
            refusal: refusal_of(&error),
        })
    });
    faulty.collect()
}

fn flag_fault(error: &clap::Error) -> Option<Fault> {
    let ContextValue::String(argument) = error.get(ContextKind::InvalidArg)? else { return None };
    let flag = argument.split([' ', '=', '[']).next().unwrap_or(argument);
    let variable = variables().into_iter().find(|variable| variable.flag == flag)?;
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if !variable.is_secret() => Some(variable.shown(value)),
        _ => None,
    };
    Some(Fault { variable: variable.flag, source: None, value, refusal: refusal_of(error) })
}

fn refusal_of(error: &clap::Error) -> Refusal {
    match error.source().and_then(|cause| cause.downcast_ref::<Refusal>()) {
        Some(refusal) => refusal.clone(),
        None => Refusal::new("cannot be used", "see `mission-control serve --help` for the values it takes"),
    }
}

/// Checks the rules that concern several variables.
///
/// # Errors
/// All broken rules.
pub fn check(settings: &Settings, sources: &Sources) -> Result<(), Faults> {
    let known = variables();
    let faults: Vec<Fault> = settings
        .conflicts()
        .into_iter()
        .map(|(name, refusal)| {
            let sourced = sources.get(name);
            let is_secret = known.iter().any(|variable| variable.name == name && variable.is_secret());
            Fault {
                variable: name.to_owned(),
                source: sourced.map(|sourced| sourced.origin.to_owned()),
                value: sourced.filter(|_| !is_secret).map(|sourced| sourced.value.clone()),
                refusal,
            }
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
}

/// The values in effect, in the order of declaration.
#[must_use]
pub fn effective(settings: &Settings, matches: &ArgMatches, sources: &Sources) -> Vec<Effective> {
    let row = |variable: Variable| {
        let raw = matches.get_raw(&variable.id).and_then(Iterator::last);
        let value = match raw {
            Some(raw) => variable.shown(&raw.to_string_lossy()),
            None => derived(settings, &variable.name),
        };
        let is_flag = matches.value_source(&variable.id) == Some(clap::parser::ValueSource::CommandLine);
        let sourced = sources
            .get(&variable.name)
            .filter(|sourced| raw.is_some_and(|raw| raw.to_string_lossy() == sourced.value.as_str()));
        let origin = match sourced {
            Some(sourced) => sourced.origin,
            None if is_flag => "flag",
            None => "default",
        };
        Effective { variable: variable.name, value, origin: origin.to_owned() }
    };
    variables().into_iter().map(row).collect()
}

/// What an unset variable without a fixed default amounts to.
fn derived(settings: &Settings, variable: &str) -> String {
    match variable {
        "DATABASE_URL" => settings.database_url().to_string(),
        "BASE_URL" => settings.base_url(settings.server.port),
        "DB_AUTO_MIGRATE" => settings.auto_migrate().to_string(),
        "SECRET_KEY" => format!("(in {})", settings.secret_key_file().display()),
        "LOCAL_AUTH_TOKEN" => format!("(in {})", settings.local_token_file().display()),
        _ => String::new(),
    }
}

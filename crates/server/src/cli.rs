//! The command line.

use std::ffi::OsString;
use std::path::Path;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::admin::{OrgCommand, TokenCommand, UserCommand};
use crate::config::variables::variables;
use crate::config::{Effective, Rejected, Settings, Sources, load};
use crate::demo::DemoCommand;

/// Runs a fleet of AI agents for a team: boards, tasks, approvals, live updates.
///
/// Without a command the server starts. Settings come from flags, the environment, `.env` and `backend/.env`, in this
/// order; `mission-control serve --help` lists them.
#[derive(Debug, Parser)]
#[command(name = "mission-control", version, max_term_width = 110, args_override_self = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server (this is what happens without a command).
    Serve(Box<Settings>),
    /// Bring the database to the newest schema and exit.
    Migrate(Box<Settings>),
    /// Make a demo board and let scripted agents work it over HTTP; starts a server if none runs.
    Demo(Box<DemoCommand>),
    /// List the accounts in the server's database.
    #[command(subcommand)]
    User(UserCommand),
    /// List the organizations in the server's database.
    #[command(subcommand)]
    Org(OrgCommand),
    /// Make, list and revoke API tokens in the server's database.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Check all settings and show the values in effect, secrets hidden.
    Doctor(Box<DoctorCommand>),
    /// Print the OpenAPI document of this version.
    Openapi,
    /// Print the reference of all settings.
    Config(ConfigCommand),
}

/// Options of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorCommand {
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// What is checked.
    #[command(flatten)]
    pub settings: Settings,
}

/// Options of `config`.
#[derive(Args, Debug)]
pub struct ConfigCommand {
    /// As the Markdown page docs/configuration.md; the only form there is.
    #[arg(long, required = true)]
    pub markdown: bool,
}

impl Command {
    /// The settings, when this command needs any.
    #[must_use]
    pub fn settings(&self) -> Option<&Settings> {
        match self {
            Self::Serve(settings) | Self::Migrate(settings) => Some(settings),
            Self::Demo(demo) => Some(&demo.settings),
            Self::Doctor(doctor) => Some(&doctor.settings),
            Self::User(_) | Self::Org(_) | Self::Token(_) => None,
            Self::Openapi | Self::Config(_) => None,
        }
    }
}

/// A checked command.
#[derive(Debug)]
pub struct Invocation {
    /// What to do, with what settings.
    pub command: Command,
    /// The values in effect; empty when the command needs none.
    pub effective: Vec<Effective>,
}

/// Reads the command line (`arguments` starts with the program's name) together with `environment` and the `.env`
/// files below `folder`.
///
/// # Errors
/// When the command line is wrong or asks for help, or a setting stops the start.
pub fn read(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    folder: &Path,
) -> Result<Invocation, Rejected> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    add_default_command(&mut arguments);
    let mut sources = Sources::default();
    let (depth, known) = settings_taken(&arguments);
    if !known.is_empty() {
        sources = Sources::read(folder, environment, &known).map_err(Rejected::Faults)?;
        arguments = load::with_sources(&arguments, depth, &sources);
    }
    let matches =
        Cli::command().try_get_matches_from(arguments).map_err(|error| load::explain(error, &sources))?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| Rejected::Usage(Box::new(error)))?;
    let mut effective = Vec::new();
    if let (Some(settings), Some((_, matches))) = (cli.command.settings(), matches.subcommand()) {
        load::check(settings, &sources).map_err(Rejected::Faults)?;
        effective = load::effective(settings, matches, &sources);
    }
    Ok(Invocation { command: cli.command, effective })
}

/// `mission-control --port 9000` means `mission-control serve --port 9000`.
fn add_default_command(arguments: &mut Vec<OsString>) {
    const OF_THE_PROGRAM: [&str; 4] = ["-h", "--help", "-V", "--version"];
    let first = arguments.get(1).and_then(|argument| argument.to_str());
    let is_missing = first.is_none_or(|first| first.starts_with('-') && !OF_THE_PROGRAM.contains(&first));
    if is_missing {
        arguments.insert(arguments.len().min(1), "serve".into());
    }
}

/// How many words name the program and the command, and the variables that the command has flags for.
fn settings_taken(arguments: &[OsString]) -> (usize, Vec<String>) {
    let (mut command, mut depth) = (Cli::command(), 1);
    while let Some(found) = arguments
        .get(depth)
        .and_then(|argument| argument.to_str())
        .and_then(|name| command.find_subcommand(name).cloned())
    {
        (command, depth) = (found, depth + 1);
    }
    let is_taken = |id: &str| command.get_arguments().any(|argument| argument.get_id() == id);
    let taken = variables().into_iter().filter(|variable| is_taken(&variable.id));
    (depth, taken.map(|variable| variable.name).collect())
}

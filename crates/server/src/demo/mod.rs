//! `mission-control demo`: a board with scripted agents that work it over the real HTTP API.
//!
//! The demo is a client like any other. It writes to the database itself only to seed and to clean; everything its
//! agents do goes through the server with their own tokens. What is shown comes from the board's event stream, which
//! a person watches: that does not count against the limit on agents.

mod client;
mod pace;
mod play;
mod scene;
mod script;
mod seed;
mod show;
mod watch;

#[cfg(test)]
mod tests;

use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use mc_api::limit::Limit;
use mc_service::demo::DemoSeed;
use secrecy::SecretString;
use tokio::task::JoinHandle;

use crate::config::values::{Attempts, AuthMode, RateLimitBackend};
use crate::config::{Refusal, Settings};
use crate::serve::{Ended, Shutdown};
use crate::signals::Signals;
use crate::start::{self, Server, StartError};
use client::{Api, Found};
use play::{Cast, Stage};
use show::{Show, Style};

/// The slowest and the fastest pace, in actions a second.
const RATES: std::ops::RangeInclusive<f64> = 0.01..=100.0;
/// The longest time a demo can be told to run: one week.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Options of `demo`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Demo")]
pub struct DemoCommand {
    /// Actions of all agents together in a second, 0.01 to 100; less when the server's limit on agents asks for it.
    #[arg(long, default_value = "2", value_parser = rate)]
    pub rate: f64,
    /// Stop after this time, such as `60s`, `5m` or `1h`; without it: when you press Ctrl-C.
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub run_for: Option<Duration>,
    /// Make the demo board, print ids and tokens, and exit.
    #[arg(long, conflicts_with_all = ["clean", "run_for", "url"])]
    pub seed_only: bool,
    /// Print JSON: one object with --seed-only and --clean, else one object a line.
    #[arg(long)]
    pub json: bool,
    /// Remove everything that demos made, and exit.
    #[arg(long, conflicts_with_all = ["run_for", "url"])]
    pub clean: bool,
    /// Address of the running server. Without it: the configured host and port, where a server is started for the
    /// time of the demo if nobody answers.
    #[arg(long, value_parser = address)]
    pub url: Option<String>,
    /// Which database, and which server.
    #[command(flatten)]
    pub settings: Settings,
}

fn rate(text: &str) -> Result<f64, Refusal> {
    text.trim().parse().ok().filter(|rate| RATES.contains(rate)).ok_or_else(|| {
        Refusal::new("is not a pace", "set it to actions a second, a number from 0.01 to 100 such as 2")
    })
}

fn time(text: &str) -> Result<Duration, Refusal> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        _ => None,
    };
    let time = number.parse::<u64>().ok().zip(seconds).and_then(|(number, unit)| number.checked_mul(unit));
    let time = time.map(Duration::from_secs).filter(|time| !time.is_zero() && *time <= LONGEST);
    time.ok_or_else(|| Refusal::new("is not a time of at most a week", "write it like 60s, 5m or 1h"))
}

fn address(text: &str) -> Result<String, Refusal> {
    let text = text.trim().trim_end_matches('/');
    let host = text.strip_prefix("http://").filter(|host| !host.is_empty());
    host.map(|_| text.to_owned())
        .ok_or_else(|| Refusal::new("is not an http address", "write it like http://localhost:8000"))
}

/// Does what `command` says; what it returns is for standard output.
///
/// # Errors
/// When the database or the server cannot be used; the message says what to do.
pub async fn run(command: &DemoCommand) -> Result<String, StartError> {
    if command.clean {
        let report = seed::clean(&command.settings).await?;
        return Ok(show::cleaned(report, command.json));
    }
    if command.seed_only {
        let seed = seed::seed(&command.settings).await?;
        return Ok(show::seeded(&seed, &seed_address(&command.settings), command.json));
    }
    perform(command).await
}

/// Seeds, finds or starts a server, and lets the agents work until they are told to stop.
async fn perform(command: &DemoCommand) -> Result<String, StartError> {
    if command.settings.auth.auth_mode != AuthMode::Local {
        return Err(StartError::new(
            "the demo signs in with the token of local mode, and AUTH_MODE is another one",
            "set AUTH_MODE=local for it, or let it only make its data with --seed-only",
        ));
    }
    let shutdown = Shutdown::default();
    let signals = Signals::listen()
        .map_err(|error| StartError::new("signals cannot be handled", "free some memory").because(error))?;
    let steering = tokio::spawn(signals.steer(shutdown.clone()));
    let running = find_server(command).await?;
    let seed = seed::seed(&command.settings).await?;
    let (url, own) = match running {
        Some(url) => (url, None),
        None => {
            let (url, own) = start_server(command, &shutdown).await?;
            (url, Some(own))
        }
    };
    let outcome = work(command, url, seed, &shutdown).await;
    shutdown.stop.cancel();
    if let Some(own) = own {
        // It ends with the token; a panic in it was reported where it happened.
        own.await.ok();
    }
    steering.abort();
    outcome
}

/// The address of the server that already runs, or nothing when one is to be started here.
async fn find_server(command: &DemoCommand) -> Result<Option<String>, StartError> {
    let port = command.settings.server.port;
    let url = match &command.url {
        Some(url) => url.clone(),
        // Any free port: certainly not one where somebody listens already.
        None if port == 0 => return Ok(None),
        None => local_url(&command.settings.server.host, port),
    };
    match Api::new(&url, SecretString::default())?.probe().await {
        Found::Server => Ok(Some(url)),
        Found::Nobody if command.url.is_none() => Ok(None),
        Found::Nobody => Err(StartError::new(
            format!("nobody answers at {url}"),
            "start the server first, or leave out --url: the demo then starts one by itself",
        )),
        Found::Stranger(what) => Err(StartError::new(
            format!("what answers at {url} is not Mission Control ({what})"),
            "name the server with --url, or set PORT to a free port",
        )),
    }
}

/// Starts a server in this process. Returns its address and what ends with it.
async fn start_server(
    command: &DemoCommand,
    shutdown: &Shutdown,
) -> Result<(String, JoinHandle<Ended>), StartError> {
    let mut settings = command.settings.clone();
    let lifted = lift_limit(&mut settings, command.rate);
    let server = Server::prepare(&settings, shutdown.clone()).await?;
    let url = local_url(&settings.server.host, server.address.port());
    note(&format!("No server runs at {url} yet: this one runs as long as the demo."));
    if let Some(limit) = lifted {
        let seconds = limit.window.as_secs();
        note(&format!(
            "It takes {} agent requests in {seconds} seconds, for --rate; usually RATE_LIMIT_AGENT_AUTH decides.",
            limit.max
        ));
    }
    server.say_hello();
    Ok((url, tokio::spawn(server.serve())))
}

/// Makes room for the agents of the demo and for a newcomer's own requests beside them. Only for a server that nobody
/// else can reach and that shares its counts with nobody.
fn lift_limit(settings: &mut Settings, rate: f64) -> Option<Limit> {
    const WINDOW: u32 = 60;
    let Attempts(limit) = settings.limits.rate_limit_agent_auth;
    let is_private = settings.server.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        || settings.server.host == "localhost";
    let is_shared = settings.limits.rate_limit_backend != RateLimitBackend::Memory;
    if !is_private || is_shared {
        return None;
    }
    let window = Duration::from_secs(WINDOW.into());
    let wanted = Limit { max: pace::requests_in(window, rate) * 2, window };
    let suffices = pace::interval(rate, limit) <= pace::interval(rate, Some(wanted));
    (!suffices).then(|| {
        settings.limits.rate_limit_agent_auth = Attempts(Some(wanted));
        wanted
    })
}

async fn work(
    command: &DemoCommand,
    url: String,
    seed: DemoSeed,
    shutdown: &Shutdown,
) -> Result<String, StartError> {
    let token = start::obtain_token(&command.settings)?.token;
    let style = match command.json {
        true => Style::Json,
        false if std::io::stdout().is_terminal() => Style::Live,
        false => Style::Lines,
    };
    let mut show = Show::new(style, Box::new(std::io::stdout()));
    show.opening(&seed, &url);
    let stage = Stage {
        api: Api::new(&url, token)?,
        board: seed.board_id,
        cast: Cast::new(&seed),
        rate: command.rate,
        run_for: command.run_for,
    };
    let played = play::play(&stage, &mut show, &shutdown.stop).await;
    show.close();
    played.map(|summary| show::ended(&summary, style))
}

/// Where a server of these settings is reached from this machine.
fn local_url(host: &str, port: u16) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => format!("http://localhost:{port}"),
        Ok(IpAddr::V6(address)) => format!("http://[{address}]:{port}"),
        _ => format!("http://{host}:{port}"),
    }
}

/// The address that the printed examples use.
fn seed_address(settings: &Settings) -> String {
    settings.base_url(settings.server.port)
}

/// Says something that is no result: standard output may be read by a program.
fn note(text: &str) {
    // Without anybody to read it, it is of no use.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

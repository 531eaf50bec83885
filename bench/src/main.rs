//! Benchmarks: Mission Control beside a hand-written server that answers the same requests from the same data.
//!
//! `make bench` builds both optimised and runs this. Every number is a ratio of two measurements of the same run,
//! taken in turns; see docs/performance.md for what they mean.

mod client;
mod compare;
mod databases;
mod flood;
mod floor;
mod load;
mod machine;
mod report;
mod run;
mod scenario;
mod server;
mod streams;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// What can fail here fails the run, with a sentence.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures Mission Control against a hand-written floor server.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve an SQLite file by hand-written code; what the benchmark starts for itself.
    Floor {
        /// The file.
        file: PathBuf,
    },
}

/// How a run is done.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Only these comparisons, by key: constant, list, not-modified, poll, create, claim, agents, large, streams, nodes,
    /// load, start.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Rounds of each comparison.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub rounds: u8,
    /// Seconds of each turn of a side.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// Tasks on the large board.
    #[arg(long, default_value_t = 100_000)]
    pub large: usize,
    /// Open streams on the board that changes.
    #[arg(long, default_value_t = 1_000)]
    pub streams: usize,
    /// Changes made while they are open.
    #[arg(long, default_value_t = 200)]
    pub changes: usize,
    /// Silent streams whose memory is measured.
    #[arg(long, default_value_t = 10_000)]
    pub silent_streams: usize,
    /// Open streams on the board that changes at a rate.
    #[arg(long, default_value_t = 2_000)]
    pub load_streams: usize,
    /// Its changes in a second.
    #[arg(long, default_value_t = 200.0)]
    pub load_rate: f64,
    /// How many seconds it changes.
    #[arg(long, default_value_t = 30.0)]
    pub load_seconds: f64,
    /// A PostgreSQL whose user may create databases. Without it: `TEST_DATABASE_URL`; without both that side is left out.
    #[arg(long)]
    pub postgres: Option<String>,
    /// Write the results as JSON to this file, `-` for standard output.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write the results into this page, between its marks.
    #[arg(long)]
    pub write: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Cli { command, options } = Cli::parse();
    let result = match command {
        Some(Command::Floor { file }) => runtime(2).and_then(|rt| rt.block_on(floor::serve(&file))),
        // One thread makes all the load, so that the rest of the machine belongs to the server.
        None => runtime(1).and_then(|rt| rt.block_on(run::run(&options))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mc-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A runtime of one thread, or one with a worker for each core.
fn runtime(threads: usize) -> Outcome<tokio::runtime::Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    Ok(builder.enable_all().build()?)
}

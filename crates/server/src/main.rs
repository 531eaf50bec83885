//! The `mission-control` program.

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use mission_control::cli::{self, Command, Invocation};
use mission_control::config::{Rejected, variables};
use mission_control::{admin, demo, doctor, start};

/// Requests are made on one thread and dropped on another; the allocator of the C library takes a lock for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The exit code when the command line or a setting is wrong.
const WRONG_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    match cli::read(std::env::args_os(), std::env::vars_os(), &folder) {
        Ok(invocation) => obey(invocation),
        Err(Rejected::Usage(error)) => {
            // Help that nobody can read is not worth failing for.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(WRONG_SETTINGS))
        }
        Err(Rejected::Faults(faults)) => {
            eprint!("error: {faults}");
            ExitCode::from(WRONG_SETTINGS)
        }
    }
}

fn obey(invocation: Invocation) -> ExitCode {
    match invocation.command {
        Command::Serve(settings) => wait(async move { start::run(&settings).await.map(|()| None) }),
        Command::Migrate(settings) => wait(async move {
            start::migrate(&settings).await?;
            Ok(Some(format!("The database {} is up to date.\n", settings.database_url())))
        }),
        Command::Demo(command) => wait(async move { demo::run(&command).await.map(Some) }),
        Command::User(command) => wait(async move { admin::users(&command).await.map(Some) }),
        Command::Org(command) => wait(async move { admin::organizations(&command).await.map(Some) }),
        Command::Token(command) => wait(async move { admin::tokens(&command).await.map(Some) }),
        Command::Doctor(command) if command.json => print(&doctor::json(&invocation.effective)),
        Command::Doctor(_) => print(&doctor::table(&invocation.effective)),
        Command::Openapi => wait(async { start::openapi().await.map(Some) }),
        Command::Config(_) => print(&variables::markdown()),
    }
}

/// Runs `work` on a new runtime and prints what it returns.
fn wait(work: impl Future<Output = Result<Option<String>, start::StartError>>) -> ExitCode {
    // A query may keep a thread for a while; beside those there is one for each core, as there would be without.
    let threads = std::thread::available_parallelism().map_or(1, usize::from) + mc_store::WAITING_THREADS;
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&format!("no threads can be started: {error}")),
        };
    let outcome = runtime.block_on(work);
    // What still runs had its time; a blocked thread must not keep the process.
    runtime.shutdown_background();
    match outcome {
        Ok(Some(text)) => print(&text),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

/// Prints without a panic when the reader has gone (`mission-control openapi | head`).
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

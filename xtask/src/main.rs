//! Repository tasks: `cargo xtask layers`, `cargo xtask dependencies`, `cargo xtask generate [--check]`.

mod dependencies;
mod files;
mod generate;
mod layers;
mod licence;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const USAGE: &str = "\
cargo xtask layers          who imports whom, file length, module names (docs/architecture.md)
cargo xtask dependencies    licences, banned and doubled crates, declared but unused crates
cargo xtask generate        write openapi.json and docs/configuration.md
cargo xtask generate --check    fail when they are stale";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["layers"] => Workspace::read().map(|workspace| {
            let mut faults = layers::check(&workspace);
            faults.extend(files::check(&workspace.root));
            faults
        }),
        ["dependencies"] => Workspace::read().map(|workspace| dependencies::check(&workspace)),
        ["generate"] => Workspace::read().and_then(|workspace| generate::write(&workspace.root)),
        ["generate", "--check"] => Workspace::read().and_then(|workspace| generate::check(&workspace.root)),
        _ => Err(format!("usage:\n{USAGE}")),
    };
    match outcome {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            for fault in &faults {
                eprintln!("xtask {}: {fault}", words[0]);
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::from(2)
        }
    }
}

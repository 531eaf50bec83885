//! Files that are made from the code and committed, so that a change of the contract shows in a review.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::workspace::Failure;

/// A file and the arguments of `mission-control` that print it.
const GENERATED: [(&str, &[&str]); 2] =
    [("openapi.json", &["openapi"]), ("docs/configuration.md", &["config", "--markdown"])];

/// Writes all of them.
pub(crate) fn write(root: &Path) -> Result<Vec<String>, Failure> {
    for (name, arguments) in GENERATED {
        let text = print(arguments)?;
        fs::write(root.join(name), text).map_err(|error| format!("{name}: {error}"))?;
        println!("wrote {name}");
    }
    Ok(Vec::new())
}

/// Names those that are not what the code says.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Failure> {
    let mut faults = Vec::new();
    for (name, arguments) in GENERATED {
        let expected = print(arguments)?;
        let found = fs::read(root.join(name)).unwrap_or_default();
        if found != expected {
            faults.push(format!("{name} is stale: run `make generate` and commit it"));
        }
    }
    Ok(faults)
}

fn print(arguments: &[&str]) -> Result<Vec<u8>, Failure> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--package", "mission-control", "--"])
        .args(arguments)
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if output.status.success() && !output.stdout.is_empty() {
        Ok(output.stdout)
    } else {
        Err(format!(
            "mission-control {} failed:\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

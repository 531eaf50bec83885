//! What `cargo metadata` knows about this repository.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Why a task could not be done at all.
pub(crate) type Failure = String;

/// The workspace and everything it is built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Our own packages.
    pub(crate) members: Vec<Package>,
    /// The packages of others in the lock file, for every platform.
    pub(crate) external: Vec<Package>,
}

#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    /// Where it comes from; nothing for our own.
    pub(crate) source: Option<String>,
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Development,
    Build,
}

impl Workspace {
    pub(crate) fn read() -> Result<Self, Failure> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked"])
            .output()
            .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        Self::from_metadata(&metadata).ok_or_else(|| "cargo metadata has an unknown form".to_owned())
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let packages: Option<Vec<Package>> =
            metadata["packages"].as_array()?.iter().map(Package::read).collect();
        let (external, members) = packages?.into_iter().partition(|package| package.source.is_some());
        Some(Self { root: metadata["workspace_root"].as_str()?.into(), members, external })
    }
}

impl Package {
    fn read(package: &Value) -> Option<Self> {
        let text = |key: &str| package[key].as_str().map(str::to_owned);
        let manifest = PathBuf::from(package["manifest_path"].as_str()?);
        let dependencies: Option<_> =
            package["dependencies"].as_array()?.iter().map(Dependency::read).collect();
        Some(Self {
            name: text("name")?,
            version: text("version")?,
            licence: text("license"),
            source: text("source"),
            folder: manifest.parent()?.to_owned(),
            dependencies: dependencies?,
        })
    }
}

impl Dependency {
    fn read(dependency: &Value) -> Option<Self> {
        let kind = match dependency["kind"].as_str() {
            None => Kind::Normal,
            Some("dev") => Kind::Development,
            Some(_) => Kind::Build,
        };
        Some(Self { name: dependency["name"].as_str()?.to_owned(), kind })
    }
}

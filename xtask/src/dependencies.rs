//! What we build on: licences, origin, banned and doubled crates, and dependencies that nothing uses.
//!
//! cargo-deny knows more (security advisories), but building it takes longer than building this project, so
//! `make lint` runs this and `make audit` runs cargo-deny with the same lists (deny.toml).

use std::fs;
use std::path::{Path, PathBuf};

use crate::licence;
use crate::workspace::{Dependency, Package, Workspace};

/// Crates that stay out, with the reason.
const BANNED: [(&str, &str); 4] = [
    ("openssl-sys", "needs OpenSSL on the machine; TLS comes from rustls"),
    ("native-tls", "needs a TLS library on the machine; TLS comes from rustls"),
    ("utoipa-swagger-ui", "downloads the pages while it builds; mc-web has them"),
    ("async-std", "one runtime: tokio"),
];

/// Crates whose types cross our crate borders, so that two versions would not fit together.
const ONE_VERSION: [&str; 12] = [
    "axum",
    "bytes",
    "chrono",
    "http",
    "hyper",
    "sea-orm",
    "serde",
    "serde_json",
    "sqlx",
    "tokio",
    "tracing",
    "uuid",
];

/// Only this registry; a dependency from a branch somewhere could change under us.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let mut faults: Vec<String> = workspace.external.iter().flat_map(check_external).collect();
    faults.extend(doubled(&workspace.external));
    faults.extend(workspace.members.iter().flat_map(unused));
    faults
}

fn check_external(package: &Package) -> Vec<String> {
    let Package { name, version, licence, source, .. } = package;
    let mut faults = Vec::new();
    if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| banned == name) {
        faults.push(format!("{name} {version} is banned: {reason}"));
    }
    if source.as_deref() != Some(REGISTRY) {
        faults.push(format!("{name} {version} does not come from crates.io"));
    }
    match licence {
        Some(expression) if licence::is_allowed(expression) => {}
        Some(expression) => faults.push(format!("{name} {version} has the licence {expression:?}")),
        None => faults.push(format!("{name} {version} names no licence")),
    }
    faults
}

fn doubled(external: &[Package]) -> Vec<String> {
    let versions = |name: &str| -> Vec<&str> {
        external
            .iter()
            .filter(|package| package.name == name)
            .map(|package| package.version.as_str())
            .collect()
    };
    let faults =
        ONE_VERSION.iter().map(|name| (name, versions(name))).filter(|(_, versions)| versions.len() > 1);
    faults
        .map(|(name, versions)| format!("{name} is there in several versions: {}", versions.join(", ")))
        .collect()
}

/// The dependencies of one of our packages that its sources never name.
fn unused(package: &Package) -> Vec<String> {
    let mut text = String::new();
    for folder in ["src", "tests", "benches", "examples"] {
        append_sources(&package.folder.join(folder), &mut text);
    }
    let is_unused = |dependency: &&Dependency| !names(&text, &dependency.name.replace('-', "_"));
    let unused = package.dependencies.iter().filter(is_unused);
    unused
        .map(|dependency| format!("{} does not use its dependency {}", package.name, dependency.name))
        .collect()
}

/// Whether `word` stands in `text` as a whole word, followed by `::`, or imported by `use`.
fn names(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = &text[start + word.len()..];
        let starts = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let ends = after.starts_with("::") || after.starts_with(';') || after.starts_with(" as ");
        starts && ends
    })
}

fn append_sources(folder: &Path, text: &mut String) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    for path in paths {
        if path.is_dir() {
            append_sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn external(name: &str, version: &str, licence: Option<&str>, source: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.to_owned(),
            licence: licence.map(str::to_owned),
            source: Some(source.to_owned()),
            folder: "/x".into(),
            dependencies: Vec::new(),
        }
    }

    #[test]
    fn licence_origin_and_bans_are_checked() {
        assert!(check_external(&external("serde", "1.0.0", Some("MIT OR Apache-2.0"), REGISTRY)).is_empty());
        for package in [
            external("x", "1.0.0", Some("GPL-3.0-only"), REGISTRY),
            external("x", "1.0.0", None, REGISTRY),
            external("x", "1.0.0", Some("MIT"), "git+https://example.com/x"),
            external("openssl-sys", "1.0.0", Some("MIT"), REGISTRY),
        ] {
            assert_eq!(check_external(&package).len(), 1, "{package:?}");
        }
    }

    #[test]
    fn a_second_version_matters_only_where_types_cross_borders() {
        let package = |name: &str, version: &str| external(name, version, Some("MIT"), REGISTRY);
        let all = [
            package("axum", "0.7.0"),
            package("axum", "0.8.0"),
            package("syn", "1.0.0"),
            package("syn", "2.0.0"),
        ];
        assert_eq!(doubled(&all), ["axum is there in several versions: 0.7.0, 0.8.0"]);
    }

    #[test]
    fn a_dependency_is_used_when_its_path_is_named() {
        assert!(names("use serde_json::Value;", "serde_json"));
        assert!(names("let x = serde_json::json!(1);", "serde_json"));
        assert!(names("use bytes;", "bytes"));
        assert!(!names("let bytes = 1; my_bytes::x", "bytes"));
        assert!(!names("// serde_json", "serde_json"));
    }
}

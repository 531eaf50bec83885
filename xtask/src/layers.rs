//! Who may import whom. The one-way order keeps an edited handler from rebuilding the store, and SQL out of handlers.

use crate::workspace::{Kind, Package, Workspace};

/// One crate: which of ours it may use, and which foreign ones would break its layer.
struct Layer {
    name: &'static str,
    may_use: &'static [&'static str],
    must_not_use: &'static [&'static str],
}

const DATABASE: [&str; 5] = ["sea-orm", "sea-orm-migration", "sea-query", "sqlx", "rusqlite"];

const LAYERS: [Layer; 11] = [
    Layer {
        name: "mc-model",
        may_use: &[],
        must_not_use: &["tokio", "axum", "hyper", "reqwest", "sea-orm", "sqlx", "utoipa", "tower"],
    },
    Layer {
        name: "mc-store",
        may_use: &["mc-model"],
        must_not_use: &["axum", "hyper", "reqwest", "utoipa", "tower"],
    },
    Layer {
        name: "mc-gateway",
        may_use: &["mc-model"],
        must_not_use: &["axum", "sea-orm", "sqlx", "utoipa"],
    },
    Layer {
        name: "mc-service",
        may_use: &["mc-model", "mc-store", "mc-gateway"],
        must_not_use: &[
            "axum",
            "hyper",
            "utoipa",
            "sea-orm",
            "sea-orm-migration",
            "sea-query",
            "sqlx",
            "rusqlite",
        ],
    },
    // mc-web is only files: the pages of /docs and /redoc are part of HTTP.
    Layer { name: "mc-api", may_use: &["mc-model", "mc-service", "mc-web"], must_not_use: &DATABASE },
    Layer { name: "mc-web", may_use: &[], must_not_use: &["axum", "sea-orm", "sqlx"] },
    Layer {
        name: "mission-control",
        may_use: &["mc-model", "mc-store", "mc-gateway", "mc-service", "mc-api", "mc-web"],
        must_not_use: &DATABASE,
    },
    // The two below are never part of the product.
    Layer {
        name: "mc-testkit",
        may_use: &[
            "mc-model",
            "mc-store",
            "mc-gateway",
            "mc-service",
            "mc-api",
            "mc-web",
            "mc-testkit-macros",
            "mission-control",
        ],
        must_not_use: &[],
    },
    Layer { name: "mc-testkit-macros", may_use: &[], must_not_use: &[] },
    Layer {
        name: "mc-bench",
        may_use: &["mc-model", "mc-store", "mc-gateway", "mc-service", "mc-api", "mc-web", "mission-control"],
        must_not_use: &[],
    },
    Layer { name: "xtask", may_use: &[], must_not_use: &[] },
];

/// Crates that tests of every layer may use.
const FOR_TESTS: [&str; 2] = ["mc-testkit", "mc-testkit-macros"];

pub(crate) fn check(workspace: &Workspace) -> Vec<String> {
    let ours: Vec<&str> = workspace.members.iter().map(|package| package.name.as_str()).collect();
    workspace.members.iter().flat_map(|package| check_package(package, &ours)).collect()
}

fn check_package(package: &Package, ours: &[&str]) -> Vec<String> {
    let name = &package.name;
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == name) else {
        return vec![format!("{name} is in no layer: give it a row in xtask/src/layers.rs")];
    };
    let mut faults = Vec::new();
    for dependency in &package.dependencies {
        let used = dependency.name.as_str();
        let is_for_tests = dependency.kind == Kind::Development;
        if ours.contains(&used) {
            let is_allowed = layer.may_use.contains(&used) || (is_for_tests && FOR_TESTS.contains(&used));
            if !is_allowed {
                faults.push(format!("{name} must not depend on {used}; it may use {:?}", layer.may_use));
            }
        } else if !is_for_tests && layer.must_not_use.contains(&used) {
            faults.push(format!("{name} must not depend on {used}: that belongs to another layer"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, dependencies: &[(&str, Kind)]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: *kind })
            .collect();
        Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            licence: None,
            source: None,
            folder: "/x".into(),
            dependencies,
        }
    }

    const OURS: [&str; 5] = ["mc-model", "mc-store", "mc-service", "mc-api", "mc-testkit"];

    #[test]
    fn a_forbidden_edge_is_found_and_an_allowed_one_is_not() {
        for (name, used, kind, is_fault) in [
            ("mc-api", "mc-service", Kind::Normal, false),
            ("mc-api", "mc-store", Kind::Normal, true),
            ("mc-api", "mc-store", Kind::Development, true),
            ("mc-api", "sqlx", Kind::Normal, true),
            ("mc-model", "tokio", Kind::Normal, true),
            ("mc-model", "tokio", Kind::Development, false),
            ("mc-store", "mc-testkit", Kind::Development, false),
            ("mc-store", "mc-testkit", Kind::Normal, true),
            ("mc-service", "axum", Kind::Normal, true),
            ("mc-service", "serde", Kind::Normal, false),
            ("mc-unheard-of", "serde", Kind::Normal, true),
        ] {
            let faults = check_package(&package(name, &[(used, kind)]), &OURS);
            assert_eq!(!faults.is_empty(), is_fault, "{name} -> {used} ({kind:?}): {faults:?}");
        }
    }
}

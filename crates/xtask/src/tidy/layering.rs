//! Which crate may use which. Anything that is not allowed here is forbidden, but for dependencies of tests.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::Finding;

/// A crate and the crates of this workspace that it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    // Of media, connectors need only the policy for addresses that users name.
    ("connectors", &["domain", "media"]),
    ("media", &["domain"]),
    ("sandbox", &["domain"]),
    ("engine", &["domain", "store", "connectors", "media"]),
    ("api", &["domain", "engine", "media"]),
    ("mcp", &["domain"]),
    (
        "broadside",
        &[
            "domain",
            "store",
            "connectors",
            "media",
            "sandbox",
            "engine",
            "api",
            "mcp",
        ],
    ),
    (
        "xtask",
        &[
            "domain",
            "store",
            "connectors",
            "media",
            "sandbox",
            "engine",
            "api",
            "broadside",
        ],
    ),
];

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// What cargo knows about the packages of the workspace at `root`.
pub(super) fn metadata(root: &Path) -> anyhow::Result<Metadata> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .context("cargo could not be started")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("the output of cargo metadata")
}

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let ours = |name: &str| metadata.packages.iter().any(|package| package.name == name);
    let mut findings = Vec::new();
    let mut add = |place: &str, what: String| {
        findings.push(Finding::new("layering", place, what));
    };
    for package in &metadata.packages {
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == package.name) else {
            add(&package.name, "this crate has no place among the layers".to_owned());
            continue;
        };
        for dependency in package
            .dependencies
            .iter()
            .filter(|it| it.kind.as_deref() != Some("dev"))
        {
            if ours(&dependency.name) && !allowed.contains(&dependency.name.as_str()) {
                add(&package.name, format!("must not use {}", dependency.name));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn places(packages: &serde_json::Value) -> Vec<String> {
        let metadata = serde_json::from_value(json!({ "packages": packages })).unwrap();
        check(&metadata).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_forbidden_dependency_and_an_unknown_crate_are_found() {
        let found = places(&json!([
            {"name": "domain", "dependencies": [{"name": "serde", "kind": null}, {"name": "store", "kind": "build"}]},
            {"name": "store", "dependencies": [{"name": "domain", "kind": null}, {"name": "engine", "kind": "dev"}]},
            {"name": "engine", "dependencies": [{"name": "store", "kind": null}, {"name": "sandbox", "kind": null}]},
            {"name": "sandbox", "dependencies": []},
            {"name": "novelty", "dependencies": []}
        ]));
        assert_eq!(
            found,
            [
                "layering: domain: must not use store",
                "layering: engine: must not use sandbox",
                "layering: novelty: this crate has no place among the layers"
            ]
        );
    }

    #[test]
    fn this_workspace_can_be_asked() {
        assert!(
            metadata(&crate::repository())
                .unwrap()
                .packages
                .iter()
                .any(|package| package.name == "xtask")
        );
    }
}

//! A migration that somebody has applied never changes: its checksum is on a list that only grows.

use std::path::Path;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::{Finding, Tree};

const FOLDER: &str = "crates/store/src/migrations/";
const LIST: &str = "crates/xtask/src/tidy/migrations.sha256";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let finding = |place: &str, what: &str| Finding::new("migrations", place, what);
    let mut findings = Vec::new();
    let listed: Vec<(&str, &str)> = entries(tree.text(LIST).unwrap_or_default()).collect();
    for (path, text) in migrations(tree) {
        match listed.iter().find(|(_, listed)| *listed == path) {
            None => findings.push(finding(path, "new: freeze it with `cargo xtask tidy --freeze`")),
            Some((checksum, _)) if *checksum != checksum_of(text) => {
                findings.push(finding(
                    path,
                    "changed after it was frozen: write a new migration instead",
                ));
            }
            Some(_) => {}
        }
    }
    for (_, path) in &listed {
        if tree.text(path).is_none() {
            findings.push(finding(path, "is on the list of frozen migrations and does not exist"));
        }
    }
    findings
}

/// Adds the checksums of migrations that are not on the list yet.
pub(super) fn freeze(root: &Path) -> anyhow::Result<()> {
    let tree = Tree::read(root)?;
    let old = tree.text(LIST).unwrap_or_default();
    std::fs::write(root.join(LIST), frozen(&tree, old)).with_context(|| format!("cannot write {LIST}"))
}

fn frozen(tree: &Tree, old: &str) -> String {
    let mut list = old.to_owned();
    for (path, text) in migrations(tree) {
        if !entries(old).any(|(_, listed)| listed == path) {
            list.push_str(&format!("{}  {path}\n", checksum_of(text)));
        }
    }
    list
}

fn migrations(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.under(FOLDER).filter(|(path, _)| path.ends_with(".sql"))
}

/// Checksum and path of each line of the list.
fn entries(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once("  "))
}

fn checksum_of(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "crates/store/src/migrations/sqlite/0001_init.sql";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_new_a_changed_and_a_missing_migration_are_found() {
        let list = frozen(&Tree::of(&[(FIRST, "create table a (b);")]), "# frozen\n");
        assert_eq!(found(&[(FIRST, "create table a (b);"), (LIST, &list)]), [""; 0]);
        assert!(found(&[(FIRST, "create table a (b);")])[0].contains("new: freeze it"));
        assert!(found(&[(FIRST, "create table a (c);"), (LIST, &list)])[0].contains("changed after it was frozen"));
        assert!(found(&[(LIST, &list)])[0].contains("does not exist"));
    }

    #[test]
    fn freezing_never_replaces_a_checksum() {
        let list = frozen(&Tree::of(&[(FIRST, "old")]), "");
        assert_eq!(frozen(&Tree::of(&[(FIRST, "new")]), &list), list);
    }
}

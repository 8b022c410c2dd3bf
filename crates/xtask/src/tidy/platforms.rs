//! A platform that can be published to has a page of its facts and an emulator written apart from the connector, and a
//! new one is told of in four places outside its own folders and no more.

use domain::platform::Platform;

use super::{Finding, Tree};
use crate::new_platform::LISTS;

/// The only places that name every platform: the four lists of [`LISTS`] and nothing else. A file that matches on all
/// platforms without a rest would be a fifth line for whoever adds one.
pub(super) fn registrations(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, marker) in LISTS {
        if tree.text(path).is_none_or(|text| !text.contains(marker)) {
            let what = format!("has no line '{marker}', where `new-platform` adds one");
            findings.push(Finding::new("registrations", *path, what));
        }
    }
    let is_test = |path: &str| path.contains("/tests") || path.ends_with("testing.rs");
    for (path, text) in tree
        .under("crates/")
        .filter(|(path, _)| path.ends_with(".rs") && !is_test(path))
    {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
        let names_it = |platform: &Platform| {
            let name = format!("Platform::{platform:?}");
            let ends = |(at, _): (usize, &str)| {
                let next = code.get(at + name.len()..).and_then(|rest| rest.chars().next());
                next.is_none_or(|next| !next.is_alphanumeric())
            };
            code.match_indices(&name).any(ends)
        };
        if Platform::ALL.iter().all(names_it) && !LISTS.iter().any(|(list, _)| *list == path) {
            let what = format!(
                "names all {} platforms; leave a rest, so that a new one needs no line here",
                Platform::ALL.len()
            );
            findings.push(Finding::new("registrations", path, what));
        }
    }
    findings
}

/// Modules that a macro declares, which `cargo fmt` does not find.
pub(super) fn unformatted(root: &std::path::Path) -> anyhow::Result<Vec<Finding>> {
    let mut files = Vec::new();
    for (_, word) in Platform::ALL.iter().map(|platform| (platform, platform.word())) {
        for place in [
            format!("crates/domain/src/capability/{word}.rs"),
            format!("crates/connectors/src/{word}/mod.rs"),
            format!("crates/sandbox/src/{word}/mod.rs"),
        ] {
            if root.join(&place).is_file() {
                files.push(place);
            }
        }
    }
    let checked = std::process::Command::new("rustfmt")
        .args(["--check", "--files-with-diff", "--edition", "2024"])
        .args(&files)
        .current_dir(root)
        .output();
    let Ok(checked) = checked else {
        // A toolchain without rustfmt cannot tell.
        return Ok(Vec::new());
    };
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    let found = text.lines().filter(|line| line.ends_with(".rs"));
    Ok(found
        .map(|file| {
            Finding::new(
                "format",
                file,
                "is not as rustfmt writes it: rustfmt --edition 2024 FILE",
            )
        })
        .collect())
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for word in Platform::ALL.iter().map(|platform| platform.word()) {
        let folder = format!("crates/connectors/src/{word}/");
        let only_signs_in = tree
            .text(&format!("{folder}mod.rs"))
            .is_some_and(|text| !text.contains("impl Connector"));
        if only_signs_in || !tree.has_module("crates/connectors/src", word) {
            continue;
        }
        let mut add = |what: String| {
            findings.push(Finding::new("platforms", word, what));
        };
        if tree.text(&format!("docs/platforms/{word}.md")).is_none() {
            add(format!("has a connector and no docs/platforms/{word}.md"));
        }
        if !tree.has_module("crates/sandbox/src", word) {
            add(format!("has a connector and no emulator crates/sandbox/src/{word}"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_place_that_names_every_platform_is_found() {
        let all: Vec<String> = Platform::ALL
            .iter()
            .map(|platform| format!("Platform::{platform:?} => 1,"))
            .collect();
        let (all, lists) = (all.join("\n"), LISTS.iter().map(|(path, marker)| (*path, *marker)));
        let mut files: Vec<(&str, &str)> = lists.collect();
        assert_eq!(registrations(&Tree::of(&files)), []);
        let some = all.replace("Platform::X =>", "_ =>");
        files.extend([
            ("crates/api/src/some.rs", some.as_str()),
            ("crates/api/src/all.rs", all.as_str()),
        ]);
        files.remove(0);
        let places: Vec<String> = registrations(&Tree::of(&files))
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["crates/domain/src/platform.rs", "crates/api/src/all.rs"]);
    }

    #[test]
    fn a_connector_without_its_page_or_its_emulator_is_found() {
        let tree = Tree::of(&[
            ("crates/connectors/src/mastodon/mod.rs", "impl Connector for Mastodon {"),
            ("crates/sandbox/src/mastodon/mod.rs", ""),
            ("crates/connectors/src/x/mod.rs", "impl Connector for X {"),
            ("crates/connectors/src/reddit/mod.rs", "pub mod signin;"),
            ("docs/platforms/x.md", ""),
            ("crates/connectors/src/threads.rs", ""),
            ("docs/platforms/threads.md", ""),
            ("crates/sandbox/src/threads.rs", ""),
            ("crates/connectors/src/http.rs", ""),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "platforms: x: has a connector and no emulator crates/sandbox/src/x",
                "platforms: mastodon: has a connector and no docs/platforms/mastodon.md"
            ]
        );
    }
}

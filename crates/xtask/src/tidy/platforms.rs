//! A platform that can be published to has a page of its facts and an emulator written apart from the connector.

use domain::platform::Platform;

use super::{Finding, Tree};

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

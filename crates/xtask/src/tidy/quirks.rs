//! Every quirk that a dialect's page numbers (`Q12`) is cited by a test, so that no quirk is folklore.

use std::collections::BTreeSet;

use super::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut cited = BTreeSet::new();
    for (path, text) in tree.under("crates/") {
        // The tests of this very module cite quirks that are made up.
        if !path.starts_with("crates/xtask/src/tidy/") {
            cited.extend(numbers(part_for_tests(path, text)));
        }
    }
    let mut findings = Vec::new();
    for (path, text) in tree.under("docs/dialects/").filter(|(path, _)| path.ends_with(".md")) {
        let numbered: BTreeSet<&str> = numbers(text).collect();
        findings.extend(
            numbered
                .difference(&cited)
                .map(|quirk| Finding::new("quirks", path, format!("no test cites {quirk}"))),
        );
    }
    findings
}

/// The whole of a file of tests, the end of a file of code that holds its tests.
fn part_for_tests<'a>(path: &str, text: &'a str) -> &'a str {
    let is_code = path.ends_with(".rs") && !path.contains("/tests/") && !path.ends_with("/tests.rs");
    match text.find("#[cfg(test)]") {
        Some(at) if is_code => text.get(at..).unwrap_or_default(),
        None if is_code => "",
        _ => text,
    }
}

/// The words that are a Q and digits.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| {
        word.strip_prefix('Q')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quirk_without_a_test_is_found() {
        let tree = Tree::of(&[
            (
                "docs/dialects/late.md",
                "- Q1: a\n- Q2: b, see (Q3)\n- **Q12** c\nQueue Q1a PQ7",
            ),
            (
                "crates/api/src/a.rs",
                "// Q2 in code is no test\n#[cfg(test)]\nmod tests { /* Q1 */ }",
            ),
            ("crates/api/src/a/tests.rs", "// Q12"),
            ("crates/xtask/src/tidy/x.rs", "#[cfg(test)] Q3"),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "quirks: docs/dialects/late.md: no test cites Q2",
                "quirks: docs/dialects/late.md: no test cites Q3"
            ]
        );
    }
}

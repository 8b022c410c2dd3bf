//! Every quirk that a dialect's page numbers (`Q12`) is cited by a test, and names the tests that pin it ("Pinned by"), which
//! exist: so that no quirk is folklore.

use std::collections::BTreeSet;

use super::{Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut cited = BTreeSet::new();
    let mut tests = BTreeSet::new();
    for (path, text) in tree.under("crates/") {
        // The tests of this very module cite quirks that are made up.
        if !path.starts_with("crates/xtask/src/tidy/") {
            let part = part_for_tests(path, text);
            cited.extend(numbers(part));
            tests.extend(functions(part));
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
        findings.extend(unpinned(path, text, &tests));
    }
    findings
}

/// Quirks that name no test, or one that is not there.
fn unpinned(path: &str, text: &str, tests: &BTreeSet<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let quirks = text.split("\n- **Q").skip(1);
    for quirk in quirks {
        let name: String = quirk.chars().take_while(char::is_ascii_digit).collect();
        let Some((_, pins)) = quirk.split_once("Pinned by") else {
            findings.push(Finding::new(
                "quirks",
                path,
                format!("Q{name} names no test that pins it"),
            ));
            continue;
        };
        let of_quirk = pins.split("\n\n").next().unwrap_or_default();
        let named = of_quirk.split('`').skip(1).step_by(2);
        let missing = named.filter(|test| !tests.contains(test));
        findings.extend(missing.map(|test| Finding::new("quirks", path, format!("Q{name}: there is no test {test}"))));
    }
    findings
}

/// The names of the functions in a text.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split("fn ").skip(1).filter_map(move |after| {
        let (name, rest) = after.split_at_checked(after.find(|c| !is_name(c))?)?;
        rest.starts_with('(').then_some(name)
    })
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
    fn a_quirk_that_names_no_test_or_a_missing_one_is_found() {
        let tree = Tree::of(&[
            (
                "docs/dialects/late.md",
                "# Late\n\n- **Q1** a\n  Pinned by `it_is_so` and `it_is_gone`.\n- **Q2** b\n",
            ),
            (
                "crates/api/src/a/tests.rs",
                "// Q1 Q2\nasync fn it_is_so() {}\nfn other() {}",
            ),
        ]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "quirks: docs/dialects/late.md: Q1: there is no test it_is_gone",
                "quirks: docs/dialects/late.md: Q2 names no test that pins it"
            ]
        );
    }

    #[test]
    fn a_quirk_without_a_test_is_found() {
        let tree = Tree::of(&[
            (
                "docs/dialects/late.md",
                "- Q1: a\n- Q2: b, see (Q3)\n- **Q12** c. Pinned by `seen`.\nQueue Q1a PQ7",
            ),
            (
                "crates/api/src/a.rs",
                "// Q2 in code is no test\n#[cfg(test)]\nmod tests { /* Q1 */ }",
            ),
            ("crates/api/src/a/tests.rs", "// Q12\nfn seen() {}"),
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

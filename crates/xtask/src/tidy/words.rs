//! Names of one machine's folders and tools have no place in the repository.

use super::{Finding, Tree};

/// A forbidden word, and where it may stand all the same.
const FORBIDDEN: &[(&str, &[&str])] = &[
    // Split, so that this file does not hold what it forbids.
    (concat!("/wo", "rk/"), &[]),
    (concat!("../sha", "red"), &["crates/xtask/", "CONTRIBUTING.md", "docs/"]),
    (concat!("fa", "rm-"), &[]),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.under("") {
        for (word, allowed) in FORBIDDEN {
            if allowed.iter().any(|prefix| path.starts_with(prefix)) {
                continue;
            }
            if let Some(line) = text.lines().position(|line| line.contains(word)) {
                let place = format!("{path}:{}", line + 1);
                findings.push(Finding::new("words", place, format!("must not mention {word}")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forbidden_word_is_found_where_it_is_not_allowed() {
        let (machine, outside) = (concat!("see /wo", "rk/x"), concat!("a\nb ../sha", "red/y"));
        let tree = Tree::of(&[
            ("README.md", outside),
            ("CONTRIBUTING.md", outside),
            ("docs/adr/0001.md", machine),
            ("crates/xtask/src/lib.rs", outside),
        ]);
        let places: Vec<String> = check(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["README.md:2", "docs/adr/0001.md:1"]);
    }
}

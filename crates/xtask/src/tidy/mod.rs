//! `cargo xtask tidy`: rules of the repository that the compiler does not know.
//!
//! Each check is a function from the texts of the repository to findings, so that a test can show it made-up input.

use std::fmt;
use std::io::Write;
use std::path::Path;

use anyhow::Context;

mod layering;
mod migrations;
mod platforms;
mod quirks;
mod sizes;
mod tree;
mod words;

pub use tree::Tree;

/// What to do besides checking.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// First adds the checksums of new migrations to the list; those in the list never change.
    #[arg(long)]
    pub freeze: bool,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The name of the check.
    pub check: &'static str,
    /// A file, a function or a crate.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl Finding {
    fn new(check: &'static str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            check,
            place: place.into(),
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: {}: {}", self.check, self.place, self.what)
    }
}

/// Prints the findings and their number; true if there are none.
///
/// # Errors
/// If the repository cannot be read, cargo fails, or `out` cannot be written.
pub fn run(options: &Options, out: &mut dyn Write) -> anyhow::Result<bool> {
    let root = crate::repository();
    if options.freeze {
        migrations::freeze(&root)?;
    }
    let findings = findings(&root)?;
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    writeln!(out, "{} findings", findings.len())?;
    Ok(findings.is_empty())
}

/// Every finding in the repository at `root`, sorted.
///
/// # Errors
/// If the repository cannot be read or `cargo metadata` fails.
pub fn findings(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let mut findings = layering::check(&layering::metadata(root)?);
    findings.extend(sizes::check(&tree)?);
    findings.extend(migrations::check(&tree));
    findings.extend(quirks::check(&tree));
    findings.extend(platforms::check(&tree));
    findings.extend(platforms::registrations(&tree));
    findings.extend(platforms::unformatted(root)?);
    findings.extend(words::check(&tree));
    findings.sort();
    Ok(findings)
}

/// A regular expression that is written in this module's code.
pub(crate) fn pattern(text: &str) -> anyhow::Result<regex::Regex> {
    regex::Regex::new(text).with_context(|| format!("the pattern {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let findings = findings(&crate::repository()).unwrap();
        let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(list.is_empty(), "{} findings:\n{}", list.len(), list.join("\n"));
    }
}

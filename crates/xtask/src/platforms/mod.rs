//! `cargo xtask platforms`: what of each platform's capability, settings, error map and faults is shown by tests.
//!
//! Nothing in the table is written by hand. What is listed comes from the product's own data: the capability, the error
//! map, the settings of the platform's page. What is shown comes from a run of the tests, which note it after their last
//! assertion ([`sandbox::proof`]); without its test, a cell has a hole. A hole that is meant to be there stands by its
//! name under "Known gaps" on the platform's page, with the reason.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use connectors::Registry;
use domain::capability::Capability;
use domain::platform::Platform;
use sandbox::proof::{Proof, Shown, VARIABLE};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::product::ScratchFolder;
use crate::specs;

mod page;
mod table;

use page::Page;
use table::Line;

/// The tests that note something: package, and what cargo is told besides.
const SUITES: &[(&str, &[&str])] = &[
    ("connectors", &["--lib"]),
    ("engine", &["--test", "it", "--", "crash_matrix", "twins"]),
];

/// What every platform must stand: the words of the sandbox's faults, and those of the engine's own trials.
const FAULTS: &[&str] = &[
    "drop_before",
    "drop_after",
    "error_before",
    "error_after",
    "html_error",
    "malformed",
    "truncated",
    "read_lag",
    "rate_limit",
    "expired_token",
    "reject_content",
    "redirect_307",
    "processing_polls",
    "processing_fails",
    "crash_matrix",
    "twins_and_a_person",
];

/// What to do besides printing the table.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Exits 1 when there is a hole, or when docs/platforms/README.md says something else.
    #[arg(long)]
    pub check: bool,
    /// Writes docs/platforms/README.md.
    #[arg(long)]
    pub write: bool,
    /// Reads what tests noted in an earlier run instead of running them.
    #[arg(long, value_name = "FILE")]
    pub proofs: Option<PathBuf>,
}

/// Prints the table and the holes; false when there are holes and they matter.
///
/// # Errors
/// If a test fails or cannot be run, or a page cannot be read or written.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let proofs = match &options.proofs {
        Some(file) => read(file)?,
        None => noted_by_tests().await?,
    };
    let root = crate::repository();
    let registry = Registry::all();
    let mut lines = Vec::new();
    for platform in registry.platforms() {
        let page = page_of(&root, platform)?;
        let rows = registry.get(platform).map(|connector| connector.error_rows());
        let rows = rows
            .unwrap_or_default()
            .iter()
            .map(connectors::rules::Row::name)
            .collect();
        lines.push(Line::of(
            Capability::of(platform),
            &page,
            rows,
            &proofs,
            specs::of(platform),
        ));
    }
    write!(out, "{}", table::plain(&lines))?;
    let mut holes: Vec<String> = lines.iter().flat_map(Line::holes).collect();
    let readme = root.join("docs/platforms/README.md");
    let text = table::readme(&lines);
    if options.write {
        std::fs::write(&readme, &text).context("docs/platforms/README.md cannot be written")?;
    } else if std::fs::read_to_string(&readme).ok().as_deref() != Some(text.as_str()) {
        holes.push("docs/platforms/README.md is not this table; write it with --write".to_owned());
    }
    for hole in &holes {
        writeln!(out, "hole: {hole}")?;
    }
    writeln!(out, "{} holes", holes.len())?;
    Ok(!options.check || holes.is_empty())
}

fn page_of(root: &Path, platform: Platform) -> anyhow::Result<Page> {
    let path = root.join(format!("docs/platforms/{platform}.md"));
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    Page::parse(&text)
}

/// Runs the tests, all of which must pass, and reads what they noted.
async fn noted_by_tests() -> anyhow::Result<BTreeSet<Proof>> {
    let scratch = ScratchFolder::new("broadside-proofs")?;
    let file = scratch.path().join("proofs.jsonl");
    for (package, rest) in SUITES {
        test(package, rest, &[(VARIABLE, &file)]).await?;
    }
    read(&file)
}

/// Runs tests of a package with these paths in its environment, and tells on stderr how far they are.
pub(crate) async fn test(package: &str, rest: &[&str], environment: &[(&str, &Path)]) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    eprintln!("building the tests of {package}");
    let mut ran = Command::new(cargo)
        .args(["test", "--package", package])
        .args(rest)
        .envs(environment.iter().copied())
        .current_dir(crate::repository())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo could not be started")?;
    let printed = ran.stdout.take().context("what the tests print")?;
    let mut lines = BufReader::new(printed).lines();
    let (mut progress, mut said) = (Progress::of(package), String::new());
    while let Some(line) = lines.next_line().await? {
        if let Some(word) = progress.after(&line) {
            eprintln!("{word}");
        }
        if !line.ends_with(" ... ok") {
            said.push_str(&line);
            said.push('\n');
        }
    }
    let status = ran.wait().await.context("the tests did not end")?;
    ensure!(status.success(), "the tests of {package} do not pass:\n{said}");
    Ok(())
}

/// How far the tests of a package are, a word every tenth.
struct Progress<'a> {
    package: &'a str,
    all: usize,
    done: usize,
}

impl<'a> Progress<'a> {
    const fn of(package: &'a str) -> Self {
        Self {
            package,
            all: 0,
            done: 0,
        }
    }

    /// What there is to say after this line of the tests' own words.
    fn after(&mut self, line: &str) -> Option<String> {
        let all = line
            .strip_prefix("running ")
            .and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok());
        if let Some(all) = all {
            self.all += all;
        }
        let ends = [" ... ok", " ... FAILED"].iter().any(|end| line.ends_with(end));
        if !(line.starts_with("test ") && ends) {
            return None;
        }
        self.done += 1;
        let tenth = (self.all / 10).max(1);
        let is_worth_it = self.done.is_multiple_of(tenth) || self.done == self.all;
        is_worth_it.then(|| format!("{}: {} of {} tests", self.package, self.done, self.all))
    }
}

fn read(file: &Path) -> anyhow::Result<BTreeSet<Proof>> {
    let text = std::fs::read_to_string(file).context("the tests noted nothing")?;
    let parse = |line: &str| serde_json::from_str(line).with_context(|| format!("no proof: {line}"));
    text.lines().map(parse).collect()
}

/// Whether tests have shown this. A row of an error map that several platforms share needs one test.
fn is_shown(proofs: &BTreeSet<Proof>, platform: Platform, shown: &Shown) -> bool {
    match shown {
        Shown::ErrorRow(_) => proofs.iter().any(|proof| proof.shown == *shown),
        _ => proofs.contains(&Proof {
            platform,
            shown: shown.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_tell_how_far_they_are_every_tenth_and_at_the_end() {
        let mut progress = Progress::of("p");
        assert_eq!(progress.after("running 25 tests"), None);
        let said: Vec<String> = (1..=25)
            .filter_map(|n| progress.after(&format!("test t{n} ... {}", if n == 25 { "FAILED" } else { "ok" })))
            .collect();
        assert_eq!(said.len(), 13);
        assert_eq!(said.last().unwrap(), "p: 25 of 25 tests");
        assert_eq!(progress.after("test result: FAILED. 24 passed"), None);
    }
}

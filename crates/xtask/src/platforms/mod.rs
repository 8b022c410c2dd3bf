//! `cargo xtask platforms`: what of each platform's capability, settings, error map and faults is shown by tests.
//!
//! Nothing in the table is written by hand. What is listed comes from the product's own data: the capability, the error
//! map, the settings of the platform's page. What is shown comes from a run of the tests, which note it after their last
//! assertion ([`sandbox::proof`]); without its test, a cell has a hole. A hole that is meant to be there stands by its
//! name under "Known gaps" on the platform's page, with the reason.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use connectors::Registry;
use domain::capability::Capability;
use domain::platform::Platform;
use sandbox::proof::{Proof, Shown, VARIABLE};
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

/// Runs tests of a package with these paths in its environment.
pub(crate) async fn test(package: &str, rest: &[&str], environment: &[(&str, &Path)]) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    eprintln!("running the tests of {package}");
    let ran = Command::new(cargo)
        .args(["test", "--quiet", "--package", package])
        .args(rest)
        .envs(environment.iter().copied())
        .current_dir(crate::repository())
        .output()
        .await
        .context("cargo could not be started")?;
    ensure!(
        ran.status.success(),
        "the tests of {package} do not pass:\n{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
    Ok(())
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

//! Programs of ours that do what the samples in the API's documentation do, in Python (requests), JavaScript (fetch and
//! axios) and with cURL, sent unmodified against a demonstration. What they print must be what is recorded here.

mod normal;
mod programs;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::facts::{CommandFixtures, Fixtures};
use crate::packages::Home;
use crate::product::{self, Demo};
use programs::{Installed, Program};

/// How to check.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Installs packages into this folder and keeps them for the next time [default: a scratch folder].
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
    /// Installs nothing: the programs that need no packages alone.
    #[arg(long)]
    pub quick: bool,
    /// Writes down what the programs print as what is expected from now on.
    #[arg(long)]
    pub record: bool,
}

/// Runs every program that can be run here, one after the other, and prints a line for each. True when all printed what is
/// expected, or when none can be run here.
///
/// # Errors
/// If the product cannot be built or started, or a recording cannot be written.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let home = Home::open(options.keep.as_deref(), "broadside-seed")?;
    let mut installed = Vec::new();
    for program in Program::ALL {
        if options.quick && program.needs_packages() {
            continue;
        }
        match program.install(&home).await {
            Ok(one) => installed.push(one),
            Err(why) => writeln!(out, "skipped: {} cannot be run here: {why:#}", program.name())?,
        }
    }
    if installed.is_empty() {
        return Ok(true);
    }
    let binary = product::binary().await?;
    let demo = Demo::start(&binary).await?;
    let fixtures = CommandFixtures::new(binary, demo.data().to_owned());
    let checked = check(&demo, &fixtures, &installed, options.record, out).await;
    demo.stop().await?;
    checked
}

async fn check(
    demo: &Demo,
    fixtures: &CommandFixtures,
    installed: &[Installed],
    record: bool,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<bool> {
    let limited = fixtures.prepare("monthly_used_up", None).await;
    let limited = limited.map_err(anyhow::Error::msg)?;
    let limited = limited.get("API_KEY").context("the fixture has no API_KEY")?;
    let mut passed = true;
    for one in installed {
        let name = one.program.name();
        let printed = match one.run(demo, limited).await {
            Ok(printed) => normal::form(&printed, demo.base_url()),
            Err(error) => {
                passed = false;
                writeln!(out, "FAIL: {name}: {error:#}")?;
                continue;
            }
        };
        let path = one.program.recording();
        if record {
            std::fs::write(&path, &printed).with_context(|| format!("cannot write {}", path.display()))?;
            writeln!(out, "recorded: {name}: {} lines", printed.lines().count())?;
            continue;
        }
        let expected = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        match normal::difference(&expected, &printed) {
            None => writeln!(out, "ok: {name}: {} lines as recorded", printed.lines().count())?,
            Some(difference) => {
                passed = false;
                writeln!(out, "FAIL: {name}: {difference}")?;
            }
        }
    }
    Ok(passed)
}

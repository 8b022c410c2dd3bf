//! Has the tool Schemathesis ask a demonstration's PostPost API whatever its OpenAPI document allows and forbids.
//!
//! The tool is installed from its registry into a scratch folder; where that is not possible, the check is skipped and
//! said to be. What the original demands and the tool calls wrong is listed in `exceptions.toml`, each with its quirk.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;

use crate::chaos::admin;
use crate::packages::{self, Home};
use crate::product::{self, Demo};

/// The newest line of versions that these exceptions were written for.
const REQUIREMENT: &str = "schemathesis>=4,<5";
/// How long a run may take.
const RUN_WITHIN: Duration = Duration::from_secs(3_600);
const EXCEPTIONS: &str = include_str!("exceptions.toml");

/// How much to ask.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// The most requests of chance to each operation, beside those that cover its parameters one by one.
    #[arg(long, default_value_t = 100)]
    pub examples: u32,
    /// What all chances are derived from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Ten requests of chance to each operation.
    #[arg(long, conflicts_with = "examples")]
    pub quick: bool,
    /// Installs the tool into this folder and keeps it for the next time [default: a scratch folder].
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
}

/// Runs the tool and prints what it found. True when it found nothing, or when it cannot be installed here.
///
/// # Errors
/// If the product cannot be built or started, or the tool cannot do its work.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let home = Home::open(options.keep.as_deref(), "broadside-schemathesis")?;
    let python = match home.python("schemathesis", REQUIREMENT).await {
        Ok(python) => python,
        Err(why) => {
            writeln!(out, "skipped: Schemathesis cannot be installed here: {why:#}")?;
            return Ok(true);
        }
    };
    let binary = product::binary().await?;
    let demo = Demo::start(&binary).await?;
    let key = admin::new_key(demo.data()).await?;
    let settings = home.script("exceptions.toml", EXCEPTIONS)?;
    let examples = if options.quick { 10 } else { options.examples };
    let mut command = packages::client(&python.with_file_name("schemathesis"));
    command
        .arg("--config-file")
        .arg(&settings)
        .arg("run")
        .arg(format!("{}/postpost/api/v1/openapi.json", demo.base_url()))
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--continue-on-failure",
            "--no-color",
        ])
        .args([
            "--max-examples",
            &examples.to_string(),
            "--seed",
            &options.seed.to_string(),
        ])
        // The settings name it, so that it does not stand in the list of processes.
        .env("POSTPOST_KEY", key)
        .current_dir(settings.parent().unwrap_or(Path::new(".")));
    let output = packages::end_of(command, RUN_WITHIN).await?;
    demo.stop().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => {
            let cases = said.lines().skip_while(|line| !line.starts_with("Test cases")).nth(1);
            writeln!(out, "ok: {}", cases.unwrap_or("nothing was found").trim())?;
            Ok(true)
        }
        Some(1) => {
            writeln!(out, "{said}")?;
            Ok(false)
        }
        _ => bail!("{said}\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An exception without a reason would be a finding that nobody mended.
    #[test]
    fn every_exception_names_a_quirk_that_there_is() {
        let quirks = std::fs::read_to_string(crate::repository().join("docs/dialects/postpost.md")).unwrap();
        let settings: toml::Table = EXCEPTIONS.parse().unwrap();
        let operations = settings["operations"].as_array().unwrap();
        let reasons = EXCEPTIONS.matches("# Q").count();
        assert!(
            reasons > operations.len(),
            "{reasons} reasons for {} exceptions",
            operations.len()
        );
        for reason in EXCEPTIONS.split("# Q").skip(1) {
            let number: String = reason.chars().take_while(char::is_ascii_digit).collect();
            assert!(quirks.contains(&format!("- **Q{number}** ")), "Q{number}");
        }
    }
}

//! `cargo xtask quotas`: a simulated day at nine tenths of every platform's quota.
//!
//! The simulation is a test of the engine, which by default runs a shorter form of it.

use std::process::Command;

use anyhow::Context;
use clap::Args;

/// The simulated day.
#[derive(Debug, Args)]
pub struct Options {
    /// The short form that `cargo test` runs, instead of the whole day
    #[arg(long)]
    short: bool,
}

/// Runs it; `true` when fewer than 5 answers in 10,000 were refused for a limit, and every post went out.
///
/// # Errors
/// When cargo cannot be started.
pub fn run(options: &Options) -> anyhow::Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let form = if options.short { "short" } else { "full" };
    let status = Command::new(cargo)
        .args(["test", "-p", "engine", "--test", "it", "quota_day", "--", "--nocapture"])
        .env("BROADSIDE_QUOTA_DAY", form)
        .current_dir(crate::repository())
        .status()
        .context("cannot start cargo")?;
    Ok(status.success())
}

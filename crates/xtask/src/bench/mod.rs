//! Measures this server against baselines that run in turns with it, in one process and on one machine.
//!
//! What must stay true: nothing is measured in a build that is not optimised, ours and its baseline alternate so that a
//! noisy machine disturbs both alike, and what is published (`docs/performance.md`) is written by `--write` alone.

mod authentication;
mod burst;
mod claims;
mod create_post;
mod creates;
mod load;
mod media;
mod memory;
mod report;
mod seed;
mod single_posts;
mod site;
mod stopwatch;

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ValueEnum;
use tokio::process::Command;

use crate::product::ScratchFolder;
use report::Line;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Name {
    /// Durable creates by 64 clients, against a transaction a request.
    Creates,
    /// The same on a disk that takes 2 ms longer.
    #[value(name = "creates-2ms")]
    Creates2Ms,
    /// The same on a disk that takes 10 ms longer.
    #[value(name = "creates-10ms")]
    Creates10Ms,
    /// A group made through the whole middleware, against the engine alone; and with every limit of a plan, against none.
    CreatePost,
    /// A group read through the whole middleware, against a handler that returns a constant.
    GetPost,
    /// A handler with the check of the key, against the same without.
    Authentication,
    /// 10,000 posts due in one second.
    #[value(name = "burst-10000")]
    Burst10000,
    /// 100 posts due in one second.
    #[value(name = "burst-100")]
    Burst100,
    /// A claim beside many future posts, against one beside few.
    ClaimScaling,
    /// Resident memory of the product.
    Memory,
    /// From start to ready.
    Start,
    /// A film of 2 GB from its upload to a platform, only when it is asked for by name.
    #[value(name = "media-2gb")]
    Media2Gb,
}

/// What to measure and what to do with it.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// What to measure [default: everything]
    #[arg(value_enum)]
    pub names: Vec<Name>,
    /// Fails when a target is missed.
    #[arg(long)]
    pub check: bool,
    /// Prints one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Takes smaller databases and shorter samples.
    #[arg(long)]
    pub quick: bool,
    /// Writes docs/performance.md from a whole run.
    #[arg(long, conflicts_with_all = ["names", "quick"])]
    pub write: bool,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    samples: usize,
    /// How long a closed loop runs for one sample.
    span: Duration,
    /// Groups in the database that creates go into.
    groups: u32,
    /// Future posts beside which is published and claimed.
    future_posts: u32,
    /// The length of the film.
    film_bytes: u64,
}

impl Sizes {
    const FULL: Self = Self {
        samples: 5,
        span: Duration::from_secs(2),
        groups: 100_000,
        future_posts: 1_000_000,
        film_bytes: 2_000_000_000,
    };
    const QUICK: Self = Self {
        samples: 5,
        span: Duration::from_millis(800),
        groups: 20_000,
        future_posts: 100_000,
        film_bytes: 200_000_000,
    };
}

/// What all measurements of a run share.
struct Bench {
    sizes: Sizes,
    scratch: ScratchFolder,
}

/// Runs, prints a line for each measurement to `out`, and says whether all targets were met (or nobody asked).
///
/// # Errors
/// If a part of a measurement does not work; a missed target is none.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    if cfg!(debug_assertions) {
        return again_optimised(options).await;
    }
    let bench = Bench {
        sizes: if options.quick { Sizes::QUICK } else { Sizes::FULL },
        scratch: ScratchFolder::new("broadside-bench")?,
    };
    site::log_to(&bench.scratch.path().join("log"))?;
    let chosen: BTreeSet<Name> = match options.names.as_slice() {
        // It needs room for the film three times over.
        [] => Name::value_variants()
            .iter()
            .copied()
            .filter(|name| *name != Name::Media2Gb)
            .collect(),
        names => names.iter().copied().collect(),
    };
    let mut lines = Vec::new();
    for name in chosen {
        let measured = bench
            .measure(name)
            .await
            .with_context(|| format!("measuring {name:?}"))?;
        for line in measured {
            let text = if options.json {
                serde_json::to_string(&line)?
            } else {
                line.to_string()
            };
            writeln!(out, "{text}")?;
            lines.push(line);
        }
    }
    if options.write {
        report::write(&lines)?;
    }
    Ok(!options.check || lines.iter().all(|line| line.pass))
}

impl Bench {
    async fn measure(&self, name: Name) -> anyhow::Result<Vec<Line>> {
        Ok(match name {
            Name::Creates => vec![creates::measure(self, creates::PLAIN).await?],
            Name::Creates2Ms => vec![creates::measure(self, creates::SLOWED_BY_2_MS).await?],
            Name::Creates10Ms => vec![creates::measure(self, creates::SLOWED_BY_10_MS).await?],
            Name::CreatePost => create_post::measure(self).await?,
            Name::Authentication => authentication::measure(self).await?,
            Name::GetPost => vec![single_posts::measure(self).await?],
            Name::Burst10000 => burst::measure(self, burst::TEN_THOUSAND).await?,
            Name::Burst100 => burst::measure(self, burst::A_HUNDRED).await?,
            Name::ClaimScaling => vec![claims::measure(self).await?],
            Name::Memory => memory::measure(self).await?,
            Name::Start => vec![memory::measure_start(self).await?],
            Name::Media2Gb => vec![media::measure(self).await?],
        })
    }
}

/// Does the same in an optimised build.
async fn again_optimised(options: &Options) -> anyhow::Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "--package", "xtask", "--", "bench"]);
    for name in &options.names {
        command.args(name.to_possible_value().map(|value| value.get_name().to_owned()));
    }
    let flags = [
        (options.check, "--check"),
        (options.json, "--json"),
        (options.quick, "--quick"),
        (options.write, "--write"),
    ];
    command.args(flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag));
    let status = command
        .current_dir(crate::repository())
        .stdin(Stdio::null())
        .status()
        .await
        .context("cargo could not be started")?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => bail!("the optimised build of these measurements did not run ({status})"),
    }
}

//! Checks and measurements of this repository, as a library so that tests can call them.
//!
//! A new task is a module with a `clap::Args` and a function, one variant of [`Task`] and one arm of [`dispatch`].

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod bench;
pub mod chaos;
mod chromium;
pub mod clock;
pub mod connect;
pub mod docs;
pub mod facts;
mod film;
pub mod fuzz;
pub mod mcp;
pub mod new_platform;
mod packages;
pub mod platforms;
pub mod product;
pub mod quotas;
pub mod real_servers;
pub mod schemathesis;
pub mod seed_clients;
pub mod specs;
pub mod tidy;
pub mod truth;
pub mod uploads;
pub mod webhooks;

/// The command line of `cargo xtask`.
#[derive(Debug, Parser)]
#[command(
    name = "xtask",
    bin_name = "cargo xtask",
    about = "Checks and measurements of this repository"
)]
pub struct Cli {
    #[command(subcommand)]
    task: Task,
}

/// What `cargo xtask` can do.
#[derive(Debug, Subcommand)]
enum Task {
    /// Checks the answers of a fresh server against files of expectations.
    Facts(facts::Options),
    /// Runs the tests of all platforms and prints what they show of each: kinds of posts, settings, errors, faults.
    Platforms(platforms::Options),
    /// Holds the connectors' requests and the emulators' answers against the platforms' specifications, where they are at
    /// hand.
    Specs(specs::Options),
    /// Writes the skeleton of a new platform; the tests that fail then are what is to be done.
    NewPlatform(new_platform::Options),
    /// Checks layering, sizes, migrations, quirks, platforms and wording of the repository.
    Tidy(tidy::Options),
    /// Finds the commands in the documentation and checks that they parse.
    Docs(docs::Options),
    /// Measures this server against baselines that run in turns with it.
    Bench(bench::Options),
    /// Kills a server again and again while it publishes, and counts what was made twice or lost.
    Chaos(chaos::Options),
    /// Sends changed requests to a server for a while and looks at every answer.
    Fuzz(fuzz::Options),
    /// Has the tool Schemathesis ask the API whatever its OpenAPI document allows and forbids.
    Schemathesis(schemathesis::Options),
    /// Holds everything that the API says of random groups against what is out there and what the server keeps.
    Truth(truth::Options),
    /// Connects an account of every platform of the sandbox, lets its tokens end, and connects it again.
    Connect(connect::Options),
    /// Simulates a day at nine tenths of every platform's quota, and counts what is refused.
    Quotas(quotas::Options),
    /// Lets the official clients of the Model Context Protocol list and call every tool, over HTTP and stdio.
    Mcp(mcp::Options),
    /// Runs programs in Python, JavaScript and cURL that do what the documentation's samples do, against a demonstration.
    SeedClients(seed_clients::Options),
    /// Signs in at real servers that run on this machine, publishes to them, and reads back what arrived.
    RealServers(real_servers::Options),
    /// Publishes the longest films through every protocol that takes them in pieces, one piece cut, and looks at memory.
    Uploads(uploads::Options),
    /// Delivers webhooks to receivers that stall, redirect, fail and behave, and kills the server meanwhile.
    Webhooks(webhooks::Options),
}

/// Runs the task that the command line names. Exit code 0: passed; 1: the check found something; 2: it could not run.
pub async fn main() -> ExitCode {
    match dispatch(Cli::parse().task).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn dispatch(task: Task) -> anyhow::Result<bool> {
    let mut out = std::io::stdout();
    match task {
        Task::Facts(options) => Ok(facts::run(&options, &mut out).await?.is_success()),
        Task::Platforms(options) => platforms::run(&options, &mut out).await,
        Task::Specs(options) => specs::run(&options, &mut out).await,
        Task::NewPlatform(options) => new_platform::run(&options, &mut out),
        Task::Tidy(options) => tidy::run(&options, &mut out),
        Task::Docs(options) => docs::run(&options, &mut out).await,
        Task::Bench(options) => bench::run(&options, &mut out).await,
        Task::Connect(options) => connect::run(&options, &mut out).await,
        Task::Quotas(options) => quotas::run(&options),
        Task::Mcp(options) => mcp::run(&options, &mut out).await,
        Task::SeedClients(options) => seed_clients::run(&options, &mut out).await,
        Task::RealServers(options) => real_servers::run(&options, &mut out).await,
        Task::Uploads(options) => uploads::run(&options, &mut out).await,
        Task::Webhooks(options) => webhooks::run(&options, &mut out).await,
        Task::Fuzz(options) => fuzz::run(&options, &mut out).await,
        Task::Schemathesis(options) => schemathesis::run(&options, &mut out).await,
        Task::Truth(options) => Ok(truth::run(&options, &mut out).await?.is_success()),
        Task::Chaos(options) => Ok(chaos::run(&options, &mut out).await?.is_success()),
    }
}

/// The top folder of this repository, as it was when this program was built.
#[must_use]
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_repository_is_the_folder_with_the_workspace() {
        assert!(repository().join("crates/xtask/Cargo.toml").is_file());
    }
}

//! The command line: one file a subcommand.

mod account;
mod completions;
mod config;
mod delete;
#[cfg(feature = "sandbox")]
mod demo;
mod doctor;
#[cfg(feature = "sandbox")]
mod fixtures;
mod import;
mod key;
mod logs;
mod mcp;
mod migrate;
pub mod output;
mod post;
mod posts;
mod resolve;
mod retract;
mod retry;
#[cfg(feature = "sandbox")]
mod sandbox;
mod secrets;
mod serve;
mod user;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use domain::clock::Clock;
use jiff::Timestamp;

use crate::admin::Door;
use crate::clock::SystemClock;
use crate::config::{Config, Flags};
use output::Output;

/// One request, every social network, and a durable record of every attempt.
#[derive(Debug, Parser)]
#[command(name = "broadside", version, max_term_width = 110, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
struct Global {
    /// The settings file [default: broadside.toml in the data directory, if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory [default: broadside-data]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Prints JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    /// Makes time run so many times as fast, for tests
    #[arg(long, global = true, hide = true, value_name = "F", requires = "time_epoch")]
    time_factor: Option<f64>,
    /// From when on it does; all processes of a test are given the same
    #[arg(long, global = true, hide = true, value_name = "RFC3339", requires = "time_factor")]
    time_epoch: Option<Timestamp>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server: API, publisher, housekeeping
    Serve(serve::Serve),
    /// Adds, lists and removes users, and says what they may do
    #[command(subcommand)]
    User(user::User),
    /// Connects, checks, lists and disconnects social accounts
    #[command(subcommand)]
    Account(account::Account),
    /// Connects the accounts of a file
    ImportCredentials(import::Import),
    /// Makes, lists and revokes API keys
    #[command(subcommand)]
    Key(key::Key),
    /// Adds, lists, tests and removes receivers of webhooks
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Publishes to one or several accounts, now or later
    Post(post::Post),
    /// Lists what was posted and what is planned
    Posts(posts::Posts),
    /// Shows one group of posts with its results
    Show(posts::Show),
    /// Shows what happened, step by step
    Logs(logs::Logs),
    /// Tries a failed post again
    Retry(retry::Retry),
    /// Says what became of a post whose outcome nobody knows
    Resolve(resolve::Resolve),
    /// Deletes a group here: what is planned is not sent, what is published stays
    Delete(delete::Delete),
    /// Takes published posts down from their platforms
    Retract(retract::Retract),
    /// Offers the tools of the PostPost API to a program over standard input and output (MCP)
    Mcp(mcp::Mcp),
    /// Looks for what is wrong or missing
    Doctor(doctor::Doctor),
    /// Brings the database to this version's schema
    Migrate(migrate::Migrate),
    /// Looks after the keys that tokens are sealed with
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Checks and shows settings
    #[command(subcommand)]
    Config(config::Config),
    /// Shows everything at work on emulated platforms, without any account
    #[cfg(feature = "sandbox")]
    Demo(demo::Demo),
    /// Runs the emulated platforms
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::Sandbox),
    /// Prepares states for conformance tests
    #[cfg(feature = "sandbox")]
    #[command(hide = true)]
    Fixtures(fixtures::Fixtures),
    /// Prints a completion script for a shell
    Completions(completions::Completions),
}

/// What every subcommand is given.
pub(crate) struct Context {
    global: Global,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) out: Output,
}

impl Context {
    fn new(global: Global) -> anyhow::Result<Self> {
        let clock = match (global.time_factor, global.time_epoch) {
            (Some(factor), Some(epoch)) => SystemClock::scaled(factor, epoch)?,
            _ => SystemClock::real(),
        };
        let out = Output::new(global.json);
        Ok(Self {
            global,
            clock: Arc::new(clock),
            out,
        })
    }

    fn flags(&self) -> Flags {
        Flags {
            config: self.global.config.clone(),
            data: self.global.data.clone(),
            ..Flags::default()
        }
    }

    /// The settings, with logs quiet but for warnings unless the environment says otherwise: a command's output is its
    /// answer, not its log.
    fn config(&self) -> anyhow::Result<Config> {
        let mut config = Config::load(&self.flags())?;
        config.log.level = std::env::var("BROADSIDE_LOG__LEVEL").unwrap_or_else(|_| "warn".to_owned());
        crate::logging::init(&config.log)?;
        Ok(config)
    }

    /// The way to the data: through the server that runs, or by opening the directory.
    async fn door(&self) -> anyhow::Result<Door> {
        Door::open(&self.config()?, Arc::clone(&self.clock)).await
    }
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Output::new(cli.global.json);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime");
    let ended = runtime.and_then(|runtime| {
        let ended = runtime.block_on(run(cli));
        // A thread that still reads standard input must not keep the process.
        runtime.shutdown_background();
        ended
    });
    ended.unwrap_or_else(|error| {
        out.error(&error);
        ExitCode::FAILURE
    })
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let context = Context::new(cli.global)?;
    match cli.command {
        Command::Serve(serve) => serve.run(&context).await,
        Command::User(user) => user.run(&context).await,
        Command::Account(account) => account.run(&context).await,
        Command::ImportCredentials(import) => import.run(&context).await,
        Command::Key(key) => key.run(&context).await,
        Command::Webhook(webhook) => webhook.run(&context).await,
        Command::Post(post) => post.run(&context).await,
        Command::Posts(posts) => posts.run(&context).await,
        Command::Show(show) => show.run(&context).await,
        Command::Logs(logs) => logs.run(&context).await,
        Command::Retry(retry) => retry.run(&context).await,
        Command::Resolve(resolve) => resolve.run(&context).await,
        Command::Delete(delete) => delete.run(&context).await,
        Command::Retract(retract) => retract.run(&context).await,
        Command::Mcp(mcp) => mcp.run(&context).await,
        Command::Doctor(doctor) => doctor.run(&context).await,
        Command::Migrate(migrate) => migrate.run(&context).await,
        Command::Secrets(secrets) => secrets.run(&context).await,
        Command::Config(config) => config.run(&context),
        #[cfg(feature = "sandbox")]
        Command::Demo(demo) => demo.run(&context).await,
        #[cfg(feature = "sandbox")]
        Command::Sandbox(sandbox) => sandbox.run(&context).await,
        #[cfg(feature = "sandbox")]
        Command::Fixtures(fixtures) => fixtures.run(&context).await,
        Command::Completions(completions) => completions.run(),
    }
}

//! `broadside sandbox`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use connectors::http::{Http, READ_BUDGET};
use domain::platform::Platform;
use reqwest::{Method, RequestBuilder};
use sandbox::{AccountSeed, NewSandboxAccount};
use serde_json::Value;

use super::Context;
use crate::wiring::{random_number, signal};

/// Where a sandbox listens when nobody says otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:8421";

/// Runs the emulated platforms. Point a server at them with platforms.*.base_url.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Sandbox {
    /// Where to listen, on the loopback; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_LISTEN)]
    listen: SocketAddr,
    /// Records every request and every post in this file
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Does not enforce rate limits; their headers are sent all the same
    #[arg(long)]
    no_rate_limits: bool,
    /// Enforces the limits that the platforms document, instead of generous ones
    #[arg(long, conflicts_with = "no_rate_limits")]
    documented_limits: bool,
    /// Repeats the same ids and tokens
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(subcommand)]
    ask: Option<Ask>,
}

#[derive(Debug, Subcommand)]
enum Ask {
    /// Makes an account on a running sandbox
    #[command(subcommand)]
    Account(Account),
    /// Prints the requests that a running sandbox got, or the posts that it made
    Journal {
        #[command(flatten)]
        at: At,
        /// Prints the posts that were really made instead
        #[arg(long)]
        published: bool,
        /// Passes over so many requests
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
}

#[derive(Debug, Subcommand)]
enum Account {
    /// Makes an account and prints its tokens
    Add {
        #[command(flatten)]
        at: At,
        /// Where the account is
        #[arg(long, value_parser = super::account::platform)]
        platform: Platform,
        /// Its name there
        #[arg(long)]
        handle: String,
        /// The platform's own id [default: made up]
        #[arg(long, allow_hyphen_values = true)]
        remote_id: Option<String>,
        /// What goes wrong, as a JSON array of rules
        #[arg(long, value_name = "JSON")]
        script: Option<String>,
    },
}

#[derive(Debug, Args)]
struct At {
    /// Where the sandbox listens
    #[arg(long, value_name = "ADDR", default_value = DEFAULT_LISTEN)]
    sandbox: SocketAddr,
}

impl Sandbox {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        match self.ask {
            Some(ask) => ask.run(context).await,
            None => self.serve(context).await,
        }
    }

    async fn serve(self, context: &Context) -> anyhow::Result<ExitCode> {
        let seed = match self.seed {
            Some(seed) => seed,
            None => random_number()?,
        };
        let sandbox = sandbox::start(sandbox::Options {
            listen: self.listen,
            journal: self.journal,
            seed,
            rate_limits: !self.no_rate_limits,
            documented_limits: self.documented_limits,
            ..sandbox::Options::new(Arc::clone(&context.clock))
        })
        .await?;
        let endpoints: serde_json::Map<_, _> = Platform::ALL
            .iter()
            .map(|platform| {
                (
                    platform.word().to_owned(),
                    Value::String(sandbox.endpoint(*platform).to_string()),
                )
            })
            .collect();
        let shown = serde_json::json!({ "base_url": sandbox.base_url().as_str(), "endpoints": endpoints });
        context.out.show(&shown, || {
            let lines = endpoints
                .iter()
                .map(|(word, url)| format!("  {word:<15} {}", url.as_str().unwrap_or_default()));
            format!(
                "sandbox at {}\n{}",
                sandbox.base_url(),
                lines.collect::<Vec<_>>().join("\n")
            )
        });
        signal().await?;
        sandbox.shutdown().await?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Ask {
    async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let http = Http::new(Arc::clone(&context.clock)).context("the HTTP client")?;
        match self {
            Self::Account(Account::Add {
                at,
                platform,
                handle,
                remote_id,
                script,
            }) => {
                let script = script
                    .as_deref()
                    .map(serde_json::from_str)
                    .transpose()
                    .context("--script")?
                    .unwrap_or_default();
                let new = NewSandboxAccount {
                    remote_id,
                    script,
                    ..NewSandboxAccount::new(platform, &handle)
                };
                let request = http.reading(Method::POST, &url(&at, "accounts")).json(&new);
                let seed: AccountSeed = serde_json::from_value(ask(&http, request).await?)?;
                context.out.show(&seed, || told(&seed));
            }
            Self::Journal { at, published, after } => {
                let request = if published {
                    http.reading(Method::GET, &url(&at, "published"))
                } else {
                    http.reading(Method::GET, &url(&at, "journal"))
                        .query(&[("after", after)])
                };
                let answer = ask(&http, request).await?;
                let entries = answer
                    .get(if published { "published" } else { "requests" })
                    .and_then(Value::as_array);
                for entry in entries.into_iter().flatten() {
                    context.out.json_line(entry);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn url(at: &At, verb: &str) -> String {
    format!("http://{}/_ctl/{verb}", at.sandbox)
}

async fn ask(http: &Http, request: RequestBuilder) -> anyhow::Result<Value> {
    let answer = http.read(request, READ_BUDGET).await;
    let answer = answer.map_err(|_| anyhow::anyhow!("no sandbox answers there; start one with `broadside sandbox`"))?;
    let body = answer.json().unwrap_or_default();
    let why = body
        .get("error")
        .and_then(Value::as_str)
        .unwrap_or("it did not say why");
    ensure!(answer.is_success(), "the sandbox refused: {why}");
    Ok(body)
}

fn told(seed: &AccountSeed) -> String {
    let mut lines = vec![
        format!("{} account {} ({})", seed.platform.name(), seed.handle, seed.remote_id),
        format!("  base_url       {}", seed.base_url),
        format!("  token          {}", seed.token),
    ];
    lines.extend(
        seed.refresh_token
            .as_ref()
            .map(|token| format!("  refresh token  {token}")),
    );
    lines.extend(
        seed.password
            .as_ref()
            .map(|password| format!("  app password   {password}")),
    );
    lines.join("\n")
}

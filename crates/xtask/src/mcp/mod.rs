//! Meets the tools with the official clients of the Model Context Protocol, installed into a scratch folder from their
//! registries, over HTTP and over standard input and output: every tool is listed and called.
//!
//! A client that cannot be installed here is skipped and said to be. Everything else that does not go as it should fails.

mod clients;
mod plan;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::facts::{CommandFixtures, Fixtures};
use crate::packages::Home;
use crate::product::{self, Demo};
use clients::{Client, Installed, Way};

/// How to check.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Installs the clients into this folder and keeps them for the next time [default: a scratch folder].
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
}

/// Lets every client that can be installed call every tool, and prints a line for each client and way. True when all
/// went as it should, or when no client can be installed here.
///
/// # Errors
/// If the product cannot be built or started.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let home = Home::open(options.keep.as_deref(), "broadside-mcp")?;
    let mut clients = Vec::new();
    for client in Client::ALL {
        match client.install(&home).await {
            Ok(installed) => clients.push(installed),
            Err(why) => writeln!(out, "skipped: {} cannot be installed here: {why:#}", client.name())?,
        }
    }
    if clients.is_empty() {
        return Ok(true);
    }
    let binary = product::binary().await?;
    let demo = Demo::start(&binary).await?;
    let checked = check(&binary, &demo, &clients, out).await;
    demo.stop().await?;
    checked
}

async fn check(
    binary: &Path,
    demo: &Demo,
    clients: &[Installed],
    out: &mut (dyn Write + Send),
) -> anyhow::Result<bool> {
    let fixtures = CommandFixtures::new(binary.to_owned(), demo.data().to_owned());
    let mut passed = true;
    for installed in clients {
        for way in Way::ALL {
            for style in installed.client.styles() {
                let owner = fixtures.prepare("workspace", None).await.map_err(anyhow::Error::msg)?;
                let key = owner.get("API_KEY").context("the fixture has no API_KEY")?;
                let what = format!("{} ({style}) over {}", installed.client.name(), way.word());
                let walked = match installed.walk(style, way, binary, demo, key).await {
                    Ok(walk) => plan::judge(&walk).map(|()| walk),
                    Err(error) => Err(vec![format!("{error:#}")]),
                };
                match walked {
                    Ok(walk) => writeln!(out, "ok: {what}: {}", walk.summary())?,
                    Err(wrong) => {
                        passed = false;
                        for wrong in wrong {
                            writeln!(out, "FAIL: {what}: {wrong}")?;
                        }
                    }
                }
            }
        }
    }
    Ok(passed)
}

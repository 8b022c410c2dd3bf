//! The official clients: how they are installed, and how they are sent through the tools.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::plan::{PLAN, Walk};
use crate::product::Demo;

/// An installation may take minutes where the registry is slow.
const INSTALLED_WITHIN: Duration = Duration::from_secs(420);
/// How long a client may take for all of its calls.
const WALKED_WITHIN: Duration = Duration::from_secs(180);

const JAVASCRIPT: &str = include_str!("client.mjs");
const PYTHON: &str = include_str!("client.py");

/// An official client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    /// The package `@modelcontextprotocol/sdk`.
    JavaScript,
    /// The package `mcp`.
    Python,
}

/// How a client reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The server's `/mcp`.
    Http,
    /// `broadside mcp`, started by the client.
    Stdio,
}

impl Way {
    pub(super) const ALL: [Self; 2] = [Self::Http, Self::Stdio];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Stdio => "stdio",
        }
    }
}

/// A client that is there to be run.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) client: Client,
    program: PathBuf,
    script: PathBuf,
    plan: PathBuf,
}

impl Client {
    pub(super) const ALL: [Self; 2] = [Self::JavaScript, Self::Python];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "the client for JavaScript",
            Self::Python => "the client for Python",
        }
    }

    /// Ways in which programs use the library, where they differ on the wire: a handshake, or the newest version, which
    /// has none.
    pub(super) const fn styles(self) -> &'static [&'static str] {
        match self {
            Self::JavaScript => &["client"],
            Self::Python => &["session", "client"],
        }
    }

    /// Installs the library below `folder`, unless it is there already, and puts the script beside it.
    pub(super) async fn install(self, folder: &Path) -> anyhow::Result<Installed> {
        let plan = folder.join("plan.json");
        std::fs::write(&plan, serde_json::to_vec(&*PLAN)?)?;
        let (program, script) = match self {
            Self::JavaScript => {
                if !folder.join("node_modules/@modelcontextprotocol/sdk").is_dir() {
                    let mut npm = Command::new("npm");
                    npm.args([
                        "install",
                        "--no-audit",
                        "--no-fund",
                        "--ignore-scripts",
                        "--loglevel=error",
                        "--prefix",
                    ])
                    .arg(folder)
                    .arg("@modelcontextprotocol/sdk@1");
                    succeed(&mut npm, "npm").await?;
                }
                succeed(Command::new("node").arg("--version"), "node").await?;
                (PathBuf::from("node"), ("client.mjs", JAVASCRIPT))
            }
            Self::Python => {
                let venv = folder.join("venv");
                if !venv.join("bin/mcp").is_file() {
                    let mut make = Command::new("python3");
                    succeed(make.args(["-m", "venv"]).arg(&venv), "python3 -m venv").await?;
                    let mut pip = Command::new(venv.join("bin/pip"));
                    succeed(pip.args(["install", "--quiet", "mcp>=2,<3"]), "pip").await?;
                }
                (venv.join("bin/python"), ("client.py", PYTHON))
            }
        };
        let (name, text) = script;
        let script = folder.join(name);
        std::fs::write(&script, text)?;
        Ok(Installed {
            client: self,
            program,
            script,
            plan,
        })
    }
}

/// Runs a command of an installation to its end.
async fn succeed(command: &mut Command, name: &str) -> anyhow::Result<()> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(INSTALLED_WITHIN, command.output())
        .await
        .with_context(|| format!("{name} did not end in time"))?
        .with_context(|| format!("{name} cannot be started"))?;
    ensure!(output.status.success(), "{name}: {}", last_line(&output.stderr));
    Ok(())
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end().lines().next_back().unwrap_or_default().to_owned()
}

impl Installed {
    /// Sends the client through the tools of a server.
    pub(super) async fn walk(
        &self,
        style: &str,
        way: Way,
        binary: &Path,
        demo: &Demo,
        key: &str,
    ) -> anyhow::Result<Walk> {
        let mut command = Command::new(&self.program);
        // The operator's own settings must not leak into the process under test.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BROADSIDE_")) {
            command.env_remove(name);
        }
        command.arg(&self.script).arg(&self.plan);
        if self.client == Client::Python {
            command.arg(style);
        }
        match way {
            Way::Http => command
                .arg("http")
                .arg(format!("{}/mcp", demo.base_url()))
                .env("KEY", key),
            Way::Stdio => command
                .arg("stdio")
                .arg(binary)
                .args(["mcp", "--data"])
                .arg(demo.data())
                .env("BROADSIDE_API_KEY", key),
        };
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(WALKED_WITHIN, command.output())
            .await
            .context("the client did not end in time")?
            .context("the client cannot be started")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "the client ended with {}:\n{said}",
            output.status
        );
        serde_json::from_slice(&output.stdout).with_context(|| format!("what the client printed:\n{said}"))
    }
}

//! The official clients: how they are installed, and how they are sent through the tools.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::plan::{PLAN, Walk};
use crate::packages::{self, Home};
use crate::product::Demo;

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

    /// Installs the library, unless it is there already, and puts the script beside it.
    pub(super) async fn install(self, home: &Home) -> anyhow::Result<Installed> {
        let plan = home.script("plan.json", serde_json::to_vec(&*PLAN)?)?;
        let (program, script) = match self {
            Self::JavaScript => (
                home.node("@modelcontextprotocol/sdk", "1").await?,
                home.script("client.mjs", JAVASCRIPT)?,
            ),
            Self::Python => (
                home.python("mcp", "mcp>=2,<3").await?,
                home.script("client.py", PYTHON)?,
            ),
        };
        Ok(Installed {
            client: self,
            program,
            script,
            plan,
        })
    }
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
        let mut command = packages::client(&self.program);
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
        let output = packages::end_of(command, WALKED_WITHIN).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "the client ended with {}:\n{said}",
            output.status
        );
        serde_json::from_slice(&output.stdout).with_context(|| format!("what the client printed:\n{said}"))
    }
}

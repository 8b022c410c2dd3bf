//! Servers that a connector can publish to, run on this machine by scripts that are no part of this repository.
//!
//! A script is called as `NAME.sh start` and `NAME.sh stop`, keeps what it installs below the folder in `RS`, and takes
//! its ports from the environment. It may take minutes the first time, when it installs what it runs.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;

/// The environment variable that names the folder with the scripts.
pub const FOLDER_VARIABLE: &str = "BROADSIDE_SERVERS";

/// A first start installs and compiles.
const STARTED_WITHIN: Duration = Duration::from_secs(900);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// A server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// Bluesky's own personal data server.
    Pds,
    /// A stateful server with Mastodon's API.
    Mastodon,
}

impl Which {
    /// Its word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pds => "pds",
            Self::Mastodon => "mastodon",
        }
    }

    const fn script(self) -> &'static str {
        match self {
            Self::Pds => "pds.sh",
            Self::Mastodon => "mastodon-mock.sh",
        }
    }
}

/// The folder with the scripts: the one that `BROADSIDE_SERVERS` names, else the one next to this repository; `None`
/// when there is none.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let named = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
    let beside = || crate::repository().parent().map(|parent| parent.join("shared/servers"));
    named.or_else(beside).filter(|folder| folder.is_dir())
}

/// A server that runs. [`Self::stop`] ends it.
#[derive(Debug)]
pub(crate) struct Running {
    script: PathBuf,
    base_url: String,
}

pub(crate) fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Running {
    /// Starts it with ports of its own and its data below `scratch`.
    pub(crate) async fn start(which: Which, servers: &Path, scratch: &Path) -> anyhow::Result<Self> {
        let (port, second) = (free_port()?, free_port()?);
        let settings = match which {
            Which::Pds => vec![
                (
                    "PDS_LINE",
                    std::env::var("PDS_LINE").unwrap_or_else(|_| "0.5".to_owned()),
                ),
                // The data are made in a new folder, so nothing needs to be wiped.
                ("PDS_KEEP", "1".to_owned()),
                ("PDS_DATA_DIRECTORY", scratch.join("pds-data").display().to_string()),
                ("PDS_PORT", port.to_string()),
                ("PLC_PORT", second.to_string()),
            ],
            Which::Mastodon => vec![("MASTODON_PORT", port.to_string())],
        };
        Self::launch(which.script(), &settings, port, servers, scratch).await
    }

    /// Runs a script with these settings in its environment; the server then answers on `port`.
    pub(crate) async fn launch(
        script: &str,
        settings: &[(&str, String)],
        port: u16,
        servers: &Path,
        scratch: &Path,
    ) -> anyhow::Result<Self> {
        let script = std::path::absolute(servers.join(script))?;
        ensure!(script.is_file(), "{} is no file", script.display());
        let mut command = Command::new("bash");
        command.arg(&script).arg("start").stdin(Stdio::null());
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        let name = script.file_stem().unwrap_or_default().to_string_lossy();
        eprintln!("starting {name} (the first time this installs it)");
        // Into a file: the server inherits it and would keep a pipe open.
        let printed = scratch.join(format!("{name}-printed"));
        let log = std::fs::File::create(&printed)?;
        command.stdout(log.try_clone()?).stderr(log);
        let started = tokio::time::timeout(STARTED_WITHIN, command.status()).await;
        let status = started
            .context("the script did not end in time")?
            .context("bash cannot be started")?;
        ensure!(
            status.success(),
            "{} start: {status}\n{}",
            script.display(),
            crate::product::end_of(&printed)
        );
        Ok(Self {
            script,
            base_url: format!("http://127.0.0.1:{port}"),
        })
    }

    /// Its address without a slash at the end.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Ends it.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        let mut command = Command::new("bash");
        command
            .arg(&self.script)
            .arg("stop")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let stopped = tokio::time::timeout(STOPPED_WITHIN, command.status()).await;
        let status = stopped
            .context("the script did not end in time")?
            .context("bash cannot be started")?;
        ensure!(status.success(), "{} stop: {status}", self.script.display());
        Ok(())
    }
}

//! The server that is killed, and the sandbox that is not.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use tokio::process::{Child, Command};

use super::control::http_client;
use super::time::{Deadline, Time, pause};
use crate::product;

/// How long a process may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Starts a process whose output is added to the file `printed`, and which is killed when it is dropped.
fn spawn(command: &mut Command, printed: &Path) -> anyhow::Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(printed)?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true);
    command.spawn().context("the product cannot be started")
}

/// Waits until a process that was just started answers 200 there.
async fn answers(child: &mut Child, http: &reqwest::Client, url: &str, printed: &Path) -> anyhow::Result<()> {
    let deadline = Deadline::within(READY_WITHIN);
    loop {
        if let Some(status) = child.try_wait().context("cannot ask after the process")? {
            bail!(
                "it ended with {status} at its start; it printed:\n{}",
                product::end_of(printed)
            );
        }
        if http
            .get(url)
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            return Ok(());
        }
        ensure!(!deadline.passed(), "it did not answer within {READY_WITHIN:?}");
        pause(Duration::from_millis(5)).await;
    }
}

/// A port that is free now.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A command without the operator's own settings, which must not leak into the processes under test.
fn clean(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BROADSIDE_")) {
        command.env_remove(name);
    }
    command
}

/// That this build of the product can be killed at named places, which an optimised one cannot unless it was asked for.
///
/// # Errors
/// If it cannot, or does not start.
pub(super) async fn has_fail_points(binary: &Path) -> anyhow::Result<()> {
    // The flag is there exactly when the places are; help is printed after flags are read.
    let asked = clean(binary)
        .args(["serve", "--sabotage", "skip-intent", "--help"])
        .output();
    ensure!(
        asked.await.context("the product cannot be started")?.status.success(),
        "{} has no fail points: build it in the profile for development, or with `--release --features chaos`",
        binary.display()
    );
    Ok(())
}

/// The emulated platforms, in a process of their own.
#[derive(Debug)]
pub(crate) struct SandboxProcess {
    base_url: String,
    _child: Child,
}

impl SandboxProcess {
    /// Starts it in `folder`.
    pub(crate) async fn start(binary: &Path, folder: &Path, seed: u64, time: &Time) -> anyhow::Result<Self> {
        let (port, printed) = (free_port()?, folder.join("sandbox-printed"));
        let base_url = format!("http://127.0.0.1:{port}");
        let mut command = clean(binary);
        command.args([
            "sandbox",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--seed",
            &seed.to_string(),
            "--journal",
        ]);
        command.arg(folder.join("sandbox-journal.jsonl")).args(time.flags());
        let mut child = spawn(&mut command, &printed)?;
        let http = http_client(READY_WITHIN)?;
        answers(&mut child, &http, &format!("{base_url}/_ctl/health"), &printed)
            .await
            .context("the sandbox")?;
        Ok(Self {
            base_url,
            _child: child,
        })
    }

    /// Its address without a slash at the end.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }
}

/// `serve` on one data directory and one port, killed and started again as often as wanted.
#[derive(Debug)]
pub(crate) struct Server {
    binary: PathBuf,
    folder: PathBuf,
    time: Time,
    port: u16,
    flags: Vec<String>,
    http: reqwest::Client,
    started: Timestamp,
    running: Option<Child>,
}

impl Server {
    /// A server that is not started yet, with settings in `config` (TOML) and further flags.
    pub(crate) fn new(
        binary: &Path,
        folder: &Path,
        time: Time,
        config: &str,
        flags: Vec<String>,
    ) -> anyhow::Result<Self> {
        let data = folder.join("data");
        std::fs::create_dir_all(&data)?;
        std::fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        std::fs::write(data.join("broadside.toml"), config)?;
        // The port is free now, and the server binds it again and again.
        let port = free_port()?;
        let http = http_client(READY_WITHIN)?;
        Ok(Self {
            binary: binary.to_owned(),
            folder: folder.to_owned(),
            time,
            port,
            flags,
            http,
            started: time.now(),
            running: None,
        })
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The address without a slash at the end, the same after every start.
    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Shares this time from its next start on.
    pub(crate) fn set_time(&mut self, time: Time) {
        self.time = time;
    }

    /// The time that it shares.
    pub(crate) fn time(&self) -> Time {
        self.time
    }

    /// When it was started last.
    pub(crate) fn started(&self) -> Timestamp {
        self.started
    }

    /// What it printed in all its lives.
    pub(crate) fn printed(&self) -> PathBuf {
        self.folder.join("server-printed")
    }

    fn trap(&self) -> PathBuf {
        self.folder.join("trap")
    }

    /// Starts it; returns since when it answers, by the shared time.
    pub(crate) async fn start(&mut self) -> anyhow::Result<Timestamp> {
        self.started = self.time.now();
        let mut command = clean(&self.binary);
        command
            .args(["serve", "--data"])
            .arg(self.data())
            .args(["--listen", &format!("127.0.0.1:{}", self.port)]);
        command.args(self.time.flags()).args(&self.flags);
        command
            .env("BROADSIDE_CRASH_FILE", self.trap())
            .env("BROADSIDE_CRASH_LOG", self.folder.join("crash-log"));
        let mut child = spawn(&mut command, &self.printed())?;
        let health = format!("{}/healthz", self.base_url());
        answers(&mut child, &self.http, &health, &self.printed())
            .await
            .context("the server")?;
        self.running = Some(child);
        Ok(self.time.now())
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.running.take() {
            child.kill().await.context("the server could not be killed")?;
        }
        Ok(())
    }

    /// Lets it kill itself at the named place when that is reached next.
    pub(crate) fn arm(&self, word: &str) -> anyhow::Result<()> {
        // Renamed into place, so that no half text is ever read.
        let whole = self.folder.join("trap.new");
        std::fs::write(&whole, word)?;
        std::fs::rename(whole, self.trap()).context("the trap cannot be set")
    }

    /// Takes back what [`Self::arm`] asked for.
    pub(crate) fn disarm(&self) -> anyhow::Result<()> {
        match std::fs::remove_file(self.trap()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Waits for it to kill itself; false when it still lives after that time.
    ///
    /// # Errors
    /// If it ended in any other way.
    pub(crate) async fn dies_within(&mut self, wall: Duration) -> anyhow::Result<bool> {
        let child = self.running.as_mut().context("the server does not run")?;
        let Ok(status) = tokio::time::timeout(wall, child.wait()).await else {
            return Ok(false);
        };
        let status = status.context("cannot wait for the server")?;
        self.running = None;
        let killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
        ensure!(
            killed,
            "the server ended with {status} by itself; it printed:\n{}",
            product::end_of(&self.printed())
        );
        Ok(true)
    }

    /// The words of all places at which it has killed itself.
    pub(crate) fn crashes(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("crash-log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

//! Resident memory of the product itself, and how soon it is ready.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use super::Bench;
use super::load::{exchange, nap};
use super::report::{Line, Subject, Target};
use super::seed;
use super::stopwatch::{Stopwatch, millis};
use crate::product::{BINARY_VARIABLE, end_of};

/// How long a server may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a server is left alone before it is looked at.
const SETTLES_IN: Duration = Duration::from_secs(2);
/// Connections that are held open.
const CONNECTIONS: usize = 1_000;

const AGAINST: &str = "bound";

const IDLE: Subject = Subject {
    name: "memory-idle",
    what: "Resident memory of an idle `broadside serve`",
    against: AGAINST,
    unit: "MB",
    target: Target::Below(1.0),
};
const CONNECTED: Subject = Subject {
    name: "memory-connections",
    what: "The same with 1,000 open connections that each had an answer",
    ..IDLE
};
const FILLED: Subject = Subject {
    name: "memory-posts",
    what: "The same with 1,000,000 future posts",
    ..IDLE
};
const START: Subject = Subject {
    name: "start",
    what: "From start to ready with 1,000,000 future posts",
    unit: "ms",
    ..IDLE
};

/// Measures resident memory, in three situations.
pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let binary = optimised_binary().await?;
    let (mut idle, mut connected, mut filled) = (Vec::new(), Vec::new(), Vec::new());
    let many = bench.folder("memory");
    seed::copy(&bench.with_many_future_posts().await?, &many)?;
    for _ in 0..bench.sizes.samples {
        let (server, _) = Server::start(&binary, &bench.folder("idle")).await?;
        nap(SETTLES_IN).await;
        idle.push(server.resident()?);
        let connections = open_connections(server.addr).await?;
        connected.push(server.resident()?);
        drop(connections);
        server.stop().await?;
        let (server, _) = Server::start(&binary, &many).await?;
        nap(SETTLES_IN).await;
        filled.push(server.resident()?);
        server.stop().await?;
    }
    Ok(vec![
        Line::within(IDLE, &idle, 20.0),
        Line::within(CONNECTED, &connected, 50.0),
        Line::within(FILLED, &filled, 50.0),
    ])
}

/// Measures how long a start takes.
pub(super) async fn measure_start(bench: &Bench) -> anyhow::Result<Line> {
    let binary = optimised_binary().await?;
    let many = bench.folder("start");
    seed::copy(&bench.with_many_future_posts().await?, &many)?;
    let mut took = Vec::new();
    for _ in 0..bench.sizes.samples {
        let (server, ready_after) = Server::start(&binary, &many).await?;
        took.push(millis(ready_after));
        server.stop().await?;
    }
    Ok(Line::within(START, &took, 300.0))
}

/// The product as it is released; [`BINARY_VARIABLE`] may name one.
pub(super) async fn optimised_binary() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os(BINARY_VARIABLE) {
        return std::path::absolute(named).context("the path of the binary");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "broadside",
            "--bin",
            "broadside",
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(crate::repository())
        .stderr(Stdio::inherit())
        .output()
        .await
        .context("cargo could not be started")?;
    ensure!(built.status.success(), "the product does not build");
    let messages = String::from_utf8_lossy(&built.stdout);
    let named = messages.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    });
    named.context("cargo named no executable")
}

/// A running product.
pub(super) struct Server {
    child: Child,
    pub(super) addr: SocketAddr,
}

impl Server {
    /// Starts it on a data directory; returns how long it took to be ready as well.
    pub(super) async fn start(binary: &Path, dir: &Path) -> anyhow::Result<(Self, Duration)> {
        // The port is free again when the listener is dropped, and nobody else is likely to take it so soon.
        let addr = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let printed = dir.with_extension("printed");
        let log = std::fs::File::create(&printed).context("cannot make the file for the server's output")?;
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", &addr.to_string(), "--data"])
            .arg(dir);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BROADSIDE_")) {
            command.env_remove(name);
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let watch = Stopwatch::start();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        loop {
            if is_ready(addr).await {
                let took = watch.elapsed();
                return Ok((Self { child, addr }, took));
            }
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}:\n{}", end_of(&printed));
            }
            ensure!(
                watch.elapsed() < READY_WITHIN,
                "the server was not ready in time:\n{}",
                end_of(&printed)
            );
            nap(Duration::from_millis(1)).await;
        }
    }

    /// Resident memory in millions of bytes.
    pub(super) fn resident(&self) -> anyhow::Result<f64> {
        let id = self.child.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).context("the server's status")?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib: u32 = line
            .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .context("its memory")?;
        Ok(f64::from(kib) * 1_024.0 / 1e6)
    }

    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the server could not be stopped")
    }
}

/// Whether all checks of readiness are well.
async fn is_ready(addr: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(addr).await else {
        return false;
    };
    let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    exchange(&mut stream, request, &mut Vec::new()).await.is_ok()
}

/// Opens connections that each get an answer and stay.
async fn open_connections(addr: SocketAddr) -> anyhow::Result<Vec<TcpStream>> {
    let (mut connections, mut buffer) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(addr)
            .await
            .context("too few open files are allowed, or too few connections")?;
        exchange(
            &mut stream,
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
            &mut buffer,
        )
        .await?;
        connections.push(stream);
    }
    Ok(connections)
}

//! How a command reaches the data: through the server that has it, or by opening it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use domain::clock::Clock;
use domain::content::Media;
use engine::Publisher;
use jiff::SignedDuration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use super::protocol::{Refusal, Reply, Request};
use super::socket::{SOCKET_FILE, read_line};
use crate::config::Config;
use crate::wiring::{Opened, Site};

/// How long an answer is waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(150);
/// How long a server that holds the directory may take until its socket answers.
const SERVER_READY_WITHIN: SignedDuration = SignedDuration::from_secs(3);

/// The way to the data of one directory.
pub enum Door {
    /// A server runs.
    Server(std::path::PathBuf),
    /// This process has it.
    Here(Box<Site>),
}

impl Door {
    /// Reaches the server of the data directory, or opens the directory.
    ///
    /// # Errors
    /// When it can neither be reached nor opened.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let socket = config.data.dir.join(SOCKET_FILE);
        let patience = clock
            .now()
            .saturating_add(SERVER_READY_WITHIN)
            .unwrap_or(jiff::Timestamp::MAX);
        loop {
            if ask_at(&socket, &Request::Hello).await.is_ok() {
                return Ok(Self::Server(socket));
            }
            match Site::open(config, Arc::clone(&clock)).await? {
                Opened::Site(site) => return Ok(Self::Here(site)),
                Opened::HeldBy(holder) if clock.now() >= patience => bail!(
                    "{} is in use by {holder}, which does not answer at {}; if it is another command, wait for it",
                    config.data.dir.display(),
                    socket.display()
                ),
                Opened::HeldBy(_) => {
                    let soon = clock
                        .now()
                        .saturating_add(SignedDuration::from_millis(100))
                        .unwrap_or(patience);
                    clock.sleep_until(soon).await;
                }
            }
        }
    }

    /// Whether a server runs, which publishes by itself.
    #[must_use]
    pub const fn is_server(&self) -> bool {
        matches!(self, Self::Server(_))
    }

    /// Asks.
    ///
    /// # Errors
    /// The [`Refusal`], or what kept the answer from coming.
    pub async fn ask(&self, request: Request) -> anyhow::Result<Reply> {
        match self {
            Self::Server(socket) => ask_at(socket, &request).await,
            Self::Here(site) => Ok(super::handle(site, request).await?),
        }
    }

    /// Stores a file of this machine.
    ///
    /// # Errors
    /// When it cannot be read, or is refused.
    pub async fn put_media(&self, user: Option<&str>, path: &Path) -> anyhow::Result<Media> {
        let shown = path.display();
        let file = tokio::fs::File::open(path)
            .await
            .with_context(|| format!("cannot read {shown}"))?;
        let meta = file.metadata().await.with_context(|| format!("cannot read {shown}"))?;
        if !meta.is_file() {
            bail!("{shown} is no file");
        }
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let reply = match self {
            Self::Server(socket) => {
                let request = Request::MediaPut {
                    user: user.map(str::to_owned),
                    name,
                    bytes: meta.len(),
                };
                exchange(socket, &request, Some(file)).await
            }
            Self::Here(site) => site
                .put_media(user, &name, ReaderStream::new(file))
                .await
                .map_err(Into::into),
        };
        match reply.with_context(|| shown.to_string())? {
            Reply::Media(media) => Ok(media),
            _ => Err(unexpected()),
        }
    }

    /// Publishes what is due while `work` runs, when no server does; then lets sends under way finish.
    pub async fn publishing<T>(&self, work: impl Future<Output = T>) -> T {
        let Self::Here(site) = self else { return work.await };
        let stop = CancellationToken::new();
        let publisher = tokio::spawn(Publisher::new(site.engine.clone(), stop.clone()).run());
        let done = work.await;
        stop.cancel();
        // An error says that the publisher panicked, which its own log tells better.
        let _ = publisher.await;
        done
    }
}

/// The error of an answer that does not fit its question.
pub(crate) fn unexpected() -> anyhow::Error {
    anyhow!("the server answered something else than was asked; is it of another version?")
}

/// Asks the server of the data directory.
///
/// # Errors
/// When none runs there, or the [`Refusal`].
pub(crate) async fn ask_server(config: &Config, request: &Request) -> anyhow::Result<Reply> {
    ask_at(&config.data.dir.join(SOCKET_FILE), request).await
}

async fn ask_at(socket: &Path, request: &Request) -> anyhow::Result<Reply> {
    exchange(socket, request, None).await
}

async fn exchange(socket: &Path, request: &Request, body: Option<tokio::fs::File>) -> anyhow::Result<Reply> {
    let mut stream = UnixStream::connect(socket).await.context("the server's socket")?;
    let whole = async {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        if let Some(mut file) = body {
            // A server that refuses a file stops reading it: its answer tells why, not this error.
            let _ = tokio::io::copy(&mut file, &mut stream).await;
        }
        let answer = read_line(&mut BufReader::new(&mut stream)).await?;
        anyhow::Ok(serde_json::from_str::<Reply>(&answer)?)
    };
    let reply = tokio::time::timeout(ANSWER_WITHIN, whole).await;
    match reply
        .context("the server did not answer in time")?
        .context("the server's socket")?
    {
        Reply::Refused(refusal) => Err(Refusal::into(refusal)),
        reply => Ok(reply),
    }
}

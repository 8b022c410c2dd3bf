//! The server's side of the socket in the data directory: one request a connection, one answer line.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use super::protocol::{LINE_BYTES_MAX, Refusal, Reply, Request};
use crate::wiring::Site;

/// The socket's name in the data directory.
pub const SOCKET_FILE: &str = "broadside.sock";

/// Requests answered at once.
const AT_ONCE_MAX: usize = 16;
/// How long a request may take to arrive, and its answer to be read.
const LINE_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer may take: asking a platform, or receiving a large file.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// A bound socket, whose file goes with it.
#[derive(Debug)]
pub struct Listener {
    listener: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Binds the socket, for the directory's owner only. Only the holder of the directory's lock may call this: a file
    /// that is there already belongs to a process that is gone.
    ///
    /// # Errors
    /// When the path is too long for a socket, or the directory cannot be written.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Nobody but the owner can enter the directory, so the moment before the mode is set is not seen by others.
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
        })
    }

    /// Has each connection answered, some at a time, until stopped.
    pub async fn accept_each<F, Fut>(self, stop: CancellationToken, answer: F)
    where
        F: Fn(UnixStream) -> Fut,
        Fut: Future<Output = io::Result<()>> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                break;
            };
            let stream = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "the socket could not accept");
                        tokio::task::yield_now().await;
                        continue;
                    }
                },
            };
            let answered = answer(stream);
            tokio::spawn(async move {
                let _place = place;
                if let Err(error) = answered.await {
                    tracing::debug!(%error, "a request over the socket ended badly");
                }
            });
        }
    }

    /// Answers administrators' requests until stopped.
    pub async fn serve(self, site: Arc<Site>, stop: CancellationToken) {
        self.accept_each(stop, move |stream| {
            let site = Arc::clone(&site);
            async move { answer(&site, stream).await }
        })
        .await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // A file that stays is replaced at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn answer(site: &Site, stream: UnixStream) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    let line = within(LINE_WITHIN, read_line(&mut reading)).await?;
    let answered = match serde_json::from_str::<Request>(&line) {
        Ok(Request::MediaPut { user, name, bytes }) => {
            // What was read ahead with the line belongs to the file: the same reader goes on.
            let body = ReaderStream::new(reading.take(bytes)).into_stream();
            tokio::time::timeout(ANSWER_WITHIN, site.put_media(user.as_deref(), &name, body)).await
        }
        Ok(request) => tokio::time::timeout(ANSWER_WITHIN, super::handle(site, request)).await,
        Err(error) => Ok(Err(Refusal::new(
            "invalid",
            format!("the request cannot be read: {error}"),
        ))),
    };
    let reply = match answered {
        Ok(Ok(reply)) => reply,
        Ok(Err(refusal)) => Reply::Refused(refusal),
        Err(_) => Reply::Refused(Refusal::new("timeout", "the server did not finish this in time")),
    };
    let mut line = serde_json::to_vec(&reply).map_err(io::Error::other)?;
    line.push(b'\n');
    within(LINE_WITHIN, async {
        writing.write_all(&line).await?;
        writing.shutdown().await
    })
    .await
}

async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(time, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Reads a line of at most [`LINE_BYTES_MAX`] bytes.
pub(crate) async fn read_line<R: tokio::io::AsyncBufRead + Unpin>(reader: &mut R) -> io::Result<String> {
    let mut line = Vec::new();
    let mut bounded = reader.take(LINE_BYTES_MAX as u64);
    bounded.read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no whole line came"));
    }
    String::from_utf8(line).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a line is not UTF-8"))
}

//! A listener on loopback to which a server under test delivers webhooks.

use std::sync::Arc;
use std::time::Duration;

use domain::clock::Clock;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::expect::Message;
use super::http::{Otherwise, Reader};

/// Deliveries that wait to be taken; more than any fact expects, and those beyond are dropped.
const WAITING_MAX: usize = 256;
const DELIVERED_WITHIN: Duration = Duration::from_secs(30);
const WAIT_S_MAX: f64 = 600.0;

/// Answers every delivery 200 at once and keeps it until a step takes it.
#[derive(Debug)]
pub(super) struct Receiver {
    url: String,
    arrived: mpsc::Receiver<Message>,
    untaken: Vec<Message>,
    listening: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn start(clock: Arc<dyn Clock>) -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(|error| format!("receiver: {error}"))?;
        let address = listener.local_addr().map_err(|error| format!("receiver: {error}"))?;
        let (into, arrived) = mpsc::channel(WAITING_MAX);
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (into, clock) = (into.clone(), Arc::clone(&clock));
                tokio::spawn(async move {
                    let delivery = tokio::time::timeout(DELIVERED_WITHIN, take_in(stream, clock.as_ref())).await;
                    if let Ok(Ok(delivery)) = delivery {
                        let _ = into.try_send(delivery);
                    }
                });
            }
        });
        Ok(Self {
            url: format!("http://{address}/deliveries"),
            arrived,
            untaken: Vec::new(),
            listening,
        })
    }

    /// Where to deliver to.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The first delivery of `event` that was not taken before, waiting for it at most `within_s` seconds.
    pub(super) async fn take(&mut self, event: &str, within_s: f64) -> Result<Message, String> {
        let is_it = |delivery: &Message| delivery.header("X-PostPost-Event").any(|value| value == event);
        if let Some(index) = self.untaken.iter().position(is_it) {
            return Ok(self.untaken.remove(index));
        }
        let within = Duration::try_from_secs_f64(within_s.min(WAIT_S_MAX)).map_err(|error| error.to_string())?;
        let waiting = async {
            while let Some(delivery) = self.arrived.recv().await {
                if is_it(&delivery) {
                    return Some(delivery);
                }
                self.untaken.push(delivery);
            }
            None
        };
        let delivery = tokio::time::timeout(within, waiting).await.ok().flatten();
        delivery.ok_or_else(|| {
            let others: Vec<&str> = self
                .untaken
                .iter()
                .flat_map(|other| other.header("X-PostPost-Event"))
                .collect();
            format!("no delivery of {event} within {within_s} s; untaken are {others:?}")
        })
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn take_in(mut stream: TcpStream, clock: &dyn Clock) -> Result<Message, String> {
    let (from, mut to) = stream.split();
    let mut reader = Reader::new(from);
    let head = reader.head().await?;
    let body = reader.body(&head, Otherwise::Nothing).await?;
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    to.write_all(answer).await.map_err(|error| error.to_string())?;
    to.shutdown().await.map_err(|error| error.to_string())?;
    Ok(Message {
        status: None,
        headers: head.headers,
        body,
        at: clock.now(),
    })
}

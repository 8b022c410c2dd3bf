//! A lean generator of load: keep-alive connections that each send the next request when the last one is answered.
//!
//! It runs on a thread of its own and parses no more than the status and the length of an answer, since what it costs is
//! taken from the server on the same cores.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use domain::clock::Clock;
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::stopwatch::Stopwatch;
use crate::clock::SystemClock;

/// How long the load runs before anything is counted.
const WARM_UP: Duration = Duration::from_millis(300);
/// The longest answer that is understood, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

/// What is sent, and where to.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub(super) addr: SocketAddr,
    pub(super) clients: usize,
    /// A whole request, head and body.
    pub(super) request: Vec<u8>,
}

impl Load {
    /// Requests a second that were answered with success, over `span`.
    ///
    /// # Errors
    /// If a connection breaks or an answer is no success.
    pub(super) async fn per_second(&self, span: Duration) -> anyhow::Result<f64> {
        let load = self.clone();
        let counted = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(load.run(span))
        });
        counted.await.context("the generator of load")?
    }

    async fn run(self, span: Duration) -> anyhow::Result<f64> {
        let (answered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let request: Arc<[u8]> = self.request.into();
        let mut clients = JoinSet::new();
        for _ in 0..self.clients {
            let stream = TcpStream::connect(self.addr).await.context("connecting")?;
            stream.set_nodelay(true)?;
            clients.spawn(client(
                stream,
                Arc::clone(&request),
                Arc::clone(&answered),
                Arc::clone(&stop),
            ));
        }
        nap(WARM_UP).await;
        let (before, watch) = (answered.load(Ordering::Relaxed), Stopwatch::start());
        nap(span).await;
        let (after, took) = (answered.load(Ordering::Relaxed), watch.elapsed());
        stop.store(true, Ordering::Relaxed);
        while let Some(ended) = clients.join_next().await {
            ended.context("a client")??;
        }
        let counted = u32::try_from(after - before).context("so many answers cannot be")?;
        Ok(f64::from(counted) / took.as_secs_f64())
    }
}

/// Measures ours and its baseline in turns, each of them first in every other pair, so that what disturbs the machine
/// disturbs both alike.
///
/// # Errors
/// Those of a measurement.
pub(super) async fn in_turns<Ours, Baseline>(
    samples: usize,
    ours: impl Fn() -> Ours,
    baseline: impl Fn() -> Baseline,
) -> anyhow::Result<(Vec<f64>, Vec<f64>)>
where
    Ours: Future<Output = anyhow::Result<f64>>,
    Baseline: Future<Output = anyhow::Result<f64>>,
{
    let (mut of_ours, mut of_baseline) = (Vec::new(), Vec::new());
    for nth in 0..samples {
        if nth % 2 == 0 {
            of_ours.push(ours().await?);
            of_baseline.push(baseline().await?);
        } else {
            of_baseline.push(baseline().await?);
            of_ours.push(ours().await?);
        }
    }
    Ok((of_ours, of_baseline))
}

/// Waits on the machine's clock.
pub(super) async fn nap(by: Duration) {
    let by = SignedDuration::try_from(by).unwrap_or_default();
    SystemClock
        .sleep_until(SystemClock.now().saturating_add(by).unwrap_or_default())
        .await;
}

async fn client(
    mut stream: TcpStream,
    request: Arc<[u8]>,
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let mut buffer = Vec::with_capacity(4_096);
    while !stop.load(Ordering::Relaxed) {
        exchange(&mut stream, &request, &mut buffer).await?;
        answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Sends a request and reads the whole answer into `buffer`; returns where its body begins.
pub(super) async fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> anyhow::Result<usize> {
    stream.write_all(request).await.context("sending")?;
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await.context("receiving")? == 0 {
            bail!("the server closed the connection");
        }
        if let Some((body, end)) = whole(buffer)?
            && buffer.len() >= end
        {
            return Ok(body);
        }
        if buffer.len() > ANSWER_BYTES_MAX {
            bail!("the answer is too long");
        }
    }
}

/// Where the body begins and ends, once the head is there.
fn whole(answer: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(answer.get(..end).unwrap_or_default()).context("the head of the answer")?;
    if !head.starts_with("HTTP/1.1 2") {
        bail!("the server refused: {}", String::from_utf8_lossy(answer));
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.context("an answer without a length")?;
    Ok(Some((end + 4, end + 4 + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_all_of_its_length_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        assert_eq!(whole(answer).unwrap(), Some((38, 41)));
        assert_eq!(whole(&answer[..30]).unwrap(), None);
    }

    #[tokio::test]
    async fn each_of_two_is_first_in_every_other_pair() {
        let order = std::sync::Mutex::new(Vec::new());
        let run = |value: f64| {
            order.lock().unwrap().push(value);
            std::future::ready(Ok(value))
        };
        let measured = in_turns(3, || run(1.0), || run(2.0)).await.unwrap();
        assert_eq!(measured, (vec![1.0; 3], vec![2.0; 3]));
        assert_eq!(order.into_inner().unwrap(), [1.0, 2.0, 2.0, 1.0, 1.0, 2.0]);
    }

    #[test]
    fn a_refusal_is_no_answer() {
        assert!(whole(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}

//! Fetching media the way the Meta platforms and Telegram do: the platform comes and gets it.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use domain::clock::Clock;
use http_body_util::{BodyExt as _, Limited};
use hyper::Request;
use hyper::header::{HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use crate::spool::Spool;

/// How long a fetch may take.
const DEADLINE: SignedDuration = SignedDuration::from_secs(20);

/// The file could not be had: no such host, no answer in time, another status than 200, or too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unfetchable;

/// Gets `address` by plain HTTP, following no redirect, at most `bytes_max` of it.
///
/// There is no TLS here: the sandbox serves and fetches on the loopback, where nobody has a certificate.
pub(crate) async fn fetch(clock: &Arc<dyn Clock>, address: &str, bytes_max: usize) -> Result<Bytes, Unfetchable> {
    let mut bytes = Vec::new();
    fetch_pieces(clock, address, bytes_max, |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    Ok(bytes.into())
}

/// The same for large files: what comes is added to `spool`.
pub(crate) async fn fetch_to(
    clock: &Arc<dyn Clock>,
    address: &str,
    bytes_max: usize,
    spool: &mut Spool,
) -> Result<(), Unfetchable> {
    fetch_pieces(clock, address, bytes_max, |piece| spool.append(piece)).await
}

async fn fetch_pieces(
    clock: &Arc<dyn Clock>,
    address: &str,
    bytes_max: usize,
    take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<(), Unfetchable> {
    let url = Url::parse(address).map_err(|_| Unfetchable)?;
    if url.scheme() != "http" {
        return Err(Unfetchable);
    }
    let ends = clock.now().saturating_add(DEADLINE).unwrap_or(Timestamp::MAX);
    tokio::select! {
        got = get(&url, bytes_max, take) => got,
        () = clock.sleep_until(ends) => Err(Unfetchable),
    }
}

async fn get(
    url: &Url,
    bytes_max: usize,
    mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> Result<(), Unfetchable> {
    let host = url.host_str().ok_or(Unfetchable)?;
    let port = url.port_or_known_default().ok_or(Unfetchable)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = tokio::net::TcpStream::connect((bare, port))
        .await
        .map_err(|_| Unfetchable)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Unfetchable)?;
    let driver = tokio::spawn(connection);
    let target = url
        .query()
        .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let request = Request::get(target)
        .header(HOST, format!("{host}:{port}"))
        .header(USER_AGENT, "facebookexternalhit/1.1")
        .body(Body::empty())
        .map_err(|_| Unfetchable)?;
    let got = async {
        let response = sender.send_request(request).await.map_err(|_| Unfetchable)?;
        if response.status() != hyper::StatusCode::OK {
            return Err(Unfetchable);
        }
        let mut body = Limited::new(response.into_body(), bytes_max);
        while let Some(frame) = body.frame().await {
            if let Ok(piece) = frame.map_err(|_| Unfetchable)?.into_data() {
                take(&piece).map_err(|_| Unfetchable)?;
            }
        }
        Ok(())
    }
    .await;
    driver.abort();
    got
}

//! A client of the PostPost API that does not give up when the server dies under a request: it sends the same request
//! again until there is an answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::control::http_client;
use super::time::{Deadline, pause};

/// How long a client waits for an answer before it sends the request again.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// Between losing an answer and sending the request again.
const AGAIN_AFTER: Duration = Duration::from_millis(20);
/// A request that has no answer after this long is a finding.
const PATIENCE: Duration = Duration::from_secs(180);

/// The API of one server with one key.
#[derive(Debug)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
    again: AtomicUsize,
}

impl Api {
    /// The API of the server at `base`, without a slash at its end.
    pub(crate) fn new(base: &str, key: String) -> anyhow::Result<Self> {
        Ok(Self {
            http: http_client(ANSWERED_WITHIN)?,
            base: format!("{base}/api/v1"),
            key,
            again: AtomicUsize::new(0),
        })
    }

    /// How often a request was sent again because its answer had been lost.
    pub(crate) fn sent_again(&self) -> usize {
        self.again.load(Ordering::Relaxed)
    }

    /// The client, for requests to addresses that an answer named.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Sends a request as often as it takes to get an answer that is neither "try again" nor the server's own failure.
    pub(crate) async fn until_answered(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let deadline = Deadline::within(PATIENCE);
        loop {
            let answer = self.once(method.clone(), path, body, key).await;
            match answer {
                Ok((status, answer)) if !is_for_now(status, key.is_some()) => return Ok((status, answer)),
                Ok((status, answer)) if deadline.passed() => {
                    anyhow::bail!("{method} {path} was still answered {status} {answer} after {PATIENCE:?}")
                }
                Err(error) if deadline.passed() => {
                    return Err(error).with_context(|| format!("{method} {path} had no answer for {PATIENCE:?}"));
                }
                _ => {}
            }
            self.again.fetch_add(1, Ordering::Relaxed);
            pause(AGAIN_AFTER).await;
        }
    }

    /// Sends a request once. What is no JSON reads as null.
    pub(crate) async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("x-api-key", &self.key);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let bytes = answer.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }
}

/// Whether the answer says to come again. With a key, a conflict says that the same request is still under way.
fn is_for_now(status: StatusCode, keyed: bool) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || (keyed && status == StatusCode::CONFLICT)
}

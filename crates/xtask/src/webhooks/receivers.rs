//! Receivers of webhooks: one that stalls, one that redirects, one that fails, one that does as it should.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::clock::Clock;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::chaos::time::pause;
use crate::clock::SystemClock;

/// What a receiver does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Takes it, after this long.
    Takes(Duration),
    /// Never answers.
    Stalls,
    /// Answers 500.
    Fails,
    /// Leads to this address of a private network.
    Redirects(SocketAddr),
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) at: Timestamp,
    pub(super) event: String,
    pub(super) delivery: String,
    pub(super) signature: String,
    pub(super) body: Bytes,
}

impl Message {
    /// A text of the body by its JSON pointer.
    pub(super) fn text(&self, pointer: &str) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.pointer(pointer)?.as_str()?.to_owned())
    }

    /// Whether the signature is that of exactly these bytes.
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
            return false;
        };
        let code = mac.chain_update(&self.body).finalize().into_bytes();
        let code: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        code == self.signature
    }

    /// How long after what it tells of it arrived, in milliseconds.
    pub(super) fn late_ms(&self) -> Option<f64> {
        let told: Timestamp = self.text("/timestamp")?.parse().ok()?;
        Some(self.at.duration_since(told).as_secs_f64() * 1_000.0)
    }
}

/// A listener that keeps what it got.
#[derive(Debug)]
pub(super) struct Receiver {
    addr: SocketAddr,
    got: Arc<Mutex<Vec<Message>>>,
    listening: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn start(manner: Manner) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a receiver")?;
        let addr = listener.local_addr().context("a receiver")?;
        let got: Arc<Mutex<Vec<Message>>> = Arc::default();
        let kept = Arc::clone(&got);
        let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let kept = Arc::clone(&kept);
            async move {
                lock(&kept).push(message(&headers, body));
                answer(manner).await
            }
        });
        let limits = api::Limits::default();
        let listening = tokio::spawn(async move {
            // It ends when it is dropped; what it would say then is of no interest.
            drop(api::serve(listener, router, limits, std::future::pending()).await);
        });
        Ok(Self { addr, got, listening })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.addr)
    }

    /// How many messages came.
    pub(super) fn count(&self) -> usize {
        lock(&self.got).len()
    }

    /// What came since this was asked last.
    pub(super) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut *lock(&self.got))
    }

    /// What came, by what each tells: the event and the post.
    pub(super) fn by_news(&self) -> BTreeMap<(String, String), Vec<Message>> {
        let mut news: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for message in lock(&self.got).iter() {
            let post = message.text("/data/postId").unwrap_or_default();
            news.entry((message.event.clone(), post))
                .or_default()
                .push(message.clone());
        }
        news
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn lock(got: &Mutex<Vec<Message>>) -> std::sync::MutexGuard<'_, Vec<Message>> {
    got.lock().unwrap_or_else(PoisonError::into_inner)
}

fn message(headers: &HeaderMap, body: Bytes) -> Message {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    Message {
        at: SystemClock.now(),
        event: header("x-postpost-event"),
        delivery: header("x-postpost-delivery"),
        signature: header("x-postpost-signature"),
        body,
    }
}

async fn answer(manner: Manner) -> Response {
    match manner {
        Manner::Takes(after) => {
            if !after.is_zero() {
                pause(after).await;
            }
            StatusCode::OK.into_response()
        }
        Manner::Stalls => std::future::pending().await,
        Manner::Fails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Manner::Redirects(to) => {
            let to = format!("http://{to}/private");
            (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to)]).into_response()
        }
    }
}

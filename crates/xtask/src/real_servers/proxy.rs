//! A proxy of ours between the product and a real server. It holds creating requests for a while, so that many are under
//! way at once, drops answers when told to, and notes what it saw. A request that was begun is forwarded to its end, even
//! when the caller is gone: the server must not notice that.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::launch::Which;
use crate::chaos::time::{Time, pause};

/// How long the server behind may take.
const FORWARDED_WITHIN: Duration = Duration::from_secs(60);
/// How many requests the server behind works on at once. mastodon-mock has 15 connections to its database and 40 threads:
/// with more requests than connections all threads wait for a connection that only another thread could give back.
const AT_ONCE: usize = 8;

/// What the proxy saw of one request.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    /// When the server behind had answered, by the shared time.
    pub(crate) at: Timestamp,
    /// The account whose posts were asked for, if it was such a question.
    pub(crate) asked_about: Option<String>,
    /// The text of the post that was made.
    pub(crate) made: Option<String>,
}

#[derive(Debug)]
struct Shared {
    which: Which,
    upstream: String,
    http: reqwest::Client,
    time: Time,
    hold: Duration,
    places: Semaphore,
    creating: AtomicU64,
    drop_answers: AtomicUsize,
    expire: Mutex<HashSet<String>>,
    notes: Mutex<Vec<Note>>,
}

/// The proxy. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Proxy {
    base_url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped")]
struct Dropped;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// Stands before the server at `upstream` and holds creating requests for `hold`: every second one before it reaches
    /// the server, the others on the answer's way back.
    pub(crate) async fn start(which: Which, upstream: &str, time: Time, hold: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            which,
            upstream: upstream.to_owned(),
            http: crate::chaos::control::http_client(FORWARDED_WITHIN)?,
            time,
            hold,
            places: Semaphore::new(AT_ONCE),
            creating: AtomicU64::new(0),
            drop_answers: AtomicUsize::new(0),
            expire: Mutex::default(),
            notes: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            base_url,
            shared,
            accepting,
        })
    }

    /// Its address without a slash at the end.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Drops the answers to the next so many creating requests; the server behind gets and answers them.
    pub(crate) fn drop_answers(&self, count: usize) {
        self.shared.drop_answers.store(count, Ordering::SeqCst);
    }

    /// Answers the next creating request of this account itself, as if its token had expired.
    pub(crate) fn expire(&self, account: &str) {
        lock(&self.shared.expire).insert(account.to_owned());
    }

    /// Everything it saw so far.
    pub(crate) fn notes(&self) -> Vec<Note> {
        lock(&self.shared.notes).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| exchange(Arc::clone(&shared), request));
            // Errors are connections that were dropped on purpose, or callers that were killed.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn exchange(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    // A request of which only a part came is none.
    let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
    let handled = tokio::spawn(async move { shared.handle(head, body).await });
    handled.await.map_err(|_| Dropped)?.map_err(|_| Dropped)
}

impl Shared {
    async fn handle(&self, head: hyper::http::request::Parts, body: Bytes) -> anyhow::Result<Response<Full<Bytes>>> {
        let creates = head.method == Method::POST && is_creating(self.which, head.uri.path());
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let author = sent.get("repo").and_then(Value::as_str).unwrap_or_default();
        if creates && lock(&self.expire).remove(author) {
            let refusal = Bytes::from_static(b"{\"error\":\"ExpiredToken\",\"message\":\"Token has expired\"}");
            let answer = Response::builder()
                .status(StatusCode::BAD_REQUEST)
                .header("content-type", "application/json");
            return Ok(answer.body(Full::new(refusal))?);
        }
        let before = creates && self.creating.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        if before {
            pause(self.hold).await;
        }
        let asked_about = asked_about(self.which, &head.method, &head.uri);
        let answer = self.forward(head, body).await?;
        let made = text_of(self.which, &sent).filter(|_| creates && answer.status().is_success());
        if asked_about.is_some() || made.is_some() {
            lock(&self.notes).push(Note {
                at: self.time.now(),
                asked_about,
                made,
            });
        }
        if creates && !before {
            pause(self.hold).await;
        }
        let take_one = |left: usize| left.checked_sub(1);
        let drops = creates
            && self
                .drop_answers
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one)
                .is_ok();
        anyhow::ensure!(!drops, "dropped on purpose");
        Ok(answer)
    }

    async fn forward(&self, head: hyper::http::request::Parts, body: Bytes) -> anyhow::Result<Response<Full<Bytes>>> {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let mut request = self
            .http
            .request(head.method, format!("{}{target}", self.upstream))
            .body(body);
        for (name, value) in head.headers.iter().filter(|(name, _)| !is_of_the_hop(name.as_str())) {
            request = request.header(name, value);
        }
        let _place = self.places.acquire().await?;
        let answer = request.send().await.context("the server behind")?;
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer
            .headers()
            .iter()
            .filter(|(name, _)| !is_of_the_hop(name.as_str()))
        {
            response = response.header(name, value);
        }
        let body: Result<Bytes, Infallible> = Ok(answer.bytes().await.context("the server behind")?);
        let Ok(body) = body;
        Ok(response.body(Full::new(body))?)
    }
}

/// Headers that belong to one connection (RFC 9110, 7.6.1), and those that the next hop sets itself.
fn is_of_the_hop(name: &str) -> bool {
    matches!(
        name,
        "host" | "connection" | "keep-alive" | "transfer-encoding" | "content-length" | "te" | "upgrade"
    )
}

fn is_creating(which: Which, path: &str) -> bool {
    match which {
        Which::Pds => {
            let methods = ["createRecord", "putRecord", "applyWrites"];
            path.strip_prefix("/xrpc/com.atproto.repo.")
                .is_some_and(|method| methods.contains(&method))
        }
        Which::Mastodon => path == "/api/v1/statuses",
    }
}

/// The account whose posts this request asks for.
fn asked_about(which: Which, method: &Method, uri: &hyper::Uri) -> Option<String> {
    if method != Method::GET {
        return None;
    }
    match which {
        Which::Pds if uri.path() == "/xrpc/com.atproto.repo.getRecord" => {
            let query = url::form_urlencoded::parse(uri.query()?.as_bytes());
            query
                .into_owned()
                .find(|(name, _)| name == "repo")
                .map(|(_, repo)| repo)
        }
        Which::Pds => None,
        Which::Mastodon => {
            let account = uri
                .path()
                .strip_prefix("/api/v1/accounts/")?
                .strip_suffix("/statuses")?;
            Some(account.to_owned())
        }
    }
}

/// The text of the post that a creating request makes.
fn text_of(which: Which, sent: &Value) -> Option<String> {
    let text = match which {
        Which::Pds => sent.pointer("/record/text"),
        Which::Mastodon => sent.get("status"),
    };
    text.and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn upstream() -> String {
        let routes = axum::Router::new().fallback(|request: axum::extract::Request| async move {
            format!("{} {}", request.method(), request.uri())
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        base
    }

    async fn proxy() -> (Proxy, reqwest::Client) {
        let time = Time::start(1.0);
        let proxy = Proxy::start(Which::Mastodon, &upstream().await, time, Duration::ZERO)
            .await
            .unwrap();
        (proxy, crate::chaos::control::http_client(FORWARDED_WITHIN).unwrap())
    }

    #[tokio::test]
    async fn a_dropped_answer_is_lost_after_the_server_has_made_the_post() {
        let (proxy, http) = proxy().await;
        proxy.drop_answers(1);
        let post = || {
            http.post(format!("{}/api/v1/statuses", proxy.base_url()))
                .body(r#"{"status":"one"}"#)
        };
        assert!(post().send().await.is_err());
        assert_eq!(proxy.notes().first().unwrap().made.as_deref(), Some("one"));
        assert!(post().send().await.unwrap().status().is_success());
    }

    #[tokio::test]
    async fn everything_else_passes_as_it_is_and_questions_are_noted() {
        let (proxy, http) = proxy().await;
        let answer = http
            .get(format!("{}/api/v1/accounts/7/statuses?limit=40", proxy.base_url()))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.text().await.unwrap(), "GET /api/v1/accounts/7/statuses?limit=40");
        assert_eq!(proxy.notes().first().unwrap().asked_about.as_deref(), Some("7"));
    }

    #[test]
    fn the_requests_that_make_posts_are_known() {
        assert!(is_creating(Which::Pds, "/xrpc/com.atproto.repo.createRecord"));
        assert!(!is_creating(Which::Pds, "/xrpc/com.atproto.repo.uploadBlob"));
        assert!(is_creating(Which::Mastodon, "/api/v1/statuses"));
        assert!(!is_creating(Which::Mastodon, "/api/v2/media"));
    }
}

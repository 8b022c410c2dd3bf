//! The only HTTP clients that talk to platforms. Each exchange says how far the request got.
//!
//! Two kinds of client: one for calls that may create a post (no redirects, no retries of any kind, no pooled connection that
//! could have died unnoticed) and one for everything repeatable. Neither follows redirects: a platform that answers one
//! is answered by its connector's error map.
//!
//! What must stay true: [`Failure::NotWritten`] is said only when no byte of the request left this machine. The body of
//! a creating call tells: hyper takes its first piece after the connection stands and before it writes the head
//! (`proto/h1/dispatch.rs` of hyper 1), so a body that was never asked for belongs to a request that was never written.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use domain::clock::{BootInstant, Clock};
use domain::error::{ErrorKind, Fate, PlatformError, Retry, Stage};
use domain::platform::Platform;
use hyper::body::{Body as _, Frame, SizeHint};
use jiff::{SignedDuration, Timestamp};
use media::clients::client_builder;
use reqwest::header::HeaderMap;

use crate::mastodon::KeyMemory;
use crate::quota::{Meter, Seen};
use crate::remembered::Remembered;
use crate::signin::dpop::Nonces;

/// The longest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// How long a repeatable call may take when its connector does not say otherwise.
pub const READ_BUDGET: SignedDuration = SignedDuration::from_secs(30);

/// The clients. Cheap to clone.
#[derive(Clone)]
pub struct Http {
    creating: reqwest::Client,
    reading: reqwest::Client,
    visiting: reqwest::Client,
    /// The twin of `reading` that goes to public addresses alone; `visiting` is that of `creating`.
    reading_abroad: reqwest::Client,
    /// What servers gave for the next proof of possession, by origin.
    pub(crate) nonces: Nonces,
    /// What servers said of idempotency keys.
    pub(crate) keys: Remembered<KeyMemory>,
    clock: Arc<dyn Clock>,
    /// Keeps what answers say, for who wants to learn from it.
    meter: Option<Arc<Meter>>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON, if it is.
    #[must_use]
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The platform's clock, by the `Date` header (RFC 9110).
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        jiff::fmt::rfc2822::parse(self.header("date")?)
            .ok()
            .map(|zoned| zoned.timestamp())
    }

    /// The instant `ours` of our clock as the platform's clock shows it, when it is `now` by ours. Without a `Date` the
    /// clocks are taken to agree.
    #[must_use]
    pub fn by_its_clock(&self, ours: Timestamp, now: Timestamp) -> Timestamp {
        let ahead = self
            .date()
            .map_or(SignedDuration::ZERO, |date| date.duration_since(now));
        ours.saturating_add(ahead).unwrap_or(ours)
    }
}

/// Why there is no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No byte of the request was written.
    NotWritten {
        /// The deadline had passed before the first byte.
        late: bool,
    },
    /// The request, or a piece of it, was written, and no whole answer came.
    NoAnswer {
        /// The deadline passed; otherwise the connection ended.
        timed_out: bool,
    },
}

impl Failure {
    /// The error of a call that might have created a post, or that could not have (every stage but [`Stage::Send`]). For
    /// [`Stage::Retract`], that a post may be published means that it may be there still, or not.
    #[must_use]
    pub fn into_error(self, platform: Platform, stage: Stage) -> PlatformError {
        let (kind, message) = match self {
            Self::NotWritten { late: false } => (ErrorKind::Network, "could not be reached"),
            Self::NotWritten { late: true } => (ErrorKind::Timeout, "was not asked in time"),
            Self::NoAnswer { timed_out: true } => (ErrorKind::Timeout, "did not answer in time"),
            Self::NoAnswer { timed_out: false } => (ErrorKind::Network, "closed the connection without a whole answer"),
        };
        let error = PlatformError::refused(platform, stage, kind, format!("{} {message}", platform.name()))
            .with_retry(Retry::BACKOFF);
        match (self, stage) {
            (Self::NoAnswer { .. }, Stage::Send | Stage::Retract) => error.with_fate(Fate::MayBePublished),
            _ => error,
        }
    }
}

impl Http {
    /// Makes the clients.
    ///
    /// # Errors
    /// When a client cannot be made.
    pub fn new(clock: Arc<dyn Clock>) -> reqwest::Result<Self> {
        let base = || {
            client_builder()
                .user_agent(concat!("Broadside/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .no_proxy()
                // HTTP/2 would send a request again by itself when the server names it unprocessed.
                .http1_only()
                .tcp_nodelay(true)
        };
        Ok(Self {
            // A pooled connection may have been closed by the other side, and then nobody can tell whether a request
            // that was half written arrived: a creating call always opens its own.
            creating: base().pool_max_idle_per_host(0).build()?,
            reading: base().pool_max_idle_per_host(16).build()?,
            visiting: base()
                .pool_max_idle_per_host(0)
                .dns_resolver(media::clients::public_resolver())
                .build()?,
            reading_abroad: base()
                .pool_max_idle_per_host(16)
                .dns_resolver(media::clients::public_resolver())
                .build()?,
            nonces: Nonces::default(),
            keys: Remembered::default(),
            clock,
            meter: None,
        })
    }

    /// The same for an account on a server that a user named: no call connects to a name that resolves, at the moment of
    /// connecting, to an address of this machine or its network.
    #[must_use]
    pub fn abroad(&self) -> Self {
        Self {
            creating: self.visiting.clone(),
            reading: self.reading_abroad.clone(),
            ..self.clone()
        }
    }

    /// The same clients, whose answers are kept in the meter too.
    #[must_use]
    pub fn metered(&self, meter: Arc<Meter>) -> Self {
        Self {
            meter: Some(meter),
            ..self.clone()
        }
    }

    /// A builder for a call that may create a post; to be given to [`Self::create`] alone.
    pub fn creating(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        self.creating.request(method, url)
    }

    /// A builder for a repeatable call; to be given to [`Self::read`] alone.
    pub fn reading(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        self.reading.request(method, url)
    }

    /// A builder for a call to a server that a user named, whose address was judged as written; to be given to
    /// [`Self::visit`] alone.
    pub fn visiting(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        self.visiting.request(method, url)
    }

    /// How long it is until `send_by`; zero when that has passed. For reading something more within a send's budget.
    #[must_use]
    pub fn left(&self, send_by: BootInstant) -> SignedDuration {
        self.clock.boot().until(send_by)
    }

    /// Makes a call that may create a post. Its first byte is written only before `send_by`, and it ends then.
    ///
    /// # Errors
    /// A [`Failure`] that says whether anything was written.
    pub async fn create(&self, request: reqwest::RequestBuilder, send_by: BootInstant) -> Result<Answer, Failure> {
        self.write(&self.creating, request, send_by).await
    }

    async fn write(
        &self,
        client: &reqwest::Client,
        request: reqwest::RequestBuilder,
        send_by: BootInstant,
    ) -> Result<Answer, Failure> {
        if self.clock.boot() >= send_by {
            return Err(Failure::NotWritten { late: true });
        }
        let mut request = request.build().map_err(|_| Failure::NotWritten { late: false })?;
        let progress = Progress::default();
        match request.body_mut().take() {
            Some(body) if !body.is_end_stream() => {
                let (clock, progress) = (Arc::clone(&self.clock), progress.clone());
                let watched = Watched {
                    inner: body,
                    clock,
                    send_by,
                    progress,
                };
                *request.body_mut() = Some(reqwest::Body::wrap(watched));
            }
            // Without a body nothing tells when the head is written, so it counts as written from here on.
            empty => {
                *request.body_mut() = empty;
                progress.set(BEGUN);
            }
        }
        let outcome = self.exchange(client, request, send_by, true).await;
        outcome.map_err(|failure| match (failure, progress.get()) {
            (_, LATE) => Failure::NotWritten { late: true },
            (Failure::NoAnswer { timed_out }, UNTOUCHED) => Failure::NotWritten { late: timed_out },
            (failure, _) => failure,
        })
    }

    /// Makes a repeatable call that ends after `budget`.
    ///
    /// # Errors
    /// A [`Failure`]; nothing was created by it either way.
    pub async fn read(&self, request: reqwest::RequestBuilder, budget: SignedDuration) -> Result<Answer, Failure> {
        let request = request.build().map_err(|_| Failure::NotWritten { late: false })?;
        self.exchange(&self.reading, request, self.clock.boot().plus(budget), false)
            .await
    }

    /// Makes a call that creates no post but must not be made twice: exchanging a code or a rotating token. To be built
    /// by [`Self::creating`]; it ends after `budget`.
    ///
    /// # Errors
    /// A [`Failure`] that says whether anything was written.
    pub async fn once(&self, request: reqwest::RequestBuilder, budget: SignedDuration) -> Result<Answer, Failure> {
        self.create(request, self.clock.boot().plus(budget)).await
    }

    /// The same to a server that a user named: names that resolve to an address of this machine or its network are not
    /// connected to, at the moment of connecting and whatever they resolved to before.
    ///
    /// # Errors
    /// A [`Failure`] that says whether anything was written.
    pub async fn visit(&self, request: reqwest::RequestBuilder, budget: SignedDuration) -> Result<Answer, Failure> {
        self.write(&self.visiting, request, self.clock.boot().plus(budget))
            .await
    }

    async fn exchange(
        &self,
        client: &reqwest::Client,
        request: reqwest::Request,
        until: BootInstant,
        creating: bool,
    ) -> Result<Answer, Failure> {
        let path = self.meter.as_ref().map(|_| request.url().path().to_owned());
        let left = self.clock.boot().until(until).unsigned_abs();
        let outcome = tokio::select! {
            biased;
            // The runtime's own timer bounds the exchange when the wall clock is set back while the clock sleeps.
            answer = tokio::time::timeout(left, whole_answer(client, request)) => {
                answer.unwrap_or(Err(Failure::NoAnswer { timed_out: true }))
            }
            // Cancelling drops the connection. What was written by then may have arrived.
            () = self.passed(until) => Err(Failure::NoAnswer { timed_out: true }),
        };
        if let (Some(meter), Some(path), Ok(answer)) = (&self.meter, path, &outcome) {
            let answer = answer.clone();
            meter.note(Seen { creating, path, answer });
        }
        outcome
    }

    /// Ends when the monotonic clock has reached `until`, also when the wall clock was set on in the meantime.
    async fn passed(&self, until: BootInstant) {
        loop {
            let left = self.clock.boot().until(until);
            if left.is_zero() {
                return;
            }
            self.clock
                .sleep_until(self.clock.now().saturating_add(left).unwrap_or(Timestamp::MAX))
                .await;
        }
    }
}

const UNTOUCHED: u8 = 0;
const BEGUN: u8 = 1;
const LATE: u8 = 2;

/// How far a creating call got.
#[derive(Clone, Default)]
struct Progress(Arc<AtomicU8>);

impl Progress {
    fn get(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }

    fn set(&self, value: u8) {
        self.0.store(value, Ordering::SeqCst);
    }
}

/// A body that notes when its first piece is asked for, and refuses when the deadline has passed by then.
struct Watched {
    inner: reqwest::Body,
    clock: Arc<dyn Clock>,
    send_by: BootInstant,
    progress: Progress,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.progress.get() == UNTOUCHED {
            let late = self.clock.boot() >= self.send_by;
            self.progress.set(if late { LATE } else { BEGUN });
        }
        if self.progress.get() == LATE {
            return Poll::Ready(Some(Err("the deadline has passed".into())));
        }
        Pin::new(&mut self.inner).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

async fn whole_answer(client: &reqwest::Client, request: reqwest::Request) -> Result<Answer, Failure> {
    let mut response = client.execute(request).await.map_err(|error| {
        if error.is_connect() || error.is_builder() {
            Failure::NotWritten { late: false }
        } else {
            Failure::NoAnswer {
                timed_out: error.is_timeout(),
            }
        }
    })?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|_| Failure::NoAnswer { timed_out: false })?
    {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Failure::NoAnswer { timed_out: false });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body: body.freeze(),
    })
}

#[cfg(test)]
mod tests;

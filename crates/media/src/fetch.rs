//! Importing a file from a URL that a user gave.
//!
//! Redirects are followed by hand, and every hop is judged anew ([`crate::address`], [`crate::clients`]).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use domain::clock::Clock;
use domain::content::Media;
use futures_util::future::{Either, select};
use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use jiff::SignedDuration;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue, LOCATION};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::address::{AddressPolicy, Refusal};
use crate::clients::{JudgedClients, NoAnswer, Resolve, SystemResolver};
use crate::error::Error;
use crate::store::{Limits, MediaStore, NewFile};

#[cfg(test)]
mod tests;

/// The longest URL that is followed, in bytes.
const URL_BYTES_MAX: usize = 8_192;

/// Why a URL was not imported. [`FetchError::code`] is the word of it on the wire.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It is no absolute URL.
    #[error("this is not a URL")]
    Invalid,
    /// Not https, where only that is taken, or neither https nor http.
    #[error("only https URLs can be imported")]
    Protocol,
    /// A name or password in the URL.
    #[error("a URL with a user name or password cannot be imported")]
    Credentials,
    /// Not the scheme's own port.
    #[error("only URLs with the default port can be imported")]
    Port,
    /// The host, or an address that it resolves to, is not public.
    #[error("the host of the URL is not a public one")]
    BlockedHost,
    /// The name could not be resolved.
    #[error("the host of the URL could not be found")]
    Dns,
    /// A redirect without a usable target.
    #[error("the server redirects to nowhere")]
    Redirect,
    /// One redirect too many.
    #[error("the server redirects more than {0} times")]
    TooManyRedirects(u8),
    /// The server answered with another status than success.
    #[error("the server answered with status {0}")]
    HttpStatus(u16),
    /// It took too long.
    #[error("the import took longer than {0} seconds")]
    Timeout(i64),
    /// The file is larger than its kind may be.
    #[error("the file is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit that it broke.
        bytes_max: u64,
    },
    /// All the files of one call together are too large.
    #[error("the files of this call are together larger than {bytes_max} bytes")]
    AggregateTooLarge {
        /// The limit that they broke.
        bytes_max: u64,
    },
    /// Neither a picture nor a film of a known kind.
    #[error("the file is neither a picture nor a film that is supported")]
    UnsupportedFormat,
    /// The server could not be reached or broke off.
    #[error("the file could not be fetched")]
    FetchFailed,
    /// The file begins like a picture or a film and is none: cut off, broken, or too many pixels.
    #[error("the file could not be understood: {0}")]
    ProbeFailed(Error),
    /// This server could not store it.
    #[error("the file could not be stored")]
    Store(#[source] Error),
}

impl FetchError {
    /// The word that PostPost's API has for it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid => "MEDIA_URL_INVALID",
            Self::Protocol => "MEDIA_URL_PROTOCOL",
            Self::Credentials => "MEDIA_URL_CREDENTIALS",
            Self::Port => "MEDIA_URL_PORT",
            Self::BlockedHost => "MEDIA_URL_BLOCKED_HOST",
            Self::Dns => "MEDIA_URL_DNS",
            Self::Redirect => "MEDIA_URL_REDIRECT",
            Self::TooManyRedirects(_) => "MEDIA_URL_TOO_MANY_REDIRECTS",
            Self::HttpStatus(_) => "MEDIA_URL_HTTP_ERROR",
            Self::Timeout(_) => "MEDIA_URL_INGEST_TIMEOUT",
            Self::TooLarge { .. } => "MEDIA_URL_TOO_LARGE",
            Self::AggregateTooLarge { .. } => "MEDIA_URL_AGGREGATE_TOO_LARGE",
            Self::UnsupportedFormat => "MEDIA_URL_UNSUPPORTED_FORMAT",
            Self::FetchFailed | Self::Store(_) => "MEDIA_URL_FETCH_FAILED",
            Self::ProbeFailed(_) => "MEDIA_URL_PROBE_FAILED",
        }
    }

    /// Whether the same URL may do better later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Dns | Self::Timeout(_) | Self::FetchFailed | Self::Store(_) => true,
            Self::HttpStatus(status) => *status >= 500 || matches!(*status, 408 | 429),
            _ => false,
        }
    }
}

impl From<Refusal> for FetchError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Protocol => Self::Protocol,
            Refusal::Credentials => Self::Credentials,
            Refusal::Port => Self::Port,
            Refusal::Host => Self::BlockedHost,
        }
    }
}

impl From<NoAnswer> for FetchError {
    fn from(failure: NoAnswer) -> Self {
        match failure {
            NoAnswer::Blocked => Self::BlockedHost,
            NoAnswer::Unknown => Self::Dns,
            NoAnswer::Failed => Self::FetchFailed,
        }
    }
}

/// How much one import may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// From the first lookup to the stored file.
    pub deadline: SignedDuration,
    /// Redirects that are followed.
    pub redirects_max: u8,
    /// Bytes by kind.
    pub media: Limits,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self {
            deadline: SignedDuration::from_mins(2),
            redirects_max: 5,
            media: Limits::IMPORT,
        }
    }
}

/// The bytes that all imports of one call may have together, and each film of them.
#[derive(Debug)]
pub struct Allowance {
    left: AtomicU64,
    bytes_max: u64,
    video_bytes_max: u64,
}

impl Allowance {
    /// 300 MiB, as PostPost allows in one call.
    pub const DEFAULT_BYTES: u64 = 300 * 1_024 * 1_024;

    /// An allowance of this many bytes.
    #[must_use]
    pub const fn new(bytes_max: u64) -> Self {
        Self {
            left: AtomicU64::new(bytes_max),
            bytes_max,
            video_bytes_max: u64::MAX,
        }
    }

    /// The same, with no film of more bytes than these.
    #[must_use]
    pub fn with_films_of(self, video_bytes_max: u64) -> Self {
        Self {
            video_bytes_max,
            ..self
        }
    }

    /// Takes bytes; `false` when there are not as many left.
    fn take(&self, bytes: u64) -> bool {
        self.left
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes))
            .is_ok()
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self::new(Self::DEFAULT_BYTES)
    }
}

/// Imports files from URLs.
#[derive(Debug, Clone)]
pub struct Fetcher {
    clients: JudgedClients,
    clock: Arc<dyn Clock>,
    limits: FetchLimits,
}

impl Fetcher {
    /// A fetcher that resolves names as the operating system does.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(policy: AddressPolicy, limits: FetchLimits, clock: Arc<dyn Clock>) -> reqwest::Result<Self> {
        Self::with_resolver(policy, limits, clock, Arc::new(SystemResolver))
    }

    /// A fetcher with its own resolver.
    ///
    /// # Errors
    /// As [`Fetcher::new`].
    pub fn with_resolver(
        policy: AddressPolicy,
        limits: FetchLimits,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolve>,
    ) -> reqwest::Result<Self> {
        Ok(Self {
            clients: JudgedClients::new(policy, resolver, 1)?,
            clock,
            limits,
        })
    }

    /// Fetches `url` and stores what it holds as `new`, for which [`file_name`] has a name.
    ///
    /// # Errors
    /// [`FetchError`] says what is wrong with the URL, the server or the file; nothing is left in the store.
    pub async fn import(
        &self,
        store: &MediaStore,
        new: NewFile,
        url: &str,
        allowance: &Allowance,
    ) -> Result<Media, FetchError> {
        let deadline = self
            .clock
            .now()
            .saturating_add(self.limits.deadline)
            .map_err(|_| FetchError::FetchFailed)?;
        let work = std::pin::pin!(self.import_without_deadline(store, new, url, allowance));
        match select(work, self.clock.sleep_until(deadline)).await {
            Either::Left((imported, _)) => imported,
            Either::Right(_) => Err(FetchError::Timeout(self.limits.deadline.as_secs())),
        }
    }

    /// Judges a URL as it is written, before anything is resolved: what the operator did not list must be https.
    ///
    /// # Errors
    /// [`FetchError::Invalid`], [`FetchError::Protocol`] for plain http, and what the policy refuses.
    pub fn judge_secure(&self, url: &str) -> Result<(), FetchError> {
        let url = Url::parse(url.trim()).map_err(|_| FetchError::Invalid)?;
        if self.clients.is_listed(&url)? || url.scheme() == "https" {
            Ok(())
        } else {
            Err(FetchError::Protocol)
        }
    }

    async fn import_without_deadline(
        &self,
        store: &MediaStore,
        new: NewFile,
        url: &str,
        allowance: &Allowance,
    ) -> Result<Media, FetchError> {
        if url.len() > URL_BYTES_MAX {
            return Err(FetchError::Invalid);
        }
        let url = Url::parse(url.trim()).map_err(|_| FetchError::Invalid)?;
        let response = self.follow(url).await?;
        let own = self.limits.media;
        let limits = Limits {
            video_bytes_max: own.video_bytes_max.min(allowance.video_bytes_max),
            ..own
        };
        let bytes_max = limits.largest();
        if response.content_length().is_some_and(|bytes| bytes > bytes_max) {
            return Err(FetchError::TooLarge { bytes_max });
        }
        store
            .put_stream(new, body(response, allowance), &limits)
            .await
            .map_err(|error| stored(error, allowance))
    }

    async fn follow(&self, mut url: Url) -> Result<Response, FetchError> {
        for _ in 0..=self.limits.redirects_max {
            let response = self.get(&url).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            if !is_redirect(status) {
                return Err(FetchError::HttpStatus(status.as_u16()));
            }
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            url = target
                .filter(|target| target.len() <= URL_BYTES_MAX)
                .and_then(|target| url.join(target).ok())
                .ok_or(FetchError::Redirect)?;
        }
        Err(FetchError::TooManyRedirects(self.limits.redirects_max))
    }

    async fn get(&self, url: &Url) -> Result<Response, FetchError> {
        self.clients
            .judge(url)?
            .get(url.clone())
            .header(ACCEPT, HeaderValue::from_static("image/*,video/*;q=0.9"))
            .header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))
            .send()
            .await
            .map_err(|error| NoAnswer::from(&error).into())
    }
}

/// The last segment of a URL's path, as a name for the file; `None` when there is none.
#[must_use]
pub fn file_name(url: &str) -> Option<String> {
    let url = Url::parse(url.trim()).ok()?;
    let name = url.path_segments()?.next_back()?;
    (!name.is_empty()).then(|| name.to_owned())
}

const fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Marks a stream that ended because the call's allowance was used up.
#[derive(Debug, thiserror::Error)]
#[error("the allowance is used up")]
struct UsedUp;

fn body(response: Response, allowance: &Allowance) -> impl Stream<Item = io::Result<Bytes>> + Send {
    response.bytes_stream().map_err(io::Error::other).map(|chunk| {
        let chunk = chunk?;
        if allowance.take(chunk.len() as u64) {
            Ok(chunk)
        } else {
            Err(io::Error::other(UsedUp))
        }
    })
}

/// What a failure to store a fetched file means to the one who named the URL.
fn stored(error: Error, allowance: &Allowance) -> FetchError {
    match error {
        Error::Receive(error) if is_used_up(&error) => FetchError::AggregateTooLarge {
            bytes_max: allowance.bytes_max,
        },
        Error::Receive(_) => FetchError::FetchFailed,
        Error::TooLarge { bytes_max } => FetchError::TooLarge { bytes_max },
        Error::Unsupported | Error::Empty => FetchError::UnsupportedFormat,
        error if error.is_about_the_file() => FetchError::ProbeFailed(error),
        error => FetchError::Store(error),
    }
}

fn is_used_up(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<UsedUp>())
        .is_some()
}

//! What keeps the work on one account in bounds.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::error::PlatformError;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OnceCell, OwnedRwLockReadGuard, RwLock, RwLockWriteGuard, Semaphore};

/// How long posts take a failed exchange for their own: a crowd of them must not ask a platform in trouble one by one.
const FAILURE_HOLDS: SignedDuration = SignedDuration::from_secs(15);

/// How many of an account's posts run at once, and who may use or exchange its tokens.
pub(crate) struct AccountGate {
    pub(crate) sending: Arc<Semaphore>,
    pub(crate) asking: Arc<Semaphore>,
    /// The account's own server, where its platform has many. A stale one only decides with whom the account waits.
    pub(crate) server: OnceCell<Option<String>>,
    /// Read by every send, written by an exchange of the tokens: neither overlaps the other, and exchanges not each other.
    tokens: Arc<RwLock<()>>,
    /// The newest version of the tokens that this process made; 0 when it made none.
    newest: AtomicU32,
    /// The last version of which was said that a person must connect the account again.
    given_up: AtomicU32,
    exchanges: AtomicU64,
    /// How the last exchange failed, of which version, and until when nobody asks again for a post.
    failure: Mutex<Option<(u32, PlatformError, Timestamp)>>,
}

/// Keeps tokens from being exchanged while a send uses them.
pub(crate) struct InUse {
    _gate: Arc<AccountGate>,
    _guard: OwnedRwLockReadGuard<()>,
}

impl AccountGate {
    pub(crate) fn new(permits: u16) -> Self {
        let permits = usize::from(permits.max(1));
        Self {
            sending: Arc::new(Semaphore::new(permits)),
            asking: Arc::new(Semaphore::new(permits)),
            server: OnceCell::new(),
            tokens: Arc::new(RwLock::new(())),
            newest: AtomicU32::new(0),
            given_up: AtomicU32::new(0),
            exchanges: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    /// Waits for an exchange under way and keeps the next one waiting.
    pub(crate) async fn use_tokens(self: Arc<Self>) -> InUse {
        let guard = Arc::clone(&self.tokens).read_owned().await;
        InUse {
            _gate: self,
            _guard: guard,
        }
    }

    /// Waits for sends and exchanges under way and keeps the next ones waiting.
    pub(crate) async fn exchange_tokens(&self) -> RwLockWriteGuard<'_, ()> {
        self.tokens.write().await
    }

    /// Whether this process has made newer tokens than those of `version`.
    pub(crate) fn has_newer(&self, version: u32) -> bool {
        self.newest.load(Ordering::Acquire) > version
    }

    /// Notes that tokens of this version exist.
    pub(crate) fn made(&self, version: u32) {
        self.newest.fetch_max(version, Ordering::AcqRel);
    }

    /// True the first time that the tokens of `version` are given up.
    pub(crate) fn gives_up(&self, version: u32) -> bool {
        self.given_up.fetch_max(version, Ordering::AcqRel) < version
    }

    /// How many exchanges have ended.
    pub(crate) fn exchanges(&self) -> u64 {
        self.exchanges.load(Ordering::Acquire)
    }

    /// Notes how an exchange of the tokens of `version` ended at `now`, for those that wait for it and come soon after.
    pub(crate) fn exchanged(&self, version: u32, failure: Option<PlatformError>, now: Timestamp) {
        let until = now.saturating_add(FAILURE_HOLDS).unwrap_or(now);
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure.map(|error| (version, error, until));
        self.exchanges.fetch_add(1, Ordering::AcqRel);
    }

    /// How an exchange of the tokens of `version` failed that ended since `exchanges` was read.
    pub(crate) fn failure_since(&self, exchanges: u64, version: u32) -> Option<PlatformError> {
        let is_new = self.exchanges() != exchanges;
        self.failure_if(|of, _| is_new && of == version)
    }

    /// How an exchange of the tokens of `version` failed just now.
    pub(crate) fn failure_at(&self, now: Timestamp, version: u32) -> Option<PlatformError> {
        self.failure_if(|of, until| of == version && now < until)
    }

    fn failure_if(&self, counts: impl Fn(u32, Timestamp) -> bool) -> Option<PlatformError> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let found = failure.as_ref().filter(|(of, _, until)| counts(*of, *until));
        found.map(|(_, error, _)| error.clone())
    }
}

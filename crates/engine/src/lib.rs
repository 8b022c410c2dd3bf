//! Use cases and loops: the only writer of post state.
//!
//! Read [`attempt`] first: it is the spine (claim → intent → send → settle). [`reconcile`] asks what became of sends
//! whose outcome is unknown, [`publisher`] decides what runs when, and [`commands`] are what every front door calls.

pub mod accounts;
pub mod actions;
mod attempt;
mod backlog;
mod budgets;
pub mod commands;
mod comment;
mod context;
mod darkroom;
mod doubt;
pub mod error;
mod gate;
mod janitor;
mod keys;
pub mod library;
mod look;
pub mod points;
mod publisher;
mod queries;
mod reconcile;
mod record;
mod refresh;
mod refusal;
mod scrub;
pub mod settings;
mod settle;
mod slots;
pub mod stats;
pub mod uploads;
pub mod webhooks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connectors::http::Http;
use connectors::{Endpoints, Registry};
use domain::clock::Clock;
use domain::ids::{AccountId, IdMint};
use domain::platform::Platform;
use jiff::Timestamp;
use rand::rngs::StdRng;
use store::{Installation, Store};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

pub use darkroom::Files;
pub use error::Error;
pub use keys::Caller;
pub use publisher::Publisher;
pub use settings::{Plans, Settings};
/// What front doors read and ask with; they know the store by these names alone.
pub use store::{
    AccountLogQuery, CommitStats, Conflict, ConnectLink, FileState, Group, GroupOrder, GroupPage, GroupQuery,
    MediaFile, Post, PostCount, Purpose, Reach,
};

use crate::actions::Known;
use crate::context::Halt;
use crate::gate::AccountGate;
use crate::keys::KeyCache;
use crate::library::Library;
use crate::points::FailPoints;
use crate::slots::Slots;
use crate::stats::Stats;

/// What an engine is made of.
pub struct Parts {
    /// Where everything durable is.
    pub store: Arc<dyn Store>,
    /// The connectors.
    pub connectors: Registry,
    /// Where the platforms are.
    pub endpoints: Endpoints,
    /// The files, as connectors read them and as they are converted for platforms.
    pub media: Arc<dyn Files>,
    /// The files, as their owners bring them.
    pub library: Arc<Library>,
    /// The HTTP clients.
    pub http: Http,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance: ids and jitter.
    pub rng: StdRng,
    /// How it behaves.
    pub settings: Settings,
    /// Where a test stops it.
    pub points: Arc<dyn FailPoints>,
}

/// The engine: cheap to clone, the same for all front doors.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// What an engine shares between its clones.
#[doc(hidden)]
pub struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) connectors: Registry,
    pub(crate) endpoints: Endpoints,
    pub(crate) media: Arc<dyn Files>,
    pub(crate) library: Arc<Library>,
    pub(crate) http: Http,
    /// The same for accounts on servers that users named.
    pub(crate) http_abroad: Http,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) points: Arc<dyn FailPoints>,
    pub(crate) installation: Installation,
    pub(crate) stats: Stats,
    pub(crate) keys: KeyCache,
    /// What platforms told lately.
    pub(crate) known: Known,
    /// Wakes the publisher: something new is due, or room was made.
    pub(crate) wake: Notify,
    /// Sends under way at once, over all accounts.
    pub(crate) sending: Slots,
    /// Questions under way at once, over all accounts.
    pub(crate) asking: Slots,
    /// Work that goes on when whoever asked for it goes away.
    pub(crate) work: TaskTracker,
    /// Wakes the keeper of tokens: an account was connected.
    pub(crate) tokens_changed: Notify,
    chance: Mutex<Chance>,
    /// How many of an account's posts run at once, and whose refresh is under way.
    pub(crate) accounts: Mutex<HashMap<AccountId, Arc<AccountGate>>>,
    /// Accounts whose platform asked for a pause, until then.
    resting: Mutex<HashMap<AccountId, Timestamp>>,
}

pub(crate) struct Chance {
    mint: IdMint,
    rng: StdRng,
}

impl std::ops::Deref for Engine {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Engine {
    /// Puts an engine together. Nothing runs until a [`Publisher`] is started.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn new(parts: Parts) -> Result<Self, Error> {
        let installation = parts.store.installation().await?;
        let sending = Slots::new(parts.settings.sends_max);
        let asking = Slots::new(parts.settings.sends_max);
        Ok(Self(Arc::new(Inner {
            store: parts.store,
            connectors: parts.connectors,
            endpoints: parts.endpoints,
            media: parts.media,
            library: parts.library,
            http_abroad: parts.http.abroad(),
            http: parts.http,
            clock: parts.clock,
            settings: parts.settings,
            points: parts.points,
            installation,
            stats: Stats::default(),
            keys: KeyCache::default(),
            known: Known::default(),
            wake: Notify::new(),
            sending,
            asking,
            work: TaskTracker::new(),
            tokens_changed: Notify::new(),
            chance: Mutex::new(Chance {
                mint: IdMint::default(),
                rng: parts.rng,
            }),
            accounts: Mutex::new(HashMap::new()),
            resting: Mutex::new(HashMap::new()),
        })))
    }

    /// The engine's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// How it behaves.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// What it counts.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.0.stats
    }

    /// The store, for health checks and operation; front doors change posts through commands alone.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// The platforms that this server can publish to.
    #[must_use]
    pub fn platforms(&self) -> Vec<Platform> {
        self.0.connectors.platforms().collect()
    }

    /// Where the platforms are.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.0.endpoints
    }

    /// Does a piece of work in a task of its own, to its end, whether or not the caller goes on waiting: somebody who hangs
    /// up must not leave half of it. A shutdown waits for it.
    pub(crate) async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Halt> {
        match self.work.spawn(work).await {
            Ok(done) => Ok(done),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Halt::Stopped),
        }
    }

    /// Tells the publisher to look.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }
}

impl Inner {
    /// The clients for an account whose own server is at `base_url`: a server that a user named is asked at public
    /// addresses alone, whatever its name resolves to by now; those that the operator configured are trusted.
    pub(crate) fn http_at(&self, base_url: Option<&str>) -> &Http {
        let Some(base_url) = base_url else {
            return &self.http;
        };
        let origin = url::Url::parse(base_url).ok().map(|url| url.origin());
        let is_operators = |own: &url::Url| Some(own.origin()) == origin;
        if self.endpoints.overrides.values().any(is_operators) {
            &self.http
        } else {
            &self.http_abroad
        }
    }

    /// The bits of a new id.
    pub(crate) fn mint(&self) -> [u8; 12] {
        let now = self.clock.now();
        let mut guard = self.chance();
        let chance = &mut *guard;
        chance.mint.next(now, &mut chance.rng)
    }

    /// Uses the source of randomness.
    pub(crate) fn with_rng<T>(&self, use_it: impl FnOnce(&mut StdRng) -> T) -> T {
        use_it(&mut self.chance().rng)
    }

    fn chance(&self) -> MutexGuard<'_, Chance> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets an account rest until then: its platform asked for fewer requests.
    pub(crate) fn rest(&self, account: Option<AccountId>, until: Timestamp) {
        if let Some(account) = account {
            self.resting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(account, until);
        }
    }

    /// The accounts that rest beyond `now`.
    pub(crate) fn resting(&self, now: Timestamp) -> Vec<(AccountId, Timestamp)> {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain(|_, until| *until > now);
        resting.iter().map(|(account, until)| (*account, *until)).collect()
    }

    pub(crate) fn gate(&self, account: AccountId, permits: u16) -> Arc<AccountGate> {
        let mut gates = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        // Gates are tiny, but accounts come and go: drop those that nobody holds once in a while.
        if gates.len() > 10_000 {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        let gate = gates
            .entry(account)
            .or_insert_with(|| Arc::new(AccountGate::new(permits)));
        Arc::clone(gate)
    }
}

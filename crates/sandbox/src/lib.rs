//! Emulated platforms with a fault script and a durable journal.
//!
//! One listener on the loopback serves Mastodon, Telegram, Bluesky, X, Instagram, LinkedIn, Facebook and Threads below a
//! path each, a simple stand-in protocol for every other platform, sample media, and its own control surface. The
//! emulators speak the platforms' own protocols with their limits and their error bodies; a script says which requests go
//! wrong; the journal says what was really made, and is the oracle for duplicates and losses.
//!
//! Signing in works as on the platforms themselves: authorize pages with a consent form, token endpoints that rotate and
//! refuse as the real ones do, and the endpoints that say who somebody is. Each has its real path below the platform's
//! word, so an app finds them by exchanging origins; [`app`] has the ids and secrets that the platforms know.
//!
//! ```text
//! {base}/mastodon  {base}/telegram  {base}/bluesky  {base}/x  {base}/instagram
//! {base}/linkedin  {base}/facebook  {base}/threads
//! {base}/standin/{platform}/publish   {base}/samples/{file}   {base}/_ctl/{verb}
//! ```

mod account;
mod answer;
mod call;
mod control;
mod documented;
mod exchange;
mod fault;
mod fetch;
mod form;
mod graph;
mod journal;
mod limits;
mod medium;
mod processing;
pub mod proof;
pub mod samples;
mod server;
mod signin;
mod spool;
mod standin;
pub mod tap;
#[cfg(test)]
mod testing;
mod text;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use domain::clock::Clock;
use domain::platform::Platform;
use tokio::task::JoinHandle;
use url::Url;

pub use account::{AccountSeed, NewSandboxAccount};
pub use control::RuleSet;
pub use exchange::OVER_QUOTA;
pub use fault::{Class, Fault, Match, Rule};
pub use journal::{Filter, PAGE_MAX, Published, RequestLine};
pub use limits::{POSTS_PER_HOUR, REQUESTS_PER_MINUTE};
pub use linkedin::LinkedInFigures;
pub use signin::{App, TokenVerb, app};
pub use telegram::{TelegramEvent, TelegramUpdate, TelegramVerb};

/// Why the sandbox refuses or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The sandbox has no authentication of its own, so it listens on the loopback only.
    #[error("the sandbox listens on the loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("the sandbox cannot listen: {0}")]
    Listen(std::io::Error),
    /// The address cannot be written as a URL.
    #[error("{0} cannot be written as a URL")]
    Address(SocketAddr),
    /// The journal cannot be read or written.
    #[error("the sandbox's journal cannot be used: {0}")]
    Journal(std::io::Error),
    /// A remote id of the wrong form.
    #[error("an account on {platform} needs {wanted} as its remote id")]
    RemoteId {
        /// The platform.
        platform: Platform,
        /// What it should be.
        wanted: &'static str,
    },
    /// No such account.
    #[error("the sandbox has no account '{remote_id}' on {platform}")]
    NoSuchAccount {
        /// The platform.
        platform: Platform,
        /// The remote id.
        remote_id: String,
    },
    /// Rules belong to a platform.
    #[error("rules need a platform")]
    NoPlatform,
}

/// How to start a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; must be on the loopback. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The journal's file; none keeps it in memory.
    pub journal: Option<PathBuf>,
    /// The time that windows, expiries and delays are measured with.
    pub clock: Arc<dyn Clock>,
    /// Repeats the same ids and tokens.
    pub seed: u64,
    /// Whether the rate limits are enforced; their headers are sent in any case.
    pub rate_limits: bool,
    /// Where every exchange is copied to, if anywhere: see [`tap::Exchange`].
    pub tap: Option<PathBuf>,
    /// Whether, with limits on, they are those that the platforms document instead of generous ones.
    pub documented_limits: bool,
}

impl Options {
    /// A free port on the loopback, no file, seed 0, limits on.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            journal: None,
            clock,
            seed: 0,
            rate_limits: true,
            tap: None,
            documented_limits: false,
        }
    }
}

/// A running sandbox; dropping it ends it.
#[derive(Debug)]
pub struct Sandbox {
    world: world::Shared,
    addr: SocketAddr,
    acceptor: JoinHandle<()>,
}

/// Starts a sandbox on the current tokio runtime.
///
/// # Errors
/// [`Error::NotLoopback`], [`Error::Listen`], and [`Error::Journal`] when the file cannot be opened or read.
pub async fn start(options: Options) -> Result<Sandbox, Error> {
    if !options.listen.ip().is_loopback() {
        return Err(Error::NotLoopback(options.listen));
    }
    let listener = tokio::net::TcpListener::bind(options.listen)
        .await
        .map_err(Error::Listen)?;
    let addr = listener.local_addr().map_err(Error::Listen)?;
    let world = Arc::new(world::World::new(&options, addr)?);
    let routes = server::assemble(&world);
    let routes = match &options.tap {
        None => routes,
        Some(file) => tap::tapped(routes, file).map_err(Error::Journal)?,
    };
    let acceptor = tokio::spawn(server::accept(listener, routes));
    Ok(Sandbox { world, addr, acceptor })
}

impl Sandbox {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address of everything, with a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> Url {
        self.world.base.clone()
    }

    /// The base address of a platform's API, without a slash at its end: what a connector is pointed at. Platforms
    /// without an emulator have their stand-in's.
    #[must_use]
    pub fn endpoint(&self, platform: Platform) -> Url {
        self.world.endpoint(platform, !has_emulator(platform))
    }

    /// The base address of the stand-in of any platform.
    #[must_use]
    pub fn stand_in_endpoint(&self, platform: Platform) -> Url {
        self.world.endpoint(platform, true)
    }

    /// The address of a sample; see [`samples::NAMES`].
    #[must_use]
    pub fn sample_url(&self, name: &str) -> String {
        self.world.address(&format!("samples/{name}"))
    }

    /// Makes an account, or connects an existing one anew: a fresh token, with a script of its own.
    ///
    /// # Errors
    /// [`Error::RemoteId`] when the platform's ids look different.
    pub fn add_account(&self, new: &NewSandboxAccount) -> Result<AccountSeed, Error> {
        self.world.add_account(new)
    }

    /// Adds rules to an account or to a platform, and sets a platform's latency.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`], and [`Error::NoPlatform`] for rules without one.
    pub fn add_rules(&self, set: RuleSet) -> Result<(), Error> {
        control::apply(&self.world, set)
    }

    /// Removes the rules of an account, of a platform, or of all platforms.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`], and [`Error::NoPlatform`] for an account without one.
    pub fn clear_rules(&self, platform: Option<Platform>, account: Option<String>) -> Result<(), Error> {
        control::clear(&self.world, platform, account)
    }

    /// Ends or spoils the tokens of an account, and says how many it touched. For a page, an organization or a location
    /// these are the tokens that can use it.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`].
    pub fn tokens(&self, platform: Platform, remote_id: &str, verb: TokenVerb) -> Result<usize, Error> {
        signin::apply(&self.world, platform, remote_id, verb)
    }

    /// Every token and password that the sandbox has given out and not forgotten: what must be in nobody's log.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.world.accounts().secrets()
    }

    /// Lets somebody add a bot of Telegram to a channel, post there, or write to it, so that the bot hears of it.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`] for a channel that is not there.
    pub fn telegram(&self, event: &TelegramEvent) -> Result<TelegramUpdate, Error> {
        telegram::happen(&self.world, event)
    }

    /// Tells LinkedIn's emulator numbers, and posts of others, for whoever has this access token, in place of what it told
    /// before.
    ///
    /// # Errors
    /// [`Error::NoSuchAccount`] for a token of nobody, and [`Error::Journal`] when the file cannot be written.
    pub fn linkedin(&self, token: &str, figures: LinkedInFigures) -> Result<(), Error> {
        linkedin::know(&self.world, token, figures)
    }

    /// The posts that were really made, oldest first, deleted ones included.
    #[must_use]
    pub fn published(&self, filter: &Filter) -> Vec<Published> {
        self.world.ledger().published(filter)
    }

    /// Requests with a `seq` above `after`, oldest first, at most [`PAGE_MAX`].
    #[must_use]
    pub fn requests(&self, after: u64, limit: usize) -> Vec<RequestLine> {
        self.world.ledger().requests(after, limit)
    }

    /// Empties the world.
    ///
    /// # Errors
    /// [`Error::Journal`] when the file cannot be written.
    pub fn reset(&self) -> Result<(), Error> {
        self.world.reset()
    }

    /// Ends the sandbox: no more requests, connections closed, journal written.
    ///
    /// # Errors
    /// [`Error::Journal`] when the last request lines cannot be written.
    pub async fn shutdown(mut self) -> Result<(), Error> {
        self.acceptor.abort();
        // The result only says that it was aborted.
        let _ = (&mut self.acceptor).await;
        self.world.ledger().flush().map_err(Error::Journal)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

/// One line a platform: its emulator's module, or nothing more than the stand-in.
macro_rules! emulators {
    ({$($platform:ident => $module:ident;)+} {$($other:ident;)+}) => {
        $(mod $module;)+

        /// What each emulator remembers.
        #[derive(Debug, Default)]
        pub(crate) struct States {
            $(pub(crate) $module: $module::State,)+
        }

        impl States {
            fn clear(&self) {
                $(self.$module.clear();)+
            }
        }

        /// The emulators' routes, each under its module's name.
        fn emulators() -> axum::Router<world::Shared> {
            axum::Router::new()$(.nest(concat!("/", stringify!($module)), $module::routes()))+
        }

        /// Whether the platform has an emulator of its own here.
        const fn has_emulator(platform: Platform) -> bool {
            match platform {
                $(Platform::$platform => true,)+
                $(Platform::$other => false,)+
            }
        }
    };
}

emulators! { {
    Bluesky => bluesky;
    Facebook => facebook;
    Instagram => instagram;
    LinkedIn => linkedin;
    Mastodon => mastodon;
    Telegram => telegram;
    Threads => threads;
    X => x;
} { // Without an emulator of their own.
    TikTok;
    YouTube;
    Pinterest;
    Reddit;
    GoogleBusiness;
    Snapchat;
} }

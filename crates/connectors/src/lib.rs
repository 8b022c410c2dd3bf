//! One module a platform: prepare what can be repeated, make the one irreversible call, ask what became of it.
//!
//! A connector never retries, sleeps, logs tokens, reads the clock or touches the store. What it needs comes in with
//! [`SendCtx`]; whether a post may exist after a failure is said by every [`PlatformError`] it returns.

#[cfg(test)]
mod behaviour;
pub mod files;
pub mod frozen;
mod graph;
pub mod http;
pub mod insight;
mod pages;
pub mod quota;
mod remembered;
mod retract;
pub mod rules;
pub mod settings;
pub mod signin;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::account::{Identity, Tokens};
use domain::capability::{Capability, Quota};
use domain::clock::BoxFut;
use domain::content::{Draft, Media};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::intent::{Armed, IntentRecord, Prepared};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::{SecretBytes, SecretText};
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use url::Url;

pub use files::{next_look, read_whole};

use crate::http::Http;
use crate::insight::Insight;
use crate::quota::{Hint, Seen};
use crate::rules::Row;
use crate::signin::SignIn;

/// A platform's connector.
pub trait Connector: Send + Sync {
    /// Which platform.
    fn platform(&self) -> Platform;

    /// What it takes.
    fn capability(&self) -> &'static Capability {
        Capability::of(self.platform())
    }

    /// Uploads, containers, checks: repeatable and invisible. One bounded step a call; a platform that is still busy
    /// answers [`Preparation::Working`], and the next call gets that handle as `resume`.
    fn prepare<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        draft: &'a Draft,
        part: Part,
        parents: &'a [(Part, RemotePost)],
        resume: Option<&'a SecretBytes>,
    ) -> BoxFut<'a, Result<Preparation, PlatformError>>;

    /// The one irreversible call of this part: sends exactly what was prepared, before the intent's deadline.
    fn send<'a>(&'a self, ctx: &'a SendCtx<'a>, armed: &'a Armed) -> BoxFut<'a, Result<Sent, PlatformError>>;

    /// Read-only: what became of an intent, or of something that was still processing.
    fn check<'a>(&'a self, ctx: &'a SendCtx<'a>, probe: Probe<'a>) -> BoxFut<'a, Result<Finding, PlatformError>>;

    /// The refusals that the platform documents and what they mean, as data.
    fn error_rows(&self) -> Vec<Row> {
        Vec::new()
    }

    /// What an answer tells of the platform's limits; `now` by our clock.
    fn hints(&self, _seen: &Seen, _now: Timestamp) -> Vec<Hint> {
        Vec::new()
    }

    /// Whether the platform can be asked what is left of a quota, with [`Connector::ask_limits`].
    fn tells_limits(&self) -> bool {
        false
    }

    /// Asks the platform what is left of its quotas; repeatable.
    fn ask_limits<'a>(&'a self, _ctx: &'a SendCtx<'a>) -> BoxFut<'a, Result<Vec<Hint>, PlatformError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// How much of a quota a part takes.
    fn weight(&self, quota: &Quota, draft: &Draft, part: Part) -> u32 {
        quota.counts.weight(draft, part)
    }

    /// What accounts share beyond their platform that [`Scope::App`](domain::capability::Scope::App) quotas are counted
    /// by; empty for this server's one app. Nothing secret.
    fn app_of<'a>(&self, _tokens: &'a Tokens) -> &'a str {
        ""
    }

    /// Whether a refusal for too many calls holds for all accounts of the app.
    fn is_about_app(&self, _error: &PlatformError) -> bool {
        false
    }

    /// Takes down a part that is live: one call, safe to repeat, never repeated here. Only where the capability has a
    /// [`domain::capability::RetractRule`]. After an error whose fate is [`domain::error::Fate::NotPublished`] the part
    /// is still there; after any other nobody knows, and asking again finds out.
    fn retract<'a>(
        &'a self,
        _ctx: &'a SendCtx<'a>,
        _part: Part,
        _remote: &'a RemotePost,
    ) -> BoxFut<'a, Result<Retraction, PlatformError>> {
        let platform = self.platform();
        let message = format!("{} takes nothing down through its API", platform.name());
        let refused = PlatformError::refused(platform, Stage::Retract, ErrorKind::Invalid, message);
        Box::pin(async { Err(refused) })
    }

    /// The platform's own id of the post that a public page shows, as a person names it; `None` where pages do not tell
    /// the id, so that the post cannot be answered or taken down by it.
    ///
    /// # Errors
    /// What the address of a post of this account looks like, when this is not one.
    fn remote_id(&self, _account: AccountRef<'_>, _page: &Url) -> Result<Option<String>, String> {
        Ok(None)
    }

    /// Whether this server can read `version` of the connector's prepared bytes, and so send them again.
    fn reads_prepared(&self, version: u16) -> bool;
}

/// What an operator or a flow has in hand to connect an account with.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// An access token or bot token.
    pub token: Option<SecretText>,
    /// A refresh token.
    pub refresh: Option<SecretText>,
    /// A handle, e-mail address or chat id, as the platform wants it.
    pub identifier: Option<String>,
    /// An app password.
    pub password: Option<SecretText>,
    /// When the access token ends, where that is known (an import).
    pub expires_at: Option<Timestamp>,
}

impl Credentials {
    /// What a person entered into the fields of [`signin::Means::Credentials`], by their names; empty ones count as not
    /// entered. The field `server` is not a credential: it becomes [`SignInCtx::base_url`].
    #[must_use]
    pub fn from_inputs(inputs: &BTreeMap<String, String>) -> Self {
        let text = |name: &str| inputs.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        Self {
            token: text("token").map(SecretText::from),
            refresh: text("refresh").map(SecretText::from),
            identifier: text("identifier").map(ToOwned::to_owned),
            password: text("password").map(SecretText::from),
            expires_at: None,
        }
    }

    /// The tokens among them, when there is an access token.
    #[must_use]
    pub fn tokens(&self) -> Option<Tokens> {
        Some(Tokens {
            access: self.token.clone()?,
            refresh: self.refresh.clone(),
            expires_at: self.expires_at,
            ..Tokens::default()
        })
    }
}

/// What working on one part needs.
pub struct SendCtx<'a> {
    /// The account as the platform knows it.
    pub account: AccountRef<'a>,
    /// Its tokens.
    pub tokens: &'a Tokens,
    /// Where the platforms are.
    pub endpoints: &'a Endpoints,
    /// The clients.
    pub http: &'a Http,
    /// The files.
    pub media: &'a dyn MediaSource,
    /// What idempotency keys and record keys of this part are made of: a pure function of the installation's secret, the
    /// post, its revision and the part, never of an attempt.
    pub seed: Seed,
    /// The time at which the step began.
    pub now: Timestamp,
    /// When the post was to go out.
    pub due: Timestamp,
    /// Earlier intents of this part, oldest first.
    pub prior: &'a [IntentRecord],
}

/// The account as a connector needs it.
#[derive(Debug, Clone, Copy)]
pub struct AccountRef<'a> {
    /// The platform's own id.
    pub remote_id: &'a str,
    /// The name that posts appear under.
    pub username: &'a str,
    /// The account's own server.
    pub base_url: Option<&'a str>,
}

impl<'a> From<&'a Identity> for AccountRef<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self {
            remote_id: &identity.remote_id,
            username: &identity.username,
            base_url: identity.base_url.as_deref(),
        }
    }
}

/// 32 bytes that are the same for each send of one part and differ between parts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// The first bytes as a lower-case hex text: an idempotency key.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Stored files, as connectors read them.
pub trait MediaSource: Send + Sync {
    /// The bytes from `offset` on, in order, streamed.
    fn open<'a>(
        &'a self,
        media: &'a Media,
        offset: u64,
    ) -> BoxFut<'a, std::io::Result<BoxStream<'static, std::io::Result<Bytes>>>>;

    /// An unguessable public link that lives until the platform is done, for platforms that fetch files themselves.
    fn public_url(&self, media: &Media) -> Option<Url>;
}

/// What a reply of a thread or a first comment answers to: the part right before the reply, or the head.
///
/// # Errors
/// When that is not live, or not known under the platform's own id: nothing is sent to what stands in for one.
pub fn parent_of(platform: Platform, part: Part, parents: &[(Part, RemotePost)]) -> Result<&RemotePost, PlatformError> {
    let above = match part {
        Part::Reply(n) if n > 1 => Part::Reply(n - 1),
        Part::Head | Part::Reply(_) | Part::FirstComment => Part::Head,
    };
    let invalid = |message| PlatformError::refused(platform, Stage::Prepare, ErrorKind::Invalid, message);
    let is_it = |(other, _): &&(Part, RemotePost)| *other == above;
    match parents.iter().find(is_it) {
        Some((_, remote)) if !remote.is_stand_in => Ok(remote),
        Some(_) => {
            let name = platform.name();
            Err(invalid(format!(
                "The post is live, but it is not known under which id {name} lets it be answered"
            )))
        }
        None => Err(invalid("The post that this part answers is not live".to_owned())),
    }
}

/// How far prepare got.
#[derive(Debug)]
pub enum Preparation {
    /// The irreversible call can be made.
    Ready(Prepared),
    /// A step is done, or the platform is busy; go on at `again_at` (at once when that is not after the context's `now`).
    Working {
        /// What the next call gets as `resume`. A credential: sealed at rest, never logged.
        handle: SecretBytes,
        /// When.
        again_at: Timestamp,
    },
}

/// The answer to the irreversible call.
#[derive(Debug)]
pub enum Sent {
    /// The post exists.
    Live(RemotePost),
    /// The platform took it and works on it; only ever check from here on.
    Processing {
        /// What the check needs.
        handle: SecretBytes,
        /// When to look.
        again_at: Timestamp,
    },
}

/// How a part that was to be taken down is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retraction {
    /// This call took it down.
    TakenDown,
    /// It was gone before, or goes with the part that it hangs on.
    GoneAlready,
}

/// What is to be asked about.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// The part.
    pub part: Part,
    /// The intent whose outcome is unknown, or whose post is known by a stand-in only.
    pub intent: &'a IntentRecord,
    /// The parts before it that are live.
    pub parents: &'a [(Part, RemotePost)],
    /// The handle of a call that was still processing.
    pub handle: Option<&'a SecretBytes>,
    /// Remote ids that already belong to other posts of ours: never the answer.
    pub taken: &'a dyn Taken,
}

/// Tells whether a remote post already belongs to another post of ours.
pub trait Taken: Send + Sync + std::fmt::Debug {
    /// Whether this id of the account is taken.
    fn is_taken<'a>(&'a self, remote_id: &'a str) -> BoxFut<'a, bool>;
}

/// What asking found.
#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    /// It made this post. A stand-in here is final: the platform does not tell the post's own id any more.
    Published(RemotePost),
    /// It made a post that is live, but the platform does not tell yet under which id; ask again then.
    Unnamed {
        /// What stands for the post until then.
        stand_in: RemotePost,
        /// When.
        again_at: Timestamp,
    },
    /// The platform is still working; ask again then.
    StillProcessing {
        /// When.
        again_at: Timestamp,
    },
    /// It is not there now. Counts only when the capability's rule is met.
    Absent,
    /// No question tells, but the same send again will: its answer names the post that is there already. Frees that send
    /// by the same rule as [`Self::Absent`], and proves nothing.
    RepeatTells,
    /// This platform, or this answer, does not tell.
    CannotTell,
}

/// Where the platforms' APIs are. Defaults are the real ones; the operator may point elsewhere, users may not.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// Base URLs that replace the defaults.
    pub overrides: BTreeMap<Platform, Url>,
    /// Client id and secret of this server's app, by platform.
    pub apps: BTreeMap<Platform, App>,
    /// Scopes to ask for beyond those that are always asked for, by platform: what the app was approved for.
    pub scopes: BTreeMap<Platform, Vec<String>>,
}

/// This server's registration at a platform.
#[derive(Debug, Clone)]
pub struct App {
    /// The client id.
    pub id: String,
    /// The client secret.
    pub secret: SecretText,
}

impl Endpoints {
    /// The base URL of a platform without a trailing slash: the operator's, or `default`.
    #[must_use]
    pub fn base(&self, platform: Platform, default: &str) -> String {
        self.overrides
            .get(&platform)
            .map_or(default, Url::as_str)
            .trim_end_matches('/')
            .to_owned()
    }

    /// An address of a platform: the operator's base URL stands in for `origin`, and `path` (with its slash) stays.
    #[must_use]
    pub fn at(&self, platform: Platform, origin: &str, path: &str) -> String {
        format!("{}{path}", self.base(platform, origin))
    }
}

/// The connectors of this server.
#[derive(Clone, Default)]
pub struct Registry {
    connectors: BTreeMap<Platform, Arc<dyn Connector>>,
    sign_ins: BTreeMap<Platform, Arc<dyn SignIn>>,
    insights: BTreeMap<Platform, Arc<dyn Insight>>,
}

impl Registry {
    /// No connectors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sign-in, in place of another of its platform.
    pub fn add_sign_in(&mut self, sign_in: Arc<dyn SignIn>) {
        self.sign_ins.insert(sign_in.platform(), sign_in);
    }

    /// The sign-in of a platform.
    #[must_use]
    pub fn sign_in(&self, platform: Platform) -> Option<&Arc<dyn SignIn>> {
        self.sign_ins.get(&platform)
    }

    /// Every sign-in, in the order of the platforms.
    pub fn sign_ins(&self) -> impl Iterator<Item = &Arc<dyn SignIn>> + '_ {
        self.sign_ins.values()
    }

    /// Adds what is read and done beside publishing, in place of another of its platform.
    pub fn add_insight(&mut self, insight: Arc<dyn Insight>) {
        self.insights.insert(insight.platform(), insight);
    }

    /// What is read and done beside publishing on a platform.
    #[must_use]
    pub fn insight(&self, platform: Platform) -> Option<&Arc<dyn Insight>> {
        self.insights.get(&platform)
    }

    /// Adds a connector, in place of another of its platform.
    pub fn add(&mut self, connector: Arc<dyn Connector>) {
        self.connectors.insert(connector.platform(), connector);
    }

    /// The connector of a platform.
    #[must_use]
    pub fn get(&self, platform: Platform) -> Option<&Arc<dyn Connector>> {
        self.connectors.get(&platform)
    }

    /// The platforms that can be published to.
    pub fn platforms(&self) -> impl Iterator<Item = Platform> + '_ {
        self.connectors.keys().copied()
    }
}

/// One line a platform: its module, its connector where there is one, and its sign-in.
macro_rules! platforms {
    ($($platform:ident => $module:ident: [$($connector:ident)?] $sign_in:ident;)+) => {
        $(pub mod $module;)+

        impl Registry {
            /// Every connector and every sign-in that there is.
            #[must_use]
            pub fn all() -> Self {
                let mut registry = Self::new();
                for platform in Platform::ALL {
                    match platform {
                        $(Platform::$platform => {
                            $(registry.add(Arc::new($module::$connector));)?
                            registry.add_sign_in(Arc::new($module::signin::$sign_in));
                        })+
                    }
                }
                registry.add_insight(Arc::new(bluesky::Bluesky));
                registry.add_insight(Arc::new(linkedin::LinkedIn));
                registry.add_insight(Arc::new(mastodon::Mastodon));
                registry
            }
        }
    };
}

platforms! {
    Bluesky => bluesky: [Bluesky] BlueskySignIn;
    Facebook => facebook: [Facebook] FacebookSignIn;
    GoogleBusiness => googlebusiness: [] GoogleBusinessSignIn;
    Instagram => instagram: [Instagram] InstagramSignIn;
    LinkedIn => linkedin: [LinkedIn] LinkedInSignIn;
    Mastodon => mastodon: [Mastodon] MastodonSignIn;
    Pinterest => pinterest: [] PinterestSignIn;
    Reddit => reddit: [] RedditSignIn;
    Snapchat => snapchat: [] SnapchatSignIn;
    Telegram => telegram: [Telegram] TelegramSignIn;
    Threads => threads: [Threads] ThreadsSignIn;
    TikTok => tiktok: [] TikTokSignIn;
    X => x: [X] XSignIn;
    YouTube => youtube: [] YouTubeSignIn;
} // The last line of the list.

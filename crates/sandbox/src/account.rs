//! Accounts of the emulated platforms, and the tokens that stand for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::fault::{Class, Picked, Rule, Script};
use crate::limits::{Window, WindowView};

/// An account to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSandboxAccount {
    /// The platform.
    pub platform: Platform,
    /// The account's name there, without `@`; for Telegram the channel's username, for Bluesky the full handle.
    pub handle: String,
    /// The platform's id of the account; made up when absent. An id that exists gets a fresh token and this script,
    /// and keeps its posts. For Telegram it is the numeric chat id, for Bluesky the DID.
    #[serde(default)]
    pub remote_id: Option<String>,
    /// Whether the account lives on the stand-in protocol rather than on the platform's own emulator. Platforms
    /// without an emulator always do.
    #[serde(default)]
    pub stand_in: bool,
    /// What goes wrong for this account.
    #[serde(default)]
    pub script: Vec<Rule>,
}

impl NewSandboxAccount {
    /// An account without faults.
    #[must_use]
    pub fn new(platform: Platform, handle: &str) -> Self {
        Self {
            platform,
            handle: handle.to_owned(),
            remote_id: None,
            stand_in: false,
            script: Vec::new(),
        }
    }

    /// The same account with this script.
    #[must_use]
    pub fn with_script(mut self, script: Vec<Rule>) -> Self {
        self.script = script;
        self
    }
}

/// What a client needs to use an account. Printing it does not show its tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSeed {
    /// The platform.
    pub platform: Platform,
    /// The account's id on the platform.
    pub remote_id: String,
    /// The account's name on the platform.
    pub handle: String,
    /// The access token; for Telegram the bot token, for Bluesky an access JWT.
    pub token: String,
    /// The refresh token, where the platform has one.
    pub refresh_token: Option<String>,
    /// Bluesky's app password.
    pub password: Option<String>,
    /// When the access token ends, where it does.
    pub expires_at: Option<Timestamp>,
    /// Where the platform's API is.
    pub base_url: Url,
}

impl std::fmt::Debug for AccountSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountSeed")
            .field("platform", &self.platform)
            .field("remote_id", &self.remote_id)
            .field("handle", &self.handle)
            .field("expires_at", &self.expires_at)
            .field("base_url", &self.base_url.as_str())
            .finish_non_exhaustive()
    }
}

/// What a secret is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenUse {
    Access,
    Refresh,
    Password,
}

/// An account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) platform: Platform,
    pub(crate) remote_id: String,
    pub(crate) handle: String,
    pub(crate) stand_in: bool,
    pub(crate) since: Timestamp,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    script: Script,
    requests: Window,
    posts: Window,
}

impl Account {
    pub(crate) fn new(new: &NewSandboxAccount, remote_id: String, stand_in: bool, since: Timestamp) -> Self {
        Self {
            platform: new.platform,
            remote_id,
            handle: new.handle.clone(),
            stand_in,
            since,
            inner: Mutex::new(Inner {
                script: Script::new(new.script.clone()),
                requests: Window::requests(),
                posts: Window::posts(),
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_rules(&self, rules: Vec<Rule>) {
        self.inner().script.extend(rules);
    }

    /// A fresh start: this script, and windows of which nothing is used. Owners who connect the same account one after
    /// the other do not use up each other's windows.
    pub(crate) fn start_anew(&self, rules: Vec<Rule>) {
        let mut inner = self.inner();
        inner.script.clear();
        inner.script.extend(rules);
        (inner.requests, inner.posts) = (Window::requests(), Window::posts());
    }

    pub(crate) fn pick(&self, class: Class, text: &str, picked: &mut Picked) {
        self.inner().script.pick(class, text, picked);
    }

    /// Counts a request against the account's windows; the view is of the window that says the most.
    pub(crate) fn take(&self, class: Class, now: Timestamp) -> (WindowView, bool) {
        let mut inner = self.inner();
        let requests = inner.requests.take(now);
        if class == Class::Create && requests.1 {
            inner.posts.take(now)
        } else {
            requests
        }
    }
}

#[derive(Debug, Clone)]
struct Token {
    account: Arc<Account>,
    usage: TokenUse,
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    dead: bool,
}

/// What a presented token turned out to be.
#[derive(Debug, Clone)]
pub(crate) enum Holder {
    /// A good token of this account.
    Good(Arc<Account>),
    /// A token of this account that has ended or was spent.
    Expired(Arc<Account>),
    /// Nobody's.
    Unknown,
}

impl Holder {
    /// The account, whether or not the token is still good.
    pub(crate) fn account(&self) -> Option<&Arc<Account>> {
        match self {
            Self::Good(account) | Self::Expired(account) => Some(account),
            Self::Unknown => None,
        }
    }
}

/// All accounts with their tokens.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    by_id: HashMap<(Platform, String), Arc<Account>>,
    by_handle: HashMap<(Platform, String), Arc<Account>>,
    tokens: HashMap<String, Token>,
    /// The tokens of an account, so that the ended ones can be dropped when a new one is issued.
    issued: HashMap<(Platform, String), Vec<String>>,
}

/// How long an ended token is remembered as "expired" rather than "unknown".
const REMEMBER_ENDED: SignedDuration = SignedDuration::from_hours(24);

impl Accounts {
    pub(crate) fn insert(&mut self, account: Arc<Account>) {
        self.by_handle
            .insert((account.platform, account.handle.to_lowercase()), Arc::clone(&account));
        self.by_id
            .insert((account.platform, account.remote_id.clone()), account);
    }

    pub(crate) fn by_id(&self, platform: Platform, remote_id: &str) -> Option<Arc<Account>> {
        self.by_id.get(&(platform, remote_id.to_owned())).cloned()
    }

    pub(crate) fn by_handle(&self, platform: Platform, handle: &str) -> Option<Arc<Account>> {
        self.by_handle.get(&(platform, handle.to_lowercase())).cloned()
    }

    /// Lets `secret` stand for `account`, and drops what ended long ago.
    pub(crate) fn issue(
        &mut self,
        secret: String,
        account: Arc<Account>,
        usage: TokenUse,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        let key = (account.platform, account.remote_id.clone());
        let issued = self.issued.entry(key).or_default();
        let tokens = &mut self.tokens;
        issued.retain(|secret| {
            let ended = |token: &Token| {
                token
                    .expires_at
                    .is_some_and(|at| now.duration_since(at) > REMEMBER_ENDED)
            };
            let gone = tokens.get(secret).is_none_or(ended);
            if gone {
                tokens.remove(secret);
            }
            !gone
        });
        issued.push(secret.clone());
        tokens.insert(
            secret,
            Token {
                account,
                usage,
                issued_at: now,
                expires_at,
                dead: false,
            },
        );
    }

    /// Whose token this is.
    pub(crate) fn holder(&self, platform: Platform, secret: &str, usage: TokenUse, now: Timestamp) -> Holder {
        match self.tokens.get(secret) {
            Some(token) if token.account.platform == platform && token.usage == usage => {
                if token.dead || token.expires_at.is_some_and(|at| at <= now) {
                    Holder::Expired(Arc::clone(&token.account))
                } else {
                    Holder::Good(Arc::clone(&token.account))
                }
            }
            _ => Holder::Unknown,
        }
    }

    /// When a token was issued.
    pub(crate) fn issued_at(&self, secret: &str) -> Option<Timestamp> {
        self.tokens.get(secret).map(|token| token.issued_at)
    }

    /// Ends a token now.
    pub(crate) fn kill(&mut self, secret: &str, now: Timestamp) {
        if let Some(token) = self.tokens.get_mut(secret) {
            token.dead = true;
            token.expires_at = Some(token.expires_at.map_or(now, |at| at.min(now)));
        }
    }

    /// Lets a token end at `at`, if it would have lived longer.
    pub(crate) fn end_at(&mut self, secret: &str, at: Timestamp) {
        if let Some(token) = self.tokens.get_mut(secret) {
            token.expires_at = Some(token.expires_at.map_or(at, |ends| ends.min(at)));
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

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
    /// The platform's id of the account; made up when absent. An id that exists keeps its posts and gets a fresh
    /// token, which this script is for; older tokens keep theirs. For Telegram it is the numeric chat id, for Bluesky the DID.
    #[serde(default)]
    pub remote_id: Option<String>,
    /// Whether the account lives on the stand-in protocol rather than on the platform's own emulator. Platforms
    /// without an emulator always do.
    #[serde(default)]
    pub stand_in: bool,
    /// What goes wrong for this account.
    #[serde(default)]
    pub script: Vec<Rule>,
    /// What its token may do, in the platform's own words; the platform's most usual grant when absent. Only platforms
    /// whose refusals depend on it look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
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
            scopes: None,
        }
    }

    /// The same account, whose token may do just this.
    #[must_use]
    pub fn with_scopes(mut self, scopes: &[&str]) -> Self {
        self.scopes = Some(scopes.iter().map(|scope| (*scope).to_owned()).collect());
        self
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
    /// An authorization code on its way to the token endpoint.
    Code,
    /// The secret in the address that a file is uploaded to.
    Upload,
}

/// What somebody allowed an app to do. All tokens of one sign-in share it.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) serial: u64,
    /// The app's client id.
    pub(crate) app: String,
    pub(crate) scopes: Vec<String>,
    /// The scopes that were asked for and refused.
    pub(crate) declined: Vec<String>,
    /// What else the tokens may act for: a person's pages, a member's organizations, the locations of a business.
    pub(crate) targets: Vec<Arc<Account>>,
    /// The thumbprint of the key that the tokens are bound to (RFC 9449).
    pub(crate) proof_key: Option<String>,
}

impl Grant {
    /// The same, bound to this key.
    pub(crate) fn bound_to(&self, proof_key: Option<String>) -> Self {
        Self {
            serial: self.serial,
            app: self.app.clone(),
            scopes: self.scopes.clone(),
            declined: self.declined.clone(),
            targets: self.targets.clone(),
            proof_key,
        }
    }

    /// Whether one of these scopes was granted.
    pub(crate) fn has_any(&self, scopes: &[&str]) -> bool {
        self.scopes.iter().any(|granted| scopes.contains(&granted.as_str()))
    }
}

/// An account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) platform: Platform,
    pub(crate) remote_id: String,
    pub(crate) handle: String,
    pub(crate) stand_in: bool,
    /// Whether this is somebody who owns accounts rather than an account that posts.
    pub(crate) is_person: bool,
    pub(crate) since: Timestamp,
    /// What the sandbox is told of the account while it runs: it meets everybody who is connected to it.
    rules: Arc<Mutex<Script>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    script: Script,
    scopes: Option<Vec<String>>,
    requests: Window,
    posts: Window,
    /// Requests by resource, with the UTC day that they are of.
    of_day: HashMap<&'static str, (i64, u64)>,
    fresh_since: Timestamp,
}

impl Account {
    pub(crate) fn new(new: &NewSandboxAccount, remote_id: String, stand_in: bool, since: Timestamp) -> Self {
        Self {
            platform: new.platform,
            remote_id,
            handle: new.handle.clone(),
            stand_in,
            is_person: false,
            since,
            rules: Arc::new(Mutex::new(Script::new(Vec::new()))),
            inner: Mutex::new(Inner {
                script: Script::new(new.script.clone()),
                scopes: new.scopes.clone(),
                requests: Window::requests(),
                posts: Window::posts(),
                of_day: HashMap::new(),
                fresh_since: since,
            }),
        }
    }

    /// Somebody who owns accounts of a platform without being one of them, such as the user behind a Facebook page.
    pub(crate) fn person(platform: Platform, name: &str, remote_id: String, since: Timestamp) -> Self {
        let person = Self::new(&NewSandboxAccount::new(platform, name), remote_id, false, since);
        Self {
            is_person: true,
            ..person
        }
    }

    /// The name of the person whose account this is: the handle up to its first `.`, `-`, `_` or space.
    pub(crate) fn owner(&self) -> String {
        let first = self.handle.split(['.', '-', '_', ' ']).next();
        first.unwrap_or_default().to_lowercase()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rules(&self) -> MutexGuard<'_, Script> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add_rules(&self, rules: Vec<Rule>) {
        self.rules().extend(rules);
    }

    /// Whether a token of the account may do this; `usual` is what tokens may do of which nothing was said.
    pub(crate) fn may(&self, scope: &str, usual: &[&str]) -> bool {
        match &self.inner().scopes {
            Some(scopes) => scopes.iter().any(|granted| granted == scope),
            None => usual.contains(&scope),
        }
    }

    /// The same account for whoever connects it anew: with a script, scopes and windows of its own, so that owners of
    /// one account do not use up each other's windows or meet each other's faults.
    pub(crate) fn connected_anew(&self, new: &NewSandboxAccount, now: Timestamp) -> Self {
        // What it was told of is over with that, such as a sign-in that was taken back.
        self.rules().clear();
        let anew = Self::new(new, self.remote_id.clone(), self.stand_in, self.since);
        anew.inner().fresh_since = now;
        Self {
            handle: self.handle.clone(),
            is_person: self.is_person,
            rules: Arc::clone(&self.rules),
            ..anew
        }
    }

    /// A fresh start without rules, and with windows of which nothing is used.
    pub(crate) fn start_anew(&self, now: Timestamp) {
        self.rules().clear();
        let mut inner = self.inner();
        inner.script.clear();
        (inner.requests, inner.posts) = (Window::requests(), Window::posts());
        inner.of_day.clear();
        inner.fresh_since = now;
    }

    /// When the account was made or last connected anew: what counts against its quotas begins there.
    pub(crate) fn fresh_since(&self) -> Timestamp {
        self.inner().fresh_since
    }

    /// Counts a request against what a resource allows in a UTC day; the answer is whether it was within.
    pub(crate) fn take_of_day(&self, resource: &'static str, max: u64, now: Timestamp) -> bool {
        let today = now.as_second().div_euclid(24 * 3_600);
        let mut inner = self.inner();
        let (day, used) = inner.of_day.entry(resource).or_default();
        if *day != today {
            (*day, *used) = (today, 0);
        }
        *used += 1;
        *used <= max
    }

    pub(crate) fn pick(&self, class: Class, text: &str, picked: &mut Picked) {
        self.inner().script.pick(class, text, picked);
        self.rules().pick(class, text, picked);
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
    grant: Option<Arc<Grant>>,
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
    people: HashMap<(Platform, String), Arc<Account>>,
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

    /// The accounts of a platform, by handle; people are none.
    pub(crate) fn of_platform(&self, platform: Platform) -> Vec<Arc<Account>> {
        let of_platform = self.by_id.values().filter(|account| account.platform == platform);
        let mut found: Vec<_> = of_platform.filter(|account| !account.is_person).cloned().collect();
        found.sort_by(|one, other| (&one.handle, &one.remote_id).cmp(&(&other.handle, &other.remote_id)));
        found
    }

    /// The person of this name, made by `make` when there is none yet.
    pub(crate) fn person(&mut self, platform: Platform, name: &str, make: impl FnOnce() -> Account) -> Arc<Account> {
        let known = self.people.entry((platform, name.to_owned()));
        let person = Arc::clone(known.or_insert_with(|| Arc::new(make())));
        self.by_id
            .insert((platform, person.remote_id.clone()), Arc::clone(&person));
        person
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
        grant: Option<Arc<Grant>>,
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
                grant,
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

    /// What a token was granted for; none for those that came with the account.
    pub(crate) fn grant_of(&self, secret: &str) -> Option<Arc<Grant>> {
        self.tokens.get(secret)?.grant.clone()
    }

    /// Whether this is a refresh token.
    pub(crate) fn is_refresh(&self, secret: &str) -> bool {
        let known = self.tokens.get(secret);
        known.is_some_and(|token| token.usage == TokenUse::Refresh)
    }

    /// Whether the app has a living refresh token of this account.
    pub(crate) fn has_refresh(&self, account: &Account, app: &str, now: Timestamp) -> bool {
        let of_app = |grant: &Arc<Grant>| grant.app == app;
        self.tokens.values().any(|token| {
            token.usage == TokenUse::Refresh
                && token.account.platform == account.platform
                && token.account.remote_id == account.remote_id
                && !token.dead
                && token.expires_at.is_none_or(|at| at > now)
                && token.grant.as_ref().is_some_and(of_app)
        })
    }

    /// Every token and password that is known, those that ended lately included.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.tokens.keys().cloned().collect()
    }

    /// The accounts that tokens stand for, with what the tokens were granted for.
    pub(crate) fn holders(&self) -> impl Iterator<Item = (Arc<Account>, Option<Arc<Grant>>)> {
        let tokens = self.tokens.values();
        tokens.map(|token| (Arc::clone(&token.account), token.grant.clone()))
    }

    /// When a token ends, if it does.
    pub(crate) fn ends_at(&self, secret: &str) -> Option<Timestamp> {
        self.tokens.get(secret)?.expires_at
    }

    /// Ends the living tokens that `chosen` picks, and says how many.
    pub(crate) fn end_all(
        &mut self,
        now: Timestamp,
        chosen: impl Fn(&Account, TokenUse, Option<&Grant>) -> bool,
    ) -> usize {
        let mut ended = 0;
        for token in self.tokens.values_mut() {
            let lives = !token.dead && token.expires_at.is_none_or(|at| at > now);
            if lives && chosen(&token.account, token.usage, token.grant.as_deref()) {
                token.dead = true;
                token.expires_at = Some(now);
                ended += 1;
            }
        }
        ended
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

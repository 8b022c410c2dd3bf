//! Exchanging tokens: a write protocol, as publishing is one.
//!
//! What must stay true:
//! - One exchange of an account's tokens at a time, and none while one of its sends is under way: both take the
//!   account's gate, and whoever waited uses what the first one got, good or bad.
//! - An exchange is durable before the platform is asked, and new tokens are durable before anybody uses them.
//! - An exchange whose answer was lost (the process died, or the platform did not answer) may have spent a rotating
//!   refresh token. The access token at hand is used until it ends; then the old refresh token is tried once more, and
//!   its refusal means that a person must connect the account again.
//! - Rotating tokens are not exchanged ahead of their end while an intent is open: they may be needed to ask for it.

use std::sync::Arc;

use connectors::signin::{NO_ANSWER, SignIn};
use domain::account::{Account, AccountHealth, Tokens};
use domain::capability::Capability;
use domain::error::{ErrorKind, Fate, PlatformError, Retry, Stage, When};
use domain::ids::AccountId;
use domain::log::LogEntry;
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use store::{AccountNote, Refreshed};

use crate::Engine;
use crate::accounts::{entries, schedule};
use crate::context::{Desk, Halt};
use crate::gate::{AccountGate, InUse};
use crate::points::CrashPoint;
use crate::scrub::scrub;

/// How long an exchange ahead of its time waits for open intents to be settled.
const INTENTS_WAIT: SignedDuration = SignedDuration::from_secs(30);

/// New tokens that the store did not take are offered to it again for so long: a shutdown waits no longer.
const FINISH_FOR: SignedDuration = SignedDuration::from_secs(60);

/// The pause between two such tries.
const FINISH_PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// Why tokens are to be exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// They have ended or were refused.
    Needed,
    /// They end soon.
    Ahead,
    /// A person asks for it: even tokens that were given up are tried.
    Asked,
}

/// What became of an account's tokens.
#[derive(Debug)]
pub(crate) enum Renewal {
    /// They can be used, exchanged now or by somebody else meanwhile.
    Usable(Box<(Account, Tokens)>),
    /// They were not exchanged.
    Failed(Box<PlatformError>),
    /// They are exchanged later; the present ones are good until then.
    Later,
}

/// Whether an account's access token has ended, as far as was told.
pub(crate) fn has_ended(account: &Account, now: Timestamp) -> bool {
    account.token_expires_at.is_some_and(|at| at <= now)
}

/// Whether an account's tokens are to be exchanged before they are used. An access token may outlive its refresh token;
/// one that has ended too needs a person, as the exchange says without asking anybody.
pub(crate) fn is_needed(account: &Account, now: Timestamp) -> bool {
    let ended = has_ended(account, now);
    match account.health {
        AccountHealth::Ok | AccountHealth::ReconnectNeeded => ended,
        AccountHealth::RefreshNeeded => true,
    }
}

/// Makes sure that the desk holds tokens that can be used, exchanging them when they have ended or were refused.
///
/// The inner error is the platform's, or ours: the account must be connected again.
pub(crate) async fn ensure_fresh(engine: &Engine, desk: &mut Desk) -> Result<Result<(), PlatformError>, Halt> {
    if !is_needed(&desk.account, engine.clock.now()) {
        return Ok(Ok(()));
    }
    match renew(engine, &desk.account, Why::Needed).await? {
        Renewal::Usable(newest) => (desk.account, desk.tokens) = *newest,
        Renewal::Failed(error) => return Ok(Err(*error)),
        Renewal::Later => {}
    }
    Ok(Ok(()))
}

/// Keeps the desk's tokens from being exchanged until the guard is dropped, and takes newer ones if there are any.
pub(crate) async fn hold(engine: &Engine, desk: &mut Desk) -> Result<InUse, Halt> {
    let gate = gate(engine, desk.account.id, desk.account.platform);
    let in_use = Arc::clone(&gate).use_tokens().await;
    if gate.has_newer(desk.account.token_version)
        && let Some(account) = engine.store.account(desk.account.id).await?
    {
        desk.tokens = engine.store.tokens(account.id).await?.unwrap_or_default();
        desk.account = account;
    }
    Ok(in_use)
}

pub(crate) fn gate(engine: &Engine, account: AccountId, platform: Platform) -> Arc<AccountGate> {
    engine.gate(account, Capability::of(platform).pace.in_flight_max)
}

/// Exchanges an account's tokens, unless somebody else has done so since `account` was read.
pub(crate) async fn renew(engine: &Engine, account: &Account, why: Why) -> Result<Renewal, Halt> {
    let (waiting, engine) = (engine.clone(), engine.clone());
    let (id, platform, seen) = (account.id, account.platform, account.token_version);
    // A task of its own: whoever waits for it may go away, and an answer that nobody reads costs a rotating token.
    let task = waiting
        .work
        .spawn(async move { renew_alone(&engine, id, platform, seen, why).await });
    match task.await {
        Ok(renewal) => renewal,
        Err(error) if error.is_panic() => broke_down(&waiting, id, seen).await,
        Err(_) => Err(Halt::Stopped),
    }
}

/// An exchange panicked: its account is put off, and nothing else stops. Whether a rotating token was spent is unknown.
async fn broke_down(engine: &Engine, id: AccountId, seen: u32) -> Result<Renewal, Halt> {
    tracing::error!(account = %id, "the exchange of its tokens panicked; it is tried again later");
    let Some(account) = engine.store.account(id).await? else {
        return Err(Halt::Stopped);
    };
    let now = engine.clock.now();
    let message = "The exchange of the token broke down in this server; its log says more";
    let error = PlatformError::refused(account.platform, Stage::Refresh, ErrorKind::Protocol, message)
        .with_retry(Retry::BACKOFF);
    let again = engine.with_rng(|rng| schedule::retry_at(account.token_expires_at, now, rng));
    let entry = entries::refresh_failed(&account, &error, now, false);
    engine.store.put_off_refresh(id, Some(again), Some(entry)).await?;
    gate(engine, id, account.platform).exchanged(seen, Some(error.clone()), now);
    Ok(Renewal::Failed(Box::new(error)))
}

async fn renew_alone(engine: &Engine, id: AccountId, platform: Platform, seen: u32, why: Why) -> Result<Renewal, Halt> {
    let gate = gate(engine, id, platform);
    let exchanges = gate.exchanges();
    let _alone = gate.exchange_tokens().await;
    let Some(account) = engine.store.account(id).await? else {
        return Ok(Renewal::Failed(Box::new(reconnect(platform))));
    };
    let tokens = engine.store.tokens(id).await?.unwrap_or_default();
    if account.token_version != seen {
        return Ok(Renewal::Usable(Box::new((account, tokens))));
    }
    let just_now = || gate.failure_at(engine.clock.now(), seen).filter(|_| why == Why::Needed);
    if let Some(error) = gate.failure_since(exchanges, seen).or_else(just_now) {
        return Ok(Renewal::Failed(Box::new(error)));
    }
    if account.health == AccountHealth::ReconnectNeeded && why != Why::Asked {
        return Ok(Renewal::Failed(Box::new(reconnect(platform))));
    }
    let Some(sign_in) = engine.connectors.sign_in(platform).map(Arc::clone) else {
        return Ok(Renewal::Failed(Box::new(reconnect(platform))));
    };
    let exchange = Exchange {
        engine,
        gate: &gate,
        sign_in,
        account,
        tokens,
    };
    exchange.run(why).await
}

/// An exchange by whoever holds the account's gate.
struct Exchange<'a> {
    engine: &'a Engine,
    gate: &'a AccountGate,
    sign_in: Arc<dyn SignIn>,
    account: Account,
    tokens: Tokens,
}

impl Exchange<'_> {
    async fn run(self, why: Why) -> Result<Renewal, Halt> {
        let (engine, id, version) = (self.engine, self.account.id, self.account.token_version);
        let now = engine.clock.now();
        if why == Why::Ahead && self.must_wait(now).await? {
            return Ok(Renewal::Later);
        }
        let app = engine.app_of(&self.account).await?;
        let base_url = self.account.identity.base_url.as_deref();
        let ctx = engine.sign_in_ctx(base_url, app.as_ref(), now);
        let can = self.sign_in.facts().refresh.can_refresh(&self.tokens);
        let Some(asking) = self.sign_in.refresh(ctx, &self.tokens).filter(|_| can) else {
            return self.refused(reconnect(self.account.platform), now).await;
        };
        if !engine.store.begin_refresh(id, version, now).await? {
            if let Some(newer) = self.newer().await? {
                return Ok(newer);
            }
            tracing::warn!(account = %id, "an earlier exchange of this token did not end; trying the old one once more");
        }
        engine.points.reach(CrashPoint::RefreshBegun, self.account.platform)?;
        let answer = asking.await.map_err(|error| scrub(&self.tokens, error));
        engine
            .points
            .reach(CrashPoint::RefreshAnswered, self.account.platform)?;
        let renewal = match answer {
            Ok(new) => self.renewed(new, engine.clock.now().duration_since(now)).await?,
            Err(error) => self.failed(error).await?,
        };
        engine.points.reach(CrashPoint::RefreshDurable, self.account.platform)?;
        Ok(renewal)
    }

    /// Whether rotating tokens are better left alone for now; says when they are looked at again.
    async fn must_wait(&self, now: Timestamp) -> Result<bool, Halt> {
        let (store, account) = (&self.engine.store, &self.account);
        let is_good = account.health == AccountHealth::Ok && !has_ended(account, now);
        if !is_good || !self.rotates() {
            return Ok(false);
        }
        let end = account.token_expires_at;
        if store.has_open_intents(account.id).await? {
            let soon = now.saturating_add(INTENTS_WAIT).unwrap_or(Timestamp::MAX);
            let at = end.map_or(soon, |end| end.min(soon));
            store.put_off_refresh(account.id, Some(at), None).await?;
            return Ok(true);
        }
        let Some(lost) = store.unfinished_refresh(account.id).await? else {
            return Ok(false);
        };
        let entry = entries::refresh_lost(account, lost.begun_at, now);
        store.put_off_refresh(account.id, end, Some(entry)).await?;
        Ok(true)
    }

    fn rotates(&self) -> bool {
        self.sign_in.facts().refresh.rotates
    }

    /// The account and its tokens, if they are newer than those of this exchange.
    async fn newer(&self) -> Result<Option<Renewal>, Halt> {
        let Some(account) = self.engine.store.account(self.account.id).await? else {
            return Ok(None);
        };
        if account.token_version == self.account.token_version {
            return Ok(None);
        }
        let tokens = self.engine.store.tokens(account.id).await?.unwrap_or_default();
        self.gate.made(account.token_version);
        Ok(Some(Renewal::Usable(Box::new((account, tokens)))))
    }

    /// New tokens came: they are durable before they are used.
    async fn renewed(&self, mut new: Tokens, took: SignedDuration) -> Result<Renewal, Halt> {
        let (engine, account) = (self.engine, &self.account);
        let now = engine.clock.now();
        if new.refresh.as_ref().is_none_or(|refresh| refresh.expose().is_empty()) {
            new.refresh.clone_from(&self.tokens.refresh);
            new.refresh_expires_at = new.refresh_expires_at.or(self.tokens.refresh_expires_at);
        }
        let facts = &self.sign_in.facts().refresh;
        let next = engine.with_rng(|rng| schedule::first_look(facts, &new, now, rng));
        let entry = entries::refreshed(account, &new, now, took);
        let end = Refreshed::Renewed(new);
        let version = account.token_version;
        self.finish(end, next, entry).await?;
        self.gate.exchanged(version, None, now);
        match self.newer().await? {
            Some(newer) => Ok(newer),
            // It was disconnected meanwhile.
            None => Ok(Renewal::Failed(Box::new(reconnect(account.platform)))),
        }
    }

    /// Makes the new tokens durable. While the store does not answer it is asked again: the platform may have taken the
    /// old tokens back, and a second end of the same exchange changes nothing.
    async fn finish(&self, end: Refreshed, next: Option<Timestamp>, entry: LogEntry) -> Result<(), Halt> {
        let (engine, id, version) = (self.engine, self.account.id, self.account.token_version);
        let later = |at: Timestamp, by| at.saturating_add(by).unwrap_or(Timestamp::MAX);
        let until = later(engine.clock.now(), FINISH_FOR);
        loop {
            let ended = engine
                .store
                .finish_refresh(id, version, end.clone(), next, entry.clone())
                .await;
            let again = later(engine.clock.now(), FINISH_PAUSE);
            match ended {
                Err(store::Error::Unavailable(reason)) if again <= until => {
                    tracing::warn!(account = %id, %reason, "new tokens could not be written down; trying again");
                    engine.clock.sleep_until(again).await;
                }
                ended => return Ok(ended?),
            }
        }
    }

    /// The platform refused, or did not answer, or cannot just now.
    async fn failed(&self, error: PlatformError) -> Result<Renewal, Halt> {
        let (engine, account) = (self.engine, &self.account);
        let now = engine.clock.now();
        // Whatever happened here, no post came of it.
        let error = error.with_fate(Fate::NotPublished);
        let may_be_spent = error.code.as_deref() == Some(NO_ANSWER) || error.kind == ErrorKind::Protocol;
        let is_known = !(self.rotates() && may_be_spent);
        if is_known && !error.kind.is_transient() && error.kind != ErrorKind::OperatorConfig {
            return self.refused(error, now).await;
        }
        let ended = has_ended(account, now) || account.health != AccountHealth::Ok;
        let again = self.again_at(&error, now);
        let entry = entries::refresh_failed(account, &error, now, is_known);
        if is_known {
            let store = &engine.store;
            let (version, end) = (account.token_version, Refreshed::NotMade);
            store
                .finish_refresh(account.id, version, end, Some(again), entry)
                .await?;
        } else {
            let at = account.token_expires_at.filter(|_| !ended).unwrap_or(again);
            engine.store.put_off_refresh(account.id, Some(at), Some(entry)).await?;
        }
        let note = AccountNote {
            // A token that has ended and cannot be replaced just now is no healthy one.
            health: (ended && account.health == AccountHealth::Ok).then_some(AccountHealth::RefreshNeeded),
            // A token that is only too young to be exchanged is no fault of the account.
            error: (error.kind != ErrorKind::NotReady).then(|| error.summary(now)),
            of_version: Some(account.token_version),
            ..AccountNote::default()
        };
        engine.store.note_account(account.id, note).await?;
        self.gate.exchanged(account.token_version, Some(error.clone()), now);
        Ok(Renewal::Failed(Box::new(error)))
    }

    /// When an exchange that was not made is tried again.
    fn again_at(&self, error: &PlatformError, now: Timestamp) -> Timestamp {
        let ends = self.account.token_expires_at;
        let again = self.engine.with_rng(|rng| schedule::retry_at(ends, now, rng));
        match error.retry.when {
            When::NotBefore(at) => at.max(now),
            When::After(wait) => now.saturating_add(wait).unwrap_or(again),
            _ => again,
        }
    }

    /// Only a person can help.
    async fn refused(&self, error: PlatformError, now: Timestamp) -> Result<Renewal, Halt> {
        let (engine, account) = (self.engine, &self.account);
        let version = account.token_version;
        let entry = entries::reconnect_needed(account, &error, now);
        let end = Refreshed::Refused;
        engine
            .store
            .finish_refresh(account.id, version, end, None, entry)
            .await?;
        let note = AccountNote {
            error: Some(error.summary(now)),
            of_version: Some(version),
            ..AccountNote::default()
        };
        engine.store.note_account(account.id, note).await?;
        self.gate.gives_up(version);
        let error = PlatformError {
            kind: ErrorKind::Auth,
            retry: Retry::when(When::AfterReconnect),
            ..error
        };
        self.gate.exchanged(version, Some(error.clone()), now);
        Ok(Renewal::Failed(Box::new(error)))
    }
}

/// The error of tokens that only a person can replace.
pub(crate) fn reconnect(platform: Platform) -> PlatformError {
    let message = format!(
        "The {} token has ended and cannot be renewed; connect the account again",
        platform.name()
    );
    PlatformError::refused(platform, Stage::Refresh, ErrorKind::Auth, message)
        .with_retry(Retry::when(When::AfterReconnect))
}

//! What follows a refusal: another try by the policy, a wait for a person, or the end.

use domain::account::AccountHealth;
use domain::error::{ErrorKind, PlatformError, When};
use domain::intent::Claim;
use domain::log::LogEntry;
use domain::post::{Event, PostState};
use domain::retry::{Decision, Tried};
use jiff::{SignedDuration, Timestamp};
use store::{AccountNote, Release, Resume};

use crate::context::Desk;
use crate::{Engine, comment, doubt, record};

/// Fills in what follows a send that certainly published nothing.
pub(crate) fn decide(
    engine: &Engine,
    claim: &Claim,
    desk: &Desk,
    error: &PlatformError,
    release: &mut Release,
    took: Option<SignedDuration>,
) {
    let (now, tried) = (release.at, tried(engine, claim, desk));
    let decision = engine.with_rng(|rng| engine.settings.retry.decide(error, tried, now, rng));
    let summary = error.summary(now);
    let (event, entry, health) = match decision {
        Decision::RetryAt(at) => (
            Event::RetryAt {
                at,
                error: summary.clone(),
            },
            Some(record::retrying(claim, error, now, at)),
            None,
        ),
        Decision::Refresh => (
            Event::RetryAt {
                at: now,
                error: summary.clone(),
            },
            Some(record::retrying(claim, error, now, now)),
            Some(AccountHealth::RefreshNeeded),
        ),
        Decision::Fail | Decision::Reconcile => {
            let health = (error.kind == ErrorKind::Auth).then_some(AccountHealth::ReconnectNeeded);
            let (event, entry) = match reconnect_awaited_until(engine, claim, error, now) {
                Some(at) => waits_for_reconnect(claim, error, release, at),
                None => {
                    let told = std::mem::take(&mut release.intents);
                    let end = doubt::end(claim, (&desk.work, told), desk.parts_live(), error, (now, took));
                    release.intents = end.intents;
                    (end.event, Some(end.entry))
                }
            };
            (event, entry, health)
        }
    };
    note_refusal(engine, claim, error, &event);
    let (event, entry) = match live_all_the_same(claim, desk, error, &event, now) {
        Some(end) => {
            release.intents = end.intents;
            (end.event, end.log.into_iter().next())
        }
        None => (event, entry),
    };
    release.resume = match error.retry.from {
        domain::error::From::Send => Resume::Keep,
        domain::error::From::Prepare => Resume::Clear,
    };
    release.account = Some(AccountNote {
        health,
        success_at: None,
        error: Some(summary),
        // Tokens that came since are not to blame.
        of_version: Some(desk.account.token_version),
    });
    release.event = event;
    release.log.extend(entry);
    if health == Some(AccountHealth::ReconnectNeeded) {
        release.log.extend(given_up(engine, desk, error, now));
    }
}

/// The end of a post that lacks nothing but its first comment, unless that is tried again soon.
fn live_all_the_same(
    claim: &Claim,
    desk: &Desk,
    error: &PlatformError,
    event: &Event,
    now: Timestamp,
) -> Option<Release> {
    let awaited_until = comment::awaited_until(desk, now)?;
    if matches!(event, Event::RetryAt { at, .. } if *at <= awaited_until) {
        return None;
    }
    comment::given_up(claim, desk, error, now)
}

/// Counts a refusal, and lets the account rest after one for too many calls.
fn note_refusal(engine: &Engine, claim: &Claim, error: &PlatformError, event: &Event) {
    let outcome = match event {
        Event::Failed { .. } => "failed",
        Event::GaveUp { .. } => "unconfirmed",
        _ => "retry",
    };
    engine.stats.attempt(claim.platform, outcome);
    // A budget that is closed in the store does the same for all who share it.
    if !engine.settings.rate_budgets
        && error.kind == ErrorKind::RateLimited
        && let Event::RetryAt { at, .. } = event
    {
        engine.rest(claim.account, *at);
    }
}

fn tried(engine: &Engine, claim: &Claim, desk: &Desk) -> Tried {
    let sign_in = engine.connectors.sign_in(claim.platform);
    let can_renew = sign_in.is_some_and(|sign_in| sign_in.facts().refresh.can_refresh(&desk.tokens));
    let is_given_up = desk.account.health == AccountHealth::ReconnectNeeded;
    Tried {
        retries: claim.retries,
        // Tokens that cannot be renewed are as fresh as they will be.
        token_is_fresh: waited_for_its_token(&claim.found) || is_given_up || !can_renew,
    }
}

/// Looks at whether the account is back are no attempts; the first wait counts as one.
fn waits_for_reconnect(
    claim: &Claim,
    error: &PlatformError,
    release: &mut Release,
    at: Timestamp,
) -> (Event, Option<LogEntry>) {
    let is_first = claim.attempt_no <= 1;
    release.counts_as_attempt = is_first;
    let entry = is_first.then(|| record::retrying(claim, error, release.at, at));
    (Event::Returned { at }, entry)
}

/// The entry that says that an account must be connected again: once, however many posts find it out.
fn given_up(engine: &Engine, desk: &Desk, error: &PlatformError, now: Timestamp) -> Option<LogEntry> {
    let account = &desk.account;
    let version = account.token_version;
    let gate = crate::refresh::gate(engine, account.id, account.platform);
    let is_news =
        account.health != AccountHealth::ReconnectNeeded && !gate.has_newer(version) && gate.gives_up(version);
    is_news.then(|| crate::accounts::entries::reconnect_needed(account, error, now))
}

/// How often a post looks whether its account was connected again.
const RECONNECT_LOOK: SignedDuration = SignedDuration::from_mins(1);

/// When a post looks again whether its account was connected again; `None` when its grace is over, or that would not
/// help.
fn reconnect_awaited_until(engine: &Engine, claim: &Claim, error: &PlatformError, now: Timestamp) -> Option<Timestamp> {
    let helps = error.kind == ErrorKind::Auth || error.retry.when == When::AfterReconnect;
    let until = claim.due.saturating_add(engine.settings.reconnect_grace).ok()?;
    let next = now.saturating_add(RECONNECT_LOOK).ok()?;
    (helps && now < until).then(|| next.min(until))
}

/// Whether the post's last try ended with its token refused, so that this one was made with a fresh token.
fn waited_for_its_token(found: &PostState) -> bool {
    matches!(found, PostState::Waiting { error: Some(error), .. } if error.kind == ErrorKind::Auth)
}

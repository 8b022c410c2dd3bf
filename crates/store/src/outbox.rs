//! What both back ends decide about receivers of webhooks and their outbox: pure functions of what was read.

use domain::account::Account;
use domain::log::{LogEntry, LogKind, LogOutcome};
use domain::notice::{Notice, NoticeKind, Subject};
use domain::post::PostState;
use domain::webhook::{DeliveryAttempt, DeliveryState, Webhook};
use jiff::Timestamp;

use crate::{DELIVERIES_KEPT, DeliveryOutcome, NewGroup, NewPost, WebhookEdit};

/// How many times as many ended messages as groups one round of pruning forgets: a post has a few of them.
const PRUNED_PER_GROUP: u32 = 20;

/// What is told of a post of a group that is being made.
pub(crate) fn of_new_post(kind: NoticeKind, new: &NewGroup, post: &NewPost, state: &PostState) -> Notice {
    let subject = Subject::Post {
        group: new.id,
        post: post.id,
        platform: post.platform,
        target: post.target.clone(),
        state: state.clone(),
    };
    Notice {
        kind,
        at: new.created_at,
        subject,
    }
}

/// What an entry tells of an account. What ends is what the entry says: that may be a refresh token.
pub(crate) fn of_account(kind: NoticeKind, entry: &LogEntry, account: &Account) -> Notice {
    let mut subject = Subject::account(account);
    let told = entry.data.get("token_expires_at").and_then(|end| end.as_str());
    if let (Subject::Account { expires_at, .. }, Some(Ok(end))) = (&mut subject, told.map(str::parse)) {
        *expires_at = Some(end);
    }
    Notice {
        kind,
        at: entry.at,
        subject,
    }
}

/// What a receiver is told to see whether deliveries arrive.
pub(crate) fn test_notice(webhook: &Webhook, at: Timestamp) -> Notice {
    Notice {
        kind: NoticeKind::Test,
        at,
        subject: Subject::Webhook {
            webhook: webhook.id,
            name: webhook.name.clone(),
        },
    }
}

/// Changes a receiver; its secret is kept elsewhere.
pub(crate) fn edited(webhook: &mut Webhook, edit: WebhookEdit, at: Timestamp) {
    if let Some(name) = edit.name {
        webhook.name = name;
    }
    if let Some(url) = edit.url {
        webhook.url = url;
    }
    if let Some((events, kinds)) = edit.events {
        (webhook.events, webhook.kinds) = (events, kinds);
    }
    webhook.active = edit.active.unwrap_or(webhook.active);
    webhook.updated_at = at;
}

/// A message after a try.
pub(crate) struct Settled {
    pub(crate) state: DeliveryState,
    pub(crate) next_at: Option<Timestamp>,
    /// When it came to its end.
    pub(crate) done_at: Option<Timestamp>,
    pub(crate) tries: Vec<DeliveryAttempt>,
}

/// Notes how a try ended, on the message and on its receiver. A message that was withdrawn while it was being sent is
/// not tried again, but how it fared still counts. A test says nothing about the receiver's failures.
pub(crate) fn settled(
    webhook: &mut Webhook,
    kind: NoticeKind,
    before: DeliveryState,
    mut tries: Vec<DeliveryAttempt>,
    outcome: DeliveryOutcome,
) -> Settled {
    let ended = outcome.attempt.at.saturating_add(outcome.attempt.took);
    let ended = ended.unwrap_or(outcome.attempt.at);
    webhook.last_triggered_at = webhook.last_triggered_at.max(Some(outcome.attempt.at));
    tries.push(outcome.attempt);
    let was_pending = before == DeliveryState::Pending;
    let waits = outcome.state == DeliveryState::Pending && was_pending;
    match outcome.state {
        DeliveryState::Delivered if kind != NoticeKind::Test => webhook.failures = 0,
        DeliveryState::Failed if kind != NoticeKind::Test => webhook.failures = webhook.failures.saturating_add(1),
        _ => {}
    }
    if was_pending && !waits {
        webhook.pending = webhook.pending.saturating_sub(1);
    }
    let state = match outcome.state {
        DeliveryState::Pending if !waits => before,
        state => state,
    };
    Settled {
        state,
        next_at: if waits {
            Some(outcome.next_at.unwrap_or(ended))
        } else {
            None
        },
        done_at: (!waits).then_some(ended),
        tries,
    }
}

/// Switches a receiver off that failed too often; the entry tells its owner.
pub(crate) fn switched_off(webhook: &mut Webhook, after: u32, at: Timestamp) -> Option<LogEntry> {
    if !webhook.active || webhook.failures < after {
        return None;
    }
    webhook.active = false;
    webhook.updated_at = at;
    let words = format!("{} messages in a row failed", webhook.failures);
    let entry = LogEntry {
        user: Some(webhook.owner),
        error: Some(words),
        ..LogEntry::new(LogKind::WebhookDisabled, LogOutcome::Failure, at)
    };
    Some(
        entry
            .with("webhook", webhook.id.to_string())
            .with("name", webhook.name.as_str()),
    )
}

/// Messages that ended by then are forgotten.
pub(crate) fn ended_by(now: Timestamp) -> Timestamp {
    now.saturating_sub(DELIVERIES_KEPT).unwrap_or(Timestamp::MIN)
}

/// The most messages that one round of pruning forgets.
pub(crate) const fn pruned(groups: u32) -> u32 {
    groups.saturating_mul(PRUNED_PER_GROUP)
}

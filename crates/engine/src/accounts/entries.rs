//! What the history of an account's connection says: one function a kind, so that every entry of a kind has the same
//! fields. They hold what Late's connection logs show: how it was connected, what went wrong in one word and in plain
//! words, and who the account is.

use domain::account::{Account, Identity, Missing, Tokens};
use domain::error::PlatformError;
use domain::ids::{AccountId, UserId};
use domain::log::{LogEntry, LogKind, LogOutcome};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::outcome::{Failure, Method};

/// What is known of a sign-in whatever becomes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) owner: UserId,
    pub(crate) platform: Platform,
    /// The account that is to be connected again.
    pub(crate) again: Option<AccountId>,
    pub(crate) method: Method,
    /// Whether the browser is sent somewhere else in the end.
    pub(crate) returns: bool,
    /// Whether it was begun from a hosted page.
    pub(crate) from_page: bool,
}

impl Subject {
    fn entry(&self, kind: LogKind, outcome: LogOutcome, at: Timestamp) -> LogEntry {
        let context = json!({
            "reconnection": self.again.is_some(),
            "custom_redirect": self.returns,
            "hosted_page": self.from_page,
        });
        LogEntry {
            user: Some(self.owner),
            account: self.again,
            platform: Some(self.platform),
            ..LogEntry::new(kind, outcome, at)
        }
        .with("method", self.method.word())
        .with("context", context)
    }
}

/// An account was connected; whether for the first time is the store's to say.
pub(crate) fn connected(
    subject: &Subject,
    identity: &Identity,
    tokens: &Tokens,
    scopes: &[String],
    missing: &[Missing],
    at: Timestamp,
    took: Option<SignedDuration>,
) -> LogEntry {
    let ends = tokens.expires_at.map(|at| at.to_string());
    let entry = subject
        .entry(LogKind::Connected, LogOutcome::Success, at)
        .with("remote_id", identity.remote_id.as_str())
        .with("username", identity.username.as_str())
        .with("display_name", identity.display_name.clone())
        .with("picture", identity.avatar_url.clone())
        .with("permissions", scopes)
        .with("token_expires_at", ends)
        .with("missing", json!(missing));
    LogEntry { took, ..entry }
}

/// It could not be connected.
pub(crate) fn connect_failed(
    subject: &Subject,
    failure: &Failure,
    at: Timestamp,
    took: Option<SignedDuration>,
) -> LogEntry {
    let kind = if subject.again.is_some() {
        LogKind::ReconnectFailed
    } else {
        LogKind::ConnectFailed
    };
    let entry = subject
        .entry(kind, LogOutcome::Failure, at)
        .with("reason", failure.reason.code())
        .with("stage", failure.reason.stage());
    let entry = match &failure.error {
        Some(error) => with_error(entry, error),
        None => entry,
    };
    LogEntry {
        took,
        error: Some(failure.words.clone()),
        ..entry
    }
}

/// An entry about an account that exists.
fn of(account: &Account, kind: LogKind, outcome: LogOutcome, at: Timestamp) -> LogEntry {
    LogEntry {
        user: Some(account.owner),
        account: Some(account.id),
        platform: Some(account.platform),
        ..LogEntry::new(kind, outcome, at)
    }
    .with("username", account.identity.username.as_str())
}

/// The tokens were exchanged for new ones.
pub(crate) fn refreshed(account: &Account, new: &Tokens, at: Timestamp, took: SignedDuration) -> LogEntry {
    let ends = new.expires_at.map(|at| at.to_string());
    let entry = of(account, LogKind::TokenRefreshed, LogOutcome::Success, at).with("token_expires_at", ends);
    LogEntry {
        took: Some(took),
        ..entry
    }
}

/// They were not, and the account can still be used or tried again.
pub(crate) fn refresh_failed(account: &Account, error: &PlatformError, at: Timestamp, is_known: bool) -> LogEntry {
    let outcome = if is_known {
        LogOutcome::Failure
    } else {
        LogOutcome::Unknown
    };
    with_error(of(account, LogKind::TokenRefreshFailed, outcome, at), error)
}

/// An exchange was begun by a process that died; its answer, if there was one, is lost.
pub(crate) fn refresh_lost(account: &Account, begun_at: Timestamp, at: Timestamp) -> LogEntry {
    let words = "The server stopped while it renewed the token; the present one is used until it ends";
    LogEntry {
        error: Some(words.to_owned()),
        ..of(account, LogKind::TokenRefreshFailed, LogOutcome::Unknown, at)
    }
    .with("begun_at", begun_at.to_string())
}

/// A token ends, and only a person can replace it.
pub(crate) fn expiring(account: &Account, ends_at: Timestamp, at: Timestamp) -> LogEntry {
    of(account, LogKind::TokenExpiring, LogOutcome::Info, at)
        .with("token_expires_at", ends_at.to_string())
        .with("days_left", ends_at.duration_since(at).as_hours().div_euclid(24))
}

/// Only a person can make the account work again.
pub(crate) fn reconnect_needed(account: &Account, error: &PlatformError, at: Timestamp) -> LogEntry {
    let kind = match error.kind {
        domain::error::ErrorKind::AccountGone => LogKind::DisconnectedByPlatform,
        _ => LogKind::ReconnectNeeded,
    };
    with_error(of(account, kind, LogOutcome::Failure, at), error)
}

/// The platform said what the account is and may do.
pub(crate) fn verified(account: &Account, scopes: &[String], missing: &[Missing], at: Timestamp) -> LogEntry {
    of(account, LogKind::Verified, LogOutcome::Success, at)
        .with("permissions", scopes)
        .with("missing", json!(missing))
}

/// The owner disconnected the account. `told` says what follows at the platform.
pub(crate) fn disconnected(account: &Account, told: &str, at: Timestamp) -> LogEntry {
    of(account, LogKind::Disconnected, LogOutcome::Info, at)
        .with("intended", true)
        .with("at_platform", told)
}

/// What became of telling the platform that a disconnected account's tokens are not used any more.
pub(crate) fn revoked(account: &Account, error: Option<&PlatformError>, at: Timestamp) -> LogEntry {
    match error {
        None => of(account, LogKind::TokenRevoked, LogOutcome::Success, at),
        Some(error) => with_error(of(account, LogKind::TokenRevoked, LogOutcome::Failure, at), error),
    }
}

fn with_error(mut entry: LogEntry, error: &PlatformError) -> LogEntry {
    entry.error = Some(error.message.clone());
    entry.http_status = error.http_status;
    entry = entry.with("kind", json!(error.kind)).with("at", json!(error.stage));
    let told = [("code", &error.code), ("raw", &error.raw)];
    told.into_iter()
        .filter_map(|(name, text)| Some((name, text.clone()?)))
        .fold(entry, |entry, (name, text)| entry.with(name, Value::String(text)))
}

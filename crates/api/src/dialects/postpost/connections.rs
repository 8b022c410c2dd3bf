//! Connected accounts: as they are known, and as their platforms say when they are asked.

use std::borrow::Cow;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use domain::account::{Account, AccountHealth, AccountReport};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::{Error, Operation};
use super::routes::Answer;
use super::time::Iso;
use super::wire::{self, Compound, json};
use super::{Postpost, words};
use crate::dialect::Caller;
use crate::openapi::{Doc, Field, Instant, Kind, answer};
use crate::state::ApiState;

/// A token with this much left or more is valid; with less it expires soon.
const EXPIRING_BELOW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The original has no test for it, and says so in these words for every name that it does not know.
const UNTESTED: Platform = Platform::Pinterest;

pub(super) static LIST: Doc = Doc::new(
    "Connections",
    "Lists the connected accounts",
    &[(200, answer::<Connections<'static>>)],
)
.words("Accounts are connected on this server's own pages, not here.")
.errors(&[(500, &["Failed to fetch platform connections"])]);

/// `GET /platform-connections`.
pub(super) async fn list(State(api): State<ApiState>, caller: Caller<Postpost>) -> Answer {
    let accounts = api
        .engine
        .accounts(&caller.reach)
        .await
        .map_err(Operation::PlatformConnections.failed())?;
    let now = api.engine.clock().now();
    let connections = accounts.iter().filter_map(|account| connection(account, now)).collect();
    Ok(json(&Connections {
        success: wire::True,
        connections,
    }))
}

pub(super) static TEST: Doc = Doc::new(
    "Connections",
    "Asks a platform now whether an account still works",
    &[(200, answer::<Tested<'static>>)],
)
.words(
    "The answer is 200 whether the account works or not; what came of it is in status and message. A token that has \
     ended or is refused is renewed where the platform allows that.",
)
.path(&[Field::new("platformId", Kind::Text, "A platformId of platform-connections.").form("^[^/-]+-[^/]+$")])
.errors(&[
    (400, &["Invalid platformId format"]),
    (404, &["Connection not found"]),
    (500, &["Failed to test connection"]),
]);

/// `POST /test-connection/{platformId}`.
pub(super) async fn test(
    State(api): State<ApiState>,
    caller: Caller<Postpost>,
    id: Result<Path<String>, PathRejection>,
) -> Answer {
    let malformed = || Error::bad("Invalid platformId format");
    let Path(id) = id.map_err(|_| malformed())?;
    let (word, remote_id) = id.split_once('-').ok_or_else(malformed)?;
    if word.is_empty() || remote_id.is_empty() {
        return Err(malformed());
    }
    let lower = word.to_ascii_lowercase();
    let Some(platform) = words::platform(&lower).filter(|platform| *platform != UNTESTED) else {
        return Ok(json(&untested(&lower, &id)));
    };
    let failed = Operation::TestConnection.failed();
    let accounts = api.engine.accounts(&caller.reach).await.map_err(&failed)?;
    let account = accounts
        .into_iter()
        .find(|account| account.platform == platform && account.identity.remote_id == remote_id)
        .ok_or(Error::Missing("Connection not found"))?;
    let now = api.engine.clock().now();
    match api.engine.check_account(&caller.reach, account.id).await {
        Ok(report) => Ok(json(&tested(&lower, &report, now))),
        Err(engine::Error::Platform(error)) => {
            let message = error.raw.as_deref().unwrap_or(&error.message);
            Ok(json(&Tested {
                message: Cow::Borrowed(message),
                ..failing(&lower, &account, now)
            }))
        }
        Err(error) => Err(failed(error)),
    }
}

/// What is answered for a name that there is no test for, connected or not.
fn untested<'a>(word: &'a str, id: &'a str) -> Tested<'a> {
    Tested {
        platform: word,
        platform_id: Cow::Borrowed(id),
        username: "unknown",
        status: "error",
        message: Cow::Owned(format!("Unknown platform: {word}")),
        permissions: &[],
        token_expires_in: None,
        last_successful_post: None,
        last_error: None,
    }
}

/// An account after its platform was asked about it.
fn tested<'a>(word: &'a str, report: &'a AccountReport, now: Timestamp) -> Tested<'a> {
    let account = &report.account;
    if account.health == AccountHealth::Ok {
        return Tested {
            status: "ok",
            message: Cow::Owned(format!("Connected as {}", account.identity.username)),
            permissions: &account.scopes,
            ..failing(word, account, now)
        };
    }
    failing(word, account, now)
}

/// An account that does not work, with what is known of why.
fn failing<'a>(word: &'a str, account: &'a Account, now: Timestamp) -> Tested<'a> {
    let (_, token_expires_in) = token_state(token_end(account), now);
    let error = account.last_error.as_ref();
    let message = error.map(|error| error.raw.as_deref().unwrap_or(&error.message));
    let compound = Compound {
        word: words::platform_word(account.platform).unwrap_or_default(),
        id: &account.identity.remote_id,
    };
    Tested {
        platform: word,
        platform_id: Cow::Owned(compound.to_string()),
        username: &account.identity.username,
        status: "error",
        message: Cow::Borrowed(message.unwrap_or("The account must be connected again")),
        permissions: &[],
        token_expires_in,
        last_successful_post: account.last_success_at.map(Iso),
        last_error: last_error(account),
    }
}

/// The answer of `platform-connections`.
#[derive(Debug, Serialize, JsonSchema)]
struct Connections<'a> {
    success: wire::True,
    connections: Vec<Connection<'a>>,
}

/// A connected account. Every key is always there.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Connection<'a> {
    platform_id: Compound<'a>,
    username: &'a str,
    display_name: Option<&'a str>,
    profile_image_url: Option<&'a str>,
    profile_url: Option<&'a str>,
    #[schemars(with = "Option<Instant>")]
    access_token_expires_at: Option<Iso>,
    /// valid, expiring_soon (less than seven days left), expired, or unknown for a token without an end.
    token_status: &'static str,
    token_expires_in: Option<String>,
    #[schemars(with = "Option<Instant>")]
    last_successful_post: Option<Iso>,
    last_error: Option<LastError<'a>>,
}

/// The last failure of an account.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LastError<'a> {
    message: &'a str,
    #[schemars(with = "Instant")]
    occurred_at: Iso,
}

/// The answer of `test-connection`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Tested<'a> {
    platform: &'a str,
    platform_id: Cow<'a, str>,
    username: &'a str,
    /// ok or error.
    status: &'static str,
    /// Who the account is, or the platform's words for what is wrong.
    message: Cow<'a, str>,
    /// What the account was granted, in the platform's words; empty when it does not work.
    permissions: &'a [String],
    token_expires_in: Option<Cow<'static, str>>,
    #[schemars(with = "Option<Instant>")]
    last_successful_post: Option<Iso>,
    last_error: Option<LastError<'a>>,
}

/// An account as `platform-connections` shows it at `now`; `None` when this dialect cannot name its platform.
fn connection(account: &Account, now: Timestamp) -> Option<Connection<'_>> {
    let word = words::platform_word(account.platform)?;
    let expires_at = token_end(account);
    let (token_status, token_expires_in) = token_state(expires_at, now);
    Some(Connection {
        platform_id: Compound {
            word,
            id: &account.identity.remote_id,
        },
        username: &account.identity.username,
        display_name: account.identity.display_name.as_deref(),
        profile_image_url: account.identity.avatar_url.as_deref(),
        profile_url: account.identity.profile_url.as_deref(),
        access_token_expires_at: expires_at.map(Iso),
        token_status,
        token_expires_in: token_expires_in.map(Cow::into_owned),
        last_successful_post: account.last_success_at.map(Iso),
        last_error: last_error(account),
    })
}

fn last_error(account: &Account) -> Option<LastError<'_>> {
    account.last_error.as_ref().map(|error| LastError {
        message: &error.message,
        occurred_at: Iso(error.at),
    })
}

/// When a connection ends as its owner sees it. On these platforms the access token lives for hours and is refreshed
/// without anybody's doing; the original shows them as connections without an end.
fn token_end(account: &Account) -> Option<Timestamp> {
    match account.platform {
        Platform::X | Platform::Bluesky => None,
        _ => account.token_expires_at,
    }
}

/// The words for a token that ends then.
fn token_state(expires_at: Option<Timestamp>, now: Timestamp) -> (&'static str, Option<Cow<'static, str>>) {
    let Some(expires_at) = expires_at else {
        return ("unknown", None);
    };
    let left = expires_at.duration_since(now);
    if left <= SignedDuration::ZERO {
        return ("expired", Some(Cow::Borrowed("expired")));
    }
    let status = if left < EXPIRING_BELOW {
        "expiring_soon"
    } else {
        "valid"
    };
    let (days, hours) = (left.as_hours() / 24, left.as_hours() % 24);
    let text = match (days, hours) {
        (0, 0) => Cow::Borrowed("< 1h"),
        (0, hours) => Cow::Owned(format!("{hours}h")),
        (days, hours) => Cow::Owned(format!("{days}d {hours}h")),
    };
    (status, Some(text))
}

#[cfg(test)]
mod tests;

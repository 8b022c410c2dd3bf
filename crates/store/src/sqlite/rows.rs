//! From rows to values and back. Nothing here decides anything.

use domain::account::{Account, AccountHealth, ApiKey, Identity, User};
use domain::log::{LogEntry, LogKind, LogOutcome, LogRecord};
use domain::part::Part;
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{ConnectLink, Error, Result};

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let message = error.to_string();
        match error.sqlite_error_code() {
            Some(Code::ConstraintViolation | Code::DatabaseCorrupt | Code::NotADatabase | Code::TypeMismatch)
            | None => Self::Corrupt(message),
            Some(_) => Self::Unavailable(message),
        }
    }
}

/// Something in the database that cannot be.
pub(super) fn corrupt(what: impl std::fmt::Display) -> Error {
    Error::Corrupt(what.to_string())
}

/// Runs a statement without parameters and rows.
pub(super) fn run(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// The first row, if there is one.
pub(super) fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    map: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_row(params, |row| Ok(map(row))).optional()?.transpose()
}

/// All rows.
pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut map: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(map(row)?);
    }
    Ok(found)
}

/// Microseconds since 1970, towards the past.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// The time of these microseconds.
pub(super) fn time(micros: i64) -> Result<Timestamp> {
    // Not by `from_microsecond`, which does not take the last second that there is.
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).map_err(corrupt)?;
    Timestamp::new(micros.div_euclid(1_000_000), nanos).map_err(corrupt)
}

/// A column with a time.
pub(super) fn at(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    time(row.get(column)?)
}

/// A column with a time or nothing.
pub(super) fn maybe_at(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column)?.map(time).transpose()
}

/// A column with an id.
pub(super) fn id<T>(row: &Row<'_>, column: usize) -> Result<T>
where
    T: for<'a> TryFrom<&'a [u8]>,
{
    maybe_id(row, column)?.ok_or_else(|| corrupt("an id is missing"))
}

/// A column with an id or nothing.
pub(super) fn maybe_id<T>(row: &Row<'_>, column: usize) -> Result<Option<T>>
where
    T: for<'a> TryFrom<&'a [u8]>,
{
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        ValueRef::Blob(bytes) => T::try_from(bytes)
            .map(Some)
            .map_err(|_| corrupt("an id has not 12 bytes")),
        _ => Err(corrupt("an id is no blob")),
    }
}

/// A column with text, borrowed.
pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str> {
    row.get_ref(column)?.as_str().map_err(corrupt)
}

/// A column with JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    serde_json::from_str(text(row, column)?).map_err(corrupt)
}

/// A column with JSON or nothing.
pub(super) fn maybe_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => json(row, column).map(Some),
    }
}

/// A value as JSON.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(corrupt)
}

/// A column with a platform's word.
pub(super) fn platform(row: &Row<'_>, column: usize) -> Result<Platform> {
    text(row, column)?.parse().map_err(corrupt)
}

/// A column with a part's number.
pub(super) fn part(row: &Row<'_>, column: usize) -> Result<Part> {
    Ok(Part::from_number(row.get(column)?))
}

/// The bit of a platform in `groups.platforms`.
pub(super) const fn platform_bit(platform: Platform) -> i64 {
    1 << platform.number()
}

/// The word of an account's health.
pub(super) const fn health_word(health: AccountHealth) -> &'static str {
    match health {
        AccountHealth::Ok => "ok",
        AccountHealth::RefreshNeeded => "refresh_needed",
        AccountHealth::ReconnectNeeded => "reconnect_needed",
    }
}

fn health(word: &str) -> Result<AccountHealth> {
    match word {
        "ok" => Ok(AccountHealth::Ok),
        "refresh_needed" => Ok(AccountHealth::RefreshNeeded),
        "reconnect_needed" => Ok(AccountHealth::ReconnectNeeded),
        other => Err(corrupt(format!("health '{other}'"))),
    }
}

/// A user, from its six columns starting at `first`.
pub(super) fn user(row: &Row<'_>, first: usize) -> Result<User> {
    Ok(User {
        id: id(row, first)?,
        name: row.get(first + 1)?,
        plan: json(row, first + 2)?,
        created_at: at(row, first + 3)?,
        manager: maybe_id(row, first + 4)?,
        display_name: row.get(first + 5)?,
    })
}

/// A connection page, from its eight columns starting at `first`.
pub(super) fn link(row: &Row<'_>, first: usize) -> Result<ConnectLink> {
    Ok(ConnectLink {
        id: id(row, first)?,
        owner: id(row, first + 1)?,
        return_to: row.get(first + 2)?,
        platforms: json(row, first + 3)?,
        created_at: at(row, first + 4)?,
        expires_at: at(row, first + 5)?,
        revoked_at: maybe_at(row, first + 6)?,
        standing: row.get(first + 7)?,
    })
}

/// An API key, from the columns of [`super::sql::KEYS`].
pub(super) fn api_key(row: &Row<'_>) -> Result<ApiKey> {
    Ok(ApiKey {
        id: id(row, 0)?,
        user: id(row, 1)?,
        name: row.get(2)?,
        prefix: row.get(3)?,
        created_at: at(row, 4)?,
        last_used_at: maybe_at(row, 5)?,
        revoked_at: maybe_at(row, 6)?,
    })
}

/// An account, from [`super::sql::ACCOUNT_COLUMNS`].
pub(super) fn account(row: &Row<'_>) -> Result<Account> {
    Ok(Account {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        platform: platform(row, 2)?,
        identity: Identity {
            remote_id: row.get(3)?,
            username: row.get(4)?,
            display_name: row.get(5)?,
            avatar_url: row.get(6)?,
            profile_url: row.get(7)?,
            base_url: row.get(8)?,
        },
        token_version: row.get(9)?,
        token_expires_at: maybe_at(row, 10)?,
        refresh_at: maybe_at(row, 11)?,
        health: health(text(row, 12)?)?,
        scopes: json(row, 13)?,
        missing: json(row, 14)?,
        connected_at: at(row, 15)?,
        verified_at: maybe_at(row, 16)?,
        last_success_at: maybe_at(row, 17)?,
        last_error: maybe_json(row, 18)?,
        defaults: json(row, 19)?,
    })
}

/// How many columns [`super::sql::ACCOUNT_COLUMNS`] are: where those that follow them begin.
pub(super) const ACCOUNT_COLUMNS: usize = 20;

/// What of a log entry has no column of its own.
#[derive(Serialize, Deserialize, Default, PartialEq)]
struct Rest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<domain::ids::AttemptId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retries: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    took: Option<SignedDuration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    data: serde_json::Map<String, serde_json::Value>,
}

/// What of an entry has no column of its own, as JSON; `None` when there is nothing.
pub(super) fn log_rest(entry: &mut LogEntry) -> Result<Option<String>> {
    let rest = Rest {
        platform: entry.platform,
        attempt: entry.attempt,
        retries: entry.retries,
        http_status: entry.http_status,
        took: entry.took,
        error: entry.error.take(),
        data: std::mem::take(&mut entry.data),
    };
    if rest == Rest::default() {
        Ok(None)
    } else {
        to_json(&rest).map(Some)
    }
}

/// A log entry, from [`super::sql::LOG_COLUMNS`].
pub(super) fn log_record(row: &Row<'_>) -> Result<LogRecord> {
    let rest: Rest = maybe_json(row, 9)?.unwrap_or_default();
    let (kind, outcome) = (text(row, 6)?, text(row, 7)?);
    let entry = LogEntry {
        kind: LogKind::from_word(kind).ok_or_else(|| corrupt(format!("log kind '{kind}'")))?,
        outcome: LogOutcome::from_word(outcome).ok_or_else(|| corrupt(format!("log outcome '{outcome}'")))?,
        at: at(row, 8)?,
        group: maybe_id(row, 1)?,
        post: maybe_id(row, 4)?,
        account: maybe_id(row, 5)?,
        user: maybe_id(row, 3)?,
        platform: rest.platform,
        attempt: rest.attempt,
        retries: rest.retries,
        http_status: rest.http_status,
        took: rest.took,
        error: rest.error,
        data: rest.data,
    };
    Ok(LogRecord {
        id: id(row, 0)?,
        seq: count(row, 2)?,
        entry,
    })
}

/// A column with a number that is never below zero.
pub(super) fn count(row: &Row<'_>, column: usize) -> Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(corrupt)
}

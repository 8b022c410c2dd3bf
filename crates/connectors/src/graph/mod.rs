//! What Meta's platforms have in common: the Graph API's addresses, ids, times and lists, and the envelope of its
//! refusals (developers.facebook.com, Graph API, "Handling errors" and "Rate limits").
//!
//! The HTTP status of a refusal says little; its code and subcode say what it means. Each platform has rows of its own,
//! and [`FAMILY`] for what all of them answer.

mod container;
pub(crate) mod limits;

use domain::error::{ErrorKind, Fate, PlatformError, Stage, When};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub(crate) use self::container::{Container, live};
use crate::Endpoints;
use crate::http::Answer;
use crate::rules::{self, Refusal, Row, RowFate};

const AN_HOUR: When = When::After(SignedDuration::from_hours(1));

/// The code that stands for a refusal that nobody knows but that calls itself passing.
const TRANSIENT: &str = "transient";

const TOKEN: &str = "The platform no longer accepts this account's token; connect the account again";
const RIGHTS: &str = "The account was connected without the right to do this; connect it again and grant everything";
const SLOWER: &str = "The platform asks for fewer requests";
const DOWN: &str = "The platform has trouble just now";

/// The refusals that all of Meta's platforms give, for after a platform's own rows.
pub(crate) static FAMILY: &[Row] = &[
    Row::new(ErrorKind::Auth, TOKEN).code("190").retry(When::AfterReconnect),
    Row::new(ErrorKind::Auth, TOKEN).code("102").retry(When::AfterReconnect),
    Row::new(ErrorKind::Auth, TOKEN).code("104").retry(When::AfterReconnect),
    Row::new(ErrorKind::Permission, RIGHTS)
        .code("10")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::Permission, RIGHTS)
        .code("200")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::Permission, RIGHTS)
        .code("3")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::RateLimited, SLOWER).code("4").retry(AN_HOUR),
    Row::new(ErrorKind::RateLimited, SLOWER).code("17").retry(AN_HOUR),
    Row::new(ErrorKind::RateLimited, SLOWER).code("32").retry(AN_HOUR),
    Row::new(ErrorKind::RateLimited, SLOWER).code("341").retry(AN_HOUR),
    Row::new(ErrorKind::RateLimited, SLOWER).code("613").retry(AN_HOUR),
    Row::new(ErrorKind::RateLimited, SLOWER).code("80000").retry(AN_HOUR),
    Row::new(
        ErrorKind::PolicyBlocked,
        "The platform blocks this for breaking its rules",
    )
    .code("368"),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code("1")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code("2")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code("-1")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code(TRANSIENT)
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
];

/// Whether an answer says that what was asked for is done.
pub(crate) fn says_success(answer: &Answer) -> bool {
    let says = || answer.json()?.get("success")?.as_bool();
    answer.is_success() && says() == Some(true)
}

/// Whether the platform says that there is no such object, or none that may be seen: it does not tell these apart.
pub(crate) fn is_gone(error: &PlatformError) -> bool {
    error.code.as_deref() == Some("100/33")
}

/// A refusal as the API writes it.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) code: Option<i64>,
    pub(crate) subcode: Option<i64>,
    words: String,
    is_transient: bool,
    /// What the API adds for programs, unpacked when it comes as a text.
    pub(crate) data: Value,
}

impl Envelope {
    /// Reads it; an answer without one is an empty one.
    pub(crate) fn of(answer: &Answer) -> Self {
        let body = answer.json().unwrap_or_default();
        let field = |name: &str| body.get("error").and_then(|error| error.get(name));
        let text = |name: &str| field(name).and_then(Value::as_str);
        let words = match (text("message"), text("error_user_msg")) {
            (Some(message), Some(more)) if more != message => format!("{message}: {more}"),
            (message, more) => message.or(more).unwrap_or_default().to_owned(),
        };
        let data = match field("error_data") {
            Some(Value::String(packed)) => serde_json::from_str(packed).unwrap_or_default(),
            data => data.cloned().unwrap_or_default(),
        };
        Self {
            code: field("code").and_then(Value::as_i64),
            subcode: field("error_subcode").and_then(Value::as_i64),
            words,
            is_transient: field("is_transient").and_then(Value::as_bool).unwrap_or_default(),
            data,
        }
    }

    /// Code and subcode as people write them, such as `24/4279009`.
    fn written(&self) -> Option<String> {
        let code = self.code?;
        Some(
            self.subcode
                .map_or_else(|| code.to_string(), |sub| format!("{code}/{sub}")),
        )
    }

    /// The key by which `rows` know this refusal: code and subcode, else the subcode, else the code, with the codes of
    /// permissions (200 to 299) and of limits by use case (80000 to 80999) as one each.
    pub(crate) fn key(&self, rows: &[Row]) -> Option<String> {
        let code = self.code.map(|code| match code {
            200..=299 => 200,
            80_000..=80_999 => 80_000,
            code => code,
        });
        let keys = [
            self.written(),
            self.subcode.map(|sub| sub.to_string()),
            code.map(|code| code.to_string()),
            self.is_transient.then(|| TRANSIENT.to_owned()),
        ];
        let is_known = |key: &String| rows.iter().any(|row| row.code == Some(key.as_str()));
        let known = keys.iter().flatten().find(|key| is_known(key));
        known.cloned().or_else(|| self.written())
    }
}

/// The error of an answer that is not the one hoped for, by these rows and the key that they know it by.
pub(crate) fn classify(
    platform: Platform,
    rows: &[Row],
    stage: Stage,
    answer: &Answer,
    envelope: &Envelope,
    key: Option<String>,
) -> PlatformError {
    let refusal = Refusal {
        code: key,
        words: envelope.words.clone(),
        not_before: None,
    };
    let mut error = rules::classify(platform, rows, stage, answer, &refusal);
    // A gateway's 5xx with a body of the API still says nothing about what was done behind it.
    if answer.status >= 500 && matches!(stage, Stage::Send | Stage::Retract) {
        error.fate = Fate::MayBePublished;
    }
    error.code = envelope.written().or(error.code);
    if error.kind == ErrorKind::RateLimited
        && let Some(wait) = regained_after(answer)
    {
        error.retry.when = When::After(wait);
    }
    error
}

/// How long the account is held back, by the usage header: minutes, 0 when it is not.
fn regained_after(answer: &Answer) -> Option<SignedDuration> {
    let usage: Value = serde_json::from_str(answer.header("x-business-use-case-usage")?).ok()?;
    let rows = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    rows.filter_map(limits::regained).max()
}

/// The address of an API, and the same with its version: the operator's address may name one.
pub(crate) fn bases(endpoints: &Endpoints, platform: Platform, default: &str, version: &str) -> (String, String) {
    let base = endpoints.base(platform, default);
    let is_version = |word: &str| {
        let numbers = word.strip_prefix('v').and_then(|rest| rest.split_once('.'));
        numbers.is_some_and(|(major, minor)| major.parse::<u16>().is_ok() && minor.parse::<u16>().is_ok())
    };
    match base.rsplit_once('/') {
        Some((origin, word)) if is_version(word) => (origin.to_owned(), base.clone()),
        _ => (base.clone(), format!("{base}/{version}")),
    }
}

/// What a call that creates something answers.
#[derive(Debug, Deserialize)]
pub(crate) struct Created {
    #[serde(deserialize_with = "id")]
    pub(crate) id: String,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) data: Vec<T>,
    #[serde(default)]
    paging: Option<Paging>,
}

impl<T> Page<T> {
    /// What the next page is asked for with; `None` on the last.
    pub(crate) fn after(&self) -> Option<&str> {
        let paging = self.paging.as_ref()?;
        paging.next.as_ref()?;
        paging.cursors.as_ref()?.after.as_deref()
    }
}

#[derive(Debug, Deserialize)]
struct Paging {
    #[serde(default)]
    cursors: Option<Cursors>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Cursors {
    #[serde(default)]
    after: Option<String>,
}

/// Ids are documented as texts, but numbers are seen too, beyond what a float can hold.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) if !text.is_empty() => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("no id")),
    }
}

/// Times have an offset without a colon, as in `2026-11-22T04:00:00+0000`.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.and_then(|text| {
        let parsed = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%z", &text).and_then(|time| time.to_timestamp());
        parsed.or_else(|_| text.parse()).ok()
    }))
}

#[cfg(test)]
pub(crate) mod tests;

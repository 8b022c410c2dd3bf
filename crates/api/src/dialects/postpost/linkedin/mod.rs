//! LinkedIn's numbers, reactions, comments and reshares. What they share: the connection that a request names, dates, and
//! how a refusal of LinkedIn is told.

mod acts;
mod followers;
mod mentionables;
mod operations;
mod statistics;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::account::Account;
use domain::error::{Fate, PlatformError};
use domain::platform::Platform;
use engine::Reach;
use engine::actions::{Days, Figure, Question, Told};
use jiff::civil::Date;
use serde_json::{Map, Value, json};

use super::error::Error;
use super::js::Js;
use super::wire;
use crate::openapi::Endpoint;
use crate::state::ApiState;

/// What is about LinkedIn.
pub(super) fn endpoints() -> [Endpoint; 10] {
    [
        Endpoint::post("/linkedin-post-statistics", statistics::of_post, &operations::OF_POST),
        Endpoint::post(
            "/linkedin-account-statistics",
            statistics::of_account,
            &operations::OF_ACCOUNT,
        ),
        Endpoint::post("/linkedin-followers", followers::followers, &operations::FOLLOWERS),
        Endpoint::post("/linkedin-profile-summary", followers::summary, &operations::SUMMARY),
        Endpoint::post("/linkedin-reactions", acts::react, &operations::REACT),
        Endpoint::delete("/linkedin-reactions", acts::unreact, &operations::UNREACT),
        Endpoint::post("/linkedin-comments", acts::comment, &operations::COMMENT),
        Endpoint::delete("/linkedin-comments", acts::uncomment, &operations::UNCOMMENT),
        Endpoint::post("/linkedin-reshare", acts::reshare, &operations::RESHARE),
        Endpoint::get("/linkedin-mentionables", mentionables::list, &operations::MENTIONABLES),
    ]
}

/// What a handler gives: a refusal is a whole answer.
pub(super) type Answer = Result<Response, Refused>;

/// A refusal, written out.
#[derive(Debug)]
pub(super) struct Refused(Box<Response>);

impl Refused {
    /// This body with this status.
    pub(super) fn with(status: StatusCode, body: &Value) -> Self {
        Self(Box::new(answer(status, body)))
    }

    /// Only a text.
    pub(super) fn text(status: StatusCode, text: &str) -> Self {
        Self::with(status, &json!({ "error": text }))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(Box::new(error.into_response()))
    }
}

/// A body with a status.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = wire::json(body);
    *response.status_mut() = status;
    response
}

/// A broken rule.
pub(super) fn bad(text: &str) -> Refused {
    Refused::text(StatusCode::BAD_REQUEST, text)
}

/// The status that a refusal of a platform is told with: its own where that says what to do, else a 500.
pub(super) fn status_of(error: &engine::Error) -> StatusCode {
    let own = match error {
        engine::Error::Platform(error) => error.http_status,
        _ => None,
    };
    match own {
        Some(403) => StatusCode::FORBIDDEN,
        Some(429) => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Says in the log why something could not be read or done; the answer's text is fixed.
pub(super) fn note(error: &engine::Error, what: &'static str) {
    tracing::warn!(%error, what, "LinkedIn did not do as asked");
}

/// What a person should know of a refusal.
fn words(error: &engine::Error) -> String {
    match error {
        engine::Error::Platform(error) if is_open(error) => format!(
            "{}. It may have been done all the same: look at LinkedIn before sending it again",
            error.message
        ),
        engine::Error::Platform(error) => match &error.raw {
            Some(raw) => format!("{}: {raw}", error.message),
            None => error.message.clone(),
        },
        other => other.to_string(),
    }
}

fn is_open(error: &PlatformError) -> bool {
    error.fate == Fate::MayBePublished
}

/// The account's id in a `platformId`; the name of the platform before it may be missing.
pub(super) fn remote_id(platform_id: &str) -> &str {
    platform_id.strip_prefix("linkedin-").unwrap_or(platform_id)
}

/// A `platformId` that must be there, be text, and name something.
fn platform_id<'a>(given: &'a Js<'_>) -> Result<&'a str, Refused> {
    match given {
        given if !given.is_truthy() => Err(bad("platformId is required")),
        Js::Text(text) => Ok(remote_id(text)),
        _ => Err(bad("platformId must be a string")),
    }
}

/// The same, where one that names nothing is refused in words of its own.
fn named_platform_id<'a>(given: &'a Js<'_>) -> Result<&'a str, Refused> {
    let id = platform_id(given)?;
    if id.trim().is_empty() {
        Err(bad("Invalid platformId"))
    } else {
        Ok(id)
    }
}

/// The connection within reach.
async fn connection(api: &ApiState, reach: &Reach, remote_id: &str) -> Result<Account, Refused> {
    let found = api.engine.account_on(reach, Platform::LinkedIn, remote_id).await;
    found.map_err(|error| match error {
        engine::Error::NotFound => Refused::text(StatusCode::NOT_FOUND, "LinkedIn connection not found"),
        other => {
            note(&other, "a connection");
            Error::Internal.into()
        }
    })
}

/// Whether this is the URN of a post.
fn is_post_urn(text: &str) -> bool {
    let kinds = ["urn:li:share:", "urn:li:ugcPost:", "urn:li:activity:"];
    kinds.iter().any(|kind| text.strip_prefix(kind).is_some_and(is_number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The `dateRange` of a body, if there is one.
fn date_range(given: &Js<'_>) -> Result<Option<Days>, Refused> {
    let range = match given {
        given if !given.is_truthy() => return Ok(None),
        Js::Object(range) => range,
        _ => return Err(bad("dateRange must be an object")),
    };
    let end_of = |name: &str| match range.get(name) {
        Some(Value::Object(date)) => Ok(date),
        _ => Err(bad("dateRange must have both 'start' and 'end' objects")),
    };
    let (start, end) = (end_of("start")?, end_of("end")?);
    let incomplete = || bad("dateRange.start and dateRange.end must have: year, month, day");
    Ok(Some(Days {
        start: date(start).ok_or_else(incomplete)?,
        end: date(end).ok_or_else(incomplete)?,
    }))
}

/// A date that exists.
fn date(fields: &Map<String, Value>) -> Option<Date> {
    // In JavaScript, and in JSON Schema, 2026.0 is the number 2026.
    let whole = |value: &Value| {
        value
            .as_f64()
            .filter(|number| number.fract() == 0.0)
            .map(|number| number as i64)
    };
    let number = |name: &str| {
        fields
            .get(name)
            .and_then(|value| value.as_i64().or_else(|| whole(value)))
    };
    Date::new(
        i16::try_from(number("year")?).ok()?,
        i8::try_from(number("month")?).ok()?,
        i8::try_from(number("day")?).ok()?,
    )
    .ok()
}

/// The post's id as LinkedIn counts by it: an activity is the share or ugcPost that it is about.
async fn canonical(api: &ApiState, account: &Account, post: String) -> Result<String, engine::Error> {
    let told = api
        .engine
        .ask(account, Question::Canonical { post: post.clone() })
        .await?;
    match told.figure {
        Figure::Name(name) => Ok(name),
        _ => Ok(post),
    }
}

/// A number as JSON, or the numbers of days.
fn shown(told: &Told) -> Value {
    match &told.figure {
        Figure::Count(count) => json!(count),
        Figure::Daily(days) => days
            .iter()
            .map(|day| {
                let date = |date: Date| json!({ "year": date.year(), "month": date.month(), "day": date.day() });
                json!({ "count": day.count, "dateRange": { "start": date(day.start), "end": date(day.end) } })
            })
            .collect(),
        Figure::Post(_) | Figure::Profile(_) | Figure::Name(_) => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let read = |text: &str| date(&serde_json::from_str(text).unwrap());
        let known = Date::new(2026, 1, 2).ok();
        assert_eq!(read(r#"{"year":2026,"month":1,"day":2}"#), known);
        assert_eq!(read(r#"{"year":2026.0,"month":1e0,"day":2.0}"#), known);
        assert_eq!(read(r#"{"year":2026.5,"month":1,"day":2}"#), None);
        assert_eq!(read(r#"{"year":1e300,"month":1,"day":2}"#), None);
    }
}

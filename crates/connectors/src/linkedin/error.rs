//! What LinkedIn's refusals mean (learn.microsoft.com, "Error handling", "Posts API", "Videos API").
//!
//! A refusal has a word (`code`), sometimes only a number (`serviceErrorCode`), and of a field that is wrong a word of
//! its own, which comes first.

use domain::error::{ErrorKind, Fate, PlatformError, Retry, Stage, When};
use domain::platform::Platform;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::http::Answer;
use crate::rules::{self, Refusal, Row, RowFate};

const RECONNECT: &str = "LinkedIn no longer accepts this account's token; connect the account again";
const RIGHTS: &str = "LinkedIn does not let this account or this server's app do this; connect the account again and \
                      grant all permissions, or ask for the missing product in LinkedIn's developer portal";
const WRONG: &str = "LinkedIn does not understand this post";
const FAILED: &str = "LinkedIn could not process a file of this post; export it anew in a usual format";
const DUPLICATE: &str = "LinkedIn has this very post of this account already; change the text";
const NOT_KNOWN_YET: &str = "LinkedIn does not know the new post everywhere yet";
const DOWN: &str = "LinkedIn has trouble just now";

/// The word by which a refusal is known that names an earlier post.
const DUPLICATE_POST: &str = "DUPLICATE_POST";

/// The words before the post that a refusal names.
const DUPLICATE_OF: &str = "duplicate of ";

/// The refusals, first match first.
pub(super) static ROWS: &[Row] = &[
    Row::new(ErrorKind::Auth, RECONNECT)
        .code("REVOKED_ACCESS_TOKEN")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::Auth, RECONNECT)
        .code("65601")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::Auth, "The LinkedIn token has ended")
        .status(401)
        .retry(When::AfterRefresh)
        .at_most(1),
    Row::new(
        ErrorKind::OperatorConfig,
        "LinkedIn has retired the version of its API that this server speaks; its operator must update Broadside",
    )
    .status(426),
    Row::new(
        ErrorKind::Permission,
        "This account may not post for the organization; one of its administrators must connect it",
    )
    .status(403)
    .contains("as author is not allowed"),
    Row::new(
        ErrorKind::Invalid,
        "A file of this post belongs to another LinkedIn account; prepare the post again",
    )
    .status(403)
    .contains("resource is forbidden")
    .anew(),
    Row::new(ErrorKind::Permission, RIGHTS)
        .status(403)
        .code("ACCESS_DENIED")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::Permission, RIGHTS)
        .status(403)
        .contains("Not enough permissions")
        .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::TextTooLong,
        "The text is longer than LinkedIn takes; 3,000 characters with its escapes are allowed",
    )
    .code("FIELD_LENGTH_TOO_LONG"),
    Row::new(ErrorKind::NotReady, "LinkedIn is still processing a file of this post")
        .code("MEDIA_ASSET_WAITING_UPLOAD")
        .retry(When::After(SignedDuration::from_mins(2))),
    Row::new(ErrorKind::MediaRejected, FAILED)
        .code("MEDIA_ASSET_PROCESSING_FAILED")
        .anew(),
    Row::new(ErrorKind::NotReady, "The address for uploading a file has ended")
        .code("EXPIRED_UPLOAD_URL")
        .retry(When::Backoff)
        .anew()
        .at_most(2),
    Row::new(ErrorKind::DuplicateContent, DUPLICATE)
        .code(DUPLICATE_POST)
        .fate(RowFate::LandedEarlier),
    Row::new(ErrorKind::DuplicateContent, DUPLICATE)
        .contains(DUPLICATE_OF)
        .fate(RowFate::LandedEarlier),
    Row::new(ErrorKind::Invalid, WRONG).code("MISSING_FIELD"),
    Row::new(ErrorKind::Invalid, WRONG).code("INVALID_URN_ID"),
    Row::new(ErrorKind::Invalid, WRONG).code("INVALID_URN_TYPE"),
    Row::new(ErrorKind::Invalid, WRONG).code("INVALID_VALUE_FOR_FIELD"),
    Row::new(ErrorKind::Invalid, WRONG).code("INVALID_VIDEO_ID"),
    Row::new(ErrorKind::NotReady, NOT_KNOWN_YET)
        .status(404)
        .contains("Unable to obtain activity")
        .retry(When::After(SignedDuration::from_secs(10)))
        .at_most(3),
    Row::new(ErrorKind::Invalid, "LinkedIn does not know what this post refers to").status(404),
    Row::new(ErrorKind::Invalid, WRONG).status(411),
    Row::new(ErrorKind::TooLarge, "A file is larger than LinkedIn takes").status(413),
    Row::new(ErrorKind::MediaRejected, "LinkedIn does not take a file of this format").status(415),
    Row::new(ErrorKind::ContentRejected, "LinkedIn refused this post").status(422),
    Row::new(
        ErrorKind::QuotaExhausted,
        "The account has made as many requests today as LinkedIn allows",
    )
    .status(429)
    .contains("DAY limit")
    .retry(When::Backoff),
    Row::new(ErrorKind::RateLimited, "LinkedIn asks for fewer requests")
        .status(429)
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .contains("Service Unavailable")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
];

/// The error of an answer that is not the one hoped for.
pub(super) fn classify(stage: Stage, answer: &Answer) -> PlatformError {
    let refusal = refusal(answer);
    let mut error = rules::classify(Platform::LinkedIn, ROWS, stage, answer, &refusal);
    // A gateway's 5xx with a body of the API still says nothing about what was done behind it.
    if answer.status >= 500 && stage == Stage::Send {
        error.fate = Fate::MayBePublished;
    }
    if error.kind == ErrorKind::QuotaExhausted
        && error.retry.when == When::Backoff
        && let Some(midnight) = answer.date().and_then(next_midnight)
    {
        error.retry.when = When::NotBefore(midnight);
    }
    error
}

/// A 404 about a post that was just made, whatever its words: the post is not known everywhere yet.
pub(super) fn not_known_yet(error: PlatformError) -> PlatformError {
    let retry = Retry::when(When::After(SignedDuration::from_secs(10))).at_most(3);
    PlatformError {
        kind: ErrorKind::NotReady,
        message: NOT_KNOWN_YET.to_owned(),
        ..error.with_retry(retry)
    }
}

fn refusal(answer: &Answer) -> Refusal {
    let body = answer.json().unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let of_field = body
        .pointer("/errorDetails/inputErrors/0")
        .and_then(|error| text(error, "code"));
    let number = body.get("serviceErrorCode").and_then(Value::as_i64);
    Refusal {
        code: of_field
            .or_else(|| text(&body, "code"))
            .or_else(|| number.map(|number| number.to_string())),
        words: text(&body, "message").unwrap_or_default(),
        not_before: None,
    }
}

/// Daily quotas begin anew at 00:00 UTC. A minute later, for the clocks' sake.
pub(super) fn next_midnight(date: Timestamp) -> Option<Timestamp> {
    let tomorrow = date.to_zoned(TimeZone::UTC).date().tomorrow().ok()?;
    let midnight = tomorrow.to_zoned(TimeZone::UTC).ok()?.timestamp();
    midnight.checked_add(SignedDuration::from_mins(1)).ok()
}

/// The post that a refusal as a duplicate names, such as `urn:li:share:7300000000000000001`.
pub(super) fn original(error: &PlatformError) -> Option<String> {
    let (_, named) = error.raw.as_deref()?.split_once(DUPLICATE_OF)?;
    let end = named
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, ':' | '-' | '_'))
        .unwrap_or(named.len());
    let urn = named.get(..end)?.trim_end_matches(':');
    is_post(urn).then(|| urn.to_owned())
}

/// Whether this is the URN of a post.
pub(super) fn is_post(urn: &str) -> bool {
    let id = ["urn:li:share:", "urn:li:ugcPost:"]
        .iter()
        .find_map(|kind| urn.strip_prefix(kind));
    id.is_some_and(|id| !id.is_empty())
}

/// When a post was made: the first 41 bits of its id are milliseconds since 1970 (seen; the documentation only has ids
/// that grow with time).
pub(super) fn made_at(urn: &str) -> Option<Timestamp> {
    let id: u64 = urn.rsplit(':').next()?.parse().ok()?;
    Timestamp::from_millisecond(i64::try_from(id >> 22).ok()?).ok()
}

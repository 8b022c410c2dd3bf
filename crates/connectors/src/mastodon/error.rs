//! What Mastodon's refusals mean (docs.joinmastodon.org, "Error"; the server's `config/locales/en.yml`).

use domain::error::{ErrorKind, PlatformError, Stage, When};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::http::Answer;
use crate::rules::{Refusal, Row, RowFate, classify};

/// The refusals, first match first. Server errors have no row: a repeat with the same key may be answered 500 although
/// the status exists (mastodon/mastodon issue 40399), so they stay open like every unknown server error.
pub(super) const ROWS: &[Row] = &[
    Row::new(
        ErrorKind::Auth,
        "Mastodon no longer accepts this account's token; connect the account again",
    )
    .status(401)
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::Permission,
        "The account was connected without the right to post; connect it again",
    )
    .status(403)
    .contains("outside the authorized scopes")
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::AccountRestricted,
        "The Mastodon account is disabled or suspended; ask its server's staff",
    )
    .status(403)
    .contains("disabled"),
    Row::new(
        ErrorKind::AccountRestricted,
        "The Mastodon account is disabled or suspended; ask its server's staff",
    )
    .status(403)
    .contains("suspended"),
    Row::new(
        ErrorKind::AccountRestricted,
        "The Mastodon account still has to confirm its e-mail address",
    )
    .status(403)
    .contains("confirmed e-mail"),
    Row::new(
        ErrorKind::AccountRestricted,
        "The Mastodon account still waits for its server's approval",
    )
    .status(403)
    .contains("pending approval"),
    Row::new(
        ErrorKind::Permission,
        "Mastodon does not allow this action to the account",
    )
    .status(403),
    Row::new(ErrorKind::Invalid, "The status that this one replies to is gone")
        .status(404)
        .contains("trying to reply to"),
    Row::new(
        ErrorKind::Invalid,
        "Mastodon no longer has a file or a status that this post refers to",
    )
    .status(404)
    .retry(When::Backoff)
    .anew()
    .at_most(1),
    Row::new(ErrorKind::AccountGone, "The Mastodon account no longer exists").status(410),
    Row::new(ErrorKind::TooLarge, "The file is larger than the Mastodon server takes").status(413),
    Row::new(ErrorKind::NotReady, "Mastodon is still processing a file of this post")
        .status(422)
        .contains("not finished processing")
        .retry(When::Backoff),
    Row::new(
        ErrorKind::DuplicateContent,
        "A file of this post already belongs to another status",
    )
    .status(422)
    .contains("already attached to another post")
    .fate(RowFate::LandedEarlier)
    .retry(When::Backoff)
    .anew()
    .at_most(1),
    Row::new(ErrorKind::TooLarge, "The file is larger than the Mastodon server takes")
        .status(422)
        .contains("file size"),
    Row::new(
        ErrorKind::TextTooLong,
        "The text is longer than the Mastodon server takes; shorten it",
    )
    .status(422)
    .contains("character limit"),
    Row::new(
        ErrorKind::TextTooLong,
        "The text is longer than the Mastodon server takes; shorten it",
    )
    .status(422)
    .contains("too long"),
    Row::new(
        ErrorKind::Invalid,
        "Mastodon takes up to four images or one video in a status, not both",
    )
    .status(422)
    .contains("cannot attach"),
    Row::new(ErrorKind::MediaRejected, "Mastodon does not take a file of this kind")
        .status(422)
        .contains("content type"),
    Row::new(ErrorKind::MediaRejected, "Mastodon could not process the file")
        .status(422)
        .contains("processing"),
    Row::new(ErrorKind::MediaRejected, "Mastodon does not take this file")
        .status(422)
        .contains("file "),
    Row::new(ErrorKind::ContentRejected, "Mastodon does not take an empty status")
        .status(422)
        .contains("blank"),
    Row::new(ErrorKind::Invalid, "Mastodon does not know this visibility")
        .status(422)
        .contains("visibility"),
    Row::new(ErrorKind::Invalid, "Mastodon does not know this language")
        .status(422)
        .contains("language"),
    Row::new(ErrorKind::ContentRejected, "Mastodon refused the status").status(422),
    Row::new(ErrorKind::RateLimited, "The Mastodon server asks for fewer requests")
        .status(429)
        .retry(When::Backoff),
];

/// The error that an answer stands for.
pub(super) fn refusal(stage: Stage, answer: &Answer) -> PlatformError {
    let refusal = Refusal {
        code: None,
        words: words(answer),
        not_before: None,
    };
    let mut error = classify(Platform::Mastodon, ROWS, stage, answer, &refusal);
    if answer.status == 429 && error.retry.when == When::Backoff {
        error.retry.when = limit_ends(answer).unwrap_or(When::Backoff);
    }
    error
}

fn words(answer: &Answer) -> String {
    let body = answer.json().unwrap_or(Value::Null);
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match (text("error"), text("error_description")) {
        (Some(error), Some(description)) => format!("{error}: {description}"),
        (Some(error), None) => error.to_owned(),
        _ => String::new(),
    }
}

/// `X-RateLimit-Reset`: an ISO 8601 time of the server's clock, though some servers write seconds since 1970.
pub(super) fn reset(answer: &Answer) -> Option<Timestamp> {
    let text = answer.header("x-ratelimit-reset")?;
    let seconds = || Timestamp::from_second(text.parse().ok()?).ok();
    text.parse().ok().or_else(seconds)
}

/// When the limit ends. It is a time of the server's clock, so the wait is counted from the answer's own `Date`.
fn limit_ends(answer: &Answer) -> Option<When> {
    let reset = reset(answer)?;
    Some(match answer.date() {
        Some(date) => When::After(reset.duration_since(date).max(SignedDuration::from_secs(1))),
        None => When::NotBefore(reset),
    })
}

//! What X's refusals mean.
//!
//! Bodies come in four forms: a problem (RFC 9457) whose `type` ends in a word, the same with a list of `errors`, the
//! older `errors` with numbers, and that of OAuth (docs.x.com, "Response codes & errors"; RFC 6749, 5.2). The host in
//! `type` differs, so its last segment is the code.

use domain::error::{ErrorKind, PlatformError, Stage, When};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::http::Answer;
use crate::rules::{self, Refusal, Row, RowFate};

/// What was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// `POST /2/tweets`, and reads.
    Post,
    /// Everything below `/2/media`.
    Upload,
}

/// The words by which a refused media id is known.
pub(super) const MEDIA_IDS_INVALID: &str = "media IDs are invalid";

/// Our code for a 429 although the window is not used up: a daily cap, or money.
const CAP: &str = "daily-cap";

const EXPIRED: &str = "The X session has ended";
const RECONNECT: &str = "X refused the sign-in; connect the account again";
const APP: &str =
    "X does not let this server's app do this; its operator must look at the app in X's developer console";
const CREDITS: &str = "This server's app has used up its credits or quota at X; its operator must add some";
const DAILY: &str = "This account has reached X's daily limit of posts";
const NOT_ALLOWED: &str = "X does not let this account do this";
const REPLY: &str = "X does not allow this reply";
const TOO_LONG: &str = "X refused the text as too long; without Premium it takes 280 characters";
const FILM_TOO_LONG: &str = "X refused the video as too long for this account";
const RESTRICTED: &str = "X has locked or suspended this account; its owner must sign in at x.com";
const AN_HOUR: When = When::After(SignedDuration::from_hours(1));

/// The token endpoint's: it says `unauthorized_client` of a wrong secret and `invalid_request` of a spent token or code,
/// both against RFC 6749.
pub(super) static TOKEN_ROWS: &[Row] = &[
    Row::new(ErrorKind::OperatorConfig, APP).contains("redirect uri"),
    Row::new(ErrorKind::OperatorConfig, APP).code("invalid_client"),
    Row::new(ErrorKind::OperatorConfig, APP).code("unauthorized_client"),
    Row::new(ErrorKind::Auth, RECONNECT)
        .code("invalid_grant")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::Auth, RECONNECT)
        .code("invalid_request")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::Auth, RECONNECT)
        .status(401)
        .retry(When::AfterReconnect),
];

pub(super) static UPLOAD_ROWS: &[Row] = &[
    Row::new(ErrorKind::TooLarge, "X refused a file as too large").status(413),
    Row::new(ErrorKind::TooLarge, FILM_TOO_LONG).contains("video longer than"),
    Row::new(ErrorKind::MediaRejected, "X refused a file").status(400),
    Row::new(ErrorKind::MediaRejected, "X no longer knows an upload").status(404),
];

pub(super) static ROWS: &[Row] = &[
    Row::new(ErrorKind::Auth, EXPIRED)
        .status(401)
        .retry(When::AfterRefresh)
        .at_most(1),
    Row::new(
        ErrorKind::Auth,
        "X wants another kind of sign-in; connect the account again",
    )
    .code("unsupported-authentication")
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::Permission,
        "The X sign-in lacks permissions; connect the account again and grant all of them",
    )
    .code("oauth1-permissions")
    .retry(When::AfterReconnect),
    Row::new(ErrorKind::QuotaExhausted, CREDITS).status(402),
    Row::new(ErrorKind::QuotaExhausted, CREDITS).code("usage-capped"),
    Row::new(ErrorKind::QuotaExhausted, CREDITS).contains("credits"),
    Row::new(
        ErrorKind::DuplicateContent,
        "X has a post of this account with the same text already; change the text",
    )
    .status(403)
    .contains("duplicate content")
    .fate(RowFate::LandedEarlier),
    Row::new(
        ErrorKind::DuplicateContent,
        "X has a post of this account with the same text already; change the text",
    )
    .code("187")
    .fate(RowFate::LandedEarlier),
    Row::new(ErrorKind::QuotaExhausted, DAILY)
        .contains("daily limit")
        .retry(AN_HOUR),
    Row::new(ErrorKind::QuotaExhausted, DAILY)
        .contains("daily status update limit")
        .retry(AN_HOUR),
    // The words for the app come first: it is suspended as accounts are, and a call that is blocked is not locked.
    Row::new(ErrorKind::OperatorConfig, APP).contains("suspended application"),
    Row::new(ErrorKind::OperatorConfig, APP).contains("app is suspended"),
    Row::new(ErrorKind::AccountRestricted, RESTRICTED)
        .contains("account is suspended")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::AccountRestricted, RESTRICTED)
        .contains("user has been suspended")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::AccountRestricted, RESTRICTED)
        .contains(" locked")
        .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::PolicyBlocked,
        "X took this post for an automated one and refused it",
    )
    .contains("automated"),
    Row::new(ErrorKind::OperatorConfig, APP).code("client-forbidden"),
    Row::new(ErrorKind::OperatorConfig, APP).contains("not enrolled"),
    Row::new(ErrorKind::Invalid, REPLY).contains("Reply to this conversation is not allowed"),
    Row::new(
        ErrorKind::Invalid,
        "The post to be answered is deleted, or this account cannot see it",
    )
    .contains("deleted or not visible"),
    Row::new(ErrorKind::Invalid, NOT_ALLOWED).contains("not permitted to perform this action"),
    // A fresh id may be refused for some seconds; an old one has ended.
    Row::new(ErrorKind::NotReady, "X does not know an uploaded file (yet)")
        .contains(MEDIA_IDS_INVALID)
        .retry(When::After(SignedDuration::from_secs(5)))
        .at_most(2),
    Row::new(ErrorKind::TooLarge, FILM_TOO_LONG).contains("video longer than"),
    Row::new(ErrorKind::TextTooLong, TOO_LONG).contains("text too long"),
    Row::new(ErrorKind::TextTooLong, TOO_LONG).contains("text is too long"),
    Row::new(ErrorKind::TextTooLong, TOO_LONG).contains("needs to be a bit shorter"),
    Row::new(ErrorKind::TextTooLong, TOO_LONG).status(413),
    Row::new(ErrorKind::Invalid, "The post to be answered does not exist").code("resource-not-found"),
    Row::new(ErrorKind::Invalid, "X refused the request").code("invalid-request"),
    Row::new(ErrorKind::Invalid, "X refused the request").status(400),
    Row::new(ErrorKind::QuotaExhausted, "A daily limit of X is used up")
        .code(CAP)
        .retry(AN_HOUR),
    Row::new(ErrorKind::RateLimited, "X asks for fewer requests")
        .status(429)
        .retry(When::Backoff),
    Row::new(ErrorKind::RateLimited, "X asks for fewer requests")
        .code("88")
        .retry(When::Backoff),
];

/// The error of an answer that is not the one hoped for.
pub(super) fn classify(call: Call, stage: Stage, answer: &Answer) -> PlatformError {
    let first = match call {
        Call::Post => &[][..],
        Call::Upload => UPLOAD_ROWS,
    };
    rules::classify(Platform::X, &[first, ROWS].concat(), stage, answer, &refusal(answer))
}

fn refusal(answer: &Answer) -> Refusal {
    let body = answer.json().unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    let errors = body
        .get("errors")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut words: Vec<String> = ["detail", "error_description"]
        .iter()
        .filter_map(|key| text(&body, key))
        .collect();
    words.extend(
        errors
            .iter()
            .filter_map(|error| text(error, "message").or_else(|| text(error, "detail"))),
    );
    if words.is_empty() {
        words.extend(text(&body, "title"));
    }
    let of_type = |value: &Value| {
        let kind = text(value, "type")?;
        Some(kind.rsplit('/').next()?.to_owned()).filter(|word| !word.is_empty() && word != "about:blank")
    };
    let number = |error: &Value| error.get("code").and_then(Value::as_i64).map(|code| code.to_string());
    let code = of_type(&body)
        .or_else(|| errors.iter().find_map(number))
        .or_else(|| errors.iter().find_map(of_type))
        .or_else(|| text(&body, "error"))
        .or_else(|| is_capped(answer).then(|| CAP.to_owned()));
    Refusal {
        code,
        words: words.join("; "),
        not_before: not_before(answer),
    }
}

fn is_capped(answer: &Answer) -> bool {
    answer.status == 429 && header(answer, "x-rate-limit-remaining").is_some_and(|left| left > 0)
}

/// The windows that X tells of (docs.x.com, "Rate limits").
const WINDOWS: &[(&str, &str)] = &[
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
    ("x-user-limit-24hour-remaining", "x-user-limit-24hour-reset"),
    ("x-app-limit-24hour-remaining", "x-app-limit-24hour-reset"),
];

/// When the last of the used-up windows ends.
fn not_before(answer: &Answer) -> Option<Timestamp> {
    let used_up = WINDOWS
        .iter()
        .filter(|(remaining, _)| header(answer, remaining) == Some(0));
    Timestamp::from_second(used_up.filter_map(|(_, reset)| header(answer, reset)).max()?).ok()
}

fn header(answer: &Answer, name: &str) -> Option<i64> {
    answer.header(name)?.trim().parse().ok()
}

#[cfg(test)]
mod tests;

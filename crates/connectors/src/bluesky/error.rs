//! What a personal data server's refusals mean.
//!
//! Bodies are `{"error": name, "message": words}` (atproto.com, "HTTP API (XRPC)"); the names and words below are those
//! of the reference server (github.com/bluesky-social/atproto, packages/pds and packages/lexicon).

use domain::error::{ErrorKind, PlatformError, Stage, When};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::http::Answer;
use crate::rules::{self, Refusal, Row, RowFate};

/// There is no such record: the answer of `getRecord` that makes a post absent.
pub(super) const RECORD_NOT_FOUND: &str = "RecordNotFound";
/// There is a record of this key already.
pub(super) const INVALID_SWAP: &str = "InvalidSwap";

const RECONNECT: &str = "Bluesky refused the app password; make a new one and connect the account again";
const EXPIRED: &str = "The Bluesky session has ended";
const TEXT_TOO_LONG: &str = "Bluesky refused the text: it takes 300 characters and 3000 bytes";
const FILE_TOO_LARGE: &str = "Bluesky refused a file as too large; images may have 1,000,000 bytes";
const TOO_MANY: &str = "Bluesky refused the number of images, languages or labels";

pub(super) static ROWS: &[Row] = &[
    Row::new(ErrorKind::Auth, EXPIRED)
        .code("ExpiredToken")
        .retry(When::AfterRefresh),
    // The words of tokens that are bound to a key (RFC 6750, 3.1; RFC 9449, 7.1).
    Row::new(ErrorKind::Auth, EXPIRED)
        .code("invalid_token")
        .retry(When::AfterRefresh)
        .at_most(1),
    Row::new(ErrorKind::NotReady, "Bluesky wants a newer proof of the sign-in")
        .code("use_dpop_nonce")
        .retry(When::Backoff),
    Row::new(
        ErrorKind::Auth,
        "Bluesky did not accept the proof of the sign-in; connect the account again",
    )
    .code("invalid_dpop_proof")
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::Permission,
        "The Bluesky sign-in lacks a permission; connect the account again",
    )
    .code("insufficient_scope")
    .retry(When::AfterReconnect),
    Row::new(ErrorKind::Auth, EXPIRED)
        .code("InvalidToken")
        .retry(When::AfterRefresh)
        .at_most(1),
    Row::new(ErrorKind::Auth, EXPIRED)
        .code("AuthMissing")
        .retry(When::AfterRefresh)
        .at_most(1),
    Row::new(
        ErrorKind::Auth,
        "Bluesky wants a second factor; connect the account with an app password instead",
    )
    .code("AuthFactorTokenRequired")
    .retry(When::AfterReconnect),
    Row::new(ErrorKind::Auth, RECONNECT)
        .code("AuthenticationRequired")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::AccountRestricted, "Bluesky has taken this account down")
        .code("AccountTakedown")
        .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::AccountRestricted,
        "This Bluesky account is deactivated; activate it and connect it again",
    )
    .code("AccountDeactivated")
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::AccountGone,
        "This server has no such Bluesky account; connect it again",
    )
    .code("AccountNotFound")
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::AccountGone,
        "This server has no such Bluesky account; connect it again",
    )
    .contains("Could not find repo")
    .retry(When::AfterReconnect),
    Row::new(ErrorKind::RateLimited, "Bluesky asks for fewer requests")
        .code("RateLimitExceeded")
        .retry(When::Backoff),
    Row::new(ErrorKind::RateLimited, "Bluesky asks for fewer requests")
        .status(429)
        .retry(When::Backoff),
    Row::new(
        ErrorKind::DuplicateContent,
        "This post is already in the Bluesky repository",
    )
    .code(INVALID_SWAP)
    .fate(RowFate::LandedEarlier),
    // Blobs that no record refers to are collected after some hours.
    Row::new(
        ErrorKind::NotReady,
        "Bluesky no longer has an uploaded file; it is uploaded again",
    )
    .code("BlobNotFound")
    .retry(When::Backoff)
    .anew()
    .at_most(2),
    Row::new(ErrorKind::TooLarge, FILE_TOO_LARGE).status(413),
    Row::new(ErrorKind::TooLarge, FILE_TOO_LARGE).contains("blob too big"),
    Row::new(ErrorKind::TooLarge, FILE_TOO_LARGE).contains("This file is too large"),
    Row::new(ErrorKind::Invalid, TOO_MANY).contains("array too big"),
    Row::new(ErrorKind::TextTooLong, TEXT_TOO_LONG).contains("grapheme too big"),
    Row::new(ErrorKind::TextTooLong, TEXT_TOO_LONG).contains("string too big"),
    Row::new(ErrorKind::TextTooLong, TEXT_TOO_LONG).contains("must not be longer than"),
    Row::new(ErrorKind::MediaRejected, "Bluesky does not take a file of this kind").code("InvalidMimeType"),
    Row::new(
        ErrorKind::Invalid,
        "The post that this one answers is not in its repository any more",
    )
    .code(RECORD_NOT_FOUND),
    Row::new(ErrorKind::Invalid, "Bluesky refused the post's record").code("InvalidRecord"),
    Row::new(ErrorKind::Invalid, "Bluesky refused the post's record").code("InvalidRequest"),
    Row::new(
        ErrorKind::OperatorConfig,
        "The server of this account does not speak the AT Protocol",
    )
    .code("MethodNotImplemented"),
    Row::new(
        ErrorKind::OperatorConfig,
        "The server of this account does not speak the AT Protocol",
    )
    .status(404)
    .code("XRPCNotSupported"),
];

/// The error of an answer that is not the one hoped for.
pub(super) fn classify(stage: Stage, answer: &Answer) -> PlatformError {
    rules::classify(Platform::Bluesky, ROWS, stage, answer, &refusal(answer))
}

/// Whether an error has this name of the protocol.
pub(super) fn has_name(error: &PlatformError, name: &str) -> bool {
    error.code.as_deref() == Some(name)
}

fn refusal(answer: &Answer) -> Refusal {
    let body = answer.json();
    let text = |key: &str| body.as_ref().and_then(|body| body.get(key)).and_then(Value::as_str);
    Refusal {
        code: text("error").map(ToOwned::to_owned),
        words: text("message").unwrap_or_default().to_owned(),
        not_before: not_before(answer),
    }
}

/// When the used-up window ends: `RateLimit-Reset` in seconds since 1970, else `Retry-After` in seconds. Every answer
/// tells the window's end; only a 429 says that it is used up.
fn not_before(answer: &Answer) -> Option<Timestamp> {
    let number = |name: &str| answer.header(name)?.trim().parse::<i64>().ok();
    if let Some(reset) = number("ratelimit-reset").filter(|_| answer.status == 429) {
        return Timestamp::from_second(reset).ok();
    }
    answer
        .date()?
        .checked_add(SignedDuration::from_secs(number("retry-after")?))
        .ok()
}

#[cfg(test)]
mod tests;

//! What the Bot API's refusals mean (core.telegram.org/bots/api, "Making requests" and ResponseParameters; the texts
//! are those of the server, which documents none of them).

use domain::error::{ErrorKind, PlatformError, Stage, When};
use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::Value;

use crate::http::Answer;
use crate::rules::{Refusal, Row, classify};

/// The refusals, first match first.
pub(super) const ROWS: &[Row] = &[
    Row::new(
        ErrorKind::Auth,
        "Telegram no longer accepts the bot's token; connect the channel again",
    )
    .status(401)
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::Auth,
        "Telegram does not know this bot; connect the channel again with the bot's token",
    )
    .status(404)
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::Permission,
        "The bot is not, or no longer, in this chat; add it and connect the channel again",
    )
    .status(403)
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::Permission,
        "The bot may not post here; make it an administrator who may post messages",
    )
    .status(400)
    .contains("administrator rights")
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::Permission,
        "The bot may not post here; make it an administrator who may post messages",
    )
    .status(400)
    .contains("not enough rights")
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::Permission,
        "The bot may not post here; make it an administrator who may post messages",
    )
    .status(400)
    .contains("CHAT_WRITE_FORBIDDEN")
    .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::AccountGone,
        "Telegram does not know this chat, or the bot is not in it",
    )
    .status(400)
    .contains("chat not found"),
    // The group goes on under another id, which the answer names.
    Row::new(ErrorKind::Invalid, "The group has become a supergroup with another id")
        .status(400)
        .contains("upgraded to a supergroup")
        .retry(When::Backoff)
        .anew()
        .at_most(1),
    Row::new(
        ErrorKind::Invalid,
        "Telegram lets a bot delete a message for 48 hours, and only with the right to delete; remove it in Telegram",
    )
    .status(400)
    .contains("message can't be deleted"),
    Row::new(ErrorKind::Invalid, "The message that this one answers to is gone")
        .status(400)
        .contains("replied not found"),
    Row::new(ErrorKind::ContentRejected, "Telegram does not take an empty message")
        .status(400)
        .contains("text is empty"),
    Row::new(
        ErrorKind::TextTooLong,
        "The text is longer than Telegram takes; shorten it",
    )
    .status(400)
    .contains("is too long"),
    Row::new(
        ErrorKind::ContentRejected,
        "Telegram cannot read the formatting of the text",
    )
    .status(400)
    .contains("can't parse entities"),
    Row::new(
        ErrorKind::MediaRejected,
        "Telegram does not take this image: its sides are too long or too unlike",
    )
    .status(400)
    .contains("PHOTO_INVALID_DIMENSIONS"),
    Row::new(ErrorKind::MediaRejected, "Telegram cannot read this image")
        .status(400)
        .contains("IMAGE_PROCESS_FAILED"),
    Row::new(ErrorKind::MediaRejected, "Telegram does not take this file")
        .status(400)
        .contains("wrong file identifier"),
    Row::new(ErrorKind::MediaRejected, "Telegram could not fetch a file or a page")
        .status(400)
        .contains("failed to get HTTP URL content"),
    Row::new(ErrorKind::MediaRejected, "Telegram could not fetch a file or a page")
        .status(400)
        .contains("WEBPAGE_CURL_FAILED"),
    Row::new(ErrorKind::TooLarge, "The file is larger than Telegram takes from bots")
        .status(400)
        .contains("too big"),
    Row::new(ErrorKind::Invalid, "Telegram does not take these files together")
        .status(400)
        .contains("wrong number of messages"),
    Row::new(ErrorKind::Invalid, "Telegram does not take these files together")
        .status(400)
        .contains("can't be mixed"),
    Row::new(ErrorKind::TooLarge, "The file is larger than Telegram takes from bots").status(413),
    Row::new(ErrorKind::RateLimited, "Telegram asks for fewer messages")
        .status(429)
        .retry(When::Backoff),
];

/// The error that an answer stands for.
pub(super) fn refusal(stage: Stage, answer: &Answer) -> PlatformError {
    let body = answer.json().unwrap_or(Value::Null);
    let parameter = |name: &str| {
        body.get("parameters")
            .and_then(|parameters| parameters.get(name))
            .and_then(Value::as_i64)
    };
    let code = body
        .get("error_code")
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok());
    let refused = body.get("ok").and_then(Value::as_bool) == Some(false);
    let refusal = Refusal {
        code: code.map(|code| code.to_string()),
        words: body
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        not_before: None,
    };
    // The body's own code decides where the status does not say that it is a refusal.
    let status = code.filter(|_| refused && answer.is_success()).unwrap_or(answer.status);
    let judged = Answer {
        status,
        headers: answer.headers.clone(),
        body: answer.body.clone(),
    };
    let mut error = classify(Platform::Telegram, ROWS, stage, &judged, &refusal).with_status(answer.status);
    if let (When::Backoff, Some(seconds)) = (error.retry.when, parameter("retry_after")) {
        error.retry.when = When::After(SignedDuration::from_secs(seconds.max(1)));
    }
    error.retry.learn = parameter("migrate_to_chat_id").map(|id| id.to_string());
    error
}

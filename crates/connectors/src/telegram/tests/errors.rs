//! Every row of the error map, by a body as the Bot API gives it.

use super::*;
use crate::rules::first_match;
use domain::error::When::{AfterReconnect, Backoff, Never};
use domain::error::{ErrorKind::*, From};
use jiff::SignedDuration;

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        headers: reqwest::header::HeaderMap::new(),
        body: body.to_owned().into(),
    }
}

fn said(status: u16, description: &str) -> Answer {
    answer(
        status,
        &json!({ "ok": false, "error_code": status, "description": description }).to_string(),
    )
}

const CASES: &[(u16, &str, ErrorKind, When)] = &[
    (401, "Unauthorized", Auth, AfterReconnect),
    (404, "Not Found", Auth, AfterReconnect),
    (
        403,
        "Forbidden: bot was kicked from the channel chat",
        Permission,
        AfterReconnect,
    ),
    (
        403,
        "Forbidden: bot is not a member of the channel chat",
        Permission,
        AfterReconnect,
    ),
    (
        400,
        "Bad Request: need administrator rights in the channel chat",
        Permission,
        AfterReconnect,
    ),
    (
        400,
        "Bad Request: not enough rights to send photos to the chat",
        Permission,
        AfterReconnect,
    ),
    (400, "Bad Request: CHAT_WRITE_FORBIDDEN", Permission, AfterReconnect),
    (400, "Bad Request: chat not found", AccountGone, Never),
    (
        400,
        "Bad Request: group chat was upgraded to a supergroup chat",
        Invalid,
        Backoff,
    ),
    (400, "Bad Request: message to be replied not found", Invalid, Never),
    (400, "Bad Request: message can't be deleted", Invalid, Never),
    (400, "Bad Request: message text is empty", ContentRejected, Never),
    (400, "Bad Request: message is too long", TextTooLong, Never),
    (400, "Bad Request: message caption is too long", TextTooLong, Never),
    (
        400,
        "Bad Request: can't parse entities: unsupported start tag \"x\" at byte offset 0",
        ContentRejected,
        Never,
    ),
    (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", MediaRejected, Never),
    (400, "Bad Request: IMAGE_PROCESS_FAILED", MediaRejected, Never),
    (
        400,
        "Bad Request: wrong file identifier/HTTP URL specified",
        MediaRejected,
        Never,
    ),
    (400, "Bad Request: failed to get HTTP URL content", MediaRejected, Never),
    (400, "Bad Request: WEBPAGE_CURL_FAILED", MediaRejected, Never),
    (400, "Bad Request: file is too big", TooLarge, Never),
    (
        400,
        "Bad Request: wrong number of messages in the media group",
        Invalid,
        Never,
    ),
    (
        400,
        "Bad Request: document can't be mixed with other media types",
        Invalid,
        Never,
    ),
    (413, "Request Entity Too Large", TooLarge, Never),
    (429, "Too Many Requests: retry after 35", RateLimited, Backoff),
];

#[test]
fn every_refusal_means_what_its_row_says_and_every_row_is_reached() {
    let mut reached = std::collections::BTreeSet::new();
    for &(status, description, kind, when) in CASES {
        let error = error::refusal(Stage::Send, &said(status, description));
        assert_eq!((error.kind, error.retry.when), (kind, when), "{status} {description}");
        assert_eq!(error.fate, Fate::NotPublished);
        assert_eq!(
            (error.code, error.http_status),
            (Some(status.to_string()), Some(status))
        );
        // A refusal counts by its body also when a proxy has turned the status into 200.
        let mut disguised = said(status, description);
        disguised.status = 200;
        let disguised = error::refusal(Stage::Send, &disguised);
        assert_eq!((disguised.kind, disguised.fate), (kind, Fate::NotPublished));
        reached.extend(first_match(error::ROWS, status, None, description));
    }
    for (n, row) in error::ROWS.iter().enumerate() {
        assert!(reached.contains(&n), "no case for: {row:?}");
    }
}

#[test]
fn a_limit_is_waited_for_as_long_as_the_body_says() {
    let body = json!({
        "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 35",
        "parameters": { "retry_after": 35 },
    });
    let error = error::refusal(Stage::Send, &answer(429, &body.to_string()));
    assert_eq!(error.retry.when, When::After(SignedDuration::from_secs(35)));
    assert_eq!(error.fate, Fate::NotPublished);
}

#[test]
fn a_group_that_became_a_supergroup_is_learned_and_prepared_anew() {
    let body = json!({
        "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": { "migrate_to_chat_id": -1_001_234_567_890_i64 },
    });
    let error = error::refusal(Stage::Send, &answer(400, &body.to_string()));
    assert_eq!(error.retry.learn.as_deref(), Some("-1001234567890"));
    assert_eq!((error.retry.from, error.retry.when), (From::Prepare, Backoff));
}

#[test]
fn a_server_error_or_an_unreadable_answer_leaves_the_outcome_open() {
    for answer in [
        said(500, "Internal Server Error"),
        answer(502, "<html><body>Bad Gateway</body></html>"),
        answer(504, ""),
        answer(200, "{\"ok\":true,\"result\":"),
        answer(200, "{\"ok\":true}"),
        answer(200, "{\"ok\":true,\"result\":[]}"),
    ] {
        assert_eq!(
            error::refusal(Stage::Send, &answer).fate,
            Fate::MayBePublished,
            "{answer:?}"
        );
        assert_eq!(
            error::refusal(Stage::Validate, &answer).fate,
            Fate::NotPublished,
            "{answer:?}"
        );
    }
}

#[test]
fn a_refusal_that_nobody_knows_is_not_tried_again() {
    let error = error::refusal(Stage::Send, &said(400, "Bad Request: SOMETHING_NEW"));
    assert_eq!(
        (error.kind, error.fate, error.retry.when),
        (Unknown, Fate::NotPublished, Never)
    );
}

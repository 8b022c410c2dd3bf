//! Every row of the error map, by a body as the server's documentation or its `en.yml` has it.

use super::*;
use crate::rules::{RowFate, first_match};
use domain::error::ErrorKind::*;
use domain::error::When::{AfterReconnect, Backoff, Never};

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        headers: reqwest::header::HeaderMap::new(),
        body: body.to_owned().into(),
    }
}

fn said(status: u16, error: &str) -> Answer {
    answer(status, &json!({ "error": error }).to_string())
}

const CASES: &[(u16, &str, ErrorKind, When)] = &[
    (401, "The access token is invalid", Auth, AfterReconnect),
    (401, "The access token was revoked", Auth, AfterReconnect),
    (
        403,
        "This action is outside the authorized scopes",
        Permission,
        AfterReconnect,
    ),
    (403, "Your login is currently disabled", AccountRestricted, Never),
    (403, "Your account has been suspended", AccountRestricted, Never),
    (
        403,
        "Your login is missing a confirmed e-mail address",
        AccountRestricted,
        Never,
    ),
    (
        403,
        "Your login is currently pending approval",
        AccountRestricted,
        Never,
    ),
    (403, "This action is not allowed", Permission, Never),
    (
        404,
        "The post you are trying to reply to does not appear to exist.",
        Invalid,
        Never,
    ),
    (404, "Record not found", Invalid, Backoff),
    (410, "Gone", AccountGone, Never),
    (413, "Payload Too Large", TooLarge, Never),
    (
        422,
        "Cannot attach files that have not finished processing. Try again in a moment!",
        NotReady,
        Backoff,
    ),
    (
        422,
        "Media 7 not found or already attached to another post",
        DuplicateContent,
        Backoff,
    ),
    (
        422,
        "Validation failed: File file size must be less than 99 MB",
        TooLarge,
        Never,
    ),
    (
        422,
        "Validation failed: Text character limit of 500 exceeded",
        TextTooLong,
        Never,
    ),
    (
        422,
        "Validation failed: Description is too long (maximum is 1500 characters)",
        TextTooLong,
        Never,
    ),
    (
        422,
        "Validation failed: Cannot attach a video to a post that already contains images",
        Invalid,
        Never,
    ),
    (
        422,
        "Validation failed: File content type is invalid",
        MediaRejected,
        Never,
    ),
    (
        422,
        "Error processing thumbnail for uploaded media",
        MediaRejected,
        Never,
    ),
    (422, "Validation failed: File can't be read", MediaRejected, Never),
    (422, "Validation failed: Text can't be blank", ContentRejected, Never),
    (
        422,
        "Validation failed: Visibility is not included in the list",
        Invalid,
        Never,
    ),
    (422, "Validation failed: Language is invalid", Invalid, Never),
    (422, "Validation failed: Something new", ContentRejected, Never),
    (429, "Too many requests", RateLimited, Backoff),
];

#[test]
fn every_refusal_means_what_its_row_says_and_every_row_is_reached() {
    let mut reached = std::collections::BTreeSet::new();
    for &(status, words, kind, when) in CASES {
        let error = error::refusal(Stage::Send, &said(status, words));
        assert_eq!((error.kind, error.retry.when), (kind, when), "{status} {words}");
        let landed = words.contains("already attached");
        assert_eq!(
            error.fate,
            if landed {
                Fate::LandedEarlier { remote: None }
            } else {
                Fate::NotPublished
            }
        );
        assert_eq!(error.raw.as_deref(), Some(words));
        reached.extend(first_match(error::ROWS, status, None, words));
    }
    for (n, row) in error::ROWS.iter().enumerate() {
        assert!(reached.contains(&n), "no case for: {row:?}");
        assert_ne!(row.fate, RowFate::MayBePublished, "an answered 4xx published nothing");
    }
}

#[test]
fn a_server_error_or_an_unreadable_answer_leaves_the_outcome_open_only_for_the_creating_call() {
    let open = [
        said(500, "We're sorry, but something went wrong on our end."),
        answer(502, "<html><body>Bad Gateway</body></html>"),
        said(
            503,
            "There was a temporary problem serving your request, please try again",
        ),
        answer(504, ""),
        answer(408, ""),
        answer(200, "<html>"),
        answer(200, "{\"id\":"),
    ];
    for answer in open {
        assert_eq!(
            error::refusal(Stage::Send, &answer).fate,
            Fate::MayBePublished,
            "{answer:?}"
        );
        assert_eq!(
            error::refusal(Stage::Prepare, &answer).fate,
            Fate::NotPublished,
            "{answer:?}"
        );
        assert_eq!(
            error::refusal(Stage::Check, &answer).fate,
            Fate::NotPublished,
            "{answer:?}"
        );
    }
}

#[test]
fn a_refusal_that_nobody_knows_is_not_tried_again() {
    let error = error::refusal(Stage::Send, &said(418, "I am a teapot"));
    assert_eq!(
        (error.kind, error.fate, error.retry.when),
        (ErrorKind::Unknown, Fate::NotPublished, Never)
    );
}

#[test]
fn a_limit_is_waited_for_by_the_servers_own_clock_in_either_spelling() {
    for reset in ["2026-11-22T10:05:00.123456Z", "1795341900"] {
        let mut limited = said(429, "Too many requests");
        limited.headers.insert("x-ratelimit-reset", reset.parse().unwrap());
        let error = error::refusal(Stage::Send, &limited);
        assert!(matches!(error.retry.when, When::NotBefore(at) if at.to_string().starts_with("2026-11-22T10:05:00")));
        limited
            .headers
            .insert("date", "Sun, 22 Nov 2026 10:00:00 GMT".parse().unwrap());
        let error = error::refusal(Stage::Send, &limited);
        assert!(
            matches!(error.retry.when, When::After(wait) if wait.as_secs() == 300),
            "{:?}",
            error.retry.when
        );
    }
}

//! Every row of the error map, by bodies as LinkedIn documents them.

use domain::error::ErrorKind::*;
use domain::error::From;
use domain::error::When::{self, *};

use super::*;
use crate::rules::first_match;

fn answer(status: u16, body: &Value) -> Answer {
    Answer {
        status,
        headers: reqwest::header::HeaderMap::new(),
        body: body.to_string().into(),
    }
}

fn said(status: u16, code: &str, message: &str) -> Answer {
    let mut body = json!({ "status": status, "message": message });
    match code.parse::<i64>() {
        Ok(number) => body["serviceErrorCode"] = json!(number),
        Err(_) if !code.is_empty() => body["code"] = json!(code),
        Err(_) => {}
    }
    answer(status, &body)
}

const MINUTES: When = After(SignedDuration::from_mins(2));
const SECONDS: When = After(SignedDuration::from_secs(10));

const CASES: &[(u16, &str, &str, domain::error::ErrorKind, When)] = &[
    (
        401,
        "REVOKED_ACCESS_TOKEN",
        "The token has been revoked by the user",
        Auth,
        AfterReconnect,
    ),
    (
        401,
        "65601",
        "The token has been revoked by the user",
        Auth,
        AfterReconnect,
    ),
    (
        401,
        "EXPIRED_ACCESS_TOKEN",
        "The token used in the request has expired",
        Auth,
        AfterRefresh,
    ),
    (
        401,
        "65602",
        "The token used in the request has expired",
        Auth,
        AfterRefresh,
    ),
    (
        401,
        "EMPTY_ACCESS_TOKEN",
        "Empty oauth2 access token",
        Auth,
        AfterRefresh,
    ),
    (
        426,
        "NONEXISTENT_VERSION",
        "Requested version 20240101 is not active",
        OperatorConfig,
        Never,
    ),
    (
        403,
        "ACCESS_DENIED",
        "Field /author: organization as author is not allowed",
        Permission,
        Never,
    ),
    (
        403,
        "",
        "Accessing this image resource is forbidden. Please check your permissions",
        Invalid,
        Never,
    ),
    (403, "ACCESS_DENIED", "Access denied", Permission, AfterReconnect),
    (
        403,
        "",
        "Not enough permissions to access: partnerApiSocialActions.CREATE",
        Permission,
        AfterReconnect,
    ),
    (
        400,
        "FIELD_LENGTH_TOO_LONG",
        "Field /commentary is too long",
        TextTooLong,
        Never,
    ),
    (
        400,
        "MEDIA_ASSET_WAITING_UPLOAD",
        "Asset is waiting upload",
        NotReady,
        MINUTES,
    ),
    (
        400,
        "MEDIA_ASSET_PROCESSING_FAILED",
        "Asset processing failed",
        MediaRejected,
        Never,
    ),
    (
        400,
        "EXPIRED_UPLOAD_URL",
        "The upload URL has expired",
        NotReady,
        Backoff,
    ),
    (
        422,
        "DUPLICATE_POST",
        "Duplicate post is detected",
        DuplicateContent,
        Never,
    ),
    (
        422,
        "",
        "Content is a duplicate of urn:li:share:7",
        DuplicateContent,
        Never,
    ),
    (400, "MISSING_FIELD", "Field /title is required", Invalid, Never),
    (400, "INVALID_URN_ID", "Invalid id", Invalid, Never),
    (400, "INVALID_URN_TYPE", "Invalid type", Invalid, Never),
    (400, "INVALID_VALUE_FOR_FIELD", "Invalid value", Invalid, Never),
    (400, "INVALID_VIDEO_ID", "Invalid video", Invalid, Never),
    (404, "", "Unable to obtain activity: urn:li:share:7", NotReady, SECONDS),
    (404, "NOT_FOUND", "Not found", Invalid, Never),
    (411, "", "Length Required", Invalid, Never),
    (413, "REQUEST_ENTITY_TOO_LARGE", "Too large", TooLarge, Never),
    (415, "", "Unsupported Media Type", MediaRejected, Never),
    (422, "", "Unprocessable entity", ContentRejected, Never),
    (
        429,
        "TOO_MANY_REQUESTS",
        "Resource level throttle MEMBER DAY limit for calls is reached",
        QuotaExhausted,
        Backoff,
    ),
    (429, "TOO_MANY_REQUESTS", "Throttled", RateLimited, Backoff),
    (400, "", "Service Unavailable", PlatformDown, Backoff),
];

#[test]
fn every_refusal_means_what_its_row_says_and_every_row_is_reached() {
    let mut reached = std::collections::BTreeSet::new();
    for &(status, code, message, kind, when) in CASES {
        let error = classify(Stage::Send, &said(status, code, message));
        assert_eq!(
            (error.kind, error.retry.when),
            (kind, when),
            "{status} {code} {message}"
        );
        let fate = match kind {
            DuplicateContent => Fate::LandedEarlier { remote: None },
            PlatformDown => Fate::MayBePublished,
            _ => Fate::NotPublished,
        };
        assert_eq!(error.fate, fate, "{status} {code}");
        let code = Some(code).filter(|code| !code.is_empty());
        reached.extend(first_match(error::ROWS, status, code, message));
    }
    for (n, row) in error::ROWS.iter().enumerate() {
        assert!(reached.contains(&n), "no case for: {row:?}");
    }
}

#[test]
fn a_refusal_that_nobody_knows_is_not_tried_again() {
    let error = classify(Stage::Send, &said(400, "SOMETHING_NEW", "What is this"));
    assert_eq!(
        (error.kind, error.fate, error.retry.when),
        (Unknown, Fate::NotPublished, Never)
    );
}

#[test]
fn a_gateways_error_leaves_the_outcome_open_whatever_its_body_says() {
    for answer in [
        said(503, "MISSING_FIELD", ""),
        said(500, "", ""),
        said(408, "SOMETHING", ""),
        answer(200, &json!({})),
    ] {
        assert_eq!(classify(Stage::Send, &answer).fate, Fate::MayBePublished, "{answer:?}");
        assert_eq!(classify(Stage::Prepare, &answer).fate, Fate::NotPublished, "{answer:?}");
    }
}

#[test]
fn a_daily_limit_is_waited_for_until_the_next_day_begins_in_utc() {
    let mut limited = said(
        429,
        "TOO_MANY_REQUESTS",
        "throttle MEMBER DAY limit for calls to this resource is reached.",
    );
    limited
        .headers
        .insert("date", "Sun, 22 Nov 2026 22:15:00 GMT".parse().unwrap());
    let error = classify(Stage::Send, &limited);
    assert_eq!(error.retry.when, NotBefore("2026-11-23T00:01:00Z".parse().unwrap()));
}

#[test]
fn the_post_that_a_duplicate_names_is_read_whole() {
    let of = |words: &str| error::original(&classify(Stage::Send, &said(422, "DUPLICATE_POST", words)));
    assert_eq!(
        of("Content is a duplicate of urn:li:share:73"),
        Some("urn:li:share:73".to_owned())
    );
    assert_eq!(
        of("a duplicate of urn:li:ugcPost:73. Wait."),
        Some("urn:li:ugcPost:73".to_owned())
    );
    assert_eq!(of("a duplicate of something"), None);
    assert_eq!(of("Duplicate post is detected"), None);
}

#[test]
fn what_must_be_prepared_anew_is_and_nothing_else() {
    for (code, from) in [
        ("MEDIA_ASSET_PROCESSING_FAILED", From::Prepare),
        ("EXPIRED_UPLOAD_URL", From::Prepare),
        ("MEDIA_ASSET_WAITING_UPLOAD", From::Send),
    ] {
        assert_eq!(classify(Stage::Send, &said(400, code, "")).retry.from, from, "{code}");
    }
}

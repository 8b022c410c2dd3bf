use domain::error::{Fate, Retry};
use serde_json::json;

use super::*;

fn answer(status: u16, body: &Value) -> Answer {
    Answer {
        status,
        headers: reqwest::header::HeaderMap::new(),
        body: body.to_string().into(),
    }
}

fn classified(stage: Stage, status: u16, name: &str, message: &str) -> PlatformError {
    classify(stage, &answer(status, &json!({"error": name, "message": message})))
}

/// Every body that the reference server is known to answer with, and what it means when `putRecord` gets it.
#[test]
fn every_documented_refusal_means_what_the_table_says() {
    use ErrorKind as K;
    let record = "Invalid app.bsky.feed.post record: ";
    let over = |what: &str| format!("{record}{what}");
    let cases: &[(u16, &str, String, K, Retry)] = &[
        (
            400,
            "ExpiredToken",
            "Token has expired".into(),
            K::Auth,
            Retry::when(When::AfterRefresh),
        ),
        (
            400,
            "InvalidToken",
            "Token could not be verified".into(),
            K::Auth,
            Retry::when(When::AfterRefresh).at_most(1),
        ),
        (
            401,
            "AuthMissing",
            "Authentication Required".into(),
            K::Auth,
            Retry::when(When::AfterRefresh).at_most(1),
        ),
        (
            401,
            "AuthenticationRequired",
            "Invalid identifier or password".into(),
            K::Auth,
            Retry::when(When::AfterReconnect),
        ),
        (
            401,
            "AuthFactorTokenRequired",
            "A sign in code has been sent".into(),
            K::Auth,
            Retry::when(When::AfterReconnect),
        ),
        (
            403,
            "AccountTakedown",
            "Account has been taken down".into(),
            K::AccountRestricted,
            Retry::when(When::AfterReconnect),
        ),
        (
            403,
            "AccountDeactivated",
            "Account is deactivated".into(),
            K::AccountRestricted,
            Retry::when(When::AfterReconnect),
        ),
        (
            403,
            "AccountNotFound",
            "Account not found".into(),
            K::AccountGone,
            Retry::when(When::AfterReconnect),
        ),
        (
            400,
            "InvalidRequest",
            "Could not find repo: did:plc:x".into(),
            K::AccountGone,
            Retry::when(When::AfterReconnect),
        ),
        (
            429,
            "RateLimitExceeded",
            "Rate Limit Exceeded".into(),
            K::RateLimited,
            Retry::BACKOFF,
        ),
        (
            413,
            "PayloadTooLarge",
            "request entity too large".into(),
            K::TooLarge,
            Retry::NEVER,
        ),
        (
            400,
            "InvalidRequest",
            over("blob too big (maximum 1000000, got 1200000) at $.record.embed.images[0].image"),
            K::TooLarge,
            Retry::NEVER,
        ),
        (
            400,
            "BlobTooLarge",
            "This file is too large. It is 1.2MB but the maximum size is 976.56KB.".into(),
            K::TooLarge,
            Retry::NEVER,
        ),
        (
            400,
            "InvalidRequest",
            over("grapheme too big (maximum 300, got 301) at $.record.text"),
            K::TooLarge,
            Retry::NEVER,
        ),
        (
            400,
            "InvalidRequest",
            over("string too big (maximum 3000, got 3001) at $.record.text"),
            K::TooLarge,
            Retry::NEVER,
        ),
        (
            400,
            "InvalidRequest",
            over("Record/text must not be longer than 300 graphemes"),
            K::TooLarge,
            Retry::NEVER,
        ),
        (
            400,
            "InvalidRequest",
            over("array too big (maximum 4, got 5) at $.record.embed.images"),
            K::Invalid,
            Retry::NEVER,
        ),
        (
            400,
            "InvalidRequest",
            over("Invalid datetime at $.record.createdAt"),
            K::Invalid,
            Retry::NEVER,
        ),
        (
            400,
            "InvalidRequest",
            "Invalid TID string (got \"abc\") at $.rkey".into(),
            K::Invalid,
            Retry::NEVER,
        ),
        (400, "InvalidRecord", "invalid record".into(), K::Invalid, Retry::NEVER),
        (
            400,
            "RecordNotFound",
            "Could not locate record: at://did:plc:x/app.bsky.feed.post/3kabc".into(),
            K::Invalid,
            Retry::NEVER,
        ),
        (
            400,
            "InvalidMimeType",
            "Wrong mimetype".into(),
            K::MediaRejected,
            Retry::NEVER,
        ),
        (
            400,
            "BlobNotFound",
            "Could not find blob: bafkrei".into(),
            K::NotReady,
            Retry::BACKOFF.from_prepare().at_most(2),
        ),
        (
            501,
            "MethodNotImplemented",
            "Method Not Implemented".into(),
            K::OperatorConfig,
            Retry::NEVER,
        ),
        (
            404,
            "XRPCNotSupported",
            "XRPCNotSupported".into(),
            K::OperatorConfig,
            Retry::NEVER,
        ),
    ];
    for (status, name, message, kind, retry) in cases {
        let error = classified(Stage::Send, *status, name, message);
        assert_eq!(
            (error.kind, &error.retry, &error.fate),
            (*kind, retry, &Fate::NotPublished),
            "{name}: {message}"
        );
        assert_eq!(error.code.as_deref(), Some(*name));
        assert_eq!(error.raw.as_deref(), Some(message.as_str()));
    }
}

#[test]
fn every_row_is_met_by_some_documented_body() {
    let tests = include_str!("tests.rs");
    for row in ROWS {
        let mark = row
            .code
            .or(row.contains)
            .map_or_else(|| row.status.unwrap().to_string(), ToOwned::to_owned);
        assert!(tests.contains(&mark), "no body for {mark}");
    }
}

#[test]
fn a_key_that_exists_says_that_an_earlier_write_landed() {
    let error = classified(Stage::Send, 400, "InvalidSwap", "Record was at bafyreia");
    assert_eq!(error.fate, Fate::LandedEarlier { remote: None });
    assert!(has_name(&error, INVALID_SWAP));
}

#[test]
fn a_server_error_on_a_write_leaves_the_outcome_open_and_on_a_read_does_not() {
    for (status, name) in [
        (500, "InternalServerError"),
        (502, "UpstreamFailure"),
        (503, "NotEnoughResources"),
        (504, "UpstreamTimeout"),
    ] {
        let error = classified(Stage::Send, status, name, "Internal Server Error");
        assert_eq!(
            (error.kind, error.fate),
            (ErrorKind::PlatformDown, Fate::MayBePublished),
            "{name}"
        );
        assert_eq!(classified(Stage::Prepare, status, name, "").fate, Fate::NotPublished);
    }
}

#[test]
fn a_full_window_is_waited_out() {
    let mut full = answer(
        429,
        &json!({"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}),
    );
    full.headers.insert("RateLimit-Reset", "1795338000".parse().unwrap());
    let at = Timestamp::from_second(1_795_338_000).unwrap();
    assert_eq!(classify(Stage::Send, &full).retry.when, When::NotBefore(at));

    let mut full = answer(429, &json!({}));
    full.headers
        .insert("Date", "Sun, 22 Nov 2026 09:00:00 GMT".parse().unwrap());
    full.headers.insert("Retry-After", "60".parse().unwrap());
    let at = "2026-11-22T09:01:00Z".parse().unwrap();
    assert_eq!(classify(Stage::Send, &full).retry.when, When::NotBefore(at));
}

#[test]
fn a_page_of_a_proxy_is_no_verdict() {
    let page = Answer {
        status: 502,
        headers: reqwest::header::HeaderMap::new(),
        body: "<html>".into(),
    };
    let error = classify(Stage::Send, &page);
    assert_eq!((error.fate, error.raw), (Fate::MayBePublished, None));
}

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

/// What a retry is called in the table.
fn retry(word: &str) -> Retry {
    match word {
        "never" => Retry::NEVER,
        "backoff" => Retry::BACKOFF,
        "refresh" => Retry::when(When::AfterRefresh),
        "refresh once" => Retry::when(When::AfterRefresh).at_most(1),
        "reconnect" => Retry::when(When::AfterReconnect),
        "anew twice" => Retry::BACKOFF.from_prepare().at_most(2),
        other => panic!("no retry is called {other}"),
    }
}

/// Bodies that the reference server is known to answer with, and what they mean when `putRecord` gets them:
/// status | error | message | kind | retry.
const REFUSALS: &str = "\
400 | ExpiredToken | Token has expired | auth | refresh
400 | InvalidToken | Token could not be verified | auth | refresh once
401 | invalid_token | exp claim timestamp check failed | auth | refresh once
401 | use_dpop_nonce | Resource server requires nonce in DPoP proof | not_ready | backoff
401 | invalid_dpop_proof | DPoP ath mismatch | auth | reconnect
403 | insufficient_scope | Insufficient scope | permission | reconnect
401 | AuthMissing | Authentication Required | auth | refresh once
401 | AuthenticationRequired | Invalid identifier or password | auth | reconnect
401 | AuthFactorTokenRequired | A sign in code has been sent | auth | reconnect
403 | AccountTakedown | Account has been taken down | account_restricted | reconnect
403 | AccountDeactivated | Account is deactivated | account_restricted | reconnect
403 | AccountNotFound | Account not found | account_gone | reconnect
400 | InvalidRequest | Could not find repo: did:plc:x | account_gone | reconnect
429 | RateLimitExceeded | Rate Limit Exceeded | rate_limited | backoff
429 | TooMany | slow down | rate_limited | backoff
413 | PayloadTooLarge | request entity too large | too_large | never
400 | InvalidRequest | RECORD: blob too big (maximum 1000000, got 1200000) at $.record.embed | too_large | never
400 | BlobTooLarge | This file is too large. It is 1.2MB but the maximum size is 976.56KB. | too_large | never
400 | InvalidRequest | RECORD: grapheme too big (maximum 300, got 301) at $.record.text | text_too_long | never
400 | InvalidRequest | RECORD: string too big (maximum 3000, got 3001) at $.record.text | text_too_long | never
400 | InvalidRequest | RECORD: Record/text must not be longer than 300 graphemes | text_too_long | never
400 | InvalidRequest | RECORD: array too big (maximum 4, got 5) at $.record.embed.images | invalid | never
400 | InvalidRequest | RECORD: Invalid datetime at $.record.createdAt | invalid | never
400 | InvalidRequest | Invalid TID string (got 'abc') at $.rkey | invalid | never
400 | InvalidRecord | invalid record | invalid | never
400 | RecordNotFound | Could not locate record: at://did:plc:x/app.bsky.feed.post/3kabc | invalid | never
400 | InvalidMimeType | Wrong mimetype | media_rejected | never
400 | BlobNotFound | Could not find blob: bafkrei | not_ready | anew twice
501 | MethodNotImplemented | Method Not Implemented | operator_config | never
404 | XRPCNotSupported | XRPCNotSupported | operator_config | never";

#[test]
fn every_documented_refusal_means_what_the_table_says() {
    for line in REFUSALS.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [status, name, message, kind, word] = cells[..] else {
            panic!("five cells: {line}")
        };
        let message = message.replace("RECORD", "Invalid app.bsky.feed.post record");
        let kind: ErrorKind = serde_json::from_value(json!(kind)).unwrap();
        let error = classified(Stage::Send, status.parse().unwrap(), name, &message);
        assert_eq!(
            (error.kind, &error.retry, &error.fate),
            (kind, &retry(word), &Fate::NotPublished),
            "{line}"
        );
        assert_eq!((error.code.as_deref(), error.raw), (Some(name), Some(message)));
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

#[test]
fn only_a_429_waits_for_the_end_of_the_rate_window_which_every_answer_names() {
    let with_reset = |status| {
        let mut answer = answer(status, &json!({}));
        answer.headers.insert("ratelimit-reset", "1795345200".parse().unwrap());
        classify(Stage::Prepare, &answer).retry.when
    };
    assert_eq!(
        with_reset(429),
        When::NotBefore(Timestamp::from_second(1_795_345_200).unwrap())
    );
    assert_eq!(with_reset(503), When::Backoff);
}

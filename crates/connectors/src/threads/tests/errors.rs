//! Every row of the error maps, by codes as the platform documents them.

use domain::error::ErrorKind::{self, *};
use domain::error::When::{AfterReconnect, AfterRefresh, Backoff, Never};

use super::*;
use crate::graph::tests::said;
use crate::rules::first_match;

const HOUR: When = When::After(SignedDuration::from_hours(1));
const SOON: When = When::After(SignedDuration::from_secs(10));

fn refused(code: i64, subcode: i64, message: &str) -> Answer {
    let mut answer = said(code, None);
    let error = json!({ "code": code, "error_subcode": Some(subcode).filter(|sub| *sub != 0), "message": message });
    answer.body = json!({ "error": error }).to_string().into();
    answer
}

const CASES: &[(i64, i64, &str, ErrorKind, When)] = &[
    (24, 4_279_009, "The requested resource does not exist", NotReady, SOON),
    (9, 2_207_042, "Application request limit reached", QuotaExhausted, HOUR),
    (9, 0, "Application request limit reached", QuotaExhausted, HOUR),
    (100, 33, "Unsupported get request", Permission, Never),
    (
        100,
        0,
        "Param text must be at most 500 characters long.",
        TextTooLong,
        Never,
    ),
    (100, 0, "Param media_type must be one of", Invalid, Never),
    (190, 463, "Session has expired", Auth, AfterRefresh),
    (
        10,
        0,
        "Application does not have permission",
        Permission,
        AfterReconnect,
    ),
    (80_006, 0, "There have been too many calls", RateLimited, HOUR),
    (
        368,
        0,
        "The action attempted has been deemed abusive",
        PolicyBlocked,
        Never,
    ),
    (2, 0, "An unexpected error has occurred", PlatformDown, Backoff),
];

#[test]
fn every_refusal_means_what_its_row_says_and_every_row_is_reached() {
    let mut reached = std::collections::BTreeSet::new();
    for &(code, subcode, message, kind, when) in CASES {
        let error = error::classify(Stage::Send, &refused(code, subcode, message));
        assert_eq!((error.kind, error.retry.when), (kind, when), "{code}/{subcode}");
        let is_open = kind == PlatformDown;
        assert_eq!(error.fate == Fate::MayBePublished, is_open, "{code}/{subcode}");
        assert_eq!(error.retry.from, From::Send, "the container is kept");
        for key in [format!("{code}/{subcode}"), code.to_string()] {
            reached.extend(first_match(error::ROWS, 400, Some(&key), message));
        }
    }
    for (n, row) in error::ROWS.iter().enumerate() {
        assert!(reached.contains(&n), "no case for: {row:?}");
    }
}

#[test]
fn a_refusal_that_nobody_knows_is_not_tried_again() {
    let error = error::classify(Stage::Send, &refused(424_242, 7, "New"));
    assert_eq!(
        (error.kind, error.fate, error.retry.when),
        (Unknown, Fate::NotPublished, Never)
    );
}

#[test]
fn a_container_that_failed_says_why_and_is_never_used_again() {
    let cases = [
        ("ERROR", Some("FAILED_DOWNLOADING_VIDEO"), Network, Backoff, Some(2)),
        ("ERROR", Some("FAILED_PROCESSING_AUDIO"), MediaRejected, Never, None),
        ("ERROR", Some("FAILED_PROCESSING_VIDEO"), MediaRejected, Never, None),
        ("ERROR", Some("INVALID_ASPEC_RATIO"), MediaRejected, Never, None),
        ("ERROR", Some("INVALID_ASPECT_RATIO"), MediaRejected, Never, None),
        ("ERROR", Some("INVALID_BIT_RATE"), TooLarge, Never, None),
        ("ERROR", Some("INVALID_DURATION"), TooLarge, Never, None),
        ("ERROR", Some("INVALID_FRAME_RATE"), MediaRejected, Never, None),
        ("ERROR", Some("INVALID_AUDIO_CHANNELS"), MediaRejected, Never, None),
        (
            "ERROR",
            Some("INVALID_AUDIO_CHANNEL_LAYOUT"),
            MediaRejected,
            Never,
            None,
        ),
        ("EXPIRED", None, NotReady, Backoff, Some(2)),
        ("ERROR", Some("UNKNOWN"), MediaRejected, Backoff, Some(1)),
        ("ERROR", Some("SOMETHING_NEW"), MediaRejected, Backoff, Some(1)),
        ("ERROR", None, MediaRejected, Backoff, Some(1)),
    ];
    let mut reached = std::collections::BTreeSet::new();
    for (status, words, kind, when, at_most) in cases {
        let container = ContainerStatus {
            status: status.to_owned(),
            error_message: words.map(str::to_owned),
        };
        let error = error::failed_container(&refused(0, 0, ""), &container);
        assert_eq!(
            (error.kind, error.retry.when, error.retry.at_most),
            (kind, when, at_most),
            "{words:?}"
        );
        assert_eq!((error.retry.from, error.fate), (From::Prepare, Fate::NotPublished));
        assert_eq!(error.raw.as_deref(), words);
        let key = if status == "EXPIRED" { Some(status) } else { words };
        reached.extend(first_match(error::CONTAINER_ROWS, 400, key, ""));
    }
    assert_eq!(reached.len(), error::CONTAINER_ROWS.len());
}

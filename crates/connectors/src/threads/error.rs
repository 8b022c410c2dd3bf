//! What Threads' refusals mean (developers.facebook.com, Threads API, "Troubleshooting"). The rows that all of Meta's
//! platforms share are in [`crate::graph`].

use std::sync::LazyLock;

use domain::error::{ErrorKind, PlatformError, Stage, When};
use domain::platform::Platform;
use jiff::SignedDuration;

use super::wire::ContainerStatus;
use crate::graph::{self, Envelope, FAMILY};
use crate::http::Answer;
use crate::rules::{Refusal, Row, classify as by_rows};

const AN_HOUR: When = When::After(SignedDuration::from_hours(1));

const FETCH: &str =
    "Threads could not fetch a file from this server; check that public_url can be reached from the internet";
const FILM: &str = "Threads could not process a video of this post; export it anew as H.264 with AAC in an MP4";
const SHAPE: &str = "A file is too tall or too wide for Threads";

/// The refusals of Threads alone, first match first. The code is code and subcode where there is a row for both.
pub(super) static ROWS: &[Row] = &[
    // Its tokens are exchanged for themselves: once, before a person is asked. These are Meta's own words.
    Row::new(ErrorKind::Auth, "Error validating access token")
        .code("190")
        .retry(When::AfterRefresh)
        .at_most(1),
    // A container, or the post that is answered, is not known everywhere yet, although it exists.
    Row::new(ErrorKind::NotReady, "Threads does not know this post everywhere yet")
        .code("24/4279009")
        .retry(When::After(SignedDuration::from_secs(10)))
        .at_most(3),
    Row::new(
        ErrorKind::QuotaExhausted,
        "The account has published as many posts today as Threads allows",
    )
    .code("9")
    .retry(AN_HOUR),
    Row::new(
        ErrorKind::Permission,
        "Threads does not show this to the account, or it is gone",
    )
    .code("100/33"),
    Row::new(
        ErrorKind::TextTooLong,
        "The text is longer than Threads takes: 500 characters, where an emoji counts its bytes",
    )
    .code("100")
    .contains("at most 500 characters"),
    Row::new(ErrorKind::Invalid, "Threads does not understand this post").code("100"),
];

/// Why containers fail, by their `error_message`. A container that failed never recovers.
pub(super) static CONTAINER_ROWS: &[Row] = &[
    Row::new(ErrorKind::Network, FETCH)
        .code("FAILED_DOWNLOADING_VIDEO")
        .retry(When::Backoff)
        .anew()
        .at_most(2),
    Row::new(ErrorKind::MediaRejected, FILM)
        .code("FAILED_PROCESSING_AUDIO")
        .anew(),
    Row::new(ErrorKind::MediaRejected, FILM)
        .code("FAILED_PROCESSING_VIDEO")
        .anew(),
    // Spelled in two ways.
    Row::new(ErrorKind::MediaRejected, SHAPE)
        .code("INVALID_ASPEC_RATIO")
        .anew(),
    Row::new(ErrorKind::MediaRejected, SHAPE)
        .code("INVALID_ASPECT_RATIO")
        .anew(),
    Row::new(
        ErrorKind::TooLarge,
        "A video has more bits a second than Threads takes: 100 million",
    )
    .code("INVALID_BIT_RATE")
    .anew(),
    Row::new(ErrorKind::TooLarge, "A video on Threads has at most 5 minutes")
        .code("INVALID_DURATION")
        .anew(),
    Row::new(
        ErrorKind::MediaRejected,
        "A video on Threads has 23 to 60 frames a second",
    )
    .code("INVALID_FRAME_RATE")
    .anew(),
    Row::new(
        ErrorKind::MediaRejected,
        "The sound of a video on Threads is mono or stereo",
    )
    .code("INVALID_AUDIO_CHANNELS")
    .anew(),
    Row::new(
        ErrorKind::MediaRejected,
        "The sound of a video on Threads is mono or stereo",
    )
    .code("INVALID_AUDIO_CHANNEL_LAYOUT")
    .anew(),
    Row::new(ErrorKind::NotReady, "What was prepared for this post has expired")
        .code(EXPIRED)
        .retry(When::Backoff)
        .anew()
        .at_most(2),
    Row::new(
        ErrorKind::MediaRejected,
        "Threads could not process a file of this post",
    )
    .code(UNKNOWN)
    .retry(When::Backoff)
    .anew()
    .at_most(1),
];

const EXPIRED: &str = "EXPIRED";
const UNKNOWN: &str = "UNKNOWN";

/// All rows of refusals, Threads' own first.
pub(super) static ALL: LazyLock<Vec<Row>> = LazyLock::new(|| [ROWS, FAMILY].concat());

/// The error of an answer that is not the one hoped for.
pub(super) fn classify(stage: Stage, answer: &Answer) -> PlatformError {
    let envelope = Envelope::of(answer);
    let key = envelope.key(&ALL);
    graph::classify(Platform::Threads, &ALL, stage, answer, &envelope, key)
}

/// The error of a container that failed or expired.
pub(super) fn failed_container(answer: &Answer, container: &ContainerStatus) -> PlatformError {
    let words = container.error_message.clone().unwrap_or_default();
    let code = if container.status == "EXPIRED" {
        EXPIRED
    } else {
        words.as_str()
    };
    let is_known = CONTAINER_ROWS.iter().any(|row| row.code == Some(code));
    // A container's failure is a refusal, though the answer that tells of it is a success.
    let refused = Answer {
        status: 400,
        headers: answer.headers.clone(),
        body: answer.body.clone(),
    };
    let refusal = Refusal {
        code: Some(if is_known { code } else { UNKNOWN }.to_owned()),
        words: words.clone(),
        not_before: None,
    };
    let error = by_rows(Platform::Threads, CONTAINER_ROWS, Stage::Prepare, &refused, &refusal);
    let error = error.with_status(answer.status);
    if words.is_empty() {
        error
    } else {
        error.with_code(words)
    }
}

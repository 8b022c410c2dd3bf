//! What Facebook's refusals mean (developers.facebook.com, Graph API, "Handling errors"; Pages API; Video API and Reels
//! Publishing, "Error codes"). The rows that all of Meta's platforms share are in [`crate::graph`].

use std::sync::LazyLock;

use domain::error::{ErrorKind, PlatformError, Stage, When};
use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::Value;

use crate::graph::{self, Envelope, FAMILY};
use crate::http::Answer;
use crate::rules::{Row, RowFate};

const HOURS: When = When::After(SignedDuration::from_hours(2));

const DUPLICATE: &str = "Facebook has this very post of this Page already; change the text";
const LINK: &str = "Facebook does not take the link of this post";
const IMAGE: &str = "Facebook misses an image of this post, or finds it too large; 4 MB are allowed";
const UPLOAD: &str = "Facebook lost a piece of the video; the upload goes on";
const DOWN: &str = "Facebook has trouble just now";
const LIMITED: &str = "Facebook has limited this Page; look at its support inbox";
const IDENTITY: &str = "Facebook wants the Page's owner to confirm their identity before it publishes";

/// The refusals of Facebook alone, first match first. The code is the subcode where there is a row for it.
pub(super) static ROWS: &[Row] = &[
    Row::new(
        ErrorKind::Permission,
        "Facebook does not show this to the Page, or it is gone",
    )
    .code("100/33")
    .anew(),
    Row::new(ErrorKind::Invalid, "Facebook does not understand this post").code("100"),
    Row::new(ErrorKind::DuplicateContent, DUPLICATE)
        .code("506")
        .fate(RowFate::LandedEarlier),
    Row::new(ErrorKind::DuplicateContent, DUPLICATE)
        .code("1366051")
        .fate(RowFate::LandedEarlier),
    Row::new(ErrorKind::RateLimited, "This Page posts faster than Facebook allows")
        .code("9")
        .retry(HOURS),
    Row::new(ErrorKind::AccountRestricted, LIMITED).code("1346003"),
    Row::new(ErrorKind::AccountRestricted, LIMITED).code("1404102"),
    Row::new(ErrorKind::AccountRestricted, LIMITED).code("1404112"),
    Row::new(ErrorKind::AccountRestricted, LIMITED).code("1404006"),
    Row::new(ErrorKind::Permission, IDENTITY)
        .code("1404078")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::Permission, IDENTITY)
        .code("4854002")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::ContentRejected, LINK).code("1609005"),
    Row::new(ErrorKind::ContentRejected, LINK).code("1609008"),
    Row::new(ErrorKind::ContentRejected, LINK).code("2061006"),
    Row::new(ErrorKind::TooLarge, IMAGE).code("324"),
    Row::new(ErrorKind::TooLarge, IMAGE).code("1366046"),
    Row::new(
        ErrorKind::MediaRejected,
        "A reel on Facebook is upright: 9 to 16, at least 540 by 960 pixels",
    )
    .code("1363040"),
    Row::new(
        ErrorKind::MediaRejected,
        "The video has fewer pixels than Facebook takes: at least 540 by 960",
    )
    .code("1363127"),
    Row::new(ErrorKind::TooLarge, "A reel on Facebook has 3 to 90 seconds").code("1363128"),
    Row::new(
        ErrorKind::MediaRejected,
        "A reel on Facebook has 24 to 60 frames a second",
    )
    .code("1363129"),
    Row::new(ErrorKind::MediaRejected, "Facebook does not take a file of this format").code("2069019"),
    Row::new(ErrorKind::PlatformDown, UPLOAD)
        .code("1363019")
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, UPLOAD)
        .code("1363021")
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, UPLOAD)
        .code("1363030")
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, UPLOAD)
        .code(OFFSET_WRONG)
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, UPLOAD)
        .code("OffsetInvalidError")
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, UPLOAD)
        .code("PartialRequestError")
        .retry(When::Backoff),
    Row::new(
        ErrorKind::MediaRejected,
        "Facebook could not process the video; export it anew as H.264 with AAC in an MP4",
    )
    .code("ProcessingFailedError")
    .anew(),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code("1363047")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code("1609010")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
];

/// The subcode by which an upload learns that it is to go on elsewhere.
pub(super) const OFFSET_WRONG: &str = "1363037";

/// All rows, Facebook's own first.
pub(super) static ALL: LazyLock<Vec<Row>> = LazyLock::new(|| [ROWS, FAMILY].concat());

/// The error of an answer that is not the one hoped for.
pub(super) fn classify(stage: Stage, answer: &Answer) -> PlatformError {
    let envelope = Envelope::of(answer);
    let key = envelope.key(&ALL).or_else(|| of_upload(answer));
    graph::classify(Platform::Facebook, &ALL, stage, answer, &envelope, key)
}

/// The upload servers of reels and stories have an envelope of their own.
fn of_upload(answer: &Answer) -> Option<String> {
    let body: Value = answer.json()?;
    body.pointer("/debug_info/type")?.as_str().map(str::to_owned)
}

/// Where an upload is to go on, when the refusal says so.
pub(super) fn go_on_at(answer: &Answer) -> Option<(u64, u64)> {
    let envelope = Envelope::of(answer);
    let number = |name: &str| {
        let value = envelope.data.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    let is_offset = envelope.subcode.is_some_and(|sub| sub.to_string() == OFFSET_WRONG);
    is_offset.then(|| Some((number("start_offset")?, number("end_offset")?)))?
}

/// The error of a phase of a video's processing that failed: its own code, where the map has it.
pub(super) fn of_phase(code: Option<i64>, words: &str) -> PlatformError {
    let code = code.map(|code| code.to_string());
    let row = ALL.iter().find(|row| row.code.is_some() && row.code == code.as_deref());
    let (kind, message) = row.map_or(
        (
            ErrorKind::MediaRejected,
            "Facebook could not process the video; export it anew as H.264 with AAC in an MP4",
        ),
        |row| (row.kind, row.message),
    );
    let mut error = PlatformError::refused(Platform::Facebook, Stage::Prepare, kind, message);
    error.retry = error.retry.from_prepare();
    error.code = code;
    if words.is_empty() { error } else { error.with_raw(words) }
}

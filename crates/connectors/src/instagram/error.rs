//! What Instagram's refusals mean (developers.facebook.com, Instagram Platform, "Error codes"; Graph API, "Handling
//! errors"). A refusal has a code and often a subcode; those of publishing are 2207 and three digits, and stand alone in
//! the text of a container that failed.

use domain::error::{ErrorKind, PlatformError, Stage, When};
use domain::platform::Platform;
use jiff::SignedDuration;

use super::wire::ContainerStatus;
use crate::graph::{self, Envelope};
use crate::http::Answer;
use crate::rules::{Refusal, Row, RowFate, classify};

const AN_HOUR: When = When::After(SignedDuration::from_hours(1));

const FETCH: &str =
    "Instagram could not fetch a file from this server; check that public_url can be reached from the internet";
const FAILED: &str = "Instagram could not process a file of this post";
const FORMAT: &str = "Instagram does not take a file of this format";
const RIGHTS: &str = "The account was connected without the right to do this; connect it again";
const TOKEN: &str = "Instagram no longer accepts this account's token; connect the account again";
const SLOWER: &str = "Instagram asks for fewer requests";
const DOWN: &str = "Instagram has trouble just now";
const SETTING: &str = "Instagram does not take these settings together";

/// The refusals, first match first. The code is the 2207 subcode if there is one, `100/33`, or the main code.
pub(super) const ROWS: &[Row] = &[
    Row::new(ErrorKind::Network, FETCH)
        .code("2207003")
        .retry(When::Backoff)
        .anew()
        .at_most(3),
    Row::new(ErrorKind::Network, FETCH)
        .code("2207052")
        .retry(When::Backoff)
        .anew()
        .at_most(3),
    Row::new(ErrorKind::NotReady, "What was prepared for this post has expired")
        .code("2207020")
        .retry(When::Backoff)
        .anew()
        .at_most(2),
    Row::new(ErrorKind::NotReady, "What was prepared for this post is gone")
        .code("2207006")
        .retry(When::Backoff)
        .anew()
        .at_most(2),
    Row::new(ErrorKind::NotReady, "What was prepared for this post is gone")
        .code("2207008")
        .retry(When::Backoff)
        .anew()
        .at_most(3),
    Row::new(ErrorKind::NotReady, "Instagram is still processing a file of this post")
        .code("2207027")
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code("2207001")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, FAILED)
        .code("2207032")
        .retry(When::Backoff)
        .anew(),
    Row::new(ErrorKind::PlatformDown, FAILED)
        .code("2207053")
        .retry(When::Backoff)
        .anew(),
    // Seen with the post live all the same.
    Row::new(ErrorKind::RateLimited, "Instagram holds the account back for a while")
        .code("2207051")
        .fate(RowFate::MayBePublished)
        .retry(AN_HOUR),
    Row::new(
        ErrorKind::QuotaExhausted,
        "The account has published as many posts today as Instagram allows",
    )
    .code("2207042")
    .retry(AN_HOUR),
    Row::new(
        ErrorKind::AccountRestricted,
        "Instagram has restricted the account; its owner must open the app",
    )
    .code("2207050"),
    Row::new(ErrorKind::Invalid, SETTING).code("2207057"),
    Row::new(ErrorKind::Invalid, SETTING).code("2207023"),
    Row::new(ErrorKind::Invalid, "A carousel on Instagram has two to ten items").code("2207028"),
    Row::new(ErrorKind::Invalid, SETTING).code("2207035"),
    Row::new(ErrorKind::Invalid, SETTING).code("2207036"),
    Row::new(ErrorKind::Invalid, SETTING).code("2207037"),
    Row::new(ErrorKind::Invalid, SETTING).code("2207040"),
    Row::new(ErrorKind::Invalid, SETTING).code("2207081"),
    Row::new(ErrorKind::MediaRejected, FORMAT).code("2207026"),
    Row::new(ErrorKind::TooLarge, "The image is larger than Instagram takes").code("2207004"),
    Row::new(ErrorKind::MediaRejected, FORMAT).code("2207005"),
    Row::new(ErrorKind::MediaRejected, FORMAT).code("2207083"),
    Row::new(
        ErrorKind::MediaRejected,
        "The image is too tall or too wide for Instagram",
    )
    .code("2207009"),
    Row::new(
        ErrorKind::TextTooLong,
        "The caption is longer than Instagram takes; shorten it",
    )
    .code("2207010"),
    // Undocumented: fetching or transcoding failed, and once more with a fresh link may help.
    Row::new(ErrorKind::MediaRejected, FAILED)
        .code("2207076")
        .retry(When::Backoff)
        .anew()
        .at_most(1),
    Row::new(ErrorKind::MediaRejected, FAILED)
        .code("2207077")
        .retry(When::Backoff)
        .anew()
        .at_most(1),
    Row::new(ErrorKind::MediaRejected, FAILED)
        .code("2207082")
        .retry(When::Backoff)
        .anew()
        .at_most(1),
    Row::new(ErrorKind::MediaRejected, FAILED)
        .code("2207085")
        .retry(When::Backoff)
        .anew()
        .at_most(1),
    Row::new(ErrorKind::Auth, TOKEN).code("190").retry(When::AfterReconnect),
    Row::new(ErrorKind::Auth, TOKEN).code("102").retry(When::AfterReconnect),
    Row::new(ErrorKind::Permission, RIGHTS)
        .code("10")
        .retry(When::AfterReconnect),
    Row::new(ErrorKind::Permission, RIGHTS)
        .code("200")
        .retry(When::AfterReconnect),
    Row::new(
        ErrorKind::Permission,
        "Instagram does not show this to the account, or it is gone",
    )
    .code("100/33"),
    Row::new(ErrorKind::Invalid, "Instagram does not understand this post").code("100"),
    Row::new(ErrorKind::PolicyBlocked, "Instagram blocks this for breaking its rules").code("368"),
    Row::new(ErrorKind::RateLimited, SLOWER).code("4").retry(AN_HOUR),
    Row::new(ErrorKind::RateLimited, SLOWER).code("17").retry(AN_HOUR),
    Row::new(ErrorKind::RateLimited, SLOWER).code("32").retry(AN_HOUR),
    Row::new(ErrorKind::RateLimited, SLOWER).code("613").retry(AN_HOUR),
    Row::new(ErrorKind::RateLimited, SLOWER).code("80002").retry(AN_HOUR),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code("1")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code("2")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code("-1")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
    Row::new(ErrorKind::PlatformDown, DOWN)
        .code("-2")
        .fate(RowFate::MayBePublished)
        .retry(When::Backoff),
];

/// The error that an answer stands for.
pub(super) fn refusal(stage: Stage, answer: &Answer) -> PlatformError {
    let envelope = Envelope::of(answer);
    let key = match (envelope.code, envelope.subcode) {
        (_, Some(sub)) if (2_207_000..2_208_000).contains(&sub) => Some(sub.to_string()),
        (Some(100), Some(33)) => Some("100/33".to_owned()),
        (code, _) => code.map(|code| code.to_string()),
    };
    graph::classify(Platform::Instagram, ROWS, stage, answer, &envelope, key)
}

/// The error of a container that failed: its text names the subcode.
pub(super) fn failed_container(answer: &Answer, container: &ContainerStatus) -> PlatformError {
    let words = container.status.clone().unwrap_or_default();
    let code = match container.status_code.as_str() {
        // Containers live for 24 hours.
        "EXPIRED" => Some("2207020".to_owned()),
        _ => subcode_in(&words),
    };
    let known = code
        .as_deref()
        .is_some_and(|code| ROWS.iter().any(|row| row.code == Some(code)));
    // A container's failure is a refusal, though the answer that tells of it is a success.
    let refused = Answer {
        status: 400,
        headers: answer.headers.clone(),
        body: answer.body.clone(),
    };
    let refusal = Refusal {
        code: Some(code.filter(|_| known).unwrap_or_else(|| "2207076".to_owned())),
        words,
        not_before: None,
    };
    let mut error = classify(Platform::Instagram, ROWS, Stage::Prepare, &refused, &refusal).with_status(answer.status);
    error.code = subcode_in(&refusal.words);
    // Whatever it was, the same container never recovers.
    error.retry = error.retry.from_prepare();
    error
}

fn subcode_in(words: &str) -> Option<String> {
    words
        .split(|c: char| !c.is_ascii_digit())
        .find(|digits| digits.len() == 7 && digits.starts_with("2207"))
        .map(str::to_owned)
}

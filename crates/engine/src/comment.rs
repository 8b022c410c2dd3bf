//! The first comment of a post whose head is live.
//!
//! It is tried again and asked about like any other part, but not for long: meanwhile the post does not say that it is
//! live. Whatever becomes of the comment, the post ends as published, and its history says what went wrong.

use domain::error::{ErrorKind, PlatformError, Stage};
use domain::intent::{Claim, DedupeMeans, IntentState, Prepared};
use domain::part::Part;
use domain::post::Event;
use jiff::{SignedDuration, Timestamp};
use store::{Release, Resume, Settlement};

use crate::context::Desk;
use crate::record;
use crate::settle::unsent;

/// How long a post waits for its first comment after the first try: the policy's own retries fit into it.
const PATIENCE: SignedDuration = SignedDuration::from_mins(15);

/// Whether everything but the first comment is live.
pub(crate) fn is_all_that_is_left(desk: &Desk) -> bool {
    desk.head().is_some() && desk.parts_left() == [Part::FirstComment]
}

/// Until when the post waits for its first comment; `None` when other parts are left too.
pub(crate) fn awaited_until(desk: &Desk, now: Timestamp) -> Option<Timestamp> {
    let tries = desk
        .work
        .intents
        .iter()
        .filter(|intent| intent.part == Part::FirstComment);
    let first = tries.map(|intent| intent.recorded_at).min().unwrap_or(now);
    is_all_that_is_left(desk).then(|| first.saturating_add(PATIENCE).unwrap_or(Timestamp::MAX))
}

/// Whether the post has waited for its first comment long enough.
pub(crate) fn is_overdue(desk: &Desk, now: Timestamp) -> bool {
    awaited_until(desk, now).is_some_and(|until| now >= until)
}

/// Whether a platform that was sent this can ever be asked what became of it.
pub(crate) fn can_be_asked_for(prepared: &Prepared) -> bool {
    let mut means = prepared.dedupe.iter().map(|dedupe| dedupe.means);
    means.any(|means| means != DedupeMeans::None)
}

/// The end of a post whose first comment is given up: it is live. Sends of the comment whose outcome is not known are
/// asked for no more.
pub(crate) fn given_up(claim: &Claim, desk: &Desk, error: &PlatformError, now: Timestamp) -> Option<Release> {
    let remote = desk.head().filter(|_| is_all_that_is_left(desk))?.clone();
    let abandoned = Settlement {
        state: IntentState::Abandoned,
        remote: None,
        at: now,
        log: Vec::new(),
    };
    let open = desk
        .work
        .intents
        .iter()
        .filter(|intent| matches!(intent.state, IntentState::Open | IntentState::Untold));
    let event = Event::Published {
        at: now,
        remote,
        next_look: None,
    };
    Some(Release {
        intents: open.map(|intent| (intent.id, abandoned.clone())).collect(),
        resume: Resume::Clear,
        ..unsent(event, now, vec![record::comment_failed(claim, error, now)])
    })
}

/// What is said of a first comment that may be there.
pub(crate) fn unknown(claim: &Claim) -> PlatformError {
    let message = format!(
        "The first comment may be under the post, and {} cannot tell; it is not sent again",
        claim.platform.name()
    );
    PlatformError::refused(claim.platform, Stage::Check, ErrorKind::Unknown, message)
        .with_fate(domain::error::Fate::MayBePublished)
}

//! The end of a post that is not tried again: failed, or unconfirmed while an earlier send of it may be out there.

use domain::error::{ErrorSummary, PlatformError};
use domain::ids::IntentId;
use domain::intent::{Claim, IntentRecord};
use domain::log::LogEntry;
use domain::part::PartsLive;
use domain::post::Event;
use jiff::{SignedDuration, Timestamp};
use store::{Settlement, Work};

use crate::record;
use crate::settle::reopened;

/// An end, and what is to be written down with it.
pub(crate) struct End {
    pub(crate) event: Event,
    pub(crate) entry: LogEntry,
    /// Earlier sends that are known by now, or in question again.
    pub(crate) intents: Vec<(IntentId, Settlement)>,
}

impl End {
    /// The word that attempts are counted by.
    pub(crate) fn outcome(&self) -> &'static str {
        if matches!(self.event, Event::Failed { .. }) {
            "failed"
        } else {
            "unconfirmed"
        }
    }
}

/// How a post ends that `error` ends, which `told` this of earlier sends. A repeat that was to tell what one of them made,
/// and was refused or never sent, has told nothing: then nobody knows.
pub(crate) fn end(
    claim: &Claim,
    (work, told): (&Work, Vec<(IntentId, Settlement)>),
    parts: PartsLive,
    error: &PlatformError,
    (now, took): (Timestamp, Option<SignedDuration>),
) -> End {
    let in_doubt = |intent: &IntentRecord| told.iter().all(|(id, _)| *id != intent.id);
    if !work.untold().is_some_and(in_doubt) {
        let event = Event::Failed {
            at: now,
            error: error.summary(now),
            parts,
        };
        return End {
            event,
            entry: record::failed(claim, error, now, took),
            intents: told,
        };
    }
    let unknown = ErrorSummary::outcome_unknown(now);
    let told = format!(
        "{}. What was sent once more ended so: {}",
        unknown.message, error.message
    );
    let event = Event::GaveUp {
        at: now,
        next_look: None,
        error: unknown,
        parts,
    };
    End {
        event,
        entry: record::unconfirmed(claim, &told, now),
        intents: reopened(&work.intents, now),
    }
}

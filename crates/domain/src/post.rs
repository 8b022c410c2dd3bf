//! The state of one post, and the one function that moves it.
//!
//! `docs/post-states.md` draws this machine; a test compares the two.

mod event;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::ErrorSummary;
use crate::ids::AttemptId;
use crate::part::{PartsLive, RemotePost};

pub use event::Event;

/// Whether a step that the platform is working on comes before or after the irreversible call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before: go on with prepare.
    BeforeSend,
    /// After: only ever check.
    AfterSend,
}

/// Where a post stands. A plain enum, because it comes from a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PostState {
    /// Kept, not to be sent.
    Draft,
    /// To be sent at `due`; a past due means ready.
    Scheduled {
        /// When.
        due: Timestamp,
    },
    /// Claimed by a worker.
    Publishing {
        /// The claim's name.
        attempt: AttemptId,
        /// When it was to go out.
        due: Timestamp,
        /// Whether an intent of this attempt has been recorded.
        armed: bool,
    },
    /// The platform is working on something we asked for.
    Processing {
        /// Before or after the irreversible call.
        phase: Phase,
        /// When it was to go out.
        due: Timestamp,
        /// When to look again.
        next_check: Timestamp,
        /// When to stop waiting.
        give_up_at: Timestamp,
    },
    /// An automatic retry, only after a certain "not published".
    Waiting {
        /// When it was to go out first.
        due: Timestamp,
        /// When to try.
        at: Timestamp,
        /// Why it waits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ErrorSummary>,
    },
    /// An outcome is unknown and is being asked for.
    Reconciling {
        /// When it was to go out.
        due: Timestamp,
        /// Since when.
        since: Timestamp,
        /// When to ask next.
        next_check: Timestamp,
        /// How often it was asked for with the answer "absent".
        asked: u16,
        /// When to give up.
        give_up_at: Timestamp,
    },
    /// Live.
    Published {
        /// Since when.
        at: Timestamp,
        /// The head as the platform knows it.
        remote: RemotePost,
        /// When to look again under which id it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_look: Option<Timestamp>,
    },
    /// Certainly not published as a whole, and not tried again by itself.
    Failed {
        /// When it ended.
        at: Timestamp,
        /// Why.
        error: ErrorSummary,
        /// What of it is live all the same.
        #[serde(default)]
        parts: PartsLive,
    },
    /// It may exist out there; nobody can tell.
    Unconfirmed {
        /// Since when.
        since: Timestamp,
        /// When to ask again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_look: Option<Timestamp>,
        /// Why the outcome is unknown.
        error: ErrorSummary,
        /// What of it is known to be live.
        #[serde(default)]
        parts: PartsLive,
    },
    /// Found too late to be sent.
    Missed {
        /// When it was to go out.
        due: Timestamp,
        /// When it was found.
        at: Timestamp,
    },
    /// Taken back before anything was sent.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// Was live and was taken down through us.
    Removed {
        /// When.
        at: Timestamp,
        /// What it was.
        remote: RemotePost,
    },
}

/// A move that the machine does not know: a bug, reported and refused, never a panic and never ignored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a post that is {from} cannot take the event {event}")]
pub struct IllegalTransition {
    /// The state's word.
    pub from: &'static str,
    /// The event's word.
    pub event: &'static str,
}

impl PostState {
    /// Moves a post. Nothing else does.
    ///
    /// # Errors
    /// [`IllegalTransition`] for every pair that is not listed.
    pub fn next(&self, event: &Event) -> Result<Self, IllegalTransition> {
        use Event as E;
        use PostState as S;
        Ok(match (self, event) {
            (
                S::Draft | S::Scheduled { .. } | S::Failed { .. } | S::Missed { .. } | S::Unconfirmed { .. },
                E::Scheduled { due },
            ) => S::Scheduled { due: *due },
            (S::Draft | S::Scheduled { .. }, E::Unscheduled) => S::Draft,
            (
                S::Scheduled { due }
                | S::Waiting { due, .. }
                | S::Processing {
                    phase: Phase::BeforeSend,
                    due,
                    ..
                },
                E::Claimed { attempt },
            ) => S::Publishing {
                attempt: *attempt,
                due: *due,
                armed: false,
            },
            (S::Publishing { attempt, due, .. }, E::Armed { attempt: by }) if attempt == by => S::Publishing {
                attempt: *attempt,
                due: *due,
                armed: true,
            },
            (S::Publishing { due, .. }, E::Returned { at }) => S::Waiting {
                due: *due,
                at: *at,
                error: None,
            },
            (S::Publishing { due, .. }, E::Paused { at, error }) => S::Waiting {
                due: *due,
                at: *at,
                error: Some(error.clone()),
            },
            (
                S::Publishing { due, .. } | S::Processing { due, .. },
                E::Parked {
                    phase,
                    next_check,
                    give_up_at,
                },
            ) => S::Processing {
                phase: *phase,
                due: *due,
                next_check: *next_check,
                give_up_at: *give_up_at,
            },
            (
                S::Publishing { due, .. } | S::Processing { due, .. },
                E::OutcomeUnknown {
                    at,
                    next_check,
                    give_up_at,
                },
            ) => S::Reconciling {
                due: *due,
                since: *at,
                next_check: *next_check,
                asked: 0,
                give_up_at: *give_up_at,
            },
            (
                S::Reconciling {
                    due,
                    since,
                    asked,
                    give_up_at,
                    ..
                },
                E::StillUnknown { next_check, absent },
            ) => S::Reconciling {
                due: *due,
                since: *since,
                next_check: *next_check,
                asked: asked.saturating_add(u16::from(*absent)),
                give_up_at: *give_up_at,
            },
            (S::Reconciling { due, .. } | S::Publishing { due, .. } | S::Processing { due, .. }, E::MaySend { at }) => {
                S::Waiting {
                    due: *due,
                    at: *at,
                    error: None,
                }
            }
            (S::Unconfirmed { since, .. }, E::MaySend { at }) => S::Waiting {
                due: *since,
                at: *at,
                error: None,
            },
            (
                S::Reconciling { .. } | S::Publishing { .. } | S::Processing { .. } | S::Waiting { .. },
                E::GaveUp {
                    at,
                    next_look,
                    error,
                    parts,
                },
            ) => S::Unconfirmed {
                since: *at,
                next_look: *next_look,
                error: error.clone(),
                parts: parts.clone(),
            },
            (
                S::Publishing { due, .. } | S::Processing { due, .. } | S::Reconciling { due, .. },
                E::RetryAt { at, error },
            ) => S::Waiting {
                due: *due,
                at: *at,
                error: Some(error.clone()),
            },
            (
                S::Publishing { .. }
                | S::Processing { .. }
                | S::Reconciling { .. }
                | S::Unconfirmed { .. }
                | S::Waiting { .. }
                | S::Scheduled { .. }
                | S::Missed { .. }
                | S::Failed { .. },
                E::Published { at, remote, next_look },
            ) => S::Published {
                at: *at,
                remote: remote.clone(),
                next_look: *next_look,
            },
            (
                S::Publishing { .. }
                | S::Processing { .. }
                | S::Reconciling { .. }
                | S::Scheduled { .. }
                | S::Waiting { .. }
                | S::Unconfirmed { .. },
                E::Failed { at, error, parts },
            ) => S::Failed {
                at: *at,
                error: error.clone(),
                parts: parts.clone(),
            },
            (
                S::Scheduled { due } | S::Waiting { due, .. } | S::Publishing { due, armed: false, .. },
                E::Missed { at },
            ) => S::Missed { due: *due, at: *at },
            (
                S::Draft
                | S::Scheduled { .. }
                | S::Waiting { .. }
                | S::Publishing { armed: false, .. }
                | S::Processing {
                    phase: Phase::BeforeSend,
                    ..
                },
                E::Cancelled { at },
            ) => S::Cancelled { at: *at },
            (
                S::Published { at, remote, .. },
                E::Looked {
                    next_look,
                    remote: learned,
                },
            ) => S::Published {
                at: *at,
                remote: learned.clone().unwrap_or_else(|| remote.clone()),
                next_look: *next_look,
            },
            (
                S::Unconfirmed {
                    since, error, parts, ..
                },
                E::Looked { next_look, .. },
            ) => S::Unconfirmed {
                since: *since,
                next_look: *next_look,
                error: error.clone(),
                parts: parts.clone(),
            },
            (S::Published { .. }, E::RemovedByPlatform { at, error }) => S::Failed {
                at: *at,
                error: error.clone(),
                parts: PartsLive::default(),
            },
            (S::Published { remote, .. }, E::Removed { at }) => S::Removed {
                at: *at,
                remote: remote.clone(),
            },
            (from, event) => {
                return Err(IllegalTransition {
                    from: from.word(),
                    event: event.word(),
                });
            }
        })
    }

    /// The word that a store keeps and a test cites.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled { .. } => "scheduled",
            Self::Publishing { .. } => "publishing",
            Self::Processing { .. } => "processing",
            Self::Waiting { .. } => "waiting",
            Self::Reconciling { .. } => "reconciling",
            Self::Published { .. } => "published",
            Self::Failed { .. } => "failed",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Missed { .. } => "missed",
            Self::Cancelled { .. } => "cancelled",
            Self::Removed { .. } => "removed",
        }
    }

    /// Every word of [`Self::word`].
    pub const WORDS: &'static [&'static str] = &[
        "draft",
        "scheduled",
        "publishing",
        "processing",
        "waiting",
        "reconciling",
        "published",
        "failed",
        "unconfirmed",
        "missed",
        "cancelled",
        "removed",
    ];

    /// When the publisher must look at this post next, claims apart; `None` when only a user can move it.
    #[must_use]
    pub const fn wake_at(&self) -> Option<Timestamp> {
        match self {
            Self::Scheduled { due } => Some(*due),
            Self::Waiting { at, .. } => Some(*at),
            Self::Processing { next_check, .. } | Self::Reconciling { next_check, .. } => Some(*next_check),
            Self::Published { next_look, .. } | Self::Unconfirmed { next_look, .. } => *next_look,
            Self::Draft
            | Self::Publishing { .. }
            | Self::Failed { .. }
            | Self::Missed { .. }
            | Self::Cancelled { .. }
            | Self::Removed { .. } => None,
        }
    }

    /// Whether nothing more happens by itself but a look.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Published { .. }
                | Self::Failed { .. }
                | Self::Unconfirmed { .. }
                | Self::Missed { .. }
                | Self::Cancelled { .. }
                | Self::Removed { .. }
        )
    }

    /// Whether they differ in nothing but when they are looked at again, which nobody sees.
    #[must_use]
    pub fn shows_as(&self, other: &Self) -> bool {
        use PostState::{Published, Unconfirmed};
        match (self, other) {
            (Published { at, remote, .. }, Published { at: a, remote: r, .. }) => (at, remote) == (a, r),
            (
                Unconfirmed {
                    since, error, parts, ..
                },
                Unconfirmed {
                    since: s,
                    error: e,
                    parts: p,
                    ..
                },
            ) => (since, error, parts) == (s, e, p),
            _ => self == other,
        }
    }

    /// Whether it waits because its platform takes no more just now: then it has a place in a queue.
    #[must_use]
    pub fn waits_for_limit(&self) -> bool {
        matches!(self, Self::Waiting { error: Some(error), .. } if error.kind.is_limit())
    }

    /// Whether it goes before those that wait in the queue of a budget: it has waited itself, or its turn had come and
    /// its platform needed time before the irreversible call.
    #[must_use]
    pub fn is_in_turn(&self) -> bool {
        let is_prepared = matches!(
            self,
            Self::Processing {
                phase: Phase::BeforeSend,
                ..
            }
        );
        is_prepared || self.waits_for_limit()
    }

    /// How late a claim finds it: counted from the instant that it asked for, so that neither its platform's limit nor the
    /// time that its platform needed is lateness.
    #[must_use]
    pub fn late_by(&self, now: Timestamp) -> SignedDuration {
        self.wake_at().map_or(SignedDuration::ZERO, |at| now.duration_since(at))
    }

    /// What gives a post back that was found in this state and that nothing was done about: it keeps the instant that it
    /// asked for, and its place in a queue.
    #[must_use]
    pub fn given_back(&self, now: Timestamp) -> Event {
        self.put_back(self.wake_at().map_or(now, |at| at.min(now)))
    }

    /// What has a post that was found in this state taken again at `at`, with the place that it has in a queue.
    #[must_use]
    pub fn put_back(&self, at: Timestamp) -> Event {
        match self {
            Self::Waiting { error: Some(error), .. } if error.kind.is_limit() => Event::Paused {
                at,
                error: error.clone(),
            },
            _ => Event::Returned { at },
        }
    }

    /// Whether content and time may still be changed.
    #[must_use]
    pub const fn is_editable(&self) -> bool {
        matches!(self, Self::Draft | Self::Scheduled { .. })
    }
}

#[cfg(test)]
mod tests;

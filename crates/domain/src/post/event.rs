//! What can happen to a post.

use jiff::Timestamp;

use super::Phase;
use crate::error::ErrorSummary;
use crate::ids::AttemptId;
use crate::part::{PartsLive, RemotePost};

/// What happens to a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A time was set, or a user asked for it to go out.
    Scheduled {
        /// When to send.
        due: Timestamp,
    },
    /// Back to a draft.
    Unscheduled,
    /// A worker took it.
    Claimed {
        /// Under this name.
        attempt: AttemptId,
    },
    /// An intent of this attempt became durable.
    Armed {
        /// Of this attempt.
        attempt: AttemptId,
    },
    /// The worker gave it back without having sent anything.
    Returned {
        /// When to take it again.
        at: Timestamp,
    },
    /// The worker gave it back because it has to wait: a budget of its platform is spent, or will be by those that wait
    /// already, or a person has to decide about an identical post first.
    Paused {
        /// When its turn comes.
        at: Timestamp,
        /// What for, and until when.
        error: ErrorSummary,
    },
    /// The platform works on something.
    Parked {
        /// Before or after the irreversible call.
        phase: Phase,
        /// When to look again.
        next_check: Timestamp,
        /// When to stop waiting.
        give_up_at: Timestamp,
    },
    /// The outcome of an intent is not known.
    OutcomeUnknown {
        /// When that was found.
        at: Timestamp,
        /// When to ask first.
        next_check: Timestamp,
        /// When to give up.
        give_up_at: Timestamp,
    },
    /// Asked, without a verdict.
    StillUnknown {
        /// When to ask next.
        next_check: Timestamp,
        /// Whether the answer was "absent", which counts, or none at all.
        absent: bool,
    },
    /// Every open intent is now known to have made no post, or a part was found and others are left: go on sending.
    MaySend {
        /// When.
        at: Timestamp,
    },
    /// It cannot be established.
    GaveUp {
        /// When that was decided.
        at: Timestamp,
        /// When to ask again.
        next_look: Option<Timestamp>,
        /// What to tell the user.
        error: ErrorSummary,
        /// What is known to be live.
        parts: PartsLive,
    },
    /// An automatic retry was decided.
    RetryAt {
        /// When.
        at: Timestamp,
        /// Because of.
        error: ErrorSummary,
    },
    /// It is live.
    Published {
        /// Since when.
        at: Timestamp,
        /// As the platform knows it.
        remote: RemotePost,
        /// When to look whether it is visible.
        next_look: Option<Timestamp>,
    },
    /// It failed for good.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        error: ErrorSummary,
        /// What is live all the same.
        parts: PartsLive,
    },
    /// It was found too late.
    Missed {
        /// When.
        at: Timestamp,
    },
    /// It was taken back.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// A later look changed what is known of a published or unconfirmed post.
    Looked {
        /// When to look again.
        next_look: Option<Timestamp>,
        /// What was learned of the remote post.
        remote: Option<RemotePost>,
    },
    /// The platform took it down.
    RemovedByPlatform {
        /// When that was found.
        at: Timestamp,
        /// What to tell.
        error: ErrorSummary,
    },
    /// We took it down.
    Removed {
        /// When.
        at: Timestamp,
    },
}

impl Event {
    /// The event's word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Scheduled { .. } => "scheduled",
            Self::Unscheduled => "unscheduled",
            Self::Claimed { .. } => "claimed",
            Self::Armed { .. } => "armed",
            Self::Returned { .. } => "returned",
            Self::Paused { .. } => "paused",
            Self::Parked { .. } => "parked",
            Self::OutcomeUnknown { .. } => "outcome_unknown",
            Self::StillUnknown { .. } => "still_unknown",
            Self::MaySend { .. } => "may_send",
            Self::GaveUp { .. } => "gave_up",
            Self::RetryAt { .. } => "retry_at",
            Self::Published { .. } => "published",
            Self::Failed { .. } => "failed",
            Self::Missed { .. } => "missed",
            Self::Cancelled { .. } => "cancelled",
            Self::Looked { .. } => "looked",
            Self::RemovedByPlatform { .. } => "removed_by_platform",
            Self::Removed { .. } => "removed",
        }
    }
}

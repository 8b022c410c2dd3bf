//! The fold over a group's posts from which every dialect's status word is mapped.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::post::{Event, PostState};

/// Which kinds of state the posts of a group are in, as a bit mask.
///
/// A claimed post counts as pending until its intent is durable: nothing can have been sent yet, and so a claim need
/// not touch the group (ADR 0003).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct StateMask(u16);

/// One bit of a [`StateMask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum StateBit {
    /// The group is a draft (or a post is).
    Draft = 1,
    /// To be sent, or claimed and not yet sent.
    Pending = 1 << 1,
    /// An intent is open, the platform is working, or an outcome is asked for.
    InFlight = 1 << 2,
    /// Live.
    Published = 1 << 3,
    /// Failed for good.
    Failed = 1 << 4,
    /// May be live.
    Unconfirmed = 1 << 5,
    /// Found too late.
    Missed = 1 << 6,
    /// Taken back.
    Cancelled = 1 << 7,
    /// Taken down.
    Removed = 1 << 8,
}

impl StateMask {
    /// The mask without a bit: a group without posts that is no draft.
    pub const EMPTY: Self = Self(0);
    /// All masks there can be are below this number.
    pub const LIMIT: u16 = 1 << 9;

    /// The mask of these posts.
    #[must_use]
    pub fn of<'a>(draft: bool, posts: impl IntoIterator<Item = &'a PostState>) -> Self {
        let start = if draft {
            Self::EMPTY.with(StateBit::Draft)
        } else {
            Self::EMPTY
        };
        posts
            .into_iter()
            .fold(start, |mask, state| mask.with(StateBit::of(state)))
    }

    /// This mask with the bit set.
    #[must_use]
    pub const fn with(self, bit: StateBit) -> Self {
        Self(self.0 | bit as u16)
    }

    /// Whether the bit is set.
    #[must_use]
    pub const fn has(self, bit: StateBit) -> bool {
        self.0 & bit as u16 != 0
    }

    /// Whether any of the bits is set.
    #[must_use]
    pub fn has_any(self, bits: &[StateBit]) -> bool {
        bits.iter().any(|bit| self.has(*bit))
    }

    /// The number that a store keeps.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The mask with these bits; unknown bits are dropped.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & (Self::LIMIT - 1))
    }

    /// Every mask, for total tables and for filters that are lists of masks.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::LIMIT).map(Self)
    }
}

impl StateBit {
    /// The bit that a post in this state sets.
    #[must_use]
    pub const fn of(state: &PostState) -> Self {
        match state {
            PostState::Draft => Self::Draft,
            PostState::Scheduled { .. } | PostState::Waiting { .. } | PostState::Publishing { armed: false, .. } => {
                Self::Pending
            }
            PostState::Publishing { armed: true, .. }
            | PostState::Processing { .. }
            | PostState::Reconciling { .. } => Self::InFlight,
            PostState::Published { .. } => Self::Published,
            PostState::Failed { .. } => Self::Failed,
            PostState::Unconfirmed { .. } => Self::Unconfirmed,
            PostState::Missed { .. } => Self::Missed,
            PostState::Cancelled { .. } => Self::Cancelled,
            PostState::Removed { .. } => Self::Removed,
        }
    }
}

/// What a user asks to change of a group's plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanEdit {
    /// To a draft (`Some(true)`), to scheduled (`Some(false)`), or as it is.
    pub draft: Option<bool>,
    /// To this time, or as it is.
    pub planned_at: Option<Timestamp>,
    /// What "now" is for a group that becomes scheduled without a time.
    pub now: Timestamp,
}

/// The plan of a group after an edit, and what its posts are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedPlan {
    /// Whether it is a draft now.
    pub draft: bool,
    /// Its time now.
    pub planned_at: Option<Timestamp>,
    /// What happens to each of its posts; `None` when only the stored time of a draft changes.
    pub event: Option<Event>,
}

impl PlanEdit {
    /// Applies the edit to a group that is `draft` with this time.
    ///
    /// A draft keeps a time that it is given without becoming scheduled; a draft that becomes scheduled without ever
    /// having had a time goes out now; a time in the past means now.
    #[must_use]
    pub fn apply(&self, draft: bool, planned_at: Option<Timestamp>) -> EditedPlan {
        let draft_after = self.draft.unwrap_or(draft);
        let planned = self.planned_at.map(|at| at.max(self.now)).or(planned_at);
        if draft_after {
            let event = (!draft).then_some(Event::Unscheduled);
            return EditedPlan {
                draft: true,
                planned_at: planned,
                event,
            };
        }
        let due = planned
            .unwrap_or(self.now)
            .max(if draft { self.now } else { Timestamp::MIN });
        EditedPlan {
            draft: false,
            planned_at: Some(due),
            event: Some(Event::Scheduled { due }),
        }
    }
}

#[cfg(test)]
mod tests;

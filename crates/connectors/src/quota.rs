//! What answers tell of a platform's limits.
//!
//! Clients that are metered keep what their answers say until somebody asks. A connector reads out of it which quota of
//! [`domain::capability::quotas`] is meant; what follows is decided elsewhere.

use std::sync::{Mutex, PoisonError};

use domain::budget::Told;
use domain::capability::Scope;
use jiff::{SignedDuration, Timestamp};

use crate::http::Answer;

/// The most answers that a meter keeps; older ones are dropped, since newer ones say the same.
const KEPT_MAX: usize = 32;

/// An answer and what it answered. Not `Debug`: some platforms want tokens in the path.
pub struct Seen {
    /// Whether the call may have created something; false for a repeatable one.
    pub creating: bool,
    /// The path of the address.
    pub path: String,
    /// The answer.
    pub answer: Answer,
}

impl Seen {
    /// A header as a whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.answer.header(name)?.trim().parse().ok()
    }

    /// A header as a count.
    #[must_use]
    pub fn count(&self, name: &str) -> Option<u32> {
        self.number(name).and_then(|n| u32::try_from(n.max(0)).ok())
    }

    /// An instant of the platform's clock as ours shows it, when it is `now` by ours.
    #[must_use]
    pub fn by_our_clock(&self, its: Timestamp, now: Timestamp) -> Timestamp {
        let ahead = self
            .answer
            .date()
            .map_or(SignedDuration::ZERO, |date| date.duration_since(now));
        its.saturating_sub(ahead).unwrap_or(its)
    }

    /// Until when the platform asks for a pause: `Retry-After` in seconds (RFC 9110).
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Timestamp> {
        let seconds = self.number("retry-after").filter(|seconds| *seconds > 0)?;
        now.checked_add(SignedDuration::from_secs(seconds)).ok()
    }
}

/// What an answer says of one quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// Whose quota.
    pub scope: Scope,
    /// Its name in [`domain::capability::quotas`].
    pub quota: &'static str,
    /// What.
    pub told: Told,
}

impl Hint {
    /// So much is left until then.
    #[must_use]
    pub const fn left(scope: Scope, quota: &'static str, most: Option<u32>, left: u32, until: Timestamp) -> Self {
        let told = Told {
            most,
            left: Some(left),
            until: Some(until),
            closed_until: None,
        };
        Self { scope, quota, told }
    }

    /// Nothing goes until then.
    #[must_use]
    pub const fn closed(scope: Scope, quota: &'static str, until: Timestamp) -> Self {
        let told = Told {
            most: None,
            left: None,
            until: None,
            closed_until: Some(until),
        };
        Self { scope, quota, told }
    }
}

/// What the answers to a client's calls were.
#[derive(Default)]
pub struct Meter(Mutex<Vec<Seen>>);

impl Meter {
    /// Keeps an answer.
    pub fn note(&self, seen: Seen) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push(seen);
    }

    /// Hands over what was kept, oldest first.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

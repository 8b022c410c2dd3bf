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
    /// An answer with these headers, to a call that creates.
    #[cfg(test)]
    pub(crate) fn created(path: &str, status: u16, headers: &[(&'static str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| {
            let name = reqwest::header::HeaderName::from_static(name);
            (name, value.parse().unwrap())
        });
        Self {
            creating: true,
            path: path.to_owned(),
            answer: Answer {
                status,
                headers: headers.collect(),
                body: bytes::Bytes::copy_from_slice(body.as_bytes()),
            },
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_of_a_platforms_clock_are_told_by_ours() {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let its: Timestamp = "2026-11-22T09:10:00Z".parse().unwrap();
        let fast = [("date", "Sun, 22 Nov 2026 09:02:00 GMT")];
        let seen = Seen::created("/", 200, &fast, "");
        assert_eq!(seen.by_our_clock(its, now), its - SignedDuration::from_mins(2));
        assert_eq!(Seen::created("/", 200, &[], "").by_our_clock(its, now), its);
    }

    #[test]
    fn a_meter_keeps_the_newest_and_hands_them_over_once() {
        let meter = Meter::default();
        for n in 0..KEPT_MAX + 3 {
            meter.note(Seen::created(&n.to_string(), 200, &[], ""));
        }
        let seen = meter.take();
        assert_eq!(
            (seen.len(), seen.first().map(|seen| seen.path.as_str())),
            (KEPT_MAX, Some("3"))
        );
        assert!(meter.take().is_empty());
        let asked = Seen::created("/", 429, &[("retry-after", "30")], "");
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(asked.retry_after(now), Some(now + SignedDuration::from_secs(30)));
        assert_eq!(
            Seen::created("/", 429, &[("retry-after", "0")], "").retry_after(now),
            None
        );
    }
}

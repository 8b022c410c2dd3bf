//! How long a batch waits for more.
//!
//! Callers that were answered by one commit come back a moment later, when the next one has begun with whoever was queued:
//! on a disk that takes milliseconds to flush they fall into two halves, each of which waits for the other's flush. A
//! batch that waits a fraction of a flush takes both. PostgreSQL's `commit_delay` is the same thought with fixed numbers.

use std::time::{Duration, Instant};

/// A flush that takes no longer is not worth waiting for: to sleep costs about as much as could be won.
const SLOW: Duration = Duration::from_millis(1);
/// A batch waits for at most one part in so many of a flush.
const SHARE: u32 = 4;
/// How long it waits between two looks at whether all have come.
const PAUSE: Duration = Duration::from_micros(100);
/// So many flushes in a row must have been slow: one alone was a hiccup, or folded the log back.
const FLUSHES: usize = 4;

/// What the last commits tell of the next.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    flushes: [Duration; FLUSHES],
    next: usize,
    callers: usize,
}

impl Gathering {
    /// A flush took this long.
    pub(super) fn flushed_in(&mut self, took: Duration) {
        if let Some(slot) = self.flushes.get_mut(self.next % FLUSHES) {
            *slot = took;
        }
        self.next = self.next.wrapping_add(1);
    }

    /// A commit answered so many callers while so many waited for the next one.
    pub(super) fn answered(&mut self, answered: usize, waiting: usize) {
        self.callers = answered.saturating_add(waiting);
    }

    /// How many callers there are, if all of them come back. When they don't, the next commit is smaller, and so is this.
    pub(super) fn callers(&self) -> usize {
        self.callers
    }

    /// How long to wait for them.
    pub(super) fn patience(&self) -> Duration {
        let flush = self.flushes.into_iter().min().unwrap_or_default();
        if flush > SLOW { flush / SHARE } else { Duration::ZERO }
    }

    /// Lets a moment pass.
    pub(super) fn pause() {
        std::thread::sleep(PAUSE);
    }
}

/// A reading of the machine's clock.
#[expect(
    clippy::disallowed_methods,
    reason = "how long the disk takes is a fact of the machine; it decides how many share a commit and nothing else"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(flushes: &[Duration]) -> Gathering {
        let mut gathering = Gathering::default();
        for flush in flushes {
            gathering.flushed_in(*flush);
        }
        gathering
    }

    #[test]
    fn a_fast_disk_is_never_waited_for() {
        for flush in [Duration::ZERO, Duration::from_micros(200), SLOW] {
            assert_eq!(after(&[flush; 9]).patience(), Duration::ZERO, "{flush:?}");
        }
    }

    #[test]
    fn a_batch_waits_for_a_quarter_of_a_slow_flush_at_most() {
        let slow = Duration::from_millis(10);
        assert_eq!(after(&[slow; 4]).patience(), Duration::from_micros(2_500));
        assert_eq!(
            after(&[slow; 3]).patience(),
            Duration::ZERO,
            "not known for long enough"
        );
    }

    #[test]
    fn one_slow_flush_among_fast_ones_is_a_hiccup() {
        let (fast, slow) = (Duration::from_micros(200), Duration::from_millis(30));
        assert_eq!(after(&[slow, slow, fast, slow, slow]).patience(), Duration::ZERO);
    }

    #[test]
    fn those_who_were_answered_are_expected_beside_those_who_wait() {
        let mut gathering = Gathering::default();
        gathering.answered(40, 24);
        assert_eq!(gathering.callers(), 64);
        gathering.answered(1, 0);
        assert_eq!(gathering.callers(), 1, "one alone waits for nobody");
    }
}

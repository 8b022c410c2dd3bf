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
/// How often it looks meanwhile whether all have come.
const LOOKS: u32 = 16;

/// What the last commit tells of the next.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    flush: Duration,
    callers: usize,
}

impl Gathering {
    /// A flush took this long.
    pub(super) fn flushed_in(&mut self, took: Duration) {
        self.flush = took;
    }

    /// A commit answered so many callers while so many waited for the next one.
    pub(super) fn answered(&mut self, answered: usize, waiting: usize) {
        self.callers = answered.saturating_add(waiting);
    }

    /// How many callers there are, if all of them come back. When they don't, the next commit is smaller, and so is this.
    pub(super) fn callers(&self) -> usize {
        self.callers
    }

    /// The pauses between two looks at the queue.
    pub(super) fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        let is_slow = self.flush > SLOW;
        let pause = self.flush / (SHARE * LOOKS);
        (0..LOOKS).filter(move |_| is_slow).map(move |_| pause)
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

    fn after(flush: Duration, answered: usize, waiting: usize) -> Gathering {
        let mut gathering = Gathering::default();
        gathering.flushed_in(flush);
        gathering.answered(answered, waiting);
        gathering
    }

    #[test]
    fn a_fast_disk_is_never_waited_for() {
        for flush in [Duration::ZERO, Duration::from_micros(200), SLOW] {
            assert_eq!(after(flush, 32, 32).pauses().count(), 0, "{flush:?}");
        }
    }

    #[test]
    fn a_batch_waits_for_a_quarter_of_a_slow_flush_at_most() {
        let waited: Duration = after(Duration::from_millis(10), 32, 32).pauses().sum();
        assert_eq!(waited, Duration::from_micros(2_500));
    }

    #[test]
    fn those_who_were_answered_are_expected_beside_those_who_wait() {
        assert_eq!(after(Duration::from_millis(10), 40, 24).callers(), 64);
        assert_eq!(
            after(Duration::from_millis(10), 1, 0).callers(),
            1,
            "one alone waits for nobody"
        );
    }
}

//! Files that a platform works on after they came in.

use jiff::{SignedDuration, Timestamp};

use crate::fault::Picked;

/// Status polls after which a file is done,
const POLLS: u32 = 2;
/// or how long it takes for a client who does not poll.
const TAKES: SignedDuration = SignedDuration::from_secs(30);

/// How far a platform is with a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Processing {
    began: Timestamp,
    polls_left: u32,
    /// Whether time brings it to an end as well; not where a script counts polls.
    ends_by_itself: bool,
    fails: bool,
}

impl Processing {
    /// Begins now, as the script has it; `fails` when the file is none that the platform takes.
    pub(crate) fn begin(now: Timestamp, picked: &Picked, fails: bool) -> Self {
        Self {
            began: now,
            polls_left: picked.polls.unwrap_or(POLLS),
            ends_by_itself: picked.polls.is_none(),
            fails: fails || picked.processing_fails,
        }
    }

    /// Whether it goes on.
    pub(crate) fn is_working(&self, now: Timestamp) -> bool {
        self.polls_left > 0 && !(self.ends_by_itself && now.duration_since(self.began) >= TAKES)
    }

    /// Whether it ended badly.
    pub(crate) fn has_failed(&self, now: Timestamp) -> bool {
        self.fails && !self.is_working(now)
    }

    /// Whether it will end badly.
    pub(crate) fn will_fail(&self) -> bool {
        self.fails
    }

    /// Whether it ended well.
    pub(crate) fn is_done(&self, now: Timestamp) -> bool {
        !self.fails && !self.is_working(now)
    }

    /// Somebody asked, which brings it on.
    pub(crate) fn poll(&mut self) {
        self.polls_left = self.polls_left.saturating_sub(1);
    }
}

//! Media that a platform fetched and is preparing: ready after some status polls, gone after a day.

use jiff::{SignedDuration, Timestamp};

/// How long what was prepared can be published.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The preparation of one container. `F` says why it failed.
#[derive(Debug, Clone)]
pub(crate) struct Preparation<F> {
    began: Timestamp,
    polls_left: u32,
    fails: Option<F>,
}

/// Where a preparation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress<F> {
    Working,
    Finished,
    Failed(F),
    Expired,
}

impl<F: Clone> Preparation<F> {
    /// One that is ready, or has failed, after so many status polls.
    pub(crate) fn new(began: Timestamp, polls: u32, fails: Option<F>) -> Self {
        Self {
            began,
            polls_left: polls,
            fails,
        }
    }

    /// When it began.
    pub(crate) fn began(&self) -> Timestamp {
        self.began
    }

    /// Where it stands.
    pub(crate) fn progress(&self, now: Timestamp) -> Progress<F> {
        match &self.fails {
            _ if now.duration_since(self.began) >= LIFE => Progress::Expired,
            _ if self.polls_left > 0 => Progress::Working,
            Some(why) => Progress::Failed(why.clone()),
            None => Progress::Finished,
        }
    }

    /// Where it stands, for a client who asks, which brings it on.
    pub(crate) fn poll(&mut self, now: Timestamp) -> Progress<F> {
        let progress = self.progress(now);
        self.polls_left = self.polls_left.saturating_sub(1);
        progress
    }
}

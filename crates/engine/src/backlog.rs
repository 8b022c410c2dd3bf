//! The watchdog: what is due and not finished.

use jiff::{SignedDuration, Timestamp};

use crate::Engine;

/// What is due and not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Posts due, claimed or not, that are not finished.
    pub due: u64,
    /// Those of them that a worker has.
    pub claimed: u64,
    /// When the oldest of them was to go out.
    pub oldest: Option<Timestamp>,
}

impl Backlog {
    /// The watchdog's sentence, when the oldest unfinished post is later than `after`.
    #[must_use]
    pub fn warning(&self, now: Timestamp, after: SignedDuration) -> Option<String> {
        let late = now.duration_since(self.oldest?);
        let (due, claimed) = (self.due, self.claimed);
        (late > after).then(|| {
            format!(
                "{due} posts due, {claimed} of them claimed and not finished, the oldest late by {} s",
                late.as_secs()
            )
        })
    }
}

impl Engine {
    /// What is due and not finished now.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn backlog(&self) -> Result<Backlog, crate::Error> {
        let backlog = self.store.backlog(self.clock.now()).await?;
        Ok(Backlog {
            due: backlog.due + backlog.claimed,
            claimed: backlog.claimed,
            oldest: [backlog.oldest_due, backlog.oldest_claimed].into_iter().flatten().min(),
        })
    }
}

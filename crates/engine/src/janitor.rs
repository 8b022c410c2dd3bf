//! Housekeeping: rows nobody can see any more and the files that only they needed, when keys were last used.

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::Engine;

/// How often it goes round.
const EVERY: SignedDuration = SignedDuration::from_secs(30);

/// The most groups removed in one go, so that publishing never waits long for the writer.
const PRUNE_BATCH: u32 = 100;

impl Engine {
    /// Keeps house until stopped.
    pub async fn keep_house(self, stop: CancellationToken) {
        loop {
            let next = self.clock.now().saturating_add(EVERY).unwrap_or(Timestamp::MAX);
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.clock.sleep_until(next) => {}
            }
            if let Err(error) = self.keep_house_once().await {
                tracing::warn!(%error, "housekeeping failed; trying again later");
            }
        }
        // What was noted since the last round would be lost with the process.
        if let Err(error) = self.store.touch_keys(self.keys.take_used()).await {
            tracing::warn!(%error, "when keys were last used could not be noted");
        }
    }

    /// One round of housekeeping.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keep_house_once(&self) -> Result<(), crate::Error> {
        let used = self.keys.take_used();
        if !used.is_empty() {
            self.store.touch_keys(used).await?;
        }
        // What it returns is condemned in the same transaction, so that no file is forgotten when its deletion fails.
        self.store.prune(self.clock.now(), PRUNE_BATCH).await?;
        self.clear_files().await?;
        let backlog = self.backlog().await?;
        if let Some(warning) = backlog.warning(self.clock.now(), self.settings.watchdog_after) {
            tracing::warn!("{warning}");
        }
        Ok(())
    }
}

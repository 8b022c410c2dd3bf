//! Actions of which no end is written down.

use async_trait::async_trait;
use domain::log::LogEntry;

use super::MemoryStore;
use super::groups::at_most;
use crate::Result;
use crate::actions::{ACTIONS_LOOKED_AT_MAX, Actions, without_end};

#[async_trait]
impl Actions for MemoryStore {
    async fn lost_actions(&self) -> Result<Vec<LogEntry>> {
        let newest = |state: &super::State| {
            let newest = state.log.iter().rev().map(|record| record.entry.clone());
            without_end(newest.take(at_most(ACTIONS_LOOKED_AT_MAX)))
        };
        Ok(self.read(newest))
    }
}

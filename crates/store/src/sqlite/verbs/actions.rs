//! Actions of which no end is written down.

use async_trait::async_trait;
use domain::log::LogEntry;

use crate::Result;
use crate::actions::{ACTIONS_LOOKED_AT_MAX, Actions, without_end};
use crate::sqlite::{SqliteStore, rows, sql};

#[async_trait]
impl Actions for SqliteStore {
    async fn lost_actions(&self) -> Result<Vec<LogEntry>> {
        let read = self
            .readers
            .call(|db| db.all(sql::ACTIONS, [ACTIONS_LOOKED_AT_MAX], rows::log_record));
        Ok(without_end(read.await?.into_iter().map(|record| record.entry)))
    }
}

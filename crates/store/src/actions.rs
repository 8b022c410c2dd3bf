//! What is done with accounts beside publishing, as far as it is written down.

use std::collections::HashSet;

use async_trait::async_trait;
use domain::log::{LogEntry, LogKind};

use crate::Result;

/// The field of both entries of an action that names it.
pub const ACTION_ID: &str = "action_id";

/// The most entries that [`Actions::lost_actions`] looks at, the newest first.
pub(crate) const ACTIONS_LOOKED_AT_MAX: u32 = 10_000;

/// The verbs on actions.
#[async_trait]
pub trait Actions: Send + Sync {
    /// The attempts at actions of which no end is written down, by their [`ACTION_ID`]. Those that are under way are among
    /// them: to be asked before any is begun.
    async fn lost_actions(&self) -> Result<Vec<LogEntry>>;
}

/// Those of these entries, the newest first, that are attempts without an end.
pub(crate) fn without_end(entries: impl IntoIterator<Item = LogEntry>) -> Vec<LogEntry> {
    let mut ended = HashSet::new();
    let mut lost = Vec::new();
    for entry in entries {
        let Some(id) = entry.data.get(ACTION_ID).and_then(|id| id.as_str()).map(str::to_owned) else {
            continue;
        };
        match entry.kind {
            LogKind::ActionEnded => {
                ended.insert(id);
            }
            LogKind::ActionAttempted if !ended.contains(&id) => lost.push(entry),
            _ => {}
        }
    }
    lost
}

//! Taking down what was published.

use async_trait::async_trait;
use domain::ids::PostId;
use domain::log::LogEntry;
use domain::post::{Event, PostState};
use jiff::Timestamp;

use super::{intents, plans};
use crate::retractions::{Retractable, Retractions};
use crate::sqlite::SqliteStore;
use crate::{Group, Reach, Result, rules};

#[async_trait]
impl Retractions for SqliteStore {
    async fn retractable(&self, reach: &Reach, post: PostId) -> Result<Retractable> {
        let reach = *reach;
        self.writer
            .call(move |tx| {
                let (head, row) = plans::post_within(tx, &reach, post)?;
                let PostState::Published { at, .. } = row.state else {
                    let now = Event::Removed {
                        at: Timestamp::UNIX_EPOCH,
                    };
                    return Err(rules::not_from(&row.state, &now));
                };
                Ok(Retractable {
                    group: head.id,
                    platform: row.platform,
                    account: row.account,
                    published_at: at,
                    live: intents::live_parts(&tx.conn, post)?,
                })
            })
            .await
    }

    async fn log_retraction(&self, reach: &Reach, post: PostId, log: LogEntry) -> Result<()> {
        let reach = *reach;
        self.writer
            .call(move |tx| {
                let (mut head, _) = plans::post_within(tx, &reach, post)?;
                plans::finish(tx, &reach, &mut head, log).map(|_| ())
            })
            .await
    }

    async fn finish_retraction(&self, reach: &Reach, post: PostId, at: Timestamp, log: LogEntry) -> Result<Group> {
        let reach = *reach;
        self.writer
            .call(move |tx| {
                let (mut head, mut row) = plans::post_within(tx, &reach, post)?;
                if !matches!(row.state, PostState::Removed { .. }) {
                    let state = rules::moved(&row.state, &Event::Removed { at })?;
                    tx.put(&mut head, &mut row, state, at)?;
                }
                plans::finish(tx, &reach, &mut head, log)
            })
            .await
    }
}

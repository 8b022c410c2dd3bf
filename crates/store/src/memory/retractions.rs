//! Taking down what was published.

use async_trait::async_trait;
use domain::ids::PostId;
use domain::log::LogEntry;
use domain::post::{Event, PostState};
use jiff::Timestamp;

use super::MemoryStore;
use crate::retractions::{Retractable, Retractions};
use crate::{Group, Reach, Result, rules};

#[async_trait]
impl Retractions for MemoryStore {
    async fn retractable(&self, reach: &Reach, post: PostId) -> Result<Retractable> {
        self.read(|state| {
            let row = state.post_within(reach, post)?;
            let PostState::Published { at, .. } = row.post.state else {
                let now = Event::Removed {
                    at: Timestamp::UNIX_EPOCH,
                };
                return Err(rules::not_from(&row.post.state, &now));
            };
            Ok(Retractable {
                group: row.group,
                platform: row.post.platform,
                account: row.post.account,
                published_at: at,
                live: state.live_parts(post),
            })
        })
    }

    async fn log_retraction(&self, reach: &Reach, post: PostId, log: LogEntry) -> Result<()> {
        self.write(|state| {
            let group = state.post_within(reach, post)?.group;
            state.write_log(vec![log], reach.owner, Some(group));
            Ok(())
        })
    }

    async fn finish_retraction(&self, reach: &Reach, post: PostId, at: Timestamp, log: LogEntry) -> Result<Group> {
        self.write(|state| {
            let row = state.post_within(reach, post)?;
            let (group, from) = (row.group, row.post.state.clone());
            if !matches!(from, PostState::Removed { .. }) {
                state.put(post, rules::moved(&from, &Event::Removed { at })?, at)?;
            }
            state.write_log(vec![log], reach.owner, Some(group));
            Ok(state.as_read(state.live_group(reach, group)?))
        })
    }
}

//! Taking down what was published.

use async_trait::async_trait;
use domain::ids::{AccountId, GroupId, PostId};
use domain::log::LogEntry;
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use jiff::Timestamp;

use crate::{Group, Reach, Result};

/// What taking a post down needs.
#[derive(Debug, Clone)]
pub struct Retractable {
    /// Its group.
    pub group: GroupId,
    /// Where it is.
    pub platform: Platform,
    /// The account that it was published with, connected or not.
    pub account: Option<AccountId>,
    /// Since when it is live.
    pub published_at: Timestamp,
    /// Its parts, in order.
    pub live: Vec<(Part, RemotePost)>,
}

/// The verbs on taking down.
#[async_trait]
pub trait Retractions: Send + Sync {
    /// What is needed to take a published post down. [`crate::Error::NotFound`] outside reach,
    /// [`crate::Conflict::IllegalTransition`] for a post that is not published.
    async fn retractable(&self, reach: &Reach, post: PostId) -> Result<Retractable>;

    /// Writes an entry about taking a post down into its group's history. [`crate::Error::NotFound`] outside reach.
    async fn log_retraction(&self, reach: &Reach, post: PostId, log: LogEntry) -> Result<()>;

    /// A published post is removed from now on. One that is removed already stays as it is, and only the entry is
    /// written.
    ///
    /// Race: two callers who took the same post down both succeed; the first sets the time.
    async fn finish_retraction(&self, reach: &Reach, post: PostId, at: Timestamp, log: LogEntry) -> Result<Group>;
}

//! The rooms of the store in which nothing is done wrong.

use async_trait::async_trait;
use domain::ids::{AccountId, GroupId, PostId};
use domain::log::LogEntry;
use jiff::Timestamp;
use store::{
    Actions, Derivatives, Group, Reach, RequestKey, Result, Retractable, Retractions, Revocation, Revocations,
};

use super::Saboteur;

#[async_trait]
impl store::Edits for Saboteur {
    async fn edit_group(
        &self,
        reach: &Reach,
        group: GroupId,
        edit: store::GroupEdit,
        request: Option<RequestKey>,
    ) -> Result<store::EditedGroup> {
        self.inner.edit_group(reach, group, edit, request).await
    }

    async fn answered(&self, request: &RequestKey, now: Timestamp) -> Result<Option<String>> {
        self.inner.answered(request, now).await
    }
}

#[async_trait]
impl Derivatives for Saboteur {
    async fn use_derivative(&self, group: GroupId, key: &str) -> Result<()> {
        self.inner.use_derivative(group, key).await
    }
}

#[async_trait]
impl Retractions for Saboteur {
    async fn retractable(&self, reach: &Reach, post: PostId) -> Result<Retractable> {
        self.inner.retractable(reach, post).await
    }

    async fn log_retraction(&self, reach: &Reach, post: PostId, log: LogEntry) -> Result<()> {
        self.inner.log_retraction(reach, post, log).await
    }

    async fn finish_retraction(&self, reach: &Reach, post: PostId, at: Timestamp, log: LogEntry) -> Result<Group> {
        self.inner.finish_retraction(reach, post, at, log).await
    }
}

#[async_trait]
impl Actions for Saboteur {
    async fn lost_actions(&self) -> Result<Vec<LogEntry>> {
        self.inner.lost_actions().await
    }
}

#[async_trait]
impl Revocations for Saboteur {
    async fn revocations(&self, limit: u32) -> Result<Vec<Revocation>> {
        self.inner.revocations(limit).await
    }

    async fn end_revocation(&self, account: AccountId, log: Option<LogEntry>) -> Result<()> {
        self.inner.end_revocation(account, log).await
    }
}

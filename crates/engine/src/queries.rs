//! What front doors read.

use domain::account::{Account, ApiKey, User};
use domain::ids::{GroupId, PostId, UserId};
use domain::log::LogRecord;
use store::{Group, GroupPage, GroupQuery, PostCount, Reach};

use crate::{Engine, Error};

impl Engine {
    /// A group.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not within reach or deleted.
    pub async fn group(&self, reach: &Reach, group: GroupId) -> Result<Group, Error> {
        self.store.group(reach, group).await?.ok_or(Error::NotFound)
    }

    /// The group that a post belongs to.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not within reach or deleted.
    pub async fn group_of_post(&self, reach: &Reach, post: PostId) -> Result<Group, Error> {
        let group = self.store.post_group(reach, post).await?.ok_or(Error::NotFound)?;
        self.group(reach, group).await
    }

    /// A page of groups.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_groups(&self, reach: &Reach, query: GroupQuery) -> Result<GroupPage, Error> {
        Ok(self.store.list_groups(reach, query).await?)
    }

    /// The first `limit` entries of a group's history.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not within reach or deleted.
    pub async fn group_log(&self, reach: &Reach, group: GroupId, limit: u32) -> Result<Vec<LogRecord>, Error> {
        Ok(self.store.group_log(reach, group, limit).await?)
    }

    /// The newest `limit` entries within reach.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn recent_log(&self, reach: &Reach, limit: u32) -> Result<Vec<LogRecord>, Error> {
        Ok(self.store.recent_log(reach, limit).await?)
    }

    /// The accounts within reach.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn accounts(&self, reach: &Reach) -> Result<Vec<Account>, Error> {
        Ok(self.store.accounts(reach).await?)
    }

    /// All users, at most 1,000.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn users(&self) -> Result<Vec<User>, Error> {
        Ok(self.store.users(1_000).await?)
    }

    /// The user of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user_by_name(&self, name: &str) -> Result<User, Error> {
        self.store.user_by_name(name).await?.ok_or(Error::NotFound)
    }

    /// A user's keys.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn keys_of(&self, user: UserId) -> Result<Vec<ApiKey>, Error> {
        Ok(self.store.keys(user).await?)
    }

    /// Posts by platform and state.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn post_counts(&self) -> Result<Vec<PostCount>, Error> {
        Ok(self.store.post_counts().await?)
    }
}

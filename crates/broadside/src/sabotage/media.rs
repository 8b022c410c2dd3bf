//! The verbs of files, which no fault touches.

use async_trait::async_trait;
use domain::ids::{GroupId, MediaId, UserId};
use jiff::Timestamp;
use store::{FileState, MediaFile, MediaRoom, Reach, Result};

use super::Saboteur;

#[async_trait]
impl MediaRoom for Saboteur {
    async fn add_files(&self, reach: &Reach, group: GroupId, files: Vec<MediaFile>, at: Timestamp) -> Result<()> {
        self.inner.add_files(reach, group, files, at).await
    }

    async fn media_file(&self, file: MediaId) -> Result<Option<MediaFile>> {
        self.inner.media_file(file).await
    }

    async fn settle_file(&self, file: MediaId, state: FileState, at: Timestamp) -> Result<MediaFile> {
        self.inner.settle_file(file, state, at).await
    }

    async fn remove_file(&self, reach: &Reach, file: MediaId, at: Timestamp) -> Result<MediaFile> {
        self.inner.remove_file(reach, file, at).await
    }

    async fn expire_uploads(&self, now: Timestamp, limit: u32) -> Result<u32> {
        self.inner.expire_uploads(now, limit).await
    }

    async fn condemned(&self, limit: u32) -> Result<Vec<String>> {
        self.inner.condemned(limit).await
    }

    async fn forget_condemned(&self, keys: Vec<String>) -> Result<()> {
        self.inner.forget_condemned(keys).await
    }

    async fn charge_imports(&self, owner: UserId, urls: u32, max: u32, now: Timestamp) -> Result<bool> {
        self.inner.charge_imports(owner, urls, max, now).await
    }
}

//! Files: uploads, what came of them, and what is to be removed.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use domain::content::Content;
use domain::ids::{GroupId, MediaId, UserId};
use jiff::Timestamp;

use super::MemoryStore;
use super::groups::at_most;
use super::state::State;
use crate::{
    CONDEMNED_LISTED_MAX, Conflict, Error, FILES_PER_GROUP_MAX, FileState, MediaFile, MediaRoom, Purpose, Reach,
    Result, rules,
};

impl State {
    /// A group within reach every post of which can still be edited.
    fn editable(&self, reach: &Reach, group: GroupId) -> Result<()> {
        let row = self.live_group(reach, group)?;
        if self.posts_of(row).all(|row| row.post.state.is_editable()) {
            Ok(())
        } else {
            Err(Conflict::NotEditable(self.mask(row)).into())
        }
    }

    /// Changes the content of a group, which has a new revision then.
    fn edit_content(&mut self, group: GroupId, at: Timestamp, edit: impl FnOnce(&mut Content)) -> Result<()> {
        let row = self.group_mut(group)?;
        edit(Arc::make_mut(&mut row.content));
        row.revision += 1;
        self.touch(group, at)
    }

    /// Gives files to a group whose posts can all be edited.
    pub(super) fn add_files(
        &mut self,
        reach: &Reach,
        group: GroupId,
        files: Vec<MediaFile>,
        at: Timestamp,
    ) -> Result<()> {
        self.editable(reach, group)?;
        let there = self.files.values().filter(|file| file.group == group).count();
        if there + files.len() > at_most(FILES_PER_GROUP_MAX) {
            return Err(Conflict::TooManyFiles(FILES_PER_GROUP_MAX).into());
        }
        self.edit_content(group, at, |content| rules::add_files(content, &files))?;
        for file in files {
            let (owner, group) = (reach.owner, group);
            self.files.insert(file.id, MediaFile { owner, group, ..file });
        }
        Ok(())
    }

    fn settle_file(&mut self, id: MediaId, state: FileState, at: Timestamp) -> Result<MediaFile> {
        let found = self.files.get(&id).cloned().ok_or(Error::NotFound)?;
        if self.group_mut(found.group)?.deleted {
            return Err(Error::NotFound);
        }
        if matches!(found.state, FileState::Ready(_)) {
            return Err(Conflict::FileReady.into());
        }
        let settled = MediaFile { state, ..found };
        if matches!(settled.state, FileState::Ready(_)) && settled.purpose == Purpose::Post {
            self.edit_content(settled.group, at, |content| {
                rules::add_files(content, std::slice::from_ref(&settled));
            })?;
        }
        self.files.insert(id, settled.clone());
        Ok(settled)
    }

    fn remove_file(&mut self, reach: &Reach, id: MediaId, at: Timestamp) -> Result<MediaFile> {
        let found = self.files.get(&id).filter(|file| file.owner == reach.owner);
        let found = found.cloned().ok_or(Error::NotFound)?;
        self.editable(reach, found.group)?;
        self.files.remove(&id);
        self.edit_content(found.group, at, |content| {
            content.dismiss(id);
        })?;
        self.condemn([found.key.clone()]);
        Ok(found)
    }

    /// The keys that a group shows or has as a file.
    pub(super) fn shown_keys(&self) -> BTreeSet<String> {
        let mut shown: BTreeSet<String> = self.files.values().map(|file| file.key.clone()).collect();
        shown.extend(self.groups.values().flat_map(|group| rules::media_keys(&group.content)));
        shown
    }

    /// Condemns these keys unless a group shows them.
    pub(super) fn condemn(&mut self, keys: impl IntoIterator<Item = String>) {
        let shown = self.shown_keys();
        self.condemned
            .extend(keys.into_iter().filter(|key| !shown.contains(key)));
    }

    fn charge_imports(&mut self, owner: UserId, urls: u32, max: u32, now: Timestamp) -> bool {
        let hour = rules::hour_of(now);
        let (counted, used) = self.imports.get(&owner).copied().unwrap_or((hour, 0));
        let used = if counted == hour { used } else { 0 } + urls;
        if used > max {
            return false;
        }
        self.imports.insert(owner, (hour, used));
        true
    }
}

#[async_trait]
impl MediaRoom for MemoryStore {
    async fn add_files(&self, reach: &Reach, group: GroupId, files: Vec<MediaFile>, at: Timestamp) -> Result<()> {
        self.write(|state| state.add_files(reach, group, files, at))
    }

    async fn media_file(&self, id: MediaId) -> Result<Option<MediaFile>> {
        Ok(self.read(|state| state.files.get(&id).cloned()))
    }

    async fn settle_file(&self, id: MediaId, to: FileState, at: Timestamp) -> Result<MediaFile> {
        self.write(|state| state.settle_file(id, to, at))
    }

    async fn remove_file(&self, reach: &Reach, id: MediaId, at: Timestamp) -> Result<MediaFile> {
        self.write(|state| state.remove_file(reach, id, at))
    }

    async fn expire_uploads(&self, now: Timestamp, limit: u32) -> Result<u32> {
        self.write(|state| {
            let over = |file: &&mut MediaFile| file.state == FileState::Uploading && file.expires_at <= now;
            let mut count = 0;
            for file in state.files.values_mut().filter(over).take(at_most(limit)) {
                file.state = FileState::Failed(rules::NEVER_UPLOADED.to_owned());
                count += 1;
            }
            Ok(count)
        })
    }

    async fn condemned(&self, limit: u32) -> Result<Vec<String>> {
        let limit = at_most(limit.min(CONDEMNED_LISTED_MAX));
        Ok(self.read(|state| {
            let mut used = state.shown_keys();
            used.extend(state.derivatives.iter().map(|(_, key)| key.clone()));
            let unused = state.condemned.iter().filter(|key| !used.contains(*key));
            unused.take(limit).cloned().collect()
        }))
    }

    async fn forget_condemned(&self, keys: Vec<String>) -> Result<()> {
        self.write(|state| {
            keys.iter().for_each(|key| {
                state.condemned.remove(key);
            });
            Ok(())
        })
    }

    async fn charge_imports(&self, owner: UserId, urls: u32, max: u32, now: Timestamp) -> Result<bool> {
        self.write(|state| Ok(state.charge_imports(owner, urls, max, now)))
    }
}

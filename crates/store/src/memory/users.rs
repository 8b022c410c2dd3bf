//! Users and keys.

use std::sync::Arc;

use domain::account::{ApiKey, KeyOwner, User};
use domain::ids::{ApiKeyId, UserId};
use domain::plan::Plan;
use jiff::Timestamp;

use super::state::{AccountRow, State, UserRow};
use crate::{Conflict, Error, KEYS_LISTED_MAX, Result};

impl State {
    pub(super) fn live_users(&self) -> impl Iterator<Item = &User> {
        self.users.iter().filter(|row| !row.removed).map(|row| &row.user)
    }

    pub(super) fn live_user(&self, user: UserId) -> Option<&User> {
        self.live_users().find(|row| row.id == user)
    }

    pub(super) fn create_user(&mut self, user: User) -> Result<()> {
        if self.live_users().any(|other| other.name == user.name) {
            return Err(Conflict::UserName.into());
        }
        if let Some(manager) = user.manager {
            self.room_for_one_more(manager)?;
        }
        self.users.push(UserRow { user, removed: false });
        Ok(())
    }

    pub(super) fn set_plan(&mut self, user: UserId, plan: Plan) -> Result<()> {
        let before = self.meters_of(user);
        let row = self
            .users
            .iter_mut()
            .find(|row| row.user.id == user && !row.removed)
            .ok_or(Error::NotFound)?;
        row.user.plan = plan;
        self.remeter(before);
        Ok(())
    }

    pub(super) fn remove_user(&mut self, user: UserId, at: Timestamp) -> Result<()> {
        let row = self
            .users
            .iter_mut()
            .find(|row| row.user.id == user && !row.removed)
            .ok_or(Error::NotFound)?;
        row.removed = true;
        self.dissolve(user, at);
        self.pruned.retain(|(owner, ..), _| *owner != user);
        let connected = |row: &&mut Arc<AccountRow>| !row.removed && row.account.owner == user;
        for row in self.accounts.iter_mut().filter(connected) {
            let row = Arc::make_mut(row);
            (row.removed, row.revoke_due) = (true, true);
        }
        let posts: Vec<_> = self
            .posts
            .values()
            .filter(|row| row.owner == user)
            .map(|row| row.post.id)
            .collect();
        posts.into_iter().try_for_each(|post| self.withdraw(post, at))?;
        self.drop_unused_tokens();
        self.remove_webhooks(|webhook| webhook.owner == user);
        Ok(())
    }

    pub(super) fn users_listed(&self, limit: u32) -> Vec<User> {
        let mut users: Vec<_> = self.live_users().cloned().collect();
        users.sort_by_key(|user| (user.created_at, user.id));
        users.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        users
    }

    pub(super) fn create_key(&mut self, key: ApiKey, hash: [u8; 32], max_active: u32) -> Result<()> {
        self.live_user(key.user).ok_or(Error::NotFound)?;
        if self.keys.iter().any(|(_, other)| *other == hash) {
            return Err(Conflict::ApiKey.into());
        }
        let active = self
            .keys
            .iter()
            .filter(|(other, _)| other.user == key.user && other.revoked_at.is_none())
            .count();
        if u32::try_from(active).unwrap_or(u32::MAX) >= max_active {
            return Err(Conflict::TooManyKeys(max_active).into());
        }
        self.keys.push((key, hash));
        Ok(())
    }

    pub(super) fn keys_listed(&self, user: UserId) -> Vec<ApiKey> {
        let mut keys: Vec<_> = self
            .keys
            .iter()
            .map(|(key, _)| key)
            .filter(|key| key.user == user)
            .cloned()
            .collect();
        keys.sort_by_key(|key| (key.created_at, key.id));
        keys.truncate(usize::try_from(KEYS_LISTED_MAX).unwrap_or(usize::MAX));
        keys
    }

    pub(super) fn revoke_key(&mut self, user: UserId, key: ApiKeyId, at: Timestamp) -> Result<()> {
        let row = self
            .keys
            .iter_mut()
            .map(|(row, _)| row)
            .find(|row| row.id == key && row.user == user);
        row.ok_or(Error::NotFound)?.revoked_at.get_or_insert(at);
        Ok(())
    }

    pub(super) fn authenticate(&self, hash: [u8; 32]) -> Option<KeyOwner> {
        let (key, _) = self
            .keys
            .iter()
            .find(|(key, other)| *other == hash && key.revoked_at.is_none())?;
        let mut user = self.live_user(key.user).cloned();
        if let Some(user) = &mut user
            && let Some(manager) = user.manager.and_then(|manager| self.live_user(manager))
        {
            user.plan = crate::usage::managed_plan(manager.plan.clone());
        }
        Some(KeyOwner { key: key.id, user })
    }

    pub(super) fn touch_keys(&mut self, used: &[(ApiKeyId, Timestamp)]) {
        for (id, at) in used {
            for (key, _) in self.keys.iter_mut().filter(|(key, _)| key.id == *id) {
                key.last_used_at = key.last_used_at.max(Some(*at));
            }
        }
    }
}

//! Users, keys and accounts.

use std::sync::Arc;

use domain::account::{Account, AccountHealth, ApiKey, KeyOwner, Tokens, User};
use domain::ids::{AccountId, ApiKeyId, UserId};
use domain::log::{LogEntry, LogKind};
use domain::plan::Plan;
use domain::platform::Platform;
use domain::post::PostState;
use jiff::Timestamp;

use super::state::{AccountRow, State, UserRow};
use crate::{ACCOUNTS_LISTED_MAX, AccountNote, Conflict, Error, KEYS_LISTED_MAX, NewAccount, Reach, Result, rules};

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
        self.users.push(UserRow { user, removed: false });
        Ok(())
    }

    pub(super) fn set_plan(&mut self, user: UserId, plan: Plan) -> Result<()> {
        let row = self
            .users
            .iter_mut()
            .find(|row| row.user.id == user && !row.removed)
            .ok_or(Error::NotFound)?;
        row.user.plan = plan;
        Ok(())
    }

    pub(super) fn remove_user(&mut self, user: UserId, at: Timestamp) -> Result<()> {
        let row = self
            .users
            .iter_mut()
            .find(|row| row.user.id == user && !row.removed)
            .ok_or(Error::NotFound)?;
        row.removed = true;
        for row in self.accounts.iter_mut().filter(|row| row.account.owner == user) {
            Arc::make_mut(row).removed = true;
        }
        let posts: Vec<_> = self
            .posts
            .values()
            .filter(|row| row.owner == user)
            .map(|row| row.post.id)
            .collect();
        posts.into_iter().try_for_each(|post| self.withdraw(post, at))?;
        self.drop_unused_tokens();
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
        Some(KeyOwner {
            key: key.id,
            user: self.live_user(key.user).cloned(),
        })
    }

    pub(super) fn touch_keys(&mut self, used: &[(ApiKeyId, Timestamp)]) {
        for (id, at) in used {
            for (key, _) in self.keys.iter_mut().filter(|(key, _)| key.id == *id) {
                key.last_used_at = key.last_used_at.max(Some(*at));
            }
        }
    }

    pub(super) fn account_row(&self, account: AccountId) -> Option<&AccountRow> {
        self.accounts
            .iter()
            .map(|row| &**row)
            .find(|row| row.account.id == account)
    }

    fn account_mut(&mut self, account: AccountId) -> Result<&mut AccountRow> {
        let row = self.accounts.iter_mut().find(|row| row.account.id == account);
        row.map(Arc::make_mut).ok_or(Error::NotFound)
    }

    pub(super) fn live_account(&self, account: AccountId) -> Option<&Account> {
        self.account_row(account)
            .filter(|row| !row.removed)
            .map(|row| &row.account)
    }

    /// The connected account that a target names.
    pub(super) fn account_of(&self, owner: UserId, platform: Platform, target: &str) -> Option<AccountId> {
        let named = |row: &&Arc<AccountRow>| {
            let account = &row.account;
            !row.removed && account.owner == owner && account.platform == platform && account.remote_id == target
        };
        self.accounts.iter().find(named).map(|row| row.account.id)
    }

    pub(super) fn connect_account(&mut self, new: NewAccount, mut log: LogEntry) -> Result<Account> {
        self.live_user(new.owner).ok_or(Error::NotFound)?;
        let (owner, platform) = (new.owner, new.platform);
        let named = |row: &&mut Arc<AccountRow>| {
            let account = &row.account;
            account.owner == owner && account.platform == platform && account.remote_id == new.remote_id
        };
        let known = self.accounts.iter_mut().find(named);
        log.kind = if known.is_some() {
            LogKind::Reconnected
        } else {
            LogKind::Connected
        };
        let row = if let Some(row) = known {
            Arc::make_mut(row)
        } else {
            let account = rules::first_connected(&new);
            self.accounts.push(Arc::new(AccountRow {
                account,
                removed: false,
                tokens: None,
            }));
            self.accounts.last_mut().map(Arc::make_mut).ok_or(Error::NotFound)?
        };
        row.removed = false;
        rules::connected_again(&mut row.account, &new);
        row.tokens = Some(new.tokens);
        let account = row.account.clone();
        log.account = Some(account.id);
        self.write_log(vec![log], owner, None);
        Ok(account)
    }

    pub(super) fn accounts_listed(&self, reach: &Reach) -> Vec<Account> {
        let mine = self
            .accounts
            .iter()
            .filter(|row| !row.removed && row.account.owner == reach.owner);
        mine.map(|row| row.account.clone())
            .take(usize::try_from(ACCOUNTS_LISTED_MAX).unwrap_or(usize::MAX))
            .collect()
    }

    pub(super) fn newest_tokens(&self, account: AccountId) -> Option<Tokens> {
        self.account_row(account)?.tokens.clone()
    }

    pub(super) fn remove_account(
        &mut self,
        reach: &Reach,
        id: AccountId,
        at: Timestamp,
        mut log: LogEntry,
    ) -> Result<()> {
        let row = self
            .account_mut(id)
            .ok()
            .filter(|row| !row.removed && row.account.owner == reach.owner);
        row.ok_or(Error::NotFound)?.removed = true;
        let posts: Vec<_> = self
            .posts
            .values()
            .filter(|row| row.post.account == Some(id))
            .map(|row| row.post.id)
            .collect();
        posts.into_iter().try_for_each(|post| self.withdraw(post, at))?;
        self.drop_unused_tokens();
        log.account = Some(id);
        self.write_log(vec![log], reach.owner, None);
        Ok(())
    }

    /// Cancels a post unless it is a draft, has been sent, or may have been.
    pub(super) fn withdraw(&mut self, post: domain::ids::PostId, at: Timestamp) -> Result<()> {
        let state = self.row(post)?.post.state.clone();
        if matches!(state, PostState::Draft) || self.has_open_intent(post) {
            return Ok(());
        }
        let withdrawn = rules::withdrawn(state.clone(), at);
        if withdrawn != state {
            self.put(post, withdrawn, at)?;
        }
        Ok(())
    }

    /// Forgets the tokens of removed accounts that no open intent needs.
    pub(super) fn drop_unused_tokens(&mut self) {
        let open: Vec<_> = self
            .intents
            .iter()
            .filter(|row| row.record.state == domain::intent::IntentState::Open)
            .collect();
        let needed: Vec<_> = open.iter().map(|row| row.account).collect();
        for row in self
            .accounts
            .iter_mut()
            .filter(|row| row.removed && !needed.contains(&row.account.id))
        {
            Arc::make_mut(row).tokens = None;
        }
    }

    pub(super) fn note_account(&mut self, account: AccountId, note: &AccountNote) -> Result<()> {
        let account = &mut self.account_mut(account)?.account;
        account.health = note.health.unwrap_or(account.health);
        account.last_success_at = account.last_success_at.max(note.success_at);
        account.last_error = note.error.clone().or(account.last_error.take());
        Ok(())
    }

    pub(super) fn begin_refresh(&mut self, account: AccountId, version: u32) -> Result<bool> {
        let row = self.account_row(account).ok_or(Error::NotFound)?;
        let is_newest = row.tokens.is_some() && row.account.token_version == version;
        Ok(is_newest && self.refreshes.insert((account, version)))
    }

    pub(super) fn finish_refresh(
        &mut self,
        id: AccountId,
        version: u32,
        tokens: Option<Tokens>,
        mut log: LogEntry,
    ) -> Result<()> {
        self.refreshes.remove(&(id, version));
        let row = self.account_mut(id)?;
        let owner = row.account.owner;
        // Whoever connected the account again meanwhile gave better tokens than this exchange can.
        if row.account.token_version == version && row.tokens.is_some() {
            if let Some(new) = tokens {
                let old = row.tokens.take().and_then(|old| old.refresh);
                row.account.token_version += 1;
                row.account.token_expires_at = new.expires_at;
                row.account.health = AccountHealth::Ok;
                row.tokens = Some(rules::exchanged(new, old));
            } else {
                row.account.health = AccountHealth::ReconnectNeeded;
            }
        }
        log.account = Some(id);
        self.write_log(vec![log], owner, None);
        Ok(())
    }
}

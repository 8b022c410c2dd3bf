//! Accounts, their tokens, and how they are doing.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use domain::account::{Account, AccountHealth, AccountReport, Tokens};
use domain::ids::{AccountId, UserId};
use domain::intent::IntentState;
use domain::log::{LogEntry, LogKind, LogRecord};
use domain::platform::Platform;
use domain::post::PostState;
use jiff::Timestamp;

use super::groups::at_most;
use super::state::{AccountRow, IntentRow, PostRow, State};
use crate::{
    ACCOUNT_LOG_LISTED_MAX, ACCOUNTS_LISTED_MAX, AccountLogQuery, AccountNote, Error, NewAccount, REFRESHES_LISTED_MAX,
    Reach, Refreshed, Result, UnfinishedRefresh, Verification, rules,
};

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

impl State {
    pub(super) fn account_row(&self, account: AccountId) -> Option<&AccountRow> {
        self.accounts
            .iter()
            .map(|row| &**row)
            .find(|row| row.account.id == account)
    }

    pub(super) fn account_mut(&mut self, account: AccountId) -> Result<&mut AccountRow> {
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
            !row.removed
                && account.owner == owner
                && account.platform == platform
                && account.identity.remote_id == target
        };
        self.accounts.iter().find(named).map(|row| row.account.id)
    }

    pub(super) fn connect_account(&mut self, new: NewAccount, mut log: LogEntry) -> Result<Account> {
        self.live_user(new.owner).ok_or(Error::NotFound)?;
        let (owner, platform) = (new.owner, new.platform);
        let named = |row: &&mut Arc<AccountRow>| {
            let account = &row.account;
            account.owner == owner
                && account.platform == platform
                && account.identity.remote_id == new.identity.remote_id
        };
        if self.account_of(owner, platform, &new.identity.remote_id).is_none() {
            self.admit_connections(owner, 1)?;
        }
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
                revoke_due: false,
                tokens: None,
            }));
            self.accounts.last_mut().map(Arc::make_mut).ok_or(Error::NotFound)?
        };
        (row.removed, row.revoke_due) = (false, false);
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
        let row = row.ok_or(Error::NotFound)?;
        (row.removed, row.revoke_due) = (true, true);
        let posts: Vec<_> = self
            .posts
            .values()
            .filter(|row| row.post.account == Some(id))
            .map(|row| row.post.id)
            .collect();
        posts.into_iter().try_for_each(|post| self.withdraw(post, at))?;
        log.account = Some(id);
        self.write_log(vec![log], reach.owner, None);
        Ok(())
    }

    /// Ends a post unless it is a draft, has been sent, or may have been: it is cancelled, or has failed when parts of it
    /// are live.
    pub(super) fn withdraw(&mut self, post: domain::ids::PostId, at: Timestamp) -> Result<()> {
        let state = self.row(post)?.post.state.clone();
        if matches!(state, PostState::Draft) || self.has_open_intent(post) {
            return Ok(());
        }
        let ended = self.live(self.row(post)?)?.cut_off(&state, at);
        if ended != state {
            self.put(post, ended, at)?;
        }
        Ok(())
    }

    /// The accounts of posts that are still asked about.
    pub(super) fn accounts_needed(&self) -> BTreeSet<AccountId> {
        let open = |row: &&Arc<IntentRow>| row.record.state == IntentState::Open;
        let is_asked = |row: &&Arc<IntentRow>| self.posts.get(&row.post).is_some_and(|row| row.wake_at.is_some());
        let needed = self.intents.iter().filter(open).filter(is_asked);
        needed.map(|row| row.account).collect()
    }

    /// Forgets the tokens of removed accounts that nothing needs and that are not to be given back.
    pub(super) fn drop_unused_tokens(&mut self) {
        let needed = self.accounts_needed();
        let unused = |row: &&mut Arc<AccountRow>| row.removed && !row.revoke_due && !needed.contains(&row.account.id);
        for row in self.accounts.iter_mut().filter(unused) {
            Arc::make_mut(row).tokens = None;
        }
    }

    pub(super) fn note_account(&mut self, account: AccountId, note: &AccountNote) -> Result<()> {
        let account = &mut self.account_mut(account)?.account;
        account.last_success_at = account.last_success_at.max(note.success_at);
        if note.of_version.is_none_or(|version| version >= account.token_version) {
            account.health = note.health.unwrap_or(account.health);
            account.last_error = note.error.clone().or(account.last_error.take());
        }
        Ok(())
    }

    pub(super) fn verify_account(&mut self, id: AccountId, told: Verification, mut log: LogEntry) -> Result<Account> {
        let row = self.account_mut(id).ok().filter(|row| !row.removed);
        let account = &mut row.ok_or(Error::NotFound)?.account;
        rules::verified(account, told);
        let account = account.clone();
        log.account = Some(id);
        self.write_log(vec![log], account.owner, None);
        Ok(account)
    }

    pub(super) fn begin_refresh(&mut self, account: AccountId, version: u32, at: Timestamp) -> Result<bool> {
        let row = self.account_row(account).ok_or(Error::NotFound)?;
        let is_newest = row.tokens.is_some() && row.account.token_version == version;
        if !is_newest || self.refreshes.contains_key(&(account, version)) {
            return Ok(false);
        }
        self.refreshes.insert((account, version), at);
        Ok(true)
    }

    pub(super) fn finish_refresh(
        &mut self,
        id: AccountId,
        version: u32,
        end: Refreshed,
        refresh_at: Option<Timestamp>,
        mut log: LogEntry,
    ) -> Result<()> {
        self.refreshes.remove(&(id, version));
        let row = self.account_mut(id)?;
        let owner = row.account.owner;
        // Whoever connected the account again meanwhile gave better tokens than this exchange can.
        if row.account.token_version == version
            && let Some(old) = row.tokens.clone()
        {
            row.account.refresh_at = refresh_at;
            match end {
                Refreshed::Renewed(new) => {
                    row.account.token_version += 1;
                    row.account.token_expires_at = new.expires_at;
                    row.account.health = AccountHealth::Ok;
                    row.tokens = Some(rules::exchanged(new, old));
                }
                Refreshed::Refused => {
                    row.account.refresh_at = None;
                    row.account.health = AccountHealth::ReconnectNeeded;
                }
                Refreshed::NotMade => {}
            }
        }
        log.account = Some(id);
        self.write_log(vec![log], owner, None);
        Ok(())
    }

    pub(super) fn put_off_refresh(
        &mut self,
        id: AccountId,
        refresh_at: Option<Timestamp>,
        log: Option<LogEntry>,
    ) -> Result<()> {
        let account = &mut self.account_mut(id)?.account;
        account.refresh_at = refresh_at;
        let owner = account.owner;
        let about = |log| LogEntry {
            account: Some(id),
            ..log
        };
        self.write_log(log.into_iter().map(about).collect(), owner, None);
        Ok(())
    }

    fn with_refreshes(&self) -> impl Iterator<Item = (Timestamp, &Account)> {
        let cared_for = |row: &&Arc<AccountRow>| !row.removed && row.account.health != AccountHealth::ReconnectNeeded;
        let due = |row: &'_ Arc<AccountRow>| row.account.refresh_at;
        let rows = self.accounts.iter().filter(cared_for);
        rows.filter_map(move |row| Some((due(row)?, &row.account)))
    }

    pub(super) fn refreshes_due(&self, now: Timestamp, limit: u32) -> Vec<Account> {
        let mut due: Vec<_> = self.with_refreshes().filter(|(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, _)| *at);
        due.into_iter()
            .take(at_most(limit.min(REFRESHES_LISTED_MAX)))
            .map(|(_, account)| account.clone())
            .collect()
    }

    pub(super) fn next_refresh(&self) -> Option<Timestamp> {
        self.with_refreshes().map(|(at, _)| at).min()
    }

    pub(super) fn unfinished_refresh(&self, account: AccountId) -> Option<UnfinishedRefresh> {
        let version = self.account_row(account)?.account.token_version;
        let begun_at = *self.refreshes.get(&(account, version))?;
        Some(UnfinishedRefresh { version, begun_at })
    }

    pub(super) fn has_open_intents(&self, account: AccountId) -> bool {
        self.intents
            .iter()
            .any(|row| row.account == account && row.record.state == IntentState::Open)
    }

    pub(super) fn account_reports(&self, reach: &Reach, now: Timestamp, limit: u32) -> Vec<AccountReport> {
        let mine = self
            .accounts
            .iter()
            .filter(|row| !row.removed && row.account.owner == reach.owner);
        mine.take(at_most(limit.min(ACCOUNTS_LISTED_MAX)))
            .map(|row| self.report(row, now))
            .collect()
    }

    fn report(&self, row: &AccountRow, now: Timestamp) -> AccountReport {
        let account = row.account.clone();
        let after = rules::reported_after(now);
        let ended = |kind: LogKind| {
            let entries = self.log.iter().map(|record| &record.entry);
            let counted =
                entries.filter(|entry| entry.account == Some(account.id) && entry.kind == kind && entry.at > after);
            counted.filter_map(|entry| entry.post).collect::<BTreeSet<_>>().len()
        };
        let waits = |post: &&Arc<PostRow>| {
            let is_target = post.owner == account.owner
                && post.post.platform == account.platform
                && post.post.target == account.identity.remote_id;
            is_target
                && matches!(post.post.state, PostState::Scheduled { .. } | PostState::Waiting { .. })
                && self.groups.get(&post.group).is_some_and(|group| !group.deleted)
        };
        let tokens = row.tokens.as_ref();
        AccountReport {
            refreshable: tokens.is_some_and(|tokens| tokens.refresh.is_some()),
            token_ends_at: tokens.and_then(Tokens::end_at),
            failures_7d: count(ended(LogKind::PublishFailed)),
            successes_7d: count(ended(LogKind::PublishSucceeded)),
            due: count(self.posts.values().filter(waits).count()),
            account,
        }
    }

    pub(super) fn log_connection(&mut self, reach: &Reach, log: LogEntry) -> Result<()> {
        if let Some(account) = log.account {
            let row = self.account_row(account);
            row.filter(|row| row.account.owner == reach.owner)
                .ok_or(Error::NotFound)?;
        }
        let log = LogEntry {
            user: Some(reach.owner),
            ..log
        };
        self.write_log(vec![log], reach.owner, None);
        Ok(())
    }

    pub(super) fn account_log(&self, reach: &Reach, query: &AccountLogQuery) -> Vec<LogRecord> {
        let asked = |record: &&Arc<LogRecord>| {
            let entry = &record.entry;
            entry.kind.is_connection()
                && entry.user == Some(reach.owner)
                && query.account.is_none_or(|account| entry.account == Some(account))
                && query.platform.is_none_or(|platform| entry.platform == Some(platform))
                && query.before.is_none_or(|before| (entry.at, record.id) < before)
        };
        let mut found: Vec<_> = self.log.iter().filter(asked).collect();
        found.sort_by_key(|record| Reverse((record.entry.at, record.id)));
        found
            .into_iter()
            .take(at_most(query.limit.min(ACCOUNT_LOG_LISTED_MAX)))
            .map(|record| LogRecord::clone(record))
            .collect()
    }
}

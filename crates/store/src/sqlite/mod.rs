//! The SQLite back end: one thread writes, a few read, and a commit is on the disk before anybody hears of it.

mod disk;
mod history;
mod known;
mod lock;
mod meters;
mod migrate;
mod open;
mod reader;
mod rows;
mod sql;
mod tx;
mod verbs;
mod writer;

#[cfg(test)]
mod measure;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use domain::account::{Account, AccountReport, ApiKey, KeyOwner, Tokens, User};
use domain::clock::BootInstant;
use domain::group::PlanEdit;
use domain::ids::{AccountId, ApiKeyId, GroupId, IntentId, LinkId, PostId, SignInId, UserId};
use domain::intent::{Armed, Claim};
use domain::log::{LogEntry, LogRecord};
use domain::part::{Part, RemotePost};
use domain::plan::Plan;
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::SecretBytes;
use jiff::Timestamp;

use crate::seal::{SealError, Vault};
use crate::{
    AccountLogQuery, AccountNote, Backlog, ClaimAsk, Claimed, CommitStats, ConnectLink, Created, Error, Evidence,
    Group, GroupPage, GroupQuery, Installation, InstanceApp, NewAccount, NewGroup, NewIntent, NewSignIn, Orphans,
    PostCount, Reach, Refreshed, Release, RequestKey, Resolution, Result, SettleResult, Settled, Settlement, SignInRow,
    Store, TakeRefused, UnfinishedRefresh, Unsettled, Verification, Work,
};
pub use lock::LOCK_FILE;
pub use open::{BeforeCommit, DATABASE_FILE, KEY_FILE, OpenError, OpenOptions};
use reader::Readers;
#[cfg(test)]
pub(crate) use tests::{FreshDir, fresh_dir};
use tx::Tx;
use verbs::{accounts, claims, groups, intents, operation, plans, refreshes, reports, sign_ins, users};
use writer::Writer;

/// Hears of the one failure after which the process must not go on: a commit that did not happen.
pub type Fatal = Arc<dyn Fn(&str) + Send + Sync>;

/// A store in a directory that nobody else may open meanwhile.
#[derive(Debug)]
pub struct SqliteStore {
    // In the order in which they end: the writer last of the threads, since it folds the log back, then the lock.
    readers: Readers,
    writer: Writer,
    deliveries_added: Arc<tokio::sync::Notify>,
    vault: Arc<Vault>,
    installation: Installation,
    dir: PathBuf,
    _lock: lock::DirLock,
}

impl SqliteStore {
    /// Makes a new master key; what is written from now on is sealed with it. Then call [`Store::reseal`] until nothing
    /// is left, and [`SqliteStore::retire_old_keys`].
    ///
    /// # Errors
    /// [`SealError::NotOurs`] when the environment gives the keys; [`SealError::File`].
    pub async fn rotate_master_key(&self) -> std::result::Result<(), SealError> {
        self.vault_verb(|tx| tx.vault.rotate()).await
    }

    /// Forgets all master keys but the newest.
    ///
    /// # Errors
    /// [`SealError::StillInUse`] while something is sealed with an old one; [`SealError::NotOurs`], [`SealError::File`].
    pub async fn retire_old_keys(&self) -> std::result::Result<(), SealError> {
        self.vault_verb(|tx| operation::retire_old_keys(tx)).await
    }

    /// Runs on the writing thread, where alone values are sealed: no value can be on its way under a key that goes.
    async fn vault_verb<F>(&self, verb: F) -> std::result::Result<(), SealError>
    where
        F: FnOnce(&mut Tx) -> std::result::Result<(), SealError> + Send + 'static,
    {
        let done = self.writer.call(move |tx| Ok(verb(tx))).await;
        done.unwrap_or_else(|error| Err(std::io::Error::other(error.to_string()).into()))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn installation(&self) -> Result<Installation> {
        Ok(self.installation.clone())
    }

    async fn ping(&self) -> Result<()> {
        self.writer.call(|_| Ok(())).await?;
        disk::has_room(&self.dir)
    }

    async fn create_user(&self, user: User) -> Result<()> {
        self.writer.call(move |tx| users::create(tx, &user)).await
    }

    async fn set_plan(&self, user: UserId, plan: Plan) -> Result<()> {
        self.writer.call(move |tx| users::set_plan(tx, user, &plan)).await
    }

    async fn remove_user(&self, user: UserId, at: Timestamp) -> Result<()> {
        self.writer.call(move |tx| users::remove(tx, user, at)).await
    }

    async fn user(&self, user: UserId) -> Result<Option<User>> {
        self.readers.quick(|db| users::one(db, user))
    }

    async fn user_by_name(&self, name: &str) -> Result<Option<User>> {
        let name = name.to_owned();
        self.readers.call(move |db| users::by_name(db, &name)).await
    }

    async fn users(&self, limit: u32) -> Result<Vec<User>> {
        self.readers.call(move |db| users::list(db, limit)).await
    }

    async fn create_key(&self, key: ApiKey, hash: [u8; 32], max_active: u32) -> Result<()> {
        self.writer
            .call(move |tx| users::create_key(tx, &key, hash, max_active, None))
            .await
    }

    async fn keys(&self, user: UserId) -> Result<Vec<ApiKey>> {
        self.readers.call(move |db| users::keys(db, user)).await
    }

    async fn revoke_key(&self, user: UserId, key: ApiKeyId, at: Timestamp) -> Result<()> {
        self.writer.call(move |tx| users::revoke_key(tx, user, key, at)).await
    }

    async fn authenticate(&self, hash: [u8; 32]) -> Result<Option<KeyOwner>> {
        self.readers.quick(|db| users::authenticate(db, hash))
    }

    async fn touch_keys(&self, used: Vec<(ApiKeyId, Timestamp)>) -> Result<()> {
        self.writer.call(move |tx| users::touch_keys(tx, &used)).await
    }

    async fn connect_account(&self, account: NewAccount, log: LogEntry) -> Result<Account> {
        self.writer.call(move |tx| accounts::connect(tx, &account, log)).await
    }

    async fn accounts(&self, reach: &Reach) -> Result<Vec<Account>> {
        let reach = *reach;
        self.readers.call(move |db| accounts::list(db, &reach)).await
    }

    async fn account(&self, account: AccountId) -> Result<Option<Account>> {
        self.readers.quick(|db| accounts::one(db, account))
    }

    async fn tokens(&self, account: AccountId) -> Result<Option<Tokens>> {
        self.readers
            .call(move |db| accounts::tokens(&db.conn, &db.vault, account))
            .await
    }

    async fn remove_account(&self, reach: &Reach, account: AccountId, at: Timestamp, log: LogEntry) -> Result<()> {
        let reach = *reach;
        self.writer
            .call(move |tx| accounts::remove(tx, &reach, account, at, log))
            .await
    }

    async fn note_account(&self, account: AccountId, note: AccountNote) -> Result<()> {
        self.writer.call(move |tx| accounts::note(tx, account, &note)).await
    }

    async fn begin_refresh(&self, account: AccountId, version: u32, at: Timestamp) -> Result<bool> {
        self.writer
            .call(move |tx| refreshes::begin(tx, account, version, at))
            .await
    }

    async fn finish_refresh(
        &self,
        account: AccountId,
        version: u32,
        end: Refreshed,
        refresh_at: Option<Timestamp>,
        log: LogEntry,
    ) -> Result<()> {
        self.writer
            .call(move |tx| refreshes::finish(tx, account, version, end, refresh_at, log))
            .await
    }

    async fn put_off_refresh(
        &self,
        account: AccountId,
        refresh_at: Option<Timestamp>,
        log: Option<LogEntry>,
    ) -> Result<()> {
        self.writer
            .call(move |tx| refreshes::put_off(tx, account, refresh_at, log))
            .await
    }

    async fn refreshes_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Account>> {
        self.readers.call(move |db| refreshes::due(db, now, limit)).await
    }

    async fn next_refresh(&self) -> Result<Option<Timestamp>> {
        self.readers.quick(refreshes::next)
    }

    async fn unfinished_refresh(&self, account: AccountId) -> Result<Option<UnfinishedRefresh>> {
        self.readers.quick(|db| refreshes::unfinished(db, account))
    }

    async fn has_open_intents(&self, account: AccountId) -> Result<bool> {
        self.readers.quick(|db| refreshes::has_open_intents(db, account))
    }

    async fn verify_account(&self, account: AccountId, verification: Verification, log: LogEntry) -> Result<Account> {
        self.writer
            .call(move |tx| accounts::verify(tx, account, verification, log))
            .await
    }

    async fn account_reports(&self, reach: &Reach, now: Timestamp, limit: u32) -> Result<Vec<AccountReport>> {
        let reach = *reach;
        self.readers
            .call(move |db| reports::accounts(db, &reach, now, limit))
            .await
    }

    async fn log_connection(&self, reach: &Reach, log: LogEntry) -> Result<()> {
        let reach = *reach;
        self.writer
            .call(move |tx| reports::log_connection(tx, &reach, log))
            .await
    }

    async fn account_log(&self, reach: &Reach, query: AccountLogQuery) -> Result<Vec<LogRecord>> {
        let reach = *reach;
        self.readers.call(move |db| reports::log(db, &reach, &query)).await
    }

    async fn begin_sign_in(&self, sign_in: NewSignIn) -> Result<()> {
        self.writer.call(move |tx| sign_ins::begin(tx, &sign_in)).await
    }

    async fn take_sign_in(
        &self,
        secret_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<std::result::Result<SignInRow, TakeRefused>> {
        self.writer.call(move |tx| sign_ins::take(tx, secret_hash, now)).await
    }

    async fn peek_sign_in(&self, secret_hash: [u8; 32], now: Timestamp) -> Result<Option<SignInRow>> {
        self.readers.quick(|db| sign_ins::peek(db, secret_hash, now))
    }

    async fn offer_choice(
        &self,
        sign_in: SignInId,
        new_secret_hash: [u8; 32],
        memory: SecretBytes,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.writer
            .call(move |tx| sign_ins::offer_choice(tx, sign_in, new_secret_hash, &memory, expires_at))
            .await
    }

    async fn add_link(&self, link: ConnectLink, token_hash: [u8; 32]) -> Result<()> {
        self.writer
            .call(move |tx| sign_ins::add_link(tx, &link, token_hash))
            .await
    }

    async fn link(&self, token_hash: [u8; 32]) -> Result<Option<ConnectLink>> {
        self.readers.quick(|db| sign_ins::link(db, token_hash))
    }

    async fn revoke_link(&self, reach: &Reach, link: LinkId, at: Timestamp) -> Result<()> {
        let reach = *reach;
        self.writer
            .call(move |tx| sign_ins::revoke_link(tx, &reach, link, at))
            .await
    }

    async fn remember_app(&self, platform: Platform, origin: &str, app: InstanceApp) -> Result<()> {
        let origin = origin.to_owned();
        self.writer
            .call(move |tx| sign_ins::remember_app(tx, platform, &origin, &app))
            .await
    }

    async fn app(&self, platform: Platform, origin: &str) -> Result<Option<InstanceApp>> {
        self.readers.quick(|db| sign_ins::app(db, platform, origin))
    }

    async fn create_group(&self, group: NewGroup, request: Option<RequestKey>) -> Result<Created> {
        let group = groups::prepare(group)?;
        self.writer
            .call_checked(move |tx| groups::create(tx, group, request.as_ref()))
            .await
    }

    async fn group(&self, reach: &Reach, group: GroupId) -> Result<Option<Group>> {
        self.readers.quick(|db| groups::one(db, reach, group))
    }

    async fn list_groups(&self, reach: &Reach, query: GroupQuery) -> Result<GroupPage> {
        let reach = *reach;
        self.readers.call(move |db| groups::list(db, &reach, &query)).await
    }

    async fn edit_plan(&self, reach: &Reach, group: GroupId, edit: PlanEdit, log: LogEntry) -> Result<Group> {
        let reach = *reach;
        self.writer
            .call(move |tx| plans::edit(tx, &reach, group, edit, log))
            .await
    }

    async fn delete_group(&self, reach: &Reach, group: GroupId, at: Timestamp, log: LogEntry) -> Result<()> {
        let reach = *reach;
        self.writer
            .call(move |tx| plans::delete(tx, &reach, group, at, log))
            .await
    }

    async fn post_group(&self, reach: &Reach, post: PostId) -> Result<Option<GroupId>> {
        self.readers.quick(|db| groups::of_post(db, reach, post))
    }

    async fn group_log(&self, reach: &Reach, group: GroupId, limit: u32) -> Result<Vec<LogRecord>> {
        let reach = *reach;
        self.readers.call(move |db| groups::log(db, &reach, group, limit)).await
    }

    async fn recent_log(&self, reach: &Reach, limit: u32) -> Result<Vec<LogRecord>> {
        let reach = *reach;
        self.readers.call(move |db| groups::recent_log(db, &reach, limit)).await
    }

    async fn retry_post(&self, reach: &Reach, post: PostId, due: Timestamp, log: LogEntry) -> Result<Group> {
        let reach = *reach;
        self.writer
            .call(move |tx| plans::retry(tx, &reach, post, due, log))
            .await
    }

    async fn resolve_post(&self, reach: &Reach, post: PostId, resolution: Resolution, log: LogEntry) -> Result<Group> {
        let reach = *reach;
        self.writer
            .call(move |tx| plans::resolve(tx, &reach, post, &resolution, log))
            .await
    }

    async fn claim_due(&self, ask: ClaimAsk) -> Result<Claimed> {
        self.writer.call_checked(move |tx| claims::take_due(tx, &ask)).await
    }

    async fn claim_unconfirmed(&self, reach: &Reach, post: PostId, ask: &ClaimAsk) -> Result<Option<Claim>> {
        let (reach, ask) = (*reach, ask.clone());
        self.writer
            .call(move |tx| claims::take_unconfirmed(tx, &reach, post, &ask))
            .await
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>> {
        self.readers.quick(claims::next_wake)
    }

    async fn work(&self, claim: &Claim) -> Result<Work> {
        let (post, attempt) = (claim.post, claim.attempt);
        self.readers.quick(|db| claims::work(db, post, attempt))
    }

    async fn checkpoint(&self, claim: &Claim, resume: Option<SecretBytes>, lease_until: Timestamp) -> Result<()> {
        let (post, attempt) = (claim.post, claim.attempt);
        self.writer
            .call(move |tx| claims::checkpoint(tx, post, attempt, resume.as_ref(), lease_until))
            .await
    }

    async fn record_intent(
        &self,
        claim: Claim,
        intent: NewIntent,
        send_by: BootInstant,
    ) -> std::result::Result<Armed, (Option<Claim>, Error)> {
        let (post, attempt) = (claim.post, claim.attempt);
        let (id, part, prepared) = (intent.id, intent.part, intent.prepared.clone());
        let sealed = match intents::seal(&self.vault, intent) {
            Ok(sealed) => sealed,
            Err(error) => return Err((Some(claim), error)),
        };
        match self
            .writer
            .call_checked(move |tx| intents::record(tx, post, attempt, sealed))
            .await
        {
            Ok(Ok(())) => Ok(crate::armed(claim, id, part, prepared, send_by)),
            Ok(Err(refusal)) => Err((Some(claim), refusal)),
            Err(error @ (Error::LeaseLost | Error::Unavailable(_))) => Err((None, error)),
            Err(error) => Err((Some(claim), error)),
        }
    }

    async fn settle(&self, armed: Armed, settlement: Settlement, release: Option<Release>) -> SettleResult {
        let (name, intent) = ((armed.claim().post, armed.claim().attempt), armed.intent());
        let checks_first = release.as_ref().is_none_or(|release| release.intents.is_empty());
        let settle = move |tx: &mut Tx| intents::settle(tx, name, intent, settlement, release);
        match self.writer.run(settle, checks_first).await {
            Ok(intents::Outcome::Continues) => Ok(Settled::Continues(armed.into_claim().0)),
            Ok(intents::Outcome::Released(state)) => Ok(Settled::Released(*state)),
            Ok(intents::Outcome::Fenced(evidence)) => Ok(Settled::Fenced(evidence)),
            Err(error) => Err(Unsettled {
                error,
                armed: Some(Box::new(armed)),
            }),
        }
    }

    async fn release(&self, claim: Claim, release: Release) -> Result<PostState> {
        self.writer
            .call(move |tx| claims::release(tx, claim.post, claim.attempt, release))
            .await
    }

    async fn evidence(&self, intent: IntentId, remote: RemotePost, at: Timestamp) -> Result<Evidence> {
        self.writer
            .call(move |tx| intents::evidence(tx, intent, &remote, at))
            .await
    }

    async fn remote_owner(&self, account: AccountId, remote_id: &str) -> Result<Option<(PostId, Part)>> {
        let remote_id = remote_id.to_owned();
        self.readers
            .call(move |db| intents::owner(&db.conn, account, &remote_id))
            .await
    }

    async fn recover_orphans(&self, which: Orphans, now: Timestamp) -> Result<u64> {
        self.writer
            .call(move |tx| claims::recover_orphans(tx, which, now))
            .await
    }

    async fn backlog(&self, now: Timestamp) -> Result<Backlog> {
        self.readers.call(move |db| operation::backlog(db, now)).await
    }

    async fn post_counts(&self) -> Result<Vec<PostCount>> {
        self.readers.call(operation::post_counts).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<Vec<String>> {
        self.writer.call(move |tx| operation::prune(tx, now, limit)).await
    }

    async fn reseal(&self, limit: u32) -> Result<u64> {
        let newest = self.vault.newest();
        let old = self
            .readers
            .call(move |db| operation::old_seals(db, newest, limit))
            .await?;
        self.writer.call(move |tx| operation::reseal(tx, old)).await
    }

    fn commit_stats(&self) -> CommitStats {
        self.writer.stats()
    }
}

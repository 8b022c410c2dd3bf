//! The model: the same verbs over plain maps. Tests run on it to keep the seam honest; nothing here is durable.

mod accounts;
mod actions;
mod budgets;
mod derivatives;
mod edits;
mod groups;
mod media;
mod publishing;
mod retractions;
mod revocations;
mod sign_ins;
mod state;
mod usage;
mod users;
mod webhooks;
mod workspaces;

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};

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

use crate::{
    AccountLogQuery, AccountNote, Backlog, ClaimAsk, Claimed, ConnectLink, Created, Error, Evidence, Group, GroupPage,
    GroupQuery, Installation, InstanceApp, NewAccount, NewGroup, NewIntent, NewSignIn, Orphans, PostCount, Reach,
    Refreshed, Release, RequestKey, Resolution, Result, SettleResult, Settled, Settlement, SignInRow, Store,
    TakeRefused, UnfinishedRefresh, Unsettled, Verification, Work,
};
use state::State;

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<Arc<State>>,
    /// Notified at every write: any of them may have added a message.
    written: Arc<tokio::sync::Notify>,
    /// So many writing verbs are still to be refused.
    refusals: AtomicU32,
    /// So many settlements from now on find it busy.
    busy_for: AtomicU32,
}

/// All that a [`MemoryStore`] held at one moment: what would be on disk after a crash.
#[derive(Debug, Clone)]
pub struct Snapshot(Arc<State>);

impl MemoryStore {
    /// An empty store that was made `now`; `seed` repeats the ids of its log entries.
    #[must_use]
    pub fn new(now: Timestamp, seed: u64) -> Self {
        Self {
            state: Mutex::new(Arc::new(State::new(now, seed))),
            written: Arc::default(),
            refusals: AtomicU32::new(0),
            busy_for: AtomicU32::new(0),
        }
    }

    /// Has the next `count` writing verbs answer [`Error::Unavailable`], as a database in trouble does.
    pub fn refuse_writes(&self, count: u32) {
        self.refusals.store(count, SeqCst);
    }

    /// Has the next settlements, so many of them, and nothing else fail as those of a busy database do.
    pub fn be_busy_for(&self, settlements: u32) {
        self.busy_for.store(settlements, SeqCst);
    }

    /// What is in it now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(Arc::clone(&self.lock()))
    }

    /// Goes back to what was in it.
    pub fn restore(&self, snapshot: &Snapshot) {
        *self.lock() = Arc::clone(&snapshot.0);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, verb: impl FnOnce(&State) -> T) -> T {
        verb(&self.lock())
    }

    /// Runs a verb on a copy and keeps that only when the verb succeeds: all or nothing, by construction.
    fn write<T>(&self, verb: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        if takes_one(&self.refusals) {
            return Err(Error::Unavailable("it was told to refuse".to_owned()));
        }
        let mut current = self.lock();
        let mut next = State::clone(&current);
        let value = verb(&mut next)?;
        *current = Arc::new(next);
        self.written.notify_one();
        Ok(value)
    }
}

/// Takes one of those that are left; false when there are none.
fn takes_one(left: &AtomicU32) -> bool {
    left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[async_trait]
impl Store for MemoryStore {
    async fn installation(&self) -> Result<Installation> {
        Ok(self.read(|state| state.installation.clone()))
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn create_user(&self, user: User) -> Result<()> {
        self.write(|state| state.create_user(user))
    }

    async fn set_plan(&self, user: UserId, plan: Plan) -> Result<()> {
        self.write(|state| state.set_plan(user, plan))
    }

    async fn remove_user(&self, user: UserId, at: Timestamp) -> Result<()> {
        self.write(|state| state.remove_user(user, at))
    }

    async fn user(&self, user: UserId) -> Result<Option<User>> {
        Ok(self.read(|state| state.live_user(user).cloned()))
    }

    async fn user_by_name(&self, name: &str) -> Result<Option<User>> {
        Ok(self.read(|state| state.live_users().find(|user| user.name == name).cloned()))
    }

    async fn users(&self, limit: u32) -> Result<Vec<User>> {
        Ok(self.read(|state| state.users_listed(limit)))
    }

    async fn create_key(&self, key: ApiKey, hash: [u8; 32], max_active: u32) -> Result<()> {
        self.write(|state| state.create_key(key, hash, max_active))
    }

    async fn keys(&self, user: UserId) -> Result<Vec<ApiKey>> {
        Ok(self.read(|state| state.keys_listed(user)))
    }

    async fn revoke_key(&self, user: UserId, key: ApiKeyId, at: Timestamp) -> Result<()> {
        self.write(|state| state.revoke_key(user, key, at))
    }

    async fn authenticate(&self, hash: [u8; 32]) -> Result<Option<KeyOwner>> {
        Ok(self.read(|state| state.authenticate(hash)))
    }

    async fn touch_keys(&self, used: Vec<(ApiKeyId, Timestamp)>) -> Result<()> {
        self.write(|state| {
            state.touch_keys(&used);
            Ok(())
        })
    }

    async fn connect_account(&self, account: NewAccount, log: LogEntry) -> Result<Account> {
        self.write(|state| state.connect_account(account, log))
    }

    async fn accounts(&self, reach: &Reach) -> Result<Vec<Account>> {
        Ok(self.read(|state| state.accounts_listed(reach)))
    }

    async fn account(&self, account: AccountId) -> Result<Option<Account>> {
        Ok(self.read(|state| state.live_account(account).cloned()))
    }

    async fn tokens(&self, account: AccountId) -> Result<Option<Tokens>> {
        Ok(self.read(|state| state.newest_tokens(account)))
    }

    async fn remove_account(&self, reach: &Reach, account: AccountId, at: Timestamp, log: LogEntry) -> Result<()> {
        self.write(|state| state.remove_account(reach, account, at, log))
    }

    async fn note_account(&self, account: AccountId, note: AccountNote) -> Result<()> {
        self.write(|state| state.note_account(account, &note))
    }

    async fn begin_refresh(&self, account: AccountId, version: u32, at: Timestamp) -> Result<bool> {
        self.write(|state| state.begin_refresh(account, version, at))
    }

    async fn finish_refresh(
        &self,
        account: AccountId,
        version: u32,
        end: Refreshed,
        refresh_at: Option<Timestamp>,
        log: LogEntry,
    ) -> Result<()> {
        self.write(|state| state.finish_refresh(account, version, end, refresh_at, log))
    }

    async fn put_off_refresh(
        &self,
        account: AccountId,
        refresh_at: Option<Timestamp>,
        log: Option<LogEntry>,
    ) -> Result<()> {
        self.write(|state| state.put_off_refresh(account, refresh_at, log))
    }

    async fn refreshes_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Account>> {
        Ok(self.read(|state| state.refreshes_due(now, limit)))
    }

    async fn next_refresh(&self) -> Result<Option<Timestamp>> {
        Ok(self.read(State::next_refresh))
    }

    async fn unfinished_refresh(&self, account: AccountId) -> Result<Option<UnfinishedRefresh>> {
        Ok(self.read(|state| state.unfinished_refresh(account)))
    }

    async fn has_open_intents(&self, account: AccountId) -> Result<bool> {
        Ok(self.read(|state| state.has_open_intents(account)))
    }

    async fn verify_account(&self, account: AccountId, verification: Verification, log: LogEntry) -> Result<Account> {
        self.write(|state| state.verify_account(account, verification, log))
    }

    async fn account_reports(&self, reach: &Reach, now: Timestamp, limit: u32) -> Result<Vec<AccountReport>> {
        Ok(self.read(|state| state.account_reports(reach, now, limit)))
    }

    async fn log_connection(&self, reach: &Reach, log: LogEntry) -> Result<()> {
        self.write(|state| state.log_connection(reach, log))
    }

    async fn account_log(&self, reach: &Reach, query: AccountLogQuery) -> Result<Vec<LogRecord>> {
        Ok(self.read(|state| state.account_log(reach, &query)))
    }

    async fn begin_sign_in(&self, sign_in: NewSignIn) -> Result<()> {
        self.write(|state| state.begin_sign_in(sign_in))
    }

    async fn take_sign_in(
        &self,
        secret_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<std::result::Result<SignInRow, TakeRefused>> {
        self.write(|state| Ok(state.take_sign_in(secret_hash, now)))
    }

    async fn peek_sign_in(&self, secret_hash: [u8; 32], now: Timestamp) -> Result<Option<SignInRow>> {
        Ok(self.read(|state| state.found_sign_in(secret_hash, now).ok()))
    }

    async fn offer_choice(
        &self,
        sign_in: SignInId,
        new_secret_hash: [u8; 32],
        memory: SecretBytes,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.write(|state| state.offer_choice(sign_in, new_secret_hash, memory, expires_at))
    }

    async fn add_link(&self, link: ConnectLink, token_hash: [u8; 32]) -> Result<()> {
        self.write(|state| state.add_link(link, token_hash))
    }

    async fn link(&self, token_hash: [u8; 32]) -> Result<Option<ConnectLink>> {
        Ok(self.read(|state| state.link(token_hash)))
    }

    async fn revoke_link(&self, reach: &Reach, link: LinkId, at: Timestamp) -> Result<()> {
        self.write(|state| state.revoke_link(reach, link, at))
    }

    async fn remember_app(&self, platform: Platform, origin: &str, app: InstanceApp) -> Result<()> {
        self.write(|state| {
            state.apps.insert((platform, origin.to_owned()), app);
            Ok(())
        })
    }

    async fn app(&self, platform: Platform, origin: &str) -> Result<Option<InstanceApp>> {
        Ok(self.read(|state| state.apps.get(&(platform, origin.to_owned())).cloned()))
    }

    async fn create_group(&self, group: NewGroup, request: Option<RequestKey>) -> Result<Created> {
        self.write(|state| state.create_group(group, request))
    }

    async fn group(&self, reach: &Reach, group: GroupId) -> Result<Option<Group>> {
        Ok(self.read(|state| state.group_within(reach, group)))
    }

    async fn list_groups(&self, reach: &Reach, query: GroupQuery) -> Result<GroupPage> {
        Ok(self.read(|state| state.list_groups(reach, &query)))
    }

    async fn edit_plan(&self, reach: &Reach, group: GroupId, edit: PlanEdit, log: LogEntry) -> Result<Group> {
        self.write(|state| state.edit_plan(reach, group, edit, log))
    }

    async fn delete_group(&self, reach: &Reach, group: GroupId, at: Timestamp, log: LogEntry) -> Result<()> {
        self.write(|state| state.delete_group(reach, group, at, log))
    }

    async fn post_group(&self, reach: &Reach, post: PostId) -> Result<Option<GroupId>> {
        Ok(self.read(|state| state.post_within(reach, post).ok().map(|row| row.group)))
    }

    async fn group_log(&self, reach: &Reach, group: GroupId, limit: u32) -> Result<Vec<LogRecord>> {
        self.read(|state| state.group_log(reach, group, limit))
    }

    async fn recent_log(&self, reach: &Reach, limit: u32) -> Result<Vec<LogRecord>> {
        Ok(self.read(|state| state.recent_log(reach, limit)))
    }

    async fn retry_post(&self, reach: &Reach, post: PostId, due: Timestamp, log: LogEntry) -> Result<Group> {
        self.write(|state| state.retry_post(reach, post, due, log))
    }

    async fn resolve_post(&self, reach: &Reach, post: PostId, resolution: Resolution, log: LogEntry) -> Result<Group> {
        self.write(|state| state.resolve_post(reach, post, resolution, log))
    }

    async fn claim_due(&self, ask: ClaimAsk) -> Result<Claimed> {
        self.write(|state| state.claim_due(&ask))
    }

    async fn claim_unconfirmed(&self, reach: &Reach, post: PostId, ask: &ClaimAsk) -> Result<Option<Claim>> {
        self.write(|state| state.claim_unconfirmed(reach, post, ask))
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>> {
        Ok(self.read(State::next_wake))
    }

    async fn work(&self, claim: &Claim) -> Result<Work> {
        self.read(|state| state.work(claim))
    }

    async fn checkpoint(&self, claim: &Claim, resume: Option<SecretBytes>, lease_until: Timestamp) -> Result<()> {
        self.write(|state| state.checkpoint(claim, resume, lease_until))
    }

    async fn record_intent(
        &self,
        claim: Claim,
        intent: NewIntent,
        send_by: BootInstant,
    ) -> std::result::Result<Armed, (Option<Claim>, Error)> {
        let (id, part, prepared) = (intent.id, intent.part, intent.prepared.clone());
        match self.write(|state| state.record_intent(&claim, intent)) {
            Ok(Ok(())) => Ok(crate::armed(claim, id, part, prepared, send_by)),
            Ok(Err(refusal)) => Err((Some(claim), refusal)),
            Err(error) => {
                let is_current = self.read(|state| state.claimed_row(&claim).is_ok());
                Err((is_current.then_some(claim), error))
            }
        }
    }

    async fn settle(&self, armed: Armed, settlement: Settlement, release: Option<Release>) -> SettleResult {
        let settled = if takes_one(&self.busy_for) {
            Err(Error::Unavailable("the model is busy".to_owned()))
        } else {
            self.write(|state| state.settle(&armed, settlement, release))
        };
        match settled {
            Ok(Some(settled)) => Ok(settled),
            Ok(None) => Ok(Settled::Continues(armed.into_claim().0)),
            Err(error) => Err(Unsettled {
                error,
                armed: Some(Box::new(armed)),
            }),
        }
    }

    async fn release(&self, claim: Claim, release: Release) -> Result<PostState> {
        self.write(|state| state.release(&claim, release))
    }

    async fn evidence(&self, intent: IntentId, remote: RemotePost, at: Timestamp) -> Result<Evidence> {
        self.write(|state| state.evidence(intent, &remote, at))
    }

    async fn remote_owner(&self, account: AccountId, remote_id: &str) -> Result<Option<(PostId, Part)>> {
        Ok(self.read(|state| state.remote_owner(account, remote_id)))
    }

    async fn recover_orphans(&self, which: Orphans, now: Timestamp) -> Result<u64> {
        self.write(|state| state.recover_orphans(which, now))
    }

    async fn backlog(&self, now: Timestamp) -> Result<Backlog> {
        Ok(self.read(|state| state.backlog(now)))
    }

    async fn post_counts(&self) -> Result<Vec<PostCount>> {
        Ok(self.read(State::post_counts))
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<Vec<String>> {
        self.write(|state| state.prune(now, limit))
    }

    async fn reseal(&self, _limit: u32) -> Result<u64> {
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    fn now() -> Timestamp {
        "2026-11-22T09:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn it_does_what_every_store_does() {
        conformance::exercise(|| async {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new(now(), 7));
            store
        })
        .await;
    }

    #[tokio::test]
    async fn a_restored_snapshot_is_what_was_there() {
        let store = Arc::new(MemoryStore::new(now(), 7));
        let bench = conformance::Bench::new(store.clone());
        let before = store.snapshot();
        bench
            .create_user(User {
                id: UserId::from_bytes([1; 12]),
                name: "ann".into(),
                plan: Plan::default(),
                created_at: now(),
                manager: None,
                display_name: None,
            })
            .await
            .unwrap();
        assert_eq!(store.users(9).await.unwrap().len(), 1);
        store.restore(&before);
        assert_eq!(store.users(9).await.unwrap(), []);
    }
}

//! Deliberate faults, to show that the oracle for duplicates and losses notices them.
//!
//! Only in builds with debug assertions or the feature `chaos`, and only when `serve --sabotage` asks for one.

mod budgets;
mod media;
mod rooms;
mod webhooks;
mod workspaces;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::account::{Account, AccountReport, ApiKey, KeyOwner, Tokens, User};
use domain::clock::BootInstant;
use domain::error::ErrorSummary;
use domain::group::PlanEdit;
use domain::ids::{AccountId, ApiKeyId, GroupId, IntentId, LinkId, PostId, SignInId, UserId};
use domain::intent::{Armed, Claim, IntentState};
use domain::log::{LogEntry, LogRecord};
use domain::part::{Part, RemotePost};
use domain::plan::Plan;
use domain::platform::Platform;
use domain::post::{Event, PostState};
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use store::{
    AccountLogQuery, AccountNote, Backlog, ClaimAsk, Claimed, CommitStats, ConnectLink, Created, Error, Evidence,
    Group, GroupPage, GroupQuery, Installation, InstanceApp, NewAccount, NewGroup, NewIntent, NewSignIn, Orphans,
    PostCount, Reach, Refreshed, Release, RequestKey, Resolution, Result, SettleResult, Settlement, SignInRow, Store,
    TakeRefused, UnfinishedRefresh, Unsettled, Verification, Work,
};

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Sends are armed before anything is durable; the intent is recorded when the answer is.
    SkipIntent,
    /// An unknown outcome counts as "not published" and is sent again.
    RetryBlindly,
    /// What a send came to is forgotten, and it is sent again.
    ForgetSettle,
    /// Messages to webhooks count as delivered before they are sent.
    ForgetMessages,
}

/// How soon a post that is wrongly sent again comes back.
const AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// A store with a fault.
pub struct Saboteur {
    inner: Arc<dyn Store>,
    fault: Fault,
    unrecorded: Mutex<HashMap<IntentId, (NewIntent, BootInstant)>>,
}

impl Saboteur {
    /// Puts the fault between an engine and its store.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, fault: Fault) -> Self {
        Self {
            inner,
            fault,
            unrecorded: Mutex::default(),
        }
    }

    fn unrecorded(&self) -> std::sync::MutexGuard<'_, HashMap<IntentId, (NewIntent, BootInstant)>> {
        self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The intent is recorded only now, after the send.
    async fn settle_late(&self, armed: Armed, settlement: Settlement, release: Option<Release>) -> SettleResult {
        let Some((intent, send_by)) = self.unrecorded().remove(&armed.intent()) else {
            return self.inner.settle(armed, settlement, release).await;
        };
        let (claim, ..) = armed.into_claim();
        match self.inner.record_intent(claim, intent, send_by).await {
            Ok(armed) => self.inner.settle(armed, settlement, release).await,
            Err((_, error)) => Err(Unsettled { error, armed: None }),
        }
    }
}

fn unpublished(at: Timestamp) -> Settlement {
    Settlement {
        state: IntentState::NotPublished,
        remote: None,
        at,
        log: Vec::new(),
    }
}

fn later(at: Timestamp) -> Timestamp {
    at.saturating_add(AGAIN).unwrap_or(Timestamp::MAX)
}

fn summary(at: Timestamp) -> ErrorSummary {
    let message = "sabotage: the outcome is unknown and is taken for a failure".to_owned();
    ErrorSummary {
        kind: domain::error::ErrorKind::Unknown,
        code: None,
        message,
        raw: None,
        http_status: None,
        at,
    }
}

#[async_trait]
impl Store for Saboteur {
    #[expect(clippy::disallowed_methods, reason = "arming what is not durable is the very fault")]
    async fn record_intent(
        &self,
        claim: Claim,
        intent: NewIntent,
        send_by: BootInstant,
    ) -> std::result::Result<Armed, (Option<Claim>, Error)> {
        if self.fault != Fault::SkipIntent {
            return self.inner.record_intent(claim, intent, send_by).await;
        }
        let armed = Armed::assert_durable(claim, intent.id, intent.part, intent.prepared.clone(), send_by);
        self.unrecorded().insert(intent.id, (intent, send_by));
        Ok(armed)
    }

    async fn settle(&self, armed: Armed, settlement: Settlement, release: Option<Release>) -> SettleResult {
        let at = settlement.at;
        match (self.fault, release) {
            (Fault::SkipIntent, release) => self.settle_late(armed, settlement, release).await,
            (Fault::ForgetSettle, Some(release)) => {
                let release = Release {
                    event: Event::Returned { at: later(at) },
                    account: None,
                    log: Vec::new(),
                    ..release
                };
                self.inner.settle(armed, unpublished(at), Some(release)).await
            }
            (Fault::RetryBlindly, Some(release)) if matches!(release.event, Event::OutcomeUnknown { .. }) => {
                let release = Release {
                    event: Event::RetryAt {
                        at: later(at),
                        error: summary(at),
                    },
                    ..release
                };
                self.inner.settle(armed, unpublished(at), Some(release)).await
            }
            (_, release) => self.inner.settle(armed, settlement, release).await,
        }
    }

    async fn release(&self, claim: Claim, release: Release) -> Result<PostState> {
        let asks_on = matches!(release.event, Event::StillUnknown { .. } | Event::GaveUp { .. });
        if self.fault != Fault::RetryBlindly || !asks_on {
            return self.inner.release(claim, release).await;
        }
        let at = release.at;
        let work = self.inner.work(&claim).await?;
        let open = work.intents.iter().filter(|intent| intent.state == IntentState::Open);
        let intents = open.map(|intent| (intent.id, unpublished(at))).collect();
        self.inner
            .release(
                claim,
                Release {
                    event: Event::MaySend { at },
                    intents,
                    ..release
                },
            )
            .await
    }

    async fn installation(&self) -> Result<Installation> {
        self.inner.installation().await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }

    async fn create_user(&self, user: User) -> Result<()> {
        self.inner.create_user(user).await
    }

    async fn set_plan(&self, user: UserId, plan: Plan) -> Result<()> {
        self.inner.set_plan(user, plan).await
    }

    async fn remove_user(&self, user: UserId, at: Timestamp) -> Result<()> {
        self.inner.remove_user(user, at).await
    }

    async fn user(&self, user: UserId) -> Result<Option<User>> {
        self.inner.user(user).await
    }

    async fn user_by_name(&self, name: &str) -> Result<Option<User>> {
        self.inner.user_by_name(name).await
    }

    async fn users(&self, limit: u32) -> Result<Vec<User>> {
        self.inner.users(limit).await
    }

    async fn create_key(&self, key: ApiKey, hash: [u8; 32], max_active: u32) -> Result<()> {
        self.inner.create_key(key, hash, max_active).await
    }

    async fn keys(&self, user: UserId) -> Result<Vec<ApiKey>> {
        self.inner.keys(user).await
    }

    async fn revoke_key(&self, user: UserId, key: ApiKeyId, at: Timestamp) -> Result<()> {
        self.inner.revoke_key(user, key, at).await
    }

    async fn authenticate(&self, hash: [u8; 32]) -> Result<Option<KeyOwner>> {
        self.inner.authenticate(hash).await
    }

    async fn touch_keys(&self, used: Vec<(ApiKeyId, Timestamp)>) -> Result<()> {
        self.inner.touch_keys(used).await
    }

    async fn connect_account(&self, account: NewAccount, log: LogEntry) -> Result<Account> {
        self.inner.connect_account(account, log).await
    }

    async fn accounts(&self, reach: &Reach) -> Result<Vec<Account>> {
        self.inner.accounts(reach).await
    }

    async fn account(&self, account: AccountId) -> Result<Option<Account>> {
        self.inner.account(account).await
    }

    async fn tokens(&self, account: AccountId) -> Result<Option<Tokens>> {
        self.inner.tokens(account).await
    }

    async fn remove_account(&self, reach: &Reach, account: AccountId, at: Timestamp, log: LogEntry) -> Result<()> {
        self.inner.remove_account(reach, account, at, log).await
    }

    async fn note_account(&self, account: AccountId, note: AccountNote) -> Result<()> {
        self.inner.note_account(account, note).await
    }

    async fn begin_refresh(&self, account: AccountId, version: u32, at: Timestamp) -> Result<bool> {
        self.inner.begin_refresh(account, version, at).await
    }

    async fn finish_refresh(
        &self,
        account: AccountId,
        version: u32,
        end: Refreshed,
        refresh_at: Option<Timestamp>,
        log: LogEntry,
    ) -> Result<()> {
        self.inner.finish_refresh(account, version, end, refresh_at, log).await
    }

    async fn put_off_refresh(
        &self,
        account: AccountId,
        refresh_at: Option<Timestamp>,
        log: Option<LogEntry>,
    ) -> Result<()> {
        self.inner.put_off_refresh(account, refresh_at, log).await
    }

    async fn refreshes_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Account>> {
        self.inner.refreshes_due(now, limit).await
    }

    async fn next_refresh(&self) -> Result<Option<Timestamp>> {
        self.inner.next_refresh().await
    }

    async fn unfinished_refresh(&self, account: AccountId) -> Result<Option<UnfinishedRefresh>> {
        self.inner.unfinished_refresh(account).await
    }

    async fn has_open_intents(&self, account: AccountId) -> Result<bool> {
        self.inner.has_open_intents(account).await
    }

    async fn verify_account(&self, account: AccountId, verification: Verification, log: LogEntry) -> Result<Account> {
        self.inner.verify_account(account, verification, log).await
    }

    async fn account_reports(&self, reach: &Reach, now: Timestamp, limit: u32) -> Result<Vec<AccountReport>> {
        self.inner.account_reports(reach, now, limit).await
    }

    async fn log_connection(&self, reach: &Reach, log: LogEntry) -> Result<()> {
        self.inner.log_connection(reach, log).await
    }

    async fn account_log(&self, reach: &Reach, query: AccountLogQuery) -> Result<Vec<LogRecord>> {
        self.inner.account_log(reach, query).await
    }

    async fn begin_sign_in(&self, sign_in: NewSignIn) -> Result<()> {
        self.inner.begin_sign_in(sign_in).await
    }

    async fn take_sign_in(
        &self,
        secret_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<std::result::Result<SignInRow, TakeRefused>> {
        self.inner.take_sign_in(secret_hash, now).await
    }

    async fn peek_sign_in(&self, secret_hash: [u8; 32], now: Timestamp) -> Result<Option<SignInRow>> {
        self.inner.peek_sign_in(secret_hash, now).await
    }

    async fn offer_choice(
        &self,
        sign_in: SignInId,
        new_secret_hash: [u8; 32],
        memory: SecretBytes,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.inner
            .offer_choice(sign_in, new_secret_hash, memory, expires_at)
            .await
    }

    async fn add_link(&self, link: ConnectLink, token_hash: [u8; 32]) -> Result<()> {
        self.inner.add_link(link, token_hash).await
    }

    async fn link(&self, token_hash: [u8; 32]) -> Result<Option<ConnectLink>> {
        self.inner.link(token_hash).await
    }

    async fn revoke_link(&self, reach: &Reach, link: LinkId, at: Timestamp) -> Result<()> {
        self.inner.revoke_link(reach, link, at).await
    }

    async fn remember_app(&self, platform: Platform, origin: &str, app: InstanceApp) -> Result<()> {
        self.inner.remember_app(platform, origin, app).await
    }

    async fn app(&self, platform: Platform, origin: &str) -> Result<Option<InstanceApp>> {
        self.inner.app(platform, origin).await
    }

    async fn create_group(&self, group: NewGroup, request: Option<RequestKey>) -> Result<Created> {
        self.inner.create_group(group, request).await
    }

    async fn group(&self, reach: &Reach, group: GroupId) -> Result<Option<Group>> {
        self.inner.group(reach, group).await
    }

    async fn list_groups(&self, reach: &Reach, query: GroupQuery) -> Result<GroupPage> {
        self.inner.list_groups(reach, query).await
    }

    async fn edit_plan(&self, reach: &Reach, group: GroupId, edit: PlanEdit, log: LogEntry) -> Result<Group> {
        self.inner.edit_plan(reach, group, edit, log).await
    }

    async fn delete_group(&self, reach: &Reach, group: GroupId, at: Timestamp, log: LogEntry) -> Result<()> {
        self.inner.delete_group(reach, group, at, log).await
    }

    async fn post_group(&self, reach: &Reach, post: PostId) -> Result<Option<GroupId>> {
        self.inner.post_group(reach, post).await
    }

    async fn group_log(&self, reach: &Reach, group: GroupId, limit: u32) -> Result<Vec<LogRecord>> {
        self.inner.group_log(reach, group, limit).await
    }

    async fn recent_log(&self, reach: &Reach, limit: u32) -> Result<Vec<LogRecord>> {
        self.inner.recent_log(reach, limit).await
    }

    async fn retry_post(&self, reach: &Reach, post: PostId, due: Timestamp, log: LogEntry) -> Result<Group> {
        self.inner.retry_post(reach, post, due, log).await
    }

    async fn resolve_post(&self, reach: &Reach, post: PostId, resolution: Resolution, log: LogEntry) -> Result<Group> {
        self.inner.resolve_post(reach, post, resolution, log).await
    }

    async fn claim_due(&self, ask: ClaimAsk) -> Result<Claimed> {
        self.inner.claim_due(ask).await
    }

    async fn claim_unconfirmed(&self, reach: &Reach, post: PostId, ask: &ClaimAsk) -> Result<Option<Claim>> {
        self.inner.claim_unconfirmed(reach, post, ask).await
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>> {
        self.inner.next_wake().await
    }

    async fn work(&self, claim: &Claim) -> Result<Work> {
        self.inner.work(claim).await
    }

    async fn checkpoint(&self, claim: &Claim, resume: Option<SecretBytes>, lease_until: Timestamp) -> Result<()> {
        self.inner.checkpoint(claim, resume, lease_until).await
    }

    async fn evidence(&self, intent: IntentId, remote: RemotePost, at: Timestamp) -> Result<Evidence> {
        self.inner.evidence(intent, remote, at).await
    }

    async fn remote_owner(&self, account: AccountId, remote_id: &str) -> Result<Option<(PostId, Part)>> {
        self.inner.remote_owner(account, remote_id).await
    }

    async fn recover_orphans(&self, which: Orphans, now: Timestamp) -> Result<u64> {
        self.inner.recover_orphans(which, now).await
    }

    async fn backlog(&self, now: Timestamp) -> Result<Backlog> {
        self.inner.backlog(now).await
    }

    async fn post_counts(&self) -> Result<Vec<PostCount>> {
        self.inner.post_counts().await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<Vec<String>> {
        self.inner.prune(now, limit).await
    }

    async fn reseal(&self, limit: u32) -> Result<u64> {
        self.inner.reseal(limit).await
    }

    fn commit_stats(&self) -> CommitStats {
        self.inner.commit_stats()
    }
}

//! Everything durable, as a trait of atomic verbs.
//!
//! A verb is one transaction: it happens as a whole or not at all, and each says in its documentation what it races
//! with. Nothing outside this crate writes SQL. To add a verb: put it into [`Store`] with its race, write it for each
//! back end, and exercise it in `conformance`.

mod actions;
mod ageing;
mod budgets;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod derivatives;
pub mod edits;
mod limits;
pub mod media;
pub mod memory;
mod outbox;
mod parts;
mod retractions;
mod revocations;
mod rules;
pub mod seal;
pub mod sqlite;
pub mod types;
pub mod usage;
mod webhooks;
pub mod workspaces;

use async_trait::async_trait;
use domain::account::{Account, AccountHealth, AccountReport, ApiKey, KeyOwner, Tokens, User};
use domain::clock::BootInstant;
use domain::group::PlanEdit;
use domain::ids::{AccountId, ApiKeyId, GroupId, IntentId, LinkId, PostId, SignInId, UserId};
use domain::intent::{Armed, Claim, Prepared};
use domain::log::{LogEntry, LogRecord};
use domain::part::{Part, RemotePost};
use domain::plan::{LimitReached, Plan};
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::SecretBytes;
use jiff::Timestamp;

pub use actions::{ACTION_ID, Actions};
pub use ageing::{ACCOUNT_LOG_KEPT, INTENTS_KEPT};
pub use budgets::{BudgetAsk, BudgetNote, BudgetWait, Budgets};
pub use derivatives::Derivatives;
pub use edits::{EditedGroup, Edits, GroupEdit};
pub use limits::*;
pub use media::{CONDEMNED_LISTED_MAX, FILES_PER_GROUP_MAX, FileState, MediaFile, MediaRoom, Purpose};
pub use retractions::{Retractable, Retractions};
pub use revocations::{Revocation, Revocations};
pub use rules::ORPHAN_GIVE_UP;
pub use types::*;
pub use usage::{Usage, UsageRow};
pub use webhooks::*;
pub use workspaces::{MANAGED_MAX, Managed, Workspaces};

/// Arms a send. Every back end comes through here after its commit, and nobody else may.
#[expect(clippy::disallowed_methods, reason = "this is the store, and the intent is durable")]
fn armed(claim: Claim, intent: IntentId, part: Part, prepared: Prepared, send_by: BootInstant) -> Armed {
    Armed::assert_durable(claim, intent, part, prepared, send_by)
}

/// Why a verb did nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The claim is no longer the post's: its lease ended, or the post was cancelled meanwhile.
    #[error("the claim on this post has ended")]
    LeaseLost,
    /// Something exists already, or is not in the state that this needs.
    #[error("{0}")]
    Conflict(#[from] Conflict),
    /// The plan of the user, or of who manages it, does not allow that much.
    #[error("{0}")]
    LimitReached(Box<LimitReached>),
    /// There is no such thing within reach.
    #[error("not found")]
    NotFound,
    /// The database does not answer; whether the verb happened is not known to the caller, and it counts as not durable.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// What was read back makes no sense: the file was changed by something else, or there is a bug.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(String),
}

impl From<LimitReached> for Error {
    fn from(reached: LimitReached) -> Self {
        Self::LimitReached(Box::new(reached))
    }
}

/// What stands in the way of a verb.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A user of this name exists.
    #[error("a user with this name exists already")]
    UserName,
    /// The very same API key exists.
    #[error("this API key exists already")]
    ApiKey,
    /// The user has as many active keys as are allowed.
    #[error("a user may have at most {0} active API keys")]
    TooManyKeys(u32),
    /// The user has as many sign-ins open as are allowed.
    #[error("a user may have at most {0} sign-ins open at once")]
    TooManySignIns(u32),
    /// The user has as many connection pages as are allowed.
    #[error("a user may have at most {0} connection pages at once")]
    TooManyLinks(u32),
    /// The manager has as many users as are allowed.
    #[error("a user may manage at most {0} others")]
    TooManyManaged(u32),
    /// The user manages others, so nobody can manage it.
    #[error("the user manages others itself")]
    ManagesOthers,
    /// Somebody else manages the user.
    #[error("the user is managed by somebody else")]
    ManagedByAnother,
    /// There is no such consent, it has expired, or it was used.
    #[error("the consent is not valid")]
    ConsentInvalid,
    /// The consent is another user's.
    #[error("the consent is another user's")]
    ConsentMismatch,
    /// The user has as many receivers of webhooks as are allowed.
    #[error("a user may have at most {0} webhooks")]
    TooManyWebhooks(u32),
    /// The receiver gets no messages: it is switched off, or too many wait for it.
    #[error("this webhook is switched off, or too many messages wait for it")]
    WebhookOff,
    /// The very same secret was used before.
    #[error("this secret was used before")]
    SecretUsed,
    /// The idempotency key was used for another body.
    #[error("the idempotency key was already used with a different request body")]
    IdempotencyKey,
    /// Another open intent of the account would look the same; it must end first.
    #[error("an identical post of this account is not decided yet")]
    FingerprintBusy {
        /// Whose intent that is.
        post: PostId,
        /// Whether only a person can end it: the post is unconfirmed.
        is_unconfirmed: bool,
    },
    /// A budget of the platform is spent: the post waits.
    #[error("the budget {} is spent until {}", .0.key, .0.until)]
    BudgetSpent(BudgetWait),
    /// An earlier intent of this part may have made a post.
    #[error("an earlier attempt of this part may have been published")]
    EarlierIntentOpen,
    /// A post of the group is past the point at which it can be changed.
    #[error("the group can no longer be changed")]
    NotEditable(domain::group::StateMask),
    /// The group has as many files as are allowed.
    #[error("a post may have at most {0} files")]
    TooManyFiles(u32),
    /// The file is complete already.
    #[error("the file is complete already")]
    FileReady,
    /// Another part or another post has this remote id already: what was found is not ours.
    #[error("this remote post belongs to another post already")]
    RemoteTaken,
    /// The post is in a state from which this cannot be done.
    #[error("{0}")]
    IllegalTransition(#[from] domain::post::IllegalTransition),
}

/// The result of a verb.
pub type Result<T> = std::result::Result<T, Error>;

/// All that is durable. Implementations: SQLite, and a small in-memory model that keeps the suite honest.
#[async_trait]
pub trait Store:
    Actions + Budgets + Derivatives + Edits + MediaRoom + Retractions + Revocations + Usage + Webhooks + Workspaces
{
    // ── Installation ────────────────────────────────────────────────────────────────────────────────────────────

    /// The installation's identity, made at first start.
    async fn installation(&self) -> Result<Installation>;

    /// Commits a no-op through the writer: proves that the database can be written.
    async fn ping(&self) -> Result<()>;

    // ── Users and keys ──────────────────────────────────────────────────────────────────────────────────────────

    /// Adds a user. [`Conflict::UserName`] when the name is taken by a user that is not removed. With a manager:
    /// [`Error::NotFound`] unless that is a user whom nobody manages, and [`Conflict::TooManyManaged`].
    async fn create_user(&self, user: User) -> Result<()>;

    /// Changes a user's plan, and counts anew what the new one limits and the old one did not. [`Error::NotFound`] for a
    /// removed or unknown user.
    async fn set_plan(&self, user: UserId, plan: Plan) -> Result<()>;

    /// Removes a user: it is not found any more, its keys authenticate as ownerless, its accounts are removed and their
    /// tokens wait to be given back ([`Revocations`]), those that it managed are nobody's, and nothing more is sent for it. At least a thousand of its due posts are cancelled here, the rest when [`Store::prune`]
    /// removes its groups.
    async fn remove_user(&self, user: UserId, at: Timestamp) -> Result<()>;

    /// One user.
    async fn user(&self, user: UserId) -> Result<Option<User>>;

    /// The user of this name.
    async fn user_by_name(&self, name: &str) -> Result<Option<User>>;

    /// Up to `limit` users, oldest first.
    async fn users(&self, limit: u32) -> Result<Vec<User>>;

    /// Adds a key by the SHA-256 of its full text. At most `max_active` unrevoked keys a user; counted in the same
    /// transaction, so two callers cannot both take the last place.
    async fn create_key(&self, key: ApiKey, hash: [u8; 32], max_active: u32) -> Result<()>;

    /// A user's keys, revoked ones included, oldest first, at most 1,000.
    async fn keys(&self, user: UserId) -> Result<Vec<ApiKey>>;

    /// Revokes a key; revoking it again changes nothing. [`Error::NotFound`] when the user has no such key.
    async fn revoke_key(&self, user: UserId, key: ApiKeyId, at: Timestamp) -> Result<()>;

    /// Who an unrevoked key with this hash stands for. The plan of a managed user is its manager's, without workspaces.
    async fn authenticate(&self, hash: [u8; 32]) -> Result<Option<KeyOwner>>;

    /// Notes when keys were last used; unknown ones are skipped. An earlier time never replaces a later one.
    async fn touch_keys(&self, used: Vec<(ApiKeyId, Timestamp)>) -> Result<()>;

    // ── Accounts ────────────────────────────────────────────────────────────────────────────────────────────────

    /// Connects an account, or connects one again: (owner, platform, remote id) names it, and its id, posts and history
    /// stay, also when it was removed in between. It counts as verified. Writes the connection's log entry (`Connected` or `Reconnected`,
    /// decided here; `log.kind` is overwritten). [`Error::LimitReached`] when the plan has no room for one more; one that is
    /// connected already needs none.
    async fn connect_account(&self, account: NewAccount, log: LogEntry) -> Result<Account>;

    /// The accounts within reach in order of connection, at most 1,000.
    async fn accounts(&self, reach: &Reach) -> Result<Vec<Account>>;

    /// One account, of whoever.
    async fn account(&self, account: AccountId) -> Result<Option<Account>>;

    /// The newest tokens of an account.
    async fn tokens(&self, account: AccountId) -> Result<Option<Tokens>>;

    /// Disconnects an account: it is hidden, posts without an open intent are cancelled (failed when parts are live), its
    /// tokens stay until they are given back ([`Revocations`]); drafts stay drafts. [`Error::NotFound`] outside reach.
    ///
    /// Race: a worker that has claimed one of its posts finds its lease lost when it records the intent.
    async fn remove_account(&self, reach: &Reach, account: AccountId, at: Timestamp, log: LogEntry) -> Result<()>;

    /// Sets what is known of an account: health, last success, last error.
    async fn note_account(&self, account: AccountId, note: AccountNote) -> Result<()>;

    /// Records, durably, that the tokens of `version` are about to be exchanged. `false` when they are no longer the
    /// newest (somebody else refreshed) or an exchange of this version was begun before and not finished.
    async fn begin_refresh(&self, account: AccountId, version: u32, at: Timestamp) -> Result<bool>;

    /// Ends an exchange of the tokens of `version` and says when to look at them next. [`Refreshed::Renewed`] appends the
    /// new tokens before anybody can use them; [`Refreshed::Refused`] makes the health `ReconnectNeeded`, after which
    /// nothing is looked at; [`Refreshed::NotMade`] leaves tokens and health as they are.
    ///
    /// Race: when the account was connected or refreshed meanwhile, only the log entry is written: whoever did so gave
    /// better tokens than this exchange can.
    async fn finish_refresh(
        &self,
        account: AccountId,
        version: u32,
        end: Refreshed,
        refresh_at: Option<Timestamp>,
        log: LogEntry,
    ) -> Result<()>;

    /// Sets when the tokens are to be looked at next, and writes the entry. [`Error::NotFound`] for an unknown account.
    async fn put_off_refresh(
        &self,
        account: AccountId,
        refresh_at: Option<Timestamp>,
        log: Option<LogEntry>,
    ) -> Result<()>;

    /// Connected accounts whose tokens are to be looked at by `now`, longest due first, at most `limit` and at most
    /// 1,000. Those that need a person are left out.
    async fn refreshes_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Account>>;

    /// When [`Store::refreshes_due`] has something to give next.
    async fn next_refresh(&self) -> Result<Option<Timestamp>>;

    /// The exchange of the newest tokens that was begun and has not ended.
    async fn unfinished_refresh(&self, account: AccountId) -> Result<Option<UnfinishedRefresh>>;

    /// Whether an intent of the account is open: its tokens are in use, or needed to ask for an outcome.
    async fn has_open_intents(&self, account: AccountId) -> Result<bool>;

    /// Notes what the platform says that a connected account is and may do. The health stays as it is.
    /// [`Error::NotFound`] for a removed or unknown account.
    async fn verify_account(&self, account: AccountId, verification: Verification, log: LogEntry) -> Result<Account>;

    /// How the accounts within reach are doing, in order of connection, at most `limit` and at most 1,000.
    async fn account_reports(&self, reach: &Reach, now: Timestamp, limit: u32) -> Result<Vec<AccountReport>>;

    /// Writes an entry about connections that no other verb writes, such as a failed sign-in, or about what is done with
    /// one beside publishing.
    /// [`Error::NotFound`] when the entry names an account that is not within reach.
    async fn log_connection(&self, reach: &Reach, log: LogEntry) -> Result<()>;

    /// Connection entries within reach ([`domain::log::LogKind::is_connection`]), newest first, those of removed
    /// accounts included.
    async fn account_log(&self, reach: &Reach, query: AccountLogQuery) -> Result<Vec<LogRecord>>;

    // ── Signing in ──────────────────────────────────────────────────────────────────────────────────────────────

    /// Begins a sign-in. [`Error::NotFound`] unless its user, its account and its page exist and belong together;
    /// [`Conflict::TooManySignIns`] when 100 of the user are open; [`Conflict::SecretUsed`].
    ///
    /// Race: counted in the same transaction, so two callers cannot both take the last place.
    async fn begin_sign_in(&self, sign_in: NewSignIn) -> Result<()>;

    /// Takes the sign-in that waits for this secret: once, whoever asks.
    ///
    /// Race: of two callers with one secret one gets it, and the other [`TakeRefused::Replayed`].
    async fn take_sign_in(
        &self,
        secret_hash: [u8; 32],
        now: Timestamp,
    ) -> Result<std::result::Result<SignInRow, TakeRefused>>;

    /// The sign-in that [`Store::take_sign_in`] would give, without taking it.
    async fn peek_sign_in(&self, secret_hash: [u8; 32], now: Timestamp) -> Result<Option<SignInRow>>;

    /// Has a sign-in that was taken wait for a choice: it can be taken once more, with the new secret.
    /// [`Error::NotFound`] unless it was taken; [`Conflict::SecretUsed`].
    async fn offer_choice(
        &self,
        sign_in: SignInId,
        new_secret_hash: [u8; 32],
        memory: SecretBytes,
        expires_at: Timestamp,
    ) -> Result<()>;

    /// Adds a connection page by the SHA-256 of its token. [`Error::NotFound`] for an unknown user;
    /// [`Conflict::TooManyLinks`] when 1,000 of the user work at `created_at`; [`Conflict::SecretUsed`].
    async fn add_link(&self, link: ConnectLink, token_hash: [u8; 32]) -> Result<()>;

    /// The page of this token, expired or revoked ones included until they are forgotten; `None` when its user was
    /// removed.
    async fn link(&self, token_hash: [u8; 32]) -> Result<Option<ConnectLink>>;

    /// Revokes a page; revoking it again changes nothing. [`Error::NotFound`] outside reach.
    async fn revoke_link(&self, reach: &Reach, link: LinkId, at: Timestamp) -> Result<()>;

    /// Remembers the app that is registered at the server of this origin, in place of an earlier one.
    async fn remember_app(&self, platform: Platform, origin: &str, app: InstanceApp) -> Result<()>;

    /// The app that is registered at the server of this origin.
    async fn app(&self, platform: Platform, origin: &str) -> Result<Option<InstanceApp>>;

    // ── Groups ──────────────────────────────────────────────────────────────────────────────────────────────────

    /// Creates the group, its posts and their log entries, or nothing. A target's account is looked up here. The posts are
    /// counted against the plan, and refused as a whole with [`Error::LimitReached`]; a replay is not counted again.
    ///
    /// Race: two callers with one [`RequestKey`] serialise on it; the loser reads the winner's answer.
    async fn create_group(&self, group: NewGroup, request: Option<RequestKey>) -> Result<Created>;

    /// A group with its posts in the order in which they were made. Deleted groups are not found.
    async fn group(&self, reach: &Reach, group: GroupId) -> Result<Option<Group>>;

    /// One page of groups, and how many there are in all.
    async fn list_groups(&self, reach: &Reach, query: GroupQuery) -> Result<GroupPage>;

    /// Changes draft status and time of a group and all its posts, or nothing: [`Conflict::NotEditable`] unless every
    /// post [`PostState::is_editable`], [`Error::LimitReached`] when the plan has no room for it there. Writes one
    /// group-level log entry.
    ///
    /// Race: a claim that commits first makes this a conflict; one that comes later sees the new time.
    async fn edit_plan(&self, reach: &Reach, group: GroupId, edit: PlanEdit, log: LogEntry) -> Result<Group>;

    /// Hides a group at once and cancels its posts that have no open intent; those that have run to their verdict.
    /// [`Error::NotFound`] when it is not within reach or deleted already.
    async fn delete_group(&self, reach: &Reach, group: GroupId, at: Timestamp, log: LogEntry) -> Result<()>;

    /// The group that a post within reach belongs to; `None` outside reach, and when the group is deleted.
    async fn post_group(&self, reach: &Reach, post: PostId) -> Result<Option<GroupId>>;

    /// The first `limit` entries of a group's history, oldest first. [`Error::NotFound`] as for [`Store::group`].
    async fn group_log(&self, reach: &Reach, group: GroupId, limit: u32) -> Result<Vec<LogRecord>>;

    /// The newest `limit` entries within reach, newest first, of the last [`RECENT_LOG_SPAN`] that anybody made.
    async fn recent_log(&self, reach: &Reach, limit: u32) -> Result<Vec<LogRecord>>;

    /// Puts a failed or missed post back on schedule at `due`, with its automatic retries counted from zero.
    /// An unconfirmed one is [`Conflict::IllegalTransition`]: its intents must be settled first.
    async fn retry_post(&self, reach: &Reach, post: PostId, due: Timestamp, log: LogEntry) -> Result<Group>;

    /// A person's word on an unconfirmed post: it is live, or it may be sent again whatever is out there.
    async fn resolve_post(&self, reach: &Reach, post: PostId, resolution: Resolution, log: LogEntry) -> Result<Group>;

    // ── Publishing ──────────────────────────────────────────────────────────────────────────────────────────────

    /// Takes what is due and can start now, oldest first, and leases it. Writes nothing but the posts' own rows.
    ///
    /// A post of an account that has no free slot is passed over; when many are passed over their next look is put off
    /// a little, so that one account's backlog cannot hide another's.
    /// Race: the claim's name is written in the same transaction that selects the post, so two publishers never hold one.
    async fn claim_due(&self, ask: ClaimAsk) -> Result<Claimed>;

    /// Takes one unconfirmed post for a look at a user's request; `None` when it is claimed or not unconfirmed.
    /// [`Error::NotFound`] outside reach.
    async fn claim_unconfirmed(&self, reach: &Reach, post: PostId, ask: &ClaimAsk) -> Result<Option<Claim>>;

    /// When the next post needs looking at, leases included.
    async fn next_wake(&self) -> Result<Option<Timestamp>>;

    /// Everything that working on a claimed post needs.
    async fn work(&self, claim: &Claim) -> Result<Work>;

    /// Keeps a lease alive between prepare steps, and with it how far they got. [`Error::LeaseLost`] stops the work.
    async fn checkpoint(&self, claim: &Claim, resume: Option<SecretBytes>, lease_until: Timestamp) -> Result<()>;

    /// Makes an intent durable. Refused with [`Error::LeaseLost`] when the claim has ended or its group is deleted,
    /// [`Conflict::EarlierIntentOpen`] when an earlier intent of this part is not known unpublished,
    /// [`Conflict::FingerprintBusy`] when a confusable intent of the account that would look the same is open,
    /// [`Conflict::BudgetSpent`] when a budget does not allow it now; else the budgets are charged in the same
    /// transaction. A refused claim that is still current is given back to be released.
    async fn record_intent(
        &self,
        claim: Claim,
        intent: NewIntent,
        send_by: BootInstant,
    ) -> std::result::Result<Armed, (Option<Claim>, Error)>;

    /// Writes what became of an intent, and either goes on with the claim or releases it in the same transaction.
    ///
    /// Race: when the lease was lost meanwhile nothing of the post changes but the evidence: a published intent is
    /// recorded as by [`Store::evidence`]. [`Conflict::RemoteTaken`] as for [`Store::release`].
    async fn settle(&self, armed: Armed, settlement: Settlement, release: Option<Release>) -> SettleResult;

    /// Ends a claim: moves the post, settles intents that were asked for, writes the log. A post whose group was deleted
    /// or whose account was removed meanwhile is cancelled instead of waiting to be sent. [`Conflict::RemoteTaken`] when
    /// the remote post is another part's or another post's: nothing is changed then.
    async fn release(&self, claim: Claim, release: Release) -> Result<PostState>;

    /// A late answer of a sender that lost its lease: the intent made this post. Moves a post that waits, failed, is
    /// being asked for or was given up on to Published when that completes it; one that is claimed for another send is
    /// left alone, since its intent will be refused. When another send of the part was adopted before, `duplicate` is
    /// true and the log says so. [`Conflict::RemoteTaken`] when the remote post is another part's or another post's.
    async fn evidence(&self, intent: IntentId, remote: RemotePost, at: Timestamp) -> Result<Evidence>;

    /// Which post and part of ours a remote post of the account belongs to.
    async fn remote_owner(&self, account: AccountId, remote_id: &str) -> Result<Option<(PostId, Part)>>;

    /// Takes posts whose worker is gone: all that are claimed (`Orphans::All`, by a process that holds the directory's
    /// lock and so knows that nobody else lives), or those whose lease has ended. One with an open intent goes to
    /// Reconciling, any other back on schedule. Returns how many.
    async fn recover_orphans(&self, which: Orphans, now: Timestamp) -> Result<u64>;

    // ── Operation ───────────────────────────────────────────────────────────────────────────────────────────────

    /// What is due and not finished.
    async fn backlog(&self, now: Timestamp) -> Result<Backlog>;

    /// How many posts there are by platform and state.
    async fn post_counts(&self) -> Result<Vec<PostCount>>;

    /// Sets the health of an account (shorthand of [`Store::note_account`]).
    async fn set_health(&self, account: AccountId, health: AccountHealth) -> Result<()> {
        self.note_account(
            account,
            AccountNote {
                health: Some(health),
                ..AccountNote::default()
            },
        )
        .await
    }

    /// Deletes groups of removed users; removes rows and media references of deleted groups whose posts are all terminal,
    /// at most `limit` groups; and old request records, tokens of removed accounts, budgets of which nothing counts, sign-ins
    /// and connection pages that expired a day ago, what [`INTENTS_KEPT`] and [`ACCOUNT_LOG_KEPT`] end. Returns the media
    /// keys, those of derivatives included, that no group refers to any more; they are condemned in the same transaction
    /// ([`MediaRoom::condemned`]).
    async fn prune(&self, now: Timestamp, limit: u32) -> Result<Vec<String>>;

    /// Seals every secret again under the newest master key, at most `limit` rows a call. Returns how many are left.
    async fn reseal(&self, limit: u32) -> Result<u64>;

    /// How the writer fares.
    fn commit_stats(&self) -> CommitStats {
        CommitStats::default()
    }
}

//! What verbs take and give.

mod accounts;

pub use accounts::*;

use domain::account::{Account, Tokens};
use domain::content::Content;
use domain::group::StateMask;
use domain::ids::{AccountId, AttemptId, GroupId, IntentId, PostId, UserId};
use domain::intent::{Armed, Claim, IntentRecord, IntentState, Lane, Prepared};
use domain::log::LogEntry;
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::post::{Event, PostState};
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

use crate::BudgetAsk;

/// The installation's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// A random name.
    pub id: String,
    /// The secret that idempotency keys and record keys are derived from.
    pub secret: SecretBytes,
    /// When the database's present life began: its creation, or the restore of a backup.
    pub epoch: Timestamp,
}

/// What a caller may see and change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Whose things.
    pub owner: UserId,
}

/// A group to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewGroup {
    /// Its id.
    pub id: GroupId,
    /// Whose it is.
    pub owner: UserId,
    /// What it says.
    pub content: Content,
    /// Whether it is a draft.
    pub draft: bool,
    /// When it is to go out.
    pub planned_at: Option<Timestamp>,
    /// Its targets.
    pub posts: Vec<NewPost>,
    /// When it is made.
    pub created_at: Timestamp,
    /// Its first log entries.
    pub log: Vec<LogEntry>,
}

/// A target of a group to be made. It starts as a draft or as scheduled, as its group does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPost {
    /// Its id.
    pub id: PostId,
    /// Where.
    pub platform: Platform,
    /// The platform's own id of the account, as the caller gave it; there may be no such account.
    pub target: String,
}

/// The identity of a request that must have one effect however often it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Whose.
    pub owner: UserId,
    /// Which dialect and operation, such as `postpost/create-post`.
    pub operation: String,
    /// The caller's key.
    pub key: String,
    /// SHA-256 of the canonical body.
    pub body_hash: [u8; 32],
    /// The answer to give again.
    pub answer: String,
    /// Until when it is remembered.
    pub expires_at: Timestamp,
}

/// The result of [`crate::Store::create_group`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It was made.
    New,
    /// The same request was answered before, with this.
    Replayed {
        /// The first answer.
        answer: String,
    },
}

/// A group as it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Whose it is.
    pub owner: UserId,
    /// What it says.
    pub content: Content,
    /// Whether it is a draft.
    pub draft: bool,
    /// When it is to go out.
    pub planned_at: Option<Timestamp>,
    /// The fold over its posts' states.
    pub mask: StateMask,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it or one of its posts last changed for its owner to see.
    pub updated_at: Timestamp,
    /// Its targets in the order in which they were given.
    pub posts: Vec<Post>,
}

/// A target as it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Post {
    /// Its id.
    pub id: PostId,
    /// Where.
    pub platform: Platform,
    /// The platform's own id of the account.
    pub target: String,
    /// The connected account, when there is one.
    pub account: Option<AccountId>,
    /// Where it stands.
    pub state: PostState,
    /// Publishing attempts so far.
    pub attempts: u32,
    /// Automatic retries since a user last asked.
    pub retries: u32,
}

/// Which column a list is ordered by; ties are ordered by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupOrder {
    /// By creation.
    #[default]
    Created,
    /// By last change.
    Updated,
    /// By planned time; groups without one come as if theirs were before all others.
    Planned,
}

/// Which groups to list.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupQuery {
    /// Those whose mask is one of these; `None` for all.
    pub masks: Option<Vec<StateMask>>,
    /// Those with a target on one of these.
    pub platforms: Vec<Platform>,
    /// Those planned at or after this.
    pub planned_from: Option<Timestamp>,
    /// Those planned at or before this.
    pub planned_to: Option<Timestamp>,
    /// In this order …
    pub order: GroupOrder,
    /// … reversed.
    pub descending: bool,
    /// So many are passed over.
    pub offset: u64,
    /// At most so many are given; at most 100.
    pub limit: u32,
}

/// One page of groups.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupPage {
    /// The groups.
    pub groups: Vec<Group>,
    /// How many the query has in all.
    pub total: u64,
}

/// A person's word on an unconfirmed post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It is live: said of the first part whose outcome is unknown. A post that has more parts goes on with them.
    Published {
        /// As the platform knows it.
        remote: RemotePost,
        /// Since when it counts.
        at: Timestamp,
    },
    /// Send again, whatever is out there: open intents are abandoned.
    SendAgain {
        /// When.
        at: Timestamp,
    },
}

/// What a publisher can take.
#[derive(Debug, Clone)]
pub struct ClaimAsk {
    /// The time.
    pub now: Timestamp,
    /// The most posts.
    pub limit: usize,
    /// How long the lease is.
    pub lease: SignedDuration,
    /// The names for the claims, at least `limit` of them.
    pub attempts: Vec<AttemptId>,
    /// Which accounts and platforms have room.
    pub slots: Slots,
}

/// Room for more work.
#[derive(Debug, Clone)]
pub struct Slots {
    /// The most posts of one account that are claimed at once in one lane, those of this very claim included.
    pub per_account_max: u16,
    /// Posts due before this are late: a claim takes at most one of those an account.
    pub late_before: Option<Timestamp>,
    /// Posts in flight by account and lane; one that is not named has none.
    pub busy: HashMap<(AccountId, Lane), u16>,
    /// Accounts that are behind and rest until then.
    pub resting: HashMap<AccountId, Timestamp>,
    /// Platforms that take nothing until then.
    pub closed: HashMap<Platform, Timestamp>,
}

impl Default for Slots {
    fn default() -> Self {
        Self {
            per_account_max: u16::MAX,
            late_before: None,
            busy: HashMap::new(),
            resting: HashMap::new(),
            closed: HashMap::new(),
        }
    }
}

/// The result of a claim.
#[derive(Debug, Default)]
pub struct Claimed {
    /// What was taken.
    pub claims: Vec<Claim>,
    /// A lease has ended: [`crate::Store::recover_orphans`] has something to do.
    pub orphans: bool,
    /// Something due was passed over for want of room.
    pub passed_over: bool,
}

/// What a claimed post needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The group's content.
    pub content: Content,
    /// The platform's own id of the account.
    pub target: String,
    /// The account; `None` when none is connected.
    pub account: Option<Account>,
    /// Its tokens.
    pub tokens: Option<Tokens>,
    /// The parts that are live.
    pub live: Vec<(Part, RemotePost)>,
    /// All intents of the post, oldest first.
    pub intents: Vec<IntentRecord>,
    /// How far prepare got.
    pub resume: Option<SecretBytes>,
    /// How often the content was changed: part of every derived key.
    pub revision: u32,
}

impl Work {
    /// The oldest intent of a part that is not live of which only a repeat will tell what it made.
    #[must_use]
    pub fn untold(&self) -> Option<&IntentRecord> {
        let is_live = |part: Part| self.live.iter().any(|(live, _)| *live == part);
        let mut intents = self.intents.iter();
        intents.find(|intent| intent.state == IntentState::Untold && !is_live(intent.part))
    }
}

/// An intent to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIntent {
    /// Its id.
    pub id: IntentId,
    /// The part.
    pub part: Part,
    /// What will be sent.
    pub prepared: Prepared,
    /// When, by our clock.
    pub at: Timestamp,
    /// When the sender must be done, by our clock.
    pub send_by: Timestamp,
    /// The lease that covers it.
    pub lease_until: Timestamp,
    /// What it takes of its platform's budgets.
    pub budgets: BudgetAsk,
    /// Its log entries.
    pub log: Vec<LogEntry>,
}

/// What became of an intent.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// What is known of it now.
    pub state: IntentState,
    /// The post that it made, with [`IntentState::Published`].
    pub remote: Option<RemotePost>,
    /// When.
    pub at: Timestamp,
    /// Its log entries.
    pub log: Vec<LogEntry>,
}

/// The end of a claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// What happens to the post; `None` leaves its state as it is (a look that taught nothing is
    /// [`Event::Looked`] all the same).
    pub event: Event,
    /// Intents whose outcome was established by asking.
    pub intents: Vec<(IntentId, Settlement)>,
    /// Whether what prepare left is kept.
    pub resume: Resume,
    /// Whether the claim counts as a publishing attempt.
    pub counts_as_attempt: bool,
    /// What was learned of the account.
    pub account: Option<AccountNote>,
    /// Log entries.
    pub log: Vec<LogEntry>,
    /// When.
    pub at: Timestamp,
}

/// What becomes of the state that prepare left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Resume {
    /// It stays.
    #[default]
    Keep,
    /// This replaces it.
    Set(SecretBytes),
    /// It is dropped.
    Clear,
}

/// The result of [`crate::Store::settle`].
#[derive(Debug)]
pub enum Settled {
    /// The claim goes on with the next part.
    Continues(Claim),
    /// The claim ended and the post is now in this state.
    Released(PostState),
    /// The lease had been lost; the outcome was kept as evidence.
    Fenced(Evidence),
}

/// Settled, or not.
pub type SettleResult = Result<Settled, Unsettled>;

/// A settlement that was not written. With [`crate::Error::Unavailable`] it may be tried again: a settlement that happened all
/// the same is told from one that did not by its claim.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unsettled {
    /// Why.
    pub error: crate::Error,
    /// The right to settle, given back.
    pub armed: Option<Box<Armed>>,
}

impl From<Unsettled> for crate::Error {
    fn from(unsettled: Unsettled) -> Self {
        unsettled.error
    }
}

/// What a late answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Another send of the same part was adopted before: two posts exist.
    pub duplicate: bool,
}

/// Which claimed posts count as orphans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// All.
    All,
    /// Those whose lease has ended.
    Expired,
}

/// What is due and not finished, for the watchdog. A retry is due at the time of the retry; later looks at posts that
/// are finished do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Posts due and not claimed; counted up to 100,000.
    pub due: u64,
    /// Posts claimed and not finished.
    pub claimed: u64,
    /// The due time of the oldest that is due and not claimed.
    pub oldest_due: Option<Timestamp>,
    /// The due time of the oldest that is claimed and not finished.
    pub oldest_claimed: Option<Timestamp>,
}

/// Posts of one platform in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostCount {
    /// Where.
    pub platform: Platform,
    /// The state's word.
    pub state: String,
    /// How many.
    pub count: u64,
}

/// How the writer fares, for metrics: counts since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommitStats {
    /// Transactions committed.
    pub commits: u64,
    /// Commands in them, refused ones included.
    pub commands: u64,
    /// The most commands that one commit held.
    pub largest: u64,
}

//! What the model holds, and the few ways in which rows change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::account::{Account, ApiKey, Tokens, User};
use domain::budget::Budget;
use domain::content::Content;
use domain::group::StateMask;
use domain::ids::{AccountId, ApiKeyId, AttemptId, GroupId, IdMint, IntentId, LogId, MediaId, PostId, UserId};
use domain::intent::{Claim, IntentRecord, IntentState};
use domain::log::{LogEntry, LogRecord};
use domain::notice::NoticeKind;
use domain::part::{Part, RemotePost};
use domain::plan::{Connection, Metric};
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::SecretBytes;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::webhooks::{DeliveryRow, WebhookRow};
use crate::parts::{self, Live, Meeting};
use crate::{
    Conflict, ConnectLink, Error, Group, Installation, InstanceApp, MediaFile, Post, Reach, RequestKey, Result,
    SignInRow, rules,
};

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) installation: Installation,
    pub(super) users: Vec<UserRow>,
    pub(super) keys: Vec<(ApiKey, [u8; 32])>,
    pub(super) accounts: Vec<Arc<AccountRow>>,
    /// Exchanges of tokens that were begun and not finished.
    pub(super) refreshes: BTreeMap<(AccountId, u32), Timestamp>,
    pub(super) sign_ins: Vec<Arc<SignInEntry>>,
    pub(super) links: Vec<(ConnectLink, [u8; 32])>,
    pub(super) apps: BTreeMap<(Platform, String), InstanceApp>,
    pub(super) groups: BTreeMap<GroupId, Arc<GroupRow>>,
    pub(super) posts: BTreeMap<PostId, Arc<PostRow>>,
    pub(super) intents: Vec<Arc<IntentRow>>,
    pub(super) remotes: BTreeMap<(AccountId, String), RemoteRow>,
    pub(super) log: Vec<Arc<LogRecord>>,
    pub(super) requests: BTreeMap<(UserId, String, String), RequestKey>,
    /// Keys that managers had made.
    pub(super) issued: BTreeSet<ApiKeyId>,
    /// Consents to be managed: a secret's hash, and until when.
    pub(super) consents: BTreeMap<UserId, ([u8; 32], Timestamp)>,
    /// What posts counted in their months that are gone now.
    pub(super) pruned: BTreeMap<(UserId, Metric, Connection), u64>,
    /// The first month that is counted.
    pub(super) counted_from: Timestamp,
    pub(super) webhooks: Vec<Arc<WebhookRow>>,
    pub(super) deliveries: Vec<Arc<DeliveryRow>>,
    /// Messages made so far, the dropped ones included.
    pub(super) minted: u64,
    /// What is spent of what, and from when on that may be forgotten.
    pub(super) budgets: BTreeMap<String, (Budget, Timestamp)>,
    /// Derivatives by the groups that use them.
    pub(super) derivatives: BTreeSet<(GroupId, String)>,
    /// Files of groups.
    pub(super) files: BTreeMap<MediaId, MediaFile>,
    /// Keys of bytes that nothing refers to.
    pub(super) condemned: BTreeSet<String>,
    /// The hour in which an owner last imported, and how many URLs in it.
    pub(super) imports: BTreeMap<UserId, (i64, u32)>,
    seed: u64,
}

#[derive(Debug, Clone)]
pub(super) struct UserRow {
    pub(super) user: User,
    pub(super) removed: bool,
}

#[derive(Debug, Clone)]
pub(super) struct AccountRow {
    pub(super) account: Account,
    pub(super) removed: bool,
    pub(super) revoke_due: bool,
    pub(super) tokens: Option<Tokens>,
}

#[derive(Debug, Clone)]
pub(super) struct SignInEntry {
    pub(super) row: SignInRow,
    /// Every secret that it had; the last is the one that can take it.
    pub(super) secrets: Vec<[u8; 32]>,
    pub(super) taken: bool,
}

#[derive(Debug, Clone)]
pub(super) struct GroupRow {
    pub(super) id: GroupId,
    pub(super) owner: UserId,
    pub(super) content: Arc<Content>,
    /// How often the content was changed.
    pub(super) revision: u32,
    pub(super) draft: bool,
    pub(super) planned_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) deleted: bool,
    pub(super) log_seq: u64,
    pub(super) posts: Vec<PostId>,
}

#[derive(Debug, Clone)]
pub(super) struct PostRow {
    pub(super) post: Post,
    pub(super) group: GroupId,
    pub(super) owner: UserId,
    pub(super) claim: Option<AttemptId>,
    /// When to look: of the state, or of a post that was put off, or the end of the lease.
    pub(super) wake_at: Option<Timestamp>,
    /// When its state asked to be looked at, claimed or not.
    pub(super) ready_at: Option<Timestamp>,
    pub(super) resume: Option<SecretBytes>,
}

#[derive(Debug, Clone)]
pub(super) struct IntentRow {
    pub(super) record: IntentRecord,
    pub(super) post: PostId,
    pub(super) account: AccountId,
}

#[derive(Debug, Clone)]
pub(super) struct RemoteRow {
    pub(super) post: PostId,
    pub(super) part: Part,
    pub(super) remote: RemotePost,
    /// Whether it is the one that counts for its part; a duplicate is not.
    pub(super) adopted: bool,
}

impl State {
    pub(super) fn new(now: Timestamp, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut secret = vec![0; 32];
        rng.fill_bytes(&mut secret);
        let installation = Installation {
            id: format!("{seed:032x}"),
            secret: SecretBytes::new(secret),
            epoch: now,
        };
        Self {
            installation,
            users: Vec::new(),
            keys: Vec::new(),
            accounts: Vec::new(),
            refreshes: BTreeMap::new(),
            sign_ins: Vec::new(),
            links: Vec::new(),
            apps: BTreeMap::new(),
            groups: BTreeMap::new(),
            posts: BTreeMap::new(),
            intents: Vec::new(),
            remotes: BTreeMap::new(),
            log: Vec::new(),
            requests: BTreeMap::new(),
            issued: BTreeSet::new(),
            consents: BTreeMap::new(),
            pruned: BTreeMap::new(),
            counted_from: Timestamp::MIN,
            webhooks: Vec::new(),
            deliveries: Vec::new(),
            minted: 0,
            budgets: BTreeMap::new(),
            derivatives: BTreeSet::new(),
            files: BTreeMap::new(),
            condemned: BTreeSet::new(),
            imports: BTreeMap::new(),
            seed,
        }
    }

    /// A group that exists and is not deleted.
    pub(super) fn live_group(&self, reach: &Reach, group: GroupId) -> Result<&GroupRow> {
        let row = self
            .groups
            .get(&group)
            .filter(|row| !row.deleted && row.owner == reach.owner);
        row.map(|row| &**row).ok_or(Error::NotFound)
    }

    pub(super) fn group_mut(&mut self, group: GroupId) -> Result<&mut GroupRow> {
        let row = self.groups.get_mut(&group).ok_or(Error::NotFound)?;
        Ok(Arc::make_mut(row))
    }

    pub(super) fn row(&self, post: PostId) -> Result<&PostRow> {
        self.posts.get(&post).map(|row| &**row).ok_or(Error::NotFound)
    }

    pub(super) fn row_mut(&mut self, post: PostId) -> Result<&mut PostRow> {
        let row = self.posts.get_mut(&post).ok_or(Error::NotFound)?;
        Ok(Arc::make_mut(row))
    }

    /// The post of a claim that is still its own.
    pub(super) fn claimed_row(&self, claim: &Claim) -> Result<&PostRow> {
        match self.posts.get(&claim.post) {
            Some(row) if row.claim == Some(claim.attempt) => Ok(row),
            _ => Err(Error::LeaseLost),
        }
    }

    pub(super) fn posts_of<'a>(&'a self, group: &'a GroupRow) -> impl Iterator<Item = &'a PostRow> {
        group
            .posts
            .iter()
            .filter_map(|post| self.posts.get(post))
            .map(|row| &**row)
    }

    pub(super) fn mask(&self, group: &GroupRow) -> StateMask {
        StateMask::of(group.draft, self.posts_of(group).map(|row| &row.post.state))
    }

    pub(super) fn as_read(&self, row: &GroupRow) -> Group {
        Group {
            id: row.id,
            owner: row.owner,
            content: Content::clone(&row.content),
            draft: row.draft,
            planned_at: row.planned_at,
            mask: self.mask(row),
            created_at: row.created_at,
            updated_at: row.updated_at,
            posts: self.posts_of(row).map(|row| row.post.clone()).collect(),
        }
    }

    /// Gives a post its new state, unclaimed; one that must not be sent any more is cancelled instead of waiting.
    pub(super) fn put(&mut self, post: PostId, state: PostState, at: Timestamp) -> Result<PostState> {
        let row = self.row(post)?;
        let deleted = self.groups.get(&row.group).is_none_or(|group| group.deleted);
        let removed = row
            .post
            .account
            .is_some_and(|account| self.live_account(account).is_none());
        let state = match state {
            PostState::Draft => PostState::Draft,
            state if deleted => rules::withdrawn(state, at),
            state if removed => self.live(row)?.cut_off(&state, at),
            state => state,
        };
        let row = self.row_mut(post)?;
        row.claim = None;
        row.wake_at = state.wake_at();
        row.ready_at = row.wake_at;
        let shows = rules::shows(&row.post.state, &state);
        let told = NoticeKind::of_move(&row.post.state, &state);
        row.post.state = state.clone();
        let group = row.group;
        if shows {
            self.touch(group, at)?;
        }
        self.tell_of_post(post, told, at)?;
        Ok(state)
    }

    pub(super) fn touch(&mut self, group: GroupId, at: Timestamp) -> Result<()> {
        let row = self.group_mut(group)?;
        row.updated_at = row.updated_at.max(at);
        Ok(())
    }

    pub(super) fn has_open_intent(&self, post: PostId) -> bool {
        self.intents
            .iter()
            .any(|row| row.post == post && row.record.state == IntentState::Open)
    }

    pub(super) fn intent_mut(&mut self, post: PostId, intent: IntentId) -> Result<&mut IntentRow> {
        let row = self
            .intents
            .iter_mut()
            .find(|row| row.post == post && row.record.id == intent);
        row.map(Arc::make_mut).ok_or(Error::NotFound)
    }

    /// The parts of a post that are live, in order.
    pub(super) fn live_parts(&self, post: PostId) -> Vec<(Part, RemotePost)> {
        let mut live: Vec<_> = self
            .remotes
            .values()
            .filter(|row| row.post == post && row.adopted)
            .map(|row| (row.part, row.remote.clone()))
            .collect();
        live.sort_by_key(|(part, _)| part.number());
        live
    }

    /// What of a post is live.
    pub(super) fn live<'a>(&self, row: &'a PostRow) -> Result<Live<'a>> {
        let group = self.groups.get(&row.group).ok_or(Error::NotFound)?;
        let of_it = self.intents.iter().filter(|intent| intent.post == row.post.id);
        let untold = of_it.filter(|intent| intent.record.state == IntentState::Untold);
        Ok(Live {
            platform: row.post.platform,
            target: &row.post.target,
            content: Content::clone(&group.content),
            parts: self.live_parts(row.post.id),
            untold: untold.map(|row| row.record.part).collect(),
        })
    }

    /// Notes that this remote post is this part; returns whether another is that already.
    pub(super) fn adopt(&mut self, account: AccountId, post: PostId, part: Part, remote: &RemotePost) -> Result<bool> {
        if let Some(row) = self.remotes.get_mut(&(account, remote.id.clone())) {
            if row.post != post || row.part != part {
                return Err(Conflict::RemoteTaken.into());
            }
            row.remote = remote.clone();
            return Ok(!row.adopted);
        }
        let is_adopted = |row: &RemoteRow| row.post == post && row.part == part && row.adopted;
        let adopted = self.remotes.values().find(|row| is_adopted(row));
        let meeting = parts::meeting(adopted.map(|row| &row.remote), remote);
        match meeting {
            Meeting::First | Meeting::Duplicate => {}
            Meeting::Named => self.remotes.retain(|_, row| !is_adopted(row)),
            Meeting::StandIn => return Ok(false),
        }
        let row = RemoteRow {
            post,
            part,
            remote: remote.clone(),
            adopted: meeting != Meeting::Duplicate,
        };
        self.remotes.insert((account, remote.id.clone()), row);
        Ok(meeting == Meeting::Duplicate)
    }

    pub(super) fn write_log(&mut self, entries: Vec<LogEntry>, owner: UserId, group: Option<GroupId>) {
        for entry in entries {
            let entry = rules::in_context(entry, owner, group);
            self.tell_of_entry(&entry);
            let row = entry
                .group
                .and_then(|group| self.groups.get_mut(&group))
                .map(Arc::make_mut);
            let seq = row.map_or(0, |row| {
                row.log_seq += 1;
                row.log_seq
            });
            let nth = u64::try_from(self.log.len()).unwrap_or(u64::MAX);
            let mut rng = StdRng::seed_from_u64(self.seed.wrapping_add(nth));
            let id = LogId::from_bytes(IdMint::default().next(entry.at, &mut rng));
            self.log.push(Arc::new(LogRecord { id, seq, entry }));
        }
    }
}

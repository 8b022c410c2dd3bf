//! What scenarios are made of: a store, fresh ids, and short ways to say the usual.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::account::{Account, ApiKey, Identity, Tokens, User};
use domain::clock::BootInstant;
use domain::content::{Content, PartContent};
use domain::error::{ErrorKind, ErrorSummary};
use domain::ids::{AccountId, ApiKeyId, AttemptId, GroupId, IntentId, LinkId, PostId, SignInId, UserId};
use domain::intent::{Armed, Claim, Dedupe, DedupeMeans, Fingerprint, IntentState, Prepared};
use domain::log::{LogEntry, LogKind, LogOutcome};
use domain::part::{Part, PartsLive, RemotePost};
use domain::plan::Plan;
use domain::platform::Platform;
use domain::post::{Event, PostState};
use domain::secret::{SecretBytes, SecretText};
use jiff::{SignedDuration, Timestamp};

use crate::{
    BudgetAsk, ClaimAsk, Error, Group, NewAccount, NewGroup, NewIntent, NewPost, Post, Reach, Release, Resume, Settled,
    Settlement, Slots, Store,
};

/// What ids begin with here that stand for an id that is not known.
pub(super) const STAND_IN: &str = "stand-in";

/// A store under test.
#[derive(Clone)]
pub struct Bench {
    store: Arc<dyn Store>,
    ids: Arc<AtomicU64>,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").finish_non_exhaustive()
    }
}

impl Deref for Bench {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

/// Nine o'clock and this many seconds.
pub(super) fn at(seconds: i64) -> Timestamp {
    let nine = Timestamp::from_second(1_795_338_000).unwrap_or_default();
    nine.saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or_default()
}

/// A note of the history.
pub(super) fn entry(kind: LogKind, seconds: i64) -> LogEntry {
    LogEntry::new(kind, LogOutcome::Info, at(seconds))
}

/// An error to show.
pub(super) fn error(seconds: i64) -> ErrorSummary {
    ErrorSummary {
        kind: ErrorKind::PlatformDown,
        code: Some("503".to_owned()),
        message: "down".to_owned(),
        raw: None,
        http_status: Some(503),
        at: at(seconds),
    }
}

/// The end of a claim with this event, at this second.
pub(super) fn release(event: Event, seconds: i64) -> Release {
    Release {
        event,
        intents: Vec::new(),
        resume: Resume::Keep,
        counts_as_attempt: false,
        account: None,
        log: Vec::new(),
        at: at(seconds),
    }
}

/// A remote post of this id, or what stands for one.
pub(super) fn remote(id: &str) -> RemotePost {
    if id.starts_with(STAND_IN) {
        RemotePost::unnamed(id)
    } else {
        RemotePost::visible(id, None)
    }
}

/// What became of an intent, at this second.
pub(super) fn settlement(state: IntentState, remote: Option<&str>, seconds: i64) -> Settlement {
    Settlement {
        state,
        remote: remote.map(self::remote),
        at: at(seconds),
        log: Vec::new(),
    }
}

/// It is live.
pub(super) fn published(remote: &str, seconds: i64) -> Event {
    Event::Published {
        at: at(seconds),
        remote: self::remote(remote),
        next_look: None,
    }
}

/// It failed.
pub(super) fn failed(seconds: i64) -> Event {
    Event::Failed {
        at: at(seconds),
        error: error(seconds),
        parts: PartsLive::default(),
    }
}

/// Nobody knows yet.
pub(super) fn unknown(seconds: i64) -> Event {
    Event::OutcomeUnknown {
        at: at(seconds),
        next_check: at(seconds + 60),
        give_up_at: at(seconds + 3_600),
    }
}

/// Nobody will know.
pub(super) fn gave_up(seconds: i64) -> Event {
    Event::GaveUp {
        at: at(seconds),
        next_look: None,
        error: error(seconds),
        parts: PartsLive::default(),
    }
}

impl Bench {
    /// A bench for this store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            ids: Arc::new(AtomicU64::new(1)),
        }
    }

    fn bits(&self) -> [u8; 12] {
        let n = self.ids.fetch_add(1, Ordering::Relaxed);
        let mut bits = [0; 12];
        bits.iter_mut()
            .skip(4)
            .zip(n.to_be_bytes())
            .for_each(|(to, from)| *to = from);
        bits
    }

    pub(super) fn post_id(&self) -> PostId {
        PostId::from_bytes(self.bits())
    }

    pub(super) fn group_id(&self) -> GroupId {
        GroupId::from_bytes(self.bits())
    }

    pub(super) fn sign_in_id(&self) -> SignInId {
        SignInId::from_bytes(self.bits())
    }

    pub(super) fn link_id(&self) -> LinkId {
        LinkId::from_bytes(self.bits())
    }

    pub(super) fn attempt(&self) -> AttemptId {
        AttemptId::from_bytes(self.bits())
    }

    pub(super) fn user_of(&self, name: &str) -> User {
        let id = UserId::from_bytes(self.bits());
        User {
            id,
            name: name.to_owned(),
            plan: Plan::default(),
            created_at: at(-100),
            manager: None,
            display_name: None,
        }
    }

    /// A new user's reach.
    pub(super) async fn owner(&self, name: &str) -> crate::Result<Reach> {
        let user = self.user_of(name);
        let owner = user.id;
        self.create_user(user).await?;
        Ok(Reach { owner })
    }

    pub(super) fn key_of(&self, reach: &Reach, name: &str) -> ApiKey {
        ApiKey {
            id: ApiKeyId::from_bytes(self.bits()),
            user: reach.owner,
            name: name.to_owned(),
            prefix: "pp".to_owned(),
            created_at: at(-50),
            last_used_at: None,
            revoked_at: None,
        }
    }

    pub(super) fn new_account(&self, reach: &Reach, platform: Platform, remote_id: &str) -> NewAccount {
        NewAccount {
            id: AccountId::from_bytes(self.bits()),
            owner: reach.owner,
            platform,
            identity: Identity {
                remote_id: remote_id.to_owned(),
                username: format!("user of {remote_id}"),
                display_name: Some("Name".to_owned()),
                avatar_url: None,
                profile_url: Some("https://social.example/@name".to_owned()),
                base_url: Some("https://social.example".to_owned()),
            },
            tokens: Tokens {
                access: SecretText::from("access 1"),
                refresh: Some(SecretText::from("refresh 1")),
                expires_at: Some(at(7_200)),
                ..Tokens::default()
            },
            scopes: vec!["read".to_owned(), "write".to_owned()],
            missing: Vec::new(),
            defaults: std::collections::BTreeMap::new(),
            refresh_at: None,
            at: at(-10),
        }
    }

    /// Connects an account.
    pub(super) async fn connected(&self, reach: &Reach, platform: Platform, remote_id: &str) -> crate::Result<Account> {
        self.connect_account(
            self.new_account(reach, platform, remote_id),
            entry(LogKind::Connected, -10),
        )
        .await
    }

    /// A group to be made at second 0, with these targets, to go out at second `due`.
    pub(super) fn new_group(&self, reach: &Reach, targets: &[(Platform, &str)], due: Option<i64>) -> NewGroup {
        let post = |(platform, target): &(Platform, &str)| NewPost {
            id: self.post_id(),
            platform: *platform,
            target: (*target).to_owned(),
        };
        NewGroup {
            id: self.group_id(),
            owner: reach.owner,
            content: Content {
                head: PartContent {
                    text: "hello".to_owned(),
                    media: Vec::new(),
                },
                ..Content::default()
            },
            draft: false,
            planned_at: due.map(at),
            posts: targets.iter().map(post).collect(),
            created_at: at(0),
            log: vec![entry(LogKind::Scheduled, 0)],
        }
    }

    /// Makes a group and reads it.
    pub(super) async fn grouped(
        &self,
        reach: &Reach,
        targets: &[(Platform, &str)],
        due: Option<i64>,
    ) -> crate::Result<Group> {
        self.made(reach, self.new_group(reach, targets, due)).await
    }

    /// Makes this group and reads it.
    pub(super) async fn made(&self, reach: &Reach, group: NewGroup) -> crate::Result<Group> {
        let id = group.id;
        self.create_group(group, None).await?;
        self.read(reach, id).await
    }

    /// A group that must be there.
    pub(super) async fn read(&self, reach: &Reach, group: GroupId) -> crate::Result<Group> {
        self.group(reach, group).await?.ok_or(Error::NotFound)
    }

    /// The first post of a group.
    pub(super) async fn first(&self, reach: &Reach, group: GroupId) -> crate::Result<Post> {
        self.read(reach, group)
            .await?
            .posts
            .into_iter()
            .next()
            .ok_or(Error::NotFound)
    }

    /// What to ask for at this second: up to ten posts, for ten minutes.
    pub(super) fn ask(&self, seconds: i64) -> ClaimAsk {
        ClaimAsk {
            now: at(seconds),
            limit: 10,
            lease: SignedDuration::from_mins(10),
            attempts: (0..10).map(|_| self.attempt()).collect(),
            slots: Slots::default(),
        }
    }

    /// Claims what is due at this second.
    pub(super) async fn claim(&self, seconds: i64) -> crate::Result<Vec<Claim>> {
        Ok(self.claim_due(self.ask(seconds)).await?.claims)
    }

    /// Claims the one post that is due at this second.
    pub(super) async fn claim_one(&self, seconds: i64) -> crate::Result<Claim> {
        let mut claims = self.claim(seconds).await?;
        assert_eq!(claims.len(), 1, "exactly one post is due");
        claims.pop().ok_or(Error::NotFound)
    }

    /// An intent for a part at this second; its text decides its fingerprint, and a means decides whether it can be
    /// confused with another.
    pub(super) fn intent(&self, part: Part, text: u8, means: DedupeMeans, seconds: i64) -> NewIntent {
        NewIntent {
            id: IntentId::from_bytes(self.bits()),
            part,
            prepared: Prepared {
                version: 3,
                bytes: SecretBytes::new(vec![text; 40]),
                dedupe: vec![Dedupe::exact(means)],
                fingerprint: Fingerprint([text; 32]),
                budget: SignedDuration::from_millis(12_500),
            },
            at: at(seconds),
            send_by: at(seconds + 15),
            lease_until: at(seconds + 600),
            budgets: BudgetAsk::default(),
            log: vec![entry(LogKind::PublishAttempted, seconds)],
        }
    }

    /// Arms a claim for its head with a text that cannot be confused.
    pub(super) async fn armed(&self, claim: Claim, seconds: i64) -> crate::Result<Armed> {
        let intent = self.intent(Part::Head, 1, DedupeMeans::ClientMintedId, seconds);
        self.recorded(claim, intent).await
    }

    /// Records an intent that must not be refused.
    pub(super) async fn recorded(&self, claim: Claim, intent: NewIntent) -> crate::Result<Armed> {
        self.record_intent(claim, intent, BootInstant(1))
            .await
            .map_err(|(_, error)| error)
    }

    /// A Mastodon post of this many parts whose head is armed at second 1.
    pub(super) async fn thread_armed(&self, reach: &Reach, parts: usize) -> crate::Result<(GroupId, Armed)> {
        let mut new = self.new_group(reach, &[(Platform::Mastodon, "1")], Some(0));
        let part = PartContent {
            text: "more".to_owned(),
            media: Vec::new(),
        };
        new.content.replies = vec![part; parts.saturating_sub(1)];
        let group = self.made(reach, new).await?;
        Ok((group.id, self.armed(self.claim_one(1).await?, 1).await?))
    }

    /// Says that a head is live as `r1`; its claim goes on with the replies.
    pub(super) async fn head_settled(&self, armed: Armed, seconds: i64) -> crate::Result<Claim> {
        let live = settlement(IntentState::Published, Some("r1"), seconds);
        match self.settle(armed, live, None).await? {
            Settled::Continues(claim) => Ok(claim),
            other => Err(Error::Corrupt(format!("{other:?}"))),
        }
    }

    /// A post that was sent at this second without an answer, and given up on.
    pub(super) async fn unconfirmed(&self, reach: &Reach, target: &str) -> crate::Result<(Group, IntentId)> {
        let group = self.grouped(reach, &[(Platform::Mastodon, target)], Some(0)).await?;
        let armed = self.armed(self.claim_one(1).await?, 1).await?;
        let intent = armed.intent();
        self.settle(
            armed,
            settlement(IntentState::Open, None, 2),
            Some(release(unknown(2), 2)),
        )
        .await?;
        let claim = self.claim_one(100).await?;
        let state = self.release(claim, release(gave_up(100), 100)).await?;
        assert!(matches!(state, PostState::Unconfirmed { .. }));
        Ok((self.read(reach, group.id).await?, intent))
    }
}

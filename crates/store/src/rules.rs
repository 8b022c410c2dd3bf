//! The decisions that both back ends share: pure functions of what was read.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::account::{Account, AccountHealth, Identity, Tokens};
use domain::content::{Content, Media, Settings};
use domain::group::StateBit;
use domain::ids::{AccountId, AttemptId, GroupId, UserId};
use domain::intent::{IntentState, Job, Lane};
use domain::log::{LogEntry, LogKind, LogOutcome};
use domain::part::RemotePost;
use domain::platform::Platform;
use domain::post::{Event, IllegalTransition, Phase, PostState};
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};

use crate::{
    ClaimAsk, Conflict, Error, FileState, Group, MediaFile, NewAccount, Purpose, Resolution, Result, Settlement,
    SignInRow, Slots, TakeRefused, Verification,
};

/// How long the outcome of an intent whose sender died is asked for.
pub const ORPHAN_GIVE_UP: SignedDuration = SignedDuration::from_hours(24);

/// The most candidates that one claim passes over before it stops looking.
pub(crate) const PASSED_OVER_MAX: usize = 1_000;
/// From so many on, the next look at those passed over is put off.
pub(crate) const PUT_OFF_FROM: usize = 100;
/// How long a post is put off whose account has no free slot.
const PUT_OFF_BUSY: SignedDuration = SignedDuration::from_secs(1);
/// The longest that a post is put off whose account or platform rests.
pub(crate) const PUT_OFF_MAX: SignedDuration = SignedDuration::from_secs(30);

/// `at` moved by `by`; it stays within what a timestamp can hold.
pub(crate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// The state in which a post of a new group starts.
pub(crate) fn first_state(draft: bool, planned_at: Option<Timestamp>, created_at: Timestamp) -> PostState {
    if draft {
        PostState::Draft
    } else {
        PostState::Scheduled {
            due: planned_at.unwrap_or(created_at),
        }
    }
}

/// What a claim of a post in this state is for; `None` when there is nothing to do.
pub(crate) fn job(found: &PostState) -> Option<Job> {
    match found {
        PostState::Scheduled { .. } | PostState::Waiting { .. } => Some(Job::Publish),
        PostState::Processing { .. } => Some(Job::Resume),
        PostState::Reconciling { .. } => Some(Job::Reconcile),
        PostState::Published { .. } | PostState::Unconfirmed { .. } => Some(Job::Look),
        PostState::Draft
        | PostState::Publishing { .. }
        | PostState::Failed { .. }
        | PostState::Missed { .. }
        | PostState::Cancelled { .. }
        | PostState::Removed { .. } => None,
    }
}

/// The state of a post once it is claimed. Claims that only ask leave it as it is, so that what is known stays readable.
pub(crate) fn claimed(found: &PostState, attempt: AttemptId) -> Result<PostState> {
    match found {
        PostState::Scheduled { .. }
        | PostState::Waiting { .. }
        | PostState::Processing {
            phase: Phase::BeforeSend,
            ..
        } => moved(found, &Event::Claimed { attempt }),
        _ => Ok(found.clone()),
    }
}

/// When a post was to go out, as far as its state still knows.
pub(crate) fn due(state: &PostState) -> Timestamp {
    match state {
        PostState::Scheduled { due }
        | PostState::Publishing { due, .. }
        | PostState::Processing { due, .. }
        | PostState::Waiting { due, .. }
        | PostState::Reconciling { due, .. }
        | PostState::Missed { due, .. } => *due,
        PostState::Published { at, .. }
        | PostState::Failed { at, .. }
        | PostState::Cancelled { at }
        | PostState::Removed { at, .. } => *at,
        PostState::Unconfirmed { since, .. } => *since,
        PostState::Draft => Timestamp::UNIX_EPOCH,
    }
}

/// [`PostState::next`] with the crate's error.
pub(crate) fn moved(state: &PostState, event: &Event) -> Result<PostState> {
    state.next(event).map_err(refused)
}

/// An illegal move as a conflict.
pub(crate) fn refused(illegal: IllegalTransition) -> Error {
    Error::Conflict(Conflict::IllegalTransition(illegal))
}

/// The conflict of an event that this verb does not take from this state.
pub(crate) fn not_from(state: &PostState, event: &Event) -> Error {
    refused(IllegalTransition {
        from: state.word(),
        event: event.word(),
    })
}

/// The state of a post that must not be sent any more: cancelled when nothing can have been sent, else as it is.
pub(crate) fn withdrawn(state: PostState, at: Timestamp) -> PostState {
    state.next(&Event::Cancelled { at }).unwrap_or(state)
}

/// What happens to a claimed post whose worker is gone; `None` for claims that only asked, which are simply ended. One
/// that was not sent goes back to the instant at which it was ready, so that an outage counts as lateness.
pub(crate) fn orphaned(
    state: &PostState,
    has_open_intent: bool,
    ready_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Event> {
    match (state, has_open_intent) {
        (PostState::Publishing { .. }, true) => Some(Event::OutcomeUnknown {
            at: now,
            next_check: now,
            give_up_at: later(now, ORPHAN_GIVE_UP),
        }),
        (PostState::Publishing { .. }, false) => Some(Event::Returned {
            at: ready_at.map_or(now, |at| at.min(now)),
        }),
        _ => None,
    }
}

/// Whether late evidence that all parts are live moves a post in this state to Published. A claim that is about to send
/// again is left alone: the adopted intent refuses it its own.
pub(crate) fn takes_evidence(state: &PostState) -> bool {
    matches!(
        state,
        PostState::Reconciling { .. }
            | PostState::Unconfirmed { .. }
            | PostState::Waiting { .. }
            | PostState::Failed { .. }
            | PostState::Processing {
                phase: Phase::AfterSend,
                ..
            }
    )
}

/// Changes what a content says; the settings of platforms that are not named stay.
pub(crate) fn rewrite(content: &mut Content, text: Option<String>, settings: Settings) {
    if let Some(text) = text {
        content.head.text = text;
    }
    content.settings.extend(settings);
}

/// The group that an edit was answered with.
pub(crate) fn remembered(answer: &str) -> Result<Group> {
    serde_json::from_str(answer).map_err(|error| Error::Corrupt(format!("a remembered answer: {error}")))
}

/// Whether the owner sees the difference.
pub(crate) fn shows(old: &PostState, new: &PostState) -> bool {
    StateBit::of(old) != StateBit::of(new) || (new.is_terminal() && !new.shows_as(old))
}

/// The entry with the context filled in that its writer left out.
pub(crate) fn in_context(mut entry: LogEntry, owner: UserId, group: Option<GroupId>) -> LogEntry {
    entry.user = entry.user.or(Some(owner));
    entry.group = entry.group.or(group);
    entry
}

/// The entry that tells of a late answer.
pub(crate) fn evidence_entry(duplicate: bool, remote_id: &str, at: Timestamp) -> LogEntry {
    let (kind, outcome) = if duplicate {
        (LogKind::DuplicateDetected, LogOutcome::Failure)
    } else {
        (LogKind::OutcomeEstablished, LogOutcome::Success)
    };
    LogEntry::new(kind, outcome, at).with("remote_id", remote_id)
}

/// A due post as a claim sees it.
pub(crate) struct Candidate {
    pub(crate) platform: Platform,
    pub(crate) account: Option<AccountId>,
    pub(crate) lane: Lane,
    /// Whether it would be sent later than [`Slots::late_before`] allows more than one an account.
    pub(crate) late: bool,
}

/// In which lane a claim of a post in this state is done.
pub(crate) fn lane(state: &PostState) -> Lane {
    job(state).map_or(Lane::Asking, Job::lane)
}

/// Whether the claim would send this post late.
pub(crate) fn is_late(state: &PostState, ask: &ClaimAsk) -> bool {
    let sends = job(state).is_some_and(|job| !only_asks(state, job));
    // What waited for its platform's limit has a place of its own already.
    let is_behind = |before| due(state) < before && !state.waits_for_limit();
    sends && ask.slots.late_before.is_some_and(is_behind)
}

/// What a claim does with the candidates, by their index.
#[derive(Default)]
pub(crate) struct Chosen {
    pub(crate) taken: Vec<usize>,
    pub(crate) put_off: Vec<(usize, Timestamp)>,
    pub(crate) passed_over: bool,
}

/// How many candidates a claim looks at.
pub(crate) fn looked_at(ask: &ClaimAsk) -> usize {
    ask.limit.min(ask.attempts.len()).saturating_add(PASSED_OVER_MAX)
}

/// Chooses among the candidates, which come oldest first.
pub(crate) fn choose(candidates: impl Iterator<Item = Candidate>, ask: &ClaimAsk) -> Chosen {
    let most = ask.limit.min(ask.attempts.len());
    let mut room = Room {
        slots: &ask.slots,
        taken: HashMap::new(),
        late: HashSet::new(),
        now: ask.now,
    };
    let mut chosen = Chosen::default();
    for (index, candidate) in candidates.enumerate() {
        if chosen.taken.len() == most {
            break;
        }
        if let Some(at) = room.wait(&candidate) {
            chosen.put_off.push((index, at));
        } else {
            chosen.taken.push(index);
        }
    }
    chosen.passed_over = !chosen.put_off.is_empty();
    if chosen.put_off.len() < PUT_OFF_FROM {
        chosen.put_off.clear();
    }
    // One microsecond apart, so that they are found again in the order in which they were passed over.
    for (rank, (_, at)) in (0..).zip(&mut chosen.put_off) {
        *at = later(*at, SignedDuration::from_micros(rank));
    }
    chosen
}

struct Room<'a> {
    slots: &'a Slots,
    taken: HashMap<(AccountId, Lane), u16>,
    late: HashSet<AccountId>,
    now: Timestamp,
}

impl Room<'_> {
    /// When to look again, or `None` when there is room, which is then taken.
    fn wait(&mut self, candidate: &Candidate) -> Option<Timestamp> {
        let closed = self.slots.closed.get(&candidate.platform);
        let resting = candidate.account.and_then(|account| self.slots.resting.get(&account));
        if let Some(until) = closed
            .into_iter()
            .chain(resting)
            .max()
            .filter(|until| **until > self.now)
        {
            return Some((*until).min(later(self.now, PUT_OFF_MAX)));
        }
        let account = candidate.account?;
        let room = (account, candidate.lane);
        let taken = self.taken.entry(room).or_default();
        let busy = self.slots.busy.get(&room).copied().unwrap_or(0);
        let is_full = busy.saturating_add(*taken) >= self.slots.per_account_max;
        if is_full || (candidate.late && !self.late.insert(account)) {
            return Some(later(self.now, PUT_OFF_BUSY));
        }
        *taken = taken.saturating_add(1);
        None
    }
}

/// A new account, before its first connection is noted by [`connected_again`].
pub(crate) fn first_connected(new: &NewAccount) -> Account {
    Account {
        id: new.id,
        owner: new.owner,
        platform: new.platform,
        identity: new.identity.clone(),
        token_version: 0,
        token_expires_at: None,
        refresh_at: None,
        health: AccountHealth::Ok,
        scopes: Vec::new(),
        missing: Vec::new(),
        defaults: BTreeMap::new(),
        connected_at: new.at,
        verified_at: None,
        last_success_at: None,
        last_error: None,
    }
}

/// Notes what a connection tells; the id, the first connection and the last success stay.
pub(crate) fn connected_again(account: &mut Account, new: &NewAccount) {
    let told = Verification {
        scopes: new.scopes.clone(),
        missing: new.missing.clone(),
        identity: Some(new.identity.clone()),
        at: new.at,
    };
    verified(account, told);
    if !new.defaults.is_empty() {
        account.defaults = new.defaults.clone();
    }
    account.token_version = account.token_version.saturating_add(1);
    account.token_expires_at = new.tokens.expires_at;
    account.refresh_at = new.refresh_at;
    account.health = AccountHealth::Ok;
}

/// Notes what the platform says that an account is and may do.
pub(crate) fn verified(account: &mut Account, told: Verification) {
    if let Some(identity) = told.identity {
        let remote_id = std::mem::take(&mut account.identity.remote_id);
        account.identity = Identity { remote_id, ..identity };
    }
    account.scopes = told.scopes;
    account.missing = told.missing;
    account.verified_at = Some(told.at);
}

/// The tokens after an exchange: an absent or empty refresh token, and an absent proof key, keep the old one.
pub(crate) fn exchanged(mut new: Tokens, old: Tokens) -> Tokens {
    new.refresh = new.refresh.filter(|refresh| !refresh.expose().is_empty());
    if new.refresh.is_none() {
        new.refresh = old.refresh;
        new.refresh_expires_at = new.refresh_expires_at.or(old.refresh_expires_at);
    }
    new.proof_key = new.proof_key.or(old.proof_key);
    new
}

/// How long an account's posts count for its report.
const REPORTED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long expired sign-ins and connection pages are remembered, so that whoever comes late is told so.
const EXPIRED_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What whoever brings a sign-in's secret gets. `found` says whether it waits for this very secret.
pub(crate) fn taken(found: Option<(SignInRow, bool)>, now: Timestamp) -> std::result::Result<SignInRow, TakeRefused> {
    let Some((mut sign_in, waits)) = found else {
        return Err(TakeRefused::Unknown);
    };
    if waits && now < sign_in.expires_at {
        return Ok(sign_in);
    }
    sign_in.memory = SecretBytes::default();
    Err(if waits {
        TakeRefused::Expired(Box::new(sign_in))
    } else {
        TakeRefused::Replayed(Box::new(sign_in))
    })
}

/// Posts that ended after this count for a report.
pub(crate) fn reported_after(now: Timestamp) -> Timestamp {
    now.saturating_sub(REPORTED).unwrap_or(Timestamp::MIN)
}

/// Sign-ins and connection pages that expired by then are forgotten.
pub(crate) fn forgotten_by(now: Timestamp) -> Timestamp {
    now.saturating_sub(EXPIRED_KEPT).unwrap_or(Timestamp::MIN)
}

/// Whether a claim for this job only asks, and so sends nothing.
pub(crate) fn only_asks(found: &PostState, job: Job) -> bool {
    match job {
        Job::Publish => false,
        Job::Resume => !matches!(
            found,
            PostState::Processing {
                phase: Phase::BeforeSend,
                ..
            }
        ),
        Job::Reconcile | Job::Look => true,
    }
}

/// Whether an intent of the present attempt was recorded.
pub(crate) fn is_armed(state: &PostState) -> bool {
    matches!(state, PostState::Publishing { armed: true, .. })
}

/// What a person's word is to the state machine.
pub(crate) fn resolution(word: &Resolution) -> Event {
    match word {
        Resolution::Published { remote, at } => Event::Published {
            at: *at,
            remote: remote.clone(),
            next_look: None,
        },
        Resolution::SendAgain { at } => Event::MaySend { at: *at },
    }
}

/// Refuses to take back that an intent made a post.
pub(crate) fn may_settle(state: IntentState, settlement: &Settlement) -> Result<()> {
    if state == IntentState::Published && settlement.state != IntentState::Published {
        return Err(refused(IllegalTransition {
            from: state.word(),
            event: settlement.state.word(),
        }));
    }
    Ok(())
}

/// The post that a settlement names.
pub(crate) fn published(settlement: &Settlement) -> Result<Option<&RemotePost>> {
    match (settlement.state, &settlement.remote) {
        (IntentState::Published, None) => Err(Error::Corrupt("a published intent without its post".to_owned())),
        (IntentState::Published, Some(remote)) => Ok(Some(remote)),
        _ => Ok(None),
    }
}

/// The head as an event tells it.
pub(crate) fn head_learned(event: &Event) -> Option<&RemotePost> {
    match event {
        Event::Published { remote, .. } => Some(remote),
        Event::Looked { remote, .. } => remote.as_ref(),
        _ => None,
    }
}

/// What the history says of a post whose worker is gone.
pub(crate) fn orphan_entry(state: &PostState, now: Timestamp) -> Option<LogEntry> {
    let reason = "the server stopped between the intent and the answer";
    let entry = LogEntry {
        error: Some(reason.to_owned()),
        ..LogEntry::new(LogKind::OutcomeUnknown, LogOutcome::Unknown, now)
    };
    matches!(state, PostState::Reconciling { since, .. } if *since == now).then_some(entry)
}

/// The keys of all media that a content refers to.
pub(crate) fn media_keys(content: &Content) -> BTreeSet<String> {
    let parts = std::iter::once(&content.head).chain(&content.replies);
    parts
        .flat_map(|part| &part.media)
        .map(|media| media.key.clone())
        .collect()
}

/// What is said of a file whose upload was never completed.
pub(crate) const NEVER_UPLOADED: &str = "it was never uploaded";

/// What new files of the head do to a content: those that are still to come are awaited.
pub(crate) fn add_files(content: &mut Content, files: &[MediaFile]) {
    for file in files.iter().filter(|file| file.purpose == Purpose::Post) {
        match &file.state {
            FileState::Ready(media) => content.admit(Media::clone(media)),
            FileState::Uploading | FileState::Failed(_) => content.awaiting.push(file.id),
        }
    }
}

/// The hour since 1970 that a time lies in.
pub(crate) fn hour_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(3_600)
}

//! Unknown outcomes: ask, never send.
//!
//! "Absent" is believed only when the platform's rule is met: asked often enough, far enough apart, and long enough after
//! the sender was over. The sender is over when its exchange ended or its process is gone, which is what moved the post
//! here (ADR 0004). A question that fails is no answer.

use std::sync::Arc;

use connectors::{Finding, Probe};
use domain::account::AccountHealth;
use domain::error::{ErrorKind, ErrorSummary, PlatformError, When};
use domain::intent::{Claim, Dedupe, DedupeMeans, IntentRecord, IntentState, Job};
use domain::part::RemotePost;
use domain::post::{Event, Phase, PostState};
use jiff::{SignedDuration, Timestamp};
use store::{AccountNote, Conflict, Release, Resume, Settlement};

use crate::context::{Desk, Halt, TakenByOthers};
use crate::points::CrashPoint;
use crate::scrub::scrub;
use crate::settle::{outcome_unknown, unsent};
use crate::{Engine, comment, record};

/// The longest wait between two questions.
const GAP_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Who wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The engine, by itself: a look at an unconfirmed post may find it, but never frees it to be sent again.
    Engine,
    /// A user who asked for a retry: an absence that can be believed frees it.
    User,
}

/// Asks about the oldest open intent of a claimed post and writes down what was found.
pub(crate) async fn ask(engine: &Engine, claim: Claim, desk: &mut Desk, asker: Asker) -> Result<PostState, Halt> {
    let Some(intent) = in_question(&claim, desk) else {
        return nothing_open(engine, claim, desk).await;
    };
    // A dead token cannot ask; a refresh that fails leaves the question to the next time.
    if let Err(error) = crate::refresh::ensure_fresh(engine, desk).await? {
        return failed_question(engine, claim, desk, &error).await;
    }
    match question(engine, &claim, desk, &intent).await? {
        Ok(Finding::Published(remote)) => adopt(engine, claim, desk, &intent, (remote, None)).await,
        // What hangs on a part names it by its id.
        Ok(Finding::Unnamed { stand_in, again_at }) if is_all_that_is_left(desk, &intent) => {
            adopt(engine, claim, desk, &intent, (stand_in, Some(again_at))).await
        }
        Ok(Finding::Unnamed { again_at, .. }) => still_processing(engine, claim, desk, again_at).await,
        Ok(Finding::StillProcessing { again_at }) => still_processing(engine, claim, desk, again_at).await,
        Ok(Finding::Absent) => absent(engine, claim, desk, (&intent, IntentState::Absent), asker).await,
        Ok(Finding::RepeatTells) => absent(engine, claim, desk, (&intent, IntentState::Untold), asker).await,
        Ok(Finding::CannotTell) => cannot_tell(engine, claim, desk, &intent).await,
        Err(error) => failed_question(engine, claim, desk, &error).await,
    }
}

/// The oldest intent whose outcome is to be asked for.
fn in_question(claim: &Claim, desk: &Desk) -> Option<IntentRecord> {
    let mut intents = desk.work.intents.iter();
    let open = intents.find(|intent| intent.state == IntentState::Open);
    let is_given_up = matches!(claim.found, PostState::Unconfirmed { .. });
    open.or_else(|| desk.work.untold().filter(|_| is_given_up)).cloned()
}

/// Asks the platform about an intent.
pub(crate) async fn question(
    engine: &Engine,
    claim: &Claim,
    desk: &Desk,
    intent: &IntentRecord,
) -> Result<Result<Finding, PlatformError>, Halt> {
    let taken = TakenByOthers {
        store: Arc::clone(&engine.store),
        account: desk.account.id,
        post: claim.post,
        part: intent.part,
    };
    let prior = desk.prior(intent.part);
    let ctx = desk.ctx(engine, claim, intent.part, &prior);
    let probe = Probe {
        part: intent.part,
        intent,
        parents: desk.live(),
        handle: desk.work.resume.as_ref(),
        taken: &taken,
    };
    let finding = desk.connector.check(&ctx, probe).await;
    engine.points.reach(CrashPoint::Asked, claim.platform)?;
    Ok(finding.map_err(|error| scrub(&desk.tokens, error)))
}

/// Whether the post is complete once this intent's part is live.
fn is_all_that_is_left(desk: &Desk, intent: &IntentRecord) -> bool {
    let is_open = |other: &IntentRecord| other.state == IntentState::Open && other.id != intent.id;
    desk.parts_left().iter().all(|part| *part == intent.part) && !desk.work.intents.iter().any(is_open)
}

/// The post was found: it is ours, and the parts after it may be sent. It is looked at again where a time for that is
/// given.
async fn adopt(
    engine: &Engine,
    claim: Claim,
    desk: &Desk,
    intent: &IntentRecord,
    (remote, next_look): (RemotePost, Option<Timestamp>),
) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    engine.stats.attempt(claim.platform, "adopted");
    let done = is_all_that_is_left(desk, intent);
    let head = desk.head().cloned().unwrap_or_else(|| remote.clone());
    let event = if done {
        Event::Published {
            at: now,
            remote: head,
            next_look,
        }
    } else {
        Event::MaySend { at: now }
    };
    let settlement = Settlement {
        state: IntentState::Published,
        remote: Some(remote.clone()),
        at: now,
        log: vec![record::succeeded(&claim, intent.part, &remote, now, None).with("found_by", "asking")],
    };
    let release = Release {
        intents: vec![(intent.id, settlement)],
        resume: Resume::Clear,
        // As where an answer came: a thread is a success when its last part is live.
        account: done.then(|| AccountNote {
            success_at: Some(now),
            ..AccountNote::default()
        }),
        ..unsent(event, now, Vec::new())
    };
    let again = matches!(claim.found, PostState::Reconciling { .. }).then(|| later(engine, &claim, now, false));
    release_or(engine, claim, release, again).await
}

/// Not there now, or only a repeat will tell: `freed` says which. Believed only when the platform's rule is met.
async fn absent(
    engine: &Engine,
    claim: Claim,
    desk: &Desk,
    (intent, freed): (&IntentRecord, IntentState),
    asker: Asker,
) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let rule = &desk.connector.capability().ask;
    // A record whose id we chose can be written again at any time: it stays one record. Nothing needs to settle first.
    let minted = Dedupe::exact(DedupeMeans::ClientMintedId);
    let believed = match (&claim.found, asker) {
        _ if intent.prepared.dedupe.first() == Some(&minted) => true,
        (PostState::Reconciling { since, asked, .. }, _) => {
            asked + 1 >= rule.ask_times && now.duration_since(*since) >= rule.settle_for
        }
        (PostState::Unconfirmed { since, .. }, Asker::User) => now.duration_since(*since) >= rule.settle_for,
        _ => return not_reconciling(engine, claim, now).await,
    };
    if !believed {
        if matches!(claim.found, PostState::Unconfirmed { .. }) {
            return not_reconciling(engine, claim, now).await;
        }
        if comment::is_overdue(desk, now) {
            return give_up(engine, claim, desk, true, now).await;
        }
        let event = later(engine, &claim, now, true);
        return Ok(engine.store.release(claim, unsent(event, now, Vec::new())).await?);
    }
    let entry = record::established(&claim, freed.word(), now);
    let settlement = Settlement {
        state: freed,
        remote: None,
        at: now,
        log: vec![entry],
    };
    // With another intent still open this one's absence frees nothing yet: that one is asked for next.
    let release = Release {
        intents: vec![(intent.id, settlement)],
        ..unsent(Event::MaySend { at: now }, now, Vec::new())
    };
    Ok(engine.store.release(claim, release).await?)
}

/// The platform cannot tell: at once when it never will, after its time when it might.
async fn cannot_tell(engine: &Engine, claim: Claim, desk: &Desk, intent: &IntentRecord) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let never = intent
        .prepared
        .dedupe
        .iter()
        .all(|d| matches!(d.means, DedupeMeans::None));
    match claim.found {
        PostState::Reconciling { give_up_at, .. } if never || is_over(desk, give_up_at, now) => {
            give_up(engine, claim, desk, !never, now).await
        }
        PostState::Reconciling { .. } => {
            let event = later(engine, &claim, now, false);
            Ok(engine.store.release(claim, unsent(event, now, Vec::new())).await?)
        }
        _ => not_reconciling(engine, claim, now).await,
    }
}

async fn failed_question(engine: &Engine, claim: Claim, desk: &Desk, error: &PlatformError) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let mut event = match claim.found {
        PostState::Reconciling { give_up_at, .. } if is_over(desk, give_up_at, now) => {
            return give_up(engine, claim, desk, true, now).await;
        }
        PostState::Reconciling { .. } => later(engine, &claim, now, false),
        _ => return not_reconciling(engine, claim, now).await,
    };
    if let (Event::StillUnknown { next_check, .. }, When::NotBefore(at)) = (&mut event, error.retry.when) {
        *next_check = at.max(*next_check);
    }
    let release = Release {
        account: Some(noted(desk, error, now)),
        ..unsent(event, now, Vec::new())
    };
    Ok(engine.store.release(claim, release).await?)
}

/// What a question that failed says of the account.
pub(crate) fn noted(desk: &Desk, error: &PlatformError, now: Timestamp) -> AccountNote {
    let health = match error.retry.when {
        When::AfterRefresh => Some(AccountHealth::RefreshNeeded),
        // Who may not read may post all the same: only a refused token says that the account needs a person.
        When::AfterReconnect if error.kind == ErrorKind::Auth => Some(AccountHealth::ReconnectNeeded),
        _ => None,
    };
    AccountNote {
        health,
        success_at: None,
        error: Some(error.summary(now)),
        of_version: Some(desk.account.token_version),
    }
}

/// Whether the time for asking is over.
fn is_over(desk: &Desk, give_up_at: Timestamp, now: Timestamp) -> bool {
    now >= give_up_at || comment::is_overdue(desk, now)
}

async fn give_up(
    engine: &Engine,
    claim: Claim,
    desk: &Desk,
    may_learn: bool,
    now: Timestamp,
) -> Result<PostState, Halt> {
    if let Some(end) = comment::given_up(&claim, desk, &comment::unknown(&claim), now) {
        return Ok(engine.store.release(claim, end).await?);
    }
    engine.stats.attempt(claim.platform, "unconfirmed");
    let summary = ErrorSummary::outcome_unknown(now);
    let entry = record::unconfirmed(&claim, &summary.message, now);
    let next_look = if may_learn {
        now.saturating_add(engine.settings.look_every).ok()
    } else {
        None
    };
    let event = Event::GaveUp {
        at: now,
        next_look,
        error: summary,
        parts: desk.parts_live(),
    };
    Ok(engine.store.release(claim, unsent(event, now, vec![entry])).await?)
}

/// What follows a question about a post that is not Reconciling: processing goes on or becomes unknown, a look ends.
async fn not_reconciling(engine: &Engine, claim: Claim, now: Timestamp) -> Result<PostState, Halt> {
    let event = match claim.found {
        PostState::Processing { .. } => outcome_unknown(claim.platform, now),
        PostState::Unconfirmed { since, .. } => {
            let goes_on = claim.job == Job::Look && now.duration_since(since) < engine.settings.look_for;
            let next_look = if goes_on {
                now.saturating_add(engine.settings.look_every).ok()
            } else {
                None
            };
            Event::Looked {
                next_look,
                remote: None,
            }
        }
        _ => Event::Looked {
            next_look: None,
            remote: None,
        },
    };
    Ok(engine.store.release(claim, unsent(event, now, Vec::new())).await?)
}

/// The platform is still working on it: waited for as long as there is patience, then it may never end.
async fn still_processing(engine: &Engine, claim: Claim, desk: &Desk, again_at: Timestamp) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let event = match claim.found {
        PostState::Processing { give_up_at, .. } if now < give_up_at => Event::Parked {
            phase: Phase::AfterSend,
            next_check: again_at,
            give_up_at,
        },
        PostState::Reconciling { give_up_at, .. } if is_over(desk, give_up_at, now) => {
            return give_up(engine, claim, desk, true, now).await;
        }
        PostState::Reconciling { .. } => Event::StillUnknown {
            next_check: again_at,
            absent: false,
        },
        _ => return not_reconciling(engine, claim, now).await,
    };
    Ok(engine.store.release(claim, unsent(event, now, Vec::new())).await?)
}

/// No intent is open: what is live is live, and the rest may be sent.
async fn nothing_open(engine: &Engine, claim: Claim, desk: &Desk) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let event = match (&claim.found, desk.parts_left().is_empty(), desk.head()) {
        (_, true, Some(head)) => Event::Published {
            at: now,
            remote: head.clone(),
            next_look: None,
        },
        (PostState::Unconfirmed { .. }, _, _) => Event::Looked {
            next_look: None,
            remote: None,
        },
        _ => Event::MaySend { at: now },
    };
    Ok(engine.store.release(claim, unsent(event, now, Vec::new())).await?)
}

/// When to ask next: further and further apart, but once exactly when the platform's settling time is over. Where only
/// the number of answers is still missing then, they are asked for at the platform's own interval: after a long outage
/// a post must not wait for its third answer as long as the outage was.
fn later(engine: &Engine, claim: &Claim, now: Timestamp, absent: bool) -> Event {
    let rule = &domain::capability::Capability::of(claim.platform).ask;
    let (since, asked) = match claim.found {
        PostState::Reconciling { since, asked, .. } => (since, asked),
        _ => (now, 0),
    };
    let settled_at = since.saturating_add(rule.settle_for).unwrap_or(Timestamp::MAX);
    let waited = now.duration_since(since).max(rule.ask_after);
    let gap = if absent && now >= settled_at && asked.saturating_add(1) < rule.ask_times {
        rule.ask_after
    } else {
        waited.saturating_mul(if asked == 0 { 1 } else { 2 }).min(GAP_MAX)
    };
    let jitter = engine.with_rng(|rng| rand::RngExt::random_range(rng, 0..=gap.as_millis().max(1) / 10));
    let next = now
        .saturating_add(gap.saturating_add(SignedDuration::from_millis_i128(jitter)))
        .unwrap_or(Timestamp::MAX);
    let next_check = if now < settled_at { next.min(settled_at) } else { next };
    Event::StillUnknown { next_check, absent }
}

/// Releases; when the remote post turns out to belong to another post of ours, the finding was not ours, and it goes on
/// with `again`.
pub(crate) async fn release_or(
    engine: &Engine,
    claim: Claim,
    release: Release,
    again: Option<Event>,
) -> Result<PostState, Halt> {
    let at = release.at;
    let taken_by_another = match release.intents.first() {
        Some((
            _,
            Settlement {
                remote: Some(remote), ..
            },
        )) => match claim.account {
            Some(account) => engine
                .store
                .remote_owner(account, &remote.id)
                .await?
                .is_some_and(|(post, _)| post != claim.post),
            None => false,
        },
        _ => false,
    };
    if let Some(again) = again.filter(|_| taken_by_another) {
        return Ok(engine.store.release(claim, unsent(again, at, Vec::new())).await?);
    }
    match engine.store.release(claim, release).await {
        Err(store::Error::Conflict(Conflict::IllegalTransition(illegal))) => {
            tracing::error!(%illegal, "a finding could not be written down");
            Err(Halt::LeaseLost)
        }
        other => Ok(other?),
    }
}

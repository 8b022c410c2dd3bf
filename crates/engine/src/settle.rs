//! The end of a claim: what became of a send, and what follows.

use domain::capability::Capability;
use domain::error::{ErrorSummary, Fate, PlatformError};
use domain::ids::IntentId;
use domain::intent::{Armed, Claim, IntentRecord, IntentState};
use domain::log::LogEntry;
use domain::part::{Part, PartsLive, RemotePost};
use domain::platform::Platform;
use domain::post::{Event, Phase, PostState};
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use store::{AccountNote, Conflict, Release, Resume, Settled, Settlement, Unsettled, Work};

use crate::context::{Desk, Halt};
use crate::points::CrashPoint;
use crate::{Engine, budgets, comment, doubt, record, refusal};

/// How long a settlement that the store did not take waits until it is tried again: at first, and at most.
const SETTLE_PAUSES: (SignedDuration, SignedDuration) =
    (SignedDuration::from_millis(100), SignedDuration::from_secs(2));

/// What the end of a part means for its post.
pub(crate) enum Step {
    /// The claim is released and the post is in this state.
    Ended(PostState),
    /// The part is live as this; the next one's turn.
    Continues(Claim, RemotePost),
}

/// The platform names the post. `refusal` is how it said so when this send made nothing and an earlier one did.
pub(crate) async fn settle_live(
    engine: &Engine,
    armed: Armed,
    desk: &Desk,
    remote: RemotePost,
    refusal: Option<&PlatformError>,
    (now, took): (Timestamp, SignedDuration),
) -> Result<Step, Halt> {
    let claim = armed.claim();
    let (platform, part, due) = (claim.platform, armed.part(), claim.due);
    let log = vec![record::succeeded(claim, part, &remote, now, Some(took))];
    let settlement = Settlement {
        state: IntentState::Published,
        remote: Some(remote.clone()),
        at: now,
        log,
    };
    let last = desk.parts_left().last() == Some(&part);
    let release = last.then(|| {
        let head = desk.head().cloned().unwrap_or_else(|| remote.clone());
        let note = AccountNote {
            success_at: Some(now),
            ..AccountNote::default()
        };
        let event = Event::Published {
            at: now,
            remote: head,
            next_look: None,
        };
        Release {
            account: Some(note),
            resume: Resume::Clear,
            ..sent(event, now, Vec::new())
        }
    });
    let settled = match settle_in_time(engine, armed, settlement, release).await? {
        Ok(settled) => settled,
        Err(Unsettled {
            error: store::Error::Conflict(Conflict::RemoteTaken),
            armed: Some(armed),
        }) => return settle_taken(engine, *armed, desk, refusal, (now, took)).await,
        Err(unsettled) => return Err(store::Error::from(unsettled).into()),
    };
    engine.stats.attempt(platform, "published");
    if part == Part::Head {
        engine.stats.late(now.duration_since(due));
    }
    match settled {
        Settled::Continues(claim) => Ok(Step::Continues(claim, remote)),
        Settled::Released(state) => Ok(Step::Ended(state)),
        Settled::Fenced(evidence) => {
            engine.note_evidence(platform, evidence);
            Err(Halt::LeaseLost)
        }
    }
}

/// What the platform named is another post of ours, so it says nothing good of this one. Where it refused this send, that
/// is what counts. Else nobody can tell what this send made.
async fn settle_taken(
    engine: &Engine,
    armed: Armed,
    desk: &Desk,
    refusal: Option<&PlatformError>,
    (now, took): (Timestamp, SignedDuration),
) -> Result<Step, Halt> {
    if let Some(refusal) = refusal {
        let refusal = refusal.clone().with_fate(Fate::NotPublished);
        // It has told, then: what an earlier send could have made is that other post.
        let told = settled(&desk.work.intents, IntentState::Absent, now);
        return settle_refusal(engine, armed, desk, &refusal, told, (now, took)).await;
    }
    settle_unconfirmed(engine, armed, desk, (IntentState::Open, Vec::new()), now).await
}

/// Nobody can tell whether the part is out there: `known` is what became of this send, and the earlier ones in doubt.
async fn settle_unconfirmed(
    engine: &Engine,
    armed: Armed,
    desk: &Desk,
    known: (IntentState, Vec<(IntentId, Settlement)>),
    now: Timestamp,
) -> Result<Step, Halt> {
    let claim = armed.claim();
    if comment::is_all_that_is_left(desk) {
        let error = comment::unknown(claim);
        return settle_lost_comment(engine, armed, desk, &error, now).await;
    }
    engine.stats.attempt(claim.platform, "unconfirmed");
    let error = ErrorSummary::outcome_unknown(now);
    let (state, earlier) = known;
    let settlement = Settlement {
        state,
        remote: None,
        at: now,
        log: vec![record::unconfirmed(claim, &error.message, now)],
    };
    let event = Event::GaveUp {
        at: now,
        next_look: None,
        error,
        parts: desk.parts_live(),
    };
    let mut release = sent(event, now, Vec::new());
    release.intents = earlier;
    ended(settle(engine, armed, settlement, Some(release)).await?)
}

pub(crate) async fn settle_processing(
    engine: &Engine,
    armed: Armed,
    handle: SecretBytes,
    again_at: Timestamp,
    now: Timestamp,
) -> Result<Step, Halt> {
    let settlement = Settlement {
        state: IntentState::Open,
        remote: None,
        at: now,
        log: Vec::new(),
    };
    let give_up_at = now
        .saturating_add(engine.settings.processing_max)
        .unwrap_or(Timestamp::MAX);
    let event = Event::Parked {
        phase: Phase::AfterSend,
        next_check: again_at,
        give_up_at,
    };
    let release = Release {
        resume: Resume::Set(handle),
        ..sent(event, now, Vec::new())
    };
    ended(settle(engine, armed, settlement, Some(release)).await?)
}

pub(crate) async fn settle_error(
    engine: &Engine,
    armed: Armed,
    desk: &Desk,
    prior: &[IntentRecord],
    error: &PlatformError,
    now: Timestamp,
    took: SignedDuration,
) -> Result<Step, Halt> {
    match &error.fate {
        Fate::NotPublished => settle_refusal(engine, armed, desk, error, Vec::new(), (now, took)).await,
        Fate::MayBePublished if comment::is_all_that_is_left(desk) && !comment::can_be_asked_for(armed.prepared()) => {
            settle_lost_comment(engine, armed, desk, error, now).await
        }
        Fate::MayBePublished => {
            engine.stats.attempt(armed.claim().platform, "unknown");
            let log = vec![record::unknown(armed.claim(), error, now)];
            let settlement = Settlement {
                state: IntentState::Open,
                remote: None,
                at: now,
                log,
            };
            let release = sent(outcome_unknown(armed.claim().platform, now), now, Vec::new());
            ended(settle(engine, armed, settlement, Some(release)).await?)
        }
        Fate::LandedEarlier { remote: Some(remote) } => {
            let remote = remote.clone();
            settle_live(engine, armed, desk, remote, Some(error), (now, took)).await
        }
        Fate::LandedEarlier { remote: None } => {
            // This send made nothing. An earlier one that was taken for absent did, or else a person posted the same.
            let earlier = reopened(prior, now);
            if earlier.is_empty() {
                return settle_refusal(engine, armed, desk, error, earlier, (now, took)).await;
            }
            if was_asked_since_a_refusal(prior) {
                return settle_unconfirmed(engine, armed, desk, (IntentState::NotPublished, earlier), now).await;
            }
            let log = vec![record::unknown(armed.claim(), error, now)];
            let settlement = Settlement {
                state: IntentState::NotPublished,
                remote: None,
                at: now,
                log,
            };
            let mut release = sent(outcome_unknown(armed.claim().platform, now), now, Vec::new());
            release.intents = earlier;
            ended(settle(engine, armed, settlement, Some(release)).await?)
        }
    }
}

/// The intents after which the same was sent again, to be asked about again.
pub(crate) fn reopened(intents: &[IntentRecord], at: Timestamp) -> Vec<(IntentId, Settlement)> {
    settled(intents, IntentState::Open, at)
}

/// The intents after which the same was sent again, of which this is known now.
fn settled(intents: &[IntentRecord], state: IntentState, at: Timestamp) -> Vec<(IntentId, Settlement)> {
    let settlement = || Settlement {
        state,
        remote: None,
        at,
        log: Vec::new(),
    };
    let freed = intents.iter().filter(|intent| intent.state.frees_a_repeat());
    freed.map(|intent| (intent.id, settlement())).collect()
}

/// Whether an intent freed a repeat again after a later send had been refused. That is what becomes of a refusal as
/// a duplicate that nothing can be found for; were it followed once more, it would be so for as long as the platform
/// remembers the text.
fn was_asked_since_a_refusal(intents: &[IntentRecord]) -> bool {
    let refused = || {
        intents
            .iter()
            .filter(|intent| intent.state == IntentState::NotPublished)
    };
    let mut freed = intents.iter().filter(|intent| intent.state.frees_a_repeat());
    freed.any(|freed| {
        let asked_since = |refused: &IntentRecord| freed.settled_at.is_some_and(|at| at > refused.recorded_at);
        refused().any(|refused| refused.recorded_at > freed.recorded_at && asked_since(refused))
    })
}

/// A refusal is known to have published nothing: it is tried again by the policy, or it ends here. `told` is what it said
/// of earlier sends.
async fn settle_refusal(
    engine: &Engine,
    armed: Armed,
    desk: &Desk,
    error: &PlatformError,
    told: Vec<(IntentId, Settlement)>,
    (now, took): (Timestamp, SignedDuration),
) -> Result<Step, Halt> {
    let settlement = Settlement {
        state: IntentState::NotPublished,
        remote: None,
        at: now,
        log: Vec::new(),
    };
    let mut release = sent(Event::Returned { at: now }, now, Vec::new());
    release.intents = told;
    refusal::decide(engine, armed.claim(), desk, error, &mut release, Some(took));
    ended(settle(engine, armed, settlement, Some(release)).await?)
}

/// A first comment whose outcome nobody will ever know: the post is live all the same.
async fn settle_lost_comment(
    engine: &Engine,
    armed: Armed,
    desk: &Desk,
    error: &PlatformError,
    now: Timestamp,
) -> Result<Step, Halt> {
    engine.stats.attempt(armed.claim().platform, "unknown");
    let settlement = Settlement {
        state: IntentState::Abandoned,
        remote: None,
        at: now,
        log: Vec::new(),
    };
    let mut release = comment::given_up(armed.claim(), desk, error, now).ok_or(Halt::LeaseLost)?;
    release.counts_as_attempt = true;
    ended(settle(engine, armed, settlement, Some(release)).await?)
}

async fn settle(
    engine: &Engine,
    armed: Armed,
    settlement: Settlement,
    release: Option<Release>,
) -> Result<Settled, Halt> {
    match settle_in_time(engine, armed, settlement, release).await? {
        Ok(settled) => Ok(settled),
        Err(unsettled) => Err(store::Error::from(unsettled).into()),
    }
}

/// Settles, again and again while the store does not answer: what a platform said must not be lost to a busy disk. Only
/// when the lease ends is the post somebody else's, who then has to ask. The inner error is any other of the store.
async fn settle_in_time(
    engine: &Engine,
    mut armed: Armed,
    settlement: Settlement,
    release: Option<Release>,
) -> Result<Result<Settled, Unsettled>, Halt> {
    let platform = armed.claim().platform;
    let lease_until = armed.send_by().plus(engine.settings.lease);
    let (mut pause, longest) = SETTLE_PAUSES;
    loop {
        let unsettled = match engine.store.settle(armed, settlement.clone(), release.clone()).await {
            Ok(settled) => {
                engine.points.reach(CrashPoint::Settled, platform)?;
                return Ok(Ok(settled));
            }
            Err(unsettled) => unsettled,
        };
        match unsettled {
            Unsettled {
                error: store::Error::Unavailable(why),
                armed: Some(back),
            } if engine.clock.boot() < lease_until => {
                tracing::warn!(post = %back.claim().post, %why, "an outcome could not be written down; trying again");
                armed = *back;
            }
            other => return Ok(Err(other)),
        }
        let now = engine.clock.now();
        engine.clock.sleep_until(now.saturating_add(pause).unwrap_or(now)).await;
        pause = pause.saturating_mul(2).min(longest);
    }
}

fn ended(settled: Settled) -> Result<Step, Halt> {
    match settled {
        Settled::Released(state) => Ok(Step::Ended(state)),
        // Every caller of this gave a release, so the claim cannot go on.
        Settled::Continues(_) | Settled::Fenced(_) => Err(Halt::LeaseLost),
    }
}

/// Ends a claim before its send with an error of prepare or refresh: tried again by the policy, or failed.
pub(crate) async fn end_unsent(
    engine: &Engine,
    claim: Claim,
    desk: &Desk,
    error: &PlatformError,
) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    budgets::after_preparation(engine, desk, error).await;
    let mut release = unsent(Event::Returned { at: now }, now, Vec::new());
    release.counts_as_attempt = true;
    // A preparation that finds its post live (a container that says "published") is evidence for an earlier send that
    // was taken for absent.
    let earlier = reopened(&desk.work.intents, now);
    if error.fate != Fate::NotPublished && !earlier.is_empty() {
        release.event = outcome_unknown(claim.platform, now);
        release.intents = earlier;
        release.log.push(record::unknown(&claim, error, now));
        return Ok(engine.store.release(claim, release).await?);
    }
    release.log.extend(desk.notes.iter().cloned());
    refusal::decide(engine, &claim, desk, error, &mut release, None);
    Ok(engine.store.release(claim, release).await?)
}

/// Ends a claim for good; what is live of it stays so.
pub(crate) async fn fail(engine: &Engine, claim: Claim, desk: &Desk, error: &PlatformError) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let Some(release) = comment::given_up(&claim, desk, error, now) else {
        return fail_with(engine, claim, &desk.work, error, desk.parts_live()).await;
    };
    engine.stats.attempt(claim.platform, "failed");
    let release = Release {
        counts_as_attempt: true,
        ..release
    };
    Ok(engine.store.release(claim, release).await?)
}

/// Ends a claim for good before anything of it was looked at closely.
pub(crate) async fn fail_unsent(
    engine: &Engine,
    claim: Claim,
    work: &Work,
    error: &PlatformError,
) -> Result<PostState, Halt> {
    fail_with(engine, claim, work, error, PartsLive::default()).await
}

async fn fail_with(
    engine: &Engine,
    claim: Claim,
    work: &Work,
    error: &PlatformError,
    parts: PartsLive,
) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let end = doubt::end(&claim, (work, Vec::new()), parts, error, (now, None));
    engine.stats.attempt(claim.platform, end.outcome());
    let release = Release {
        intents: end.intents,
        counts_as_attempt: true,
        resume: Resume::Clear,
        ..unsent(end.event, now, vec![end.entry])
    };
    Ok(engine.store.release(claim, release).await?)
}

pub(crate) async fn to_reconciling(engine: &Engine, claim: Claim, now: Timestamp) -> Result<PostState, Halt> {
    let event = outcome_unknown(claim.platform, now);
    Ok(engine.store.release(claim, unsent(event, now, Vec::new())).await?)
}

/// From now on the outcome is asked for, by the platform's rule.
pub(crate) fn outcome_unknown(platform: Platform, now: Timestamp) -> Event {
    let ask = &Capability::of(platform).ask;
    Event::OutcomeUnknown {
        at: now,
        next_check: now.saturating_add(ask.ask_after).unwrap_or(Timestamp::MAX),
        give_up_at: now.saturating_add(ask.give_up_after).unwrap_or(Timestamp::MAX),
    }
}

/// A release of a claim under which something was sent.
pub(crate) fn sent(event: Event, at: Timestamp, log: Vec<LogEntry>) -> Release {
    Release {
        event,
        intents: Vec::new(),
        resume: Resume::Clear,
        counts_as_attempt: true,
        account: None,
        log,
        at,
    }
}

/// A release of a claim under which nothing was sent.
pub(crate) fn unsent(event: Event, at: Timestamp, log: Vec<LogEntry>) -> Release {
    Release {
        event,
        intents: Vec::new(),
        resume: Resume::Keep,
        counts_as_attempt: false,
        account: None,
        log,
        at,
    }
}

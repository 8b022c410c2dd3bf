//! One post, from its claim to its release: claim → intent → send → settle. The file to read first.
//!
//! Every error here says whether a post may exist. What certainly does not exist may be tried again; what may exist goes
//! to [`crate::reconcile`], which only ever asks.

use std::sync::Arc;

use connectors::{Preparation, Sent};
use domain::account::AccountHealth;
use domain::capability::Capability;
use domain::content::Draft;
use domain::error::{ErrorKind, ErrorSummary, Fate, PlatformError, Stage};
use domain::ids::IntentId;
use domain::intent::{Armed, Claim, IntentRecord, IntentState, Job, Prepared};
use domain::log::LogEntry;
use domain::part::{Part, PartsLive, RemotePost};
use domain::platform::Platform;
use domain::post::{Event, Phase, PostState};
use domain::retry::Decision;
use domain::secret::SecretBytes;
use domain::validate::validate;
use jiff::{SignedDuration, Timestamp};
use store::{AccountNote, Conflict, NewIntent, Release, Resume, Settled, Settlement};

use crate::context::{Desk, Halt};
use crate::points::CrashPoint;
use crate::reconcile::Asker;
use crate::scrub::scrub;
use crate::{Engine, reconcile, record};

/// A repeatable step may say "go on at once" this often before it has to wait for its next turn.
const STEPS_PER_TURN_MAX: u32 = 200;

/// A post that waits for an identical one of its account looks again after this long.
const TWIN_WAIT: SignedDuration = SignedDuration::from_secs(2);

/// Works on a claim until it is released.
pub(crate) async fn run(engine: &Engine, claim: Claim, asker: Asker) -> Result<PostState, Halt> {
    let platform = claim.platform;
    engine.points.reach(CrashPoint::Claimed, platform)?;
    let work = engine.store.work(&claim).await?;
    let draft = Draft {
        platform,
        content: work.content.clone(),
    };
    let missing = |kind, message: String| PlatformError::refused(platform, Stage::Validate, kind, message);
    let Some(account) = work.account.clone() else {
        let message = format!(
            "{} account {} is not connected; connect it and retry",
            platform.name(),
            work.target
        );
        return fail_unsent(engine, claim, &missing(ErrorKind::AccountGone, message)).await;
    };
    let Some(connector) = engine.connectors.get(platform).map(Arc::clone) else {
        let message = format!("This server cannot publish to {} yet", platform.name());
        return fail_unsent(engine, claim, &missing(ErrorKind::OperatorConfig, message)).await;
    };
    let tokens = work.tokens.clone().unwrap_or_default();
    let mut desk = Desk {
        connector,
        account,
        tokens,
        draft,
        work,
    };
    match (claim.job, &claim.found) {
        (Job::Reconcile | Job::Look, _) => reconcile::ask(engine, claim, &mut desk, asker).await,
        (
            Job::Resume,
            PostState::Processing {
                phase: Phase::AfterSend,
                ..
            },
        ) => reconcile::ask(engine, claim, &mut desk, Asker::Engine).await,
        (Job::Publish | Job::Resume, _) => publish(engine, claim, &mut desk).await,
    }
}

/// Goes through the parts that are not live.
async fn publish(engine: &Engine, mut claim: Claim, desk: &mut Desk) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let late = now.duration_since(claim.due);
    if late > engine.settings.late_after && claim.attempt_no <= 1 && desk.work.intents.is_empty() {
        engine.stats.attempt(claim.platform, "missed");
        let entry = record::missed(&claim, late, now);
        return Ok(engine
            .store
            .release(claim, unsent(Event::Missed { at: now }, now, vec![entry]))
            .await?);
    }
    if desk.work.intents.iter().any(|intent| intent.state == IntentState::Open) {
        return to_reconciling(engine, claim, now).await;
    }
    if let Some(violation) = validate(&desk.draft, desk.connector.capability()).into_iter().next() {
        let error = violation.into_error(claim.platform);
        return fail_unsent(engine, claim, &error).await;
    }
    if let Err(error) = crate::refresh::ensure_fresh(engine, &claim, desk).await? {
        return end_unsent(engine, claim, desk, &error).await;
    }
    for part in desk.parts_left() {
        match publish_part(engine, claim, desk, part).await? {
            Step::Ended(state) => return Ok(state),
            Step::Continues(next, remote) => {
                claim = next;
                desk.work.live.push((part, remote));
                // What this part's preparation left is of no use to the next.
                desk.work.resume = None;
            }
        }
    }
    // Every part was live already: an adopted last part left only this to be said.
    let remote = desk
        .head()
        .cloned()
        .unwrap_or_else(|| RemotePost::visible(String::new(), None));
    let event = Event::Published {
        at: now,
        remote,
        next_look: None,
    };
    Ok(engine.store.release(claim, unsent(event, now, Vec::new())).await?)
}

enum Step {
    Ended(PostState),
    Continues(Claim, RemotePost),
}

async fn publish_part(engine: &Engine, claim: Claim, desk: &mut Desk, part: Part) -> Result<Step, Halt> {
    let prepared = match prepare(engine, claim, desk, part).await? {
        Ok((claim, prepared)) => (claim, prepared),
        Err(state) => return Ok(Step::Ended(state)),
    };
    let (claim, prepared) = prepared;
    let armed = match arm(engine, claim, desk, part, prepared).await? {
        Ok(armed) => armed,
        Err(state) => return Ok(Step::Ended(state)),
    };
    engine.points.reach(CrashPoint::IntentDurable, armed.claim().platform)?;
    let prior = desk.prior(part);
    let ctx = desk.ctx(engine, armed.claim(), part, &prior);
    let started = engine.clock.now();
    let sent = desk.connector.send(&ctx, &armed).await.map_err(|error| scrub(&desk.tokens, error));
    let now = engine.clock.now();
    engine.points.reach(CrashPoint::AnswerRead, armed.claim().platform)?;
    let took = now.duration_since(started);
    match sent {
        Ok(Sent::Live(remote)) => settle_live(engine, armed, desk, remote, now, took).await,
        Ok(Sent::Processing { handle, again_at }) => settle_processing(engine, armed, handle, again_at, now).await,
        Err(error) => settle_error(engine, armed, desk, &prior, &error, now, took).await,
    }
}

/// What was prepared before and is known unpublished is sent again byte for byte; everything else is prepared anew.
fn sent_before(desk: &Desk, part: Part) -> Option<Prepared> {
    let last = desk.work.intents.iter().rfind(|intent| intent.part == part)?;
    let again = last.state == IntentState::Absent && desk.connector.reads_prepared(last.prepared.version);
    again.then(|| last.prepared.clone())
}

async fn prepare(
    engine: &Engine,
    claim: Claim,
    desk: &mut Desk,
    part: Part,
) -> Result<Result<(Claim, Prepared), PostState>, Halt> {
    if let Some(prepared) = sent_before(desk, part) {
        return Ok(Ok((claim, prepared)));
    }
    for _ in 0..STEPS_PER_TURN_MAX {
        let prior = desk.prior(part);
        let ctx = desk.ctx(engine, &claim, part, &prior);
        let step = desk
            .connector
            .prepare(&ctx, &desk.draft, part, desk.live(), desk.work.resume.as_ref())
            .await
            .map_err(|error| scrub(&desk.tokens, error));
        engine.points.reach(CrashPoint::Prepared, claim.platform)?;
        let now = engine.clock.now();
        match step {
            Ok(Preparation::Ready(prepared)) => return Ok(Ok((claim, prepared))),
            Ok(Preparation::Working { handle, again_at }) if again_at <= now => {
                let lease = now.saturating_add(engine.settings.lease).unwrap_or(Timestamp::MAX);
                engine.store.checkpoint(&claim, Some(handle.clone()), lease).await?;
                desk.work.resume = Some(handle);
            }
            Ok(Preparation::Working { handle, again_at }) => {
                return park(engine, claim, handle, again_at, now).await.map(Err);
            }
            Err(error) => return end_unsent(engine, claim, desk, &error).await.map(Err),
        }
    }
    let now = engine.clock.now();
    let again = now
        .saturating_add(SignedDuration::from_secs(1))
        .unwrap_or(Timestamp::MAX);
    Ok(Err(engine
        .store
        .release(claim, unsent(Event::Returned { at: again }, now, Vec::new()))
        .await?))
}

async fn park(
    engine: &Engine,
    claim: Claim,
    handle: SecretBytes,
    again_at: Timestamp,
    now: Timestamp,
) -> Result<PostState, Halt> {
    let give_up_at = match claim.found {
        PostState::Processing { give_up_at, .. } => give_up_at,
        _ => now
            .saturating_add(engine.settings.processing_max)
            .unwrap_or(Timestamp::MAX),
    };
    if now >= give_up_at {
        let message = format!("{} did not finish processing in time", claim.platform.name());
        let error = PlatformError::refused(claim.platform, Stage::Prepare, ErrorKind::Timeout, message);
        return fail_unsent(engine, claim, &error).await;
    }
    let event = Event::Parked {
        phase: Phase::BeforeSend,
        next_check: again_at,
        give_up_at,
    };
    let release = Release {
        resume: Resume::Set(handle),
        ..unsent(event, now, Vec::new())
    };
    Ok(engine.store.release(claim, release).await?)
}

/// Makes the intent durable, or says why not now.
async fn arm(
    engine: &Engine,
    claim: Claim,
    desk: &Desk,
    part: Part,
    prepared: Prepared,
) -> Result<Result<Armed, PostState>, Halt> {
    // Read before the intent is asked for, so that the lease always covers the send.
    let send_by = engine.clock.boot().plus(prepared.budget);
    let now = engine.clock.now();
    let send_by_wall = now.saturating_add(prepared.budget).unwrap_or(Timestamp::MAX);
    let mut log = Vec::new();
    if !desk
        .work
        .intents
        .iter()
        .any(|intent| intent.recorded_at >= claim.claimed_at)
    {
        log.push(record::processing(&claim));
    }
    log.push(record::attempted(&claim, part, now));
    let intent = NewIntent {
        id: IntentId::from_bytes(engine.mint()),
        part,
        prepared,
        at: now,
        send_by: send_by_wall,
        lease_until: send_by_wall
            .saturating_add(engine.settings.lease)
            .unwrap_or(Timestamp::MAX),
        log,
    };
    match engine.store.record_intent(claim, intent, send_by).await {
        Ok(armed) => Ok(Ok(armed)),
        Err((Some(claim), store::Error::Conflict(Conflict::FingerprintBusy))) => {
            let at = now.saturating_add(TWIN_WAIT).unwrap_or(Timestamp::MAX);
            Ok(Err(engine
                .store
                .release(claim, unsent(Event::Returned { at }, now, Vec::new()))
                .await?))
        }
        Err((Some(claim), store::Error::Conflict(Conflict::EarlierIntentOpen))) => {
            to_reconciling(engine, claim, now).await.map(Err)
        }
        Err((_, error)) => Err(error.into()),
    }
}

async fn settle_live(
    engine: &Engine,
    armed: Armed,
    desk: &Desk,
    remote: RemotePost,
    now: Timestamp,
    took: SignedDuration,
) -> Result<Step, Halt> {
    let claim = armed.claim();
    let (platform, part) = (claim.platform, armed.part());
    engine.stats.attempt(platform, "published");
    if part == Part::Head {
        engine.stats.late(now.duration_since(claim.due));
    }
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
    match settle(engine, armed, settlement, release).await? {
        Settled::Continues(claim) => Ok(Step::Continues(claim, remote)),
        Settled::Released(state) => Ok(Step::Ended(state)),
        Settled::Fenced(evidence) => {
            engine.note_evidence(platform, evidence);
            Err(Halt::LeaseLost)
        }
    }
}

async fn settle_processing(
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

async fn settle_error(
    engine: &Engine,
    armed: Armed,
    desk: &Desk,
    prior: &[IntentRecord],
    error: &PlatformError,
    now: Timestamp,
    took: SignedDuration,
) -> Result<Step, Halt> {
    if armed.part() == Part::FirstComment {
        return settle_failed_comment(engine, armed, desk, error, now).await;
    }
    match &error.fate {
        Fate::NotPublished => settle_refusal(engine, armed, desk, error, now, took).await,
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
        Fate::LandedEarlier { remote } => {
            // This send made nothing. An earlier one that was taken for absent did, or else a person posted the same.
            let earlier = reopened(prior, now);
            if earlier.is_empty() {
                return settle_refusal(engine, armed, desk, error, now, took).await;
            }
            let log = vec![record::unknown(armed.claim(), error, now)];
            let settlement = Settlement {
                state: IntentState::NotPublished,
                remote: remote.clone(),
                at: now,
                log,
            };
            let mut release = sent(outcome_unknown(armed.claim().platform, now), now, Vec::new());
            release.intents = earlier;
            ended(settle(engine, armed, settlement, Some(release)).await?)
        }
    }
}

/// The intents that were taken for absent, to be asked about again.
fn reopened(intents: &[IntentRecord], at: Timestamp) -> Vec<(IntentId, Settlement)> {
    let open = || Settlement { state: IntentState::Open, remote: None, at, log: Vec::new() };
    let absent = intents.iter().filter(|intent| intent.state == IntentState::Absent);
    absent.map(|intent| (intent.id, open())).collect()
}

/// A refusal is known to have published nothing: it is tried again by the policy, or it ends here.
async fn settle_refusal(
    engine: &Engine,
    armed: Armed,
    desk: &Desk,
    error: &PlatformError,
    now: Timestamp,
    took: SignedDuration,
) -> Result<Step, Halt> {
    let settlement = Settlement {
        state: IntentState::NotPublished,
        remote: None,
        at: now,
        log: Vec::new(),
    };
    let mut release = sent(Event::Returned { at: now }, now, Vec::new());
    decide_refusal(engine, armed.claim(), desk, error, &mut release, Some(took));
    ended(settle(engine, armed, settlement, Some(release)).await?)
}

/// A failed first comment never changes a published post: it is recorded and left.
async fn settle_failed_comment(
    engine: &Engine,
    armed: Armed,
    desk: &Desk,
    error: &PlatformError,
    now: Timestamp,
) -> Result<Step, Halt> {
    let state = match error.fate {
        Fate::NotPublished => IntentState::NotPublished,
        Fate::MayBePublished | Fate::LandedEarlier { .. } => IntentState::Abandoned,
    };
    let log = vec![record::failed(armed.claim(), error, now, None).with("part", Part::FirstComment.number())];
    let settlement = Settlement {
        state,
        remote: None,
        at: now,
        log,
    };
    let remote = desk
        .head()
        .cloned()
        .unwrap_or_else(|| RemotePost::visible(String::new(), None));
    let event = Event::Published {
        at: now,
        remote,
        next_look: None,
    };
    let release = Release {
        resume: Resume::Clear,
        ..sent(event, now, Vec::new())
    };
    ended(settle(engine, armed, settlement, Some(release)).await?)
}

async fn settle(
    engine: &Engine,
    armed: Armed,
    settlement: Settlement,
    release: Option<Release>,
) -> Result<Settled, Halt> {
    let platform = armed.claim().platform;
    let settled = engine.store.settle(armed, settlement, release).await?;
    engine.points.reach(CrashPoint::Settled, platform)?;
    Ok(settled)
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
    decide_refusal(engine, &claim, desk, error, &mut release, None);
    Ok(engine.store.release(claim, release).await?)
}

/// Fills in what follows a certain "not published".
fn decide_refusal(
    engine: &Engine,
    claim: &Claim,
    desk: &Desk,
    error: &PlatformError,
    release: &mut Release,
    took: Option<SignedDuration>,
) {
    let now = release.at;
    let decision = engine.with_rng(|rng| engine.settings.retry.decide(error, claim.retries, now, rng));
    let summary = error.summary(now);
    let (event, entry, health) = match decision {
        Decision::RetryAt(at) => (
            Event::RetryAt {
                at,
                error: summary.clone(),
            },
            record::retrying(claim, error, now, at),
            None,
        ),
        Decision::Refresh => (
            Event::RetryAt {
                at: now,
                error: summary.clone(),
            },
            record::retrying(claim, error, now, now),
            Some(AccountHealth::RefreshNeeded),
        ),
        Decision::Fail | Decision::Reconcile => {
            let health = (error.kind == ErrorKind::Auth).then_some(AccountHealth::ReconnectNeeded);
            let event = Event::Failed {
                at: now,
                error: summary.clone(),
                parts: desk.parts_live(),
            };
            (event, record::failed(claim, error, now, took), health)
        }
    };
    let outcome = if matches!(event, Event::Failed { .. }) {
        "failed"
    } else {
        "retry"
    };
    engine.stats.attempt(claim.platform, outcome);
    if error.kind == ErrorKind::RateLimited
        && let Event::RetryAt { at, .. } = event
    {
        engine.rest(claim.account, at);
    }
    release.resume = match error.retry.from {
        domain::error::From::Send => Resume::Keep,
        domain::error::From::Prepare => Resume::Clear,
    };
    release.account = Some(AccountNote {
        health,
        success_at: None,
        error: Some(summary),
    });
    release.event = event;
    release.log.push(entry);
}

/// Ends a claim for good before anything of it was looked at closely.
async fn fail_unsent(engine: &Engine, claim: Claim, error: &PlatformError) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    engine.stats.attempt(claim.platform, "failed");
    let entry = record::failed(&claim, error, now, None);
    let event = Event::Failed {
        at: now,
        error: error.summary(now),
        parts: PartsLive::default(),
    };
    let release = Release {
        counts_as_attempt: true,
        resume: Resume::Clear,
        ..unsent(event, now, vec![entry])
    };
    Ok(engine.store.release(claim, release).await?)
}

async fn to_reconciling(engine: &Engine, claim: Claim, now: Timestamp) -> Result<PostState, Halt> {
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

/// The error that an unconfirmed post shows.
pub(crate) fn unknown_summary(at: Timestamp) -> ErrorSummary {
    ErrorSummary {
        kind: ErrorKind::Unknown,
        code: Some("PUBLISH_OUTCOME_UNKNOWN".to_owned()),
        message:
            "The platform may have published this post and cannot tell; look at the account before sending it again"
                .to_owned(),
        raw: None,
        http_status: None,
        at,
    }
}

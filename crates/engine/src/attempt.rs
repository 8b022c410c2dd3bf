//! One post, from its claim to its release: claim → intent → send → settle. The file to read first.
//!
//! Every error here says whether a post may exist. What certainly does not exist may be tried again; what may exist goes
//! to [`crate::reconcile`], which only ever asks.

use std::sync::Arc;

use connectors::{Preparation, Sent};
use domain::capability::Capability;
use domain::content::Draft;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::ids::{IntentId, PostId};
use domain::intent::{Armed, Claim, IntentState, Job, Prepared};
use domain::part::{Part, RemotePost};
use domain::post::{Event, Phase, PostState};
use domain::secret::SecretBytes;
use domain::validate::validate;
use jiff::{SignedDuration, Timestamp};
use store::{Conflict, NewIntent, Release, Resume};

use crate::context::{Desk, Halt};
use crate::points::CrashPoint;
use crate::reconcile::Asker;
use crate::scrub::scrub;
use crate::settle::{
    Step, end_unsent, fail, fail_unsent, settle_error, settle_live, settle_processing, to_reconciling, unsent,
};
use crate::uploads::await_files;
use crate::{Engine, budgets, comment, darkroom, look, reconcile, record};

/// A repeatable step may say "go on at once" this often before it has to wait for its next turn.
const STEPS_PER_TURN_MAX: u32 = 200;

/// A post that waits for an identical one of its account looks again after this long.
const TWIN_WAIT: SignedDuration = SignedDuration::from_secs(2);

/// The same when a person has to decide what became of that one.
const PERSON_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// What a post says that waits for a person to decide about an identical one.
const BEHIND_UNCONFIRMED: &str = "BEHIND_UNCONFIRMED_POST";

/// Works on a claim until it is released.
pub(crate) async fn run(engine: &Engine, claim: Claim, asker: Asker) -> Result<PostState, Halt> {
    let platform = claim.platform;
    engine.points.reach(CrashPoint::Claimed, platform)?;
    let work = engine.store.work(&claim).await?;
    let draft = Draft::of(platform, work.content.clone());
    let missing = |kind, message: String| PlatformError::refused(platform, Stage::Validate, kind, message);
    let Some(account) = work.account.clone() else {
        let message = format!(
            "{} account {} is not connected; connect it and retry",
            platform.name(),
            work.target
        );
        return fail_unsent(engine, claim, &work, &missing(ErrorKind::AccountGone, message)).await;
    };
    let Some(connector) = engine.connectors.get(platform).map(Arc::clone) else {
        // What would be refused anyway is said first: a server that publishes there would say the same.
        if let Some(violation) = validate(&draft, Capability::of(platform)).into_iter().next() {
            return fail_unsent(engine, claim, &work, &violation.into_error(platform)).await;
        }
        let message = format!("This server cannot publish to {} yet", platform.name());
        return fail_unsent(engine, claim, &work, &missing(ErrorKind::OperatorConfig, message)).await;
    };
    let tokens = work.tokens.clone().unwrap_or_default();
    let meter = budgets::meter(engine);
    let own = engine.http_at(account.identity.base_url.as_deref());
    let http = meter.as_ref().map(|meter| own.metered(Arc::clone(meter)));
    let mut desk = Desk {
        http: http.unwrap_or_else(|| own.clone()),
        meter,
        connector,
        account,
        tokens,
        draft,
        work,
        notes: Vec::new(),
    };
    match (claim.job, &claim.found) {
        (Job::Look, PostState::Published { .. }) => look::look(engine, claim, &mut desk).await,
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
    // What waits for its own files is late by its time, however often it looks for them.
    let late = if desk.draft.content.awaiting.is_empty() {
        claim.found.late_by(now)
    } else {
        now.duration_since(claim.due)
    };
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
    if !desk.draft.content.awaiting.is_empty() {
        return await_files(engine, claim, &desk.work).await;
    }
    if let Err(error) = darkroom::develop(engine, &claim, desk).await? {
        return end_unsent(engine, claim, desk, &error).await;
    }
    if let Some(violation) = validate(&desk.draft, desk.connector.capability()).into_iter().next() {
        let error = violation.into_error(claim.platform);
        return fail(engine, claim, desk, &error).await;
    }
    if let Err(error) = crate::refresh::ensure_fresh(engine, desk).await? {
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

async fn publish_part(engine: &Engine, claim: Claim, desk: &mut Desk, part: Part) -> Result<Step, Halt> {
    if let Some(wait) = budgets::wait(engine, &claim, desk, part).await? {
        return budgets::pause(engine, claim, desk, wait).await.map(Step::Ended);
    }
    let prepared = match prepare(engine, claim, desk, part).await? {
        Ok((claim, prepared)) => (claim, prepared),
        Err(state) => return Ok(Step::Ended(state)),
    };
    let (claim, prepared) = prepared;
    let _in_use = crate::refresh::hold(engine, desk).await?;
    let armed = match arm(engine, claim, desk, part, prepared).await? {
        Ok(armed) => armed,
        Err(state) => return Ok(Step::Ended(state)),
    };
    engine.points.reach(CrashPoint::IntentDurable, armed.claim().platform)?;
    let prior = desk.prior(part);
    let ctx = desk.ctx(engine, armed.claim(), part, &prior);
    let started = engine.clock.now();
    let sent = desk
        .connector
        .send(&ctx, &armed)
        .await
        .map_err(|error| scrub(&desk.tokens, error));
    let now = engine.clock.now();
    engine.points.reach(CrashPoint::AnswerRead, armed.claim().platform)?;
    let took = now.duration_since(started);
    let error = sent.as_ref().err().cloned();
    let step = match sent {
        Ok(Sent::Live(remote)) => settle_live(engine, armed, desk, remote, None, (now, took)).await,
        Ok(Sent::Processing { handle, again_at }) => settle_processing(engine, armed, handle, again_at, now).await,
        Err(error) => settle_error(engine, armed, desk, &prior, &error, now, took).await,
    };
    // The answer comes first: what is learned from it of limits comes again with the next one.
    if !matches!(step, Err(Halt::Stopped)) {
        budgets::after_send(engine, desk, part, error.as_ref()).await;
    }
    step
}

/// What was prepared before and may be sent again is sent byte for byte; everything else is prepared anew. For as long as
/// only a repeat tells, nothing but the repeat is sent: anything else might come to lie beside it.
fn sent_before(desk: &Desk, part: Part) -> Option<Prepared> {
    let mut of_part = desk.work.intents.iter().filter(|intent| intent.part == part).rev();
    let last = of_part.next()?;
    let again = match last.state {
        state if state.frees_a_repeat() => Some(last),
        IntentState::NotPublished => of_part.find(|intent| intent.state == IntentState::Untold),
        _ => None,
    };
    let again = again.filter(|intent| desk.connector.reads_prepared(intent.prepared.version));
    again.map(|intent| intent.prepared.clone())
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
    if desk.work.resume.is_none()
        && let Some(wait) = budgets::begin(engine, &claim, desk, part).await?
    {
        return budgets::pause(engine, claim, desk, wait).await.map(Err);
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
                return park(engine, claim, desk, handle, again_at).await.map(Err);
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
    desk: &Desk,
    handle: SecretBytes,
    again_at: Timestamp,
) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let give_up_at = match claim.found {
        PostState::Processing { give_up_at, .. } => give_up_at,
        _ => now
            .saturating_add(engine.settings.processing_max)
            .unwrap_or(Timestamp::MAX),
    };
    if now >= give_up_at {
        let message = format!("{} did not finish processing in time", claim.platform.name());
        let error = PlatformError::refused(claim.platform, Stage::Prepare, ErrorKind::Timeout, message);
        return fail(engine, claim, desk, &error).await;
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
    desk: &mut Desk,
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
    log.append(&mut desk.notes);
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
        budgets: budgets::ask(engine, &claim, desk, part, budgets::Step::Sending),
        log,
    };
    match engine.store.record_intent(claim, intent, send_by).await {
        Ok(armed) => Ok(Ok(armed)),
        Err((Some(claim), store::Error::Conflict(Conflict::FingerprintBusy { post, is_unconfirmed }))) => {
            if is_unconfirmed {
                wait_for_person(engine, claim, desk, post).await.map(Err)
            } else {
                let at = now.saturating_add(TWIN_WAIT).unwrap_or(Timestamp::MAX);
                let event = claim.found.put_back(at);
                Ok(Err(engine.store.release(claim, unsent(event, now, Vec::new())).await?))
            }
        }
        Err((Some(claim), store::Error::Conflict(Conflict::BudgetSpent(wait)))) => {
            budgets::pause(engine, claim, desk, wait).await.map(Err)
        }
        Err((Some(claim), store::Error::Conflict(Conflict::EarlierIntentOpen))) => {
            to_reconciling(engine, claim, now).await.map(Err)
        }
        Err((Some(claim), store::Error::LeaseLost)) => {
            // Its group or its account went meanwhile: given back at once, the store ends it by what of it is live.
            let back = unsent(Event::Returned { at: now }, now, Vec::new());
            Ok(Err(engine.store.release(claim, back).await?))
        }
        Err((_, error)) => Err(error.into()),
    }
}

/// A post waits behind an identical one whose outcome nobody knows: said once, and looked at now and then.
async fn wait_for_person(engine: &Engine, claim: Claim, desk: &Desk, twin: PostId) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let message =
        format!("This waits behind the identical post {twin}, whose outcome nobody knows; decide that one first");
    let error = PlatformError::refused(claim.platform, Stage::Validate, ErrorKind::DuplicateContent, message)
        .with_code(BEHIND_UNCONFIRMED);
    if comment::is_all_that_is_left(desk) {
        return fail(engine, claim, desk, &error).await;
    }
    let at = now.saturating_add(PERSON_WAIT).unwrap_or(Timestamp::MAX);
    let known = match &claim.found {
        PostState::Waiting { error: Some(known), .. } => known.code.as_deref(),
        _ => None,
    };
    let log = match known {
        Some(BEHIND_UNCONFIRMED) => Vec::new(),
        _ => vec![record::held_back(&claim, &error, now, at)],
    };
    let event = Event::Paused {
        at,
        error: error.summary(now),
    };
    Ok(engine.store.release(claim, unsent(event, now, log)).await?)
}

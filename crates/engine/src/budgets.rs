//! Budgets on the way of a post: what a part takes of its platform's quotas, who waits, and what answers teach.
//!
//! What a send takes is charged in the transaction that makes its intent durable; what a preparation takes, before its
//! first step. What cannot be charged waits for its place in the budget's queue, and says so in its history. A refusal
//! for too many calls closes the budget for everybody until the platform's own instant.

use std::sync::Arc;

use connectors::quota::{Hint, Meter};
use domain::budget::{Charge, Told};
use domain::capability::{Capability, Quota, Scope, quotas};
use domain::error::{ErrorKind, Fate, PlatformError, Stage, When};
use domain::intent::Claim;
use domain::part::Part;
use domain::post::{Event, PostState};
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use store::{BudgetAsk, BudgetNote, BudgetWait};

use crate::context::{Desk, Halt};
use crate::settings::StatedQuota;
use crate::settle::{self, unsent};
use crate::{Engine, comment, record};

/// How long a budget is closed by a refusal that names no time (Google and TikTok advise a minute, the others less).
const UNTOLD_PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// Calls of different accounts that waited for their app's budget come this far apart.
const APP_GAP: SignedDuration = SignedDuration::from_secs(1);

/// Which of a platform's quotas are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Those that uploads and containers take.
    Preparing,
    /// Those that the irreversible call takes.
    Sending,
}

/// Keeps what answers say of limits; `None` when nobody wants to know.
pub(crate) fn meter(engine: &Engine) -> Option<Arc<Meter>> {
    engine.settings.rate_budgets.then(Arc::default)
}

/// What this step of a part takes; nothing when budgets are off or nothing limits it.
pub(crate) fn ask(engine: &Engine, claim: &Claim, desk: &Desk, part: Part, step: Step) -> BudgetAsk {
    ask_for(engine, claim, charges(engine, desk, part, step))
}

fn ask_for(engine: &Engine, claim: &Claim, charges: Vec<(&'static Quota, Charge)>) -> BudgetAsk {
    if charges.is_empty() {
        return BudgetAsk::default();
    }
    BudgetAsk {
        charges: charges.into_iter().map(|(_, charge)| charge).collect(),
        in_turn: claim.found.is_in_turn(),
        jitter: engine.with_rng(|rng| rng.random_range(0..1_000)),
    }
}

fn charges(engine: &Engine, desk: &Desk, part: Part, step: Step) -> Vec<(&'static Quota, Charge)> {
    if !engine.settings.rate_budgets {
        return Vec::new();
    }
    let of_step = quotas(desk.draft.platform)
        .iter()
        .filter(|quota| quota.counts.is_preparation() == (step == Step::Preparing));
    of_step
        .filter_map(|quota| {
            let weight = desk.connector.weight(quota, &desk.draft, part);
            (weight > 0).then(|| (quota, charge(engine, desk, quota, weight)))
        })
        .collect()
}

fn charge(engine: &Engine, desk: &Desk, quota: &'static Quota, weight: u32) -> Charge {
    let platform = desk.draft.platform;
    let stated = engine
        .settings
        .quotas
        .iter()
        .find(|stated| stated.is_about(platform, quota));
    Charge {
        key: key(desk, quota),
        most: stated.map_or(quota.most, |stated| stated.most),
        is_stated: stated.is_some(),
        window: stated.and_then(|stated| stated.window).unwrap_or(quota.window),
        weight,
        gap: match quota.scope {
            Scope::Account => Capability::of(platform).pace.catch_up_gap,
            Scope::App => APP_GAP,
        },
        queues: quota.scope == Scope::Account,
    }
}

/// `platform/scope/subject/quota`: accounts by the platform's own id, so that two owners of one account share it.
fn key(desk: &Desk, quota: &Quota) -> String {
    let (platform, identity) = (desk.draft.platform.word(), &desk.account.identity);
    let subject = match (quota.scope, &identity.base_url) {
        (Scope::App, _) => desk.connector.app_of(&desk.tokens).to_owned(),
        (Scope::Account, None) => identity.remote_id.clone(),
        (Scope::Account, Some(home)) => format!("{}@{home}", identity.remote_id),
    };
    format!("{platform}/{}/{subject}/{}", quota.scope.word(), quota.name)
}

/// Has a part wait when a budget does not allow its send now. Nothing is charged.
pub(crate) async fn wait(engine: &Engine, claim: &Claim, desk: &Desk, part: Part) -> Result<Option<BudgetWait>, Halt> {
    let charges = charges(engine, desk, part, Step::Sending);
    if charges.is_empty() {
        return Ok(None);
    }
    let now = engine.clock.now();
    let limited = charges
        .iter()
        .find(|(quota, _)| quota.scope == Scope::Account && quota.most.is_some());
    if let Some((_, charge)) = limited {
        ask_platform(engine, claim, desk, part, &charge.key, now).await?;
    }
    let ask = ask_for(engine, claim, charges);
    Ok(engine.store.wait_for_budgets(ask, now).await?)
}

/// Asks a platform that tells its limits, once what it said last of this budget has run out.
async fn ask_platform(
    engine: &Engine,
    claim: &Claim,
    desk: &Desk,
    part: Part,
    key: &str,
    now: Timestamp,
) -> Result<(), Halt> {
    if !desk.connector.tells_limits() {
        return Ok(());
    }
    let known = engine.store.budget(key).await?;
    if known.is_some_and(|budget| budget.is_told(now)) {
        return Ok(());
    }
    let ctx = desk.ctx(engine, claim, part, &[]);
    // A platform that does not say is asked again for the next post; the documented quota holds meanwhile.
    if let Ok(hints) = desk.connector.ask_limits(&ctx).await {
        note(engine, told(desk, &hints), now).await;
    }
    Ok(())
}

/// Charges the preparation of a part, or has it wait.
pub(crate) async fn begin(engine: &Engine, claim: &Claim, desk: &Desk, part: Part) -> Result<Option<BudgetWait>, Halt> {
    let ask = ask(engine, claim, desk, part, Step::Preparing);
    if ask.charges.is_empty() {
        return Ok(None);
    }
    Ok(engine.store.spend_budgets(ask, engine.clock.now()).await?)
}

/// Parks a post until its place in the queue. A post that is live does not wait long for its first comment.
pub(crate) async fn pause(engine: &Engine, claim: Claim, desk: &Desk, wait: BudgetWait) -> Result<PostState, Halt> {
    let (now, platform) = (engine.clock.now(), claim.platform);
    let name = wait.key.rsplit('/').next().unwrap_or_default();
    let message = format!(
        "{platform} allows no more just now (budget '{name}'); this goes out at {}",
        wait.until
    );
    let error = PlatformError::refused(platform, Stage::Validate, ErrorKind::RateLimited, message);
    if comment::awaited_until(desk, now).is_some_and(|until| wait.until > until) {
        return settle::fail(engine, claim, desk, &error).await;
    }
    let entry = record::paused(&claim, name, &error, now, wait.until);
    engine.stats.attempt(platform, "paused");
    let event = Event::Paused {
        at: wait.until,
        error: error.summary(now),
    };
    Ok(engine.store.release(claim, unsent(event, now, vec![entry])).await?)
}

/// Notes what the answers of a send said, what was never sent, and a refusal for too many calls.
pub(crate) async fn after_send(engine: &Engine, desk: &Desk, part: Part, error: Option<&PlatformError>) {
    let Some(now) = learning(engine, desk) else {
        return;
    };
    let charges = charges(engine, desk, part, Step::Sending);
    let mut notes = heard(desk, now);
    if let Some(error) = error.filter(|error| error.fate == Fate::NotPublished) {
        let never_sent = error.http_status.is_none();
        let back = charges
            .iter()
            .filter(|(quota, _)| never_sent || !quota.counts_refusals)
            .map(|(_, charge)| BudgetNote::NeverSent(charge.clone()));
        notes.extend(back);
        let closes = |(quota, _): &&(&'static Quota, Charge)| closes(desk, error, quota);
        notes.extend(
            charges
                .iter()
                .find(closes)
                .and_then(|(quota, _)| closing(engine, desk, quota, error, now)),
        );
    }
    note(engine, notes, now).await;
}

/// The same after a preparation that failed.
pub(crate) async fn after_preparation(engine: &Engine, desk: &Desk, error: &PlatformError) {
    let Some(now) = learning(engine, desk).filter(|_| error.stage == Stage::Prepare) else {
        return;
    };
    let mut notes = heard(desk, now);
    let mut all: Vec<_> = quotas(desk.draft.platform)
        .iter()
        .filter(|quota| closes(desk, error, quota))
        .collect();
    // Uploads have a budget of their own where a platform says so; else the budget of posts stands for all calls.
    all.sort_by_key(|quota| !quota.counts.is_preparation());
    notes.extend(all.first().and_then(|quota| closing(engine, desk, quota, error, now)));
    note(engine, notes, now).await;
}

fn learning(engine: &Engine, desk: &Desk) -> Option<Timestamp> {
    desk.meter.as_ref().map(|_| engine.clock.now())
}

/// Whether a refusal for too many calls is about this quota's scope.
fn closes(desk: &Desk, error: &PlatformError, quota: &Quota) -> bool {
    let scope = if desk.connector.is_about_app(error) {
        Scope::App
    } else {
        Scope::Account
    };
    error.kind.is_limit() && quota.scope == scope
}

fn closing(
    engine: &Engine,
    desk: &Desk,
    quota: &'static Quota,
    error: &PlatformError,
    now: Timestamp,
) -> Option<BudgetNote> {
    let until = match error.retry.when {
        When::NotBefore(at) => at,
        When::After(wait) => now.saturating_add(wait).ok()?,
        When::Backoff => now.saturating_add(UNTOLD_PAUSE).ok()?,
        // An operator or a person has to do something first: waiting does not help.
        When::Never | When::AfterRefresh | When::AfterReconnect => return None,
    };
    let longest = now.saturating_add(engine.settings.retry.longest_wait).ok()?;
    Some(note_of(
        desk,
        quota,
        Hint::closed(quota.scope, quota.name, until.min(longest)).told,
    ))
}

fn note_of(desk: &Desk, quota: &'static Quota, told: Told) -> BudgetNote {
    BudgetNote::Told {
        key: key(desk, quota),
        window: quota.window,
        told,
    }
}

/// What the answers since the last time said.
fn heard(desk: &Desk, now: Timestamp) -> Vec<BudgetNote> {
    let seen = desk.meter.as_ref().map(|meter| meter.take()).unwrap_or_default();
    let mut hints: Vec<Hint> = seen.iter().flat_map(|seen| desk.connector.hints(seen, now)).collect();
    let limited = seen.iter().rfind(|seen| seen.answer.status == 429);
    let first = quotas(desk.draft.platform)
        .iter()
        .find(|quota| quota.scope == Scope::Account);
    if let (Some(until), Some(quota)) = (limited.and_then(|seen| seen.retry_after(now)), first) {
        hints.push(Hint::closed(quota.scope, quota.name, until));
    }
    told(desk, &hints)
}

fn told(desk: &Desk, hints: &[Hint]) -> Vec<BudgetNote> {
    let known = quotas(desk.draft.platform);
    let of = |hint: &Hint| {
        let is_meant = |quota: &&Quota| quota.scope == hint.scope && quota.name == hint.quota;
        known.iter().find(is_meant).map(|quota| note_of(desk, quota, hint.told))
    };
    hints.iter().filter_map(of).collect()
}

/// What could not be noted is learned again from the next answer; the post itself goes on.
async fn note(engine: &Engine, notes: Vec<BudgetNote>, now: Timestamp) {
    if notes.is_empty() {
        return;
    }
    if let Err(error) = engine.store.note_budgets(notes, now).await {
        tracing::warn!(%error, "what a platform said of its limits could not be noted");
    }
}

impl StatedQuota {
    fn is_about(&self, platform: domain::platform::Platform, quota: &Quota) -> bool {
        self.platform == platform && self.name == quota.name
    }
}

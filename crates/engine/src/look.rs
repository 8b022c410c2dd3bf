//! Looking at a published post again: that it is live is known before some platforms tell under which id.
//!
//! A look only ever learns. That a platform does not answer, or does not find the post, takes nothing back.

use connectors::Finding;
use domain::error::When;
use domain::intent::{Claim, IntentRecord, IntentState};
use domain::part::{Part, RemotePost};
use domain::post::{Event, PostState};
use jiff::{SignedDuration, Timestamp};
use store::{Release, Settlement};

use crate::context::{Desk, Halt};
use crate::reconcile::{noted, question, release_or};
use crate::settle::unsent;
use crate::{Engine, record, refresh};

/// The shortest wait after a look that a platform did not answer.
const GAP_MIN: SignedDuration = SignedDuration::from_secs(10);

/// A post is never asked about more often than after a part of the time for which it has been live: this part of it.
const PATIENCE_PARTS: i32 = 10;

/// Asks for the id of the part that is known by a stand-in only, and writes down what was learned.
pub(crate) async fn look(engine: &Engine, claim: Claim, desk: &mut Desk) -> Result<PostState, Halt> {
    let Some(intent) = unnamed(desk) else {
        return up_to_date(engine, claim, desk).await;
    };
    let finding = match refresh::ensure_fresh(engine, desk).await? {
        Ok(()) => question(engine, &claim, desk, &intent).await?,
        Err(error) => Err(error),
    };
    let now = engine.clock.now();
    let mut next_look = later(engine, &claim, now);
    let mut account = None;
    match finding {
        Ok(Finding::Published(remote)) if remote.is_stand_in => next_look = None,
        Ok(Finding::Published(remote)) => return named(engine, claim, &intent, remote, now).await,
        Ok(Finding::Unnamed { again_at, .. } | Finding::StillProcessing { again_at }) => {
            next_look = next_look.map(|_| again_at.max(soonest(&claim, now)));
        }
        Ok(Finding::Absent | Finding::RepeatTells | Finding::CannotTell) => {}
        Err(error) => {
            if let When::NotBefore(at) = error.retry.when {
                next_look = next_look.map(|later| later.max(at));
            }
            account = Some(noted(desk, &error, now));
        }
    }
    let event = Event::Looked {
        next_look,
        remote: None,
    };
    let release = Release {
        account,
        ..unsent(event, now, Vec::new())
    };
    Ok(engine.store.release(claim, release).await?)
}

/// The intent whose post has no id of its platform's yet.
fn unnamed(desk: &Desk) -> Option<IntentRecord> {
    let part = desk.unnamed()?;
    let of_it = |intent: &&IntentRecord| intent.part == part && intent.state == IntentState::Published;
    desk.work.intents.iter().rfind(of_it).cloned()
}

/// Everything is known, as when a late answer told it: the post shows what is known.
async fn up_to_date(engine: &Engine, claim: Claim, desk: &Desk) -> Result<PostState, Halt> {
    let event = Event::Looked {
        next_look: None,
        remote: desk.head().cloned(),
    };
    let release = unsent(event, engine.clock.now(), Vec::new());
    Ok(engine.store.release(claim, release).await?)
}

async fn named(
    engine: &Engine,
    claim: Claim,
    intent: &IntentRecord,
    remote: RemotePost,
    now: Timestamp,
) -> Result<PostState, Halt> {
    let event = Event::Looked {
        next_look: None,
        remote: (intent.part == Part::Head).then(|| remote.clone()),
    };
    let again = Event::Looked {
        next_look: later(engine, &claim, now),
        remote: None,
    };
    let entry = record::named(&claim, intent.part, &remote, now);
    let settlement = Settlement {
        state: IntentState::Published,
        remote: Some(remote),
        at: now,
        log: vec![entry],
    };
    let release = Release {
        intents: vec![(intent.id, settlement)],
        ..unsent(event, now, Vec::new())
    };
    release_or(engine, claim, release, Some(again)).await
}

/// As long again as the post has been live, for as long as looks are worth it.
fn later(engine: &Engine, claim: &Claim, now: Timestamp) -> Option<Timestamp> {
    let live_for = live_for(claim, now)?;
    let gap = live_for.clamp(GAP_MIN, engine.settings.look_every.max(GAP_MIN));
    let goes_on = live_for < engine.settings.look_for;
    now.saturating_add(gap).ok().filter(|_| goes_on)
}

/// A platform that says when to ask again is believed at first. What it has not told by then may take a day.
fn soonest(claim: &Claim, now: Timestamp) -> Timestamp {
    let gap = live_for(claim, now).map_or(SignedDuration::ZERO, |live_for| live_for / PATIENCE_PARTS);
    now.saturating_add(gap).unwrap_or(now)
}

fn live_for(claim: &Claim, now: Timestamp) -> Option<SignedDuration> {
    match &claim.found {
        PostState::Published { at, .. } => Some(now.duration_since(*at)),
        _ => None,
    }
}

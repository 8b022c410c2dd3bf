//! Whether a status of ours exists: the account's newest statuses, compared one by one.

use domain::error::{ErrorKind, Fate, PlatformError, Stage};
use domain::intent::{Armed, DedupeMeans, IntentRecord, IntentState, Prepared};
use domain::part::Part;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;

use super::wire::{ListedStatus, NewStatus, Source, Status};
use super::{Frozen, PLATFORM, call, error, read, remote};
use crate::frozen::thaw;
use crate::http::{Answer, READ_BUDGET};
use crate::{Finding, Probe, SendCtx};

/// Statuses of one page, the most that a server gives.
const PAGE: usize = 40;

/// Pages that one check reads at most. Where they do not reach back far enough, there is no verdict.
const PAGES_MAX: usize = 5;

/// A status may be this much older than our intent, or younger than its deadline, by its server's clock, which is known to
/// within a step of ours.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// A key is no longer relied upon this long before its server forgets it, so that a send which begins still comes in time.
const KEY_MARGIN: SignedDuration = SignedDuration::from_secs(60);

pub(super) async fn check(ctx: &SendCtx<'_>, probe: Probe<'_>) -> Result<Finding, PlatformError> {
    let frozen: Frozen = thaw(PLATFORM, Stage::Check, &probe.intent.prepared.bytes)?;
    let Ok(wanted) = serde_json::from_str::<NewStatus>(&frozen.body) else {
        return Ok(Finding::CannotTell);
    };
    let intent = probe.intent;
    let earlier = || sends_of(ctx, intent.part, &frozen.key).filter(|other| other.recorded_at < intent.recorded_at);
    let first = earlier()
        .map(|other| other.recorded_at)
        .min()
        .unwrap_or(intent.recorded_at);
    let is_text = wanted.media_ids.is_empty();
    let is_repeat = earlier().next().is_some();
    // Of several that look like ours the key tells which is: the same send again is answered with the status, if there is
    // one. But one alone is ours, since a post may be edited before it is sent again. Only servers that
    // answer such a repeat with an error (mastodon/mastodon issue 40399) leave us with the words.
    let key_tells = is_text && !is_repeat && key_ends(&intent.prepared, first).is_some_and(|end| ctx.now < end);
    let several = if key_tells {
        Finding::RepeatTells
    } else {
        Finding::CannotTell
    };
    // Nobody else has our files, so their status counts whenever it was made.
    let until = is_text.then(|| intent.send_by.saturating_add(SLACK).unwrap_or(Timestamp::MAX));
    let (mut found, none) = search(ctx, probe, &wanted, first, until).await?;
    Ok(match (found.pop(), found.is_empty()) {
        (Some(status), true) => Finding::Published(remote(status)),
        (Some(_), false) => several,
        (None, _) => none,
    })
}

/// The intents of a part that may have made a status under this key.
fn sends_of<'a>(ctx: &'a SendCtx<'_>, part: Part, key: &'a str) -> impl Iterator<Item = &'a IntentRecord> {
    under_key(ctx, part, key).filter(|intent| intent.state != IntentState::NotPublished)
}

fn under_key<'a>(ctx: &'a SendCtx<'_>, part: Part, key: &'a str) -> impl Iterator<Item = &'a IntentRecord> {
    let has_key = move |intent: &&IntentRecord| {
        thaw::<Frozen>(PLATFORM, Stage::Check, &intent.prepared.bytes).is_ok_and(|frozen| frozen.key == key)
    };
    ctx.prior
        .iter()
        .filter(move |intent| intent.part == part)
        .filter(has_key)
}

/// Until when the key of a part that was first sent at `first` is relied upon; `None` where the server knows no keys.
fn key_ends(prepared: &Prepared, first: Timestamp) -> Option<Timestamp> {
    let Some(DedupeMeans::ClientKey { valid_for }) = prepared.dedupe.first().map(|dedupe| dedupe.means) else {
        return None;
    };
    first.saturating_add(valid_for.saturating_sub(KEY_MARGIN)).ok()
}

/// Refuses to send a text whose earlier send was believed absent, or left to its key to tell, now that the key does
/// not tell any more: the words must be looked for first. That nothing was sent since the key ended says that they were not.
pub(super) fn still_told_by_its_key(ctx: &SendCtx<'_>, armed: &Armed, frozen: &Frozen) -> Result<(), PlatformError> {
    let is_text = serde_json::from_str::<NewStatus>(&frozen.body).is_ok_and(|wanted| wanted.media_ids.is_empty());
    let others = || under_key(ctx, armed.part(), &frozen.key).filter(|intent| intent.id != armed.intent());
    let absent = others().filter(|intent| intent.state.frees_a_repeat());
    let Some(end) = absent
        .map(|intent| intent.recorded_at)
        .min()
        .and_then(|first| key_ends(armed.prepared(), first))
    else {
        return Ok(());
    };
    if !is_text || ctx.now < end || others().any(|intent| intent.recorded_at >= end) {
        return Ok(());
    }
    let message = "Mastodon no longer knows the key of an earlier try; its statuses are looked through first";
    let late = PlatformError::refused(PLATFORM, Stage::Send, ErrorKind::NotReady, message);
    Err(late.with_fate(Fate::LandedEarlier { remote: None }))
}

/// Compares the account's statuses from `first` on, and up to `until`, by our clock: those that look like ours, and what it
/// means if there are none.
async fn search(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    wanted: &NewStatus,
    first: Timestamp,
    until: Option<Timestamp>,
) -> Result<(Vec<Status>, Finding), PlatformError> {
    let mut oldest_id: Option<String> = None;
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = page(ctx, oldest_id.as_deref()).await?;
        let since = page.clock(ctx, first).saturating_sub(SLACK).unwrap_or(Timestamp::MIN);
        let until = until.map_or(Timestamp::MAX, |until| page.clock(ctx, until));
        // A short page is not the last one: servers may leave statuses out of a page.
        let is_last = page.statuses.is_empty();
        oldest_id = page.statuses.last().map(|listed| listed.status.id.clone());
        for listed in page.statuses {
            if listed.created_at < since {
                return Ok((found, Finding::Absent));
            }
            if listed.created_at <= until
                && is_ours(ctx, wanted, &listed).await?
                && !probe.taken.is_taken(&listed.status.id).await
            {
                found.push(listed.status);
            }
        }
        if is_last {
            return Ok((found, Finding::Absent));
        }
    }
    Ok((found, Finding::CannotTell))
}

/// A page of statuses, newest first.
struct Page {
    answer: Answer,
    statuses: Vec<ListedStatus>,
}

impl Page {
    /// What the server's clock showed at this instant of ours.
    fn clock(&self, ctx: &SendCtx<'_>, ours: Timestamp) -> Timestamp {
        self.answer.by_its_clock(ours, ctx.now)
    }
}

async fn page(ctx: &SendCtx<'_>, before: Option<&str>) -> Result<Page, PlatformError> {
    let path = format!("/api/v1/accounts/{}/statuses", ctx.account.remote_id);
    let mut request = call(ctx, Method::GET, &path, Stage::Check)?
        .query(&[("limit", PAGE.to_string().as_str()), ("exclude_reblogs", "true")]);
    if let Some(before) = before {
        request = request.query(&[("max_id", before)]);
    }
    let (answer, statuses) = read(ctx.http, request, READ_BUDGET, Stage::Check).await?;
    Ok(Page { answer, statuses })
}

async fn is_ours(ctx: &SendCtx<'_>, wanted: &NewStatus, listed: &ListedStatus) -> Result<bool, PlatformError> {
    let mut media: Vec<&str> = listed
        .media_attachments
        .iter()
        .map(|medium| medium.id.as_str())
        .collect();
    let mut wanted_media: Vec<&str> = wanted.media_ids.iter().map(String::as_str).collect();
    media.sort_unstable();
    wanted_media.sort_unstable();
    if media != wanted_media || listed.in_reply_to_id != wanted.in_reply_to_id {
        return Ok(false);
    }
    // The listed content is HTML that the server made; the source is the text as it was sent, with its ends trimmed.
    let request = call(
        ctx,
        Method::GET,
        &format!("/api/v1/statuses/{}/source", listed.status.id),
        Stage::Check,
    )?;
    let answer = ctx
        .http
        .read(request, READ_BUDGET)
        .await
        .map_err(|f| f.into_error(PLATFORM, Stage::Check))?;
    if answer.status == 404 && !media.is_empty() {
        // Servers before 3.5 have no sources. No other status can have our files.
        return Ok(true);
    }
    let source = serde_json::from_slice::<Source>(&answer.body)
        .ok()
        .filter(|_| answer.is_success());
    let source = source.ok_or_else(|| error::refusal(Stage::Check, &answer))?;
    let spoiler = wanted.spoiler_text.as_deref().unwrap_or_default().trim();
    // A spoiler without a text becomes the text.
    let (text, spoiler) = match wanted.status.trim() {
        "" if !spoiler.is_empty() => (spoiler, ""),
        text => (text, spoiler),
    };
    Ok(source.text.trim() == text && source.spoiler_text.trim() == spoiler)
}

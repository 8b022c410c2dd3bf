//! Whether a status of ours exists: the account's newest statuses, compared one by one.

use domain::error::{PlatformError, Stage};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;

use super::wire::{ListedStatus, NewStatus, Source};
use super::{Frozen, PLATFORM, call, error, read, remote};
use crate::frozen::thaw;
use crate::http::READ_BUDGET;
use crate::{Finding, Probe, SendCtx};

/// Statuses of one page, the most that a server gives.
const PAGE: usize = 40;

/// Pages that one check reads at most. Where they do not reach back far enough, there is no verdict.
const PAGES_MAX: usize = 5;

/// A status may be this much older than our intent by its server's clock, which is known to within a step of ours.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

pub(super) async fn check(ctx: &SendCtx<'_>, probe: Probe<'_>) -> Result<Finding, PlatformError> {
    let frozen: Frozen = thaw(PLATFORM, Stage::Check, &probe.intent.prepared.bytes)?;
    let Ok(wanted) = serde_json::from_str::<NewStatus>(&frozen.body) else {
        return Ok(Finding::CannotTell);
    };
    let mut oldest_id: Option<String> = None;
    let mut found = None;
    for _ in 0..PAGES_MAX {
        let (statuses, since) = page(ctx, probe, oldest_id.as_deref()).await?;
        // A short page is not the last one: servers may leave statuses out of a page.
        let is_last = statuses.is_empty();
        oldest_id = statuses.last().map(|listed| listed.status.id.clone());
        for listed in statuses {
            if listed.created_at < since {
                return Ok(found.map_or(Finding::Absent, |status| Finding::Published(remote(status))));
            }
            if is_ours(ctx, &wanted, &listed).await? && !probe.taken.is_taken(&listed.status.id).await {
                // The oldest match wins: it is the one next to our intent.
                found = Some(listed.status);
            }
        }
        if is_last {
            return Ok(found.map_or(Finding::Absent, |status| Finding::Published(remote(status))));
        }
    }
    Ok(found.map_or(Finding::CannotTell, |status| Finding::Published(remote(status))))
}

/// A page of statuses, newest first, and the time of the server's clock from which on ours can be.
async fn page(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    before: Option<&str>,
) -> Result<(Vec<ListedStatus>, Timestamp), PlatformError> {
    let path = format!("/api/v1/accounts/{}/statuses", ctx.account.remote_id);
    let mut request = call(ctx, Method::GET, &path, Stage::Check)?
        .query(&[("limit", PAGE.to_string().as_str()), ("exclude_reblogs", "true")]);
    if let Some(before) = before {
        request = request.query(&[("max_id", before)]);
    }
    let (answer, statuses) = read(ctx.http, request, READ_BUDGET, Stage::Check).await?;
    let since = answer
        .by_its_clock(probe.intent.recorded_at, ctx.now)
        .saturating_sub(SLACK);
    Ok((statuses, since.unwrap_or(Timestamp::MIN)))
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

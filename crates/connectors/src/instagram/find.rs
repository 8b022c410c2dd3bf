//! What became of a container, and which post or comment is ours.

use domain::error::{PlatformError, Stage};
use domain::part::RemotePost;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::wire::{Kind, ListedComment, ListedMedia};
use super::{Frozen, PLATFORM, call, read, status_of};
use crate::frozen::thaw;
use crate::graph::{Page, live};
use crate::http::READ_BUDGET;
use crate::{Finding, Probe, SendCtx};

/// Pages that one check reads at most.
const PAGES_MAX: usize = 5;

/// When a container that is still at it is looked at again.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(5);

/// What was made may be this much older than our intent by the platform's clock, which is known to within a step of ours.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

pub(super) async fn check(ctx: &SendCtx<'_>, probe: Probe<'_>) -> Result<Finding, PlatformError> {
    match thaw(PLATFORM, Stage::Check, &probe.intent.prepared.bytes)? {
        Frozen::Publish {
            container,
            kind,
            caption,
        } => published(ctx, probe, &container, kind, &caption).await,
        Frozen::Comment { media, message } => commented(ctx, probe, &media, &message).await,
    }
}

async fn published(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    container: &str,
    kind: Kind,
    caption: &str,
) -> Result<Finding, PlatformError> {
    let status = status_of(ctx, container, Stage::Check).await?.1;
    Ok(match status.status_code.as_str() {
        "PUBLISHED" => live(ctx, probe, container, resolve(ctx, probe, kind, caption)).await,
        "IN_PROGRESS" => {
            let again_at = ctx.now.saturating_add(AGAIN_AFTER).unwrap_or(Timestamp::MAX);
            Finding::StillProcessing { again_at }
        }
        "FINISHED" | "ERROR" | "EXPIRED" => Finding::Absent,
        _ => Finding::CannotTell,
    })
}

/// The post that a container became: the container does not say, so it is the one post since then that looks like it.
/// The newest one may be somebody else's work.
async fn resolve(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    kind: Kind,
    caption: &str,
) -> Result<Option<RemotePost>, PlatformError> {
    let edge = if kind == Kind::Story { "stories" } else { "media" };
    let path = format!("{}/{edge}", ctx.account.remote_id);
    let fields = "id,caption,timestamp,permalink,media_product_type,media_type";
    let mut found = None;
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let (since, page) = page::<ListedMedia>(ctx, probe, &path, fields, after.as_deref()).await?;
        let is_last = page.after().is_none();
        after = page.after().map(str::to_owned);
        for media in page.data {
            let Some(at) = media.timestamp else { continue };
            if at < since {
                return Ok(found);
            }
            let same = kind.is_of(&media) && media.caption.as_deref().unwrap_or_default().trim() == caption.trim();
            if same && !probe.taken.is_taken(&media.id).await {
                if found.is_some() {
                    return Ok(None);
                }
                found = Some(RemotePost::visible(media.id, media.permalink));
            }
        }
        if is_last {
            return Ok(found);
        }
    }
    // There may be a second one further back.
    Ok(None)
}

async fn commented(ctx: &SendCtx<'_>, probe: Probe<'_>, media: &str, message: &str) -> Result<Finding, PlatformError> {
    let path = format!("{media}/comments");
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let (since, page) =
            page::<ListedComment>(ctx, probe, &path, "id,text,timestamp,username", after.as_deref()).await?;
        for comment in &page.data {
            let ours = comment.text.trim() == message.trim()
                && comment
                    .username
                    .as_deref()
                    .is_none_or(|name| name == ctx.account.username)
                && comment.timestamp.is_none_or(|at| at >= since);
            if ours && !probe.taken.is_taken(&comment.id).await {
                return Ok(Finding::Published(RemotePost::visible(comment.id.as_str(), None)));
            }
        }
        match page.after() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(Finding::Absent),
        }
    }
    Ok(Finding::CannotTell)
}

/// A page of a list, and the time of the platform's clock from which on ours can be.
async fn page<T: DeserializeOwned>(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    path: &str,
    fields: &str,
    after: Option<&str>,
) -> Result<(Timestamp, Page<T>), PlatformError> {
    let mut request = call(ctx, Method::GET, path).query(&[("fields", fields), ("limit", "25")]);
    if let Some(after) = after {
        request = request.query(&[("after", after)]);
    }
    let (answer, page) = read(ctx.http, request, READ_BUDGET, Stage::Check).await?;
    let since = answer
        .by_its_clock(probe.intent.recorded_at, ctx.now)
        .saturating_sub(SLACK);
    Ok((since.unwrap_or(Timestamp::MIN), page))
}

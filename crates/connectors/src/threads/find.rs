//! What became of a container, and which post is ours.

use domain::error::{PlatformError, Stage};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::Value;

use super::prepare::{Frozen, VERSION};
use super::wire::ListedPost;
use super::{call, read, status_of};
use crate::frozen::thaw;
use crate::graph::{Page, live};
use crate::http::READ_BUDGET;
use crate::{Finding, Probe, SendCtx};

/// Pages that one check reads at most.
const PAGES_MAX: usize = 5;

/// When a container that is still at it is looked at again.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(5);

/// A post may be this much older than our intent by Threads' clock, which is known to within a step of ours.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

pub(super) async fn check(ctx: &SendCtx<'_>, probe: Probe<'_>) -> Result<Finding, PlatformError> {
    let prepared = &probe.intent.prepared;
    if prepared.version != VERSION {
        return Ok(Finding::CannotTell);
    }
    let frozen: Frozen = thaw(Platform::Threads, Stage::Check, &prepared.bytes)?;
    let status = status_of(ctx, &frozen.container, Stage::Check).await?.1;
    Ok(match status.status.as_str() {
        "PUBLISHED" => live(ctx, probe, &frozen.container, resolve(ctx, probe, &frozen)).await,
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
async fn resolve(ctx: &SendCtx<'_>, probe: Probe<'_>, frozen: &Frozen) -> Result<Option<RemotePost>, PlatformError> {
    // Replies are in a list of their own.
    let edge = if probe.part == Part::Head { "threads" } else { "replies" };
    let path = format!("{}/{edge}", ctx.account.remote_id);
    let mut found = None;
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let (since, page) = page(ctx, probe, &path, after.as_deref()).await?;
        let is_last = page.after().is_none();
        after = page.after().map(str::to_owned);
        for post in page.data {
            let Some(at) = post.timestamp else { continue };
            if at < since {
                return Ok(found);
            }
            if is_ours(frozen, &post) && !probe.taken.is_taken(&post.id).await {
                if found.is_some() {
                    return Ok(None);
                }
                found = Some(RemotePost::visible(post.id, post.permalink));
            }
        }
        if is_last {
            return Ok(found);
        }
    }
    // There may be a second one further back.
    Ok(None)
}

fn is_ours(frozen: &Frozen, post: &ListedPost) -> bool {
    let answers = post.replied_to.get("id").and_then(Value::as_str);
    frozen.kind.is_of(post)
        && post.text.as_deref().unwrap_or_default().trim() == frozen.text.trim()
        && answers.is_none_or(|id| frozen.reply_to.as_deref() == Some(id))
}

/// A page of a list, and the time of Threads' clock from which on ours can be.
async fn page(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    path: &str,
    after: Option<&str>,
) -> Result<(Timestamp, Page<ListedPost>), PlatformError> {
    let fields = "id,text,timestamp,permalink,media_type,replied_to";
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

//! Whether a post or comment of ours exists. Organizations' posts can be listed; members' cannot, and there the question
//! is a second send of the same bytes (see the module above).

use domain::error::{PlatformError, Stage};
use domain::part::RemotePost;
use domain::text::from_little;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::api::{self, Api, encoded};
use super::{author_of, is_organization, remote_post};
use crate::http::READ_BUDGET;
use crate::{Finding, Probe, SendCtx};

/// Posts of one page.
const PAGE: usize = 10;

/// Pages that one check reads at most. Where they do not reach back far enough, there is no verdict.
const PAGES_MAX: usize = 10;

/// A post may be this much older than our intent, or younger than the end of its call, by LinkedIn's clock, which is
/// known to within a step of ours.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// A page of a list.
#[derive(Debug, Deserialize)]
struct Listed<T> {
    elements: Vec<T>,
}

/// What of a post is read; times are milliseconds since 1970.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedPost {
    id: String,
    #[serde(default)]
    commentary: String,
    #[serde(default)]
    content: Value,
    #[serde(default)]
    reshare_context: Value,
    #[serde(default)]
    created_at: Option<i64>,
    #[serde(default)]
    last_modified_at: Option<i64>,
}

/// What of a comment is read.
#[derive(Debug, Deserialize)]
struct ListedComment {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    actor: Option<String>,
    #[serde(default)]
    message: Value,
}

pub(super) async fn posted(ctx: &SendCtx<'_>, probe: Probe<'_>, body: &str) -> Result<Finding, PlatformError> {
    let author = author_of(ctx.account.remote_id);
    let Ok(sent) = serde_json::from_str::<Value>(body) else {
        return Ok(Finding::CannotTell);
    };
    let mut found = Vec::new();
    for n in 0..PAGES_MAX {
        let (since, until, page) = page(ctx, probe, &author, n * PAGE).await?;
        let is_last = page.len() < PAGE;
        for post in page {
            let touched = post.last_modified_at.or(post.created_at).and_then(at);
            if touched.is_none_or(|touched| touched < since) {
                return Ok(verdict(found));
            }
            let in_time = post
                .created_at
                .and_then(at)
                .is_some_and(|made| (since..=until).contains(&made));
            if is_ours(&sent, &post, in_time) && !probe.taken.is_taken(&post.id).await {
                found.push(post.id);
            }
        }
        if is_last {
            return Ok(verdict(found));
        }
    }
    // There may be more further back.
    Ok(Finding::CannotTell)
}

/// Exactly one is ours; several cannot be told apart.
fn verdict(found: Vec<String>) -> Finding {
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Finding::Absent,
        (Some(only), None) => Finding::Published(remote_post(&only)),
        _ => Finding::CannotTell,
    }
}

/// Files are uploaded for one post only, so theirs is ours whenever it was made. Else everything that shows must be the
/// same, and the time must fit.
fn is_ours(sent: &Value, post: &ListedPost, in_time: bool) -> bool {
    let wanted = files(sent.get("content").unwrap_or(&Value::Null));
    if !wanted.is_empty() {
        return wanted == files(&post.content);
    }
    let same = |path: &str, found: &Value, found_path: &str| {
        sent.pointer(path).and_then(Value::as_str) == found.pointer(found_path).and_then(Value::as_str)
    };
    let text = sent.get("commentary").and_then(Value::as_str).unwrap_or_default();
    in_time
        && from_little(text).trim() == from_little(&post.commentary).trim()
        && same("/content/article/source", &post.content, "/article/source")
        && same("/content/poll/question", &post.content, "/poll/question")
        && same("/reshareContext/parent", &post.reshare_context, "/parent")
}

/// The URNs of the files of a post's content, in order.
fn files(content: &Value) -> Vec<&str> {
    let one = content.pointer("/media/id");
    let thumb = content.pointer("/article/thumbnail");
    let many = content.pointer("/multiImage/images").and_then(Value::as_array);
    let many = many.into_iter().flatten().filter_map(|image| image.get("id"));
    one.into_iter()
        .chain(thumb)
        .chain(many)
        .filter_map(Value::as_str)
        .collect()
}

/// A page of the organization's posts, those changed last first, and between which times of LinkedIn's clock ours is.
async fn page(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    author: &str,
    start: usize,
) -> Result<(Timestamp, Timestamp, Vec<ListedPost>), PlatformError> {
    let api = Api::of(ctx);
    let request = api.finder("/rest/posts").query(&[
        ("q", "author"),
        ("author", author),
        ("count", &PAGE.to_string()),
        ("start", &start.to_string()),
        ("sortBy", "LAST_MODIFIED"),
    ]);
    let answer = api.exchange(request, Stage::Check, READ_BUDGET).await?;
    let page: Listed<ListedPost> = api::read(&answer, Stage::Check)?;
    let since = answer
        .by_its_clock(probe.intent.recorded_at, ctx.now)
        .saturating_sub(SLACK);
    let until = answer.by_its_clock(probe.intent.send_by, ctx.now).saturating_add(SLACK);
    Ok((
        since.unwrap_or(Timestamp::MIN),
        until.unwrap_or(Timestamp::MAX),
        page.elements,
    ))
}

fn at(ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(ms).ok()
}

pub(super) async fn commented(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    on: &str,
    body: &str,
) -> Result<Finding, PlatformError> {
    let author = author_of(ctx.account.remote_id);
    let sent = serde_json::from_str::<Value>(body).unwrap_or_default();
    let Some(text) = sent.pointer("/message/text").and_then(Value::as_str) else {
        return Ok(Finding::CannotTell);
    };
    if !is_organization(&author) {
        return Ok(Finding::CannotTell);
    }
    let api = Api::of(ctx);
    let path = format!("/rest/socialActions/{}/comments", encoded(on));
    let page: Listed<ListedComment> = api.call(api.request(Method::GET, &path), Stage::Check).await?;
    for comment in page.elements {
        let is_ours = comment.actor.as_deref().is_none_or(|actor| actor == author)
            && comment.message.get("text").and_then(Value::as_str).map(str::trim) == Some(text.trim());
        if let Some(id) = comment.id.filter(|_| is_ours)
            && !probe.taken.is_taken(&id).await
        {
            return Ok(Finding::Published(RemotePost::visible(id, None)));
        }
    }
    Ok(Finding::Absent)
}

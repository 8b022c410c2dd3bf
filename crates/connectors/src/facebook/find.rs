//! What became of a post: the invisible ones say so themselves, the others are looked for in lists.

use domain::error::{PlatformError, Stage};
use domain::part::RemotePost;
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::api::Api;
use super::prepare::{Frozen, VERSION};
use super::settings::{Fields, Kind};
use super::upload::state;
use super::{absolute, remote_post};
use crate::frozen::thaw;
use crate::graph::{Page, id, time};
use crate::http::READ_BUDGET;
use crate::{Finding, Probe, SendCtx};

/// Pages that one check reads at most. Where they do not reach back far enough, there is no verdict.
const PAGES_MAX: usize = 5;

/// When a film that Facebook is still publishing is looked at again.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// How long after it was accepted the publishing of a film may take to begin.
const BEGINS_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// A backdated post may be listed this far from the time that was asked for, which need not name an hour.
const BACKDATED_SLACK: SignedDuration = SignedDuration::from_hours(24);

/// What was made may be this much older than our intent by Facebook's clock, which is known to within a step of ours.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    is_published: Option<bool>,
    #[serde(default)]
    permalink_url: Option<String>,
}

#[derive(Deserialize)]
struct ListedPost {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default, deserialize_with = "time")]
    created_time: Option<Timestamp>,
    #[serde(default)]
    permalink_url: Option<String>,
    #[serde(default)]
    attachments: Value,
}

#[derive(Deserialize)]
struct ListedStory {
    #[serde(deserialize_with = "id")]
    post_id: String,
    #[serde(deserialize_with = "id")]
    media_id: String,
}

#[derive(Deserialize)]
struct ListedComment {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default)]
    message: String,
    #[serde(default, deserialize_with = "time")]
    created_time: Option<Timestamp>,
    #[serde(default)]
    from: Value,
}

pub(super) async fn check(ctx: &SendCtx<'_>, probe: Probe<'_>) -> Result<Finding, PlatformError> {
    let prepared = &probe.intent.prepared;
    if prepared.version != VERSION {
        return Ok(Finding::CannotTell);
    }
    match thaw(Platform::Facebook, Stage::Check, &prepared.bytes)? {
        Frozen::Show { post } => shown(ctx, &post).await,
        Frozen::ShowFilm { film } => film_shown(ctx, &film).await,
        Frozen::Finish { kind, film, .. } => finished(ctx, probe, kind, &film).await,
        Frozen::PhotoStory { photo } => story(ctx, probe, &photo).await,
        Frozen::Post { fields, text, photos } => posted(ctx, probe, &fields, &text, &photos).await,
        Frozen::Comment { on, text } => commented(ctx, probe, &on, &text).await,
    }
}

async fn shown(ctx: &SendCtx<'_>, post: &str) -> Result<Finding, PlatformError> {
    let api = Api::of(ctx);
    let request = api
        .call(Method::GET, post)
        .query(&[("fields", "is_published,permalink_url")]);
    let found: Shown = api.read(request, Stage::Check).await?;
    Ok(match found.is_published {
        Some(true) => Finding::Published(remote_post(post, found.permalink_url)),
        Some(false) => Finding::Absent,
        None => Finding::CannotTell,
    })
}

async fn film_shown(ctx: &SendCtx<'_>, film: &str) -> Result<Finding, PlatformError> {
    let state = state(&Api::of(ctx), film, Stage::Check).await?;
    Ok(match state.published {
        Some(true) => Finding::Published(RemotePost::visible(film, state.permalink_url.map(absolute))),
        Some(false) => Finding::Absent,
        None => Finding::CannotTell,
    })
}

/// A reel or story is published by phases; as long as that of publishing has not begun, the call did not arrive.
async fn finished(ctx: &SendCtx<'_>, probe: Probe<'_>, kind: Kind, film: &str) -> Result<Finding, PlatformError> {
    let state = state(&Api::of(ctx), film, Stage::Check).await?;
    let phase = &state.status.publishing_phase;
    let url = match kind {
        Kind::Reel => state
            .permalink_url
            .map(absolute)
            .or_else(|| Some(format!("https://www.facebook.com/reel/{film}"))),
        _ => state.permalink_url.map(absolute),
    };
    // Where Facebook accepted the call, the phase begins, though not at once.
    let begins_by = probe
        .intent
        .send_by
        .saturating_add(BEGINS_WITHIN)
        .unwrap_or(Timestamp::MAX);
    let is_to_begin = phase.has_not_begun() && probe.handle.is_some() && ctx.now < begins_by;
    Ok(if phase.is_complete() {
        Finding::Published(RemotePost::visible(film, url))
    } else if phase.has_failed() || (phase.has_not_begun() && !is_to_begin) {
        Finding::Absent
    } else {
        let again_at = ctx.now.saturating_add(AGAIN_AFTER).unwrap_or(Timestamp::MAX);
        Finding::StillProcessing { again_at }
    })
}

async fn story(ctx: &SendCtx<'_>, probe: Probe<'_>, photo: &str) -> Result<Finding, PlatformError> {
    let path = format!("{}/stories", ctx.account.remote_id);
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let (_, page) = page::<ListedStory>(ctx, probe, &path, "post_id,media_id,status", after.as_deref()).await?;
        // A picture goes up for one story only.
        if let Some(story) = page.data.iter().find(|story| story.media_id == photo) {
            return Ok(Finding::Published(super::story_post(&story.post_id)));
        }
        match page.after() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(Finding::Absent),
        }
    }
    Ok(Finding::CannotTell)
}

/// The one post since then that looks like ours. The newest one may be somebody else's work.
///
/// A backdated post stands where it was backdated to, and is not absent where that cannot be said.
async fn posted(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    form: &Fields,
    text: &str,
    photos: &[String],
) -> Result<Finding, PlatformError> {
    let backdated = form.iter().find(|(name, _)| name == "backdated_time");
    let stands_at = backdated.map(|(_, value)| moment(value));
    let around = stands_at.flatten().and_then(|at| {
        let since = at.checked_sub(BACKDATED_SLACK).ok()?;
        Some((since, at.checked_add(BACKDATED_SLACK).ok()?))
    });
    let verdict = |found| match verdict(found) {
        Finding::Absent if backdated.is_some() && around.is_none() => Finding::CannotTell,
        other => other,
    };
    let path = format!("{}/published_posts", ctx.account.remote_id);
    let fields = "id,message,created_time,permalink_url,attachments{media_type,target,subattachments}";
    let mut found: Vec<ListedPost> = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let (since, page) = page::<ListedPost>(ctx, probe, &path, fields, after.as_deref()).await?;
        let is_last = page.after().is_none();
        after = page.after().map(str::to_owned);
        for post in page.data {
            let Some(at) = post.created_time else {
                return Ok(verdict(found));
            };
            if at < around.map_or(since, |(first, _)| first.min(since)) {
                return Ok(verdict(found));
            }
            let in_time = at >= since || around.is_some_and(|(first, last)| (first..=last).contains(&at));
            let same = if photos.is_empty() {
                post.message.as_deref().unwrap_or_default().trim() == text.trim()
                    && targets(&post.attachments).is_empty()
            } else {
                let there = targets(&post.attachments);
                photos.iter().all(|photo| there.contains(&photo.as_str()))
            };
            if in_time && same && !probe.taken.is_taken(&post.id).await {
                found.push(post);
            }
        }
        if is_last {
            return Ok(verdict(found));
        }
    }
    Ok(Finding::CannotTell)
}

/// A time as the Graph API takes it: ISO 8601, or seconds since 1970.
fn moment(text: &str) -> Option<Timestamp> {
    let seconds = || Timestamp::from_second(text.parse().ok()?).ok();
    let day = || {
        let day: jiff::civil::Date = text.parse().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    text.parse().ok().or_else(seconds).or_else(day)
}

fn verdict(found: Vec<ListedPost>) -> Finding {
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Finding::Absent,
        (Some(only), None) => Finding::Published(remote_post(&only.id, only.permalink_url)),
        _ => Finding::CannotTell,
    }
}

/// The ids of the pictures of a listed post. Links have targets without ids.
fn targets(attachments: &Value) -> Vec<&str> {
    let of = |value: &Value| {
        value
            .get("data")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
            .len()
    };
    let mut found = Vec::new();
    let mut open = vec![attachments];
    while let Some(value) = open.pop() {
        for n in 0..of(value) {
            if let Some(item) = value.pointer(&format!("/data/{n}")) {
                found.extend(item.pointer("/target/id").and_then(Value::as_str));
                open.extend(item.get("subattachments"));
            }
        }
    }
    found
}

async fn commented(ctx: &SendCtx<'_>, probe: Probe<'_>, on: &str, text: &str) -> Result<Finding, PlatformError> {
    let path = format!("{on}/comments");
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let fields = "id,message,created_time,from";
        let (since, page) = page::<ListedComment>(ctx, probe, &path, fields, after.as_deref()).await?;
        for comment in &page.data {
            let author = comment.from.get("id").and_then(Value::as_str);
            let ours = comment.message.trim() == text.trim()
                && author.is_none_or(|author| author == ctx.account.remote_id)
                && comment.created_time.is_none_or(|at| at >= since);
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

/// A page of a list, and the time of Facebook's clock from which on ours can be.
async fn page<T: DeserializeOwned>(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    path: &str,
    fields: &str,
    after: Option<&str>,
) -> Result<(Timestamp, Page<T>), PlatformError> {
    let api = Api::of(ctx);
    let mut request = api
        .call(Method::GET, path)
        .query(&[("fields", fields), ("limit", "25")]);
    if let Some(after) = after {
        request = request.query(&[("after", after)]);
    }
    let (answer, page) = api.read_within(request, Stage::Check, READ_BUDGET).await?;
    let since = answer
        .by_its_clock(probe.intent.recorded_at, ctx.now)
        .saturating_sub(SLACK);
    Ok((since.unwrap_or(Timestamp::MIN), page))
}

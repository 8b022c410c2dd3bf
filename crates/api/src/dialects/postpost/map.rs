//! Between the wire and the engine, both ways. Pure: everything here is decided from its arguments.

use std::borrow::Cow;
use std::collections::HashSet;

use axum::http::HeaderMap;
use domain::capability::Capability;
use domain::content::{Content, PartContent};
use domain::error::{ErrorKind, ErrorSummary};
use domain::group::StateMask;
use domain::platform::Platform;
use domain::post::PostState;
use engine::commands::{CreatedGroup, IdempotencyKey, Target};
use engine::{Group, Post};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::js::{self, Js, Object};
use super::time::{self, Iso};
use super::words::{self, Code};
use super::{media_urls, settings, wire};
use crate::media::MediaLinks;

/// The most targets of one group.
const TARGETS_MAX: usize = 100;
/// The target that takes everything and keeps nothing; it stands alone.
const PLAYGROUND: &str = "publora-playground";
/// The longest entry of `platforms`.
const COMPOUND_CHARS_MAX: usize = 300;

/// What a `create-post` asks for.
#[derive(Debug, PartialEq)]
pub(super) struct NewPost {
    pub(super) content: Content,
    /// None for the playground.
    pub(super) targets: Vec<Target>,
    /// `None` for a draft.
    pub(super) at: Option<Timestamp>,
    /// Files to be fetched before anything is accepted.
    pub(super) media_urls: Vec<String>,
}

/// Judges a `create-post`, in the original's order: the first rule that is broken is the one that is named.
pub(super) fn create(wire: wire::CreatePost<'_>) -> Result<NewPost, Error> {
    let text = content(wire.content)?;
    let targets = targets(&wire.platforms)?;
    let at = scheduled_time(&wire.scheduled_time)?;
    let settings = settings::merged(
        platform_settings(wire.platform_settings)?,
        targets.iter().map(|it| it.platform),
    );
    let media_urls = media_urls::parse(wire.media_urls)?;
    let (first_comment, first_comment_on) = first_comment(wire.first_comment)?;
    let content = Content {
        first_comment,
        first_comment_on,
        // The original splits what is too long for X by itself.
        auto_thread: true,
        head: PartContent {
            text,
            media: Vec::new(),
        },
        settings,
        ..Content::default()
    };
    Ok(NewPost {
        content,
        targets,
        at,
        media_urls,
    })
}

pub(super) fn content(content: Js<'_>) -> Result<String, Error> {
    match content {
        Js::Text(text) if !js::trim(&text).is_empty() => Ok(text.into_owned()),
        Js::Text(_) => Err(Error::bad("Content is required")),
        other if !other.is_truthy() => Err(Error::bad("Content is required")),
        _ => Err(Error::bad("Content must be a string")),
    }
}

/// The accounts that are named; none when it is the playground.
pub(super) fn targets(platforms: &Js<'_>) -> Result<Vec<Target>, Error> {
    if !platforms.is_truthy() {
        return Err(Error::bad("Platforms are required"));
    }
    // Forms that can only send text send the list as JSON in a text.
    let parsed: Js<'_>;
    let list = match platforms {
        Js::Text(text) => {
            parsed = serde_json::from_str(text).map_err(|_| Error::bad("Invalid platforms JSON format"))?;
            &parsed
        }
        other => other,
    };
    let Js::List(entries) = list else {
        return Err(Error::bad("Platforms must be an array"));
    };
    match entries.len() {
        0 => return Err(Error::bad("At least one platform is required")),
        1..=TARGETS_MAX => {}
        _ => {
            return Err(Error::BadRequest(
                format!("At most {TARGETS_MAX} platforms are allowed").into(),
            ));
        }
    }
    if matches!(entries.as_slice(), [Js::Text(only)] if only == PLAYGROUND) {
        return Ok(Vec::new());
    }
    let targets = entries.iter().map(target).collect::<Result<Vec<_>, _>>()?;
    let mut seen = HashSet::with_capacity(targets.len());
    if !targets
        .iter()
        .all(|target| seen.insert((target.platform, &target.remote_id)))
    {
        return Err(Error::bad("Platforms must not contain duplicates"));
    }
    Ok(targets)
}

/// Splits `{platform}-{id}` at the first dash.
fn target(entry: &Js<'_>) -> Result<Target, Error> {
    let split = |text: &str| {
        let (word, id) = text.split_once('-')?;
        let is_id = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | '?' | '#');
        let is_good = !id.is_empty() && id.chars().all(is_id) && text.len() <= COMPOUND_CHARS_MAX;
        Some(Target {
            platform: words::platform(word).filter(|_| is_good)?,
            remote_id: id.to_owned(),
        })
    };
    let found = if let Js::Text(text) = entry { split(text) } else { None };
    found.ok_or_else(|| {
        let text: String = entry.to_text().chars().take(COMPOUND_CHARS_MAX).collect();
        Error::BadRequest(format!("Invalid platform ID format: {text}").into())
    })
}

/// The time that is asked for; `None` when none is.
pub(super) fn scheduled_time(given: &Js<'_>) -> Result<Option<Timestamp>, Error> {
    match given {
        given if !given.is_truthy() => Ok(None),
        Js::Text(text) => time::scheduled(text)
            .map(Some)
            .ok_or(Error::bad("Invalid scheduled time format")),
        _ => Err(Error::bad("Invalid scheduled time format")),
    }
}

pub(super) fn platform_settings(given: Js<'_>) -> Result<Object, Error> {
    let value = match given {
        Js::Missing => return Ok(Object::new()),
        Js::Text(text) => js::parsed(&text).map(|value| match value {
            serde_json::Value::Object(object) => Js::Object(object),
            _ => Js::Null,
        }),
        other => Ok(other),
    };
    match value {
        Ok(Js::Object(object)) => Ok(object),
        Ok(_) => Err(Error::bad("platformSettings must be an object")),
        Err(_) => Err(Error::bad("Invalid platformSettings JSON")),
    }
}

/// The text of `firstComment`, and the platforms that it is for: only such as have comments.
fn first_comment(given: Js<'_>) -> Result<(Option<String>, Vec<Platform>), Error> {
    if !given.is_truthy() {
        return Ok((None, Vec::new()));
    }
    let malformed = Error::bad("firstComment must be an object with a text");
    let Js::Object(object) = given else {
        return Err(malformed);
    };
    let text = object
        .get("text")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    if js::trim(text).is_empty() {
        return Err(malformed);
    }
    // A platform by its name, or an account by its whole id.
    let word = |entry: &serde_json::Value| {
        let entry = entry.as_str()?;
        words::platform(entry.split_once('-').map_or(entry, |(word, _)| word))
    };
    let mut on: Vec<Platform> = match object.get("platforms") {
        None | Some(serde_json::Value::Null) => words::PLATFORMS.to_vec(),
        Some(serde_json::Value::Array(entries)) => entries.iter().filter_map(word).collect(),
        Some(_) => return Err(Error::bad("firstComment.platforms must be an array")),
    };
    on.retain(|platform| Capability::of(*platform).first_comment);
    on.sort_unstable();
    on.dedup();
    // An empty list would stand for everybody.
    let text = (!on.is_empty()).then(|| text.to_owned());
    Ok((text, on))
}

/// A new group as `create-post` answers it to somebody who asked for this time.
pub(super) fn created(created: &CreatedGroup, requested: Option<Timestamp>) -> wire::Created {
    wire::Created {
        success: wire::True,
        post_group_id: created.id,
        scheduled_time: created.planned_at.map(Iso),
        warnings: coerced(requested, created.planned_at),
    }
}

/// The warning that a time in the past was taken for now.
pub(super) fn coerced(requested: Option<Timestamp>, effective: Option<Timestamp>) -> Vec<wire::Warning> {
    let (Some(requested), Some(effective)) = (requested, effective) else {
        return Vec::new();
    };
    let (requested, effective) = (Iso(requested), Iso(effective));
    if requested.to_string() >= effective.to_string() {
        return Vec::new();
    }
    vec![wire::Warning {
        code: "SCHEDULED_TIME_COERCED",
        message: format!(
            "Requested scheduled time {requested} was in the past and was changed to server time {effective}."
        ),
        requested,
        effective,
    }]
}

/// The identity that the caller gave this request, if it gave one.
pub(super) fn idempotency(
    headers: &HeaderMap,
    operation: String,
    body: &[u8],
) -> Result<Option<IdempotencyKey>, Error> {
    let Some(key) = wire::idempotency_key(headers)? else {
        return Ok(None);
    };
    let body_hash = body_hash(body)?;
    Ok(Some(IdempotencyKey {
        operation,
        key,
        body_hash,
    }))
}

/// SHA-256 of a body with its keys in order and its blanks gone: equal for bodies that mean the same.
fn body_hash(body: &[u8]) -> Result<[u8; 32], Error> {
    // The body is known to be JSON or empty, so what fails here is its depth.
    let value: serde_json::Value = if body.is_empty() {
        serde_json::Value::Null
    } else {
        serde_json::from_slice(body).map_err(|_| Error::BodyTooDeep)?
    };
    let mut canonical = Vec::with_capacity(body.len());
    write_canonical(&value, &mut canonical);
    Ok(Sha256::digest(&canonical).into())
}

fn write_canonical(value: &serde_json::Value, out: &mut Vec<u8>) {
    match value {
        serde_json::Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push(b'{');
            for (key, value) in entries {
                out.extend(serde_json::to_vec(key).unwrap_or_default());
                out.push(b':');
                write_canonical(value, out);
                out.push(b',');
            }
            out.push(b'}');
        }
        serde_json::Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write_canonical(item, out);
                out.push(b',');
            }
            out.push(b']');
        }
        leaf => out.extend(serde_json::to_vec(leaf).unwrap_or_default()),
    }
}

/// A group as `get-post` shows it; `None` when this dialect can name none of its targets.
pub(super) fn fetched(group: &Group) -> Option<wire::Fetched<'_>> {
    let posts: Vec<_> = group
        .posts
        .iter()
        .filter_map(|post| fetched_post(group, post))
        .collect();
    (!posts.is_empty()).then_some(wire::Fetched {
        success: wire::True,
        post_group_id: group.id,
        posts,
    })
}

fn fetched_post<'a>(group: &'a Group, post: &'a Post) -> Option<wire::Post<'a>> {
    Some(wire::Post {
        id: post.id,
        platform: words::platform_word(post.platform)?,
        platform_id: &post.target,
        content: &group.content.head.text,
        status: words::post_word(&post.state),
        posted_id: posted_id(&post.state),
        error: post_error(&post.state).map(|error| of_thread(error, post)),
    })
}

/// The same error, but for a thread that stopped on its way: it tells how far it came, and is not to be tried again blindly.
fn of_thread<'a>(error: wire::PostError<'a>, post: &Post) -> wire::PostError<'a> {
    let PostState::Failed { parts, .. } = &post.state else {
        return error;
    };
    if parts.live == 0 || parts.head.is_none() {
        return error;
    }
    let name = match post.platform {
        Platform::X => "Twitter",
        other => other.name(),
    };
    wire::PostError {
        code: Code::PARTIAL.word,
        message: format!(
            "{name} thread partially published ({}/{}): {}",
            parts.live, parts.of, error.message
        )
        .into(),
        retryable: Code::PARTIAL.retryable,
        ..error
    }
}

fn posted_id(state: &PostState) -> Option<&str> {
    match state {
        PostState::Published { remote, .. } | PostState::Removed { remote, .. } => remote.known_id(),
        // A thread that stopped on its way has a head all the same.
        PostState::Failed { parts, .. } => parts.head.as_ref()?.known_id(),
        _ => None,
    }
}

/// The error of a target that shows as failed.
pub(super) fn post_error(state: &PostState) -> Option<wire::PostError<'_>> {
    let own = |code: Code, message, at| wire::PostError {
        code: code.word,
        message: Cow::Borrowed(message),
        platform_status_code: None,
        platform_error: None,
        failed_at: Iso(at),
        retryable: code.retryable,
    };
    match state {
        PostState::Failed { error, .. } => Some(platform_error(error, Code::of(error.kind))),
        PostState::Unconfirmed { error, .. } => Some(platform_error(error, Code::OUTCOME_UNKNOWN)),
        PostState::Missed { at, .. } => Some(own(Code::MISSED, "The post was found too late and was not sent", *at)),
        PostState::Cancelled { at } => Some(own(Code::CANCELLED, "The post was cancelled before it was sent", *at)),
        PostState::Draft
        | PostState::Scheduled { .. }
        | PostState::Publishing { .. }
        | PostState::Processing { .. }
        | PostState::Waiting { .. }
        | PostState::Reconciling { .. }
        | PostState::Published { .. }
        | PostState::Removed { .. } => None,
    }
}

fn platform_error(error: &ErrorSummary, code: Code) -> wire::PostError<'_> {
    // A check of our own has no answer of a platform, and says so; elsewhere what is not known is left out.
    let status = match (error.kind, error.http_status) {
        (ErrorKind::Validation, status) => Some(status),
        (_, status) => status.map(Some),
    };
    wire::PostError {
        code: code.word,
        message: Cow::Borrowed(&error.message),
        platform_status_code: status,
        platform_error: error.raw.as_deref(),
        failed_at: Iso(error.at),
        retryable: code.retryable,
    }
}

fn compounds(group: &Group) -> impl Iterator<Item = (wire::Compound<'_>, &Post)> {
    group.posts.iter().filter_map(|post| {
        let word = words::platform_word(post.platform)?;
        Some((wire::Compound { word, id: &post.target }, post))
    })
}

/// A group's status over the targets that this dialect can name.
fn shown_word(group: &Group) -> &'static str {
    let is_shown = |post: &&Post| words::platform_word(post.platform).is_some();
    if group.posts.iter().all(|post| is_shown(&post)) {
        return words::group_word(group.mask);
    }
    words::group_word(StateMask::of(
        group.draft,
        group.posts.iter().filter(is_shown).map(|post| &post.state),
    ))
}

/// A group as `update-post` answers it to somebody who asked for this time.
pub(super) fn updated(group: &Group, requested: Option<Timestamp>) -> wire::Updated<'_> {
    let scheduled_time = group.planned_at.map(Iso);
    wire::Updated {
        success: wire::True,
        message: "Post updated successfully",
        post_group: wire::UpdatedGroup {
            id: group.id,
            status: shown_word(group),
            scheduled_time,
            content: &group.content.head.text,
            platforms: compounds(group).map(|(compound, _)| compound).collect(),
        },
        scheduled_time,
        warnings: coerced(requested, group.planned_at),
    }
}

/// A group as `list-posts` shows it.
pub(super) fn listed<'a>(group: &'a Group, links: &dyn MediaLinks) -> wire::ListedGroup<'a> {
    let target = |(compound, post): (wire::Compound<'a>, &Post)| wire::ListedTarget {
        platform_id: compound,
        platform: compound.word,
        status: words::post_word(&post.state),
    };
    wire::ListedGroup {
        post_group_id: group.id,
        content: &group.content.head.text,
        status: shown_word(group),
        scheduled_time: group.planned_at.map(Iso),
        created_at: Iso(group.created_at),
        updated_at: Iso(group.updated_at),
        platforms: compounds(group).map(target).collect(),
        media_urls: group
            .content
            .head
            .media
            .iter()
            .filter_map(|media| links.link(media))
            .collect(),
    }
}

#[cfg(test)]
mod tests;

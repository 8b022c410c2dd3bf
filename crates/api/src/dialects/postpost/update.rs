//! `update-post`: what is asked for, judged, and how the changed post is shown.

use axum::extract::State;
use axum::http::HeaderMap;
use domain::ids::GroupId;
use engine::Group;
use engine::commands::{EditGroup, IdempotencyKey, Target};
use jiff::Timestamp;

use super::error::{Error, Operation};
use super::js::{Js, Object};
use super::routes::Answer;
use super::wire::{self, Body, PathId, json};
use super::{Postpost, map, media_urls, settings};
use crate::dialect::Caller;
use crate::state::ApiState;

/// What an `update-post` asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    /// To a draft, to scheduled, or as it is.
    pub(super) draft: Option<bool>,
    /// To this time, or as it is.
    pub(super) at: Option<Timestamp>,
    text: Option<String>,
    targets: Option<Vec<Target>>,
    settings: Option<Object>,
    /// Files to be fetched and added before anything is changed.
    pub(super) media_urls: Vec<String>,
}

/// `PUT /update-post/{id}`.
pub(super) async fn update_post(
    State(api): State<ApiState>,
    caller: Caller<Postpost>,
    headers: HeaderMap,
    id: PathId<GroupId>,
    Body(body): Body,
) -> Answer {
    let change = judge(wire::UpdatePost::parse(&body)?)?;
    let id = id.of(Operation::UpdatePost)?;
    let failed = Operation::UpdatePost.failed();
    // The key stands for the change of this post: the same words for another post are another request.
    let operation = format!("postpost/update-post/{id}");
    let idempotency = map::idempotency(&headers, operation, &body)?;
    let requested = change.at;
    let reach = &caller.reach;
    if let Some(key) = &idempotency
        && let Some(group) = api.engine.edited_before(reach.owner, key).await.map_err(&failed)?
    {
        return Ok(json(&map::updated(&group, requested)));
    }
    let group = if change.changes_more() || idempotency.is_some() {
        // Asked for first: nothing is fetched for a group that is not there or can no longer be changed.
        let before = if change.media_urls.is_empty() {
            api.engine.group(reach, id).await
        } else {
            api.engine.editable_group(reach, id).await
        };
        let before = before.map_err(&failed)?;
        let urls = change.media_urls.clone();
        let media = media_urls::import(&api, reach.owner, urls, Operation::UpdatePost).await?;
        let command = EditGroup {
            media,
            ..change.command(&before, idempotency)
        };
        api.engine.edit_group(reach, id, command).await
    } else {
        api.engine.edit_plan(reach, id, change.draft, change.at).await
    };
    Ok(json(&map::updated(&group.map_err(failed)?, requested)))
}

/// Judges an `update-post`. One of the two fields of the early documents must be there, also beside later ones.
pub(super) fn judge(wire: wire::UpdatePost<'_>) -> Result<Change, Error> {
    let draft = match &wire.status {
        status if !status.is_truthy() => None,
        Js::Text(status) if status == "draft" => Some(true),
        Js::Text(status) if status == "scheduled" => Some(false),
        _ => return Err(Error::bad("Status must be either 'draft' or 'scheduled'")),
    };
    if draft.is_none() && !wire.scheduled_time.is_truthy() {
        return Err(Error::bad("Either status or scheduledTime must be provided"));
    }
    let at = map::scheduled_time(&wire.scheduled_time)?;
    let text = wire
        .content
        .is_truthy()
        .then(|| map::content(wire.content))
        .transpose()?;
    let targets = &wire.platforms;
    let targets = targets.is_truthy().then(|| map::targets(targets)).transpose()?;
    if targets.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::bad("Invalid platform ID format: publora-playground"));
    }
    let settings = wire.platform_settings;
    let settings = settings
        .is_truthy()
        .then(|| map::platform_settings(settings))
        .transpose()?;
    let media_urls = media_urls::parse(wire.media_urls)?;
    Ok(Change {
        draft,
        at,
        text,
        targets,
        settings,
        media_urls,
    })
}

impl Change {
    fn changes_more(&self) -> bool {
        self.text.is_some() || self.targets.is_some() || self.settings.is_some() || !self.media_urls.is_empty()
    }

    /// The command for a post that is like this before.
    fn command(self, before: &Group, idempotency: Option<IdempotencyKey>) -> EditGroup {
        let stored = &before.content.settings;
        let given = self.settings.unwrap_or_default();
        let settings = match &self.targets {
            Some(targets) => settings::edited(given, stored, targets.iter().map(|target| target.platform)),
            None => settings::edited(given, stored, before.posts.iter().map(|post| post.platform)),
        };
        EditGroup {
            draft: self.draft,
            planned_at: self.at,
            text: self.text,
            settings,
            targets: self.targets,
            media: Vec::new(),
            idempotency,
        }
    }
}

//! Uploading media: images at once, videos after some polls.

use axum::extract::{Path, State};
use domain::platform::Platform;
use serde_json::{Value, json};

use super::instance::{DESCRIPTION_MAX, IMAGE_BYTES_MAX, IMAGE_PIXELS_MAX, VIDEO_BYTES_MAX, VIDEO_PIXELS_MAX};
use super::{Mastodon, not_found, refusal};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::medium::Medium;
use crate::world::{Shared, World, lock};

/// Status polls that a video needs when no script says otherwise.
const VIDEO_POLLS: u32 = 1;

/// A medium that was uploaded.
#[derive(Debug, Clone)]
pub(super) struct Attachment {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) medium: Medium,
    pub(super) description: String,
    pub(super) attached: bool,
    polls_left: u32,
    fails: bool,
}

impl Attachment {
    pub(super) fn is_ready(&self) -> bool {
        self.polls_left == 0 && !self.fails
    }

    /// The MediaAttachment entity; `url` is null while it is being processed.
    pub(super) fn json(&self, world: &World) -> Value {
        let file = world.address(&format!("mastodon/media/{}", self.id));
        let url = if self.is_ready() {
            Value::String(file.clone())
        } else {
            Value::Null
        };
        json!({
            "id": self.id,
            "type": if self.medium.kind.is_video() { "video" } else { "image" },
            "url": url,
            "preview_url": file,
            "remote_url": null,
            "text_url": null,
            "meta": {
                "focus": { "x": 0.0, "y": 0.0 },
                "original": {
                    "width": self.medium.width,
                    "height": self.medium.height,
                    "size": format!("{}x{}", self.medium.width, self.medium.height),
                    "aspect": self.medium.ratio(),
                },
            },
            "description": (!self.description.is_empty()).then_some(&self.description),
            "blurhash": "UBL_:rOpGG-oBUNG,qRj2so|=eE1w^n4S5NH",
        })
    }
}

pub(super) async fn upload_v2(State(world): State<Shared>, call: Call) -> Handled {
    upload(world, call, true).await
}

/// The old endpoint processes videos before it answers.
pub(super) async fn upload_v1(State(world): State<Shared>, call: Call) -> Handled {
    upload(world, call, false).await
}

async fn upload(world: Shared, call: Call, may_take_time: bool) -> Handled {
    let turn = open(
        &world,
        Mastodon,
        &call,
        Credential::Access(call.bearer()),
        Class::Upload,
        "",
    )
    .await?;
    let answer = store(&turn, &call, may_take_time);
    Ok(turn.close(answer).await)
}

fn store(turn: &Turn<Mastodon>, call: &Call, may_take_time: bool) -> Result<Answer, Answer> {
    let account = turn.account()?;
    let world = &turn.world;
    let fields = Fields::of(call).map_err(|_| refusal(400, "Bad Request"))?;
    let file = fields
        .file("file")
        .ok_or_else(|| refusal(422, "Validation failed: File can't be blank"))?;
    let description = fields.text("description").unwrap_or_default();
    check_description(&description)?;
    let medium = Medium::of(&file.bytes);
    check(&medium)?;
    let scripted = turn.picked.polls;
    let polls_left = match scripted {
        _ if !may_take_time => 0,
        Some(polls) => polls,
        None if medium.kind.is_video() => VIDEO_POLLS,
        None => 0,
    };
    let fails = turn.picked.processing_fails;
    if fails && !may_take_time {
        return Err(processing_failed());
    }
    let id = world
        .next_id(Platform::Mastodon, super::statuses::snowflake(turn.now))
        .to_string();
    let attachment = Attachment {
        id: id.clone(),
        account: account.remote_id.clone(),
        medium,
        description,
        attached: false,
        polls_left,
        fails,
    };
    let status = if attachment.is_ready() { 200 } else { 202 };
    let body = attachment.json(world);
    lock(&world.mastodon.media).insert(id, attachment);
    Ok(Answer::json(status, &body))
}

fn check_description(description: &str) -> Result<(), Answer> {
    if description.chars().count() > DESCRIPTION_MAX {
        let message = format!("Validation failed: Description is too long (maximum is {DESCRIPTION_MAX} characters)");
        return Err(refusal(422, &message));
    }
    Ok(())
}

fn check(medium: &Medium) -> Result<(), Answer> {
    let pixels = medium.width * medium.height;
    let too_large = |limit: usize| {
        let message = format!(
            "Validation failed: File file size must be less than {} MB",
            limit / 1_048_576
        );
        Err(refusal(422, &message))
    };
    if medium.kind.is_image() {
        if medium.size > IMAGE_BYTES_MAX {
            return too_large(IMAGE_BYTES_MAX);
        }
        if !medium.readable {
            return Err(refusal(422, "File type of uploaded media could not be verified"));
        }
        if pixels > IMAGE_PIXELS_MAX {
            let message = format!("{}x{} images are not supported", medium.width, medium.height);
            return Err(refusal(422, &message));
        }
        return Ok(());
    }
    if medium.kind.is_video() {
        if medium.size > VIDEO_BYTES_MAX {
            return too_large(VIDEO_BYTES_MAX);
        }
        if pixels > VIDEO_PIXELS_MAX {
            let message = format!("{}x{} videos are not supported", medium.width, medium.height);
            return Err(refusal(422, &message));
        }
        return Ok(());
    }
    Err(refusal(
        422,
        "Validation failed: File content type is invalid, File is invalid",
    ))
}

fn processing_failed() -> Answer {
    refusal(422, "Error processing thumbnail for uploaded media")
}

pub(super) async fn show(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = open(
        &world,
        Mastodon,
        &call,
        Credential::Access(call.bearer()),
        Class::Check,
        "",
    )
    .await?;
    let answer = poll(&turn, &id);
    Ok(turn.close(answer).await)
}

fn poll(turn: &Turn<Mastodon>, id: &str) -> Result<Answer, Answer> {
    let account = turn.account()?;
    let mut media = lock(&turn.world.mastodon.media);
    let attachment = media
        .get_mut(id)
        .filter(|found| found.account == account.remote_id)
        .ok_or_else(not_found)?;
    if attachment.polls_left > 0 {
        attachment.polls_left -= 1;
        return Ok(Answer::json(206, &attachment_in_progress(attachment, &turn.world)));
    }
    if attachment.fails {
        return Err(processing_failed());
    }
    Ok(Answer::ok(&attachment.json(&turn.world)))
}

/// The entity while it is in progress, even if this was the last poll that it needed.
fn attachment_in_progress(attachment: &Attachment, world: &World) -> Value {
    let mut value = attachment.json(world);
    if let Some(url) = value.get_mut("url") {
        *url = Value::Null;
    }
    value
}

pub(super) async fn update(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = open(
        &world,
        Mastodon,
        &call,
        Credential::Access(call.bearer()),
        Class::Upload,
        "",
    )
    .await?;
    let answer = describe(&turn, &id, &call);
    Ok(turn.close(answer).await)
}

fn describe(turn: &Turn<Mastodon>, id: &str, call: &Call) -> Result<Answer, Answer> {
    let account = turn.account()?;
    let fields = Fields::of(call).map_err(|_| refusal(400, "Bad Request"))?;
    let mut media = lock(&turn.world.mastodon.media);
    // An attached medium is changed through its status, docs.joinmastodon.org says.
    let attachment = media
        .get_mut(id)
        .filter(|found| found.account == account.remote_id && !found.attached)
        .ok_or_else(not_found)?;
    if let Some(description) = fields.text("description") {
        check_description(&description)?;
        attachment.description = description;
    }
    Ok(Answer::ok(&attachment.json(&turn.world)))
}

//! Media: presigned uploads, their completion, and taking them back; covers and thumbnails have [`super::covers`].

use ::media::probe::Probe;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::content::{Media, MediaKind};
use domain::ids::{GroupId, MediaId};
use engine::uploads::{NewUpload, UploadError};
use engine::{Conflict, FileState, MediaFile};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::{Error, Operation};
use super::js::{self, Js};
use super::wire::{Body, Done, PathId, True, json};
use super::{Postpost, attach, words};
use crate::dialect::Caller;
use crate::openapi::{Doc, Endpoint, Field, ID, Id, Kind, answer};
use crate::state::ApiState;
use crate::uploads::unusable_code;

type Answer = Result<Response, Error>;

pub(super) const TAG: &str = "Media";
const FILE: &[Field] = &[Field::new("id", Kind::Text, "The mediaId of an upload.").form(ID)];

/// The operations.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/get-upload-url", get_upload_url, &GET_UPLOAD_URL),
        Endpoint::post("/complete-media/{id}", complete, &COMPLETE),
        Endpoint::delete("/media/{id}", delete, &DELETE),
        Endpoint::post("/attach-media/{id}", attach::attach, &attach::ATTACH),
    ]
}

static GET_UPLOAD_URL: Doc = Doc::new(
    TAG,
    "Gives the URL to which a file of a post is put",
    &[(200, answer::<Slot>)],
)
.words(
    "PUT the bytes to uploadUrl with the same Content-Type within an hour. The post waits for the file when it is due.",
)
.body(&[
    Field::new("fileName", Kind::Text, "The file's name.").required(),
    Field::new(
        "contentType",
        Kind::Text,
        "Its media type: image/…, video/… or application/pdf.",
    )
    .form("^((image|video)/[a-z0-9.+-]+|application/pdf)$")
    .required(),
    Field::new("postGroupId", Kind::Text, "The post that it is for.")
        .form(ID)
        .required(),
    Field::new("type", Kind::Text, "Says the same as contentType once more."),
])
.errors(&[
    (
        400,
        &[
            "fileName, contentType, and postGroupId are required",
            "Invalid postGroupId",
            "Only video, image, and PDF files are allowed",
            "Cannot upload media for a non-editable post",
        ],
    ),
    (404, &["Post group not found"]),
    (
        409,
        &["Post group is currently being published; cannot upload media. Retry once publishing completes."],
    ),
    (500, &["Failed to create upload URL"]),
]);

static COMPLETE: Doc = Doc::new(
    TAG,
    "Tells what was found in an uploaded file",
    &[(200, answer::<Completed<'static>>)],
)
.words("Nothing needs it: a file is part of its post as soon as it is there.")
.path(FILE)
.errors(&[
    (400, &["Invalid media file ID"]),
    (404, &["Media file not found"]),
    (409, &["The media file changed meanwhile; try again"]),
    (500, &["Failed to complete media file"]),
    (503, &["the file has not been uploaded yet"]),
]);

static DELETE: Doc = Doc::new(TAG, "Takes a file out of its post", &[(200, answer::<Done>)])
    .path(FILE)
    .errors(&[
        (
            400,
            &[
                "Invalid mediaId",
                "Cannot delete media from a post that has already been published or failed",
            ],
        ),
        (404, &["Media file not found"]),
        (
            409,
            &["Post group is currently being published; cannot delete media. Retry once publishing completes."],
        ),
        (500, &["Failed to delete media file"]),
    ]);

/// The answer of `get-upload-url`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Slot {
    success: True,
    upload_url: String,
    file_url: String,
    /// The id of the file, for complete-media.
    #[schemars(with = "Id")]
    media_id: MediaId,
}

/// The answer of `complete-media`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Completed<'a> {
    success: True,
    media_file: Shown<'a>,
}

/// A file as it is shown.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    #[serde(rename = "_id")]
    #[schemars(with = "Id")]
    id: MediaId,
    #[serde(rename = "type")]
    kind: &'static str,
    mime_type: &'a str,
    file_name: &'a str,
    url: Option<String>,
    status: &'static str,
    metadata: Metadata,
}

/// What was found out about a file.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    size: u64,
    width: Option<u32>,
    height: Option<u32>,
    aspect_ratio: Option<f64>,
    /// The media type's second half.
    format: String,
    frame_rate: Option<f64>,
    codec_name: Option<String>,
    audio_codec_name: Option<String>,
    bit_rate: Option<u64>,
    /// In seconds.
    duration: Option<f64>,
    rotation: u16,
}

/// `POST /get-upload-url`.
pub(super) async fn get_upload_url(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    let new = upload(&body)?;
    let slot = api.engine.ask_for_upload(&caller.reach, new).await;
    let slot = slot.map_err(not_editable("upload media", Operation::GetUploadUrl))?;
    Ok(json(&Slot {
        success: True,
        upload_url: slot.put_url.into(),
        file_url: slot.file_url.into(),
        media_id: slot.file.id,
    }))
}

/// Judges a `get-upload-url`. What a file is follows from its media type: `type` says the same once more, and clients
/// leave it out.
fn upload(body: &[u8]) -> Result<NewUpload, Error> {
    let names = ["fileName", "contentType", "postGroupId"];
    let [name, mime, group] = js::fields(body, &names).map_err(|_| Error::Json)?;
    if ![&name, &mime, &group].into_iter().all(Js::is_truthy) {
        return Err(Error::bad("fileName, contentType, and postGroupId are required"));
    }
    let mime = mime.to_text().trim().to_owned();
    Ok(NewUpload {
        kind: kind(&mime).ok_or(Error::bad("Only video, image, and PDF files are allowed"))?,
        mime,
        group: group_id(&group.to_text())?,
        name: ending(&name.to_text()),
    })
}

/// The longest name that is kept.
const NAME_CHARS_MAX: usize = 255;

/// The end of a name, which has its extension.
fn ending(name: &str) -> String {
    let cut = name.chars().count().saturating_sub(NAME_CHARS_MAX);
    name.chars().skip(cut).collect()
}

pub(super) fn group_id(text: &str) -> Result<GroupId, Error> {
    text.parse().map_err(|_| Error::bad("Invalid postGroupId"))
}

fn kind(mime: &str) -> Option<MediaKind> {
    let essence = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_header = mime.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match essence.split_once('/') {
        Some(("image", rest)) if !rest.is_empty() && is_header => Some(MediaKind::Image),
        Some(("video", rest)) if !rest.is_empty() && is_header => Some(MediaKind::Video),
        _ if essence == "application/pdf" && is_header => Some(MediaKind::Document),
        _ => None,
    }
}

/// `POST /complete-media/:mediaFileId`.
pub(super) async fn complete(State(api): State<ApiState>, caller: Caller<Postpost>, id: PathId<MediaId>) -> Answer {
    let id = id.or(Error::coded(
        StatusCode::BAD_REQUEST,
        "INVALID_MEDIA_FILE_ID",
        "Invalid media file ID",
    ))?;
    let file = api.engine.complete_media(&caller.reach, id).await;
    let file = file.map_err(not_completed)?;
    let FileState::Ready(media) = &file.state else {
        return Err(Error::Failed(Operation::CompleteMedia));
    };
    let url = address(&api, &file);
    let probe = api.engine.probe_media(&file).await.ok();
    Ok(json(&Completed {
        success: True,
        media_file: Shown {
            id,
            kind: kind_word(media.kind),
            mime_type: &media.mime,
            file_name: shown_name(&media.key),
            url,
            status: "ready",
            metadata: metadata(media, probe.as_ref()),
        },
    }))
}

const fn kind_word(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image | MediaKind::Animation => "image",
        MediaKind::Video => "video",
        MediaKind::Document => "document",
    }
}

/// The storage key without the parts that keep it from being guessed.
fn shown_name(key: &str) -> &str {
    key.splitn(3, '/').nth(2).unwrap_or(key)
}

fn metadata(media: &Media, probe: Option<&Probe>) -> Metadata {
    let ratio = |(width, height): (u32, u32)| f64::from(width) / f64::from(height);
    let bits = u128::from(media.bytes) * 8_000;
    Metadata {
        size: media.bytes,
        width: media.width,
        height: media.height,
        aspect_ratio: media
            .width
            .zip(media.height)
            .filter(|(_, height)| *height > 0)
            .map(ratio),
        format: media.mime.rsplit('/').next().unwrap_or_default().to_owned(),
        frame_rate: media.frame_rate,
        codec_name: probe.and_then(|probe| probe.codec.clone()),
        audio_codec_name: probe.and_then(|probe| probe.audio.clone()),
        bit_rate: media
            .duration_ms
            .and_then(|millis| bits.checked_div(millis.into()))
            .and_then(|rate| u64::try_from(rate).ok()),
        duration: media.duration_ms.map(|millis| millis as f64 / 1_000.0),
        rotation: probe.map_or(0, |probe| probe.rotation),
    }
}

fn not_completed(error: UploadError) -> Error {
    let text = error.to_string();
    match error {
        UploadError::Engine(engine::Error::NotFound) => {
            Error::coded(StatusCode::NOT_FOUND, "MEDIA_FILE_NOT_FOUND", "Media file not found")
        }
        UploadError::Unusable(error) => Error::coded(StatusCode::BAD_REQUEST, unusable_code(&error), text),
        UploadError::TooLarge { .. } => Error::coded(StatusCode::BAD_REQUEST, "PROBE_FAILED", text),
        UploadError::Busy | UploadError::Done => Error::coded(
            StatusCode::CONFLICT,
            "MEDIA_FILE_RACE",
            "The media file changed meanwhile; try again",
        ),
        UploadError::Missing | UploadError::Incomplete | UploadError::Storage(_) => {
            Error::coded(StatusCode::SERVICE_UNAVAILABLE, "PROBE_DOWNLOAD_FAILED", text)
        }
        other => {
            tracing::error!(error = %other, "a media file could not be completed");
            Error::Failed(Operation::CompleteMedia)
        }
    }
}

/// `DELETE /media/:mediaId`.
pub(super) async fn delete(State(api): State<ApiState>, caller: Caller<Postpost>, id: PathId<MediaId>) -> Answer {
    let id = id.or(Error::bad("Invalid mediaId"))?;
    let removed = api.engine.delete_media(&caller.reach, id).await;
    removed.map_err(|error| match error {
        engine::Error::NotFound => Error::plain(StatusCode::NOT_FOUND, "Media file not found"),
        engine::Error::Conflict(Conflict::NotEditable(mask)) if words::is_over(mask) => {
            Error::bad("Cannot delete media from a post that has already been published or failed")
        }
        engine::Error::Conflict(Conflict::NotEditable(_)) => Error::plain(
            StatusCode::CONFLICT,
            "Post group is currently being published; cannot delete media. Retry once publishing completes.",
        ),
        other => Operation::DeleteMedia.failed()(other),
    })?;
    Ok(json(&Done { success: True }))
}

/// The answer for a group that can no longer be edited: 409 while it is being published, 400 afterwards.
pub(super) fn not_editable(what: &'static str, operation: Operation) -> impl Fn(engine::Error) -> Error {
    move |error| match error {
        engine::Error::Conflict(Conflict::NotEditable(mask)) if words::is_over(mask) => Error::plain(
            StatusCode::BAD_REQUEST,
            format!("Cannot {what} for a non-editable post"),
        ),
        engine::Error::Conflict(Conflict::NotEditable(_)) => Error::plain(
            StatusCode::CONFLICT,
            format!("Post group is currently being published; cannot {what}. Retry once publishing completes."),
        ),
        engine::Error::Conflict(conflict @ Conflict::TooManyFiles(_)) => {
            Error::plain(StatusCode::BAD_REQUEST, conflict.to_string())
        }
        engine::Error::Invalid(text) => Error::plain(StatusCode::BAD_REQUEST, text),
        other => operation.failed()(other),
    }
}

/// A file by the address at which its owner reads it.
pub(super) fn address(api: &ApiState, file: &MediaFile) -> Option<String> {
    api.engine.file_url(file).map(Into::into)
}

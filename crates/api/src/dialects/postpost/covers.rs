//! `upload-instagram-cover` and `upload-youtube-thumbnail`: pictures that settings refer to, sent as forms.

use axum::extract::multipart::{Field, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use domain::ids::MediaId;
use engine::Purpose;
use engine::uploads::{SettingRule, UploadError};
use schemars::JsonSchema;
use serde::Serialize;

use super::Postpost;
use super::error::{Error, Operation};
use super::media::{address, group_id, not_editable};
use super::wire::{True, json};
use crate::dialect::Caller;
use crate::openapi::{self, Doc, Endpoint, Id, answer};
use crate::state::ApiState;

/// The longest body of these two: the larger picture and the form around it.
const FORM_BYTES_MAX: usize = 10 * 1_024 * 1_024;
/// The longest other field of a form.
const TEXT_BYTES_MAX: u64 = 1_024;

/// What differs between the two.
struct Kind {
    purpose: Purpose,
    field: &'static str,
    missing: &'static str,
    wrong_kind: &'static str,
    too_large: &'static str,
    too_small: &'static str,
    what: &'static str,
    operation: Operation,
}

static COVER: Kind = Kind {
    purpose: Purpose::Cover,
    field: "cover",
    missing: "cover file is required",
    wrong_kind: "Instagram covers must be JPEG, PNG, or WebP images",
    too_large: "Instagram covers must be 8 MB or smaller",
    too_small: "Instagram covers must have pixels",
    what: "upload Instagram cover",
    operation: Operation::UploadCover,
};

static THUMBNAIL: Kind = Kind {
    purpose: Purpose::Thumbnail,
    field: "thumbnail",
    missing: "thumbnail file is required",
    wrong_kind: "YouTube thumbnails must be JPEG or PNG images",
    too_large: "YouTube thumbnails must be 2 MB or smaller",
    too_small: "YouTube thumbnails must be at least 640x360 pixels",
    what: "upload YouTube thumbnail",
    operation: Operation::UploadThumbnail,
};

/// A stored picture.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Picture {
    #[schemars(with = "Id")]
    media_id: MediaId,
    url: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct CoverAdded {
    success: True,
    cover: Picture,
    message: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct ThumbnailAdded {
    success: True,
    thumbnail: Picture,
}

type Answer = Result<Response, Error>;

const TAG: &str = "Media";
const FORM: &str = "multipart/form-data";
const GROUP: openapi::Field = openapi::Field::new("postGroupId", openapi::Kind::Text, "The post that it is for.")
    .form(openapi::ID)
    .required();

/// The operations.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post("/upload-instagram-cover", cover, &COVER_DOC).body_max(FORM_BYTES_MAX),
        Endpoint::post("/upload-youtube-thumbnail", thumbnail, &THUMBNAIL_DOC).body_max(FORM_BYTES_MAX),
    ]
}

static COVER_DOC: Doc = Doc {
    body_type: FORM,
    ..Doc::new(TAG, "Stores the cover of a reel", &[(200, answer::<CoverAdded>)])
        .words("Settings refer to it: platformSettings.instagram.coverUrl.")
        .body(&[
            GROUP,
            openapi::Field::new("cover", openapi::Kind::File, "A JPEG, PNG or WebP of at most 8 MB.").required(),
        ])
        .errors(&[
            (
                400,
                &[
                    "postGroupId is required",
                    "Invalid postGroupId",
                    "cover file is required",
                    "Instagram covers must be JPEG, PNG, or WebP images",
                    "Instagram covers must be 8 MB or smaller",
                    "Cannot upload Instagram cover for a non-editable post",
                ],
            ),
            (404, &["Post group not found"]),
            (500, &["Failed to upload Instagram cover"]),
        ])
};

static THUMBNAIL_DOC: Doc = Doc {
    body_type: FORM,
    ..Doc::new(
        TAG,
        "Stores the thumbnail of a film",
        &[(200, answer::<ThumbnailAdded>)],
    )
    .words("Settings refer to it: platformSettings.youtube.thumbnailUrl.")
    .body(&[
        GROUP,
        openapi::Field::new(
            "thumbnail",
            openapi::Kind::File,
            "A JPEG or PNG of at most 2 MB and at least 640x360 pixels.",
        )
        .required(),
    ])
    .errors(&[
        (
            400,
            &[
                "postGroupId is required",
                "Invalid postGroupId",
                "thumbnail file is required",
                "YouTube thumbnails must be JPEG or PNG images",
                "YouTube thumbnails must be 2 MB or smaller",
                "YouTube thumbnails must be at least 640x360 pixels",
                "Cannot upload YouTube thumbnail for a non-editable post",
            ],
        ),
        (404, &["Post group not found"]),
        (500, &["Failed to upload YouTube thumbnail"]),
    ])
};

/// `POST /upload-instagram-cover`.
pub(super) async fn cover(
    State(api): State<ApiState>,
    caller: Caller<Postpost>,
    form: Result<Multipart, MultipartRejection>,
) -> Answer {
    Ok(json(&CoverAdded {
        success: True,
        cover: add(&api, &caller, form, &COVER).await?,
        message: "Set platformSettings.instagram.coverUrl to cover.url via /update-post to use this image as the Reels cover.",
    }))
}

/// `POST /upload-youtube-thumbnail`.
pub(super) async fn thumbnail(
    State(api): State<ApiState>,
    caller: Caller<Postpost>,
    form: Result<Multipart, MultipartRejection>,
) -> Answer {
    Ok(json(&ThumbnailAdded {
        success: True,
        thumbnail: add(&api, &caller, form, &THUMBNAIL).await?,
    }))
}

async fn add(
    api: &ApiState,
    caller: &Caller<Postpost>,
    form: Result<Multipart, MultipartRejection>,
    kind: &Kind,
) -> Result<Picture, Error> {
    let form = read(form, kind).await?;
    let group = form.group.filter(|text| !text.is_empty());
    let group = group_id(group.ok_or(Error::bad("postGroupId is required"))?.trim())?;
    let (name, bytes) = form.file.ok_or(Error::bad(kind.missing))?;
    let added = api
        .engine
        .add_setting_file(&caller.reach, group, kind.purpose, name, bytes)
        .await;
    let file = added.map_err(|error| match error {
        UploadError::TooLarge { .. } => Error::bad(kind.too_large),
        UploadError::TooSmall => Error::bad(kind.too_small),
        UploadError::WrongKind | UploadError::Unusable(_) => Error::bad(kind.wrong_kind),
        UploadError::Engine(error) => not_editable(kind.what, kind.operation)(error),
        other => {
            tracing::error!(error = %other, "a picture could not be stored");
            Error::Failed(kind.operation)
        }
    })?;
    Ok(Picture {
        media_id: file.id,
        url: address(api, &file),
    })
}

/// What a form holds.
#[derive(Default)]
struct Form {
    group: Option<String>,
    file: Option<(String, Bytes)>,
}

async fn read(form: Result<Multipart, MultipartRejection>, kind: &Kind) -> Result<Form, Error> {
    // What is no form has none of the fields.
    let Ok(mut form) = form else {
        return Err(Error::bad("postGroupId is required"));
    };
    let broken = |_| Error::plain(StatusCode::BAD_REQUEST, "The form is broken or too large");
    let mut found = Form::default();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "postGroupId" {
            let bytes = limited(field, TEXT_BYTES_MAX).await.map_err(broken)?;
            found.group = Some(String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned());
        } else if name == kind.field {
            let file_name = field.file_name().unwrap_or("file").to_owned();
            let rule = SettingRule::of(kind.purpose);
            let bytes = limited(field, rule.bytes_max).await.map_err(broken)?;
            found.file = Some((file_name, bytes.ok_or(Error::bad(kind.too_large))?));
        }
    }
    Ok(found)
}

/// A field of at most so many bytes; `None` when it is longer.
async fn limited(
    mut field: Field<'_>,
    bytes_max: u64,
) -> Result<Option<Bytes>, axum::extract::multipart::MultipartError> {
    let mut bytes = BytesMut::new();
    let mut is_over = false;
    while let Some(chunk) = field.chunk().await? {
        // The rest is read and dropped, so that the sender gets to read the answer.
        is_over |= (bytes.len() + chunk.len()) as u64 > bytes_max;
        if !is_over {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok((!is_over).then(|| bytes.freeze()))
}

//! Uploading files as blobs.

use domain::capability::Capability;
use domain::content::{Media, MediaKind, PartContent};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::Value;

use super::pds::{Pds, read};
use super::wire::{AspectRatio, Embed, ImageView, UploadedBlob};
use crate::{SendCtx, files};

/// What of the files Bluesky would refuse, found before the first one is uploaded: its server takes too large a blob
/// and refuses the record afterwards.
pub(super) fn check_files(content: &PartContent) -> Result<(), PlatformError> {
    let capability = Capability::of(Platform::Bluesky);
    let films = content
        .media
        .iter()
        .filter(|media| media.kind == MediaKind::Video)
        .count();
    let most = if films > 0 {
        1
    } else {
        usize::from(capability.media_max)
    };
    if content.media.len() > most {
        let message = format!(
            "A Bluesky post has at most {} images or one video",
            capability.media_max
        );
        return Err(refused(ErrorKind::Validation, message));
    }
    content.media.iter().try_for_each(check_file)
}

/// The same for one file.
pub(super) fn check_file(media: &Media) -> Result<(), PlatformError> {
    let capability = Capability::of(Platform::Bluesky);
    let bytes_max = match media.kind {
        MediaKind::Image | MediaKind::Animation => capability.images.as_ref().map(|rule| rule.bytes_max),
        MediaKind::Video => capability.video.as_ref().map(|rule| rule.bytes_max),
        MediaKind::Document => None,
    };
    match bytes_max {
        None => Err(refused(
            ErrorKind::Validation,
            "Bluesky takes images and videos only".to_owned(),
        )),
        Some(max) if media.bytes > max => {
            let message = format!(
                "A file has {} bytes; Bluesky takes at most {max} of its kind",
                media.bytes
            );
            Err(refused(ErrorKind::TooLarge, message))
        }
        Some(_) => Ok(()),
    }
}

/// The method that takes files.
const UPLOAD: &str = "com.atproto.repo.uploadBlob";

/// Uploads one file. The blob that comes back goes into the record word for word.
pub(super) async fn upload(ctx: &SendCtx<'_>, pds: &Pds<'_>, media: &Media) -> Result<Value, PlatformError> {
    let mut is_second = false;
    loop {
        let body = files::body(Platform::Bluesky, Stage::Prepare, ctx.media, media, 0, media.bytes).await?;
        let request = pds
            .signed(pds.post(UPLOAD), &Method::POST, UPLOAD)
            .header(CONTENT_TYPE, &media.mime)
            .header(CONTENT_LENGTH, media.bytes)
            .body(body);
        let asked = ctx.http.read(request, files::upload_budget(media.bytes)).await;
        let answer = asked.map_err(|failure| failure.into_error(Platform::Bluesky, Stage::Prepare))?;
        if pds.wants_nonce(UPLOAD, &answer) && !is_second {
            is_second = true;
            continue;
        }
        return Ok(read::<UploadedBlob>(Stage::Prepare, &answer)?.blob);
    }
}

/// The embed of uploaded files, in their order; none when there are none.
pub(super) fn embed(media: &[Media], blobs: &[Value]) -> Option<Embed> {
    let mut files = media.iter().zip(blobs).peekable();
    if let Some((film, blob)) = files.peek()
        && film.kind == MediaKind::Video
    {
        return Some(Embed::Video {
            video: (*blob).clone(),
            alt: film.alt.clone(),
            aspect_ratio: aspect_ratio(film),
        });
    }
    let images: Vec<_> = files
        .map(|(media, blob)| ImageView {
            image: blob.clone(),
            alt: media.alt.clone().unwrap_or_default(),
            aspect_ratio: aspect_ratio(media),
        })
        .collect();
    (!images.is_empty()).then_some(Embed::Images { images })
}

fn aspect_ratio(media: &Media) -> Option<AspectRatio> {
    let (width, height) = (media.width?, media.height?);
    (width > 0 && height > 0).then_some(AspectRatio { width, height })
}

fn refused(kind: ErrorKind, message: String) -> PlatformError {
    PlatformError::refused(Platform::Bluesky, Stage::Validate, kind, message)
}

//! Stored files as bodies of requests, streamed.

use bytes::Bytes;
use domain::content::Media;
use domain::error::{ErrorKind, PlatformError, Retry, Stage};
use domain::platform::Platform;
use futures_util::{StreamExt, stream};
use reqwest::multipart;

use crate::MediaSource;

/// A file as a part of a multipart body, with its length, media type and name.
///
/// Its first piece is read here, so that a file that is gone is found out before a creating call begins.
///
/// # Errors
/// [`ErrorKind::NotReady`] when the file cannot be read: the media store may be away for a while.
pub async fn part(
    platform: Platform,
    stage: Stage,
    source: &dyn MediaSource,
    media: &Media,
) -> Result<multipart::Part, PlatformError> {
    let lost = || {
        PlatformError::refused(
            platform,
            stage,
            ErrorKind::NotReady,
            "A file of this post cannot be read from the store",
        )
        .with_retry(Retry::BACKOFF)
    };
    let mut rest = source.open(media, 0).await.map_err(|_| lost())?;
    let first = match rest.next().await {
        Some(piece) => piece.map_err(|_| lost())?,
        None => Bytes::new(),
    };
    let whole = stream::once(async move { Ok(first) }).chain(rest);
    multipart::Part::stream_with_length(reqwest::Body::wrap_stream(whole), media.bytes)
        .file_name(file_name(media))
        .mime_str(&media.mime)
        .map_err(|_| {
            let message = format!("A file of this post has the media type '{}', which is none", media.mime);
            PlatformError::refused(platform, stage, ErrorKind::MediaRejected, message)
        })
}

/// A name that says what the file is and nothing else: the user's own name for it is nobody's business.
fn file_name(media: &Media) -> String {
    let extension = match media.mime.as_str() {
        "image/jpeg" => "jpg",
        "image/svg+xml" => "svg",
        "video/quicktime" => "mov",
        "text/plain" => "txt",
        other => other.split_once('/').map_or("bin", |(_, subtype)| subtype),
    };
    format!("file.{extension}")
}

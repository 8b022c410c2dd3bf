//! Signed links to stored files: made for answers and platforms, and followed here. Uploads have [`crate::uploads`].

use std::io;
use std::ops::Range;

use ::media::probe::{HEAD_BYTES, sniff};
use async_trait::async_trait;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RANGE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::content::Media;
use engine::library::Library;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;

use crate::range::{Asked, asked};
use crate::state::ApiState;

/// Makes absolute addresses of stored media.
pub trait MediaLinks: Send + Sync {
    /// Where clients can fetch this file for some time, the same in each answer; `None` when it has no address.
    fn link(&self, media: &Media) -> Option<String>;
}

/// Follows signed links.
#[async_trait]
pub trait MediaFiles: Send + Sync {
    /// What the link `/media/{token}/{name}` stands for; `None` for a link that is bad or has expired, and for a file
    /// that is gone.
    ///
    /// # Errors
    /// Those of the storage.
    async fn find(&self, token: &str, name: &str) -> io::Result<Option<MediaFile>>;

    /// The bytes in `range`, which lies within the file that was found.
    ///
    /// # Errors
    /// Those of the storage.
    async fn read(&self, token: &str, name: &str, range: Range<u64>) -> io::Result<MediaStream>;
}

/// The bytes of a file as they are read.
pub type MediaStream = BoxStream<'static, io::Result<Bytes>>;

/// A file that a link stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// Its media type.
    pub mime: String,
    /// Its length in bytes.
    pub bytes: u64,
}

impl MediaLinks for Library {
    fn link(&self, media: &Media) -> Option<String> {
        self.file_url(media.id, &media.key).map(Into::into)
    }
}

#[async_trait]
impl MediaFiles for Library {
    async fn find(&self, token: &str, name: &str) -> io::Result<Option<MediaFile>> {
        let mut opened = match self.open_link(token, name, Some(0..HEAD_BYTES as u64)).await {
            Ok(opened) => opened,
            Err(None | Some(::media::Error::NotFound)) => return Ok(None),
            Err(Some(error)) => return Err(io::Error::other(error)),
        };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        while let Some(chunk) = opened.stream.next().await {
            head.extend_from_slice(&chunk?);
        }
        // What it is comes from its bytes, as when it was stored; nothing is ever served as a page or a script.
        let mime = sniff(&head)
            .map_or("application/octet-stream", |sniffed| sniffed.mime)
            .to_owned();
        Ok(Some(MediaFile {
            mime,
            bytes: opened.total,
        }))
    }

    async fn read(&self, token: &str, name: &str, range: Range<u64>) -> io::Result<MediaStream> {
        match self.open_link(token, name, Some(range)).await {
            Ok(opened) => Ok(opened.stream),
            Err(error) => Err(error.map_or(io::ErrorKind::NotFound.into(), io::Error::other)),
        }
    }
}

/// `GET /media/{token}/{name}`.
pub(crate) async fn serve(
    State(api): State<ApiState>,
    Path((token, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let found = match api.files.find(&token, &name).await {
        Ok(Some(found)) => found,
        Ok(None) => return (StatusCode::NOT_FOUND, "This link is not valid, or not any more\n").into_response(),
        Err(error) => return unreadable(&error),
    };
    let (status, range) = match asked(headers.get(RANGE).and_then(|value| value.to_str().ok()), found.bytes) {
        Asked::Whole => (StatusCode::OK, 0..found.bytes),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Outside => return outside(found.bytes),
    };
    let stream = match api.files.read(&token, &name, range.clone()).await {
        Ok(stream) => stream,
        Err(error) => return unreadable(&error),
    };
    let mut response = (status, Body::from_stream(stream)).into_response();
    let headers = response.headers_mut();
    let mime = HeaderValue::from_str(&found.mime).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_TYPE, mime);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), found.bytes);
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(CONTENT_RANGE, value);
        }
    }
    response
}

fn outside(total: u64) -> Response {
    (
        StatusCode::RANGE_NOT_SATISFIABLE,
        [(CONTENT_RANGE, format!("bytes */{total}"))],
    )
        .into_response()
}

fn unreadable(error: &io::Error) -> Response {
    tracing::error!(%error, "a stored file could not be read");
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "This file cannot be read at the moment\n",
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Answer, Door};

    async fn ask(door: &Door, name: &str, range: Option<&str>) -> Answer {
        let headers = range.map(|range| ("range", range));
        door.ask("GET", &format!("/media/token/{name}"), headers.as_slice(), "")
            .await
    }

    #[tokio::test]
    async fn a_good_link_serves_the_file_whole_or_in_part() {
        let door = Door::open().await;
        let whole = ask(&door, "a.txt", None).await;
        assert_eq!((whole.status, whole.body.as_str()), (200, "0123456789"));
        assert_eq!(whole.header("content-type"), "image/png");
        assert_eq!(whole.header("accept-ranges"), "bytes");
        assert_eq!(whole.header("x-content-type-options"), "nosniff");
        let part = ask(&door, "a.txt", Some("bytes=2-4")).await;
        assert_eq!((part.status, part.body.as_str()), (206, "234"));
        assert_eq!(part.header("content-range"), "bytes 2-4/10");
        assert_eq!(part.header("content-length"), "3");
        let outside = ask(&door, "a.txt", Some("bytes=10-")).await;
        assert_eq!(
            (outside.status, outside.header("content-range").as_str()),
            (416, "bytes */10")
        );
    }

    #[tokio::test]
    async fn a_bad_link_is_not_found() {
        let door = Door::open().await;
        assert_eq!(ask(&door, "b.txt", None).await.status, 404);
    }
}

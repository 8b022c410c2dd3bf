//! Stored files as bodies of requests, streamed.

use bytes::{Bytes, BytesMut};
use domain::capability::SendBudget;
use domain::content::Media;
use domain::error::{ErrorKind, PlatformError, Retry, Stage};
use domain::platform::Platform;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use jiff::{SignedDuration, Timestamp};
use reqwest::multipart;
use url::Url;

use crate::{MediaSource, SendCtx};

/// Reads a whole file of at most `max` bytes, for calls whose body must be known at once.
///
/// # Errors
/// Those of the stream, and `InvalidData` when the file is longer.
pub async fn read_whole(source: &dyn MediaSource, media: &Media, max: u64) -> std::io::Result<Bytes> {
    if media.bytes > max {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "the file is larger than this call takes",
        ));
    }
    let mut stream = source.open(media, 0).await?;
    let mut whole = Vec::with_capacity(usize::try_from(media.bytes).unwrap_or(0));
    while let Some(chunk) = stream.try_next().await? {
        whole.extend_from_slice(&chunk);
    }
    Ok(Bytes::from(whole))
}

/// The public address of a file, for a platform that fetches files itself.
pub(crate) fn public_url(ctx: &SendCtx<'_>, platform: Platform, media: &Media) -> Result<Url, PlatformError> {
    let message = format!(
        "{} fetches files itself, but this server has no public address; set public_url to an https address that can be \
         reached from the internet",
        platform.name()
    );
    ctx.media
        .public_url(media)
        .ok_or_else(|| PlatformError::refused(platform, Stage::Prepare, ErrorKind::OperatorConfig, message))
}

/// The slowest upload that is waited for, in bytes a second.
const BYTES_PER_SECOND_MIN: u64 = 256 * 1_024;

/// The time that an upload of no length at all gets.
const UPLOAD_BASE: SignedDuration = SignedDuration::from_secs(60);

/// How long a call with a body of `bytes` may take, at most [`SendBudget::MAX`].
#[must_use]
pub fn upload_budget(bytes: u64) -> SignedDuration {
    let budget = SendBudget {
        base: UPLOAD_BASE,
        bytes_per_second_min: BYTES_PER_SECOND_MIN,
    };
    budget.for_bytes(bytes)
}

/// The `length` bytes of a file from `offset` on as the body of a request, streamed. Their number is for the caller to
/// say in a header; a file that ends before makes the request fail.
///
/// Its first piece is read here, so that a file that is gone is found out before the call begins.
///
/// # Errors
/// [`ErrorKind::NotReady`] when the file cannot be read: the media store may be away for a while.
pub async fn body(
    platform: Platform,
    stage: Stage,
    source: &dyn MediaSource,
    media: &Media,
    offset: u64,
    length: u64,
) -> Result<reqwest::Body, PlatformError> {
    let lost = || unreadable(platform, stage);
    let mut rest = source.open(media, offset).await.map_err(|_| lost())?;
    let first = match rest.next().await {
        Some(piece) => piece.map_err(|_| lost())?,
        None => Bytes::new(),
    };
    let whole = stream::once(future::ready(Ok(first))).chain(rest);
    // Nothing is read that is not sent: a file that goes up in a thousand pieces would be read in part twice.
    let bounded = stream::unfold((whole.boxed(), length), |(mut whole, left)| async move {
        if left == 0 {
            return None;
        }
        let piece = whole.next().await?.map(|mut piece| {
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            piece
        });
        let sent = piece.as_ref().map_or(left, |piece| piece.len() as u64);
        Some((piece, (whole, left.saturating_sub(sent))))
    });
    Ok(reqwest::Body::wrap_stream(bounded))
}

/// A file from some place on, in pieces of any length: for uploads in chunks.
pub struct Pieces {
    platform: Platform,
    stream: BoxStream<'static, std::io::Result<Bytes>>,
    left: BytesMut,
}

impl Pieces {
    /// Opens the file at `offset`.
    ///
    /// # Errors
    /// [`ErrorKind::NotReady`] when the file cannot be read.
    pub async fn open(
        platform: Platform,
        source: &dyn MediaSource,
        media: &Media,
        offset: u64,
    ) -> Result<Self, PlatformError> {
        let stream = source.open(media, offset).await;
        Ok(Self {
            platform,
            stream: stream.map_err(|_| unreadable(platform, Stage::Prepare))?,
            left: BytesMut::new(),
        })
    }

    /// The next `length` bytes, held in memory.
    ///
    /// # Errors
    /// [`ErrorKind::NotReady`] when the file cannot be read or ends before.
    pub async fn take(&mut self, length: u64) -> Result<Bytes, PlatformError> {
        let lost = || unreadable(self.platform, Stage::Prepare);
        let length = usize::try_from(length).map_err(|_| lost())?;
        // All of it at once: a buffer that grows as it fills is copied again and again.
        self.left.reserve(length.saturating_sub(self.left.len()));
        while self.left.len() < length {
            let more = self.stream.try_next().await.map_err(|_| lost())?;
            self.left.extend_from_slice(&more.ok_or_else(lost)?);
        }
        Ok(self.left.split_to(length).freeze())
    }
}

fn unreadable(platform: Platform, stage: Stage) -> PlatformError {
    let message = "A file of this post cannot be read from the store";
    PlatformError::refused(platform, stage, ErrorKind::NotReady, message).with_retry(Retry::BACKOFF)
}

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
    let body = body(platform, stage, source, media, 0, media.bytes).await?;
    multipart::Part::stream_with_length(body, media.bytes)
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

/// When a file that a platform is still processing is looked at again, after `polls` looks: soon at first, since images
/// are done in seconds, then every half minute.
#[must_use]
pub fn next_look(now: Timestamp, polls: u32) -> Timestamp {
    let seconds = match polls {
        0 => 2,
        1 => 5,
        2 => 10,
        3 => 20,
        _ => 30,
    };
    now.saturating_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use domain::content::MediaKind;
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::testing::MemoryMedia;

    const P: Platform = Platform::LinkedIn;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_body_has_the_bytes_that_were_asked_for_and_no_more() {
        let mut files = MemoryMedia::default();
        let whole = bytes(4_500);
        let media = files.add(MediaKind::Video, "video/mp4", whole.clone());
        // The store gives pieces of 1,000 bytes.
        for (offset, length) in [(0, 4_500), (0, 1_000), (500, 1_000), (999, 2_002), (4_499, 1), (0, 0)] {
            let body = body(P, Stage::Prepare, &files, &media, offset, length).await.unwrap();
            let sent = body.collect().await.unwrap().to_bytes();
            let (from, to) = (
                usize::try_from(offset).unwrap(),
                usize::try_from(offset + length).unwrap(),
            );
            assert_eq!(sent.as_ref(), &whole[from..to], "{offset} {length}");
        }
    }

    #[tokio::test]
    async fn pieces_of_any_length_follow_each_other_and_a_short_file_is_noticed() {
        let mut files = MemoryMedia::default();
        let whole = bytes(2_500);
        let media = files.add(MediaKind::Video, "video/mp4", whole.clone());
        let mut pieces = Pieces::open(P, &files, &media, 100).await.unwrap();
        assert_eq!(pieces.take(1_500).await.unwrap().as_ref(), &whole[100..1_600]);
        assert_eq!(pieces.take(900).await.unwrap().as_ref(), &whole[1_600..]);
        assert_eq!(pieces.take(1).await.unwrap_err().kind, ErrorKind::NotReady);
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_found_out_before_the_call() {
        let mut files = MemoryMedia::default();
        let mut media = files.add(MediaKind::Video, "video/mp4", "x");
        "gone".clone_into(&mut media.key);
        for error in [
            body(P, Stage::Prepare, &files, &media, 0, 1).await.unwrap_err(),
            part(P, Stage::Prepare, &files, &media).await.unwrap_err(),
        ] {
            assert_eq!((error.kind, error.retry), (ErrorKind::NotReady, Retry::BACKOFF));
        }
    }

    #[test]
    fn a_larger_body_has_more_time_and_none_has_more_than_the_most() {
        assert_eq!(upload_budget(0), SignedDuration::from_secs(60));
        assert_eq!(upload_budget(256 * 1_024 * 60), SignedDuration::from_secs(120));
        assert_eq!(upload_budget(u64::MAX), SendBudget::MAX);
    }
}

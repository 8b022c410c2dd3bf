//! Uploading files, step by step. Pictures go up in one call; films and animations in pieces, and are processed after.

use domain::content::{Media, MediaKind};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::part::Part;
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, multipart};
use serde::{Deserialize, Serialize};

use super::api::{Api, read};
use super::error::Call;
use super::wire::{Envelope, Initialize, MediaState, ProcessingInfo, alt_text};
use crate::files::Pieces;
use crate::frozen::{hashes, progress};
use crate::{SendCtx, files};

/// The size of a piece, in bytes, unless the file would have too many.
const SEGMENT_BYTES: u64 = 1_024 * 1_024;
/// The most pieces of a file (docs.x.com, "Append Media upload").
const SEGMENTS_MAX: u64 = 1_000;
/// Pieces that go up in one step.
const SEGMENTS_PER_STEP: u64 = 8;
/// How long one piece or picture may take.
const UPLOAD_BUDGET: SignedDuration = SignedDuration::from_secs(120);
/// The longest wait between two looks at a file in processing, in seconds, whatever X proposes.
const CHECK_AFTER_SECS_MAX: i64 = 300;

/// How far the files of a part are. It is kept between steps, so that nothing goes up twice after a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Which part this is about, and the hashes of its files: what was uploaded for others must not be attached here.
    part: u16,
    files: Vec<String>,
    /// The ids of the files that are ready, in order.
    pub(super) ready: Vec<String>,
    /// The file at hand.
    current: Option<Current>,
    /// Whether an upload was begun anew because X no longer knew it.
    restarted: bool,
}

impl Progress {
    /// What is done already for this part and these files.
    pub(super) fn of(part: Part, media: &[Media], resume: Option<&SecretBytes>) -> Result<Self, PlatformError> {
        let (part, files) = (part.number(), hashes(media));
        let is_about_this = |done: &Self| done.part == part && done.files == files;
        let done = progress(Platform::X, resume, is_about_this)?;
        Ok(done.unwrap_or_else(|| Self {
            part,
            files,
            ..Self::default()
        }))
    }
}

/// A file that has begun to go up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Current {
    /// Pieces before `next` have arrived.
    Appending { id: String, next: u64 },
    /// All have arrived; X works on them.
    Processing { id: String },
    /// X has it; it has no description yet.
    Described { id: String },
}

/// Does the next step for `media`, the first file that is not ready, and says when to go on.
pub(super) async fn advance(
    ctx: &SendCtx<'_>,
    progress: &mut Progress,
    media: &Media,
) -> Result<Timestamp, PlatformError> {
    let api = Api::of(ctx);
    let current = progress.current.take();
    let is_resumable = matches!(current, Some(Current::Appending { .. } | Current::Processing { .. }));
    let (next, again_at) = match step(ctx, &api, media, current).await {
        Ok(done) => done,
        // The upload has ended on X's side: once, begin anew.
        Err(lost) if is_resumable && !progress.restarted && matches!(lost.http_status, Some(400 | 404)) => {
            progress.restarted = true;
            return Ok(ctx.now);
        }
        Err(error) => return Err(error),
    };
    match next {
        Next::Ready(id) => progress.ready.push(id),
        Next::Current(current) => progress.current = Some(current),
    }
    Ok(again_at)
}

enum Next {
    Current(Current),
    Ready(String),
}

async fn step(
    ctx: &SendCtx<'_>,
    api: &Api<'_>,
    media: &Media,
    current: Option<Current>,
) -> Result<(Next, Timestamp), PlatformError> {
    let state = match current {
        None if media.kind == MediaKind::Image => upload_whole(ctx, api, media).await?,
        None => {
            let id = initialize(api, media).await?.id;
            return Ok((Next::Current(Current::Appending { id, next: 0 }), ctx.now));
        }
        Some(Current::Appending { id, next }) if next < segments(media.bytes) => {
            let next = append(ctx, api, media, &id, next).await?;
            return Ok((Next::Current(Current::Appending { id, next }), ctx.now));
        }
        Some(Current::Appending { id, .. }) => finalize(api, &id).await?,
        Some(Current::Processing { id }) => status(api, &id).await?,
        Some(Current::Described { id }) => {
            describe(api, media, &id).await?;
            return Ok((Next::Ready(id), ctx.now));
        }
    };
    let after = match &state.processing_info {
        Some(processing) => still_busy(processing)?,
        None => None,
    };
    Ok(match after {
        Some(after) => {
            let at = ctx.now.checked_add(after).unwrap_or(Timestamp::MAX);
            (Next::Current(Current::Processing { id: state.id }), at)
        }
        None if alt(media).is_some() => (Next::Current(Current::Described { id: state.id }), ctx.now),
        None => (Next::Ready(state.id), ctx.now),
    })
}

/// How long to wait for a file in processing; none when it is ready.
fn still_busy(processing: &ProcessingInfo) -> Result<Option<SignedDuration>, PlatformError> {
    match processing.state.as_str() {
        "succeeded" => Ok(None),
        "failed" => {
            let words = processing
                .error
                .as_ref()
                .and_then(|error| error.message.as_deref())
                .unwrap_or_default();
            let message = "X could not process a video or animation; encode it as H.264 with AAC in an MP4";
            let error = PlatformError::refused(Platform::X, Stage::Prepare, ErrorKind::MediaRejected, message);
            Err(if words.is_empty() { error } else { error.with_raw(words) })
        }
        _ => {
            let seconds = processing.check_after_secs.unwrap_or(1).clamp(1, CHECK_AFTER_SECS_MAX);
            Ok(Some(SignedDuration::from_secs(seconds)))
        }
    }
}

fn category(media: &Media) -> &'static str {
    match media.kind {
        MediaKind::Image | MediaKind::Document => "tweet_image",
        MediaKind::Animation => "tweet_gif",
        MediaKind::Video => "tweet_video",
    }
}

fn alt(media: &Media) -> Option<&str> {
    media.alt.as_deref().filter(|alt| !alt.is_empty())
}

async fn upload_whole(ctx: &SendCtx<'_>, api: &Api<'_>, media: &Media) -> Result<MediaState, PlatformError> {
    let file = files::part(Platform::X, Stage::Prepare, ctx.media, media).await?;
    let form = multipart::Form::new()
        .text("media_category", category(media))
        .part("media", file);
    let request = api.request(Method::POST, "/2/media/upload").multipart(form);
    let answer = api.exchange(request, Stage::Prepare, UPLOAD_BUDGET).await?;
    Ok(read::<Envelope<MediaState>>(&answer, Call::Upload, Stage::Prepare)?.data)
}

async fn initialize(api: &Api<'_>, media: &Media) -> Result<MediaState, PlatformError> {
    let body = Initialize {
        media_type: &media.mime,
        total_bytes: media.bytes,
        media_category: category(media),
    };
    call(api, api.request(Method::POST, "/2/media/upload/initialize").json(&body)).await
}

async fn finalize(api: &Api<'_>, id: &str) -> Result<MediaState, PlatformError> {
    call(
        api,
        api.request(Method::POST, &format!("/2/media/upload/{id}/finalize")),
    )
    .await
}

async fn status(api: &Api<'_>, id: &str) -> Result<MediaState, PlatformError> {
    let query = [("command", "STATUS"), ("media_id", id)];
    call(api, api.request(Method::GET, "/2/media/upload").query(&query)).await
}

async fn call(api: &Api<'_>, request: reqwest::RequestBuilder) -> Result<MediaState, PlatformError> {
    Ok(api
        .call::<Envelope<MediaState>>(request, Call::Upload, Stage::Prepare)
        .await?
        .data)
}

async fn describe(api: &Api<'_>, media: &Media, id: &str) -> Result<(), PlatformError> {
    let body = alt_text(id, alt(media).unwrap_or_default());
    let request = api.request(Method::POST, "/2/media/metadata").json(&body);
    match api
        .call::<serde_json::Value>(request, Call::Upload, Stage::Prepare)
        .await
    {
        // X documents descriptions for pictures; that it takes none for this film is no reason not to publish it.
        Err(error) if media.kind == MediaKind::Video && error.kind == ErrorKind::MediaRejected => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Sends some pieces from `first` on and says which comes next. A piece that arrived before is overwritten.
async fn append(ctx: &SendCtx<'_>, api: &Api<'_>, media: &Media, id: &str, first: u64) -> Result<u64, PlatformError> {
    let size = segment_bytes(media.bytes);
    let until = segments(media.bytes).min(first + SEGMENTS_PER_STEP);
    let mut pieces = Pieces::open(Platform::X, ctx.media, media, first * size).await?;
    for index in first..until {
        let length = size.min(media.bytes.saturating_sub(index * size));
        let piece = pieces.take(length).await?;
        let part = multipart::Part::stream_with_length(piece, length).file_name("segment");
        let form = multipart::Form::new()
            .text("segment_index", index.to_string())
            .part("media", part);
        let request = api
            .request(Method::POST, &format!("/2/media/upload/{id}/append"))
            .multipart(form);
        let answer = api.exchange(request, Stage::Prepare, UPLOAD_BUDGET).await?;
        if !answer.is_success() {
            return Err(super::error::classify(Call::Upload, Stage::Prepare, &answer));
        }
    }
    Ok(until)
}

fn segment_bytes(total: u64) -> u64 {
    SEGMENT_BYTES.max(total.div_ceil(SEGMENTS_MAX))
}

fn segments(total: u64) -> u64 {
    total.div_ceil(segment_bytes(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_has_more_than_a_thousand_pieces() {
        for total in [1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 512 << 20, 17_179_869_184] {
            assert!((1..=SEGMENTS_MAX).contains(&segments(total)), "{total}");
            assert!(segment_bytes(total) >= SEGMENT_BYTES);
        }
        assert_eq!(segments(SEGMENT_BYTES), 1);
        assert_eq!(segments(SEGMENT_BYTES + 1), 2);
    }
}

//! Uploading pictures and films, unpublished. Pictures go up in one call. Films of the feed go up in the pieces that
//! Facebook asks for, reels and stories in one stream that goes on from where it was cut.

use domain::content::Media;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use jiff::Timestamp;
use reqwest::header::CONTENT_LENGTH;
use reqwest::{Method, multipart};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::api::Api;
use super::error::{classify, go_on_at, of_phase};
use super::settings::{Fields, Kind, Wishes};
use crate::graph::Created;
use crate::http::READ_BUDGET;
use crate::{SendCtx, files, next_look};

const PLATFORM: Platform = Platform::Facebook;

/// An upload that Facebook no longer knows is begun anew this often.
const RESTARTS_MAX: u8 = 2;

/// Looks at a reel or story that is still being processed before it is published all the same: about three minutes.
const POLLS_MAX: u32 = 8;

/// A film that has begun to go up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Film {
    /// Known before anything is published.
    pub(super) id: String,
    step: Step,
    polls: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Step {
    /// Facebook wants the bytes from `start` to `end` next; equal when it has all.
    Pieces { session: String, start: u64, end: u64 },
    /// One stream to this address.
    Stream { url: String },
    /// All of it has arrived; Facebook works on it.
    Processing,
    /// It can be published; its cover is still to come.
    Covering,
    /// It can be published.
    Ready,
}

impl Film {
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.step, Step::Ready)
    }
}

#[derive(Deserialize)]
struct PiecesBegun {
    #[serde(deserialize_with = "crate::graph::id")]
    video_id: String,
    #[serde(deserialize_with = "crate::graph::id")]
    upload_session_id: String,
    #[serde(deserialize_with = "number")]
    start_offset: u64,
    #[serde(deserialize_with = "number")]
    end_offset: u64,
}

#[derive(Deserialize)]
struct PiecesWanted {
    #[serde(deserialize_with = "number")]
    start_offset: u64,
    #[serde(deserialize_with = "number")]
    end_offset: u64,
}

#[derive(Deserialize)]
struct StreamBegun {
    #[serde(deserialize_with = "crate::graph::id")]
    video_id: String,
    upload_url: String,
}

/// How a film stands (developers.facebook.com, "Video Status").
#[derive(Debug, Deserialize)]
pub(super) struct FilmState {
    #[serde(default)]
    pub(super) status: Status,
    #[serde(default)]
    pub(super) published: Option<bool>,
    #[serde(default)]
    pub(super) permalink_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    pub(super) video_status: String,
    #[serde(default)]
    uploading_phase: Phase,
    #[serde(default)]
    processing_phase: Phase,
    #[serde(default)]
    pub(super) publishing_phase: Phase,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Phase {
    #[serde(default)]
    status: String,
    /// Spelled in two ways.
    #[serde(default, alias = "bytes_transfered")]
    bytes_transferred: Option<u64>,
    #[serde(default)]
    errors: Vec<PhaseError>,
    #[serde(default)]
    error: Option<PhaseError>,
}

impl Phase {
    /// "complete" and "completed" are both seen.
    pub(super) fn is_complete(&self) -> bool {
        self.status.starts_with("complete")
    }

    pub(super) fn has_failed(&self) -> bool {
        self.status == "error"
    }

    pub(super) fn has_not_begun(&self) -> bool {
        self.status.is_empty() || self.status == "not_started"
    }
}

#[derive(Debug, Deserialize)]
struct PhaseError {
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    message: String,
}

/// Offsets are texts in answers, and numbers too.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| serde::de::Error::custom("no offset"))
}

/// Uploads a picture that nobody sees yet, and says its id.
pub(super) async fn photo(ctx: &SendCtx<'_>, media: &Media) -> Result<String, PlatformError> {
    let api = Api::of(ctx);
    let file = files::part(PLATFORM, Stage::Prepare, ctx.media, media).await?;
    let mut form = multipart::Form::new().text("published", "false");
    if let Some(alt) = media.alt.clone().filter(|alt| !alt.is_empty()) {
        form = form.text("alt_text_custom", alt);
    }
    let request = api
        .call(Method::POST, &format!("{}/photos", ctx.account.remote_id))
        .multipart(form.part("source", file));
    let budget = files::upload_budget(media.bytes);
    let created: Created = api.read_within(request, Stage::Prepare, budget).await?.1;
    Ok(created.id)
}

/// Does the next step for a film, and says when to go on.
pub(super) async fn advance(
    ctx: &SendCtx<'_>,
    wishes: &Wishes,
    text: &str,
    media: &Media,
    film: &mut Option<Film>,
    restarts: &mut u8,
) -> Result<Timestamp, PlatformError> {
    let api = Api::of(ctx);
    let Some(current) = film.as_mut() else {
        *film = Some(begin(ctx, &api, wishes.kind, media).await?);
        return Ok(ctx.now);
    };
    let next = match &current.step {
        Step::Pieces { session, start, end } if start < end => {
            send_piece(ctx, &api, media, session, (*start, *end)).await
        }
        Step::Pieces { session, .. } => finish_pieces(ctx, &api, session, text, &wishes.fields).await,
        Step::Stream { url } => stream(ctx, &api, media, &current.id, url).await,
        Step::Processing => look(&api, wishes.kind, &current.id, current.polls).await,
        Step::Covering => cover(ctx, &api, wishes, &current.id).await,
        Step::Ready => Ok(Step::Ready),
    };
    let is_uploading = matches!(current.step, Step::Pieces { .. } | Step::Stream { .. });
    match next {
        Ok(Step::Ready) if matches!(current.step, Step::Processing) && wishes.cover.is_some() => {
            current.step = Step::Covering;
        }
        Ok(Step::Processing) if matches!(current.step, Step::Processing) => {
            current.polls += 1;
            return Ok(next_look(ctx.now, current.polls));
        }
        Ok(next) => current.step = next,
        // The upload has ended on Facebook's side: begin anew. What arrived of it stays invisible for ever.
        Err(lost) if is_uploading && is_over(&lost) && *restarts < RESTARTS_MAX => {
            *restarts += 1;
            *film = None;
        }
        Err(error) => return Err(error),
    }
    Ok(ctx.now)
}

/// Whether Facebook no longer knows the upload.
fn is_over(error: &PlatformError) -> bool {
    let code = error.code.as_deref().unwrap_or_default();
    // What has no such object, and what misses bytes that arrived.
    let is_lost = code == "100/33" || code.ends_with("/1363030");
    is_lost || error.kind == ErrorKind::Invalid || matches!(error.http_status, Some(404 | 410))
}

/// The edge for films that go up in one stream.
pub(super) fn edge(kind: Kind) -> &'static str {
    match kind {
        Kind::FilmStory | Kind::PhotoStory => "video_stories",
        Kind::Feed | Kind::Film | Kind::Reel => "video_reels",
    }
}

async fn begin(ctx: &SendCtx<'_>, api: &Api<'_>, kind: Kind, media: &Media) -> Result<Film, PlatformError> {
    let page = ctx.account.remote_id;
    if kind == Kind::Film {
        let size = media.bytes.to_string();
        let request = api
            .film(&format!("{page}/videos"))
            .form(&[("upload_phase", "start"), ("file_size", &size)]);
        let begun: PiecesBegun = api.read(request, Stage::Prepare).await?;
        let step = Step::Pieces {
            session: begun.upload_session_id,
            start: begun.start_offset,
            end: begun.end_offset,
        };
        return Ok(Film {
            id: begun.video_id,
            step,
            polls: 0,
        });
    }
    let request = api
        .call(Method::POST, &format!("{page}/{}", edge(kind)))
        .form(&[("upload_phase", "start")]);
    let begun: StreamBegun = api.read(request, Stage::Prepare).await?;
    Ok(Film {
        id: begun.video_id,
        step: Step::Stream { url: begun.upload_url },
        polls: 0,
    })
}

async fn send_piece(
    ctx: &SendCtx<'_>,
    api: &Api<'_>,
    media: &Media,
    session: &str,
    (start, end): (u64, u64),
) -> Result<Step, PlatformError> {
    let length = end.min(media.bytes).saturating_sub(start);
    let body = files::body(PLATFORM, Stage::Prepare, ctx.media, media, start, length).await?;
    let form = multipart::Form::new()
        .text("upload_phase", "transfer")
        .text("upload_session_id", session.to_owned())
        .text("start_offset", start.to_string())
        .part(
            "video_file_chunk",
            multipart::Part::stream_with_length(body, length).file_name("chunk"),
        );
    let request = api.film(&format!("{}/videos", ctx.account.remote_id)).multipart(form);
    let answer = ctx.http.read(request, files::upload_budget(length)).await;
    let answer = answer.map_err(|failure| failure.into_error(PLATFORM, Stage::Prepare))?;
    let wanted = match serde_json::from_slice::<PiecesWanted>(&answer.body) {
        Ok(wanted) if answer.is_success() => (wanted.start_offset, wanted.end_offset),
        // A piece arrived before, but its answer did not: Facebook says where to go on.
        _ => go_on_at(&answer).ok_or_else(|| classify(Stage::Prepare, &answer))?,
    };
    Ok(Step::Pieces {
        session: session.to_owned(),
        start: wanted.0,
        end: wanted.1,
    })
}

async fn finish_pieces(
    ctx: &SendCtx<'_>,
    api: &Api<'_>,
    session: &str,
    text: &str,
    fields: &Fields,
) -> Result<Step, PlatformError> {
    let mut form: Vec<(&str, &str)> = vec![
        ("upload_phase", "finish"),
        ("upload_session_id", session),
        ("published", "false"),
        ("description", text),
    ];
    form.extend(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let request = api.film(&format!("{}/videos", ctx.account.remote_id)).form(&form);
    api.read::<Value>(request, Stage::Prepare).await?;
    Ok(Step::Processing)
}

/// How a film stands.
pub(super) async fn state(api: &Api<'_>, film: &str, stage: Stage) -> Result<FilmState, PlatformError> {
    let request = api
        .call(Method::GET, film)
        .query(&[("fields", "status,published,permalink_url,post_id")]);
    api.read(request, stage).await
}

/// Sends all that is missing, from where the last stream was cut.
async fn stream(ctx: &SendCtx<'_>, api: &Api<'_>, media: &Media, film: &str, url: &str) -> Result<Step, PlatformError> {
    let status = match state(api, film, Stage::Prepare).await {
        Ok(state) => state.status,
        // A film that was just begun is not known everywhere yet; nothing of it can have arrived.
        Err(unknown) if unknown.code.as_deref() == Some("100/33") => Status::default(),
        Err(error) => return Err(error),
    };
    let uploading = &status.uploading_phase;
    let offset = uploading.bytes_transferred.unwrap_or(0).min(media.bytes);
    if uploading.is_complete() {
        return Ok(Step::Processing);
    }
    if status.video_status == "expired" {
        return Err(of_phase(None, "expired").with_status(410));
    }
    let length = media.bytes - offset;
    let body = files::body(PLATFORM, Stage::Prepare, ctx.media, media, offset, length).await?;
    let request = api
        .upload(url)
        .header("offset", offset)
        .header("file_size", media.bytes)
        .header(CONTENT_LENGTH, length)
        .body(body);
    let answer = ctx.http.read(request, files::upload_budget(length)).await;
    let answer = answer.map_err(|failure| failure.into_error(PLATFORM, Stage::Prepare))?;
    let is_done = answer
        .json()
        .and_then(|body| body.get("success")?.as_bool())
        .unwrap_or_default();
    if answer.is_success() && is_done {
        Ok(Step::Processing)
    } else {
        Err(classify(Stage::Prepare, &answer))
    }
}

impl Status {
    /// Why Facebook will never show this film, if that is certain.
    pub(super) fn failure(&self) -> Option<PlatformError> {
        let phases = [&self.uploading_phase, &self.processing_phase, &self.publishing_phase];
        let failed = phases.into_iter().find(|phase| phase.has_failed());
        if let Some(phase) = failed {
            let error = phase.errors.first().or(phase.error.as_ref());
            let (code, words) = error.map_or((None, ""), |error| (error.code, error.message.as_str()));
            return Some(of_phase(code, words));
        }
        let word = self.video_status.as_str();
        matches!(word, "error" | "expired" | "upload_failed").then(|| of_phase(None, word))
    }
}

/// A film of the feed is waited for until it can be shown. Reels and stories may be processed to the end only once they
/// are published, so they are waited for only while Facebook says that it is at it, and for a while.
async fn look(api: &Api<'_>, kind: Kind, film: &str, polls: u32) -> Result<Step, PlatformError> {
    let status = state(api, film, Stage::Prepare).await?.status;
    if let Some(error) = status.failure() {
        return Err(error);
    }
    let is_busy = status.processing_phase.status == "in_progress" && polls < POLLS_MAX;
    let is_enough = kind != Kind::Film && status.uploading_phase.is_complete() && !is_busy;
    Ok(if status.video_status == "ready" || is_enough {
        Step::Ready
    } else {
        Step::Processing
    })
}

async fn cover(ctx: &SendCtx<'_>, api: &Api<'_>, wishes: &Wishes, film: &str) -> Result<Step, PlatformError> {
    if let Some(cover) = &wishes.cover {
        let file = files::part(PLATFORM, Stage::Prepare, ctx.media, cover).await?;
        let form = multipart::Form::new().text("is_preferred", "true").part("source", file);
        let request = api.call(Method::POST, &format!("{film}/thumbnails")).multipart(form);
        let budget = files::upload_budget(cover.bytes).max(READ_BUDGET);
        api.read_within::<Value>(request, Stage::Prepare, budget).await?;
    }
    Ok(Step::Ready)
}

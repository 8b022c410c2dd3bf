//! Uploading files (learn.microsoft.com, "Images API", "Documents API", "Videos API"). Pictures and documents go up in
//! one call; films in the parts that LinkedIn asks for, one part a step, and are waited for.

use domain::content::{Media, MediaKind};
use domain::error::{ErrorKind, PlatformError, Retry, Stage};
use domain::part::Part;
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Api, encoded};
use super::error::classify;
use crate::files;
use crate::frozen::{hashes, progress};
use crate::http::READ_BUDGET;
use crate::{SendCtx, next_look};

const PLATFORM: Platform = Platform::LinkedIn;

/// An upload that LinkedIn no longer knows is begun anew this often.
const RESTARTS_MAX: u8 = 2;

/// How far the files of a post are. It is kept between steps, so that nothing goes up twice after a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Which part this is about, and the hashes of its files: what was uploaded for others must not be attached here.
    part: u16,
    files: Vec<String>,
    /// The URNs of the files that are ready, in order.
    pub(super) ready: Vec<String>,
    /// The file at hand.
    current: Option<Current>,
    /// How often an upload was begun anew.
    restarts: u8,
    /// Whether a comment waited for its post to be known everywhere.
    #[serde(default)]
    pub(super) waited: bool,
}

impl Progress {
    /// What is done already for this part and these files.
    pub(super) fn of(part: Part, files: &[&Media], resume: Option<&SecretBytes>) -> Result<Self, PlatformError> {
        let (part, files) = (part.number(), hashes(files.iter().copied()));
        let is_about_this = |done: &Self| done.part == part && done.files == files;
        let done = progress(PLATFORM, resume, is_about_this)?;
        Ok(done.unwrap_or_else(|| Self {
            part,
            files,
            ..Self::default()
        }))
    }
}

/// A file that has begun to go up.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Current {
    /// The parts of a film whose tags are known have arrived.
    Sending(Sending),
    /// All of it has arrived; LinkedIn works on it.
    Processing { urn: String, polls: u32 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sending {
    urn: String,
    token: String,
    parts: Vec<Instruction>,
    etags: Vec<String>,
    /// When the addresses end, in milliseconds since 1970.
    ends_at_ms: Option<i64>,
}

/// One part as LinkedIn wants it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instruction {
    upload_url: String,
    first_byte: u64,
    last_byte: u64,
}

#[derive(Deserialize)]
struct Initialized<T> {
    value: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WholeUpload {
    upload_url: String,
    #[serde(alias = "document")]
    image: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilmUpload {
    video: String,
    /// Often empty, and to be given back all the same.
    #[serde(default)]
    upload_token: String,
    upload_instructions: Vec<Instruction>,
    #[serde(default)]
    upload_urls_expire_at: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asset {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    processing_failure_reason: Option<String>,
}

/// Does the next step for `media`, the first file that is not ready, and says when to go on.
pub(super) async fn advance(
    ctx: &SendCtx<'_>,
    author: &str,
    progress: &mut Progress,
    media: &Media,
) -> Result<Timestamp, PlatformError> {
    let api = Api::of(ctx);
    let current = match progress.current.take() {
        None if media.kind == MediaKind::Video => Current::Sending(begin_film(&api, author, media).await?),
        None => Current::Processing {
            urn: upload_whole(ctx, &api, author, media).await?,
            polls: 0,
        },
        Some(Current::Sending(sending)) => match send_on(ctx, &api, media, sending).await {
            Ok(next) => next,
            // The upload has ended on LinkedIn's side: begin anew. What arrived of it stays invisible for ever.
            Err(lost) if is_over(&lost) && progress.restarts < RESTARTS_MAX => {
                progress.restarts += 1;
                return Ok(ctx.now);
            }
            Err(error) => return Err(error),
        },
        Some(Current::Processing { urn, polls }) => {
            if is_ready(&api, media, &urn).await? {
                progress.ready.push(urn);
                return Ok(ctx.now);
            }
            Current::Processing { urn, polls: polls + 1 }
        }
    };
    let again_at = match &current {
        Current::Processing { polls: 0, .. } | Current::Sending(_) => ctx.now,
        // The files of a post are worked on one after the other, and a picture takes a second or two.
        Current::Processing { polls, .. } if media.kind == MediaKind::Image => {
            next_look(ctx.now, polls.saturating_sub(3))
        }
        Current::Processing { polls, .. } => next_look(ctx.now, *polls),
    };
    progress.current = Some(current);
    Ok(again_at)
}

fn is_over(error: &PlatformError) -> bool {
    matches!(error.http_status, Some(400 | 403 | 404 | 410))
}

/// The path of a kind of file, and the name that its URNs have for it.
fn collection(media: &Media) -> &'static str {
    match media.kind {
        MediaKind::Image | MediaKind::Animation => "images",
        MediaKind::Video => "videos",
        MediaKind::Document => "documents",
    }
}

async fn initialize<T: serde::de::DeserializeOwned>(
    api: &Api<'_>,
    media: &Media,
    wanted: &Value,
) -> Result<T, PlatformError> {
    let path = format!("/rest/{}", collection(media));
    let request = api
        .request(Method::POST, &path)
        .query(&[("action", "initializeUpload")])
        .json(&json!({ "initializeUploadRequest": wanted }));
    Ok(api.call::<Initialized<T>>(request, Stage::Prepare).await?.value)
}

async fn upload_whole(ctx: &SendCtx<'_>, api: &Api<'_>, author: &str, media: &Media) -> Result<String, PlatformError> {
    let to: WholeUpload = initialize(api, media, &json!({ "owner": author })).await?;
    let body = files::body(PLATFORM, Stage::Prepare, ctx.media, media, 0, media.bytes).await?;
    let request = api
        .upload(&to.upload_url, true)
        .header(CONTENT_TYPE, &media.mime)
        .header(CONTENT_LENGTH, media.bytes)
        .body(body);
    let answer = api
        .exchange(request, Stage::Prepare, files::upload_budget(media.bytes))
        .await?;
    if !answer.is_success() {
        return Err(classify(Stage::Prepare, &answer));
    }
    Ok(to.image)
}

async fn begin_film(api: &Api<'_>, author: &str, media: &Media) -> Result<Sending, PlatformError> {
    let wanted = json!({
        "owner": author,
        "fileSizeBytes": media.bytes,
        "uploadCaptions": false,
        "uploadThumbnail": false,
    });
    let film: FilmUpload = initialize(api, media, &wanted).await?;
    let mut next = 0;
    for part in &film.upload_instructions {
        if part.first_byte != next || part.last_byte < next {
            return Err(protocol("LinkedIn asks for parts of a video that do not fit together"));
        }
        next = part.last_byte + 1;
    }
    if next != media.bytes {
        return Err(protocol("LinkedIn does not ask for all parts of a video"));
    }
    Ok(Sending {
        urn: film.video,
        token: film.upload_token,
        parts: film.upload_instructions,
        etags: Vec::new(),
        ends_at_ms: film.upload_urls_expire_at,
    })
}

/// Sends the next part, or says that all have arrived.
async fn send_on(
    ctx: &SendCtx<'_>,
    api: &Api<'_>,
    media: &Media,
    mut sending: Sending,
) -> Result<Current, PlatformError> {
    let Some(part) = sending.parts.get(sending.etags.len()) else {
        finalize(api, &sending).await?;
        return Ok(Current::Processing {
            urn: sending.urn,
            polls: 0,
        });
    };
    if sending.ends_at_ms.is_some_and(|end| end <= ctx.now.as_millisecond()) {
        return Err(protocol("The addresses for uploading a video have ended").with_status(410));
    }
    let length = part.last_byte + 1 - part.first_byte;
    let body = files::body(PLATFORM, Stage::Prepare, ctx.media, media, part.first_byte, length).await?;
    let request = api
        .upload(&part.upload_url, false)
        .header(CONTENT_TYPE, "application/octet-stream")
        .header(CONTENT_LENGTH, length)
        .body(body);
    let answer = api
        .exchange(request, Stage::Prepare, files::upload_budget(length))
        .await?;
    let etag = answer.header("etag").filter(|_| answer.is_success()).map(str::to_owned);
    match etag {
        // Word for word, with its quotation marks if it has any.
        Some(etag) => sending.etags.push(etag),
        None => return Err(classify(Stage::Prepare, &answer)),
    }
    Ok(Current::Sending(sending))
}

async fn finalize(api: &Api<'_>, sending: &Sending) -> Result<(), PlatformError> {
    let request = api
        .request(Method::POST, "/rest/videos")
        .query(&[("action", "finalizeUpload")])
        .json(&json!({ "finalizeUploadRequest": {
            "video": sending.urn,
            "uploadToken": sending.token,
            "uploadedPartIds": sending.etags,
        } }));
    let answer = api.exchange(request, Stage::Prepare, READ_BUDGET).await?;
    if answer.is_success() {
        Ok(())
    } else {
        Err(classify(Stage::Prepare, &answer))
    }
}

async fn is_ready(api: &Api<'_>, media: &Media, urn: &str) -> Result<bool, PlatformError> {
    let path = format!("/rest/{}/{}", collection(media), encoded(urn));
    let answer = api
        .exchange(api.request(Method::GET, &path), Stage::Prepare, READ_BUDGET)
        .await?;
    // Tokens that may only write may not look; that says nothing about the file. Whether it was usable is said when the
    // post is made.
    if answer.status == 403 {
        return Ok(true);
    }
    let asset: Asset = super::api::read(&answer, Stage::Prepare)?;
    match asset.status.as_deref() {
        Some("AVAILABLE") => Ok(true),
        Some("PROCESSING_FAILED") => {
            let message = "LinkedIn could not process a file of this post; export it anew in a usual format";
            let error = PlatformError::refused(PLATFORM, Stage::Prepare, ErrorKind::MediaRejected, message)
                .with_retry(Retry::NEVER.from_prepare())
                .with_code("PROCESSING_FAILED");
            Err(match asset.processing_failure_reason {
                Some(reason) => error.with_raw(&reason),
                None => error,
            })
        }
        _ => Ok(false),
    }
}

fn protocol(message: &str) -> PlatformError {
    PlatformError::refused(PLATFORM, Stage::Prepare, ErrorKind::Protocol, message).with_retry(Retry::BACKOFF)
}

/// How long a comment waits for its post to be known everywhere.
pub(super) const COMMENT_WAIT: SignedDuration = SignedDuration::from_secs(6);

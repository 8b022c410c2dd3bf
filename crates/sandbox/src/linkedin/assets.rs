//! Images, documents and videos: a session, the bytes, and what becomes of them.

use std::sync::Arc;

use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    LinkedIn, act_as, check_keys, invalid_value, may, missing_field, new_id, object_of, open_rest, refusal, text_of,
    urn_of,
};
use crate::account::TokenUse;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn};
use crate::fault::{Class, Picked};
use crate::medium::{Kind as FileKind, Medium};
use crate::processing::Processing;
use crate::spool::Spool;
use crate::world::{Shared, later, lock};

/// Bytes of every part of a video but the last.
const PART_BYTES: u64 = 4 * 1024 * 1024;
/// How long the address for an image or a document can be used.
const UPLOAD_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// How long the addresses for a video can be used.
const VIDEO_UPLOAD_LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Pixels of an image, one more than allowed.
const IMAGE_PIXELS_END: usize = 36_152_320;
/// Bytes of a video that a session is given for.
const VIDEO_SESSION_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Bytes of a video in the feed.
const VIDEO_BYTES: std::ops::RangeInclusive<usize> = 75 * 1024..=500 * 1024 * 1024;
/// Seconds of a video.
const VIDEO_S: std::ops::RangeInclusive<f64> = 3.0..=1_800.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Document,
    Video,
}

impl Kind {
    /// The word of its URNs.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Document => "document",
            Self::Video => "video",
        }
    }

    /// The resource that it is a member of.
    const fn resource(self) -> &'static str {
        match self {
            Self::Image => "images",
            Self::Document => "documents",
            Self::Video => "videos",
        }
    }

    const fn upload_life(self) -> SignedDuration {
        match self {
            Self::Image | Self::Document => UPLOAD_LIFE,
            Self::Video => VIDEO_UPLOAD_LIFE,
        }
    }
}

/// A piece of a file with an address of its own.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) etag: Option<String>,
}

/// An image, a document or a video.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) kind: Kind,
    /// The URN of the member or organization that it belongs to.
    pub(super) owner: String,
    pub(super) owner_id: String,
    pub(super) secret: String,
    pub(super) expires_at: Timestamp,
    pub(super) parts: Vec<Part>,
    pub(super) spool: Option<Spool>,
    medium: Option<Medium>,
    processing: Option<Processing>,
    /// What the scripts said about the requests that made it so far.
    picked: Picked,
}

impl Asset {
    /// LinkedIn's word for where it stands.
    fn status(&self, now: Timestamp) -> &'static str {
        match &self.processing {
            None => "WAITING_UPLOAD",
            Some(processing) if processing.is_working(now) => "PROCESSING",
            Some(processing) if processing.has_failed(now) => "PROCESSING_FAILED",
            Some(_) => "AVAILABLE",
        }
    }

    /// SHA-256 of the file, once it came in.
    pub(super) fn sha256(&self) -> String {
        self.medium
            .as_ref()
            .map(|medium| medium.sha256.clone())
            .unwrap_or_default()
    }

    /// Whether a post may have it now. Images and documents are taken while they are processed.
    pub(super) fn check_usable(&self, urn: &str, now: Timestamp) -> Result<(), Answer> {
        let status = self.status(now);
        let waits = match self.kind {
            Kind::Video => matches!(status, "WAITING_UPLOAD" | "PROCESSING"),
            Kind::Image | Kind::Document => status == "WAITING_UPLOAD",
        };
        if waits {
            let message = format!("Media asset {urn} is not ready: {status}");
            return Err(refusal(400, "MEDIA_ASSET_WAITING_UPLOAD", &message));
        }
        if status == "PROCESSING_FAILED" {
            let message = format!("Media asset {urn} failed to process");
            return Err(refusal(400, "MEDIA_ASSET_PROCESSING_FAILED", &message));
        }
        Ok(())
    }

    /// Whether nobody will ever see it, although posts that have it are taken.
    pub(super) fn will_fail(&self) -> bool {
        self.processing.is_some_and(|processing| processing.will_fail())
    }

    pub(super) fn remember(&mut self, picked: &Picked) {
        self.picked.polls = picked.polls.or(self.picked.polls);
        self.picked.processing_fails |= picked.processing_fails;
    }

    /// Takes the whole file in.
    pub(super) fn complete(&mut self, medium: Medium, pages: usize, now: Timestamp) {
        let fits = match self.kind {
            Kind::Image => {
                let known = matches!(medium.kind, FileKind::Jpeg | FileKind::Png | FileKind::Gif);
                known && medium.readable && medium.width.saturating_mul(medium.height) < IMAGE_PIXELS_END
            }
            Kind::Document => matches!(medium.kind, FileKind::Pdf | FileKind::Office) && pages <= 300,
            Kind::Video => {
                medium.kind.is_video()
                    && medium.readable
                    && VIDEO_S.contains(&medium.duration_s)
                    && VIDEO_BYTES.contains(&medium.size)
            }
        };
        self.processing = Some(Processing::begin(now, &self.picked, !fits));
        self.medium = Some(medium);
    }
}

pub(super) async fn images(State(world): State<Shared>, call: Call) -> Handled {
    session(world, call, Kind::Image).await
}

pub(super) async fn documents(State(world): State<Shared>, call: Call) -> Handled {
    session(world, call, Kind::Document).await
}

pub(super) async fn videos(State(world): State<Shared>, call: Call) -> Handled {
    session(world, call, Kind::Video).await
}

/// `?action=initializeUpload` and, of videos, `?action=finalizeUpload`.
async fn session(world: Shared, call: Call, kind: Kind) -> Handled {
    let mut turn = open_rest(&world, &call, Class::Upload, kind.resource(), "").await?;
    let action = call.query("action").unwrap_or_default();
    let answer = match (action, object_of(&call)) {
        (_, Err(refused)) => Err(refused),
        ("initializeUpload", Ok(body)) => begin(&mut turn, &body, kind),
        ("finalizeUpload", Ok(body)) if kind == Kind::Video => finish(&mut turn, &body).await,
        _ => Err(invalid_value("/action", &json!(action))),
    };
    Ok(turn.close(answer).await)
}

fn request_of<'b>(body: &'b Map<String, Value>, name: &str) -> Result<&'b Map<String, Value>, Answer> {
    body.get(name)
        .and_then(Value::as_object)
        .ok_or_else(|| missing_field(&format!("/{name}")))
}

fn begin(turn: &mut Turn<LinkedIn>, body: &Map<String, Value>, kind: Kind) -> Result<Answer, Answer> {
    let asked = request_of(body, "initializeUploadRequest")?;
    let path = "/initializeUploadRequest";
    let allowed: &[&str] = match kind {
        Kind::Video => &["owner", "fileSizeBytes", "uploadCaptions", "uploadThumbnail"],
        Kind::Image | Kind::Document => &["owner", "mediaLibraryMetadata"],
    };
    check_keys(turn, asked, path, allowed)?;
    let account = act_as(turn, text_of(asked, "owner", path)?, "/initializeUploadRequest/owner")?;
    let expires_at = later(turn.now, kind.upload_life());
    let size = match (kind, asked.get("fileSizeBytes")) {
        (Kind::Image | Kind::Document, _) => None,
        (Kind::Video, None) => return Err(missing_field("/initializeUploadRequest/fileSizeBytes")),
        (Kind::Video, Some(size)) => {
            let bytes = size
                .as_u64()
                .filter(|bytes| (1..=VIDEO_SESSION_BYTES_MAX).contains(bytes));
            Some(bytes.ok_or_else(|| invalid_value("/initializeUploadRequest/fileSizeBytes", size))?)
        }
    };
    let mut asset = Asset {
        kind,
        owner: urn_of(&account),
        owner_id: account.remote_id.clone(),
        secret: turn.world.random_text(48),
        expires_at,
        parts: parts_of(size),
        spool: None,
        medium: None,
        processing: None,
        picked: Picked::default(),
    };
    asset.remember(&turn.picked);
    if kind == Kind::Video {
        asset.spool = Some(Spool::new().map_err(|_| refusal(503, "SERVICE_UNAVAILABLE", "Service Unavailable"))?);
        // A part is sent without a token; its address says whose it is.
        turn.world
            .issue(&asset.secret, &account, TokenUse::Upload, Some(expires_at), turn.now);
    }
    let id = format!("C55{}", new_id(turn));
    let urn = format!("urn:li:{}:{id}", kind.word());
    let answer = session_answer(turn, &asset, &id, &urn);
    lock(&turn.world.linkedin.assets).insert(urn, asset);
    Ok(answer)
}

/// The parts that a video of this size is sent in; other files are one part of any size.
fn parts_of(size: Option<u64>) -> Vec<Part> {
    let Some(size) = size else {
        return vec![Part {
            first: 0,
            last: u64::MAX,
            etag: None,
        }];
    };
    (0..size.div_ceil(PART_BYTES))
        .map(|number| Part {
            first: number * PART_BYTES,
            last: ((number + 1) * PART_BYTES).min(size) - 1,
            etag: None,
        })
        .collect()
}

fn session_answer(turn: &Turn<LinkedIn>, asset: &Asset, id: &str, urn: &str) -> Answer {
    let address = |part: usize| {
        let path = format!("linkedin/dms-uploads/{id}/{part}?m={}&cn=uploads", asset.secret);
        turn.world.address(&path)
    };
    let expires_ms = asset.expires_at.as_millisecond();
    let value = if asset.kind == Kind::Video {
        let instructions: Vec<Value> = asset
            .parts
            .iter()
            .enumerate()
            .map(|(at, part)| json!({ "uploadUrl": address(at), "firstByte": part.first, "lastByte": part.last }))
            .collect();
        json!({
            "uploadUrlsExpireAt": expires_ms,
            "video": urn,
            "uploadInstructions": instructions,
            "uploadToken": "",
        })
    } else {
        json!({ "uploadUrlExpiresAt": expires_ms, "uploadUrl": address(0), asset.kind.word(): urn })
    };
    Answer::ok(&json!({ "value": value }))
}

/// An asset that is not the caller's, or that the caller may not ask about.
pub(super) fn forbidden(kind: Kind) -> Answer {
    let message = format!(
        "Accessing this {} resource is forbidden. Please check your permissions for this resource",
        kind.word()
    );
    Answer::json(403, &json!({ "message": message, "status": 403 }))
}

/// An ETag with or without the quotes of the header.
fn bare(etag: &str) -> &str {
    etag.trim_matches('"')
}

async fn finish(turn: &mut Turn<LinkedIn>, body: &Map<String, Value>) -> Result<Answer, Answer> {
    let asked = request_of(body, "finalizeUploadRequest")?;
    let path = "/finalizeUploadRequest";
    check_keys(turn, asked, path, &["video", "uploadToken", "uploadedPartIds"])?;
    let urn = text_of(asked, "video", path)?;
    if !text_of(asked, "uploadToken", path)?.is_empty() {
        return Err(invalid_value("/finalizeUploadRequest/uploadToken", &json!("…")));
    }
    let given: Vec<&str> = asked
        .get("uploadedPartIds")
        .and_then(Value::as_array)
        .ok_or_else(|| missing_field("/finalizeUploadRequest/uploadedPartIds"))?
        .iter()
        .filter_map(Value::as_str)
        .map(bare)
        .collect();
    let world = Arc::clone(&turn.world);
    let unknown = || refusal(400, "INVALID_VIDEO_ID", &format!("{urn} is not a video of this owner"));
    let owner = lock(&world.linkedin.assets)
        .get(urn)
        .map(|asset| asset.owner_id.clone());
    if !turn.act_as(&owner.ok_or_else(unknown)?) {
        return Err(forbidden(Kind::Video));
    }
    let mut spool = {
        let mut assets = lock(&world.linkedin.assets);
        let asset = assets.get_mut(urn).ok_or_else(unknown)?;
        let wanted: Vec<&str> = asset
            .parts
            .iter()
            .filter_map(|part| part.etag.as_deref())
            .map(bare)
            .collect();
        if wanted.len() != asset.parts.len() || wanted != given {
            let message = "uploadedPartIds do not match the parts that were uploaded";
            return Err(refusal(400, "INVALID_VALUE_FOR_FIELD", message));
        }
        asset.remember(&turn.picked);
        match asset.spool.take() {
            Some(spool) => spool,
            // It was finalized already, which is no mistake.
            None => return Ok(Answer::bytes(200, "", "".into())),
        }
    };
    let judged = tokio::task::spawn_blocking(move || Medium::of_spool(&mut spool)).await;
    let medium = judged
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| refusal(503, "SERVICE_UNAVAILABLE", "Service Unavailable"))?;
    if let Some(asset) = lock(&world.linkedin.assets).get_mut(urn) {
        asset.complete(medium, 0, turn.now);
    }
    Ok(Answer::bytes(200, "", "".into()))
}

/// Where an asset stands. Self-serve tokens of members may ask about videos only.
pub(super) async fn status(State(world): State<Shared>, Path(urn): Path<String>, call: Call) -> Handled {
    let mut turn = open_rest(&world, &call, Class::Check, "assets", "").await?;
    let answer = show(&mut turn, &urn);
    Ok(turn.close(answer).await)
}

fn show(turn: &mut Turn<LinkedIn>, urn: &str) -> Result<Answer, Answer> {
    let world = Arc::clone(&turn.world);
    let known = lock(&world.linkedin.assets)
        .get(urn)
        .map(|asset| (asset.kind, asset.owner_id.clone()));
    let (kind, owner) = known.ok_or_else(|| super::not_found(urn))?;
    if !turn.act_as(&owner) {
        return Err(forbidden(kind));
    }
    let account = turn.account()?;
    let reads = ["r_member_social", "w_member_social_feed", "r_organization_social"];
    if kind != Kind::Video && !may(turn, &account, &reads) {
        return Err(forbidden(kind));
    }
    let mut assets = lock(&world.linkedin.assets);
    let asset = assets.get_mut(urn).ok_or_else(|| super::not_found(urn))?;
    let status = asset.status(turn.now);
    let mut shown = json!({ "id": urn, "owner": asset.owner, "status": status });
    if let Some(object) = shown.as_object_mut() {
        if status == "PROCESSING_FAILED" {
            let reason = "The media could not be processed";
            object.insert("processingFailureReason".to_owned(), json!(reason));
        }
        if status == "AVAILABLE" {
            let id = urn.rsplit(':').next().unwrap_or_default();
            let address = turn.world.address(&format!("linkedin/dms/{id}"));
            object.insert("downloadUrl".to_owned(), json!(address));
        }
        if let (Kind::Video, "AVAILABLE", Some(medium)) = (kind, status, &asset.medium) {
            object.insert("duration".to_owned(), json!((medium.duration_s * 1_000.0).round()));
            object.insert("aspectRatioWidth".to_owned(), json!(medium.width));
            object.insert("aspectRatioHeight".to_owned(), json!(medium.height));
        }
    }
    if let Some(processing) = &mut asset.processing {
        processing.poll();
    }
    Ok(Answer::ok(&shown))
}

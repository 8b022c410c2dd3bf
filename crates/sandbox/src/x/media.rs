//! Media: images in one shot, videos in segments with processing behind them.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{X, invalid, snowflake};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::{Class, Picked};
use crate::form::Fields;
use crate::medium::{Kind, Medium};
use crate::spool::Segments;
use crate::world::{Shared, lock};

/// How long an upload can be used.
const UPLOAD_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// Processing is "pending" so long after FINALIZE,
const PENDING: SignedDuration = SignedDuration::from_secs(1);
/// and done after so long, unless a script counts polls instead.
const PROCESSED: SignedDuration = SignedDuration::from_secs(3);
/// Bytes of an image.
const IMAGE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Bytes of an animated GIF.
const GIF_BYTES_MAX: usize = 15 * 1024 * 1024;
/// Bytes of a video.
const VIDEO_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Bytes of a segment (the classic ceiling).
const SEGMENT_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Characters of an alternative text.
const ALT_MAX: usize = 1_000;

const MEDIA_TYPES: &[&str] = &[
    "video/mp4",
    "video/webm",
    "video/mp2t",
    "video/quicktime",
    "text/srt",
    "text/vtt",
    "image/jpeg",
    "image/gif",
    "image/bmp",
    "image/png",
    "image/webp",
    "image/pjpeg",
    "image/tiff",
    "model/gltf-binary",
    "model/vnd.usdz+zip",
];
const CATEGORIES: &[&str] = &[
    "amplify_video",
    "tweet_gif",
    "tweet_image",
    "tweet_video",
    "dm_gif",
    "dm_image",
    "dm_video",
    "subtitles",
];

/// An upload.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    id: String,
    account: String,
    category: String,
    total: usize,
    /// What came so far of an upload in pieces.
    segments: Option<Arc<Mutex<Segments>>>,
    medium: Option<Medium>,
    pub(super) alt: String,
    began: Timestamp,
    finalized: Option<Timestamp>,
    polls_left: Option<u32>,
    fails: bool,
}

/// The state of processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Processing {
    Pending,
    InProgress,
    Succeeded,
    Failed,
}

impl Upload {
    fn new(id: String, account: &Account, category: &str, total: usize, picked: &Picked, now: Timestamp) -> Self {
        Self {
            id,
            account: account.remote_id.clone(),
            category: category.to_owned(),
            total,
            segments: None,
            medium: None,
            alt: String::new(),
            began: now,
            finalized: None,
            polls_left: picked.polls,
            fails: picked.processing_fails,
        }
    }

    /// Whether it goes through processing: everything but still images.
    fn is_processed(&self) -> bool {
        self.category.ends_with("_video") || self.category.ends_with("_gif")
    }

    pub(super) fn is_video(&self) -> bool {
        self.category.ends_with("_video")
    }

    pub(super) fn is_still_image(&self) -> bool {
        self.category.ends_with("_image")
    }

    fn processing(&self, now: Timestamp) -> Processing {
        let Some(finalized) = self.finalized else {
            return Processing::Pending;
        };
        let elapsed = now.duration_since(finalized);
        let waits = match self.polls_left {
            Some(polls) => polls > 0,
            None => elapsed < PROCESSED,
        };
        match (waits, self.fails) {
            (true, _) if elapsed < PENDING => Processing::Pending,
            (true, _) => Processing::InProgress,
            (false, true) => Processing::Failed,
            (false, false) => Processing::Succeeded,
        }
    }

    pub(super) fn is_usable(&self, account: &str, now: Timestamp) -> bool {
        self.account == account
            && self.finalized.is_some()
            && now.duration_since(self.began) < UPLOAD_LIFE
            && (!self.is_processed() || self.processing(now) == Processing::Succeeded)
    }

    pub(super) fn sha256(&self) -> String {
        self.medium
            .as_ref()
            .map(|medium| medium.sha256.clone())
            .unwrap_or_default()
    }

    fn prefix(&self, video: u8) -> u8 {
        match self.category.as_str() {
            category if category.ends_with("_gif") => 16,
            category if category.ends_with("_video") => video,
            _ => 3,
        }
    }

    fn upload_key(&self) -> String {
        format!("{}_{}", self.prefix(7), self.id)
    }

    /// The media key in the timeline, whose prefix for videos is another one than that of the upload.
    pub(super) fn timeline_key(&self) -> String {
        format!("{}_{}", self.prefix(13), self.id)
    }

    fn json(&self, now: Timestamp) -> Value {
        let left = (UPLOAD_LIFE - now.duration_since(self.began)).as_secs().max(0);
        let mut data = json!({
            "id": self.id,
            "media_key": self.upload_key(),
            "expires_after_secs": left,
        });
        if let (Some(object), Some(medium)) = (data.as_object_mut(), &self.medium) {
            object.insert("size".to_owned(), json!(medium.size));
            if self.is_still_image() {
                let image = json!({ "image_type": medium.kind.mime(), "w": medium.width, "h": medium.height });
                object.insert("image".to_owned(), image);
            } else if self.is_processed() {
                object.insert("processing_info".to_owned(), self.processing_info(now));
            }
        }
        json!({ "data": data })
    }

    fn processing_info(&self, now: Timestamp) -> Value {
        match self.processing(now) {
            Processing::Pending => json!({ "state": "pending", "check_after_secs": 1 }),
            Processing::InProgress => json!({ "state": "in_progress", "check_after_secs": 2, "progress_percent": 45 }),
            Processing::Succeeded => json!({ "state": "succeeded", "progress_percent": 100 }),
            Processing::Failed => json!({
                "state": "failed",
                "progress_percent": 0,
                "error": { "code": 1, "name": "InvalidMedia", "message": "Unsupported video format" },
            }),
        }
    }

    /// Takes the whole file, and judges it.
    fn complete(&mut self, medium: Medium, now: Timestamp) {
        let fits = match self.category.as_str() {
            category if category.ends_with("_video") => {
                let length = medium.duration_s;
                medium.kind.is_video() && medium.readable && (0.5..=140.0).contains(&length) && medium.fps <= 60.5
            }
            category if category.ends_with("_gif") => medium.kind == Kind::Gif && medium.readable,
            _ => true,
        };
        self.fails |= !fits;
        self.medium = Some(medium);
        self.segments = None;
        self.finalized = Some(now);
    }
}

fn wrong(turn: &Turn<X>, message: &str, name: &str) -> Answer {
    invalid(&turn.world.x, message, &json!({ name: [] }))
}

/// There is no room for a file.
fn full() -> Answer {
    super::problem(503, "Service Unavailable", "Service Unavailable")
}

fn new_id(turn: &Turn<X>) -> String {
    turn.world.next_id(Platform::X, snowflake(turn.now)).to_string()
}

/// Bytes sent as a file of a form, or as base64 in JSON.
fn media_bytes(turn: &Turn<X>, fields: &Fields) -> Result<Bytes, Answer> {
    if let Some(file) = fields.file("media") {
        return Ok(file.bytes.clone());
    }
    let text = fields
        .text("media")
        .ok_or_else(|| wrong(turn, "$.media: is missing but it is required", "media"))?;
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|_| wrong(turn, "$.media: is not base64", "media"))
}

fn known(turn: &Turn<X>, fields: &Fields, allowed: &[&str]) -> Result<(), Answer> {
    match fields.names().find(|name| !allowed.contains(name)) {
        None => Ok(()),
        Some(name) => Err(wrong(turn, &format!("$.{name}: is not defined in the schema"), name)),
    }
}

type Work = fn(&Turn<X>, &Fields, &str) -> Result<Answer, Answer>;

async fn upload_step(world: Shared, call: Call, id: String, work: Work) -> Handled {
    let turn = open(&world, X, &call, Credential::Access(call.bearer()), Class::Upload, "").await?;
    let answer = match Fields::of(&call) {
        Ok(fields) => work(&turn, &fields, &id),
        Err(_) => Err(wrong(&turn, "Request body cannot be read", "body")),
    };
    Ok(turn.close(answer).await)
}

pub(super) async fn one_shot(State(world): State<Shared>, call: Call) -> Handled {
    upload_step(world, call, String::new(), take_image).await
}

pub(super) async fn initialize(State(world): State<Shared>, call: Call) -> Handled {
    upload_step(world, call, String::new(), begin).await
}

pub(super) async fn append(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    upload_step(world, call, id, take_segment).await
}

pub(super) async fn finalize(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    upload_step(world, call, id, finish).await
}

pub(super) async fn metadata(State(world): State<Shared>, call: Call) -> Handled {
    upload_step(world, call, String::new(), describe).await
}

fn take_image(turn: &Turn<X>, fields: &Fields, _id: &str) -> Result<Answer, Answer> {
    let account = turn.account()?;
    known(
        turn,
        fields,
        &["media", "media_category", "media_type", "additional_owners", "shared"],
    )?;
    let category = fields.text("media_category").unwrap_or_default();
    if !matches!(category.as_str(), "tweet_image" | "tweet_gif" | "dm_image" | "dm_gif") {
        return Err(wrong(
            turn,
            "$.media_category: is not a category for one request",
            "media_category",
        ));
    }
    let bytes = media_bytes(turn, fields)?;
    let limit = if category.ends_with("_gif") {
        GIF_BYTES_MAX
    } else {
        IMAGE_BYTES_MAX
    };
    if bytes.len() > limit {
        return Err(super::problem(
            413,
            "Request Entity Too Large",
            "File size exceeds the limit of the category.",
        ));
    }
    let id = new_id(turn);
    let mut upload = Upload::new(id.clone(), &account, &category, bytes.len(), &turn.picked, turn.now);
    upload.complete(Medium::of(&bytes), turn.now);
    let readable = upload
        .medium
        .as_ref()
        .is_some_and(|medium| medium.kind.is_image() && medium.readable);
    if !readable {
        return Err(wrong(turn, "media type unrecognized.", "media"));
    }
    let answer = Answer::ok(&upload.json(turn.now));
    lock(&turn.world.x.media).insert(id, upload);
    Ok(answer)
}

fn begin(turn: &Turn<X>, fields: &Fields, _id: &str) -> Result<Answer, Answer> {
    let account = turn.account()?;
    known(
        turn,
        fields,
        &[
            "media_type",
            "total_bytes",
            "media_category",
            "additional_owners",
            "shared",
        ],
    )?;
    let word = |name: &str| fields.text(name).unwrap_or_default();
    let (category, kind) = (word("media_category"), word("media_type"));
    if !MEDIA_TYPES.contains(&kind.as_str()) {
        return Err(wrong(
            turn,
            "$.media_type: does not have a value in the enumeration",
            "media_type",
        ));
    }
    if !CATEGORIES.contains(&category.as_str()) {
        return Err(wrong(
            turn,
            "$.media_category: does not have a value in the enumeration",
            "media_category",
        ));
    }
    let total: usize = word("total_bytes")
        .parse()
        .map_err(|_| wrong(turn, "$.total_bytes: integer expected", "total_bytes"))?;
    if total == 0 || total > VIDEO_BYTES_MAX {
        return Err(wrong(turn, "$.total_bytes: the file is too large", "total_bytes"));
    }
    let id = new_id(turn);
    let mut upload = Upload::new(id.clone(), &account, &category, total, &turn.picked, turn.now);
    let segments = Segments::new().map_err(|_| full())?;
    upload.segments = Some(Arc::new(Mutex::new(segments)));
    let answer = Answer::ok(&upload.json(turn.now));
    lock(&turn.world.x.media).insert(id, upload);
    Ok(answer)
}

/// Runs `work` on the caller's own upload that still stands.
fn with_upload<T>(turn: &Turn<X>, id: &str, work: impl FnOnce(&mut Upload) -> Result<T, Answer>) -> Result<T, Answer> {
    let account = turn.account()?;
    let mut uploads = lock(&turn.world.x.media);
    let upload = uploads
        .get_mut(id)
        .filter(|upload| upload.account == account.remote_id && turn.now.duration_since(upload.began) < UPLOAD_LIFE);
    match upload {
        Some(upload) => work(upload),
        None => Err(wrong(turn, "BadRequest: Not found", "id")),
    }
}

fn take_segment(turn: &Turn<X>, fields: &Fields, id: &str) -> Result<Answer, Answer> {
    known(turn, fields, &["media", "segment_index"])?;
    let index = fields
        .text("segment_index")
        .and_then(|index| index.parse::<u32>().ok())
        .filter(|index| *index <= 999);
    let index = index.ok_or_else(|| wrong(turn, "$.segment_index: from 0 to 999 expected", "segment_index"))?;
    let bytes = media_bytes(turn, fields)?;
    if bytes.len() > SEGMENT_BYTES_MAX {
        return Err(super::problem(
            413,
            "Request Entity Too Large",
            "The segment is too large.",
        ));
    }
    with_upload(turn, id, |upload| {
        if upload.finalized.is_some() {
            return Err(wrong(turn, "The upload was finalized already.", "id"));
        }
        let segments = upload.segments.as_ref().ok_or_else(full)?;
        lock(segments).insert(index, &bytes).map_err(|_| full())?;
        let expires_at = upload.began.as_second() + UPLOAD_LIFE.as_secs();
        Ok(Answer::ok(&json!({ "data": { "expires_at": expires_at } })))
    })
}

fn finish(turn: &Turn<X>, _fields: &Fields, id: &str) -> Result<Answer, Answer> {
    with_upload(turn, id, |upload| {
        if upload.finalized.is_none() {
            let segments = upload.segments.clone().ok_or_else(full)?;
            let mut segments = lock(&segments);
            if segments.total() != Some(upload.total) {
                return Err(wrong(turn, "Segments do not add up to provided total file size.", "id"));
            }
            let mut whole = segments.joined().map_err(|_| full())?;
            let medium = Medium::of_spool(&mut whole).map_err(|_| full())?;
            upload.polls_left = turn.picked.polls.or(upload.polls_left);
            upload.fails |= turn.picked.processing_fails;
            upload.complete(medium, turn.now);
        }
        Ok(Answer::ok(&upload.json(turn.now)))
    })
}

pub(super) async fn status(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open(&world, X, &call, Credential::Access(call.bearer()), Class::Check, "").await?;
    let id = call.query("media_id").unwrap_or_default();
    let answer = if call.query("command").is_some_and(|command| command != "STATUS") {
        Err(wrong(
            &turn,
            "The `command` query parameter value is not one of [STATUS]",
            "command",
        ))
    } else {
        with_upload(&turn, id, |upload| poll(&turn, upload))
    };
    Ok(turn.close(answer).await)
}

fn poll(turn: &Turn<X>, upload: &mut Upload) -> Result<Answer, Answer> {
    // A still image has no status, which a client that polls without looking learns here.
    if upload.finalized.is_none() || !upload.is_processed() {
        return Err(wrong(turn, "BadRequest: Not found", "media_id"));
    }
    let answer = Answer::ok(&upload.json(turn.now));
    upload.polls_left = upload.polls_left.map(|polls| polls.saturating_sub(1));
    Ok(answer)
}

fn describe(turn: &Turn<X>, fields: &Fields, _id: &str) -> Result<Answer, Answer> {
    known(turn, fields, &["id", "metadata"])?;
    let id = fields.text("id").unwrap_or_default();
    let metadata = fields.json("metadata").unwrap_or_default();
    let text = metadata
        .get("alt_text")
        .and_then(|alt| alt.get("text"))
        .and_then(Value::as_str)
        .unwrap_or_default();
    if text.chars().count() > ALT_MAX {
        return Err(wrong(
            turn,
            "$.metadata.alt_text.text: may only be 1000 characters long",
            "metadata",
        ));
    }
    with_upload(turn, &id, |upload| {
        upload.alt = text.to_owned();
        Ok(Answer::ok(
            &json!({ "data": { "id": id, "associated_metadata": { "alt_text": { "text": text } } } }),
        ))
    })
}

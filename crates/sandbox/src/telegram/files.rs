//! Files of a message: uploaded with it, fetched from an address, or known by a file id.

use serde_json::{Value, json};

use super::{Telegram, bad_request, refusal};
use crate::answer::Answer;
use crate::exchange::Turn;
use crate::fetch::fetch;
use crate::form::Fields;
use crate::medium::Medium;
use crate::world::lock;

/// Bytes of an uploaded photo.
const PHOTO_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Bytes of any other uploaded file.
const UPLOAD_BYTES_MAX: usize = 50 * 1024 * 1024;
/// Bytes of a photo that is fetched.
const FETCHED_PHOTO_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Bytes of any other file that is fetched.
const FETCHED_BYTES_MAX: usize = 20 * 1024 * 1024;
/// Width and height of a photo together.
const PHOTO_FRAME_MAX: usize = 10_000;
/// Longer side over shorter side of a photo.
const PHOTO_RATIO_MAX: usize = 20;

/// A file as a message shows it.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) file_id: String,
    pub(super) medium: Medium,
}

/// Finds the file that `reference` names; `name` is the field whose own upload it may be.
pub(super) async fn resolve(
    turn: &Turn<Telegram>,
    fields: &Fields,
    reference: Option<&str>,
    name: &str,
    kind: &str,
) -> Result<Sent, Answer> {
    let attached = match reference {
        None => Some(name),
        Some(reference) => reference.strip_prefix("attach://"),
    };
    if let Some(part) = attached {
        let file = fields
            .file(part)
            .ok_or_else(|| bad_request(&format!("there is no {kind} in the request")))?;
        let limit = if kind == "photo" {
            PHOTO_BYTES_MAX
        } else {
            UPLOAD_BYTES_MAX
        };
        if file.bytes.len() > limit {
            return Err(refusal(413, "Request Entity Too Large"));
        }
        return keep(turn, Medium::of(&file.bytes), kind);
    }
    let reference = reference.unwrap_or_default();
    if reference.starts_with("http://") || reference.starts_with("https://") {
        let limit = if kind == "photo" {
            FETCHED_PHOTO_BYTES_MAX
        } else {
            FETCHED_BYTES_MAX
        };
        let fetched = fetch(&turn.world.clock, reference, limit).await;
        let bytes = fetched.map_err(|_| bad_request("failed to get HTTP URL content"))?;
        return keep(turn, Medium::of(&bytes), kind);
    }
    let known = lock(&turn.world.telegram.inner).files.get(reference).cloned();
    let medium = known.ok_or_else(|| bad_request("wrong file identifier/HTTP URL specified"))?;
    Ok(Sent {
        file_id: reference.to_owned(),
        medium,
    })
}

fn keep(turn: &Turn<Telegram>, medium: Medium, kind: &str) -> Result<Sent, Answer> {
    if kind == "photo" {
        if !medium.kind.is_image() || !medium.readable {
            return Err(bad_request("IMAGE_PROCESS_FAILED"));
        }
        let (long, short) = (medium.width.max(medium.height), medium.width.min(medium.height));
        if long + short > PHOTO_FRAME_MAX || long > short * PHOTO_RATIO_MAX {
            return Err(bad_request("PHOTO_INVALID_DIMENSIONS"));
        }
    }
    let file_id = format!("AgACAgQAAx{}", turn.world.random_text(50));
    lock(&turn.world.telegram.inner)
        .files
        .insert(file_id.clone(), medium.clone());
    Ok(Sent { file_id, medium })
}

impl Sent {
    /// The part of a Message that shows the file.
    pub(super) fn json(&self, kind: &str) -> Value {
        let unique = self.medium.sha256.get(..16).unwrap_or_default();
        let mut file = json!({
            "file_id": self.file_id,
            "file_unique_id": unique,
            "file_size": self.medium.size,
        });
        if let (Some(object), true) = (file.as_object_mut(), kind != "document") {
            object.insert("width".to_owned(), json!(self.medium.width));
            object.insert("height".to_owned(), json!(self.medium.height));
        }
        match (kind, file.as_object_mut()) {
            ("photo", _) => json!([file]),
            ("video", Some(object)) => {
                let duration = jiff::SignedDuration::try_from_secs_f64(self.medium.duration_s.round());
                object.insert("duration".to_owned(), json!(duration.unwrap_or_default().as_secs()));
                object.insert("mime_type".to_owned(), json!(self.medium.kind.mime()));
                file
            }
            (_, Some(object)) => {
                object.insert("mime_type".to_owned(), json!(self.medium.kind.mime()));
                file
            }
            (_, None) => file,
        }
    }
}

//! The bytes of images, of documents, and of videos part by part.

use std::sync::Arc;

use axum::extract::{Path, State};

use super::assets::{Kind, forbidden};
use super::{LinkedIn, refusal, violation};
use crate::account::TokenUse;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::medium::{Kind as FileKind, Medium};
use crate::world::{Shared, lock};

/// Bytes of a document.
const DOCUMENT_BYTES_MAX: usize = 100 * 1024 * 1024;

fn no_upload() -> Answer {
    refusal(404, "NOT_FOUND", "No such upload")
}

/// The bytes of a file, or of one part of a video.
pub(super) async fn take(State(world): State<Shared>, Path((id, part)): Path<(String, usize)>, call: Call) -> Handled {
    let urn_and_kind = [Kind::Image, Kind::Document, Kind::Video].into_iter().find_map(|kind| {
        let urn = format!("urn:li:{}:{id}", kind.word());
        lock(&world.linkedin.assets).contains_key(&urn).then_some((urn, kind))
    });
    let credential = match urn_and_kind {
        Some((_, Kind::Video)) => Credential::Other(call.query("m"), TokenUse::Upload),
        _ => Credential::Access(call.bearer()),
    };
    let mut turn = open(&world, LinkedIn, &call, credential, Class::Upload, "").await?;
    let answer = match urn_and_kind {
        Some((urn, Kind::Video)) => take_part(&mut turn, &call, &urn, part),
        Some((urn, _)) => take_whole(&mut turn, &call, &urn),
        None => Err(no_upload()),
    };
    Ok(turn.close(answer).await)
}

fn expired_url() -> Answer {
    refusal(400, "EXPIRED_UPLOAD_URL", "The upload URL has expired")
}

fn length_required() -> Answer {
    refusal(411, "LENGTH_REQUIRED", "Content-Length is required")
}

fn take_part(turn: &mut Turn<LinkedIn>, call: &Call, urn: &str, number: usize) -> Result<Answer, Answer> {
    if call.header("authorization").is_some() {
        return Err(violation(turn, "a token was sent with a part of a video"));
    }
    if call.header("content-length").is_none() {
        return Err(length_required());
    }
    let world = Arc::clone(&turn.world);
    let mut assets = lock(&world.linkedin.assets);
    let asset = assets
        .get_mut(urn)
        .filter(|asset| call.query("m") == Some(asset.secret.as_str()))
        .ok_or_else(no_upload)?;
    if asset.expires_at <= turn.now {
        return Err(expired_url());
    }
    asset.remember(&turn.picked);
    let part = asset.parts.get_mut(number).ok_or_else(no_upload)?;
    let length = u64::try_from(call.body.len()).unwrap_or(u64::MAX);
    if length != part.last - part.first + 1 {
        let what = format!(
            "a part of {length} bytes where bytes {} to {} belong",
            part.first, part.last
        );
        return Err(violation(turn, &what));
    }
    let spool = asset
        .spool
        .as_mut()
        .ok_or_else(|| refusal(400, "INVALID_VIDEO_ID", "The upload of this video was finalized"))?;
    spool
        .write_at(part.first, &call.body)
        .map_err(|_| refusal(503, "SERVICE_UNAVAILABLE", "Service Unavailable"))?;
    // Both forms are seen; a client must send back what it got.
    let name = turn.world.random_text(24);
    let etag = if number.is_multiple_of(2) {
        format!("\"/ambry-video/signedId/{name}.bin\"")
    } else {
        name
    };
    part.etag = Some(etag.clone());
    Ok(Answer::bytes(200, "", "".into()).with("etag", etag))
}

fn take_whole(turn: &mut Turn<LinkedIn>, call: &Call, urn: &str) -> Result<Answer, Answer> {
    if call.header("content-length").is_none() {
        return Err(length_required());
    }
    let (kind, owner) = {
        let assets = lock(&turn.world.linkedin.assets);
        let asset = assets
            .get(urn)
            .filter(|asset| call.query("m") == Some(asset.secret.as_str()))
            .ok_or_else(no_upload)?;
        if asset.expires_at <= turn.now {
            return Err(expired_url());
        }
        (asset.kind, asset.owner_id.clone())
    };
    if !turn.act_as(&owner) {
        return Err(forbidden(kind));
    }
    if kind == Kind::Document && call.body.len() > DOCUMENT_BYTES_MAX {
        return Err(refusal(413, "REQUEST_ENTITY_TOO_LARGE", "The document is too large"));
    }
    let medium = Medium::of(&call.body);
    let pages = if medium.kind == FileKind::Pdf {
        pages_of(&call.body)
    } else {
        0
    };
    if let Some(asset) = lock(&turn.world.linkedin.assets).get_mut(urn) {
        asset.remember(&turn.picked);
        asset.complete(medium, pages, turn.now);
    }
    Ok(Answer::bytes(201, "", "".into()))
}

/// Pages that a PDF says it has, as far as that can be told without unpacking it.
fn pages_of(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let is_page = |rest: &str| {
        let rest = rest.trim_start();
        rest.strip_prefix("/Page").is_some_and(|rest| !rest.starts_with('s'))
    };
    text.split("/Type").skip(1).filter(|rest| is_page(rest)).count()
}

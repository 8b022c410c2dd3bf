//! Blobs: uploaded once, named in records by their content id.

use axum::extract::State;
use bytes::Bytes;
use serde_json::json;

use super::{Bluesky, cid, invalid, refusal};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::medium::{Kind, sha256_hex};
use crate::world::{Shared, lock};

/// Bytes of a blob (the reference server's default).
const BLOB_BYTES_MAX: usize = 5 * 1024 * 1024;
/// Bytes of a video, which big servers let pass.
const VIDEO_BYTES_MAX: usize = 100_000_000;
/// Blobs above this are remembered by their hash only, so that videos do not fill the memory.
const KEPT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// A blob that was uploaded.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) mime: String,
    pub(super) size: usize,
    pub(super) sha256: String,
    bytes: Option<Bytes>,
}

pub(super) async fn upload(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open(
        &world,
        Bluesky,
        &call,
        Credential::Access(call.bearer()),
        Class::Upload,
        "",
    )
    .await?;
    let answer = store(&turn, &call);
    Ok(turn.close(answer).await)
}

fn store(turn: &Turn<Bluesky>, call: &Call) -> Result<Answer, Answer> {
    let account = turn.account()?;
    let declared = call.mime().split(';').next().unwrap_or_default().trim();
    if declared.is_empty() {
        return Err(invalid("Request encoding (Content-Type) required but not provided"));
    }
    let kind = Kind::of(&call.body);
    let limit = if kind.is_video() {
        VIDEO_BYTES_MAX
    } else {
        BLOB_BYTES_MAX
    };
    if call.body.len() > limit {
        return Err(refusal(413, "PayloadTooLarge", "request entity too large"));
    }
    // The server believes the bytes rather than the header where it knows the format.
    let mime = if kind == Kind::Other { declared } else { kind.mime() };
    let id = cid::of_blob(&call.body);
    let blob = Blob {
        mime: mime.to_owned(),
        size: call.body.len(),
        sha256: sha256_hex(&call.body),
        bytes: (call.body.len() <= KEPT_BYTES_MAX).then(|| call.body.clone()),
    };
    let body = json!({ "blob": {
        "$type": "blob",
        "ref": { "$link": id },
        "mimeType": blob.mime,
        "size": blob.size,
    }});
    lock(&turn.world.bluesky.blobs).insert((account.remote_id.clone(), id), blob);
    Ok(Answer::ok(&body))
}

pub(super) async fn show(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open(&world, Bluesky, &call, Credential::Open, Class::Read, "").await?;
    let key = (
        call.query("did").unwrap_or_default().to_owned(),
        call.query("cid").unwrap_or_default().to_owned(),
    );
    let blob = lock(&world.bluesky.blobs).get(&key).cloned();
    let answer = match blob {
        Some(Blob {
            mime,
            bytes: Some(bytes),
            ..
        }) => Ok(Answer::bytes(200, "", bytes)
            .with("content-type", mime)
            .with("x-content-type-options", "nosniff")),
        _ => Err(refusal(400, "BlobNotFound", "Blob not found")),
    };
    Ok(turn.close(answer).await)
}

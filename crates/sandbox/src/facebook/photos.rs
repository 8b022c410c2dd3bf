//! Photos: posted by themselves, or uploaded unpublished to be attached.

use std::sync::Arc;

use axum::extract::{Path, State};
use jiff::Timestamp;
use serde_json::json;

use super::feed::{Draft, check_message, commit};
use super::{Facebook, class_of, makes_visible, new_id, schedule};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fetch::fetch;
use crate::graph::{self, Asked, own_user, refusal};
use crate::medium::{Kind, Medium};
use crate::world::{Shared, lock};

/// Bytes of a photo.
const PHOTO_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Bytes that are fetched before a photo is called too large.
const FETCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A photo.
#[derive(Debug, Clone)]
pub(super) struct Photo {
    pub(super) page: String,
    pub(super) sha256: String,
    pub(super) alt: String,
    pub(super) caption: String,
    pub(super) made: Timestamp,
    /// The post that it is in.
    pub(super) post: Option<String>,
}

pub(super) async fn create(
    State(world): State<Shared>,
    Path((_version, page)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let caption = asked.fields.text("message").unwrap_or_else(|| asked.text("caption"));
    let class = class_of(makes_visible(&asked));
    let mut turn = open(&world, Facebook, &call, asked.credential(), class, &caption).await?;
    let answer = match own_user(&turn, &page) {
        Ok(account) => make(&mut turn, &account, &asked, caption).await,
        Err(refused) => Err(refused),
    };
    Ok(turn.close(answer).await)
}

fn no_image() -> Answer {
    graph::error(400, 324, None, "(#324) Missing or invalid image file", false)
}

async fn get_medium(turn: &Turn<Facebook>, asked: &Asked) -> Result<Medium, Answer> {
    let medium = match (asked.fields.file("source"), asked.fields.text("url")) {
        (Some(file), _) => Medium::of(&file.bytes),
        (None, Some(address)) => {
            let fetched = fetch(&turn.world.clock, &address, FETCH_BYTES_MAX).await;
            Medium::of(&fetched.map_err(|_| no_image())?)
        }
        (None, None) => return Err(no_image()),
    };
    if medium.size > PHOTO_BYTES_MAX {
        return Err(refusal(1, 1_366_046, "Please reduce the size of the image file"));
    }
    // The frames of these two are not looked at.
    let is_image = matches!(medium.kind, Kind::Bmp | Kind::Tiff) || (medium.kind.is_image() && medium.readable);
    if is_image { Ok(medium) } else { Err(no_image()) }
}

async fn make(turn: &mut Turn<Facebook>, account: &Account, asked: &Asked, caption: String) -> Result<Answer, Answer> {
    check_message(&caption)?;
    let medium = get_medium(turn, asked).await?;
    let photo = Photo {
        page: account.remote_id.clone(),
        sha256: medium.sha256,
        alt: asked.text("alt_text_custom"),
        caption: caption.clone(),
        made: turn.now,
        post: None,
    };
    let world = Arc::clone(&turn.world);
    let id = new_id(turn);
    lock(&world.facebook.photos).insert(id.clone(), photo);
    if !makes_visible(asked) {
        return Ok(Answer::ok(&json!({ "id": id })));
    }
    schedule(turn, asked, 10 * 60, 30 * 24 * 3_600)?;
    let plain = ["message", "caption", "url", "source", "alt_text_custom"];
    let settings = graph::settings(&asked.fields, &plain);
    let draft = Draft::of_photo(account, caption, &id, settings);
    let post_id = format!("{}_{}", account.remote_id, new_id(turn));
    commit(turn, &mut world.ledger(), &post_id, draft)?;
    Ok(Answer::ok(&json!({ "id": id, "post_id": post_id })))
}

//! Stories of photos, and the list of all stories.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::{Facebook, kind_of, media_ids, new_id};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fault::Class;
use crate::graph::{self, Asked, DAY, invalid, own_user, refusal};
use crate::journal::{NewPost, Published};
use crate::world::{Shared, lock};

pub(super) async fn of_photo(
    State(world): State<Shared>,
    Path((_version, page)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let mut turn = open(&world, Facebook, &call, asked.credential(), Class::Create, "").await?;
    let answer = own_user(&turn, &page).and_then(|account| make(&mut turn, &account, &asked.text("photo_id")));
    Ok(turn.close(answer).await)
}

fn make(turn: &mut Turn<Facebook>, account: &Account, photo_id: &str) -> Result<Answer, Answer> {
    let world = Arc::clone(&turn.world);
    let photo = lock(&world.facebook.photos).get(photo_id).cloned();
    let photo = photo
        .filter(|photo| photo.page == account.remote_id)
        .ok_or_else(|| invalid("The parameter photo_id is invalid"))?;
    if photo.post.is_some() {
        return Err(refusal(100, 1_366_051, "This photo has already been posted"));
    }
    let post_id = new_id(turn);
    let new = NewPost {
        remote_id: post_id.clone(),
        url: Some(format!("https://www.facebook.com/stories/{post_id}")),
        media: vec![photo.sha256],
        alt: vec![photo.alt],
        key: Some(post_id.clone()),
        notes: json!({ "kind": "story", "media_ids": [photo_id] }),
        ..NewPost::default()
    };
    turn.commit(&mut world.ledger(), new)?;
    if let Some(photo) = lock(&world.facebook.photos).get_mut(photo_id) {
        photo.post = Some(post_id.clone());
    }
    Ok(Answer::ok(&json!({ "success": true, "post_id": post_id })))
}

fn story_json(post: &Published) -> Value {
    let media_id = media_ids(post).first().copied().unwrap_or_default().to_owned();
    let is_photo = post.settings.is_null();
    json!({
        "id": post.remote_id,
        "post_id": post.remote_id,
        "status": "PUBLISHED",
        "creation_time": post.at.as_second().to_string(),
        "media_type": if is_photo { "photo" } else { "video" },
        "media_id": media_id,
        "url": post.url,
    })
}

pub(super) async fn list(
    State(world): State<Shared>,
    Path((_version, page)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Facebook, &call, asked.credential(), Class::Read, "").await?;
    let now = turn.now;
    let wanted = |post: &Published| kind_of(post) == "story" && now.duration_since(post.at) < DAY;
    let answer = own_user(&turn, &page).map(|account| graph::page(&turn, &account, &asked, wanted, story_json));
    Ok(turn.close(answer).await)
}

//! Reading and deleting: posts, photos, videos, the page and its lists.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::platform::Platform;
use serde_json::{Value, json};

use super::feed::permalink;
use super::videos::{Video, path_of};
use super::{Facebook, kind_of, media_ids, post_of, success};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fault::Class;
use crate::graph::{self, Asked, no_such_object, own_user};
use crate::journal::Published;
use crate::world::{Shared, lock};

type VersionAndId = Path<(String, String)>;

/// The word of a media attachment, by what the post is.
fn attachment_words(post: &Published) -> (&'static str, &'static str) {
    match kind_of(post) {
        "video" | "reel" => ("video", "video_inline"),
        _ if post.media.len() > 1 => ("album", "album"),
        _ if !post.media.is_empty() => ("photo", "photo"),
        _ => ("link", "share"),
    }
}

fn attachments(post: &Published) -> Value {
    let link = graph::note(post, "link");
    if post.media.is_empty() && link.is_empty() {
        return Value::Null;
    }
    let (media_type, kind) = attachment_words(post);
    let ids = media_ids(post);
    let mut attachment = json!({ "media_type": media_type, "type": kind });
    let Some(object) = attachment.as_object_mut() else {
        return Value::Null;
    };
    match ids.as_slice() {
        [] => object.insert("url".to_owned(), json!(link)),
        [one] => object.insert("target".to_owned(), json!({ "id": one })),
        several => {
            let items: Vec<Value> = several
                .iter()
                .map(|id| json!({ "media_type": "photo", "type": "photo", "target": { "id": id } }))
                .collect();
            object.insert("subattachments".to_owned(), json!({ "data": items }))
        }
    };
    json!({ "data": [attachment] })
}

fn post_json(post: &Published) -> Value {
    json!({
        "id": post.remote_id,
        "message": if post.text.is_empty() { Value::Null } else { json!(post.text) },
        "created_time": graph::timestamp(post.at),
        "updated_time": graph::timestamp(post.at),
        "is_published": true,
        "permalink_url": post.url,
        "from": { "id": post.account },
        "attachments": attachments(post),
    })
}

/// A post or a draft as its page reads it; none when there is none, or reads do not show it yet.
pub(super) fn post(turn: &Turn<Facebook>, account: &Account, id: &str) -> Option<Value> {
    let draft = lock(&turn.world.facebook.drafts)
        .get(id)
        .filter(|draft| draft.page == account.remote_id)
        .map(|draft| {
            json!({
                "id": id,
                "message": draft.message,
                "is_published": false,
                "permalink_url": permalink(id),
                "created_time": graph::timestamp(turn.now),
            })
        });
    draft.or_else(|| {
        let post = turn.world.ledger().by_remote(Platform::Facebook, id)?;
        (post.account == account.remote_id && turn.shows(&post)).then(|| post_json(&post))
    })
}

fn photo(turn: &Turn<Facebook>, account: &Account, id: &str) -> Option<Value> {
    let photos = lock(&turn.world.facebook.photos);
    let photo = photos.get(id).filter(|photo| photo.page == account.remote_id)?;
    Some(json!({
        "id": id,
        "name": photo.caption,
        "alt_text_custom": photo.alt,
        "alt_text": photo.alt,
        "created_time": graph::timestamp(photo.made),
        "page_story_id": photo.post,
        "link": format!("https://www.facebook.com/photo/?fbid={id}"),
    }))
}

/// A video with the state of its three phases, in the words of the documentation or in those of the specification.
fn video(turn: &Turn<Facebook>, account: &Account, id: &str) -> Option<Value> {
    let mut videos = lock(&turn.world.facebook.videos);
    let video = videos.get_mut(id).filter(|video| video.page == account.remote_id)?;
    let shown = json!({
        "id": id,
        "status": status(turn, video, id),
        "published": video.post.is_some(),
        "post_id": video.post,
        "permalink_url": path_of(video, id, video.post.as_deref().unwrap_or_default()),
        "description": video.description,
        "created_time": graph::timestamp(video.began),
        "length": video.medium.as_ref().map(|medium| medium.duration_s),
    });
    if let Some(processing) = &mut video.processing {
        processing.poll();
    }
    Some(shown)
}

fn status(turn: &Turn<Facebook>, video: &Video, id: &str) -> Value {
    let is_odd = id.ends_with(['1', '3', '5', '7', '9']);
    let (complete, bytes) = if is_odd {
        ("completed", "bytes_transferred")
    } else {
        ("complete", "bytes_transfered")
    };
    let processing = video.processing;
    let works = processing.is_some_and(|processing| processing.is_working(turn.now));
    let failed = processing.is_some_and(|processing| processing.has_failed(turn.now));
    let done = processing.is_some_and(|processing| processing.is_done(turn.now));
    let (whole, uploading) = match (&video.medium, video.received) {
        (Some(_), _) => ("processing", complete),
        (None, 0) => ("uploading", "not_started"),
        (None, _) => ("uploading", "in_progress"),
    };
    let whole = match whole {
        _ if video.has_expired(turn.now) => "expired",
        _ if failed => "error",
        _ if done && (video.post.is_some() || video.is_finished) => "ready",
        other => other,
    };
    let mut processing_phase = json!({ "status": match (works, failed, done) {
        (true, ..) => "in_progress",
        (_, true, _) => "error",
        (_, _, true) => complete,
        _ => "not_started",
    }});
    if let (true, Some(phase)) = (failed, processing_phase.as_object_mut()) {
        let error = json!({ "code": 1_363_026, "message": "The video could not be processed" });
        phase.insert("errors".to_owned(), json!([error]));
    }
    let publishing_phase = match video.published_at {
        Some(at) if done => {
            json!({ "status": complete, "publish_status": "published", "publish_time": at.as_second() })
        }
        Some(_) => json!({ "status": "in_progress" }),
        None => json!({ "status": "not_started" }),
    };
    json!({
        "video_status": whole,
        "uploading_phase": { "status": uploading, bytes: video.received, "source_file_size": video.size },
        "processing_phase": processing_phase,
        "publishing_phase": publishing_phase,
    })
}

fn page_json(account: &Account) -> Value {
    json!({
        "id": account.remote_id,
        "name": account.handle,
        "username": account.handle,
        "link": format!("https://www.facebook.com/{}", account.remote_id),
        "category": "Website",
        "tasks": ["ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"],
    })
}

pub(super) async fn node(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let is_page = id == "me" || world.accounts().by_id(Platform::Facebook, &id).is_some();
    let is_video = lock(&world.facebook.videos).contains_key(&id);
    let class = if is_page || is_video { Class::Check } else { Class::Read };
    let turn = open(&world, Facebook, &call, asked.credential(), class, "").await?;
    let answer = if is_page {
        own_user(&turn, &id).map(|account| page_json(&account))
    } else {
        turn.account().and_then(|account| {
            video(&turn, &account, &id)
                .or_else(|| photo(&turn, &account, &id))
                .or_else(|| post(&turn, &account, &id))
                .ok_or_else(|| no_such_object(&id))
        })
    };
    let answer = answer.map(|all| Answer::ok(&asked.selected(&all)));
    Ok(turn.close(answer).await)
}

/// The page's posts, newest first.
pub(super) async fn list(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Facebook, &call, asked.credential(), Class::Read, "").await?;
    let wanted = |post: &Published| graph::kind(post) != "comment" && kind_of(post) != "story";
    let answer = own_user(&turn, &id).map(|account| graph::page(&turn, &account, &asked, wanted, post_json));
    Ok(turn.close(answer).await)
}

pub(super) async fn delete(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Facebook, &call, asked.credential(), Class::Delete, "").await?;
    let answer = turn.account().and_then(|account| remove(&turn, &account, &id));
    Ok(turn.close(answer).await)
}

fn remove(turn: &Turn<Facebook>, account: &Account, id: &str) -> Result<Answer, Answer> {
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    let state = &world.facebook;
    // A photo of an album goes alone, any other medium with its post.
    let whole = |post: &Arc<Published>| !post.deleted && (post.remote_id == id || post.media.len() == 1);
    if let Some(post) = post_of(turn, &ledger, account, id).filter(whole) {
        turn.delete(&mut ledger, &post)?;
        lock(&state.videos).remove(id);
        lock(&state.photos).remove(id);
        return Ok(success());
    }
    let own = |page: Option<String>| page.is_some_and(|page| page == account.remote_id);
    let draft = lock(&state.drafts).get(id).map(|draft| draft.page.clone());
    let photo = lock(&state.photos).get(id).map(|photo| photo.page.clone());
    let video = lock(&state.videos).get(id).map(|video| video.page.clone());
    if own(draft) {
        lock(&state.drafts).remove(id);
    } else if own(photo) {
        lock(&state.photos).remove(id);
    } else if own(video) {
        lock(&state.videos).remove(id);
    } else {
        return Err(no_such_object(id));
    }
    Ok(success())
}

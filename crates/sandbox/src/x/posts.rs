//! Creating and deleting posts.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::media::Upload;
use super::shown::show;
use super::weight::{WEIGHT_MAX, weight};
use super::{X, forbidden, invalid, not_found, snowflake};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::journal::{Ledger, NewPost, Published};
use crate::world::{Shared, World, lock};

/// How long the same text is refused (the window is not documented).
const DUPLICATE_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// Images of a post.
const MEDIA_MAX: usize = 4;

/// The keys of a create request; the schema allows no others.
const KEYS: &[&str] = &[
    "text",
    "media",
    "reply",
    "poll",
    "quote_tweet_id",
    "reply_settings",
    "community_id",
    "share_with_followers",
    "made_with_ai",
    "paid_partnership",
    "for_super_followers_only",
    "nullcast",
    "card_uri",
    "direct_message_deep_link",
    "geo",
    "edit_options",
];
const MEDIA_KEYS: &[&str] = &[
    "media_ids",
    "tagged_user_ids",
    "title",
    "description",
    "embeddable",
    "preview_media_id",
    "call_to_actions",
];
const REPLY_KEYS: &[&str] = &[
    "in_reply_to_tweet_id",
    "exclude_reply_user_ids",
    "auto_populate_reply_metadata",
];
const POLL_KEYS: &[&str] = &["options", "duration_minutes", "reply_settings"];
const REPLY_SETTINGS: &[&str] = &["following", "mentionedUsers", "subscribers", "verified"];

pub(super) async fn create(State(world): State<Shared>, call: Call) -> Handled {
    let body = serde_json::from_slice::<Map<String, Value>>(&call.body);
    let text = body
        .as_ref()
        .ok()
        .and_then(|body| body.get("text")?.as_str())
        .unwrap_or_default()
        .to_owned();
    let mut turn = open(
        &world,
        X,
        &call,
        Credential::Access(call.bearer()),
        Class::Create,
        &text,
    )
    .await?;
    let answer = match &body {
        Ok(body) => publish(&mut turn, body, text),
        Err(_) => Err(invalid(&world.x, "Request body is not valid JSON", &json!({}))),
    };
    Ok(turn.close(answer).await)
}

/// Refuses keys that the schema does not have.
fn check_keys(turn: &Turn<X>, object: &Map<String, Value>, allowed: &[&str], path: &str) -> Result<(), Answer> {
    match object.keys().find(|key| !allowed.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let message = format!(
                "[$.{path}{key}: is not defined in the schema and the schema does not allow additional properties]"
            );
            Err(invalid(&turn.world.x, &message, &json!({ format!("{path}{key}"): [] })))
        }
    }
}

/// The part `name` of the body with its keys checked.
fn part<'b>(
    turn: &Turn<X>,
    body: &'b Map<String, Value>,
    name: &str,
    allowed: &[&str],
) -> Result<Option<&'b Map<String, Value>>, Answer> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::Object(object)) => {
            check_keys(turn, object, allowed, &format!("{name}."))?;
            Ok(Some(object))
        }
        Some(_) => Err(invalid(
            &turn.world.x,
            &format!("$.{name}: object expected"),
            &json!({ name: [] }),
        )),
    }
}

fn check_body(turn: &Turn<X>, body: &Map<String, Value>, text: &str) -> Result<(), Answer> {
    let state = &turn.world.x;
    check_keys(turn, body, KEYS, "")?;
    if let Some(settings) = body.get("reply_settings") {
        let known = settings.as_str().is_some_and(|word| REPLY_SETTINGS.contains(&word));
        if !known {
            let message = "$.reply_settings: does not have a value in the enumeration [following, mentionedUsers, subscribers, verified]";
            return Err(invalid(state, message, &json!({ "reply_settings": [settings] })));
        }
    }
    if let Some(poll) = part(turn, body, "poll", POLL_KEYS)? {
        let options: Vec<&str> = poll
            .get("options")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let sizes = options.iter().all(|option| (1..=25).contains(&option.chars().count()));
        let minutes = poll.get("duration_minutes").and_then(Value::as_u64).unwrap_or_default();
        if !(2..=4).contains(&options.len()) || !sizes || !(5..=10_080).contains(&minutes) {
            return Err(invalid(
                state,
                "Poll options or duration are invalid.",
                &json!({ "poll": options }),
            ));
        }
        if body.contains_key("media") {
            return Err(invalid(
                state,
                "A post has either media or a poll.",
                &json!({ "poll": options }),
            ));
        }
    }
    let got = weight(text);
    if got > WEIGHT_MAX {
        let message = format!("Your Tweet text is too long. It weighs {got}, at most {WEIGHT_MAX} is allowed.");
        return Err(invalid(state, &message, &json!({ "text": [text] })));
    }
    if text.trim().is_empty() && !body.contains_key("media") && !body.contains_key("poll") {
        let message = "At least one of text, media or poll is required.";
        return Err(invalid(state, message, &json!({ "text": [text] })));
    }
    Ok(())
}

fn publish(turn: &mut Turn<X>, body: &Map<String, Value>, text: String) -> Result<Answer, Answer> {
    let account = turn.account()?;
    check_body(turn, body, &text)?;
    let world = Arc::clone(&turn.world);
    let media = part(turn, body, "media", MEDIA_KEYS)?;
    let reply = part(turn, body, "reply", REPLY_KEYS)?;
    let mut ledger = world.ledger();
    let uploads = attach(turn, media, &account)?;
    let parent = match reply {
        Some(reply) => Some(reply_target(turn, &ledger, reply, &account)?),
        None => None,
    };
    let quoted = quote_target(turn, &ledger, body)?;
    if uploads.is_empty() {
        refuse_duplicate(turn, &ledger, &account, &text)?;
    }
    let id = world.next_id(Platform::X, snowflake(turn.now)).to_string();
    let page = format!("https://x.com/{}/status/{id}", account.handle);
    let keys: Vec<String> = uploads.iter().map(Upload::timeline_key).collect();
    let media_page = uploads
        .first()
        .map(|upload| format!("{page}/{}/1", if upload.is_video() { "video" } else { "photo" }));
    let quoted_page = quoted.as_ref().and_then(|post| post.url.as_deref());
    let shown_text = with_author(&world, &ledger, parent.as_deref(), &account, &text);
    let shown = show(&world, &shown_text, media_page.as_deref().or(quoted_page), &keys);
    let settings: Map<String, Value> = body
        .iter()
        .filter(|(key, _)| *key != "text")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let answer = json!({ "data": { "id": id, "text": shown.text, "edit_history_tweet_ids": [id] } });
    let new = NewPost {
        remote_id: id,
        url: Some(page),
        text,
        media: uploads.iter().map(Upload::sha256).collect(),
        alt: uploads.iter().map(|upload| upload.alt.clone()).collect(),
        reply_to: parent,
        settings: Value::Object(settings),
        key: None,
        notes: json!({
            "text": shown.text, "urls": shown.urls, "media_keys": keys,
            "quoted": quoted.map(|post| post.remote_id.clone()),
        }),
    };
    turn.commit(&mut ledger, new)?;
    Ok(Answer::json(201, &answer))
}

fn media_ids_invalid(turn: &Turn<X>, ids: &[String]) -> Answer {
    invalid(
        &turn.world.x,
        "Your media IDs are invalid.",
        &json!({ "media.media_ids": ids }),
    )
}

fn attach(turn: &Turn<X>, media: Option<&Map<String, Value>>, account: &Account) -> Result<Vec<Upload>, Answer> {
    let Some(media) = media else { return Ok(Vec::new()) };
    let ids: Vec<String> = media
        .get("media_ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned))
        .collect();
    let well_formed = ids
        .iter()
        .all(|id| (1..=19).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit()));
    if ids.is_empty() || ids.len() > MEDIA_MAX || !well_formed {
        let message = format!("$.media.media_ids: from 1 to {MEDIA_MAX} items of ^[0-9]{{1,19}}$ expected");
        return Err(invalid(&turn.world.x, &message, &json!({ "media.media_ids": ids })));
    }
    let known = lock(&turn.world.x.media);
    let usable = |id: &String| {
        known
            .get(id)
            .filter(|upload| upload.is_usable(&account.remote_id, turn.now))
            .cloned()
    };
    let uploads: Vec<Upload> = ids.iter().filter_map(usable).collect();
    drop(known);
    if uploads.len() != ids.len() {
        return Err(media_ids_invalid(turn, &ids));
    }
    if uploads.len() > 1 && uploads.iter().any(|upload| !upload.is_still_image()) {
        let message = "Either 1 video, 1 animated GIF or up to 4 images are allowed.";
        return Err(invalid(&turn.world.x, message, &json!({ "media.media_ids": ids })));
    }
    Ok(uploads)
}

fn reply_target(
    turn: &Turn<X>,
    ledger: &Ledger,
    reply: &Map<String, Value>,
    account: &Account,
) -> Result<String, Answer> {
    let id = reply
        .get("in_reply_to_tweet_id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let parent = ledger.by_remote(Platform::X, id).filter(|post| !post.deleted);
    let parent = parent.ok_or_else(|| not_found(&turn.world.x, id))?;
    let mentions = parent
        .text
        .to_lowercase()
        .contains(&format!("@{}", account.handle.to_lowercase()));
    if parent.account != account.remote_id && !mentions {
        return Err(forbidden(
            "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the \
             author of the post you are replying to.",
        ));
    }
    Ok(id.to_owned())
}

/// What an answer to somebody else shows: their name, unless the text begins with it.
fn with_author(world: &World, ledger: &Ledger, parent: Option<&str>, account: &Account, text: &str) -> String {
    let parent = parent.and_then(|id| ledger.by_remote(Platform::X, id));
    let of_others = parent.filter(|parent| parent.account != account.remote_id);
    let author = of_others.and_then(|parent| world.accounts().by_id(Platform::X, &parent.account));
    match author.map(|author| format!("@{}", author.handle)) {
        Some(name) if !text.starts_with(&name) => format!("{name} {text}"),
        _ => text.to_owned(),
    }
}

/// The post that is quoted: anybody's, but not beside files or a poll.
fn quote_target(turn: &Turn<X>, ledger: &Ledger, body: &Map<String, Value>) -> Result<Option<Arc<Published>>, Answer> {
    let Some(given) = body.get("quote_tweet_id") else {
        return Ok(None);
    };
    let id = given.as_str().unwrap_or_default();
    if !(1..=19).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = "$.quote_tweet_id: does not match the regex pattern ^[0-9]{1,19}$";
        return Err(invalid(&turn.world.x, message, &json!({ "quote_tweet_id": [given] })));
    }
    if body.contains_key("media") || body.contains_key("poll") {
        let message = "Only one of media, poll and quote_tweet_id is allowed.";
        return Err(invalid(&turn.world.x, message, &json!({ "quote_tweet_id": [id] })));
    }
    let post = ledger.by_remote(Platform::X, id).filter(|post| !post.deleted);
    post.map(Some).ok_or_else(|| not_found(&turn.world.x, id))
}

fn refuse_duplicate(turn: &Turn<X>, ledger: &Ledger, account: &Account, text: &str) -> Result<(), Answer> {
    let last = ledger.last_with_text(Platform::X, &account.remote_id, text);
    // What was posted before the account was connected anew is another owner's, who is not to be met.
    let is_recent = |at: Timestamp| at >= account.fresh_since() && turn.now.duration_since(at) < DUPLICATE_WINDOW;
    let recent = last.is_some_and(|post| post.media.is_empty() && is_recent(post.at));
    if recent && !text.is_empty() {
        return Err(forbidden(
            "You are not allowed to create a Tweet with duplicate content.",
        ));
    }
    Ok(())
}

pub(super) async fn delete(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = open(&world, X, &call, Credential::Access(call.bearer()), Class::Delete, "").await?;
    let answer = remove(&turn, &id);
    Ok(turn.close(answer).await)
}

fn remove(turn: &Turn<X>, id: &str) -> Result<Answer, Answer> {
    let account = turn.account()?;
    let mut ledger = turn.world.ledger();
    let post = ledger.by_remote(Platform::X, id).filter(|post| !post.deleted);
    let post = post.ok_or_else(|| not_found(&turn.world.x, id))?;
    if post.account != account.remote_id {
        return Err(forbidden("You are not authorized to delete this Tweet."));
    }
    turn.delete(&mut ledger, &post)?;
    Ok(Answer::ok(&json!({ "data": { "deleted": true } })))
}

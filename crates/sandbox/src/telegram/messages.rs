//! Sending, editing and deleting messages.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::files::{Sent, resolve};
use super::markup::{self, Marked};
use super::{Telegram, bad_request, chat, chat_json, message_ids, success};
use crate::account::Account;
use crate::answer::Answer;
use crate::exchange::Turn;
use crate::form::Fields;
use crate::journal::{NewPost, Published};
use crate::text::utf16;
use crate::world::lock;

/// Characters of a text.
const TEXT_MAX: usize = 4_096;
/// Characters of a caption.
const CAPTION_MAX: usize = 1_024;
/// Items of an album.
const ALBUM: std::ops::RangeInclusive<usize> = 2..=10;
/// Messages that one call deletes.
const DELETED_MAX: usize = 100;

/// One message to send.
struct Outgoing {
    marked: Marked,
    file: Option<(String, Sent)>,
}

pub(super) fn send_message(turn: &mut Turn<Telegram>, fields: &Fields) -> Result<Answer, Answer> {
    let account = turn.account()?;
    chat(fields, &account)?;
    let marked = markup::read(fields, "text", "entities")?;
    if marked.text.is_empty() {
        return Err(bad_request("message text is empty"));
    }
    if utf16(&marked.text) > TEXT_MAX {
        return Err(bad_request("message is too long"));
    }
    let messages = send(turn, fields, &account, &[Outgoing { marked, file: None }], None)?;
    Ok(success(messages.first().unwrap_or(&Value::Null)))
}

pub(super) async fn send_file(turn: &mut Turn<Telegram>, fields: &Fields, kind: &str) -> Result<Answer, Answer> {
    let account = turn.account()?;
    chat(fields, &account)?;
    let marked = markup::read(fields, "caption", "caption_entities")?;
    check_caption(&marked)?;
    let file = resolve(turn, fields, fields.text(kind).as_deref(), kind, kind).await?;
    let messages = send(
        turn,
        fields,
        &account,
        &[Outgoing {
            marked,
            file: Some((kind.to_owned(), file)),
        }],
        None,
    )?;
    Ok(success(messages.first().unwrap_or(&Value::Null)))
}

pub(super) async fn send_album(turn: &mut Turn<Telegram>, fields: &Fields) -> Result<Answer, Answer> {
    let account = turn.account()?;
    chat(fields, &account)?;
    let media = fields.json("media");
    let items = media
        .as_ref()
        .and_then(Value::as_array)
        .ok_or_else(|| bad_request("media must be an array"))?;
    if !ALBUM.contains(&items.len()) {
        return Err(bad_request(
            "wrong number of messages in the media group, from 2 to 10 are allowed",
        ));
    }
    let kind_of = |item: &Value| item.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let documents = items.iter().filter(|item| kind_of(item) == "document").count();
    if documents != 0 && documents != items.len() {
        return Err(bad_request("document can't be mixed with other media types"));
    }
    let mut outgoing = Vec::with_capacity(items.len());
    for item in items {
        let kind = kind_of(item);
        if !matches!(kind.as_str(), "photo" | "video" | "document") {
            return Err(bad_request("media type is invalid"));
        }
        let word = |name: &str| item.get(name).and_then(Value::as_str);
        let entities = item.get("caption_entities").and_then(Value::as_array).cloned();
        let marked = markup::marked(word("caption").unwrap_or_default(), word("parse_mode"), entities)?;
        check_caption(&marked)?;
        let reference = word("media").ok_or_else(|| bad_request("media not found"))?;
        let file = resolve(turn, fields, Some(reference), "media", &kind).await?;
        outgoing.push(Outgoing {
            marked,
            file: Some((kind, file)),
        });
    }
    let others = u64::try_from(outgoing.len()).unwrap_or(u64::MAX).saturating_sub(1);
    turn.count_more(others)?;
    let group = turn.world.random_digits(17);
    let messages = send(turn, fields, &account, &outgoing, Some(&group))?;
    Ok(success(&Value::Array(messages)))
}

fn check_caption(marked: &Marked) -> Result<(), Answer> {
    if utf16(&marked.text) > CAPTION_MAX {
        return Err(bad_request("message caption is too long"));
    }
    Ok(())
}

/// What a send asks for besides text and files.
const SETTINGS: &[&str] = &[
    "parse_mode",
    "link_preview_options",
    "disable_notification",
    "protect_content",
    "has_spoiler",
    "supports_streaming",
    "show_caption_above_media",
    "message_thread_id",
];

/// Makes the post, and answers its messages.
fn send(
    turn: &mut Turn<Telegram>,
    fields: &Fields,
    account: &Arc<Account>,
    outgoing: &[Outgoing],
    group: Option<&str>,
) -> Result<Vec<Value>, Answer> {
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    let mut state = lock(&world.telegram.inner);
    let reply_to = reply_target(fields, account, &state.messages)?;
    let first_id = state.last.get(&account.remote_id).copied().unwrap_or_default() + 1;
    let ids: Vec<i64> = (first_id..).take(outgoing.len()).collect();
    let messages: Vec<Value> = ids
        .iter()
        .zip(outgoing)
        .map(|(id, one)| message_json(turn, account, *id, one, group, reply_to))
        .collect();
    let settings: Map<String, Value> = SETTINGS
        .iter()
        .filter_map(|name| {
            Some((
                (*name).to_owned(),
                fields.json(name).or_else(|| fields.raw(name).cloned())?,
            ))
        })
        .collect();
    let files: Vec<&Sent> = outgoing
        .iter()
        .filter_map(|one| one.file.as_ref().map(|(_, file)| file))
        .collect();
    // The first caption that there is becomes the album's.
    let text = outgoing
        .iter()
        .map(|one| one.marked.text.as_str())
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let new = NewPost {
        remote_id: remote_id(account, first_id),
        url: Some(message_url(
            account,
            first_id,
            fields.text("message_thread_id").as_deref(),
        )),
        text: text.to_owned(),
        media: files.iter().map(|file| file.medium.sha256.clone()).collect(),
        alt: vec![String::new(); files.len()],
        reply_to: reply_to.map(|id| remote_id(account, id)),
        settings: Value::Object(settings),
        key: None,
        notes: json!({ "message_ids": ids, "message": messages.first() }),
    };
    let post = turn.commit(&mut ledger, new)?;
    state
        .last
        .insert(account.remote_id.clone(), ids.last().copied().unwrap_or(first_id));
    for id in ids {
        state.messages.insert((account.remote_id.clone(), id), post.seq);
    }
    Ok(messages)
}

fn remote_id(account: &Account, message_id: i64) -> String {
    format!("{}/{message_id}", account.remote_id)
}

fn message_url(account: &Account, message_id: i64, thread: Option<&str>) -> String {
    let chat = if account.handle.is_empty() {
        format!("c/{}", account.remote_id.trim_start_matches("-100"))
    } else {
        account.handle.clone()
    };
    match thread {
        Some(thread) => format!("https://t.me/{chat}/{thread}/{message_id}"),
        None => format!("https://t.me/{chat}/{message_id}"),
    }
}

fn reply_target(
    fields: &Fields,
    account: &Account,
    messages: &std::collections::HashMap<(String, i64), u64>,
) -> Result<Option<i64>, Answer> {
    let Some(reply) = fields.json("reply_parameters") else {
        return Ok(None);
    };
    let id = reply
        .get("message_id")
        .and_then(Value::as_i64)
        .ok_or_else(|| bad_request("message_id is empty"))?;
    if messages.contains_key(&(account.remote_id.clone(), id)) {
        return Ok(Some(id));
    }
    match reply.get("allow_sending_without_reply").and_then(Value::as_bool) {
        Some(true) => Ok(None),
        _ => Err(bad_request("message to be replied not found")),
    }
}

fn message_json(
    turn: &Turn<Telegram>,
    account: &Account,
    id: i64,
    one: &Outgoing,
    group: Option<&str>,
    reply_to: Option<i64>,
) -> Value {
    let mut message = Map::new();
    let mut put = |name: &str, value: Value| {
        message.insert(name.to_owned(), value);
    };
    put("message_id", json!(id));
    put("sender_chat", chat_json(account));
    put("chat", chat_json(account));
    put("date", json!(turn.now.as_second()));
    if let Some(group) = group {
        put("media_group_id", json!(group));
    }
    if let Some(parent) = reply_to {
        put(
            "reply_to_message",
            json!({ "message_id": parent, "chat": chat_json(account), "date": turn.now.as_second() }),
        );
    }
    let (text, entities) = match &one.file {
        Some((kind, file)) => {
            put(kind, file.json(kind));
            ("caption", "caption_entities")
        }
        None => ("text", "entities"),
    };
    if !one.marked.text.is_empty() {
        put(text, json!(one.marked.text));
    }
    if !one.marked.entities.is_empty() {
        put(entities, json!(one.marked.entities));
    }
    Value::Object(message)
}

/// The post that `message_id` of the request's chat belongs to, with that id.
fn target(turn: &Turn<Telegram>, fields: &Fields, missing: &str) -> Result<(i64, Arc<Published>), Answer> {
    let account = turn.account()?;
    chat(fields, &account)?;
    let id = fields.text("message_id").and_then(|id| id.parse::<i64>().ok());
    let id = id.ok_or_else(|| bad_request("message identifier is not specified"))?;
    let post = post_of(turn, &account, id).filter(|post| turn.shows(post));
    post.map(|post| (id, post)).ok_or_else(|| bad_request(missing))
}

fn post_of(turn: &Turn<Telegram>, account: &Account, id: i64) -> Option<Arc<Published>> {
    let seq = *lock(&turn.world.telegram.inner)
        .messages
        .get(&(account.remote_id.clone(), id))?;
    turn.world.ledger().by_seq(seq)
}

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the \
                            same as a current content and reply markup of the message";
const NO_SUCH_EDIT: &str = "message to edit not found";

pub(super) fn edit_text(turn: &Turn<Telegram>, fields: &Fields) -> Result<Answer, Answer> {
    let (id, post) = target(turn, fields, NO_SUCH_EDIT)?;
    if !post.media.is_empty() {
        return Err(bad_request("there is no text in the message to edit"));
    }
    let marked = markup::read(fields, "text", "entities")?;
    if marked.text.is_empty() {
        return Err(bad_request("message text is empty"));
    }
    if utf16(&marked.text) > TEXT_MAX {
        return Err(bad_request("message is too long"));
    }
    edit(turn, id, &post, marked, "text", "entities")
}

pub(super) fn edit_caption(turn: &Turn<Telegram>, fields: &Fields) -> Result<Answer, Answer> {
    let (id, post) = target(turn, fields, NO_SUCH_EDIT)?;
    if post.media.is_empty() {
        return Err(bad_request("there is no caption in the message to edit"));
    }
    let marked = markup::read(fields, "caption", "caption_entities")?;
    check_caption(&marked)?;
    edit(turn, id, &post, marked, "caption", "caption_entities")
}

/// No message here has a keyboard, so the only edit of it that changes nothing is the one without any.
pub(super) fn edit_markup(turn: &Turn<Telegram>, fields: &Fields) -> Result<Answer, Answer> {
    let (_, post) = target(turn, fields, NO_SUCH_EDIT)?;
    match fields.json("reply_markup") {
        Some(markup)
            if markup
                .get("inline_keyboard")
                .and_then(Value::as_array)
                .is_some_and(|rows| !rows.is_empty()) =>
        {
            Ok(success(post.notes.get("message").unwrap_or(&Value::Null)))
        }
        _ => Err(bad_request(NOT_MODIFIED)),
    }
}

fn edit(
    turn: &Turn<Telegram>,
    id: i64,
    post: &Published,
    marked: Marked,
    text_name: &str,
    entities_name: &str,
) -> Result<Answer, Answer> {
    let mut notes = post.notes.clone();
    let Some(message) = notes.get_mut("message").and_then(Value::as_object_mut) else {
        return Err(bad_request("message can't be edited"));
    };
    let entities = message
        .get(entities_name)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let text = message.get(text_name).and_then(Value::as_str).unwrap_or_default();
    if text == marked.text && entities == marked.entities {
        return Err(bad_request(NOT_MODIFIED));
    }
    message.insert(text_name.to_owned(), json!(marked.text));
    message.remove(entities_name);
    if !marked.entities.is_empty() {
        message.insert(entities_name.to_owned(), json!(marked.entities));
    }
    message.insert("edit_date".to_owned(), json!(turn.now.as_second()));
    message.insert("message_id".to_owned(), json!(id));
    let body = Value::Object(message.clone());
    let edited = turn.world.ledger().edit(post.seq, marked.text, notes);
    edited.map_err(|_| super::refusal(500, "Internal Server Error"))?;
    Ok(success(&body))
}

pub(super) fn delete_one(turn: &Turn<Telegram>, fields: &Fields) -> Result<Answer, Answer> {
    let (id, _) = target(turn, fields, "message to delete not found")?;
    remove(turn, &[id])?;
    Ok(success(&Value::Bool(true)))
}

/// Messages that cannot be found are skipped, as the documentation says.
pub(super) fn delete_many(turn: &Turn<Telegram>, fields: &Fields) -> Result<Answer, Answer> {
    let account = turn.account()?;
    chat(fields, &account)?;
    let ids = fields.json("message_ids");
    let ids = ids
        .as_ref()
        .and_then(Value::as_array)
        .ok_or_else(|| bad_request("message identifiers are not specified"))?;
    if ids.is_empty() || ids.len() > DELETED_MAX {
        return Err(bad_request("wrong number of message identifiers"));
    }
    let ids: Vec<i64> = ids.iter().filter_map(Value::as_i64).collect();
    remove(turn, &ids)?;
    Ok(success(&Value::Bool(true)))
}

/// Takes the messages away; a post is deleted with the last of its messages.
fn remove(turn: &Turn<Telegram>, ids: &[i64]) -> Result<(), Answer> {
    let account = turn.account()?;
    for id in ids {
        let Some(post) = post_of(turn, &account, *id) else {
            continue;
        };
        let last = {
            let mut state = lock(&turn.world.telegram.inner);
            state.messages.remove(&(account.remote_id.clone(), *id));
            let chat = &account.remote_id;
            !message_ids(&post)
                .into_iter()
                .any(|other| state.messages.contains_key(&(chat.clone(), other)))
        };
        if last {
            turn.delete(&mut turn.world.ledger(), &post)?;
        }
    }
    Ok(())
}

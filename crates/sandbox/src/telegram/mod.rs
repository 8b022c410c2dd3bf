//! The Telegram Bot API: a bot that is an administrator of one channel.
//!
//! There is no idempotency of any kind: two sends are two messages. The bot token stands for the channel's account,
//! whose remote id is the chat id and whose handle is the channel's username. A message's remote id in the journal is
//! `chat_id/message_id`; an album is one post whose `notes.message_ids` has all ids.
//!
//! Chosen where the documentation is open: only `HTML` is known as a parse mode, text is trimmed at its end only,
//! and files above the limits are refused with 413.

mod door;
mod files;
mod linking;
mod markup;
mod messages;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State as FromWorld};
use axum::routing::get;
use domain::platform::Platform;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use linking::control;
pub(crate) use linking::happen;
pub use linking::{TelegramEvent, TelegramUpdate, TelegramVerb};

use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Dialect, Handled, Turn, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::journal::Published;
use crate::limits::WindowView;
use crate::medium::Medium;
use crate::world::{Shared, lock};

/// The emulator's own state.
#[derive(Debug, Default)]
pub(crate) struct State {
    inner: Mutex<Inner>,
    links: linking::Links,
}

#[derive(Debug, Default)]
struct Inner {
    /// The last message id of each chat; ids are sequential per chat.
    last: HashMap<String, i64>,
    /// The post that a message belongs to.
    messages: HashMap<(String, i64), u64>,
    /// What a file id stands for.
    files: HashMap<String, Medium>,
}

impl State {
    pub(crate) fn clear(&self) {
        *lock(&self.inner) = Inner::default();
        self.links.clear();
    }

    /// The next message id of a chat.
    fn next_message(&self, chat: &str) -> i64 {
        let mut inner = lock(&self.inner);
        let last = inner.last.entry(chat.to_owned()).or_default();
        *last += 1;
        *last
    }

    /// Takes the message ids of a reloaded journal.
    pub(crate) fn resume(&self, posts: &[Arc<Published>]) {
        let mut inner = lock(&self.inner);
        for post in posts.iter().filter(|post| post.platform == Platform::Telegram) {
            for id in message_ids(post) {
                let last = inner.last.entry(post.account.clone()).or_default();
                *last = (*last).max(id);
                if !post.deleted {
                    inner.messages.insert((post.account.clone(), id), post.seq);
                }
            }
        }
    }
}

fn message_ids(post: &Published) -> Vec<i64> {
    let ids = post.notes.get("message_ids").and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(Value::as_i64).collect()
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Telegram;

/// An error body of the Bot API.
fn refusal(status: u16, description: &str) -> Answer {
    Answer::json(
        status,
        &json!({ "ok": false, "error_code": status, "description": description }),
    )
}

fn bad_request(why: &str) -> Answer {
    refusal(400, &format!("Bad Request: {why}"))
}

fn success(result: &Value) -> Answer {
    Answer::ok(&json!({ "ok": true, "result": result }))
}

impl Dialect for Telegram {
    fn platform(&self) -> Platform {
        Platform::Telegram
    }

    fn server_error(&self, status: u16) -> Answer {
        let reason = match status {
            502 => "Bad Gateway",
            504 => "Gateway Timeout",
            _ => "Internal Server Error",
        };
        refusal(status, reason)
    }

    fn rate_limited(&self, retry_after_s: u64, _now: Timestamp) -> Answer {
        Answer::json(
            429,
            &json!({
                "ok": false,
                "error_code": 429,
                "description": format!("Too Many Requests: retry after {retry_after_s}"),
                "parameters": { "retry_after": retry_after_s },
            }),
        )
    }

    fn unauthorized(&self) -> Answer {
        refusal(401, "Unauthorized")
    }

    fn expired(&self) -> Answer {
        refusal(401, "Unauthorized")
    }

    fn rejected(&self) -> Answer {
        bad_request("can't parse entities: unsupported start tag \"x\" at byte offset 0")
    }

    fn stamp(&self, _answer: &mut Answer, _window: &WindowView, _now: Timestamp) {}
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/{bot}", get(door::show).post(door::enter))
        .route("/{bot}/{method}", get(call_method).post(call_method))
}

fn class_of(method: &str) -> Class {
    if method.starts_with("send") {
        Class::Create
    } else if method.starts_with("edit") {
        Class::Read
    } else if method.starts_with("delete") {
        Class::Delete
    } else {
        Class::Check
    }
}

/// The text that scripts count by: the message's own, or the first caption of an album.
fn script_text(fields: &Fields) -> String {
    let first_caption = || {
        let media = fields.json("media")?;
        let captions = media
            .as_array()?
            .iter()
            .filter_map(|item| item.get("caption")?.as_str());
        captions.map(str::to_owned).next()
    };
    fields
        .text("text")
        .or_else(|| fields.text("caption"))
        .or_else(first_caption)
        .unwrap_or_default()
}

async fn call_method(
    FromWorld(world): FromWorld<Shared>,
    Path((bot, method)): Path<(String, String)>,
    mut call: Call,
) -> Handled {
    // The token is in the path, which the journal keeps.
    call.path = format!("/telegram/bot…/{method}");
    let token = bot.strip_prefix("bot").filter(|token| token.contains(':'));
    let method = method.to_ascii_lowercase();
    let fields = Fields::of(&call);
    let text = fields.as_ref().map(script_text).unwrap_or_default();
    let Some(token) = token else {
        let turn = open(&world, Telegram, &call, Credential::Open, class_of(&method), &text).await?;
        return Ok(turn.close(Err(refusal(404, "Not Found"))).await);
    };
    if linking::is_own_bot(token) && !fields.as_ref().is_ok_and(|fields| fields.raw("chat_id").is_some()) {
        let turn = open(&world, Telegram, &call, Credential::Open, class_of(&method), &text).await?;
        let answer = without_chat(&turn, &method, token, fields.as_ref().ok()).await;
        return Ok(turn.close(answer).await);
    }
    let reached = match &fields {
        Ok(fields) if linking::is_own_bot(token) => {
            linking::token_for(&world, &fields.text("chat_id").unwrap_or_default())
        }
        _ => Ok(token.to_owned()),
    };
    let reached = match reached {
        Ok(reached) => reached,
        Err(refusal) => {
            let turn = open(&world, Telegram, &call, Credential::Open, class_of(&method), &text).await?;
            return Ok(turn.close(Err(refusal)).await);
        }
    };
    let credential = Credential::Access(Some(&reached));
    let mut turn = open(&world, Telegram, &call, credential, class_of(&method), &text).await?;
    let answer = match &fields {
        Ok(fields) => dispatch(&mut turn, &method, token, fields).await,
        Err(_) => Err(bad_request("can't parse the request body")),
    };
    Ok(turn.close(answer).await)
}

fn bot_id(token: &str) -> i64 {
    let id = token.split(':').next().and_then(|id| id.parse::<i64>().ok());
    id.unwrap_or_default()
}

/// What a bot can ask that is not about a chat.
async fn without_chat(
    turn: &Turn<Telegram>,
    method: &str,
    token: &str,
    fields: Option<&Fields>,
) -> Result<Answer, Answer> {
    match (method, fields) {
        ("getme", _) => Ok(success(&bot_json(&crate::app(Platform::Telegram).id, bot_id(token)))),
        ("getupdates", Some(fields)) => Ok(linking::updates(turn, token, fields).await),
        ("getwebhookinfo", _) => Ok(success(&json!({
            "url": "",
            "has_custom_certificate": false,
            "pending_update_count": 0,
        }))),
        ("deletewebhook", _) => Ok(success(&Value::Bool(true))),
        (method, _) if method.starts_with("send") => Err(bad_request("chat_id is empty")),
        _ => Err(refusal(404, "Not Found")),
    }
}

async fn dispatch(turn: &mut Turn<Telegram>, method: &str, token: &str, fields: &Fields) -> Result<Answer, Answer> {
    let account = turn.account()?;
    let bot_id = bot_id(token);
    match method {
        "getme" => Ok(success(&bot_json(&bot_name(&account, token), bot_id))),
        "getupdates" => Ok(linking::updates(turn, token, fields).await),
        "getwebhookinfo" | "deletewebhook" => without_chat(turn, method, token, None).await,
        "getchat" => chat(fields, &account).map(|()| success(&full_chat_json(&account))),
        "getchatmember" => member(fields, &account, &bot_name(&account, token), bot_id),
        "sendmessage" => messages::send_message(turn, fields),
        "sendphoto" => messages::send_file(turn, fields, "photo").await,
        "sendvideo" => messages::send_file(turn, fields, "video").await,
        "senddocument" => messages::send_file(turn, fields, "document").await,
        "sendmediagroup" => messages::send_album(turn, fields).await,
        "deletemessage" => messages::delete_one(turn, fields),
        "deletemessages" => messages::delete_many(turn, fields),
        "editmessagetext" => messages::edit_text(turn, fields),
        "editmessagecaption" => messages::edit_caption(turn, fields),
        "editmessagereplymarkup" => messages::edit_markup(turn, fields),
        _ => Err(refusal(404, "Not Found")),
    }
}

/// Whether the request's `chat_id` is the account's channel, by number or by `@username`.
fn chat(fields: &Fields, account: &Account) -> Result<(), Answer> {
    let chat = fields.text("chat_id").ok_or_else(|| bad_request("chat_id is empty"))?;
    let named = chat
        .strip_prefix('@')
        .is_some_and(|name| name.eq_ignore_ascii_case(&account.handle));
    if chat == account.remote_id || named {
        Ok(())
    } else {
        Err(bad_request("chat not found"))
    }
}

fn chat_number(account: &Account) -> i64 {
    account.remote_id.parse().unwrap_or_default()
}

/// A chat as `getChat` tells of it (core.telegram.org/bots/api, `ChatFullInfo`).
fn full_chat_json(account: &Account) -> Value {
    let mut chat = chat_json(account);
    if let Some(object) = chat.as_object_mut() {
        let gifts = json!({
            "unlimited_gifts": false,
            "limited_gifts": false,
            "unique_gifts": false,
            "premium_subscription": false,
            "gifts_from_channels": false,
        });
        object.extend([
            ("accent_color_id".to_owned(), json!(0)),
            ("max_reaction_count".to_owned(), json!(11)),
            ("accepted_gift_types".to_owned(), gifts),
        ]);
    }
    chat
}

fn chat_json(account: &Account) -> Value {
    let mut chat = json!({ "id": chat_number(account), "title": account.handle, "type": "channel" });
    if let (Some(object), false) = (chat.as_object_mut(), account.handle.is_empty()) {
        object.insert("username".to_owned(), Value::String(account.handle.clone()));
    }
    chat
}

/// The bot's username.
fn bot_name(account: &Account, token: &str) -> String {
    if linking::is_own_bot(token) {
        crate::app(Platform::Telegram).id
    } else {
        format!("{}_bot", account.handle)
    }
}

fn bot_json(name: &str, bot_id: i64) -> Value {
    json!({
        "id": bot_id,
        "is_bot": true,
        "first_name": "Sandbox",
        "username": name,
        "can_join_groups": true,
        "can_read_all_group_messages": false,
        "supports_inline_queries": false,
    })
}

fn member(fields: &Fields, account: &Account, bot: &str, bot_id: i64) -> Result<Answer, Answer> {
    chat(fields, account)?;
    let user = fields.text("user_id").and_then(|id| id.parse::<i64>().ok());
    let user = user.ok_or_else(|| bad_request("invalid user_id specified"))?;
    if user != bot_id {
        return Err(bad_request("member not found"));
    }
    Ok(success(&json!({
        "user": bot_json(bot, bot_id),
        "status": "administrator",
        "can_be_edited": false,
        "is_anonymous": false,
        "can_manage_chat": true,
        "can_delete_messages": true,
        "can_post_messages": true,
        "can_edit_messages": true,
        "can_invite_users": true,
        "can_restrict_members": true,
        "can_promote_members": false,
        "can_change_info": false,
        "can_manage_video_chats": false,
        "can_post_stories": false,
        "can_edit_stories": false,
        "can_delete_stories": false,
    })))
}

#[cfg(test)]
mod tests;

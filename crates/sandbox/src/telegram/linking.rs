//! How a bot comes to know its chats: it is made an administrator, somebody posts in the channel, or writes to it; it
//! hears of all this by `getUpdates` (core.telegram.org/bots/api).
//!
//! The sandbox has one bot of its own, whose token is the secret of [`crate::app`]; it serves every channel that it was
//! added to. Other bots are those that accounts come with, one for each channel.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State as FromWorld;
use domain::platform::Platform;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::{Telegram, bad_request, chat_json, refusal, success};
use crate::account::{Account, NewSandboxAccount};
use crate::answer::Answer;
use crate::control::Refusal;
use crate::exchange::Turn;
use crate::form::Fields;
use crate::world::{Shared, World, later, lock};

/// Updates that wait for a bot at most; Telegram keeps them for a day.
const UPDATES_MAX: usize = 1_000;
/// Updates of one answer (the Bot API's own limit).
const PAGE_MAX: usize = 100;
/// The longest wait for an update, in seconds.
const WAIT_SECONDS_MAX: u64 = 50;

/// Which chats the sandbox's bot is in, and what bots have not heard yet.
#[derive(Debug, Default)]
pub(super) struct Links {
    inner: Mutex<Inner>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// The token of each channel that the sandbox's bot is in, by chat id.
    joined: HashMap<String, String>,
    left: HashSet<String>,
    /// Updates by bot token.
    updates: HashMap<String, VecDeque<(i64, Value)>>,
    last_update: i64,
}

impl Links {
    pub(super) fn clear(&self) {
        *lock(&self.inner) = Inner::default();
    }
}

/// What somebody does with a bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TelegramVerb {
    /// Makes the bot an administrator of a channel, which is made when there is none of this name.
    Join,
    /// Removes the bot from the channel.
    Leave,
    /// Posts the text in the channel.
    Post,
    /// Writes the text to the bot in private.
    Message,
}

/// The body of `POST /_ctl/telegram`: what somebody does with a bot, so that the bot hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelegramEvent {
    /// What is done.
    #[serde(rename = "do")]
    pub verb: TelegramVerb,
    /// The channel's username or chat id; for [`TelegramVerb::Message`] the person's name.
    pub chat: String,
    /// The text, such as `/start code`.
    #[serde(default)]
    pub text: String,
    /// The bot's token; absent means the sandbox's own bot.
    #[serde(default)]
    pub bot: Option<String>,
}

/// What came of a [`TelegramEvent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelegramUpdate {
    /// The update that the bot gets.
    pub update_id: i64,
    /// The chat that it is about.
    pub chat_id: String,
}

/// The sandbox's own bot, if this is its token.
pub(super) fn is_own_bot(token: &str) -> bool {
    crate::app(Platform::Telegram).secret == token
}

/// A channel by username or id.
fn channel(world: &World, name: &str) -> Option<Arc<Account>> {
    let accounts = world.accounts();
    let found = accounts
        .by_id(Platform::Telegram, name)
        .or_else(|| accounts.by_handle(Platform::Telegram, name.trim_start_matches('@')));
    found.filter(|account| !account.stand_in)
}

/// The token with which the sandbox's bot reaches a chat.
pub(super) fn token_for(world: &World, chat: &str) -> Result<String, Answer> {
    let unknown = || bad_request("chat not found");
    let account = channel(world, chat).ok_or_else(unknown)?;
    let inner = lock(&world.telegram.links.inner);
    match inner.joined.get(&account.remote_id) {
        Some(token) => Ok(token.clone()),
        None if inner.left.contains(&account.remote_id) => {
            Err(refusal(403, "Forbidden: bot is not a member of the channel chat"))
        }
        None => Err(unknown()),
    }
}

/// Does it, and lets the bot know.
pub(crate) fn happen(world: &World, event: &TelegramEvent) -> Result<TelegramUpdate, crate::Error> {
    let no_such = || crate::Error::NoSuchAccount {
        platform: Platform::Telegram,
        remote_id: event.chat.clone(),
    };
    let bot = match &event.bot {
        Some(token) => token.clone(),
        None => crate::app(Platform::Telegram).secret,
    };
    if event.verb == TelegramVerb::Message {
        return Ok(write(world, &bot, event));
    }
    if event.verb == TelegramVerb::Join && channel(world, &event.chat).is_none() {
        let handle = event.chat.trim_start_matches('@');
        world.add_account(&NewSandboxAccount::new(Platform::Telegram, handle))?;
    }
    let account = channel(world, &event.chat).ok_or_else(no_such)?;
    let update = match event.verb {
        TelegramVerb::Join => {
            move_own_bot(world, &bot, &account, true);
            membership(world, &account, &bot, "left", "administrator")
        }
        TelegramVerb::Leave => {
            move_own_bot(world, &bot, &account, false);
            membership(world, &account, &bot, "administrator", "left")
        }
        TelegramVerb::Post | TelegramVerb::Message => {
            let id = world.telegram.next_message(&account.remote_id);
            json!({ "channel_post": {
                "message_id": id,
                "date": world.now().as_second(),
                "chat": chat_json(&account),
                "sender_chat": chat_json(&account),
                "text": event.text,
            }})
        }
    };
    Ok(TelegramUpdate {
        update_id: push(world, &bot, update),
        chat_id: account.remote_id.clone(),
    })
}

/// Lets the sandbox's bot into a channel, or out of it. Other bots are in their channel for good.
fn move_own_bot(world: &World, bot: &str, account: &Arc<Account>, joins: bool) {
    if !is_own_bot(bot) {
        return;
    }
    // A token of the channel's own stands for the bot there.
    let token = joins.then(|| world.new_bot_token(account));
    let mut inner = lock(&world.telegram.links.inner);
    let id = account.remote_id.clone();
    match token {
        Some(token) => {
            inner.left.remove(&id);
            inner.joined.insert(id, token);
        }
        None => {
            inner.joined.remove(&id);
            inner.left.insert(id);
        }
    }
}

/// Somebody writes to the bot.
fn write(world: &World, bot: &str, event: &TelegramEvent) -> TelegramUpdate {
    let name = event.chat.trim_start_matches('@');
    let id = crate::signin::number(&format!("telegram/{name}"), 9);
    let user_id: i64 = id.parse().unwrap_or(1);
    let chat = json!({ "id": user_id, "first_name": name, "username": name, "type": "private" });
    let mut message = json!({
        "message_id": world.telegram.next_message(&id),
        "date": world.now().as_second(),
        "chat": chat,
        "from": { "id": user_id, "is_bot": false, "first_name": name, "username": name, "language_code": "en" },
        "text": event.text,
    });
    let command = event.text.split(' ').next().unwrap_or_default();
    if let (true, Some(object)) = (command.starts_with('/'), message.as_object_mut()) {
        let entity = json!({ "type": "bot_command", "offset": 0, "length": command.encode_utf16().count() });
        object.insert("entities".to_owned(), json!([entity]));
    }
    TelegramUpdate {
        update_id: push(world, bot, json!({ "message": message })),
        chat_id: id,
    }
}

fn membership(world: &World, account: &Account, bot: &str, from: &str, to: &str) -> Value {
    let id: i64 = bot.split(':').next().and_then(|id| id.parse().ok()).unwrap_or_default();
    let user = json!({ "id": id, "is_bot": true, "first_name": "Sandbox" });
    let owner = json!({ "id": 1, "is_bot": false, "first_name": account.owner() });
    json!({ "my_chat_member": {
        "chat": chat_json(account),
        "from": owner,
        "date": world.now().as_second(),
        "old_chat_member": { "user": user, "status": from },
        "new_chat_member": { "user": user, "status": to, "can_post_messages": to == "administrator" },
    }})
}

fn push(world: &World, bot: &str, mut update: Value) -> i64 {
    let links = &world.telegram.links;
    let mut inner = lock(&links.inner);
    inner.last_update += 1;
    let id = inner.last_update;
    if let Some(object) = update.as_object_mut() {
        object.insert("update_id".to_owned(), json!(id));
    }
    let waiting = inner.updates.entry(bot.to_owned()).or_default();
    if waiting.len() >= UPDATES_MAX {
        waiting.pop_front();
    }
    waiting.push_back((id, update));
    drop(inner);
    links.arrived.notify_waiters();
    id
}

/// `getUpdates`: what the bot has not heard yet. An offset says what it has.
pub(super) async fn updates(turn: &Turn<Telegram>, bot: &str, fields: &Fields) -> Answer {
    let number = |name: &str| fields.text(name).and_then(|text| text.parse::<i64>().ok());
    let offset = number("offset").unwrap_or_default();
    let limit = number("limit").and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let kinds: Vec<String> = match fields.json("allowed_updates") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let links = &turn.world.telegram.links;
    let take = || {
        let mut inner = lock(&links.inner);
        let Some(waiting) = inner.updates.get_mut(bot) else {
            return Vec::new();
        };
        waiting.retain(|(id, _)| *id >= offset);
        if let (true, Ok(last)) = (offset < 0, usize::try_from(offset.unsigned_abs())) {
            // Counted from the end; those before are forgotten.
            waiting.drain(..waiting.len().saturating_sub(last));
        }
        let is_wanted = |update: &Value| kinds.is_empty() || kinds.iter().any(|kind| update.get(kind).is_some());
        let heard = waiting
            .iter()
            .map(|(_, update)| update)
            .filter(|update| is_wanted(update));
        heard.take(limit).cloned().collect()
    };
    let wait = number("timeout")
        .and_then(|seconds| u64::try_from(seconds).ok())
        .unwrap_or_default();
    let seconds = i64::try_from(wait.min(WAIT_SECONDS_MAX)).unwrap_or_default();
    let ends = later(turn.now, SignedDuration::from_secs(seconds));
    loop {
        let arrived = links.arrived.notified();
        tokio::pin!(arrived);
        arrived.as_mut().enable();
        let heard = take();
        if !heard.is_empty() || turn.world.now() >= ends {
            return success(&Value::Array(heard));
        }
        tokio::select! {
            () = &mut arrived => {}
            () = turn.world.clock.sleep_until(ends) => {}
        }
    }
}

/// `POST /_ctl/telegram`.
pub(crate) async fn control(
    FromWorld(world): FromWorld<Shared>,
    Json(event): Json<TelegramEvent>,
) -> Result<Json<TelegramUpdate>, Refusal> {
    Ok(Json(happen(&world, &event)?))
}

//! What the Bot API is sent and what it answers (core.telegram.org/bots/api, version 10.1).

use domain::content::{Media, MediaKind, PartContent, Settings};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Items of an album (`sendMediaGroup`).
const ALBUM_MAX: usize = 10;

/// The envelope of every answer.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) ok: bool,
    #[serde(default = "Option::default")]
    pub(super) result: Option<T>,
}

/// The messages that one call made: an album makes one an item.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Messages {
    One(Message),
    Many(Vec<Message>),
}

/// What of a Message is read.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) message_id: i64,
    pub(super) chat: Chat,
}

/// What of a Chat or ChatFullInfo is read.
#[derive(Debug, Deserialize)]
pub(super) struct Chat {
    pub(super) id: i64,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) username: Option<String>,
}

impl Chat {
    /// The page of the chat, or of one of its messages; only public chats and those of channels and supergroups have
    /// one.
    pub(super) fn page(&self, message: Option<i64>) -> Option<String> {
        let tail = message.map(|id| format!("/{id}")).unwrap_or_default();
        if let Some(name) = self.username.as_ref().filter(|_| self.kind != "private") {
            return Some(format!("https://t.me/{name}{tail}"));
        }
        // The ids of channels and supergroups are -100 followed by the number that links use.
        let id = self.id.to_string();
        let number = id.strip_prefix("-100")?;
        message.map(|_| format!("https://t.me/c/{number}{tail}"))
    }
}

/// What of a User is read.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: i64,
}

/// What of a ChatMember is read.
#[derive(Debug, Deserialize)]
pub(super) struct ChatMember {
    status: String,
    #[serde(default)]
    can_post_messages: Option<bool>,
    #[serde(default)]
    can_send_messages: Option<bool>,
}

impl ChatMember {
    /// Whether the bot may post in a chat of this kind.
    pub(super) fn may_post(&self, kind: &str) -> bool {
        match self.status.as_str() {
            "creator" => true,
            "administrator" => kind != "channel" || self.can_post_messages == Some(true),
            "member" => kind != "channel",
            "restricted" => self.can_send_messages == Some(true),
            _ => false,
        }
    }
}

/// Everything that one call sends. Fields that are objects are JSON texts, as the Bot API takes them in every encoding.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Frozen {
    /// Such as `sendMessage`.
    pub(super) method: String,
    /// Its fields but for the files, in order.
    pub(super) fields: Vec<(String, String)>,
    /// The files, streamed with the call: under which field, and which.
    pub(super) files: Vec<(String, Media)>,
}

/// The settings of a post that this connector understands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PostSettings {
    parse_mode: Option<String>,
    disable_notification: bool,
    disable_web_page_preview: bool,
    protect_content: bool,
}

impl PostSettings {
    /// Reads them; keys that are not known are left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for a value that Telegram does not know.
    pub(super) fn read(settings: &Settings) -> Result<Self, PlatformError> {
        let flag = |name: &str| match settings.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(invalid(format!("The Telegram setting '{name}' must be true or false"))),
        };
        let parse_mode = match settings.get("parseMode") {
            None | Some(Value::Null) => None,
            Some(mode) => match mode
                .as_str()
                .filter(|mode| matches!(*mode, "HTML" | "Markdown" | "MarkdownV2"))
            {
                Some(mode) => Some(mode.to_owned()),
                None => {
                    return Err(invalid(
                        "The Telegram setting 'parseMode' must be HTML or MarkdownV2".to_owned(),
                    ));
                }
            },
        };
        Ok(Self {
            parse_mode,
            disable_notification: flag("disableNotification")?,
            disable_web_page_preview: flag("disableWebPagePreview")?,
            protect_content: flag("protectContent")?,
        })
    }
}

/// The call that sends a part to `chat`, as an answer to the message `parent`.
///
/// # Errors
/// [`ErrorKind::Validation`] for media that Telegram does not take together.
pub(super) fn call(
    chat: &str,
    content: &PartContent,
    parent: Option<i64>,
    settings: &PostSettings,
) -> Result<Frozen, PlatformError> {
    let mut fields = vec![("chat_id".to_owned(), chat.to_owned())];
    let mut put = |name: &str, value: String| fields.push((name.to_owned(), value));
    let parse_mode = settings.parse_mode.as_ref().filter(|_| !content.text.is_empty());
    let (method, files) = match content.media.as_slice() {
        [] => {
            put("text", content.text.clone());
            if settings.disable_web_page_preview {
                put("link_preview_options", json!({ "is_disabled": true }).to_string());
            }
            ("sendMessage", Vec::new())
        }
        [media] => {
            let kind = kind_of(media);
            if !content.text.is_empty() {
                put("caption", content.text.clone());
            }
            for (name, value) in shape(media, kind) {
                put(name, value.to_string());
            }
            let method = match kind {
                "photo" => "sendPhoto",
                "video" => "sendVideo",
                "animation" => "sendAnimation",
                _ => "sendDocument",
            };
            (method, vec![(kind.to_owned(), media.clone())])
        }
        album => {
            put("media", items(album, content, parse_mode)?.to_string());
            let files = album
                .iter()
                .enumerate()
                .map(|(n, media)| (format!("file{n}"), media.clone()))
                .collect();
            ("sendMediaGroup", files)
        }
    };
    // In an album the parse mode belongs to the item with the caption.
    if let Some(mode) = parse_mode.filter(|_| content.media.len() < 2) {
        put("parse_mode", mode.clone());
    }
    if settings.disable_notification {
        put("disable_notification", "true".to_owned());
    }
    if settings.protect_content {
        put("protect_content", "true".to_owned());
    }
    if let Some(parent) = parent {
        put("reply_parameters", json!({ "message_id": parent }).to_string());
    }
    Ok(Frozen {
        method: method.to_owned(),
        fields,
        files,
    })
}

/// The items of an album; the caption of the first is shown as the album's.
fn items(album: &[Media], content: &PartContent, parse_mode: Option<&String>) -> Result<Value, PlatformError> {
    if album.len() > ALBUM_MAX {
        return Err(invalid(format!(
            "There are {} files; Telegram takes at most {ALBUM_MAX} together",
            album.len()
        )));
    }
    let documents = album.iter().filter(|media| kind_of(media) == "document").count();
    if (documents != 0 && documents != album.len()) || album.iter().any(|media| kind_of(media) == "animation") {
        return Err(invalid(
            "Telegram takes images and videos together, or documents, and animations alone".to_owned(),
        ));
    }
    let items = album.iter().enumerate().map(|(n, media)| {
        let kind = kind_of(media);
        let mut item = serde_json::Map::new();
        item.insert("type".to_owned(), kind.into());
        item.insert("media".to_owned(), format!("attach://file{n}").into());
        if n == 0 && !content.text.is_empty() {
            item.insert("caption".to_owned(), content.text.clone().into());
            item.extend(parse_mode.map(|mode| ("parse_mode".to_owned(), mode.clone().into())));
        }
        item.extend(
            shape(media, kind)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        Value::Object(item)
    });
    Ok(items.collect())
}

fn kind_of(media: &Media) -> &'static str {
    match media.kind {
        MediaKind::Image => "photo",
        MediaKind::Animation => "animation",
        MediaKind::Video => "video",
        MediaKind::Document => "document",
    }
}

/// What Telegram wants to know of a film, in pixels and whole seconds, so that it need not guess before it has it.
fn shape(media: &Media, kind: &str) -> Vec<(&'static str, Value)> {
    if !matches!(kind, "video" | "animation") {
        return Vec::new();
    }
    let numbers = [
        ("width", media.width.map(u64::from)),
        ("height", media.height.map(u64::from)),
        ("duration", media.duration_ms.map(|ms| ms.div_ceil(1_000))),
    ];
    let mut shape: Vec<_> = numbers
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.into())))
        .collect();
    if kind == "video" {
        shape.push(("supports_streaming", true.into()));
    }
    shape
}

fn invalid(message: String) -> PlatformError {
    PlatformError::refused(Platform::Telegram, Stage::Validate, ErrorKind::Validation, message)
}

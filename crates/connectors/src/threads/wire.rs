//! What Threads is sent and what it answers (developers.facebook.com, Threads API; the official collection of requests).

use domain::content::{Draft, Media, MediaKind, PartContent};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::part::Part;
use domain::platform::Platform;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::graph::{id, time};
use crate::settings::Given;

/// Items of a carousel.
const CAROUSEL_MAX: usize = 20;

/// Who may reply.
const REPLY_CONTROLS: &[&str] = &[
    "everyone",
    "accounts_you_follow",
    "mentioned_only",
    "parent_post_author_only",
    "followers_only",
];

/// How a container stands: `IN_PROGRESS`, `FINISHED`, `PUBLISHED`, `ERROR` or `EXPIRED`.
#[derive(Debug, Deserialize)]
pub(super) struct ContainerStatus {
    pub(super) status: String,
    #[serde(default)]
    pub(super) error_message: Option<String>,
}

/// What of a published post is read.
#[derive(Debug, Deserialize)]
pub(super) struct ListedPost {
    #[serde(deserialize_with = "id")]
    pub(super) id: String,
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub(super) timestamp: Option<Timestamp>,
    #[serde(default)]
    pub(super) permalink: Option<String>,
    #[serde(default)]
    pub(super) media_type: Option<String>,
    #[serde(default)]
    pub(super) replied_to: Value,
}

/// What a post is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Text,
    Image,
    Video,
    Carousel,
}

impl Kind {
    /// # Errors
    /// [`ErrorKind::Validation`] for what Threads does not take.
    pub(super) fn of(content: &PartContent) -> Result<Self, PlatformError> {
        let is_taken = |media: &Media| matches!(media.kind, MediaKind::Image | MediaKind::Video);
        if !content.media.iter().all(is_taken) {
            return Err(PlatformError::refused(
                Platform::Threads,
                Stage::Validate,
                ErrorKind::Validation,
                "Threads takes images and videos only",
            ));
        }
        match content.media.as_slice() {
            [] => Ok(Self::Text),
            [media] if media.kind == MediaKind::Video => Ok(Self::Video),
            [_] => Ok(Self::Image),
            many if many.len() > CAROUSEL_MAX => Err(PlatformError::refused(
                Platform::Threads,
                Stage::Validate,
                ErrorKind::Validation,
                "A carousel on Threads has at most 20 items",
            )),
            _ => Ok(Self::Carousel),
        }
    }

    /// The word that it is sent as.
    const fn word(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Image => "IMAGE",
            Self::Video => "VIDEO",
            Self::Carousel => "CAROUSEL",
        }
    }

    /// Whether a listed post is of this kind; the words that are read are not those that were sent.
    pub(super) fn is_of(self, post: &ListedPost) -> bool {
        let word = match self {
            Self::Text => "TEXT_POST",
            Self::Image => "IMAGE",
            Self::Video => "VIDEO",
            Self::Carousel => "CAROUSEL_ALBUM",
        };
        post.media_type.as_deref().is_none_or(|found| found == word)
    }
}

/// The form of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Word(&'static [&'static str]),
    Flag,
    /// Several texts, joined by commas.
    Texts,
    /// An object or a list, as JSON.
    Json,
}

/// The settings of a post's head that go out as a parameter of the same meaning; the last ones for posts without media
/// only.
const PARAMETERS: &[(&str, &str, Form, bool)] = &[
    ("replyControl", "reply_control", Form::Word(REPLY_CONTROLS), false),
    ("topicTag", "topic_tag", Form::Text, false),
    ("locationId", "location_id", Form::Text, false),
    ("quotePostId", "quote_post_id", Form::Text, false),
    (
        "allowlistedCountryCodes",
        "allowlisted_country_codes",
        Form::Texts,
        false,
    ),
    ("textEntities", "text_entities", Form::Json, false),
    ("isSpoilerMedia", "is_spoiler_media", Form::Flag, false),
    ("isGhostPost", "is_ghost_post", Form::Flag, false),
    ("linkAttachment", "link_attachment", Form::Text, true),
    ("pollAttachment", "poll_attachment", Form::Json, true),
    ("gifAttachment", "gif_attachment", Form::Json, true),
    ("textAttachment", "text_attachment", Form::Json, true),
];

/// The fields of `POST /{user}/threads`.
pub(super) type Fields = Vec<(&'static str, String)>;

/// What the settings add to a part's container. They are for the head, but for the countries, which hold for all parts.
///
/// # Errors
/// [`ErrorKind::Validation`] for a value that Threads does not take, or things that cannot be in one post.
pub(super) fn settings(draft: &Draft, part: Part, kind: Kind) -> Result<Fields, PlatformError> {
    let given = Given::of(draft);
    let mut fields = Fields::new();
    for (name, parameter, form, is_for_text) in PARAMETERS {
        let value = match form {
            Form::Text => given.text(name)?,
            Form::Word(words) => given.word(name, words)?,
            Form::Flag => given.flag(name)?.map(|flag| flag.to_string()),
            Form::Texts => Some(given.texts(name)?.join(",")).filter(|joined| !joined.is_empty()),
            Form::Json => match given.value(name) {
                None => None,
                Some(value @ (Value::Object(_) | Value::Array(_))) => Some(value.to_string()),
                Some(_) => return Err(given.invalid(&format!("'{name}' is an object or a list"))),
            },
        };
        let Some(value) = value.filter(|_| part == Part::Head || matches!(form, Form::Texts)) else {
            continue;
        };
        if *is_for_text && kind != Kind::Text {
            return Err(given.invalid(&format!("'{name}' is for posts without media")));
        }
        fields.push((parameter, value));
    }
    let has = |name: &str| fields.iter().any(|(parameter, _)| *parameter == name);
    if has("poll_attachment")
        && ["link_attachment", "gif_attachment", "text_attachment"]
            .into_iter()
            .any(has)
    {
        return Err(given.invalid("'pollAttachment' does not go with other attachments"));
    }
    Ok(fields)
}

/// The container of an item of a carousel.
pub(super) fn child(media: &Media, url: &Url) -> Fields {
    let mut fields = vec![("is_carousel_item", "true".to_owned())];
    fields.extend(file(media, url));
    fields
}

/// The container of a part with at most one file.
pub(super) fn single(content: &PartContent, file_at: Option<(&Media, &Url)>) -> Fields {
    let mut fields = match file_at {
        Some((media, url)) => file(media, url),
        None => vec![("media_type", Kind::Text.word().to_owned())],
    };
    fields.extend(text(content));
    fields
}

/// The container that holds the finished items of a carousel.
pub(super) fn carousel(content: &PartContent, children: &[&str]) -> Fields {
    let mut fields = vec![
        ("media_type", Kind::Carousel.word().to_owned()),
        ("children", children.join(",")),
    ];
    fields.extend(text(content));
    fields
}

fn file(media: &Media, url: &Url) -> Fields {
    let (kind, name) = if media.kind == MediaKind::Video {
        (Kind::Video, "video_url")
    } else {
        (Kind::Image, "image_url")
    };
    let mut fields = vec![("media_type", kind.word().to_owned()), (name, url.to_string())];
    let alt = media.alt.clone().filter(|alt| !alt.is_empty());
    fields.extend(alt.map(|alt| ("alt_text", alt)));
    fields
}

fn text(content: &PartContent) -> Option<(&'static str, String)> {
    (!content.text.is_empty()).then(|| ("text", content.text.clone()))
}

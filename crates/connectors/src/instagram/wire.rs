//! What Instagram is sent and what it answers (developers.facebook.com, Instagram Platform, API with Instagram Login).

use domain::content::{Media, MediaKind, PartContent, Settings};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::graph::{id, time};

/// Items of a carousel.
const CAROUSEL_MAX: usize = 10;
/// Accounts that a post may be shared with.
const COLLABORATORS_MAX: usize = 3;
/// Tags of a caption, and accounts that it names.
const HASHTAGS_MAX: usize = 30;
const MENTIONS_MAX: usize = 20;
/// How long a film may be as a story, in milliseconds, and its bytes.
const STORY_MS: std::ops::RangeInclusive<u64> = 3_000..=60_000;
const STORY_BYTES_MAX: u64 = 100 * 1_024 * 1_024;

/// How a container stands: `IN_PROGRESS`, `FINISHED`, `PUBLISHED`, `ERROR` or `EXPIRED`.
#[derive(Debug, Deserialize)]
pub(super) struct ContainerStatus {
    pub(super) status_code: String,
    #[serde(default)]
    pub(super) status: Option<String>,
}

/// What of a published medium is read.
#[derive(Debug, Deserialize)]
pub(super) struct ListedMedia {
    #[serde(deserialize_with = "id")]
    pub(super) id: String,
    #[serde(default)]
    pub(super) caption: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub(super) timestamp: Option<Timestamp>,
    #[serde(default)]
    pub(super) permalink: Option<String>,
    #[serde(default)]
    pub(super) media_product_type: Option<String>,
    #[serde(default)]
    pub(super) media_type: Option<String>,
}

/// What of a comment is read.
#[derive(Debug, Deserialize)]
pub(super) struct ListedComment {
    #[serde(deserialize_with = "id")]
    pub(super) id: String,
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) username: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub(super) timestamp: Option<Timestamp>,
}

/// The account that a token belongs to.
#[derive(Debug, Deserialize)]
pub(super) struct Me {
    #[serde(deserialize_with = "id")]
    pub(super) user_id: String,
    pub(super) username: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) profile_picture_url: Option<String>,
}

/// Where a post appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Image,
    Reel,
    Carousel,
    Story,
}

impl Kind {
    /// Whether a listed medium is of this kind. A reel's `media_type` reads `VIDEO`, so its product type decides.
    pub(super) fn is_of(self, media: &ListedMedia) -> bool {
        let is = |field: &Option<String>, word: &str| field.as_deref().is_none_or(|found| found == word);
        match self {
            Self::Image => is(&media.media_product_type, "FEED") && is(&media.media_type, "IMAGE"),
            Self::Carousel => is(&media.media_product_type, "FEED") && is(&media.media_type, "CAROUSEL_ALBUM"),
            Self::Reel => is(&media.media_product_type, "REELS"),
            Self::Story => is(&media.media_product_type, "STORY"),
        }
    }
}

/// The settings of a post that this connector understands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PostSettings {
    pub(super) story: bool,
    share_to_feed: Option<bool>,
    collaborators: Vec<String>,
}

impl PostSettings {
    /// Reads them; keys that are not known are left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for a value that Instagram does not know.
    pub(super) fn read(settings: &Settings) -> Result<Self, PlatformError> {
        let given = |name: &str| settings.get(name).filter(|value| !value.is_null());
        let story = match (given("videoType"), given("contentType")) {
            (_, Some(Value::String(word))) if word == "story" => true,
            (None | Some(Value::Null), None) => false,
            (Some(Value::String(word)), None) if word == "STORIES" => true,
            (Some(Value::String(word)), None) if word == "REELS" => false,
            _ => return Err(invalid("The Instagram setting 'videoType' must be REELS or STORIES")),
        };
        let share_to_feed = match given("shareToFeed") {
            None => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(_) => return Err(invalid("The Instagram setting 'shareToFeed' must be true or false")),
        };
        let collaborators: Vec<String> = match given("collaborators") {
            None => Vec::new(),
            Some(list) => serde_json::from_value(list.clone())
                .map_err(|_| invalid("The Instagram setting 'collaborators' must be a list of usernames"))?,
        };
        if collaborators.len() > COLLABORATORS_MAX {
            return Err(invalid("Instagram takes at most three collaborators"));
        }
        Ok(Self {
            story,
            share_to_feed,
            collaborators,
        })
    }
}

/// What kind of post this content is.
///
/// # Errors
/// [`ErrorKind::Validation`] for what Instagram does not take.
pub(super) fn kind_of(content: &PartContent, settings: &PostSettings) -> Result<Kind, PlatformError> {
    if content
        .media
        .iter()
        .any(|media| !matches!(media.kind, MediaKind::Image | MediaKind::Video))
    {
        let message = "Instagram takes images and videos only";
        return Err(PlatformError::refused(
            Platform::Instagram,
            Stage::Validate,
            ErrorKind::Validation,
            message,
        ));
    }
    match content.media.as_slice() {
        [] => Err(invalid("Instagram needs an image or a video")),
        [_] if settings.story => Ok(Kind::Story),
        [media] if media.kind == MediaKind::Video => Ok(Kind::Reel),
        [_] => Ok(Kind::Image),
        _ if settings.story => Err(invalid("A story on Instagram is one image or one video")),
        many if many.len() > CAROUSEL_MAX => Err(invalid("A carousel on Instagram has at most ten items")),
        _ => Ok(Kind::Carousel),
    }
}

/// What of a post Instagram would refuse though its capability does not say so: a story's film, and the tags and names of
/// a caption.
///
/// # Errors
/// [`ErrorKind::TooLarge`] for a film, [`ErrorKind::ContentRejected`] for a caption.
pub(super) fn check(kind: Kind, content: &PartContent) -> Result<(), PlatformError> {
    let refused = |kind, message: String| {
        Err(PlatformError::refused(
            Platform::Instagram,
            Stage::Validate,
            kind,
            message,
        ))
    };
    if kind == Kind::Story {
        let film = content.media.iter().find(|media| media.kind == MediaKind::Video);
        let is_outside = |film: &&Media| {
            film.bytes > STORY_BYTES_MAX || film.duration_ms.is_some_and(|length| !STORY_MS.contains(&length))
        };
        // The caption of a story is not sent.
        return match film.filter(is_outside) {
            None => Ok(()),
            Some(film) => refused(
                ErrorKind::TooLarge,
                format!(
                    "A video has 3 to 60 seconds and at most 100 MB as a story on Instagram; this one has {} bytes{}",
                    film.bytes,
                    film.duration_ms
                        .map(|length| format!(
                            " and {:.1} seconds",
                            std::time::Duration::from_millis(length).as_secs_f64()
                        ))
                        .unwrap_or_default(),
                ),
            ),
        };
    }
    let (tags, names) = (marked(&content.text, '#'), marked(&content.text, '@'));
    if tags > HASHTAGS_MAX || names > MENTIONS_MAX {
        let message = format!(
            "A caption on Instagram has at most {HASHTAGS_MAX} hashtags and {MENTIONS_MAX} mentions; this one has {tags} and {names}"
        );
        return refused(ErrorKind::ContentRejected, message);
    }
    Ok(())
}

/// How many words of the text begin with this mark.
fn marked(text: &str, mark: char) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins = |(at, _): &(usize, &str)| {
        let (before, after) = (
            text.get(..*at).unwrap_or_default(),
            text.get(at + 1..).unwrap_or_default(),
        );
        !before.ends_with(is_word) && after.starts_with(is_word)
    };
    text.match_indices(mark).filter(begins).count()
}

/// The fields of `POST /{user}/media`.
pub(super) type Fields = Vec<(&'static str, String)>;

/// The container of an item of a carousel.
pub(super) fn child(media: &Media, url: &Url) -> Fields {
    let mut fields = vec![("is_carousel_item", "true".to_owned())];
    if media.kind == MediaKind::Video {
        fields.push(("media_type", "VIDEO".to_owned()));
    }
    fields.extend(file(media, url));
    fields
}

/// The container of a post with one file.
pub(super) fn single(kind: Kind, content: &PartContent, media: &Media, url: &Url, settings: &PostSettings) -> Fields {
    match kind {
        // Stories have neither captions nor descriptions nor collaborators.
        Kind::Story => {
            let name = if media.kind == MediaKind::Video {
                "video_url"
            } else {
                "image_url"
            };
            vec![("media_type", "STORIES".to_owned()), (name, url.to_string())]
        }
        Kind::Reel => {
            let mut fields = vec![("media_type", "REELS".to_owned())];
            fields.extend(file(media, url));
            fields.extend(settings.share_to_feed.map(|flag| ("share_to_feed", flag.to_string())));
            fields.extend(about(content, settings));
            fields
        }
        Kind::Image | Kind::Carousel => {
            let mut fields = file(media, url);
            fields.extend(about(content, settings));
            fields
        }
    }
}

/// The container that holds the finished items of a carousel.
pub(super) fn carousel(content: &PartContent, children: &[&str], settings: &PostSettings) -> Fields {
    let mut fields = vec![("media_type", "CAROUSEL".to_owned()), ("children", children.join(","))];
    fields.extend(about(content, settings));
    fields
}

fn file(media: &Media, url: &Url) -> Fields {
    if media.kind == MediaKind::Video {
        return vec![("video_url", url.to_string())];
    }
    let mut fields = vec![("image_url", url.to_string())];
    fields.extend(
        media
            .alt
            .clone()
            .filter(|alt| !alt.is_empty())
            .map(|alt| ("alt_text", alt)),
    );
    fields
}

fn about(content: &PartContent, settings: &PostSettings) -> Fields {
    let mut fields = Fields::new();
    if !content.text.is_empty() {
        fields.push(("caption", content.text.clone()));
    }
    if !settings.collaborators.is_empty() {
        fields.push(("collaborators", json!(settings.collaborators).to_string()));
    }
    fields
}

fn invalid(message: &str) -> PlatformError {
    PlatformError::refused(Platform::Instagram, Stage::Validate, ErrorKind::Validation, message)
}

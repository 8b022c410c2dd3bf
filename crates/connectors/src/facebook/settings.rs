//! The settings that a post may carry for Facebook. `docs/platforms/facebook.md` lists them.

use domain::content::{Draft, Media, MediaKind, PartContent};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::Given;

/// Where a post appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Text, a link or pictures in the feed.
    Feed,
    /// A film in the feed.
    Film,
    /// A reel.
    Reel,
    /// A film as a story.
    FilmStory,
    /// A picture as a story.
    PhotoStory,
}

/// The form of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Flag,
    /// Several texts, joined by commas.
    Texts,
    /// An object or a list, as JSON.
    Json,
}

/// The settings that go out as a parameter of the same meaning (Graph API, nodes Page and Page Post): name, parameter,
/// form, and where it holds.
const PARAMETERS: &[(&str, &str, Form, &[Kind])] = &[
    ("link", "link", Form::Text, &[Kind::Feed]),
    ("childAttachments", "child_attachments", Form::Json, &[Kind::Feed]),
    ("multiShareEndCard", "multi_share_end_card", Form::Flag, &[Kind::Feed]),
    (
        "multiShareOptimized",
        "multi_share_optimized",
        Form::Flag,
        &[Kind::Feed],
    ),
    ("tags", "tags", Form::Texts, &[Kind::Feed]),
    ("backdatedTime", "backdated_time", Form::Text, &[Kind::Feed]),
    ("place", "place", Form::Text, &[Kind::Feed, Kind::Reel]),
    ("callToAction", "call_to_action", Form::Json, &[Kind::Feed, Kind::Film]),
    (
        "targeting",
        "targeting",
        Form::Json,
        &[Kind::Feed, Kind::Film, Kind::Reel],
    ),
    (
        "feedTargeting",
        "feed_targeting",
        Form::Json,
        &[Kind::Feed, Kind::Film, Kind::Reel],
    ),
    ("sponsorId", "sponsor_id", Form::Text, &[Kind::Feed, Kind::Film]),
    (
        "sponsorRelationship",
        "sponsor_relationship",
        Form::Text,
        &[Kind::Feed, Kind::Film],
    ),
    ("title", "title", Form::Text, &[Kind::Film, Kind::Reel]),
    ("contentCategory", "content_category", Form::Text, &[Kind::Film]),
    ("embeddable", "embeddable", Form::Flag, &[Kind::Film]),
];

/// The fields of a form.
pub(super) type Fields = Vec<(String, String)>;

/// What a post is to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wishes {
    pub(super) kind: Kind,
    pub(super) fields: Fields,
    /// The picture that stands for a film.
    pub(super) cover: Option<Media>,
}

impl Wishes {
    /// Reads the settings of a draft; keys that are not known are left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for a value that Facebook does not take, or things that cannot be in one post, and what
    /// [`check_film`] finds.
    pub(super) fn read(draft: &Draft) -> Result<Self, PlatformError> {
        let given = Given::of(draft);
        let content = &draft.content.head;
        let kind = kind_of(&given, content)?;
        let mut fields = Fields::new();
        for (name, parameter, form, kinds) in PARAMETERS {
            let Some(value) = written(&given, name, *form)? else {
                continue;
            };
            if !kinds.contains(&kind) {
                return Err(given.invalid(&format!("'{name}' does not go with this kind of post")));
            }
            fields.push(((*parameter).to_owned(), value));
        }
        let has = |name: &str| fields.iter().any(|(parameter, _)| parameter == name);
        if !content.media.is_empty() && (has("link") || has("child_attachments")) {
            return Err(invalid("A Facebook post shows pictures or a link, not both"));
        }
        if has("child_attachments") && !has("link") {
            return Err(given.invalid("'childAttachments' needs the setting 'link' too"));
        }
        let cover = given.object::<Media>("cover")?;
        if cover.is_some() && !matches!(kind, Kind::Film | Kind::Reel) {
            return Err(given.invalid("'cover' is for videos and reels"));
        }
        if let [film] = content.media.as_slice() {
            check_film(kind, film)?;
        }
        Ok(Self { kind, fields, cover })
    }
}

fn written(given: &Given, name: &str, form: Form) -> Result<Option<String>, PlatformError> {
    Ok(match form {
        Form::Text => given.text(name)?,
        Form::Flag => given.flag(name)?.map(|flag| flag.to_string()),
        Form::Texts => Some(given.texts(name)?.join(",")).filter(|joined| !joined.is_empty()),
        Form::Json => match given.value(name) {
            None => None,
            Some(value @ (Value::Object(_) | Value::Array(_))) => Some(value.to_string()),
            Some(_) => return Err(given.invalid(&format!("'{name}' is an object or a list"))),
        },
    })
}

/// The setting `contentType` (`post`, `reel`, `story`), or as on Instagram `videoType` (`REELS`, `STORIES`).
fn kind_of(given: &Given, content: &PartContent) -> Result<Kind, PlatformError> {
    let word = given.word("contentType", &["post", "reel", "story"])?;
    let word = match (word, given.word("videoType", &["REELS", "STORIES"])?.as_deref()) {
        (Some(word), _) => word,
        (None, Some("REELS")) => "reel".to_owned(),
        (None, Some(_)) => "story".to_owned(),
        (None, None) => "post".to_owned(),
    };
    let kinds: Vec<MediaKind> = content.media.iter().map(|media| media.kind).collect();
    match (word.as_str(), kinds.as_slice()) {
        (_, kinds) if kinds.contains(&MediaKind::Document) => Err(PlatformError::refused(
            Platform::Facebook,
            Stage::Validate,
            ErrorKind::Validation,
            "Facebook takes images and videos only",
        )),
        ("story", [MediaKind::Video]) => Ok(Kind::FilmStory),
        ("story", [_]) => Ok(Kind::PhotoStory),
        ("story", _) => Err(invalid("A story on Facebook is one image or one video")),
        ("reel", [MediaKind::Video]) => Ok(Kind::Reel),
        ("reel", _) => Err(invalid("A reel on Facebook is one video")),
        (_, [MediaKind::Video]) => Ok(Kind::Film),
        (_, kinds) if kinds.contains(&MediaKind::Video) => {
            Err(invalid("A Facebook post has one video, or images, not both"))
        }
        _ => Ok(Kind::Feed),
    }
}

/// What of a film Facebook would refuse as a reel or a story (developers.facebook.com, "Reels Publishing").
fn check_film(kind: Kind, film: &Media) -> Result<(), PlatformError> {
    let (shortest_ms, longest_ms) = match kind {
        Kind::Reel => (3_000, 90_000),
        Kind::FilmStory => (0, 60_000),
        Kind::Feed | Kind::Film | Kind::PhotoStory => return Ok(()),
    };
    let refused = |kind, message: &str| {
        Err(PlatformError::refused(
            Platform::Facebook,
            Stage::Validate,
            kind,
            message,
        ))
    };
    if film
        .duration_ms
        .is_some_and(|ms| !(shortest_ms..=longest_ms).contains(&ms))
    {
        let message = format!(
            "A reel on Facebook has 3 to 90 seconds, a story at most 60; this video has {}",
            film.duration_ms.unwrap_or_default() / 1_000
        );
        return refused(ErrorKind::Validation, &message);
    }
    if let (Some(width), Some(height)) = (film.width, film.height)
        && (width < 540 || height < 960)
    {
        let message =
            format!("A reel or story on Facebook has at least 540 by 960 pixels; this video has {width} by {height}");
        return refused(ErrorKind::Validation, &message);
    }
    // Half a frame of slack: 23.976 and its kin are written differently by different tools.
    if film.frame_rate.is_some_and(|rate| !(23.5..=60.5).contains(&rate)) {
        return refused(
            ErrorKind::Validation,
            "A reel or story on Facebook has 24 to 60 frames a second",
        );
    }
    Ok(())
}

fn invalid(message: &str) -> PlatformError {
    PlatformError::refused(Platform::Facebook, Stage::Validate, ErrorKind::Validation, message)
}

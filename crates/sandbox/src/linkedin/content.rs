//! What a post has besides its text: media, several images, an article, or a poll.

use serde_json::{Map, Value, json};

use super::assets::{Asset, Kind, forbidden};
use super::{LinkedIn, check_keys, invalid_value, missing_field, refusal, text_of};
use crate::answer::Answer;
use crate::exchange::Turn;
use crate::world::lock;

/// Characters of an alternative text.
const ALT_MAX: usize = 4_086;
/// Images of a post with several.
const IMAGES: std::ops::RangeInclusive<usize> = 2..=20;
/// Options of a poll.
const OPTIONS: std::ops::RangeInclusive<usize> = 2..=4;
const DURATIONS: &[&str] = &["ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS"];

/// What was found in `content`.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) media: Vec<String>,
    pub(super) alt: Vec<String>,
    pub(super) urns: Vec<String>,
    pub(super) is_video: bool,
    /// Whether an image in it fails to be processed, which hides the post.
    pub(super) invisible: bool,
}

/// Reads and checks the content of a post of `owner`.
pub(super) fn read(turn: &mut Turn<LinkedIn>, body: &Map<String, Value>, owner: &str) -> Result<Content, Answer> {
    let content = match body.get("content") {
        None | Some(Value::Null) => return Ok(Content::default()),
        Some(Value::Object(content)) => content,
        Some(other) => return Err(invalid_value("/content", other)),
    };
    check_keys(turn, content, "/content", &["media", "multiImage", "article", "poll"])?;
    let mut members = content.iter();
    let (Some((name, Value::Object(value))), None) = (members.next(), members.next()) else {
        return Err(invalid_value("/content", &Value::Object(content.clone())));
    };
    match name.as_str() {
        "media" => media(turn, value, owner),
        "multiImage" => several_images(turn, value, owner),
        "article" => article(turn, value, owner),
        _ => poll(turn, value),
    }
}

/// Runs `work` on an asset that the owner may use.
fn with_asset<T>(
    turn: &Turn<LinkedIn>,
    urn: &str,
    path: &str,
    kinds: &[Kind],
    owner: &str,
    work: impl FnOnce(&Asset) -> T,
) -> Result<T, Answer> {
    let kind = kinds
        .iter()
        .find(|kind| urn.starts_with(&format!("urn:li:{}:", kind.word())));
    let Some(kind) = kind else {
        let code = if urn.starts_with("urn:li:") {
            "INVALID_URN_TYPE"
        } else {
            "INVALID_URN_ID"
        };
        return Err(refusal(400, code, &format!("{path} :: {urn} is not allowed here")));
    };
    let code = if *kind == Kind::Video {
        "INVALID_VIDEO_ID"
    } else {
        "INVALID_URN_ID"
    };
    let assets = lock(&turn.world.linkedin.assets);
    let asset = assets
        .get(urn)
        .ok_or_else(|| refusal(400, code, &format!("{path} :: {urn} does not exist")))?;
    if asset.owner != owner {
        return Err(forbidden(*kind));
    }
    asset.check_usable(urn, turn.now)?;
    Ok(work(asset))
}

fn alt_of(value: &Map<String, Value>, path: &str) -> Result<String, Answer> {
    let alt = match value.get("altText") {
        None | Some(Value::Null) => "",
        Some(Value::String(alt)) => alt,
        Some(other) => return Err(invalid_value(&format!("{path}/altText"), other)),
    };
    if alt.chars().count() > ALT_MAX {
        return Err(too_long(&format!("{path}/altText"), ALT_MAX));
    }
    Ok(alt.to_owned())
}

/// "FIELD_LENGTH_TOO_LONG".
pub(super) fn too_long(path: &str, max: usize) -> Answer {
    let message = format!("{path} :: the field is longer than {max} characters");
    refusal(400, "FIELD_LENGTH_TOO_LONG", &message)
}

fn media(turn: &mut Turn<LinkedIn>, value: &Map<String, Value>, owner: &str) -> Result<Content, Answer> {
    let path = "/content/media";
    check_keys(turn, value, path, &["id", "title", "altText"])?;
    let urn = text_of(value, "id", path)?;
    if urn.starts_with("urn:li:document:") && text_of(value, "title", path)?.is_empty() {
        return Err(missing_field("/content/media/title"));
    }
    let alt = alt_of(value, path)?;
    let kinds = [Kind::Image, Kind::Document, Kind::Video];
    let (sha256, kind, invisible) = with_asset(turn, urn, "/content/media/id", &kinds, owner, |asset| {
        (asset.sha256(), asset.kind, asset.will_fail())
    })?;
    Ok(Content {
        media: vec![sha256],
        alt: vec![alt],
        urns: vec![urn.to_owned()],
        is_video: kind == Kind::Video,
        invisible,
    })
}

fn several_images(turn: &mut Turn<LinkedIn>, value: &Map<String, Value>, owner: &str) -> Result<Content, Answer> {
    let path = "/content/multiImage";
    check_keys(turn, value, path, &["images"])?;
    let images = value
        .get("images")
        .and_then(Value::as_array)
        .ok_or_else(|| missing_field("/content/multiImage/images"))?;
    if !IMAGES.contains(&images.len()) {
        return Err(invalid_value("/content/multiImage/images", &json!(images.len())));
    }
    let mut content = Content::default();
    for (at, image) in images.iter().enumerate() {
        let path = format!("/content/multiImage/images/{at}");
        let image = image.as_object().ok_or_else(|| invalid_value(&path, image))?;
        check_keys(turn, image, &path, &["id", "altText"])?;
        let urn = text_of(image, "id", &path)?;
        let (sha256, invisible) = with_asset(turn, urn, &path, &[Kind::Image], owner, |asset| {
            (asset.sha256(), asset.will_fail())
        })?;
        content.media.push(sha256);
        content.alt.push(alt_of(image, &path)?);
        content.urns.push(urn.to_owned());
        content.invisible |= invisible;
    }
    Ok(content)
}

fn article(turn: &mut Turn<LinkedIn>, value: &Map<String, Value>, owner: &str) -> Result<Content, Answer> {
    let path = "/content/article";
    let allowed = ["source", "title", "description", "thumbnail", "thumbnailAltText"];
    check_keys(turn, value, path, &allowed)?;
    let source = text_of(value, "source", path)?;
    let is_web = url::Url::parse(source).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_web {
        return Err(invalid_value("/content/article/source", &json!(source)));
    }
    // Nothing is read from the page, so the title must come with the request.
    if text_of(value, "title", path)?.is_empty() {
        return Err(missing_field("/content/article/title"));
    }
    match value.get("thumbnail").and_then(Value::as_str) {
        None => Ok(Content::default()),
        Some(urn) => {
            let path = "/content/article/thumbnail";
            let found = with_asset(turn, urn, path, &[Kind::Image], owner, |asset| Content {
                media: vec![asset.sha256()],
                alt: vec![String::new()],
                urns: vec![urn.to_owned()],
                ..Content::default()
            })?;
            Ok(found)
        }
    }
}

fn poll(turn: &mut Turn<LinkedIn>, value: &Map<String, Value>) -> Result<Content, Answer> {
    let path = "/content/poll";
    check_keys(turn, value, path, &["question", "options", "settings"])?;
    if text_of(value, "question", path)?.chars().count() > 140 {
        return Err(too_long("/content/poll/question", 140));
    }
    let options = value
        .get("options")
        .and_then(Value::as_array)
        .ok_or_else(|| missing_field("/content/poll/options"))?;
    if !OPTIONS.contains(&options.len()) {
        return Err(invalid_value("/content/poll/options", &json!(options.len())));
    }
    for option in options {
        let text = option.get("text").and_then(Value::as_str).unwrap_or_default();
        if text.is_empty() {
            return Err(missing_field("/content/poll/options/text"));
        }
        if text.chars().count() > 30 {
            return Err(too_long("/content/poll/options/text", 30));
        }
    }
    let duration = value.get("settings").and_then(|settings| settings.get("duration"));
    let known = duration
        .and_then(Value::as_str)
        .is_some_and(|word| DURATIONS.contains(&word));
    if !known {
        let given = duration.cloned().unwrap_or_default();
        return Err(invalid_value("/content/poll/settings/duration", &given));
    }
    Ok(Content::default())
}

//! What `app.bsky.feed.post` must look like, from the published lexicons.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::blobs::Blob;
use super::{invalid, refusal};
use crate::answer::Answer;
use crate::text::graphemes;

/// Graphemes of a text.
const TEXT_GRAPHEMES_MAX: usize = 300;
/// Bytes of a text.
const TEXT_BYTES_MAX: usize = 3_000;
/// Images of `app.bsky.embed.images`.
const IMAGES_MAX: usize = 4;
/// Items of `app.bsky.embed.gallery`.
const GALLERY_MAX: usize = 20;
/// Bytes of an image.
const IMAGE_BYTES_MAX: usize = 2_000_000;
/// Bytes of a card's thumbnail.
const THUMB_BYTES_MAX: usize = 1_000_000;
/// Bytes of a video.
const VIDEO_BYTES_MAX: usize = 300_000_000;

/// The blobs of a repository, by content id.
pub(super) type Blobs<'a> = HashMap<&'a str, &'a Blob>;

/// The media of a valid post, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Media {
    pub(super) sha256: Vec<String>,
    pub(super) alt: Vec<String>,
}

/// Whether `rkey` is a TID: 13 letters of base-32-sortable, the first of which leaves the top bit free.
pub(super) fn is_tid(rkey: &str) -> bool {
    rkey.len() == 13
        && rkey.starts_with(|first: char| matches!(first, '2'..='7' | 'a'..='j'))
        && rkey.chars().all(|letter| matches!(letter, '2'..='7' | 'a'..='z'))
}

struct Check<'a> {
    blobs: &'a Blobs<'a>,
    media: Media,
}

fn wrong(what: &str, path: &str) -> Answer {
    invalid(&format!("Invalid app.bsky.feed.post record: {what} at $.record{path}"))
}

fn text<'v>(value: &'v Value, name: &str, path: &str) -> Result<&'v str, Answer> {
    match value.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(wrong("Expected string value type", &format!("{path}.{name}"))),
        None => Err(wrong(&format!("Missing required key \"{name}\""), path)),
    }
}

fn array<'v>(value: &'v Value, name: &str, path: &str) -> Result<&'v [Value], Answer> {
    match value.get(name) {
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(wrong("Expected array value type", &format!("{path}.{name}"))),
        None => Err(wrong(&format!("Missing required key \"{name}\""), path)),
    }
}

/// An array that may be absent.
fn optional<'v>(value: &'v Value, name: &str) -> Result<&'v [Value], Answer> {
    if value.get(name).is_some() {
        array(value, name, "")
    } else {
        Ok(&[])
    }
}

fn at_most(items: &[Value], most: usize, path: &str) -> Result<(), Answer> {
    if items.len() > most {
        return Err(wrong(
            &format!("array too big (maximum {most}, got {})", items.len()),
            path,
        ));
    }
    Ok(())
}

fn graphemes_at_most(text: &str, most: usize, path: &str) -> Result<(), Answer> {
    let got = graphemes(text);
    if got > most {
        return Err(wrong(&format!("grapheme too big (maximum {most}, got {got})"), path));
    }
    Ok(())
}

fn bytes_at_most(text: &str, most: usize, path: &str) -> Result<(), Answer> {
    if text.len() > most {
        return Err(wrong(
            &format!("string too big (maximum {most}, got {})", text.len()),
            path,
        ));
    }
    Ok(())
}

/// Checks a post, and answers its media.
pub(super) fn check_post(record: &Value, blobs: &Blobs<'_>) -> Result<Media, Answer> {
    let body = text(record, "text", "")?;
    bytes_at_most(body, TEXT_BYTES_MAX, ".text")?;
    graphemes_at_most(body, TEXT_GRAPHEMES_MAX, ".text")?;
    let created = text(record, "createdAt", "")?;
    if created.parse::<Timestamp>().is_err() || !(created.ends_with('Z') || created.contains(['+', '-'])) {
        return Err(wrong(&format!("Invalid datetime (got \"{created}\")"), ".createdAt"));
    }
    at_most(optional(record, "langs")?, 3, ".langs")?;
    let tags = optional(record, "tags")?;
    at_most(tags, 8, ".tags")?;
    for (at, tag) in tags.iter().enumerate() {
        let path = format!(".tags[{at}]");
        let tag = tag.as_str().ok_or_else(|| wrong("Expected string value type", &path))?;
        bytes_at_most(tag, 640, &path)?;
        graphemes_at_most(tag, 64, &path)?;
    }
    for (at, facet) in optional(record, "facets")?.iter().enumerate() {
        check_facet(facet, body, &format!(".facets[{at}]"))?;
    }
    if let Some(reply) = record.get("reply") {
        for name in ["root", "parent"] {
            check_strong_ref(reply.get(name), &format!(".reply.{name}"))?;
        }
    }
    let mut check = Check {
        blobs,
        media: Media::default(),
    };
    if let Some(embed) = record.get("embed") {
        check.embed(embed, ".embed")?;
    }
    Ok(check.media)
}

fn check_facet(facet: &Value, body: &str, path: &str) -> Result<(), Answer> {
    let bound = |name: &str| {
        let number = facet
            .get("index")
            .and_then(|index| index.get(name))
            .and_then(Value::as_u64);
        let at = number.and_then(|number| usize::try_from(number).ok());
        at.ok_or_else(|| wrong("Expected integer value type", &format!("{path}.index.{name}")))
    };
    let (start, end) = (bound("byteStart")?, bound("byteEnd")?);
    if start >= end || !body.is_char_boundary(start) || !body.is_char_boundary(end) {
        return Err(wrong(
            &format!("facet range {start}..{end} is not in the text"),
            &format!("{path}.index"),
        ));
    }
    for feature in array(facet, "features", path)? {
        let path = format!("{path}.features");
        match text(feature, "$type", &path)? {
            "app.bsky.richtext.facet#link" => {
                let uri = text(feature, "uri", &path)?;
                if !uri.contains(':') {
                    return Err(wrong("Invalid uri", &format!("{path}.uri")));
                }
            }
            "app.bsky.richtext.facet#mention" => {
                let did = text(feature, "did", &path)?;
                did.strip_prefix("did:")
                    .ok_or_else(|| wrong("Invalid DID", &format!("{path}.did")))?;
            }
            "app.bsky.richtext.facet#tag" => {
                let tag = text(feature, "tag", &path)?;
                bytes_at_most(tag, 640, &path)?;
                graphemes_at_most(tag, 64, &path)?;
            }
            // The union is open.
            _ => {}
        }
    }
    Ok(())
}

fn check_strong_ref(target: Option<&Value>, path: &str) -> Result<(), Answer> {
    let target = target.ok_or_else(|| wrong("Missing required key", path))?;
    if !text(target, "uri", path)?.starts_with("at://") {
        return Err(wrong("Invalid AT-URI", &format!("{path}.uri")));
    }
    if !text(target, "cid", path)?.starts_with('b') {
        return Err(wrong("Invalid CID", &format!("{path}.cid")));
    }
    Ok(())
}

impl Check<'_> {
    fn embed(&mut self, embed: &Value, path: &str) -> Result<(), Answer> {
        match text(embed, "$type", path)? {
            "app.bsky.embed.images" => self.images(embed, "images", IMAGES_MAX, path),
            "app.bsky.embed.gallery" => self.images(embed, "items", GALLERY_MAX, path),
            "app.bsky.embed.external" => self.external(embed.get("external").unwrap_or(&Value::Null), path),
            "app.bsky.embed.video" => self.video(embed, path),
            "app.bsky.embed.record" => check_strong_ref(embed.get("record"), &format!("{path}.record")),
            "app.bsky.embed.recordWithMedia" => {
                let record = embed.get("record").and_then(|record| record.get("record"));
                check_strong_ref(record, &format!("{path}.record.record"))?;
                self.embed(embed.get("media").unwrap_or(&Value::Null), &format!("{path}.media"))
            }
            other => Err(wrong(&format!("unknown embed \"{other}\""), path)),
        }
    }

    fn images(&mut self, embed: &Value, name: &str, most: usize, path: &str) -> Result<(), Answer> {
        let images = array(embed, name, path)?;
        at_most(images, most, &format!("{path}.{name}"))?;
        if images.is_empty() {
            return Err(wrong("array too small (minimum 1, got 0)", &format!("{path}.{name}")));
        }
        for (at, image) in images.iter().enumerate() {
            let path = format!("{path}.{name}[{at}]");
            let alt = text(image, "alt", &path)?;
            check_ratio(image, &path)?;
            let sha256 = self.blob(image.get("image"), "image/", IMAGE_BYTES_MAX, &format!("{path}.image"))?;
            self.media.sha256.push(sha256);
            self.media.alt.push(alt.to_owned());
        }
        Ok(())
    }

    fn external(&mut self, external: &Value, path: &str) -> Result<(), Answer> {
        let path = format!("{path}.external");
        for name in ["uri", "title", "description"] {
            text(external, name, &path)?;
        }
        if let Some(thumb) = external.get("thumb") {
            self.blob(Some(thumb), "image/", THUMB_BYTES_MAX, &format!("{path}.thumb"))?;
        }
        Ok(())
    }

    fn video(&mut self, embed: &Value, path: &str) -> Result<(), Answer> {
        check_ratio(embed, path)?;
        let sha256 = self.blob(
            embed.get("video"),
            "video/mp4",
            VIDEO_BYTES_MAX,
            &format!("{path}.video"),
        )?;
        self.media.sha256.push(sha256);
        self.media
            .alt
            .push(embed.get("alt").and_then(Value::as_str).unwrap_or_default().to_owned());
        Ok(())
    }

    /// Checks a blob reference and answers the SHA-256 of what it stands for.
    fn blob(&self, blob: Option<&Value>, accept: &str, most: usize, path: &str) -> Result<String, Answer> {
        let blob = blob.ok_or_else(|| wrong("Missing required key", path))?;
        let link = blob
            .get("ref")
            .and_then(|link| link.get("$link"))
            .and_then(Value::as_str);
        let (Some("blob"), Some(link)) = (blob.get("$type").and_then(Value::as_str), link) else {
            return Err(wrong("Expected blob value type", path));
        };
        let size = blob
            .get("size")
            .and_then(Value::as_u64)
            .and_then(|size| usize::try_from(size).ok());
        let mime = text(blob, "mimeType", path)?;
        let known = self.blobs.get(link);
        let known = known.ok_or_else(|| refusal(400, "BlobNotFound", &format!("Could not find blob: {link}")))?;
        if mime != known.mime || size != Some(known.size) {
            let message = format!(
                "Referenced Mimetype or size does not match stored blob. Expected: {}",
                known.mime
            );
            return Err(refusal(400, "InvalidMimeType", &message));
        }
        if !mime.starts_with(accept) {
            let message = format!("Wrong type of file. It is {mime} but it must match {accept}*.");
            return Err(refusal(400, "InvalidMimeType", &message));
        }
        if known.size > most {
            return Err(wrong(
                &format!("blob too big (maximum {most}, got {})", known.size),
                path,
            ));
        }
        Ok(known.sha256.clone())
    }
}

fn check_ratio(value: &Value, path: &str) -> Result<(), Answer> {
    let Some(ratio) = value.get("aspectRatio") else {
        return Ok(());
    };
    for name in ["width", "height"] {
        if ratio.get(name).and_then(Value::as_u64).is_none_or(|pixels| pixels == 0) {
            return Err(wrong(
                "Expected positive integer",
                &format!("{path}.aspectRatio.{name}"),
            ));
        }
    }
    Ok(())
}

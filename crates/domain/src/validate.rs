//! Holding a draft against a platform's rules before anything is sent.

use serde_json::Value;

use crate::capability::{Capability, DocumentRule, ImageRule, TextRule, VideoRule};
use crate::content::{Draft, Media, MediaKind, PartContent};
use crate::error::{ErrorKind, Violation};
use crate::part::Part;
use crate::platform::Platform;
use crate::text::measure;

/// What the PostPost documents have a thread on Threads fail with, word for word.
const THREADS_BLOCKED: &str = "Multi-part threads (nested replies) are temporarily blocked while we wait for Meta to \
                               approve additional permissions for our app.";

/// What of the draft the platform would refuse; empty when nothing is known to be wrong.
#[must_use]
pub fn validate(draft: &Draft, capability: &Capability) -> Vec<Violation> {
    let mut found = Vec::new();
    if draft.content.auto_thread && !draft.content.replies.is_empty() && draft.platform == Platform::Threads {
        found.push(validation(THREADS_BLOCKED));
    }
    if !draft.content.replies.is_empty() && !capability.threads {
        found.push(validation(format!(
            "{} has no threads; send one post",
            capability.platform.name()
        )));
    }
    for part in draft.parts() {
        if let Some(content) = draft.part(part) {
            let shape_is_free = part == Part::Head && is_story(draft);
            validate_part(&content, capability, shape_is_free, &mut found);
        }
    }
    if capability.needs_media && draft.content.head.media.is_empty() {
        found.push(validation(format!(
            "{} needs an image or a video",
            capability.platform.name()
        )));
    }
    found
}

/// Whether the settings make a story of the post: it fills a telephone's screen, so that the shapes of the feed do not
/// hold for it.
fn is_story(draft: &Draft) -> bool {
    let settings = draft.settings();
    let says = |name: &str, word: &str| settings.get(name).and_then(Value::as_str) == Some(word);
    says("contentType", "story") || says("videoType", "STORIES")
}

fn validate_part(content: &PartContent, capability: &Capability, shape_is_free: bool, found: &mut Vec<Violation>) {
    let rule = match (&capability.caption, content.media.is_empty()) {
        (Some(caption), false) => caption,
        _ => &capability.text,
    };
    found.extend(text_violation(&content.text, rule));
    if content.text.trim().is_empty() && content.media.is_empty() {
        found.push(validation("There is neither text nor media"));
    }
    let count = |kind| content.media.iter().filter(|m| m.kind == kind).count();
    let (films, documents) = (count(MediaKind::Video), count(MediaKind::Document));
    let pictures = content.media.len() - films - documents;
    if films > 0 && pictures > 0 && !capability.mixes_media {
        found.push(validation(format!(
            "{} takes images or a video, not both",
            capability.platform.name()
        )));
    }
    if capability.documents.is_some() && documents > 0 && films + pictures > 0 {
        found.push(validation(format!(
            "{} takes a document by itself, not beside images or a video",
            capability.platform.name()
        )));
    }
    if content.media.len() > usize::from(capability.media_max) {
        found.push(too_many("files", content.media.len(), capability.media_max));
    }
    for media in &content.media {
        validate_media(media, capability, shape_is_free, found);
    }
    if let Some(rule) = &capability.images
        && pictures > usize::from(rule.count_max)
    {
        found.push(too_many("images", pictures, rule.count_max));
    }
    if let Some(rule) = &capability.video
        && films > usize::from(rule.count_max)
    {
        found.push(too_many("videos", films, rule.count_max));
    }
    if let Some(rule) = &capability.documents
        && documents > usize::from(rule.count_max)
    {
        found.push(too_many("documents", documents, rule.count_max));
    }
}

fn validate_media(media: &Media, capability: &Capability, shape_is_free: bool, found: &mut Vec<Violation>) {
    match (media.kind, &capability.images, &capability.video, &capability.documents) {
        (MediaKind::Video, _, Some(rule), _) => validate_video(media, rule, found),
        (MediaKind::Image | MediaKind::Animation, Some(rule), _, _) => {
            validate_image(media, rule, found);
            if !shape_is_free {
                found.extend(shape_violation(media, rule));
            }
        }
        (MediaKind::Document, _, _, Some(rule)) => {
            let DocumentRule { bytes_max, mimes, .. } = rule;
            check_file(media, *bytes_max, mimes, "Document", found);
        }
        (kind, _, _, _) => found.push(validation(format!(
            "{} does not take a file of kind {kind:?}",
            capability.platform.name()
        ))),
    }
}

fn text_violation(text: &str, rule: &TextRule) -> Option<Violation> {
    let units = measure(rule.unit, text);
    if units > rule.units_max as usize {
        let over = units - rule.units_max as usize;
        return Some(Violation {
            kind: ErrorKind::TextTooLong,
            message: format!(
                "The text counts {units} of at most {}; shorten it by {over}",
                rule.units_max
            ),
        });
    }
    let bytes_max = rule.bytes_max? as usize;
    (text.len() > bytes_max).then(|| Violation {
        kind: ErrorKind::TextTooLong,
        message: format!("The text has {} bytes of at most {bytes_max}", text.len()),
    })
}

fn validate_image(media: &Media, rule: &ImageRule, found: &mut Vec<Violation>) {
    check_file(media, rule.bytes_max, rule.mimes, "Image", found);
    if let (Some(alt), Some(max)) = (&media.alt, rule.alt_chars_max)
        && alt.chars().count() > max as usize
    {
        found.push(Violation {
            kind: ErrorKind::TextTooLong,
            message: format!(
                "An image description has {} of at most {max} characters",
                alt.chars().count()
            ),
        });
    }
    if let (Some(width), Some(height)) = (media.width, media.height)
        && !rule.takes_extent(width, height)
    {
        found.push(Violation {
            kind: ErrorKind::TooLarge,
            message: format!("An image of {width}x{height} has more pixels than are allowed"),
        });
    }
}

fn shape_violation(media: &Media, rule: &ImageRule) -> Option<Violation> {
    let ((low, high), width, height) = (rule.aspect?, media.width?, media.height.filter(|height| *height > 0)?);
    let aspect = f64::from(width) / f64::from(height);
    // Half a percent of slack, since platforms round to pixels.
    (aspect < low * 0.995 || aspect > high * 1.005).then(|| {
        validation(format!(
            "An image of {width}x{height} is outside the shapes allowed ({low} to {high})"
        ))
    })
}

fn validate_video(media: &Media, rule: &VideoRule, found: &mut Vec<Violation>) {
    check_file(media, rule.bytes_max, rule.mimes, "Video", found);
    if let (Some((low, high)), Some(rate)) = (rule.frame_rate, media.frame_rate) {
        // Half a frame of slack: 29.97 and its kin are written differently by different tools.
        if rate < low - 0.5 {
            found.push(validation("Video FPS is below minimum requirement"));
        } else if rate > high + 0.5 {
            found.push(validation("Video FPS is above maximum allowed"));
        }
    }
    if let Some(duration) = media.duration_ms {
        let (low, high) = rule.duration_ms;
        if duration < low {
            found.push(validation("Video is shorter than the minimum duration"));
        } else if duration > high {
            found.push(validation("Video is longer than the maximum duration"));
        }
    }
}

fn check_file(media: &Media, bytes_max: u64, mimes: &[&str], what: &str, found: &mut Vec<Violation>) {
    if media.bytes > bytes_max {
        found.push(Violation {
            kind: ErrorKind::TooLarge,
            message: format!("{what} file has {} bytes of at most {bytes_max}", media.bytes),
        });
    }
    if !mimes.contains(&media.mime.as_str()) {
        found.push(validation(format!(
            "{what} file is {}; taken are {}",
            media.mime,
            mimes.join(", ")
        )));
    }
}

fn validation(message: impl Into<String>) -> Violation {
    Violation {
        kind: ErrorKind::Validation,
        message: message.into(),
    }
}

fn too_many(what: &str, count: usize, max: u8) -> Violation {
    validation(format!("There are {count} {what} of at most {max}"))
}

#[cfg(test)]
mod tests;

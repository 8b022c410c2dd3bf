//! From a part of a draft to the one call that publishes it.

use domain::capability::Capability;
use domain::content::{Draft, Media, MediaKind, PartContent};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::intent::{Dedupe, DedupeMeans, Prepared};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use domain::text::{to_little, with_mentions};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::settings::Wishes;
use super::upload::{self, COMMENT_WAIT, Progress};
use super::{ECHO_WINDOW, author_of, is_organization};
use crate::frozen::{fingerprint, freeze};
use crate::{Preparation, SendCtx, parent_of};

const PLATFORM: Platform = Platform::LinkedIn;

/// The version of [`Frozen`].
pub(super) const VERSION: u16 = 1;

/// How far back an organization's posts and a post's comments are compared: all are, so this only has to cover an
/// intent's life.
const LOOKUP_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// The longest comment, in characters (seen).
const COMMENT_CHARS_MAX: usize = 1_250;

/// The most pixels of a picture (learn.microsoft.com, "Images API").
const PIXELS_MAX: u64 = 36_152_320;

/// Everything that the irreversible call sends, byte for byte.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Frozen {
    /// A post.
    Post { body: String },
    /// A comment on a post.
    Comment { on: String, body: String },
}

/// One step of a preparation: a file or a part of one uploaded, a look at its processing, or the body made.
pub(super) async fn prepare(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    part: Part,
    parents: &[(Part, RemotePost)],
    resume: Option<&SecretBytes>,
) -> Result<Preparation, PlatformError> {
    match part {
        Part::Head => prepare_post(ctx, draft, resume).await,
        Part::FirstComment => prepare_comment(ctx, draft, parents, resume),
        Part::Reply(_) => Err(invalid("LinkedIn has no threads")),
    }
}

async fn prepare_post(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    resume: Option<&SecretBytes>,
) -> Result<Preparation, PlatformError> {
    let author = author_of(ctx.account.remote_id);
    let content = &draft.content.head;
    let wishes = Wishes::read(draft, is_organization(&author))?;
    let thumb = wishes.card.as_ref().and_then(|card| card.thumb.as_ref());
    let files: Vec<&Media> = content.media.iter().chain(thumb).collect();
    files.iter().try_for_each(|media| check_pixels(media))?;
    let mut progress = Progress::of(Part::Head, &files, resume)?;
    if let Some(media) = files.get(progress.ready.len()) {
        let again_at = upload::advance(ctx, &author, &mut progress, media).await?;
        return Ok(Preparation::Working {
            handle: freeze(PLATFORM, Stage::Prepare, &progress)?,
            again_at,
        });
    }
    let body = body(&author, content, &wishes, &progress.ready).to_string();
    let lookup = DedupeMeans::Lookup { window: LOOKUP_WINDOW };
    let echo = Dedupe::exact(DedupeMeans::EchoOnResend { within: ECHO_WINDOW });
    let dedupe = match (is_organization(&author), progress.ready.is_empty()) {
        (true, false) => vec![Dedupe::exact(lookup)],
        (true, true) => vec![Dedupe::fuzzy(lookup)],
        (false, _) => vec![echo],
    };
    Ok(Preparation::Ready(Prepared {
        version: VERSION,
        budget: Capability::of(PLATFORM).send.for_bytes(body.len() as u64),
        bytes: freeze(PLATFORM, Stage::Prepare, &Frozen::Post { body })?,
        dedupe,
        fingerprint: fingerprint(PLATFORM, ctx.account.remote_id, None, content),
    }))
}

/// The body of `POST /rest/posts`.
fn body(author: &str, content: &PartContent, wishes: &Wishes, urns: &[String]) -> Value {
    let mut body = json!({
        "author": author,
        "commentary": to_little(&content.text),
        "visibility": wishes.visibility,
        "distribution": {
            "feedDistribution": wishes.feed_distribution,
            "targetEntities": wishes.target_entities,
            "thirdPartyDistributionChannels": [],
        },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": wishes.no_reshares,
    });
    let mut put = |key: &str, value: Value| {
        if let Some(fields) = body.as_object_mut() {
            fields.insert(key.to_owned(), value);
        }
    };
    if let Some(parent) = &wishes.repost_of {
        put("reshareContext", json!({ "parent": parent }));
    } else if let Some(poll) = &wishes.poll {
        put("content", json!({ "poll": poll }));
    } else if let Some(card) = &wishes.card {
        let mut article = json!({ "source": card.uri, "title": card.title, "description": card.description });
        if let (Some(fields), Some(urn)) = (article.as_object_mut(), urns.first()) {
            fields.insert("thumbnail".to_owned(), json!(urn));
        }
        put("content", json!({ "article": article }));
    } else if let ([media], [urn]) = (content.media.as_slice(), urns) {
        put("content", json!({ "media": attached(media, urn, wishes) }));
    } else if !urns.is_empty() {
        let images: Vec<Value> = content
            .media
            .iter()
            .zip(urns)
            .map(|(media, urn)| with_alt(json!({ "id": urn }), media))
            .collect();
        put("content", json!({ "multiImage": { "images": images } }));
    }
    body
}

fn attached(media: &Media, urn: &str, wishes: &Wishes) -> Value {
    let mut attached = with_alt(json!({ "id": urn }), media);
    let title = match (&wishes.title, media.kind) {
        (Some(title), _) => Some(title.clone()),
        // A document must have one.
        (None, MediaKind::Document) => media.name.clone().or_else(|| Some("Document".to_owned())),
        (None, _) => None,
    };
    if let (Some(fields), Some(title)) = (attached.as_object_mut(), title) {
        fields.insert("title".to_owned(), json!(title));
    }
    attached
}

fn with_alt(mut value: Value, media: &Media) -> Value {
    let alt = media.alt.as_deref().filter(|alt| !alt.is_empty());
    if let (Some(fields), Some(alt)) = (value.as_object_mut(), alt) {
        fields.insert("altText".to_owned(), json!(alt));
    }
    value
}

fn prepare_comment(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    parents: &[(Part, RemotePost)],
    resume: Option<&SecretBytes>,
) -> Result<Preparation, PlatformError> {
    let content = draft
        .part(Part::FirstComment)
        .ok_or_else(|| invalid("This post has no such part"))?;
    let head = parent_of(Platform::LinkedIn, Part::FirstComment, parents)?;
    let message = message(&content.text);
    let chars = message
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .chars()
        .count();
    if chars > COMMENT_CHARS_MAX {
        let words = format!("The comment has {chars} of at most {COMMENT_CHARS_MAX} characters");
        return Err(refused(ErrorKind::TextTooLong, &words));
    }
    // A comment on a post of the same second is refused: the post is not known everywhere yet.
    let mut progress = Progress::of(Part::FirstComment, &[], resume)?;
    if !progress.waited {
        progress.waited = true;
        return Ok(Preparation::Working {
            handle: freeze(PLATFORM, Stage::Prepare, &progress)?,
            again_at: ctx.now.saturating_add(COMMENT_WAIT).unwrap_or(Timestamp::MAX),
        });
    }
    let author = author_of(ctx.account.remote_id);
    let body = json!({ "actor": author, "object": head.id, "message": message }).to_string();
    let dedupe = if is_organization(&author) {
        Dedupe::fuzzy(DedupeMeans::Lookup { window: LOOKUP_WINDOW })
    } else {
        Dedupe::fuzzy(DedupeMeans::None)
    };
    let on = head.id.clone();
    Ok(Preparation::Ready(Prepared {
        version: VERSION,
        budget: Capability::of(PLATFORM).send.base,
        fingerprint: fingerprint(PLATFORM, ctx.account.remote_id, Some(&on), &content),
        bytes: freeze(PLATFORM, Stage::Prepare, &Frozen::Comment { on, body })?,
        dedupe: vec![dedupe],
    }))
}

/// The message of a comment: its text is plain, and attributes say whose the names in it are (learn.microsoft.com,
/// "Comments API" and "UGC Post API", mentions).
pub(super) fn message(text: &str) -> Value {
    let (text, mentions) = with_mentions(text);
    if mentions.is_empty() {
        return json!({ "text": text });
    }
    let attributes: Vec<Value> = mentions
        .into_iter()
        .map(|mention| {
            let value = if is_organization(&mention.urn) {
                json!({ "com.linkedin.common.CompanyAttributedEntity": { "company": mention.urn } })
            } else {
                json!({ "com.linkedin.common.MemberAttributedEntity": { "member": mention.urn } })
            };
            json!({ "start": mention.start, "length": mention.length, "value": value })
        })
        .collect();
    json!({ "attributes": attributes, "text": text })
}

fn check_pixels(media: &Media) -> Result<(), PlatformError> {
    let (Some(width), Some(height)) = (media.width, media.height) else {
        return Ok(());
    };
    let pixels = u64::from(width) * u64::from(height);
    let is_picture = matches!(media.kind, MediaKind::Image | MediaKind::Animation);
    if is_picture && pixels >= PIXELS_MAX {
        let message = format!("An image has {pixels} pixels; LinkedIn takes fewer than {PIXELS_MAX}");
        return Err(refused(ErrorKind::TooLarge, &message));
    }
    Ok(())
}

fn invalid(message: &str) -> PlatformError {
    refused(ErrorKind::Validation, message)
}

fn refused(kind: ErrorKind, message: &str) -> PlatformError {
    PlatformError::refused(PLATFORM, Stage::Validate, kind, message)
}

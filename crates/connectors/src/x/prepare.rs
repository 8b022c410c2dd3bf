//! From a part of a draft to the one call that publishes it.

use domain::capability::Capability;
use domain::content::{Draft, Media, MediaKind, PartContent};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::intent::{Dedupe, DedupeMeans, Prepared};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::compare::comparable;
use super::upload::{self, Progress};
use super::wire::{AttachedMedia, CreatePost, ReplyTo};
use crate::frozen::{fingerprint, freeze};
use crate::settings::Given;
use crate::{Preparation, SendCtx, parent_of};

/// The version of [`Frozen`].
pub(super) const VERSION: u16 = 1;

/// How far back a post is looked for. A timeline reaches further; a list that does not end is never taken for whole.
const LOOKUP_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Who may reply, where it is not everyone (docs.x.com, "Create Post").
const REPLY_SETTINGS: &[&str] = &["following", "mentionedUsers", "subscribers", "verified"];

/// What `send` sends: the body as it goes out, byte for byte.
#[derive(Serialize, Deserialize)]
pub(super) struct Frozen {
    pub(super) body: String,
}

impl Frozen {
    /// What the body says.
    pub(super) fn post(&self) -> Option<CreatePost> {
        serde_json::from_str(&self.body).ok()
    }
}

/// One step of a preparation: a file, or some pieces of it, uploaded; a look at its processing; or the body made.
pub(super) async fn prepare(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    part: Part,
    parents: &[(Part, RemotePost)],
    resume: Option<&SecretBytes>,
) -> Result<Preparation, PlatformError> {
    let content = draft.part(part).ok_or_else(|| invalid("This post has no such part"))?;
    check_files(&content)?;
    let mut progress = Progress::of(part, &content.media, resume)?;
    let post = CreatePost {
        text: content.text.clone(),
        media: None,
        reply: reply(draft, part, parents)?,
        quote_tweet_id: quoted(draft, part, &content)?,
        reply_settings: if part == Part::Head {
            reply_settings(draft)?
        } else {
            None
        },
        made_with_ai: flag(draft, "madeWithAi")?.filter(|_| !content.media.is_empty()),
        paid_partnership: flag(draft, "paidPartnership")?.filter(|_| part == Part::Head),
    };
    if let Some(media) = content.media.get(progress.ready.len()) {
        let again_at = upload::advance(ctx, &mut progress, media).await?;
        return Ok(Preparation::Working {
            handle: freeze(Platform::X, Stage::Prepare, &progress)?,
            again_at,
        });
    }
    let media = (!progress.ready.is_empty()).then_some(AttachedMedia {
        media_ids: progress.ready,
    });
    finish(ctx, &content, &CreatePost { media, ..post }).map(Preparation::Ready)
}

fn finish(ctx: &SendCtx<'_>, content: &PartContent, post: &CreatePost) -> Result<Prepared, PlatformError> {
    let lookup = DedupeMeans::Lookup { window: LOOKUP_WINDOW };
    let dedupe = if post.media.is_some() {
        Dedupe::exact(lookup)
    } else {
        Dedupe::fuzzy(lookup)
    };
    let body = serde_json::to_string(post).map_err(|_| invalid("This post cannot be written as a request"))?;
    let shown = PartContent {
        text: comparable(&content.text),
        media: content.media.clone(),
    };
    // A quote is told apart by what it quotes, as a reply is by what it answers.
    let reply = post.reply.as_ref().map(|reply| reply.in_reply_to_tweet_id.as_str());
    let quote = post.quote_tweet_id.as_deref().map(|id| format!("quote {id}"));
    let parent = match (reply, quote) {
        (Some(reply), Some(quote)) => Some(format!("{reply} {quote}")),
        (reply, quote) => reply.map(str::to_owned).or(quote),
    };
    Ok(Prepared {
        version: VERSION,
        budget: Capability::of(Platform::X).send.for_bytes(body.len() as u64),
        bytes: freeze(Platform::X, Stage::Prepare, &Frozen { body })?,
        dedupe: vec![dedupe],
        fingerprint: fingerprint(Platform::X, ctx.account.remote_id, parent.as_deref(), &shown),
    })
}

/// What a part answers: each reply of a thread answers the one before it, the first comment the head, and the head what
/// the setting `replyTo` names.
fn reply(draft: &Draft, part: Part, parents: &[(Part, RemotePost)]) -> Result<Option<ReplyTo>, PlatformError> {
    let in_reply_to_tweet_id = match part {
        Part::Head => match named_post(draft, "replyTo")? {
            Some(named) => named,
            None => return Ok(None),
        },
        Part::Reply(_) | Part::FirstComment => parent_of(Platform::X, part, parents)?.id.clone(),
    };
    Ok(Some(ReplyTo { in_reply_to_tweet_id }))
}

/// What the head quotes: the post that the setting `quoteTweet` names. X takes no files beside it.
fn quoted(draft: &Draft, part: Part, content: &PartContent) -> Result<Option<String>, PlatformError> {
    let named = match part {
        Part::Head => named_post(draft, "quoteTweet")?,
        Part::Reply(_) | Part::FirstComment => None,
    };
    if named.is_some() && !content.media.is_empty() {
        return Err(invalid("An X post that quotes another has no images and no video"));
    }
    Ok(named)
}

/// The id of the post that a setting names, by that id or by its address.
fn named_post(draft: &Draft, name: &str) -> Result<Option<String>, PlatformError> {
    let given = Given::of(draft);
    let Some(text) = given.text(name)? else { return Ok(None) };
    match post_id(text.trim()) {
        Some(id) => Ok(Some(id.to_owned())),
        None => Err(given.invalid(&format!("'{name}' is the address or the id of a post"))),
    }
}

/// `https://x.com/NAME/status/ID`, as X and its former name write it, or `ID` alone.
fn post_id(text: &str) -> Option<&str> {
    let is_id = |id: &&str| (1..=19).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
    let Some(address) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return Some(text).filter(is_id);
    };
    let (host, path) = address.split_once('/')?;
    let host = host.trim_start_matches("www.").trim_start_matches("mobile.");
    if host != "x.com" && host != "twitter.com" {
        return None;
    }
    let path = path.split(['?', '#']).next()?;
    let (_, id) = path.split_once("status/").or_else(|| path.split_once("statuses/"))?;
    id.split('/').next().filter(is_id)
}

/// The setting `replyControl`; `replySettings` is the same under X's own name. Everyone is said by leaving it out.
fn reply_settings(draft: &Draft) -> Result<Option<String>, PlatformError> {
    let settings = draft.settings();
    match settings.get("replyControl").or_else(|| settings.get("replySettings")) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word.is_empty() || word == "everyone" => Ok(None),
        Some(Value::String(word)) if REPLY_SETTINGS.contains(&word.as_str()) => Ok(Some(word.clone())),
        Some(_) => {
            let words = REPLY_SETTINGS.join(", ");
            Err(invalid(&format!(
                "The X setting 'replyControl' is one of: everyone, {words}"
            )))
        }
    }
}

fn flag(draft: &Draft, name: &str) -> Result<Option<bool>, PlatformError> {
    match draft.settings().get(name) {
        None | Some(Value::Null) => Ok(None),
        // False is what X assumes anyway, and older versions of its API do not know the key.
        Some(Value::Bool(on)) => Ok(on.then_some(true)),
        Some(_) => Err(invalid(&format!("The X setting '{name}' is true or false"))),
    }
}

/// What of the files X would refuse, found before the first one is uploaded.
fn check_files(content: &PartContent) -> Result<(), PlatformError> {
    let capability = Capability::of(Platform::X);
    let is_alone = |media: &Media| matches!(media.kind, MediaKind::Video | MediaKind::Animation);
    if content.media.len() > usize::from(capability.media_max)
        || (content.media.len() > 1 && content.media.iter().any(is_alone))
    {
        return Err(invalid("An X post has up to 4 images, or one video, or one animation"));
    }
    for media in &content.media {
        let bytes_max = match media.kind {
            MediaKind::Image | MediaKind::Animation => capability.images.as_ref().map(|rule| rule.bytes_max),
            MediaKind::Video => capability.video.as_ref().map(|rule| rule.bytes_max),
            MediaKind::Document => None,
        };
        let Some(max) = bytes_max else {
            return Err(refused(
                ErrorKind::Validation,
                "X takes images, animations and videos only",
            ));
        };
        if media.bytes > max {
            let message = format!("A file has {} bytes; X takes at most {max} of its kind", media.bytes);
            return Err(refused(ErrorKind::TooLarge, &message));
        }
    }
    Ok(())
}

fn invalid(message: &str) -> PlatformError {
    refused(ErrorKind::Validation, message)
}

fn refused(kind: ErrorKind, message: &str) -> PlatformError {
    PlatformError::refused(Platform::X, Stage::Validate, kind, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_named_by_its_id_or_by_its_address() {
        for (named, id) in [
            ("1790000000000000001", Some("1790000000000000001")),
            ("https://x.com/ann/status/42", Some("42")),
            ("https://twitter.com/ann/status/42?s=20", Some("42")),
            ("https://mobile.twitter.com/ann/statuses/42/photo/1", Some("42")),
            ("http://www.x.com/i/web/status/42#m", Some("42")),
            ("", None),
            ("17900000000000000012", None),
            ("42a", None),
            ("https://x.com/ann/status/", None),
            ("https://x.com/ann", None),
            ("https://x.com", None),
            ("https://example.com/ann/status/42", None),
            ("https://notx.com/ann/status/42", None),
            ("x.com/ann/status/42", None),
        ] {
            assert_eq!(post_id(named), id, "{named}");
        }
    }
}

//! From a part of a draft to the one call that makes it visible.

use domain::capability::Capability;
use domain::content::{Draft, Media, PartContent};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::intent::{Dedupe, DedupeMeans, IntentState, Prepared};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::SignedDuration;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::Api;
use super::settings::{Fields, Kind, Wishes};
use super::upload::{self, Film};
use crate::frozen::{fingerprint, freeze, hashes, progress, thaw};
use crate::graph::Created;
use crate::{Preparation, SendCtx, parent_of};

const PLATFORM: Platform = Platform::Facebook;

/// The version of [`Frozen`].
pub(super) const VERSION: u16 = 1;

/// How far back lists are compared: all of them are, so this only has to cover an intent's life.
const LOOKUP_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Everything that the irreversible call sends, and what the post is recognised by.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Frozen {
    /// Show a post that was made invisibly.
    Show { post: String },
    /// Show a film of the feed that was made invisibly.
    ShowFilm { film: String },
    /// Publish a reel or a story that went up.
    Finish { kind: Kind, film: String, fields: Fields },
    /// Publish a picture as a story.
    PhotoStory { photo: String },
    /// Make a post visible at once: the way for Pages that do not let invisible ones be shown.
    Post {
        fields: Fields,
        text: String,
        photos: Vec<String>,
    },
    /// Comment on a post.
    Comment { on: String, text: String },
}

/// How far the invisible things of a post are. It is kept between steps, so that nothing goes up twice after a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// The hashes of the files: what was uploaded for others must not be attached here.
    files: Vec<String>,
    photos: Vec<String>,
    film: Option<Film>,
    post: Option<String>,
    restarts: u8,
    /// Whether the post is to be made visible at once.
    at_once: bool,
}

impl Progress {
    /// What is done already for these files.
    fn of(ctx: &SendCtx<'_>, media: &[Media], resume: Option<&SecretBytes>) -> Result<Self, PlatformError> {
        let files = hashes(media);
        let done = progress(PLATFORM, resume, |done: &Self| done.files == files)?;
        Ok(done.unwrap_or_else(|| Self {
            files,
            at_once: showing_was_refused(ctx),
            ..Self::default()
        }))
    }
}

/// Whether the last send of this part tried to show an invisible post and was refused for good: only then is everything
/// prepared anew, for nothing else that was prepared is thrown away.
fn showing_was_refused(ctx: &SendCtx<'_>) -> bool {
    let last = ctx.prior.last();
    last.is_some_and(|intent| {
        intent.state == IntentState::NotPublished
            && intent.prepared.version == VERSION
            && matches!(
                thaw(PLATFORM, Stage::Prepare, &intent.prepared.bytes),
                Ok(Frozen::Show { .. })
            )
    })
}

/// One step of a preparation: a file or a piece of one uploaded, a look at its processing, or the invisible post made.
pub(super) async fn prepare(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    part: Part,
    parents: &[(Part, RemotePost)],
    resume: Option<&SecretBytes>,
) -> Result<Preparation, PlatformError> {
    match part {
        Part::Head => prepare_post(ctx, draft, resume).await,
        Part::FirstComment => prepare_comment(ctx, draft, parents).map(Preparation::Ready),
        Part::Reply(_) => Err(invalid("Facebook has no threads")),
    }
}

async fn prepare_post(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    resume: Option<&SecretBytes>,
) -> Result<Preparation, PlatformError> {
    let content = &draft.content.head;
    let wishes = Wishes::read(draft)?;
    let mut progress = Progress::of(ctx, &content.media, resume)?;
    let again_at = match (wishes.kind, content.media.get(progress.photos.len())) {
        (Kind::Film | Kind::Reel | Kind::FilmStory, _) => {
            let Some(media) = content.media.first() else {
                return Err(invalid("There is no video"));
            };
            match progress.film.as_ref().filter(|film| film.is_ready()) {
                Some(film) => return ready_film(ctx, &wishes, content, &film.id).map(Preparation::Ready),
                None => {
                    let Progress { film, restarts, .. } = &mut progress;
                    upload::advance(ctx, &wishes, &content.text, media, film, restarts).await?
                }
            }
        }
        (_, Some(media)) => {
            progress.photos.push(upload::photo(ctx, media).await?);
            ctx.now
        }
        (Kind::PhotoStory, None) => return ready_photo_story(ctx, content, &progress.photos).map(Preparation::Ready),
        (Kind::Feed, None) => match &progress.post {
            _ if progress.at_once => return ready_at_once(ctx, &wishes, content, &progress).map(Preparation::Ready),
            Some(post) => {
                let frozen = Frozen::Show { post: post.clone() };
                return ready(ctx, content, &frozen, Dedupe::exact(DedupeMeans::TwoPhase)).map(Preparation::Ready);
            }
            None => {
                progress.post = Some(make_invisible(ctx, &wishes, content, &progress.photos).await?);
                ctx.now
            }
        },
    };
    Ok(Preparation::Working {
        handle: freeze(PLATFORM, Stage::Prepare, &progress)?,
        again_at,
    })
}

/// The fields of `POST /{page}/feed`.
fn feed_fields(wishes: &Wishes, text: &str, photos: &[String]) -> Fields {
    let mut fields = Fields::new();
    if !text.is_empty() {
        fields.push(("message".to_owned(), text.to_owned()));
    }
    for (n, photo) in photos.iter().enumerate() {
        let attached = json!({ "media_fbid": photo }).to_string();
        fields.push((format!("attached_media[{n}]"), attached));
    }
    fields.extend(wishes.fields.iter().cloned());
    fields
}

/// A post that nobody sees until it is shown. When its answer is lost it is made again; the first one stays invisible.
async fn make_invisible(
    ctx: &SendCtx<'_>,
    wishes: &Wishes,
    content: &PartContent,
    photos: &[String],
) -> Result<String, PlatformError> {
    let mut fields = feed_fields(wishes, &content.text, photos);
    fields.push(("published".to_owned(), "false".to_owned()));
    let api = Api::of(ctx);
    let request = api
        .call(Method::POST, &format!("{}/feed", ctx.account.remote_id))
        .form(&fields);
    let created: Created = api.read(request, Stage::Prepare).await?;
    Ok(created.id)
}

fn ready(ctx: &SendCtx<'_>, content: &PartContent, frozen: &Frozen, dedupe: Dedupe) -> Result<Prepared, PlatformError> {
    Ok(Prepared {
        version: VERSION,
        bytes: freeze(PLATFORM, Stage::Prepare, frozen)?,
        dedupe: vec![dedupe],
        fingerprint: fingerprint(PLATFORM, ctx.account.remote_id, None, content),
        budget: Capability::of(PLATFORM).send.base,
    })
}

fn ready_film(
    ctx: &SendCtx<'_>,
    wishes: &Wishes,
    content: &PartContent,
    film: &str,
) -> Result<Prepared, PlatformError> {
    let film = film.to_owned();
    let frozen = if wishes.kind == Kind::Film {
        Frozen::ShowFilm { film }
    } else {
        let mut fields = wishes.fields.clone();
        // Stories show no text.
        if wishes.kind == Kind::Reel && !content.text.is_empty() {
            fields.push(("description".to_owned(), content.text.clone()));
        }
        Frozen::Finish {
            kind: wishes.kind,
            film,
            fields,
        }
    };
    ready(ctx, content, &frozen, Dedupe::exact(DedupeMeans::TwoPhase))
}

fn ready_photo_story(ctx: &SendCtx<'_>, content: &PartContent, photos: &[String]) -> Result<Prepared, PlatformError> {
    let photo = photos.first().cloned();
    let photo = photo.ok_or_else(|| invalid("A story on Facebook is one image or one video"))?;
    let means = DedupeMeans::Lookup { window: LOOKUP_WINDOW };
    ready(ctx, content, &Frozen::PhotoStory { photo }, Dedupe::exact(means))
}

fn ready_at_once(
    ctx: &SendCtx<'_>,
    wishes: &Wishes,
    content: &PartContent,
    progress: &Progress,
) -> Result<Prepared, PlatformError> {
    let means = DedupeMeans::Lookup { window: LOOKUP_WINDOW };
    // Pictures go up for one post only, so theirs is ours.
    let dedupe = if progress.photos.is_empty() {
        Dedupe::fuzzy(means)
    } else {
        Dedupe::exact(means)
    };
    let frozen = Frozen::Post {
        fields: feed_fields(wishes, &content.text, &progress.photos),
        text: content.text.clone(),
        photos: progress.photos.clone(),
    };
    ready(ctx, content, &frozen, dedupe)
}

fn prepare_comment(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    parents: &[(Part, RemotePost)],
) -> Result<Prepared, PlatformError> {
    let content = draft
        .part(Part::FirstComment)
        .ok_or_else(|| invalid("This post has no such part"))?;
    if matches!(Wishes::read(draft)?.kind, Kind::PhotoStory | Kind::FilmStory) {
        return Err(invalid("A story on Facebook has no comments"));
    }
    let head = parent_of(PLATFORM, Part::FirstComment, parents)?;
    let frozen = Frozen::Comment {
        on: head.id.clone(),
        text: content.text.clone(),
    };
    Ok(Prepared {
        version: VERSION,
        bytes: freeze(PLATFORM, Stage::Prepare, &frozen)?,
        dedupe: vec![Dedupe::fuzzy(DedupeMeans::Lookup { window: LOOKUP_WINDOW })],
        fingerprint: fingerprint(PLATFORM, ctx.account.remote_id, Some(&head.id), &content),
        budget: Capability::of(PLATFORM).send.base,
    })
}

fn invalid(message: &str) -> PlatformError {
    PlatformError::refused(PLATFORM, Stage::Validate, ErrorKind::Validation, message)
}

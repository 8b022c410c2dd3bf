//! Containers: made, waited for, and kept until the one call that publishes them.

use domain::capability::Capability;
use domain::content::{Draft, PartContent};
use domain::error::{ErrorKind, Fate, PlatformError, Stage};
use domain::intent::{Dedupe, DedupeMeans, Prepared};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::wire::{self, Fields, Kind};
use super::{call, error, read, status_of};
use crate::files;
use crate::frozen::{fingerprint, freeze, progress};
use crate::graph::{Container, Created};
use crate::http::READ_BUDGET;
use crate::{Preparation, SendCtx, parent_of};

const PLATFORM: Platform = Platform::Threads;

/// The version of [`Frozen`].
pub(super) const VERSION: u16 = 1;

/// What the irreversible call publishes, and what the post is recognised by.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Frozen {
    pub(super) container: String,
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) reply_to: Option<String>,
}

/// How far the containers of a part got.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Containers {
    /// Which part this is about: another's containers must not be published for it.
    part: u16,
    children: Vec<Container>,
    post: Option<Container>,
}

impl Containers {
    fn of(part: Part, resume: Option<&SecretBytes>) -> Result<Self, PlatformError> {
        let part = part.number();
        let done = progress(PLATFORM, resume, |done: &Self| done.part == part)?;
        Ok(done.unwrap_or_else(|| Self {
            part,
            ..Self::default()
        }))
    }
}

/// One step of a preparation: a container made, or looked at.
pub(super) async fn prepare(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    part: Part,
    parents: &[(Part, RemotePost)],
    resume: Option<&SecretBytes>,
) -> Result<Preparation, PlatformError> {
    let content = draft.part(part).ok_or_else(|| invalid("This post has no such part"))?;
    let kind = Kind::of(&content)?;
    let settings = wire::settings(draft, part, kind)?;
    let reply_to = reply_to(part, parents)?;
    let mut containers = Containers::of(part, resume)?;
    let items = if kind == Kind::Carousel {
        content.media.as_slice()
    } else {
        &[]
    };
    let again_at = if let Some(media) = items.get(containers.children.len()) {
        let child = create(ctx, &wire::child(media, &files::public_url(ctx, PLATFORM, media)?)).await?;
        containers.children.push(child);
        ctx.now
    } else if let Some(child) = containers.children.iter_mut().find(|child| !child.finished) {
        poll(ctx, child).await?;
        child.look_at(ctx.now)
    } else {
        match &mut containers.post {
            None => {
                let mut fields = post_fields(ctx, kind, &content, &containers.children)?;
                fields.extend(settings);
                fields.extend(reply_to.clone().map(|parent| ("reply_to_id", parent)));
                // Its first look is at once: texts are finished then, and only what was read as finished is published.
                containers.post = Some(create(ctx, &fields).await?);
                ctx.now
            }
            Some(post) if !post.finished => {
                poll(ctx, post).await?;
                post.look_at(ctx.now)
            }
            Some(post) => {
                // A send that was refused may have been told of a container that has ended meanwhile.
                if !ctx.prior.is_empty() {
                    poll(ctx, post).await?;
                }
                return ready(ctx, kind, &content, post, reply_to).map(Preparation::Ready);
            }
        }
    };
    Ok(Preparation::Working {
        handle: freeze(PLATFORM, Stage::Prepare, &containers)?,
        again_at,
    })
}

/// What a part answers: each reply of a thread the one before it, the first comment the head.
fn reply_to(part: Part, parents: &[(Part, RemotePost)]) -> Result<Option<String>, PlatformError> {
    if part == Part::Head {
        return Ok(None);
    }
    let parent = parent_of(PLATFORM, part, parents)?;
    Ok(Some(parent.id.clone()))
}

fn post_fields(
    ctx: &SendCtx<'_>,
    kind: Kind,
    content: &PartContent,
    children: &[Container],
) -> Result<Fields, PlatformError> {
    match content.media.first() {
        Some(_) if kind == Kind::Carousel => {
            let ids: Vec<&str> = children.iter().map(|child| child.id.as_str()).collect();
            Ok(wire::carousel(content, &ids))
        }
        Some(media) => {
            let url = files::public_url(ctx, PLATFORM, media)?;
            Ok(wire::single(content, Some((media, &url))))
        }
        None => Ok(wire::single(content, None)),
    }
}

async fn create(ctx: &SendCtx<'_>, fields: &Fields) -> Result<Container, PlatformError> {
    let request = call(ctx, Method::POST, &format!("{}/threads", ctx.account.remote_id)).form(fields);
    let created: Created = read(ctx.http, request, READ_BUDGET, Stage::Prepare).await?.1;
    Ok(created.into())
}

async fn poll(ctx: &SendCtx<'_>, container: &mut Container) -> Result<(), PlatformError> {
    let (answer, status) = status_of(ctx, &container.id, Stage::Prepare).await?;
    match status.status.as_str() {
        "FINISHED" => container.finished = true,
        "IN_PROGRESS" => container.polls += 1,
        // Publishing it again is not defined, and not wanted.
        "PUBLISHED" => {
            let message = "What was prepared for this post has been published already";
            let error = PlatformError::refused(PLATFORM, Stage::Prepare, ErrorKind::DuplicateContent, message);
            return Err(error.with_fate(Fate::LandedEarlier { remote: None }));
        }
        _ => return Err(error::failed_container(&answer, &status)),
    }
    Ok(())
}

fn ready(
    ctx: &SendCtx<'_>,
    kind: Kind,
    content: &PartContent,
    post: &Container,
    reply_to: Option<String>,
) -> Result<Prepared, PlatformError> {
    let frozen = Frozen {
        container: post.id.clone(),
        kind,
        text: content.text.clone(),
        reply_to,
    };
    Ok(Prepared {
        version: VERSION,
        bytes: freeze(PLATFORM, Stage::Prepare, &frozen)?,
        dedupe: vec![Dedupe::exact(DedupeMeans::TwoPhase)],
        fingerprint: fingerprint(PLATFORM, ctx.account.remote_id, frozen.reply_to.as_deref(), content),
        budget: Capability::of(PLATFORM).send.base,
    })
}

fn invalid(message: &str) -> PlatformError {
    PlatformError::refused(PLATFORM, Stage::Prepare, ErrorKind::Invalid, message)
}

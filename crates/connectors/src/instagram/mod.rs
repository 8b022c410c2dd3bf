//! Instagram professional accounts, by the API with Instagram Login (developers.facebook.com, Instagram Platform).
//!
//! What must stay true: a container is published at most once, and after an unknown outcome the container itself says
//! whether it was. It is in the prepared bytes, and never replaced while its fate is open.

mod error;
mod find;
pub mod signin;
#[cfg(test)]
mod tests;
mod wire;

use domain::capability::Capability;
use domain::clock::BoxFut;
use domain::content::{Draft, PartContent};
use domain::error::{ErrorKind, Fate, PlatformError, Stage};
use domain::intent::{Armed, Dedupe, DedupeMeans, Prepared};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::wire::{ContainerStatus, Fields, Kind, ListedMedia, PostSettings};
use crate::files;
use crate::frozen::{fingerprint, freeze, thaw};
use crate::graph::{self, Container, Created, limits};
use crate::http::{Answer, Http, READ_BUDGET};
use crate::quota::{Hint, Seen};
use crate::{Connector, Endpoints, Finding, Preparation, Probe, SendCtx, Sent, parent_of};

const PLATFORM: Platform = Platform::Instagram;

/// The version of [`Frozen`].
const PREPARED_VERSION: u16 = 1;

/// Where the API is.
const BASE: &str = "https://graph.instagram.com";

/// The version of the API that this connector was written for, unless the operator's address names another.
const VERSION: &str = "v23.0";

/// How long the address of a post that was just published may take to read.
const PERMALINK_BUDGET: SignedDuration = SignedDuration::from_secs(10);

/// How far back the comments of a post are compared: all are, so this only has to cover an intent's life.
const COMMENT_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// The connector.
#[derive(Debug, Clone, Copy, Default)]
pub struct Instagram;

/// Everything that the irreversible call sends, and what the post is recognised by.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Frozen {
    /// Publish a container.
    Publish {
        container: String,
        kind: Kind,
        caption: String,
    },
    /// Comment on a post.
    Comment { media: String, message: String },
}

/// How far the containers got.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Containers {
    children: Vec<Container>,
    post: Option<Container>,
}

impl Connector for Instagram {
    fn platform(&self) -> Platform {
        PLATFORM
    }

    fn prepare<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        draft: &'a Draft,
        part: Part,
        parents: &'a [(Part, RemotePost)],
        resume: Option<&'a SecretBytes>,
    ) -> BoxFut<'a, Result<Preparation, PlatformError>> {
        Box::pin(async move {
            match part {
                Part::Head => prepare_post(ctx, draft, resume).await,
                Part::FirstComment => prepare_comment(ctx, draft, parents).map(Preparation::Ready),
                Part::Reply(_) => Err(fail(Stage::Prepare, ErrorKind::Invalid, "Instagram has no threads")),
            }
        })
    }

    fn send<'a>(&'a self, ctx: &'a SendCtx<'a>, armed: &'a Armed) -> BoxFut<'a, Result<Sent, PlatformError>> {
        Box::pin(send(ctx, armed))
    }

    fn check<'a>(&'a self, ctx: &'a SendCtx<'a>, probe: Probe<'a>) -> BoxFut<'a, Result<Finding, PlatformError>> {
        Box::pin(find::check(ctx, probe))
    }

    fn error_rows(&self) -> Vec<crate::rules::Row> {
        error::ROWS.to_vec()
    }

    fn hints(&self, seen: &Seen, now: Timestamp) -> Vec<Hint> {
        limits::hints(seen, now)
    }

    fn tells_limits(&self) -> bool {
        true
    }

    fn ask_limits<'a>(&'a self, ctx: &'a SendCtx<'a>) -> BoxFut<'a, Result<Vec<Hint>, PlatformError>> {
        Box::pin(async move {
            let path = format!("{}/content_publishing_limit", ctx.account.remote_id);
            let request = call(ctx, Method::GET, &path).query(&[("fields", "quota_usage,config")]);
            let (_, body): (_, Value) = read(ctx.http, request, READ_BUDGET, Stage::Check).await?;
            Ok(limits::publishing_limit(&body, "", "posts", ctx.now)
                .into_iter()
                .collect())
        })
    }

    /// Code 4 is the app's, the others are the account's (Graph API, "Rate limits").
    fn is_about_app(&self, error: &PlatformError) -> bool {
        error.code.as_deref() == Some("4")
    }

    fn reads_prepared(&self, version: u16) -> bool {
        version == PREPARED_VERSION
    }
}

fn fail(stage: Stage, kind: ErrorKind, message: &str) -> PlatformError {
    PlatformError::refused(PLATFORM, stage, kind, message)
}

/// Makes a repeatable call and reads its answer.
async fn read<T: DeserializeOwned>(
    http: &Http,
    request: RequestBuilder,
    budget: SignedDuration,
    stage: Stage,
) -> Result<(Answer, T), PlatformError> {
    let answer = http
        .read(request, budget)
        .await
        .map_err(|failure| failure.into_error(PLATFORM, stage))?;
    match serde_json::from_slice(&answer.body) {
        Ok(value) if answer.is_success() => Ok((answer, value)),
        _ => Err(error::refusal(stage, &answer)),
    }
}

/// The address of the API, and the same with its version.
fn bases(endpoints: &Endpoints) -> (String, String) {
    graph::bases(endpoints, PLATFORM, BASE, VERSION)
}

fn url(ctx: &SendCtx<'_>, path: &str) -> String {
    format!("{}/{path}", bases(ctx.endpoints).1)
}

/// A repeatable call; the token is in the header, never in the address.
fn call(ctx: &SendCtx<'_>, method: Method, path: &str) -> RequestBuilder {
    ctx.http
        .reading(method, &url(ctx, path))
        .bearer_auth(ctx.tokens.access.expose())
}

async fn prepare_post(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    resume: Option<&SecretBytes>,
) -> Result<Preparation, PlatformError> {
    let content = &draft.content.head;
    let settings = PostSettings::read(&draft.settings())?;
    let kind = wire::kind_of(content, &settings)?;
    wire::check(kind, content)?;
    let mut containers: Containers = match resume {
        Some(handle) => thaw(PLATFORM, Stage::Prepare, handle)?,
        None => Containers::default(),
    };
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
                let post = create(ctx, &post_fields(ctx, kind, content, &settings, &containers.children)?).await?;
                let again_at = post.look_at(ctx.now);
                containers.post = Some(post);
                again_at
            }
            Some(post) if !post.finished => {
                poll(ctx, post).await?;
                post.look_at(ctx.now)
            }
            Some(post) => return ready(ctx, kind, content, post).map(Preparation::Ready),
        }
    };
    Ok(Preparation::Working {
        handle: freeze(PLATFORM, Stage::Prepare, &containers)?,
        again_at,
    })
}

fn post_fields(
    ctx: &SendCtx<'_>,
    kind: Kind,
    content: &PartContent,
    settings: &PostSettings,
    children: &[Container],
) -> Result<Fields, PlatformError> {
    match content.media.as_slice() {
        [media] => Ok(wire::single(
            kind,
            content,
            media,
            &files::public_url(ctx, PLATFORM, media)?,
            settings,
        )),
        _ => {
            let ids: Vec<&str> = children.iter().map(|child| child.id.as_str()).collect();
            Ok(wire::carousel(content, &ids, settings))
        }
    }
}

async fn create(ctx: &SendCtx<'_>, fields: &Fields) -> Result<Container, PlatformError> {
    let request = call(ctx, Method::POST, &format!("{}/media", ctx.account.remote_id)).form(fields);
    let created: Created = read(ctx.http, request, READ_BUDGET, Stage::Prepare).await?.1;
    Ok(created.into())
}

async fn status_of(
    ctx: &SendCtx<'_>,
    container: &str,
    stage: Stage,
) -> Result<(Answer, ContainerStatus), PlatformError> {
    let request = call(ctx, Method::GET, container).query(&[("fields", "status_code,status")]);
    read(ctx.http, request, READ_BUDGET, stage).await
}

async fn poll(ctx: &SendCtx<'_>, container: &mut Container) -> Result<(), PlatformError> {
    let (answer, status) = status_of(ctx, &container.id, Stage::Prepare).await?;
    match status.status_code.as_str() {
        "FINISHED" => container.finished = true,
        "IN_PROGRESS" => container.polls += 1,
        // Publishing it again is not defined, and not wanted.
        "PUBLISHED" => {
            let message = "What was prepared for this post has been published already";
            return Err(fail(Stage::Prepare, ErrorKind::DuplicateContent, message)
                .with_fate(Fate::LandedEarlier { remote: None }));
        }
        _ => return Err(error::failed_container(&answer, &status)),
    }
    Ok(())
}

fn ready(ctx: &SendCtx<'_>, kind: Kind, content: &PartContent, post: &Container) -> Result<Prepared, PlatformError> {
    // Stories show no caption.
    let caption = if kind == Kind::Story {
        String::new()
    } else {
        content.text.clone()
    };
    let shown = PartContent {
        text: caption.clone(),
        media: content.media.clone(),
    };
    Ok(Prepared {
        version: PREPARED_VERSION,
        bytes: freeze(
            PLATFORM,
            Stage::Prepare,
            &Frozen::Publish {
                container: post.id.clone(),
                kind,
                caption,
            },
        )?,
        dedupe: vec![Dedupe::exact(DedupeMeans::TwoPhase)],
        fingerprint: fingerprint(PLATFORM, ctx.account.remote_id, None, &shown),
        budget: Capability::of(PLATFORM).send.base,
    })
}

fn prepare_comment(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    parents: &[(Part, RemotePost)],
) -> Result<Prepared, PlatformError> {
    let invalid = |message: &str| fail(Stage::Prepare, ErrorKind::Invalid, message);
    let content = draft
        .part(Part::FirstComment)
        .ok_or_else(|| invalid("This post has no such part"))?;
    if PostSettings::read(&draft.settings())?.story {
        return Err(invalid("A story on Instagram has no comments"));
    }
    let head = parent_of(PLATFORM, Part::FirstComment, parents)?;
    Ok(Prepared {
        version: PREPARED_VERSION,
        bytes: freeze(
            PLATFORM,
            Stage::Prepare,
            &Frozen::Comment {
                media: head.id.clone(),
                message: content.text.clone(),
            },
        )?,
        dedupe: vec![Dedupe::fuzzy(DedupeMeans::Lookup { window: COMMENT_WINDOW })],
        fingerprint: fingerprint(PLATFORM, ctx.account.remote_id, Some(&head.id), &content),
        budget: Capability::of(PLATFORM).send.base,
    })
}

async fn send(ctx: &SendCtx<'_>, armed: &Armed) -> Result<Sent, PlatformError> {
    let frozen: Frozen = thaw(PLATFORM, Stage::Send, &armed.prepared().bytes)?;
    let (path, fields) = match &frozen {
        Frozen::Publish { container, .. } => (
            format!("{}/media_publish", ctx.account.remote_id),
            [("creation_id", container)],
        ),
        Frozen::Comment { media, message } => (format!("{media}/comments"), [("message", message)]),
    };
    let request = ctx
        .http
        .creating(Method::POST, &url(ctx, &path))
        .bearer_auth(ctx.tokens.access.expose())
        .form(&fields);
    let answer = ctx
        .http
        .create(request, armed.send_by())
        .await
        .map_err(|failure| failure.into_error(PLATFORM, Stage::Send))?;
    let created = match serde_json::from_slice::<Created>(&answer.body) {
        Ok(created) if answer.is_success() => created,
        _ => return Err(error::refusal(Stage::Send, &answer)),
    };
    let address = match frozen {
        Frozen::Publish { .. } => permalink(ctx, &created.id, ctx.http.left(armed.send_by())).await,
        Frozen::Comment { .. } => None,
    };
    Ok(Sent::Live(RemotePost::visible(created.id, address)))
}

/// The public page of a post that is live. It often cannot be read right after publishing, which changes nothing.
async fn permalink(ctx: &SendCtx<'_>, media: &str, left: SignedDuration) -> Option<String> {
    let request = call(ctx, Method::GET, media).query(&[("fields", "id,permalink")]);
    let read = read::<ListedMedia>(ctx.http, request, left.min(PERMALINK_BUDGET), Stage::Check).await;
    read.ok()?.1.permalink
}

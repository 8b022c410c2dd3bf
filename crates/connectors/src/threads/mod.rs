//! Threads (developers.facebook.com, Threads API).
//!
//! What must stay true: a container is published at most once, and after an unknown outcome the container itself says
//! whether it was. It is in the prepared bytes, and never replaced while its fate is open. Each part of a thread has one
//! of its own, made only when the part before it is live.

mod error;
mod find;
mod prepare;
pub mod signin;
#[cfg(test)]
mod tests;
mod wire;

use domain::clock::BoxFut;
use domain::content::Draft;
use domain::error::{PlatformError, Stage};
use domain::intent::Armed;
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::prepare::Frozen;
use self::wire::{ContainerStatus, ListedPost};
use crate::frozen::thaw;
use crate::graph::{Created, bases, limits};
use crate::http::{Answer, Http, READ_BUDGET};
use crate::quota::{Hint, Seen};
use crate::{Connector, Finding, Preparation, Probe, Retraction, SendCtx, Sent, graph, retract};

/// Where the API is.
const BASE: &str = "https://graph.threads.net";

/// The version of the API that this connector was written for, unless the operator's address names another.
const VERSION: &str = "v1.0";

/// How long the address of a post that was just published may take to read.
const PERMALINK_BUDGET: SignedDuration = SignedDuration::from_secs(10);

/// The connector. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Threads;

impl Connector for Threads {
    fn platform(&self) -> Platform {
        Platform::Threads
    }

    fn prepare<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        draft: &'a Draft,
        part: Part,
        parents: &'a [(Part, RemotePost)],
        resume: Option<&'a SecretBytes>,
    ) -> BoxFut<'a, Result<Preparation, PlatformError>> {
        Box::pin(prepare::prepare(ctx, draft, part, parents, resume))
    }

    fn send<'a>(&'a self, ctx: &'a SendCtx<'a>, armed: &'a Armed) -> BoxFut<'a, Result<Sent, PlatformError>> {
        Box::pin(send(ctx, armed))
    }

    fn check<'a>(&'a self, ctx: &'a SendCtx<'a>, probe: Probe<'a>) -> BoxFut<'a, Result<Finding, PlatformError>> {
        Box::pin(find::check(ctx, probe))
    }

    fn error_rows(&self) -> Vec<crate::rules::Row> {
        [error::ALL.as_slice(), error::CONTAINER_ROWS].concat()
    }

    fn hints(&self, seen: &Seen, now: Timestamp) -> Vec<Hint> {
        limits::hints(seen, now)
    }

    fn tells_limits(&self) -> bool {
        true
    }

    fn ask_limits<'a>(&'a self, ctx: &'a SendCtx<'a>) -> BoxFut<'a, Result<Vec<Hint>, PlatformError>> {
        Box::pin(async move {
            let path = format!("{}/threads_publishing_limit", ctx.account.remote_id);
            let fields = "quota_usage,config,reply_quota_usage,reply_config";
            let request = call(ctx, Method::GET, &path).query(&[("fields", fields)]);
            let (_, body): (_, Value) = read(ctx.http, request, READ_BUDGET, Stage::Check).await?;
            let posts = limits::publishing_limit(&body, "", "posts", ctx.now);
            let replies = limits::publishing_limit(&body, "reply_", "replies", ctx.now);
            Ok(posts.into_iter().chain(replies).collect())
        })
    }

    /// Code 4 is the app's, the others are the account's (Graph API, "Rate limits").
    fn is_about_app(&self, error: &PlatformError) -> bool {
        error.code.as_deref() == Some("4")
    }

    fn retract<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        _part: Part,
        remote: &'a RemotePost,
    ) -> BoxFut<'a, Result<Retraction, PlatformError>> {
        Box::pin(retract(ctx, remote))
    }

    fn reads_prepared(&self, version: u16) -> bool {
        version == prepare::VERSION
    }
}

/// Makes a repeatable call and reads its answer.
async fn read<T: DeserializeOwned>(
    http: &Http,
    request: RequestBuilder,
    budget: SignedDuration,
    stage: Stage,
) -> Result<(Answer, T), PlatformError> {
    let answer = http.read(request, budget).await;
    let answer = answer.map_err(|failure| failure.into_error(Platform::Threads, stage))?;
    match serde_json::from_slice(&answer.body) {
        Ok(value) if answer.is_success() => Ok((answer, value)),
        _ => Err(error::classify(stage, &answer)),
    }
}

fn url(ctx: &SendCtx<'_>, path: &str) -> String {
    format!("{}/{path}", bases(ctx.endpoints, Platform::Threads, BASE, VERSION).1)
}

/// A repeatable call; the token is in the header, never in the address.
fn call(ctx: &SendCtx<'_>, method: Method, path: &str) -> RequestBuilder {
    ctx.http
        .reading(method, &url(ctx, path))
        .bearer_auth(ctx.tokens.access.expose())
}

async fn status_of(
    ctx: &SendCtx<'_>,
    container: &str,
    stage: Stage,
) -> Result<(Answer, ContainerStatus), PlatformError> {
    let request = call(ctx, Method::GET, container).query(&[("fields", "id,status,error_message")]);
    read(ctx.http, request, READ_BUDGET, stage).await
}

async fn send(ctx: &SendCtx<'_>, armed: &Armed) -> Result<Sent, PlatformError> {
    let frozen: Frozen = thaw(Platform::Threads, Stage::Send, &armed.prepared().bytes)?;
    let path = format!("{}/threads_publish", ctx.account.remote_id);
    let request = ctx
        .http
        .creating(Method::POST, &url(ctx, &path))
        .bearer_auth(ctx.tokens.access.expose())
        .form(&[("creation_id", &frozen.container)]);
    let answer = ctx.http.create(request, armed.send_by()).await;
    let answer = answer.map_err(|failure| failure.into_error(Platform::Threads, Stage::Send))?;
    let created = match serde_json::from_slice::<Created>(&answer.body) {
        Ok(created) if answer.is_success() => created,
        _ => return Err(error::classify(Stage::Send, &answer)),
    };
    let address = permalink(ctx, &created.id, ctx.http.left(armed.send_by())).await;
    Ok(Sent::Live(RemotePost::visible(created.id, address)))
}

/// The public page of a post that is live. It cannot be told from the id, and often not be read right after publishing,
/// which changes nothing.
async fn permalink(ctx: &SendCtx<'_>, post: &str, left: SignedDuration) -> Option<String> {
    let request = call(ctx, Method::GET, post).query(&[("fields", "id,permalink")]);
    let read = read::<ListedPost>(ctx.http, request, left.min(PERMALINK_BUDGET), Stage::Check).await;
    read.ok()?.1.permalink
}

/// `DELETE /{media}` (developers.facebook.com, Threads API, "Delete Posts"). What does not exist and what may not be seen
/// are refused alike, so the post is looked at before it counts as gone.
async fn retract(ctx: &SendCtx<'_>, remote: &RemotePost) -> Result<Retraction, PlatformError> {
    let id = retract::plain_id(Platform::Threads, remote)?;
    let request = ctx
        .http
        .creating(Method::DELETE, &url(ctx, id))
        .bearer_auth(ctx.tokens.access.expose());
    let answer = retract::ask(ctx, Platform::Threads, request).await?;
    if graph::says_success(&answer) {
        return Ok(Retraction::TakenDown);
    }
    let refused = error::classify(Stage::Retract, &answer);
    if !graph::is_gone(&refused) {
        return Err(refused);
    }
    let look = call(ctx, Method::GET, id).query(&[("fields", "id")]);
    match read::<serde_json::Value>(ctx.http, look, READ_BUDGET, Stage::Retract).await {
        Err(error) if graph::is_gone(&error) => Ok(Retraction::GoneAlready),
        Err(error) => Err(error),
        Ok(_) => Err(refused),
    }
}

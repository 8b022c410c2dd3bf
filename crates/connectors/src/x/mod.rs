//! X, formerly Twitter, by its API v2.
//!
//! There is no key that would make a post unrepeatable. An unknown outcome is found out from the account's own list of
//! posts: with certainty where media are attached, by likeness where there is only text ([`lookup`]).

mod api;
mod compare;
mod error;
mod limits;
mod lookup;
mod prepare;
pub mod signin;
#[cfg(test)]
mod tests;
mod upload;
mod wire;

use domain::clock::BoxFut;
use domain::content::Draft;
use domain::error::{Fate, PlatformError, Stage};
use domain::intent::{Armed, IntentRecord, IntentState};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;

use self::api::Api;
use self::error::{Call, MEDIA_IDS_INVALID, classify};
use self::prepare::Frozen;
use self::wire::{CreatedPost, Envelope};
use crate::frozen::thaw;
use crate::quota::{Hint, Seen};
use crate::{Connector, Finding, Preparation, Probe, Retraction, SendCtx, Sent, retract};

/// The connector. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct X;

impl Connector for X {
    fn platform(&self) -> Platform {
        Platform::X
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
        Box::pin(check(ctx, probe))
    }

    fn error_rows(&self) -> Vec<crate::rules::Row> {
        [error::ROWS, error::UPLOAD_ROWS, error::TOKEN_ROWS].concat()
    }

    fn hints(&self, seen: &Seen, now: Timestamp) -> Vec<Hint> {
        limits::hints(seen, now)
    }

    fn retract<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        _part: Part,
        remote: &'a RemotePost,
    ) -> BoxFut<'a, Result<Retraction, PlatformError>> {
        Box::pin(retract(ctx, remote))
    }

    fn remote_id(&self, _account: crate::AccountRef<'_>, page: &url::Url) -> Result<Option<String>, String> {
        crate::pages::on_x(page)
    }

    fn reads_prepared(&self, version: u16) -> bool {
        version == prepare::VERSION
    }
}

async fn send(ctx: &SendCtx<'_>, armed: &Armed) -> Result<Sent, PlatformError> {
    let frozen: Frozen = thaw(Platform::X, Stage::Send, &armed.prepared().bytes)?;
    let api = Api::of(ctx);
    let request = api
        .creating("/2/tweets")
        .header(CONTENT_TYPE, "application/json")
        .body(frozen.body);
    let answer = ctx
        .http
        .create(request, armed.send_by())
        .await
        .map_err(|failure| failure.into_error(Platform::X, Stage::Send))?;
    if answer.is_success()
        && let Ok(Envelope::<CreatedPost> { data }) = serde_json::from_slice(&answer.body)
        && !data.id.is_empty()
    {
        return Ok(Sent::Live(lookup::remote_post(ctx, &data.id)));
    }
    Err(in_context(classify(Call::Post, Stage::Send, &answer), ctx.prior, armed))
}

/// What a refusal means in the light of the part's earlier sends.
fn in_context(mut error: PlatformError, prior: &[IntentRecord], armed: &Armed) -> PlatformError {
    let mut earlier = prior
        .iter()
        .filter(|intent| intent.id != armed.intent() && intent.part == armed.part());
    if matches!(error.fate, Fate::LandedEarlier { .. }) {
        // Without a send of ours that could have made it, the words that X has already are another post's, and looking
        // for ours would never end. One that was looked for and not found may still have been late.
        if !earlier.any(|intent| intent.state != IntentState::NotPublished) {
            error.fate = Fate::NotPublished;
        }
    } else if error.raw.as_deref().is_some_and(|words| words.contains(MEDIA_IDS_INVALID))
        // The first refusal is most likely a fresh id that X does not know everywhere yet; after a second one the
        // file goes up again.
        && earlier.next().is_some()
    {
        error.retry = error.retry.from_prepare();
    }
    error
}

async fn check(ctx: &SendCtx<'_>, probe: Probe<'_>) -> Result<Finding, PlatformError> {
    let prepared = &probe.intent.prepared;
    if prepared.version != prepare::VERSION {
        return Ok(Finding::CannotTell);
    }
    let frozen: Frozen = thaw(Platform::X, Stage::Check, &prepared.bytes)?;
    match frozen.post() {
        Some(sent) => lookup::look(ctx, &sent, probe.intent, probe.taken).await,
        None => Ok(Finding::CannotTell),
    }
}

/// `DELETE /2/tweets/{id}` (docs.x.com, "Delete Post").
async fn retract(ctx: &SendCtx<'_>, remote: &RemotePost) -> Result<Retraction, PlatformError> {
    let id = retract::plain_id(Platform::X, remote)?;
    let request = Api::of(ctx).deleting(&format!("/2/tweets/{id}"));
    let answer = retract::ask(ctx, Platform::X, request).await?;
    let is_deleted = || answer.json()?.pointer("/data/deleted")?.as_bool();
    match answer.status {
        200 if is_deleted() == Some(true) => Ok(Retraction::TakenDown),
        404 => Ok(Retraction::GoneAlready),
        _ => Err(classify(Call::Post, Stage::Retract, &answer)),
    }
}

//! Bluesky and other servers of the AT Protocol.
//!
//! The record's key is minted here and goes out with `putRecord` and `swapRecord: null`, which only ever creates: the
//! same body a second time is refused as `InvalidSwap` and makes no second post. What became of a write is read from the
//! repository under that key, with certainty either way.

mod client;
mod error;
mod facets;
mod identity;
mod insight;
mod limits;
mod oauth;
mod pds;
mod prepare;
mod session;
mod settings;
pub mod signin;
#[cfg(test)]
mod tests;
mod tid;
mod upload;
mod wire;

use domain::clock::BoxFut;
use domain::content::Draft;
use domain::error::{PlatformError, Stage};
use domain::intent::Armed;
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use self::error::{INVALID_SWAP, RECORD_NOT_FOUND, classify, has_name};
use self::pds::Pds;
use self::prepare::Frozen;
use self::wire::{COLLECTION, PutRecord, StrongRef};
use crate::frozen::thaw;
use crate::http::Answer;
use crate::quota::{Hint, Seen};
use crate::{Connector, Finding, Preparation, Probe, Retraction, SendCtx, Sent, retract};

/// The method that writes a record.
const PUT: &str = "com.atproto.repo.putRecord";

/// The method that deletes one.
const DELETE: &str = "com.atproto.repo.deleteRecord";

/// The connector. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bluesky;

impl Connector for Bluesky {
    fn platform(&self) -> Platform {
        Platform::Bluesky
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
        error::ROWS.to_vec()
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

    fn remote_id(&self, account: crate::AccountRef<'_>, page: &url::Url) -> Result<Option<String>, String> {
        crate::pages::on_bluesky(account, page)
    }

    fn reads_prepared(&self, version: u16) -> bool {
        version == prepare::VERSION
    }
}

async fn send(ctx: &SendCtx<'_>, armed: &Armed) -> Result<Sent, PlatformError> {
    let frozen: Frozen = thaw(Platform::Bluesky, Stage::Send, &armed.prepared().bytes)?;
    let pds = Pds::of(ctx);
    let wanted = frozen.request()?;
    let answer = put(ctx, &pds, &frozen.body, armed).await?;
    if answer.is_success()
        && let Ok(made) = serde_json::from_slice::<StrongRef>(&answer.body)
        && made.uri.starts_with("at://")
    {
        return Ok(Sent::Live(remote_post(&wanted, made.uri, Some(made.cid))));
    }
    let refused = classify(Stage::Send, &answer);
    if has_name(&refused, INVALID_SWAP)
        // A record of this key exists. If it can be read and is the one that was to be written, that is the verdict;
        // else the refusal stands, which says that an earlier write may have landed.
        && let Ok(Finding::Published(remote)) = look(&pds, &wanted).await
    {
        return Ok(Sent::Live(remote));
    }
    Err(refused)
}

/// Writes the record. A server that wants another nonce in the proof has looked at nothing else, so the same bytes go
/// out once more, within the same time.
async fn put(ctx: &SendCtx<'_>, pds: &Pds<'_>, body: &str, armed: &Armed) -> Result<Answer, PlatformError> {
    let mut is_second = false;
    loop {
        let request = ctx.http.creating(Method::POST, &pds.address(PUT));
        let request = pds
            .signed(request, &Method::POST, PUT)
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_owned());
        let answer = ctx
            .http
            .create(request, armed.send_by())
            .await
            .map_err(|failure| failure.into_error(Platform::Bluesky, Stage::Send))?;
        if pds.wants_nonce(PUT, &answer) && !is_second {
            is_second = true;
            continue;
        }
        return Ok(answer);
    }
}

async fn check(ctx: &SendCtx<'_>, probe: Probe<'_>) -> Result<Finding, PlatformError> {
    let prepared = &probe.intent.prepared;
    if prepared.version != prepare::VERSION {
        return Ok(Finding::CannotTell);
    }
    let frozen: Frozen = thaw(Platform::Bluesky, Stage::Check, &prepared.bytes)?;
    let found = look(&Pds::of(ctx), &frozen.request()?).await?;
    Ok(match found {
        Finding::Published(remote) if probe.taken.is_taken(&remote.id).await => Finding::CannotTell,
        other => other,
    })
}

/// Reads the record of the key that was to be written.
async fn look(pds: &Pds<'_>, wanted: &PutRecord) -> Result<Finding, PlatformError> {
    match pds.record(&wanted.repo, &wanted.collection, &wanted.rkey).await {
        Ok(found) if is_ours(wanted, &found.value) => Ok(Finding::Published(remote_post(wanted, found.uri, found.cid))),
        Ok(_) => Ok(Finding::CannotTell),
        Err(refused) if has_name(&refused, RECORD_NOT_FOUND) => Ok(Finding::Absent),
        Err(failed) => Err(failed),
    }
}

/// Whether the record is the one that was to be written. The key is proof but for a chance in millions; text and parent
/// rule that out.
fn is_ours(wanted: &PutRecord, found: &Value) -> bool {
    let text = found.get("text").and_then(Value::as_str);
    let parent = found.pointer("/reply/parent/uri").and_then(Value::as_str);
    text == Some(&wanted.record.text) && parent == wanted.record.reply.as_ref().map(|reply| reply.parent.uri.as_str())
}

fn remote_post(wanted: &PutRecord, uri: String, cid: Option<String>) -> RemotePost {
    // The DID rather than the handle: handles change.
    let url = format!("https://bsky.app/profile/{}/post/{}", wanted.repo, wanted.rkey);
    RemotePost {
        detail: cid,
        ..RemotePost::visible(uri, Some(url))
    }
}

/// Deletes the record, which may be repeated: a record that is gone is deleted as well (`com.atproto.repo.deleteRecord`).
async fn retract(ctx: &SendCtx<'_>, remote: &RemotePost) -> Result<Retraction, PlatformError> {
    let place = remote
        .id
        .strip_prefix("at://")
        .map(|place| place.split('/').collect::<Vec<_>>());
    // What a person said of a post is the last piece of its address, which is the record's key.
    let (repo, collection, rkey) = match place.as_deref() {
        Some([repo, collection, rkey]) => (*repo, *collection, *rkey),
        Some(_) => return Err(retract::unknown_id(Platform::Bluesky)),
        None => (
            ctx.account.remote_id,
            COLLECTION,
            retract::plain_id(Platform::Bluesky, remote)?,
        ),
    };
    let body = serde_json::json!({ "repo": repo, "collection": collection, "rkey": rkey }).to_string();
    let pds = Pds::of(ctx);
    let mut is_second = false;
    loop {
        let request = ctx.http.creating(Method::POST, &pds.address(DELETE));
        let request = pds
            .signed(request, &Method::POST, DELETE)
            .header(CONTENT_TYPE, "application/json")
            .body(body.clone());
        let answer = retract::ask(ctx, Platform::Bluesky, request).await?;
        if pds.wants_nonce(DELETE, &answer) && !is_second {
            is_second = true;
            continue;
        }
        return if answer.is_success() {
            Ok(Retraction::TakenDown)
        } else {
            Err(classify(Stage::Retract, &answer))
        };
    }
}

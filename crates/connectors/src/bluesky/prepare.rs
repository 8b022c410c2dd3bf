//! From a part of a draft to the one call that publishes it.

use domain::capability::Capability;
use domain::content::{Draft, Media, PartContent};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::intent::{Dedupe, DedupeMeans, Prepared};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::facets::{Dids, facets, handles};
use super::pds::Pds;
use super::settings::{Card, Wishes};
use super::wire::{COLLECTION, Embed, External, PostRecord, PutRecord, ReplyRef, ResolvedHandle, StrongRef};
use super::{tid, upload};
use crate::frozen::{fingerprint, freeze, hashes, progress};
use crate::{Preparation, SendCtx, parent_of};

/// The version of [`Frozen`].
pub(super) const VERSION: u16 = 1;

/// Handles looked up in one step.
const LOOKUPS_PER_STEP: usize = 8;

/// A post that goes out later than this after it was due is dated when it goes out: readers' timelines sort by the
/// record's own date, and a post that waited out an outage would appear far below where anybody looks.
const LATE_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// What `send` sends: the body as it goes out, byte for byte.
#[derive(Serialize, Deserialize)]
pub(super) struct Frozen {
    pub(super) body: String,
}

impl Frozen {
    /// What the body says.
    pub(super) fn request(&self) -> Result<PutRecord, PlatformError> {
        serde_json::from_str(&self.body).map_err(|_| {
            let message = "What was prepared for this post cannot be read by this version of Broadside";
            PlatformError::refused(Platform::Bluesky, Stage::Send, ErrorKind::Unknown, message)
        })
    }
}

/// What is done of a preparation.
#[derive(Default, Serialize, Deserialize)]
struct Progress {
    /// Which part this is about, and the hashes of its files: what was done for others is of no use.
    part: u16,
    files: Vec<String>,
    /// The uploaded files, in order.
    blobs: Vec<Value>,
    /// The link card's picture.
    thumb: Option<Value>,
    /// What handles stand for.
    dids: Dids,
}

impl Progress {
    /// What is done already for this part and these files.
    fn of<'m>(
        part: Part,
        media: impl Iterator<Item = &'m Media>,
        resume: Option<&SecretBytes>,
    ) -> Result<Self, PlatformError> {
        let (part, files) = (part.number(), hashes(media));
        let is_about_this = |done: &Self| done.part == part && done.files == files;
        let done = progress(Platform::Bluesky, resume, is_about_this)?;
        Ok(done.unwrap_or_else(|| Self {
            part,
            files,
            ..Self::default()
        }))
    }
}

/// One step of a preparation: one file uploaded, some handles looked up, or the record made.
pub(super) async fn prepare(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    part: Part,
    parents: &[(Part, RemotePost)],
    resume: Option<&SecretBytes>,
) -> Result<Preparation, PlatformError> {
    let content = draft.part(part).ok_or_else(|| invalid("This post has no such part"))?;
    let wishes = Wishes::read(draft, part, &content)?;
    upload::check_files(&content)?;
    let thumb = wishes.card.as_ref().and_then(|card| card.thumb.as_ref());
    thumb.map_or(Ok(()), upload::check_file)?;
    let pds = Pds::of(ctx);
    let mut progress = Progress::of(part, content.media.iter().chain(thumb), resume)?;
    if let Some(media) = content.media.get(progress.blobs.len()) {
        progress.blobs.push(upload::upload(ctx, &pds, media).await?);
        return working(ctx, &progress);
    }
    if let (Some(media), None) = (thumb, &progress.thumb) {
        progress.thumb = Some(upload::upload(ctx, &pds, media).await?);
        return working(ctx, &progress);
    }
    let mut unknown = handles(&content.text);
    unknown.retain(|handle| !progress.dids.contains_key(handle));
    for handle in unknown.iter().take(LOOKUPS_PER_STEP) {
        let did = resolve(&pds, handle).await?;
        progress.dids.insert(handle.clone(), did);
    }
    if unknown.len() > LOOKUPS_PER_STEP {
        return working(ctx, &progress);
    }
    let reply = reply(&pds, part, parents).await?;
    finish(ctx, &content, wishes, &progress, reply).map(Preparation::Ready)
}

fn working(ctx: &SendCtx<'_>, progress: &Progress) -> Result<Preparation, PlatformError> {
    let handle = freeze(Platform::Bluesky, Stage::Prepare, progress)?;
    Ok(Preparation::Working {
        handle,
        again_at: ctx.now,
    })
}

fn finish(
    ctx: &SendCtx<'_>,
    content: &PartContent,
    wishes: Wishes,
    progress: &Progress,
    reply: Option<ReplyRef>,
) -> Result<Prepared, PlatformError> {
    let card = wishes.card.map(|card| link_card(card, progress.thumb.clone()));
    let parent = reply.as_ref().map(|reply| reply.parent.uri.clone());
    let record = PostRecord {
        kind: COLLECTION.to_owned(),
        text: content.text.clone(),
        created_at: created_at(ctx),
        langs: wishes.langs,
        facets: facets(&content.text, &progress.dids),
        embed: upload::embed(&content.media, &progress.blobs).or(card),
        reply,
        labels: wishes.labels,
    };
    let request = PutRecord {
        repo: ctx.account.remote_id.to_owned(),
        collection: COLLECTION.to_owned(),
        rkey: tid::record_key(ctx.due, &ctx.seed),
        record,
        swap_record: None,
    };
    let body = serde_json::to_string(&request).map_err(|_| invalid("This post cannot be written as a record"))?;
    let budget = Capability::of(Platform::Bluesky).send.for_bytes(body.len() as u64);
    Ok(Prepared {
        version: VERSION,
        bytes: freeze(Platform::Bluesky, Stage::Prepare, &Frozen { body })?,
        dedupe: vec![Dedupe::exact(DedupeMeans::ClientMintedId)],
        fingerprint: fingerprint(Platform::Bluesky, ctx.account.remote_id, parent.as_deref(), content),
        budget,
    })
}

fn link_card(card: Card, thumb: Option<Value>) -> Embed {
    let Card {
        uri,
        title,
        description,
        ..
    } = card;
    Embed::External {
        external: External {
            uri,
            title,
            description,
            thumb,
        },
    }
}

/// The record's date, in milliseconds with a `Z`.
fn created_at(ctx: &SendCtx<'_>) -> String {
    let is_late = ctx.now.duration_since(ctx.due) > LATE_AFTER;
    let date: Timestamp = if is_late { ctx.now } else { ctx.due };
    date.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Whom a handle stands for; `None` when it stands for nobody.
async fn resolve(pds: &Pds<'_>, handle: &str) -> Result<Option<String>, PlatformError> {
    let request = pds.get("com.atproto.identity.resolveHandle", &[("handle", handle)]);
    match pds.call::<ResolvedHandle>(request, Stage::Prepare).await {
        Ok(found) => Ok(Some(found.did)),
        // "Unable to resolve handle" is an InvalidRequest. Any other failure may pass, and a mention is worth the wait.
        Err(refused) if matches!(refused.http_status, Some(400 | 404)) => Ok(None),
        Err(failed) => Err(failed),
    }
}

/// What a part answers: the head is the root, and each reply of a thread answers the one before it.
async fn reply(pds: &Pds<'_>, part: Part, parents: &[(Part, RemotePost)]) -> Result<Option<ReplyRef>, PlatformError> {
    if part == Part::Head {
        return Ok(None);
    }
    let root = parent_of(Platform::Bluesky, Part::FirstComment, parents)?;
    let parent = parent_of(Platform::Bluesky, part, parents)?;
    Ok(Some(ReplyRef {
        root: strong_ref(pds, root).await?,
        parent: strong_ref(pds, parent).await?,
    }))
}

/// A published post by address and hash. The hash is asked for when it is not known, as after a person said where a
/// post is.
async fn strong_ref(pds: &Pds<'_>, remote: &RemotePost) -> Result<StrongRef, PlatformError> {
    if let Some(cid) = remote.detail.as_ref().filter(|cid| !cid.is_empty()) {
        return Ok(StrongRef {
            uri: remote.id.clone(),
            cid: cid.clone(),
        });
    }
    let unknown = || invalid("The post that this part answers has no address of the AT Protocol");
    let mut pieces = remote.id.strip_prefix("at://").ok_or_else(unknown)?.splitn(3, '/');
    let (Some(repo), Some(collection), Some(key)) = (pieces.next(), pieces.next(), pieces.next()) else {
        return Err(unknown());
    };
    let record = pds.record(repo, collection, key).await?;
    Ok(StrongRef {
        cid: record.cid.ok_or_else(unknown)?,
        uri: record.uri,
    })
}

fn invalid(message: &str) -> PlatformError {
    PlatformError::refused(Platform::Bluesky, Stage::Validate, ErrorKind::Validation, message)
}

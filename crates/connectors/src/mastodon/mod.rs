//! Mastodon and servers with its API (docs.joinmastodon.org).
//!
//! What must stay true: the `Idempotency-Key` is the same at each send of one part, so a send after a lost answer makes
//! no second status for an hour; and the media ids are in the prepared bytes, so nothing is uploaded twice.

mod error;
mod find;
mod insight;
mod limits;
pub mod signin;
#[cfg(test)]
mod tests;
mod wire;

use domain::clock::BoxFut;
use domain::content::{Draft, Media, PartContent};
use domain::error::{ErrorKind, Fate, PlatformError, Stage};
use domain::intent::{Armed, Dedupe, DedupeMeans, IntentState, Prepared};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder, multipart};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::wire::{Attachment, Instance, NewStatus, PostSettings, Status, Visibility};
use crate::frozen::{fingerprint, freeze, thaw};
use crate::http::{Answer, Http, READ_BUDGET};
use crate::quota::{Hint, Seen};
use crate::{Connector, Endpoints, Finding, Preparation, Probe, Retraction, SendCtx, Sent, files, parent_of, retract};

const PLATFORM: Platform = Platform::Mastodon;

/// The version of [`Frozen`].
const PREPARED_VERSION: u16 = 1;

/// How long a server remembers an idempotency key (docs.joinmastodon.org, `POST /api/v1/statuses`).
const KEY_VALID_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How far back the newest statuses are searched for one of ours; [`find`] bounds the pages.
const LOOKUP_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// The slowest rate at which an upload is still awaited, in bytes a second.
const UPLOAD_BYTES_PER_SECOND_MIN: u64 = 65_536;

/// The connector.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mastodon;

/// A server is asked this often whether it remembers idempotency keys: only another program in its place changes that.
const ASKED_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Whether a server remembers idempotency keys, and until when that is believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyMemory {
    is_kept: bool,
    until: Timestamp,
}

/// Everything that the irreversible call sends.
#[derive(Debug, Serialize, Deserialize)]
struct Frozen {
    /// The `Idempotency-Key`.
    key: String,
    /// The body, byte for byte.
    body: String,
}

/// How far the uploads got.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Uploads {
    done: Vec<Upload>,
}

/// A file that the server has.
#[derive(Debug, Serialize, Deserialize)]
struct Upload {
    id: String,
    ready: bool,
    /// How often the server said that it is still at it.
    polls: u32,
}

impl Connector for Mastodon {
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
        Box::pin(prepare(ctx, draft, part, parents, resume))
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

    fn retract<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        _part: Part,
        remote: &'a RemotePost,
    ) -> BoxFut<'a, Result<Retraction, PlatformError>> {
        Box::pin(retract(ctx, remote))
    }

    fn remote_id(&self, account: crate::AccountRef<'_>, page: &url::Url) -> Result<Option<String>, String> {
        crate::pages::on_mastodon(account, page)
    }

    fn reads_prepared(&self, version: u16) -> bool {
        version == PREPARED_VERSION
    }
}

/// The account's server without a slash at the end.
fn home(base_url: Option<&str>, endpoints: &Endpoints, stage: Stage) -> Result<String, PlatformError> {
    let home = base_url.map_or_else(
        || endpoints.base(PLATFORM, ""),
        |url| url.trim_end_matches('/').to_owned(),
    );
    if home.is_empty() {
        let message = "It is not known on which Mastodon server this account is; connect it again";
        return Err(PlatformError::refused(PLATFORM, stage, ErrorKind::Invalid, message));
    }
    Ok(home)
}

/// A repeatable call to the account's server.
fn call(ctx: &SendCtx<'_>, method: Method, path: &str, stage: Stage) -> Result<RequestBuilder, PlatformError> {
    let url = format!("{}{path}", home(ctx.account.base_url, ctx.endpoints, stage)?);
    Ok(ctx.http.reading(method, &url).bearer_auth(ctx.tokens.access.expose()))
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

async fn prepare(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    part: Part,
    parents: &[(Part, RemotePost)],
    resume: Option<&SecretBytes>,
) -> Result<Preparation, PlatformError> {
    let fail = |message: &str| PlatformError::refused(PLATFORM, Stage::Prepare, ErrorKind::Invalid, message);
    let content = draft.part(part).ok_or_else(|| fail("This post has no such part"))?;
    let settings = PostSettings::read(&draft.settings())?;
    let mut uploads: Uploads = match resume {
        Some(handle) => thaw(PLATFORM, Stage::Prepare, handle)?,
        None => Uploads::default(),
    };
    if let Some(pending) = uploads.done.iter_mut().find(|upload| !upload.ready) {
        poll(ctx, pending).await?;
    } else if let Some(media) = content.media.get(uploads.done.len()) {
        uploads.done.push(upload(ctx, media).await?);
    } else {
        let parent = match part {
            Part::Head => None,
            part => Some(parent_of(PLATFORM, part, parents)?),
        };
        return ready(ctx, part, &content, settings, parent, uploads)
            .await
            .map(Preparation::Ready);
    }
    let again_at = match uploads.done.last() {
        Some(upload) if !upload.ready => later(ctx.now, upload.polls),
        _ => ctx.now,
    };
    Ok(Preparation::Working {
        handle: freeze(PLATFORM, Stage::Prepare, &uploads)?,
        again_at,
    })
}

/// A second after the first answer, then seldomer, at least every ten seconds.
fn later(now: Timestamp, polls: u32) -> Timestamp {
    let wait = SignedDuration::from_secs(1_i64 << polls.min(4)).min(SignedDuration::from_secs(10));
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

async fn upload(ctx: &SendCtx<'_>, media: &Media) -> Result<Upload, PlatformError> {
    let file = files::part(PLATFORM, Stage::Prepare, ctx.media, media).await?;
    let mut form = multipart::Form::new();
    if let Some(alt) = media.alt.as_ref().filter(|alt| !alt.is_empty()) {
        form = form.text("description", alt.clone());
    }
    let request = call(ctx, Method::POST, "/api/v2/media", Stage::Prepare)?.multipart(form.part("file", file));
    let seconds = i64::try_from(media.bytes / UPLOAD_BYTES_PER_SECOND_MIN).unwrap_or(i64::MAX);
    let budget = READ_BUDGET.saturating_add(SignedDuration::from_secs(seconds));
    let (answer, attachment): (_, Attachment) = read(ctx.http, request, budget, Stage::Prepare).await?;
    Ok(Upload {
        id: attachment.id,
        ready: answer.status == 200 && attachment.url.is_some(),
        polls: 0,
    })
}

/// Looks at a file that the server works on: 206 while it does, 200 when it is done.
async fn poll(ctx: &SendCtx<'_>, upload: &mut Upload) -> Result<(), PlatformError> {
    let request = call(
        ctx,
        Method::GET,
        &format!("/api/v1/media/{}", upload.id),
        Stage::Prepare,
    )?;
    let (answer, attachment): (_, Attachment) = read(ctx.http, request, READ_BUDGET, Stage::Prepare).await?;
    upload.ready = answer.status == 200 && attachment.url.is_some();
    upload.polls += 1;
    Ok(())
}

async fn ready(
    ctx: &SendCtx<'_>,
    part: Part,
    content: &PartContent,
    settings: PostSettings,
    parent: Option<&RemotePost>,
    uploads: Uploads,
) -> Result<Prepared, PlatformError> {
    let new = NewStatus {
        status: content.text.clone(),
        media_ids: uploads.done.into_iter().map(|upload| upload.id).collect(),
        in_reply_to_id: parent.map(|parent| parent.id.clone()),
        visibility: match (part, settings.visibility) {
            // A comment is not shown in public timelines, and to nobody who may not see the post itself.
            (Part::FirstComment, None | Some(Visibility::Public)) => Some(Visibility::Unlisted),
            (_, visibility) => visibility,
        },
        sensitive: settings.sensitive,
        spoiler_text: settings.spoiler_text,
        language: settings.language,
    };
    let body = serde_json::to_string(&new).map_err(|_| {
        PlatformError::refused(
            PLATFORM,
            Stage::Prepare,
            ErrorKind::Unknown,
            "This post cannot be written as JSON",
        )
    })?;
    // The media ids are ours alone; a text may have been posted by the account's owner too.
    let window = DedupeMeans::Lookup { window: LOOKUP_WINDOW };
    let lookup = if new.media_ids.is_empty() {
        Dedupe::fuzzy(window)
    } else {
        Dedupe::exact(window)
    };
    let dedupe = if remembers_keys(ctx).await? {
        vec![
            Dedupe::exact(DedupeMeans::ClientKey {
                valid_for: KEY_VALID_FOR,
            }),
            lookup,
        ]
    } else {
        vec![lookup]
    };
    Ok(Prepared {
        version: PREPARED_VERSION,
        bytes: freeze(
            PLATFORM,
            Stage::Prepare,
            &Frozen {
                key: ctx.seed.key(),
                body,
            },
        )?,
        dedupe,
        fingerprint: fingerprint(
            PLATFORM,
            ctx.account.remote_id,
            parent.map(|parent| parent.id.as_str()),
            content,
        ),
        budget: domain::capability::Capability::of(PLATFORM).send.base,
    })
}

/// Whether the account's server is known to remember idempotency keys; an answer that does not say so is a "no".
async fn remembers_keys(ctx: &SendCtx<'_>) -> Result<bool, PlatformError> {
    let home = home(ctx.account.base_url, ctx.endpoints, Stage::Prepare)?;
    if let Some(known) = ctx.http.keys.of(&home).filter(|known| ctx.now < known.until) {
        return Ok(known.is_kept);
    }
    let request = call(ctx, Method::GET, "/api/v2/instance", Stage::Prepare)?;
    let answer = ctx
        .http
        .read(request, READ_BUDGET)
        .await
        .map_err(|f| f.into_error(PLATFORM, Stage::Prepare))?;
    let instance = serde_json::from_slice::<Instance>(&answer.body);
    let is_kept = answer.is_success() && instance.is_ok_and(|instance| instance.remembers_keys());
    // Servers that do not have this call say so; a server in trouble says nothing.
    if answer.is_success() || answer.status == 404 {
        let until = ctx.now.saturating_add(ASKED_EVERY).unwrap_or(ctx.now);
        ctx.http.keys.learn(&home, KeyMemory { is_kept, until });
    }
    Ok(is_kept)
}

async fn send(ctx: &SendCtx<'_>, armed: &Armed) -> Result<Sent, PlatformError> {
    let frozen: Frozen = thaw(PLATFORM, Stage::Send, &armed.prepared().bytes)?;
    find::still_told_by_its_key(ctx, armed, &frozen)?;
    let url = format!(
        "{}/api/v1/statuses",
        home(ctx.account.base_url, ctx.endpoints, Stage::Send)?
    );
    let request = ctx
        .http
        .creating(Method::POST, &url)
        .bearer_auth(ctx.tokens.access.expose())
        .header("Idempotency-Key", frozen.key)
        .header("Content-Type", "application/json")
        .body(frozen.body);
    let answer = ctx
        .http
        .create(request, armed.send_by())
        .await
        .map_err(|failure| failure.into_error(PLATFORM, Stage::Send))?;
    match serde_json::from_slice::<Status>(&answer.body) {
        Ok(status) if answer.is_success() => Ok(Sent::Live(remote(status))),
        _ => Err(judge(ctx, armed, error::refusal(Stage::Send, &answer))),
    }
}

/// "Already attached" means that an earlier send landed, if there may have been one, however absent it was believed: it
/// may have come late. Else the file is gone, since servers throw away files that no status claims.
fn judge(ctx: &SendCtx<'_>, armed: &Armed, error: PlatformError) -> PlatformError {
    let landed = ctx.prior.iter().any(|intent| {
        intent.part == armed.part() && intent.id != armed.intent() && intent.state != IntentState::NotPublished
    });
    if matches!(error.fate, Fate::LandedEarlier { .. }) && !landed {
        error.with_fate(Fate::NotPublished)
    } else {
        error
    }
}

fn remote(status: Status) -> RemotePost {
    RemotePost::visible(status.id, status.url.or(status.uri))
}

/// `DELETE /api/v1/statuses/:id` (docs.joinmastodon.org). A status that is gone is not found.
async fn retract(ctx: &SendCtx<'_>, remote: &RemotePost) -> Result<Retraction, PlatformError> {
    let id = retract::plain_id(PLATFORM, remote)?;
    let home = home(ctx.account.base_url, ctx.endpoints, Stage::Retract)?;
    let request = ctx
        .http
        .creating(Method::DELETE, &format!("{home}/api/v1/statuses/{id}"))
        .bearer_auth(ctx.tokens.access.expose());
    let answer = retract::ask(ctx, PLATFORM, request).await?;
    match answer.status {
        200 => Ok(Retraction::TakenDown),
        404 | 410 => Ok(Retraction::GoneAlready),
        _ => Err(error::refusal(Stage::Retract, &answer)),
    }
}

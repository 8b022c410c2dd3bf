//! LinkedIn members and organizations, by the versioned REST API (learn.microsoft.com, "Posts API").
//!
//! There is no idempotency key, and a member's posts cannot be listed. What LinkedIn does have is a memory: the same
//! body of the same author within about ten minutes is refused, and the refusal names the post that has it. So an
//! unknown outcome is cleared up by one more send of the same bytes, as an intent of its own: [`check`] frees that send for
//! as long as the memory surely lasts, and a refusal that names the first post adopts it. Any other tells nothing.
//!
//! What must stay true: outside that time nothing is sent again by itself, whoever asks ([`guard`]). An organization's
//! posts can be listed, and are.

mod api;
mod error;
mod find;
mod insight;
mod limits;
mod prepare;
mod settings;
pub mod signin;
#[cfg(test)]
mod tests;
mod upload;

use domain::clock::BoxFut;
use domain::content::Draft;
use domain::error::{ErrorKind, Fate, PlatformError, Stage};
use domain::intent::{Armed, IntentRecord, IntentState};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::CONTENT_TYPE;

use self::api::{Api, encoded};
use self::error::classify;
use self::prepare::Frozen;
use crate::frozen::thaw;
use crate::http::Answer;
use crate::quota::{Hint, Seen};
use crate::{Connector, Finding, Preparation, Probe, Retraction, SendCtx, Sent, retract};

/// How long LinkedIn refuses the same body again (learn.microsoft.com, "Posts API": wait ten minutes).
const ECHO_WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// How long after the first send the second may still begin: half of that.
const RESEND_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// How long after the first send a check frees the second, which then has to be claimed and recorded.
const FREE_WITHIN: SignedDuration = SignedDuration::from_mins(4);

/// How long after it was made a post may be unknown where it is commented on.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(10);

/// A post may be this much older than our intent by LinkedIn's clock.
const SLACK: SignedDuration = SignedDuration::from_secs(60);

/// The connector. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkedIn;

impl Connector for LinkedIn {
    fn platform(&self) -> Platform {
        Platform::LinkedIn
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
        part: Part,
        remote: &'a RemotePost,
    ) -> BoxFut<'a, Result<Retraction, PlatformError>> {
        Box::pin(retract(ctx, part, remote))
    }

    fn remote_id(&self, _account: crate::AccountRef<'_>, page: &url::Url) -> Result<Option<String>, String> {
        crate::pages::on_linkedin(page)
    }

    fn reads_prepared(&self, version: u16) -> bool {
        version == prepare::VERSION
    }
}

/// The URN of an account: organizations have numbers, members have ids with letters.
fn author_of(remote_id: &str) -> String {
    let kind = if remote_id.chars().all(|c| c.is_ascii_digit()) {
        "organization"
    } else {
        "person"
    };
    if remote_id.starts_with("urn:li:") {
        remote_id.to_owned()
    } else {
        format!("urn:li:{kind}:{remote_id}")
    }
}

fn is_organization(author: &str) -> bool {
    author.starts_with("urn:li:organization:")
}

/// A post under its page.
fn remote_post(urn: &str) -> RemotePost {
    RemotePost::visible(urn, Some(format!("https://www.linkedin.com/feed/update/{urn}/")))
}

async fn send(ctx: &SendCtx<'_>, armed: &Armed) -> Result<Sent, PlatformError> {
    let frozen: Frozen = thaw(Platform::LinkedIn, Stage::Send, &armed.prepared().bytes)?;
    let earlier: Vec<&IntentRecord> = ctx
        .prior
        .iter()
        .filter(|intent| intent.id != armed.intent() && intent.part == armed.part())
        .collect();
    let is_on_fresh_post = matches!(&frozen, Frozen::Comment { on, .. } if is_fresh(ctx, on));
    let (path, body) = match frozen {
        Frozen::Post { body } => {
            guard(ctx, &earlier)?;
            ("/rest/posts".to_owned(), body)
        }
        Frozen::Comment { on, body } => (format!("/rest/socialActions/{}/comments", encoded(&on)), body),
    };
    let request = Api::of(ctx)
        .creating(&path)
        .header(CONTENT_TYPE, "application/json")
        .body(body);
    let answer = ctx.http.create(request, armed.send_by()).await;
    let answer = answer.map_err(|failure| failure.into_error(Platform::LinkedIn, Stage::Send))?;
    if answer.is_success()
        && let Some(id) = created(&answer)
    {
        return Ok(Sent::Live(match armed.part() {
            Part::FirstComment => RemotePost::visible(id, None),
            Part::Head | Part::Reply(_) => remote_post(&id),
        }));
    }
    let error = classify(Stage::Send, &answer);
    if answer.status == 404 && is_on_fresh_post {
        return Err(error::not_known_yet(error));
    }
    Err(in_context(ctx, error, &earlier))
}

/// Whether a post of ours is so young that LinkedIn may not know it everywhere.
fn is_fresh(ctx: &SendCtx<'_>, urn: &str) -> bool {
    error::made_at(urn).is_none_or(|made| ctx.now.duration_since(made) < FRESH_FOR)
}

/// Refuses to send again when LinkedIn may have forgotten the first send: then a second post would appear.
fn guard(ctx: &SendCtx<'_>, earlier: &[&IntentRecord]) -> Result<(), PlatformError> {
    let too_late = |intent: &&&IntentRecord| {
        intent.state.frees_a_repeat() && ctx.now.duration_since(intent.recorded_at) > RESEND_WITHIN
    };
    if is_organization(&author_of(ctx.account.remote_id)) || !earlier.iter().any(|intent| too_late(&intent)) {
        return Ok(());
    }
    let message = "LinkedIn can no longer tell whether this post was published; look at the profile before sending it \
                   again";
    Err(
        PlatformError::refused(Platform::LinkedIn, Stage::Send, ErrorKind::NotReady, message)
            .with_fate(Fate::LandedEarlier { remote: None }),
    )
}

/// The id of what was made. It is in a header; of a comment in the body too.
fn created(answer: &Answer) -> Option<String> {
    let of_header = answer.header("x-restli-id").map(str::to_owned);
    let of_body = || Some(answer.json()?.get("id")?.as_str()?.to_owned());
    of_header.or_else(of_body).filter(|id| !id.is_empty())
}

/// What a refusal means in the light of the part's earlier sends.
fn in_context(ctx: &SendCtx<'_>, error: PlatformError, earlier: &[&IntentRecord]) -> PlatformError {
    if !matches!(error.fate, Fate::LandedEarlier { .. }) {
        return error;
    }
    let could_have = earlier
        .iter()
        .filter(|intent| intent.state != IntentState::NotPublished)
        .map(|intent| intent.recorded_at)
        .min();
    let Some(first) = could_have else {
        // Without a send of ours that could have made it, the post that LinkedIn has is another one.
        return error.with_fate(Fate::NotPublished);
    };
    match error::original(&error) {
        Some(urn) if error::made_at(&urn).is_some_and(|made| first - SLACK <= made && made <= ctx.now + SLACK) => {
            let remote = Some(remote_post(&urn));
            error.with_fate(Fate::LandedEarlier { remote })
        }
        // LinkedIn also names posts from before our first send, and posts that were deleted a day ago: never ours.
        _ => error,
    }
}

async fn check(ctx: &SendCtx<'_>, probe: Probe<'_>) -> Result<Finding, PlatformError> {
    let prepared = &probe.intent.prepared;
    if prepared.version != prepare::VERSION {
        return Ok(Finding::CannotTell);
    }
    let is_organization = is_organization(&author_of(ctx.account.remote_id));
    match thaw(Platform::LinkedIn, Stage::Check, &prepared.bytes)? {
        Frozen::Comment { on, body } => find::commented(ctx, probe, &on, &body).await,
        Frozen::Post { body } if is_organization => find::posted(ctx, probe, &body).await,
        Frozen::Post { .. } if ctx.now.duration_since(probe.intent.recorded_at) <= FREE_WITHIN => {
            Ok(Finding::RepeatTells)
        }
        Frozen::Post { .. } => Ok(Finding::CannotTell),
    }
}

/// `DELETE /rest/posts/{urn}`, which may be repeated (learn.microsoft.com, "Posts API"). Its comments go with it.
async fn retract(ctx: &SendCtx<'_>, part: Part, remote: &RemotePost) -> Result<Retraction, PlatformError> {
    if part == Part::FirstComment {
        return Ok(Retraction::GoneAlready);
    }
    if !remote.id.starts_with("urn:li:") {
        return Err(retract::unknown_id(Platform::LinkedIn));
    }
    let request = Api::of(ctx).deleting(&format!("/rest/posts/{}", encoded(&remote.id)));
    let answer = retract::ask(ctx, Platform::LinkedIn, request).await?;
    match answer.status {
        200 | 204 => Ok(Retraction::TakenDown),
        404 => Ok(Retraction::GoneAlready),
        _ => Err(classify(Stage::Retract, &answer)),
    }
}

//! Facebook Pages, by the Graph API (developers.facebook.com, Pages API, Video API, Reels Publishing).
//!
//! What must stay true: everything is made invisibly first, and the irreversible call only shows it. Showing a post twice
//! is showing it once, and what was shown says so itself. The way for Pages that refuse this is taken only after the
//! refusal, and has the Page's list of posts for evidence.

mod api;
mod error;
mod find;
mod prepare;
mod settings;
pub mod signin;
#[cfg(test)]
mod tests;
mod upload;

use domain::capability::{Counted, Quota};
use domain::clock::BoxFut;
use domain::content::Draft;
use domain::error::{ErrorKind, Fate, PlatformError, Retry, Stage, When};
use domain::intent::{Armed, IntentRecord, IntentState};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use self::api::Api;
use self::error::classify;
use self::prepare::Frozen;
use self::settings::{Kind, Wishes};
use crate::frozen::{freeze, thaw};
use crate::graph::limits;
use crate::http::Answer;
use crate::quota::{Hint, Seen};
use crate::{Connector, Finding, Preparation, Probe, Retraction, SendCtx, Sent, graph, retract};

/// How long the address of a post that was just published may take to read.
const PERMALINK_BUDGET: SignedDuration = SignedDuration::from_secs(10);

/// When a reel or story that was just published is looked at first.
const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(5);

/// How long what was just made may be unknown to Facebook's other servers, and how often that is waited for.
const UNKNOWN_FOR: SignedDuration = SignedDuration::from_secs(10);
const UNKNOWN_TRIES: u8 = 3;

/// The connector. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facebook;

impl Connector for Facebook {
    fn platform(&self) -> Platform {
        Platform::Facebook
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
        error::ALL.clone()
    }

    fn hints(&self, seen: &Seen, now: Timestamp) -> Vec<Hint> {
        limits::hints(seen, now)
    }

    fn weight(&self, quota: &Quota, draft: &Draft, part: Part) -> u32 {
        match quota.counts {
            Counted::Reels if part == Part::Head => {
                u32::from(Wishes::read(draft).is_ok_and(|wishes| wishes.kind == Kind::Reel))
            }
            counts => counts.weight(draft, part),
        }
    }

    /// Code 4 is the app's, the others are the account's (Graph API, "Rate limits").
    fn is_about_app(&self, error: &PlatformError) -> bool {
        error.code.as_deref() == Some("4")
    }

    fn retract<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        part: Part,
        remote: &'a RemotePost,
    ) -> BoxFut<'a, Result<Retraction, PlatformError>> {
        Box::pin(retract(ctx, part, remote))
    }

    fn remote_id(&self, account: crate::AccountRef<'_>, page: &url::Url) -> Result<Option<String>, String> {
        crate::pages::on_facebook(account, page)
    }

    fn reads_prepared(&self, version: u16) -> bool {
        version == prepare::VERSION
    }
}

/// Some addresses come without their origin.
fn absolute(address: String) -> String {
    if address.starts_with('/') {
        format!("https://www.facebook.com{address}")
    } else {
        address
    }
}

/// A post under its page.
fn remote_post(id: &str, permalink: Option<String>) -> RemotePost {
    let url = permalink.map_or_else(|| format!("https://www.facebook.com/{id}"), absolute);
    RemotePost::visible(id, Some(url))
}

fn story_post(id: &str) -> RemotePost {
    RemotePost::visible(id, Some(format!("https://www.facebook.com/stories/{id}")))
}

/// The creating call of a part: its path and its fields.
fn call_of(page: &str, frozen: &Frozen) -> (String, Vec<(String, String)>) {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match frozen {
        Frozen::Show { post } => (post.clone(), vec![field("is_published", "true")]),
        Frozen::ShowFilm { film } => (film.clone(), vec![field("published", "true")]),
        Frozen::Finish { kind, film, fields } => {
            let mut all = vec![
                field("upload_phase", "finish"),
                field("video_id", film),
                field("video_state", "PUBLISHED"),
            ];
            all.extend(fields.iter().cloned());
            (format!("{page}/{}", upload::edge(*kind)), all)
        }
        Frozen::PhotoStory { photo } => (format!("{page}/photo_stories"), vec![field("photo_id", photo)]),
        Frozen::Post { fields, .. } => (format!("{page}/feed"), fields.clone()),
        Frozen::Comment { on, text } => (format!("{on}/comments"), vec![field("message", text)]),
    }
}

/// What creating calls answer.
#[derive(Deserialize)]
struct Done {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    post_id: Value,
}

fn text_of(id: &Value) -> Option<String> {
    match id {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

async fn send(ctx: &SendCtx<'_>, armed: &Armed) -> Result<Sent, PlatformError> {
    let frozen: Frozen = thaw(Platform::Facebook, Stage::Send, &armed.prepared().bytes)?;
    if let Frozen::Finish { film, .. } = &frozen
        && ctx.prior.iter().any(|intent| intent.state == IntentState::Absent)
    {
        may_finish_again(ctx, armed, film).await?;
    }
    let (path, fields) = call_of(ctx.account.remote_id, &frozen);
    let request = Api::of(ctx).creating(&path).form(&fields);
    let answer = ctx.http.create(request, armed.send_by()).await;
    let answer = answer.map_err(|failure| failure.into_error(Platform::Facebook, Stage::Send))?;
    let refused = || in_context(ctx, armed, &frozen, classify(Stage::Send, &answer));
    let done = read_done(&answer).ok_or_else(refused)?;
    let left = ctx.http.left(armed.send_by());
    let remote = match &frozen {
        Frozen::Show { post } if done.success => remote_post(post, permalink(ctx, post, left).await),
        Frozen::ShowFilm { film } if done.success => {
            RemotePost::visible(film, permalink(ctx, film, left).await.map(absolute))
        }
        Frozen::Finish { film, .. } if done.success => {
            return Ok(Sent::Processing {
                handle: freeze(Platform::Facebook, Stage::Send, film)?,
                again_at: ctx.now.saturating_add(FIRST_LOOK).unwrap_or(Timestamp::MAX),
            });
        }
        Frozen::PhotoStory { .. } => story_post(&text_of(&done.post_id).ok_or_else(refused)?),
        Frozen::Post { .. } => {
            let id = text_of(&done.id).ok_or_else(refused)?;
            let address = permalink(ctx, &id, left).await;
            remote_post(&id, address)
        }
        Frozen::Comment { .. } => RemotePost::visible(text_of(&done.id).ok_or_else(refused)?, None),
        Frozen::Show { .. } | Frozen::ShowFilm { .. } | Frozen::Finish { .. } => return Err(refused()),
    };
    Ok(Sent::Live(remote))
}

/// Whether a film whose earlier `finish` was believed not to have arrived is still to be published.
async fn may_finish_again(ctx: &SendCtx<'_>, armed: &Armed, film: &str) -> Result<(), PlatformError> {
    let status = upload::state(&Api::of(ctx), film, Stage::Check)
        .await
        .map_err(|error| match error.code.as_deref() {
            Some("100/33") => error.with_retry(Retry::when(When::After(UNKNOWN_FOR)).at_most(UNKNOWN_TRIES)),
            _ => error,
        })?
        .status;
    // Facebook accepts a film that it cannot process, publishes nothing, and says so here only.
    if let Some(error) = status.failure() {
        return Err(error);
    }
    if was_believed_absent(ctx, armed) && !status.publishing_phase.has_not_begun() {
        let message = "Facebook is publishing this video already";
        let late = PlatformError::refused(Platform::Facebook, Stage::Send, ErrorKind::DuplicateContent, message);
        return Err(late.with_fate(Fate::LandedEarlier { remote: None }));
    }
    Ok(())
}

/// Whether these very bytes were sent before and believed not to have arrived.
fn was_believed_absent(ctx: &SendCtx<'_>, armed: &Armed) -> bool {
    let same = |intent: &&IntentRecord| intent.part == armed.part() && intent.prepared.bytes == armed.prepared().bytes;
    ctx.prior
        .iter()
        .filter(same)
        .any(|intent| intent.state == IntentState::Absent)
}

fn read_done(answer: &Answer) -> Option<Done> {
    serde_json::from_slice(&answer.body)
        .ok()
        .filter(|_| answer.is_success())
}

/// What a refusal means for this call, in the light of the part's earlier sends.
fn in_context(ctx: &SendCtx<'_>, armed: &Armed, frozen: &Frozen, mut error: PlatformError) -> PlatformError {
    let code = error.code.as_deref().unwrap_or_default();
    let is_unknown = code == "100/33";
    let is_not_understood = error.kind == ErrorKind::Invalid && code.split('/').next() == Some("100");
    let is_refused = error.fate == Fate::NotPublished;
    let at_once = |tries| {
        Retry::when(When::After(SignedDuration::from_secs(1)))
            .from_prepare()
            .at_most(tries)
    };
    match frozen {
        // What was just made is not known everywhere yet.
        Frozen::Show { .. } | Frozen::ShowFilm { .. } | Frozen::Finish { .. }
            if is_unknown && is_refused && refused_before(ctx, armed) < usize::from(UNKNOWN_TRIES) =>
        {
            error.kind = ErrorKind::NotReady;
            error.retry = Retry::when(When::After(UNKNOWN_FOR)).at_most(UNKNOWN_TRIES);
        }
        // This Page does not let an invisible post be shown: once more, and visible at once.
        Frozen::Show { .. } if is_not_understood && is_refused => error.retry = at_once(1),
        Frozen::Show { .. } if is_unknown && is_refused => error.retry = at_once(UNKNOWN_TRIES + 1),
        // Facebook does not understand the end of an upload that has ended.
        Frozen::Finish { .. } if is_not_understood && is_refused && was_believed_absent(ctx, armed) => {
            error.fate = Fate::LandedEarlier { remote: None };
        }
        _ => {}
    }
    if matches!(error.fate, Fate::LandedEarlier { .. }) {
        let could_have = |state| state != IntentState::NotPublished;
        let mut earlier = ctx
            .prior
            .iter()
            .filter(|intent| intent.id != armed.intent() && intent.part == armed.part());
        if !earlier.any(|intent| could_have(intent.state)) {
            // Without a send of ours that could have made it, the post that Facebook has is another one.
            error.fate = Fate::NotPublished;
        }
    }
    error
}

/// How often these very bytes were refused.
fn refused_before(ctx: &SendCtx<'_>, armed: &Armed) -> usize {
    let is_same = |intent: &&IntentRecord| {
        intent.id != armed.intent()
            && intent.state == IntentState::NotPublished
            && intent.prepared.bytes == armed.prepared().bytes
    };
    ctx.prior.iter().filter(is_same).count()
}

/// The public page of a post that is live. It often cannot be read right after publishing, which changes nothing.
async fn permalink(ctx: &SendCtx<'_>, id: &str, left: SignedDuration) -> Option<String> {
    #[derive(Deserialize)]
    struct Linked {
        permalink_url: Option<String>,
    }
    let api = Api::of(ctx);
    let request = api.call(Method::GET, id).query(&[("fields", "permalink_url")]);
    let read = api
        .read_within::<Linked>(request, Stage::Check, left.min(PERMALINK_BUDGET))
        .await;
    read.ok()?.1.permalink_url
}

/// `DELETE /{post}` (developers.facebook.com, Page Post). Its comments go with it. What does not exist and what may not be
/// seen are refused alike, so the post is looked at before it counts as gone.
async fn retract(ctx: &SendCtx<'_>, part: Part, remote: &RemotePost) -> Result<Retraction, PlatformError> {
    if part == Part::FirstComment {
        return Ok(Retraction::GoneAlready);
    }
    let id = retract::plain_id(Platform::Facebook, remote)?;
    let api = Api::of(ctx);
    let answer = retract::ask(ctx, Platform::Facebook, api.deleting(id)).await?;
    if graph::says_success(&answer) {
        return Ok(Retraction::TakenDown);
    }
    let refused = classify(Stage::Retract, &answer);
    if !graph::is_gone(&refused) {
        return Err(refused);
    }
    let look = api.call(Method::GET, id).query(&[("fields", "id")]);
    match api.read::<Value>(look, Stage::Retract).await {
        Err(error) if graph::is_gone(&error) => Ok(Retraction::GoneAlready),
        Err(error) => Err(error),
        Ok(_) => Err(refused),
    }
}

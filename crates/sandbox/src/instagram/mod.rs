//! Instagram's content publishing API (the Instagram Login flavour): container, wait, publish.
//!
//! The container is what makes a publish repeatable: a container that was published answers an error, never a second
//! post. The emulator fetches `image_url` and `video_url` itself, and the journal has the hash of what it got.
//!
//! Chosen where documentation and observation are open: refused tokens are 400; publishing a published container is
//! 9007/2207027, so a client must ask for its status; a container needs one status poll (videos two) to finish;
//! resumable uploads are refused, as they are documented for the Facebook flavour only; comments are in the journal
//! as posts whose `settings.kind` is `comment`.

mod containers;
mod media;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State as FromWorld;
use axum::routing::{get, post};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::account::{Account, AccountSeed, Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Dialect, Handled, Turn, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::limits::WindowView;
use crate::world::{Shared, World, lock};

/// How long a token lives.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);
/// How old a token must be before it can be refreshed.
const REFRESH_AGE: SignedDuration = SignedDuration::from_hours(24);

/// The emulator's own state.
#[derive(Debug, Default)]
pub(crate) struct State {
    containers: Mutex<HashMap<String, containers::Container>>,
}

impl State {
    pub(crate) fn clear(&self) {
        lock(&self.containers).clear();
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Instagram;

/// A Graph error with its subcode, which Instagram gives most of its errors.
fn refusal(code: i64, subcode: u64, message: &str) -> Answer {
    graph_error(400, code, Some(subcode), message, false)
}

fn graph_error(status: u16, code: i64, subcode: Option<u64>, message: &str, is_transient: bool) -> Answer {
    static TRACES: AtomicU64 = AtomicU64::new(1);
    let trace = format!("A{:010}x", TRACES.fetch_add(1, Ordering::Relaxed));
    let mut error = json!({
        "message": message,
        "type": "OAuthException",
        "code": code,
        "is_transient": is_transient,
        "fbtrace_id": trace,
    });
    if let (Some(object), Some(subcode)) = (error.as_object_mut(), subcode) {
        object.insert("error_subcode".to_owned(), json!(subcode));
        object.insert("error_user_title".to_owned(), json!(message));
        object.insert("error_user_msg".to_owned(), json!(message));
    }
    Answer::json(status, &json!({ "error": error })).with("x-fb-trace-id", trace)
}

/// An object that is not there, or not yet.
fn no_such_object(id: &str) -> Answer {
    let message = format!(
        "Unsupported get request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, \
         or does not support this operation"
    );
    refusal(100, 33, &message)
}

fn invalid(message: &str) -> Answer {
    graph_error(400, 100, None, &format!("(#100) {message}"), false)
}

fn usage(call_count: u64, regain_minutes: u64) -> String {
    json!({ "17841400000000000": [{
        "type": "instagram",
        "call_count": call_count,
        "total_cputime": 1,
        "total_time": 1,
        "estimated_time_to_regain_access": regain_minutes,
    }]})
    .to_string()
}

impl Dialect for Instagram {
    fn platform(&self) -> Platform {
        Platform::Instagram
    }

    fn server_error(&self, status: u16) -> Answer {
        let message = "An unexpected error has occurred. Please retry your request later.";
        graph_error(status, 2, None, message, true)
    }

    fn rate_limited(&self, retry_after_s: u64, _now: Timestamp) -> Answer {
        let answer = graph_error(403, 4, None, "(#4) Application request limit reached", true);
        answer.with("x-business-use-case-usage", usage(100, retry_after_s.div_ceil(60)))
    }

    fn unauthorized(&self) -> Answer {
        graph_error(
            400,
            190,
            None,
            "Invalid OAuth access token - Cannot parse access token",
            false,
        )
    }

    fn expired(&self) -> Answer {
        let message = "Error validating access token: Session has expired. The current time is later.";
        graph_error(400, 190, Some(463), message, false)
    }

    fn rejected(&self) -> Answer {
        refusal(
            36_003,
            2_207_009,
            "The submitted image with aspect ratio cannot be published.",
        )
    }

    fn refresh_refused(&self) -> Answer {
        self.expired()
    }

    fn stamp(&self, answer: &mut Answer, window: &WindowView, _now: Timestamp) {
        answer.headers.push(("facebook-api-version", "v25.0".to_owned()));
        if answer
            .headers
            .iter()
            .any(|(name, _)| *name == "x-business-use-case-usage")
        {
            return;
        }
        let used = (window.limit - window.remaining) * 100 / window.limit.max(1);
        answer.headers.push(("x-business-use-case-usage", usage(used, 0)));
    }
}

/// Issues the account's first long-lived token.
pub(crate) fn first_token(world: &World, account: &Arc<Account>, seed: &mut AccountSeed, now: Timestamp) {
    let (token, expires_at) = new_token(world, account, now);
    seed.token = token;
    seed.expires_at = Some(expires_at);
}

fn new_token(world: &World, account: &Arc<Account>, now: Timestamp) -> (String, Timestamp) {
    let token = format!("IGAA{}", world.random_text(150));
    let expires_at = now.saturating_add(TOKEN_LIFE).unwrap_or(Timestamp::MAX);
    world.issue(&token, account, TokenUse::Access, Some(expires_at), now);
    (token, expires_at)
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/refresh_access_token", get(refresh))
        .route("/{version}/refresh_access_token", get(refresh))
        .route("/{version}/{id}", get(media::node).post(media::update))
        .route("/{version}/{id}/media", post(containers::create).get(media::list))
        .route("/{version}/{id}/stories", get(media::stories))
        .route("/{version}/{id}/media_publish", post(media::publish))
        .route("/{version}/{id}/content_publishing_limit", get(media::publishing_limit))
        .route("/{version}/{id}/comments", post(media::comment).get(media::comments))
}

/// The next id of any Instagram object. Containers and media share one sequence, so that a restart, which knows the
/// media only, never repeats a published container's id.
fn new_id(turn: &Turn<Instagram>) -> String {
    const FLOOR: u64 = 17_900_000_000_000_000;
    let since = u64::try_from(turn.now.as_millisecond()).unwrap_or_default();
    turn.world.next_id(Platform::Instagram, FLOOR + since).to_string()
}

/// A request's fields with the token among them.
struct Asked {
    fields: Fields,
    token: Option<String>,
}

impl Asked {
    /// Unreadable bodies count as empty: what is missing is then told by name.
    fn read(call: &Call) -> Self {
        let fields = Fields::of(call).unwrap_or_default();
        let token = call.bearer().map(str::to_owned).or_else(|| fields.text("access_token"));
        Self { fields, token }
    }

    fn credential(&self) -> Credential<'_> {
        Credential::Access(self.token.as_deref())
    }
}

/// Whether `id` is the account of the token, by number or as `me`.
fn own_user(turn: &Turn<Instagram>, id: &str) -> Result<Arc<Account>, Answer> {
    let account = turn.account()?;
    if id == account.remote_id || id == "me" {
        Ok(account)
    } else {
        Err(no_such_object(id))
    }
}

async fn refresh(FromWorld(world): FromWorld<Shared>, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let credential = Credential::Other(asked.token.as_deref(), TokenUse::Access);
    let turn = open(&world, Instagram, &call, credential, Class::Refresh, "").await?;
    let answer = renew(&turn, &asked);
    Ok(turn.close(answer).await)
}

fn renew(turn: &Turn<Instagram>, asked: &Asked) -> Result<Answer, Answer> {
    if asked.fields.text("grant_type").as_deref() != Some("ig_refresh_token") {
        return Err(invalid("Param grant_type must be one of {ig_refresh_token}"));
    }
    let Holder::Good(account) = &turn.holder else {
        return Err(turn.account().err().unwrap_or_else(|| turn.dialect.unauthorized()));
    };
    let issued = turn
        .world
        .accounts()
        .issued_at(asked.token.as_deref().unwrap_or_default());
    if issued.is_none_or(|issued| turn.now.duration_since(issued) < REFRESH_AGE) {
        return Err(graph_error(
            400,
            10,
            None,
            "(#10) The access token must be at least 24 hours old",
            false,
        ));
    }
    let (token, _) = new_token(&turn.world, account, turn.now);
    Ok(Answer::ok(&json!({
        "access_token": token,
        "token_type": "bearer",
        "expires_in": TOKEN_LIFE.as_secs(),
        "permissions": "instagram_business_basic,instagram_business_content_publish,instagram_business_manage_comments",
    })))
}

/// The fields that `fields=` names, out of all that there are; `id` comes always.
fn selected(call: &Call, all: &Value) -> Value {
    let asked = call.query("fields").unwrap_or("id");
    let mut chosen = serde_json::Map::new();
    for name in asked.split(',').map(str::trim).chain(std::iter::once("id")) {
        if let Some(value) = all.get(name).filter(|value| !value.is_null()) {
            chosen.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(chosen)
}

#[cfg(test)]
mod tests;

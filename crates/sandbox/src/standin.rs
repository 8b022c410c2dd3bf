//! A simple protocol that stands in for platforms without an emulator of their own.
//!
//! - `POST /standin/{platform}/publish`, `Authorization: Bearer`, JSON `{"text", "media": [address or hash...],
//!   "reply_to"?, "account"? (another that the token may act for), ...}`, optional `Idempotency-Key`: 201
//!   `{"id", "url"}`. The same key again is the same id, 200.
//! - `POST /standin/{platform}/refresh`, form `refresh_token=`: `{"access_token", "refresh_token", "expires_in"}`.
//!   Refresh tokens are single use.
//! - `GET /standin/{platform}/lookup?key=`: the post made with that key as `{"id", "url"}`, or 404.
//!
//! Errors are `{"error": {"code", "message"}}`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::account::{Account, Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Dialect, Handled, Turn, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::journal::NewPost;
use crate::limits::WindowView;
use crate::medium::sha256_hex;
use crate::world::{Shared, World, later};

/// How long an access token lives.
const ACCESS_LIFE: SignedDuration = SignedDuration::from_hours(24 * 60);
/// How long a refresh token lives.
const REFRESH_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);
/// Media that a post may have.
const MEDIA_MAX: usize = 20;
/// The longest text, in characters.
const TEXT_CHARS_MAX: usize = 100_000;

#[derive(Debug, Clone, Copy)]
struct StandIn(Platform);

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": code, "message": message } }))
}

impl Dialect for StandIn {
    fn platform(&self) -> Platform {
        self.0
    }

    fn server_error(&self, status: u16) -> Answer {
        refusal(status, "server_error", "Something went wrong.")
    }

    fn rate_limited(&self, retry_after_s: u64, _now: Timestamp) -> Answer {
        refusal(429, "rate_limited", "Too many requests.").with("retry-after", retry_after_s.to_string())
    }

    fn unauthorized(&self) -> Answer {
        refusal(401, "invalid_token", "The access token is invalid.")
    }

    fn expired(&self) -> Answer {
        refusal(401, "expired_token", "The access token has expired.")
    }

    fn rejected(&self) -> Answer {
        refusal(422, "content_rejected", "This content is not allowed.")
    }

    fn refresh_refused(&self) -> Answer {
        refusal(400, "invalid_grant", "The refresh token is invalid.")
    }

    fn can_refresh(&self) -> bool {
        true
    }

    fn stamp(&self, answer: &mut Answer, window: &WindowView, _now: Timestamp) {
        answer.headers.push(("x-ratelimit-limit", window.limit.to_string()));
        answer
            .headers
            .push(("x-ratelimit-remaining", window.remaining.to_string()));
        answer
            .headers
            .push(("x-ratelimit-reset", window.reset.as_second().to_string()));
    }
}

/// An access token with its refresh token.
pub(crate) struct Pair {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) expires_at: Timestamp,
}

/// Issues a pair of tokens.
pub(crate) fn new_pair(world: &World, account: &Arc<Account>, now: Timestamp) -> Pair {
    let pair = Pair {
        access: format!("sat_{}", world.random_text(40)),
        refresh: format!("srt_{}", world.random_text(40)),
        expires_at: later(now, ACCESS_LIFE),
    };
    world.issue(&pair.access, account, TokenUse::Access, Some(pair.expires_at), now);
    world.issue(
        &pair.refresh,
        account,
        TokenUse::Refresh,
        Some(later(now, REFRESH_LIFE)),
        now,
    );
    pair
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/{platform}/publish", post(publish))
        .route("/{platform}/refresh", post(refresh))
        .route("/{platform}/lookup", get(lookup))
        .route("/{platform}/posts/{id}", get(page))
}

fn stand_in(word: &str) -> Result<StandIn, Response> {
    let unknown = |_| refusal(404, "not_found", "There is no such platform.").into_response();
    word.parse().map(StandIn).map_err(unknown)
}

async fn publish(State(world): State<Shared>, Path(word): Path<String>, call: Call) -> Handled {
    let dialect = stand_in(&word)?;
    let fields = Fields::of(&call);
    let text = fields
        .as_ref()
        .ok()
        .and_then(|fields| fields.text("text"))
        .unwrap_or_default();
    let mut turn = open(
        &world,
        dialect,
        &call,
        Credential::Access(call.bearer()),
        Class::Create,
        &text,
    )
    .await?;
    let answer = match &fields {
        Ok(fields) => create(&mut turn, fields, text, call.header("idempotency-key")),
        Err(_) => Err(refusal(400, "invalid_json", "The body is not a JSON object.")),
    };
    Ok(turn.close(answer).await)
}

fn create(turn: &mut Turn<StandIn>, fields: &Fields, text: String, key: Option<&str>) -> Result<Answer, Answer> {
    if fields.text("account").is_some_and(|other| !turn.act_as(&other)) {
        return Err(refusal(403, "not_allowed", "The token is not for this account."));
    }
    let account = turn.account()?;
    let world = Arc::clone(&turn.world);
    let media: Vec<String> = fields.list("media").iter().map(|medium| medium_hash(medium)).collect();
    if text.is_empty() && media.is_empty() {
        return Err(refusal(422, "empty", "A post needs text or media."));
    }
    if text.chars().count() > TEXT_CHARS_MAX || media.len() > MEDIA_MAX {
        return Err(refusal(422, "too_large", "The post is too large."));
    }
    let mut ledger = world.ledger();
    if let Some(known) = key.and_then(|key| ledger.by_key(turn.dialect.0, &account.remote_id, key)) {
        return Ok(Answer::ok(&json!({ "id": known.remote_id, "url": known.url })));
    }
    let id = format!("{}-{}", turn.dialect.0.word(), world.serial());
    let url = world.address(&format!("standin/{}/posts/{id}", turn.dialect.0.word()));
    let body = json!({ "id": id, "url": url });
    let settings: serde_json::Map<String, Value> = fields
        .names()
        .filter(|name| !matches!(*name, "text" | "media" | "reply_to" | "account"))
        .filter_map(|name| Some((name.to_owned(), fields.raw(name)?.clone())))
        .collect();
    turn.commit(
        &mut ledger,
        NewPost {
            remote_id: id,
            url: Some(url),
            text,
            alt: vec![String::new(); media.len()],
            media,
            reply_to: fields.text("reply_to"),
            settings: Value::Object(settings),
            key: key.map(str::to_owned),
            notes: Value::Null,
        },
    )?;
    Ok(Answer::json(201, &body))
}

/// A hash stays what it is; anything else, an address mostly, is known by the hash of its own text.
fn medium_hash(medium: &str) -> String {
    let is_hash = medium.len() == 64 && medium.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash {
        medium.to_ascii_lowercase()
    } else {
        sha256_hex(medium.as_bytes())
    }
}

async fn refresh(State(world): State<Shared>, Path(word): Path<String>, call: Call) -> Handled {
    let dialect = stand_in(&word)?;
    let token = Fields::of(&call).ok().and_then(|fields| fields.text("refresh_token"));
    let credential = Credential::Other(token.as_deref(), TokenUse::Refresh);
    let turn = open(&world, dialect, &call, credential, Class::Refresh, "").await?;
    let answer = match (&turn.holder, &token) {
        (Holder::Good(account), Some(token)) => {
            world.accounts().kill(token, turn.now);
            let pair = new_pair(&world, account, turn.now);
            Ok(Answer::ok(&json!({
                "access_token": pair.access,
                "refresh_token": pair.refresh,
                "expires_in": ACCESS_LIFE.as_secs(),
            })))
        }
        _ => Err(dialect.refresh_refused()),
    };
    Ok(turn.close(answer).await)
}

async fn lookup(State(world): State<Shared>, Path(word): Path<String>, call: Call) -> Handled {
    let dialect = stand_in(&word)?;
    let turn = open(
        &world,
        dialect,
        &call,
        Credential::Access(call.bearer()),
        Class::Read,
        "",
    )
    .await?;
    let answer = turn.account().and_then(|account| {
        let key = call.query("key").unwrap_or_default();
        match world.ledger().by_key(dialect.0, &account.remote_id, key) {
            Some(post) if turn.shows(&post) => Ok(Answer::ok(&json!({ "id": post.remote_id, "url": post.url }))),
            _ => Err(refusal(404, "not_found", "No post was made with this key.")),
        }
    });
    Ok(turn.close(answer).await)
}

/// The post's public page.
async fn page(State(world): State<Shared>, Path((word, id)): Path<(String, String)>, call: Call) -> Handled {
    let dialect = stand_in(&word)?;
    let turn = open(&world, dialect, &call, Credential::Open, Class::Read, "").await?;
    let post = world.ledger().by_remote(dialect.0, &id).filter(|post| turn.shows(post));
    Ok(turn.close(Ok(Answer::page(post.as_deref()))).await)
}

#[cfg(test)]
mod tests;

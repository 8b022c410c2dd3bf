//! Mastodon, from docs.joinmastodon.org: media, statuses, and what a publisher reads back.
//!
//! Chosen where the documentation is open: a wrong visibility is a 422; `scheduled_at` is refused, since Mastodon
//! ignores the idempotency key with it and nobody here needs it; videos take one status poll to process.

mod instance;
mod media;
mod statuses;

use std::collections::HashMap;
use std::sync::Mutex;

use axum::Router;
use axum::extract::State as FromWorld;
use axum::routing::{get, post};
use domain::platform::Platform;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Dialect, Handled, open};
use crate::fault::Class;
use crate::limits::WindowView;
use crate::world::{Shared, World, lock};

/// The emulator's own state: media that are not yet, or no longer only, in a post.
#[derive(Debug, Default)]
pub(crate) struct State {
    media: Mutex<HashMap<String, media::Attachment>>,
}

impl State {
    pub(crate) fn clear(&self) {
        lock(&self.media).clear();
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Mastodon;

/// An error body of Mastodon.
pub(crate) fn refusal(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": message }))
}

fn not_found() -> Answer {
    refusal(404, "Record not found")
}

impl Dialect for Mastodon {
    fn platform(&self) -> Platform {
        Platform::Mastodon
    }

    fn server_error(&self, status: u16) -> Answer {
        match status {
            500 => refusal(500, "We're sorry, but something went wrong on our end."),
            503 => refusal(
                503,
                "There was a temporary problem serving your request, please try again",
            ),
            other => refusal(other, "Remote data could not be fetched"),
        }
    }

    fn rate_limited(&self, retry_after_s: u64, now: Timestamp) -> Answer {
        let wait = jiff::SignedDuration::from_secs(i64::try_from(retry_after_s).unwrap_or(i64::MAX));
        let reset = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        refusal(429, "Too many requests")
            .with("x-ratelimit-limit", "300")
            .with("x-ratelimit-remaining", "0")
            .with("x-ratelimit-reset", iso(reset))
    }

    fn unauthorized(&self) -> Answer {
        refusal(401, "The access token is invalid")
    }

    fn expired(&self) -> Answer {
        refusal(401, "The access token expired")
    }

    fn rejected(&self) -> Answer {
        refusal(
            422,
            "Validation failed: Text contains content that this server does not allow",
        )
    }

    fn scopes_for(&self, class: Class) -> &'static [&'static str] {
        match class {
            Class::Create | Class::Delete => &["write", "write:statuses"],
            Class::Upload => &["write", "write:media"],
            _ => &[],
        }
    }

    fn missing_scope(&self) -> Answer {
        refusal(403, "This action is outside the authorized scopes")
    }

    fn stamp(&self, answer: &mut Answer, window: &WindowView, _now: Timestamp) {
        if answer.status == 429 && answer.headers.iter().any(|(name, _)| *name == "x-ratelimit-reset") {
            return;
        }
        answer.headers.push(("x-ratelimit-limit", window.limit.to_string()));
        answer
            .headers
            .push(("x-ratelimit-remaining", window.remaining.to_string()));
        answer.headers.push(("x-ratelimit-reset", iso(window.reset)));
    }
}

/// A time as Mastodon writes it: RFC 3339 with milliseconds.
fn iso(at: Timestamp) -> String {
    format!("{at:.3}")
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v2/instance", get(instance::v2))
        .route("/api/v1/instance", get(instance::v1))
        .route("/api/v1/accounts/verify_credentials", get(verify_credentials))
        .route("/api/v1/accounts/{id}/statuses", get(statuses::of_account))
        .route("/api/v2/media", post(media::upload_v2))
        .route("/api/v1/media", post(media::upload_v1))
        .route("/api/v1/media/{id}", get(media::show).put(media::update))
        .route("/api/v1/statuses", post(statuses::create))
        .route("/api/v1/statuses/{id}", get(statuses::show).delete(statuses::delete))
        .route("/api/v1/statuses/{id}/source", get(statuses::source))
        .route("/{author}/{id}", get(statuses::page))
}

fn account_json(world: &World, account: &Account) -> Value {
    let page = world.address(&format!("mastodon/@{}", account.handle));
    json!({
        "id": account.remote_id,
        "username": account.handle,
        "acct": account.handle,
        "display_name": account.handle,
        "locked": false,
        "bot": false,
        "discoverable": true,
        "indexable": true,
        "group": false,
        "created_at": iso(account.since),
        "note": "",
        "url": page,
        "uri": world.address(&format!("mastodon/users/{}", account.handle)),
        "avatar": world.address("samples/image2.png"),
        "avatar_static": world.address("samples/image2.png"),
        "header": world.address("samples/image2.png"),
        "header_static": world.address("samples/image2.png"),
        "followers_count": 0,
        "following_count": 0,
        "statuses_count": world.ledger().count_of_account(Platform::Mastodon, &account.remote_id),
        "last_status_at": null,
        "emojis": [],
        "fields": [],
    })
}

async fn verify_credentials(FromWorld(world): FromWorld<Shared>, call: Call) -> Handled {
    let turn = open(
        &world,
        Mastodon,
        &call,
        Credential::Access(call.bearer()),
        Class::Check,
        "",
    )
    .await?;
    let answer = turn.account().map(|account| {
        let mut value = account_json(&world, &account);
        if let Some(object) = value.as_object_mut() {
            let source = json!({
                "note": "",
                "fields": [],
                "privacy": "public",
                "sensitive": false,
                "language": "en",
                "follow_requests_count": 0,
                "discoverable": true,
                "indexable": true,
                "hide_collections": null,
                "attribution_domains": [],
            });
            // The role that everybody has.
            let role = json!({ "id": "-99", "name": "", "permissions": "65536", "color": "", "highlighted": false });
            object.extend([("source".to_owned(), source), ("role".to_owned(), role)]);
        }
        Answer::ok(&value)
    });
    Ok(turn.close(answer).await)
}

#[cfg(test)]
mod tests;

//! X, API v2: posts, chunked media, the timeline that a publisher reconciles with, and rotating tokens.
//!
//! No idempotency key exists; the only net is the refusal of a repeated text within an hour. The text that comes back
//! is never the text that was sent when there are links or media.
//!
//! Chosen where documentation and observation are open: too long a text is a 400 of the "invalid request" shape; a
//! missing reply target is a 404; the host in an error's `type` alternates between `api.x.com` and `api.twitter.com`,
//! as both are seen; links without a scheme are not links.

mod media;
mod oauth;
mod posts;
mod shown;
mod timeline;
mod weight;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State as FromWorld;
use axum::routing::{get, post};
use domain::platform::Platform;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use oauth::first_tokens;

use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Dialect, Handled, open};
use crate::fault::Class;
use crate::limits::WindowView;
use crate::world::{Shared, lock};

/// The emulator's own state.
#[derive(Debug, Default)]
pub(crate) struct State {
    media: Mutex<HashMap<String, media::Upload>>,
    answers: AtomicU64,
}

impl State {
    pub(crate) fn clear(&self) {
        lock(&self.media).clear();
    }

    /// The host of an error's `type`: one, then the other.
    fn problem_host(&self) -> &'static str {
        if self.answers.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
            "api.x.com"
        } else {
            "api.twitter.com"
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct X;

/// An error in the shape of RFC 7807.
fn problem(status: u16, title: &str, detail: &str) -> Answer {
    let body = json!({ "title": title, "detail": detail, "type": "about:blank", "status": status });
    Answer {
        mime: "application/problem+json",
        ..Answer::json(status, &body)
    }
}

fn forbidden(detail: &str) -> Answer {
    problem(403, "Forbidden", detail)
}

/// "One or more parameters to your request was invalid."
fn invalid(state: &State, message: &str, parameters: &Value) -> Answer {
    let body = json!({
        "errors": [{ "message": message, "parameters": parameters }],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": format!("https://{}/2/problems/invalid-request", state.problem_host()),
    });
    Answer {
        mime: "application/problem+json",
        ..Answer::json(400, &body)
    }
}

/// What a post that is not there is told with, alone or next to `data`.
fn not_found_error(state: &State, id: &str) -> Value {
    json!({
        "value": id,
        "detail": format!("Could not find tweet with id: [{id}]."),
        "title": "Not Found Error",
        "resource_type": "tweet",
        "parameter": "id",
        "resource_id": id,
        "type": format!("https://{}/2/problems/resource-not-found", state.problem_host()),
    })
}

fn not_found(state: &State, id: &str) -> Answer {
    let mut body = not_found_error(state, id);
    if let Some(object) = body.as_object_mut() {
        object.insert("status".to_owned(), json!(404));
    }
    Answer {
        mime: "application/problem+json",
        ..Answer::json(404, &body)
    }
}

impl Dialect for X {
    fn platform(&self) -> Platform {
        Platform::X
    }

    fn server_error(&self, status: u16) -> Answer {
        match status {
            503 => problem(503, "Service Unavailable", "Service Unavailable"),
            other => problem(
                other,
                "Internal Server Error",
                "Something went wrong, please try again.",
            ),
        }
    }

    fn rate_limited(&self, retry_after_s: u64, now: Timestamp) -> Answer {
        let wait = i64::try_from(retry_after_s).unwrap_or(i64::MAX);
        problem(429, "Too Many Requests", "Too Many Requests")
            .with("x-rate-limit-limit", "100")
            .with("x-rate-limit-remaining", "0")
            .with("x-rate-limit-reset", now.as_second().saturating_add(wait).to_string())
    }

    fn unauthorized(&self) -> Answer {
        problem(401, "Unauthorized", "Unauthorized")
    }

    fn expired(&self) -> Answer {
        self.unauthorized()
    }

    fn rejected(&self) -> Answer {
        forbidden("You are not permitted to perform this action.")
    }

    fn can_refresh(&self) -> bool {
        true
    }

    fn scopes_for(&self, class: Class) -> &'static [&'static str] {
        match class {
            Class::Create | Class::Delete => &["tweet.write"],
            Class::Upload => &["media.write"],
            _ => &[],
        }
    }

    fn missing_scope(&self) -> Answer {
        forbidden("Forbidden")
    }

    fn stamp(&self, answer: &mut Answer, window: &WindowView, _now: Timestamp) {
        if answer.headers.iter().any(|(name, _)| *name == "x-rate-limit-reset") {
            return;
        }
        answer.headers.push(("x-rate-limit-limit", window.limit.to_string()));
        answer
            .headers
            .push(("x-rate-limit-remaining", window.remaining.to_string()));
        answer
            .headers
            .push(("x-rate-limit-reset", window.reset.as_second().to_string()));
    }
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/2/tweets", post(posts::create))
        .route("/2/tweets/{id}", get(timeline::show).delete(posts::delete))
        .route("/2/users/me", get(me))
        .route("/2/users/{id}/tweets", get(timeline::list))
        .route("/2/media/upload", post(media::one_shot).get(media::status))
        .route("/2/media/upload/initialize", post(media::initialize))
        .route("/2/media/upload/{id}/append", post(media::append))
        .route("/2/media/upload/{id}/finalize", post(media::finalize))
        .route("/2/media/metadata", post(media::metadata))
}

/// The smallest id of this moment: milliseconds since X's own epoch, shifted by 22 bits.
fn snowflake(now: Timestamp) -> u64 {
    const EPOCH_MS: i64 = 1_288_834_974_657;
    u64::try_from(now.as_millisecond() - EPOCH_MS).unwrap_or_default() << 22
}

async fn me(FromWorld(world): FromWorld<Shared>, call: Call) -> Handled {
    let turn = open(&world, X, &call, Credential::Access(call.bearer()), Class::Check, "").await?;
    let answer = turn.account().map(|account| {
        let mut user = json!({ "id": account.remote_id, "name": account.handle, "username": account.handle });
        let asked = call.query("user.fields").unwrap_or_default();
        let extras = [
            ("profile_image_url", json!(world.address("samples/image2.png"))),
            ("verified_type", json!("none")),
            ("subscription_type", json!("None")),
            ("verified", json!(false)),
        ];
        if let Some(object) = user.as_object_mut() {
            for (name, value) in extras {
                if asked.split(',').any(|field| field.trim() == name) {
                    object.insert(name.to_owned(), value);
                }
            }
        }
        Answer::ok(&json!({ "data": user }))
    });
    Ok(turn.close(answer).await)
}

#[cfg(test)]
mod tests;

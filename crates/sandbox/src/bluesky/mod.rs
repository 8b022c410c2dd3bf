//! Bluesky: a PDS of the AT Protocol with its XRPC methods, from atproto.com and the published lexicons.
//!
//! Chosen where these are open: blobs may be up to 5 MiB (the reference server's default) and videos up to 100 MB;
//! facet ranges must lie in the text, which catches a client's mistakes although a PDS lets them pass; a repeated
//! put of other content overwrites text and record, as the protocol has it, and is visible in the journal as an edit.

mod blobs;
mod cid;
mod lexicon;
mod records;
mod session;
mod views;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State as FromWorld;
use axum::routing::{get, post};
use domain::platform::Platform;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) use session::{did_doc, first_session, signed};

use crate::account::{Account, Grant};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Dialect, Handled, open};
use crate::fault::Class;
use crate::limits::WindowView;
use crate::signin;
use crate::world::{Shared, World, lock};

/// The emulator's own state.
#[derive(Debug, Default)]
pub(crate) struct State {
    blobs: Mutex<HashMap<(String, String), blobs::Blob>>,
    /// Records that are no posts (thread gates and the like), by repository, collection and key.
    others: Mutex<HashMap<(String, String, String), Value>>,
}

impl State {
    pub(crate) fn clear(&self) {
        lock(&self.blobs).clear();
        lock(&self.others).clear();
    }
}

/// A DID of 24 base-32 letters.
pub(crate) fn made_up_did(random: &str) -> String {
    let letters = random.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'2'..=b'7' => char::from(byte),
        b'A'..=b'Z' => char::from(byte.to_ascii_lowercase()),
        _ => 'q',
    });
    format!("did:plc:{}", letters.collect::<String>())
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Bluesky;

/// An XRPC error body.
fn refusal(status: u16, error: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "message": message }))
}

fn invalid(message: &str) -> Answer {
    refusal(400, "InvalidRequest", message)
}

impl Dialect for Bluesky {
    fn platform(&self) -> Platform {
        Platform::Bluesky
    }

    fn server_error(&self, status: u16) -> Answer {
        match status {
            502 => refusal(502, "UpstreamFailure", "Upstream Failure"),
            503 => refusal(503, "NotEnoughResources", "Not Enough Resources"),
            504 => refusal(504, "UpstreamTimeout", "Upstream Timeout"),
            other => refusal(other, "InternalServerError", "Internal Server Error"),
        }
    }

    fn rate_limited(&self, retry_after_s: u64, now: Timestamp) -> Answer {
        let wait = i64::try_from(retry_after_s).unwrap_or(i64::MAX);
        refusal(429, "RateLimitExceeded", "Rate Limit Exceeded")
            .with("ratelimit-limit", "3000")
            .with("ratelimit-remaining", "0")
            .with("ratelimit-reset", now.as_second().saturating_add(wait).to_string())
            .with("ratelimit-policy", "3000;w=300")
    }

    fn unauthorized(&self) -> Answer {
        refusal(401, "AuthMissing", "Authentication Required")
    }

    fn unknown_token(&self) -> Answer {
        refusal(400, "InvalidToken", "Token could not be verified")
    }

    fn expired(&self) -> Answer {
        refusal(400, "ExpiredToken", "Token has expired")
    }

    fn rejected(&self) -> Answer {
        invalid("Invalid app.bsky.feed.post record: Record/text must not contain this content at $.record.text")
    }

    fn refresh_refused(&self) -> Answer {
        refusal(400, "ExpiredToken", "Token has been revoked")
    }

    fn can_refresh(&self) -> bool {
        true
    }

    fn scopes_for(&self, class: Class) -> &'static [&'static str] {
        match class {
            Class::Create | Class::Upload | Class::Delete => &["transition:generic"],
            _ => &[],
        }
    }

    fn missing_scope(&self) -> Answer {
        let message = "Missing required scope \"repo:app.bsky.feed.post?action=create\"";
        refusal(403, "ScopeMissingError", message)
    }

    fn check_proof(&self, world: &World, call: &Call, secret: &str, grant: Option<&Grant>) -> Result<(), Answer> {
        signin::check_bound(world, call, secret, grant)
    }

    fn stamp(&self, answer: &mut Answer, window: &WindowView, now: Timestamp) {
        if !answer.headers.iter().any(|(name, _)| *name == "dpop-nonce") {
            answer.headers.push(("dpop-nonce", signin::nonce(now)));
        }
        if answer.headers.iter().any(|(name, _)| *name == "ratelimit-reset") {
            return;
        }
        answer.headers.push(("ratelimit-limit", window.limit.to_string()));
        answer
            .headers
            .push(("ratelimit-remaining", window.remaining.to_string()));
        answer
            .headers
            .push(("ratelimit-reset", window.reset.as_second().to_string()));
        answer
            .headers
            .push(("ratelimit-policy", format!("{};w={}", window.limit, window.window_s)));
    }
}

pub(crate) fn routes() -> Router<Shared> {
    let xrpc = |method: &str| format!("/xrpc/com.atproto.{method}");
    Router::new()
        .route(&xrpc("server.describeServer"), get(describe_server))
        .route(&xrpc("server.createSession"), post(session::create))
        .route(&xrpc("server.refreshSession"), post(session::refresh))
        .route(&xrpc("server.deleteSession"), post(session::delete))
        .route(&xrpc("server.getSession"), get(session::show))
        .route(&xrpc("identity.resolveHandle"), get(resolve_handle))
        .route(&xrpc("repo.uploadBlob"), post(blobs::upload))
        .route(&xrpc("sync.getBlob"), get(blobs::show))
        .route(&xrpc("repo.putRecord"), post(records::put))
        .route(&xrpc("repo.createRecord"), post(records::create))
        .route(&xrpc("repo.getRecord"), get(records::show))
        .route(&xrpc("repo.listRecords"), get(records::list))
        .route(&xrpc("repo.deleteRecord"), post(records::delete))
        .route("/xrpc/app.bsky.feed.getPosts", get(views::posts))
        .route("/xrpc/app.bsky.actor.getProfile", get(views::profile))
}

/// The account that `repo` names, by DID or handle.
pub(crate) fn repo(world: &World, name: &str) -> Option<Arc<Account>> {
    let accounts = world.accounts();
    let found = if name.starts_with("did:") {
        accounts.by_id(Platform::Bluesky, name)
    } else {
        accounts.by_handle(Platform::Bluesky, name)
    };
    found.filter(|account| !account.stand_in)
}

async fn describe_server(FromWorld(world): FromWorld<Shared>, call: Call) -> Handled {
    let turn = open(&world, Bluesky, &call, Credential::Open, Class::Check, "").await?;
    let body =
        json!({ "did": "did:web:localhost", "availableUserDomains": [".example.com"], "inviteCodeRequired": false });
    Ok(turn.close(Ok(Answer::ok(&body))).await)
}

async fn resolve_handle(FromWorld(world): FromWorld<Shared>, call: Call) -> Handled {
    let turn = open(&world, Bluesky, &call, Credential::Open, Class::Check, "").await?;
    let handle = call.query("handle").unwrap_or_default();
    let answer = match repo(&world, handle) {
        _ if handle.is_empty() => Err(invalid("Error: Params must have the property \"handle\"")),
        Some(account) => Ok(Answer::ok(&json!({ "did": account.remote_id }))),
        None => Err(invalid("Unable to resolve handle")),
    };
    Ok(turn.close(answer).await)
}

#[cfg(test)]
mod tests;

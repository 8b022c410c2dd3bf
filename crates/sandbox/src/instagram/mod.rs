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
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State as FromWorld;
use axum::routing::{get, post};
use domain::platform::Platform;
use jiff::Timestamp;
use serde_json::json;

use crate::account::{Account, AccountSeed, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Dialect, Handled, Turn, open};
use crate::fault::Class;
use crate::graph::{self, Asked, refusal};
use crate::limits::WindowView;
use crate::world::{Shared, World, lock};

/// What its access tokens begin with.
const TOKEN_LETTERS: &str = "IGAA";
/// Its word for itself in usage headers.
const KIND: &str = "instagram";

/// What the usual token may do.
const PERMISSIONS: &str =
    "instagram_business_basic,instagram_business_content_publish,instagram_business_manage_comments";

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

impl Dialect for Instagram {
    fn platform(&self) -> Platform {
        Platform::Instagram
    }

    fn server_error(&self, status: u16) -> Answer {
        graph::server_error(status)
    }

    fn rate_limited(&self, retry_after_s: u64, _now: Timestamp) -> Answer {
        let answer = graph::error(403, 4, None, "(#4) Application request limit reached", true);
        graph::throttled(answer, KIND, retry_after_s)
    }

    fn unauthorized(&self) -> Answer {
        graph::unauthorized()
    }

    fn expired(&self) -> Answer {
        graph::expired()
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

    fn scopes_for(&self, class: Class) -> &'static [&'static str] {
        match class {
            Class::Create | Class::Upload => &["instagram_business_content_publish"],
            _ => &[],
        }
    }

    fn missing_scope(&self) -> Answer {
        let message = "(#10) Application does not have permission for this action";
        graph::error(403, 10, None, message, false)
    }

    fn stamp(&self, answer: &mut Answer, window: &WindowView, now: Timestamp) {
        self.stamp_for(answer, window, now, None);
    }

    fn stamp_for(&self, answer: &mut Answer, window: &WindowView, _now: Timestamp, account: Option<&str>) {
        graph::stamp(answer, window, account, KIND, "v25.0");
    }
}

/// Issues the account's first long-lived token.
pub(crate) fn first_token(world: &World, account: &Arc<Account>, seed: &mut AccountSeed, now: Timestamp) {
    graph::first_token(world, account, seed, now, TOKEN_LETTERS);
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
    graph::new_id(turn, 17_900_000_000_000_000)
}

async fn refresh(FromWorld(world): FromWorld<Shared>, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let credential = Credential::Other(asked.token.as_deref(), TokenUse::Access);
    let turn = open(&world, Instagram, &call, credential, Class::Refresh, "").await?;
    let answer = graph::renew(&turn, &asked, "ig_refresh_token", TOKEN_LETTERS).map(|mut renewed| {
        if let Some(object) = renewed.as_object_mut() {
            object.insert("permissions".to_owned(), json!(PERMISSIONS));
        }
        Answer::ok(&renewed)
    });
    Ok(turn.close(answer).await)
}

#[cfg(test)]
mod tests;

//! Threads: containers that are prepared and then published, replies, and reading back.
//!
//! As on Instagram, the container is what makes a publish repeatable. What Threads adds is a lie: a container that
//! exists is denied until it is known everywhere.
//!
//! Chosen where documentation and observation are open: a container is known everywhere after five seconds, or once its
//! status was read as finished, unless a script's read lag says when; text is finished at once, images need one status
//! poll and videos two; whatever is wrong with a file is told by the container's status; the full quota is 9/2207042.

mod containers;
mod posts;
mod text;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State as FromWorld;
use axum::routing::{get, post};
use domain::platform::Platform;
use jiff::Timestamp;

use crate::account::{Account, AccountSeed, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Dialect, Handled, Turn, open};
use crate::fault::Class;
use crate::graph::{self, Asked};
use crate::limits::WindowView;
use crate::world::{Shared, World, lock};

/// What its access tokens begin with.
const TOKEN_LETTERS: &str = "THAA";
/// Its word for itself in usage headers.
const KIND: &str = "threads";

/// The emulator's own state.
#[derive(Debug, Default)]
pub(crate) struct State {
    containers: Mutex<HashMap<String, containers::Container>>,
    /// Deletions by account, which count against a quota of their own.
    deletions: Mutex<HashMap<String, Vec<Timestamp>>>,
}

impl State {
    pub(crate) fn clear(&self) {
        lock(&self.containers).clear();
        lock(&self.deletions).clear();
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Threads;

impl Dialect for Threads {
    fn platform(&self) -> Platform {
        Platform::Threads
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
        graph::abusive()
    }

    fn refresh_refused(&self) -> Answer {
        self.expired()
    }

    fn scopes_for(&self, class: Class) -> &'static [&'static str] {
        match class {
            Class::Create | Class::Upload => &["threads_content_publish"],
            Class::Delete => &["threads_delete"],
            Class::Read | Class::Check | Class::Refresh | Class::Any => &[],
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
        graph::stamp(answer, window, account, KIND, "v1.0");
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
        .route("/{version}/{id}", get(posts::node).delete(posts::delete))
        .route("/{version}/{id}/threads", post(containers::create).get(posts::list))
        .route("/{version}/{id}/threads_publish", post(posts::publish))
        .route("/{version}/{id}/threads_publishing_limit", get(posts::publishing_limit))
        .route("/{version}/{id}/replies", get(posts::replies))
        .route("/{version}/{id}/conversation", get(posts::replies))
        .route("/{version}/{id}/repost", post(posts::repost))
}

/// The next id of any object. Containers and posts share one sequence, so that a restart, which knows the posts only,
/// never repeats a published container's id.
fn new_id(turn: &Turn<Threads>) -> String {
    graph::new_id(turn, 17_800_000_000_000_000)
}

/// "The requested resource does not exist", which may mean "not everywhere yet".
fn not_everywhere(id: &str) -> Answer {
    graph::explained(
        24,
        4_279_009,
        "The requested resource does not exist",
        "Media Not Found",
        &format!("The media with id {id} cannot be found."),
    )
}

async fn refresh(FromWorld(world): FromWorld<Shared>, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let credential = Credential::Other(asked.token.as_deref(), TokenUse::Access);
    let turn = open(&world, Threads, &call, credential, Class::Refresh, "").await?;
    let renewed = graph::renew(&turn, &asked, "th_refresh_token", TOKEN_LETTERS);
    Ok(turn.close(renewed.map(|renewed| Answer::ok(&renewed))).await)
}

#[cfg(test)]
mod tests;

//! Facebook Pages: posts, photos, videos, reels and stories of the Graph API.
//!
//! There is no idempotency key, but the two-step surfaces give one: what is created unpublished has an id before
//! anybody can see it, and making it visible can be repeated. Only what became visible is in the journal.
//!
//! Chosen where documentation and observation are open: photos may have 10 MB; chunks of the classic protocol have
//! 1 MiB; upload sessions live for a day; a repeated message is refused for an hour when it is the page's newest;
//! whatever is wrong with a reel is told at `finish`, except what a script makes fail in processing; a `finish` after
//! the video was published is refused; the 31st reel of a day is 9/1390008; a scheduled post is in the journal at once,
//! and visible when its time comes.

mod comments;
mod feed;
mod photos;
mod reads;
mod rupload;
mod stories;
mod transfer;
mod videos;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::{get, post};
use domain::platform::Platform;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::account::{Account, AccountSeed, TokenUse};
use crate::answer::Answer;
use crate::exchange::{Dialect, Turn};
use crate::fault::Class;
use crate::graph::{self, Asked};
use crate::journal::{Ledger, Published};
use crate::limits::WindowView;
use crate::world::{Shared, World, lock};

/// Its word for itself in usage headers.
const KIND: &str = "pages";

/// The emulator's own state: what nobody can see yet.
#[derive(Debug, Default)]
pub(crate) struct State {
    photos: Mutex<HashMap<String, photos::Photo>>,
    drafts: Mutex<HashMap<String, feed::Draft>>,
    videos: Mutex<HashMap<String, videos::Video>>,
}

impl State {
    pub(crate) fn clear(&self) {
        lock(&self.photos).clear();
        lock(&self.drafts).clear();
        lock(&self.videos).clear();
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Facebook;

impl Dialect for Facebook {
    fn platform(&self) -> Platform {
        Platform::Facebook
    }

    fn server_error(&self, status: u16) -> Answer {
        graph::server_error(status)
    }

    fn rate_limited(&self, retry_after_s: u64, _now: Timestamp) -> Answer {
        let answer = graph::error(403, 32, None, "(#32) Page request limit reached", false);
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

    fn scopes_for(&self, class: Class) -> &'static [&'static str] {
        match class {
            Class::Create | Class::Upload | Class::Delete => &["pages_manage_posts", "publish_video"],
            Class::Read | Class::Check | Class::Refresh | Class::Any => &[],
        }
    }

    fn missing_scope(&self) -> Answer {
        let message = "(#200) If posting to a page, requires both pages_read_engagement and pages_manage_posts as an \
                       admin with sufficient administrative permission";
        graph::error(403, 200, None, message, false)
    }

    fn stamp(&self, answer: &mut Answer, window: &WindowView, now: Timestamp) {
        self.stamp_for(answer, window, now, None);
    }

    fn stamp_for(&self, answer: &mut Answer, window: &WindowView, _now: Timestamp, account: Option<&str>) {
        let used = graph::used_percent(window);
        let app = json!({ "call_count": used, "total_time": 1, "total_cputime": 1 });
        answer.headers.push(("x-app-usage", app.to_string()));
        graph::stamp(answer, window, account, KIND, "v25.0");
    }
}

/// Issues the page's token, which has no end.
pub(crate) fn first_token(world: &World, account: &Arc<Account>, seed: &mut AccountSeed, now: Timestamp) {
    seed.token = format!("EAAP{}", world.random_text(150));
    world.issue(&seed.token, account, TokenUse::Access, None, now);
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/video-upload/{version}/{id}", post(rupload::take))
        .route(
            "/{version}/{id}",
            get(reads::node).post(feed::update).delete(reads::delete),
        )
        .route("/{version}/{id}/feed", post(feed::create).get(reads::list))
        .route("/{version}/{id}/posts", get(reads::list))
        .route("/{version}/{id}/published_posts", get(reads::list))
        .route("/{version}/{id}/photos", post(photos::create))
        .route("/{version}/{id}/videos", post(transfer::classic))
        .route("/{version}/{id}/video_reels", post(videos::reel))
        .route("/{version}/{id}/video_stories", post(videos::story))
        .route("/{version}/{id}/photo_stories", post(stories::of_photo))
        .route("/{version}/{id}/stories", get(stories::list))
        .route("/{version}/{id}/thumbnails", post(videos::thumbnail))
        .route("/{version}/{id}/collaborators", post(videos::collaborator))
        .route("/{version}/{id}/comments", post(comments::create).get(comments::list))
}

/// The next id of any object. All share one sequence, so that a restart, which knows what was published, repeats none.
fn new_id(turn: &Turn<Facebook>) -> String {
    graph::new_id(turn, 100_000_000_000_000)
}

/// Whether a request makes its object visible, now or at a time that it names.
fn makes_visible(asked: &Asked) -> bool {
    asked.fields.text("published").is_none() || asked.fields.flag("published") || is_scheduled(asked)
}

fn is_scheduled(asked: &Asked) -> bool {
    asked.fields.text("scheduled_publish_time").is_some()
}

fn class_of(is_visible: bool) -> Class {
    if is_visible { Class::Create } else { Class::Upload }
}

/// Hides what is committed next until the time that the request names.
fn schedule(turn: &mut Turn<Facebook>, asked: &Asked, earliest_s: i64, latest_s: i64) -> Result<(), Answer> {
    let Some(time) = asked.fields.text("scheduled_publish_time") else {
        return Ok(());
    };
    let wait = time.parse::<i64>().ok().map(|at| at - turn.now.as_second());
    let wait = wait.filter(|wait| (earliest_s..=latest_s).contains(wait));
    let wait = wait.and_then(|wait| u64::try_from(wait).ok());
    turn.picked.read_lag_s = wait.ok_or_else(|| graph::invalid("The specified scheduled publish time is invalid."))?;
    Ok(())
}

/// A photo or a video that belongs to a page.
fn success() -> Answer {
    Answer::ok(&json!({ "success": true }))
}

fn kind_of(post: &Published) -> &str {
    graph::note(post, "kind")
}

fn media_ids(post: &Published) -> Vec<&str> {
    let ids = post.notes.get("media_ids").and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The post that an id stands for: its own, or that of a photo or video in it.
fn post_of(turn: &Turn<Facebook>, ledger: &Ledger, account: &Account, id: &str) -> Option<Arc<Published>> {
    let own = ledger.by_remote(Platform::Facebook, id);
    let post = own.or_else(|| {
        let of_photo = lock(&turn.world.facebook.photos)
            .get(id)
            .and_then(|photo| photo.post.clone());
        let of_video = || {
            lock(&turn.world.facebook.videos)
                .get(id)
                .and_then(|video| video.post.clone())
        };
        let post_id = of_photo.or_else(of_video)?;
        ledger.by_remote(Platform::Facebook, &post_id)
    });
    post.filter(|post| post.account == account.remote_id)
}

#[cfg(test)]
mod tests;

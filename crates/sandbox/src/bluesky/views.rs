//! What the app view answers through an account's own server: posts and profiles with their numbers. Answers are counted in
//! the journal; nobody likes, reposts or follows here.

use axum::extract::State;
use domain::platform::Platform;
use serde_json::{Value, json};

use super::{Bluesky, invalid, repo};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::world::Shared;

/// Posts of one request at most (lexicon `app.bsky.feed.getPosts`).
const POSTS_MAX: usize = 25;

async fn view(world: Shared, call: Call, read: fn(&Turn<Bluesky>, &Call) -> Result<Answer, Answer>) -> Handled {
    let credential = Credential::Access(call.bearer());
    let mut turn = open(&world, Bluesky, &call, credential, Class::Read, "").await?;
    if call.header("atproto-proxy") != Some("did:web:api.bsky.app#bsky_appview") {
        turn.violates("a question to the app view does not say so");
    }
    let answer = read(&turn, &call);
    Ok(turn.close(answer).await)
}

/// `app.bsky.feed.getPosts`: posts that are not there are left out.
pub(super) async fn posts(State(world): State<Shared>, call: Call) -> Handled {
    view(world, call, |turn, call| {
        let uris = call.query.iter().filter(|(name, _)| name == "uris" || name == "uris[]");
        let uris: Vec<&str> = uris.map(|(_, uri)| uri.as_str()).collect();
        if uris.is_empty() || uris.len() > POSTS_MAX {
            return Err(invalid("Error: uris must have 1 to 25 elements"));
        }
        let ledger = turn.world.ledger();
        let shown = uris.iter().filter_map(|uri| {
            let post = ledger
                .by_remote(Platform::Bluesky, uri)
                .filter(|post| turn.shows(post))?;
            let answers = ledger.posts().iter().filter(|other| {
                other.platform == Platform::Bluesky && !other.deleted && other.reply_to.as_deref() == Some(*uri)
            });
            Some(json!({
                "uri": post.remote_id,
                "author": { "did": post.account },
                "record": post.notes.get("record"),
                "replyCount": answers.count(),
                "repostCount": 0,
                "likeCount": 0,
                "quoteCount": 0,
                "bookmarkCount": 0,
                "indexedAt": post.at.to_string(),
            }))
        });
        let posts: Vec<Value> = shown.collect();
        Ok(Answer::ok(&json!({ "posts": posts })))
    })
    .await
}

/// `app.bsky.actor.getProfile`.
pub(super) async fn profile(State(world): State<Shared>, call: Call) -> Handled {
    view(world, call, |turn, call| {
        let account = repo(&turn.world, call.query("actor").unwrap_or_default());
        let account = account.ok_or_else(|| invalid("Profile not found"))?;
        let ledger = turn.world.ledger();
        let posts = ledger.of_account(Platform::Bluesky, &account.remote_id);
        Ok(Answer::ok(&json!({
            "did": account.remote_id,
            "handle": account.handle,
            "followersCount": 0,
            "followsCount": 0,
            "postsCount": posts.filter(|post| !post.deleted).count(),
        })))
    })
    .await
}

//! Numbers (lexicons `app.bsky.feed.getPosts` and `app.bsky.actor.getProfile`). They are the app view's: the account's own
//! server hands the questions on to it.

use domain::clock::BoxFut;
use domain::error::{PlatformError, Stage};
use domain::platform::Platform;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Bluesky;
use super::pds::{ENTRY, Pds, read};
use crate::http::READ_BUDGET;
use crate::insight::{Figure, Insight, InsightCtx, PostFigures, ProfileFigures, Question, not_told};

/// Which service a personal data server hands a question on to (atproto.com, "XRPC: Service Proxying").
const APP_VIEW: &str = "did:web:api.bsky.app#bsky_appview";

/// The answer of `app.bsky.feed.getPosts`: posts that are not there are left out.
#[derive(Debug, Deserialize)]
struct Posts {
    posts: Vec<PostView>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostView {
    like_count: Option<u64>,
    reply_count: Option<u64>,
    repost_count: Option<u64>,
    quote_count: Option<u64>,
    bookmark_count: Option<u64>,
}

/// What of the answer of `app.bsky.actor.getProfile` is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    followers_count: Option<u64>,
    follows_count: Option<u64>,
    posts_count: Option<u64>,
}

impl Insight for Bluesky {
    fn platform(&self) -> Platform {
        Platform::Bluesky
    }

    fn ask<'a>(&'a self, ctx: &'a InsightCtx<'a>, question: &'a Question) -> BoxFut<'a, Result<Figure, PlatformError>> {
        Box::pin(ask(ctx, question))
    }
}

/// Asks the app view as the account, once more if only the nonce of the proof was wrong.
async fn get<T: DeserializeOwned>(ctx: &InsightCtx<'_>, name: &str, query: (&str, &str)) -> Result<T, PlatformError> {
    let base = match ctx.account.base_url {
        Some(base) => base.to_owned(),
        None => ctx.endpoints.base(Platform::Bluesky, ENTRY),
    };
    let pds = Pds::new(ctx.http, &base).with_tokens(ctx.tokens, ctx.now);
    let mut is_second = false;
    loop {
        let request = pds.get(name, &[query]).header("atproto-proxy", APP_VIEW);
        let request = pds.signed(request, &Method::GET, name);
        let asked = ctx.http.read(request, READ_BUDGET).await;
        let answer = asked.map_err(|failure| failure.into_error(Platform::Bluesky, Stage::Check))?;
        if pds.wants_nonce(name, &answer) && !is_second {
            is_second = true;
            continue;
        }
        return read(Stage::Check, &answer);
    }
}

async fn ask(ctx: &InsightCtx<'_>, question: &Question) -> Result<Figure, PlatformError> {
    match question {
        Question::Post { post } if !post.starts_with("at://") => Ok(Figure::Post(None)),
        Question::Post { post } => {
            let found: Posts = get(ctx, "app.bsky.feed.getPosts", ("uris", post)).await?;
            Ok(Figure::Post(found.posts.first().map(|post| PostFigures {
                reactions: post.like_count,
                comments: post.reply_count,
                reposts: post.repost_count,
                quotes: post.quote_count,
                saves: post.bookmark_count,
            })))
        }
        Question::Profile => {
            let actor = ("actor", ctx.account.remote_id);
            let profile: Profile = get(ctx, "app.bsky.actor.getProfile", actor).await?;
            Ok(Figure::Profile(ProfileFigures {
                followers: profile.followers_count,
                following: profile.follows_count,
                posts: profile.posts_count,
            }))
        }
        _ => Err(not_told(Platform::Bluesky, Stage::Check)),
    }
}

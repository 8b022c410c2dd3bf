//! Numbers (docs.joinmastodon.org, Status and Account entities). A Mastodon server counts no views, and tells nobody how
//! often a status was bookmarked.

use domain::clock::BoxFut;
use domain::error::{PlatformError, Stage};
use domain::platform::Platform;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Mastodon, PLATFORM, home, read};
use crate::http::READ_BUDGET;
use crate::insight::{Figure, Insight, InsightCtx, PostFigures, ProfileFigures, Question, not_told};

/// What of a Status entity is read. `quotes_count` is there since 4.5.
#[derive(Debug, Deserialize)]
struct Counts {
    favourites_count: Option<u64>,
    replies_count: Option<u64>,
    reblogs_count: Option<u64>,
    quotes_count: Option<u64>,
}

/// What of an Account entity is read.
#[derive(Debug, Deserialize)]
struct Profile {
    followers_count: Option<u64>,
    following_count: Option<u64>,
    statuses_count: Option<u64>,
}

impl Insight for Mastodon {
    fn platform(&self) -> Platform {
        PLATFORM
    }

    fn ask<'a>(&'a self, ctx: &'a InsightCtx<'a>, question: &'a Question) -> BoxFut<'a, Result<Figure, PlatformError>> {
        Box::pin(ask(ctx, question))
    }
}

async fn get<T: DeserializeOwned>(ctx: &InsightCtx<'_>, path: &str) -> Result<T, PlatformError> {
    let url = format!("{}{path}", home(ctx.account.base_url, ctx.endpoints, Stage::Check)?);
    let request = ctx
        .http
        .reading(Method::GET, &url)
        .bearer_auth(ctx.tokens.access.expose());
    Ok(read(ctx.http, request, READ_BUDGET, Stage::Check).await?.1)
}

async fn ask(ctx: &InsightCtx<'_>, question: &Question) -> Result<Figure, PlatformError> {
    match question {
        // An id of another form is no status here, and must not become another path.
        Question::Post { post } if !post.bytes().all(|byte| byte.is_ascii_alphanumeric()) || post.is_empty() => {
            Ok(Figure::Post(None))
        }
        Question::Post { post } => match get::<Counts>(ctx, &format!("/api/v1/statuses/{post}")).await {
            Ok(counts) => Ok(Figure::Post(Some(PostFigures {
                reactions: counts.favourites_count,
                comments: counts.replies_count,
                reposts: counts.reblogs_count,
                quotes: counts.quotes_count,
                saves: None,
            }))),
            Err(error) if error.http_status == Some(404) => Ok(Figure::Post(None)),
            Err(error) => Err(error),
        },
        Question::Profile => {
            let profile: Profile = get(ctx, "/api/v1/accounts/verify_credentials").await?;
            Ok(Figure::Profile(ProfileFigures {
                followers: profile.followers_count,
                following: profile.following_count,
                posts: profile.statuses_count,
            }))
        }
        _ => Err(not_told(PLATFORM, Stage::Check)),
    }
}

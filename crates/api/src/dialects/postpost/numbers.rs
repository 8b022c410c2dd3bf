//! `post-statistics` and `profile-statistics`: what posts and accounts of Mastodon and Bluesky have gathered.

use axum::extract::State;
use axum::http::StatusCode;
use domain::error::ErrorKind;
use domain::platform::Platform;
use engine::Reach;
use engine::actions::{Figure, PostFigures, Question, Told};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};

use super::Postpost;
use super::error::Error;
use super::js::{self, Js};
use super::linkedin::{Answer, Refused, answer, bad};
use super::time::Iso;
use super::wire::Body;
use super::words;
use crate::dialect::Caller;
use crate::openapi::{Doc, Endpoint, Field, Kind, answer as answer_of};
use crate::state::ApiState;

/// What is said when a platform took too long.
const TIMED_OUT: &str = "Analytics request timed out";
/// The most posts of a request.
const POSTS_MAX: usize = 50;

/// A platform's answer, whatever it holds.
type Any = Map<String, Value>;

static OF_POSTS: Doc = Doc::new(
    "Numbers",
    "Tells what posts of Mastodon and Bluesky have gathered",
    &[(200, answer_of::<Any>)],
)
.words(
    "What a platform does not count is null; so is a whole post that is not there or whose platform cannot be asked. Why \
     it cannot, issues says for each connection: CONNECTION_NOT_FOUND, AUTH_REVOKED, FORBIDDEN, RATE_LIMITED or \
     FETCH_FAILED.",
)
.body(&[Field::new(
    "posts",
    Kind::Objects(
        1,
        50,
        &[
            Field::new("platform", Kind::Text, "The platform: mastodon or bluesky.").required(),
            Field::new("platformId", Kind::Text, "The connection.").required(),
            Field::new("postedId", Kind::Text, "The platform's own id of the post.").required(),
        ],
    ),
    "The posts.",
)
.required()])
.errors(&[(
    400,
    &[
        "posts array is required",
        "Maximum 50 posts per request",
        "Each post must have string platform, platformId and postedId",
    ],
)]);

static OF_PROFILE: Doc = Doc::new(
    "Numbers",
    "Tells what an account of Mastodon or Bluesky has gathered",
    &[(200, answer_of::<Any>)],
)
.body(&[
    Field::new("platform", Kind::Word(&["mastodon", "bluesky"]), "The platform.").required(),
    Field::new("platformId", Kind::Text, "The connection.").required(),
])
.errors(&[
    (400, &["platform and platformId are required", "Unsupported platform"]),
    (404, &["connection not found"]),
    (429, &["Failed to fetch profile statistics"]),
    (500, &["Failed to fetch profile statistics"]),
    (504, &[TIMED_OUT]),
]);

/// Both of them.
pub(super) fn endpoints() -> [Endpoint; 2] {
    [
        Endpoint::post("/post-statistics", of_posts, &OF_POSTS),
        Endpoint::post("/profile-statistics", of_profile, &OF_PROFILE),
    ]
}

/// A post to be looked up.
struct Wanted {
    platform: String,
    remote_id: String,
    post: String,
}

impl Wanted {
    fn read(given: &Js<'_>) -> Option<Self> {
        let Js::Object(fields) = given else { return None };
        let text = |name: &str| fields.get(name)?.as_str().filter(|text| !text.is_empty());
        let (platform, platform_id) = (text("platform")?, text("platformId")?);
        Some(Self {
            platform: platform.to_owned(),
            remote_id: without_name(platform, platform_id).to_owned(),
            post: text("postedId")?.to_owned(),
        })
    }
}

fn without_name<'a>(platform: &str, platform_id: &'a str) -> &'a str {
    let rest = platform_id
        .strip_prefix(platform)
        .and_then(|rest| rest.strip_prefix('-'));
    rest.unwrap_or(platform_id)
}

/// The platforms that are asked.
fn supported(word: &str) -> Option<Platform> {
    words::platform(word).filter(|platform| matches!(platform, Platform::Mastodon | Platform::Bluesky))
}

async fn of_posts(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    let [posts] = js::fields(&body, &["posts"]).map_err(|_| Error::Json)?;
    let Js::List(posts) = &posts else {
        return Err(bad("posts array is required"));
    };
    if posts.is_empty() {
        return Err(bad("posts array is required"));
    }
    if posts.len() > POSTS_MAX {
        return Err(bad("Maximum 50 posts per request"));
    }
    let wanted: Option<Vec<Wanted>> = posts.iter().map(Wanted::read).collect();
    let wanted = wanted.ok_or_else(|| bad("Each post must have string platform, platformId and postedId"))?;
    let looked = join_all(wanted.iter().map(|wanted| look(&api, &caller.reach, wanted))).await;
    let (mut stats, mut issues, mut rate_limited) = (Map::new(), Map::new(), false);
    for (wanted, told) in wanted.into_iter().zip(looked) {
        let shown = match told {
            Ok(Told {
                figure: Figure::Post(Some(figures)),
                ..
            }) => shown(&figures),
            Ok(_) => Value::Null,
            Err(error) => {
                rate_limited |= is_rate_limited(&error);
                tracing::warn!(%error, platform = wanted.platform, "a post's numbers could not be had");
                issues.insert(
                    format!("{}-{}", wanted.platform, wanted.remote_id),
                    json!(issue(&error)),
                );
                Value::Null
            }
        };
        stats.insert(wanted.post, shown);
    }
    let mut body = json!({ "success": true, "stats": stats });
    if let Some(fields) = body.as_object_mut() {
        if !issues.is_empty() {
            fields.insert("issues".to_owned(), json!(issues));
        }
        if rate_limited {
            fields.insert("rateLimited".to_owned(), json!(true));
        }
    }
    Ok(answer(StatusCode::OK, &body))
}

/// A post's numbers. Platforms that are not asked have no connection for this.
async fn look(api: &ApiState, reach: &Reach, wanted: &Wanted) -> Result<Told, engine::Error> {
    let platform = supported(&wanted.platform).ok_or(engine::Error::NotFound)?;
    let account = api.engine.account_on(reach, platform, &wanted.remote_id).await?;
    let question = Question::Post {
        post: wanted.post.clone(),
    };
    api.engine.ask(&account, question).await
}

/// Why a connection's numbers could not be had.
fn issue(error: &engine::Error) -> &'static str {
    match error {
        engine::Error::NotFound => "CONNECTION_NOT_FOUND",
        engine::Error::Platform(error) => match error.kind {
            ErrorKind::Auth => "AUTH_REVOKED",
            ErrorKind::Permission | ErrorKind::AccountRestricted => "FORBIDDEN",
            kind if kind.is_limit() => "RATE_LIMITED",
            _ => "FETCH_FAILED",
        },
        _ => "FETCH_FAILED",
    }
}

fn is_rate_limited(error: &engine::Error) -> bool {
    matches!(error, engine::Error::Platform(error) if error.kind.is_limit())
}

/// Neither platform counts who saw a post or followed a link.
fn shown(figures: &PostFigures) -> Value {
    json!({
        "reactions": figures.reactions,
        "comments": figures.comments,
        "reposts": figures.reposts,
        "quotes": figures.quotes,
        "saves": figures.saves,
        "impressions": null,
        "reach": null,
        "clicks": null,
    })
}

async fn of_profile(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    let [word, id] = js::fields(&body, &["platform", "platformId"]).map_err(|_| Error::Json)?;
    let (Js::Text(word), Js::Text(id)) = (&word, &id) else {
        return Err(bad("platform and platformId are required"));
    };
    if word.is_empty() || id.is_empty() {
        return Err(bad("platform and platformId are required"));
    }
    let unsupported = || {
        bad(&format!(
            "Unsupported platform \"{word}\". Supported: mastodon, bluesky"
        ))
    };
    let platform = supported(word).ok_or_else(unsupported)?;
    let account = api
        .engine
        .account_on(&caller.reach, platform, without_name(word, id))
        .await;
    let account = account.map_err(|error| match error {
        engine::Error::NotFound => Refused::text(StatusCode::NOT_FOUND, &format!("{word} connection not found")),
        other => {
            tracing::error!(error = %other, "a connection could not be read");
            Error::Internal.into()
        }
    })?;
    let told = api.engine.ask(&account, Question::Profile).await.map_err(|error| {
        tracing::warn!(%error, "an account's numbers could not be had");
        match &error {
            engine::Error::Platform(refused) if refused.kind == ErrorKind::Timeout => {
                let body = json!({ "error": TIMED_OUT, "code": "ANALYTICS_REQUEST_TIMEOUT" });
                Refused::with(StatusCode::GATEWAY_TIMEOUT, &body)
            }
            other if is_rate_limited(other) => {
                Refused::text(StatusCode::TOO_MANY_REQUESTS, "Failed to fetch profile statistics")
            }
            _ => Refused::text(StatusCode::INTERNAL_SERVER_ERROR, "Failed to fetch profile statistics"),
        }
    })?;
    let profile = match told.figure {
        Figure::Profile(figures) => json!({
            "followers": figures.followers, "following": figures.following, "posts": figures.posts,
        }),
        _ => Value::Null,
    };
    let body = json!({ "success": true, "profile": profile, "cached": told.cached, "fetchedAt": Iso(told.at) });
    Ok(answer(StatusCode::OK, &body))
}

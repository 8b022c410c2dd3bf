//! Signing in to Reddit (github.com/reddit-archive/reddit/wiki/OAuth2).

use domain::account::{Identity, Missing};
use domain::clock::BoxFut;
use domain::error::{ErrorKind, PlatformError, When};
use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::header::USER_AGENT;
use serde::Deserialize;

use crate::rules::Row;
use crate::signin::api::IdentityApi;
use crate::signin::{
    Address, AppNeed, ClientAuth, Found, Grant, Means, OAuth, Pkce, RefreshBy, RefreshFacts, RevokedBy, Scope, SignIn,
    SignInCtx, SignInFacts, Verified,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct RedditSignIn;

/// Where the API is.
const BASE: &str = "https://oauth.reddit.com";

/// The token endpoint says `401` as its code when it does not know the app, and nothing but `400` of a refresh token
/// that was revoked.
static ROWS: &[Row] = &[
    Row::new(
        ErrorKind::OperatorConfig,
        "Reddit does not accept this server's app; its operator must check the app's id and secret",
    )
    .status(401),
    Row::new(
        ErrorKind::Auth,
        "Reddit did not accept the sign-in; connect the account again",
    )
    .status(400)
    .retry(When::AfterReconnect),
];

/// Access tokens live a day; with `duration=permanent` the refresh token stays good until it is revoked.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::Reddit,
    means: &[Means::OAuth],
    oauth: Some(OAuth {
        authorize: Address::new("https://www.reddit.com", "/api/v1/authorize"),
        token: Address::new("https://www.reddit.com", "/api/v1/access_token"),
        revoke: Some((
            Address::new("https://www.reddit.com", "/api/v1/revoke_token"),
            RevokedBy::RefreshToken,
        )),
        client_id_name: "client_id",
        scope_separator: " ",
        extra_params: &[("duration", "permanent")],
        pkce: Pkce::None,
        client_auth: ClientAuth::Basic,
        rows: &[ROWS],
    }),
    app: AppNeed::OperatorApp {
        at: "https://www.reddit.com/prefs/apps (type \"web app\")",
        besides: Some("Reddit must approve new apps (Responsible Builder Policy)."),
    },
    refresh: RefreshFacts {
        by: RefreshBy::RefreshToken,
        rotates: false,
        ahead: SignedDuration::from_hours(2),
        min_age: SignedDuration::ZERO,
    },
    api: None,
    needs: &[
        Scope::new("identity", "know whose account it is").within(&["*"]),
        Scope::new("submit", "publish posts and comments").within(&["*"]),
        Scope::new("read", "read the rules of communities and posts").within(&["*"]),
        Scope::new("flair", "choose flair, which many communities require").within(&["*"]),
        Scope::new("edit", "edit and delete posts").within(&["*"]),
        Scope::new("mysubreddits", "list the communities to post to").within(&["*"]),
        Scope::new("history", "find posts again after an interrupted send").within(&["*"]),
    ],
};

#[derive(Deserialize)]
struct Me {
    id: String,
    name: String,
    #[serde(default)]
    icon_img: Option<String>,
    #[serde(default)]
    is_suspended: bool,
}

impl SignIn for RedditSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move { identify(ctx, grant).await.map(Found::Account) })
    }
}

/// Reddit wants each app to name itself, and slows down those that do not (the wiki's "Rules").
#[must_use]
pub fn user_agent(ctx: SignInCtx<'_>) -> String {
    let app = ctx.endpoints.apps.get(&Platform::Reddit);
    let id = app.map_or("broadside", |app| app.id.as_str());
    let plain: String = id.chars().filter(|c| c.is_ascii_graphic() && *c != ':').collect();
    format!("server:{plain}:v{} (Broadside)", env!("CARGO_PKG_VERSION"))
}

async fn identify(ctx: SignInCtx<'_>, grant: &Grant) -> Result<Verified, PlatformError> {
    let api = IdentityApi::new(Platform::Reddit, &[], ctx, &grant.tokens.access);
    let request = api
        .get(BASE, "/api/v1/me")
        .query(&[("raw_json", "1")])
        .header(USER_AGENT, user_agent(ctx));
    let me: Me = api.ask(request).await?;
    let identity = Identity {
        remote_id: me.id,
        profile_url: Some(format!("https://www.reddit.com/user/{}/", me.name)),
        username: me.name,
        display_name: None,
        avatar_url: me.icon_img.filter(|url| !url.is_empty()),
        base_url: None,
    };
    let verified = Verified::new(&FACTS, identity, grant.tokens.clone(), grant.scopes.clone());
    Ok(if me.is_suspended {
        verified.lacking(Missing {
            code: "posting".to_owned(),
            words: "Reddit has suspended this account".to_owned(),
        })
    } else {
        verified
    })
}

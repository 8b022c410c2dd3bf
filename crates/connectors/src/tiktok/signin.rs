//! Signing in to TikTok (developers.tiktok.com, "Login Kit for Web" and "Manage user access tokens").

use domain::account::{Identity, Missing};
use domain::clock::BoxFut;
use domain::error::PlatformError;
use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::Method;
use serde::Deserialize;

use crate::signin::api::IdentityApi;
use crate::signin::{
    Address, AppNeed, ClientAuth, Found, Grant, Means, OAuth, Pkce, RefreshBy, RefreshFacts, RevokedBy, Scope, SignIn,
    SignInCtx, SignInFacts, Verified,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct TikTokSignIn;

/// Where the API is. Every path ends with a slash.
const BASE: &str = "https://open.tiktokapis.com";

/// Access tokens live two hours and refresh tokens 180 days (both told with each answer); a refresh token ends when it
/// is used. Refusals of the token endpoint come with status 200. The web flow has no code challenge: TikTok's own form of
/// it (in hex) is for desktop apps.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::TikTok,
    means: &[Means::OAuth],
    oauth: Some(OAuth {
        authorize: Address::new("https://www.tiktok.com", "/v2/auth/authorize/"),
        token: Address::new(BASE, "/v2/oauth/token/"),
        revoke: Some((Address::new(BASE, "/v2/oauth/revoke/"), RevokedBy::AccessToken)),
        client_id_name: "client_key",
        scope_separator: ",",
        extra_params: &[],
        pkce: Pkce::None,
        client_auth: ClientAuth::Body,
        rows: &[],
    }),
    app: AppNeed::OperatorApp {
        at: "https://developers.tiktok.com/apps (products Login Kit and Content Posting API)",
        besides: Some("Until TikTok has audited the app, posts are visible to their author only."),
    },
    refresh: RefreshFacts {
        by: RefreshBy::RefreshToken,
        rotates: true,
        ahead: SignedDuration::from_mins(20),
        min_age: SignedDuration::ZERO,
    },
    api: None,
    needs: &[
        Scope::new("user.info.basic", "know whose account it is"),
        Scope::new("video.publish", "publish videos and photos"),
        Scope::new("video.upload", "send drafts to the inbox").by_operator(),
        Scope::new("video.list", "find posts again after an interrupted send").by_operator(),
        Scope::new("user.info.profile", "link to the profile").by_operator(),
    ],
};

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Holder {
    user: User,
}

#[derive(Deserialize)]
struct User {
    open_id: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    avatar_url: Option<String>,
}

#[derive(Deserialize)]
struct Creator {
    creator_username: String,
}

impl SignIn for TikTokSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move { identify(ctx, grant).await.map(Found::Account) })
    }
}

/// Asks whose tokens these are, and whether they may post: what the creator may do is told before each post, with the
/// account's own name.
async fn identify(ctx: SignInCtx<'_>, grant: &Grant) -> Result<Verified, PlatformError> {
    let api = IdentityApi::new(Platform::TikTok, &[], ctx, &grant.tokens.access);
    let request = api
        .get(BASE, "/v2/user/info/")
        .query(&[("fields", "open_id,display_name,avatar_url")]);
    let user = api.ask::<Data<Holder>>(request).await?.data.user;
    let request = api
        .request(Method::POST, BASE, "/v2/post/publish/creator_info/query/")
        .json(&serde_json::json!({}));
    let creator = api.ask::<Data<Creator>>(request).await;
    let name = creator.as_ref().ok().map(|told| told.data.creator_username.clone());
    let display_name = user.display_name.filter(|name| !name.is_empty());
    let identity = Identity {
        profile_url: name.as_ref().map(|name| format!("https://www.tiktok.com/@{name}")),
        username: name
            .or_else(|| display_name.clone())
            .unwrap_or_else(|| user.open_id.clone()),
        remote_id: user.open_id,
        display_name,
        avatar_url: user.avatar_url,
        base_url: None,
    };
    let verified = Verified::new(&FACTS, identity, grant.tokens.clone(), grant.scopes.clone());
    Ok(match creator {
        Err(error) if !error.kind.is_transient() && verified.missing.is_empty() => verified.lacking(Missing {
            code: "posting".to_owned(),
            words: format!("TikTok does not let this account post just now: {}", error.message),
        }),
        _ => verified,
    })
}

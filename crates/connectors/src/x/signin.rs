//! Signing in to X (docs.x.com, "OAuth 2.0 Authorization Code Flow with PKCE").

use domain::account::Identity;
use domain::clock::BoxFut;
use domain::error::{PlatformError, Stage};
use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::Method;

use super::api::Api;
use super::error::Call;
use super::wire::{Envelope, User};
use crate::signin::{
    Address, AppNeed, ClientAuth, Found, Grant, Means, OAuth, Pkce, RefreshBy, RefreshFacts, RevokedBy, Scope, SignIn,
    SignInCtx, SignInFacts, Verified,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct XSignIn;

/// The scopes are those that `POST /2/tweets` and `/2/media/*` require (X's OpenAPI description); tokens live two hours,
/// codes 30 seconds, and refresh tokens come with `offline.access` and are good for one use.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::X,
    means: &[Means::OAuth],
    oauth: Some(OAuth {
        authorize: Address::new("https://x.com", "/i/oauth2/authorize"),
        token: Address::new("https://api.x.com", "/2/oauth2/token"),
        revoke: Some((
            Address::new("https://api.x.com", "/2/oauth2/revoke"),
            RevokedBy::RefreshToken,
        )),
        client_id_name: "client_id",
        scope_separator: " ",
        extra_params: &[],
        pkce: Pkce::S256,
        client_auth: ClientAuth::Basic,
        rows: &[super::error::TOKEN_ROWS],
    }),
    app: AppNeed::OperatorApp {
        at: "https://developer.x.com (an app with OAuth 2.0, type \"Web App\")",
        besides: Some("X bills API use by credits: the app needs some."),
    },
    refresh: RefreshFacts {
        by: RefreshBy::RefreshToken,
        rotates: true,
        ahead: SignedDuration::from_mins(20),
        min_age: SignedDuration::ZERO,
    },
    api: None,
    needs: &[
        Scope::new("tweet.read", "read posts back after publishing"),
        Scope::new("tweet.write", "publish posts"),
        Scope::new("users.read", "know whose account it is"),
        Scope::new("media.write", "upload images and videos"),
        Scope::new("offline.access", "stay connected for longer than two hours"),
    ],
};

impl SignIn for XSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move { identify(ctx, grant).await.map(Found::Account) })
    }
}

/// Asks whose tokens these are.
async fn identify(ctx: SignInCtx<'_>, grant: &Grant) -> Result<Verified, PlatformError> {
    let api = Api::new(ctx.http, ctx.endpoints, &grant.tokens);
    let request = api
        .request(Method::GET, "/2/users/me")
        .query(&[("user.fields", "username,name,profile_image_url")]);
    let user = api
        .call::<Envelope<User>>(request, Call::Post, Stage::Connect)
        .await?
        .data;
    let identity = Identity {
        remote_id: user.id,
        display_name: user.name,
        avatar_url: user.profile_image_url,
        profile_url: Some(format!("https://x.com/{}", user.username)),
        username: user.username,
        base_url: None,
    };
    Ok(Verified::new(
        &FACTS,
        identity,
        grant.tokens.clone(),
        grant.scopes.clone(),
    ))
}

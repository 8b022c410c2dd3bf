//! Signing in with Instagram Login (developers.facebook.com, "Business login for Instagram").

use domain::account::{Identity, Tokens};
use domain::clock::BoxFut;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::Method;

use super::wire::Me;
use super::{VERSION, bases, read};
use crate::Credentials;
use crate::http::READ_BUDGET;
use crate::signin::graph::{self, LongLived};
use crate::signin::{
    Address, ApiVersion, AppNeed, Callback, ClientAuth, Found, Grant, Means, Memory, OAuth, Pkce, RefreshBy,
    RefreshFacts, Scope, SignIn, SignInCtx, SignInFacts, Verified, oauth, refused,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct InstagramSignIn;

const LONG_LIVED: LongLived = LongLived {
    exchange: "ig_exchange_token",
    refresh: "ig_refresh_token",
};

/// How long a long-lived token lives (60 days), less a day for not knowing when it was made.
pub(super) const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(59 * 24);

/// The first token lives an hour and is exchanged for one of 60 days, which is renewed by itself once it is a day old.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::Instagram,
    means: &[Means::OAuth],
    oauth: Some(OAuth {
        authorize: Address::new("https://www.instagram.com", "/oauth/authorize"),
        token: Address::new("https://api.instagram.com", "/oauth/access_token"),
        revoke: None,
        client_id_name: "client_id",
        scope_separator: ",",
        extra_params: &[],
        pkce: Pkce::None,
        client_auth: ClientAuth::Body,
        rows: graph::ROWS,
    }),
    app: AppNeed::OperatorApp {
        at: "https://developers.facebook.com/apps (product Instagram, \"API setup with Instagram login\")",
        besides: Some("Until Meta has reviewed the app, only its own testers can connect."),
    },
    refresh: RefreshFacts {
        by: RefreshBy::AccessToken,
        rotates: false,
        ahead: SignedDuration::from_hours(10 * 24),
        min_age: SignedDuration::from_hours(24),
    },
    api: Some(ApiVersion {
        version: VERSION,
        // A version lives two years at least from its release, which was on 2025-05-29.
        sunset: Some(jiff::civil::date(2027, 5, 29)),
        source: "developers.facebook.com/docs/graph-api/changelog/versions",
    }),
    needs: &[
        Scope::new("instagram_business_basic", "know whose account it is"),
        Scope::new("instagram_business_content_publish", "publish posts"),
        Scope::new("instagram_business_manage_comments", "publish first comments"),
    ],
};

impl SignIn for InstagramSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn exchange<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        memory: &'a Memory,
        back: &'a Callback,
    ) -> BoxFut<'a, Result<Grant, PlatformError>> {
        Box::pin(async move {
            let short = oauth::exchange(&FACTS, ctx, memory, back).await?;
            LONG_LIVED.exchange(&FACTS, ctx, &bases(ctx.endpoints).0, short).await
        })
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move { identify(ctx, grant).await.map(Found::Account) })
    }

    fn with_credentials<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        credentials: &'a Credentials,
    ) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move {
            let tokens = credentials.tokens();
            let tokens =
                tokens.ok_or_else(|| refused(Platform::Instagram, ErrorKind::Auth, "An access token is needed"))?;
            let is_dated = tokens.expires_at.is_some();
            let mut verified = identify(ctx, &Grant::of(tokens)).await?;
            if !is_dated {
                // Nothing tells when a token ends but making it anew, which is refused in a token's first day.
                verified.tokens.expires_at = ctx.now.saturating_add(TOKEN_LIFE).ok();
                verified.tokens = renew(ctx, &verified.tokens).await.unwrap_or(verified.tokens);
            }
            Ok(Found::Account(verified))
        })
    }

    fn refresh<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        tokens: &'a Tokens,
    ) -> Option<BoxFut<'a, Result<Tokens, PlatformError>>> {
        Some(Box::pin(renew(ctx, tokens)))
    }
}

/// Makes a token anew. The endpoint has no version in its path.
async fn renew(ctx: SignInCtx<'_>, tokens: &Tokens) -> Result<Tokens, PlatformError> {
    let (base, versioned) = bases(ctx.endpoints);
    LONG_LIVED
        .refresh(&FACTS, ctx, &base, &format!("{versioned}/me?fields=user_id"), tokens)
        .await
}

async fn identify(ctx: SignInCtx<'_>, grant: &Grant) -> Result<Verified, PlatformError> {
    let address = format!("{}/me", bases(ctx.endpoints).1);
    let request = ctx
        .http
        .reading(Method::GET, &address)
        .query(&[("fields", "user_id,username,name,profile_picture_url")])
        .bearer_auth(grant.tokens.access.expose());
    let me: Me = read(ctx.http, request, READ_BUDGET, Stage::Connect).await?.1;
    let identity = Identity {
        remote_id: me.user_id,
        profile_url: Some(format!("https://www.instagram.com/{}/", me.username)),
        username: me.username,
        display_name: me.name.filter(|name| !name.is_empty()),
        avatar_url: me.profile_picture_url,
        base_url: None,
    };
    Ok(Verified::new(
        &FACTS,
        identity,
        grant.tokens.clone(),
        grant.scopes.clone(),
    ))
}

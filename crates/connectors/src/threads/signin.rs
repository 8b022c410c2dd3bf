//! Signing in to Threads (developers.facebook.com, "Threads API: get access tokens").

use domain::account::{Identity, Tokens};
use domain::clock::BoxFut;
use domain::error::PlatformError;
use domain::platform::Platform;
use jiff::SignedDuration;
use serde::Deserialize;

use crate::Credentials;
use crate::graph::id;
use crate::signin::api::IdentityApi;
use crate::signin::graph::{self, LongLived};
use crate::signin::{
    Address, ApiVersion, AppNeed, Callback, ClientAuth, Found, Grant, Means, Memory, OAuth, Pkce, RefreshBy,
    RefreshFacts, Scope, SignIn, SignInCtx, SignInFacts, Verified, oauth,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThreadsSignIn;

/// Where the API is.
const BASE: &str = "https://graph.threads.net";

const LONG_LIVED: LongLived = LongLived {
    exchange: "th_exchange_token",
    refresh: "th_refresh_token",
};

/// Long-lived tokens live 60 days and are renewed by themselves once they are a day old; the grant behind them lives 90
/// days from the last renewal.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::Threads,
    means: &[Means::OAuth],
    oauth: Some(OAuth {
        authorize: Address::new("https://threads.net", "/oauth/authorize"),
        token: Address::new(BASE, "/oauth/access_token"),
        revoke: None,
        client_id_name: "client_id",
        scope_separator: ",",
        extra_params: &[],
        pkce: Pkce::None,
        client_auth: ClientAuth::Body,
        rows: graph::ROWS,
    }),
    app: AppNeed::OperatorApp {
        at: "https://developers.facebook.com/apps (use case \"Access the Threads API\")",
        besides: Some("Until Meta has reviewed the app, only its own testers can connect."),
    },
    refresh: RefreshFacts {
        by: RefreshBy::AccessToken,
        rotates: false,
        ahead: SignedDuration::from_hours(10 * 24),
        min_age: SignedDuration::from_hours(24),
    },
    api: Some(ApiVersion {
        version: "v1.0",
        sunset: None,
        source: "developers.facebook.com, Threads API changelog",
    }),
    needs: &[
        Scope::new("threads_basic", "know whose account it is"),
        Scope::new("threads_content_publish", "publish posts"),
        Scope::new("threads_manage_replies", "publish threads and first comments"),
        Scope::new("threads_read_replies", "find replies again after an interrupted send"),
    ],
};

#[derive(Deserialize)]
struct Me {
    #[serde(deserialize_with = "id")]
    id: String,
    username: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    threads_profile_picture_url: Option<String>,
}

#[derive(Deserialize)]
struct Inspected {
    data: Inspection,
}

#[derive(Deserialize)]
struct Inspection {
    #[serde(default)]
    scopes: Vec<String>,
}

impl SignIn for ThreadsSignIn {
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
            LONG_LIVED.exchange(&FACTS, ctx, &base(ctx), short).await
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
            let tokens = match credentials.tokens() {
                Some(tokens) => tokens,
                None => oauth::first_tokens(&FACTS, ctx, credentials).await?,
            };
            let mut verified = identify(ctx, &Grant::of(tokens)).await?;
            // Nothing tells when a token ends but renewing it, which is refused in its first day.
            if verified.tokens.expires_at.is_none()
                && let Ok(renewed) = renew(ctx, &verified.tokens).await
            {
                verified.tokens = renewed;
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

fn base(ctx: SignInCtx<'_>) -> String {
    ctx.endpoints.at(Platform::Threads, BASE, "")
}

async fn renew(ctx: SignInCtx<'_>, tokens: &Tokens) -> Result<Tokens, PlatformError> {
    let base = base(ctx);
    LONG_LIVED
        .refresh(&FACTS, ctx, &base, &format!("{base}/v1.0/me?fields=id"), tokens)
        .await
}

/// Asks whose token it is, and what it may do, which the token endpoint does not tell.
async fn identify(ctx: SignInCtx<'_>, grant: &Grant) -> Result<Verified, PlatformError> {
    let api = IdentityApi::new(Platform::Threads, graph::ROWS, ctx, &grant.tokens.access);
    let request = api
        .get(BASE, "/v1.0/me")
        .query(&[("fields", "id,username,name,threads_profile_picture_url")]);
    let me: Me = api.ask(request).await?;
    let identity = Identity {
        remote_id: me.id,
        profile_url: Some(format!("https://www.threads.net/@{}", me.username)),
        username: me.username,
        display_name: me.name.filter(|name| !name.is_empty()),
        avatar_url: me.threads_profile_picture_url,
        base_url: None,
    };
    let mut scopes = grant.scopes.clone();
    if scopes.is_empty() {
        // Asked of the token itself (Meta's own collection of requests, "Debug Access Token").
        let request = api
            .get(BASE, "/v1.0/debug_token")
            .query(&[("input_token", grant.tokens.access.expose())]);
        let told = api.ask::<Inspected>(request).await;
        scopes = told.map(|told| told.data.scopes).unwrap_or_default();
    }
    Ok(Verified::new(&FACTS, identity, grant.tokens.clone(), scopes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Reply, Server, World};

    #[tokio::test]
    async fn what_was_granted_is_asked_of_the_token_itself() {
        let server = Server::answering([
            Reply::json(200, &json!({ "id": 98_765_432_109_876_543_u64, "username": "press" })),
            Reply::json(
                200,
                &json!({ "data": { "is_valid": true, "scopes": ["threads_basic"] } }),
            ),
        ])
        .await;
        let world = World::new(Platform::Threads, "", "").with_endpoint(server.url());
        let account = identify(world.connect_ctx(), &Grant::of(world.tokens.clone()))
            .await
            .unwrap();
        assert_eq!(account.identity.remote_id, "98765432109876543");
        assert_eq!(account.scopes, ["threads_basic"]);
        assert_eq!(account.missing.len(), 3);
        assert_eq!(account.missing[0].code, "scope:threads_content_publish");
    }
}

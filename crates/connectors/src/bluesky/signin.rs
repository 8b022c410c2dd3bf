//! Signing in to Bluesky and other servers of the AT Protocol: in the browser ([`super::oauth`]), or with an app password
//! ([`super::session`]).

use domain::account::Tokens;
use domain::clock::BoxFut;
use domain::error::{PlatformError, Stage};
use domain::platform::Platform;
use jiff::SignedDuration;

pub use super::client::metadata as client_metadata;
use super::identity::{self, Who};
use super::pds::{ENTRY, Pds};
use super::{oauth, session};
use crate::Credentials;
use crate::signin::{
    AppNeed, Ask, Begun, Callback, Field, Found, Grant, Means, Memory, RefreshBy, RefreshFacts, Scope, SignIn,
    SignInCtx, SignInFacts,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct BlueskySignIn;

/// The field that the way to the account's own server begins with.
pub(super) const HANDLE: Field = Field {
    name: "handle",
    label: "Handle",
    hint: "Or the address of your own server",
    secret: false,
    placeholder: "ada.bsky.social",
};

const IDENTIFIER: Field = Field {
    name: "identifier",
    label: "Handle or e-mail address",
    hint: "",
    secret: false,
    placeholder: "ada.bsky.social",
};

const PASSWORD: Field = Field {
    name: "password",
    label: "App password",
    hint: "From Settings, Privacy and security, App passwords",
    secret: true,
    placeholder: "xxxx-xxxx-xxxx-xxxx",
};

/// Access tokens live from minutes to two hours, and what says so is read. Refresh tokens of the browser's sign-in are
/// good for one use.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::Bluesky,
    means: &[Means::OAuthAt(HANDLE), Means::Credentials(&[IDENTIFIER, PASSWORD])],
    oauth: None,
    app: AppNeed::ClientMetadata,
    refresh: RefreshFacts {
        by: RefreshBy::RefreshToken,
        rotates: true,
        ahead: SignedDuration::from_mins(10),
        min_age: SignedDuration::ZERO,
    },
    api: None,
    needs: &[
        Scope::new("atproto", "know whose account it is"),
        Scope::new("transition:generic", "publish posts and upload files"),
    ],
};

impl SignIn for BlueskySignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn begin<'a>(&'a self, ctx: SignInCtx<'a>, ask: &'a Ask) -> BoxFut<'a, Result<Begun, PlatformError>> {
        Box::pin(oauth::begin(ctx, ask))
    }

    fn exchange<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        memory: &'a Memory,
        back: &'a Callback,
    ) -> BoxFut<'a, Result<Grant, PlatformError>> {
        Box::pin(oauth::exchange(ctx, memory, back))
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move {
            let home = match grant.memory.get("server").or(ctx.base_url) {
                Some(home) => home.trim_end_matches('/').to_owned(),
                None => ctx.endpoints.base(Platform::Bluesky, ENTRY),
            };
            let pds = Pds::new(ctx.http, &home).with_tokens(&grant.tokens, ctx.now);
            let who: Who = pds.ask("com.atproto.server.getSession", Stage::Connect).await?;
            if grant.memory.get("subject").is_some_and(|did| did != who.did) {
                return Err(crate::signin::another_account(Platform::Bluesky));
            }
            let (tokens, scopes) = (grant.tokens.clone(), grant.scopes.clone());
            let verified = identity::verified(ctx, &home, who, tokens, scopes).await?;
            Ok(Found::Account(verified))
        })
    }

    fn with_credentials<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        credentials: &'a Credentials,
    ) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move { session::connect(ctx, credentials).await.map(Found::Account) })
    }

    fn refresh<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        tokens: &'a Tokens,
    ) -> Option<BoxFut<'a, Result<Tokens, PlatformError>>> {
        let secret = tokens.refresh.as_ref()?;
        Some(match tokens.proof_key {
            Some(_) => Box::pin(oauth::refresh(ctx, tokens)),
            None => Box::pin(session::refresh(ctx, secret)),
        })
    }

    fn revoke<'a>(&'a self, ctx: SignInCtx<'a>, tokens: &'a Tokens) -> Option<BoxFut<'a, Result<(), PlatformError>>> {
        let secret = tokens.refresh.as_ref()?;
        Some(match tokens.proof_key {
            Some(_) => Box::pin(oauth::revoke(ctx, tokens)),
            None => Box::pin(session::revoke(ctx, secret)),
        })
    }
}

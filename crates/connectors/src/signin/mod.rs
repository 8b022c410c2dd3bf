//! Signing in: how an account is connected, kept alive, checked and let go.
//!
//! One flow (authorization code, RFC 6749 and RFC 7636) serves every platform from its [`SignInFacts`]; a platform's own
//! module has only what is different. Nothing here is remembered: what must survive until the browser comes back is in
//! [`Memory`], which the caller seals.
//!
//! What must stay true: no token, code, verifier or secret is in an error, a log or a `Debug`; platforms' words are
//! searched for the secrets that were sent before they are kept. A token endpoint is asked over a connection of its own
//! and never twice, since codes and rotating refresh tokens are good for one use.

pub mod abroad;
pub mod answer;
pub mod api;
pub mod choices;
pub mod dpop;
pub mod facts;
pub mod flow;
pub mod google;
pub mod graph;
pub mod oauth;
pub mod pkce;
pub mod refusal;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use domain::account::Tokens;
use domain::clock::BoxFut;
use domain::error::{ErrorKind, PlatformError, Retry, Stage, When};
use domain::platform::Platform;
use jiff::Timestamp;

pub use self::choices::{CHOICES_MAX, Choice, Found, Verified};
pub use self::facts::{
    Address, ApiVersion, AppNeed, Asked, ClientAuth, Field, Means, OAuth, Pkce, RefreshBy, RefreshFacts, RevokedBy,
    Rows, Scope, SignInFacts,
};
pub use self::flow::{Ask, Begun, Callback, Grant, Memory};
pub use self::refusal::{DENIED, NO_ANSWER, is_denied};
use crate::http::Http;
use crate::{AccountRef, App, Credentials, Endpoints};

/// What signing in, refreshing and checking need.
#[derive(Clone, Copy)]
pub struct SignInCtx<'a> {
    /// Where the platforms are.
    pub endpoints: &'a Endpoints,
    /// The clients.
    pub http: &'a Http,
    /// The account's own server, where it has one.
    pub base_url: Option<&'a str>,
    /// This server's app at the account's own server, where one was registered there (Mastodon).
    pub app: Option<&'a App>,
    /// The time.
    pub now: Timestamp,
}

/// How accounts of one platform are connected. The methods answer [`PlatformError`]s of stage `Connect` or `Refresh`;
/// their kinds say whom it takes: `Permission` with the code [`DENIED`] is the person's own no, `OperatorConfig` the
/// operator, `Auth` with `AfterReconnect` a new sign-in, and transient kinds only time.
pub trait SignIn: Send + Sync {
    /// What the operator must configure, the flow as data, versions with sunset dates.
    fn facts(&self) -> &'static SignInFacts;

    /// Which platform.
    fn platform(&self) -> Platform {
        self.facts().platform
    }

    /// Where the browser is to go, and what must be remembered until it comes back. May call the platform.
    fn begin<'a>(&'a self, ctx: SignInCtx<'a>, ask: &'a Ask) -> BoxFut<'a, Result<Begun, PlatformError>> {
        Box::pin(async move { oauth::begin(self.facts(), ctx, ask) })
    }

    /// What the platform sent back, for tokens. Works once for each consent.
    fn exchange<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        memory: &'a Memory,
        back: &'a Callback,
    ) -> BoxFut<'a, Result<Grant, PlatformError>> {
        Box::pin(oauth::exchange(self.facts(), ctx, memory, back))
    }

    /// Whose the tokens are and what they may do: one account, or a choice.
    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>>;

    /// The same for credentials in hand: a bot token, an app password, imported tokens.
    fn with_credentials<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        credentials: &'a Credentials,
    ) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move {
            let tokens = match credentials.tokens() {
                Some(tokens) => tokens,
                None => oauth::first_tokens(self.facts(), ctx, credentials).await?,
            };
            let found = self.identify(ctx, &Grant::of(tokens)).await?;
            found.narrowed(self.platform(), credentials.identifier.as_deref())
        })
    }

    /// Exchanges the refresh token (or the access token, where that is what is renewed) for new tokens; `None` where
    /// these tokens cannot be refreshed. An error with the code [`NO_ANSWER`] leaves open whether a rotating token is
    /// spent.
    fn refresh<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        tokens: &'a Tokens,
    ) -> Option<BoxFut<'a, Result<Tokens, PlatformError>>> {
        let by_token = self.facts().refresh.by == RefreshBy::RefreshToken && tokens.refresh.is_some();
        by_token.then(|| -> BoxFut<'a, _> { Box::pin(oauth::refresh(self.facts(), ctx, tokens)) })
    }

    /// Tells the platform that the tokens are not used any more; `None` where it has no such call. Tokens that it does
    /// not know any more are no error.
    fn revoke<'a>(&'a self, ctx: SignInCtx<'a>, tokens: &'a Tokens) -> Option<BoxFut<'a, Result<(), PlatformError>>> {
        self.facts().oauth.as_ref()?.revoke?;
        Some(Box::pin(oauth::revoke(self.facts(), ctx, tokens)))
    }

    /// Asks again whose the tokens are and what they may do: the check of a connected account. Where the platform does
    /// not tell the scopes, [`Verified::scopes`] is empty: see [`Verified::knowing`].
    fn verify<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        account: AccountRef<'a>,
        tokens: &'a Tokens,
    ) -> BoxFut<'a, Result<Verified, PlatformError>> {
        Box::pin(async move {
            let found = self.identify(ctx, &Grant::of(tokens.clone())).await?;
            match found.narrowed(self.platform(), Some(account.remote_id))? {
                Found::Account(verified) => verified.only(self.platform(), account),
                Found::Choose { .. } => Err(another_account(self.platform())),
            }
        })
    }
}

/// The error of tokens that stand for another account than the one that they are kept for.
#[must_use]
pub fn another_account(platform: Platform) -> PlatformError {
    let message = format!(
        "The {} sign-in stands for another account now; connect the account again",
        platform.name()
    );
    PlatformError::refused(platform, Stage::Connect, ErrorKind::AccountGone, message)
        .with_retry(Retry::when(When::AfterReconnect))
}

/// An error of this server's own making while signing in.
pub(crate) fn refused(platform: Platform, kind: ErrorKind, message: impl Into<String>) -> PlatformError {
    PlatformError::refused(platform, Stage::Connect, kind, message)
}

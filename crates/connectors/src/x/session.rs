//! Whose tokens these are, and new ones for old.

use domain::account::Tokens;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;

use super::api::Api;
use super::error::Call;
use super::wire::{Envelope, TokenAnswer, User};
use crate::{ConnectCtx, Connected, Credentials};

/// Asks whose tokens these are.
pub(super) async fn connect(ctx: ConnectCtx<'_>, credentials: &Credentials) -> Result<Connected, PlatformError> {
    let tokens = match (&credentials.token, &credentials.refresh) {
        // When a token was issued is not known, so neither is when it ends: the first 401 tells.
        (Some(access), refresh) => Tokens {
            access: access.clone(),
            refresh: refresh.clone(),
            expires_at: None,
        },
        (None, Some(refresh)) => self::refresh(ctx, refresh).await?,
        (None, None) => {
            return Err(refused(
                ErrorKind::Invalid,
                "X needs an OAuth 2.0 access token with user context",
            ));
        }
    };
    let api = Api::new(ctx.http, ctx.endpoints, &tokens);
    let request = api
        .request(Method::GET, "/2/users/me")
        .query(&[("user.fields", "username,name,profile_image_url")]);
    let user = api
        .call::<Envelope<User>>(request, Call::Post, Stage::Check)
        .await?
        .data;
    Ok(Connected {
        remote_id: user.id,
        display_name: user.name,
        avatar_url: user.profile_image_url,
        profile_url: Some(format!("https://x.com/{}", user.username)),
        username: user.username,
        base_url: None,
        tokens,
    })
}

/// Exchanges a refresh token, which ends with its first use.
pub(super) async fn refresh(ctx: ConnectCtx<'_>, secret: &SecretText) -> Result<Tokens, PlatformError> {
    let Some(app) = ctx.endpoints.apps.get(&Platform::X) else {
        let message = "This server has no app at X, so it cannot renew sign-ins; its operator must add one";
        return Err(refused(ErrorKind::OperatorConfig, message));
    };
    let none = Tokens::default();
    let api = Api::new(ctx.http, ctx.endpoints, &none);
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", secret.expose())];
    let is_public = app.secret.expose().is_empty();
    if is_public {
        form.push(("client_id", &app.id));
    }
    let mut request = api.anonymous(Method::POST, "/2/oauth2/token").form(&form);
    if !is_public {
        request = request.basic_auth(&app.id, Some(app.secret.expose()));
    }
    let new = api.call::<TokenAnswer>(request, Call::Token, Stage::Refresh).await?;
    let next = new.refresh_token.filter(|token| !token.is_empty()).map(SecretText::new);
    Ok(Tokens {
        access: SecretText::new(new.access_token),
        refresh: Some(next.unwrap_or_else(|| secret.clone())),
        expires_at: new.expires_in.and_then(|seconds| ends(ctx.now, seconds)),
    })
}

fn ends(now: Timestamp, seconds: i64) -> Option<Timestamp> {
    now.checked_add(SignedDuration::from_secs(seconds)).ok()
}

fn refused(kind: ErrorKind, message: &str) -> PlatformError {
    PlatformError::refused(Platform::X, Stage::Validate, kind, message)
}

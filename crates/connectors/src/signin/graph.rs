//! What Facebook, Instagram and Threads have in common: the refusals of the Graph API (developers.facebook.com, "Handle
//! errors") and long-lived tokens that are renewed by themselves.

use domain::account::Tokens;
use domain::error::{ErrorKind, PlatformError, Retry, Stage, When};
use jiff::SignedDuration;
use reqwest::Method;

use super::answer::TokenAnswer;
use super::facts::SignInFacts;
use super::flow::Grant;
use super::{Rows, SignInCtx, api::IdentityApi, oauth, refusal};
use crate::http::READ_BUDGET;
use crate::rules::Row;

const APP: &str = "Meta does not accept this server's app; its operator must check the app's id, secret and settings";

/// Of a wrong app, which the token endpoints tell by their words alone.
static APP_ROWS: &[Row] = &[
    Row::new(ErrorKind::OperatorConfig, APP).contains("client secret"),
    Row::new(ErrorKind::OperatorConfig, APP).contains("Invalid platform app"),
    Row::new(ErrorKind::OperatorConfig, APP).contains("validating application"),
    Row::new(ErrorKind::OperatorConfig, APP).code("101"),
];

/// The refusals of the token and identity endpoints.
pub static ROWS: Rows = &[APP_ROWS, crate::graph::FAMILY];

/// How long a long-lived token lives where its answer does not say so (60 days).
pub const LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);

/// The endpoints of long-lived tokens: Instagram's and Threads' differ in names only.
#[derive(Debug, Clone, Copy)]
pub struct LongLived {
    /// `ig_exchange_token` or `th_exchange_token`.
    pub exchange: &'static str,
    /// `ig_refresh_token` or `th_refresh_token`.
    pub refresh: &'static str,
}

impl LongLived {
    /// Exchanges a short-lived token at `base`. The endpoint takes its secrets in the query, and nowhere else; neither
    /// it nor anything else here logs an address.
    ///
    /// # Errors
    /// What the platform said, or that it could not be asked.
    pub async fn exchange(
        &self,
        facts: &'static SignInFacts,
        ctx: SignInCtx<'_>,
        base: &str,
        short: Grant,
    ) -> Result<Grant, PlatformError> {
        let app = oauth::app(facts, ctx)?;
        let query = [
            ("grant_type", self.exchange),
            ("client_secret", app.secret.expose()),
            ("access_token", short.tokens.access.expose()),
        ];
        let told = ask(
            facts,
            ctx,
            Stage::Connect,
            &format!("{base}/access_token"),
            &query,
            &short.tokens,
        )
        .await?;
        Ok(Grant {
            tokens: living(told, ctx),
            ..short
        })
    }

    /// Renews a token that lives and is at least a day old. A younger one is refused like a dead one, so whether it
    /// lives is asked at `me`.
    ///
    /// # Errors
    /// What the platform said, or that it could not be asked; `NotReady` for a token that lives and is too young.
    pub async fn refresh(
        &self,
        facts: &'static SignInFacts,
        ctx: SignInCtx<'_>,
        base: &str,
        me: &str,
        tokens: &Tokens,
    ) -> Result<Tokens, PlatformError> {
        let query = [("grant_type", self.refresh), ("access_token", tokens.access.expose())];
        let address = format!("{base}/refresh_access_token");
        let refused = match ask(facts, ctx, Stage::Refresh, &address, &query, tokens).await {
            Ok(told) => return Ok(living(told, ctx)),
            Err(error) => error,
        };
        let may_live = tokens.expires_at.is_none_or(|at| at > ctx.now);
        if may_live && matches!(refused.kind, ErrorKind::Auth | ErrorKind::Permission) {
            let api = IdentityApi::new(facts.platform, ROWS, ctx, &tokens.access);
            let request = ctx.http.reading(Method::GET, me).bearer_auth(tokens.access.expose());
            if api.ask::<serde_json::Value>(request).await.is_ok() {
                let message = format!("{} does not renew this token yet", facts.platform.name());
                let young = PlatformError::refused(facts.platform, Stage::Refresh, ErrorKind::NotReady, message);
                return Err(young.with_retry(Retry::when(When::After(facts.refresh.min_age))));
            }
        }
        Err(PlatformError {
            kind: match refused.kind {
                ErrorKind::Permission => ErrorKind::Auth,
                kind => kind,
            },
            ..refused
        })
    }
}

fn living(told: TokenAnswer, ctx: SignInCtx<'_>) -> Tokens {
    Tokens {
        access: told.access,
        expires_at: told.expires_at.or_else(|| ctx.now.checked_add(LIFE).ok()),
        ..Tokens::default()
    }
}

async fn ask(
    facts: &'static SignInFacts,
    ctx: SignInCtx<'_>,
    stage: Stage,
    address: &str,
    query: &[(&str, &str)],
    tokens: &Tokens,
) -> Result<TokenAnswer, PlatformError> {
    let request = ctx.http.reading(Method::GET, address).query(query);
    let asked = ctx.http.read(request, READ_BUDGET).await;
    let answer = asked.map_err(|failure| failure.into_error(facts.platform, stage))?;
    if let Some(told) = TokenAnswer::read(&answer, ctx.now) {
        return Ok(told);
    }
    let app = ctx.endpoints.apps.get(&facts.platform);
    let mut secrets = vec![&tokens.access];
    secrets.extend(app.map(|app| &app.secret));
    Err(refusal::of_token_endpoint(
        facts.platform,
        stage,
        ROWS,
        &answer,
        &secrets,
    ))
}

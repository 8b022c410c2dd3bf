//! Calls to X's API.

use domain::account::Tokens;
use domain::error::{PlatformError, Stage};
use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::error::{Call, classify};
use crate::http::{Answer, Http, READ_BUDGET};
use crate::{Endpoints, SendCtx};

/// X's API (docs.x.com).
const BASE: &str = "https://api.x.com";

/// X's API with the tokens of one account.
pub(super) struct Api<'a> {
    http: &'a Http,
    base: String,
    tokens: &'a Tokens,
}

impl<'a> Api<'a> {
    pub(super) fn new(http: &'a Http, endpoints: &Endpoints, tokens: &'a Tokens) -> Self {
        Self {
            http,
            base: endpoints.base(Platform::X, BASE),
            tokens,
        }
    }

    /// For the account at hand.
    pub(super) fn of(ctx: &SendCtx<'a>) -> Self {
        Self::new(ctx.http, ctx.endpoints, ctx.tokens)
    }

    /// The creating call.
    pub(super) fn creating(&self, path: &str) -> RequestBuilder {
        let request = self.http.creating(Method::POST, &format!("{}{path}", self.base));
        request.bearer_auth(self.tokens.access.expose())
    }

    /// The call that takes something away.
    pub(super) fn deleting(&self, path: &str) -> RequestBuilder {
        let request = self.http.creating(Method::DELETE, &format!("{}{path}", self.base));
        request.bearer_auth(self.tokens.access.expose())
    }

    /// A repeatable call.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(self.tokens.access.expose())
    }

    /// A repeatable call without a token.
    pub(super) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.reading(method, &format!("{}{path}", self.base))
    }

    /// Makes a repeatable call, whatever the answer says.
    pub(super) async fn exchange(
        &self,
        request: RequestBuilder,
        stage: Stage,
        budget: SignedDuration,
    ) -> Result<Answer, PlatformError> {
        self.http
            .read(request, budget)
            .await
            .map_err(|failure| failure.into_error(Platform::X, stage))
    }

    /// Makes a repeatable call and reads its answer.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        call: Call,
        stage: Stage,
    ) -> Result<T, PlatformError> {
        let answer = self.exchange(request, stage, READ_BUDGET).await?;
        read(&answer, call, stage)
    }
}

/// Reads an answer that should be good.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer, call: Call, stage: Stage) -> Result<T, PlatformError> {
    if answer.is_success()
        && let Ok(value) = serde_json::from_slice(&answer.body)
    {
        return Ok(value);
    }
    Err(classify(call, stage, answer))
}

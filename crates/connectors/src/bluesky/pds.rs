//! Calls to a personal data server.

use domain::error::{PlatformError, Stage};
use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::error::classify;
use super::wire::FoundRecord;
use crate::SendCtx;
use crate::http::{Http, READ_BUDGET};

/// Where accounts log in that do not say otherwise (docs.bsky.app, "Get Started").
pub(super) const ENTRY: &str = "https://bsky.social";

/// A personal data server.
pub(super) struct Pds<'a> {
    http: &'a Http,
    base: String,
}

impl<'a> Pds<'a> {
    /// The server at `base`, an address without a slash at its end.
    pub(super) fn new(http: &'a Http, base: &str) -> Self {
        Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// The server of the account at hand.
    pub(super) fn of(ctx: &SendCtx<'a>) -> Self {
        match ctx.account.base_url {
            Some(base) => Self::new(ctx.http, base),
            None => Self::new(ctx.http, &ctx.endpoints.base(Platform::Bluesky, ENTRY)),
        }
    }

    /// The address of a method.
    pub(super) fn address(&self, method: &str) -> String {
        format!("{}/xrpc/{method}", self.base)
    }

    /// A repeatable procedure.
    pub(super) fn post(&self, method: &str) -> RequestBuilder {
        self.http.reading(Method::POST, &self.address(method))
    }

    /// A query.
    pub(super) fn get(&self, method: &str, query: &[(&str, &str)]) -> RequestBuilder {
        self.http.reading(Method::GET, &self.address(method)).query(query)
    }

    /// Makes a repeatable call and reads its answer.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        stage: Stage,
    ) -> Result<T, PlatformError> {
        self.call_within(request, stage, READ_BUDGET).await
    }

    /// The same, within another time.
    pub(super) async fn call_within<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        stage: Stage,
        budget: SignedDuration,
    ) -> Result<T, PlatformError> {
        let answer = self
            .http
            .read(request, budget)
            .await
            .map_err(|f| f.into_error(Platform::Bluesky, stage))?;
        if answer.is_success()
            && let Ok(value) = serde_json::from_slice(&answer.body)
        {
            return Ok(value);
        }
        Err(classify(stage, &answer))
    }

    /// A record. Records are public: no token goes with the question, so that a dead one cannot hide the answer.
    pub(super) async fn record(&self, repo: &str, collection: &str, key: &str) -> Result<FoundRecord, PlatformError> {
        let query = [("repo", repo), ("collection", collection), ("rkey", key)];
        self.call(self.get("com.atproto.repo.getRecord", &query), Stage::Check)
            .await
    }
}

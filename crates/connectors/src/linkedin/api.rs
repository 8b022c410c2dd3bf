//! Calls to LinkedIn's versioned API (learn.microsoft.com, "Versioning" and "Protocol version").

use domain::error::{PlatformError, Stage};
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::error::classify;
use crate::http::{Answer, Http, READ_BUDGET};
use crate::{Endpoints, SendCtx};

/// Where the API is.
const BASE: &str = "https://api.linkedin.com";

/// The month of the API that this connector was written for. Each lives a year at least.
pub(super) const VERSION: &str = "202609";

/// LinkedIn's API with the token of one account.
pub(super) struct Api<'a> {
    http: &'a Http,
    endpoints: &'a Endpoints,
    token: &'a SecretText,
}

impl<'a> Api<'a> {
    pub(super) fn new(http: &'a Http, endpoints: &'a Endpoints, token: &'a SecretText) -> Self {
        Self { http, endpoints, token }
    }

    /// For the account at hand.
    pub(super) fn of(ctx: &SendCtx<'a>) -> Self {
        Self::new(ctx.http, ctx.endpoints, &ctx.tokens.access)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoints.base(Platform::LinkedIn, BASE))
    }

    /// A creating call.
    pub(super) fn creating(&self, path: &str) -> RequestBuilder {
        self.versioned(self.http.creating(Method::POST, &self.url(path)))
    }

    /// A call that takes something away.
    pub(super) fn deleting(&self, path: &str) -> RequestBuilder {
        self.versioned(self.http.creating(Method::DELETE, &self.url(path)))
            .header("X-RestLi-Method", "DELETE")
    }

    /// A repeatable call below `/rest`.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.versioned(self.http.reading(method, &self.url(path)))
    }

    /// A repeatable call that searches.
    pub(super) fn finder(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path).header("X-RestLi-Method", "FINDER")
    }

    /// A repeatable call outside `/rest`, which has no versions.
    pub(super) fn unversioned(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .reading(method, &self.url(path))
            .bearer_auth(self.token.expose())
    }

    /// An upload to the address that LinkedIn gave; with the token where its documentation says so, else without.
    pub(super) fn upload(&self, url: &str, with_token: bool) -> RequestBuilder {
        let request = self.http.reading(Method::PUT, url);
        if with_token {
            request.bearer_auth(self.token.expose())
        } else {
            request
        }
    }

    fn versioned(&self, request: RequestBuilder) -> RequestBuilder {
        request
            .bearer_auth(self.token.expose())
            .header("LinkedIn-Version", VERSION)
            .header("X-Restli-Protocol-Version", "2.0.0")
    }

    /// Makes a repeatable call, whatever the answer says.
    pub(super) async fn exchange(
        &self,
        request: RequestBuilder,
        stage: Stage,
        budget: SignedDuration,
    ) -> Result<Answer, PlatformError> {
        let answer = self.http.read(request, budget).await;
        answer.map_err(|failure| failure.into_error(Platform::LinkedIn, stage))
    }

    /// Makes a repeatable call and reads its answer.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        stage: Stage,
    ) -> Result<T, PlatformError> {
        let answer = self.exchange(request, stage, READ_BUDGET).await?;
        read(&answer, stage)
    }
}

/// Reads an answer that should be good.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer, stage: Stage) -> Result<T, PlatformError> {
    match serde_json::from_slice(&answer.body) {
        Ok(value) if answer.is_success() => Ok(value),
        _ => Err(classify(stage, answer)),
    }
}

/// A URN as a path takes it.
pub(super) fn encoded(urn: &str) -> String {
    url::form_urlencoded::byte_serialize(urn.as_bytes()).collect()
}

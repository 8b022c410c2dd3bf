//! Calls to the Graph API as a Page.

use domain::error::{PlatformError, Stage};
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::error::classify;
use crate::graph::bases;
use crate::http::{Answer, Http, READ_BUDGET};
use crate::{Endpoints, SendCtx};

/// Where the API is.
const BASE: &str = "https://graph.facebook.com";

/// Where films of the feed go; below the operator's own address, when there is one.
const FILM_BASE: &str = "https://graph-video.facebook.com";

/// The version of the API that this connector was written for, unless the operator's address names another.
pub(super) const VERSION: &str = "v25.0";

/// Facebook's API with the token of one Page (or, while connecting, of a person).
pub(super) struct Api<'a> {
    http: &'a Http,
    endpoints: &'a Endpoints,
    token: &'a SecretText,
}

impl<'a> Api<'a> {
    pub(super) fn new(http: &'a Http, endpoints: &'a Endpoints, token: &'a SecretText) -> Self {
        Self { http, endpoints, token }
    }

    /// For the Page at hand.
    pub(super) fn of(ctx: &SendCtx<'a>) -> Self {
        Self::new(ctx.http, ctx.endpoints, &ctx.tokens.access)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", bases(self.endpoints, Platform::Facebook, BASE, VERSION).1)
    }

    /// A repeatable call; the token is in the header, never in the address.
    pub(super) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .reading(method, &self.url(path))
            .bearer_auth(self.token.expose())
    }

    /// A creating call.
    pub(super) fn creating(&self, path: &str) -> RequestBuilder {
        self.http
            .creating(Method::POST, &self.url(path))
            .bearer_auth(self.token.expose())
    }

    /// A call that takes something away.
    pub(super) fn deleting(&self, path: &str) -> RequestBuilder {
        self.http
            .creating(Method::DELETE, &self.url(path))
            .bearer_auth(self.token.expose())
    }

    /// A repeatable call that uploads a film of the feed.
    pub(super) fn film(&self, path: &str) -> RequestBuilder {
        let base = bases(self.endpoints, Platform::Facebook, FILM_BASE, VERSION).1;
        self.http
            .reading(Method::POST, &format!("{base}/{path}"))
            .bearer_auth(self.token.expose())
    }

    /// An upload to the address that Facebook gave, which wants the token in a form of its own.
    pub(super) fn upload(&self, url: &str) -> RequestBuilder {
        self.http
            .reading(Method::POST, url)
            .header("Authorization", format!("OAuth {}", self.token.expose()))
    }

    /// Makes a repeatable call and reads its answer.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        stage: Stage,
    ) -> Result<T, PlatformError> {
        Ok(self.read_within(request, stage, READ_BUDGET).await?.1)
    }

    /// The same within `budget`, and with the whole answer.
    pub(super) async fn read_within<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        stage: Stage,
        budget: SignedDuration,
    ) -> Result<(Answer, T), PlatformError> {
        let answer = self.http.read(request, budget).await;
        let answer = answer.map_err(|failure| failure.into_error(Platform::Facebook, stage))?;
        match serde_json::from_slice(&answer.body) {
            Ok(value) if answer.is_success() => Ok((answer, value)),
            _ => Err(classify(stage, &answer)),
        }
    }
}

//! Calls to a personal data server.

use domain::account::Tokens;
use domain::error::{PlatformError, Stage};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use url::Url;

use super::error::classify;
use super::wire::FoundRecord;
use crate::SendCtx;
use crate::http::{Answer, Http, READ_BUDGET};
use crate::signin::dpop::{self, ProofKey};

/// Where accounts log in that do not say otherwise (docs.bsky.app, "Get Started").
pub(super) const ENTRY: &str = "https://bsky.social";

/// A personal data server.
pub(super) struct Pds<'a> {
    http: &'a Http,
    base: String,
    session: Option<(&'a Tokens, Timestamp)>,
}

impl<'a> Pds<'a> {
    /// The server at `base`, an address without a slash at its end.
    pub(super) fn new(http: &'a Http, base: &str) -> Self {
        Self {
            http,
            base: base.trim_end_matches('/').to_owned(),
            session: None,
        }
    }

    /// The same with these tokens, at this time.
    pub(super) fn with_tokens(mut self, tokens: &'a Tokens, now: Timestamp) -> Self {
        self.session = Some((tokens, now));
        self
    }

    /// The server of the account at hand.
    pub(super) fn of(ctx: &SendCtx<'a>) -> Self {
        let pds = match ctx.account.base_url {
            Some(base) => Self::new(ctx.http, base),
            None => Self::new(ctx.http, &ctx.endpoints.base(Platform::Bluesky, ENTRY)),
        };
        pds.with_tokens(ctx.tokens, ctx.now)
    }

    /// The same request as the account: with its token, and with a proof by the key that the token is bound to, if it is.
    pub(super) fn signed(&self, request: RequestBuilder, method: &Method, name: &str) -> RequestBuilder {
        let Some((tokens, now)) = self.session else {
            return request;
        };
        let key = tokens.proof_key.as_ref().and_then(ProofKey::from_text);
        match (key, Url::parse(&self.address(name))) {
            (Some(key), Ok(address)) => {
                let nonce = self.http.nonces.of(&address);
                let proof = key.proof(method.as_str(), &address, now, nonce.as_deref(), Some(&tokens.access));
                request
                    .header(AUTHORIZATION, format!("DPoP {}", tokens.access.expose()))
                    .header("DPoP", proof.expose())
            }
            _ => request.bearer_auth(tokens.access.expose()),
        }
    }

    /// Remembers what the server wants in the next proof. Whether it refused this request for that alone, which means
    /// that it did nothing and the same request may be made again.
    pub(super) fn wants_nonce(&self, name: &str, answer: &Answer) -> bool {
        let is_bound = self.session.is_some_and(|(tokens, _)| tokens.proof_key.is_some());
        if let (true, Ok(address)) = (is_bound, Url::parse(&self.address(name))) {
            self.http.nonces.learn(&address, answer);
        }
        is_bound && dpop::wants_nonce(answer)
    }

    /// Asks as the account, once more if only the nonce was wrong.
    pub(super) async fn ask<T: DeserializeOwned>(&self, name: &str, stage: Stage) -> Result<T, PlatformError> {
        let mut is_second = false;
        loop {
            let request = self.signed(self.get(name, &[]), &Method::GET, name);
            let asked = self.http.read(request, READ_BUDGET).await;
            let answer = asked.map_err(|failure| failure.into_error(Platform::Bluesky, stage))?;
            if self.wants_nonce(name, &answer) && !is_second {
                is_second = true;
                continue;
            }
            return read(stage, &answer);
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
        read(stage, &answer)
    }

    /// A record. Records are public: no token goes with the question, so that a dead one cannot hide the answer.
    pub(super) async fn record(&self, repo: &str, collection: &str, key: &str) -> Result<FoundRecord, PlatformError> {
        let query = [("repo", repo), ("collection", collection), ("rkey", key)];
        self.call(self.get("com.atproto.repo.getRecord", &query), Stage::Check)
            .await
    }
}

/// Reads an answer that should be good.
pub(super) fn read<T: DeserializeOwned>(stage: Stage, answer: &Answer) -> Result<T, PlatformError> {
    match serde_json::from_slice(&answer.body) {
        Ok(value) if answer.is_success() => Ok(value),
        _ => Err(classify(stage, answer)),
    }
}

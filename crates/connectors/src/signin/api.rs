//! Asking whose tokens they are.

use domain::error::PlatformError;
use domain::platform::Platform;
use domain::secret::SecretText;
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;

use super::{Rows, SignInCtx, refusal};
use crate::http::READ_BUDGET;

/// The identity endpoints of a platform, with the token of one sign-in.
#[derive(Clone, Copy)]
pub struct IdentityApi<'a> {
    platform: Platform,
    /// What its refusals mean where the common reading is wrong.
    rows: Rows,
    ctx: SignInCtx<'a>,
    token: &'a SecretText,
}

impl<'a> IdentityApi<'a> {
    /// With this token.
    #[must_use]
    pub const fn new(platform: Platform, rows: Rows, ctx: SignInCtx<'a>, token: &'a SecretText) -> Self {
        Self {
            platform,
            rows,
            ctx,
            token,
        }
    }

    /// A question, with the token in its header.
    pub fn get(&self, origin: &str, path: &str) -> RequestBuilder {
        self.request(Method::GET, origin, path)
    }

    /// The same by another method.
    pub fn request(&self, method: Method, origin: &str, path: &str) -> RequestBuilder {
        let address = self.ctx.endpoints.at(self.platform, origin, path);
        self.ctx.http.reading(method, &address).bearer_auth(self.token.expose())
    }

    /// Asks and reads the answer.
    ///
    /// # Errors
    /// What the platform said, or that it could not be asked.
    pub async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, PlatformError> {
        let asked = self.ctx.http.read(request, READ_BUDGET).await;
        let answer = asked.map_err(|failure| failure.into_error(self.platform, domain::error::Stage::Connect))?;
        match serde_json::from_slice(&answer.body) {
            Ok(value) if answer.is_success() => Ok(value),
            _ => Err(refusal::of_identity(self.platform, self.rows, &answer, &[self.token])),
        }
    }
}

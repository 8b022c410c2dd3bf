//! The REST API that the tools call.

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, Request};
use bytes::Bytes;
use domain::secret::SecretText;
use tower::ServiceExt;

/// The longest answer that is taken, in bytes. The longest there is, a page of 100 posts, is a fraction of it.
pub const ANSWER_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// The header that carries the key.
pub const KEY_HEADER: &str = "x-api-key";
/// The header that says that the caller is an MCP server, which the plan must grant, and its value.
pub const CLIENT_HEADER: (&str, &str) = ("x-postpost-client", "mcp");

/// A request to the REST API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// The path below the API's own, with a slash before it and the query behind it.
    pub path: String,
    /// The body in JSON, for requests that have one; those that delete may, too.
    pub body: Option<String>,
}

/// What the REST API said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, whatever it is.
    pub body: Bytes,
}

/// There was no answer. The text says what to look at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// A way to the REST API.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// Asks in the name of `key`, with the header that says that the caller is an MCP server. Without a key the API
    /// answers that it is missing, which still tells whether there is such a route.
    ///
    /// # Errors
    /// When no answer came.
    async fn ask(&self, key: Option<&SecretText>, ask: Ask) -> Result<Answer, Unreachable>;
}

/// The REST API of this process, called without a connection.
#[derive(Debug, Clone)]
pub struct InProcess {
    router: Router,
    prefix: &'static str,
}

impl InProcess {
    /// The API that `router` serves below `prefix`, such as `/postpost/api/v1`.
    #[must_use]
    pub const fn new(router: Router, prefix: &'static str) -> Self {
        Self { router, prefix }
    }
}

#[async_trait]
impl Upstream for InProcess {
    async fn ask(&self, key: Option<&SecretText>, ask: Ask) -> Result<Answer, Unreachable> {
        let unusable = |_| Unreachable("The request could not be put together".to_owned());
        let mut request = Request::builder()
            .method(ask.method)
            .uri(format!("{}{}", self.prefix, ask.path))
            .header(CONTENT_TYPE, "application/json")
            .header(CLIENT_HEADER.0, CLIENT_HEADER.1)
            .body(ask.body.map_or_else(Body::empty, Body::from))
            .map_err(unusable)?;
        if let Some(key) = key {
            let mut value = HeaderValue::from_str(key.expose())
                .map_err(|_| Unreachable("The API key cannot be sent in a header".to_owned()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(KEY_HEADER, value);
        }
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX)
            .await
            .map_err(|_| Unreachable("The answer of the API is too long".to_owned()))?;
        Ok(Answer { status, body })
    }
}

//! One origin, several dialects: each has a prefix of its own, and the undivided `/api/v1` is a convenience, routed by
//! credential.
//!
//! The prefixes are the supported addresses. On the undivided one a small table decides: the first row whose credential is
//! there answers, as if the request had come to its prefix. Without any of them the first row does, which is PostPost.

use std::convert::Infallible;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{OriginalUri, Request};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use futures_util::FutureExt;
use tower::Service;

use crate::request_id::{CurrentRequest, RequestIds};

/// Where a dialect is found by the credential.
const UNDIVIDED: &str = "/api/v1";

/// A row of the table.
#[derive(Clone)]
pub(crate) struct Mount {
    /// Its own address.
    pub(crate) prefix: &'static str,
    /// Whether a request with these headers carries this dialect's credential.
    pub(crate) claims: fn(&HeaderMap) -> bool,
    /// Its routes, under its prefix: a nested router would take the prefix off each request's path, and look twice.
    pub(crate) routes: Router,
    /// What it says of an error of this server's.
    pub(crate) failed: fn() -> Response,
}

/// Everything that this server answers. Cheap to clone.
#[derive(Clone)]
pub struct Origin(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    ids: Arc<RequestIds>,
    mounts: Vec<Mount>,
    /// What answers where no dialect does.
    elsewhere: Router,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").finish_non_exhaustive()
    }
}

impl Origin {
    /// These routes and no dialect yet. Names of requests follow from the seed.
    #[must_use]
    pub fn new(elsewhere: Router, seed: u64) -> Self {
        Self(Arc::new(Inner {
            ids: Arc::new(RequestIds::new(seed)),
            mounts: Vec::new(),
            elsewhere,
        }))
    }

    /// The same with these dialects. The first owns what is undivided.
    pub(crate) fn speaking(self, mounts: Vec<Mount>) -> Self {
        Self(Arc::new(Inner {
            mounts,
            ..Arc::unwrap_or_clone(self.0)
        }))
    }

    /// The same with more routes, which belong to no dialect.
    #[must_use]
    pub fn with(self, routes: Router) -> Self {
        let inner = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Inner {
            elsewhere: inner.elsewhere.merge(routes),
            ..inner
        }))
    }
}

impl Inner {
    /// The dialect that answers a request, whose path is made its own.
    fn dialect_of(&self, request: &mut Request) -> Option<&Mount> {
        let path = request.uri().path();
        if let Some(mount) = self.mounts.iter().find(|mount| below(path, mount.prefix).is_some()) {
            return Some(mount);
        }
        below(path, UNDIVIDED)?;
        let claims = |mount: &&Mount| (mount.claims)(request.headers());
        let mount = self.mounts.iter().find(claims).or_else(|| self.mounts.first())?;
        let uri = moved(request.uri(), mount.prefix)?;
        let asked = std::mem::replace(request.uri_mut(), uri);
        request.extensions_mut().insert(OriginalUri(asked));
        Some(mount)
    }

    async fn answer(&self, mut request: Request) -> Response {
        let current = CurrentRequest::of(&mut request, &self.ids);
        let dialect = self.dialect_of(&mut request);
        let mut routes = dialect.map_or(&self.elsewhere, |mount| &mount.routes).clone();
        let handled = AssertUnwindSafe(async move { routes.call(request).await }).catch_unwind();
        let answer = async {
            match handled.await {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(_) => {
                    tracing::error!("a handler panicked");
                    dialect.map_or_else(failed, |mount| (mount.failed)())
                }
            }
        };
        current.answer(answer).await
    }
}

/// What is said, where no dialect speaks, of an error of this server's.
fn failed() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here\n").into_response()
}

/// What of a path is below this prefix: nothing, or something that begins with a slash.
fn below<'p>(path: &'p str, prefix: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

/// An undivided address under a dialect's prefix.
fn moved(uri: &Uri, prefix: &str) -> Option<Uri> {
    let rest = below(uri.path(), UNDIVIDED)?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = PathAndQuery::try_from(format!("{prefix}{rest}{query}")).ok()?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}

impl<B> Service<axum::http::Request<B>> for Origin
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: axum::http::Request<B>) -> Self::Future {
        let origin = self.clone();
        Box::pin(async move { Ok(origin.0.answer(request.map(Body::new)).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use axum::routing::get;

    /// Two dialects beside a route. Each says its name, and the address that was asked for.
    fn origin() -> Origin {
        let says = |word: &'static str, path: &str| {
            let answer = move |OriginalUri(asked): OriginalUri| async move { format!("{word} {asked}") };
            Router::new()
                .route(path, get(answer))
                .route(&format!("{path}/broken"), get(broken))
                .fallback(move || async move { format!("{word} has none") })
        };
        let mounts = vec![
            Mount {
                prefix: "/one/v1",
                claims: |headers| headers.contains_key("x-one"),
                routes: says("one", "/one/v1/which"),
                failed: || "one failed".into_response(),
            },
            Mount {
                prefix: "/two/v2",
                claims: |headers| headers.contains_key("authorization"),
                routes: says("two", "/two/v2/which"),
                failed: || "two failed".into_response(),
            },
        ];
        let elsewhere = Router::new()
            .route("/broken", get(broken))
            .fallback(|| async { "nothing" });
        Origin::new(elsewhere, 7)
            .speaking(mounts)
            .with(Router::new().route("/other", get(|| async { "other" })))
    }

    async fn broken() {
        panic!("a bug");
    }

    async fn answer(path: &str, header: Option<&'static str>) -> String {
        let mut request = Request::builder().uri(path);
        if let Some(header) = header {
            request = request.header(header, "x");
        }
        let response = origin().call(request.body(Body::empty()).unwrap()).await.unwrap();
        String::from_utf8(to_bytes(response.into_body(), 100).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn each_dialect_answers_under_its_prefix_whatever_the_credential() {
        assert_eq!(
            answer("/one/v1/which?a=b", Some("authorization")).await,
            "one /one/v1/which?a=b"
        );
        assert_eq!(answer("/two/v2/which", None).await, "two /two/v2/which");
        assert_eq!(answer("/two/v2", None).await, "two has none");
        assert_eq!(answer("/other", Some("x-one")).await, "other");
    }

    #[tokio::test]
    async fn on_the_undivided_address_the_credential_decides_and_else_the_first() {
        assert_eq!(
            answer("/api/v1/which?a=b", Some("x-one")).await,
            "one /api/v1/which?a=b"
        );
        assert_eq!(
            answer("/api/v1/which", Some("authorization")).await,
            "two /api/v1/which"
        );
        assert_eq!(answer("/api/v1/which", None).await, "one /api/v1/which");
        assert_eq!(answer("/api/v1/that", Some("authorization")).await, "two has none");
        assert_eq!(answer("/api/v1", None).await, "one has none");
    }

    #[tokio::test]
    async fn a_bug_in_a_handler_is_answered_in_the_dialects_words() {
        assert_eq!(answer("/one/v1/which/broken", None).await, "one failed");
        assert_eq!(
            answer("/api/v1/which/broken", Some("authorization")).await,
            "two failed"
        );
        assert_eq!(answer("/broken", None).await, "Something went wrong here\n");
    }

    #[tokio::test]
    async fn the_request_is_named_while_it_is_answered_and_the_answer_too() {
        let name = || async { CurrentRequest::with(ToString::to_string).unwrap_or_default() };
        let mut origin = origin().with(Router::new().route("/name", get(name)));
        let request = Request::builder().uri("/name?secret=1").header("x-request-id", "mine");
        let response = origin.call(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["x-request-id"], "mine");
        let body = to_bytes(response.into_body(), 100).await.unwrap();
        assert_eq!(body, "request{id=mine method=GET path=/name}");
        assert!(CurrentRequest::with(|_| ()).is_none());
    }

    #[tokio::test]
    async fn a_path_that_only_begins_like_a_prefix_is_nobodys() {
        for path in ["/one/v10/which", "/api/v1x/which", "/api", "/"] {
            assert_eq!(answer(path, Some("x-one")).await, "nothing", "{path}");
        }
    }
}

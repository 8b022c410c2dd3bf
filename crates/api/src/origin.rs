//! One origin, several dialects: each has a prefix of its own, and the undivided `/api/v1` is a convenience, routed by
//! credential.
//!
//! The prefixes are the supported addresses. On the undivided one a small table decides: the first row whose credential is
//! there answers, as if the request had come to its prefix. Without any of them the first row does, which is PostPost.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Uri};
use axum::routing::future::RouteFuture;
use tower::Service;

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
}

/// All dialects, and what answers where none is.
#[derive(Clone)]
pub(crate) struct Dialects {
    mounts: Arc<[Mount]>,
    elsewhere: Router,
}

impl Dialects {
    /// The first of `mounts` owns what is undivided; `elsewhere` answers under no prefix.
    pub(crate) fn new(mounts: Vec<Mount>, elsewhere: Router) -> Self {
        Self {
            mounts: mounts.into(),
            elsewhere,
        }
    }

    /// The routes that answer a request, whose path is made theirs.
    fn routes_for(&self, request: &mut Request) -> &Router {
        let path = request.uri().path();
        if let Some(mount) = self.mounts.iter().find(|mount| below(path, mount.prefix).is_some()) {
            return &mount.routes;
        }
        let claims = |mount: &&Mount| (mount.claims)(request.headers());
        let claimed = self.mounts.iter().find(claims).or_else(|| self.mounts.first());
        let moved = claimed.and_then(|mount| Some((mount, moved(request.uri(), mount.prefix)?)));
        let Some((mount, uri)) = moved else {
            return &self.elsewhere;
        };
        *request.uri_mut() = uri;
        &mount.routes
    }
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

impl Service<Request> for Dialects {
    type Response = axum::response::Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let mut routes = self.routes_for(&mut request).clone();
        routes.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::extract::OriginalUri;
    use axum::routing::get;

    /// Two dialects behind a router, as the server has them. Each says its name, and the address that was asked for.
    fn origin() -> Router {
        let says = |word: &'static str, path: &str| {
            let answer = move |OriginalUri(asked): OriginalUri| async move { format!("{word} {asked}") };
            Router::new()
                .route(path, get(answer))
                .fallback(move || async move { format!("{word} has none") })
        };
        let mounts = vec![
            Mount {
                prefix: "/one/v1",
                claims: |headers| headers.contains_key("x-one"),
                routes: says("one", "/one/v1/which"),
            },
            Mount {
                prefix: "/two/v2",
                claims: |headers| headers.contains_key("authorization"),
                routes: says("two", "/two/v2/which"),
            },
        ];
        let elsewhere = Router::new().fallback(|| async { "nothing" });
        Router::new()
            .route("/other", get(|| async { "other" }))
            .fallback_service(Dialects::new(mounts, elsewhere))
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
    async fn a_path_that_only_begins_like_a_prefix_is_nobodys() {
        for path in ["/one/v10/which", "/api/v1x/which", "/api", "/"] {
            assert_eq!(answer(path, Some("x-one")).await, "nothing", "{path}");
        }
    }
}

//! One origin, several dialects: the undivided `/api/v1` is a convenience, routed by credential.
//!
//! Each dialect is mounted under its own prefix; those are the supported addresses. Here a small table decides: the first
//! row whose credential is there answers. Without any of them the dialect that owns the path answers, PostPost first.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use tower::Service;

/// A row of the table.
#[derive(Clone)]
pub(crate) struct Mount {
    /// Whether a request with these headers carries this dialect's credential.
    pub(crate) claims: fn(&HeaderMap) -> bool,
    /// Its routes, without a prefix.
    pub(crate) routes: Router,
}

/// The undivided address.
#[derive(Clone)]
pub(crate) struct OneOrigin {
    mounts: Arc<[Mount]>,
    otherwise: Router,
}

impl OneOrigin {
    /// The first of `mounts` that claims a request gets it; `otherwise` gets the rest.
    pub(crate) fn new(mounts: Vec<Mount>, otherwise: Router) -> Self {
        Self {
            mounts: mounts.into(),
            otherwise,
        }
    }

    fn routes_for(&self, headers: &HeaderMap) -> Router {
        let claimed = self.mounts.iter().find(|mount| (mount.claims)(headers));
        claimed.map_or(&self.otherwise, |mount| &mount.routes).clone()
    }
}

impl Service<Request> for OneOrigin {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let mut routes = self.routes_for(request.headers());
        Box::pin(async move { routes.call(request).await })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::routing::get;

    async fn answer(origin: &mut OneOrigin, header: Option<&'static str>) -> String {
        let mut request = Request::builder().uri("/which");
        if let Some(header) = header {
            request = request.header(header, "x");
        }
        let response = origin.call(request.body(Body::empty()).unwrap()).await.unwrap();
        String::from_utf8(to_bytes(response.into_body(), 100).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn the_first_row_whose_credential_is_there_answers_and_else_the_owner_of_the_path() {
        let says = |word: &'static str| Router::new().route("/which", get(move || async move { word }));
        let mounts = vec![
            Mount {
                claims: |headers| headers.contains_key("x-one"),
                routes: says("one"),
            },
            Mount {
                claims: |headers| headers.contains_key("authorization"),
                routes: says("two"),
            },
        ];
        let mut origin = OneOrigin::new(mounts, says("owner"));
        assert_eq!(answer(&mut origin, Some("x-one")).await, "one");
        assert_eq!(answer(&mut origin, Some("authorization")).await, "two");
        assert_eq!(answer(&mut origin, None).await, "owner");
    }
}

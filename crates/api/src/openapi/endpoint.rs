//! A route with its operation.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::Doc;
use crate::state::ApiState;

/// A method and a path, what handles them, and what is said of it.
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    /// Without the dialect's prefix; braces stand for segments that vary.
    pub(crate) path: &'static str,
    pub(crate) doc: &'static Doc,
    handler: MethodRouter<ApiState>,
}

macro_rules! methods {
    ($($name:ident = $method:literal, $filter:ident;)+) => {
        impl Endpoint {
            $(
                #[doc = concat!("`", $method, "` on this path.")]
                pub(crate) fn $name<H: Handler<T, ApiState>, T: 'static>(
                    path: &'static str,
                    handler: H,
                    doc: &'static Doc,
                ) -> Self {
                    let handler = on(MethodFilter::$filter, handler);
                    Self { method: $method, path, doc, handler }
                }
            )+
        }
    };
}

// A method gets its line here when the first endpoint needs it.
methods! {
    get = "GET", GET;
    post = "POST", POST;
    put = "PUT", PUT;
    patch = "PATCH", PATCH;
    delete = "DELETE", DELETE;
}

impl Endpoint {
    /// It takes bodies of up to so many bytes where the framework reads them, as forms are.
    pub(crate) fn body_max(self, bytes: usize) -> Self {
        Self {
            handler: self.handler.layer(DefaultBodyLimit::max(bytes)),
            ..self
        }
    }
}

/// A router of these endpoints under a prefix. A trailing slash makes no difference, as in Express.
pub(crate) fn mount(prefix: &str, endpoints: Vec<Endpoint>) -> Router<ApiState> {
    let mut by_path: BTreeMap<&'static str, MethodRouter<ApiState>> = BTreeMap::new();
    for endpoint in endpoints {
        let known = by_path.remove(endpoint.path).unwrap_or_default();
        by_path.insert(endpoint.path, known.merge(endpoint.handler));
    }
    by_path.into_iter().fold(Router::new(), |router, (path, methods)| {
        let path = format!("{prefix}{path}");
        router.route(&path, methods.clone()).route(&format!("{path}/"), methods)
    })
}

//! Every request has a name: the caller's own (`x-request-id`) or one made here. It is in the answer's header, in what is
//! logged while it is answered, and in the log entries that it leaves.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Uri};
use axum::response::Response;
use serde::ser::{Serialize, SerializeStruct, Serializer};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name that is taken over, in characters.
const CHARS_MAX: usize = 64;

/// Makes names: a counter, mixed so that they do not tell how many requests there were.
#[derive(Debug)]
pub(crate) struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    /// Names that follow from this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            next: AtomicU64::new(seed),
        }
    }

    fn make(&self) -> RequestId {
        // SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators") maps the counter one to one.
        let state = self.next.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        RequestId(Arc::from(format!("{:016x}", mixed ^ (mixed >> 31))))
    }
}

/// The name of the present request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// As text.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A caller's own name, when it is short and visible.
    fn given(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?;
        let is_good = (1..=CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_good.then(|| Self(Arc::from(text)))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Absent only when a handler is called without the middleware, as a unit test may.
        Ok(parts
            .extensions
            .get::<Self>()
            .cloned()
            .unwrap_or_else(|| Self(Arc::from("-"))))
    }
}

/// The request that a task answers, as logs name it. Not a span: a span is put together for every request and entered at
/// every step of it, and most requests log nothing.
#[derive(Debug, Clone)]
pub struct CurrentRequest {
    id: RequestId,
    method: Method,
    uri: Uri,
}

tokio::task_local! {
    static CURRENT: CurrentRequest;
}

impl CurrentRequest {
    /// Names a request: by its caller's own name, or by a new one. Handlers find the name among its extensions.
    pub(crate) fn of(request: &mut Request, ids: &RequestIds) -> Self {
        let given = request.headers().get(&HEADER).and_then(RequestId::given);
        let id = given.unwrap_or_else(|| ids.make());
        request.extensions_mut().insert(id.clone());
        Self {
            id,
            method: request.method().clone(),
            uri: request.uri().clone(),
        }
    }

    /// Does this work as part of the request, and gives its answer the request's name.
    pub(crate) async fn answer(self, work: impl Future<Output = Response>) -> Response {
        let header = HeaderValue::from_str(self.id.as_str());
        let mut response = CURRENT.scope(self, work).await;
        if let Ok(value) = header {
            response.headers_mut().insert(HEADER, value);
        }
        response
    }

    /// Looks at the request that the calling task answers; `None` where it answers none.
    pub fn with<T>(look: impl FnOnce(&Self) -> T) -> Option<T> {
        CURRENT.try_with(look).ok()
    }
}

/// As in `request{id=8c1f… method=GET path=/postpost/api/v1/list-posts}`.
impl fmt::Display for CurrentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, method, uri } = self;
        write!(f, "request{{id={id} method={method} path={}}}", logged(uri.path()))
    }
}

/// An object with `id`, `method` and `path`.
impl Serialize for CurrentRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut request = serializer.serialize_struct("request", 3)?;
        request.serialize_field("id", self.id.as_str())?;
        request.serialize_field("method", self.method.as_str())?;
        request.serialize_field("path", &logged(self.uri.path()))?;
        request.end()
    }
}

/// The path as it may stand in a log. A connection page's token is all that it takes to use the page, so it is left out;
/// queries, where platforms put codes and states, are never logged at all.
fn logged(path: &str) -> Cow<'_, str> {
    let Some(rest) = path.trim_start_matches('/').strip_prefix("connect/") else {
        return Cow::Borrowed(path);
    };
    if matches!(rest, "callback" | "client-metadata.json") {
        return Cow::Borrowed(path);
    }
    // Only words of ours are kept, wherever they stand: a mistyped address may have its token anywhere.
    let kept = rest.split('/').map(|step| match step {
        "choose" | "start" | "disconnect" => step,
        _ => "…",
    });
    Cow::Owned(format!("/connect/{}", kept.collect::<Vec<_>>().join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_names_differ_and_a_seed_repeats_them() {
        let (one, two) = (RequestIds::new(7), RequestIds::new(7));
        let (first, second) = (one.make(), one.make());
        assert_ne!(first, second);
        assert_eq!(first, two.make());
        assert_eq!(first.as_str().len(), 16);
    }

    #[test]
    fn a_callers_name_is_taken_when_it_is_short_and_visible() {
        let given = |text: &str| RequestId::given(&HeaderValue::from_bytes(text.as_bytes()).unwrap());
        assert_eq!(given("req-1:a/b").unwrap().as_str(), "req-1:a/b");
        assert!(given(&"x".repeat(64)).is_some());
        for bad in ["", "a b", "ä", &"x".repeat(65)] {
            assert_eq!(given(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_token_of_a_connection_page_is_in_no_logged_path() {
        for (path, shown) in [
            ("/connect/s3cret", "/connect/…"),
            ("/connect/s3cret/start", "/connect/…/start"),
            ("/connect/s3cret/disconnect", "/connect/…/disconnect"),
            ("/connect/choose/s3cret", "/connect/choose/…"),
            ("/connect//s3cret", "/connect/…/…"),
            ("//connect/s3cret", "/connect/…"),
            ("/connect/callback", "/connect/callback"),
            ("/connect/client-metadata.json", "/connect/client-metadata.json"),
            ("/postpost/api/v1/list-posts", "/postpost/api/v1/list-posts"),
        ] {
            assert_eq!(logged(path), shown);
        }
    }
}

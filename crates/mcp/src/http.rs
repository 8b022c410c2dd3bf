//! The tools over streamable HTTP, below `/mcp`.
//!
//! The protocol itself is the official library's. This door stands before it for what the original does its own way: the
//! key of each request, sessions and their bounds, an `Accept` header that is made good, and refusals in JSON.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, request};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use bytes::Bytes;
use domain::clock::Clock;
use domain::secret::SecretText;
use http_body_util::{BodyExt, Full};
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, GetMeta, JsonRpcRequest, ProtocolVersion};
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::catalogue::Catalogue;
use crate::door::{CallerKey, Door};
use crate::sessions::{LIFETIME, Sessions};
use crate::upstream::Upstream;

/// The header that names a session.
const SESSION: &str = "mcp-session-id";
/// The header that names the version of the protocol that was agreed on.
const PROTOCOL: &str = "mcp-protocol-version";
/// The headers that may carry the key besides `Authorization`.
const KEY_HEADERS: [&str; 2] = ["x-api-key", "x-publora-key"];

/// The longest message, in bytes: as long as the REST API's longest body.
const MESSAGE_BYTES_MAX: usize = 1_024 * 1_024;
/// How long a message may take to arrive.
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(30);

const NO_KEY: &str = "API key required. Use Authorization: Bearer <key> or x-publora-key header.";
const NO_SESSION: &str = "Invalid or missing session. Send a POST without mcp-session-id to start.";

/// What the HTTP server is made of.
pub struct Parts {
    /// The tools that it offers.
    pub catalogue: Catalogue,
    /// The REST API that they call.
    pub upstream: Arc<dyn Upstream>,
    /// Tells when a session is over.
    pub clock: Arc<dyn Clock>,
    /// Ends all streams when it is cancelled, so that a server can shut down.
    pub stop: CancellationToken,
}

/// `/mcp` with what belongs to it.
pub fn routes(parts: Parts) -> Router {
    // Made for the first message: the protocol's library is much code, and most servers have no such clients.
    let entrance = Lazily::new(Box::new(move || Entrance::new(parts)));
    Router::new()
        .route("/mcp", any(enter))
        .route("/mcp/", any(enter))
        .route("/mcp/health", get(health))
        .route("/.well-known/oauth-protected-resource", any(no_oauth))
        .route("/.well-known/oauth-protected-resource/mcp", any(no_oauth))
        .route("/.well-known/oauth-authorization-server", any(no_oauth))
        .route("/.well-known/oauth-authorization-server/mcp", any(no_oauth))
        .with_state(Arc::new(entrance))
}

type Lazily = LazyLock<Entrance, Box<dyn FnOnce() -> Entrance + Send>>;

struct Entrance {
    service: StreamableHttpService<Door, LocalSessionManager>,
    manager: Arc<LocalSessionManager>,
    sessions: Sessions,
}
async fn health() -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "application/json")],
        r#"{"status":"ok","service":"postpost-mcp"}"#,
    )
}

/// Keys are the only way in; clients that look for another are told so.
async fn no_oauth() -> Response {
    refusal(StatusCode::NOT_FOUND, "oauth_not_supported")
}

fn refusal(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

/// A refusal in the words of JSON-RPC, to a message that has no id that could be known.
fn malformed(status: StatusCode, code: i32, message: &str) -> Response {
    let body = json!({"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": null});
    (status, Json(body)).into_response()
}

async fn enter(State(entrance): State<Arc<Lazily>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(key) = take_key(&mut parts.headers) else {
        return refusal(StatusCode::UNAUTHORIZED, NO_KEY);
    };
    repair_accept(&mut parts.headers);
    let session = match parts
        .headers
        .get(SESSION)
        .map(|value| value.to_str().unwrap_or_default().to_owned())
    {
        Some(id) if entrance.has(&id, &key).await => Some(id),
        Some(_) => return refusal(StatusCode::BAD_REQUEST, NO_SESSION),
        None => None,
    };
    parts.extensions.insert(CallerKey(key.clone()));
    match (parts.method.clone(), session) {
        (Method::POST, session) => match read(body).await {
            Ok((message, bytes)) => entrance.post(parts, &message, bytes, session.is_some(), &key).await,
            Err(refused) => refused,
        },
        (Method::DELETE, Some(id)) => entrance.close(&id).await,
        (Method::GET | Method::DELETE, None) => refusal(StatusCode::BAD_REQUEST, NO_SESSION),
        _ => entrance.pass(parts, Bytes::new()).await,
    }
}

impl Entrance {
    fn new(parts: Parts) -> Self {
        let Parts {
            catalogue,
            upstream,
            clock,
            stop,
        } = parts;
        let mut manager = LocalSessionManager::default();
        // The door counts a session's life by its own clock; this one frees what nobody asks for any more.
        manager.session_config.keep_alive = Some(Duration::from_secs(LIFETIME.as_secs().unsigned_abs()));
        manager.session_config.sse_retry = None;
        let manager = Arc::new(manager);
        let door = Door::new(catalogue, upstream, None);
        let config = StreamableHttpServerConfig::default()
            .with_sse_retry(None)
            .with_cancellation_token(stop)
            .with_max_request_body_bytes(MESSAGE_BYTES_MAX)
            // A page in a browser that was led here by a forged name has no key, and without one gets nothing.
            .disable_allowed_hosts();
        Self {
            service: StreamableHttpService::new(move || Ok(door.clone()), Arc::clone(&manager), config),
            manager,
            sessions: Sessions::new(clock),
        }
    }

    /// Whether the session is open to this key. The library may have ended it by itself.
    async fn has(&self, id: &str, key: &SecretText) -> bool {
        if !self.sessions.is_open(id, key) {
            return false;
        }
        let there = self.manager.has_session(&Arc::from(id)).await.unwrap_or(false);
        if !there {
            self.sessions.remove(id);
        }
        there
    }

    async fn post(
        &self,
        parts: request::Parts,
        message: &ClientJsonRpcMessage,
        bytes: Bytes,
        in_session: bool,
        key: &SecretText,
    ) -> Response {
        if in_session {
            return self.pass(parts, bytes).await;
        }
        match opening(message, &parts.headers) {
            Opening::Session => {
                let response = self.pass(parts, bytes).await;
                if let Some(id) = response.headers().get(SESSION).and_then(|value| value.to_str().ok()) {
                    for crowded_out in self.sessions.add(id, key) {
                        self.end(&crowded_out).await;
                    }
                }
                response
            }
            Opening::Alone => self.pass(parts, bytes).await,
            Opening::None => refusal(StatusCode::BAD_REQUEST, NO_SESSION),
        }
    }

    /// A client is done.
    async fn close(&self, id: &str) -> Response {
        self.sessions.remove(id);
        self.end(&Arc::from(id)).await;
        StatusCode::OK.into_response()
    }

    async fn end(&self, id: &Arc<str>) {
        if let Err(error) = self.manager.close_session(id).await {
            tracing::debug!(%error, "a session could not be closed");
        }
    }

    /// To the protocol's own library.
    async fn pass(&self, parts: request::Parts, body: Bytes) -> Response {
        let response = self.service.handle(Request::from_parts(parts, Full::new(body))).await;
        let is_stream = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if is_stream {
            response.map(|body| Body::new(body.map_frame(|frame| frame.map_data(named))))
        } else {
            response.map(Body::new)
        }
    }
}

/// The event with its name, which the original writes out: the library writes one event a frame and leaves the name that
/// is the default to the reader. Comments have none.
fn named(event: Bytes) -> Bytes {
    if event.starts_with(b"data:") || event.starts_with(b"id:") {
        [b"event: message\n", event.as_ref()].concat().into()
    } else {
        event
    }
}

/// What a message without a session may begin.
#[derive(Debug, PartialEq, Eq)]
enum Opening {
    /// A session.
    Session,
    /// Nothing: it stands alone, as all do since the version of 2026-07-28.
    Alone,
    /// Nothing: it needed a session.
    None,
}

fn opening(message: &ClientJsonRpcMessage, headers: &HeaderMap) -> Opening {
    let ClientJsonRpcMessage::Request(JsonRpcRequest { request, .. }) = message else {
        return Opening::None;
    };
    let without_sessions = ProtocolVersion::V_2026_07_28;
    let agreed = headers.get(PROTOCOL).and_then(|value| value.to_str().ok());
    match request {
        ClientRequest::InitializeRequest(_) => Opening::Session,
        ClientRequest::DiscoverRequest(_) => Opening::Alone,
        other if other.get_meta().protocol_version().is_some() => Opening::Alone,
        _ if agreed.is_some_and(|version| version >= without_sessions.as_str()) => Opening::Alone,
        _ => Opening::None,
    }
}

/// Reads a message of bounded length in bounded time.
async fn read(body: Body) -> Result<(ClientJsonRpcMessage, Bytes), Response> {
    let too_large = || malformed(StatusCode::PAYLOAD_TOO_LARGE, -32_600, "The message is too large");
    let too_slow = || malformed(StatusCode::REQUEST_TIMEOUT, -32_600, "The message took too long");
    let bytes = tokio::time::timeout(MESSAGE_TIME_MAX, to_bytes(body, MESSAGE_BYTES_MAX))
        .await
        .map_err(|_| too_slow())?
        .map_err(|_| too_large())?;
    match serde_json::from_slice(&bytes) {
        Ok(message) => Ok((message, bytes)),
        Err(_) if serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_err() => {
            Err(malformed(StatusCode::BAD_REQUEST, -32_700, "Parse error"))
        }
        Err(_) => Err(malformed(StatusCode::BAD_REQUEST, -32_600, "Invalid Request")),
    }
}

/// The key, taken out of the headers with everything else that could hold one, so that nothing further in can show it.
fn take_key(headers: &mut HeaderMap) -> Option<SecretText> {
    let text = |value: HeaderValue| Some(value.to_str().ok()?.trim().to_owned());
    let bearer = headers.remove(AUTHORIZATION).and_then(text).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
    });
    let others = KEY_HEADERS.map(|name| headers.remove(name).and_then(text));
    headers.remove(COOKIE);
    std::iter::once(bearer)
        .chain(others)
        .flatten()
        .find(|key| !key.is_empty())
        .map(SecretText::new)
}

/// Clients that do not say that they take both forms of an answer take them all the same.
fn repair_accept(headers: &mut HeaderMap) {
    let accepted: Vec<&str> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let accepts = |kind: &str| accepted.iter().any(|value| value.contains(kind));
    if !(accepts("application/json") && accepts("text/event-stream")) {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    }
}

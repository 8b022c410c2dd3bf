//! An API that writes down what it was asked and answers as told, and a client that speaks to the tools in bytes.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::clock::ManualClock;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{Catalogue, InProcess, Parts, routes};

/// What the API was asked: method, path with query, key, client, body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) key: String,
    pub(crate) client: String,
    pub(crate) body: String,
}

/// The scripted API.
#[derive(Clone)]
pub(crate) struct Api {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Mutex<(u16, String)>>,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self {
            asked: Arc::default(),
            answer: Arc::new(Mutex::new((200, r#"{"success":true}"#.to_owned()))),
        }
    }

    pub(crate) fn answers(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    pub(crate) fn last(&self) -> Asked {
        self.asked
            .lock()
            .unwrap()
            .last()
            .expect("the API was asked nothing")
            .clone()
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(crate) fn upstream(&self) -> InProcess {
        InProcess::new(
            Router::new().fallback(answer).with_state(self.clone()),
            "/postpost/api/v1",
        )
    }
}

async fn answer(State(api): State<Api>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let header = |name: &str| {
        let value = parts.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    let body = to_bytes(body, 1 << 20).await.unwrap();
    api.asked.lock().unwrap().push(Asked {
        line: format!("{} {}", parts.method, parts.uri),
        key: header("x-api-key"),
        client: header("x-postpost-client"),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let (status, body) = api.answer.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

/// The tools over HTTP, without a connection.
pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) clock: ManualClock,
    pub(crate) stop: CancellationToken,
    router: Router,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Said {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON of the body, or of the first event that has data.
    pub(crate) fn json(&self) -> Value {
        let text = self.body.lines().find_map(|line| line.strip_prefix("data: "));
        serde_json::from_str(text.unwrap_or(&self.body)).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn error(&self) -> (u16, String) {
        (
            self.status,
            self.json()["error"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

pub(crate) const KEY: (&str, &str) = ("authorization", "Bearer sk_ada.1");

pub(crate) fn initialize(version: &str) -> Value {
    let client = json!({"name": "test", "version": "1.0.0"});
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize",
           "params": {"protocolVersion": version, "capabilities": {}, "clientInfo": client}})
}

impl World {
    pub(crate) fn new() -> Self {
        let api = Api::new();
        let clock = ManualClock::new("2026-03-15T09:00:00Z".parse().unwrap());
        let stop = CancellationToken::new();
        let router = routes(Parts {
            catalogue: Catalogue::baseline(),
            upstream: Arc::new(api.upstream()),
            clock: Arc::new(clock.clone()),
            stop: stop.clone(),
        });
        Self {
            api,
            clock,
            stop,
            router,
        }
    }

    /// The answer's head; its body may never end.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Response {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "post.example.com");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Said {
        let (parts, body) = self.send(method, path, headers, body).await.into_parts();
        let body = to_bytes(body, 1 << 22).await.unwrap();
        Said {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Posts a message.
    pub(crate) async fn post(&self, headers: &[(&str, &str)], message: &Value) -> Said {
        let headers = [&[("content-type", "application/json")], headers].concat();
        self.ask("POST", "/mcp", &headers, message.to_string()).await
    }

    /// Opens a session and gives its id.
    pub(crate) async fn open(&self, key: (&str, &str)) -> String {
        let said = self.post(&[key], &initialize("2024-11-05")).await;
        assert_eq!(said.status, 200, "{}", said.body);
        said.header("mcp-session-id").to_owned()
    }

    /// Calls a tool within a session.
    pub(crate) async fn call(&self, session: &str, tool: &str, arguments: &Value) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
                             "params": {"name": tool, "arguments": arguments}});
        let said = self.post(&[KEY, ("mcp-session-id", session)], &message).await;
        assert_eq!(said.status, 200, "{}", said.body);
        said.json()
    }
}

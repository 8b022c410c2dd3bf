//! A copy of what went over the wire, for checks that hold it against a platform's specification.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use crate::call::BODY_BYTES_MAX;
use crate::world::lock;

/// So much of a body is kept.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The HTTP method.
    pub method: String,
    /// The path from the emulator's name on, such as `/x/2/tweets`.
    pub path: String,
    /// The query as it was sent.
    pub query: String,
    /// The request's content type.
    pub mime: String,
    /// The first mebibyte of the request's body; what is no UTF-8 is replaced.
    pub body: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The answer's body, in the same way.
    pub answer: String,
}

type Tap = Arc<Mutex<File>>;

/// The same routes, with every exchange appended to this file as a line of JSON.
pub(crate) fn tapped(routes: Router, file: &Path) -> std::io::Result<Router> {
    let file: Tap = Arc::new(Mutex::new(File::options().append(true).create(true).open(file)?));
    Ok(routes.layer(from_fn_with_state(file, record)))
}

async fn record(State(tap): State<Tap>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mime = parts.headers.get(CONTENT_TYPE).and_then(|mime| mime.to_str().ok());
    let mut exchange = Exchange {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        mime: mime.unwrap_or_default().to_owned(),
        body: kept(&body),
        status: 0,
        answer: String::new(),
    };
    let answered = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = answered.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    exchange.status = parts.status.as_u16();
    exchange.answer = kept(&body);
    if let Ok(mut line) = serde_json::to_vec(&exchange) {
        line.push(b'\n');
        // One write, so that lines of several processes do not mix. A lost line is one check less.
        let _ = lock(&tap).write_all(&line);
    }
    Response::from_parts(parts, Body::from(body))
}

fn kept(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..KEPT_BYTES_MAX).unwrap_or(bytes)).into_owned()
}

//! What an emulator answers, before faults are applied.

use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;

use crate::journal::Published;
use crate::text::html_escape;

/// Tells the connection to close without sending a byte of the answer it travels with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HangUp;

/// An answer in the making.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) mime: &'static str,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, "application/json; charset=utf-8", value.to_string().into())
    }

    pub(crate) fn ok(value: &Value) -> Self {
        Self::json(200, value)
    }

    pub(crate) fn bytes(status: u16, mime: &'static str, body: Bytes) -> Self {
        Self {
            status,
            headers: Vec::new(),
            mime,
            body,
        }
    }

    pub(crate) fn html(status: u16) -> Self {
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|code| code.canonical_reason())
            .unwrap_or("Error");
        let page = format!(
            "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} \
             {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        );
        Self::bytes(status, "text/html", page.into())
    }

    /// A post as its public page shows it, or that there is none.
    pub(crate) fn page(post: Option<&Published>) -> Self {
        let Some(post) = post else { return Self::html(404) };
        let text = html_escape(&post.text).replace('\n', "<br>");
        let page = format!(
            "<!doctype html><meta charset=\"utf-8\"><title>{platform}</title><p>{text}</p><p>{media} media, {at}, on \
             the sandbox's {platform}</p>",
            platform = post.platform.name(),
            media = post.media.len(),
            at = post.at,
        );
        Self::bytes(200, "text/html; charset=utf-8", page.into())
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let body = self.body.clone();
        self.response_with(Body::from(body))
    }

    /// Promises the whole body, sends half of it and ends the connection. A body that should be empty is promised as one
    /// byte, which never comes.
    pub(crate) fn into_truncated(self) -> Response {
        let whole = self.body.len().max(1);
        let half = self.body.slice(..self.body.len() / 2);
        let broken = futures_util::stream::unfold(Some(half), |half| async move {
            match half {
                Some(half) => Some((Ok(half), None)),
                None => {
                    // Lets the connection send what it has before the error ends it.
                    tokio::task::yield_now().await;
                    Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted)), None))
                }
            }
        });
        let mut response = self.response_with(Body::from_stream(broken));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(whole));
        response
    }

    /// No answer at all.
    pub(crate) fn hang_up() -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(HangUp);
        response
    }

    fn response_with(self, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if !self.mime.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.mime));
        }
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// A body of `length` bytes that begins with `head` and goes on with zeroes, made as it is sent.
pub(crate) fn padded_body(head: Bytes, length: usize) -> Body {
    const CHUNK: usize = 64 * 1024;
    let rest = length.saturating_sub(head.len());
    let zeroes = Bytes::from_static(&[0; CHUNK]);
    let chunks = futures_util::stream::unfold((Some(head), rest), move |(head, rest)| {
        let zeroes = zeroes.clone();
        async move {
            if let Some(head) = head {
                return Some((Ok::<_, std::io::Error>(head), (None, rest)));
            }
            let now = rest.min(CHUNK);
            (now > 0).then(|| (Ok(zeroes.slice(..now)), (None, rest - now)))
        }
    });
    Body::new(Body::from_stream(chunks).boxed_unsync())
}

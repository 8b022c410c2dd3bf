//! A request that was read to its end.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use http_body_util::{BodyExt as _, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, StatusCode};

/// The largest body that is read; a one-shot video upload of Bluesky fits.
pub(crate) const BODY_BYTES_MAX: usize = 320 * 1024 * 1024;

/// A request with its whole body.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    /// A request whose body is `body`, or is read by somebody else.
    pub(crate) fn of(parts: Parts, body: Bytes) -> Self {
        let path = parts
            .extensions
            .get::<axum::extract::OriginalUri>()
            .map_or_else(|| parts.uri.path().to_owned(), |original| original.0.path().to_owned());
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        Self {
            method: parts.method.to_string(),
            path,
            query,
            headers: parts.headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn mime(&self) -> &str {
        self.headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The token of `Authorization: Bearer`, or of `Authorization: DPoP` where tokens are bound to a key.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.authorization("bearer").or_else(|| self.authorization("dpop"))
    }

    /// What follows this scheme, written in lower case, in `Authorization`.
    pub(crate) fn authorization(&self, wanted: &str) -> Option<&str> {
        let value = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, rest) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case(wanted).then(|| rest.trim())
    }

    /// Id and secret of `Authorization: Basic`, form-decoded as RFC 6749 has it.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let bytes = STANDARD.decode(self.authorization("basic")?).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (id, secret) = text.split_once(':')?;
        Some((form_decoded(id), form_decoded(secret)))
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn query_number(&self, name: &str, default: usize, max: usize) -> usize {
        self.query(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
            .min(max)
    }
}

fn form_decoded(text: &str) -> String {
    let pair = format!("v={text}");
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
    decoded.map_or_else(|| text.to_owned(), |(_, value)| value.into_owned())
}

impl<S: Sync> FromRequest<S> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        match read(&parts.headers, body).await {
            Some(body) => Ok(Self::of(parts, body)),
            None => Err(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
        }
    }
}

/// The whole body, in one piece that is as long as it was announced: pieces that are collected first would be there twice.
async fn read(headers: &HeaderMap, body: Body) -> Option<Bytes> {
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let mut whole = BytesMut::with_capacity(announced.unwrap_or(0).min(BODY_BYTES_MAX));
    let mut body = Limited::new(body, BODY_BYTES_MAX);
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame.ok()?.into_data() {
            whole.extend_from_slice(&piece);
        }
    }
    Some(whole.freeze())
}

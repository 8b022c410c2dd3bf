//! `PUT /media/{token}/{name}?upload=…`: the bytes of a file whose upload was asked for, streamed to the storage.
//!
//! The URL is the permission, as with presigned URLs of object stores: no key is sent. A refusal comes before the bytes
//! are read wherever that can be told from the head.

use std::io;
use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use engine::uploads::UploadError;
use futures_util::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};

use crate::body::throw_away;
use crate::state::ApiState;

/// How long a sender may say nothing.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// What a presigned URL carries.
#[derive(Deserialize)]
pub(crate) struct Presigned {
    #[serde(default)]
    upload: String,
}

/// Takes an upload.
pub(crate) async fn receive(
    State(api): State<ApiState>,
    Path((_, name)): Path<(String, String)>,
    Query(presigned): Query<Presigned>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let length = header(&parts.headers, CONTENT_LENGTH.as_str()).parse().ok();
    let content_type = header(&parts.headers, CONTENT_TYPE.as_str());
    let admitted = api
        .engine
        .admit_upload(&presigned.upload, &name, content_type, length)
        .await;
    let received = match admitted {
        Ok(admitted) => {
            api.engine
                .receive_upload(admitted, patient(body.into_data_stream()))
                .await
        }
        Err(error) => {
            // Whoever waits for leave to send has sent nothing; others get to read the answer only once they are heard.
            if !parts.headers.contains_key(EXPECT) {
                throw_away(body).await;
            }
            Err(error)
        }
    };
    match received {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => refusal(&error),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The bytes of a body whose sender may not fall silent.
fn patient(body: BodyDataStream) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(body, |mut body| async move {
        let chunk = match tokio::time::timeout(IDLE_MAX, body.next()).await {
            Ok(chunk) => chunk?.map_err(io::Error::other),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        Some((chunk, body))
    })
}

fn refusal(error: &UploadError) -> Response {
    let (status, code) = match error {
        UploadError::Invalid => (StatusCode::FORBIDDEN, "UPLOAD_URL_INVALID"),
        UploadError::Expired => (StatusCode::FORBIDDEN, "UPLOAD_URL_EXPIRED"),
        UploadError::WrongType { .. } => (StatusCode::FORBIDDEN, "UPLOAD_TYPE_MISMATCH"),
        UploadError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "UPLOAD_TOO_LARGE"),
        UploadError::Busy => (StatusCode::CONFLICT, "UPLOAD_IN_PROGRESS"),
        UploadError::Done => (StatusCode::CONFLICT, "UPLOAD_DONE"),
        UploadError::Unusable(error) => (StatusCode::BAD_REQUEST, unusable_code(error)),
        UploadError::Incomplete => (StatusCode::BAD_REQUEST, "UPLOAD_INCOMPLETE"),
        UploadError::Engine(engine::Error::NotFound) => (StatusCode::NOT_FOUND, "MEDIA_FILE_NOT_FOUND"),
        UploadError::WrongKind
        | UploadError::TooSmall
        | UploadError::Missing
        | UploadError::Storage(_)
        | UploadError::Engine(_) => (StatusCode::INTERNAL_SERVER_ERROR, "UPLOAD_FAILED"),
    };
    if status.is_server_error() {
        tracing::error!(%error, "an upload failed");
    }
    #[derive(Serialize)]
    struct Wire {
        error: String,
        code: &'static str,
    }
    let error = if status.is_server_error() {
        "the file could not be stored".to_owned()
    } else {
        error.to_string()
    };
    (status, axum::Json(Wire { error, code })).into_response()
}

/// The code of a file that is of no use: of no known kind, or not what its beginning promises.
pub(crate) const fn unusable_code(error: &::media::Error) -> &'static str {
    match error {
        ::media::Error::Unsupported | ::media::Error::Empty => "MEDIA_FILE_INDETERMINATE_TYPE",
        _ => "PROBE_FAILED",
    }
}

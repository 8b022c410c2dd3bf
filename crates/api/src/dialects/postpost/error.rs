//! What this dialect answers instead of a result. The texts are the wire's own and must not change.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use domain::plan::LimitReached;
use engine::Conflict;
use schemars::JsonSchema;
use serde::Serialize;

use super::media_urls::MediaResult;
use super::{limits, wire, words, workspace};
use crate::dialect::Refusal;

/// A refused or failed request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller was turned away.
    #[error("{}", refusal(.0))]
    Refused(Refusal),
    /// The request breaks a rule.
    #[error("{0}")]
    BadRequest(Cow<'static, str>),
    /// A file of `mediaUrls` could not be taken in.
    #[error("Media ingestion failed")]
    Media(Vec<MediaResult>),
    /// As many URLs were imported in this hour as are allowed.
    #[error(
        "Media URL ingestion rate limit reached ({most} URLs/hour). Retry later or use the presigned get-upload-url flow."
    )]
    ImportsUsedUp {
        /// How many are allowed in an hour.
        most: u32,
        /// Seconds until there is room again.
        retry_after: i64,
    },
    /// A refusal with a status, and perhaps a code, of its own.
    #[error("{text}")]
    Coded {
        /// The status.
        status: StatusCode,
        /// The code.
        code: Option<&'static str>,
        /// The text.
        text: Cow<'static, str>,
    },
    /// The body is no JSON object.
    #[error("Invalid JSON body")]
    Json,
    /// The body is longer than a megabyte.
    #[error("Request body is too large")]
    BodyTooLarge,
    /// The body did not arrive.
    #[error("Request body did not arrive")]
    BodyMissing,
    /// The idempotency key was used for another body.
    #[error("Idempotency key was already used with a different request body")]
    KeyReused,
    /// The body of a request with an idempotency key is too deep to be compared.
    #[error("Idempotency-Key request body is too deeply nested")]
    BodyTooDeep,
    /// There is no such group within reach.
    #[error("Post group not found")]
    NotFound,
    /// A plan's limit is in the way.
    #[error("{0}")]
    Limit(Box<LimitReached>),
    /// A request about managed users is refused.
    #[error("{0}")]
    Workspace(workspace::Refused),
    /// There is no such receiver within reach, or its id is no id.
    #[error("Webhook not found")]
    WebhookNotFound,
    /// There is no such thing of another kind within reach.
    #[error("{0}")]
    Missing(&'static str),
    /// The account may not do this.
    #[error("{words}")]
    Forbidden {
        /// For machines.
        code: &'static str,
        /// For people.
        words: &'static str,
    },
    /// The operation failed here, or its id is no id.
    #[error("{}", .0.failure())]
    Failed(Operation),
    /// A bug.
    #[error("Internal server error")]
    Internal,
}

/// What was being done: each operation has its own words for a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `create-post`.
    CreatePost,
    /// `get-post`.
    GetPost,
    /// `update-post`.
    UpdatePost,
    /// `delete-post`.
    DeletePost,
    /// `list-posts`.
    ListPosts,
    /// `post-logs`.
    PostLogs,
    /// `platform-connections`.
    PlatformConnections,
    /// Anything under `workspace`.
    Workspace,
    /// `GET webhooks`.
    ListWebhooks,
    /// `POST webhooks`.
    CreateWebhook,
    /// `PATCH webhooks`.
    UpdateWebhook,
    /// `DELETE webhooks`.
    DeleteWebhook,
    /// `POST webhooks/…/regenerate-secret`.
    RegenerateSecret,
    /// `test-connection`.
    TestConnection,
    /// `get-upload-url`.
    GetUploadUrl,
    /// `complete-media`.
    CompleteMedia,
    /// `media`.
    DeleteMedia,
    /// `attach-media`.
    AttachMedia,
    /// `upload-instagram-cover`.
    UploadCover,
    /// `upload-youtube-thumbnail`.
    UploadThumbnail,
}

impl Operation {
    /// The text of a 500.
    const fn failure(self) -> &'static str {
        match self {
            Self::CreatePost => "Failed to create post group",
            Self::GetPost => "Failed to fetch post group",
            Self::UpdatePost => "Failed to update post",
            Self::DeletePost => "Failed to delete post group",
            Self::ListPosts => "Failed to list posts",
            Self::PostLogs => "Failed to get post logs",
            Self::PlatformConnections => "Failed to fetch platform connections",
            Self::Workspace => "Internal server error",
            Self::ListWebhooks => "Failed to list webhooks",
            Self::CreateWebhook => "Failed to create webhook",
            Self::UpdateWebhook => "Failed to update webhook",
            Self::DeleteWebhook => "Failed to delete webhook",
            Self::RegenerateSecret => "Failed to regenerate secret",
            Self::TestConnection => "Failed to test connection",
            Self::GetUploadUrl => "Failed to create upload URL",
            Self::CompleteMedia => "Failed to complete media file",
            Self::DeleteMedia => "Failed to delete media file",
            Self::AttachMedia => "Failed to update post",
            Self::UploadCover => "Failed to upload Instagram cover",
            Self::UploadThumbnail => "Failed to upload YouTube thumbnail",
        }
    }

    /// The error that this operation answers for one of the engine.
    pub(super) fn failed(self) -> impl Fn(engine::Error) -> Error {
        move |error| match error {
            engine::Error::NotFound => Error::NotFound,
            engine::Error::Conflict(Conflict::NotEditable(mask)) => not_editable(words::busy_group_word(mask)),
            engine::Error::Conflict(Conflict::IdempotencyKey) => Error::KeyReused,
            engine::Error::Conflict(conflict @ Conflict::TooManyFiles(_)) => {
                Error::BadRequest(conflict.to_string().into())
            }
            engine::Error::Limit(reached) => Error::Limit(reached),
            other => {
                tracing::error!(error = %other, operation = ?self, "a request failed");
                Error::Failed(self)
            }
        }
    }
}

fn not_editable(status: &str) -> Error {
    Error::BadRequest(format!("Cannot update post: post is currently in {status} status").into())
}

fn refusal(refusal: &Refusal) -> Cow<'static, str> {
    Cow::Borrowed(match refusal {
        Refusal::KeyMissing => "API key is required",
        Refusal::KeyUnknown => "Invalid API key",
        Refusal::OwnerGone => "Invalid API key owner",
        Refusal::NoApiAccess => "API access is not enabled for this account",
        Refusal::NoMcpAccess => "MCP access is not enabled for this account",
        Refusal::MalformedUser { header } => return Cow::Owned(format!("Invalid {header}")),
        Refusal::NoWorkspaces => "Workspace access is not enabled for this key",
        Refusal::NotManaged => "User is not managed by key",
        Refusal::Unavailable => "Internal server error",
    })
}

impl Error {
    /// A broken rule.
    pub(super) const fn bad(text: &'static str) -> Self {
        Self::BadRequest(Cow::Borrowed(text))
    }

    /// A refusal with a status of its own.
    pub(super) fn plain(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Coded {
            status,
            code: None,
            text: text.into(),
        }
    }

    /// A refusal with a status and a code of its own.
    pub(super) fn coded(status: StatusCode, code: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Coded {
            status,
            code: Some(code),
            text: text.into(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => match refusal {
                Refusal::KeyMissing | Refusal::KeyUnknown | Refusal::OwnerGone => StatusCode::UNAUTHORIZED,
                Refusal::MalformedUser { .. } => StatusCode::BAD_REQUEST,
                Refusal::NoApiAccess | Refusal::NoMcpAccess | Refusal::NoWorkspaces | Refusal::NotManaged => {
                    StatusCode::FORBIDDEN
                }
                Refusal::Unavailable => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::BadRequest(_) | Self::Media(_) | Self::Json | Self::BodyTooDeep => StatusCode::BAD_REQUEST,
            Self::ImportsUsedUp { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Coded { status, .. } => *status,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyMissing => StatusCode::REQUEST_TIMEOUT,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound | Self::Missing(_) | Self::WebhookNotFound => StatusCode::NOT_FOUND,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::Limit(_) => StatusCode::FORBIDDEN,
            Self::Workspace(refused) => refused.status(),
            Self::Failed(_) | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    const fn code(&self) -> Option<&'static str> {
        match self {
            Self::KeyReused => Some("IDEMPOTENCY_KEY_CONFLICT"),
            Self::BodyTooDeep => Some("IDEMPOTENCY_BODY_TOO_COMPLEX"),
            Self::Workspace(refused) => refused.code(),
            Self::Forbidden { code, .. } => Some(code),
            Self::ImportsUsedUp { .. } => Some("MEDIA_URL_RATE_LIMITED"),
            Self::Coded { code, .. } => *code,
            _ => None,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<crate::body::Error> for Error {
    fn from(error: crate::body::Error) -> Self {
        match error {
            crate::body::Error::TooLarge => Self::BodyTooLarge,
            crate::body::Error::TooSlow | crate::body::Error::Broken => Self::BodyMissing,
        }
    }
}

/// What is answered instead of a result.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refused<'a> {
    /// What went wrong, in words that do not change.
    error: &'a str,
    /// A code for machines, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// What became of each URL of mediaUrls.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_results: Option<&'a [MediaResult]>,
    #[serde(flatten)]
    namesake: Option<&'a workspace::EmailExists>,
    /// Seconds until there is room again, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_sec: Option<i64>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if let Self::Limit(reached) = &self {
            let mut response = wire::json(&limits::Exceeded::of(reached));
            *response.status_mut() = self.status();
            return response;
        }
        let retry_after = match &self {
            Self::ImportsUsedUp { retry_after, .. } => Some(*retry_after),
            _ => None,
        };
        let text = self.to_string();
        let mut response = wire::json(&Refused {
            error: &text,
            code: self.code(),
            media_results: match &self {
                Self::Media(results) => Some(results),
                _ => None,
            },
            namesake: match &self {
                Self::Workspace(refused) => refused.details(),
                _ => None,
            },
            retry_after_sec: retry_after,
        });
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        *response.status_mut() = self.status();
        response
    }
}

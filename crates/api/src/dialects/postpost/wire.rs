//! The bodies of this dialect, in and out, with its names and its order of keys.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use domain::ids::{GroupId, LogId, PostId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use super::Error;
use super::error::Operation;
use super::js::{self, Js};
use super::time::Iso;
use crate::body;
use crate::openapi::{Id, Instant};

/// The longest body.
const BODY_BYTES_MAX: usize = 1_024 * 1_024;
/// The longest idempotency key.
const KEY_CHARS_MAX: usize = 255;

/// A JSON answer with status 200.
pub(super) fn json(value: &impl Serialize) -> Response {
    // A group with some posts fits without growing.
    let mut bytes = Vec::with_capacity(2_048);
    // Writing into memory cannot fail, and no type here has a key that is no text.
    if let Err(error) = serde_json::to_writer(&mut bytes, value) {
        tracing::error!(%error, "an answer could not be written");
    }
    let mut response = Response::new(bytes.into());
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

/// The bytes of a body, whatever its media type says.
pub(super) struct Body(pub(super) Bytes);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let body = body::read(&parts.headers, body, BODY_BYTES_MAX).await?;
        Ok(Self(js::readable(body)))
    }
}

/// The segment of the path that the route names `{…}`, which may or may not be an id.
pub(super) struct PathId<T>(Option<T>);

impl<T> PathId<T> {
    /// The id. What is no id fails as a failure of the operation would: so does the original's database driver.
    pub(super) fn of(self, operation: Operation) -> Result<T, Error> {
        self.or(Error::Failed(operation))
    }

    /// The id, or this refusal.
    pub(super) fn or(self, refusal: Error) -> Result<T, Error> {
        self.0.ok_or(refusal)
    }
}

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let named = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(named.ok().and_then(|Path(text)| text.parse().ok())))
    }
}

/// The fields of `create-post`, not yet judged.
#[derive(Debug)]
pub(super) struct CreatePost<'a> {
    pub(super) content: Js<'a>,
    pub(super) platforms: Js<'a>,
    pub(super) scheduled_time: Js<'a>,
    pub(super) platform_settings: Js<'a>,
    pub(super) media_urls: Js<'a>,
    pub(super) first_comment: Js<'a>,
}

impl<'a> CreatePost<'a> {
    /// The fields in a body.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let names = [
            "content",
            "platforms",
            "scheduledTime",
            "platformSettings",
            "mediaUrls",
            "firstComment",
        ];
        let [
            content,
            platforms,
            scheduled_time,
            platform_settings,
            media_urls,
            first_comment,
        ] = js::fields(body, &names).map_err(|_| Error::Json)?;
        Ok(Self {
            content,
            platforms,
            scheduled_time,
            platform_settings,
            media_urls,
            first_comment,
        })
    }
}

/// The fields of `update-post`, not yet judged.
#[derive(Debug)]
pub(super) struct UpdatePost<'a> {
    pub(super) status: Js<'a>,
    pub(super) scheduled_time: Js<'a>,
    pub(super) content: Js<'a>,
    pub(super) platforms: Js<'a>,
    pub(super) platform_settings: Js<'a>,
    pub(super) media_urls: Js<'a>,
}

impl<'a> UpdatePost<'a> {
    /// The fields in a body.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let names = [
            "status",
            "scheduledTime",
            "content",
            "platforms",
            "platformSettings",
            "mediaUrls",
        ];
        let [
            status,
            scheduled_time,
            content,
            platforms,
            platform_settings,
            media_urls,
        ] = js::fields(body, &names).map_err(|_| Error::Json)?;
        Ok(Self {
            status,
            scheduled_time,
            content,
            platforms,
            platform_settings,
            media_urls,
        })
    }
}

/// The caller's name for a request, if it gave one.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get("idempotency-key").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|text| text.len() <= KEY_CHARS_MAX);
    text.map(|text| Some(text.to_owned()))
        .ok_or(Error::bad("Invalid Idempotency-Key"))
}

/// `{"success":true}` and nothing else.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Done {
    pub(super) success: True,
}

/// Always `true`.
#[derive(Debug)]
pub(super) struct True;

impl JsonSchema for True {
    fn schema_name() -> Cow<'static, str> {
        "True".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean", "const": true })
    }
}

impl Serialize for True {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

/// The answer of `create-post`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Created {
    pub(super) success: True,
    #[schemars(with = "Id")]
    pub(super) post_group_id: GroupId,
    #[schemars(with = "Option<Instant>")]
    pub(super) scheduled_time: Option<Iso>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<Warning>,
}

/// Something that was done otherwise than it was asked for.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Warning {
    /// SCHEDULED_TIME_COERCED.
    pub(super) code: &'static str,
    pub(super) message: String,
    #[schemars(with = "Instant")]
    pub(super) requested: Iso,
    #[schemars(with = "Instant")]
    pub(super) effective: Iso,
}

/// The answer of `get-post`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fetched<'a> {
    pub(super) success: True,
    #[schemars(with = "Id")]
    pub(super) post_group_id: GroupId,
    pub(super) posts: Vec<Post<'a>>,
}

/// A target in `get-post`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Post<'a> {
    #[serde(rename = "_id")]
    #[schemars(with = "Id")]
    pub(super) id: PostId,
    pub(super) platform: &'static str,
    /// Without the platform's name.
    pub(super) platform_id: &'a str,
    pub(super) content: &'a str,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) posted_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<PostError<'a>>,
}

/// Why a target failed.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostError<'a> {
    pub(super) code: &'static str,
    pub(super) message: Cow<'a, str>,
    /// Absent when there was no answer; null when it was this server that looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform_status_code: Option<Option<u16>>,
    pub(super) platform_error: Option<&'a str>,
    #[schemars(with = "Instant")]
    pub(super) failed_at: Iso,
    pub(super) retryable: bool,
}

/// The answer of `update-post`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Updated<'a> {
    pub(super) success: True,
    pub(super) message: &'static str,
    pub(super) post_group: UpdatedGroup<'a>,
    #[schemars(with = "Option<Instant>")]
    pub(super) scheduled_time: Option<Iso>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<Warning>,
}

/// The group after an update.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdatedGroup<'a> {
    #[serde(rename = "_id")]
    #[schemars(with = "Id")]
    pub(super) id: GroupId,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub(super) scheduled_time: Option<Iso>,
    pub(super) content: &'a str,
    pub(super) platforms: Vec<Compound<'a>>,
}

/// The answer of `list-posts`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Listed<'a> {
    pub(super) success: True,
    pub(super) posts: Vec<ListedGroup<'a>>,
    pub(super) pagination: Pagination,
}

/// A group in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedGroup<'a> {
    #[schemars(with = "Id")]
    pub(super) post_group_id: GroupId,
    pub(super) content: &'a str,
    pub(super) status: &'static str,
    #[schemars(with = "Option<Instant>")]
    pub(super) scheduled_time: Option<Iso>,
    #[schemars(with = "Instant")]
    pub(super) created_at: Iso,
    #[schemars(with = "Instant")]
    pub(super) updated_at: Iso,
    pub(super) platforms: Vec<ListedTarget<'a>>,
    pub(super) media_urls: Vec<String>,
}

/// A target in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedTarget<'a> {
    /// With the platform's name.
    pub(super) platform_id: Compound<'a>,
    pub(super) platform: &'static str,
    pub(super) status: &'static str,
}

/// Where a page stands among all.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pagination {
    pub(super) page: u64,
    pub(super) limit: u32,
    pub(super) total_items: u64,
    pub(super) total_pages: u64,
    pub(super) has_next_page: bool,
    pub(super) has_prev_page: bool,
}

/// A platform's word, a dash, and the platform's own id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Compound<'a> {
    pub(super) word: &'static str,
    pub(super) id: &'a str,
}

impl fmt::Display for Compound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.word, self.id)
    }
}

impl Serialize for Compound<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Compound<'_> {
    fn schema_name() -> Cow<'static, str> {
        "PlatformId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[a-z]+-.+$",
            "description": "A platform's name, a dash, and the platform's own id of the account.",
        })
    }
}

/// The answer of `post-logs`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Logs<'a> {
    pub(super) success: True,
    pub(super) logs: Vec<Log<'a>>,
}

/// An entry of a group's history.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log<'a> {
    #[serde(rename = "_id")]
    #[schemars(with = "Id")]
    pub(super) id: LogId,
    #[schemars(with = "Id")]
    pub(super) post_group_id: GroupId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Id>")]
    pub(super) post_id: Option<PostId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<&'static str>,
    pub(super) event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<LogMetadata>,
    #[schemars(with = "Instant")]
    pub(super) created_at: Iso,
    #[schemars(with = "Instant")]
    pub(super) updated_at: Iso,
    #[serde(rename = "__v")]
    pub(super) version: u8,
}

/// What a failure's entry adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogMetadata {
    pub(super) error_code: &'static str,
    pub(super) retryable: bool,
}

//! `attach-media`: a file that an assistant holds, taken over by its URL.

use std::collections::HashMap;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::ids::GroupId;
use engine::Conflict;
use engine::commands::{EditGroup, IdempotencyKey};
use serde::de::IgnoredAny;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::{Error, Operation};
use super::js::{self, Js};
use super::wire::{self, Body, PathId, Updated, json};
use super::{Postpost, map, media, media_urls, operations, words};
use crate::dialect::Caller;
use crate::openapi::{Doc, Field, ID, Kind, answer};
use crate::state::ApiState;

/// The longest `file_id` and the longest name, as JavaScript counts.
const FILE_ID_MAX: usize = 512;
const NAME_MAX: usize = 255;
/// What a file is called that came without a name.
const NAMELESS: &str = "chatgpt-media";

pub(super) static ATTACH: Doc = Doc::new(
    media::TAG,
    "Takes a file over that an assistant holds, and makes the post a draft",
    &[(200, answer::<Updated<'static>>)],
)
.words("An Idempotency-Key stands for the post, the file_id and the name: the URL of a retry may be another one.")
.path(&[Field::new("id", Kind::Text, "The post.").form(ID)])
.headers(operations::IDEMPOTENCY)
.body(&[
    Field::new(
        "file",
        Kind::Object(&[
            Field::new("download_url", Kind::Text, "A public https URL.")
                .form("^https://")
                .required(),
            Field::new(
                "file_id",
                Kind::Text,
                "The assistant's name for it, at most 512 characters.",
            )
            .form("^.{1,512}$")
            .required(),
            Field::new("mime_type", Kind::Text, "Its media type; the bytes decide."),
            Field::new("file_name", Kind::Text, "Its name, where fileName is not given.").form(NAME_FORM),
        ]),
        "The file; it has no other keys.",
    )
    .required(),
    Field::new("fileName", Kind::Text, "The file's name.").form(NAME_FORM),
])
.errors(&[
    (
        400,
        &[
            "Invalid post group ID",
            ONLY_THESE,
            NO_FILE,
            ONLY_IN_FILE,
            "file.download_url must be a non-empty string",
            NAME_WRONG,
            NAME_EMPTY,
            "Cannot update post: post is currently in … status",
            "a post may have at most 100 files",
            "Media ingestion failed",
        ],
    ),
    (404, &["Post group not found"]),
    (409, &[STARTED]),
    (422, &[operations::KEY_CONFLICT]),
    (429, media_urls::USED_UP),
    (500, &["Failed to update post"]),
]);

/// A name with something of which a name is left.
const NAME_FORM: &str = "^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}$";
const ONLY_THESE: &str = "Only file and fileName are accepted; attaching media leaves the post in draft";
const NO_FILE: &str = "file must be a file object with download_url and file_id, not a local path or base64 string";
const ONLY_IN_FILE: &str = "file only accepts download_url, file_id, mime_type and file_name";
const NAME_WRONG: &str = "fileName must be a non-empty string of at most 255 characters";
const NAME_EMPTY: &str = "fileName must contain a valid file name";
const STARTED: &str =
    "Publishing has already started; media cannot be changed. Duplicate the post to recover its content.";

/// What an `attach-media` asks for.
#[derive(Debug, PartialEq, Eq)]
struct Attached {
    url: String,
    file_id: String,
    name: String,
}

/// `POST /attach-media/:postGroupId`. The group becomes a draft.
pub(super) async fn attach(
    State(api): State<ApiState>,
    caller: Caller<Postpost>,
    headers: HeaderMap,
    id: PathId<GroupId>,
    Body(body): Body,
) -> Result<Response, Error> {
    let asked = judge(&body)?;
    let group = id.or(Error::bad("Invalid post group ID"))?;
    let reach = &caller.reach;
    let idempotency = wire::idempotency_key(&headers)?.map(|key| same(group, &asked, key));
    if let Some(key) = &idempotency
        && let Some(group) = api.engine.edited_before(reach.owner, key).await.map_err(failed)?
    {
        return Ok(json(&map::updated(&group, None)));
    }
    // Asked for first: nothing is fetched for a group that is not there or can no longer be changed.
    api.engine.editable_group(reach, group).await.map_err(failed)?;
    let media = media_urls::import_as(&api, reach.owner, asked.url, asked.name, Operation::AttachMedia).await?;
    let command = EditGroup {
        draft: Some(true),
        media,
        idempotency,
        ..EditGroup::default()
    };
    let group = api.engine.edit_group(reach, group, command).await.map_err(failed)?;
    Ok(json(&map::updated(&group, None)))
}

/// The identity of this request: what the file is and where it goes, but not the URL, which may be a temporary one.
fn same(group: GroupId, asked: &Attached, key: String) -> IdempotencyKey {
    let said = serde_json::json!([group, asked.file_id, asked.name]).to_string();
    IdempotencyKey {
        operation: "postpost/attach-media".to_owned(),
        key,
        body_hash: Sha256::digest(said).into(),
    }
}

fn failed(error: engine::Error) -> Error {
    match error {
        engine::Error::Conflict(Conflict::NotEditable(mask)) if words::is_over(mask) => Error::coded(
            StatusCode::BAD_REQUEST,
            "POST_NOT_EDITABLE",
            format!(
                "Cannot update post: post is currently in {} status",
                words::busy_group_word(mask)
            ),
        ),
        engine::Error::Conflict(Conflict::NotEditable(_)) => {
            Error::coded(StatusCode::CONFLICT, "POST_PUBLISH_IN_PROGRESS", STARTED)
        }
        other => Operation::AttachMedia.failed()(other),
    }
}

fn invalid(text: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::coded(StatusCode::BAD_REQUEST, "INVALID_MEDIA_FILE", text)
}

/// Judges an `attach-media`: it takes one file, and neither schedules nor publishes.
fn judge(body: &[u8]) -> Result<Attached, Error> {
    let [file, name] = js::fields(body, &["file", "fileName"]).map_err(|_| Error::Json)?;
    let keys: HashMap<String, IgnoredAny> = serde_json::from_slice(body).unwrap_or_default();
    if keys.keys().any(|key| key != "file" && key != "fileName") {
        return Err(invalid(ONLY_THESE));
    }
    let Js::Object(file) = file else {
        return Err(invalid(NO_FILE));
    };
    let known = ["download_url", "file_id", "mime_type", "file_name"];
    if file.keys().any(|key| !known.contains(&key.as_str())) {
        return Err(invalid(ONLY_IN_FILE));
    }
    let needed = |key: &str| match file.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        _ => Err(invalid(format!("file.{key} must be a non-empty string"))),
    };
    let (url, file_id) = (needed("download_url")?, needed("file_id")?);
    if length(&file_id) > FILE_ID_MAX {
        return Err(invalid("file.file_id must be at most 512 characters"));
    }
    for key in ["mime_type", "file_name"] {
        if file.get(key).is_some_and(|given| !given.is_string()) {
            return Err(invalid(format!("file.{key} must be a string")));
        }
    }
    let given = match &name {
        Js::Missing => file.get("file_name").and_then(Value::as_str),
        Js::Text(name) if !name.is_empty() => Some(name.as_ref()),
        _ => return Err(invalid(NAME_WRONG)),
    };
    let name = given.map_or(Ok(NAMELESS.to_owned()), cleaned)?;
    Ok(Attached { url, file_id, name })
}

/// A name as it is kept: its last segment, with underscores for white space, and without all that is not safe.
fn cleaned(name: &str) -> Result<String, Error> {
    if length(name) > NAME_MAX {
        return Err(invalid(NAME_WRONG));
    }
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let words: Vec<&str> = js::trim(last).split_whitespace().collect();
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let name: String = words.join("_").chars().filter(is_safe).collect();
    if name.bytes().all(|byte| byte == b'.') {
        return Err(invalid(NAME_EMPTY));
    }
    Ok(name)
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(body: &str) -> Result<Attached, String> {
        judge(body.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn one_file_is_taken_and_everything_beside_it_is_refused() {
        let url = r#""download_url":"https://example.com/a""#;
        for (body, words) in [
            (
                format!(r#"{{"file":{{{url},"file_id":"f"}},"status":"scheduled"}}"#),
                ONLY_THESE,
            ),
            ("{}".to_owned(), NO_FILE),
            ("[]".to_owned(), NO_FILE),
            (String::new(), NO_FILE),
            (r#"{"file":"/mnt/data/a.png"}"#.to_owned(), NO_FILE),
            (format!(r#"{{"file":{{{url},"file_id":"f","size":1}}}}"#), ONLY_IN_FILE),
            (
                format!(r#"{{"file":{{{url}}}}}"#),
                "file.file_id must be a non-empty string",
            ),
            (
                r#"{"file":{"file_id":"f"}}"#.to_owned(),
                "file.download_url must be a non-empty string",
            ),
            (
                format!(r#"{{"file":{{{url},"file_id":"f"}},"fileName":null}}"#),
                NAME_WRONG,
            ),
            (
                format!(r#"{{"file":{{{url},"file_id":"f"}},"fileName":"..."}}"#),
                NAME_EMPTY,
            ),
            (
                format!(r#"{{"file":{{{url},"file_id":"f","file_name":"日本"}}}}"#),
                NAME_EMPTY,
            ),
        ] {
            assert_eq!(judged(&body), Err(words.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_file_is_called_what_the_request_says_before_what_the_file_says() {
        let named = |rest: &str, outer: &str| {
            let body = format!(r#"{{"file":{{"download_url":"u","file_id":"f"{rest}}}{outer}}}"#);
            judged(&body).unwrap().name
        };
        assert_eq!(named("", ""), "chatgpt-media");
        assert_eq!(named(r#","file_name":"in/of  it.png""#, ""), "of_it.png");
        assert_eq!(
            named(r#","file_name":"inner.png""#, r#","fileName":"béside.png""#),
            "bside.png"
        );
    }
}

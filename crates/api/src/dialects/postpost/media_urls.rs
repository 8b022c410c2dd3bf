//! `mediaUrls` of `create-post` and `update-post`: files that the server fetches before it accepts the post, all of them or none.

use std::cmp::Ordering;

use ::media::FetchError;
use domain::content::Media;
use domain::ids::UserId;
use engine::uploads::{ImportError, Imports};
use schemars::JsonSchema;
use serde::Serialize;

use super::error::{Error, Operation};
use super::js::Js;
use crate::state::ApiState;

/// The most URLs in one request.
const URLS_MAX: usize = 10;

/// What is said when the hour's URLs are used up, for the documents.
pub(super) const USED_UP: &[&str] =
    &["Media URL ingestion rate limit reached (60 URLs/hour). Retry later or use the presigned get-upload-url flow."];

/// What became of one URL, as the answer lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MediaResult {
    url: String,
    ok: bool,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Judges the field: a list of one to ten texts, or nothing.
pub(super) fn parse(given: Js<'_>) -> Result<Vec<String>, Error> {
    let entries = match given {
        given if !given.is_truthy() => return Ok(Vec::new()),
        Js::List(entries) => entries,
        _ => return Err(Error::bad("mediaUrls must be an array of public https URLs")),
    };
    match entries.len() {
        0 => return Err(Error::bad("mediaUrls must contain at least one URL when provided")),
        1..=URLS_MAX => {}
        _ => return Err(Error::bad("mediaUrls supports at most 10 URLs per request")),
    }
    let url = |entry| match entry {
        Js::Text(text) if !text.trim().is_empty() => Ok(text.into_owned()),
        _ => Err(Error::bad("Every mediaUrls entry must be a non-empty string")),
    };
    entries.into_iter().map(url).collect()
}

/// Fetches all, one after the other; when one fails none is kept. What they are for has the words of a failure that is
/// none of theirs.
pub(super) async fn import(
    api: &ApiState,
    owner: UserId,
    urls: Vec<String>,
    purpose: Operation,
) -> Result<Vec<Media>, Error> {
    if urls.is_empty() {
        return Ok(Vec::new());
    }
    take_in(api, owner, urls, None, purpose).await
}

/// The same with one file, which gets this name.
pub(super) async fn import_as(
    api: &ApiState,
    owner: UserId,
    url: String,
    name: String,
    purpose: Operation,
) -> Result<Vec<Media>, Error> {
    take_in(api, owner, vec![url], Some(name), purpose).await
}

async fn take_in(
    api: &ApiState,
    owner: UserId,
    urls: Vec<String>,
    name: Option<String>,
    purpose: Operation,
) -> Result<Vec<Media>, Error> {
    let imported = api
        .engine
        .import_media(owner, &urls, name.as_deref())
        .await
        .map_err(|error| match error {
            ImportError::UsedUp { most, again_at } => {
                let wait = again_at.duration_since(api.engine.clock().now()).as_secs();
                Error::ImportsUsedUp {
                    most,
                    retry_after: wait.max(1),
                }
            }
            ImportError::Engine(error) => purpose.failed()(error),
        })?;
    match imported {
        Imports::Done(media) => Ok(media),
        Imports::Failed { done, error } => Err(Error::Media(results(urls, done, &error))),
    }
}

/// What became of each URL when the one after the first `done` failed.
fn results(urls: Vec<String>, done: usize, failure: &FetchError) -> Vec<MediaResult> {
    let result = |(place, url): (usize, String)| {
        let (code, error) = match place.cmp(&done) {
            Ordering::Less => ("MEDIA_URL_ROLLED_BACK", None),
            Ordering::Equal => (failure.code(), Some(failure.to_string())),
            Ordering::Greater => ("MEDIA_URL_SKIPPED", None),
        };
        MediaResult {
            url,
            ok: false,
            code,
            error,
        }
    };
    urls.into_iter().enumerate().map(result).collect()
}

/// Removes files that no post refers to.
pub(super) async fn discard(api: &ApiState, media: &[Media]) {
    api.engine.discard_media(media).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Vec<String>, String> {
        parse(serde_json::from_str(json).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_of_one_to_ten_texts_is_taken() {
        assert_eq!(
            parsed(r#"["https://example.com/a.jpg"]"#),
            Ok(vec!["https://example.com/a.jpg".to_owned()])
        );
        assert_eq!(parse(Js::Missing).unwrap(), Vec::<String>::new());
        for falsy in ["null", "\"\"", "0", "false"] {
            assert_eq!(parsed(falsy), Ok(Vec::new()), "{falsy}");
        }
    }

    #[test]
    fn one_failure_takes_all_back() {
        let urls = ["a", "b", "c"].map(str::to_owned).to_vec();
        let codes: Vec<_> = results(urls, 1, &FetchError::Dns)
            .iter()
            .map(|result| result.code)
            .collect();
        assert_eq!(codes, ["MEDIA_URL_ROLLED_BACK", "MEDIA_URL_DNS", "MEDIA_URL_SKIPPED"]);
    }

    #[test]
    fn everything_else_is_refused_in_the_documented_words() {
        let eleven = format!("[{}]", [r#""https://example.com/a""#; 11].join(","));
        for (json, words) in [
            (
                r#""https://example.com/a""#,
                "mediaUrls must be an array of public https URLs",
            ),
            ("[]", "mediaUrls must contain at least one URL when provided"),
            (r#"[""]"#, "Every mediaUrls entry must be a non-empty string"),
            ("[7]", "Every mediaUrls entry must be a non-empty string"),
            (eleven.as_str(), "mediaUrls supports at most 10 URLs per request"),
        ] {
            assert_eq!(parsed(json), Err(words.to_owned()), "{json}");
        }
    }
}

//! `mediaUrls` of `create-post`: files that the server fetches before it accepts the post, all of them or none.

use ::media::{Allowance, FetchError};
use domain::content::Media;
use domain::ids::UserId;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::Error;
use super::js::Js;
use crate::state::ApiState;

/// The most URLs in one request.
const URLS_MAX: usize = 10;

/// What became of one URL, as the answer lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MediaResult {
    url: String,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Judges the field: a list of one to ten texts, or nothing.
pub(super) fn parse(given: Js<'_>) -> Result<Vec<String>, Error> {
    let entries = match given {
        Js::Missing | Js::Null => return Ok(Vec::new()),
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

/// Fetches all, one after the other; when one fails the others are taken back.
pub(super) async fn import(api: &ApiState, owner: UserId, urls: Vec<String>) -> Result<Vec<Media>, Error> {
    let allowance = Allowance::default();
    let mut imported = Vec::with_capacity(urls.len());
    let mut failure = None;
    let mut results = Vec::with_capacity(urls.len());
    for url in urls {
        let (code, error) = match failure {
            Some(()) => (Some("MEDIA_URL_SKIPPED"), None),
            None => match api.imports.import(owner, &url, &allowance).await {
                Ok(media) => {
                    imported.push(media);
                    (None, None)
                }
                Err(error) => {
                    failure = Some(());
                    (Some(FetchError::code(&error)), Some(error.to_string()))
                }
            },
        };
        results.push(MediaResult {
            url,
            success: code.is_none(),
            code,
            error,
        });
    }
    if failure.is_none() {
        return Ok(imported);
    }
    for result in results.iter_mut().filter(|result| result.success) {
        (result.success, result.code) = (false, Some("MEDIA_URL_ROLLED_BACK"));
    }
    discard(api, &imported).await;
    Err(Error::Media(results))
}

/// Removes files that no post refers to.
pub(super) async fn discard(api: &ApiState, media: &[Media]) {
    for file in media {
        api.imports.discard(file).await;
    }
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

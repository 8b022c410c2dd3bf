//! The recorded valid requests, and what they look like on their way.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

const RECORDED: &str = include_str!("requests.json");

/// A valid request, with capital words for what differs between runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    text: Option<String>,
}

/// A body on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    None,
    Json(Value),
    Bytes(Vec<u8>),
}

/// A request on its way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) method: String,
    /// As they are written, percent signs included.
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
}

/// Every recorded request.
///
/// # Errors
/// If the file is not as it should be.
pub(super) fn recorded() -> anyhow::Result<Vec<Recorded>> {
    Ok(serde_json::from_str(RECORDED)?)
}

impl Recorded {
    /// The request with these words filled in.
    pub(super) fn filled(&self, words: &[(&str, String)]) -> Request {
        let fill = |text: &str| {
            words
                .iter()
                .fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
        };
        let pairs =
            |pairs: &BTreeMap<String, String>| pairs.iter().map(|(name, value)| (name.clone(), fill(value))).collect();
        let body = match (&self.body, &self.text) {
            (Some(body), _) => serde_json::from_str(&fill(&body.to_string())).map_or(Body::None, Body::Json),
            (None, Some(text)) => Body::Bytes(fill(text).into_bytes()),
            (None, None) => Body::None,
        };
        Request {
            method: self.method.clone(),
            segments: fill(&self.path).split('/').skip(1).map(str::to_owned).collect(),
            query: pairs(&self.query),
            headers: pairs(&self.headers),
            body,
        }
    }
}

impl Request {
    /// The path and the query.
    pub(super) fn target(&self) -> String {
        let path = self.segments.join("/");
        if self.query.is_empty() {
            return format!("/{path}");
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.query);
        format!("/{path}?{}", query.finish())
    }

    /// The bytes of the body.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::None => Vec::new(),
            Body::Json(value) => value.to_string().into_bytes(),
            Body::Bytes(bytes) => bytes.clone(),
        }
    }

    /// A line for a shell that sends this again; the key is in the variable KEY.
    pub(super) fn curl(&self, base: &str) -> String {
        let mut line = format!("curl -X {} -H \"x-api-key: $KEY\"", self.method);
        for (name, value) in &self.headers {
            line.push_str(&format!(" -H {}", quoted(format!("{name}: {value}").as_bytes())));
        }
        let bytes = self.bytes();
        if !bytes.is_empty() {
            line.push_str(&format!(" --data-binary {}", quoted(&bytes)));
        }
        format!("{line} {}", quoted(format!("{base}{}", self.target()).as_bytes()))
    }
}

/// A word of a shell that stands for these bytes.
fn quoted(bytes: &[u8]) -> String {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\'' | b'\\');
    let text: String = bytes
        .iter()
        .map(|byte| match plain(byte) {
            true => char::from(*byte).to_string(),
            false => format!("\\x{byte:02x}"),
        })
        .collect();
    if bytes.iter().all(plain) {
        format!("'{text}'")
    } else {
        format!("$'{text}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_filled_and_written_as_a_line_for_a_shell() {
        let all = recorded().unwrap();
        let update = all.iter().find(|one| one.path == "/update-post/GROUP").unwrap();
        let request = update.filled(&[("GROUP", "0123".to_owned()), ("BLUESKY", "bluesky-it's".to_owned())]);
        let line = request.curl("http://h");
        assert!(
            line.starts_with("curl -X PUT -H \"x-api-key: $KEY\" -H 'Idempotency-Key: fuzz-2'"),
            "{line}"
        );
        assert!(
            line.contains(r"bluesky-it\x27s") && line.ends_with("'http://h/update-post/0123'"),
            "{line}"
        );
    }
}

//! From the REST API's answer to a tool's result.

use std::collections::BTreeMap;

use rmcp::model::{CallToolResult, ContentBlock};
use serde_json::value::RawValue;

use crate::indent::indented;
use crate::upstream::Answer;

/// The result: the answer, or that member of it, as one text; or what went wrong, marked as an error.
pub(crate) fn result(answer: &Answer, member: Option<&str>) -> CallToolResult {
    if !(200..300).contains(&answer.status) {
        return failure(error_in(answer));
    }
    match (serde_json::from_slice::<&RawValue>(&answer.body), member) {
        (Ok(body), None) => success(indented(body.get())),
        (Ok(body), Some(member)) => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(body.get()).unwrap_or_default();
            success(indented(members.get(member).map_or("null", |value| value.get())))
        }
        (Err(_), _) => failure("The API answered something that is not JSON"),
    }
}

/// The answer's own word, or its status where it has none.
fn error_in(answer: &Answer) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: String,
    }
    match serde_json::from_slice::<Refusal>(&answer.body) {
        Ok(Refusal { error }) if !error.is_empty() => error,
        _ => format!("API error: {}", answer.status),
    }
}

/// A result that says what went wrong.
pub(crate) fn failure(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// The original says nothing of errors where there is none.
fn success(text: String) -> CallToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.is_error = None;
    result
}

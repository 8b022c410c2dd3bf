//! From a tool's arguments to a request.

use rmcp::model::JsonObject;
use serde_json::{Map, Value};
use url::form_urlencoded;

use crate::catalogue::{DATE_MEMBERS, DATES, FILE_MEMBERS, Field, Kind, POST_MEMBERS, Place, Spec};
use crate::upstream::Ask;

/// What is wrong with the arguments, each named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid arguments for tool {tool}: {}", wrong.join("; "))]
pub(crate) struct Invalid {
    tool: &'static str,
    wrong: Vec<String>,
}

/// The request that a call of this tool is.
///
/// Arguments that the tool does not name are ignored. Optional ones count as left out when they are null, an empty text
/// or zero: the original tests them for truth.
///
/// # Errors
/// Everything that is wrong with the arguments, at once.
pub(crate) fn ask(spec: &'static Spec, arguments: &JsonObject) -> Result<Ask, Invalid> {
    let mut wrong = Vec::new();
    let mut path = spec.path.to_owned();
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut body = Map::new();
    for field in spec.fields {
        let value = match given(field, arguments) {
            Ok(Some(value)) => value,
            Ok(None) => continue,
            Err(why) => {
                wrong.push(format!("{} {why}", field.name));
                continue;
            }
        };
        match field.place {
            Place::Path => path = path.replace(&format!("{{{}}}", field.name), &segment(&plain(&value))),
            Place::Query => {
                query.append_pair(field.name, &plain(&value));
            }
            Place::Body => {
                body.insert(field.name.to_owned(), value);
            }
        }
    }
    if !wrong.is_empty() {
        return Err(Invalid { tool: spec.name, wrong });
    }
    let query = query.finish();
    if !query.is_empty() {
        path = format!("{path}?{query}");
    }
    let has_body = spec.fields.iter().any(|field| field.place == Place::Body);
    Ok(Ask {
        method: spec.method.clone(),
        path,
        body: has_body.then(|| Value::Object(body).to_string()),
    })
}

/// The value to send; `None` when there is none to send.
fn given(field: &Field, arguments: &JsonObject) -> Result<Option<Value>, String> {
    let value = arguments.get(field.name).filter(|value| !value.is_null());
    let Some(value) = value else {
        return if field.required {
            Err("is required".to_owned())
        } else {
            Ok(None)
        };
    };
    let value = field.kind.take(value)?;
    let is_nothing = value.as_str() == Some("") || value.as_f64() == Some(0.0);
    Ok((field.required || !is_nothing).then_some(value))
}

impl Kind {
    /// The value if it is of this kind, without members that the kind does not have.
    fn take(self, value: &Value) -> Result<Value, String> {
        let is_text = |value: &Value| value.is_string();
        match self {
            Self::Text if is_text(value) => Ok(value.clone()),
            Self::Text => Err("must be a text".to_owned()),
            Self::Number if value.is_number() => Ok(value.clone()),
            Self::Number => Err("must be a number".to_owned()),
            Self::Word(words) => match value.as_str() {
                Some(word) if words.contains(&word) => Ok(value.clone()),
                _ => Err(format!("must be one of {}", words.join(", "))),
            },
            Self::Texts => match value.as_array() {
                Some(items) if items.iter().all(is_text) => Ok(value.clone()),
                _ => Err("must be a list of texts".to_owned()),
            },
            Self::Dates => {
                let date = |value: &Value| members(value, &DATE_MEMBERS, DATE_MEMBERS.len(), Value::is_number);
                let date = |value: &Value| date(value).is_some();
                members(value, &DATES, DATES.len(), date)
                    .ok_or_else(|| "must have start and end, each with the numbers year, month and day".to_owned())
            }
            Self::Posts => value
                .as_array()
                .and_then(|items| {
                    let item = |item| members(item, &POST_MEMBERS, POST_MEMBERS.len(), Value::is_string);
                    items.iter().map(item).collect::<Option<Vec<_>>>()
                })
                .map(Value::Array)
                .ok_or_else(|| {
                    format!(
                        "must be a list of posts, each with the texts {}",
                        POST_MEMBERS.join(", ")
                    )
                }),
            Self::File => members(value, &FILE_MEMBERS, 2, Value::is_string)
                .ok_or_else(|| "must have the texts download_url and file_id".to_owned()),
        }
    }
}

/// These members of an object, each as `is` says, of which the first `required` must be there.
fn members(value: &Value, names: &[&str], required: usize, is: impl Fn(&Value) -> bool) -> Option<Value> {
    let object = value.as_object()?;
    let mut taken = Map::new();
    for (place, name) in names.iter().enumerate() {
        match object.get(*name).filter(|value| !value.is_null()) {
            Some(value) if is(value) => {
                taken.insert((*name).to_owned(), value.clone());
            }
            None if place >= required => {}
            _ => return None,
        }
    }
    Some(Value::Object(taken))
}

/// A text or a number as it stands in an address: whole numbers without a fraction, however they were written.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number
            .as_f64()
            .filter(|number| number.fract() == 0.0 && number.abs() < 1e15)
            .map_or_else(|| number.to_string(), |number| format!("{number:.0}")),
        other => other.to_string(),
    }
}

/// One segment of a path, so that no id can lead elsewhere: everything but letters, digits and `-_~` is encoded.
fn segment(text: &str) -> String {
    use std::fmt::Write;
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                let _ = write!(encoded, "%{byte:02X}");
            }
            encoded
        })
}

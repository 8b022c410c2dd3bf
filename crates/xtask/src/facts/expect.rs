//! What must hold of an answer or of a delivery.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

use super::body;
use super::fact::present;
use super::paths::{self, Path};

/// An answer to a request, or a delivery that arrived.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// None for a delivery.
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The runner's clock when it was whole.
    pub(super) at: Timestamp,
}

impl Message {
    /// The values of the header `name`, case ignored.
    pub(super) fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn content_type(&self) -> Option<&str> {
        self.header("content-type")
            .next()
            .map(|value| value.split(';').next().unwrap_or_default().trim())
    }

    /// The text that should be JSON: the body, or the data of the first event of an event stream that carries any.
    fn json_text(&self) -> Result<Cow<'_, str>, String> {
        let text = std::str::from_utf8(&self.body).map_err(|_| "the body is no UTF-8".to_owned())?;
        if self
            .content_type()
            .is_some_and(|it| it.eq_ignore_ascii_case("text/event-stream"))
        {
            return super::http::first_event_data(text)
                .map(Cow::Owned)
                .ok_or_else(|| "no event has data".to_owned());
        }
        Ok(Cow::Borrowed(text))
    }

    /// The JSON body.
    pub(super) fn json(&self) -> Result<Value, String> {
        let text = self.json_text()?;
        serde_json::from_str(&text)
            .map_err(|_| format!("the body is no JSON: {}", text.chars().take(200).collect::<String>()))
    }
}

type Map<T> = BTreeMap<String, T>;

/// The expectations of one step; every key is optional and every key that is there must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Expect {
    #[serde(deserialize_with = "present")]
    pub(super) status: Option<u16>,
    #[serde(deserialize_with = "present")]
    content_type: Option<String>,
    headers: Map<String>,
    #[serde(deserialize_with = "present")]
    body_contains: Option<String>,
    #[serde(deserialize_with = "present")]
    json: Option<Value>,
    absent: Vec<String>,
    shape: Map<String>,
    r#match: Map<String>,
    r#enum: Map<Vec<Value>>,
    every: Map<serde_json::Map<String, Value>>,
    some: Map<Some_>,
    near: Map<Near>,
    not: Map<Value>,
    sorted: Map<String>,
    array_length: Map<usize>,
    #[serde(deserialize_with = "present")]
    top_level_keys: Option<Vec<String>>,
    #[serde(deserialize_with = "present")]
    key_order: Option<Vec<String>>,
    #[serde(deserialize_with = "present")]
    tool_names: Option<Vec<String>>,
    #[serde(deserialize_with = "present")]
    signature: Option<Signature>,
}

/// What at least one element of a list must satisfy.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Some_ {
    #[serde(deserialize_with = "present")]
    json: Option<Value>,
    absent: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Near {
    offset_s: f64,
    within_s: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    header: String,
    secret: String,
}

impl Expect {
    /// Refuses what only belongs to the other kind of step.
    pub(super) fn check_place(&self, in_receive_step: bool) -> Result<(), String> {
        match in_receive_step {
            true if self.status.is_some() => Err("a delivery has no status".to_owned()),
            false if self.signature.is_some() => Err("signature is only for receive steps".to_owned()),
            _ => Ok(()),
        }
    }

    /// Checks everything; the error names the first expectation that does not hold.
    pub(super) fn check(&self, message: &Message) -> Result<(), String> {
        self.check_envelope(message).map_err(|why| {
            let quoted: String = String::from_utf8_lossy(&message.body).chars().take(300).collect();
            format!("{why}; the body is {quoted}")
        })?;
        if let Some(expected) = &self.signature {
            check_signature(expected, message).map_err(|why| format!("signature: {why}"))?;
        }
        if self.needs_json() {
            let json = message.json()?;
            self.check_values(&json)?;
            self.check_lists(&json)?;
            self.check_near(&json, message.at)?;
            self.check_keys(&json, message)?;
        }
        Ok(())
    }

    fn needs_json(&self) -> bool {
        let by_path = [self.shape.is_empty(), self.r#match.is_empty(), self.sorted.is_empty()];
        let lists = [
            self.top_level_keys.is_some(),
            self.key_order.is_some(),
            self.tool_names.is_some(),
        ];
        self.json.is_some()
            || by_path.contains(&false)
            || lists.contains(&true)
            || !(self.absent.is_empty() && self.r#enum.is_empty() && self.every.is_empty() && self.some.is_empty())
            || !(self.near.is_empty() && self.not.is_empty() && self.array_length.is_empty())
    }

    fn check_envelope(&self, message: &Message) -> Result<(), String> {
        if let Some(status) = self.status
            && message.status != Some(status)
        {
            return Err(format!(
                "status: expected {status}, got {}",
                message.status.unwrap_or_default()
            ));
        }
        if let Some(expected) = &self.content_type
            && !message
                .content_type()
                .is_some_and(|actual| actual.eq_ignore_ascii_case(expected))
        {
            return Err(format!(
                "contentType: expected {expected}, got {:?}",
                message.content_type()
            ));
        }
        for (name, pattern) in &self.headers {
            let pattern = regex(pattern)?;
            if !message.header(name).any(|value| pattern.is_match(value)) {
                let values: Vec<&str> = message.header(name).collect();
                return Err(format!("headers: {name} does not match {pattern}: {values:?}"));
            }
        }
        match &self.body_contains {
            Some(text) if !String::from_utf8_lossy(&message.body).contains(text.as_str()) => {
                Err(format!("bodyContains: '{text}' does not occur"))
            }
            _ => Ok(()),
        }
    }

    fn check_values(&self, json: &Value) -> Result<(), String> {
        if let Some(expected) = &self.json {
            body::matches(expected, json).map_err(|why| format!("json: {why}"))?;
        }
        for path in &self.absent {
            if Path::parse(path)?.leads_anywhere(json) {
                return Err(format!("absent: {path} exists"));
            }
        }
        for (path, name) in &self.shape {
            for value in paths::values(json, path).map_err(|why| format!("shape: {why}"))? {
                if !body::has_type(value, name)? {
                    return Err(format!("shape: {path} is no {name}: {value}"));
                }
            }
        }
        for (path, pattern) in &self.r#match {
            let pattern = regex(pattern)?;
            for value in paths::values(json, path).map_err(|why| format!("match: {why}"))? {
                if !value.as_str().is_some_and(|text| pattern.is_match(text)) {
                    return Err(format!("match: {path} does not match {pattern}: {value}"));
                }
            }
        }
        for (path, list) in &self.r#enum {
            for value in paths::values(json, path).map_err(|why| format!("enum: {why}"))? {
                if !list.iter().any(|item| body::same(item, value)) {
                    return Err(format!("enum: {path} is {value}"));
                }
            }
        }
        for (path, unwanted) in &self.not {
            for value in paths::values(json, path).map_err(|why| format!("not: {why}"))? {
                if body::same(unwanted, value) {
                    return Err(format!("not: {path} is {value}"));
                }
            }
        }
        Ok(())
    }

    fn check_lists(&self, json: &Value) -> Result<(), String> {
        for (path, expected) in &self.every {
            let expected = Value::Object(expected.clone());
            for list in paths::values(json, path).map_err(|why| format!("every: {why}"))? {
                // By the rule of doubt a list without elements satisfies nothing.
                let list = list.as_array().filter(|list| !list.is_empty());
                let list = list.ok_or_else(|| format!("every: {path} is no array with elements"))?;
                for item in list {
                    body::matches(&expected, item).map_err(|why| format!("every: {path}: {why}"))?;
                }
            }
        }
        for (path, expected) in &self.some {
            for list in paths::values(json, path).map_err(|why| format!("some: {why}"))? {
                let list = list.as_array().ok_or_else(|| format!("some: {path} is no array"))?;
                if !expected.any_of(list)? {
                    return Err(format!(
                        "some: no element of {path} satisfies it: {}",
                        Value::Array(list.clone())
                    ));
                }
            }
        }
        for (path, rule) in &self.sorted {
            for list in paths::values(json, path).map_err(|why| format!("sorted: {why}"))? {
                body::is_sorted(list, rule).map_err(|why| format!("sorted: {path}: {why}"))?;
            }
        }
        for (path, length) in &self.array_length {
            for list in paths::values(json, path).map_err(|why| format!("arrayLength: {why}"))? {
                let actual = list.as_array().map(Vec::len);
                if actual != Some(*length) {
                    return Err(format!(
                        "arrayLength: {path} has {actual:?} elements, expected {length}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_near(&self, json: &Value, at: Timestamp) -> Result<(), String> {
        for (path, near) in &self.near {
            let offset = SignedDuration::try_from_secs_f64(near.offset_s).map_err(|error| error.to_string())?;
            let target = at.checked_add(offset).map_err(|error| error.to_string())?;
            for value in paths::values(json, path).map_err(|why| format!("near: {why}"))? {
                let instant = value.as_str().and_then(body::iso_date);
                if !instant.is_some_and(|instant| body::is_near(instant, target, near.within_s)) {
                    return Err(format!(
                        "near: {path} is {value}, not within {} s of {target}",
                        near.within_s
                    ));
                }
            }
        }
        Ok(())
    }

    fn check_keys(&self, json: &Value, message: &Message) -> Result<(), String> {
        if let Some(expected) = &self.top_level_keys {
            let keys = json.as_object().ok_or("topLevelKeys: the body is no object")?.keys();
            exact_set("topLevelKeys", expected, keys.map(String::as_str))?;
        }
        if let Some(expected) = &self.key_order {
            let actual = body::keys_in_order(&message.json_text()?).map_err(|why| format!("keyOrder: {why}"))?;
            if actual != *expected {
                return Err(format!("keyOrder: {actual:?}"));
            }
        }
        if let Some(expected) = &self.tool_names {
            let names = paths::values(json, "result.tools[].name").map_err(|why| format!("toolNames: {why}"))?;
            exact_set(
                "toolNames",
                expected,
                names.into_iter().map(|name| name.as_str().unwrap_or_default()),
            )?;
        }
        Ok(())
    }
}

impl Some_ {
    fn any_of(&self, list: &[Value]) -> Result<bool, String> {
        if self.json.is_none() && self.absent.is_empty() {
            return Err("some: nothing is asked of the element".to_owned());
        }
        let absent: Vec<Path> = self
            .absent
            .iter()
            .map(|path| Path::parse(path))
            .collect::<Result<_, _>>()?;
        Ok(list.iter().any(|item| {
            self.json.as_ref().is_none_or(|json| body::matches(json, item).is_ok())
                && !absent.iter().any(|path| path.leads_anywhere(item))
        }))
    }
}

fn exact_set<'a>(key: &str, expected: &[String], actual: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let actual: Vec<&str> = actual.collect();
    let wanted: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let there: BTreeSet<&str> = actual.iter().copied().collect();
    if there == wanted && there.len() == actual.len() {
        Ok(())
    } else {
        Err(format!("{key}: {actual:?}"))
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("'{pattern}' is no regular expression: {error}"))
}

fn check_signature(expected: &Signature, message: &Message) -> Result<(), String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(expected.secret.as_bytes()).map_err(|error| error.to_string())?;
    mac.update(&message.body);
    let digest: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut values = message.header(&expected.header);
    match (values.next(), values.next()) {
        (Some(value), None) if value == digest => Ok(()),
        (Some(_), None) => Err(format!("{} is not the HMAC of the delivery", expected.header)),
        (None, _) => Err(format!("there is no header {}", expected.header)),
        _ => Err(format!("there is more than one header {}", expected.header)),
    }
}

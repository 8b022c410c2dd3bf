//! The lexicons of the AT Protocol (atproto.com/specs/lexicon).

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use sandbox::tap::Exchange;
use serde_json::Value;

use super::{Judge, Verdict, query};

/// Lexicons by their name.
pub(super) struct Lexicons(BTreeMap<String, Value>);

/// Errors that every method may answer with (atproto.com/specs/xrpc).
const COMMON_ERRORS: &[&str] = &[
    "InvalidRequest",
    "ExpiredToken",
    "InvalidToken",
    "AuthMissing",
    "RateLimitExceeded",
];

impl Lexicons {
    /// Reads every lexicon below a folder.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let mut known = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let lexicon = super::json(&path)?;
                    let id = lexicon.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
                    known.insert(id, lexicon);
                }
            }
        }
        Ok(Self(known))
    }

    /// The definition that a reference in `home` means: `nsid`, `nsid#name` or `#name`.
    fn find(&self, home: &str, reference: &str) -> Option<(String, &Value)> {
        let (nsid, name) = reference.split_once('#').unwrap_or((reference, "main"));
        let nsid = if nsid.is_empty() { home } else { nsid };
        let found = self.0.get(nsid)?.get("defs")?.get(name)?;
        Some((nsid.to_owned(), found))
    }

    fn check(&self, home: &str, path: &str, schema: &Value, value: &Value, wrong: &mut Vec<String>) {
        let kind = text(schema, "type");
        let mut is = |right: bool| {
            if !right {
                wrong.push(format!("{path} is no {kind}"));
            }
            right
        };
        match kind {
            "record" => self.check(home, path, schema.get("record").unwrap_or(&Value::Null), value, wrong),
            "ref" => self.check_ref(home, path, text(schema, "ref"), value, wrong),
            "union" => self.check_union(home, path, schema, value, wrong),
            "object" | "params" => {
                let is_one = is(value.is_object());
                if is_one {
                    self.check_object(home, path, schema, value, wrong);
                }
            }
            "array" => {
                let is_one = is(value.is_array());
                if is_one {
                    let max = schema.get("maxLength").and_then(Value::as_u64);
                    let items = value.as_array().map_or(&[][..], Vec::as_slice);
                    if max.is_some_and(|max| items.len() as u64 > max) {
                        wrong.push(format!("{path} has {} items", items.len()));
                    }
                    for item in items {
                        self.check(
                            home,
                            &format!("{path}/*"),
                            schema.get("items").unwrap_or(&Value::Null),
                            item,
                            wrong,
                        );
                    }
                }
            }
            "string" => {
                let is_one = is(value.is_string());
                if is_one {
                    check_text(path, schema, value.as_str().unwrap_or_default(), wrong);
                }
            }
            "integer" => drop(is(value.is_i64() || value.is_u64())),
            "boolean" => drop(is(value.is_boolean())),
            "blob" => {
                let is_blob =
                    text(value, "$type") == "blob" && value.pointer("/ref/$link").is_some_and(Value::is_string);
                is(is_blob && value.get("size").is_some_and(Value::is_u64) && value.get("mimeType").is_some());
            }
            _ => {}
        }
    }

    fn check_ref(&self, home: &str, path: &str, reference: &str, value: &Value, wrong: &mut Vec<String>) {
        if let Some((home, schema)) = self.find(home, reference) {
            self.check(&home, path, schema, value, wrong);
        }
    }

    /// The value's `$type` says which of the union it is; a closed union has no others.
    fn check_union(&self, home: &str, path: &str, schema: &Value, value: &Value, wrong: &mut Vec<String>) {
        let kind = text(value, "$type");
        if kind.is_empty() {
            wrong.push(format!("{path}/$type is missing"));
            return;
        }
        let full = |reference: &str| {
            if reference.starts_with('#') {
                format!("{home}{reference}")
            } else {
                reference.to_owned()
            }
        };
        let refs = schema.get("refs").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<String> = refs.filter_map(Value::as_str).map(full).collect();
        if !names.iter().any(|name| name.trim_end_matches("#main") == kind) {
            wrong.push(format!("{path} is a {kind}, which the union does not have"));
        }
        self.check_ref(home, path, kind, value, wrong);
    }

    fn check_object(&self, home: &str, path: &str, schema: &Value, value: &Value, wrong: &mut Vec<String>) {
        let names = |list: &str| -> Vec<String> {
            let list = schema.get(list).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let nullable = names("nullable");
        for name in names("required") {
            if value.get(&name).is_none() {
                wrong.push(format!("{path}/{name} is missing"));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, member) in value.as_object().into_iter().flatten() {
            let path = format!("{path}/{name}");
            match properties.and_then(|properties| properties.get(name)) {
                Some(_) if member.is_null() && nullable.contains(name) => {}
                Some(schema) => self.check(home, &path, schema, member, wrong),
                None if name == "$type" => {}
                // Lexicons are open, but nothing of ours should say what they do not know.
                None => wrong.push(format!("{path} is not in the lexicon")),
            }
        }
    }

    /// A record within a request is judged by the lexicon of its type.
    fn check_record(&self, body: &Value, wrong: &mut Vec<String>) {
        if let Some(record) = body.get("record") {
            let kind = text(record, "$type");
            match self.find("", kind) {
                Some((home, schema)) => self.check(&home, "/record", schema, record, wrong),
                None => wrong.push(format!("the record is a {kind}, of which there is no lexicon")),
            }
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn check_text(path: &str, schema: &Value, text: &str, wrong: &mut Vec<String>) {
    let max = schema.get("maxLength").and_then(Value::as_u64);
    if max.is_some_and(|max| text.len() as u64 > max) {
        wrong.push(format!("{path} has {} bytes", text.len()));
    }
    let right = match schema.get("format").and_then(Value::as_str) {
        Some("datetime") => text.parse::<jiff::Timestamp>().is_ok(),
        Some("at-uri") => text.starts_with("at://"),
        Some("did") => text.starts_with("did:"),
        Some("uri") => url::Url::parse(text).is_ok(),
        Some("cid") => text.starts_with("baf"),
        Some("nsid") => text.split('.').count() > 2,
        _ => true,
    };
    if !right {
        wrong.push(format!("{path} is not of its format"));
    }
}

impl Judge for Lexicons {
    fn judge(&self, path: &str, exchange: &Exchange) -> Verdict {
        let Some((nsid, method)) = path
            .strip_prefix("/xrpc/")
            .and_then(|nsid| Some((nsid, self.find("", nsid)?.1)))
        else {
            return Verdict::Unknown;
        };
        let mut wrong = Vec::new();
        let wanted = if text(method, "type") == "query" { "GET" } else { "POST" };
        if exchange.method != wanted {
            wrong.push(format!("request: is no {wanted}"));
        }
        let parameters = method.pointer("/parameters/properties").and_then(Value::as_object);
        for (name, _) in query(exchange) {
            if parameters.is_none_or(|known| !known.contains_key(&name)) {
                wrong.push(format!("request: the parameter {name} is not in the lexicon"));
            }
        }
        let body = serde_json::from_str::<Value>(&exchange.body);
        if let (Some(schema), Ok(body)) = (method.pointer("/input/schema"), &body) {
            let mut of_body = Vec::new();
            self.check(nsid, "", schema, body, &mut of_body);
            self.check_record(body, &mut of_body);
            wrong.extend(of_body.into_iter().map(|what| format!("request: {what}")));
        }
        let answer = serde_json::from_str::<Value>(&exchange.answer);
        match (exchange.status, answer) {
            (200, Ok(answer)) => {
                let mut of_answer = Vec::new();
                let schema = method.pointer("/output/schema").unwrap_or(&Value::Null);
                self.check(nsid, "", schema, &answer, &mut of_answer);
                wrong.extend(of_answer.into_iter().map(|what| format!("answer 200: {what}")));
            }
            (200, Err(_)) => {}
            (status, answer) => {
                let name = answer.as_ref().map(|answer| text(answer, "error")).unwrap_or_default();
                let errors = method.get("errors").and_then(Value::as_array).into_iter().flatten();
                if !errors
                    .map(|error| text(error, "name"))
                    .chain(COMMON_ERRORS.iter().copied())
                    .any(|known| known == name)
                {
                    wrong.push(format!("answer {status}: the error '{name}' is not in the lexicon"));
                }
            }
        }
        Verdict::Known(wrong)
    }
}

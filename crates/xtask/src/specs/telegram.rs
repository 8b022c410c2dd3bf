//! The Bot API as data, made from core.telegram.org.

use sandbox::tap::Exchange;
use serde_json::{Map, Value};

use super::{Judge, Verdict, fields, query};

/// Deeper nesting than any answer has.
const DEPTH_MAX: usize = 12;

/// Methods and types.
pub(super) struct BotApi(Value);

impl BotApi {
    pub(super) fn new(document: Value) -> Self {
        Self(document)
    }

    fn check(&self, path: &str, types: &[&str], value: &Value, depth: usize, wrong: &mut Vec<String>) {
        if depth > DEPTH_MAX || types.is_empty() {
            return;
        }
        let mut least: Option<Vec<String>> = None;
        for kind in types {
            let mut found = Vec::new();
            self.check_one(path, kind, value, depth, &mut found);
            if least.as_ref().is_none_or(|least| found.len() < least.len()) {
                least = Some(found);
            }
        }
        wrong.extend(least.unwrap_or_default());
    }

    fn check_one(&self, path: &str, kind: &str, value: &Value, depth: usize, wrong: &mut Vec<String>) {
        if let Some(of) = kind.strip_prefix("Array of ") {
            match value.as_array() {
                Some(items) => items
                    .iter()
                    .for_each(|item| self.check(&format!("{path}/*"), &[of], item, depth + 1, wrong)),
                None => wrong.push(format!("{path} is no {kind}")),
            }
            return;
        }
        let is_right = match kind {
            "Integer" => value.is_i64() || value.is_u64(),
            "Float" => value.is_number(),
            "String" => value.is_string(),
            "Boolean" | "True" => value.is_boolean(),
            _ => value.is_object(),
        };
        if !is_right {
            wrong.push(format!("{path} is no {kind}"));
            return;
        }
        let Some(definition) = self.0.get("types").and_then(|types| types.get(kind)) else {
            return;
        };
        if let Some(subtypes) = definition.get("subtypes").and_then(Value::as_array) {
            let names: Vec<&str> = subtypes.iter().filter_map(Value::as_str).collect();
            self.check(path, &names, value, depth + 1, wrong);
            return;
        }
        let (Some(object), Some(known)) = (value.as_object(), fields_of(definition)) else {
            return;
        };
        self.check_fields(path, &known, object, depth, wrong);
    }

    fn check_fields(
        &self,
        path: &str,
        known: &[&Value],
        object: &Map<String, Value>,
        depth: usize,
        wrong: &mut Vec<String>,
    ) {
        for field in known {
            let name = field.get("name").and_then(Value::as_str).unwrap_or_default();
            let path = format!("{path}/{name}");
            match object.get(name) {
                Some(value) => self.check(&path, &types_of(field), value, depth + 1, wrong),
                None if is_required(field) => wrong.push(format!("{path} is missing")),
                None => {}
            }
        }
        let is_known = |name: &String| {
            known
                .iter()
                .any(|field| field.get("name").and_then(Value::as_str) == Some(name))
        };
        wrong.extend(
            object
                .keys()
                .filter(|name| !is_known(name))
                .map(|name| format!("{path}/{name} is not in the API")),
        );
    }
}

fn fields_of(definition: &Value) -> Option<Vec<&Value>> {
    Some(definition.get("fields")?.as_array()?.iter().collect())
}

fn types_of(field: &Value) -> Vec<&str> {
    let types = field.get("types").and_then(Value::as_array).into_iter().flatten();
    types.filter_map(Value::as_str).collect()
}

fn is_required(field: &Value) -> bool {
    field.get("required") == Some(&Value::Bool(true))
}

impl Judge for BotApi {
    fn judge(&self, path: &str, exchange: &Exchange) -> Verdict {
        let name = path.rsplit('/').next().unwrap_or_default();
        let Some(method) = self.0.get("methods").and_then(|methods| methods.get(name)) else {
            return Verdict::Unknown;
        };
        let mut wrong = Vec::new();
        let known = fields_of(method).unwrap_or_default();
        let mut given: Vec<String> = query(exchange).into_iter().map(|(name, _)| name).collect();
        if let Some(fields) = fields(exchange) {
            given.extend(fields.into_iter().map(|(name, _)| name));
        } else if let Ok(Value::Object(body)) = serde_json::from_str(&exchange.body) {
            given.extend(body.keys().cloned());
            let mut of_body = Vec::new();
            self.check_fields("", &known, &body, 0, &mut of_body);
            wrong.extend(of_body.into_iter().map(|what| format!("request: {what}")));
        }
        // Files are named by the fields that say attach://NAME.
        let is_file = |name: &str| name.starts_with("file");
        let is_known = |name: &str| {
            known
                .iter()
                .any(|field| field.get("name").and_then(Value::as_str) == Some(name))
        };
        let unknown = given.iter().filter(|name| !is_known(name) && !is_file(name));
        wrong.extend(unknown.map(|name| format!("request: {name} is not in the API")));
        let answer = serde_json::from_str::<Value>(&exchange.answer).unwrap_or_default();
        let mut of_answer = Vec::new();
        if let Some(result) = answer.get("result") {
            let returns = method.get("returns").and_then(Value::as_array).into_iter().flatten();
            let types: Vec<&str> = returns.filter_map(Value::as_str).collect();
            self.check("/result", &types, result, 0, &mut of_answer);
        } else if answer.get("description").is_none() || answer.get("error_code").is_none() {
            of_answer.push("has neither a result nor an error".to_owned());
        }
        wrong.extend(
            of_answer
                .into_iter()
                .map(|what| format!("answer {}: {what}", exchange.status)),
        );
        Verdict::Known(wrong)
    }
}

//! OpenAPI documents: of X, and of Mastodon.

use sandbox::tap::Exchange;
use serde_json::{Map, Value};

use super::{Judge, Verdict, fields, query, schema};

/// A document with its paths and components.
pub(super) struct OpenApi(Value);

impl OpenApi {
    pub(super) fn new(document: Value) -> Self {
        Self(document)
    }

    /// The operation of a path; a path without variables comes before one with them.
    fn operation(&self, path: &str, method: &str) -> Option<&Value> {
        let paths = self.0.get("paths")?.as_object()?;
        let fits = |template: &str| {
            let (mut wanted, mut given) = (template.split('/'), path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
                    _ => return false,
                }
            }
        };
        let found = paths
            .get(path)
            .or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, item)| item));
        found?.get(method.to_lowercase())
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let pointer = value.get("$ref").and_then(Value::as_str);
        pointer
            .and_then(|pointer| self.0.pointer(pointer.trim_start_matches('#')))
            .unwrap_or(value)
    }

    fn request(&self, operation: &Value, exchange: &Exchange) -> Vec<String> {
        let mut wrong = self.parameters(operation, exchange);
        let Some(content) = operation
            .get("requestBody")
            .map(|body| self.resolved(body))
            .and_then(|body| body.get("content"))
        else {
            return wrong;
        };
        let base = exchange.mime.split(';').next().unwrap_or_default();
        let any = content.as_object().and_then(|content| content.values().next());
        let Some(wanted) = content.get(base).or(any).and_then(|media| media.get("schema")) else {
            return wrong;
        };
        if let Some(fields) = fields(exchange) {
            wrong.extend(self.form(wanted, &fields));
        } else if let Ok(body) = serde_json::from_str::<Value>(&exchange.body) {
            wrong.extend(schema::check(&self.0, wanted, &body));
        } else if !exchange.body.is_empty() {
            wrong.push(format!("the body of {base} is no JSON"));
        }
        wrong
    }

    fn parameters(&self, operation: &Value, exchange: &Exchange) -> Vec<String> {
        let parameters = operation.get("parameters").and_then(Value::as_array);
        let known: Vec<&Value> = parameters.into_iter().flatten().map(|one| self.resolved(one)).collect();
        let text = |one: &Value, name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let of_query: Vec<String> = known
            .iter()
            .filter(|one| text(one, "in") == "query")
            .map(|one| text(one, "name"))
            .collect();
        let unknown = query(exchange).into_iter().filter(|(name, _)| !of_query.contains(name));
        unknown
            .map(|(name, _)| format!("the parameter {name} is not in the specification"))
            .collect()
    }

    /// Names of fields; their values are texts, whatever they stand for.
    fn form(&self, wanted: &Value, fields: &[(String, String)]) -> Vec<String> {
        let mut known = Map::new();
        let mut required = Vec::new();
        self.gather(wanted, &mut known, &mut required);
        let plain = |name: &str| name.trim_end_matches("[]").to_owned();
        let mut wrong: Vec<String> = fields
            .iter()
            .filter(|(name, _)| !known.contains_key(name) && !known.contains_key(&plain(name)))
            .map(|(name, _)| format!("the field {name} is not in the schema"))
            .collect();
        let is_there = |name: &String| fields.iter().any(|(given, _)| given == name || plain(given) == *name);
        wrong.extend(
            required
                .iter()
                .filter(|name| !is_there(name))
                .map(|name| format!("the field {name} is missing")),
        );
        wrong
    }

    fn gather(&self, schema: &Value, known: &mut Map<String, Value>, required: &mut Vec<String>) {
        let schema = self.resolved(schema);
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            known.extend(properties.clone());
        }
        let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        required.extend(names.filter_map(Value::as_str).map(str::to_owned));
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.gather(part, known, required);
        }
        // What one of several forms requires, the others need not have.
        for name in ["oneOf", "anyOf"] {
            for part in schema.get(name).and_then(Value::as_array).into_iter().flatten() {
                self.gather(part, known, &mut Vec::new());
            }
        }
    }

    fn answer(&self, operation: &Value, exchange: &Exchange) -> Vec<String> {
        let responses = operation.get("responses");
        let of = |status: &str| responses.and_then(|responses| responses.get(status));
        let Some(response) = of(&exchange.status.to_string()).or_else(|| of("default")) else {
            return vec!["the status is not in the specification".to_owned()];
        };
        let content = self.resolved(response).get("content").and_then(Value::as_object);
        let Some(content) = content.filter(|_| !exchange.answer.is_empty()) else {
            return Vec::new();
        };
        let Ok(answer) = serde_json::from_str::<Value>(&exchange.answer) else {
            return vec!["is no JSON".to_owned()];
        };
        let schemas = content.values().filter_map(|media| media.get("schema"));
        let mut found: Vec<Vec<String>> = schemas.map(|wanted| schema::check(&self.0, wanted, &answer)).collect();
        found.sort_by_key(Vec::len);
        found.into_iter().next().unwrap_or_default()
    }
}

impl Judge for OpenApi {
    fn judge(&self, path: &str, exchange: &Exchange) -> Verdict {
        let Some(operation) = self.operation(path, &exchange.method) else {
            return Verdict::Unknown;
        };
        let request = self
            .request(operation, exchange)
            .into_iter()
            .map(|what| format!("request: {what}"));
        let answer = self.answer(operation, exchange);
        let answer = answer
            .into_iter()
            .map(|what| format!("answer {}: {what}", exchange.status));
        Verdict::Known(request.chain(answer).collect())
    }
}

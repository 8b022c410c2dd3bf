//! JSON Schema as far as the specifications use it.

use serde_json::Value;

/// Deeper nesting than any answer has.
const DEPTH_MAX: usize = 40;

/// What of `value` is not as `schema` says; references point into `document`.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    Check {
        document,
        wrong: &mut wrong,
    }
    .at("", schema, value, 0);
    wrong
}

struct Check<'a> {
    document: &'a Value,
    wrong: &'a mut Vec<String>,
}

impl Check<'_> {
    fn at(&mut self, path: &str, schema: &Value, value: &Value, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        if let Some(pointer) = schema.get("$ref").and_then(Value::as_str) {
            match self.document.pointer(pointer.trim_start_matches('#')) {
                Some(target) => self.at(path, &target.clone(), value, depth + 1),
                None => self.wrong.push(format!("{path}: the specification has no {pointer}")),
            }
            return;
        }
        for part in list(schema, "allOf") {
            self.at(path, part, value, depth + 1);
        }
        for (name, exactly) in [("anyOf", false), ("oneOf", true)] {
            let options = list(schema, name);
            let fits = options
                .iter()
                .filter(|option| self.document_check(option, value, depth).is_empty())
                .count();
            // Of alternatives that overlap, as those of generated documents do, one that fits is enough.
            let _ = exactly;
            if !options.is_empty() && fits == 0 {
                self.wrong.push(format!("{path} fits no alternative"));
            }
        }
        if value.is_null() && (schema.get("nullable") == Some(&Value::Bool(true))) {
            return;
        }
        if !has_type(schema, value) {
            let wanted = schema.get("type").map(ToString::to_string).unwrap_or_default();
            self.wrong.push(format!("{path} is no {}", wanted.trim_matches('"')));
            return;
        }
        if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
            && !allowed.contains(value)
        {
            self.wrong.push(format!("{path} is {value}, which is not in the list"));
        }
        if let Some(only) = schema.get("const").filter(|only| *only != value) {
            self.wrong.push(format!("{path} is {value} and not {only}"));
        }
        self.limits(path, schema, value);
        self.members(path, schema, value, depth);
    }

    fn document_check(&self, schema: &Value, value: &Value, depth: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut inner = Check {
            document: self.document,
            wrong: &mut wrong,
        };
        inner.at("", schema, value, depth + 1);
        wrong
    }

    fn limits(&mut self, path: &str, schema: &Value, value: &Value) {
        let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
        let length = match value {
            Value::String(text) => Some((text.chars().count(), "minLength", "maxLength")),
            Value::Array(items) => Some((items.len(), "minItems", "maxItems")),
            _ => None,
        };
        if let Some((length, min, max)) = length {
            let length = length as u64;
            if limit(min).is_some_and(|min| length < min) || limit(max).is_some_and(|max| length > max) {
                self.wrong.push(format!("{path} has the length {length}"));
            }
        }
        if let (Some(pattern), Some(text)) = (schema.get("pattern").and_then(Value::as_str), value.as_str())
            && regex::Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text))
        {
            self.wrong.push(format!("{path} is not of the form {pattern}"));
        }
    }

    fn members(&mut self, path: &str, schema: &Value, value: &Value, depth: usize) {
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for value in values {
                self.at(&format!("{path}/*"), items, value, depth + 1);
            }
        }
        let Some(object) = value.as_object() else { return };
        for name in list(schema, "required").iter().filter_map(Value::as_str) {
            if !object.contains_key(name) {
                self.wrong.push(format!("{path}/{name} is missing"));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, value) in object {
            let path = format!("{path}/{name}");
            match (
                properties.and_then(|known| known.get(name)),
                schema.get("additionalProperties"),
            ) {
                (Some(known), _) => self.at(&path, known, value, depth + 1),
                (None, Some(Value::Bool(false))) => self.wrong.push(format!("{path} is not in the schema")),
                (None, Some(rest @ Value::Object(_))) => self.at(&path, rest, value, depth + 1),
                (None, _) => {}
            }
        }
    }
}

fn list<'a>(schema: &'a Value, name: &str) -> &'a [Value] {
    schema.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn has_type(schema: &Value, value: &Value) -> bool {
    let is = |word: &str| match word {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => true,
    };
    match schema.get("type") {
        Some(Value::String(word)) => is(word),
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

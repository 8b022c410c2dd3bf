//! The reference page: everything of the document, readable without a network, a script or a font from elsewhere.

use std::fmt::Write;

use askama::Template;
use axum::http::HeaderName;
use serde_json::Value;

use super::document::{operation_id, refusals};
use super::{About, Endpoint, Field, Kind};

/// How deep a type is followed; the types of no dialect refer to themselves.
const DEPTH_MAX: usize = 8;

/// `/docs`.
#[derive(Template)]
#[template(path = "docs.html")]
pub(crate) struct Page<'a> {
    pub(crate) version: &'a str,
    pub(crate) dialects: &'a [&'a Reference],
}

/// A dialect as the page shows it.
#[derive(Debug)]
pub(crate) struct Reference {
    title: &'static str,
    words: &'static str,
    prefix: &'static str,
    key_headers: String,
    sections: Vec<Section>,
}

/// Operations under one heading.
#[derive(Debug)]
struct Section {
    title: &'static str,
    operations: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    id: String,
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    words: &'static str,
    open: bool,
    given: Vec<Row>,
    answers: Vec<Answer>,
    refusals: Vec<(u16, Vec<&'static str>)>,
}

/// What is answered with one status.
#[derive(Debug)]
struct Answer {
    status: u16,
    rows: Vec<Row>,
}

/// A parameter, a key of a body, or a key of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    name: String,
    /// Where it stands, of a parameter.
    place: &'static str,
    kind: String,
    /// Whether it may be missing.
    optional: bool,
    words: String,
}

impl Reference {
    /// What the page shows of these endpoints, whose document this is.
    pub(crate) fn new(about: &About, endpoints: &[Endpoint], document: &Value) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        for endpoint in endpoints {
            let operation = operation(about, endpoint, document);
            match sections.iter_mut().find(|section| section.title == endpoint.doc.tag) {
                Some(section) => section.operations.push(operation),
                None => sections.push(Section {
                    title: endpoint.doc.tag,
                    operations: vec![operation],
                }),
            }
        }
        Self {
            title: about.title,
            words: about.words,
            prefix: about.prefix,
            key_headers: about
                .key_headers
                .iter()
                .map(HeaderName::as_str)
                .collect::<Vec<_>>()
                .join(" or "),
            sections,
        }
    }
}

fn operation(about: &About, endpoint: &Endpoint, document: &Value) -> Operation {
    let doc = endpoint.doc;
    let mut given = Vec::new();
    for (place, fields) in [
        ("path", doc.path),
        ("query", doc.query),
        ("header", doc.headers),
        ("body", doc.body),
    ] {
        given_rows(fields, place, "", &mut given);
    }
    let answers = doc.answers.iter().map(|(status, _)| {
        let pointer = format!(
            "/paths/{}/{}/responses/{status}/content/application~1json/schema",
            endpoint.path.replace('~', "~0").replace('/', "~1"),
            endpoint.method.to_ascii_lowercase()
        );
        let mut rows = Vec::new();
        if let Some(schema) = document.pointer(&pointer) {
            flatten(schema, document, "", DEPTH_MAX, &mut rows);
        }
        Answer { status: *status, rows }
    });
    Operation {
        id: operation_id(endpoint),
        method: endpoint.method,
        path: endpoint.path,
        summary: doc.summary,
        words: doc.words,
        open: doc.open,
        given,
        answers: answers.collect(),
        refusals: refusals(about, doc).into_iter().collect(),
    }
}

fn given_rows(fields: &[Field], place: &'static str, prefix: &str, rows: &mut Vec<Row>) {
    for field in fields {
        let name = format!("{prefix}{}", field.name);
        rows.push(Row {
            name: name.clone(),
            place,
            kind: kind_words(field.kind),
            optional: !field.required,
            words: field.words.to_owned(),
        });
        match field.kind {
            Kind::Object(inner) => given_rows(inner, place, &format!("{name}."), rows),
            Kind::Objects(_, _, inner) => given_rows(inner, place, &format!("{name}[]."), rows),
            _ => {}
        }
    }
}

fn kind_words(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::File => "file".to_owned(),
        Kind::Time => "instant".to_owned(),
        Kind::Integer(low, high) => format!("whole number from {low} to {high}"),
        Kind::Flag => "true or false".to_owned(),
        Kind::Word(words) => words.join(" · "),
        Kind::Texts(low, high) => format!("list of {low} to {high} texts"),
        Kind::Words(low, high, words) => format!("list of {low} to {high} of {}", words.join(" · ")),
        Kind::Objects(low, high, _) => format!("list of {low} to {high} objects"),
        Kind::Object(_) => "object".to_owned(),
    }
}

/// A row for each key of a schema, keys of keys joined by dots.
fn flatten(schema: &Value, document: &Value, prefix: &str, depth: usize, rows: &mut Vec<Row>) {
    let schema = resolved(schema, document);
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    if let Some(items) = schema.get("items") {
        flatten(items, document, &format!("{prefix}[]"), depth, rows);
    }
    if let Some(others) = schema.get("additionalProperties").filter(|others| others.is_object()) {
        flatten(others, document, &format!("{prefix}.*"), depth, rows);
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let required: Vec<_> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    for (key, value) in properties {
        let dot = if prefix.is_empty() { "" } else { "." };
        let name = format!("{prefix}{dot}{key}");
        let inner = resolved(value, document);
        let words = value.get("description").or_else(|| inner.get("description"));
        rows.push(Row {
            name: name.clone(),
            place: "",
            kind: type_words(value, document),
            optional: !required.iter().any(|name| **name == **key),
            words: words.and_then(Value::as_str).unwrap_or_default().to_owned(),
        });
        flatten(inner, document, &name, depth, rows);
    }
}

/// Follows a reference, and looks behind "or null".
fn resolved<'a>(schema: &'a Value, document: &'a Value) -> &'a Value {
    let referred = schema.get("$ref").and_then(Value::as_str);
    let found = referred.and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    if let Some(found) = found {
        return found;
    }
    let either = schema.get("anyOf").and_then(Value::as_array);
    let some = either.and_then(|either| either.iter().find(|one| one.get("type") != Some(&Value::from("null"))));
    some.map_or(schema, |some| resolved(some, document))
}

/// The words for the type of a schema.
fn type_words(schema: &Value, document: &Value) -> String {
    let inner = resolved(schema, document);
    let mut words = String::new();
    match (
        inner.get("type"),
        inner.get("format").and_then(Value::as_str),
        inner.get("enum"),
    ) {
        (_, _, Some(Value::Array(values))) => {
            let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
            words.push_str(&values.join(" · "));
        }
        (_, Some("date-time"), _) => words.push_str("instant"),
        (Some(Value::String(kind)), ..) => words.push_str(kind),
        (Some(Value::Array(kinds)), ..) => {
            let kinds: Vec<_> = kinds.iter().filter_map(Value::as_str).collect();
            words.push_str(&kinds.join(" or "));
        }
        _ => words.push_str("value"),
    }
    if let Some(value) = inner.get("const") {
        words.clear();
        let _ = write!(words, "{value}");
    }
    let either = schema.get("anyOf").and_then(Value::as_array);
    if either.is_some_and(|either| either.iter().any(|one| one.get("type") == Some(&Value::from("null")))) {
        words.push_str(" or null");
    }
    words
}

//! The OpenAPI 3.1 document of a dialect (spec.openapis.org, 3.1.1).

use std::collections::BTreeMap;

use axum::http::HeaderName;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::schema::{of_field, of_object};
use super::{About, Doc, Endpoint, Field, Refusals};

/// The name of the schema of a refusal.
const REFUSAL: &str = "Refusal";

/// The document of these endpoints.
pub(crate) fn document(about: &About, endpoints: &[Endpoint]) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in endpoints {
        let operation = operation(about, endpoint, &mut generator);
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        if let Value::Object(path) = path {
            path.insert(endpoint.method.to_ascii_lowercase(), operation);
        }
    }
    let refusal = (about.refusal)(&mut generator).to_value();
    let mut schemas = generator.take_definitions(true);
    schemas.insert(REFUSAL.to_owned(), refusal);
    json!({
        "openapi": "3.1.0",
        "info": { "title": about.title, "version": about.version, "description": about.words },
        "servers": [{ "url": about.prefix }],
        "security": [{ "key": [] }],
        "tags": tags(endpoints),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": { "type": "apiKey", "in": "header", "name": about.key_headers.first().map(HeaderName::as_str) },
            },
        },
    })
}

/// The headings, in the order in which they come first.
fn tags(endpoints: &[Endpoint]) -> Vec<Value> {
    let mut seen: Vec<&str> = Vec::new();
    for endpoint in endpoints {
        if !seen.contains(&endpoint.doc.tag) {
            seen.push(endpoint.doc.tag);
        }
    }
    seen.into_iter().map(|tag| json!({ "name": tag })).collect()
}

fn operation(about: &About, endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Value {
    let doc = endpoint.doc;
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "tags": [doc.tag],
        "summary": doc.summary,
        "parameters": parameters(about, endpoint),
        "responses": responses(about, doc, generator),
    });
    if let Value::Object(operation) = &mut operation {
        if !doc.words.is_empty() {
            operation.insert("description".to_owned(), doc.words.into());
        }
        if doc.open {
            operation.insert("security".to_owned(), json!([]));
        }
        if !doc.body.is_empty() {
            let body = json!({
                "required": doc.body.iter().any(|field| field.required),
                "content": { doc.body_type: { "schema": of_object(doc.body) } },
            });
            operation.insert("requestBody".to_owned(), body);
        }
    }
    operation
}

/// `PUT /update-post/{id}` is `put-update-post-id`.
pub(super) fn operation_id(endpoint: &Endpoint) -> String {
    let words = endpoint.path.split(['/', '{', '}']).filter(|word| !word.is_empty());
    let words: Vec<_> = words.map(str::to_owned).collect();
    format!("{}-{}", endpoint.method.to_ascii_lowercase(), words.join("-"))
}

/// The segments in braces.
fn segments(path: &'static str) -> impl Iterator<Item = &'static str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn parameters(about: &About, endpoint: &Endpoint) -> Vec<Value> {
    let doc = endpoint.doc;
    let mut parameters = Vec::new();
    for segment in segments(endpoint.path) {
        let known = doc.path.iter().find(|field| field.name == segment).copied();
        let field = known.unwrap_or(Field::new(segment, super::Kind::Text, ""));
        parameters.push(parameter("path", &field.required()));
    }
    parameters.extend(doc.query.iter().map(|field| parameter("query", field)));
    let common = if doc.open { &[] } else { about.headers };
    let headers = doc.headers.iter().chain(common);
    parameters.extend(headers.map(|field| parameter("header", field)));
    parameters
}

fn parameter(place: &str, field: &Field) -> Value {
    json!({
        "name": field.name,
        "in": place,
        "required": field.required,
        "description": field.words,
        "schema": of_field(field),
    })
}

/// Everything that an operation may answer instead of a result, by status.
pub(super) fn refusals(about: &About, doc: &Doc) -> BTreeMap<u16, Vec<&'static str>> {
    let common: &[Refusals] = if doc.open { &[] } else { about.refusals };
    let of_bodies: &[Refusals] = if doc.body.is_empty() { &[] } else { about.body_refusals };
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for (status, texts) in common.iter().chain(of_bodies).chain(doc.errors) {
        by_status.entry(*status).or_default().extend(texts.iter());
    }
    by_status
}

fn responses(about: &About, doc: &Doc, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for (status, shape) in doc.answers {
        let schema = shape(generator).to_value();
        let response = json!({ "description": "Done.", "content": { "application/json": { "schema": schema } } });
        responses.insert(status.to_string(), response);
    }
    for (status, texts) in refusals(about, doc) {
        let reference = format!("#/components/schemas/{REFUSAL}");
        let response = json!({
            "description": texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(" · "),
            "content": { "application/json": { "schema": { "$ref": reference } } },
        });
        // A status that also stands for a result keeps the result's form.
        responses.entry(status.to_string()).or_insert(response);
    }
    Value::Object(responses)
}

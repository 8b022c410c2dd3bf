//! Schemas of what stands on the wire.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{Field, Kind};

/// The schema of an answer of this type; a type that refers to others stands among the document's components.
pub(crate) fn answer<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// What an id looks like: put `#[schemars(with = "Id")]` at fields that hold one.
pub(crate) struct Id;

impl JsonSchema for Id {
    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9a-f]{24}$",
            "description": "24 lower-case hex digits.",
        })
    }
}

/// What an instant looks like.
pub(crate) struct Instant;

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "UTC with milliseconds, such as 2026-03-15T10:00:00.000Z.",
        })
    }
}

/// The schema of a field's value.
pub(super) fn of_field(field: &Field) -> Value {
    let mut schema = of_kind(field.kind);
    if let Some(text) = text_of(&mut schema, field.kind) {
        if !field.form.is_empty() {
            text.insert("pattern".to_owned(), field.form.into());
        } else if field.required {
            // The empty text counts as not given.
            text.insert("minLength".to_owned(), 1.into());
        }
    }
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), field.words.into());
    }
    schema
}

/// The schema of the text, or of each of the texts.
fn text_of(schema: &mut Value, kind: Kind) -> Option<&mut Map<String, Value>> {
    match kind {
        Kind::Text => schema.as_object_mut(),
        Kind::Texts(..) => schema.get_mut("items")?.as_object_mut(),
        _ => None,
    }
}

fn of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        // OpenAPI 3.1: the bytes of a part of a form have no schema of their own beyond their media type.
        Kind::File => json!({ "type": "string", "contentMediaType": "application/octet-stream" }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::Integer(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Texts(low, high) => {
            json!({ "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": low, "maxItems": high })
        }
        Kind::Words(low, high, words) => {
            json!({ "type": "array", "items": { "type": "string", "enum": words }, "minItems": low, "maxItems": high })
        }
        Kind::Objects(low, high, fields) => {
            json!({ "type": "array", "items": of_object(fields), "minItems": low, "maxItems": high })
        }
        Kind::Object(fields) => of_object(fields),
    }
}

/// The schema of an object with these keys; others may stand beside them.
pub(super) fn of_object(fields: &[Field]) -> Value {
    let mut properties = Map::new();
    for field in fields {
        properties.insert(field.name.to_owned(), of_field(field));
    }
    let required: Vec<_> = fields.iter().filter(|it| it.required).map(|it| it.name).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    if let Value::Object(schema) = &mut schema
        && !required.is_empty()
    {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

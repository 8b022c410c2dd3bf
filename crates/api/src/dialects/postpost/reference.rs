//! This dialect's OpenAPI document, and what the reference page shows of it: both made once, from the table of endpoints.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use schemars::{Schema, SchemaGenerator, json_schema};

use super::operations::ABOUT;
use super::routes::endpoints;
use crate::openapi::page::Reference;
use crate::openapi::{Doc, document};

struct Made {
    document: Bytes,
    reference: Reference,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let endpoints = endpoints();
    let document = document(&ABOUT, &endpoints);
    Made {
        reference: Reference::new(&ABOUT, &endpoints, &document),
        document: document.to_string().into(),
    }
});

pub(super) static OPENAPI: Doc = Doc::new("About", "This API as an OpenAPI 3.1 document", &[(200, any_object)]).open();

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}

/// `GET /openapi.json`.
pub(super) async fn openapi() -> Response {
    let mut response = Response::new(MADE.document.clone().into());
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// What the reference page shows of this dialect.
pub(crate) fn reference() -> &'static Reference {
    &MADE.reference
}

//! Clients that nobody registers: the id is the address of a document that describes the app, or `http://localhost`
//! for programs on the same machine (atproto.com/specs/oauth).

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::proof::verified;
use crate::fetch::fetch;
use crate::signin::apps::{Client, is_loopback};
use crate::world::Shared;

/// The largest document that is read.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn words_of(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Finds out who has this id.
pub(super) async fn resolve(world: &Shared, id: &str) -> Result<Client, String> {
    let url = Url::parse(id).map_err(|_| "Invalid client_id: not an address".to_owned())?;
    let is_local =
        url.scheme() == "http" && url.host_str() == Some("localhost") && url.port().is_none() && url.path() == "/";
    if is_local {
        return Ok(local(id, &url));
    }
    if !is_loopback(id) {
        return Err("Invalid client_id: the sandbox fetches documents from this machine only".to_owned());
    }
    let fetched = fetch(&world.clock, id, DOCUMENT_BYTES_MAX).await;
    let bytes = fetched.map_err(|_| "Unable to obtain client metadata".to_owned())?;
    let document: Value =
        serde_json::from_slice(&bytes).map_err(|_| "The client metadata is not a JSON document".to_owned())?;
    described(id, &document)
}

/// The client of a program on this machine; its id says what its document would.
fn local(id: &str, url: &Url) -> Client {
    let mut redirects = Vec::new();
    let mut scopes = Vec::new();
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "redirect_uri" => redirects.push(value.into_owned()),
            "scope" => scopes = words_of(&value),
            _ => {}
        }
    }
    if redirects.is_empty() {
        redirects = vec!["http://127.0.0.1/".to_owned(), "http://[::1]/".to_owned()];
    }
    if scopes.is_empty() {
        scopes = vec!["atproto".to_owned()];
    }
    Client {
        id: id.to_owned(),
        name: "A program on this machine".to_owned(),
        secret: None,
        redirects: Some(redirects),
        any_port: true,
        scopes: Some(scopes),
        assertion_key: None,
    }
}

/// The client that a document describes.
fn described(id: &str, document: &Value) -> Result<Client, String> {
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("client_id") != id {
        return Err("The client_id in the metadata is not the address of the metadata".to_owned());
    }
    if document.get("dpop_bound_access_tokens") != Some(&Value::Bool(true)) {
        return Err("The metadata must have dpop_bound_access_tokens set to true".to_owned());
    }
    let grants = texts(document.get("grant_types"));
    if !grants.iter().any(|grant| grant == "authorization_code") {
        return Err("The metadata's grant_types must have authorization_code".to_owned());
    }
    let redirects = texts(document.get("redirect_uris"));
    if redirects.is_empty() {
        return Err("The metadata has no redirect_uris".to_owned());
    }
    let assertion_key = match text("token_endpoint_auth_method") {
        "none" => None,
        "private_key_jwt" => {
            let keys = document.pointer("/jwks/keys").and_then(Value::as_array);
            let keys: Vec<Value> = keys.into_iter().flatten().cloned().collect();
            if keys.is_empty() {
                return Err("The metadata has no jwks".to_owned());
            }
            Some(keys)
        }
        _ => return Err("The metadata's token_endpoint_auth_method is not supported".to_owned()),
    };
    let name = text("client_name");
    Ok(Client {
        id: id.to_owned(),
        name: if name.is_empty() {
            id.to_owned()
        } else {
            name.to_owned()
        },
        secret: None,
        redirects: Some(redirects),
        any_port: false,
        scopes: Some(words_of(text("scope"))),
        assertion_key,
    })
}

/// Checks that a client is who it says (RFC 7523): a token signed with one of its keys, for this server.
pub(super) fn check_assertion(
    assertion: &str,
    keys: &[Value],
    id: &str,
    issuer: &str,
    now: Timestamp,
) -> Result<(), &'static str> {
    if assertion.is_empty() {
        return Err("Missing client_assertion");
    }
    let claims = keys
        .iter()
        .find_map(|key| verified(assertion, Some(key)).ok())
        .map(|(_, claims)| claims)
        .ok_or("Invalid client_assertion")?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let audiences = texts(claims.get("aud"));
    let is_for_us = text("aud") == issuer || audiences.iter().any(|audience| audience == issuer);
    let ends = claims.get("exp").and_then(Value::as_i64);
    let ends = ends.or_else(|| Some(claims.get("iat")?.as_i64()? + 60));
    if text("iss") != id || text("sub") != id || !is_for_us || ends.is_none_or(|ends| ends <= now.as_second()) {
        return Err("Invalid client_assertion");
    }
    Ok(())
}

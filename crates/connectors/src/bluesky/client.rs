//! What this server is to authorization servers of the AT Protocol: a document at an address, or a program on the same
//! machine while it is developed (atproto.com/specs/oauth, "Clients").

use domain::error::{ErrorKind, PlatformError};
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::{Host, Url};

use super::signin::FACTS;
use crate::Endpoints;
use crate::signin::dpop::ProofKey;
use crate::signin::refused;

/// What kind of word [`assertion`] gives (RFC 7523, 2.2).
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How long such a word is good for.
const ASSERTION_LIFE: SignedDuration = SignedDuration::from_secs(60);

/// The name of the key in the document.
const KEY_ID: &str = "broadside-1";

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn parsed(redirect_uri: &str) -> Result<Url, PlatformError> {
    let url = Url::parse(redirect_uri).ok();
    url.filter(|url| url.scheme() == "https" || is_loopback(url))
        .ok_or_else(|| {
            let message =
                "Bluesky signs in only to servers with an https address; this server's operator must set public_url";
            refused(Platform::Bluesky, ErrorKind::OperatorConfig, message)
        })
}

/// The address that the browser comes back to: on this machine it must be a number, not a name.
pub(super) fn redirect_uri(redirect_uri: &str) -> Result<String, PlatformError> {
    let mut url = parsed(redirect_uri)?;
    if url.host_str() == Some("localhost") && url.set_host(Some("127.0.0.1")).is_err() {
        return Err(refused(
            Platform::Bluesky,
            ErrorKind::OperatorConfig,
            "public_url is no address",
        ));
    }
    Ok(url.into())
}

/// The client's id: the address of its document, which lies beside the address that the browser comes back to.
pub(super) fn id(redirect_uri: &str) -> Result<String, PlatformError> {
    let url = parsed(redirect_uri)?;
    if is_loopback(&url) {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &scope())
            .finish();
        return Ok(format!("http://localhost?{query}"));
    }
    let document = url.join("client-metadata.json");
    document
        .map(String::from)
        .map_err(|_| refused(Platform::Bluesky, ErrorKind::OperatorConfig, "public_url is no address"))
}

/// The key of this installation, when the operator's part of the server gave one. Sessions of servers with a key live for
/// months; those of servers without, two weeks.
pub(super) fn key(endpoints: &Endpoints) -> Option<ProofKey> {
    let app = endpoints.apps.get(&Platform::Bluesky)?;
    ProofKey::from_text(&app.secret)
}

/// A signed word that says who asks.
pub(super) fn assertion(key: &ProofKey, client_id: &str, issuer: &str, now: Timestamp) -> SecretText {
    let ends = now.saturating_add(ASSERTION_LIFE).unwrap_or(now);
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "jti": key.fresh_id(now),
        "iat": now.as_second(),
        "exp": ends.as_second(),
    });
    key.signed(&json!({ "typ": "JWT", "alg": "ES256", "kid": KEY_ID }), &claims)
}

fn scope() -> String {
    let always = FACTS.needs.iter().map(|scope| scope.name);
    always.collect::<Vec<_>>().join(" ")
}

/// The document that describes this server, to be served beside the address that the browser comes back to.
///
/// # Errors
/// When that address is not one that a sign-in can come back to.
pub fn metadata(redirect_uri: &str, endpoints: &Endpoints) -> Result<Value, PlatformError> {
    let url = parsed(redirect_uri)?;
    let mut document = json!({
        "client_id": id(redirect_uri)?,
        "client_name": "Broadside",
        "client_uri": url.origin().ascii_serialization(),
        "redirect_uris": [redirect_uri],
        "scope": scope(),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "web",
        "token_endpoint_auth_method": "none",
        "dpop_bound_access_tokens": true,
    });
    if let (Some(key), Some(fields)) = (key(endpoints), document.as_object_mut()) {
        let mut jwk = key.jwk();
        if let Some(jwk) = jwk.as_object_mut() {
            jwk.insert("kid".to_owned(), json!(KEY_ID));
            jwk.insert("use".to_owned(), json!("sig"));
            jwk.insert("alg".to_owned(), json!("ES256"));
        }
        fields.insert("token_endpoint_auth_method".to_owned(), json!("private_key_jwt"));
        fields.insert("token_endpoint_auth_signing_alg".to_owned(), json!("ES256"));
        fields.insert("jwks".to_owned(), json!({ "keys": [jwk] }));
    }
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::App;

    #[test]
    fn the_document_is_found_at_the_clients_own_id() {
        let redirect = "https://b.example.com/x/connect/callback";
        let document = metadata(redirect, &Endpoints::default()).unwrap();
        assert_eq!(
            document["client_id"],
            "https://b.example.com/x/connect/client-metadata.json"
        );
        assert_eq!(document["redirect_uris"], json!([redirect]));
        assert_eq!(document["dpop_bound_access_tokens"], true);
        assert_eq!(document["scope"], "atproto transition:generic");
        assert_eq!(document["token_endpoint_auth_method"], "none");
    }

    #[test]
    fn a_server_with_a_key_shows_its_public_half_only() {
        let key = ProofKey::from_seed(&[1; 32]).unwrap();
        let app = App {
            id: String::new(),
            secret: key.to_text(),
        };
        let mut endpoints = Endpoints::default();
        endpoints.apps.insert(Platform::Bluesky, app);
        let document = metadata("https://b.example.com/connect/callback", &endpoints).unwrap();
        assert_eq!(document["token_endpoint_auth_method"], "private_key_jwt");
        assert_eq!(document["jwks"]["keys"][0]["x"], key.jwk()["x"]);
        assert!(!document.to_string().contains(key.to_text().expose()));
    }

    #[test]
    fn on_this_machine_the_id_says_what_the_document_would() {
        let redirect = redirect_uri("http://localhost:7000/connect/callback").unwrap();
        assert_eq!(redirect, "http://127.0.0.1:7000/connect/callback");
        assert_eq!(
            id(&redirect).unwrap(),
            "http://localhost?redirect_uri=http%3A%2F%2F127.0.0.1%3A7000%2Fconnect%2Fcallback&scope=atproto+transition%3Ageneric"
        );
    }

    #[test]
    fn without_https_only_this_machine_can_sign_in() {
        let error = id("http://b.example.com/connect/callback").unwrap_err();
        assert_eq!(error.kind, ErrorKind::OperatorConfig);
    }
}

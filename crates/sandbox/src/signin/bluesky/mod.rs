//! What is Bluesky's own in its sign-in (atproto.com/specs/oauth): metadata, requests that are pushed before the visitor
//! comes, clients that are documents, and tokens bound to a key.

mod clients;
mod proof;

use std::collections::HashMap;

use axum::Router;
use axum::extract::{Path, State as FromWorld};
use axum::response::Response;
use axum::routing::{get, post};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

pub(crate) use proof::{check_bound, nonce};

use super::authorize::{Asked, Parameters, Stop, parameter, read};
use super::variants::{Variant, of};
use super::words;
use super::{SignIn, note};
use crate::account::{Account, Grant};
use crate::answer::Answer;
use crate::bluesky::{did_doc, repo, signed};
use crate::call::Call;
use crate::exchange::{Credential, Handled, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::world::{Shared, World, later, lock};

/// How long a pushed request waits for its visitor (the reference server's five minutes).
const REQUEST_LIFE: SignedDuration = SignedDuration::from_mins(5);
/// How long an access token says it lives; see [`super::variants`].
const ACCESS_LIFE: SignedDuration = SignedDuration::from_mins(60);

/// Requests that were pushed, and proofs that were used.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pushed: HashMap<String, (Asked, Timestamp)>,
    proofs: HashMap<String, Timestamp>,
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/bluesky/.well-known/oauth-protected-resource", get(resource_metadata))
        .route("/.well-known/oauth-protected-resource/bluesky", get(resource_metadata))
        .route("/bluesky/.well-known/oauth-authorization-server", get(server_metadata))
        .route("/.well-known/oauth-authorization-server/bluesky", get(server_metadata))
        .route("/bluesky/oauth/jwks", get(keys))
        .route("/bluesky/oauth/par", post(push))
        .route("/bluesky/{did}", get(document))
}

/// The authorization server's name, which is its address.
pub(super) fn issuer(world: &World) -> String {
    world.endpoint(Platform::Bluesky, false).to_string()
}

/// An answer that is not about tokens.
fn told(world: &World, call: &Call, answer: Answer) -> Response {
    note(world, Platform::Bluesky, Class::Check, call, None, answer)
}

async fn resource_metadata(FromWorld(world): FromWorld<Shared>, call: Call) -> Response {
    let body = json!({
        "resource": issuer(&world),
        "authorization_servers": [issuer(&world)],
        "scopes_supported": [],
        "bearer_methods_supported": ["header"],
        "resource_documentation": "https://atproto.com",
    });
    told(&world, &call, Answer::ok(&body))
}

async fn server_metadata(FromWorld(world): FromWorld<Shared>, call: Call) -> Response {
    let issuer = issuer(&world);
    let scopes: Vec<&str> = of(Platform::Bluesky)
        .into_iter()
        .flat_map(|variant| variant.scopes.iter().map(|(scope, _)| *scope))
        .collect();
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "pushed_authorization_request_endpoint": format!("{issuer}/oauth/par"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "jwks_uri": format!("{issuer}/oauth/jwks"),
        "protected_resources": [issuer],
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
        "require_pushed_authorization_requests": true,
        "client_id_metadata_document_supported": true,
    });
    told(&world, &call, Answer::ok(&body))
}

/// The server's keys. Its tokens are known by their whole text, so nobody needs one.
async fn keys(FromWorld(world): FromWorld<Shared>, call: Call) -> Response {
    told(&world, &call, Answer::ok(&json!({ "keys": [] })))
}

/// A DID document, as a directory of them has it.
async fn document(FromWorld(world): FromWorld<Shared>, Path(did): Path<String>, call: Call) -> Response {
    let answer = match repo(&world, &did) {
        Some(account) if did.starts_with("did:") => Answer::ok(&did_doc(&world, &account)),
        _ => Answer::json(404, &json!({ "message": format!("DID not registered: {did}") })),
    };
    told(&world, &call, answer)
}

/// `POST /oauth/par` (RFC 9126).
async fn push(FromWorld(world): FromWorld<Shared>, call: Call) -> Handled {
    let Some(variant) = of(Platform::Bluesky) else {
        return Ok(told(&world, &call, Answer::html(404)));
    };
    let key = match call.header("dpop") {
        Some(_) => match proof_of(&world, variant, &call) {
            Ok(key) => key,
            Err(refusal) => return Ok(note(&world, Platform::Bluesky, Class::Refresh, &call, None, refusal)),
        },
        None => None,
    };
    let turn = open(&world, SignIn(variant), &call, Credential::Open, Class::Refresh, "").await?;
    let answer = pushed_by(&world, variant, &call, key).await;
    Ok(turn.close(answer).await)
}

async fn pushed_by(
    world: &Shared,
    variant: &'static Variant,
    call: &Call,
    proof_key: Option<String>,
) -> Result<Answer, Answer> {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&call.body).into_owned().collect();
    let id = parameter(&fields, "client_id").unwrap_or_default();
    let client = clients::resolve(world, id)
        .await
        .map_err(|why| words::standard(400, "invalid_client_metadata", &why))?;
    if let Some(key) = &client.assertion_key {
        let assertion = parameter(&fields, "client_assertion").unwrap_or_default();
        let issuer = issuer(world);
        clients::check_assertion(assertion, key, id, &issuer, world.now())
            .map_err(|why| words::standard(401, "invalid_client", why))?;
    }
    let asked = read(variant, client, &fields).map_err(|stop| match stop {
        Stop::Page(why) => words::standard(400, "invalid_request", &why),
        Stop::Redirect(_) => words::standard(400, "invalid_request", "The request's parameters are not supported"),
    })?;
    if !asked.scopes.iter().any(|scope| scope == "atproto") {
        let why = "The \"atproto\" scope is required";
        return Err(words::standard(400, "invalid_scope", why));
    }
    let now = world.now();
    let address = format!("urn:ietf:params:oauth:request_uri:req-{}", world.random_text(32));
    let named_key = || parameter(&fields, "dpop_jkt").map(str::to_owned);
    let asked = Asked {
        proof_key: proof_key.or_else(named_key),
        ..asked
    };
    let mut inner = lock(&world.signin.0);
    let pushed = &mut inner.bluesky.pushed;
    pushed.retain(|_, (_, ends)| *ends > now);
    pushed.insert(address.clone(), (asked, later(now, REQUEST_LIFE)));
    let body = json!({ "request_uri": address, "expires_in": REQUEST_LIFE.as_secs() - 1 });
    Ok(Answer::json(201, &body))
}

/// The request that the visitor's address names.
pub(super) fn pushed(world: &World, query: &Parameters) -> Result<Asked, Stop> {
    let page = |why: &str| Stop::Page(why.to_owned());
    let address = parameter(query, "request_uri")
        .ok_or_else(|| page("The request must be pushed to the server before the visitor comes."))?;
    let inner = lock(&world.signin.0);
    let (asked, _) = inner
        .bluesky
        .pushed
        .get(address)
        .filter(|(_, ends)| *ends > world.now())
        .ok_or_else(|| page("The request is unknown, used or too old."))?;
    if parameter(query, "client_id") != Some(asked.client.id.as_str()) {
        return Err(page("The client_id is not the one of the request."));
    }
    Ok(asked.clone())
}

/// Uses a pushed request up.
pub(super) fn spend(world: &World, query: &Parameters) {
    let address = parameter(query, "request_uri").unwrap_or_default();
    lock(&world.signin.0).bluesky.pushed.remove(address);
}

/// The key that signed the request's proof; none on other platforms.
pub(super) fn proof_of(world: &World, variant: &Variant, call: &Call) -> Result<Option<String>, Answer> {
    if variant.platform != Platform::Bluesky {
        return Ok(None);
    }
    let checked = proof::check(world, call, None);
    checked.map(Some).map_err(|why| why.at_server(world.now()))
}

/// What the token endpoint asks of clients with a key of their own.
pub(super) async fn check_client(world: &Shared, variant: &Variant, fields: &Fields) -> Result<(), Answer> {
    if variant.platform != Platform::Bluesky {
        return Ok(());
    }
    let id = fields.text("client_id").unwrap_or_default();
    let refuse = |why: &str| words::standard(401, "invalid_client", why);
    let client = clients::resolve(world, &id).await.map_err(|why| refuse(&why))?;
    let Some(key) = &client.assertion_key else {
        return Ok(());
    };
    let assertion = fields.text("client_assertion").unwrap_or_default();
    let issuer = issuer(world);
    clients::check_assertion(&assertion, key, &id, &issuer, world.now()).map_err(refuse)
}

/// An access token that decodes like a real one.
pub(super) fn access_token(world: &World, account: &Account, grant: Option<&Grant>, now: Timestamp) -> String {
    let claims = json!({
        "iss": issuer(world),
        "aud": "did:web:localhost",
        "sub": account.remote_id,
        "client_id": grant.map(|grant| grant.app.as_str()),
        "scope": grant.map(|grant| grant.scopes.join(" ")),
        "cnf": { "jkt": grant.and_then(|grant| grant.proof_key.as_deref()) },
        "iat": now.as_second(),
        "exp": later(now, ACCESS_LIFE).as_second(),
        "jti": format!("tok-{}", world.random_text(32)),
    });
    signed(world, "at+jwt", &claims)
}

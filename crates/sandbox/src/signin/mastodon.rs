//! Mastodon's own part: apps register themselves with each instance (docs.joinmastodon.org/methods/apps).

use axum::Router;
use axum::extract::State as FromWorld;
use axum::response::Response;
use axum::routing::{get, post};
use domain::platform::Platform;
use serde_json::json;

use super::apps::Client;
use super::note;
use super::variants::of;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::mastodon::{Mastodon, refusal};
use crate::world::{Shared, World, lock};

/// Apps that are remembered at most; registrations cost nothing, so they need a bound.
const APPS_MAX: usize = 10_000;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/mastodon/api/v1/apps", post(register))
        .route("/mastodon/.well-known/oauth-authorization-server", get(metadata))
}

async fn register(FromWorld(world): FromWorld<Shared>, call: Call) -> Handled {
    let turn = open(&world, Mastodon, &call, Credential::Open, Class::Check, "").await?;
    let answer = Fields::of(&call)
        .map_err(|_| refusal(400, "Bad Request"))
        .and_then(|fields| registered(&world, &fields));
    Ok(turn.close(answer).await)
}

fn registered(world: &World, fields: &Fields) -> Result<Answer, Answer> {
    let name = fields
        .text("client_name")
        .filter(|name| !name.trim().is_empty())
        .ok_or_else(|| refusal(422, "Validation failed: Name can't be blank"))?;
    let mut redirects = fields.list("redirect_uris");
    if let Some(text) = fields.text("redirect_uris").filter(|_| redirects.is_empty()) {
        redirects = text.split_whitespace().map(str::to_owned).collect();
    }
    if redirects.is_empty() {
        return Err(refusal(422, "Validation failed: Redirect URI must be an absolute URI."));
    }
    let scopes = fields.text("scopes").unwrap_or_else(|| "read".to_owned());
    let scopes: Vec<String> = scopes.split_whitespace().map(str::to_owned).collect();
    let known = |scope: &String| {
        let broad = scope.split(':').next().unwrap_or_default();
        let mut all = of(Platform::Mastodon).into_iter().flat_map(|variant| variant.scopes);
        all.any(|(one, _)| one == scope || *one == broad)
    };
    if !scopes.iter().all(known) {
        return Err(refusal(
            422,
            "Validation failed: Scopes doesn't match configured on the server.",
        ));
    }
    let client = Client {
        id: world.random_text(43),
        name,
        secret: Some(world.random_text(43)),
        redirects: Some(redirects),
        any_port: false,
        scopes: Some(scopes),
        assertion_key: None,
    };
    let mut inner = lock(&world.signin.0);
    if inner.registered.len() >= APPS_MAX {
        return Err(refusal(429, "Too many requests"));
    }
    let body = json!({
        "id": world.serial().to_string(),
        "name": client.name,
        "website": fields.text("website"),
        "redirect_uri": client.redirects.iter().flatten().cloned().collect::<Vec<_>>().join("\n"),
        "redirect_uris": client.redirects,
        "client_id": client.id,
        "client_secret": client.secret,
        "client_secret_expires_at": 0,
        "scopes": client.scopes,
    });
    inner.registered.insert(client.id.clone(), client);
    Ok(Answer::ok(&body))
}

/// Where everything is, since 4.3.
async fn metadata(FromWorld(world): FromWorld<Shared>, call: Call) -> Response {
    let base = world.endpoint(Platform::Mastodon, false);
    let scopes: Vec<&str> = of(Platform::Mastodon)
        .into_iter()
        .flat_map(|variant| variant.scopes.iter().map(|(scope, _)| *scope))
        .collect();
    let body = json!({
        "issuer": format!("{base}/"),
        "service_documentation": "https://docs.joinmastodon.org/",
        "authorization_endpoint": format!("{base}/oauth/authorize"),
        "token_endpoint": format!("{base}/oauth/token"),
        "app_registration_endpoint": format!("{base}/api/v1/apps"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    });
    note(&world, Platform::Mastodon, Class::Check, &call, None, Answer::ok(&body))
}

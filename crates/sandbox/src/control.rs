//! Control over HTTP, below `/_ctl`: what [`crate::Sandbox`] does in-process, for the same machine.

use std::collections::BTreeMap;

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::platform::Platform;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::account::{AccountSeed, NewSandboxAccount};
use crate::fault::Rule;
use crate::journal::{Filter, PAGE_MAX, Published, RequestLine};
use crate::world::Shared;

/// The body of `POST /_ctl/rules`: adds rules to one account's script, or to a whole platform's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// The platform; needed unless only `latency_ms` of all platforms is set.
    pub platform: Option<Platform>,
    /// The account's remote id; absent means every account of the platform.
    #[serde(default)]
    pub account: Option<String>,
    /// The rules to add.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Milliseconds that every request to the platform waits; absent leaves it as it is.
    #[serde(default)]
    pub latency_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleScope {
    platform: Option<Platform>,
    account: Option<String>,
}

#[derive(Debug, Deserialize)]
struct JournalPage {
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct PublishedList {
    published: Vec<Published>,
}

#[derive(Debug, Serialize)]
struct RequestList {
    requests: Vec<RequestLine>,
}

pub(crate) struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<crate::Error> for Refusal {
    fn from(error: crate::Error) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/health", get(health))
        .route("/accounts", post(add_account))
        .route("/rules", post(add_rules).delete(clear_rules))
        .route("/published", get(published))
        .route("/journal", get(journal))
        .route("/reset", post(reset))
        .route("/telegram", post(crate::telegram::control))
        .layer(axum::middleware::from_fn(no_browsers))
}

/// Keeps web pages that the operator has open away from the control surface: browsers name the page's origin.
pub(crate) async fn no_browsers(request: Request, next: Next) -> Response {
    if request.headers().contains_key(hyper::header::ORIGIN) {
        return Refusal(StatusCode::FORBIDDEN, "not for web pages".to_owned()).into_response();
    }
    next.run(request).await
}

async fn health(State(world): State<Shared>) -> Response {
    let endpoints: BTreeMap<&str, String> = Platform::ALL
        .iter()
        .map(|platform| {
            let stand_in = !crate::has_emulator(*platform);
            (platform.word(), world.endpoint(*platform, stand_in).to_string())
        })
        .collect();
    Json(json!({ "ok": true, "now": world.now(), "endpoints": endpoints })).into_response()
}

async fn add_account(
    State(world): State<Shared>,
    Json(new): Json<NewSandboxAccount>,
) -> Result<(StatusCode, Json<AccountSeed>), Refusal> {
    Ok((StatusCode::CREATED, Json(world.add_account(&new)?)))
}

async fn add_rules(State(world): State<Shared>, Json(set): Json<RuleSet>) -> Result<Response, Refusal> {
    apply(&world, set)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Adds the rules of `set` where they belong.
pub(crate) fn apply(world: &Shared, set: RuleSet) -> Result<(), crate::Error> {
    let Some(platform) = set.platform else {
        if !set.rules.is_empty() || set.account.is_some() {
            return Err(crate::Error::NoPlatform);
        }
        for platform in Platform::ALL {
            world.set_latency(*platform, set.latency_ms.unwrap_or_default());
        }
        return Ok(());
    };
    if let Some(ms) = set.latency_ms {
        world.set_latency(platform, ms);
    }
    match set.account {
        Some(remote_id) => {
            let account = world.accounts().by_id(platform, &remote_id);
            account
                .ok_or(crate::Error::NoSuchAccount { platform, remote_id })?
                .add_rules(set.rules);
        }
        None => world.add_global_rules(platform, set.rules),
    }
    Ok(())
}

async fn clear_rules(State(world): State<Shared>, Query(scope): Query<RuleScope>) -> Result<StatusCode, Refusal> {
    clear(&world, scope.platform, scope.account)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes the rules of one account, of one platform, or of all platforms (accounts' own scripts stay).
pub(crate) fn clear(world: &Shared, platform: Option<Platform>, account: Option<String>) -> Result<(), crate::Error> {
    match (platform, account) {
        (Some(platform), Some(remote_id)) => {
            let account = world.accounts().by_id(platform, &remote_id);
            account
                .ok_or(crate::Error::NoSuchAccount { platform, remote_id })?
                .start_anew(world.now());
        }
        (None, Some(_)) => return Err(crate::Error::NoPlatform),
        (platform, None) => world.clear_global_rules(platform),
    }
    Ok(())
}

async fn published(State(world): State<Shared>, Query(filter): Query<Filter>) -> Json<PublishedList> {
    Json(PublishedList {
        published: world.ledger().published(&filter),
    })
}

async fn journal(State(world): State<Shared>, Query(page): Query<JournalPage>) -> Json<RequestList> {
    Json(RequestList {
        requests: world.ledger().requests(page.after, page.limit.unwrap_or(PAGE_MAX)),
    })
}

async fn reset(State(world): State<Shared>) -> Result<StatusCode, Refusal> {
    world.reset()?;
    Ok(StatusCode::NO_CONTENT)
}

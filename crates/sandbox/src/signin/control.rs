//! Making life hard for tokens: expiring, revoking, losing answers.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::platform::Platform;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::account::{Account, Grant, TokenUse};
use crate::control::Refusal;
use crate::fault::{Class, Fault, Rule};
use crate::world::{Shared, World};

/// What is to happen to an account's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenVerb {
    /// The access tokens end now; refresh tokens live on.
    ExpireAccess,
    /// What was granted is taken back: every token is refused from now on.
    Revoke,
    /// The next refresh happens, and its answer is lost.
    LoseNextRefresh,
}

/// The body of `POST /_ctl/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenOrder {
    platform: Platform,
    /// The account's remote id; for pages, organizations and locations this means the tokens that can use them.
    account: String,
    #[serde(rename = "do")]
    verb: TokenVerb,
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/tokens", post(tokens))
        .route("/apps", get(apps))
        .layer(axum::middleware::from_fn(crate::control::no_browsers))
}

async fn tokens(State(world): State<Shared>, Json(order): Json<TokenOrder>) -> Result<Json<Value>, Refusal> {
    let touched = apply(&world, order.platform, &order.account, order.verb)?;
    Ok(Json(json!({ "tokens": touched })))
}

/// The app of every platform.
async fn apps() -> Json<BTreeMap<&'static str, Value>> {
    let shown = |platform: &Platform| {
        let app = super::app(*platform);
        (platform.word(), json!({ "id": app.id, "secret": app.secret }))
    };
    Json(Platform::ALL.iter().map(shown).collect())
}

/// Does it, and says how many tokens it touched.
pub(crate) fn apply(
    world: &World,
    platform: Platform,
    remote_id: &str,
    verb: TokenVerb,
) -> Result<usize, crate::Error> {
    let no_such = || crate::Error::NoSuchAccount {
        platform,
        remote_id: remote_id.to_owned(),
    };
    let now = world.now();
    let mut accounts = world.accounts();
    accounts.by_id(platform, remote_id).ok_or_else(no_such)?;
    let uses = |account: &Account, grant: Option<&Grant>| {
        let mut targets = grant.into_iter().flat_map(|grant| &grant.targets);
        account.platform == platform
            && (account.remote_id == remote_id || targets.any(|target| target.remote_id == remote_id))
    };
    Ok(match verb {
        TokenVerb::ExpireAccess => accounts.end_all(now, |account, usage, grant| {
            usage == TokenUse::Access && uses(account, grant)
        }),
        TokenVerb::Revoke => accounts.end_all(now, |account, usage, grant| {
            usage != TokenUse::Password && uses(account, grant)
        }),
        TokenVerb::LoseNextRefresh => {
            let mut holders = BTreeMap::new();
            for (account, grant) in accounts.holders() {
                if uses(&account, grant.as_deref()) {
                    holders.insert(account.remote_id.clone(), account);
                }
            }
            for account in holders.values() {
                account.add_rules(vec![Rule::nth(Class::Refresh, 1, Fault::DropAfter)]);
            }
            holders.len()
        }
    })
}

//! Who somebody is, what was granted, and what there is to choose from: the endpoints that a sign-in ends with.
//!
//! X, Instagram, Mastodon and Bluesky have theirs with their emulators.

mod google;
mod linkedin;
mod meta;
mod others;
mod tiktok;

use std::sync::Arc;

use axum::Router;
use domain::platform::Platform;
use serde_json::{Map, Value};

use super::Api;
use crate::account::Account;
use crate::call::Call;
use crate::exchange::{Credential, Finished, Turn, open};
use crate::fault::Class;
use crate::world::Shared;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .merge(linkedin::routes())
        .merge(meta::routes())
        .merge(tiktok::routes())
        .merge(google::routes())
        .merge(others::routes())
}

/// Opens a request with a bearer token that needs one of these scopes.
async fn ask(
    world: &Shared,
    platform: Platform,
    scopes: &'static [&'static str],
    call: &Call,
) -> Result<Turn<Api>, Finished> {
    let credential = Credential::Access(call.bearer());
    open(world, Api { platform, scopes }, call, credential, Class::Check, "").await
}

/// What the token may be used for besides its own account; for a token that came with its account it is everything of
/// the same owner.
fn targets(turn: &Turn<Api>) -> Vec<Arc<Account>> {
    if let Some(grant) = &turn.grant {
        return grant.targets.clone();
    }
    let Ok(account) = turn.account() else {
        return Vec::new();
    };
    let mut owned = turn.world.accounts().of_platform(account.platform);
    owned.retain(|one| one.owner() == account.owner() && one.remote_id != account.remote_id);
    owned
}

/// The members of an object that a list names.
fn chosen(all: &Value, names: &str) -> Value {
    let mut kept = Map::new();
    for name in names.split(',').map(str::trim) {
        if let Some(value) = all.get(name) {
            kept.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(kept)
}

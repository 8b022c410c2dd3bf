//! `linkedin-mentionables`: whom a text can mention. LinkedIn lets no app search its members, so these are the members
//! whose connections are within reach.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use domain::account::Account;
use domain::platform::Platform;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Answer, answer, is_number, note};
use crate::dialect::Caller;
use crate::dialects::postpost::Postpost;
use crate::dialects::postpost::error::Error;
use crate::dialects::postpost::js;
use crate::dialects::postpost::time::Iso;
use crate::state::ApiState;

const LIMIT_DEFAULT: usize = 25;
const LIMIT_MAX: i64 = 100;

/// `GET /linkedin-mentionables?q=&limit=`.
pub(super) async fn list(State(api): State<ApiState>, caller: Caller<Postpost>, RawQuery(query): RawQuery) -> Answer {
    let query = query.unwrap_or_default();
    let value = |name: &str| {
        let mut given = form_urlencoded::parse(query.as_bytes());
        given.find(|(known, _)| known == name).map(|(_, value)| value)
    };
    let wanted = value("q")
        .map(|text| js::trim(&text).to_lowercase())
        .unwrap_or_default();
    let limit = value("limit").and_then(|text| js::parse_int(&text));
    let limit = limit.map_or(LIMIT_DEFAULT, |limit| {
        usize::try_from(limit.clamp(1, LIMIT_MAX)).unwrap_or(LIMIT_DEFAULT)
    });
    let accounts = api.engine.accounts(&caller.reach).await.map_err(|error| {
        note(&error, "mentionables");
        Error::Internal
    })?;
    let people: Vec<Value> = accounts
        .iter()
        .filter(|account| is_member(account) && name(account).to_lowercase().contains(&wanted))
        .take(limit)
        .map(person)
        .collect();
    Ok(answer(StatusCode::OK, &json!({ "success": true, "people": people })))
}

fn is_member(account: &Account) -> bool {
    account.platform == Platform::LinkedIn && !is_number(&account.identity.remote_id)
}

fn name(account: &Account) -> &str {
    let identity = &account.identity;
    identity.display_name.as_deref().unwrap_or(&identity.username)
}

fn person(account: &Account) -> Value {
    let identity = &account.identity;
    let id = &identity.remote_id;
    json!({
        "personId": id,
        "name": name(account),
        "profileUrl": identity.profile_url,
        "profilePicture": identity.avatar_url,
        "source": "connection",
        "lastSeenAt": Iso(account.verified_at.unwrap_or(account.connected_at)),
        "mention": format!("@[{}](urn:li:person:{id})", name(account)),
    })
}

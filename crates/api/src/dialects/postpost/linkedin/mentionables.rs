//! `linkedin-mentionables`: whom a text can mention. LinkedIn lets no app search its members, so these are the members
//! whose connections are within reach.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use domain::account::Account;
use domain::platform::Platform;
use jiff::Timestamp;
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
    let limit = value("limit")
        .and_then(|text| js::parse_int(&text))
        .filter(|limit| *limit != 0);
    let limit = limit.map_or(LIMIT_DEFAULT, |limit| {
        usize::try_from(limit.clamp(1, LIMIT_MAX)).unwrap_or(LIMIT_DEFAULT)
    });
    let accounts = api.engine.accounts(&caller.reach).await.map_err(|error| {
        note(&error, "mentionables");
        Error::Internal
    })?;
    let is_meant = |account: &&Account| is_member(account) && name(account).to_lowercase().contains(&wanted);
    let mut members: Vec<&Account> = accounts.iter().filter(is_meant).collect();
    members.sort_by_key(|account| std::cmp::Reverse(seen_at(account)));
    let people: Vec<Value> = members.into_iter().take(limit).map(person).collect();
    Ok(answer(StatusCode::OK, &json!({ "success": true, "people": people })))
}

fn is_member(account: &Account) -> bool {
    account.platform == Platform::LinkedIn && !is_number(&account.identity.remote_id)
}

fn name(account: &Account) -> &str {
    let identity = &account.identity;
    identity.display_name.as_deref().unwrap_or(&identity.username)
}

fn seen_at(account: &Account) -> Timestamp {
    account.verified_at.unwrap_or(account.connected_at)
}

/// What a text has that mentions this member; the signs that end a name in it become blanks. None without a name.
fn mention(id: &str, name: &str) -> Option<String> {
    let name: String = name
        .chars()
        .map(|c| if matches!(c, '|' | '}') { ' ' } else { c })
        .collect();
    let words: Vec<&str> = name.split_whitespace().collect();
    (!words.is_empty()).then(|| format!("@{{urn:li:person:{id}|{}}}", words.join(" ")))
}

fn person(account: &Account) -> Value {
    let identity = &account.identity;
    let id = &identity.remote_id;
    json!({
        "personId": id,
        "name": name(account),
        "profileUrl": identity.profile_url.as_deref().unwrap_or_default(),
        "profilePicture": identity.avatar_url.as_deref().unwrap_or_default(),
        "source": "connection",
        "lastSeenAt": Iso(seen_at(account)),
        "mention": mention(id, name(account)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mention_is_as_texts_have_it_and_nobody_is_mentioned_without_a_name() {
        assert_eq!(mention("A1", "Ada").as_deref(), Some("@{urn:li:person:A1|Ada}"));
        assert_eq!(mention("A1", "A|d}a ").as_deref(), Some("@{urn:li:person:A1|A d a}"));
        assert_eq!(mention("A1", " |"), None);
    }
}

//! Tokens: two hours each, and every refresh spends its refresh token.

use std::sync::Arc;

use axum::extract::State;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::X;
use crate::account::{Account, AccountSeed, Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::world::{Shared, World};

/// How long an access token lives.
const ACCESS_LIFE: SignedDuration = SignedDuration::from_hours(2);
/// How long an unused refresh token lives.
const REFRESH_LIFE: SignedDuration = SignedDuration::from_hours(180 * 24);
const SCOPE: &str = "tweet.read tweet.write users.read media.write offline.access";

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// Issues the account's first pair of tokens.
pub(crate) fn first_tokens(world: &World, account: &Arc<Account>, seed: &mut AccountSeed, now: Timestamp) {
    let (access, refresh) = new_pair(world, account, now);
    seed.token = access;
    seed.refresh_token = Some(refresh);
    seed.expires_at = Some(later(now, ACCESS_LIFE));
}

fn new_pair(world: &World, account: &Arc<Account>, now: Timestamp) -> (String, String) {
    let (access, refresh) = (world.random_text(91), world.random_text(91));
    world.issue(&access, account, TokenUse::Access, Some(later(now, ACCESS_LIFE)), now);
    world.issue(
        &refresh,
        account,
        TokenUse::Refresh,
        Some(later(now, REFRESH_LIFE)),
        now,
    );
    (access, refresh)
}

/// How the token endpoint refuses.
pub(super) fn refusal() -> Answer {
    let body = json!({
        "error": "invalid_request",
        "error_description": "Value passed for the token was invalid.",
    });
    Answer::json(400, &body)
}

pub(super) async fn token(State(world): State<Shared>, call: Call) -> Handled {
    let fields = Fields::of(&call).unwrap_or_default();
    let presented = fields.text("refresh_token");
    let credential = Credential::Other(presented.as_deref(), TokenUse::Refresh);
    let turn = open(&world, X, &call, credential, Class::Refresh, "").await?;
    let refreshes = fields.text("grant_type").as_deref() == Some("refresh_token");
    let answer = match (&turn.holder, &presented) {
        (Holder::Good(account), Some(presented)) if refreshes => {
            world.accounts().kill(presented, turn.now);
            let (access, refresh) = new_pair(&world, account, turn.now);
            Ok(Answer::ok(&json!({
                "token_type": "bearer",
                "expires_in": ACCESS_LIFE.as_secs(),
                "access_token": access,
                "scope": SCOPE,
                "refresh_token": refresh,
            })))
        }
        _ => Err(refusal()),
    };
    Ok(turn.close(answer).await)
}

pub(super) async fn revoke(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open(&world, X, &call, Credential::Open, Class::Refresh, "").await?;
    let token = Fields::of(&call).ok().and_then(|fields| fields.text("token"));
    let answer = token.ok_or_else(refusal).map(|token| {
        world.accounts().kill(&token, turn.now);
        Answer::ok(&json!({ "revoked": true }))
    });
    Ok(turn.close(answer).await)
}

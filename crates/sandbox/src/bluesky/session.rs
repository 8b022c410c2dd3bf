//! Sessions: app passwords, access tokens for two hours, refresh tokens for ninety days.

use std::sync::Arc;

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Bluesky, refusal, repo};
use crate::account::{Account, AccountSeed, Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::world::{Shared, World, later};

/// How long an access token lives (read from real tokens).
const ACCESS_LIFE: SignedDuration = SignedDuration::from_hours(2);
/// How long a refresh token lives.
const REFRESH_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How long a used refresh token still works.
const REFRESH_GRACE: SignedDuration = SignedDuration::from_hours(2);

/// Makes the account's app password and a first session.
pub(crate) fn first_session(world: &World, account: &Arc<Account>, seed: &mut AccountSeed, now: Timestamp) {
    let random = world.random_text(16).to_lowercase();
    let parts: Vec<&str> = (0..4).filter_map(|part| random.get(part * 4..part * 4 + 4)).collect();
    let password = parts.join("-");
    world.issue(&password, account, TokenUse::Password, None, now);
    let (access, refresh) = new_pair(world, account, now);
    seed.password = Some(password);
    seed.token = access;
    seed.refresh_token = Some(refresh);
    seed.expires_at = Some(later(now, ACCESS_LIFE));
}

fn new_pair(world: &World, account: &Arc<Account>, now: Timestamp) -> (String, String) {
    let access = jwt(world, account, "com.atproto.appPass", "at+jwt", now, ACCESS_LIFE);
    let refresh = jwt(world, account, "com.atproto.refresh", "refresh+jwt", now, REFRESH_LIFE);
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

fn jwt(world: &World, account: &Account, scope: &str, kind: &str, now: Timestamp, life: SignedDuration) -> String {
    let claims = json!({
        "scope": scope,
        "sub": account.remote_id,
        "iat": now.as_second(),
        "exp": later(now, life).as_second(),
        "aud": "did:web:localhost",
        "jti": world.random_text(32),
    });
    signed(world, kind, &claims)
}

/// A token that decodes like a real one; its signature is noise, since it is known by its whole text.
pub(crate) fn signed(world: &World, kind: &str, claims: &Value) -> String {
    let head = json!({ "typ": kind, "alg": "ES256K" });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", encode(&head), encode(claims), world.random_text(86))
}

/// The account's DID document.
pub(crate) fn did_doc(world: &World, account: &Account) -> Value {
    json!({
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": account.remote_id,
        "alsoKnownAs": [format!("at://{}", account.handle)],
        "verificationMethod": [],
        "service": [{
            "id": "#atproto_pds",
            "type": "AtprotoPersonalDataServer",
            "serviceEndpoint": world.endpoint(Platform::Bluesky, false).as_str(),
        }],
    })
}

fn session_json(world: &World, account: &Account) -> Value {
    json!({
        "did": account.remote_id,
        "didDoc": did_doc(world, account),
        "handle": account.handle,
        "email": format!("{}@example.com", account.handle),
        "emailConfirmed": true,
        "emailAuthFactor": false,
        "active": true,
    })
}

fn with_pair(mut session: Value, (access, refresh): (String, String)) -> Value {
    if let Some(object) = session.as_object_mut() {
        object.insert("accessJwt".to_owned(), Value::String(access));
        object.insert("refreshJwt".to_owned(), Value::String(refresh));
    }
    session
}

pub(super) async fn create(State(world): State<Shared>, call: Call) -> Handled {
    let fields = Fields::of(&call).unwrap_or_default();
    let password = fields.text("password");
    let credential = Credential::Other(password.as_deref(), TokenUse::Password);
    let turn = open(&world, Bluesky, &call, credential, Class::Refresh, "").await?;
    let named = fields
        .text("identifier")
        .and_then(|identifier| repo(&world, identifier.trim_start_matches('@')));
    let answer = match (&turn.holder, named) {
        (Holder::Good(account), Some(named)) if account.remote_id == named.remote_id => Ok(Answer::ok(&with_pair(
            session_json(&world, account),
            new_pair(&world, account, turn.now),
        ))),
        _ => Err(refusal(401, "AuthenticationRequired", "Invalid identifier or password")),
    };
    Ok(turn.close(answer).await)
}

pub(super) async fn refresh(State(world): State<Shared>, call: Call) -> Handled {
    let credential = Credential::Other(call.bearer(), TokenUse::Refresh);
    let turn = open(&world, Bluesky, &call, credential, Class::Refresh, "").await?;
    let answer = match (&turn.holder, call.bearer()) {
        // A refresh token of a sign-in is for the token endpoint.
        (Holder::Good(_), Some(_)) if turn.grant.is_some() => Err(refusal(400, "InvalidToken", "Invalid token type")),
        (Holder::Good(account), Some(token)) => {
            world.accounts().end_at(token, later(turn.now, REFRESH_GRACE));
            Ok(Answer::ok(&with_pair(
                session_json(&world, account),
                new_pair(&world, account, turn.now),
            )))
        }
        (Holder::Expired(_), _) => Err(refusal(400, "ExpiredToken", "Token has expired")),
        (_, None) => Err(refusal(401, "AuthMissing", "Authentication Required")),
        (_, Some(_)) => Err(refusal(400, "InvalidToken", "Invalid token type")),
    };
    Ok(turn.close(answer).await)
}

pub(super) async fn delete(State(world): State<Shared>, call: Call) -> Handled {
    let credential = Credential::Other(call.bearer(), TokenUse::Refresh);
    let turn = open(&world, Bluesky, &call, credential, Class::Refresh, "").await?;
    let answer = turn.account().map(|_| {
        world.accounts().kill(call.bearer().unwrap_or_default(), turn.now);
        Answer::bytes(200, "", "".into())
    });
    Ok(turn.close(answer).await)
}

pub(super) async fn show(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open(
        &world,
        Bluesky,
        &call,
        Credential::Access(call.bearer()),
        Class::Check,
        "",
    )
    .await?;
    let answer = turn
        .account()
        .map(|account| Answer::ok(&session_json(&world, &account)));
    Ok(turn.close(answer).await)
}

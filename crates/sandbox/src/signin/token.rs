//! The token endpoint: codes and refresh tokens for access tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::platform::Platform;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::variants::{Pkce, Refresh, Variant};
use super::words::{self, Refusal};
use super::{Challenge, Flow, SignIn, apps, note};
use crate::account::{Account, Grant, Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::world::{Shared, World, later, lock};

/// Tokens that were just made.
#[derive(Debug, Clone)]
pub(crate) struct Minted {
    pub(crate) access: String,
    pub(crate) access_ends: Option<Timestamp>,
    pub(crate) refresh: Option<String>,
    pub(crate) refresh_ends: Option<Timestamp>,
}

/// What came with a request to the token endpoint.
struct Presented<'a> {
    call: &'a Call,
    fields: &'a Fields,
    /// The key that signed its proof.
    proof_key: Option<String>,
}

/// What a sign-in says about its tokens.
struct Told<'a> {
    grant: Option<&'a Grant>,
    account: &'a Account,
    refreshed: bool,
}

/// Makes an access token, and a refresh token when `offline`.
pub(crate) fn mint(
    world: &World,
    variant: &Variant,
    account: &Arc<Account>,
    grant: Option<&Arc<Grant>>,
    offline: bool,
    now: Timestamp,
) -> Minted {
    let mut minted = mint_access(world, variant, account, grant, now);
    let life = match variant.refresh {
        Refresh::None => return minted,
        Refresh::Rotating(life) | Refresh::Renewed(life) => Some(life),
        Refresh::Kept(life) => life,
    };
    if offline {
        let [_, prefix, _] = variant.prefixes;
        let refresh = format!("{prefix}{}", world.random_text(91));
        minted.refresh_ends = life.map(|life| later(now, life));
        world.issue_granted(
            &refresh,
            account,
            TokenUse::Refresh,
            minted.refresh_ends,
            now,
            grant.cloned(),
        );
        minted.refresh = Some(refresh);
    }
    minted
}

fn mint_access(
    world: &World,
    variant: &Variant,
    account: &Arc<Account>,
    grant: Option<&Arc<Grant>>,
    now: Timestamp,
) -> Minted {
    let [prefix, ..] = variant.prefixes;
    let access = if variant.platform == Platform::Bluesky {
        super::bluesky::access_token(world, account, grant.map(AsRef::as_ref), now)
    } else {
        format!("{prefix}{}", world.random_text(91))
    };
    let access_ends = variant.access_life.map(|life| later(now, life));
    world.issue_granted(&access, account, TokenUse::Access, access_ends, now, grant.cloned());
    Minted {
        access,
        access_ends,
        refresh: None,
        refresh_ends: None,
    }
}

/// `POST` to the token endpoint, and `GET` where the platform has it.
pub(super) async fn exchange(variant: &'static Variant, world: Shared, call: Call) -> Handled {
    let fields = Fields::of(&call).unwrap_or_default();
    let grant_type = fields.text("grant_type");
    let code = fields.text("code");
    let refresh = fields.text("refresh_token");
    let exchanged = fields.text("fb_exchange_token");
    let credential = match grant_type.as_deref() {
        Some("refresh_token") => Credential::Other(refresh.as_deref(), TokenUse::Refresh),
        Some("fb_exchange_token") => Credential::Other(exchanged.as_deref(), TokenUse::Access),
        _ => Credential::Other(code.as_deref(), TokenUse::Code),
    };
    // Before scripts are asked, so that a nonce that is still to be had does not count as a refresh.
    let proof_key = match super::bluesky::proof_of(&world, variant, &call) {
        Ok(key) => key,
        Err(refusal) => return Ok(note(&world, variant.platform, Class::Refresh, &call, None, refusal)),
    };
    let turn = open(&world, SignIn(variant), &call, credential, Class::Refresh, "").await?;
    if let Err(refusal) = super::bluesky::check_client(&world, variant, &fields).await {
        return Ok(turn.close(Err(refusal)).await);
    }
    let asked = Presented {
        call: &call,
        fields: &fields,
        proof_key,
    };
    let answer = match grant_type.as_deref() {
        Some("refresh_token") => refreshed(&turn, &asked, refresh.as_deref().unwrap_or_default()),
        Some("fb_exchange_token") if variant.platform == Platform::Facebook => {
            super::longlived::facebook(&turn, &call, &fields)
        }
        Some("client_credentials") => app_token(&turn, &call, &fields),
        Some("authorization_code") => first(&turn, &asked, code.as_deref().unwrap_or_default()),
        None if variant.token_by_get => first(&turn, &asked, code.as_deref().unwrap_or_default()),
        _ => Err(words::refusal(variant.platform, Refusal::GrantType)),
    };
    Ok(turn.close(answer).await)
}

/// A code for the first tokens.
fn first(turn: &Turn<SignIn>, asked: &Presented<'_>, code: &str) -> Result<Answer, Answer> {
    let SignIn(variant) = turn.dialect;
    let world = &turn.world;
    let refuse = |why| words::refusal(variant.platform, why);
    let app = apps::caller(world, variant, asked.call, asked.fields).map_err(refuse)?;
    let flow = take_flow(turn, asked, code, &app).map_err(refuse)?;
    let grant = &flow.grant;
    if variant.platform == Platform::LinkedIn {
        // Asking for other scopes ends the tokens that the app had before (learn.microsoft.com/linkedin).
        world.accounts().end_all(turn.now, |account, usage, earlier| {
            account.remote_id == flow.account.remote_id
                && usage != TokenUse::Code
                && earlier.is_some_and(|earlier| earlier.app == grant.app && earlier.scopes != grant.scopes)
        });
    }
    let minted = mint(world, variant, &flow.account, Some(grant), flow.offline, turn.now);
    let told = Told {
        grant: Some(grant),
        account: &flow.account,
        refreshed: false,
    };
    Ok(told.answer(variant, world, &minted, turn.now))
}

/// Finds the consent of a code and uses it up.
fn take_flow(turn: &Turn<SignIn>, asked: &Presented<'_>, code: &str, app: &str) -> Result<Flow, Refusal> {
    let fields = asked.fields;
    let SignIn(variant) = turn.dialect;
    let mut inner = lock(&turn.world.signin.0);
    let flow = inner.flows.get_mut(code).ok_or(Refusal::UnknownCode)?;
    let is_own = flow.account.platform == variant.platform && flow.grant.app == app;
    let other_key = flow.grant.proof_key.is_some() && flow.grant.proof_key != asked.proof_key;
    if !is_own || other_key {
        return Err(Refusal::UnknownCode);
    }
    if flow.used {
        let serial = flow.grant.serial;
        drop(inner);
        if variant.platform == Platform::Bluesky {
            // A replayed code ends the session (RFC 6749, 4.1.2; the reference server does so).
            revoke_grant(&turn.world, serial, turn.now);
        }
        return Err(Refusal::UsedCode);
    }
    if turn.now.duration_since(flow.at) > variant.code_life {
        return Err(Refusal::ExpiredCode);
    }
    if fields.text("redirect_uri").as_deref() != Some(flow.redirect_uri.as_str()) {
        return Err(Refusal::Redirect);
    }
    if !is_verified(
        variant,
        flow.challenge.as_ref(),
        fields.text("code_verifier").as_deref(),
    ) {
        return Err(Refusal::Verifier);
    }
    flow.used = true;
    if flow.grant.proof_key.is_none() && asked.proof_key.is_some() {
        // The request came without a proof: the tokens are bound to the key that fetches them.
        flow.grant = Arc::new(flow.grant.bound_to(asked.proof_key.clone()));
    }
    Ok(flow.clone())
}

/// Whether the verifier belongs to the challenge.
fn is_verified(variant: &Variant, challenge: Option<&Challenge>, verifier: Option<&str>) -> bool {
    let Some(challenge) = challenge else { return true };
    let Some(verifier) = verifier else { return false };
    let hash = Sha256::digest(verifier.as_bytes());
    let made = match (challenge.is_plain, variant.pkce) {
        (true, _) => verifier.to_owned(),
        (false, Pkce::Hex) => crate::medium::sha256_hex(verifier.as_bytes()),
        (false, _) => URL_SAFE_NO_PAD.encode(hash),
    };
    made == challenge.value
}

/// A refresh token for the next access token.
fn refreshed(turn: &Turn<SignIn>, asked: &Presented<'_>, presented: &str) -> Result<Answer, Answer> {
    let SignIn(variant) = turn.dialect;
    let world = &turn.world;
    let refuse = |why| words::refusal(variant.platform, why);
    let grant = turn.grant.as_ref();
    let caller = apps::caller(world, variant, asked.call, asked.fields);
    // The tokens that came with an account belong to no app.
    let is_seed = turn.holder.account().is_some() && grant.is_none() && variant.platform != Platform::Bluesky;
    let app = match caller {
        Err(_) if is_seed => None,
        other => Some(other.map_err(refuse)?),
    };
    let Holder::Good(account) = &turn.holder else {
        if let (Some(grant), Platform::Bluesky) = (grant, variant.platform) {
            // A spent refresh token that comes back was stolen, or its successor was: the session ends.
            revoke_grant(world, grant.serial, turn.now);
        }
        return Err(refuse(Refusal::RefreshToken));
    };
    let is_foreign = grant.map_or(!is_seed, |grant| {
        app.as_ref() != Some(&grant.app) || grant.proof_key != asked.proof_key
    });
    if is_foreign {
        return Err(refuse(Refusal::RefreshToken));
    }
    let minted = match variant.refresh {
        Refresh::None => return Err(refuse(Refusal::GrantType)),
        Refresh::Rotating(_) => {
            world.accounts().kill(presented, turn.now);
            mint(world, variant, account, grant, true, turn.now)
        }
        Refresh::Renewed(_) => mint(world, variant, account, grant, true, turn.now),
        Refresh::Kept(_) => {
            let mut minted = mint_access(world, variant, account, grant, turn.now);
            if variant.platform == Platform::LinkedIn {
                minted.refresh = Some(presented.to_owned());
                minted.refresh_ends = world.accounts().ends_at(presented);
            }
            minted
        }
    };
    let told = Told {
        grant: grant.map(AsRef::as_ref),
        account,
        refreshed: true,
    };
    Ok(told.answer(variant, world, &minted, turn.now))
}

/// Ends all tokens of a sign-in.
pub(super) fn revoke_grant(world: &World, serial: u64, now: Timestamp) -> usize {
    let mut accounts = world.accounts();
    accounts.end_all(now, |_, _, grant| grant.is_some_and(|grant| grant.serial == serial))
}

/// A token of the app alone, where the platform has them.
fn app_token(turn: &Turn<SignIn>, call: &Call, fields: &Fields) -> Result<Answer, Answer> {
    let SignIn(variant) = turn.dialect;
    let refuse = |why| words::refusal(variant.platform, why);
    let app = apps::caller(&turn.world, variant, call, fields).map_err(refuse)?;
    match variant.platform {
        Platform::Facebook | Platform::Threads => {
            let secret = fields.text("client_secret").unwrap_or_default();
            let token = format!("{app}|{secret}");
            Ok(Answer::ok(&json!({ "access_token": token, "token_type": "bearer" })))
        }
        Platform::Mastodon => Ok(Answer::ok(&json!({
            "access_token": turn.world.random_text(43),
            "token_type": "Bearer",
            "scope": fields.text("scope").unwrap_or_else(|| "read".to_owned()),
            "created_at": turn.now.as_second(),
        }))),
        _ => Err(refuse(Refusal::GrantType)),
    }
}

/// Seconds from now on.
fn seconds(now: Timestamp, ends: Option<Timestamp>) -> i64 {
    ends.map_or(0, |ends| ends.duration_since(now).as_secs())
}

impl Told<'_> {
    /// The scopes, separated like this.
    fn scopes(&self, variant: &Variant, separator: &str) -> String {
        match self.grant {
            Some(grant) => grant.scopes.join(separator),
            None => {
                let all: Vec<&str> = variant.scopes.iter().map(|(scope, _)| *scope).collect();
                all.join(separator)
            }
        }
    }

    /// The token endpoint's answer.
    fn answer(&self, variant: &Variant, world: &World, minted: &Minted, now: Timestamp) -> Answer {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| drop(body.insert(name.to_owned(), value));
        let expires_in = seconds(now, minted.access_ends);
        let refresh_in = seconds(now, minted.refresh_ends);
        let id = &self.account.remote_id;
        put("access_token", json!(minted.access));
        match variant.platform {
            Platform::Instagram | Platform::Threads => {
                // Seen both as text and as a number that JavaScript cannot hold.
                let as_text = json!(id);
                let number = id
                    .parse::<u64>()
                    .map_or_else(|_| as_text.clone(), |number| json!(number));
                let mut inner = lock(&world.signin.0);
                inner.alternations += 1;
                let is_text = inner.alternations.is_multiple_of(2);
                put("user_id", if is_text { as_text } else { number });
                if variant.platform == Platform::Instagram {
                    put("permissions", json!(self.scopes(variant, ",")));
                }
            }
            Platform::Facebook => {
                put("token_type", json!("bearer"));
                put("expires_in", json!(expires_in));
            }
            Platform::Mastodon => {
                put("token_type", json!("Bearer"));
                put("scope", json!(self.scopes(variant, " ")));
                put("created_at", json!(now.as_second()));
            }
            platform => {
                put("expires_in", json!(expires_in));
                let (kind, separator) = match platform {
                    Platform::X | Platform::Reddit | Platform::Pinterest => ("bearer", " "),
                    Platform::TikTok | Platform::LinkedIn => ("Bearer", ","),
                    Platform::Bluesky => ("DPoP", " "),
                    _ => ("Bearer", " "),
                };
                put("token_type", json!(kind));
                put("scope", json!(self.scopes(variant, separator)));
                if let Some(refresh) = &minted.refresh {
                    put("refresh_token", json!(refresh));
                }
                self.put_own(platform, &mut put, refresh_in, minted, now);
            }
        }
        Answer::ok(&Value::Object(body)).with("cache-control", "no-store")
    }

    /// Whether the app asked who somebody is (OpenID Connect).
    fn is_about_identity(&self) -> bool {
        self.grant.is_some_and(|grant| grant.has_any(&["openid"]))
    }

    /// What only one platform says.
    fn put_own(
        &self,
        platform: Platform,
        put: &mut impl FnMut(&str, Value),
        refresh_in: i64,
        minted: &Minted,
        now: Timestamp,
    ) {
        let id = &self.account.remote_id;
        match platform {
            Platform::TikTok => {
                put("open_id", json!(id));
                put("refresh_expires_in", json!(refresh_in));
            }
            Platform::LinkedIn => {
                if minted.refresh.is_some() {
                    put("refresh_token_expires_in", json!(refresh_in));
                }
                if !self.refreshed && self.is_about_identity() {
                    put("id_token", json!(self.id_token("https://www.linkedin.com/oauth", now)));
                }
            }
            Platform::YouTube | Platform::GoogleBusiness if self.is_about_identity() => {
                put("id_token", json!(self.id_token("https://accounts.google.com", now)));
            }
            Platform::Pinterest => {
                let kind = if self.refreshed {
                    "refresh_token"
                } else {
                    "authorization_code"
                };
                put("response_type", json!(kind));
                put("refresh_token_expires_in", json!(refresh_in));
                put(
                    "refresh_token_expires_at",
                    json!(minted.refresh_ends.map_or(0, Timestamp::as_second)),
                );
            }
            Platform::Bluesky => put("sub", json!(id)),
            _ => {}
        }
    }

    /// Who signed in, as a token that decodes; nobody here verifies its signature.
    fn id_token(&self, issuer: &str, now: Timestamp) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(json!({ "alg": "RS256", "typ": "JWT", "kid": "sandbox" }));
        let claims = part(json!({
            "iss": issuer,
            "aud": self.grant.map(|grant| grant.app.as_str()),
            "sub": self.account.remote_id,
            "name": self.account.handle,
            "iat": now.as_second(),
            "exp": now.as_second() + 3_600,
        }));
        format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode("sandbox"))
    }
}

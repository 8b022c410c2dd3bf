//! LinkedIn's versioned REST API: posts, images, documents, videos, comments and reactions, of members and of
//! organizations.
//!
//! No idempotency key exists. What a publisher can go by is the refusal of a repeated body, which names the original,
//! for ten minutes; a member's own posts cannot be listed. Text is "little" text, whose mistakes cut the post short
//! instead of being refused.
//!
//! Chosen where documentation and observation are open: an account whose remote id is a number is an organization; the
//! 3000 characters count raw text; upload addresses of images and documents live for a day; a deleted original is named
//! for a day; only creating requests count against the day, of which organizations have 500 a resource; the first
//! comment within five seconds of its post meets the 404 that was seen there.

mod assets;
mod content;
mod figures;
mod little;
mod posts;
mod social;
mod uploads;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::{delete, get, post, put};
use domain::platform::Platform;
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::account::{Account, AccountSeed, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Dialect, Finished, Turn, open};
use crate::fault::Class;
use crate::limits::WindowView;
use crate::world::{Shared, World, later, lock};

pub use figures::LinkedInFigures;
pub(crate) use figures::know;

/// How long a token lives.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);
/// The newest version that is known; newer ones appear as the clock goes on.
const NEWEST_VERSION: (i16, i8) = (2026, 11);
/// Creating requests of a member, by resource and UTC day.
const MEMBER_DAY_MAX: u64 = 150;
/// Creating requests of an organization, by resource and UTC day.
const ORGANIZATION_DAY_MAX: u64 = 500;
/// What tokens of members may do when nothing else was said: the self-serve products.
const MEMBER_SCOPES: &[&str] = &["openid", "profile", "email", "w_member_social"];
/// What tokens of organizations may do when nothing else was said.
const ORGANIZATION_SCOPES: &[&str] = &[
    "w_organization_social",
    "r_organization_social",
    "rw_organization_admin",
];

/// The emulator's own state.
#[derive(Debug, Default)]
pub(crate) struct State {
    assets: Mutex<HashMap<String, assets::Asset>>,
    /// Posts whose first comment met the 404 of a post that is not known everywhere yet.
    told_to_wait: Mutex<HashSet<String>>,
    /// What is known beyond the journal, by token.
    known: Mutex<HashMap<String, figures::Known>>,
}

impl State {
    pub(crate) fn clear(&self) {
        lock(&self.assets).clear();
        lock(&self.told_to_wait).clear();
        lock(&self.known).clear();
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkedIn;

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "status": status, "code": code, "message": message }))
}

fn unauthorized(code: &str, service_code: u32, message: &str) -> Answer {
    let body = json!({ "status": 401, "serviceErrorCode": service_code, "code": code, "message": message });
    Answer::json(401, &body)
}

fn access_denied(message: &str) -> Answer {
    refusal(403, "ACCESS_DENIED", message)
}

fn not_found(what: &str) -> Answer {
    refusal(404, "NOT_FOUND", &format!("Could not find entity {what}"))
}

fn missing_field(path: &str) -> Answer {
    let message = format!("{path} :: field is required but not found and has no default value");
    refusal(400, "MISSING_FIELD", &message)
}

fn invalid_value(path: &str, value: &Value) -> Answer {
    let message = format!("{path} :: {value} is not a valid value for this field");
    refusal(400, "INVALID_VALUE_FOR_FIELD", &message)
}

impl Dialect for LinkedIn {
    fn platform(&self) -> Platform {
        Platform::LinkedIn
    }

    fn server_error(&self, status: u16) -> Answer {
        let (code, message) = match status {
            503 => ("SERVICE_UNAVAILABLE", "Service Unavailable"),
            504 => ("GATEWAY_TIMEOUT", "Gateway Timeout"),
            _ => ("INTERNAL_SERVER_ERROR", "Internal Server Error"),
        };
        refusal(status, code, message)
    }

    fn rate_limited(&self, _retry_after_s: u64, _now: Timestamp) -> Answer {
        let message = "Resource level throttle MEMBER DAY limit for calls to this resource is reached.";
        refusal(429, "TOO_MANY_REQUESTS", message)
    }

    fn unauthorized(&self) -> Answer {
        unauthorized("EMPTY_ACCESS_TOKEN", 65_604, "Empty oauth2 access token")
    }

    fn unknown_token(&self) -> Answer {
        unauthorized("INVALID_ACCESS_TOKEN", 65_600, "Invalid access token")
    }

    fn expired(&self) -> Answer {
        let message = "The token used in the request has expired";
        unauthorized("EXPIRED_ACCESS_TOKEN", 65_602, message)
    }

    fn rejected(&self) -> Answer {
        let body = json!({
            "status": 422,
            "errorDetailType": "com.linkedin.common.error.BadRequest",
            "message": "com.linkedin.content.common.exception.BadRequestResponseException: Content is not allowed",
            "errorDetails": { "inputErrors": [
                { "description": "Content is not allowed", "input": {}, "code": "INVALID_CONTENT" },
            ]},
        });
        Answer::json(422, &body)
    }

    fn scopes_for(&self, class: Class) -> &'static [&'static str] {
        match class {
            Class::Create | Class::Upload | Class::Delete => {
                &["w_member_social", "w_member_social_feed", "w_organization_social"]
            }
            Class::Read | Class::Check | Class::Refresh | Class::Any => &[],
        }
    }

    fn missing_scope(&self) -> Answer {
        access_denied("Not enough permissions to access: partnerApiPostsExternal")
    }

    fn stamp(&self, answer: &mut Answer, window: &WindowView, _now: Timestamp) {
        answer
            .headers
            .push(("x-li-uuid", format!("AAY{:017x}", window.remaining)));
        answer.headers.push(("x-restli-protocol-version", "2.0.0".to_owned()));
    }
}

/// Issues the account's first token; self-serve apps get no refresh token.
pub(crate) fn first_token(world: &World, account: &Arc<Account>, seed: &mut AccountSeed, now: Timestamp) {
    let expires_at = later(now, TOKEN_LIFE);
    seed.token = format!("AQV{}", world.random_text(120));
    seed.expires_at = Some(expires_at);
    world.issue(&seed.token, account, TokenUse::Access, Some(expires_at), now);
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/rest/posts", post(posts::create).get(posts::find))
        .route(
            "/rest/posts/{urn}",
            get(posts::show).post(posts::update).delete(posts::delete),
        )
        .route("/rest/images", post(assets::images))
        .route("/rest/documents", post(assets::documents))
        .route("/rest/videos", post(assets::videos))
        .route("/rest/images/{urn}", get(assets::status))
        .route("/rest/documents/{urn}", get(assets::status))
        .route("/rest/videos/{urn}", get(assets::status))
        .route("/dms-uploads/{id}/{part}", put(uploads::take))
        .route(
            "/rest/socialActions/{urn}/comments",
            post(social::comment).get(social::comments),
        )
        .route(
            "/rest/socialActions/{urn}/comments/{id}",
            delete(social::delete_comment),
        )
        .route("/rest/socialActions/{urn}", get(figures::summary))
        .route("/rest/memberCreatorPostAnalytics", get(figures::member_posts))
        .route("/rest/memberFollowersCount", get(figures::followers))
        .route("/rest/reactions", post(social::react))
        .route("/rest/reactions/{key}", delete(social::delete_reaction))
}

/// Whether an account is an organization: their ids are numbers, those of members are not.
fn is_organization(remote_id: &str) -> bool {
    !remote_id.is_empty() && remote_id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The URN of an account.
fn urn_of(account: &Account) -> String {
    let kind = if is_organization(&account.remote_id) {
        "organization"
    } else {
        "person"
    };
    format!("urn:li:{kind}:{}", account.remote_id)
}

/// Goes on as the member or organization that `urn` names.
fn act_as(turn: &mut Turn<LinkedIn>, urn: &str, path: &str) -> Result<Arc<Account>, Answer> {
    let id = match (
        urn.strip_prefix("urn:li:person:"),
        urn.strip_prefix("urn:li:organization:"),
    ) {
        (Some(id), _) if !id.is_empty() && !is_organization(id) => id,
        (_, Some(id)) if is_organization(id) => id,
        (Some(_), _) | (_, Some(_)) => {
            return Err(refusal(
                400,
                "INVALID_URN_ID",
                &format!("{path} :: {urn} is not a valid URN"),
            ));
        }
        _ if urn.starts_with("urn:li:") => {
            let message = format!("{path} :: {urn} is not a URN of type person or organization");
            return Err(refusal(400, "INVALID_URN_TYPE", &message));
        }
        _ => return Err(invalid_value(path, &json!(urn))),
    };
    if !turn.act_as(id) {
        let kind = if is_organization(id) { "organization" } else { "person" };
        return Err(access_denied(&format!(
            "Field Value validation failed in REQUEST_BODY: {path} :: {kind} as author is not allowed"
        )));
    }
    let account = turn.account()?;
    if is_organization(id) && !may(turn, &account, &["w_organization_social"]) {
        return Err(turn.dialect.missing_scope());
    }
    Ok(account)
}

/// Whether the token may do one of these.
fn may(turn: &Turn<LinkedIn>, account: &Account, scopes: &[&str]) -> bool {
    let usual = if is_organization(&account.remote_id) {
        ORGANIZATION_SCOPES
    } else {
        MEMBER_SCOPES
    };
    turn.may(account, scopes, usual)
}

/// Begins a request to `/rest/…` and checks what all of them need.
async fn open_rest(
    world: &Shared,
    call: &Call,
    class: Class,
    resource: &'static str,
    text: &str,
) -> Result<Turn<LinkedIn>, Finished> {
    let mut turn = open(world, LinkedIn, call, Credential::Access(call.bearer()), class, text).await?;
    if figures::is_down(world, call) {
        let down = turn.dialect.server_error(500);
        return Err(turn.close(Err(down)).await.into());
    }
    let checked = check_preconditions(&mut turn, call).and_then(|()| check_quota(&mut turn, class, resource));
    match checked {
        Ok(()) => Ok(turn),
        Err(refusal) => Err(turn.close(Err(refusal)).await.into()),
    }
}

fn check_preconditions(turn: &mut Turn<LinkedIn>, call: &Call) -> Result<(), Answer> {
    let version = call.header("linkedin-version").unwrap_or_default();
    if !is_active(version, turn.now) {
        if version.is_empty() {
            turn.violates("no LinkedIn-Version header");
        }
        let message = format!("Requested version {version} is not active");
        return Err(refusal(426, "NONEXISTENT_VERSION", &message));
    }
    if call.header("x-restli-protocol-version") != Some("2.0.0") {
        return Err(violation(turn, "X-Restli-Protocol-Version is not 2.0.0"));
    }
    if call.path.contains("urn:") {
        return Err(violation(turn, "a URN in the path is not percent-encoded"));
    }
    Ok(())
}

/// Counts what makes something against the day's quota; the numbers for other requests are in no documentation.
fn check_quota(turn: &mut Turn<LinkedIn>, class: Class, resource: &'static str) -> Result<(), Answer> {
    if class != Class::Create {
        return Ok(());
    }
    let account = turn.account()?;
    let max = if is_organization(&account.remote_id) {
        ORGANIZATION_DAY_MAX
    } else {
        MEMBER_DAY_MAX
    };
    if !account.take_of_day(resource, max, turn.now) && turn.world.rate_limits {
        turn.is_over_quota();
        return Err(turn.dialect.rate_limited(0, turn.now));
    }
    Ok(())
}

/// A request that a client's author must hear of.
fn violation(turn: &mut Turn<LinkedIn>, what: &str) -> Answer {
    turn.violates(what);
    refusal(400, "ILLEGAL_ARGUMENT", what)
}

/// Whether a version, such as `202609`, is alive: from its month on until the middle of the same month a year later.
fn is_active(version: &str, now: Timestamp) -> bool {
    let parsed = || {
        let (year, month) = (version.get(..4)?, version.get(4..)?);
        let all_digits = version.len() == 6 && version.bytes().all(|byte| byte.is_ascii_digit());
        let (year, month) = (year.parse::<i16>().ok()?, month.parse::<i8>().ok()?);
        (all_digits && (1..=12).contains(&month) && (2_000..9_000).contains(&year)).then_some((year, month))
    };
    let Some((year, month)) = parsed() else { return false };
    let today = now.to_zoned(TimeZone::UTC).date();
    let newest = NEWEST_VERSION.max((today.year(), today.month()));
    (year, month) <= newest && today < date(year + 1, month, 15)
}

/// Refuses keys that are not documented.
fn check_keys(
    turn: &mut Turn<LinkedIn>,
    object: &Map<String, Value>,
    path: &str,
    allowed: &[&str],
) -> Result<(), Answer> {
    match object.keys().find(|key| !allowed.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let what = format!("unpermitted field {path}/{key}");
            Err(violation(turn, &what))
        }
    }
}

/// A body that is a JSON object.
fn object_of(call: &Call) -> Result<Map<String, Value>, Answer> {
    serde_json::from_slice(&call.body).map_err(|_| refusal(400, "ILLEGAL_ARGUMENT", "Cannot parse the request entity"))
}

/// A field that must be text.
fn text_of<'b>(object: &'b Map<String, Value>, name: &str, path: &str) -> Result<&'b str, Answer> {
    match object.get(name) {
        Some(Value::String(text)) => Ok(text),
        None | Some(Value::Null) => Err(missing_field(&format!("{path}/{name}"))),
        Some(other) => Err(invalid_value(&format!("{path}/{name}"), other)),
    }
}

/// The next id of this moment; LinkedIn's ids grow with time.
fn new_id(turn: &Turn<LinkedIn>) -> u64 {
    let floor = u64::try_from(turn.now.as_millisecond()).unwrap_or_default() << 22;
    turn.world.next_id(Platform::LinkedIn, floor)
}

#[cfg(test)]
mod tests;

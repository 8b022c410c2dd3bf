//! Facebook: the pages with their tokens, permissions, and what a token is. The user is with the emulator.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use domain::platform::Platform;
use serde_json::{Value, json};

use crate::account::{Account, Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Finished, Handled, Turn, open};
use crate::fault::Class;
use crate::graph::{self, Asked};
use crate::signin::variants::{Variant, of};
use crate::signin::{Api, apps, token};
use crate::world::{Shared, World, lock};

/// What a page's owner may do on it.
const TASKS: &[&str] = &[
    "ADVERTISE",
    "ANALYZE",
    "CREATE_CONTENT",
    "MESSAGING",
    "MODERATE",
    "MANAGE",
];
/// What `me/accounts` shows when the caller does not say.
const PAGE_FIELDS: &str = "access_token,category,category_list,name,id,tasks";

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    for version in ["", "/{version}"] {
        let path = |end: &str| format!("/facebook{version}/{end}");
        router = router
            .route(&path("me/accounts"), get(pages))
            .route(&path("me/permissions"), get(permissions).delete(forget));
        for platform in [Platform::Facebook, Platform::Threads] {
            let inspect = move |State(world): State<Shared>, call: Call| debug(platform, world, call);
            router = router.route(&format!("/{}{version}/debug_token", platform.word()), get(inspect));
        }
    }
    router
}

async fn ask(world: &Shared, class: Class, asked: &Asked, call: &Call) -> Result<Turn<Api>, Finished> {
    let api = Api {
        platform: Platform::Facebook,
        scopes: &[],
    };
    open(world, api, call, asked.credential(), class, "").await
}

/// The user of the token. A page has no pages and no permissions of its own.
fn user(turn: &Turn<Api>, field: &str) -> Result<Arc<Account>, Answer> {
    let account = turn.account()?;
    if account.is_person {
        Ok(account)
    } else {
        let what = format!("Tried accessing nonexisting field ({field}) on node type (Page)");
        Err(graph::invalid(&what))
    }
}

async fn pages(State(world): State<Shared>, call: Call) -> Handled {
    let mut asked = Asked::read(&call);
    let turn = ask(&world, Class::Check, &asked, &call).await?;
    if asked.text("fields").is_empty() {
        asked.fields.set("fields", PAGE_FIELDS);
    }
    // Everything is on the first page.
    let is_first = asked.text("after").is_empty();
    let granted = turn
        .grant
        .as_ref()
        .filter(|_| is_first)
        .filter(|grant| grant.has_any(&["pages_show_list"]));
    let pages = granted.map(|grant| grant.targets.clone()).unwrap_or_default();
    let answer = user(&turn, "accounts").map(|_| {
        let token = asked.token.as_deref().unwrap_or_default();
        let shown = pages.iter().map(|page| {
            asked.selected(&json!({
                "id": page.remote_id,
                "name": page.handle,
                "category": "Local business",
                "category_list": [{ "id": "2500", "name": "Local business" }],
                "tasks": TASKS,
                "access_token": page_token(&turn, token, page),
                "username": page.handle,
                "link": format!("https://www.facebook.com/{}", page.remote_id),
                "picture": { "data": { "url": world.address("samples/image2.png") } },
            }))
        });
        let data: Vec<Value> = shown.collect();
        // Nothing to show is no error: the user let the app use no page.
        let mut body = json!({ "data": data });
        if let (false, Some(object)) = (data.is_empty(), body.as_object_mut()) {
            object.insert(
                "paging".to_owned(),
                json!({ "cursors": { "before": "QVFI", "after": "QVFJ" } }),
            );
        }
        Answer::ok(&body)
    });
    Ok(turn.close(answer).await)
}

/// The page's token for a user's token: it has no end when the user's is long-lived, else it ends with it.
fn page_token(turn: &Turn<Api>, user_token: &str, page: &Arc<Account>) -> Option<String> {
    let grant = turn.grant.as_ref()?;
    let world = &turn.world;
    let ends = world.accounts().ends_at(user_token)?;
    let short = of(Platform::Facebook).and_then(|variant| variant.access_life)?;
    let is_short = ends.duration_since(world.accounts().issued_at(user_token)?) <= short;
    let ends = is_short.then_some(ends);
    let key = (grant.serial, page.remote_id.clone(), is_short);
    let known = lock(&world.signin.0).page_tokens.get(&key).cloned();
    let lives = |token: &String| {
        let holder = world
            .accounts()
            .holder(Platform::Facebook, token, TokenUse::Access, turn.now);
        matches!(holder, Holder::Good(_))
    };
    if let Some(token) = known.filter(lives) {
        return Some(token);
    }
    let token = format!("EAA{}", world.random_text(150));
    world.issue_granted(&token, page, TokenUse::Access, ends, turn.now, Some(Arc::clone(grant)));
    lock(&world.signin.0).page_tokens.insert(key, token.clone());
    Some(token)
}

async fn permissions(State(world): State<Shared>, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = ask(&world, Class::Check, &asked, &call).await?;
    let answer = user(&turn, "permissions").map(|_| {
        let grant = turn.grant.as_deref();
        let granted = grant.into_iter().flat_map(|grant| &grant.scopes);
        let declined = grant.into_iter().flat_map(|grant| &grant.declined);
        let data: Vec<Value> = granted
            .map(|scope| json!({ "permission": scope, "status": "granted" }))
            .chain(declined.map(|scope| json!({ "permission": scope, "status": "declined" })))
            .collect();
        Answer::ok(&json!({ "data": data }))
    });
    Ok(turn.close(answer).await)
}

/// Takes everything back that the user granted.
async fn forget(State(world): State<Shared>, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = ask(&world, Class::Refresh, &asked, &call).await?;
    let answer = user(&turn, "permissions").map(|_| {
        if let Some(grant) = &turn.grant {
            token::revoke_grant(&world, grant.serial, turn.now);
        }
        Answer::ok(&json!({ "success": true }))
    });
    Ok(turn.close(answer).await)
}

/// What a token is; asked with the app's own token or with the token itself.
async fn debug(platform: Platform, world: Shared, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let own = apps::app(platform);
    let app_token = format!("{}|{}", own.id, own.secret);
    let by_app = asked.token.as_deref() == Some(app_token.as_str());
    let credential = if by_app { Credential::Open } else { asked.credential() };
    let api = Api { platform, scopes: &[] };
    let turn = open(&world, api, &call, credential, Class::Check, "").await?;
    let input = asked.text("input_token");
    let answer = if input.is_empty() {
        Err(graph::invalid("The parameter input_token is required"))
    } else {
        Ok(Answer::ok(
            &json!({ "data": described(&world, of(platform), &input, &turn) }),
        ))
    };
    Ok(turn.close(answer).await)
}

fn described(world: &World, variant: Option<&Variant>, input: &str, turn: &Turn<Api>) -> Value {
    let accounts = world.accounts();
    let holder = accounts.holder(turn.dialect.platform, input, TokenUse::Access, turn.now);
    let Some(account) = holder.account() else {
        return json!({
            "error": { "code": 190, "message": "Invalid OAuth access token - Cannot parse access token" },
            "is_valid": false,
            "scopes": [],
        });
    };
    let all: Vec<String> = variant
        .into_iter()
        .flat_map(|variant| variant.scopes.iter().map(|(scope, _)| (*scope).to_owned()))
        .collect();
    let grant = accounts.grant_of(input);
    let is_page = account.platform == Platform::Facebook && !account.is_person;
    json!({
        "app_id": grant.as_ref().map(|grant| grant.app.clone()),
        "type": if is_page { "PAGE" } else { "USER" },
        "application": "Broadside",
        "expires_at": accounts.ends_at(input).map_or(0, jiff::Timestamp::as_second),
        "is_valid": matches!(holder, Holder::Good(_)),
        "issued_at": accounts.issued_at(input).map(jiff::Timestamp::as_second),
        "scopes": grant.map_or(all, |grant| grant.scopes.clone()),
        "profile_id": account.remote_id,
        "user_id": account.remote_id,
    })
}

//! Signing in to Facebook and choosing a Page (developers.facebook.com, "Manually Build a Login Flow" and "Get Long-Lived
//! Tokens").
//!
//! A person signs in, and a Page is what gets connected: its own token has no end by date. The person's token serves to
//! list the Pages and is not kept.

use domain::account::{Identity, Missing, Tokens};
use domain::clock::BoxFut;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use domain::secret::SecretText;
use reqwest::Method;
use serde::Deserialize;

use super::api::{Api, VERSION};
use crate::graph::{Page, id};
use crate::signin::{
    Address, ApiVersion, AppNeed, CHOICES_MAX, Callback, Choice, ClientAuth, Found, Grant, Means, Memory, OAuth, Pkce,
    RefreshFacts, Scope, SignIn, SignInCtx, SignInFacts, Verified, graph, oauth, refused,
};
use crate::{AccountRef, App, Credentials};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct FacebookSignIn;

/// Lists of Pages are read to this many pages.
const LISTS_MAX: usize = 10;

/// What is asked of a Page.
const FIELDS: &str = "id,name,username,link,picture{url}";

/// The task without which a person's token cannot post for a Page (developers.facebook.com, Pages API).
const TASK: &str = "CREATE_CONTENT";

/// The code of a person who lacks that task.
const ROLE: &str = "role";

const NO_TASK: &str = "This person may not create content on the Page; its owner must give them that task";

const NONE: &str = "No Facebook Page was granted; connect again and choose at least one Page that you manage";

/// What is known of signing in to Facebook. Page tokens end with a changed password, a lost role or a removed app, never
/// by date; so there is nothing to refresh.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::Facebook,
    means: &[Means::OAuth],
    oauth: Some(OAuth {
        authorize: Address::new("https://www.facebook.com", "/v25.0/dialog/oauth"),
        token: Address::new("https://graph.facebook.com", "/v25.0/oauth/access_token"),
        revoke: None,
        client_id_name: "client_id",
        scope_separator: ",",
        extra_params: &[],
        pkce: Pkce::None,
        client_auth: ClientAuth::Body,
        rows: graph::ROWS,
    }),
    app: AppNeed::OperatorApp {
        at: "https://developers.facebook.com/apps (use case \"Manage everything on your Page\")",
        besides: Some("Until Meta has reviewed the app, only people with a role in it can connect and see the posts."),
    },
    refresh: RefreshFacts::NEVER,
    api: Some(ApiVersion {
        version: VERSION,
        // A version lives two years at least from its release, which was on 2026-02-18.
        sunset: Some(jiff::civil::date(2028, 2, 18)),
        source: "developers.facebook.com/docs/graph-api/changelog/versions",
    }),
    needs: &[
        Scope::new("pages_show_list", "list the Pages"),
        Scope::new("pages_read_engagement", "read posts back after publishing"),
        Scope::new("pages_manage_posts", "publish posts"),
        Scope::new("pages_manage_engagement", "publish first comments"),
        Scope::new("pages_read_user_content", "find first comments again").by_operator(),
        Scope::new("publish_video", "publish videos").by_operator(),
        Scope::new("business_management", "see Pages that belong to a business").by_operator(),
    ],
};

#[derive(Deserialize)]
struct Me {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    picture: serde_json::Value,
}

#[derive(Deserialize)]
struct OwnPage {
    #[serde(flatten)]
    me: Me,
    access_token: String,
    #[serde(default)]
    tasks: Vec<String>,
}

#[derive(Deserialize)]
struct Permissions {
    #[serde(default)]
    data: Vec<Permission>,
}

#[derive(Deserialize)]
struct Permission {
    permission: String,
    status: String,
}

#[derive(Deserialize)]
struct Inspected {
    data: Inspection,
}

#[derive(Deserialize)]
struct Inspection {
    #[serde(default)]
    scopes: Vec<String>,
}

impl SignIn for FacebookSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn exchange<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        memory: &'a Memory,
        back: &'a Callback,
    ) -> BoxFut<'a, Result<Grant, PlatformError>> {
        Box::pin(async move {
            let short = oauth::exchange(&FACTS, ctx, memory, back).await?;
            // Only Page tokens that were got with a long-lived token have no end.
            let form = vec![
                ("grant_type", "fb_exchange_token"),
                ("fb_exchange_token", short.tokens.access.expose()),
            ];
            let long = oauth::ask_token_endpoint(&FACTS, ctx, Stage::Connect, form).await?;
            Ok(Grant {
                memory: short.memory,
                ..long.into_grant()
            })
        })
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(identify(ctx, grant))
    }

    fn with_credentials<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        credentials: &'a Credentials,
    ) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(with_token(ctx, credentials))
    }

    fn verify<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        account: AccountRef<'a>,
        tokens: &'a Tokens,
    ) -> BoxFut<'a, Result<Verified, PlatformError>> {
        Box::pin(async move {
            let page = page(ctx, &tokens.access, me(ctx, &tokens.access).await?).await;
            page.only(Platform::Facebook, account)
        })
    }
}

/// A Page's own token is taken as it is, a person's becomes that of the Page that is named, or of the only one.
async fn with_token(ctx: SignInCtx<'_>, credentials: &Credentials) -> Result<Found, PlatformError> {
    let tokens = credentials.tokens();
    let tokens =
        tokens.ok_or_else(|| refused(Platform::Facebook, ErrorKind::Auth, "A Page's access token is needed"))?;
    let me = me(ctx, &tokens.access).await?;
    let named = credentials.identifier.as_deref();
    if named == Some(me.id.as_str()) {
        return Ok(Found::Account(page(ctx, &tokens.access, me).await));
    }
    let found = match identify(ctx, &Grant::of(tokens.clone())).await {
        // Pages have no Pages: the token is a Page's own.
        Err(error) if error.kind == ErrorKind::Invalid && named.is_none() => {
            return Ok(Found::Account(page(ctx, &tokens.access, me).await));
        }
        found => found?.narrowed(Platform::Facebook, named)?,
    };
    match &found {
        Found::Account(page) if page.missing.iter().any(|missing| missing.code == ROLE) => {
            Err(refused(Platform::Facebook, ErrorKind::Permission, NO_TASK))
        }
        _ => Ok(found),
    }
}

/// The Pages of a person.
async fn identify(ctx: SignInCtx<'_>, grant: &Grant) -> Result<Found, PlatformError> {
    let api = Api::new(ctx.http, ctx.endpoints, &grant.tokens.access);
    let pages = own_pages(&api).await?;
    if pages.is_empty() {
        return Err(refused(Platform::Facebook, ErrorKind::Permission, NONE));
    }
    let request = api.call(Method::GET, "me/permissions");
    let granted = match api.read::<Permissions>(request, Stage::Connect).await {
        Ok(told) => told
            .data
            .into_iter()
            .filter(|permission| permission.status == "granted")
            .map(|permission| permission.permission)
            .collect(),
        // Not to know them is no reason not to connect.
        Err(_) => grant.scopes.clone(),
    };
    let choices = pages.into_iter().map(|page| page.choice(&granted)).collect();
    Found::among(Platform::Facebook, "Which Page is to be connected?", choices, NONE)
}

async fn own_pages(api: &Api<'_>) -> Result<Vec<OwnPage>, PlatformError> {
    let fields = format!("{FIELDS},access_token,tasks");
    let mut pages: Vec<OwnPage> = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..LISTS_MAX {
        let mut request = api
            .call(Method::GET, "me/accounts")
            .query(&[("fields", fields.as_str()), ("limit", "100")]);
        if let Some(after) = &after {
            request = request.query(&[("after", after)]);
        }
        let list: Page<OwnPage> = api.read(request, Stage::Connect).await?;
        after = list.after().map(str::to_owned);
        pages.extend(list.data);
        if after.is_none() || pages.len() >= CHOICES_MAX {
            break;
        }
    }
    Ok(pages)
}

/// Whose token it is: a person's or a Page's.
async fn me(ctx: SignInCtx<'_>, token: &SecretText) -> Result<Me, PlatformError> {
    let api = Api::new(ctx.http, ctx.endpoints, token);
    let request = api.call(Method::GET, "me").query(&[("fields", FIELDS)]);
    api.read(request, Stage::Connect).await
}

/// The Page of a Page's own token. What it may do is told to this server's app only.
async fn page(ctx: SignInCtx<'_>, token: &SecretText, me: Me) -> Verified {
    let scopes = match ctx.endpoints.apps.get(&Platform::Facebook) {
        Some(app) => inspect(ctx, app, token).await.unwrap_or_default(),
        None => Vec::new(),
    };
    Verified::new(&FACTS, me.identity(), page_tokens(token.clone()), scopes)
}

/// The scopes of a token, as the app that it was made for may ask (developers.facebook.com, `debug_token`).
async fn inspect(ctx: SignInCtx<'_>, app: &App, token: &SecretText) -> Result<Vec<String>, PlatformError> {
    let app_token = SecretText::new(format!("{}|{}", app.id, app.secret.expose()));
    let api = Api::new(ctx.http, ctx.endpoints, &app_token);
    let request = api
        .call(Method::GET, "debug_token")
        .query(&[("input_token", token.expose())]);
    let told: Inspected = api.read(request, Stage::Connect).await?;
    Ok(told.data.scopes)
}

/// A Page's token has no end of its own.
fn page_tokens(access: SecretText) -> Tokens {
    Tokens {
        access,
        ..Tokens::default()
    }
}

impl Me {
    fn identity(self) -> Identity {
        let name = self.name.filter(|name| !name.is_empty());
        let picture = self.picture.pointer("/data/url").and_then(serde_json::Value::as_str);
        Identity {
            profile_url: self
                .link
                .or_else(|| Some(format!("https://www.facebook.com/{}", self.id))),
            username: self
                .username
                .or_else(|| name.clone())
                .unwrap_or_else(|| self.id.clone()),
            display_name: name,
            avatar_url: picture.map(ToOwned::to_owned),
            base_url: None,
            remote_id: self.id,
        }
    }
}

impl OwnPage {
    fn choice(self, granted: &[String]) -> Choice {
        let may_create = self.tasks.is_empty() || self.tasks.iter().any(|task| task == TASK);
        let tokens = page_tokens(SecretText::new(self.access_token));
        let mut verified = Verified::new(&FACTS, self.me.identity(), tokens, granted.to_vec());
        if !may_create {
            verified = verified.lacking(Missing {
                code: ROLE.to_owned(),
                words: NO_TASK.to_owned(),
            });
        }
        let detail = verified.identity.remote_id.clone();
        Choice::of(verified, Some(detail))
    }
}

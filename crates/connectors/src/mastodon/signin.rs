//! Signing in to a Mastodon instance (docs.joinmastodon.org, "Logging in with an account" and "OAuth API methods").
//!
//! Each instance is a server of its own, at which this server registers itself once; the registration is remembered by
//! the caller. Tokens have no end and no refresh token: they are revoked, by the person or by us.

use domain::account::{Identity, Missing, Tokens};
use domain::clock::BoxFut;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use domain::secret::SecretText;
use reqwest::Method;
use serde::Deserialize;

use super::wire::CredentialAccount;
use crate::signin::abroad::{Abroad, origin_of};
use crate::signin::answer::TokenAnswer;
use crate::signin::{
    Address, AppNeed, Ask, Begun, Callback, ClientAuth, Field, Found, Grant, Means, Memory, OAuth, Pkce, RefreshFacts,
    RevokedBy, Scope, SignIn, SignInCtx, SignInFacts, Verified, oauth, refusal, refused,
};
use crate::{App, Credentials};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct MastodonSignIn;

/// The field that names the instance.
const SERVER: Field = Field {
    name: "server",
    label: "Server",
    hint: "The part of your address after the second @",
    secret: false,
    placeholder: "mastodon.social",
};

const TOKEN: Field = Field {
    name: "token",
    label: "Access token",
    hint: "From Preferences, Development, of your server: an application with the scopes read and write",
    secret: true,
    placeholder: "",
};

/// The paths are those of every instance; their origin is the instance's. A code challenge is known since version 4.3 and
/// ignored before.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::Mastodon,
    means: &[Means::OAuthAt(SERVER), Means::Credentials(&[SERVER, TOKEN])],
    oauth: Some(OAuth {
        authorize: Address::new("", "/oauth/authorize"),
        token: Address::new("", "/oauth/token"),
        revoke: Some((Address::new("", "/oauth/revoke"), RevokedBy::AccessToken)),
        client_id_name: "client_id",
        scope_separator: " ",
        extra_params: &[],
        pkce: Pkce::S256,
        client_auth: ClientAuth::Body,
        rows: &[],
    }),
    app: AppNeed::PerInstance,
    refresh: RefreshFacts::NEVER,
    api: None,
    needs: &[
        Scope::new("read:accounts", "know whose account it is").within(&["read"]),
        Scope::new("read:statuses", "read posts back after publishing").within(&["read"]),
        Scope::new("write:statuses", "publish posts").within(&["write"]),
        Scope::new("write:media", "upload images and videos").within(&["write"]),
    ],
};

#[derive(Deserialize)]
struct Registered {
    client_id: String,
    client_secret: String,
}

impl SignIn for MastodonSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn begin<'a>(&'a self, ctx: SignInCtx<'a>, ask: &'a Ask) -> BoxFut<'a, Result<Begun, PlatformError>> {
        Box::pin(begin(ctx, ask))
    }

    fn exchange<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        memory: &'a Memory,
        back: &'a Callback,
    ) -> BoxFut<'a, Result<Grant, PlatformError>> {
        Box::pin(exchange(ctx, memory, back))
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move { identify(ctx, grant).await.map(Found::Account) })
    }

    fn with_credentials<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        credentials: &'a Credentials,
    ) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move {
            let tokens = credentials.tokens();
            let tokens =
                tokens.ok_or_else(|| refused(Platform::Mastodon, ErrorKind::Auth, "An access token is needed"))?;
            identify(ctx, &Grant::of(tokens)).await.map(Found::Account)
        })
    }

    fn revoke<'a>(&'a self, ctx: SignInCtx<'a>, tokens: &'a Tokens) -> Option<BoxFut<'a, Result<(), PlatformError>>> {
        let app = ctx.app?;
        Some(Box::pin(revoke(ctx, app, tokens)))
    }
}

/// The address of the instance that was named, without a slash at the end: the operator's, where there is one.
fn named(ctx: SignInCtx<'_>, entered: Option<&str>) -> Result<String, PlatformError> {
    let own = ctx.endpoints.base(Platform::Mastodon, "");
    let origin = if own.is_empty() {
        entered.and_then(origin_of)
    } else {
        Some(own)
    };
    let origin = origin.ok_or_else(|| {
        let message = "It is not known on which Mastodon server the account is; name it, such as mastodon.social";
        refused(Platform::Mastodon, ErrorKind::Invalid, message)
    })?;
    Abroad::new(Platform::Mastodon, Stage::Connect, ctx).judge(&origin)?;
    Ok(origin)
}

async fn begin(ctx: SignInCtx<'_>, ask: &Ask) -> Result<Begun, PlatformError> {
    let flow = oauth::flow(&FACTS)?;
    let entered = ask.inputs.get(SERVER.name).map(String::as_str);
    let server = named(ctx, entered.or(ctx.base_url))?;
    let scopes = FACTS.scopes_asked(ctx.endpoints);
    let (app, is_new) = match ask.app.as_ref().or(ctx.app) {
        Some(app) => (app.clone(), false),
        None => (register(ctx, &server, &ask.redirect_uri, &scopes).await?, true),
    };
    let address = format!("{server}{}", flow.authorize.path);
    let mut begun = oauth::begin_at(&FACTS, flow, &app, &address, &scopes, ask)?;
    begun.memory.set("server", server.as_str());
    begun.memory.set("client_id", app.id.as_str());
    begun.memory.set("client_secret", app.secret.expose());
    begun.registered = is_new.then_some((server, app));
    Ok(begun)
}

/// Registers this server at the instance (docs.joinmastodon.org, `POST /api/v1/apps`).
async fn register(
    ctx: SignInCtx<'_>,
    server: &str,
    redirect_uri: &str,
    scopes: &[String],
) -> Result<App, PlatformError> {
    let abroad = Abroad::new(Platform::Mastodon, Stage::Connect, ctx);
    let scopes = scopes.join(" ");
    let form = [
        ("client_name", "Broadside"),
        ("redirect_uris", redirect_uri),
        ("scopes", scopes.as_str()),
    ];
    let address = format!("{server}/api/v1/apps");
    let answer = abroad
        .ask(Method::POST, &address, |request| request.form(&form))
        .await?;
    match serde_json::from_slice::<Registered>(&answer.body) {
        Ok(told) if answer.is_success() => Ok(App {
            id: told.client_id,
            secret: SecretText::new(told.client_secret),
        }),
        _ => Err(no_mastodon(super::error::refusal(Stage::Connect, &answer))),
    }
}

/// A server that does not know the way is no Mastodon server.
fn no_mastodon(error: PlatformError) -> PlatformError {
    if error.kind.is_transient() {
        return error;
    }
    let message = "This server does not answer like a Mastodon server; check its name";
    PlatformError {
        message: message.to_owned(),
        kind: ErrorKind::Invalid,
        ..error
    }
}

async fn exchange(ctx: SignInCtx<'_>, memory: &Memory, back: &Callback) -> Result<Grant, PlatformError> {
    let code = oauth::code_of(&FACTS, back)?;
    let flow = oauth::flow(&FACTS)?;
    let (Some(server), Some(id), Some(secret)) = (
        memory.get("server"),
        memory.get("client_id"),
        memory.get("client_secret"),
    ) else {
        let message = "This sign-in is not known any more; start it again";
        return Err(refused(Platform::Mastodon, ErrorKind::Auth, message));
    };
    let mut form = oauth::code_form(code, memory);
    form.push(("client_id", id));
    form.push(("client_secret", secret));
    let address = format!("{server}{}", flow.token.path);
    let abroad = Abroad::new(Platform::Mastodon, Stage::Connect, ctx);
    let answer = abroad
        .ask(Method::POST, &address, |request| request.form(&form))
        .await?;
    let Some(told) = TokenAnswer::read(&answer, ctx.now) else {
        let secrets = [code, &SecretText::from(secret)];
        return Err(refusal::of_token_endpoint(
            Platform::Mastodon,
            Stage::Connect,
            flow.rows,
            &answer,
            &secrets,
        ));
    };
    let mut grant = told.into_grant();
    grant.memory.set("server", server);
    Ok(grant)
}

/// Asks the instance whose token it is.
async fn identify(ctx: SignInCtx<'_>, grant: &Grant) -> Result<Verified, PlatformError> {
    let server = match grant.memory.get("server").or(ctx.base_url) {
        Some(server) => server.trim_end_matches('/').to_owned(),
        None => named(ctx, None)?,
    };
    let abroad = Abroad::new(Platform::Mastodon, Stage::Connect, ctx);
    let address = format!("{server}/api/v1/accounts/verify_credentials");
    let access = grant.tokens.access.expose();
    let answer = abroad
        .ask(Method::GET, &address, |request| request.bearer_auth(access))
        .await?;
    let account: CredentialAccount = match serde_json::from_slice(&answer.body) {
        Ok(account) if answer.is_success() => account,
        _ => return Err(super::error::refusal(Stage::Connect, &answer)),
    };
    let is_suspended = account.suspended == Some(true);
    let identity = Identity {
        remote_id: account.id,
        username: account.username,
        display_name: account.display_name.filter(|name| !name.is_empty()),
        avatar_url: account.avatar,
        profile_url: account.url,
        base_url: Some(server),
    };
    let verified = Verified::new(&FACTS, identity, grant.tokens.clone(), grant.scopes.clone());
    Ok(if is_suspended {
        verified.lacking(Missing {
            code: "posting".to_owned(),
            words: "The Mastodon account is suspended; ask its server's staff".to_owned(),
        })
    } else {
        verified
    })
}

async fn revoke(ctx: SignInCtx<'_>, app: &App, tokens: &Tokens) -> Result<(), PlatformError> {
    let flow = oauth::flow(&FACTS)?;
    let server = named(ctx, ctx.base_url)?;
    let server = ctx.base_url.map_or(server.as_str(), |own| own.trim_end_matches('/'));
    let form = [
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.expose()),
        ("token", tokens.access.expose()),
    ];
    let abroad = Abroad::new(Platform::Mastodon, Stage::Connect, ctx);
    let address = format!("{server}/oauth/revoke");
    let answer = abroad
        .ask(Method::POST, &address, |request| request.form(&form))
        .await?;
    oauth::revoked(&FACTS, flow, &answer, &[&tokens.access, &app.secret])
}

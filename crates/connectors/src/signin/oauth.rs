//! The authorization code flow over data: what all platforms have in common.
//!
//! The `oauth2` crate is not used: its types fix what differs here between platforms (the name of the client id, the
//! separator of scopes, refusals with status 200, answers without a token type, ids in the token answer), and what is
//! left of the flow is one form and one answer.

use domain::account::Tokens;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::secret::SecretText;
use jiff::SignedDuration;
use reqwest::Method;
use url::Url;

use super::answer::TokenAnswer;
use super::facts::{ClientAuth, OAuth, Pkce, RevokedBy, SignInFacts};
use super::flow::{Ask, Begun, Callback, Grant, Memory};
use super::{SignInCtx, pkce, refusal, refused};
use crate::http::Answer;
use crate::{App, Credentials};

/// How long a token endpoint may take.
pub const EXCHANGE_BUDGET: SignedDuration = SignedDuration::from_secs(30);

/// The flow of these facts.
pub(crate) fn flow(facts: &'static SignInFacts) -> Result<&'static OAuth, PlatformError> {
    facts.oauth.as_ref().ok_or_else(|| {
        let message = format!("{} has no sign-in with a browser", facts.platform.name());
        refused(facts.platform, ErrorKind::Invalid, message)
    })
}

/// This server's app at a platform.
pub(crate) fn app<'a>(facts: &SignInFacts, ctx: SignInCtx<'a>) -> Result<&'a App, PlatformError> {
    let app = ctx.app.or_else(|| ctx.endpoints.apps.get(&facts.platform));
    app.ok_or_else(|| {
        let name = facts.platform.name();
        let message = format!("This server has no app at {name}; its operator must add one");
        refused(facts.platform, ErrorKind::OperatorConfig, message)
    })
}

/// Where the browser is to go, without asking anybody.
///
/// # Errors
/// When there is no app, or an address that the operator configured is none.
pub fn begin(facts: &'static SignInFacts, ctx: SignInCtx<'_>, ask: &Ask) -> Result<Begun, PlatformError> {
    let flow = flow(facts)?;
    let app = app(facts, ctx)?;
    let address = ctx
        .endpoints
        .at(facts.platform, flow.authorize.origin, flow.authorize.path);
    begin_at(facts, flow, app, &address, &facts.scopes_asked(ctx.endpoints), ask)
}

/// The same for an app, an address and scopes that are not those of the facts.
///
/// # Errors
/// When the address is none.
pub fn begin_at(
    facts: &SignInFacts,
    flow: &OAuth,
    app: &App,
    address: &str,
    scopes: &[String],
    ask: &Ask,
) -> Result<Begun, PlatformError> {
    let mut authorize = Url::parse(address).map_err(|_| {
        let message = format!("The address of {} that this server has is none", facts.platform.name());
        refused(facts.platform, ErrorKind::OperatorConfig, message)
    })?;
    let mut memory = Memory::default();
    memory.set("redirect_uri", &ask.redirect_uri);
    let mut query = vec![
        ("response_type", "code".to_owned()),
        (flow.client_id_name, app.id.clone()),
        ("redirect_uri", ask.redirect_uri.clone()),
        ("scope", scopes.join(flow.scope_separator)),
        ("state", ask.state.clone()),
    ];
    if flow.pkce == Pkce::S256 {
        let verifier = pkce::verifier(&ask.seed);
        query.push(("code_challenge", pkce::challenge(&verifier)));
        query.push(("code_challenge_method", "S256".to_owned()));
        memory.set("verifier", verifier);
    }
    let extra = flow
        .extra_params
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    query.extend(extra);
    authorize.query_pairs_mut().extend_pairs(query);
    Ok(Begun {
        authorize,
        memory,
        registered: None,
    })
}

/// The code that came back.
///
/// # Errors
/// The platform's refusal, or that it sent neither.
pub fn code_of<'a>(facts: &SignInFacts, back: &'a Callback) -> Result<&'a SecretText, PlatformError> {
    if let Some((word, description)) = &back.error {
        return Err(refusal::of_callback(facts.platform, word, description.as_deref()));
    }
    back.code.as_ref().ok_or_else(|| {
        let message = format!(
            "{} sent nothing to finish the sign-in with; start it again",
            facts.platform.name()
        );
        refused(facts.platform, ErrorKind::Protocol, message)
    })
}

/// The parameters of the exchange of a code.
#[must_use]
pub fn code_form<'a>(code: &'a SecretText, memory: &'a Memory) -> Vec<(&'static str, &'a str)> {
    // Instagram and Threads end their redirects with `#_`, which some browsers pass on as a part of the code.
    let code = code.expose().strip_suffix("#_").unwrap_or(code.expose());
    let mut form = vec![("grant_type", "authorization_code"), ("code", code)];
    if let Some(redirect_uri) = memory.get("redirect_uri") {
        form.push(("redirect_uri", redirect_uri));
    }
    if let Some(verifier) = memory.get("verifier") {
        form.push(("code_verifier", verifier));
    }
    form
}

/// Exchanges the code.
///
/// # Errors
/// What the consent page or the token endpoint said, or that it could not be asked.
pub async fn exchange(
    facts: &'static SignInFacts,
    ctx: SignInCtx<'_>,
    memory: &Memory,
    back: &Callback,
) -> Result<Grant, PlatformError> {
    let code = code_of(facts, back)?;
    let form = code_form(code, memory);
    let told = ask_token_endpoint(facts, ctx, Stage::Connect, form).await?;
    Ok(told.into_grant())
}

/// Exchanges the refresh token. A new one replaces it, an empty one does not.
///
/// # Errors
/// What the token endpoint said, or that it could not be asked.
pub async fn refresh(
    facts: &'static SignInFacts,
    ctx: SignInCtx<'_>,
    tokens: &Tokens,
) -> Result<Tokens, PlatformError> {
    let secret = tokens.refresh.as_ref().ok_or_else(|| {
        let message = format!(
            "This {} sign-in cannot be renewed; connect the account again",
            facts.platform.name()
        );
        PlatformError::refused(facts.platform, Stage::Refresh, ErrorKind::Auth, message)
    })?;
    let form = vec![("grant_type", "refresh_token"), ("refresh_token", secret.expose())];
    let told = ask_token_endpoint(facts, ctx, Stage::Refresh, form).await?;
    Ok(told.renewing(tokens))
}

/// The tokens of credentials that hold only a refresh token.
///
/// # Errors
/// As [`refresh`], and when there is not even that.
pub async fn first_tokens(
    facts: &'static SignInFacts,
    ctx: SignInCtx<'_>,
    credentials: &Credentials,
) -> Result<Tokens, PlatformError> {
    if credentials.refresh.is_none() {
        let message = format!("{} needs an access token", facts.platform.name());
        return Err(refused(facts.platform, ErrorKind::Invalid, message));
    }
    let old = Tokens {
        refresh: credentials.refresh.clone(),
        ..Tokens::default()
    };
    refresh(facts, ctx, &old).await
}

/// Asks the token endpoint, once.
///
/// # Errors
/// What it said, or that it could not be asked.
pub async fn ask_token_endpoint(
    facts: &'static SignInFacts,
    ctx: SignInCtx<'_>,
    stage: Stage,
    form: Vec<(&str, &str)>,
) -> Result<TokenAnswer, PlatformError> {
    let flow = flow(facts)?;
    let app = app(facts, ctx).map_err(|error| PlatformError { stage, ..error })?;
    let address = ctx.endpoints.at(facts.platform, flow.token.origin, flow.token.path);
    // Sent secrets are named by their parameters: everything but the grant type and the redirect address is one.
    let sent: Vec<SecretText> = form
        .iter()
        .filter(|(name, _)| !matches!(*name, "grant_type" | "redirect_uri"))
        .map(|(_, value)| SecretText::from(*value))
        .collect();
    let answer = post(facts, flow, app, ctx, stage, &address, form).await?;
    if let Some(told) = TokenAnswer::read(&answer, ctx.now) {
        return Ok(told);
    }
    let mut secrets: Vec<&SecretText> = sent.iter().collect();
    secrets.push(&app.secret);
    Err(refusal::of_token_endpoint(
        facts.platform,
        stage,
        flow.rows,
        &answer,
        &secrets,
    ))
}

/// Posts a form as this server's app.
async fn post(
    facts: &SignInFacts,
    flow: &OAuth,
    app: &App,
    ctx: SignInCtx<'_>,
    stage: Stage,
    address: &str,
    mut form: Vec<(&str, &str)>,
) -> Result<Answer, PlatformError> {
    let secret = app.secret.expose();
    let by_basic = flow.client_auth == ClientAuth::Basic && !secret.is_empty();
    if !by_basic {
        form.push((flow.client_id_name, &app.id));
        if !secret.is_empty() {
            form.push(("client_secret", secret));
        }
    }
    let mut request = ctx.http.creating(Method::POST, address).form(&form);
    if by_basic {
        request = request.basic_auth(&app.id, Some(secret));
    }
    let asked = ctx.http.once(request, EXCHANGE_BUDGET).await;
    asked.map_err(|failure| refusal::of_failure(facts.platform, stage, failure))
}

/// Gives tokens back (RFC 7009). A token that the platform does not know any more is no error, and neither is a platform
/// that has nowhere to give them back.
///
/// # Errors
/// What the platform said, or that it could not be asked.
pub async fn revoke(facts: &'static SignInFacts, ctx: SignInCtx<'_>, tokens: &Tokens) -> Result<(), PlatformError> {
    let flow = flow(facts)?;
    let Some((address, by)) = flow.revoke else {
        return Ok(());
    };
    let app = app(facts, ctx)?;
    let token = match by {
        RevokedBy::AccessToken => &tokens.access,
        RevokedBy::RefreshToken => tokens.refresh.as_ref().unwrap_or(&tokens.access),
    };
    let address = ctx.endpoints.at(facts.platform, address.origin, address.path);
    let mut form = vec![("token", token.expose())];
    // X wants the app's id here even from apps that have said it by Basic; others do not mind.
    if flow.client_auth == ClientAuth::Basic {
        form.push((flow.client_id_name, &app.id));
    }
    let answer = post(facts, flow, app, ctx, Stage::Connect, &address, form).await?;
    revoked(facts, flow, &answer, &[token, &app.secret])
}

/// What the answer to giving a token back means.
///
/// # Errors
/// What the platform said.
pub fn revoked(
    facts: &SignInFacts,
    flow: &OAuth,
    answer: &Answer,
    secrets: &[&SecretText],
) -> Result<(), PlatformError> {
    let error = refusal::of_token_endpoint(facts.platform, Stage::Connect, flow.rows, answer, secrets);
    let is_given_back = answer.is_success() && error.code.is_none();
    if is_given_back || error.kind == ErrorKind::Auth {
        Ok(())
    } else {
        Err(error)
    }
}

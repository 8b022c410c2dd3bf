//! OAuth as the AT Protocol has it (atproto.com/specs/oauth): the authorization server is found from the account,
//! requests are pushed there before the browser goes (RFC 9126), and tokens are bound to a key (RFC 9449).
//!
//! What must stay true: tokens are believed only of the authorization server that the account's own personal data server
//! names. Any server can be asked to sign in; none may speak for other servers' accounts.

use domain::account::Tokens;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use url::Url;

use super::client;
use super::identity::{Entered, did_of, home_of};
use super::signin::{FACTS, HANDLE};
use crate::http::Answer;
use crate::signin::abroad::Abroad;
use crate::signin::answer::TokenAnswer;
use crate::signin::dpop::{ProofKey, wants_nonce};
use crate::signin::{Ask, Begun, Callback, Grant, Memory, SignInCtx, another_account, oauth, pkce, refusal, refused};

const WRONG_SERVER: &str = "This server does not sign in the way that the AT Protocol asks for; use an app password";
const NOT_KNOWN: &str = "This sign-in is not known any more; start it again";

/// What is kept to get new tokens with.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    refresh: String,
    issuer: String,
    client_id: String,
}

#[derive(Deserialize)]
struct Resource {
    authorization_servers: Vec<String>,
}

/// What of an authorization server's description is read (RFC 8414).
#[derive(Deserialize)]
struct Server {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    pushed_authorization_request_endpoint: String,
    #[serde(default)]
    revocation_endpoint: Option<String>,
    #[serde(default)]
    dpop_signing_alg_values_supported: Vec<String>,
}

#[derive(Deserialize)]
struct Pushed {
    request_uri: String,
}

/// Calls to one authorization server by one key.
struct Peer<'a> {
    abroad: Abroad<'a>,
    key: &'a ProofKey,
    client_id: &'a str,
    issuer: &'a str,
}

/// Pushes the request and says where the browser is to go.
pub(super) async fn begin(ctx: SignInCtx<'_>, ask: &Ask) -> Result<Begun, PlatformError> {
    let entered = ask.inputs.get(HANDLE.name).map_or("", String::as_str);
    let entered = Entered::read(entered).ok_or_else(|| {
        let message = "A Bluesky handle is needed, such as ada.bsky.social";
        refused(Platform::Bluesky, ErrorKind::Invalid, message)
    })?;
    let (hint, did, home) = match entered {
        Entered::Account(account) => {
            let did = did_of(ctx, &account).await?;
            let home = home_of(ctx, &did).await?;
            (Some(account), Some(did), home)
        }
        Entered::Server(address) => (None, None, address),
    };
    let server = describe(ctx, Stage::Connect, &issuer_of(ctx, &home).await?).await?;
    let key =
        ProofKey::from_seed(&ask.seed).ok_or_else(|| refused(Platform::Bluesky, ErrorKind::Protocol, NOT_KNOWN))?;
    let redirect_uri = client::redirect_uri(&ask.redirect_uri)?;
    let client_id = client::id(&redirect_uri)?;
    let verifier = pkce::verifier(&ask.seed);
    let challenge = pkce::challenge(&verifier);
    let scope = FACTS.scopes_asked(ctx.endpoints).join(" ");
    let mut form = vec![
        ("response_type", "code"),
        ("redirect_uri", redirect_uri.as_str()),
        ("scope", scope.as_str()),
        ("state", ask.state.as_str()),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    if let Some(hint) = &hint {
        form.push(("login_hint", hint));
    }
    let peer = Peer {
        abroad: Abroad::new(Platform::Bluesky, Stage::Connect, ctx),
        key: &key,
        client_id: &client_id,
        issuer: &server.issuer,
    };
    let answer = peer.post(&server.pushed_authorization_request_endpoint, &form).await?;
    let pushed: Pushed = match serde_json::from_slice(&answer.body) {
        Ok(pushed) if answer.is_success() => pushed,
        _ => return Err(peer.refusal(&answer, &[])),
    };
    let mut authorize = peer.abroad.judge(&server.authorization_endpoint)?;
    authorize
        .query_pairs_mut()
        .extend_pairs([("client_id", client_id.as_str()), ("request_uri", &pushed.request_uri)]);
    let mut memory = Memory::default();
    memory.set("issuer", server.issuer);
    memory.set("client_id", client_id);
    memory.set("redirect_uri", redirect_uri);
    memory.set("verifier", verifier);
    memory.set("key", key.to_text().expose());
    if let Some(did) = did {
        memory.set("did", did);
        memory.set("server", home);
    }
    Ok(Begun {
        authorize,
        memory,
        registered: None,
    })
}

/// Exchanges the code, and makes sure that the server may speak for the account.
pub(super) async fn exchange(ctx: SignInCtx<'_>, memory: &Memory, back: &Callback) -> Result<Grant, PlatformError> {
    let code = oauth::code_of(&FACTS, back)?;
    let unknown = || refused(Platform::Bluesky, ErrorKind::Auth, NOT_KNOWN);
    let (Some(issuer), Some(client_id), Some(key)) = (memory.get("issuer"), memory.get("client_id"), memory.get("key"))
    else {
        return Err(unknown());
    };
    if back.iss.as_deref() != Some(issuer) {
        let message = "The answer comes from another server than the sign-in was started at; start it again";
        return Err(refused(Platform::Bluesky, ErrorKind::Auth, message));
    }
    let key = ProofKey::from_text(&SecretText::from(key)).ok_or_else(unknown)?;
    let server = describe(ctx, Stage::Connect, issuer).await?;
    let peer = Peer {
        abroad: Abroad::new(Platform::Bluesky, Stage::Connect, ctx),
        key: &key,
        client_id,
        issuer,
    };
    let form = oauth::code_form(code, memory);
    let answer = peer.post(&server.token_endpoint, &form).await?;
    let Some(told) = TokenAnswer::read(&answer, ctx.now) else {
        return Err(peer.refusal(&answer, &[code]));
    };
    let did = told.subject.clone().filter(|did| did.starts_with("did:"));
    let did = did.ok_or_else(|| refused(Platform::Bluesky, ErrorKind::Protocol, WRONG_SERVER))?;
    let home = match (memory.get("did"), memory.get("server")) {
        // The way from this account to this server was gone when the sign-in began.
        (Some(known), Some(home)) if known == did => home.to_owned(),
        // Another account than the one that was named, or none was named: the way is gone now.
        _ => {
            let home = home_of(ctx, &did).await?;
            if issuer_of(ctx, &home).await? != issuer {
                return Err(another_account(Platform::Bluesky));
            }
            home
        }
    };
    let kept = Kept {
        refresh: String::new(),
        issuer: issuer.to_owned(),
        client_id: client_id.to_owned(),
    };
    let mut grant = told.into_grant();
    grant.tokens.proof_key = Some(key.to_text());
    grant.tokens.refresh = kept.with(grant.tokens.refresh.as_ref());
    grant.memory.set("server", home);
    Ok(grant)
}

/// Exchanges the refresh token, which ends with its first use.
pub(super) async fn refresh(ctx: SignInCtx<'_>, tokens: &Tokens) -> Result<Tokens, PlatformError> {
    let (kept, key) = opened(tokens, Stage::Refresh)?;
    let server = describe(ctx, Stage::Refresh, &kept.issuer).await?;
    let peer = Peer {
        abroad: Abroad::new(Platform::Bluesky, Stage::Refresh, ctx),
        key: &key,
        client_id: &kept.client_id,
        issuer: &kept.issuer,
    };
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", kept.refresh.as_str()),
    ];
    let answer = peer.post(&server.token_endpoint, &form).await?;
    let Some(told) = TokenAnswer::read(&answer, ctx.now) else {
        return Err(peer.refusal(&answer, &[&SecretText::from(kept.refresh.as_str())]));
    };
    let new = told.refresh.clone();
    let mut renewed = told.renewing(tokens);
    if new.is_some() {
        renewed.refresh = kept.with(new.as_ref());
    }
    Ok(renewed)
}

/// Gives the tokens back.
pub(super) async fn revoke(ctx: SignInCtx<'_>, tokens: &Tokens) -> Result<(), PlatformError> {
    let (kept, key) = opened(tokens, Stage::Connect)?;
    let server = describe(ctx, Stage::Connect, &kept.issuer).await?;
    let Some(address) = server.revocation_endpoint else {
        return Ok(());
    };
    let peer = Peer {
        abroad: Abroad::new(Platform::Bluesky, Stage::Connect, ctx),
        key: &key,
        client_id: &kept.client_id,
        issuer: &kept.issuer,
    };
    let answer = peer.post(&address, &[("token", kept.refresh.as_str())]).await?;
    if answer.is_success() {
        return Ok(());
    }
    let error = peer.refusal(&answer, &[&SecretText::from(kept.refresh.as_str())]);
    if error.kind == ErrorKind::Auth {
        Ok(())
    } else {
        Err(error)
    }
}

fn opened(tokens: &Tokens, stage: Stage) -> Result<(Kept, ProofKey), PlatformError> {
    let kept = tokens
        .refresh
        .as_ref()
        .and_then(|text| serde_json::from_str(text.expose()).ok());
    let key = tokens.proof_key.as_ref().and_then(ProofKey::from_text);
    kept.zip(key).ok_or_else(|| {
        let message = "This Bluesky sign-in cannot be renewed; connect the account again";
        PlatformError::refused(Platform::Bluesky, stage, ErrorKind::Auth, message)
            .with_retry(domain::error::Retry::when(domain::error::When::AfterReconnect))
    })
}

impl Kept {
    /// The same with this refresh token, as [`Tokens::refresh`] has it.
    fn with(&self, refresh: Option<&SecretText>) -> Option<SecretText> {
        let kept = Self {
            refresh: refresh?.expose().to_owned(),
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
        };
        serde_json::to_string(&kept).ok().map(SecretText::new)
    }
}

/// Which authorization server a personal data server names (RFC 9728).
async fn issuer_of(ctx: SignInCtx<'_>, home: &str) -> Result<String, PlatformError> {
    let abroad = Abroad::new(Platform::Bluesky, Stage::Connect, ctx);
    let address = format!("{home}/.well-known/oauth-protected-resource");
    let answer = abroad.ask(Method::GET, &address, |request| request).await?;
    let resource: Option<Resource> = serde_json::from_slice(&answer.body)
        .ok()
        .filter(|_| answer.is_success());
    let issuer = resource.and_then(|resource| resource.authorization_servers.into_iter().next());
    issuer.ok_or_else(|| not_this_way(&answer))
}

/// What an authorization server says of itself. It must call itself what it was called.
async fn describe(ctx: SignInCtx<'_>, stage: Stage, issuer: &str) -> Result<Server, PlatformError> {
    let abroad = Abroad::new(Platform::Bluesky, stage, ctx);
    let address = format!("{issuer}/.well-known/oauth-authorization-server");
    let answer = abroad.ask(Method::GET, &address, |request| request).await?;
    let server: Option<Server> = serde_json::from_slice(&answer.body)
        .ok()
        .filter(|_| answer.is_success());
    server
        .filter(|server| server.issuer == issuer)
        .filter(|server| {
            server
                .dpop_signing_alg_values_supported
                .iter()
                .any(|alg| alg == "ES256")
        })
        .ok_or_else(|| PlatformError {
            stage,
            ..not_this_way(&answer)
        })
}

fn not_this_way(answer: &Answer) -> PlatformError {
    if answer.status >= 500 || answer.status == 429 {
        return super::error::classify(Stage::Connect, answer);
    }
    refused(Platform::Bluesky, ErrorKind::Invalid, WRONG_SERVER).with_status(answer.status)
}

impl Peer<'_> {
    /// Posts a form as this server, with a proof; once more if only the nonce was wrong.
    async fn post(&self, address: &str, form: &[(&str, &str)]) -> Result<Answer, PlatformError> {
        let url = self.abroad.judge(address)?;
        let nonces = &self.abroad.ctx.http.nonces;
        let mut is_second = false;
        loop {
            let nonce = nonces.of(&url);
            let now = self.abroad.ctx.now;
            let proof = self.key.proof("POST", &url, now, nonce.as_deref(), None);
            let assertion = self.assertion(now);
            let mut form = form.to_vec();
            form.push(("client_id", self.client_id));
            if let Some(assertion) = &assertion {
                form.push(("client_assertion_type", client::ASSERTION_TYPE));
                form.push(("client_assertion", assertion.expose()));
            }
            let build = |request: reqwest::RequestBuilder| request.header("DPoP", proof.expose()).form(&form);
            let answer = self.abroad.ask(Method::POST, address, build).await?;
            nonces.learn(&url, &answer);
            if wants_nonce(&answer) && !is_second {
                is_second = true;
                continue;
            }
            return Ok(answer);
        }
    }

    /// The word by which a server with a key of its own says who it is (RFC 7523).
    fn assertion(&self, now: Timestamp) -> Option<SecretText> {
        let is_described = Url::parse(self.client_id).is_ok_and(|url| url.scheme() == "https");
        let key = client::key(self.abroad.ctx.endpoints).filter(|_| is_described)?;
        Some(client::assertion(&key, self.client_id, self.issuer, now))
    }

    fn refusal(&self, answer: &Answer, secrets: &[&SecretText]) -> PlatformError {
        refusal::of_token_endpoint(Platform::Bluesky, self.abroad.stage, &[], answer, secrets)
    }
}

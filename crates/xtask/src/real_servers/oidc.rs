//! The generic sign-in against a certified OAuth provider, which knows nothing of us: codes, proof keys, refresh tokens
//! that rotate, and refusals in the words of the standards.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use connectors::http::Http;
use connectors::signin::oauth;
use connectors::signin::{
    Address, AppNeed, Ask, Begun, Callback, ClientAuth, Means, OAuth, Pkce, RefreshBy, RefreshFacts, RevokedBy, Scope,
    SignInCtx, SignInFacts,
};
use connectors::{App, Endpoints};
use domain::account::Tokens;
use domain::clock::Clock;
use domain::error::{ErrorKind, PlatformError, When};
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::SignedDuration;
use url::Url;

use super::launch::{Running, free_port};
use crate::clock::SystemClock;
use crate::connect::visitor::{Page, Seen, Visitor, filled_in};
use crate::product::ScratchFolder;

/// Some platform: the provider is none, and stands in for this one.
const PLATFORM: Platform = Platform::X;
/// Where the provider sends browsers; nobody listens there, since the address is read and not followed.
const REDIRECT: &str = "http://127.0.0.1:9/connect/callback";
const STATE: &str = "a-state-of-this-check";
/// Pages of the provider between the start and the end.
const PAGES_MAX: usize = 12;

const SCOPES: &[Scope] = &[
    Scope::new("openid", "know who it is"),
    Scope::new("offline_access", "stay connected"),
];

const fn flow(client_auth: ClientAuth) -> OAuth {
    OAuth {
        authorize: Address::new("http://127.0.0.1", "/auth"),
        token: Address::new("http://127.0.0.1", "/token"),
        revoke: Some((
            Address::new("http://127.0.0.1", "/token/revocation"),
            RevokedBy::RefreshToken,
        )),
        client_id_name: "client_id",
        scope_separator: " ",
        extra_params: &[("prompt", "consent")],
        pkce: Pkce::S256,
        client_auth,
        rows: &[],
    }
}

const fn facts(client_auth: ClientAuth) -> SignInFacts {
    SignInFacts {
        platform: PLATFORM,
        means: &[Means::OAuth],
        oauth: Some(flow(client_auth)),
        app: AppNeed::OperatorApp {
            at: "the provider's own settings",
            besides: None,
        },
        refresh: RefreshFacts {
            by: RefreshBy::RefreshToken,
            rotates: true,
            ahead: SignedDuration::from_mins(10),
            min_age: SignedDuration::ZERO,
        },
        api: None,
        needs: SCOPES,
    }
}

static IN_BODY: SignInFacts = facts(ClientAuth::Body);
static BY_BASIC: SignInFacts = facts(ClientAuth::Basic);

/// Starts the provider and makes every check, a line each. True when all hold.
pub(super) async fn check(servers: &Path, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let scratch = ScratchFolder::new("broadside-oidc")?;
    let port = free_port()?;
    let settings = [("OIDC_PORT", port.to_string()), ("OIDC_REDIRECTS", REDIRECT.to_owned())];
    let running = Running::launch("oidc.sh", &settings, port, servers, scratch.path()).await?;
    let checked = check_all(running.base_url(), out).await;
    running.stop().await?;
    checked
}

async fn check_all(base: &str, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let mut passed = true;
    for (name, id, secret, facts) in [
        ("secret in the body", "publisher", "publisher-secret", &IN_BODY),
        ("secret by Basic", "publisher-basic", "publisher-secret", &BY_BASIC),
        ("no secret", "publisher-public", "", &IN_BODY),
    ] {
        let client = Client::new(base, id, secret, facts)?;
        let mut tell = |what: &str, held: anyhow::Result<()>| -> anyhow::Result<()> {
            passed &= held.is_ok();
            match held {
                Ok(()) => writeln!(out, "ok: oidc ({name}): {what}")?,
                Err(why) => writeln!(out, "FAIL: oidc ({name}): {what}: {why:#}")?,
            }
            Ok(())
        };
        tell("a code and its verifier are good for tokens, once", client.code().await)?;
        tell("another verifier is refused", client.wrong_verifier().await)?;
        tell(
            "refresh tokens rotate, and a spent one is refused",
            client.rotation().await,
        )?;
        tell("tokens that were given back are refused", client.given_back().await)?;
    }
    Ok(passed)
}

/// An app that is registered at the provider.
struct Client {
    http: Http,
    endpoints: Endpoints,
    facts: &'static SignInFacts,
    base: Url,
}

impl Client {
    fn new(base: &str, id: &str, secret: &str, facts: &'static SignInFacts) -> anyhow::Result<Self> {
        let app = App {
            id: id.to_owned(),
            secret: SecretText::from(secret),
        };
        Ok(Self {
            http: Http::new(Arc::new(SystemClock))?,
            endpoints: Endpoints {
                overrides: BTreeMap::from([(PLATFORM, Url::parse(base)?)]),
                apps: BTreeMap::from([(PLATFORM, app)]),
                ..Endpoints::default()
            },
            facts,
            base: Url::parse(base)?,
        })
    }

    fn ctx(&self) -> SignInCtx<'_> {
        SignInCtx {
            endpoints: &self.endpoints,
            http: &self.http,
            base_url: None,
            app: None,
            now: SystemClock.now(),
        }
    }

    /// Signs in as somebody and consents; what the browser brings back.
    async fn consented(&self) -> anyhow::Result<(Begun, Callback)> {
        let ask = Ask {
            state: STATE.to_owned(),
            redirect_uri: REDIRECT.to_owned(),
            seed: rand::random(),
            inputs: BTreeMap::new(),
            app: None,
        };
        let begun = oauth::begin(self.facts, self.ctx(), &ask)?;
        let visitor = Visitor::new(&self.base, Seen::default())?;
        let mut page = visitor.get(&begun.authorize).await?;
        for _ in 0..PAGES_MAX {
            page = match &page.location {
                Some(back) if back.as_str().starts_with(REDIRECT) => {
                    let (state, back) = Callback::from_pairs(back.query_pairs().into_owned());
                    ensure!(state.as_deref() == Some(STATE), "the state came back changed");
                    return Ok((begun, back));
                }
                Some(next) => visitor.get(&next.clone()).await?,
                None => answered(&visitor, page).await?,
            };
        }
        bail!("the provider goes on asking: {}", page.summary())
    }

    async fn granted(&self) -> anyhow::Result<Tokens> {
        let (begun, back) = self.consented().await?;
        Ok(oauth::exchange(self.facts, self.ctx(), &begun.memory, &back)
            .await?
            .tokens)
    }

    async fn refreshed(&self, tokens: &Tokens) -> Result<Tokens, PlatformError> {
        oauth::refresh(self.facts, self.ctx(), tokens).await
    }

    async fn code(&self) -> anyhow::Result<()> {
        let (begun, back) = self.consented().await?;
        let challenge = begun
            .authorize
            .query_pairs()
            .find(|(name, _)| name == "code_challenge_method");
        ensure!(
            challenge.is_some_and(|(_, method)| method == "S256"),
            "no code challenge went along"
        );
        let tokens = oauth::exchange(self.facts, self.ctx(), &begun.memory, &back)
            .await?
            .tokens;
        ensure!(tokens.refresh.is_some(), "there is no refresh token");
        let ends_in = tokens.expires_at.context("no end")?.duration_since(SystemClock.now());
        ensure!(
            (3_500..=3_600).contains(&ends_in.as_secs()),
            "the token ends in {ends_in}"
        );
        let again = oauth::exchange(self.facts, self.ctx(), &begun.memory, &back).await;
        is_for_a_person(again.err())
    }

    async fn wrong_verifier(&self) -> anyhow::Result<()> {
        let (mut begun, back) = self.consented().await?;
        begun
            .memory
            .set("verifier", "a-verifier-of-somebody-else-that-is-long-enough");
        let refused = oauth::exchange(self.facts, self.ctx(), &begun.memory, &back).await;
        is_for_a_person(refused.err())
    }

    async fn rotation(&self) -> anyhow::Result<()> {
        let first = self.granted().await?;
        let second = self.refreshed(&first).await?;
        let of = |tokens: &Tokens| tokens.refresh.as_ref().map(|secret| secret.expose().to_owned());
        ensure!(
            of(&second).is_some() && of(&second) != of(&first),
            "the refresh token did not change"
        );
        ensure!(
            second.access.expose() != first.access.expose(),
            "the access token did not change"
        );
        let third = self.refreshed(&second).await?;
        is_for_a_person(self.refreshed(&first).await.err()).context("the spent token")?;
        // RFC 9700, 4.14.2: a spent token that is used again ends what came of it, too.
        is_for_a_person(self.refreshed(&third).await.err()).context("the newest token after that")
    }

    async fn given_back(&self) -> anyhow::Result<()> {
        let tokens = self.granted().await?;
        oauth::revoke(self.facts, self.ctx(), &tokens).await?;
        is_for_a_person(self.refreshed(&tokens).await.err())?;
        oauth::revoke(self.facts, self.ctx(), &tokens)
            .await
            .context("giving back twice")
    }
}

/// Answers a page of the provider: a name and a password first, then consent.
async fn answered(visitor: &Visitor, page: Page) -> anyhow::Result<Page> {
    let page = page.shown()?;
    let mut fields = filled_in(&page.body);
    ensure!(!fields.is_empty(), page.summary());
    fields.extend([("login", "alice"), ("password", "x")].map(|(name, text)| (name.to_owned(), text.to_owned())));
    visitor.post(&page.url, &fields).await
}

/// Nothing, if this is the refusal that only another sign-in helps against, and it quotes no secret.
fn is_for_a_person(error: Option<PlatformError>) -> anyhow::Result<()> {
    let error = error.context("it was taken")?;
    let is_meant = error.kind == ErrorKind::Auth && error.retry.when == When::AfterReconnect;
    ensure!(
        is_meant,
        "it was refused as {:?} {:?}: {}",
        error.kind,
        error.retry.when,
        error.message
    );
    Ok(())
}

//! A server with a sandbox beside it, in one process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use connectors::{App, Connector, Credentials};
use domain::account::{Account, User};
use domain::clock::Clock;
use domain::plan::Plan;
use domain::platform::Platform;
use domain::secret::SecretText;
use engine::Engine;
use engine::accounts::MakeLink;
use jiff::SignedDuration;
use sandbox::{AccountSeed, Sandbox};
use store::Reach;
use url::Url;

use super::cast::{CAST, Role};
use crate::config::Config;
use crate::fixtures::StandIn;
use crate::wiring::{Extras, Foundations, Server, needs_app, platforms};

/// The user that a demonstration posts as.
const USER: &str = "demo";
/// The name of its keys.
const KEY_NAME: &str = "demo";
/// The sandbox's record of what was really made, in the data directory.
pub(crate) const JOURNAL_FILE: &str = "sandbox-journal.jsonl";

/// A running server with its platforms.
pub struct Stage {
    /// The server.
    pub server: Server,
    /// The platforms.
    pub sandbox: Arc<Sandbox>,
    /// Who posts.
    pub user: User,
    /// The user's API key.
    pub key: SecretText,
    /// The accounts of the cast, in its order.
    pub accounts: Vec<(Role, Account)>,
    /// The address of a page on which more accounts are connected.
    pub connect_url: SecretText,
}

/// Starts the emulated platforms, with a journal in the data directory.
///
/// # Errors
/// When no address can be bound, or the journal cannot be read.
pub(crate) async fn start_sandbox(dir: &Path, clock: &Arc<dyn Clock>, seed: u64) -> anyhow::Result<Sandbox> {
    let options = sandbox::Options {
        journal: Some(dir.join(JOURNAL_FILE)),
        seed,
        ..sandbox::Options::new(Arc::clone(clock))
    };
    sandbox::start(options).await.context("the sandbox")
}

/// What a site needs to take the sandbox for the world: addresses, apps, and stand-ins for platforms that this server
/// cannot publish to.
#[must_use]
pub(crate) fn extras(sandbox: &Sandbox) -> Extras {
    let ours = platforms();
    let strangers = Platform::ALL
        .iter()
        .copied()
        .filter(|platform| !ours.contains(platform));
    let apps = Platform::ALL.iter().copied().filter(|platform| needs_app(*platform));
    Extras {
        connectors: strangers
            .map(|platform| Arc::new(StandIn::new(platform)) as Arc<dyn Connector>)
            .collect(),
        endpoints: Platform::ALL
            .iter()
            .map(|platform| (*platform, address(sandbox, *platform)))
            .collect(),
        apps: apps.map(|platform| (platform, app(platform))).collect(),
        // What the sandbox grants every app, so that organizations can be connected too.
        scopes: BTreeMap::from([(
            Platform::LinkedIn,
            [
                "w_organization_social",
                "r_organization_social",
                "rw_organization_admin",
            ]
            .map(str::to_owned)
            .into(),
        )]),
        tune: Some(Box::new(|settings| {
            // A demonstration that is told to end ends: what is under way is asked for at the next start.
            settings.drain = SignedDuration::from_secs(5);
            // The sandbox's limits are generous; the platforms' own would only slow it down.
            settings.rate_budgets = false;
        })),
        ..Extras::default()
    }
}

/// Where the sandbox has a platform: sign-in for all, and everything else where there is an emulator.
fn address(sandbox: &Sandbox, platform: Platform) -> Url {
    let base = sandbox.base_url();
    base.join(platform.word())
        .unwrap_or_else(|_| sandbox.endpoint(platform))
}

fn app(platform: Platform) -> App {
    let app = sandbox::app(platform);
    App {
        id: app.id,
        secret: SecretText::new(app.secret),
    }
}

impl Stage {
    /// Starts everything on an opened directory and connects the cast.
    ///
    /// # Errors
    /// When an address cannot be bound, or a part does not work, which is a bug.
    pub async fn set(mut config: Config, foundations: Foundations, clock: &Arc<dyn Clock>) -> anyhow::Result<Self> {
        let sandbox = start_sandbox(&config.data.dir, clock, crate::wiring::random_number()?).await?;
        config.media.allow = vec![sandbox.base_url().origin().ascii_serialization()];
        config.webhooks.allow = vec!["127.0.0.1:*".to_owned()];
        let mut extras = extras(&sandbox);
        extras.points = crate::wiring::plain_extras()?.points;
        let server = Server::start(&config, foundations, extras).await?;
        let engine = server.site.engine.clone();
        let user = user(&engine).await?;
        let key = fresh_key(&engine, &user).await?;
        let mut accounts = Vec::new();
        for role in CAST {
            let seed = sandbox.add_account(&role.account())?;
            let (home, credentials) = (base_url(&seed), credentials(&seed));
            let connected = engine
                .connect_account(user.id, role.platform, home.as_deref(), &credentials)
                .await;
            let account = connected.with_context(|| format!("connecting {} on {}", role.handle, role.platform))?;
            accounts.push((*role, account));
        }
        let connect_url = connect_url(&server, &user).await?;
        Ok(Self {
            connect_url,
            server,
            sandbox: Arc::new(sandbox),
            user,
            key,
            accounts,
        })
    }

    /// What the demonstration's user reaches.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { owner: self.user.id }
    }
}

async fn connect_url(server: &Server, user: &User) -> anyhow::Result<SecretText> {
    let (token, _) = server.site.engine.make_link(user.id, MakeLink::default()).await?;
    let base = server.public_url.as_str().trim_end_matches('/');
    Ok(SecretText::new(format!("{base}/connect/{}", token.expose())))
}

async fn user(engine: &Engine) -> anyhow::Result<User> {
    match engine.user_by_name(USER).await {
        Err(engine::Error::NotFound) => Ok(engine.create_user(USER, Plan::default()).await?),
        other => Ok(other?),
    }
}

/// A key can be shown only when it is made, so earlier demonstrations' keys are replaced.
async fn fresh_key(engine: &Engine, user: &User) -> anyhow::Result<SecretText> {
    for key in engine.keys_of(user.id).await? {
        if key.name == KEY_NAME && key.revoked_at.is_none() {
            engine.revoke_key(user.id, key.id).await?;
        }
    }
    Ok(engine.create_key(user.id, KEY_NAME).await?.text)
}

/// Where accounts of platforms with many servers live.
fn base_url(seed: &AccountSeed) -> Option<String> {
    matches!(seed.platform, Platform::Mastodon | Platform::Bluesky).then(|| seed.base_url.to_string())
}

/// Whether a token there is good for several accounts.
const fn names_itself(platform: Platform) -> bool {
    matches!(platform, Platform::Telegram | Platform::Facebook | Platform::LinkedIn)
}

/// What a person would have in hand to connect this account.
fn credentials(seed: &AccountSeed) -> Credentials {
    let secret = |text: &Option<String>| text.clone().map(SecretText::new);
    match seed.platform {
        Platform::Bluesky => Credentials {
            identifier: Some(seed.handle.clone()),
            password: secret(&seed.password),
            ..Credentials::default()
        },
        platform => Credentials {
            token: Some(SecretText::new(seed.token.clone())),
            refresh: secret(&seed.refresh_token),
            identifier: names_itself(platform).then(|| seed.remote_id.clone()),
            ..Credentials::default()
        },
    }
}

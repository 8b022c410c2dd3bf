//! Puts the parts together: store, media, HTTP clients, connectors, engine.

mod server;
mod storage;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use connectors::http::Http;
use connectors::signin::{ApiVersion, AppNeed, SignIn};
use connectors::{App, Connector, Endpoints, Registry};
use domain::clock::Clock;
use domain::platform::Platform;
use domain::secret::{SecretBytes, SecretText};
use engine::Engine;
use engine::library::Library;
use engine::points::{FailPoints, GoOn};
use engine::webhooks::{HttpCourier, Outgoing, Room};
use futures_util::Stream;
use jiff::SignedDuration;
use media::{AddressPolicy, Allowance, FetchLimits, Fetcher, LinkSigner, MediaStore};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};
use sha2::{Digest, Sha256};
use store::Store;
use url::Url;

use crate::admin::{Refusal, Reply};
use crate::config::Config;

pub(crate) use server::POSTPOST;
pub use server::{Server, signal};
pub use storage::{SecretsStatus, Storage};

/// Puts something between an engine and its store.
pub type AroundStore = Box<dyn FnOnce(Arc<dyn Store>) -> Arc<dyn Store> + Send>;

/// Changes how an engine behaves.
pub type Tune = Box<dyn FnOnce(&mut engine::Settings) + Send>;

/// What is made differently from what a plain server does: for demonstrations and tests.
#[derive(Default)]
pub struct Extras {
    /// Connectors for platforms that have none of their own.
    pub connectors: Vec<Arc<dyn Connector>>,
    /// Where platforms are, unless the settings say otherwise.
    pub endpoints: BTreeMap<Platform, Url>,
    /// Apps of platforms, unless the settings say otherwise.
    pub apps: BTreeMap<Platform, App>,
    /// Scopes that platforms' apps were approved for, unless the settings say otherwise.
    pub scopes: BTreeMap<Platform, Vec<String>>,
    /// Where the process kills itself.
    pub points: Option<Arc<dyn FailPoints>>,
    /// Puts something between the engine and its store.
    pub around_store: Option<AroundStore>,
    /// Changes how the engine behaves.
    pub tune: Option<Tune>,
}

/// An opened data directory: nothing runs yet.
pub struct Foundations {
    storage: Storage,
    media: MediaStore,
    clock: Arc<dyn Clock>,
}

/// What opening a data directory came to.
pub enum Opened<T> {
    /// It is ours.
    Site(T),
    /// Somebody else has it; in words.
    HeldBy(String),
}

impl Foundations {
    /// Opens the data directory and takes its lock.
    ///
    /// # Errors
    /// When the database cannot be opened or brought to this version's schema, or the master key cannot be read.
    pub async fn open(config: &Config, clock: &Arc<dyn Clock>) -> anyhow::Result<Opened<Self>> {
        let dir = &config.data.dir;
        let storage = match Storage::open(dir, clock.as_ref()).await? {
            Opened::Site(storage) => storage,
            Opened::HeldBy(holder) => return Ok(Opened::HeldBy(holder)),
        };
        let media = media_store(config)?;
        Ok(Opened::Site(Self {
            storage,
            media,
            clock: Arc::clone(clock),
        }))
    }
}

/// A data directory with an engine on it.
pub struct Site {
    /// What does the work.
    pub engine: Engine,
    /// The files.
    pub library: Arc<Library>,
    /// How large files may be.
    pub limits: media::Limits,
    /// Where this process listens when it is a server, which publishes by itself.
    pub serving_at: Option<SocketAddr>,
    /// The address under which others reach this server, when it is known.
    pub public_url: Option<Url>,
    /// What delivers webhooks.
    pub outgoing: Outgoing,
    storage: Storage,
}

impl Site {
    /// Opens a data directory for one command, without a server.
    ///
    /// # Errors
    /// As [`Foundations::open`].
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Opened<Box<Self>>> {
        let foundations = match Foundations::open(config, &clock).await? {
            Opened::Site(foundations) => foundations,
            Opened::HeldBy(holder) => return Ok(Opened::HeldBy(holder)),
        };
        let site = Self::build(config, foundations, config.server.public_url.clone(), plain_extras()?).await?;
        Ok(Opened::Site(Box::new(site)))
    }

    /// Puts an engine on an opened directory.
    ///
    /// # Errors
    /// When a secret file cannot be read, the store does not answer, or TLS cannot be set up.
    pub async fn build(
        config: &Config,
        foundations: Foundations,
        public_url: Option<Url>,
        extras: Extras,
    ) -> anyhow::Result<Self> {
        let Foundations { storage, media, clock } = foundations;
        let mut store = storage.store();
        if let Some(around) = extras.around_store {
            store = around(store);
        }
        let installation = store.installation().await.context("the database")?;
        let signer = LinkSigner::new(derived(&installation.secret, b"media links"));
        let mut registry = registry();
        extras
            .connectors
            .into_iter()
            .for_each(|connector| registry.add(connector));
        let mut settings = engine_settings(config, public_url.clone())?;
        let outgoing = outgoing(config, &mut settings)?;
        if let Some(tune) = extras.tune {
            tune(&mut settings);
        }
        let limits = media::Limits {
            image_bytes_max: config.media.image_bytes_max,
            video_bytes_max: config.media.video_bytes_max,
            document_bytes_max: config.media.document_bytes_max,
        };
        let policy = AddressPolicy::public_only()
            .trusting_origins(&config.media.allow)
            .context("media.allow")?;
        let fetch_limits = FetchLimits {
            media: limits,
            ..FetchLimits::default()
        };
        let http = Http::new(Arc::clone(&clock)).context("the HTTP clients")?;
        let fetcher = Fetcher::new(policy, fetch_limits, Arc::clone(&clock)).context("the HTTP client for media")?;
        let library =
            Arc::new(Library::new(media, fetcher, signer, Arc::clone(&clock), seeded_rng()?).with_limits(limits));
        if let Some(url) = &public_url {
            library.set_public_url(url.clone());
        }
        let engine = Engine::new(engine::Parts {
            store,
            connectors: registry,
            endpoints: endpoints(config, extras.endpoints, extras.apps, extras.scopes)?,
            media: Arc::clone(&library) as _,
            library: Arc::clone(&library),
            http,
            clock,
            rng: seeded_rng()?,
            settings,
            points: extras.points.unwrap_or_else(|| Arc::new(GoOn)),
        })
        .await
        .context("the engine")?;
        let moved = engine.follow_plans().await.context("the plans of users")?;
        if moved > 0 {
            tracing::info!(users = moved, "plans were changed as configured");
        }
        Ok(Self {
            engine,
            library,
            limits,
            serving_at: None,
            public_url,
            outgoing,
            storage,
        })
    }

    /// Stores a file of a user.
    ///
    /// # Errors
    /// A [`Refusal`] when the user is not known, the file is of no kind that is published, or it is too large.
    pub async fn put_media(
        &self,
        user: Option<&str>,
        name: &str,
        bytes: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<Reply, Refusal> {
        let owner = crate::admin::the_user(&self.engine, user).await?.id;
        let stored = self
            .library
            .put(owner, Some(name.to_owned()), None, bytes, &self.limits)
            .await;
        stored
            .map(Reply::Media)
            .map_err(|error| Refusal::new("media", format!("{name}: {error}")))
    }

    /// Fetches a file from the web and stores it for a user.
    ///
    /// # Errors
    /// A [`Refusal`] when the user is not known, or the address or what it holds is refused.
    pub async fn fetch_media(&self, user: Option<&str>, url: &str) -> Result<Reply, Refusal> {
        let owner = crate::admin::the_user(&self.engine, user).await?.id;
        let stored = self
            .library
            .import(owner, url, &Allowance::new(self.limits.largest()))
            .await;
        stored
            .map(Reply::Media)
            .map_err(|error| Refusal::new("media", format!("{url}: {error}")))
    }

    /// Looks whether the database is whole.
    ///
    /// # Errors
    /// When it is not, or does not answer.
    pub async fn check_database(&self) -> anyhow::Result<()> {
        self.storage.check().await
    }

    /// Which master keys are in use.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn secrets_status(&self) -> anyhow::Result<SecretsStatus> {
        self.storage.secrets_status().await
    }

    /// Makes a new master key, seals everything with it and forgets the old ones.
    ///
    /// # Errors
    /// When the key comes from the environment, its file cannot be written, or the database does not answer.
    pub async fn rotate_secrets(&self) -> anyhow::Result<()> {
        self.storage.rotate_secrets().await
    }
}

/// Where files are kept: in a bucket if one is set, else in the data directory.
///
/// # Errors
/// When the folder cannot be made, or the bucket's settings lack a part.
pub(crate) fn media_store(config: &Config) -> anyhow::Result<MediaStore> {
    let dir = &config.data.dir;
    let Some(set) = &config.media.s3 else {
        return MediaStore::local(dir).with_context(|| format!("the media folder in {}", dir.display()));
    };
    let secret_key = match (&set.secret_key, &set.secret_key_file) {
        (Some(secret), _) => secret.clone(),
        (None, Some(path)) => read_secret(path).context("media.s3.secret_key_file")?,
        (None, None) => anyhow::bail!("media.s3 needs a secret_key or a secret_key_file"),
    };
    let settings = media::S3 {
        endpoint: set.endpoint.clone(),
        region: set.region.clone(),
        bucket: set.bucket.clone(),
        access_key: set.access_key.clone(),
        secret_key,
        virtual_hosted: set.virtual_hosted,
    };
    MediaStore::s3(&settings).context("media.s3")
}

/// The connectors and sign-ins of this server.
fn registry() -> Registry {
    Registry::all()
}

/// The versions of platforms' APIs that this server speaks, where they have versions.
#[must_use]
pub fn api_versions() -> Vec<(Platform, ApiVersion)> {
    let registry = registry();
    let version = |sign_in: &Arc<dyn SignIn>| Some((sign_in.platform(), sign_in.facts().api?));
    registry.sign_ins().filter_map(version).collect()
}

/// Whether people can connect accounts of a platform only through an app of the operator's.
#[must_use]
pub fn needs_app(platform: Platform) -> bool {
    let registry = registry();
    let need = registry.sign_in(platform).map(|sign_in| sign_in.facts().app);
    matches!(need, Some(AppNeed::OperatorApp { .. }))
}

/// The platforms that this server can publish to.
#[must_use]
pub fn platforms() -> Vec<Platform> {
    registry().platforms().collect()
}

/// What a plain process is built with: fail points, when this build has them and the environment asks for them.
///
/// # Errors
/// When the environment asks for a fail point that does not exist.
pub fn plain_extras() -> anyhow::Result<Extras> {
    #[cfg(any(debug_assertions, feature = "chaos"))]
    let points = crate::chaos::KillPoints::from_env()?.map(|points| Arc::new(points) as Arc<dyn FailPoints>);
    #[cfg(not(any(debug_assertions, feature = "chaos")))]
    let points = None;
    Ok(Extras {
        points,
        ..Extras::default()
    })
}

fn engine_settings(config: &Config, public_url: Option<Url>) -> anyhow::Result<engine::Settings> {
    let set = &config.publisher;
    Ok(engine::Settings {
        rate_budgets: set.rate_budgets,
        quotas: config.stated_quotas()?,
        sends_max: set.sends_max,
        claimed_max: set.claimed_max,
        late_after: set.late_after,
        behind_after: set.behind_after,
        poll: set.poll,
        processing_max: set.processing_max,
        watchdog_after: set.watchdog_after,
        drain: set.drain.max(SignedDuration::from_secs(1)),
        reconnect_grace: config.accounts.reconnect_grace,
        imports_per_hour: config.media.imports_per_hour,
        plans: config.plans()?,
        public_url,
        ..engine::Settings::default()
    })
}

/// What delivers webhooks, to where the settings let it.
fn outgoing(config: &Config, settings: &mut engine::Settings) -> anyhow::Result<Outgoing> {
    let policy = settings.webhooks.clone();
    settings.webhooks = policy
        .trusting_hosts(&config.webhooks.allow)
        .context("webhooks.allow")?;
    let courier = HttpCourier::new(settings.webhooks.clone()).context("the HTTP client for webhooks")?;
    Ok(Outgoing {
        dialects: api::webhook_dialects(),
        courier: Arc::new(courier),
        room: Room::default(),
    })
}

fn endpoints(
    config: &Config,
    mut overrides: BTreeMap<Platform, Url>,
    mut apps: BTreeMap<Platform, App>,
    mut scopes: BTreeMap<Platform, Vec<String>>,
) -> anyhow::Result<Endpoints> {
    for (platform, set) in &config.platforms {
        if !set.scopes.is_empty() {
            scopes.insert(*platform, set.scopes.clone());
        }
        if let Some(url) = &set.base_url {
            overrides.insert(*platform, url.clone());
        }
        let secret = match (&set.client_secret, &set.client_secret_file) {
            (Some(secret), _) => secret.clone(),
            (None, Some(path)) => {
                read_secret(path).with_context(|| format!("platforms.{platform}.client_secret_file"))?
            }
            (None, None) => SecretText::default(),
        };
        if let Some(id) = &set.client_id {
            apps.insert(*platform, App { id: id.clone(), secret });
        }
    }
    Ok(Endpoints {
        overrides,
        apps,
        scopes,
    })
}

/// Reads a file that holds nothing but a secret.
///
/// # Errors
/// When it cannot be read, or is empty.
pub fn read_secret(path: &Path) -> anyhow::Result<SecretText> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let secret = text.trim();
    anyhow::ensure!(!secret.is_empty(), "{} is empty", path.display());
    Ok(SecretText::new(secret.to_owned()))
}

fn derived(secret: &SecretBytes, label: &[u8]) -> SecretBytes {
    SecretBytes::new(
        Sha256::new()
            .chain_update(label)
            .chain_update([0])
            .chain_update(secret.expose())
            .finalize()
            .to_vec(),
    )
}

/// A generator seeded by the operating system.
///
/// # Errors
/// When that gives no randomness.
pub fn seeded_rng() -> anyhow::Result<StdRng> {
    let mut seed = [0; 32];
    SysRng
        .try_fill_bytes(&mut seed)
        .context("the operating system gives no randomness")?;
    Ok(StdRng::from_seed(seed))
}

/// A random number.
///
/// # Errors
/// As [`seeded_rng`].
pub fn random_number() -> anyhow::Result<u64> {
    Ok(seeded_rng()?.next_u64())
}

//! A server in this process: the store, the engine and the API as `serve` puts them together.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use api::ApiState;
use connectors::http::Http;
use connectors::{Endpoints, Registry};
use domain::clock::Clock;
use domain::secret::SecretBytes;
use engine::library::Library;
use engine::points::{FailPoints, GoOn};
use engine::{Engine, Settings};
use media::{AddressPolicy, FetchLimits, Fetcher, LinkSigner, MediaStore};
use rand::SeedableRng;
use rand::rngs::StdRng;
use store::sqlite::{BeforeCommit, OpenOptions, SqliteStore};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use url::Url;

use crate::clock::SystemClock;

/// Ids and jitter; what is measured does not depend on it.
const SEED: u64 = 7;

/// How a site differs from a plain server.
pub(super) struct Setup {
    /// The most commands in one commit; `None` for as many as a server takes.
    pub(super) commands_per_commit_max: Option<usize>,
    /// What each commit takes longer.
    pub(super) slower_by: Duration,
    pub(super) endpoints: Endpoints,
    pub(super) points: Arc<dyn FailPoints>,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            commands_per_commit_max: None,
            slower_by: Duration::ZERO,
            endpoints: Endpoints::default(),
            points: Arc::new(GoOn),
            settings: Settings::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Opens a data directory as a server does.
pub(super) async fn open(dir: &Path, setup: Setup) -> anyhow::Result<Engine> {
    let clock = setup.clock;
    let mut options = OpenOptions::new(clock.now());
    if let Some(max) = setup.commands_per_commit_max {
        options.commands_per_commit_max = max;
    }
    if !setup.slower_by.is_zero() {
        let by = setup.slower_by;
        let slow: BeforeCommit = Arc::new(move || std::thread::sleep(by));
        options.before_commit = Some(slow);
    }
    let store = SqliteStore::open(dir, options).with_context(|| format!("cannot open {}", dir.display()))?;
    let library = library(dir)?;
    let parts = engine::Parts {
        store: Arc::new(store),
        connectors: Registry::all(),
        endpoints: setup.endpoints,
        media: Arc::clone(&library) as _,
        library,
        http: Http::new(Arc::clone(&clock))?,
        rng: StdRng::seed_from_u64(SEED ^ u64::try_from(clock.now().as_microsecond())?),
        clock,
        settings: setup.settings,
        points: setup.points,
    };
    Ok(Engine::new(parts).await?)
}

/// Something that listens until it is dropped.
pub(super) struct Listening {
    pub(super) addr: SocketAddr,
    stop: CancellationToken,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Serves the API of this engine.
pub(super) async fn serve(engine: &Engine, dir: &Path) -> anyhow::Result<Listening> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let state = state(engine, dir, listener.local_addr()?)?;
    serve_routes(listener, api::origin(state))
}

/// What the API's handlers reach, for a server that listens there.
pub(super) fn state(engine: &Engine, dir: &Path, addr: SocketAddr) -> anyhow::Result<ApiState> {
    let library = library(dir)?;
    Ok(ApiState::new(api::Parts {
        engine: engine.clone(),
        public_url: Url::parse(&format!("http://{addr}/"))?,
        version: env!("CARGO_PKG_VERSION"),
        links: Arc::clone(&library) as _,
        files: library,
        publishes: false,
        seed: SEED,
    }))
}

/// Serves these routes by the server's own means.
pub(super) fn serve_routes(listener: TcpListener, routes: impl api::Answers) -> anyhow::Result<Listening> {
    let (addr, stop) = (listener.local_addr()?, CancellationToken::new());
    tokio::spawn(api::serve(
        listener,
        routes,
        api::Limits::default(),
        stop.clone().cancelled_owned(),
    ));
    Ok(Listening { addr, stop })
}

/// Logs what a server logs, into this file.
pub(super) fn log_to(file: &Path) -> anyhow::Result<()> {
    let file = std::fs::File::create(file).context("cannot make the log")?;
    let filter: Targets = "info".parse()?;
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(Mutex::new(file));
    // A second run in one process goes on with the first one's log.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Ok(())
}

/// The files of a data directory; the posts of these measurements have none.
fn library(dir: &Path) -> anyhow::Result<Arc<Library>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let fetcher = Fetcher::new(AddressPolicy::public_only(), FetchLimits::default(), Arc::clone(&clock))?;
    let signer = LinkSigner::new(SecretBytes::new(vec![7; 32]));
    let library = Library::new(
        MediaStore::local(dir)?,
        fetcher,
        signer,
        clock,
        StdRng::seed_from_u64(SEED),
    );
    Ok(Arc::new(library))
}

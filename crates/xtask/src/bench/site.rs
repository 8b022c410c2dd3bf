//! A server in this process: the store, the engine and the API as `serve` puts them together.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use api::{ApiState, MediaFile, MediaFiles, MediaLinks, MediaStream};
use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use connectors::http::Http;
use connectors::{Endpoints, MediaSource, Registry};
use domain::clock::{BoxFut, Clock};
use domain::content::Media;
use engine::points::{FailPoints, GoOn};
use engine::{Engine, Settings};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use rand::SeedableRng;
use rand::rngs::StdRng;
use store::sqlite::{BeforeCommit, OpenOptions, SqliteStore};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
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
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            commands_per_commit_max: None,
            slower_by: Duration::ZERO,
            endpoints: Endpoints::default(),
            points: Arc::new(GoOn),
            settings: Settings::default(),
        }
    }
}

/// Opens a data directory as a server does.
pub(super) async fn open(dir: &Path, setup: Setup) -> anyhow::Result<Engine> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
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
    let parts = engine::Parts {
        store: Arc::new(store),
        connectors: Registry::all(),
        endpoints: setup.endpoints,
        media: Arc::new(NoMedia),
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
pub(super) async fn serve(engine: &Engine) -> anyhow::Result<Listening> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let state = ApiState::new(api::Parts {
        engine: engine.clone(),
        public_url: Url::parse(&format!("http://{}/", listener.local_addr()?))?,
        version: env!("CARGO_PKG_VERSION"),
        links: Arc::new(NoMedia),
        files: Arc::new(NoMedia),
        publishes: false,
        seed: SEED,
    });
    serve_routes(listener, api::router(state))
}

/// Serves these routes by the server's own means.
pub(super) fn serve_routes(listener: TcpListener, router: Router) -> anyhow::Result<Listening> {
    let (addr, stop) = (listener.local_addr()?, CancellationToken::new());
    tokio::spawn(api::serve(listener, router, api::Limits::default(), stop.clone().cancelled_owned()));
    Ok(Listening { addr, stop })
}

/// Logs what a server logs, into this file.
pub(super) fn log_to(file: &Path) -> anyhow::Result<()> {
    let file = std::fs::File::create(file).context("cannot make the log")?;
    let filter = EnvFilter::builder().parse("info")?;
    // A second run in one process goes on with the first one's log.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(Mutex::new(file)).try_init();
    Ok(())
}

/// The posts of these measurements have no files.
struct NoMedia;

impl MediaSource for NoMedia {
    fn open<'a>(&'a self, _: &'a Media, _: u64) -> BoxFut<'a, io::Result<BoxStream<'static, io::Result<Bytes>>>> {
        Box::pin(async { Ok(stream::empty().boxed()) })
    }

    fn public_url(&self, _: &Media) -> Option<Url> {
        None
    }
}

impl MediaLinks for NoMedia {
    fn link(&self, _: &Media) -> Option<String> {
        None
    }
}

#[async_trait]
impl MediaFiles for NoMedia {
    async fn find(&self, _: &str, _: &str) -> io::Result<Option<MediaFile>> {
        Ok(None)
    }

    async fn read(&self, _: &str, _: &str, _: Range<u64>) -> io::Result<MediaStream> {
        Ok(stream::empty().boxed())
    }
}

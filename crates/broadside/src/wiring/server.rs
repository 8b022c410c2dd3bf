//! A running server: the API, the publisher, housekeeping and the socket, and an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::ApiState;
use engine::Publisher;
use engine::webhooks::Deliverer;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Extras, Foundations, Site, random_number};
use crate::admin::{Listener, SOCKET_FILE};
use crate::config::Config;

/// Where the PostPost API is.
pub(crate) const POSTPOST: &str = "/postpost/api/v1";

/// A server that has begun to answer.
pub struct Server {
    /// The site that it serves.
    pub site: Arc<Site>,
    /// Where it really listens.
    pub addr: SocketAddr,
    /// The address under which others reach it.
    pub public_url: Url,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Server {
    /// Starts everything on an opened directory. When this returns, the API answers.
    ///
    /// # Errors
    /// When an address cannot be bound, or the parts cannot be put together.
    pub async fn start(config: &Config, foundations: Foundations, extras: Extras) -> anyhow::Result<Self> {
        raise_open_files();
        let listen = config.server.listen;
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on {listen}; choose another address with --listen, port 0 takes a free one")
        })?;
        let addr = listener.local_addr().context("the address that was bound")?;
        let public_url = match &config.server.public_url {
            Some(url) => url.clone(),
            None => Url::parse(&format!("http://{addr}/")).context("the address that was bound")?,
        };
        let mut site = Site::build(config, foundations, Some(public_url.clone()), extras).await?;
        site.serving_at = Some(addr);
        let site = Arc::new(site);
        let socket_path = config.data.dir.join(SOCKET_FILE);
        let socket = Listener::bind(&socket_path).with_context(|| format!("the socket {}", socket_path.display()))?;
        let engine = site.engine.clone();
        let state = ApiState::new(api::Parts {
            engine: engine.clone(),
            public_url: public_url.clone(),
            version: env!("CARGO_PKG_VERSION"),
            links: Arc::clone(&site.library) as _,
            files: Arc::clone(&site.library) as _,
            publishes: true,
            seed: random_number()?,
        });
        let lost = engine.end_lost_actions().await.context("actions that were cut off")?;
        if lost > 0 {
            tracing::warn!(
                lost,
                "the server stopped during actions; whether they were done is unknown"
            );
        }
        let stop = CancellationToken::new();
        let origin = api::origin(state);
        let tools = tools(config, origin.clone(), &engine, &stop).await?;
        let origin = origin.with(tools);
        let mut tasks = JoinSet::new();
        let closing = stop.clone();
        tasks.spawn(async move {
            if let Err(error) = api::serve_origin(listener, origin, api::Limits::default(), closing).await {
                tracing::error!(%error, "the API has ended");
            }
        });
        tasks.spawn(Publisher::new(engine.clone(), stop.clone()).run());
        tasks.spawn(Deliverer::new(engine.clone(), site.outgoing.clone(), stop.clone()).run());
        tasks.spawn({
            let (engine, stop) = (engine.clone(), stop.clone());
            async move { engine.keep_tokens(stop).await }
        });
        for (platform, sunset) in crate::admin::sunsets(engine.clock().now()) {
            tracing::warn!(%platform, "{sunset}");
        }
        tasks.spawn(engine.keep_house(stop.clone()));
        tasks.spawn(socket.serve(Arc::clone(&site), stop.clone()));
        tracing::info!(%addr, %public_url, data = %config.data.dir.display(), "broadside serves");
        Ok(Self {
            site,
            addr,
            public_url,
            stop,
            tasks,
        })
    }

    /// The token that ends with the server, for what else runs beside it.
    #[must_use]
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Serves until the process is told to end by SIGTERM or SIGINT, or a part of it ends by itself; then drains.
    ///
    /// # Errors
    /// When a part ended without being told to, which is a bug.
    pub async fn until_told(mut self) -> anyhow::Result<()> {
        let told = tokio::select! {
            name = signal() => { tracing::info!(signal = name?, "draining"); true }
            ended = self.tasks.join_next() => {
                tracing::error!(?ended, "a part of the server has ended by itself");
                false
            }
        };
        self.shut_down().await;
        anyhow::ensure!(told, "a part of the server ended by itself; see the log");
        Ok(())
    }

    /// Stops accepting and claiming, and lets what is under way finish.
    pub async fn shut_down(mut self) {
        self.stop.cancel();
        // Each part has a bound of its own; this one only keeps a bug from making a service hang.
        let drain = Duration::try_from(self.site.engine.settings().drain).unwrap_or_default();
        let bound = drain.saturating_add(Duration::from_secs(15));
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(bound, all).await.is_err() {
            tracing::warn!("some parts did not end in time");
        }
    }
}

/// `/mcp`: tools that call the API of this process.
async fn tools(
    config: &Config,
    api: api::Origin,
    engine: &engine::Engine,
    stop: &CancellationToken,
) -> anyhow::Result<axum::Router> {
    let upstream = mcp::InProcess::new(axum::Router::new().fallback_service(api), POSTPOST);
    let catalogue = mcp::Catalogue::with_later(&config.mcp.extra_tools, &upstream).await;
    Ok(mcp::routes(mcp::Parts {
        catalogue: catalogue.context("mcp.extra_tools")?,
        upstream: Arc::new(upstream),
        clock: Arc::clone(engine.clock()),
        stop: stop.clone(),
    }))
}

/// Waits for the first signal that asks the process to end.
///
/// # Errors
/// When the system does not let this process listen for signals.
pub async fn signal() -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    Ok(tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

/// Lets this process open as many files as it may. Each client, each send and each stored file is one, and the customary
/// first limit of 1,024 is less than the connections that the API alone admits.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, allowed = limit.current, "the limit of open files could not be raised");
    }
}

//! HTTP clients for addresses that users name.
//!
//! A URL is judged as it is written, and names are resolved here, at the moment of connecting: every address of the
//! answer is judged, and exactly those addresses are connected to, so that there is no second lookup that could say
//! something else. Redirects are never followed by a client.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use domain::clock::BoxFut;
use reqwest::Client;
use url::Url;

use crate::address::{AddressPolicy, Refusal, Verdict, is_public};
use crate::trust;

/// Resolvers may answer with any number of addresses; more than these are not tried.
const ADDRESSES_MAX: usize = 16;
/// How long a connection may take to be made; a caller's own deadline may be shorter.
const CONNECT_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);
/// How long a connection that nobody uses is kept. Servers close theirs after five seconds and more (Node.js,
/// `server.keepAliveTimeout`); a request that meets the closing of its connection would be lost.
const IDLE_MAX: std::time::Duration = std::time::Duration::from_secs(2);

/// Why nothing was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// The host, or an address that it resolves to, is not public.
    #[error("the host is not a public one")]
    Blocked,
    /// The name could not be resolved.
    #[error("the host could not be found")]
    Unknown,
    /// The server could not be reached or broke off.
    #[error("the server could not be reached, or it broke off")]
    Failed,
}

/// Turns a name into addresses.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFut<'a, io::Result<Vec<IpAddr>>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFut<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            Ok(tokio::net::lookup_host((host, 0))
                .await?
                .map(|address| address.ip())
                .collect())
        })
    }
}

/// What the clients resolve names with: judged, or not judged for origins that the operator listed.
struct Judging {
    resolver: Arc<dyn Resolve>,
    is_trusted: bool,
}

impl reqwest::dns::Resolve for Judging {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let resolver = Arc::clone(&self.resolver);
        let is_trusted = self.is_trusted;
        Box::pin(async move {
            let found = resolver.resolve(name.as_str()).await.map_err(|_| NoAnswer::Unknown)?;
            // One address of an attacker among good ones would be enough, so one bad address refuses them all.
            if !is_trusted && found.iter().any(|address| !is_public(*address)) {
                return Err(NoAnswer::Blocked.into());
            }
            if found.is_empty() {
                return Err(NoAnswer::Unknown.into());
            }
            let addresses = found
                .into_iter()
                .take(ADDRESSES_MAX)
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// A resolver for clients that go where users point: a name with an address that is not public is not resolved at all.
#[must_use]
pub fn public_resolver() -> impl reqwest::dns::Resolve + 'static {
    Judging {
        resolver: Arc::new(SystemResolver),
        is_trusted: false,
    }
}

/// A policy, and the clients that keep to it.
#[derive(Debug, Clone)]
pub struct JudgedClients {
    public: Client,
    trusted: Client,
    policy: Arc<AddressPolicy>,
}

impl JudgedClients {
    /// Clients that resolve names with `resolver`, and keep at most `idle_per_host` connections to a host open.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(policy: AddressPolicy, resolver: Arc<dyn Resolve>, idle_per_host: usize) -> reqwest::Result<Self> {
        let public = Judging {
            resolver: Arc::clone(&resolver),
            is_trusted: false,
        };
        let trusted = Judging {
            resolver,
            is_trusted: true,
        };
        Ok(Self {
            public: client(public, idle_per_host)?,
            trusted: client(trusted, idle_per_host)?,
            policy: Arc::new(policy),
        })
    }

    /// Whether the operator listed the place that a URL names.
    ///
    /// # Errors
    /// [`Refusal`] says which rule the URL breaks.
    pub fn is_listed(&self, url: &Url) -> Result<bool, Refusal> {
        Ok(self.policy.judge_url(url)? == Verdict::Trusted)
    }

    /// The client for a URL.
    ///
    /// # Errors
    /// The rule that the URL breaks.
    pub fn judge(&self, url: &Url) -> Result<&Client, Refusal> {
        Ok(match self.policy.judge_url(url)? {
            Verdict::Public => &self.public,
            Verdict::Trusted => &self.trusted,
        })
    }
}

/// A builder of clients that share this process's TLS, so that sessions are taken up again by whichever client comes back.
pub fn client_builder() -> reqwest::ClientBuilder {
    Client::builder().tls_backend_preconfigured(trust::tls())
}

/// A client that connects only to what [`Judging`] gives it: no proxy, no redirects, no retries of its own.
fn client(resolver: Judging, idle_per_host: usize) -> reqwest::Result<Client> {
    client_builder()
        .dns_resolver(resolver)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_WITHIN)
        .pool_max_idle_per_host(idle_per_host)
        .pool_idle_timeout(IDLE_MAX)
        .user_agent(concat!("broadside/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl From<&reqwest::Error> for NoAnswer {
    /// What went wrong below the request: our own resolver's errors are found at the bottom of the chain.
    fn from(error: &reqwest::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            match error.downcast_ref::<Self>() {
                Some(ours) => return *ours,
                None => cause = error.source(),
            }
        }
        Self::Failed
    }
}

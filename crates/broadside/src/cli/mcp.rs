//! `broadside mcp`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use clap::Args;
use connectors::http::{Failure, Http};
use domain::secret::SecretText;
use jiff::SignedDuration;
use mcp::{Answer, Ask, CLIENT_HEADER, Catalogue, KEY_HEADER, Unreachable, Upstream};
use url::Url;

use super::Context;
use crate::admin::{Refusal, Reply, Request, ask_server};
use crate::config::Config;
use crate::wiring::POSTPOST;

/// How long the server may take for an answer; the numbers of a LinkedIn account take the longest.
const ANSWER_WITHIN: SignedDuration = SignedDuration::from_secs(120);
/// The variable that may hold the key.
const KEY_VARIABLE: &str = "BROADSIDE_API_KEY";

/// Offers the tools of the PostPost API to a program over standard input and output, as the Model Context Protocol says.
/// Nothing is published by this process: it calls a server that runs, with an API key.
#[derive(Debug, Args)]
#[command(
    after_help = "The key is read from the variable BROADSIDE_API_KEY, or from a file; `broadside key create` \
makes one. A program that speaks MCP over HTTP needs no process of its own: it uses the server's /mcp."
)]
pub(super) struct Mcp {
    /// The server's address, such as https://post.example.com [default: the server on the data directory]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// A file that holds nothing but the API key
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Mcp {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let config = context.config()?;
        let key = self.key()?;
        let base = match &self.url {
            Some(url) => base_of(url)?,
            None => format!("http://{}", reachable(server_on(&config).await?)),
        };
        let upstream: Arc<dyn Upstream> = Arc::new(Server {
            http: Http::new(Arc::clone(&context.clock)).context("the HTTP client")?,
            base,
        });
        let catalogue = Catalogue::with_later(&config.mcp.extra_tools, upstream.as_ref()).await;
        mcp::serve_stdio(catalogue.context("mcp.extra_tools")?, upstream, key).await?;
        Ok(ExitCode::SUCCESS)
    }

    fn key(&self) -> anyhow::Result<SecretText> {
        let text = match &self.key_file {
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
            None => std::env::var(KEY_VARIABLE).unwrap_or_default(),
        };
        let key = text.trim();
        if key.is_empty() {
            return Err(Refusal::new("no_key", "there is no API key to call the server with")
                .next(format!(
                    "`broadside key create` makes one; put it into the variable {KEY_VARIABLE}, or name its file with --key-file"
                ))
                .into());
        }
        Ok(SecretText::from(key))
    }
}

/// The address without a slash at its end.
fn base_of(url: &Url) -> anyhow::Result<String> {
    anyhow::ensure!(
        matches!(url.scheme(), "http" | "https"),
        "--url must be an http or https address"
    );
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Where the server of the data directory listens.
async fn server_on(config: &Config) -> anyhow::Result<SocketAddr> {
    match ask_server(config, &Request::Hello).await {
        Ok(Reply::Hello { addr: Some(addr), .. }) => Ok(addr),
        _ => {
            let message = format!("no server runs on {}", config.data.dir.display());
            Err(Refusal::new("no_server", message)
                .next("start one with `broadside serve`, or say where it is with --url")
                .into())
        }
    }
}

/// The address at which this machine reaches a listener that may listen on every address.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

/// A server's REST API over HTTP.
struct Server {
    http: Http,
    base: String,
}

#[async_trait]
impl Upstream for Server {
    async fn ask(&self, key: Option<&SecretText>, ask: Ask) -> Result<Answer, Unreachable> {
        let url = format!("{}{POSTPOST}{}", self.base, ask.path);
        let mut request = self
            .http
            .creating(ask.method, &url)
            .header(CLIENT_HEADER.0, CLIENT_HEADER.1)
            .header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header(KEY_HEADER, key.expose());
        }
        if let Some(body) = ask.body {
            request = request.body(body);
        }
        // Made once: a tool may create a post, and whether to try again is for whoever called it.
        let answer = self.http.once(request, ANSWER_WITHIN).await;
        let answer = answer.map_err(|failure| self.unreachable(failure))?;
        Ok(Answer {
            status: answer.status,
            body: answer.body,
        })
    }
}

impl Server {
    fn unreachable(&self, failure: Failure) -> Unreachable {
        let base = &self.base;
        Unreachable(match failure {
            Failure::NotWritten { .. } => format!("Broadside cannot be reached at {base}; nothing was done"),
            Failure::NoAnswer { .. } => {
                format!("Broadside at {base} did not answer; look at what is there before trying again")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_reached_here() {
        for (bound, reached) in [
            ("0.0.0.0:8420", "127.0.0.1:8420"),
            ("[::]:8420", "[::1]:8420"),
            ("192.0.2.7:1", "192.0.2.7:1"),
        ] {
            assert_eq!(reachable(bound.parse().unwrap()), reached.parse().unwrap());
        }
    }

    #[test]
    fn an_address_may_have_a_path_and_needs_a_scheme_of_the_web() {
        let base = |url: &str| base_of(&Url::parse(url).unwrap());
        assert_eq!(base("https://post.example.com/").unwrap(), "https://post.example.com");
        assert_eq!(base("https://example.com/post/").unwrap(), "https://example.com/post");
        assert!(base("ftp://example.com").is_err());
    }
}

//! A large film, from its upload over HTTP to a platform that takes it in pieces: byte for byte, and never in memory.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};
use domain::account::{Identity, Tokens};
use domain::clock::Clock;
use domain::plan::Plan;
use domain::platform::Platform;
use domain::secret::SecretText;
use engine::commands::AddAccount;
use futures_util::stream;
use jiff::SignedDuration;
use sandbox::samples::VideoShape;
use sandbox::{AccountSeed, Filter, NewSandboxAccount, Sandbox};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Bench;
use super::load::nap;
use super::memory::{Server, optimised_binary};
use super::report::{Line, Subject, Target};
use super::site::{self, Setup};
use crate::chaos::control::http_client;
use crate::clock::SystemClock;
use crate::film::Film;

/// The largest film of the server that is measured, in bytes: a little more than is sent.
const VIDEO_BYTES_MAX: u64 = 2_200_000_000;
/// How often its memory is looked at.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(20);
/// How long the whole may take.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(1_800);
/// The page that the film goes to.
const PAGE: &str = "page-of-films";

const GROWTH: Subject = Subject {
    name: "media-2gb",
    what: "Growth of resident memory while a film of 2 GB is uploaded and published in pieces",
    against: "bound",
    unit: "MB",
    target: Target::Below(1.0),
};

/// Measures it.
pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Line> {
    let binary = optimised_binary().await?;
    let mut options = sandbox::Options::new(Arc::new(SystemClock));
    options.rate_limits = false;
    let sandbox = sandbox::start(options).await?;
    let account = sandbox.add_account(&NewSandboxAccount::new(Platform::Facebook, PAGE))?;
    let dir = bench.folder("media");
    let key = prepare(&dir, &sandbox, &account).await?;
    let (server, _) = Server::start(&binary, &dir).await?;
    let client = Client {
        http: http_client(WITHIN)?,
        base: format!("http://{}", server.addr),
        key,
    };
    let group = client.draft(&account).await?;
    let upload = client.slot(&group).await?;
    refused_early(server.addr, &upload, VIDEO_BYTES_MAX + 1).await?;
    let before = server.resident()?;
    let (done, mut most) = (AtomicBool::new(false), before);
    let watch = async {
        while !done.load(Ordering::Relaxed) {
            most = most.max(server.resident()?);
            nap(LOOK_EVERY).await;
        }
        anyhow::Ok(())
    };
    let work = async {
        let worked = flow(&client, &group, &upload, bench.sizes.film_bytes).await;
        done.store(true, Ordering::Relaxed);
        worked
    };
    let (worked, watched) = tokio::join!(work, watch);
    watched?;
    let sent = worked?;
    let published = sandbox.published(&Filter {
        platform: Some(Platform::Facebook),
        account: None,
        text: None,
    });
    let arrived = published.iter().flat_map(|post| &post.media).any(|hash| *hash == sent);
    ensure!(arrived, "the film did not arrive as it was sent ({sent})");
    server.stop().await?;
    Ok(Line::within(GROWTH, &[most - before], 32.0))
}

/// A data directory with a page to publish to; the key of its only user.
async fn prepare(dir: &Path, sandbox: &Sandbox, account: &AccountSeed) -> anyhow::Result<SecretText> {
    let engine = site::open(dir, Setup::default()).await?;
    let user = engine.create_user("bench", Plan::default()).await?;
    let key = engine.create_key(user.id, "bench").await?.text;
    let connected = AddAccount {
        owner: user.id,
        platform: Platform::Facebook,
        identity: Identity {
            remote_id: account.remote_id.clone(),
            username: PAGE.to_owned(),
            display_name: None,
            avatar_url: None,
            profile_url: None,
            base_url: None,
        },
        tokens: Tokens {
            access: SecretText::new(account.token.clone()),
            ..Tokens::default()
        },
        scopes: Vec::new(),
        missing: Vec::new(),
    };
    engine.add_account(connected).await?;
    let settings = format!(
        "[media]\nvideo_bytes_max = {VIDEO_BYTES_MAX}\n\n[platforms.facebook]\nbase_url = \"{}\"\n",
        sandbox.endpoint(Platform::Facebook)
    );
    std::fs::write(dir.join("broadside.toml"), settings)?;
    Ok(key)
}

/// Uploads the film and publishes it; the hash of what was sent.
async fn flow(client: &Client, group: &str, upload: &str, bytes: u64) -> anyhow::Result<String> {
    let shape = VideoShape {
        width: 1_080,
        height: 1_080,
        ..VideoShape::default()
    };
    let film = Film::of(shape, bytes)?;
    client.put(upload, &film).await?;
    client.publish(group).await?;
    Ok(film.sha256())
}

/// Whoever announces too much is refused before it sends a byte of it.
async fn refused_early(addr: SocketAddr, upload: &str, bytes: u64) -> anyhow::Result<()> {
    let url = url::Url::parse(upload)?;
    let query = url.query().unwrap_or_default();
    let head = format!(
        "PUT {}?{query} HTTP/1.1\r\nHost: {addr}\r\nContent-Type: video/mp4\r\nContent-Length: {bytes}\r\n\
         Expect: 100-continue\r\n\r\n",
        url.path()
    );
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = vec![0; 64];
    let read = tokio::time::timeout(std::time::Duration::from_secs(10), stream.read(&mut answer)).await;
    let read = read.context("a film that is too long is not refused early")??;
    let answer = String::from_utf8_lossy(answer.get(..read).unwrap_or_default()).into_owned();
    ensure!(answer.starts_with("HTTP/1.1 413"), "a film that is too long: {answer}");
    Ok(())
}

struct Client {
    http: reqwest::Client,
    base: String,
    key: SecretText,
}

impl Client {
    async fn ask(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.header("x-api-key", self.key.expose()).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        ensure!(status.is_success(), "{status}: {body}");
        Ok(body)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/postpost/api/v1{path}", self.base)
    }

    async fn draft(&self, account: &AccountSeed) -> anyhow::Result<String> {
        let body = json!({ "content": "a long film", "platforms": [format!("facebook-{}", account.remote_id)] });
        let made = self.ask(self.http.post(self.url("/create-post")).json(&body)).await?;
        text(&made, "postGroupId")
    }

    async fn slot(&self, group: &str) -> anyhow::Result<String> {
        let body = json!({ "fileName": "film.mp4", "contentType": "video/mp4", "postGroupId": group });
        let slot = self
            .ask(self.http.post(self.url("/get-upload-url")).json(&body))
            .await?;
        text(&slot, "uploadUrl")
    }

    async fn put(&self, url: &str, film: &Film) -> anyhow::Result<()> {
        let pieces = stream::iter(film.pieces(0).map(std::io::Result::Ok));
        let request = self.http.put(url).header("content-type", "video/mp4");
        let request = request
            .header("content-length", film.bytes)
            .body(reqwest::Body::wrap_stream(pieces));
        let answer = request.send().await?;
        let status = answer.status();
        ensure!(status.is_success(), "the upload: {status}: {}", answer.text().await?);
        Ok(())
    }

    async fn publish(&self, group: &str) -> anyhow::Result<()> {
        let body = json!({ "status": "scheduled" });
        self.ask(self.http.put(self.url(&format!("/update-post/{group}"))).json(&body))
            .await?;
        let give_up = SystemClock.now().checked_add(SignedDuration::try_from(WITHIN)?)?;
        while SystemClock.now() < give_up {
            let read = self.ask(self.http.get(self.url(&format!("/get-post/{group}")))).await?;
            let post = read.pointer("/posts/0").context("no post")?;
            match post.get("status").and_then(Value::as_str) {
                Some("published") => return Ok(()),
                Some("failed") => anyhow::bail!("the film was not published: {post}"),
                _ => nap(LOOK_EVERY).await,
            }
        }
        anyhow::bail!("the film was not published in time")
    }
}

fn text(body: &Value, name: &str) -> anyhow::Result<String> {
    let text = body.get(name).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no {name} in {body}"))?.to_owned())
}

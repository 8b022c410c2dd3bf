//! The product's own binary, with the sandbox of this process as the world.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use domain::platform::Platform;
use jiff::SignedDuration;
use sandbox::{RequestLine, Sandbox};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::visitor::{Seen, Visitor};
use crate::chaos::admin;
use crate::chaos::control::http_client;
use crate::chaos::processes::Server;
use crate::chaos::time::{MovableClock, Time};

/// Scopes beyond the usual ones, so that organizations can be connected too.
const ORGANIZATIONS: &str = r#"["w_organization_social", "r_organization_social", "rw_organization_admin"]"#;

/// A running server and what is around it.
#[derive(Debug)]
pub(super) struct Stage {
    /// The world.
    pub(super) sandbox: Sandbox,
    /// What the visitors saw.
    pub(super) seen: Seen,
    clock: Arc<MovableClock>,
    base: Url,
    data: PathBuf,
    key: String,
    http: reqwest::Client,
    publishes: Vec<Platform>,
}

/// An account as the command line is told of it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Account {
    /// The product's id.
    pub(super) id: String,
    /// Where.
    pub(super) platform: Platform,
    /// The platform's id.
    pub(super) remote_id: String,
    /// `ok`, `refresh_needed` or `reconnect_needed`.
    pub(super) health: String,
    /// What it lacks.
    pub(super) missing: Vec<Value>,
    /// Why it could not be asked about.
    #[serde(default)]
    pub(super) problem: Option<String>,
}

#[derive(Deserialize)]
struct Health {
    platforms: Vec<Known>,
}

#[derive(Deserialize)]
struct Known {
    platform: Platform,
    connector: bool,
}

/// Whether an app must be registered at the platform.
const fn needs_app(platform: Platform) -> bool {
    !matches!(platform, Platform::Mastodon | Platform::Bluesky | Platform::Telegram)
}

fn settings(sandbox: &Sandbox) -> String {
    let origin = sandbox.base_url().origin().ascii_serialization();
    let mut text = format!("[log]\nlevel = \"debug\"\n[media]\nallow = [\"{origin}\"]\n");
    for platform in Platform::ALL {
        text.push_str(&format!("[platforms.{platform}]\nbase_url = \"{origin}/{platform}\"\n"));
        if needs_app(*platform) {
            let app = sandbox::app(*platform);
            text.push_str(&format!(
                "client_id = \"{}\"\nclient_secret = \"{}\"\n",
                app.id, app.secret
            ));
        }
        if *platform == Platform::LinkedIn {
            text.push_str(&format!("scopes = {ORGANIZATIONS}\n"));
        }
    }
    text
}

impl Stage {
    /// Starts everything; the server is its owner's to kill.
    pub(super) async fn set(binary: &Path, folder: &Path) -> anyhow::Result<(Arc<Self>, Server)> {
        let time = Time::start(1.0);
        let clock = Arc::new(MovableClock::new(time));
        let sandbox = sandbox::start(sandbox::Options::new(Arc::clone(&clock) as _)).await?;
        let mut server = Server::new(binary, folder, time, &settings(&sandbox), Vec::new())?;
        server.start().await?;
        let mut stage = Self {
            sandbox,
            clock,
            seen: Seen::default(),
            base: Url::parse(&server.base_url())?,
            data: server.data(),
            key: String::new(),
            http: http_client(std::time::Duration::from_secs(60))?,
            publishes: Vec::new(),
        };
        stage.key = admin::new_key(&stage.data).await?;
        stage.seen.secret(&stage.key);
        let health: Health = stage.ask(json!({"ask": "health"})).await?;
        let publishes = health.platforms.iter().filter(|known| known.connector);
        stage.publishes = publishes.map(|known| known.platform).collect();
        Ok((Arc::new(stage), server))
    }

    /// Starts the server again, so much later for it and for the world.
    pub(super) async fn jump(&self, server: &mut Server, ahead: SignedDuration) -> anyhow::Result<()> {
        let time = Time::ahead(ahead);
        server.kill().await?;
        self.clock.set(time);
        server.set_time(time);
        server.start().await?;
        Ok(())
    }

    /// Whether the server publishes there, and PostPost has a name for the platform.
    pub(super) fn publishes_to(&self, platform: Platform) -> bool {
        let unnamed = [Platform::Reddit, Platform::GoogleBusiness, Platform::Snapchat];
        self.publishes.contains(&platform) && !unnamed.contains(&platform)
    }

    /// An address of the server.
    pub(super) fn at(&self, path: &str) -> anyhow::Result<Url> {
        self.base.join(path).context("an address of the server")
    }

    /// A new browser.
    pub(super) fn visitor(&self) -> anyhow::Result<Visitor> {
        Visitor::new(&self.base, self.seen.clone())
    }

    /// Asks over the socket.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: Value) -> anyhow::Result<T> {
        let answer = admin::ask(&self.data, &request).await?.done()?;
        self.seen.answer(answer.to_string());
        serde_json::from_value(answer).context("the answer over the socket")
    }

    /// Makes a page for these platforms and returns its address.
    pub(super) async fn page(&self, platforms: &[Platform], return_to: Option<&str>) -> anyhow::Result<Url> {
        let request = json!({
            "ask": "account_connect", "user": null, "platforms": platforms, "account": null, "return_to": return_to,
            "expires_in": null,
        });
        let link = admin::ask(&self.data, &request).await?.done()?;
        Url::parse(&text(&link, "/url")?).context("the page's address")
    }

    /// Asks the platform about an account now.
    pub(super) async fn check(&self, id: &str) -> anyhow::Result<Account> {
        let request = json!({"ask": "account_check", "user": null, "account": id});
        self.ask(request).await
    }

    /// The accounts of a platform as they are known.
    pub(super) async fn accounts(&self, platform: Platform) -> anyhow::Result<Vec<Account>> {
        let mut accounts: Vec<Account> = self.ask(json!({"ask": "account_list", "user": null})).await?;
        accounts.retain(|account| account.platform == platform);
        Ok(accounts)
    }

    /// The newest entries of the connection history, as the server writes them.
    pub(super) async fn history(&self, platform: Platform) -> anyhow::Result<Vec<Value>> {
        let request = json!({"ask": "account_log", "user": null, "account": null, "platform": platform, "limit": 100});
        self.ask(request).await
    }

    /// Calls PostPost's API; the answer if it is good.
    pub(super) async fn postpost(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url = self.at(&format!("/api/v1{path}"))?;
        let request = match body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url),
        };
        let answer = request.header("x-api-key", &self.key).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        self.seen.answer(text.clone());
        ensure!(status.is_success(), "{path} answered {status}: {text}");
        serde_json::from_str(&text).context("PostPost's answer")
    }

    /// The number of the newest request that the sandbox saw.
    pub(super) fn newest_request(&self) -> u64 {
        let mut newest = 0;
        while let Some(last) = self.sandbox.requests(newest, sandbox::PAGE_MAX).last() {
            newest = last.seq;
        }
        newest
    }

    /// What the sandbox saw of a platform after that request.
    pub(super) fn requests_after(&self, mut seq: u64, platform: Platform) -> Vec<RequestLine> {
        let mut all = Vec::new();
        loop {
            let page = self.sandbox.requests(seq, sandbox::PAGE_MAX);
            let Some(last) = page.last() else { return all };
            seq = last.seq;
            all.extend(page.into_iter().filter(|line| line.platform == platform));
        }
    }

    /// Notes the tokens that the sandbox knows now.
    pub(super) fn note_tokens(&self) {
        for secret in self.sandbox.secrets() {
            self.seen.token(&secret);
        }
    }
}

fn text(value: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no {pointer} in the answer"))?.to_owned())
}

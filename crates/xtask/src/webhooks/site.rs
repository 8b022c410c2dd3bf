//! The server and the world under test: accounts, posts, and receivers through the public API.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use domain::clock::Clock;
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use sandbox::NewSandboxAccount;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::chaos::admin;
use crate::chaos::control::{Control, http_client};
use crate::chaos::processes::{SandboxProcess, Server};
use crate::chaos::time::{Deadline, Time, pause};
use crate::clock::SystemClock;

/// Accounts that posts are spread over: each platform has its limits a day.
const ACCOUNTS: usize = 40;
/// Posts are made at this pace, so that what is measured is not how a burst of requests is worked off.
const MADE_EVERY: SignedDuration = SignedDuration::from_millis(15);
/// Requests under way at once.
const CLIENTS: usize = 8;
/// How long an answer of the API may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// How long the last post may be late.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(120);

/// A server with accounts, and the platforms that it publishes to.
pub(super) struct Site {
    pub(super) server: Server,
    control: Control,
    _sandbox: SandboxProcess,
    http: reqwest::Client,
    key: String,
    accounts: Vec<String>,
}

/// A webhook as the API made it.
#[derive(Debug)]
pub(super) struct Hook {
    pub(super) id: String,
    pub(super) secret: String,
}

impl Site {
    pub(super) async fn start(binary: &Path, folder: &Path, flags: Vec<String>) -> anyhow::Result<Self> {
        let time = Time::start(1.0);
        let sandbox = SandboxProcess::start(binary, folder, 7, &time).await?;
        let control = Control::new(sandbox.base_url().to_owned())?;
        let base = control.base();
        let config =
            format!("[webhooks]\nallow = [\"127.0.0.1:*\"]\n[platforms.mastodon]\nbase_url = \"{base}/mastodon\"\n");
        let mut server = Server::new(binary, folder, time, &config, flags)?;
        server.start().await?;
        let key = admin::new_key(&server.data()).await?;
        let mut site = Self {
            server,
            control,
            _sandbox: sandbox,
            http: http_client(ANSWERED_WITHIN)?,
            key,
            accounts: Vec::new(),
        };
        for number in 0..ACCOUNTS {
            site.connect(number).await?;
        }
        Ok(site)
    }

    async fn connect(&mut self, number: usize) -> anyhow::Result<()> {
        let new = NewSandboxAccount::new(Platform::Mastodon, &format!("hooked{number}"));
        let seed = self.control.add_account(&new).await?;
        let request = json!({"ask": "account_add", "user": null, "platform": "mastodon",
            "base_url": seed.base_url.as_str(), "token": seed.token, "refresh_token": null,
            "identifier": null, "password": null});
        admin::ask(&self.server.data(), &request).await?.done()?;
        self.accounts.push(format!("mastodon-{}", seed.remote_id));
        Ok(())
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/postpost/api/v1{path}", self.server.base_url());
        let request = self.http.request(method, url).header("x-api-key", &self.key).json(body);
        let answer = request
            .send()
            .await
            .with_context(|| format!("{path} was not answered"))?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{path} was answered {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("{path} was answered with no JSON: {text}"))
    }

    /// Makes a webhook for posts.
    pub(super) async fn add_hook(&self, name: &str, url: &str) -> anyhow::Result<Hook> {
        let events = ["post.scheduled", "post.published", "post.failed"];
        let body = json!({"name": name, "url": url, "events": events});
        let made = self.ask(Method::POST, "/webhooks", &body).await?;
        let text = |pointer| {
            let text = made.pointer(pointer).and_then(Value::as_str);
            text.map(str::to_owned).context("a webhook without its fields")
        };
        Ok(Hook {
            id: text("/webhook/_id")?,
            secret: text("/webhook/secret")?,
        })
    }

    pub(super) async fn remove_hook(&self, hook: &Hook) -> anyhow::Result<()> {
        let path = format!("/webhooks/{}", hook.id);
        self.ask(Method::DELETE, &path, &json!({})).await.map(|_| ())
    }

    /// The webhook as the list shows it.
    pub(super) async fn hook(&self, hook: &Hook) -> anyhow::Result<Value> {
        let list = self.ask(Method::GET, "/webhooks", &json!({})).await?;
        let all = list
            .get("webhooks")
            .and_then(Value::as_array)
            .context("a list of webhooks")?;
        let found = all
            .iter()
            .find(|one| one.get("_id").and_then(Value::as_str) == Some(&hook.id));
        found.cloned().context("a webhook is not listed")
    }

    /// Makes posts with these times at a steady pace, each with the text that names it.
    pub(super) async fn create(self: &Arc<Self>, posts: &[(String, Timestamp)]) -> anyhow::Result<()> {
        let turns = Arc::new(Semaphore::new(CLIENTS));
        let mut made = JoinSet::new();
        let mut next = SystemClock.now();
        for (number, (text, due)) in posts.iter().enumerate() {
            SystemClock.sleep_until(next).await;
            next = next.saturating_add(MADE_EVERY).unwrap_or(next);
            let turn = Arc::clone(&turns).acquire_owned().await?;
            let account = self.accounts.get(number % ACCOUNTS).context("an account")?;
            let due = due.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
            let body = json!({"content": text, "platforms": [account], "scheduledTime": due});
            let site = Arc::clone(self);
            made.spawn(async move {
                let _turn = turn;
                site.ask(Method::POST, "/create-post", &body).await.map(|_| ())
            });
        }
        while let Some(one) = made.join_next().await {
            one.context("a client")??;
        }
        Ok(())
    }

    /// Waits until all of these are live, and says how late each was, in milliseconds.
    pub(super) async fn lateness(&self, posts: &[(String, Timestamp)]) -> anyhow::Result<Vec<f64>> {
        let last = posts.iter().map(|(_, due)| *due).max().context("no post")?;
        SystemClock.sleep_until(last).await;
        let due: HashMap<&str, Timestamp> = posts.iter().map(|(text, due)| (text.as_str(), *due)).collect();
        let deadline = Deadline::within(PUBLISHED_WITHIN);
        loop {
            let live = self.control.published().await?;
            let late = |post: &sandbox::Published| {
                // Mastodon keeps a text as a paragraph.
                let text = post.text.trim_start_matches("<p>").trim_end_matches("</p>");
                Some(post.at.duration_since(*due.get(text)?).as_secs_f64() * 1_000.0)
            };
            let late: Vec<_> = live.iter().filter_map(late).collect();
            if late.len() >= posts.len() {
                ensure!(late.len() == posts.len(), "{} posts became {}", posts.len(), late.len());
                return Ok(late);
            }
            ensure!(
                !deadline.passed(),
                "only {} of {} posts are live",
                late.len(),
                posts.len()
            );
            pause(Duration::from_millis(250)).await;
        }
    }
}

/// So many posts from then on, at this many a second.
pub(super) fn plan(label: &str, count: usize, from: Timestamp, per_second: u32) -> Vec<(String, Timestamp)> {
    let gap = SignedDuration::from_millis(1_000 / i64::from(per_second.max(1)));
    let mut due = from;
    let mut posts = Vec::with_capacity(count);
    for number in 0..count {
        posts.push((format!("{label} {number}"), due));
        due = due.saturating_add(gap).unwrap_or(due);
    }
    posts
}

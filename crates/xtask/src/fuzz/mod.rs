//! Sends changed requests to a real server for a while and looks at every answer.
//!
//! A finding is an answer that the server's own OpenAPI document does not know, a failure that is nobody else's, an answer
//! that takes too long, a panic in the log, or a server that is gone. Each is printed with the seed and as a line for a
//! shell. Chances come from the seed alone; how far a run comes in its time does not.

mod judge;
mod mutate;
mod request;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use domain::clock::Clock;
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::Url;

use crate::chaos::admin;
use crate::chaos::control::http_client;
use crate::chaos::time::Deadline;
use crate::clock::SystemClock;
use crate::product::{self, Demo};
use judge::{Answer, Document};
use request::{Recorded, Request};

/// Requests under way at the same time.
const WORKERS: u64 = 4;
/// An answer that takes longer is a finding.
const SLOW: Duration = Duration::from_secs(10);
/// How long an answer is waited for.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// After so many requests a worker makes the things anew that its requests are about.
const FRESH_EVERY: usize = 150;
/// A run ends when it has found so much.
const FINDINGS_MAX: usize = 20;
const QUICK: Duration = Duration::from_secs(20);
/// Where the dialect is mounted.
const PREFIX: &str = "/postpost/api/v1";

/// How long to try.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// For so many minutes.
    #[arg(long, default_value_t = 10)]
    pub minutes: u64,
    /// For twenty seconds.
    #[arg(long, conflicts_with = "minutes")]
    pub quick: bool,
    /// What all chances are derived from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What all workers share.
struct Target {
    http: reqwest::Client,
    base: String,
    key: String,
    document: Document,
    recorded: Vec<Recorded>,
    accounts: Vec<(&'static str, String)>,
}

/// What was found.
#[derive(Debug)]
struct Finding {
    what: String,
    curl: String,
}

/// What a worker came to.
#[derive(Debug, Default)]
struct Done {
    requests: usize,
    accepted: usize,
    slowest_ms: u64,
    findings: Vec<Finding>,
}

/// Runs and prints what was found. True when that is nothing.
///
/// # Errors
/// If the product cannot be built or started, or a recorded request is not answered as a valid one is.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let lasts = if options.quick {
        QUICK
    } else {
        Duration::from_secs(options.minutes.saturating_mul(60))
    };
    let binary = product::binary().await?;
    let mut demo = Demo::start(&binary).await?;
    let target = Arc::new(Target::of(&demo).await?);
    let deadline = Deadline::within(lasts);
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let seed = options.seed.wrapping_mul(1_000).wrapping_add(worker);
        workers.spawn(Arc::clone(&target).work(seed, worker, deadline));
    }
    let mut all = Done::default();
    while let Some(done) = workers.join_next().await {
        let done = done??;
        all.requests += done.requests;
        all.accepted += done.accepted;
        all.slowest_ms = all.slowest_ms.max(done.slowest_ms);
        all.findings.extend(done.findings);
    }
    if !demo.is_running()? {
        all.findings.push(Finding {
            what: "the server is gone".to_owned(),
            curl: demo.printed_end(),
        });
    }
    for line in demo.printed()?.lines().filter(|line| line.contains("panicked")) {
        all.findings.push(Finding {
            what: "the server panicked".to_owned(),
            curl: line.to_owned(),
        });
    }
    demo.stop().await?;
    for finding in all.findings.iter().take(FINDINGS_MAX) {
        writeln!(
            out,
            "FINDING (seed {}): {}\n    {}",
            options.seed, finding.what, finding.curl
        )?;
    }
    writeln!(
        out,
        "{} requests, {} of them accepted, the slowest answer after {} ms: {} findings",
        all.requests,
        all.accepted,
        all.slowest_ms,
        all.findings.len()
    )?;
    Ok(all.findings.is_empty())
}

impl Target {
    async fn of(demo: &Demo) -> anyhow::Result<Self> {
        let http = http_client(ANSWERED_WITHIN)?;
        let base = format!("{}{PREFIX}", demo.base_url());
        let key = admin::new_key(demo.data()).await?;
        let document = http.get(format!("{base}/openapi.json")).send().await?.bytes().await?;
        let words = ["twitter", "bluesky", "mastodon", "linkedin"];
        let accounts = words.into_iter().filter_map(|word| {
            let accounts = demo.ready().get("accounts")?.as_array()?;
            let mut ids = accounts.iter().filter_map(|account| account.get("postpost")?.as_str());
            Some((word, ids.find(|id| id.starts_with(word))?.to_owned()))
        });
        let mut accounts: Vec<_> = accounts.collect();
        let sample = demo.ready().pointer("/sample_media/image").and_then(Value::as_str);
        accounts.push(("sample", sample.context("no sample")?.to_owned()));
        let target = Self {
            http,
            base,
            key,
            document: Document::new(serde_json::from_slice(&document)?),
            recorded: request::recorded()?,
            accounts,
        };
        target.covers_every_operation().await?;
        Ok(target)
    }

    /// An operation without a recorded request would never be tried.
    async fn covers_every_operation(&self) -> anyhow::Result<()> {
        let words = self.things(u64::MAX).await?;
        let mut known = Vec::new();
        for recorded in &self.recorded {
            let request = recorded.filled(&words);
            let route = self.document.route(&format!("/{}", request.segments.join("/")));
            known.push((recorded.method.clone(), route.unwrap_or_default().to_owned()));
        }
        for operation in self.document.operations() {
            ensure!(
                known.contains(&operation),
                "no request is recorded for {} {}",
                operation.0,
                operation.1
            );
        }
        Ok(())
    }

    /// Makes the things that requests are about, for one worker.
    async fn things(&self, worker: u64) -> anyhow::Result<Vec<(&'static str, String)>> {
        let name = |word: &str| {
            self.accounts
                .iter()
                .find(|(known, _)| *known == word)
                .map(|(_, id)| id.clone())
        };
        let mastodon = name("mastodon").context("no account of Mastodon")?;
        let group = self
            .make(
                "/create-post",
                &json!({"content": "To be changed", "platforms": [mastodon]}),
            )
            .await?;
        let group = text(&group, "/postGroupId").context("no group")?;
        let slot = json!({"fileName": "a.jpg", "contentType": "image/jpeg", "postGroupId": group});
        let media = text(&self.make("/get-upload-url", &slot).await?, "/mediaId").context("no file")?;
        let unique = format!("fuzz{worker}-{group}");
        let user = self
            .make(
                "/workspace/users",
                &json!({"username": format!("{unique}@example.com")}),
            )
            .await?;
        let hook = json!({"name": "fuzz", "url": "https://example.com/hook", "events": ["post.failed"]});
        let hook = self.make("/webhooks", &hook).await?;
        let none = || "0123456789abcdef01234567".to_owned();
        let mut words = vec![
            ("GROUP", group),
            ("MEDIA", media),
            ("USER", text(&user, "/user/_id").unwrap_or_else(none)),
            // There may be no room for another.
            ("WEBHOOK", text(&hook, "/webhook/_id").unwrap_or_else(none)),
            ("UNIQUE", unique),
        ];
        for (word, place) in [
            ("TWITTER", "twitter"),
            ("BLUESKY", "bluesky"),
            ("MASTODON", "mastodon"),
            ("LINKEDIN", "linkedin"),
            ("SAMPLE", "sample"),
        ] {
            words.push((word, name(place).with_context(|| format!("no {place}"))?));
        }
        Ok(words)
    }

    async fn make(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self
            .http
            .post(format!("{}{path}", self.base))
            .header("x-api-key", &self.key);
        let answer = request.json(body).send().await?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    }

    async fn work(self: Arc<Self>, seed: u64, worker: u64, deadline: Deadline) -> anyhow::Result<Done> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut done = Done::default();
        let mut requests: Vec<Request> = Vec::new();
        while !deadline.passed() && done.findings.len() < FINDINGS_MAX {
            if done.requests % FRESH_EVERY == 0 {
                // A server that is gone is found by the request that killed it.
                let Ok(words) = self.things(worker).await else { break };
                requests = self.recorded.iter().map(|recorded| recorded.filled(&words)).collect();
            }
            let mut request = requests.choose(&mut rng).cloned().context("no requests")?;
            // One in twenty goes as it is: what is valid must stay so.
            if rng.random_range(0..20_u32) > 0 {
                mutate::mutate(&mut request, &requests, &mut rng);
            }
            done.requests += 1;
            for what in self.send(&request, &mut done).await {
                done.findings.push(Finding {
                    what,
                    curl: request.curl(&self.base),
                });
            }
        }
        Ok(done)
    }

    /// Sends a request and says what is wrong with the answer.
    async fn send(&self, request: &Request, done: &mut Done) -> Vec<String> {
        let Ok(url) = Url::parse(&format!("{}{}", self.base, request.target())) else {
            return Vec::new();
        };
        let Ok(method) = Method::from_bytes(request.method.as_bytes()) else {
            return Vec::new();
        };
        let mut sent = self.http.request(method, url.clone()).header("x-api-key", &self.key);
        // A server may close a connection on which it was sent more than it reads: none is used again.
        sent = sent.header("connection", "close");
        for (name, value) in &request.headers {
            sent = sent.header(name, value);
        }
        let began = SystemClock.now();
        let answer = match sent.body(request.bytes()).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_builder() => return Vec::new(),
            Err(error) => return vec![format!("no answer: {error:?}")],
        };
        let status = answer.status().as_u16();
        let mime = answer.headers().get("content-type").and_then(|mime| mime.to_str().ok());
        let mime = mime.unwrap_or_default().to_owned();
        let body = match answer.bytes().await {
            Ok(body) => body.to_vec(),
            Err(error) => return vec![format!("half an answer: {error}")],
        };
        let took = SystemClock.now().duration_since(began);
        done.slowest_ms = done.slowest_ms.max(u64::try_from(took.as_millis()).unwrap_or_default());
        done.accepted += usize::from(status < 300);
        let path = url.path().strip_prefix(PREFIX).unwrap_or("/");
        let mut wrong = self
            .document
            .judge(&request.method, path, &Answer { status, mime, body });
        if took > SignedDuration::try_from(SLOW).unwrap_or(SignedDuration::MAX) {
            wrong.push(format!("the answer ({status}) took {} ms", took.as_millis()));
        }
        wrong
    }
}

fn text(answer: &Value, pointer: &str) -> Option<String> {
    answer.pointer(pointer)?.as_str().map(str::to_owned)
}

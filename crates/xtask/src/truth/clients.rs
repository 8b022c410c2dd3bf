//! The clients: each leads one group after the other through its planned life, by the public API alone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use super::book::{Book, Made};
use super::plan::{Act, Files, Plan};
use super::sayings::put;
use crate::chaos::api::Api;
use crate::chaos::time::{Deadline, Time, pause};

/// Groups that are led through their lives at the same time.
const AT_ONCE: usize = 16;
/// How long a file may take to arrive, kills included.
const UPLOADED_WITHIN: Duration = Duration::from_secs(120);
/// Between two tries to put a file.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// What all clients share.
pub(super) struct Clients {
    pub(super) api: Api,
    pub(super) time: Time,
    pub(super) book: Arc<Book>,
    /// The dialect's id of each account.
    pub(super) addresses: Vec<String>,
    /// A file that can be fetched, and the SHA-256 of what is there.
    pub(super) sample: (String, String),
    pub(super) seed: u64,
    pub(super) plans: Mutex<VecDeque<Plan>>,
}

impl Clients {
    /// Starts them; they end when every plan was carried out.
    pub(super) fn start(self: &Arc<Self>) -> JoinSet<anyhow::Result<()>> {
        let mut tasks = JoinSet::new();
        for _ in 0..AT_ONCE {
            let clients = Arc::clone(self);
            tasks.spawn(async move {
                while let Some(plan) = clients.take() {
                    let made = clients.live(&plan).await?;
                    clients.book.done(made);
                }
                Ok(())
            });
        }
        tasks
    }

    fn take(&self) -> Option<Plan> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    async fn live(&self, plan: &Plan) -> anyhow::Result<Made> {
        let mut made = self.create(plan).await?;
        let mut acts: Vec<(i64, &Act)> = plan.acts.iter().map(|(after, act)| (*after, act)).collect();
        let start = plan.starts.map(Act::Time);
        if let Files::Uploads(seeds) = &plan.files {
            if !self.upload(&mut made, seeds).await? {
                return Ok(made);
            }
            // Files come before the time: what is due must not wait for them.
            acts.splice(0..0, start.iter().map(|act| (0, act)));
        }
        for (turn, (after, act)) in acts.into_iter().enumerate() {
            if made.is_deleted || made.id.is_none() {
                break;
            }
            let shared = Duration::from_secs(u64::try_from(after).unwrap_or_default());
            pause(self.time.wall(shared)).await;
            self.act(&mut made, act, turn).await?;
        }
        Ok(made)
    }

    fn platforms(&self, targets: &[usize]) -> Vec<&str> {
        let addresses = targets.iter().filter_map(|target| self.addresses.get(*target));
        addresses.map(String::as_str).collect()
    }

    fn key(&self, number: usize, turn: &str) -> String {
        format!("truth-{}-{number}-{turn}", self.seed)
    }

    async fn create(&self, plan: &Plan) -> anyhow::Result<Made> {
        let mut body = json!({"content": plan.text, "platforms": self.platforms(&plan.targets)});
        let mut made = Made {
            number: plan.number,
            text: plan.text.clone(),
            targets: plan.targets.clone(),
            ..Made::default()
        };
        if plan.files == Files::Url {
            put(&mut body, "mediaUrls", json!([self.sample.0]));
            made.files.push(self.sample.1.clone());
            self.book.did(|calls| calls.imports += 1);
        }
        if let (Some(ahead), Files::None | Files::Url) = (plan.starts, &plan.files) {
            put(&mut body, "scheduledTime", self.time.soon(ahead).into());
        }
        made.is_draft = body.get("scheduledTime").is_none();
        let key = self.key(plan.number, "made");
        let (status, answer) = self
            .api
            .until_answered(Method::POST, "/create-post", Some(&body), Some(&key))
            .await?;
        if status != StatusCode::OK {
            self.book.wrong(format!("creating '{}': {status} {answer}", plan.text));
            return Ok(made);
        }
        made.id = text(&answer, "/postGroupId");
        made.planned_at = text(&answer, "/scheduledTime");
        Ok(made)
    }

    /// Puts files to a group that is a draft. A client that cannot know whether it has a place for its file gives the
    /// group up: false.
    async fn upload(&self, made: &mut Made, seeds: &[u64]) -> anyhow::Result<bool> {
        for (place, seed) in seeds.iter().enumerate() {
            let bytes = sandbox::samples::jpeg(320, 240, *seed);
            let body = json!({"fileName": format!("{place}.jpg"), "contentType": "image/jpeg",
                "postGroupId": made.id, "type": "image"});
            let slot = self.api.once(Method::POST, "/get-upload-url", Some(&body), None).await;
            let Ok((StatusCode::OK, slot)) = slot else {
                self.delete(made).await?;
                return Ok(false);
            };
            let url = text(&slot, "/uploadUrl").context("no uploadUrl")?;
            let media = text(&slot, "/mediaId").context("no mediaId")?;
            self.put(&url, &bytes).await?;
            let path = format!("/complete-media/{media}");
            let (status, answer) = self.api.until_answered(Method::POST, &path, None, None).await?;
            if status != StatusCode::OK {
                self.book.wrong(format!("completing {media}: {status} {answer}"));
            }
            made.files.push(sha256(&bytes));
            self.book.did(|calls| calls.uploads += 1);
        }
        Ok(true)
    }

    async fn put(&self, url: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let deadline = Deadline::within(UPLOADED_WITHIN);
        loop {
            let request = self.api.http().put(url).header("content-type", "image/jpeg");
            let said = match request.body(bytes.to_vec()).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) => format!("{} {}", answer.status(), answer.text().await.unwrap_or_default()),
                Err(error) => error.to_string(),
            };
            if deadline.passed() {
                bail!("a file could not be put within {UPLOADED_WITHIN:?}: {said}");
            }
            pause(AGAIN_AFTER).await;
        }
    }

    async fn act(&self, made: &mut Made, act: &Act, turn: usize) -> anyhow::Result<()> {
        let status = if made.is_draft { "draft" } else { "scheduled" };
        let body = match act {
            Act::Delete => return self.delete(made).await,
            Act::Text(text) => json!({"content": text, "status": status}),
            Act::Targets(targets) => json!({"platforms": self.platforms(targets), "status": status}),
            Act::Draft => json!({"status": "draft"}),
            Act::Time(ahead) => json!({"status": "scheduled", "scheduledTime": self.time.soon(*ahead)}),
        };
        let id = made.id.as_deref().context("a group without an id")?;
        let (path, key) = (format!("/update-post/{id}"), self.key(made.number, &turn.to_string()));
        let (status, answer) = self
            .api
            .until_answered(Method::PUT, &path, Some(&body), Some(&key))
            .await?;
        let refused = text(&answer, "/error").unwrap_or_default();
        if status == StatusCode::BAD_REQUEST && refused.starts_with("Cannot update post") {
            self.book.did(|calls| calls.edits_too_late += 1);
            return Ok(());
        }
        if status != StatusCode::OK {
            self.book.wrong(format!("updating {id} with {body}: {status} {answer}"));
            return Ok(());
        }
        match act {
            Act::Text(text) => made.text.clone_from(text),
            Act::Targets(targets) => made.targets.clone_from(targets),
            Act::Draft | Act::Time(_) | Act::Delete => {}
        }
        made.is_draft = text(&answer, "/postGroup/status").as_deref() == Some("draft");
        made.planned_at = text(&answer, "/scheduledTime");
        self.book.did(|calls| calls.edits += 1);
        Ok(())
    }

    async fn delete(&self, made: &mut Made) -> anyhow::Result<()> {
        let id = made.id.as_deref().context("a group without an id")?;
        let path = format!("/delete-post/{id}");
        let (status, answer) = self.api.until_answered(Method::DELETE, &path, None, None).await?;
        // A deletion whose answer was lost finds nothing the second time.
        if status != StatusCode::OK && status != StatusCode::NOT_FOUND {
            self.book.wrong(format!("deleting {id}: {status} {answer}"));
        }
        made.is_deleted = true;
        self.book.did(|calls| calls.deletes += 1);
        Ok(())
    }
}

fn text(answer: &Value, pointer: &str) -> Option<String> {
    answer.pointer(pointer)?.as_str().map(str::to_owned)
}

/// SHA-256 in lower-case hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

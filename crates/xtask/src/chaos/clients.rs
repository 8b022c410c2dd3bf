//! The clients: some make posts, some disturb. None of them gives up when the server dies under a request; each sends
//! the same request again until there is an answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::admin::{self, Word};
use super::api::Api;
use super::book::{Book, Deletion, Job};
use super::control::http_client;
use super::time::{Time, pause};

/// Clients that make posts at the same time.
const MAKERS: u64 = 8;
/// Clients that retry, edit and delete.
const DISTURBERS: u64 = 2;
/// How long a look at what the server takes may last.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
/// Between two disturbances of one client.
const DISTURB_EVERY: Duration = Duration::from_millis(60);
/// Of a hundred accepted posts at most so many are deleted.
const DELETED_PERCENT_MAX: usize = 5;

/// A target as clients name it.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// The dialect's id of the connection.
    pub(crate) platform_id: String,
    /// A file that every post to it needs.
    pub(crate) media_url: Option<String>,
}

/// What all clients share.
#[derive(Debug)]
pub(crate) struct Callers {
    api: Api,
    data: PathBuf,
    time: Time,
    book: Arc<Book>,
    addresses: Vec<Address>,
}

impl Callers {
    /// Clients of the server at `base` with this API key; `data` is its data directory.
    pub(crate) fn new(
        base: &str,
        key: String,
        data: PathBuf,
        time: Time,
        book: Arc<Book>,
        addresses: Vec<Address>,
    ) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            api: Api::new(base, key)?,
            data,
            time,
            book,
            addresses,
        }))
    }

    /// Starts them all; they end when the book is over.
    pub(crate) fn start(self: &Arc<Self>, seed: u64) -> tokio::task::JoinSet<anyhow::Result<()>> {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..MAKERS {
            tasks.spawn(Arc::clone(self).make());
        }
        for n in 0..DISTURBERS {
            tasks.spawn(Arc::clone(self).disturb(StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(n))));
        }
        tasks
    }

    /// How often a request was sent again because its answer had been lost.
    pub(crate) fn sent_again(&self) -> usize {
        self.api.sent_again()
    }

    async fn make(self: Arc<Self>) -> anyhow::Result<()> {
        loop {
            match self.book.take() {
                Some(job) => self.create(&job).await?,
                None if self.book.is_over() => return Ok(()),
                None => pause(Duration::from_millis(5)).await,
            }
        }
    }

    async fn create(&self, job: &Job) -> anyhow::Result<()> {
        let address = self.addresses.get(job.target).context("a post without a target")?;
        let mut body = json!({
            "content": job.text,
            "platforms": [address.platform_id],
            "scheduledTime": self.time.soon(1),
        });
        if let (Some(url), Some(object)) = (&address.media_url, body.as_object_mut()) {
            object.insert("mediaUrls".to_owned(), json!([url]));
        }
        let key = job.text.replace(' ', "-");
        let (status, answer) = self
            .api
            .until_answered(Method::POST, "/create-post", Some(&body), Some(&key))
            .await?;
        match answer.get("postGroupId").and_then(Value::as_str) {
            Some(group) if status == StatusCode::OK => self.book.accepted(job.index, group.to_owned()),
            _ => self.book.refused(format!("creating '{}': {status} {answer}", job.text)),
        }
        Ok(())
    }

    async fn disturb(self: Arc<Self>, mut rng: StdRng) -> anyhow::Result<()> {
        while !self.book.is_over() {
            pause(DISTURB_EVERY).await;
            let Some((index, group)) = self.book.any(&mut rng) else {
                continue;
            };
            match rng.random_range(0..10_u32) {
                0..5 => self.retry(&group).await,
                5..9 => self.edit(&group, rng.random_range(0..2_u32) == 0).await,
                _ => self.delete(index, &group).await?,
            }
        }
        Ok(())
    }

    /// Asks for a retry of whatever state the post is in; an answer that is lost is not asked for again.
    async fn retry(&self, group: &str) {
        let path = format!("/get-post/{group}");
        let Ok((StatusCode::OK, shown)) = self.api.once(Method::GET, &path, None, None).await else {
            return;
        };
        let post = shown.pointer("/posts/0/_id").and_then(Value::as_str).unwrap_or(group);
        if self.retry_post(post).await.is_ok() {
            self.book.count(|calls| calls.retried += 1);
        }
    }

    /// Asks for a retry through the operator's door, as `broadside retry` does.
    pub(crate) async fn retry_post(&self, post: &str) -> anyhow::Result<Word> {
        admin::ask(&self.data, &json!({"ask": "retry", "user": null, "id": post})).await
    }

    /// Moves a post, or makes it a draft and a scheduled post again.
    async fn edit(&self, group: &str, through_draft: bool) {
        let path = format!("/update-post/{group}");
        if through_draft {
            let draft = self
                .api
                .once(Method::PUT, &path, Some(&json!({"status": "draft"})), None)
                .await;
            if !matches!(draft, Ok((StatusCode::OK, _))) {
                return;
            }
        }
        if self.schedule(group).await.is_ok() {
            self.book.count(|calls| calls.edited += 1);
        }
    }

    /// Gives a post a time close by. One that can no longer be edited stays as it is.
    pub(crate) async fn schedule(&self, group: &str) -> anyhow::Result<()> {
        let body = json!({"status": "scheduled", "scheduledTime": self.time.soon(2)});
        let (_, _) = self
            .api
            .until_answered(Method::PUT, &format!("/update-post/{group}"), Some(&body), None)
            .await?;
        Ok(())
    }

    async fn delete(&self, index: usize, group: &str) -> anyhow::Result<()> {
        let (deleted, accepted) = self.book.deletions();
        if (deleted + 1) * 100 > accepted * DELETED_PERCENT_MAX {
            return Ok(());
        }
        self.book.deletion(index, Deletion::Asked);
        let (status, answer) = self
            .api
            .until_answered(Method::DELETE, &format!("/delete-post/{group}"), None, None)
            .await?;
        // A deletion whose answer was lost finds nothing the second time.
        if status == StatusCode::OK || status == StatusCode::NOT_FOUND {
            self.book.deletion(index, Deletion::Done);
            self.book.count(|calls| calls.deleted += 1);
            return Ok(());
        }
        anyhow::bail!("deleting a post was answered {status} {answer}")
    }
}

/// Whether create-post takes the address of a file: a draft with one is made, looked at and deleted.
pub(crate) async fn takes_media(base: &str, key: &str, address: &Address) -> anyhow::Result<bool> {
    let http = http_client(ANSWERED_WITHIN)?;
    let call = |method: Method, path: &str| {
        http.request(method, format!("{base}/api/v1{path}"))
            .header("x-api-key", key)
    };
    let body = json!({"content": "draft", "platforms": [address.platform_id], "mediaUrls": [address.media_url]});
    let made = call(Method::POST, "/create-post").json(&body).send().await?;
    if !made.status().is_success() {
        return Ok(false);
    }
    let made: Value = serde_json::from_str(&made.text().await?)?;
    let group = made
        .get("postGroupId")
        .and_then(Value::as_str)
        .context("a draft without an id")?;
    let listed: Value = serde_json::from_str(&call(Method::GET, "/list-posts").send().await?.text().await?)?;
    let groups = listed
        .get("posts")
        .and_then(Value::as_array)
        .context("a list without posts")?;
    let has_media = groups.iter().any(|group| {
        group
            .get("mediaUrls")
            .and_then(Value::as_array)
            .is_some_and(|urls| !urls.is_empty())
    });
    call(Method::DELETE, &format!("/delete-post/{group}")).send().await?;
    Ok(has_media)
}

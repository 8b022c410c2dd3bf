//! The PostPost dialect: everything that it says of posts, histories, connections and numbers.

mod expected;
mod words;

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, ensure};
use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::clients::sha256;
use super::sayings::Sayings;
use super::{Dialect, Truth};
use crate::chaos::api::Api;
use crate::chaos::time::Time;

/// Groups on a page of a list.
const PAGE: usize = 100;
/// Posts of one question for numbers.
const ASKED: usize = 50;
/// Platforms whose posts have numbers here.
const COUNTING: [&str; 2] = ["mastodon", "bluesky"];
/// Lists that are asked for beside the whole: their name, and their query.
const LISTS: [(&str, &str); 6] = [
    ("drafts", "status=draft"),
    ("scheduled", "status=scheduled"),
    ("published", "status=published"),
    ("failed", "status=failed"),
    ("partially published", "status=partially_published"),
    ("by change", "sortBy=updatedAt&sortOrder=asc"),
];

/// The dialect as a client of one server sees it.
pub(crate) struct Postpost {
    api: Api,
    time: Time,
    /// When connections were asked for: how long a token still lives depends on it.
    asked_at: Mutex<Timestamp>,
}

impl Postpost {
    /// A reader with this key; the server shares this time.
    pub(crate) fn new(base: &str, key: String, time: Time) -> anyhow::Result<Self> {
        Ok(Self {
            api: Api::new(base, key)?,
            time,
            asked_at: Mutex::new(time.now()),
        })
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, body) = self.api.once(Method::GET, path, None, None).await?;
        Ok(json!({"http": status.as_u16(), "body": body}))
    }

    /// A list over all its pages: the groups in their order, and what was said of the pages.
    async fn list(&self, query: &str) -> anyhow::Result<Value> {
        let (mut groups, mut pages, mut page) = (Vec::new(), Vec::new(), 1);
        loop {
            let path = format!("/list-posts?limit={PAGE}&page={page}&{query}");
            let (status, mut body) = self.api.once(Method::GET, &path, None, None).await?;
            ensure!(status.is_success(), "{path} was answered {status} {body}");
            let pagination = body.get_mut("pagination").context("no pagination")?.take();
            let has_more = pagination.get("hasNextPage") == Some(&Value::Bool(true));
            pages.push(pagination);
            let posts = body.get_mut("posts").and_then(Value::as_array_mut);
            groups.append(posts.context("no posts")?);
            if !has_more {
                return Ok(json!({"posts": groups, "pages": pages}));
            }
            page += 1;
        }
    }

    /// Puts in place of each URL of a file what is there.
    async fn look_behind_urls(&self, group: &mut Value) -> anyhow::Result<()> {
        for url in group
            .get_mut("mediaUrls")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let address = url.as_str().context("an URL that is no text")?;
            let answer = self.api.http().get(address).send().await?;
            *url = match answer.status().is_success() {
                true => sha256(&answer.bytes().await?).into(),
                false => format!("{} {address}", answer.status()).into(),
            };
        }
        Ok(())
    }

    /// The numbers of every post that `shown` (answers of get-post) tells an id of.
    async fn numbers(&self, shown: &[Value], told: &mut Sayings) -> anyhow::Result<()> {
        let posts = shown
            .iter()
            .filter_map(|answer| answer.pointer("/body/posts")?.as_array())
            .flatten();
        let asked: Vec<Value> = posts
            .filter(|post| COUNTING.iter().any(|word| post.get("platform") == Some(&json!(word))))
            .filter(|post| post.get("postedId").is_some())
            .map(|post| json!({"platform": post["platform"], "platformId": post["platformId"], "postedId": post["postedId"]}))
            .collect();
        for some in asked.chunks(ASKED) {
            let (status, body) = self
                .api
                .once(Method::POST, "/post-statistics", Some(&json!({"posts": some})), None)
                .await?;
            ensure!(status.is_success(), "post-statistics was answered {status} {body}");
            let issues = body
                .get("issues")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            for (id, numbers) in body.get("stats").and_then(Value::as_object).context("no stats")? {
                // Whose platform cannot be asked is told as an issue; null without one is a saying.
                let is_issue = issues.iter().any(|issue| issue.get("postedId") == Some(&json!(id)));
                let numbers = if is_issue { json!("an issue") } else { numbers.clone() };
                told.say(format!("post-statistics of {id}"), numbers);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Dialect for Postpost {
    fn name(&self) -> &'static str {
        "PostPost"
    }

    async fn told(&self, groups: &[String]) -> anyhow::Result<Sayings> {
        let (mut told, mut shown) = (Sayings::default(), Vec::new());
        for group in groups {
            let answer = self.get(&format!("/get-post/{group}")).await?;
            shown.push(answer.clone());
            told.say(format!("get-post {group}"), answer);
            told.say(
                format!("post-logs {group}"),
                self.get(&format!("/post-logs/{group}")).await?,
            );
        }
        let mut list = self.list("").await?;
        for group in list
            .get_mut("posts")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            self.look_behind_urls(group).await?;
        }
        told.say("list-posts", list);
        for (name, query) in LISTS {
            let list = self.list(query).await?;
            let ids = list.get("posts").and_then(Value::as_array).into_iter().flatten();
            let ids: Vec<Value> = ids.map(|group| json!({"id": group["postGroupId"]})).collect();
            told.say(format!("list-posts: {name}"), ids.into());
        }
        *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner) = self.time.now();
        told.say("platform-connections", self.get("/platform-connections").await?);
        self.numbers(&shown, &mut told).await?;
        Ok(told)
    }

    fn expected(&self, truth: &Truth, groups: &[String]) -> Sayings {
        let at = *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        expected::sayings(truth, groups, at)
    }
}

/// An object without the keys that are none.
fn object(fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let given: Map<String, Value> = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect();
    Value::Object(given)
}

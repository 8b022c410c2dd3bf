//! What is asked of a real server directly, past the product and past the proxy: accounts, and what is there.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::launch::Which;
use crate::chaos::control::http_client;

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// Pages of one list that are read at most.
const PAGES_MAX: usize = 200;

/// An account on a real server.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// The server's own id of it: a DID, or an account id.
    pub(crate) id: String,
    /// The name that others mention it by.
    pub(crate) handle: String,
    /// The app password or token.
    pub(crate) secret: String,
}

/// A post as it was read back.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Its text without markup.
    pub(crate) text: String,
    /// Everything that the server says about it.
    pub(crate) whole: Value,
}

/// A client of a real server.
#[derive(Debug, Clone)]
pub(crate) struct RealServer {
    which: Which,
    http: reqwest::Client,
    base: String,
}

impl RealServer {
    /// The server at `base`.
    pub(crate) fn new(which: Which, base: &str) -> anyhow::Result<Self> {
        Ok(Self {
            which,
            http: http_client(ANSWERED_WITHIN)?,
            base: base.to_owned(),
        })
    }

    async fn read(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.send().await.context("the real server")?;
        let status = answer.status();
        let body = answer.text().await.context("the real server")?;
        ensure!(status.is_success(), "the real server answered {status}: {body}");
        serde_json::from_str(&body).with_context(|| format!("the real server answered {body}"))
    }

    fn xrpc(&self, method: &str) -> String {
        format!("{}/xrpc/{method}", self.base)
    }

    /// Makes an account.
    pub(crate) async fn make_account(&self, name: &str) -> anyhow::Result<Login> {
        match self.which {
            Which::Pds => self.make_on_pds(name).await,
            Which::Mastodon => {
                let path = format!("{}/api/v1/_mock/dev_user", self.base);
                let made = Self::read(self.http.post(path).json(&json!({"username": name}))).await?;
                Ok(Login {
                    id: text(&made, "id")?,
                    handle: text(&made, "username")?,
                    secret: text(&made, "access_token")?,
                })
            }
        }
    }

    async fn make_on_pds(&self, name: &str) -> anyhow::Result<Login> {
        let handle = format!("{name}.test");
        let account = json!({"email": format!("{name}@example.test"), "handle": handle, "password": "a long password"});
        let made = Self::read(
            self.http
                .post(self.xrpc("com.atproto.server.createAccount"))
                .json(&account),
        )
        .await?;
        let request = self.http.post(self.xrpc("com.atproto.server.createAppPassword"));
        let password = request
            .bearer_auth(text(&made, "accessJwt")?)
            .json(&json!({"name": "broadside"}));
        let password = Self::read(password).await?;
        Ok(Login {
            id: text(&made, "did")?,
            handle,
            secret: text(&password, "password")?,
        })
    }

    /// Every post of an account.
    pub(crate) async fn posts(&self, login: &Login) -> anyhow::Result<Vec<Record>> {
        match self.which {
            Which::Pds => self.records(&login.id).await,
            Which::Mastodon => self.statuses(login).await,
        }
    }

    async fn records(&self, did: &str) -> anyhow::Result<Vec<Record>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let mut query = vec![("repo", did), ("collection", "app.bsky.feed.post"), ("limit", "100")];
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let page = Self::read(self.http.get(self.xrpc("com.atproto.repo.listRecords")).query(&query)).await?;
            let records = page.get("records").and_then(Value::as_array).context("records")?;
            for whole in records {
                let text = whole
                    .pointer("/value/text")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
                all.push(Record {
                    text,
                    whole: whole.clone(),
                });
            }
            match page
                .get("cursor")
                .and_then(Value::as_str)
                .filter(|_| !records.is_empty())
            {
                Some(next) => cursor = next.to_owned(),
                None => return Ok(all),
            }
        }
        anyhow::bail!("the list of records has no end")
    }

    async fn statuses(&self, login: &Login) -> anyhow::Result<Vec<Record>> {
        let mut all: Vec<Record> = Vec::new();
        let mut before: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let path = format!("{}/api/v1/accounts/{}/statuses", self.base, login.id);
            let mut request = self.http.get(path).bearer_auth(&login.secret).query(&[("limit", "40")]);
            if let Some(before) = &before {
                request = request.query(&[("max_id", before)]);
            }
            let page = Self::read(request).await?;
            let page = page.as_array().context("statuses")?;
            let Some(last) = page.last() else { return Ok(all) };
            before = Some(text(last, "id")?);
            for whole in page {
                all.push(Record {
                    text: without_markup(&text(whole, "content")?),
                    whole: whole.clone(),
                });
            }
        }
        anyhow::bail!("the list of statuses has no end")
    }

    /// The bytes of a blob of an account.
    pub(crate) async fn blob(&self, did: &str, cid: &str) -> anyhow::Result<Vec<u8>> {
        let query = [("did", did), ("cid", cid)];
        self.bytes(self.http.get(self.xrpc("com.atproto.sync.getBlob")).query(&query))
            .await
    }

    /// The bytes at an address of the server.
    pub(crate) async fn file(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        // The server may know itself by another name.
        let path = url::Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.path().to_owned());
        self.bytes(self.http.get(format!("{}{path}", self.base))).await
    }

    async fn bytes(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Vec<u8>> {
        let answer = request.send().await.context("the real server")?;
        ensure!(
            answer.status().is_success(),
            "the real server answered {}",
            answer.status()
        );
        Ok(answer.bytes().await?.to_vec())
    }
}

fn text(value: &Value, name: &str) -> anyhow::Result<String> {
    let text = value.get(name).and_then(Value::as_str);
    text.map(str::to_owned).with_context(|| format!("no {name} in {value}"))
}

/// The text of the HTML that a server made of a status.
fn without_markup(html: &str) -> String {
    let mut text = String::new();
    let mut in_tag = false;
    for letter in html.chars() {
        match letter {
            '<' => in_tag = true,
            '>' => in_tag = false,
            _ if !in_tag => text.push(letter),
            _ => {}
        }
    }
    text.replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&#39;", "'")
        .replace("&quot;", "\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_compared_without_its_markup() {
        let html = "<p>a &amp; b <a href=\"https://x.example/?a=1\">x.example</a></p>";
        assert_eq!(without_markup(html), "a & b x.example");
    }
}

//! The sandbox's controls.

use std::time::Duration;

use anyhow::{Context, ensure};
use sandbox::{AccountSeed, NewSandboxAccount, Published, RequestLine, RuleSet};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// How long a control may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// Journal lines of one read.
const PAGE: usize = 1_000;

/// A client for plain http on this machine.
///
/// # Errors
/// If the client cannot be made.
pub(crate) fn http_client(within: Duration) -> anyhow::Result<reqwest::Client> {
    // A provider that is installed already serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(within)
        .build()
        .context("the HTTP client")
}

/// Controls one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    http: reqwest::Client,
    base: String,
}

#[derive(Deserialize)]
struct PublishedList {
    published: Vec<Published>,
}

#[derive(Deserialize)]
struct RequestList {
    requests: Vec<RequestLine>,
}

impl Control {
    /// Controls the sandbox at `base`, without a slash at its end.
    pub(crate) fn new(base: String) -> anyhow::Result<Self> {
        Ok(Self {
            http: http_client(ANSWERED_WITHIN)?,
            base,
        })
    }

    /// Where it is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    async fn read<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> anyhow::Result<T> {
        let answer = request.send().await.context("the sandbox")?;
        let status = answer.status();
        let body = answer.bytes().await.context("the sandbox")?;
        ensure!(
            status.is_success(),
            "the sandbox answered {status}: {}",
            String::from_utf8_lossy(&body)
        );
        serde_json::from_slice(&body).context("the sandbox's answer")
    }

    /// Makes an account, or gives an existing one fresh tokens.
    pub(crate) async fn add_account(&self, account: &NewSandboxAccount) -> anyhow::Result<AccountSeed> {
        self.read(self.http.post(format!("{}/_ctl/accounts", self.base)).json(account))
            .await
    }

    /// Adds rules, see [`RuleSet`].
    pub(crate) async fn add_rules(&self, rules: &RuleSet) -> anyhow::Result<()> {
        let answer = self
            .http
            .post(format!("{}/_ctl/rules", self.base))
            .json(rules)
            .send()
            .await?;
        ensure!(
            answer.status().is_success(),
            "the sandbox refused rules: {}",
            answer.text().await?
        );
        Ok(())
    }

    /// Everything that was ever made there.
    pub(crate) async fn published(&self) -> anyhow::Result<Vec<Published>> {
        let list: PublishedList = self
            .read(self.http.get(format!("{}/_ctl/published", self.base)))
            .await?;
        Ok(list.published)
    }

    /// All requests after the one with this number, oldest first.
    pub(crate) async fn requests(&self, mut after: u64) -> anyhow::Result<Vec<RequestLine>> {
        let mut all = Vec::new();
        loop {
            let request = self
                .http
                .get(format!("{}/_ctl/journal?after={after}&limit={PAGE}", self.base));
            let page: RequestList = self.read(request).await?;
            let count = page.requests.len();
            after = page.requests.last().map_or(after, |line| line.seq);
            all.extend(page.requests);
            if count < PAGE {
                return Ok(all);
            }
        }
    }
}

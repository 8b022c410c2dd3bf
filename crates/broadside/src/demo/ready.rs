//! The ready file: what a test or a person needs to use a demonstration, as one JSON object.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use connectors::http::{Http, READ_BUDGET};
use domain::account::Account;
use domain::platform::Platform;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::cast::Behaviour;
use super::stage::Stage;

#[derive(Debug, Serialize)]
struct Ready {
    base_url: String,
    sandbox_url: String,
    /// One a dialect.
    keys: BTreeMap<&'static str, String>,
    read_only_keys: BTreeMap<&'static str, String>,
    accounts: Vec<ReadyAccount>,
    sample_media: BTreeMap<&'static str, String>,
    /// The page on which more accounts are connected.
    connect_url: String,
}

#[derive(Debug, Serialize)]
struct ReadyAccount {
    platform: Platform,
    behaviour: Behaviour,
    /// The id that each dialect shows; null where it has none.
    postpost: Option<String>,
    late: Option<String>,
    posteverywhere: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Connections {
    connections: Vec<Connection>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connection {
    platform_id: String,
}

impl Stage {
    /// The ready file's text.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn ready(&self) -> anyhow::Result<String> {
        let without_slash = |url: &str| url.trim_end_matches('/').to_owned();
        let base_url = without_slash(self.server.public_url.as_str());
        let shown = self.shown_by_postpost(&base_url).await?;
        let accounts = self.accounts.iter().map(|(role, account)| ReadyAccount {
            platform: role.platform,
            behaviour: role.behaviour,
            postpost: shown.iter().find(|id| is_id_of(id, account)).cloned(),
            late: None,
            posteverywhere: None,
        });
        let samples = [
            ("image", "image.jpg"),
            ("video", "video.mp4"),
            ("oversized", "oversized.jpg"),
        ];
        let ready = Ready {
            sandbox_url: without_slash(self.sandbox.base_url().as_str()),
            keys: BTreeMap::from([("postpost", self.key.expose().to_owned())]),
            read_only_keys: BTreeMap::new(),
            accounts: accounts.collect(),
            sample_media: samples
                .into_iter()
                .map(|(kind, name)| (kind, self.sandbox.sample_url(name)))
                .collect(),
            connect_url: self.connect_url.expose().to_owned(),
            base_url,
        };
        Ok(serde_json::to_string(&ready)?)
    }

    /// The ids of all connections as the PostPost dialect shows them: asked over HTTP, as a client would, which also
    /// proves that the server answers.
    async fn shown_by_postpost(&self, base_url: &str) -> anyhow::Result<Vec<String>> {
        let http = Http::new(Arc::clone(self.server.site.engine.clock())).context("the HTTP client")?;
        let url = format!("{base_url}/postpost/api/v1/platform-connections");
        let request = http
            .reading(reqwest::Method::GET, &url)
            .header("x-api-key", self.key.expose());
        let answer = http.read(request, READ_BUDGET).await;
        let answer = answer.map_err(|failure| anyhow::anyhow!("the server does not answer: {failure:?}"))?;
        anyhow::ensure!(
            answer.is_success(),
            "the server answered {} to its own key",
            answer.status
        );
        let list: Connections = serde_json::from_slice(&answer.body).context("the list of connections")?;
        Ok(list
            .connections
            .into_iter()
            .map(|connection| connection.platform_id)
            .collect())
    }
}

/// Compound ids are a platform's word, a hyphen, and the platform's own id.
fn is_id_of(id: &str, account: &Account) -> bool {
    id.split_once('-')
        .is_some_and(|(_, remote_id)| remote_id == account.identity.remote_id)
}

/// Puts a file in its place whole: whoever sees it can read all of it.
///
/// # Errors
/// When it cannot be written.
pub fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let shown = path.display();
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let write = || {
        // It holds a key.
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        std::fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {shown}"))
}

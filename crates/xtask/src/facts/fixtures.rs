//! The closed list of states that facts start from, and how a server is brought into one.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use tokio::process::Command;

/// Variable name to text, as a preparation prints it.
pub type Prepared = BTreeMap<String, String>;

/// A preparation may take 10 seconds; a loaded machine gets some more before the runner gives up.
const PREPARED_WITHIN: Duration = Duration::from_secs(30);

/// Brings a server into a named state.
#[async_trait]
pub trait Fixtures: Send + Sync + Debug {
    /// Makes one fresh owner in the state `name`; `receiver` is where its webhook may deliver.
    ///
    /// # Errors
    /// One line that says why the state was not reached.
    async fn prepare(&self, name: &str, receiver: Option<&str>) -> Result<Prepared, String>;
}

/// A state by name, and the variables that its preparation prints.
#[derive(Debug)]
pub(super) struct Fixture {
    pub(super) name: &'static str,
    built_on_default: bool,
    own: &'static [&'static str],
}

const EVERYWHERE: &[&str] = &[
    "API_KEY",
    "OWNER_ID",
    "OTHER_USER_ID",
    "OTHER_USERS_GROUP_ID",
    "LINKEDIN",
];
const GROUPS: &[&str] = &[
    "GROUP_ID",
    "DRAFT_GROUP_ID",
    "SCHEDULED_GROUP_ID",
    "PUBLISHED_GROUP_ID",
    "FAILED_GROUP_ID",
    "PARTIAL_GROUP_ID",
    "DELETED_GROUP_ID",
];
const RANGE: &[&str] = &["RANGE_FROM", "RANGE_TO", "RANGE_FIRST_GROUP_ID", "RANGE_LAST_GROUP_ID"];
const WEBHOOK: &[&str] = &["WEBHOOK_ID", "WEBHOOK_NAME", "WEBHOOK_SECRET"];

const fn groups(name: &'static str, own: &'static [&'static str]) -> Fixture {
    Fixture {
        name,
        built_on_default: true,
        own,
    }
}

const fn bare(name: &'static str, own: &'static [&'static str]) -> Fixture {
    Fixture {
        name,
        built_on_default: false,
        own,
    }
}

const FIXTURES: &[Fixture] = &[
    groups("default", &[]),
    groups("no_api_access", &["STARTER_KEY"]),
    groups("no_mcp_access", &["NO_MCP_KEY"]),
    groups("revoked_key", &["REVOKED_KEY"]),
    groups("orphan_owner", &["ORPHAN_KEY"]),
    bare("no_posts", &[]),
    bare("no_connections", &[]),
    groups("long_log", &["GROUP_WITH_150_LOGS"]),
    groups("scheduled_range", RANGE),
    groups("token_expiring", &[]),
    groups("token_expired", &[]),
    bare("monthly_used_up", &[]),
    bare("queue_full", &[]),
    bare("horizon_7_days", &[]),
    bare("over_seats", &[]),
    bare("no_twitter", &[]),
    groups("workspace", &["WORKSPACE_KEY", "MANAGED_USER_ID", "MANAGED_EMAIL"]),
    groups(
        "workspace_no_api",
        &["WORKSPACE_NO_API_KEY", "MANAGED_USER_ID", "MANAGED_EMAIL"],
    ),
    groups("upload_slot", &["UPLOAD_URL", "MEDIA_ID"]),
    groups("uploaded_media", &["UPLOAD_URL", "MEDIA_ID"]),
    groups("webhook", WEBHOOK),
    groups("ten_webhooks", &[]),
    bare("webhook_failed_5", &["WEBHOOK_ID"]),
    bare("webhook_receiver", &["WEBHOOK_ID", "WEBHOOK_SECRET"]),
    bare("webhook_token_expiring", &["WEBHOOK_ID", "WEBHOOK_SECRET"]),
    groups("linkedin", &[]),
    groups("linkedin_acted", &[]),
    groups("linkedin_reshare_fails", &[]),
    groups("linkedin_one_fails", &[]),
    groups("linkedin_all_fail", &[]),
];

impl Fixture {
    /// The variables that a fact on this state may use.
    pub(super) fn variables(&self) -> impl Iterator<Item = &'static str> {
        let groups: &[&str] = if self.built_on_default { GROUPS } else { &[] };
        EVERYWHERE.iter().chain(groups).chain(self.own).copied()
    }
}

/// The state of that name.
pub(super) fn named(name: &str) -> Result<&'static Fixture, String> {
    FIXTURES
        .iter()
        .find(|fixture| fixture.name == name)
        .ok_or_else(|| format!("unknown fixture {name}"))
}

/// Prepares through the product's hidden command, which hands the request to the server that runs on the data folder.
#[derive(Debug)]
pub struct CommandFixtures {
    binary: PathBuf,
    data: PathBuf,
}

impl CommandFixtures {
    /// Uses `binary` on the data folder `data`.
    #[must_use]
    pub fn new(binary: PathBuf, data: PathBuf) -> Self {
        Self { binary, data }
    }
}

#[async_trait]
impl Fixtures for CommandFixtures {
    async fn prepare(&self, name: &str, receiver: Option<&str>) -> Result<Prepared, String> {
        let mut command = Command::new(&self.binary);
        command
            .args(["fixtures", "--data"])
            .arg(&self.data)
            .args(["--prepare", name, "--json"]);
        if let Some(url) = receiver {
            command.args(["--receiver", url]);
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(PREPARED_WITHIN, command.output())
            .await
            .map_err(|_| format!("fixture {name} was not prepared within {PREPARED_WITHIN:?}"))?
            .map_err(|error| format!("fixture {name}: {error}"))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "fixture {name} could not be prepared ({}): {}",
                output.status,
                why.trim()
            ));
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("fixture {name} did not print one JSON object of texts: {error}"))
    }
}

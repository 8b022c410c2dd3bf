//! The world outside: where posts end up, and what it was asked.

use async_trait::async_trait;
use domain::platform::Platform;
use engine::points::CrashPoint;
use jiff::Timestamp;
use serde_json::Value;

/// An account that posts go to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Where it is.
    pub(crate) platform: Platform,
    /// The platform's own id of it.
    pub(crate) remote_id: String,
    /// A file that every post to it needs.
    pub(crate) media_url: Option<String>,
    /// What connects it: the fields of the operator's request.
    pub(crate) credentials: Value,
}

/// A post that is out there.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Where.
    pub(crate) platform: String,
    /// The platform's own id of the account.
    pub(crate) account: String,
    /// Its text.
    pub(crate) text: String,
    /// Since when, by the shared time.
    pub(crate) at: Timestamp,
}

/// A request that asked what became of a send.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Where.
    pub(crate) platform: String,
    /// The platform's own id of the account.
    pub(crate) account: String,
    /// When, by the shared time.
    pub(crate) at: Timestamp,
}

/// The world outside. It is never killed, and it alone says what was made twice and what is missing.
#[async_trait]
pub(crate) trait Outside: Send + Sync {
    /// Settings of the server (TOML) that lead to it.
    fn settings(&self) -> String;

    /// Up to `per_platform` accounts on each of its platforms, and which platforms have none and why.
    async fn accounts(&self, per_platform: usize) -> anyhow::Result<(Vec<Target>, Vec<String>)>;

    /// Accounts of their own whose tokens [`Self::provoke`] may kill; none where tokens do not end.
    async fn victims(&self, count: usize) -> anyhow::Result<Vec<Target>>;

    /// Fresh credentials of an account whose tokens are dead.
    async fn fresh_credentials(&self, target: &Target) -> anyhow::Result<Value>;

    /// Makes the world behave so that the server comes by this place: a lost answer must be asked for, and the
    /// victim's dead token must be exchanged when it is posted to.
    async fn provoke(&self, point: CrashPoint, victim: Option<&Target>) -> anyhow::Result<()>;

    /// Whether the server can come by this place here at all.
    fn can_reach(&self, point: CrashPoint) -> bool;

    /// Every post that is out there now.
    async fn posts(&self) -> anyhow::Result<Vec<Seen>>;

    /// The questions that were asked since this was called last.
    async fn questions(&self) -> anyhow::Result<Vec<Question>>;
}

/// The word of Broadside's dialect for a platform (what a connection's id begins with).
pub(crate) fn dialect_word(platform: Platform) -> &'static str {
    match platform {
        Platform::X => "twitter",
        other => other.word(),
    }
}

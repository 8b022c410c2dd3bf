//! History for people: what happened to a group, a post, an account, in order.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, AttemptId, GroupId, LogId, PostId, UserId};
use crate::platform::Platform;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal;)+) => {
        /// The closed list of what is recorded.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum LogKind { $($(#[$doc])* $variant,)+ }

        impl LogKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that a store keeps.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The kind of this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.word() == word)
            }
        }
    };
}

kinds! {
    /// A group was given a time.
    Scheduled = "scheduled";
    /// A status was changed by a user (draft, scheduled, cancelled, another time).
    StatusChanged = "status_changed";
    /// A worker began with a post.
    Processing = "processing";
    /// A picture was converted, because the platform takes it only so or because it told where it was taken.
    MediaConverted = "media_converted";
    /// The irreversible call is about to be made: its intent is durable.
    PublishAttempted = "publish_attempted";
    /// A post is live.
    PublishSucceeded = "publish_succeeded";
    /// A post failed for good.
    PublishFailed = "publish_failed";
    /// A try failed and another is planned.
    PublishRetry = "publish_retry";
    /// The outcome of a call is unknown and is being asked for.
    OutcomeUnknown = "outcome_unknown";
    /// The outcome was established.
    OutcomeEstablished = "outcome_established";
    /// The outcome could not be established.
    Unconfirmed = "unconfirmed";
    /// Two posts exist where one was meant.
    DuplicateDetected = "duplicate_detected";
    /// The platform is about to be asked to take a post down.
    RetractAttempted = "retract_attempted";
    /// A post was taken down.
    Retracted = "retracted";
    /// A post could not be taken down, or nobody knows whether it was.
    RetractFailed = "retract_failed";
    /// Found too late to be sent.
    Missed = "missed";
    /// Held back by a rate limit until a given time.
    RateLimitPause = "rate_limit_pause";
    /// A token was refreshed.
    TokenRefreshed = "token_refreshed";
    /// A token could not be refreshed.
    TokenRefreshFailed = "token_refresh_failed";
    /// An account was connected.
    Connected = "connected";
    /// An account was connected again.
    Reconnected = "reconnected";
    /// An account could not be connected.
    ConnectFailed = "connect_failed";
    /// An account could not be connected again.
    ReconnectFailed = "reconnect_failed";
    /// The platform was asked what an account is and may do.
    Verified = "verified";
    /// A token ends soon and cannot be exchanged without a person.
    TokenExpiring = "token_expiring";
    /// An account must be connected again by a person.
    ReconnectNeeded = "reconnect_needed";
    /// An account was disconnected by its owner.
    Disconnected = "disconnected";
    /// An account was disconnected at its platform.
    DisconnectedByPlatform = "disconnected_by_platform";
    /// The platform was told that the tokens of a disconnected account are not used any more.
    TokenRevoked = "token_revoked";
    /// A person resolved an unconfirmed post.
    Resolved = "resolved";
    /// A group was deleted.
    Deleted = "deleted";
    /// A receiver of webhooks failed too often and gets nothing more until its owner switches it on again.
    WebhookDisabled = "webhook_disabled";
    /// Something beside a post is about to be made or removed: a reaction, a comment, a reshare.
    ActionAttempted = "action_attempted";
    /// How that ended; unknown when it may have been done.
    ActionEnded = "action_ended";
}

impl LogKind {
    /// Whether it is about an account's connection.
    #[must_use]
    pub const fn is_connection(self) -> bool {
        match self {
            Self::TokenRefreshed
            | Self::TokenRefreshFailed
            | Self::Connected
            | Self::Reconnected
            | Self::ConnectFailed
            | Self::ReconnectFailed
            | Self::Verified
            | Self::TokenExpiring
            | Self::ReconnectNeeded
            | Self::Disconnected
            | Self::DisconnectedByPlatform
            | Self::TokenRevoked => true,
            Self::Scheduled
            | Self::StatusChanged
            | Self::Processing
            | Self::MediaConverted
            | Self::PublishAttempted
            | Self::PublishSucceeded
            | Self::PublishFailed
            | Self::PublishRetry
            | Self::OutcomeUnknown
            | Self::OutcomeEstablished
            | Self::Unconfirmed
            | Self::DuplicateDetected
            | Self::RetractAttempted
            | Self::Retracted
            | Self::RetractFailed
            | Self::Missed
            | Self::RateLimitPause
            | Self::Resolved
            | Self::Deleted
            | Self::WebhookDisabled
            | Self::ActionAttempted
            | Self::ActionEnded => false,
        }
    }
}

/// How what is recorded ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogOutcome {
    /// A note without an outcome.
    Info,
    /// Well.
    Success,
    /// Badly.
    Failure,
    /// Nobody knows.
    Unknown,
}

impl LogOutcome {
    /// The word that a store keeps.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Info, Self::Success, Self::Failure, Self::Unknown]
            .into_iter()
            .find(|o| o.word() == word)
    }
}

/// An entry to be written. Its id, sequence number and time of storage are the store's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// What.
    pub kind: LogKind,
    /// How it ended.
    pub outcome: LogOutcome,
    /// When it happened.
    pub at: Timestamp,
    /// The group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<PostId>,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Which attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<AttemptId>,
    /// How many automatic retries came before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// The HTTP status of the platform's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// How long the call took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<SignedDuration>,
    /// What went wrong, in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Anything else: the error's kind, the remote id, the request id. No secrets.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub data: serde_json::Map<String, serde_json::Value>,
}

impl LogEntry {
    /// An entry with nothing but its kind, outcome and time.
    #[must_use]
    pub fn new(kind: LogKind, outcome: LogOutcome, at: Timestamp) -> Self {
        Self {
            kind,
            outcome,
            at,
            group: None,
            post: None,
            account: None,
            user: None,
            platform: None,
            attempt: None,
            retries: None,
            http_status: None,
            took: None,
            error: None,
            data: serde_json::Map::new(),
        }
    }

    /// The same with this datum.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }
}

/// An entry as it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    /// Its id.
    pub id: LogId,
    /// Its place in the group's history, from 1; 0 for entries without a group.
    pub seq: u64,
    /// The entry.
    #[serde(flatten)]
    pub entry: LogEntry,
}

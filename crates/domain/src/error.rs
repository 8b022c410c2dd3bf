//! What a platform's refusal means, and above all whether a post may exist after it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::part::RemotePost;
use crate::platform::Platform;

/// The kinds of failure, the same for all platforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The token is expired, revoked or wrong.
    Auth,
    /// The token is good but lacks a scope or a role.
    Permission,
    /// Too many requests just now.
    RateLimited,
    /// A quota of posts or money is used up.
    QuotaExhausted,
    /// The text or the whole post was refused.
    ContentRejected,
    /// A file was refused for its form.
    MediaRejected,
    /// A text is longer than allowed. A kind apart from [`Self::TooLarge`], since dialects have other words for it.
    TextTooLong,
    /// A file is longer or larger than allowed.
    TooLarge,
    /// The request makes no sense to the platform: a setting, a reply target, a combination.
    Invalid,
    /// The platform says that this was posted already.
    DuplicateContent,
    /// Blocked by a policy or as spam.
    PolicyBlocked,
    /// The account is locked, suspended or restricted.
    AccountRestricted,
    /// No such account, or it is not connected here.
    AccountGone,
    /// Only the operator can mend it: app credentials, an app review, a missing connector.
    OperatorConfig,
    /// Something that must be done first is not: a file still being processed.
    NotReady,
    /// The platform answered 5xx.
    PlatformDown,
    /// The platform could not be reached.
    Network,
    /// No answer in time.
    Timeout,
    /// An answer that cannot be understood.
    Protocol,
    /// Our own check of media, settings and combinations, before anything was sent. Texts that are too long and files that
    /// are too large keep the kinds of their own.
    Validation,
    /// None of the above.
    Unknown,
}

impl ErrorKind {
    /// Every kind, for exhaustive tables.
    pub const ALL: &'static [Self] = &[
        Self::Auth,
        Self::Permission,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::ContentRejected,
        Self::MediaRejected,
        Self::TextTooLong,
        Self::TooLarge,
        Self::Invalid,
        Self::DuplicateContent,
        Self::PolicyBlocked,
        Self::AccountRestricted,
        Self::AccountGone,
        Self::OperatorConfig,
        Self::NotReady,
        Self::PlatformDown,
        Self::Network,
        Self::Timeout,
        Self::Protocol,
        Self::Validation,
        Self::Unknown,
    ];

    /// Whether there were too many calls, whatever was in them.
    #[must_use]
    pub const fn is_limit(self) -> bool {
        matches!(self, Self::RateLimited | Self::QuotaExhausted)
    }

    /// Whether trying again later may help without anybody changing anything.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::QuotaExhausted
                | Self::NotReady
                | Self::PlatformDown
                | Self::Network
                | Self::Timeout
                | Self::Protocol
        )
    }
}

/// Whether a post may exist on the platform after this error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Certainly not published by the call that failed.
    NotPublished,
    /// Perhaps published: the outcome must be asked for, never guessed.
    MayBePublished,
    /// The platform refuses because an earlier call of the same part already landed.
    LandedEarlier {
        /// The earlier post, when the refusal names it.
        remote: Option<RemotePost>,
    },
}

/// When another try makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Never by itself.
    Never,
    /// After the retry policy's backoff.
    Backoff,
    /// Not before this instant.
    NotBefore(Timestamp),
    /// Not before this much time has passed.
    After(SignedDuration),
    /// After the token has been refreshed once.
    AfterRefresh,
    /// After a person has connected the account again.
    AfterReconnect,
}

/// Where another try starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// With what was prepared.
    #[default]
    Send,
    /// Anew: what was prepared is gone (an expired container, a lost media id).
    Prepare,
}

/// What to do after an error whose fate is [`Fate::NotPublished`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// When.
    pub when: When,
    /// From where.
    #[serde(default)]
    pub from: From,
    /// At most this many automatic tries for this error; `None` leaves it to the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u8>,
    /// The id under which the account goes on (Telegram's supergroup migration).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learn: Option<String>,
}

impl Retry {
    /// No automatic try.
    pub const NEVER: Self = Self::when(When::Never);
    /// By the policy's backoff.
    pub const BACKOFF: Self = Self::when(When::Backoff);

    /// A retry at `when`, from the send, as often as the policy allows.
    #[must_use]
    pub const fn when(when: When) -> Self {
        Self {
            when,
            from: From::Send,
            at_most: None,
            learn: None,
        }
    }

    /// The same, but everything is prepared anew.
    #[must_use]
    pub fn from_prepare(mut self) -> Self {
        self.from = From::Prepare;
        self
    }

    /// The same, at most `times` times.
    #[must_use]
    pub fn at_most(mut self, times: u8) -> Self {
        self.at_most = Some(times);
        self
    }
}

/// The step at which an error came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Our own checks.
    Validate,
    /// Uploads and containers.
    Prepare,
    /// The irreversible call.
    Send,
    /// Asking what became of it.
    Check,
    /// Taking down what was published.
    Retract,
    /// Refreshing the token.
    Refresh,
    /// Signing in: consent, exchange, identity.
    Connect,
}

/// A failure as a platform (or the way to it) gave it. It is data: it is stored, logged and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{platform} {stage:?}: {kind:?} ({message})")]
pub struct PlatformError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Whether a post may exist.
    pub fate: Fate,
    /// What to do next.
    pub retry: Retry,
    /// Whose error.
    pub platform: Platform,
    /// At which step.
    pub stage: Stage,
    /// The HTTP status, when there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The platform's code for it, such as `9007/2207027`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Our words for the user: what happened and what to do.
    pub message: String,
    /// The platform's words, shortened, without tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

impl PlatformError {
    /// The longest text of a platform that is kept, in characters.
    pub const RAW_CHARS_MAX: usize = 500;

    /// An error that certainly published nothing, with no automatic retry.
    #[must_use]
    pub fn refused(platform: Platform, stage: Stage, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            fate: Fate::NotPublished,
            retry: Retry::NEVER,
            platform,
            stage,
            http_status: None,
            code: None,
            message: message.into(),
            raw: None,
        }
    }

    /// The same with this fate.
    #[must_use]
    pub fn with_fate(mut self, fate: Fate) -> Self {
        self.fate = fate;
        self
    }

    /// The same with this retry.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same with the answer's status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.http_status = Some(status);
        self
    }

    /// The same with the platform's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same with the platform's words, shortened to [`Self::RAW_CHARS_MAX`].
    #[must_use]
    pub fn with_raw(mut self, raw: &str) -> Self {
        self.raw = Some(raw.chars().take(Self::RAW_CHARS_MAX).collect());
        self
    }

    /// What a failed post keeps of this error.
    #[must_use]
    pub fn summary(&self, at: Timestamp) -> ErrorSummary {
        ErrorSummary {
            kind: self.kind,
            code: self.code.clone(),
            message: self.message.clone(),
            raw: self.raw.clone(),
            http_status: self.http_status,
            at,
        }
    }
}

/// The error that a post shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorSummary {
    /// What went wrong.
    pub kind: ErrorKind,
    /// The platform's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Our words.
    pub message: String,
    /// The platform's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The HTTP status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// When it happened.
    pub at: Timestamp,
}

impl ErrorSummary {
    /// What an unconfirmed post shows.
    #[must_use]
    pub fn outcome_unknown(at: Timestamp) -> Self {
        Self {
            kind: ErrorKind::Unknown,
            code: Some("PUBLISH_OUTCOME_UNKNOWN".to_owned()),
            message:
                "The platform may have published this post and cannot tell; look at the account before sending it \
                      again"
                    .to_owned(),
            raw: None,
            http_status: None,
            at,
        }
    }
}

/// A rule of a platform that a draft breaks, found before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The kind it is reported as.
    pub kind: ErrorKind,
    /// Plain words with the limit and the actual value.
    pub message: String,
}

impl Violation {
    /// The error that a post fails with for this violation.
    #[must_use]
    pub fn into_error(self, platform: Platform) -> PlatformError {
        PlatformError::refused(platform, Stage::Validate, self.kind, self.message)
    }
}

//! How a sign-in ends, and the words for it.

use connectors::signin::{Choice, is_denied};
use domain::account::Account;
use domain::error::{ErrorKind, PlatformError};
use domain::ids::{LinkId, UserId};
use domain::platform::Platform;
use domain::secret::SecretText;

/// How an account is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Through the platform's consent page.
    OAuth,
    /// With something that a person or an operator has in hand.
    Credentials,
}

impl Method {
    /// Its word in the history, as Late's connection logs have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OAuth => "oauth",
            Self::Credentials => "credentials",
        }
    }
}

/// Why nothing was connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The person said no at the platform.
    Denied,
    /// The platform did not give tokens.
    ExchangeFailed,
    /// It gave tokens, but not whose they are; or there is no account that they are good for.
    IdentityFailed,
    /// The credentials were refused.
    CredentialsRefused,
    /// The operator must change the configuration.
    NotConfigured,
    /// The platform was not reached, or is in trouble.
    PlatformUnavailable,
    /// The sign-in was not finished in time.
    Expired,
    /// It was finished before.
    Replayed,
    /// It was begun by somebody else, in another browser, or for another platform.
    Foreign,
    /// Another account than the one that was to be connected again.
    DifferentAccount,
    /// What was chosen was not among the choices.
    NoSuchChoice,
    /// The plan has no room for one more account.
    PlanFull,
}

impl Reason {
    /// The code for machines; the first two are those of Late's connection logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Denied => "oauth_denied",
            Self::ExchangeFailed => "token_exchange_failed",
            Self::IdentityFailed => "identity_failed",
            Self::CredentialsRefused => "credentials_refused",
            Self::NotConfigured => "not_configured",
            Self::PlatformUnavailable => "platform_unavailable",
            Self::Expired => "state_expired",
            Self::Replayed => "state_replayed",
            Self::Foreign => "state_foreign",
            Self::DifferentAccount => "different_account",
            Self::NoSuchChoice => "no_such_choice",
            Self::PlanFull => "plan_full",
        }
    }

    /// The step at which it came up.
    #[must_use]
    pub const fn stage(self) -> &'static str {
        match self {
            Self::Denied => "consent",
            Self::ExchangeFailed | Self::PlatformUnavailable | Self::NotConfigured => "exchange",
            Self::IdentityFailed | Self::CredentialsRefused | Self::DifferentAccount => "identity",
            Self::Expired | Self::Replayed | Self::Foreign => "state",
            Self::NoSuchChoice => "choice",
            Self::PlanFull => "plan",
        }
    }
}

/// Why nothing was connected, for machines and for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// For machines.
    pub reason: Reason,
    /// For people: what happened and what to do.
    pub words: String,
    /// What the platform said, when it was asked.
    pub error: Option<Box<PlatformError>>,
}

impl Failure {
    /// A failure of our own finding.
    pub(crate) fn own(reason: Reason, words: impl Into<String>) -> Self {
        Self {
            reason,
            words: words.into(),
            error: None,
        }
    }

    /// What the platform said; `otherwise` unless its kind says more.
    pub(crate) fn of(error: PlatformError, otherwise: Reason) -> Self {
        let reason = match error.kind {
            _ if is_denied(&error) => Reason::Denied,
            ErrorKind::OperatorConfig => Reason::NotConfigured,
            kind if kind.is_transient() => Reason::PlatformUnavailable,
            _ => otherwise,
        };
        Self {
            reason,
            words: error.message.clone(),
            error: Some(Box::new(error)),
        }
    }
}

/// An account that can be chosen, as a page shows it. Its tokens stay sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// What it is chosen by.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What tells it from others of that name.
    pub detail: Option<String>,
    /// A picture.
    pub picture: Option<String>,
}

impl Offered {
    pub(crate) fn of(choice: &Choice) -> Self {
        Self {
            id: choice.id.clone(),
            name: choice.name.clone(),
            detail: choice.detail.clone(),
            picture: choice.picture.clone(),
        }
    }
}

/// How a step of a sign-in ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The account is connected and was verified; what it lacks is in [`Account::missing`].
    Connected(Box<Account>),
    /// A person must choose.
    Choose {
        /// What [`crate::Engine::choose`] takes, once. A secret.
        token: SecretText,
        /// What is asked.
        question: String,
        /// Among these.
        choices: Vec<Offered>,
    },
    /// Nothing was connected.
    Failed(Failure),
}

/// The end of a step of a sign-in, and where the browser goes from there.
#[derive(Debug, Clone)]
pub struct SignInEnd {
    /// Whose sign-in it was.
    pub owner: UserId,
    /// The platform.
    pub platform: Platform,
    /// The hosted page that it was begun from.
    pub link: Option<LinkId>,
    /// Where the sign-in was started for; the browser goes nowhere else.
    pub return_to: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// After a choice: what [`crate::Engine::choose`] takes, once, to connect another one of the rest. A secret.
    pub more: Option<SecretText>,
}

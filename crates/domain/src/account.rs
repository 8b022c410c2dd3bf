//! Users, keys and connected accounts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::ErrorSummary;
use crate::ids::{AccountId, ApiKeyId, UserId};
use crate::plan::Plan;
use crate::platform::Platform;
use crate::secret::SecretText;

/// A person or organisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// A unique name, usually an e-mail address.
    pub name: String,
    /// What it may do by itself. While it is managed, its manager's plan counts instead.
    pub plan: Plan,
    /// Since when it is known.
    pub created_at: Timestamp,
    /// The user that manages it and whose plan it uses up.
    pub manager: Option<UserId>,
    /// What people call it; `None` for its name.
    pub display_name: Option<String>,
}

/// An API key as it is listed; the key itself is shown once and never stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose it is.
    pub user: UserId,
    /// The name it was given.
    pub name: String,
    /// The part before the dot, for display.
    pub prefix: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The caller that a key stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyOwner {
    /// The key.
    pub key: ApiKeyId,
    /// Its user; `None` when the user has been removed since.
    pub user: Option<User>,
}

/// Tokens of an account. They are sealed at rest and never printed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tokens {
    /// Sent with every request.
    pub access: SecretText,
    /// Exchanged for a new access token. An empty one never replaces one.
    pub refresh: Option<SecretText>,
    /// When the access token ends; `None` when it does not.
    pub expires_at: Option<Timestamp>,
    /// When the refresh token ends; `None` when it does not, or there is none.
    pub refresh_expires_at: Option<Timestamp>,
    /// The private key that the tokens are bound to (RFC 9449), as text; `None` for bearer tokens.
    pub proof_key: Option<SecretText>,
}

impl Tokens {
    /// When the account needs a person again, if nobody refuses its tokens before: `None` is never.
    #[must_use]
    pub fn end_at(&self) -> Option<Timestamp> {
        if self.refresh.is_some() {
            self.refresh_expires_at
        } else {
            self.expires_at
        }
    }
}

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountHealth {
    /// As far as is known.
    Ok,
    /// The next use must refresh the token first.
    RefreshNeeded,
    /// A person must connect it again.
    ReconnectNeeded,
}

/// Who an account is on its platform: the same in a sign-in's answer, an import, and the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The platform's own id of the account, as in dialects' compound ids.
    pub remote_id: String,
    /// The name that posts appear under, without `@`.
    pub username: String,
    /// The name for people.
    pub display_name: Option<String>,
    /// A picture.
    pub avatar_url: Option<String>,
    /// The public page.
    pub profile_url: Option<String>,
    /// The origin of the account's own server, where the platform has many.
    pub base_url: Option<String>,
}

/// What an account lacks to do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// For machines: `scope:` and the scope's name, `role`, `posting`.
    pub code: String,
    /// For people: what is missing and what to do.
    pub words: String,
}

/// A connected account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Our id.
    pub id: AccountId,
    /// Whose it is.
    pub owner: UserId,
    /// Where.
    pub platform: Platform,
    /// Who it is there.
    #[serde(flatten)]
    pub identity: Identity,
    /// The version of the tokens; each refresh makes the next.
    pub token_version: u32,
    /// When the access token ends.
    pub token_expires_at: Option<Timestamp>,
    /// When the tokens are to be looked at next; `None` when they need no care.
    pub refresh_at: Option<Timestamp>,
    /// Whether it can be used.
    pub health: AccountHealth,
    /// What was granted, in the platform's words.
    pub scopes: Vec<String>,
    /// What it lacks.
    pub missing: Vec<Missing>,
    /// What its posts get when they name nothing else, by the setting's own name: a Pinterest board, chosen at sign-in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defaults: BTreeMap<String, String>,
    /// When it was connected first.
    pub connected_at: Timestamp,
    /// When the platform last said what it is and may do.
    pub verified_at: Option<Timestamp>,
    /// The last post that it published.
    pub last_success_at: Option<Timestamp>,
    /// The last failure.
    pub last_error: Option<ErrorSummary>,
}

/// How an account is doing: one row for every dialect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountReport {
    /// The account.
    #[serde(flatten)]
    pub account: Account,
    /// Whether its tokens can be exchanged without a person.
    pub refreshable: bool,
    /// When it needs a person again; `None` when nothing ends by itself. See [`Tokens::end_at`].
    pub token_ends_at: Option<Timestamp>,
    /// Posts that failed in the last seven days.
    pub failures_7d: u32,
    /// Posts that went out in the last seven days.
    pub successes_7d: u32,
    /// Posts that are scheduled or wait for another try.
    pub due: u32,
}

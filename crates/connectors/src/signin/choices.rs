//! Whose tokens they are, and the choice between several accounts.

use std::collections::BTreeMap;

use domain::account::{Identity, Missing, Tokens};
use domain::error::{ErrorKind, PlatformError};
use domain::platform::Platform;
use domain::secret::{SecretBytes, SecretText};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{SignInFacts, another_account, refused};
use crate::AccountRef;

/// The most accounts that one sign-in lets choose from.
pub const CHOICES_MAX: usize = 200;

/// What a sign-in led to.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made for each sign-in, and is taken apart at once"
)]
pub enum Found {
    /// One account.
    Account(Verified),
    /// Several; a person chooses.
    Choose {
        /// What is asked, such as "Which page is to be connected?".
        question: &'static str,
        /// At most [`CHOICES_MAX`], at least two.
        choices: Vec<Choice>,
    },
}

/// An account that can be chosen.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What it is chosen by: the account's remote id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What tells it from others of that name.
    pub detail: Option<String>,
    /// A picture.
    pub picture: Option<String>,
    /// The account.
    pub verified: Verified,
}

/// An account that was asked for, with its tokens and what it lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Who it is.
    pub identity: Identity,
    /// Its tokens.
    pub tokens: Tokens,
    /// The scopes that were granted; empty when the platform does not tell.
    pub scopes: Vec<String>,
    /// What it lacks to do its work.
    pub missing: Vec<Missing>,
    /// What its posts get when they name nothing else, by setting.
    pub defaults: BTreeMap<String, String>,
}

impl Found {
    /// One account if there is only one, else the choice between the first [`CHOICES_MAX`].
    ///
    /// # Errors
    /// With the words `none` when there is no account.
    pub fn among(
        platform: Platform,
        question: &'static str,
        mut choices: Vec<Choice>,
        none: &str,
    ) -> Result<Self, PlatformError> {
        choices.truncate(CHOICES_MAX);
        match choices.len() {
            0 => Err(refused(platform, ErrorKind::Permission, none)),
            1 => choices
                .pop()
                .map(|only| Self::Account(only.verified))
                .ok_or_else(|| refused(platform, ErrorKind::Permission, none)),
            _ => Ok(Self::Choose { question, choices }),
        }
    }

    /// The account of this remote id, name or handle, when one is named; else what was found.
    ///
    /// # Errors
    /// When no account of those that can be chosen is called so.
    pub fn narrowed(self, platform: Platform, named: Option<&str>) -> Result<Self, PlatformError> {
        let (Self::Choose { choices, .. }, Some(named)) = (&self, named) else {
            return Ok(self);
        };
        let is_it = |choice: &&Choice| {
            choice.id == named || choice.verified.identity.username.eq_ignore_ascii_case(named) || choice.name == named
        };
        let message = format!(
            "This {} sign-in may not use the account “{named}”; its owner must grant it",
            platform.name()
        );
        let chosen = choices.iter().find(is_it);
        chosen
            .map(|choice| Self::Account(choice.verified.clone()))
            .ok_or_else(|| refused(platform, ErrorKind::Permission, message))
    }
}

impl Choice {
    /// A choice of an account under its own name.
    #[must_use]
    pub fn of(verified: Verified, detail: Option<String>) -> Self {
        let identity = &verified.identity;
        Self {
            id: identity.remote_id.clone(),
            name: identity
                .display_name
                .clone()
                .unwrap_or_else(|| identity.username.clone()),
            detail,
            picture: identity.avatar_url.clone(),
            verified,
        }
    }
}

impl Verified {
    /// An account whose scopes are judged by the platform's facts.
    #[must_use]
    pub fn new(facts: &SignInFacts, identity: Identity, tokens: Tokens, scopes: Vec<String>) -> Self {
        let missing = facts.missing(&scopes);
        Self {
            identity,
            tokens,
            scopes,
            missing,
            defaults: BTreeMap::new(),
        }
    }

    /// The same, with what its posts get when they name nothing else.
    #[must_use]
    pub fn defaulting(mut self, setting: &str, value: &str) -> Self {
        self.defaults.insert(setting.to_owned(), value.to_owned());
        self
    }

    /// The same, if it is this account.
    pub(crate) fn only(self, platform: Platform, account: AccountRef<'_>) -> Result<Self, PlatformError> {
        if self.identity.remote_id == account.remote_id {
            Ok(self)
        } else {
            Err(another_account(platform))
        }
    }

    /// The same, lacking this too.
    #[must_use]
    pub fn lacking(mut self, missing: Missing) -> Self {
        self.missing.push(missing);
        self
    }

    /// The same with the scopes that were granted earlier, where the platform did not tell them this time.
    #[must_use]
    pub fn knowing(mut self, facts: &SignInFacts, scopes: &[String]) -> Self {
        if self.scopes.is_empty() {
            let known = facts.missing(scopes);
            let is_new = |missing: &Missing| !self.missing.iter().any(|told| told.code == missing.code);
            let added: Vec<Missing> = known.into_iter().filter(is_new).collect();
            self.missing.extend(added);
            self.scopes = scopes.to_vec();
        }
        self
    }
}

/// The stored form of a choice.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
    name: String,
    detail: Option<String>,
    picture: Option<String>,
    identity: Identity,
    access: String,
    refresh: Option<String>,
    expires_at: Option<Timestamp>,
    refresh_expires_at: Option<Timestamp>,
    proof_key: Option<String>,
    scopes: Vec<String>,
    missing: Vec<Missing>,
    defaults: BTreeMap<String, String>,
}

/// Choices as bytes, tokens and all, for sealing until a person has chosen.
#[must_use]
pub fn to_secret(choices: &[Choice]) -> SecretBytes {
    let kept: Vec<Kept> = choices.iter().cloned().map(Kept::from).collect();
    SecretBytes::new(serde_json::to_vec(&kept).unwrap_or_default())
}

/// What was sealed; `None` when it is nothing of ours.
#[must_use]
pub fn from_secret(secret: &SecretBytes) -> Option<Vec<Choice>> {
    let kept: Vec<Kept> = serde_json::from_slice(secret.expose()).ok()?;
    Some(kept.into_iter().map(Choice::from).collect())
}

impl From<Choice> for Kept {
    fn from(choice: Choice) -> Self {
        let Verified {
            identity,
            tokens,
            scopes,
            missing,
            defaults,
        } = choice.verified;
        let text = |secret: &SecretText| secret.expose().to_owned();
        Self {
            id: choice.id,
            name: choice.name,
            detail: choice.detail,
            picture: choice.picture,
            identity,
            access: text(&tokens.access),
            refresh: tokens.refresh.as_ref().map(text),
            expires_at: tokens.expires_at,
            refresh_expires_at: tokens.refresh_expires_at,
            proof_key: tokens.proof_key.as_ref().map(text),
            scopes,
            missing,
            defaults,
        }
    }
}

impl From<Kept> for Choice {
    fn from(kept: Kept) -> Self {
        let tokens = Tokens {
            access: SecretText::new(kept.access),
            refresh: kept.refresh.map(SecretText::new),
            expires_at: kept.expires_at,
            refresh_expires_at: kept.refresh_expires_at,
            proof_key: kept.proof_key.map(SecretText::new),
        };
        Self {
            id: kept.id,
            name: kept.name,
            detail: kept.detail,
            picture: kept.picture,
            verified: Verified {
                identity: kept.identity,
                tokens,
                scopes: kept.scopes,
                missing: kept.missing,
                defaults: kept.defaults,
            },
        }
    }
}

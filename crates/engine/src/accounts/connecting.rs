//! What a sign-in, credentials or an import come to: an account, a choice, or the words for why not.

use std::collections::BTreeMap;

use connectors::Credentials;
use connectors::signin::{Found, SignIn, Verified};
use domain::account::{Account, Identity, Missing, Tokens};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::ids::{AccountId, SignInId, UserId};
use domain::platform::Platform;
use jiff::Timestamp;
use store::{ConnectLink, NewAccount};

use super::entries::{self, Subject};
use super::links::is_open;
use super::outcome::{Failure, Method, Outcome, Reason, SignInEnd};
use super::schedule;
use crate::{Engine, Error, refresh};

/// An account whose identity is known already, as an import has it.
#[derive(Debug, Clone)]
pub struct AddAccount {
    /// Whose it is.
    pub owner: UserId,
    /// Where.
    pub platform: Platform,
    /// Who it is there.
    pub identity: Identity,
    /// Its tokens.
    pub tokens: Tokens,
    /// What was granted.
    pub scopes: Vec<String>,
    /// What it lacks.
    pub missing: Vec<Missing>,
}

/// Credentials in hand: a bot token, an app password, tokens from elsewhere.
#[derive(Debug, Clone)]
pub struct ConnectWith {
    /// Whose account it becomes.
    pub owner: UserId,
    /// Where.
    pub platform: Platform,
    /// The account's own server, where the platform has many.
    pub base_url: Option<String>,
    /// The credentials.
    pub credentials: Credentials,
    /// The hosted page that they were entered on.
    pub link: Option<ConnectLink>,
    /// The account that is to be connected again.
    pub account: Option<AccountId>,
}

impl Engine {
    /// Connects the account that credentials stand for: the platform is asked whose they are. Where they are good for
    /// several accounts, [`Credentials::identifier`] names one, or a person chooses.
    ///
    /// # Errors
    /// [`Error::Platform`] when this server cannot connect to the platform; [`Error::NotFound`] for an account of somebody else or
    /// a page that has ended; [`Error::Conflict`] when too many choices are open. What the platform refuses is
    /// [`Outcome::Failed`].
    pub async fn connect_with_credentials(&self, with: ConnectWith) -> Result<SignInEnd, Error> {
        let sign_in = self.sign_in(with.platform)?;
        let started = self.clock.now();
        self.check_credentials_caller(&with, started).await?;
        let subject = Subject {
            owner: with.owner,
            platform: with.platform,
            again: with.account,
            method: Method::Credentials,
            returns: false,
            from_page: with.link.is_some(),
        };
        let outcome = match self.found_with(sign_in.as_ref(), &with).await? {
            Ok(Found::Choose { question, choices }) => self.offer_new(&subject, &with, question, &choices).await?,
            Ok(found) => self.conclude(&subject, None, found, started).await?,
            Err(failure) => self.fail(&subject, failure, Some(started)).await?,
        };
        Ok(SignInEnd {
            owner: with.owner,
            platform: with.platform,
            return_to: with.link.as_ref().and_then(|link| link.return_to.clone()),
            link: with.link.map(|link| link.id),
            outcome,
            more: None,
        })
    }

    async fn check_credentials_caller(&self, with: &ConnectWith, now: Timestamp) -> Result<(), Error> {
        if let Some(id) = with.account {
            let account = self.store.account(id).await?;
            let is_theirs = |account: &Account| account.owner == with.owner && account.platform == with.platform;
            account.filter(is_theirs).ok_or(Error::NotFound)?;
        }
        let is_good = |link: &ConnectLink| {
            let offers = link.platforms.is_empty() || link.platforms.contains(&with.platform);
            link.owner == with.owner && offers && is_open(link, now)
        };
        match &with.link {
            Some(link) if !is_good(link) => Err(Error::NotFound),
            _ => Ok(()),
        }
    }

    async fn found_with(&self, sign_in: &dyn SignIn, with: &ConnectWith) -> Result<Result<Found, Failure>, Error> {
        let base_url = with.base_url.as_deref();
        let app = self.app_at(with.platform, base_url).await?;
        let ctx = self.sign_in_ctx(base_url, app.as_ref(), self.clock.now());
        let given = with.credentials.tokens().unwrap_or_default();
        match sign_in.with_credentials(ctx, &with.credentials).await {
            Ok(found) => self.only_the_same(with.platform, with.account, found).await,
            Err(error) => {
                let error = crate::scrub::scrub(&given, error);
                Ok(Err(Failure::of(error, Reason::CredentialsRefused)))
            }
        }
    }

    /// Connects the one account that credentials stand for.
    ///
    /// # Errors
    /// As [`Self::connect_with_credentials`]; [`Error::Platform`] when the platform refuses or cannot be reached;
    /// [`Error::Invalid`] when the credentials are good for several accounts and name none.
    pub async fn connect_account(
        &self,
        owner: UserId,
        platform: Platform,
        base_url: Option<&str>,
        credentials: &Credentials,
    ) -> Result<Account, Error> {
        let with = ConnectWith {
            owner,
            platform,
            base_url: base_url.map(str::to_owned),
            credentials: credentials.clone(),
            link: None,
            account: None,
        };
        match self.connect_with_credentials(with).await?.outcome {
            Outcome::Connected(account) => Ok(*account),
            Outcome::Choose { choices, .. } => {
                let names: Vec<_> = choices
                    .into_iter()
                    .map(|choice| format!("{} ({})", choice.name, choice.id))
                    .collect();
                let message = format!(
                    "these credentials are good for several accounts; name one of: {}",
                    names.join(", ")
                );
                Err(Error::Invalid(message))
            }
            Outcome::Failed(failure) => Err(failure.error.map_or(Error::Invalid(failure.words), Error::Platform)),
        }
    }

    /// Connects an account whose identity is known, or connects it again. The platform is not asked.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown user.
    pub async fn add_account(&self, add: AddAccount) -> Result<Account, Error> {
        let subject = Subject {
            owner: add.owner,
            platform: add.platform,
            again: None,
            method: Method::Credentials,
            returns: false,
            from_page: false,
        };
        let verified = Verified {
            identity: add.identity,
            tokens: add.tokens,
            scopes: add.scopes,
            missing: add.missing,
            defaults: BTreeMap::new(),
        };
        self.save(&subject, verified, None).await
    }

    /// Ends a sign-in with what was found: an account is connected, or a choice is offered.
    pub(super) async fn conclude(
        &self,
        subject: &Subject,
        sign_in: Option<SignInId>,
        found: Found,
        started: Timestamp,
    ) -> Result<Outcome, Error> {
        match (found, sign_in) {
            (Found::Account(verified), _) => match self.save(subject, verified, Some(started)).await {
                Ok(account) => Ok(Outcome::Connected(Box::new(account))),
                Err(Error::Limit(reached)) => {
                    let failure = Failure::own(Reason::PlanFull, reached.to_string());
                    self.fail(subject, failure, Some(started)).await
                }
                Err(error) => Err(error),
            },
            (Found::Choose { question, choices }, Some(sign_in)) => {
                self.offer(sign_in, subject.method, question, &choices).await
            }
            (Found::Choose { .. }, None) => Err(Error::Invalid("a choice needs a sign-in to belong to".to_owned())),
        }
    }

    /// Makes an account durable. Its id, posts and history stay when it is known already.
    async fn save(&self, subject: &Subject, verified: Verified, started: Option<Timestamp>) -> Result<Account, Error> {
        let Verified {
            identity,
            tokens,
            scopes,
            missing,
            defaults,
        } = verified;
        let now = self.clock.now();
        let took = started.map(|started| now.duration_since(started));
        let entry = entries::connected(subject, &identity, &tokens, &scopes, &missing, now, took);
        let facts = self.connectors.sign_in(subject.platform).map(|sign_in| sign_in.facts());
        let refresh_at = facts.and_then(|facts| {
            let facts = &facts.refresh;
            self.with_rng(|rng| schedule::first_look(facts, &tokens, now, rng))
        });
        let account = NewAccount {
            id: AccountId::from_bytes(self.mint()),
            owner: subject.owner,
            platform: subject.platform,
            identity,
            tokens,
            scopes,
            missing,
            defaults,
            refresh_at,
            at: now,
        };
        let account = self.store.connect_account(account, entry).await?;
        refresh::gate(self, account.id, account.platform).made(account.token_version);
        self.wake();
        self.tokens_changed.notify_one();
        Ok(account)
    }

    /// Where an account is connected again, only that account will do.
    pub(super) async fn only_the_same(
        &self,
        platform: Platform,
        again: Option<AccountId>,
        found: Found,
    ) -> Result<Result<Found, Failure>, Error> {
        let Some(again) = again else { return Ok(Ok(found)) };
        let Some(account) = self.store.account(again).await? else {
            let words = "The account was disconnected meanwhile; connect it anew";
            return Ok(Err(Failure::own(Reason::DifferentAccount, words)));
        };
        let meant = &account.identity;
        let is_meant = |verified: &Verified| verified.identity.remote_id == meant.remote_id;
        let (same, others) = match found {
            Found::Account(verified) => {
                let name = verified.identity.username.clone();
                (Some(verified).filter(is_meant), name)
            }
            Found::Choose { choices, .. } => {
                let mut same = choices.into_iter().map(|choice| choice.verified).filter(is_meant);
                (same.next(), "others".to_owned())
            }
        };
        let platform = platform.name();
        let words = format!(
            "This was a sign-in as “{others}” at {platform}, but “{}” is to be connected again: sign in as that one, or \
             connect “{others}” as an account of its own",
            meant.username
        );
        Ok(same
            .map(Found::Account)
            .ok_or_else(|| Failure::own(Reason::DifferentAccount, words)))
    }
}

/// The error of an account that has no way to be asked about.
pub(super) fn cannot_ask(platform: Platform) -> PlatformError {
    let message = format!("This server cannot ask {} about accounts", platform.name());
    PlatformError::refused(platform, Stage::Connect, ErrorKind::OperatorConfig, message)
}

//! How accounts are doing: asked of the platform, and as it is known.

use std::sync::Arc;

use connectors::AccountRef;
use connectors::signin::{RefreshBy, SignIn, Verified};
use domain::account::{Account, AccountHealth, AccountReport, Tokens};
use domain::error::{ErrorKind, PlatformError, When};
use domain::ids::AccountId;
use domain::log::LogRecord;
use store::{ACCOUNTS_LISTED_MAX, AccountLogQuery, AccountNote, Reach, Refreshed, Verification};

use super::connecting::cannot_ask;
use super::{entries, schedule};
use crate::refresh::{self, Renewal, Why};
use crate::scrub::scrub;
use crate::{Engine, Error};

/// What asking a platform about an account came to.
enum Asked {
    /// It answered.
    Told(Box<Verified>),
    /// It does not accept the tokens.
    Refused(PlatformError),
    /// It could not be asked, or said nothing about the account.
    Nothing(PlatformError),
}

impl Engine {
    /// Asks the platform now who an account is and what it may do, renewing its tokens if they have ended or are
    /// refused. An account that was given up works again when the platform accepts it. What the platform refuses for
    /// good is in the report.
    ///
    /// # Errors
    /// [`Error::NotFound`] outside reach; [`Error::Platform`] when the platform could not be asked.
    pub async fn check_account(&self, reach: &Reach, account: AccountId) -> Result<AccountReport, Error> {
        let found = self.store.account(account).await?;
        let mut account = found
            .filter(|found| found.owner == reach.owner)
            .ok_or(Error::NotFound)?;
        let sign_in = self.connectors.sign_in(account.platform).map(Arc::clone);
        let sign_in = sign_in.ok_or_else(|| cannot_ask(account.platform))?;
        let mut tokens = self.store.tokens(account.id).await?.ok_or(Error::NotFound)?;
        let doubtful = account.health != AccountHealth::Ok || refresh::has_ended(&account, self.clock.now());
        let mut renewed = false;
        if doubtful && let Some(newer) = self.renewed(sign_in.as_ref(), &account, &tokens).await? {
            (account, tokens) = newer;
            renewed = true;
        }
        let mut asked = self.ask_about(sign_in.as_ref(), &account, &tokens).await?;
        if matches!(asked, Asked::Refused(_))
            && !renewed
            && let Some(newer) = self.renewed(sign_in.as_ref(), &account, &tokens).await?
        {
            (account, tokens) = newer;
            asked = self.ask_about(sign_in.as_ref(), &account, &tokens).await?;
        }
        match asked {
            Asked::Told(verified) => self.note_verified(sign_in.as_ref(), &account, *verified).await?,
            Asked::Refused(error) => self.give_up(&account, &error).await?,
            Asked::Nothing(error) => return Err(error.into()),
        }
        let reports = self.reports(reach).await?;
        let report = reports.into_iter().find(|report| report.account.id == account.id);
        report.ok_or(Error::NotFound)
    }

    /// Newer tokens, if the platform gives any.
    async fn renewed(
        &self,
        sign_in: &dyn SignIn,
        account: &Account,
        tokens: &Tokens,
    ) -> Result<Option<(Account, Tokens)>, Error> {
        if !sign_in.facts().refresh.can_refresh(tokens) {
            return Ok(None);
        }
        match refresh::renew(self, account, Why::Asked).await {
            Ok(Renewal::Usable(newer)) => Ok(Some(*newer)),
            // Whether the tokens at hand are any good is asked next.
            Ok(Renewal::Failed(_) | Renewal::Later) => Ok(None),
            Err(halt) => Err(halt.into()),
        }
    }

    async fn ask_about(&self, sign_in: &dyn SignIn, account: &Account, tokens: &Tokens) -> Result<Asked, Error> {
        let subject = AccountRef::from(&account.identity);
        let app = self.app_of(account).await?;
        let ctx = self.sign_in_ctx(subject.base_url, app.as_ref(), self.clock.now());
        let answer = sign_in.verify(ctx, subject, tokens).await;
        Ok(match answer.map_err(|error| scrub(tokens, error)) {
            Ok(verified) => Asked::Told(Box::new(verified.knowing(sign_in.facts(), &account.scopes))),
            Err(error) if error.kind.is_transient() || error.kind == ErrorKind::OperatorConfig => Asked::Nothing(error),
            Err(error) if is_about_the_sign_in(&error) => Asked::Refused(error),
            Err(error) => Asked::Nothing(error),
        })
    }

    async fn note_verified(&self, sign_in: &dyn SignIn, account: &Account, told: Verified) -> Result<(), Error> {
        let now = self.clock.now();
        let entry = entries::verified(account, &told.scopes, &told.missing, now);
        let verification = Verification {
            scopes: told.scopes,
            missing: told.missing,
            identity: Some(told.identity),
            at: now,
        };
        self.store.verify_account(account.id, verification, entry).await?;
        // Tokens that were given up and cannot be exchanged are good after all. Those that can were exchanged before,
        // unless that was refused: then the account works only until they end.
        if account.health != AccountHealth::Ok && !sign_in.facts().refresh.can_refresh(&told.tokens) {
            let facts = &sign_in.facts().refresh;
            let look = self.with_rng(|rng| schedule::first_look(facts, &told.tokens, now, rng));
            let note = AccountNote {
                health: Some(AccountHealth::Ok),
                of_version: Some(account.token_version),
                ..AccountNote::default()
            };
            self.store.note_account(account.id, note).await?;
            self.store.put_off_refresh(account.id, look, None).await?;
            self.tokens_changed.notify_one();
        }
        Ok(())
    }

    /// Notes that only a person can make an account work again, and says so once.
    async fn give_up(&self, account: &Account, error: &PlatformError) -> Result<(), Error> {
        if account.health == AccountHealth::ReconnectNeeded {
            return Ok(());
        }
        let now = self.clock.now();
        let entry = entries::reconnect_needed(account, error, now);
        let (version, end) = (account.token_version, Refreshed::Refused);
        self.store.finish_refresh(account.id, version, end, None, entry).await?;
        refresh::gate(self, account.id, account.platform).gives_up(version);
        let note = AccountNote {
            error: Some(error.summary(now)),
            of_version: Some(version),
            ..AccountNote::default()
        };
        Ok(self.store.note_account(account.id, note).await?)
    }

    /// How the accounts within reach are doing, in order of connection, at most 1,000. Nobody is asked.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn reports(&self, reach: &Reach) -> Result<Vec<AccountReport>, Error> {
        let now = self.clock.now();
        let mut reports = self.store.account_reports(reach, now, ACCOUNTS_LISTED_MAX).await?;
        for report in &mut reports {
            let sign_in = self.connectors.sign_in(report.account.platform);
            // The store knows of refresh tokens; what is renewed by the access token itself is the platform's to say.
            match sign_in.map(|sign_in| sign_in.facts().refresh.by) {
                Some(RefreshBy::AccessToken) => {
                    report.refreshable = true;
                    report.token_ends_at = None;
                }
                Some(RefreshBy::Nothing) => {
                    report.refreshable = false;
                    report.token_ends_at = report.account.token_expires_at;
                }
                Some(RefreshBy::RefreshToken) | None => {}
            }
        }
        Ok(reports)
    }

    /// The history of connections within reach, newest first, a page at a time.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn account_log(&self, reach: &Reach, query: AccountLogQuery) -> Result<Vec<LogRecord>, Error> {
        Ok(self.store.account_log(reach, query).await?)
    }
}

/// Whether only another sign-in helps.
fn is_about_the_sign_in(error: &PlatformError) -> bool {
    let by_kind = matches!(
        error.kind,
        ErrorKind::Auth | ErrorKind::AccountGone | ErrorKind::Permission
    );
    by_kind || matches!(error.retry.when, When::AfterRefresh | When::AfterReconnect)
}

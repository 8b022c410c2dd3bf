//! The task that keeps tokens alive. The database is its timer, as it is the publisher's: it sleeps until the next
//! account is to be looked at, or until one was connected.

use std::sync::Arc;

use connectors::signin::RefreshFacts;
use domain::account::{Account, Tokens};
use domain::ids::AccountId;
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use store::Refreshed;
use tokio_util::sync::CancellationToken;

use super::{entries, schedule};
use crate::context::Halt;
use crate::refresh::{self, Renewal, Why};
use crate::{Engine, Error};

/// The most accounts that one round looks at.
const ROUND_MAX: u32 = 500;

/// The shortest sleep: what could not be written down must not be tried in a loop.
const SLEEP_MIN: SignedDuration = SignedDuration::from_secs(1);

impl Engine {
    /// Keeps tokens alive until stopped. Exchanges under way are let finish: a lost answer can cost a sign-in.
    pub async fn keep_tokens(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.keep_tokens_once(&stop).await {
                tracing::error!(%error, "the keeper of tokens could not reach the store");
            }
            let now = self.clock.now();
            let after = |wait| now.saturating_add(wait).unwrap_or(Timestamp::MAX);
            let (soon, poll) = (after(SLEEP_MIN), after(self.settings.poll));
            let next = self.store.next_refresh().await.ok().flatten().unwrap_or(poll);
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.tokens_changed.notified() => {}
                () = self.clock.sleep_until(next.min(poll).max(soon)) => {}
            }
        }
    }

    /// Looks at every account whose time has come, and returns how many those were. Nothing new is begun once `stop` is
    /// cancelled.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keep_tokens_once(&self, stop: &CancellationToken) -> Result<usize, Error> {
        let due = self.store.refreshes_due(self.clock.now(), ROUND_MAX).await?;
        let count = due.len();
        futures_util::stream::iter(due)
            .for_each_concurrent(self.settings.refreshes_max, |account| async move {
                if stop.is_cancelled() {
                    return;
                }
                let id = account.id;
                match self.look_after(account).await {
                    Ok(()) | Err(Halt::Stopped) => {}
                    Err(error) => tracing::error!(account = %id, %error, "its tokens could not be looked after"),
                }
            })
            .await;
        self.revoke_settled().await?;
        Ok(count)
    }

    /// Looks at one account: renews its tokens, or says that they end.
    async fn look_after(&self, account: Account) -> Result<(), Halt> {
        let planned = account.refresh_at.unwrap_or(Timestamp::MAX);
        let sign_in = self.connectors.sign_in(account.platform).map(Arc::clone);
        let tokens = self.store.tokens(account.id).await?;
        let (Some(sign_in), Some(tokens)) = (sign_in, tokens) else {
            return Ok(self.store.put_off_refresh(account.id, None, None).await?);
        };
        let facts = &sign_in.facts().refresh;
        if !facts.can_refresh(&tokens) {
            return self.look_at_end(&account, facts, &tokens, planned).await;
        }
        match refresh::renew(self, &account, Why::Ahead).await? {
            Renewal::Usable(newest) => {
                let (account, tokens) = *newest;
                self.warn_of_end(&account, facts, &tokens, planned).await
            }
            Renewal::Failed(error) => {
                tracing::warn!(account = %account.id, platform = %account.platform, message = %error.message, "its tokens were not renewed");
                Ok(())
            }
            Renewal::Later => Ok(()),
        }
    }

    /// Tokens that only a person can replace: says so ahead of their end, and gives the account up at it.
    async fn look_at_end(
        &self,
        account: &Account,
        facts: &RefreshFacts,
        tokens: &Tokens,
        planned: Timestamp,
    ) -> Result<(), Halt> {
        let gate = refresh::gate(self, account.id, account.platform);
        let _alone = gate.exchange_tokens().await;
        let now = self.clock.now();
        let version = account.token_version;
        if self.is_overtaken(account.id, version).await? {
            return Ok(());
        }
        match schedule::ends_at(facts, tokens) {
            Some(end) if end <= now => {
                let entry = entries::reconnect_needed(account, &refresh::reconnect(account.platform), now);
                gate.gives_up(version);
                let refused = Refreshed::Refused;
                Ok(self
                    .store
                    .finish_refresh(account.id, version, refused, None, entry)
                    .await?)
            }
            end => {
                let is_due = end.filter(|end| schedule::is_warning_due(*end, planned, now));
                let entry = is_due.map(|end| entries::expiring(account, end, now));
                let next = schedule::next_warning(end, now);
                Ok(self.store.put_off_refresh(account.id, next, entry).await?)
            }
        }
    }

    /// Says that renewing will be over: a refresh token may end, too.
    async fn warn_of_end(
        &self,
        account: &Account,
        facts: &RefreshFacts,
        tokens: &Tokens,
        planned: Timestamp,
    ) -> Result<(), Halt> {
        let now = self.clock.now();
        let end = schedule::ends_at(facts, tokens).filter(|end| schedule::is_warning_due(*end, planned, now));
        let Some(end) = end else { return Ok(()) };
        let entry = entries::expiring(account, end, now);
        Ok(self
            .store
            .put_off_refresh(account.id, account.refresh_at, Some(entry))
            .await?)
    }

    async fn is_overtaken(&self, account: AccountId, version: u32) -> Result<bool, Halt> {
        let newest = self.store.account(account).await?;
        Ok(newest.is_none_or(|newest| newest.token_version != version))
    }
}

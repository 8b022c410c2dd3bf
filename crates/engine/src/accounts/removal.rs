//! Letting accounts go: here at once, at the platform as soon as nothing needs the tokens any more.
//!
//! That tokens are to be given back is a row, written when the account is disconnected: the keeper goes on with it,
//! whenever the server was stopped.

use std::sync::Arc;

use domain::account::{Account, Tokens};
use domain::ids::AccountId;
use domain::log::LogEntry;
use domain::platform::Platform;
use futures_util::StreamExt;
use store::{Reach, Revocation};

use super::entries;
use crate::context::Halt;
use crate::scrub::scrub;
use crate::{Engine, Error};

/// Disconnected accounts that one round looks at.
const ROUND_MAX: u32 = 100;

/// The platforms that share a consent with this one: giving back one account's tokens there ends those of the others.
const fn consent_is_shared(platform: Platform) -> &'static [Platform] {
    match platform {
        Platform::Facebook => &[Platform::Facebook],
        Platform::LinkedIn => &[Platform::LinkedIn],
        Platform::YouTube | Platform::GoogleBusiness => &[Platform::YouTube, Platform::GoogleBusiness],
        _ => &[],
    }
}

impl Engine {
    /// Disconnects an account and cancels what was not sent. Its tokens are given back to the platform once no post of
    /// it is asked about any more, unless another account lives by the same consent; that can fail, and is an entry
    /// either way.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_account(&self, reach: &Reach, account: AccountId) -> Result<(), Error> {
        let found = self.store.account(account).await?;
        let account = found
            .filter(|found| found.owner == reach.owner)
            .ok_or(Error::NotFound)?;
        let has_tokens = self.store.tokens(account.id).await?.is_some();
        let told = if !has_tokens || self.consent_is_needed(&account, &[]).await? {
            "left as it is"
        } else if self.store.has_open_intents(account.id).await? {
            "given back when its posts are settled"
        } else {
            "given back"
        };
        let now = self.clock.now();
        let entry = entries::disconnected(&account, told, now);
        self.store.remove_account(reach, account.id, now, entry).await?;
        // It is asked anew what needs the tokens: a send may have begun since. What is not found here the keeper finds.
        let leaving = self.store.revocations(ROUND_MAX).await?;
        let own = leaving
            .iter()
            .find(|found| found.account.id == account.id && !found.needed);
        match own {
            Some(_) => Ok(self.revoke_one(&account, &leaving).await?),
            None => Ok(()),
        }
    }

    /// Whether another account of the owner lives by the same consent: one that is connected, or one among `leaving`
    /// whose tokens are still needed.
    async fn consent_is_needed(&self, account: &Account, leaving: &[Revocation]) -> Result<bool, store::Error> {
        let family = consent_is_shared(account.platform);
        if family.is_empty() {
            return Ok(false);
        }
        let lives_by_it = |other: &Account| {
            other.id != account.id && other.owner == account.owner && family.contains(&other.platform)
        };
        let reach = Reach { owner: account.owner };
        let connected = self.store.accounts(&reach).await?;
        let is_asked = leaving.iter().any(|other| other.needed && lives_by_it(&other.account));
        Ok(is_asked || connected.iter().any(lives_by_it))
    }

    /// Gives tokens back, if the platform takes any, and says what it said.
    async fn revoke(&self, account: &Account, tokens: &Tokens) -> Result<Option<LogEntry>, Halt> {
        let Some(sign_in) = self.connectors.sign_in(account.platform).map(Arc::clone) else {
            return Ok(None);
        };
        let app = self.app_of(account).await?;
        let base_url = account.identity.base_url.as_deref();
        let now = self.clock.now();
        let ctx = self.sign_in_ctx(base_url, app.as_ref(), now);
        let Some(telling) = sign_in.revoke(ctx, tokens) else {
            return Ok(None);
        };
        let failed = telling.await.map_err(|error| scrub(tokens, error)).err();
        if let Some(error) = &failed {
            tracing::warn!(account = %account.id, platform = %account.platform, %error.message, "tokens could not be given back");
        }
        Ok(Some(entries::revoked(account, failed.as_ref(), self.clock.now())))
    }

    /// Gives back the tokens of disconnected accounts of which no post is asked about any more.
    pub(super) async fn revoke_settled(&self) -> Result<(), Halt> {
        let leaving = self.store.revocations(ROUND_MAX).await?;
        let ready = leaving.iter().filter(|revocation| !revocation.needed);
        futures_util::stream::iter(ready)
            .for_each_concurrent(self.settings.refreshes_max, async |revocation| {
                if let Err(error) = self.revoke_one(&revocation.account, &leaving).await {
                    tracing::error!(account = %revocation.account.id, %error, "its tokens could not be given back");
                }
            })
            .await;
        Ok(())
    }

    /// Gives back the tokens of one of the accounts that are `leaving`.
    async fn revoke_one(&self, account: &Account, leaving: &[Revocation]) -> Result<(), Halt> {
        // Two rounds at once, or a person who connects it again: nobody gives back what is no longer to be given back.
        let gate = crate::refresh::gate(self, account.id, account.platform);
        let _alone = gate.exchange_tokens().await;
        if self.store.account(account.id).await?.is_some() {
            return Ok(());
        }
        let entry = match self.store.tokens(account.id).await? {
            Some(tokens) if !self.consent_is_needed(account, leaving).await? => self.revoke(account, &tokens).await?,
            _ => None,
        };
        Ok(self.store.end_revocation(account.id, entry).await?)
    }
}

//! Letting accounts go: here at once, at the platform as soon as nothing needs the tokens any more.

use std::sync::{Arc, PoisonError};

use domain::account::{Account, Tokens};
use domain::ids::AccountId;
use domain::platform::Platform;
use store::Reach;

use super::entries;
use crate::context::Halt;
use crate::scrub::scrub;
use crate::{Engine, Error};

/// The most accounts whose tokens wait to be given back; beyond that they end by themselves, or by their owner's hand.
const REVOCATIONS_MAX: usize = 10_000;

/// Tokens that are to be given back to their platform.
pub(crate) struct Revocation {
    account: Account,
    tokens: Tokens,
}

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
    /// it is open any more, unless another account lives by the same consent; that can fail, and is an entry either way.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_account(&self, reach: &Reach, account: AccountId) -> Result<(), Error> {
        let found = self.store.account(account).await?;
        let account = found
            .filter(|found| found.owner == reach.owner)
            .ok_or(Error::NotFound)?;
        let revocation = self.revocation_of(reach, &account).await?;
        let is_open = self.store.has_open_intents(account.id).await?;
        let told = match (&revocation, is_open) {
            (None, _) => "left as it is",
            (Some(_), true) => "given back when its posts are settled",
            (Some(_), false) => "given back",
        };
        let now = self.clock.now();
        let entry = entries::disconnected(&account, told, now);
        self.store.remove_account(reach, account.id, now, entry).await?;
        match revocation {
            None => Ok(()),
            Some(revocation) if is_open => {
                let mut waiting = self.revocations.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.len() < REVOCATIONS_MAX {
                    waiting.push(revocation);
                }
                Ok(())
            }
            Some(revocation) => Ok(self.revoke(revocation).await?),
        }
    }

    /// What is to be given back when this account goes.
    async fn revocation_of(&self, reach: &Reach, account: &Account) -> Result<Option<Revocation>, Error> {
        let Some(tokens) = self.store.tokens(account.id).await? else {
            return Ok(None);
        };
        let family = consent_is_shared(account.platform);
        let lives_by_it = |other: &Account| other.id != account.id && family.contains(&other.platform);
        if !family.is_empty() && self.store.accounts(reach).await?.iter().any(lives_by_it) {
            return Ok(None);
        }
        Ok(Some(Revocation {
            account: account.clone(),
            tokens,
        }))
    }

    /// Gives tokens back, if the platform takes any, and writes down what it said.
    async fn revoke(&self, revocation: Revocation) -> Result<(), Halt> {
        let Revocation { account, tokens } = revocation;
        let Some(sign_in) = self.connectors.sign_in(account.platform).map(Arc::clone) else {
            return Ok(());
        };
        let app = self.app_of(&account).await?;
        let base_url = account.identity.base_url.as_deref();
        let now = self.clock.now();
        let ctx = self.sign_in_ctx(base_url, app.as_ref(), now);
        let Some(telling) = sign_in.revoke(ctx, &tokens) else {
            return Ok(());
        };
        let failed = telling.await.map_err(|error| scrub(&tokens, error)).err();
        if let Some(error) = &failed {
            tracing::warn!(account = %account.id, platform = %account.platform, %error.message, "tokens could not be given back");
        }
        let entry = entries::revoked(&account, failed.as_ref(), self.clock.now());
        let reach = Reach { owner: account.owner };
        Ok(self.store.log_connection(&reach, entry).await?)
    }

    /// Gives back the tokens of accounts whose posts have been settled since they were disconnected.
    pub(super) async fn revoke_settled(&self) -> Result<(), Halt> {
        let waiting = std::mem::take(&mut *self.revocations.lock().unwrap_or_else(PoisonError::into_inner));
        for revocation in waiting {
            let id = revocation.account.id;
            if self.store.account(id).await?.is_some() {
                // It was connected again; what it has now may live by the same consent.
                continue;
            }
            if self.store.has_open_intents(id).await? {
                self.revocations
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(revocation);
            } else {
                self.revoke(revocation).await?;
            }
        }
        Ok(())
    }
}

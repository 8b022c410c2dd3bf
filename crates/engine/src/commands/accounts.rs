//! Connecting and disconnecting accounts.

use connectors::Credentials;
use domain::account::{Account, Tokens};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::ids::{AccountId, UserId};
use domain::log::{LogEntry, LogKind, LogOutcome};
use domain::platform::Platform;
use store::{NewAccount, Reach};

use crate::{Engine, Error};

/// An account whose identity is known already, as a flow or an import has it.
#[derive(Debug, Clone)]
pub struct AddAccount {
    /// Whose it is.
    pub owner: UserId,
    /// Where.
    pub platform: Platform,
    /// The platform's own id.
    pub remote_id: String,
    /// The name that posts appear under.
    pub username: String,
    /// The name for people.
    pub display_name: Option<String>,
    /// A picture.
    pub avatar_url: Option<String>,
    /// The public page.
    pub profile_url: Option<String>,
    /// The account's own server.
    pub base_url: Option<String>,
    /// Its tokens.
    pub tokens: Tokens,
}

impl Engine {
    /// Connects the account that credentials stand for: the platform is asked whose they are.
    ///
    /// # Errors
    /// [`Error::Platform`] when the platform refuses them or cannot be reached.
    pub async fn connect_account(
        &self,
        owner: UserId,
        platform: Platform,
        base_url: Option<&str>,
        credentials: &Credentials,
    ) -> Result<Account, Error> {
        let Some(connector) = self.connectors.get(platform) else {
            let message = format!("This server cannot publish to {} yet", platform.name());
            return Err(PlatformError::refused(platform, Stage::Validate, ErrorKind::OperatorConfig, message).into());
        };
        let ctx = self.connect_ctx(base_url, self.clock.now());
        let connected = connector.connect(ctx, credentials).await?;
        self.add_account(AddAccount {
            owner,
            platform,
            remote_id: connected.remote_id,
            username: connected.username,
            display_name: connected.display_name,
            avatar_url: connected.avatar_url,
            profile_url: connected.profile_url,
            base_url: connected.base_url,
            tokens: connected.tokens,
        })
        .await
    }

    /// Connects an account whose identity is known, or connects it again.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn add_account(&self, add: AddAccount) -> Result<Account, Error> {
        let now = self.clock.now();
        let entry = LogEntry {
            user: Some(add.owner),
            platform: Some(add.platform),
            ..LogEntry::new(LogKind::Connected, LogOutcome::Success, now)
        };
        let account = NewAccount {
            id: AccountId::from_bytes(self.mint()),
            owner: add.owner,
            platform: add.platform,
            remote_id: add.remote_id,
            username: add.username,
            display_name: add.display_name,
            avatar_url: add.avatar_url,
            profile_url: add.profile_url,
            base_url: add.base_url,
            tokens: add.tokens,
            at: now,
        };
        Ok(self.store.connect_account(account, entry).await?)
    }

    /// Disconnects an account and cancels what was not sent.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_account(&self, reach: &Reach, account: AccountId) -> Result<(), Error> {
        let now = self.clock.now();
        let entry = LogEntry {
            user: Some(reach.owner),
            account: Some(account),
            ..LogEntry::new(LogKind::Disconnected, LogOutcome::Info, now)
        };
        Ok(self.store.remove_account(reach, account, now, entry).await?)
    }
}

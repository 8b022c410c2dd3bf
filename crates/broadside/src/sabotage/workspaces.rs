//! Plans and workspaces are passed on as they are.

use async_trait::async_trait;
use domain::account::ApiKey;
use domain::ids::UserId;
use domain::plan::Plan;
use jiff::Timestamp;
use store::{ConnectLink, Managed, Result, Usage, UsageRow, Workspaces};

use super::Saboteur;

#[async_trait]
impl Usage for Saboteur {
    async fn connections(&self, payer: UserId) -> Result<u64> {
        self.inner.connections(payer).await
    }

    async fn usage(&self, payer: UserId, limit: u32) -> Result<Vec<UsageRow>> {
        self.inner.usage(payer, limit).await
    }

    async fn follow_plan(&self, plan: Plan) -> Result<u64> {
        self.inner.follow_plan(plan).await
    }
}

#[async_trait]
impl Workspaces for Saboteur {
    async fn managed_users(&self, manager: UserId, now: Timestamp, limit: u32) -> Result<Vec<Managed>> {
        self.inner.managed_users(manager, now, limit).await
    }

    async fn attach(&self, manager: UserId, user: UserId, consent_hash: [u8; 32], now: Timestamp) -> Result<bool> {
        self.inner.attach(manager, user, consent_hash, now).await
    }

    async fn detach(&self, manager: UserId, user: UserId, at: Timestamp) -> Result<()> {
        self.inner.detach(manager, user, at).await
    }

    async fn replace_key(&self, manager: UserId, key: ApiKey, hash: [u8; 32], max_active: u32) -> Result<()> {
        self.inner.replace_key(manager, key, hash, max_active).await
    }

    async fn standing_link(
        &self,
        manager: UserId,
        page: ConnectLink,
        token_hash: [u8; 32],
        rotate: bool,
    ) -> Result<ConnectLink> {
        self.inner.standing_link(manager, page, token_hash, rotate).await
    }

    async fn add_consent(&self, user: UserId, token_hash: [u8; 32], expires_at: Timestamp) -> Result<()> {
        self.inner.add_consent(user, token_hash, expires_at).await
    }
}

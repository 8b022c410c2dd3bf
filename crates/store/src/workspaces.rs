//! Users that other users manage: found, taken in with their consent, let go, and given keys and connection pages.

use async_trait::async_trait;
use domain::account::{ApiKey, User};
use domain::ids::UserId;
use jiff::Timestamp;

use crate::{ConnectLink, Result};

/// The most users that one user manages.
pub const MANAGED_MAX: u32 = 10_000;

/// A managed user as its manager sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Managed {
    /// The user.
    pub user: User,
    /// Its standing connection page, while that works.
    pub page: Option<ConnectLink>,
}

/// Verbs about managing. Each that names a manager and a user answers [`crate::Error::NotFound`] unless the one manages
/// the other.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// The users that `manager` manages, oldest first, at most `limit`; pages that work at `now`.
    async fn managed_users(&self, manager: UserId, now: Timestamp, limit: u32) -> Result<Vec<Managed>>;

    /// Has `manager` manage `user`, who consented with the secret of this hash, and uses the consent up. `false`, and
    /// the consent is kept, when it does already. [`crate::Error::NotFound`] when either does not exist or the manager
    /// is managed itself; [`crate::Conflict::ConsentInvalid`], [`crate::Conflict::ConsentMismatch`],
    /// [`crate::Conflict::ManagesOthers`], [`crate::Conflict::ManagedByAnother`],
    /// [`crate::Conflict::TooManyManaged`]; [`crate::Error::LimitReached`] when the manager's plan has no room for the
    /// user's connected accounts.
    ///
    /// Race: two managers with one consent: one gets the user.
    async fn attach(&self, manager: UserId, user: UserId, consent_hash: [u8; 32], now: Timestamp) -> Result<bool>;

    /// Ends the managing: the user keeps all it has, but for keys and the page that its manager had made.
    async fn detach(&self, manager: UserId, user: UserId, at: Timestamp) -> Result<()>;

    /// Adds a key that the manager has made, and revokes those that it had made before. Limits as
    /// [`crate::Store::create_key`].
    async fn replace_key(&self, manager: UserId, key: ApiKey, hash: [u8; 32], max_active: u32) -> Result<()>;

    /// The user's standing page: the one that works, or `page` when there is none or `rotate` is asked for; an earlier
    /// one is revoked then. Otherwise as [`crate::Store::add_link`].
    ///
    /// Race: of two callers without a page one makes it, and both are given the same.
    async fn standing_link(
        &self,
        manager: UserId,
        page: ConnectLink,
        token_hash: [u8; 32],
        rotate: bool,
    ) -> Result<ConnectLink>;

    /// Keeps a user's consent to be managed until `expires_at`; one that it gave before ends.
    async fn add_consent(&self, user: UserId, token_hash: [u8; 32], expires_at: Timestamp) -> Result<()>;
}

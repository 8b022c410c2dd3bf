//! Giving the tokens of disconnected accounts back to their platforms.

use async_trait::async_trait;
use domain::account::Account;
use domain::ids::AccountId;
use domain::log::LogEntry;

use crate::Result;

/// A disconnected account whose tokens are still kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Revocation {
    /// The account.
    pub account: Account,
    /// Whether a post of it is still asked about with them. A post that nobody asks about any more needs none, whatever
    /// became of it.
    pub needed: bool,
}

/// The verbs on giving tokens back. [`crate::Store::remove_account`] notes in its transaction that it is to be done, so a
/// server that stops in between goes on with it.
#[async_trait]
pub trait Revocations: Send + Sync {
    /// The accounts whose tokens are to be given back, those that need them no more first; at most `limit`.
    async fn revocations(&self, limit: u32) -> Result<Vec<Revocation>>;

    /// Forgets the tokens of a disconnected account, and that they were to be given back; with an entry about how that
    /// went. Nothing but the entry is written for an account that is connected again or done with.
    ///
    /// Race: whoever connected the account again gave it tokens of its own, which stay.
    async fn end_revocation(&self, account: AccountId, log: Option<LogEntry>) -> Result<()>;
}

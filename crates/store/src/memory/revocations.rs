//! Giving the tokens of disconnected accounts back.

use async_trait::async_trait;
use domain::ids::AccountId;
use domain::log::LogEntry;

use super::MemoryStore;
use super::groups::at_most;
use crate::revocations::{Revocation, Revocations};
use crate::{Error, Result};

#[async_trait]
impl Revocations for MemoryStore {
    async fn revocations(&self, limit: u32) -> Result<Vec<Revocation>> {
        Ok(self.read(|state| {
            let needed = state.accounts_needed();
            let due = state.accounts.iter().filter(|row| row.revoke_due);
            let mut due: Vec<_> = due
                .map(|row| Revocation {
                    account: row.account.clone(),
                    needed: needed.contains(&row.account.id),
                })
                .collect();
            due.sort_by_key(|revocation| revocation.needed);
            due.truncate(at_most(limit));
            due
        }))
    }

    async fn end_revocation(&self, account: AccountId, log: Option<LogEntry>) -> Result<()> {
        self.write(|state| {
            let row = state.account_mut(account).ok();
            if let Some(row) = row.filter(|row| row.revoke_due) {
                row.revoke_due = false;
                row.tokens = None;
            }
            let Some(mut log) = log else { return Ok(()) };
            let owner = state.account_row(account).ok_or(Error::NotFound)?.account.owner;
            log.account = Some(account);
            state.write_log(vec![log], owner, None);
            Ok(())
        })
    }
}

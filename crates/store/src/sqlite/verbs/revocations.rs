//! Giving the tokens of disconnected accounts back.

use async_trait::async_trait;
use domain::ids::AccountId;
use domain::log::LogEntry;
use rusqlite::params;

use crate::revocations::{Revocation, Revocations};
use crate::sqlite::SqliteStore;
use crate::sqlite::rows;
use crate::sqlite::sql;
use crate::{Error, Result};

#[async_trait]
impl Revocations for SqliteStore {
    async fn revocations(&self, limit: u32) -> Result<Vec<Revocation>> {
        self.readers
            .call(move |db| {
                db.all(sql::REVOCATIONS, [limit], |row| {
                    Ok(Revocation {
                        account: rows::account(row)?,
                        needed: row.get("needed")?,
                    })
                })
            })
            .await
    }

    async fn end_revocation(&self, account: AccountId, log: Option<LogEntry>) -> Result<()> {
        self.writer
            .call(move |tx| {
                if tx.exec(sql::END_REVOCATION, [account.as_bytes()])? == 1 {
                    tx.exec(sql::DROP_TOKENS_OF, [account.as_bytes()])?;
                }
                let Some(mut log) = log else { return Ok(()) };
                let found = tx.one(sql::ANY_ACCOUNT, params![account.as_bytes()], rows::account)?;
                log.account = Some(account);
                tx.log_elsewhere(log, found.ok_or(Error::NotFound)?.owner)
            })
            .await
    }
}

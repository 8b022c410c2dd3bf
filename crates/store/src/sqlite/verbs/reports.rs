//! How accounts are doing, and the history of their connections.

use domain::account::AccountReport;
use domain::group::{StateBit, StateMask};
use domain::ids::{AccountId, LogId, UserId};
use domain::log::{LogEntry, LogRecord};
use domain::platform::Platform;
use jiff::Timestamp;
use rusqlite::{Row, params};

use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::Tx;
use crate::{ACCOUNT_LOG_LISTED_MAX, ACCOUNTS_LISTED_MAX, AccountLogQuery, Error, Reach, Result, rules};

pub(in crate::sqlite) fn accounts(db: &Db, reach: &Reach, now: Timestamp, limit: u32) -> Result<Vec<AccountReport>> {
    let pending = StateMask::EMPTY.with(StateBit::Pending).bits();
    let limit = limit.min(ACCOUNTS_LISTED_MAX);
    let after = micros(rules::reported_after(now));
    db.all(
        sql::ACCOUNT_REPORTS,
        params![reach.owner.as_bytes(), after, limit, pending],
        report,
    )
}

fn report(row: &Row<'_>) -> Result<AccountReport> {
    let column = |nth: usize| rows::ACCOUNT_COLUMNS + nth;
    let refreshable = row.get(column(0))?;
    Ok(AccountReport {
        account: rows::account(row)?,
        refreshable,
        token_ends_at: rows::maybe_at(row, column(if refreshable { 2 } else { 1 }))?,
        failures_7d: row.get(column(3))?,
        successes_7d: row.get(column(4))?,
        due: row.get(column(5))?,
    })
}

pub(in crate::sqlite) fn log_connection(tx: &mut Tx, reach: &Reach, log: LogEntry) -> Result<()> {
    let account = log.account.as_ref().map(AccountId::as_bytes);
    let is_within = match account {
        Some(account) => tx.exists(sql::IS_ACCOUNT_OF, params![account, reach.owner.as_bytes()])?,
        None => true,
    };
    if is_within {
        let log = LogEntry {
            user: Some(reach.owner),
            ..log
        };
        tx.log_elsewhere(log, reach.owner)
    } else {
        Err(Error::NotFound)
    }
}

pub(in crate::sqlite) fn log(db: &Db, reach: &Reach, query: &AccountLogQuery) -> Result<Vec<LogRecord>> {
    let owner = reach.owner.as_bytes();
    let (at, id) = query
        .before
        .map_or((i64::MAX, LogId::from_bytes([u8::MAX; 12])), |(at, id)| {
            (micros(at), id)
        });
    let (statement, of) = match &query.account {
        Some(account) => (sql::CONNECTION_LOG_OF, account.as_bytes()),
        None => (sql::CONNECTION_LOG, UserId::as_bytes(&reach.owner)),
    };
    let platform = query.platform.map(Platform::word);
    let limit = query.limit.min(ACCOUNT_LOG_LISTED_MAX);
    let page = params![of, at, id.as_bytes(), owner, platform, limit];
    db.all(statement, page, rows::log_record)
}

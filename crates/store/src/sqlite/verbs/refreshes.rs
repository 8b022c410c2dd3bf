//! Exchanging tokens: begun durably, ended once, and never from a version that was overtaken.

use domain::account::{Account, AccountHealth};
use domain::ids::AccountId;
use domain::log::LogEntry;
use jiff::Timestamp;
use rusqlite::params;

use super::accounts;
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::Tx;
use crate::{AccountNote, Error, REFRESHES_LISTED_MAX, Refreshed, Result, UnfinishedRefresh, rules};

fn any(tx: &Tx, account: AccountId) -> Result<Account> {
    tx.one(sql::ANY_ACCOUNT, [account.as_bytes()], rows::account)?
        .ok_or(Error::NotFound)
}

pub(in crate::sqlite) fn begin(tx: &Tx, id: AccountId, version: u32, at: Timestamp) -> Result<bool> {
    let account = any(tx, id)?;
    if account.token_version != version || accounts::tokens(&tx.conn, &tx.vault, id)?.is_none() {
        return Ok(false);
    }
    Ok(tx.exec(sql::BEGIN_REFRESH, params![id.as_bytes(), version, micros(at)])? == 1)
}

pub(in crate::sqlite) fn finish(
    tx: &mut Tx,
    id: AccountId,
    version: u32,
    end: Refreshed,
    refresh_at: Option<Timestamp>,
    mut log: LogEntry,
) -> Result<()> {
    let mut account = any(tx, id)?;
    tx.exec(sql::END_REFRESH, params![id.as_bytes(), version])?;
    // Whoever connected the account again meanwhile gave better tokens than this exchange can.
    let old = accounts::tokens(&tx.conn, &tx.vault, id)?.filter(|_| account.token_version == version);
    if let Some(old) = old {
        match end {
            Refreshed::Renewed(new) => {
                let new = rules::exchanged(new, old);
                account.token_version = version.saturating_add(1);
                account.token_expires_at = new.expires_at;
                account.refresh_at = refresh_at;
                accounts::append_tokens(tx, id, account.token_version, &new)?;
                accounts::save_refreshed(tx, &account)?;
            }
            Refreshed::Refused => {
                let health = Some(AccountHealth::ReconnectNeeded);
                let note = AccountNote {
                    health,
                    ..AccountNote::default()
                };
                accounts::note(tx, id, &note)?;
                set_refresh_at(tx, id, None)?;
            }
            Refreshed::NotMade => set_refresh_at(tx, id, refresh_at)?,
        }
    }
    log.account = Some(id);
    tx.log_elsewhere(log, account.owner)
}

fn set_refresh_at(tx: &Tx, id: AccountId, refresh_at: Option<Timestamp>) -> Result<()> {
    tx.exec(sql::SET_REFRESH_AT, params![id.as_bytes(), refresh_at.map(micros)])
        .map(|_| ())
}

pub(in crate::sqlite) fn put_off(
    tx: &mut Tx,
    id: AccountId,
    refresh_at: Option<Timestamp>,
    log: Option<LogEntry>,
) -> Result<()> {
    let owner = any(tx, id)?.owner;
    set_refresh_at(tx, id, refresh_at)?;
    match log {
        Some(mut log) => {
            log.account = Some(id);
            tx.log_elsewhere(log, owner)
        }
        None => Ok(()),
    }
}

pub(in crate::sqlite) fn due(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<Account>> {
    let limit = limit.min(REFRESHES_LISTED_MAX);
    db.all(sql::REFRESHES_DUE, params![micros(now), limit], rows::account)
}

pub(in crate::sqlite) fn next(db: &Db) -> Result<Option<Timestamp>> {
    db.one(sql::NEXT_REFRESH, [], |row| rows::at(row, 0))
}

pub(in crate::sqlite) fn unfinished(db: &Db, account: AccountId) -> Result<Option<UnfinishedRefresh>> {
    db.one(sql::UNFINISHED_REFRESH, [account.as_bytes()], |row| {
        Ok(UnfinishedRefresh {
            version: row.get(0)?,
            begun_at: rows::at(row, 1)?,
        })
    })
}

pub(in crate::sqlite) fn has_open_intents(db: &Db, account: AccountId) -> Result<bool> {
    let found = db.one(sql::HAS_OPEN_INTENTS, [account.as_bytes()], |_| Ok(()))?;
    Ok(found.is_some())
}

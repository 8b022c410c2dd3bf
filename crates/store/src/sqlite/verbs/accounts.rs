//! Connected accounts and their tokens.

use domain::account::{Account, Tokens};
use domain::ids::{AccountId, PostId};
use domain::log::{LogEntry, LogKind};
use domain::post::PostState;
use domain::secret::SecretText;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::seal::Vault;
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::Tx;
use crate::{ACCOUNTS_LISTED_MAX, AccountNote, Error, NewAccount, Reach, Result, rules};

pub(in crate::sqlite) fn connect(tx: &mut Tx, new: &NewAccount, mut log: LogEntry) -> Result<Account> {
    if !tx.exists(sql::IS_USER, [new.owner.as_bytes()])? {
        return Err(Error::NotFound);
    }
    let name = params![new.owner.as_bytes(), new.platform.word(), new.remote_id];
    let known = tx.one(sql::ACCOUNT_BY_NAME, name, rows::account)?;
    log.kind = if known.is_some() {
        LogKind::Reconnected
    } else {
        LogKind::Connected
    };
    let mut account = if let Some(account) = known {
        account
    } else {
        let account = rules::first_connected(new);
        let owner = account.owner.as_bytes();
        let (platform, at) = (account.platform.word(), micros(account.connected_at));
        let row = params![
            account.id.as_bytes(),
            owner,
            platform,
            account.remote_id,
            account.username,
            at
        ];
        tx.exec(sql::ADD_ACCOUNT, row)?;
        account
    };
    rules::connected_again(&mut account, new);
    tx.exec(
        sql::CONNECT_ACCOUNT,
        params![
            account.id.as_bytes(),
            account.username,
            account.display_name,
            account.avatar_url,
            account.profile_url,
            account.base_url,
            account.token_version,
            account.token_expires_at.map(micros),
        ],
    )?;
    append_tokens(tx, account.id, account.token_version, &new.tokens)?;
    log.account = Some(account.id);
    tx.log_elsewhere(log, account.owner)?;
    Ok(account)
}

/// Adds the newest tokens and keeps the version before, which a request under way may still be using.
fn append_tokens(tx: &Tx, account: AccountId, version: u32, tokens: &Tokens) -> Result<()> {
    let row = account.as_bytes();
    let access = seal(&tx.vault, "account_tokens.access", row, &tokens.access)?;
    let refresh = tokens
        .refresh
        .as_ref()
        .map(|text| seal(&tx.vault, "account_tokens.refresh", row, text))
        .transpose()?;
    tx.exec(
        sql::ADD_TOKENS,
        params![row, version, tokens.expires_at.map(micros), access, refresh],
    )?;
    tx.exec(sql::DROP_OLD_TOKENS, params![row, version.saturating_sub(1)])?;
    Ok(())
}

fn seal(vault: &Vault, place: &str, row: &[u8], text: &SecretText) -> Result<Vec<u8>> {
    vault.seal(place, row, text.expose().as_bytes()).map_err(rows::corrupt)
}

fn open(vault: &Vault, place: &str, row: &[u8], sealed: &[u8]) -> Result<SecretText> {
    let bytes = vault.open(place, row, sealed).map_err(rows::corrupt)?;
    let text = std::str::from_utf8(bytes.expose()).map_err(rows::corrupt)?;
    Ok(SecretText::from(text))
}

pub(in crate::sqlite) fn tokens(conn: &Connection, vault: &Vault, account: AccountId) -> Result<Option<Tokens>> {
    let id = account.as_bytes();
    rows::one(conn, sql::TOKENS, [id], |row| {
        let refresh: Option<Vec<u8>> = row.get(1)?;
        Ok(Tokens {
            access: open(
                vault,
                "account_tokens.access",
                id,
                row.get_ref(0)?.as_blob().map_err(rows::corrupt)?,
            )?,
            refresh: refresh
                .map(|sealed| open(vault, "account_tokens.refresh", id, &sealed))
                .transpose()?,
            expires_at: rows::maybe_at(row, 2)?,
        })
    })
}

pub(in crate::sqlite) fn list(db: &Db, reach: &Reach) -> Result<Vec<Account>> {
    db.all(
        sql::ACCOUNTS,
        params![reach.owner.as_bytes(), ACCOUNTS_LISTED_MAX],
        rows::account,
    )
}

pub(in crate::sqlite) fn one(db: &Db, account: AccountId) -> Result<Option<Account>> {
    db.one(sql::ACCOUNT, [account.as_bytes()], rows::account)
}

pub(in crate::sqlite) fn remove(
    tx: &mut Tx,
    reach: &Reach,
    id: AccountId,
    at: Timestamp,
    mut log: LogEntry,
) -> Result<()> {
    if tx.exec(
        sql::REMOVE_ACCOUNT,
        params![id.as_bytes(), reach.owner.as_bytes(), micros(at)],
    )? == 0
    {
        return Err(Error::NotFound);
    }
    let posts = tx.all(sql::WAKING_OF_ACCOUNT, [id.as_bytes()], |row| rows::id(row, 0))?;
    posts.into_iter().try_for_each(|post| withdraw(tx, post, at))?;
    tx.exec(sql::DROP_UNUSED_TOKENS, [])?;
    log.account = Some(id);
    tx.log_elsewhere(log, reach.owner)
}

/// Cancels a post unless it is a draft, has been sent, or may have been.
pub(in crate::sqlite) fn withdraw(tx: &mut Tx, post: PostId, at: Timestamp) -> Result<()> {
    let mut row = tx.post(post)?;
    let withdrawn = rules::withdrawn(row.state.clone(), at);
    if matches!(row.state, PostState::Draft) || withdrawn == row.state || tx.has_open_intent(post)? {
        return Ok(());
    }
    let mut head = tx.head(row.group)?;
    tx.put(&mut head, &mut row, withdrawn, at)?;
    tx.save(&head)
}

pub(in crate::sqlite) fn note(tx: &Tx, account: AccountId, note: &AccountNote) -> Result<()> {
    let error = note.error.as_ref().map(rows::to_json).transpose()?;
    let health = note.health.map(rows::health_word);
    let row = params![account.as_bytes(), health, note.success_at.map(micros), error];
    if tx.exec(sql::NOTE_ACCOUNT, row)? == 0 {
        Err(Error::NotFound)
    } else {
        Ok(())
    }
}

fn any(tx: &Tx, account: AccountId) -> Result<Account> {
    tx.one(sql::ANY_ACCOUNT, [account.as_bytes()], rows::account)?
        .ok_or(Error::NotFound)
}

pub(in crate::sqlite) fn begin_refresh(tx: &Tx, id: AccountId, version: u32, at: Timestamp) -> Result<bool> {
    let account = any(tx, id)?;
    if account.token_version != version || tokens(&tx.conn, &tx.vault, id)?.is_none() {
        return Ok(false);
    }
    Ok(tx.exec(sql::BEGIN_REFRESH, params![id.as_bytes(), version, micros(at)])? == 1)
}

pub(in crate::sqlite) fn finish_refresh(
    tx: &mut Tx,
    id: AccountId,
    version: u32,
    new: Option<Tokens>,
    mut log: LogEntry,
) -> Result<()> {
    let account = any(tx, id)?;
    tx.exec(sql::END_REFRESH, params![id.as_bytes(), version])?;
    // Whoever connected the account again meanwhile gave better tokens than this exchange can.
    let old = tokens(&tx.conn, &tx.vault, id)?.filter(|_| account.token_version == version);
    if let Some(old) = old {
        if let Some(new) = new {
            let new = rules::exchanged(new, old.refresh);
            let version = version.saturating_add(1);
            append_tokens(tx, id, version, &new)?;
            tx.exec(
                sql::REFRESHED,
                params![id.as_bytes(), version, new.expires_at.map(micros)],
            )?;
        } else {
            let health = Some(domain::account::AccountHealth::ReconnectNeeded);
            note(
                tx,
                id,
                &AccountNote {
                    health,
                    ..AccountNote::default()
                },
            )?;
        }
    }
    log.account = Some(id);
    tx.log_elsewhere(log, account.owner)
}

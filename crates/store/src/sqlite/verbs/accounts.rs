//! Connected accounts and their tokens.

use domain::account::{Account, Tokens};
use domain::ids::{AccountId, PostId};
use domain::log::{LogEntry, LogKind};
use domain::post::PostState;
use domain::secret::SecretText;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{intents, usage};
use crate::seal::Vault;
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::Tx;
use crate::{ACCOUNTS_LISTED_MAX, AccountNote, Error, NewAccount, Reach, Result, Verification, rules};

pub(in crate::sqlite) fn connect(tx: &mut Tx, new: &NewAccount, mut log: LogEntry) -> Result<Account> {
    if !tx.exists(sql::IS_USER, [new.owner.as_bytes()])? {
        return Err(Error::NotFound);
    }
    let name = params![new.owner.as_bytes(), new.platform.word(), new.identity.remote_id];
    let known = tx.one(sql::ACCOUNT_BY_NAME, name, rows::account)?;
    let is_connected = match &known {
        Some(account) => tx.is_connected(account.id)?,
        None => false,
    };
    if !is_connected {
        usage::admit_connections(tx, new.owner, 1)?;
    }
    log.kind = if known.is_some() {
        LogKind::Reconnected
    } else {
        LogKind::Connected
    };
    let mut account = if let Some(account) = known {
        account
    } else {
        let account = rules::first_connected(new);
        let (id, owner) = (account.id.as_bytes(), account.owner.as_bytes());
        let (platform, remote_id) = (account.platform.word(), &account.identity.remote_id);
        let row = params![id, owner, platform, remote_id, micros(account.connected_at)];
        tx.exec(sql::ADD_ACCOUNT, row)?;
        account
    };
    rules::connected_again(&mut account, new);
    tx.exec(
        sql::CONNECTED,
        params![account.id.as_bytes(), rows::to_json(&account.defaults)?],
    )?;
    save_verified(tx, &account)?;
    save_refreshed(tx, &account)?;
    append_tokens(tx, account.id, account.token_version, &new.tokens)?;
    log.account = Some(account.id);
    tx.log_elsewhere(log, account.owner)?;
    Ok(account)
}

/// Writes what an account is and may do.
fn save_verified(tx: &Tx, account: &Account) -> Result<()> {
    let identity = &account.identity;
    let row = params![
        account.id.as_bytes(),
        identity.username,
        identity.display_name,
        identity.avatar_url,
        identity.profile_url,
        identity.base_url,
        rows::to_json(&account.scopes)?,
        rows::to_json(&account.missing)?,
        account.verified_at.map(micros),
    ];
    tx.exec(sql::VERIFIED, row).map(|_| ())
}

/// Writes what is known of an account's newest tokens, which are good.
pub(super) fn save_refreshed(tx: &Tx, account: &Account) -> Result<()> {
    let (ends, look) = (account.token_expires_at.map(micros), account.refresh_at.map(micros));
    let row = params![account.id.as_bytes(), account.token_version, ends, look];
    tx.exec(sql::REFRESHED, row).map(|_| ())
}

pub(in crate::sqlite) fn verify(tx: &mut Tx, id: AccountId, told: Verification, mut log: LogEntry) -> Result<Account> {
    let account = tx.one(sql::ACCOUNT, [id.as_bytes()], rows::account)?;
    let mut account = account.ok_or(Error::NotFound)?;
    rules::verified(&mut account, told);
    save_verified(tx, &account)?;
    log.account = Some(id);
    tx.log_elsewhere(log, account.owner)?;
    Ok(account)
}

/// Adds the newest tokens and keeps the version before, which a request under way may still be using.
pub(super) fn append_tokens(tx: &Tx, account: AccountId, version: u32, tokens: &Tokens) -> Result<()> {
    let row = account.as_bytes();
    let seal_maybe = |place, text: &Option<SecretText>| {
        let sealed = text.as_ref().map(|text| seal(&tx.vault, place, row, text));
        sealed.transpose()
    };
    let values = params![
        row,
        version,
        tokens.expires_at.map(micros),
        tokens.refresh_expires_at.map(micros),
        seal(&tx.vault, "account_tokens.access", row, &tokens.access)?,
        seal_maybe("account_tokens.refresh", &tokens.refresh)?,
        seal_maybe("account_tokens.proof", &tokens.proof_key)?,
    ];
    tx.exec(sql::ADD_TOKENS, values)?;
    tx.exec(sql::DROP_OLD_TOKENS, params![row, version.saturating_sub(1)])?;
    tx.exec(sql::DROP_OVERTAKEN_REFRESHES, params![row, version])?;
    Ok(())
}

pub(super) fn seal(vault: &Vault, place: &str, row: &[u8], text: &SecretText) -> Result<Vec<u8>> {
    vault.seal(place, row, text.expose().as_bytes()).map_err(rows::corrupt)
}

/// A column with a sealed text or nothing.
pub(super) fn maybe_opened(
    vault: &Vault,
    place: &str,
    id: &[u8],
    row: &Row<'_>,
    column: usize,
) -> Result<Option<SecretText>> {
    let Some(sealed) = row.get_ref(column)?.as_blob_or_null().map_err(rows::corrupt)? else {
        return Ok(None);
    };
    let bytes = vault.open(place, id, sealed).map_err(rows::corrupt)?;
    let text = std::str::from_utf8(bytes.expose()).map_err(rows::corrupt)?;
    Ok(Some(SecretText::from(text)))
}

pub(in crate::sqlite) fn tokens(conn: &Connection, vault: &Vault, account: AccountId) -> Result<Option<Tokens>> {
    let id = account.as_bytes();
    rows::one(conn, sql::TOKENS, [id], |row| {
        let access = maybe_opened(vault, "account_tokens.access", id, row, 0)?;
        Ok(Tokens {
            access: access.ok_or_else(|| rows::corrupt("an account without an access token"))?,
            refresh: maybe_opened(vault, "account_tokens.refresh", id, row, 1)?,
            proof_key: maybe_opened(vault, "account_tokens.proof", id, row, 2)?,
            expires_at: rows::maybe_at(row, 3)?,
            refresh_expires_at: rows::maybe_at(row, 4)?,
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
    tx.forget_known();
    let posts = tx.all(sql::WAKING_OF_ACCOUNT, [id.as_bytes()], |row| rows::id(row, 0))?;
    posts.into_iter().try_for_each(|post| withdraw(tx, post, at))?;
    log.account = Some(id);
    tx.log_elsewhere(log, reach.owner)
}

/// Ends a post unless it is a draft, has been sent, or may have been: it is cancelled, or has failed when parts of it are
/// live.
pub(in crate::sqlite) fn withdraw(tx: &mut Tx, post: PostId, at: Timestamp) -> Result<()> {
    let mut row = tx.post(post)?;
    let withdrawn = rules::withdrawn(row.state.clone(), at);
    if matches!(row.state, PostState::Draft) || withdrawn == row.state || tx.has_open_intent(post)? {
        return Ok(());
    }
    let mut head = tx.head(row.group)?;
    let ended = intents::live(tx, &row)?.cut_off(&row.state, at);
    tx.put(&mut head, &mut row, ended, at)?;
    tx.save(&head)
}

pub(in crate::sqlite) fn note(tx: &Tx, account: AccountId, note: &AccountNote) -> Result<()> {
    let error = note.error.as_ref().map(rows::to_json).transpose()?;
    let health = note.health.map(rows::health_word);
    let row = params![
        account.as_bytes(),
        health,
        note.success_at.map(micros),
        error,
        note.of_version
    ];
    if tx.exec(sql::NOTE_ACCOUNT, row)? == 0 {
        Err(Error::NotFound)
    } else {
        Ok(())
    }
}

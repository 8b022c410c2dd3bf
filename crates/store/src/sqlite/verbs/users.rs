//! Users and API keys.

use domain::account::{ApiKey, KeyOwner, User};
use domain::ids::{ApiKeyId, UserId};
use domain::plan::Plan;
use jiff::Timestamp;
use rusqlite::params;

use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::Tx;
use crate::{Conflict, Error, KEYS_LISTED_MAX, Result};

use super::{usage, workspaces};

/// How many posts are cancelled in the transaction that removes their user.
const WITHDRAWN_AT_ONCE: u32 = 1_000;

pub(in crate::sqlite) fn create(tx: &mut Tx, user: &User) -> Result<()> {
    if tx.exists(sql::USER_NAME_TAKEN, [&user.name])? {
        return Err(Conflict::UserName.into());
    }
    if let Some(manager) = user.manager {
        workspaces::room_for_one_more(tx, manager)?;
    }
    tx.exec(
        sql::ADD_USER,
        params![
            user.id.as_bytes(),
            user.name,
            rows::to_json(&user.plan)?,
            micros(user.created_at),
            user.manager.as_ref().map(UserId::as_bytes),
            user.display_name,
        ],
    )?;
    usage::remeter(tx, user.id)
}

fn found(changed: usize) -> Result<()> {
    if changed == 0 { Err(Error::NotFound) } else { Ok(()) }
}

pub(in crate::sqlite) fn set_plan(tx: &mut Tx, user: UserId, plan: &Plan) -> Result<()> {
    found(tx.exec(sql::SET_PLAN, params![user.as_bytes(), rows::to_json(plan)?])?)?;
    usage::remeter(tx, user)
}

pub(in crate::sqlite) fn remove(tx: &mut Tx, user: UserId, at: Timestamp) -> Result<()> {
    found(tx.exec(sql::REMOVE_USER, params![user.as_bytes(), micros(at)])?)?;
    tx.exec(sql::REMOVE_ACCOUNTS_OF, params![user.as_bytes(), micros(at)])?;
    tx.forget_known();
    workspaces::dissolve(tx, user, at)?;
    usage::remeter(tx, user)?;
    // The rest is cancelled when the user's groups are pruned. Until then nothing of it is sent: no account is connected.
    let posts = tx.all(
        sql::WAKING_OF_OWNER,
        params![user.as_bytes(), WITHDRAWN_AT_ONCE],
        |row| rows::id(row, 0),
    )?;
    posts
        .into_iter()
        .try_for_each(|post| super::accounts::withdraw(tx, post, at))?;
    tx.exec(sql::DROP_UNUSED_TOKENS, [])?;
    super::webhooks::remove_all(tx, user)
}

pub(in crate::sqlite) fn one(db: &Db, user: UserId) -> Result<Option<User>> {
    db.one(sql::USER, [user.as_bytes()], |row| rows::user(row, 0))
}

pub(in crate::sqlite) fn by_name(db: &Db, name: &str) -> Result<Option<User>> {
    db.one(sql::USER_BY_NAME, [name], |row| rows::user(row, 0))
}

pub(in crate::sqlite) fn list(db: &Db, limit: u32) -> Result<Vec<User>> {
    db.all(sql::USERS, [limit], |row| rows::user(row, 0))
}

/// Adds a key; `issuer` is the manager that has it made, if one has.
pub(in crate::sqlite) fn create_key(
    tx: &Tx,
    key: &ApiKey,
    hash: [u8; 32],
    max_active: u32,
    issuer: Option<UserId>,
) -> Result<()> {
    if !tx.exists(sql::IS_USER, [key.user.as_bytes()])? {
        return Err(Error::NotFound);
    }
    if tx.exists(sql::IS_KEY, [hash])? {
        return Err(Conflict::ApiKey.into());
    }
    let active: Option<u32> = tx.one(sql::ACTIVE_KEYS, [key.user.as_bytes()], |row| Ok(row.get(0)?))?;
    if active.unwrap_or(0) >= max_active {
        return Err(Conflict::TooManyKeys(max_active).into());
    }
    tx.exec(
        sql::ADD_KEY,
        params![
            key.id.as_bytes(),
            key.user.as_bytes(),
            key.name,
            key.prefix,
            hash,
            micros(key.created_at),
            key.last_used_at.map(micros),
            key.revoked_at.map(micros),
            issuer.as_ref().map(UserId::as_bytes),
        ],
    )?;
    Ok(())
}

pub(in crate::sqlite) fn keys(db: &Db, user: UserId) -> Result<Vec<ApiKey>> {
    db.all(sql::KEYS, params![user.as_bytes(), KEYS_LISTED_MAX], rows::api_key)
}

pub(in crate::sqlite) fn revoke_key(tx: &Tx, user: UserId, key: ApiKeyId, at: Timestamp) -> Result<()> {
    found(tx.exec(sql::REVOKE_KEY, params![key.as_bytes(), user.as_bytes(), micros(at)])?)
}

pub(in crate::sqlite) fn authenticate(db: &Db, hash: [u8; 32]) -> Result<Option<KeyOwner>> {
    db.one(sql::AUTHENTICATE, [hash], |row| {
        let mut user = match rows::maybe_id::<UserId>(row, 1)? {
            Some(_) => Some(rows::user(row, 1)?),
            None => None,
        };
        if let (Some(user), Some(plan)) = (&mut user, rows::maybe_json::<Plan>(row, 7)?) {
            user.plan = crate::usage::managed_plan(plan);
        }
        Ok(KeyOwner {
            key: rows::id(row, 0)?,
            user,
        })
    })
}

pub(in crate::sqlite) fn touch_keys(tx: &Tx, used: &[(ApiKeyId, Timestamp)]) -> Result<()> {
    for (key, at) in used {
        tx.exec(sql::TOUCH_KEY, params![key.as_bytes(), micros(*at)])?;
    }
    Ok(())
}

//! Users that manage others.

use async_trait::async_trait;
use domain::account::ApiKey;
use domain::ids::UserId;
use jiff::Timestamp;
use rusqlite::params;

use super::{sign_ins, usage, users};
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::tx::Tx;
use crate::sqlite::{SqliteStore, sql};
use crate::workspaces::{MANAGED_MAX, Managed, Workspaces};
use crate::{Conflict, ConnectLink, Error, Result};

sql::statements! {
    MANAGED = concat!(
        "SELECT ", sql::user_columns!(), ", ", sql::link_columns!(), " FROM users u INDEXED BY users_managed \
         LEFT JOIN connect_links l ON l.owner_id = u.id AND l.standing = 1 AND l.revoked_at IS NULL AND l.expires_at > ?2 \
         WHERE u.manager_id = ?1 AND u.removed_at IS NULL ORDER BY u.created_at, u.id LIMIT ?3"
    );
    IS_MANAGED_BY = "SELECT 1 FROM users WHERE id = ?1 AND manager_id = ?2 AND removed_at IS NULL";
    IS_MANAGER = "SELECT 1 FROM users INDEXED BY users_managed WHERE manager_id = ?1 AND removed_at IS NULL";
    COUNT_MANAGED = "SELECT count(*) FROM users INDEXED BY users_managed WHERE manager_id = ?1 AND removed_at IS NULL";
    MANAGED_IDS = "SELECT id FROM users INDEXED BY users_managed WHERE manager_id = ?1 AND removed_at IS NULL";
    SET_MANAGER = "UPDATE users SET manager_id = ?2 WHERE id = ?1";
    REVOKE_ISSUED =
        "UPDATE api_keys SET revoked_at = ?2 WHERE user_id = ?1 AND issuer_id IS NOT NULL AND revoked_at IS NULL";
    STANDING = concat!(
        "SELECT ", sql::link_columns!(), " FROM connect_links l \
         WHERE l.owner_id = ?1 AND l.standing = 1 AND l.revoked_at IS NULL"
    );
    END_STANDING =
        "UPDATE connect_links SET revoked_at = ?2 WHERE owner_id = ?1 AND standing = 1 AND revoked_at IS NULL";
    SET_CONSENT =
        "INSERT INTO consents (user_id, token_hash, expires_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at";
    CONSENT = "SELECT user_id FROM consents WHERE token_hash = ?1 AND expires_at > ?2";
    USE_CONSENT = "DELETE FROM consents WHERE user_id = ?1";
    PRUNE_CONSENTS = "DELETE FROM consents WHERE expires_at <= ?1";
}

fn list(db: &Db, manager: UserId, now: Timestamp, limit: u32) -> Result<Vec<Managed>> {
    db.all(MANAGED, params![manager.as_bytes(), micros(now), limit], |row| {
        let page = match rows::maybe_id::<domain::ids::LinkId>(row, 6)? {
            Some(_) => Some(rows::link(row, 6)?),
            None => None,
        };
        Ok(Managed {
            user: rows::user(row, 0)?,
            page,
        })
    })
}

/// Refuses to give `manager` one more user: it must exist, not be managed itself, and not have too many.
pub(super) fn room_for_one_more(tx: &Tx, manager: UserId) -> Result<()> {
    let found = tx.one(sql::USER, [manager.as_bytes()], |row| rows::user(row, 0))?;
    if found.is_none_or(|user| user.manager.is_some()) {
        return Err(Error::NotFound);
    }
    let managed = tx.one(COUNT_MANAGED, [manager.as_bytes()], |row| Ok(row.get::<_, u32>(0)?))?;
    if managed.unwrap_or(0) >= MANAGED_MAX {
        return Err(Conflict::TooManyManaged(MANAGED_MAX).into());
    }
    Ok(())
}

fn must_manage(tx: &Tx, manager: UserId, user: UserId) -> Result<()> {
    if tx.exists(IS_MANAGED_BY, params![user.as_bytes(), manager.as_bytes()])? {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}

fn attach(tx: &mut Tx, manager: UserId, user: UserId, consent: [u8; 32], now: Timestamp) -> Result<bool> {
    let found = tx.one(sql::USER, [user.as_bytes()], |row| rows::user(row, 0))?;
    let found = found.filter(|_| user != manager).ok_or(Error::NotFound)?;
    if found.manager == Some(manager) {
        return Ok(false);
    }
    match tx.one(CONSENT, params![consent, micros(now)], |row| rows::id::<UserId>(row, 0))? {
        None => return Err(Conflict::ConsentInvalid.into()),
        Some(of) if of != user => return Err(Conflict::ConsentMismatch.into()),
        Some(_) => {}
    }
    if found.manager.is_some() {
        return Err(Conflict::ManagedByAnother.into());
    }
    if tx.exists(IS_MANAGER, [user.as_bytes()])? {
        return Err(Conflict::ManagesOthers.into());
    }
    room_for_one_more(tx, manager)?;
    let brought = usage::connections(&tx.conn, user)?;
    if brought > 0 {
        usage::admit_connections(tx, manager, brought)?;
    }
    tx.exec(USE_CONSENT, [user.as_bytes()])?;
    tx.exec(SET_MANAGER, params![user.as_bytes(), manager.as_bytes()])?;
    usage::remeter(tx, user)?;
    Ok(true)
}

fn let_go(tx: &mut Tx, user: UserId, at: Timestamp) -> Result<()> {
    tx.exec(SET_MANAGER, params![user.as_bytes(), None::<&[u8]>])?;
    tx.exec(REVOKE_ISSUED, params![user.as_bytes(), micros(at)])?;
    tx.exec(END_STANDING, params![user.as_bytes(), micros(at)])?;
    usage::remeter(tx, user)
}

/// Lets go of everybody that a removed user manages.
pub(super) fn dissolve(tx: &mut Tx, manager: UserId, at: Timestamp) -> Result<()> {
    let managed: Vec<UserId> = tx.all(MANAGED_IDS, [manager.as_bytes()], |row| rows::id(row, 0))?;
    managed.into_iter().try_for_each(|user| let_go(tx, user, at))
}

fn detach(tx: &mut Tx, manager: UserId, user: UserId, at: Timestamp) -> Result<()> {
    must_manage(tx, manager, user)?;
    let_go(tx, user, at)
}

fn replace_key(tx: &Tx, manager: UserId, key: &ApiKey, hash: [u8; 32], max_active: u32) -> Result<()> {
    must_manage(tx, manager, key.user)?;
    tx.exec(REVOKE_ISSUED, params![key.user.as_bytes(), micros(key.created_at)])?;
    users::create_key(tx, key, hash, max_active, Some(manager))
}

fn standing_link(tx: &Tx, manager: UserId, page: ConnectLink, hash: [u8; 32], rotate: bool) -> Result<ConnectLink> {
    must_manage(tx, manager, page.owner)?;
    let owner = page.owner.as_bytes();
    let known = tx.one(STANDING, [owner], |row| rows::link(row, 0))?;
    if let Some(known) = known.filter(|known| !rotate && known.expires_at > page.created_at) {
        return Ok(known);
    }
    tx.exec(END_STANDING, params![owner, micros(page.created_at)])?;
    sign_ins::add_link(tx, &page, hash)?;
    Ok(page)
}

fn add_consent(tx: &Tx, user: UserId, hash: [u8; 32], expires_at: Timestamp) -> Result<()> {
    if !tx.exists(sql::IS_USER, [user.as_bytes()])? {
        return Err(Error::NotFound);
    }
    tx.exec(SET_CONSENT, params![user.as_bytes(), hash, micros(expires_at)])
        .map(|_| ())
}

/// Forgets consents that have expired.
pub(super) fn prune(tx: &Tx, now: Timestamp) -> Result<()> {
    tx.exec(PRUNE_CONSENTS, [micros(now)]).map(|_| ())
}

#[async_trait]
impl Workspaces for SqliteStore {
    async fn managed_users(&self, manager: UserId, now: Timestamp, limit: u32) -> Result<Vec<Managed>> {
        self.readers.call(move |db| list(db, manager, now, limit)).await
    }

    async fn attach(&self, manager: UserId, user: UserId, consent_hash: [u8; 32], now: Timestamp) -> Result<bool> {
        self.writer
            .call(move |tx| attach(tx, manager, user, consent_hash, now))
            .await
    }

    async fn detach(&self, manager: UserId, user: UserId, at: Timestamp) -> Result<()> {
        self.writer.call(move |tx| detach(tx, manager, user, at)).await
    }

    async fn replace_key(&self, manager: UserId, key: ApiKey, hash: [u8; 32], max_active: u32) -> Result<()> {
        self.writer
            .call(move |tx| replace_key(tx, manager, &key, hash, max_active))
            .await
    }

    async fn standing_link(
        &self,
        manager: UserId,
        page: ConnectLink,
        token_hash: [u8; 32],
        rotate: bool,
    ) -> Result<ConnectLink> {
        self.writer
            .call(move |tx| standing_link(tx, manager, page, token_hash, rotate))
            .await
    }

    async fn add_consent(&self, user: UserId, token_hash: [u8; 32], expires_at: Timestamp) -> Result<()> {
        self.writer
            .call(move |tx| add_consent(tx, user, token_hash, expires_at))
            .await
    }
}

//! Sign-ins under way, connection pages, and apps at servers that people run themselves.

use domain::ids::{AccountId, LinkId, SignInId};
use domain::platform::Platform;
use domain::secret::SecretBytes;
use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::accounts;
use crate::seal::Vault;
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::Tx;
use crate::{
    Conflict, ConnectLink, Error, InstanceApp, LINKS_OPEN_MAX, NewSignIn, Reach, Result, SIGN_INS_OPEN_MAX,
    SignInPhase, SignInRow, TakeRefused,
};

/// What sealed memories and secrets are sealed for.
const MEMORY: &str = "sign_ins.memory";
const SECRET: &str = "instance_apps.secret";

pub(in crate::sqlite) fn begin(tx: &Tx, new: &NewSignIn) -> Result<()> {
    let owner = new.owner.as_bytes();
    let has = |statement, id: Option<&[u8; 12]>| match id {
        Some(id) => tx.exists(statement, params![id, owner]),
        None => Ok(true),
    };
    if !tx.exists(sql::IS_USER, [owner])?
        || !has(sql::IS_ACCOUNT_OF, new.account.as_ref().map(AccountId::as_bytes))?
        || !has(sql::IS_LINK_OF, new.link.as_ref().map(LinkId::as_bytes))?
    {
        return Err(Error::NotFound);
    }
    let open: Option<u32> = tx.one(sql::OPEN_SIGN_INS, params![owner, micros(new.created_at)], |row| {
        Ok(row.get(0)?)
    })?;
    if open.unwrap_or(0) >= SIGN_INS_OPEN_MAX {
        return Err(Conflict::TooManySignIns(SIGN_INS_OPEN_MAX).into());
    }
    refuse_used(tx, sql::IS_SECRET, &new.secret_hash)?;
    tx.exec(
        sql::ADD_SIGN_IN,
        params![
            new.id.as_bytes(),
            owner,
            new.platform.word(),
            new.link.as_ref().map(LinkId::as_bytes),
            new.account.as_ref().map(AccountId::as_bytes),
            new.return_to,
            new.redirect_uri,
            new.secret_hash,
            seal(tx, new.id, &new.memory)?,
            micros(new.created_at),
            micros(new.expires_at),
        ],
    )?;
    tx.exec(sql::ADD_SECRET, params![new.secret_hash, new.id.as_bytes()])?;
    Ok(())
}

fn refuse_used(tx: &Tx, statement: &str, hash: &[u8; 32]) -> Result<()> {
    if tx.exists(statement, [hash])? {
        Err(Conflict::SecretUsed.into())
    } else {
        Ok(())
    }
}

fn seal(tx: &Tx, id: SignInId, memory: &SecretBytes) -> Result<Vec<u8>> {
    tx.vault
        .seal(MEMORY, id.as_bytes(), memory.expose())
        .map_err(rows::corrupt)
}

/// A sign-in by one of its secrets, and whether it waits for this very one.
fn find(conn: &Connection, vault: &Vault, hash: &[u8; 32]) -> Result<Option<(SignInRow, bool)>> {
    rows::one(conn, sql::SIGN_IN, [hash], |row| {
        let id: SignInId = rows::id(row, 0)?;
        let waits = row.get(10)?;
        let memory = match row.get_ref(11)?.as_blob_or_null().map_err(rows::corrupt)? {
            Some(sealed) if waits => vault.open(MEMORY, id.as_bytes(), sealed).map_err(rows::corrupt)?,
            _ => SecretBytes::default(),
        };
        let sign_in = SignInRow {
            id,
            owner: rows::id(row, 1)?,
            platform: rows::platform(row, 2)?,
            link: rows::maybe_id(row, 3)?,
            account: rows::maybe_id(row, 4)?,
            return_to: row.get(5)?,
            redirect_uri: row.get(6)?,
            phase: phase(rows::text(row, 7)?)?,
            memory,
            created_at: rows::at(row, 8)?,
            expires_at: rows::at(row, 9)?,
        };
        Ok((sign_in, waits))
    })
}

fn phase(word: &str) -> Result<SignInPhase> {
    match word {
        "authorizing" => Ok(SignInPhase::Authorizing),
        "choosing" => Ok(SignInPhase::Choosing),
        other => Err(rows::corrupt(format!("sign-in phase '{other}'"))),
    }
}

pub(in crate::sqlite) fn take(
    tx: &Tx,
    hash: [u8; 32],
    now: Timestamp,
) -> Result<std::result::Result<SignInRow, TakeRefused>> {
    let found = find(&tx.conn, &tx.vault, &hash)?;
    let taken = crate::rules::taken(found, now);
    if let Ok(sign_in) = &taken {
        tx.exec(sql::TAKE_SIGN_IN, params![sign_in.id.as_bytes(), micros(now)])?;
    }
    Ok(taken)
}

pub(in crate::sqlite) fn peek(db: &Db, hash: [u8; 32], now: Timestamp) -> Result<Option<SignInRow>> {
    let found = find(&db.conn, &db.vault, &hash)?;
    Ok(crate::rules::taken(found, now).ok())
}

pub(in crate::sqlite) fn offer_choice(
    tx: &Tx,
    id: SignInId,
    hash: [u8; 32],
    memory: &SecretBytes,
    expires_at: Timestamp,
) -> Result<()> {
    refuse_used(tx, sql::IS_SECRET, &hash)?;
    let row = params![id.as_bytes(), hash, seal(tx, id, memory)?, micros(expires_at)];
    if tx.exec(sql::OFFER_CHOICE, row)? == 0 {
        return Err(Error::NotFound);
    }
    tx.exec(sql::ADD_SECRET, params![hash, id.as_bytes()])?;
    Ok(())
}

pub(in crate::sqlite) fn add_link(tx: &Tx, link: &ConnectLink, hash: [u8; 32]) -> Result<()> {
    let owner = link.owner.as_bytes();
    if !tx.exists(sql::IS_USER, [owner])? {
        return Err(Error::NotFound);
    }
    let open: Option<u32> = tx.one(sql::OPEN_LINKS, params![owner, micros(link.created_at)], |row| {
        Ok(row.get(0)?)
    })?;
    if open.unwrap_or(0) >= LINKS_OPEN_MAX {
        return Err(Conflict::TooManyLinks(LINKS_OPEN_MAX).into());
    }
    refuse_used(tx, sql::IS_LINK_TOKEN, &hash)?;
    tx.exec(
        sql::ADD_LINK,
        params![
            link.id.as_bytes(),
            hash,
            owner,
            link.return_to,
            rows::to_json(&link.platforms)?,
            micros(link.created_at),
            micros(link.expires_at),
            link.revoked_at.map(micros),
            link.standing,
        ],
    )?;
    Ok(())
}

pub(in crate::sqlite) fn link(db: &Db, hash: [u8; 32]) -> Result<Option<ConnectLink>> {
    db.one(sql::LINK, [hash], |row| rows::link(row, 0))
}

pub(in crate::sqlite) fn revoke_link(tx: &Tx, reach: &Reach, link: LinkId, at: Timestamp) -> Result<()> {
    let row = params![link.as_bytes(), reach.owner.as_bytes(), micros(at)];
    if tx.exec(sql::REVOKE_LINK, row)? == 0 {
        Err(Error::NotFound)
    } else {
        Ok(())
    }
}

/// The row that an app's secret is sealed for.
fn app_row(platform: Platform, origin: &str) -> String {
    format!("{} {origin}", platform.word())
}

pub(in crate::sqlite) fn remember_app(tx: &Tx, platform: Platform, origin: &str, app: &InstanceApp) -> Result<()> {
    let row = app_row(platform, origin);
    let secret = accounts::seal(&tx.vault, SECRET, row.as_bytes(), &app.secret)?;
    tx.exec(sql::SET_APP, params![platform.word(), origin, app.id, secret])
        .map(|_| ())
}

pub(in crate::sqlite) fn app(db: &Db, platform: Platform, origin: &str) -> Result<Option<InstanceApp>> {
    let id = app_row(platform, origin);
    db.one(sql::APP, params![platform.word(), origin], |row| {
        let secret = accounts::maybe_opened(&db.vault, SECRET, id.as_bytes(), row, 1)?;
        Ok(InstanceApp {
            id: row.get(0)?,
            secret: secret.ok_or_else(|| rows::corrupt("an app without a secret"))?,
        })
    })
}

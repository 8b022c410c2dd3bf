//! What the operator and the watchdog ask for.

use std::collections::BTreeSet;

use domain::content::Content;
use domain::ids::GroupId;
use domain::post::PostState;
use jiff::Timestamp;
use rusqlite::params;
use rusqlite::types::Value;

use super::{media, plans, usage};
use crate::seal::{KeyId, SealError};
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::Tx;
use crate::{BACKLOG_COUNTED_MAX, Backlog, PostCount, Result, ageing, outbox, rules};

pub(in crate::sqlite) fn backlog(db: &Db, now: Timestamp) -> Result<Backlog> {
    let read = |row: &rusqlite::Row<'_>| Ok((rows::count(row, 0)?, rows::maybe_at(row, 1)?));
    // What was put off for want of room is due all the same.
    let until = micros(rules::later(now, rules::PUT_OFF_MAX));
    let most = i64::try_from(BACKLOG_COUNTED_MAX).unwrap_or(i64::MAX);
    let due = db.one(sql::claims::DUE_BACKLOG, params![until, micros(now), most], read)?;
    let claimed = db.one(sql::claims::CLAIMED_BACKLOG, [], read)?;
    let ((due, oldest_due), (claimed, oldest_claimed)) = (due.unwrap_or_default(), claimed.unwrap_or_default());
    Ok(Backlog {
        due,
        claimed,
        oldest_due,
        oldest_claimed,
    })
}

pub(in crate::sqlite) fn post_counts(db: &Db) -> Result<Vec<PostCount>> {
    db.all(sql::POST_COUNTS, [], |row| {
        Ok(PostCount {
            platform: rows::platform(row, 0)?,
            state: row.get(1)?,
            count: rows::count(row, 2)?,
        })
    })
}

pub(in crate::sqlite) fn prune(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<Vec<String>> {
    tx.exec(sql::PRUNE_BUDGETS, [micros(now)])?;
    usage::prune(tx, now)?;
    let orphaned: Vec<GroupId> = tx.all(sql::GROUPS_OF_REMOVED, [limit], |row| rows::id(row, 0))?;
    for group in orphaned {
        let head = tx.head(group)?;
        plans::hide(tx, head, now, None)?;
    }
    let gone: Vec<(GroupId, i64)> = tx.all(sql::PRUNABLE, [limit], |row| Ok((rows::id(row, 0)?, row.get(1)?)))?;
    let mut dropped = BTreeSet::new();
    for (group, content) in gone {
        let body: Option<Content> = tx.one(sql::CONTENT, [content], |row| rows::json(row, 0))?;
        for key in body.iter().flat_map(rules::media_keys) {
            tx.exec(sql::PRUNE_MEDIA_REF, params![key, group.as_bytes()])?;
            dropped.insert(key);
        }
        for key in media::prune_group(tx, group)? {
            tx.exec(sql::PRUNE_MEDIA_REF, params![key, group.as_bytes()])?;
            dropped.insert(key);
        }
        let id = [group.as_bytes()];
        dropped.extend(tx.all(sql::PRUNE_DERIVATIVES, id, |row| Ok(row.get::<_, String>(0)?))?);
        tx.exec(sql::PRUNE_INTENTS, id)?;
        let states = tx.all(sql::PRUNE_POSTS, id, |row| {
            Ok((rows::platform(row, 0)?, row.get::<_, String>(1)?))
        })?;
        for (platform, state) in states {
            if let Some(word) = PostState::WORDS.iter().find(|word| **word == state) {
                tx.count(platform, word, -1);
            }
        }
        tx.exec(sql::PRUNE_LOG, id)?;
        tx.exec(sql::PRUNE_CONTENT, [content])?;
        tx.exec(sql::PRUNE_GROUP, id)?;
    }
    let mut unused = Vec::new();
    for key in dropped {
        if !tx.exists(sql::IS_MEDIA_USED, [&key])? && !tx.exists(sql::IS_DERIVATIVE_USED, [&key])? {
            unused.push(key);
        }
    }
    media::condemn(tx, &unused)?;
    forget_aged(tx, now, ageing::looked_at(limit))?;
    tx.exec(sql::PRUNE_REQUESTS, [micros(now)])?;
    let forgotten = [micros(rules::forgotten_by(now))];
    tx.exec(sql::PRUNE_SECRETS, forgotten)?;
    tx.exec(sql::PRUNE_SIGN_INS, forgotten)?;
    tx.exec(sql::PRUNE_LINKS, forgotten)?;
    super::workspaces::prune(tx, now)?;
    tx.exec(sql::DROP_UNUSED_TOKENS, [])?;
    let ended = params![micros(outbox::ended_by(now)), outbox::pruned(limit)];
    tx.exec(sql::webhooks::PRUNE_DELIVERIES, ended)?;
    Ok(unused)
}

/// Forgets what its age ends. Intents are gone through in the order in which they were recorded, from where the last round
/// stopped: those that stay are met once a walk, and none is indexed by its age.
fn forget_aged(tx: &mut Tx, now: Timestamp, limit: u32) -> Result<()> {
    let log_from = micros(ageing::account_log_from(now));
    tx.exec(sql::PRUNE_ACCOUNT_LOG, params![log_from, limit])?;
    let until = micros(ageing::intents_from(now));
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, bool>(2)?));
    let found = tx.all(sql::AGED_INTENTS, params![tx.intents_seen, limit], read)?;
    let is_last = found.len() < usize::try_from(limit).unwrap_or(usize::MAX);
    let mut seen = 0;
    for (n, recorded_at, is_over) in found {
        if recorded_at >= until {
            tx.intents_seen = 0;
            return Ok(());
        }
        if is_over {
            tx.exec(sql::PRUNE_INTENT, [n])?;
        }
        seen = n;
    }
    tx.intents_seen = if is_last { 0 } else { seen };
    Ok(())
}

/// Values sealed under an old key: some to seal anew, by column, and how many there are in all.
#[derive(Default)]
pub(in crate::sqlite) struct OldSeals {
    found: Vec<(&'static sql::Sealed, Value)>,
    all: u64,
}

/// Looks for values sealed under another key than `newest`. It reads whole tables, and so never on the writing thread.
pub(in crate::sqlite) fn old_seals(db: &Db, newest: KeyId, limit: u32) -> Result<OldSeals> {
    let mut old = OldSeals::default();
    for column in sql::SEALED {
        let left = u64::from(limit).saturating_sub(u64::try_from(old.found.len()).unwrap_or(u64::MAX));
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        let keys = db.all(column.find, params![newest, left], |row| Ok(row.get::<_, Value>(0)?))?;
        old.found.extend(keys.into_iter().map(|key| (column, key)));
        old.all += db
            .one(column.count, params![newest], |row| rows::count(row, 0))?
            .unwrap_or(0);
    }
    Ok(old)
}

/// Seals these values anew; returns how many are left.
pub(in crate::sqlite) fn reseal(tx: &Tx, old: OldSeals) -> Result<u64> {
    let mut done = 0;
    for (column, key) in old.found {
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<Vec<u8>>>(1)?));
        // The row may have gone since it was found; then nothing is left to seal.
        if let Some((name, Some(sealed))) = tx.one(column.get, [&key], row)? {
            let plain = tx.vault.open(column.place, &name, &sealed).map_err(rows::corrupt)?;
            let sealed = tx
                .vault
                .seal(column.place, &name, plain.expose())
                .map_err(rows::corrupt)?;
            tx.exec(column.set, params![key, sealed])?;
        }
        done += 1;
    }
    Ok(old.all.saturating_sub(done))
}

/// Forgets the old keys when nothing is sealed with them. On the writing thread, since nothing is sealed elsewhere.
pub(in crate::sqlite) fn retire_old_keys(tx: &Tx) -> std::result::Result<(), SealError> {
    let newest = tx.vault.newest();
    let mut left = 0;
    for column in sql::SEALED {
        let count = tx.one(column.count, params![newest], |row| rows::count(row, 0));
        left += count.map_err(|_| SealError::Damaged)?.unwrap_or(0);
    }
    if left > 0 {
        Err(SealError::StillInUse(left))
    } else {
        tx.vault.retire()
    }
}

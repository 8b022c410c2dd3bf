//! Files: uploads, what came of them, and what is to be removed.

use async_trait::async_trait;
use domain::content::{Content, MediaKind};
use domain::group::StateMask;
use domain::ids::{GroupId, MediaId, UserId};
use jiff::Timestamp;
use rusqlite::{Row, params};

use crate::sqlite::SqliteStore;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::tx::Tx;
use crate::{
    CONDEMNED_LISTED_MAX, Conflict, Error, FILES_PER_GROUP_MAX, FileState, MediaFile, MediaRoom, Purpose, Reach,
    Result, rules,
};

macro_rules! file_columns {
    () => {
        "f.id, f.owner_id, f.group_id, f.purpose, f.kind, f.mime, f.name, f.key, f.bytes_max, f.created_at, \
         f.expires_at, f.state, f.media, f.failure"
    };
}

/// The statements of this room.
pub(in crate::sqlite) mod sql {
    use crate::sqlite::sql::statements;

    statements! {
        ADD_FILE =
            "INSERT INTO media_files (id, owner_id, group_id, purpose, kind, mime, name, key, bytes_max, created_at, \
             expires_at, state, media, failure) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        FILE = concat!("SELECT ", file_columns!(), " FROM media_files f WHERE f.id = ?1");
        COUNT_FILES = "SELECT count(*) FROM media_files WHERE group_id = ?1";
        SETTLE_FILE = "UPDATE media_files SET state = ?2, media = ?3, failure = ?4 WHERE id = ?1";
        REMOVE_FILE = "DELETE FROM media_files WHERE id = ?1";
        FILES_OF_GONE = "DELETE FROM media_files WHERE group_id = ?1 RETURNING key";
        EXPIRED_UPLOADS = "SELECT id FROM media_files WHERE state = 'uploading' AND expires_at <= ?1 LIMIT ?2";
        SET_CONTENT = "UPDATE contents SET body = ?2 WHERE n = (SELECT content_n FROM groups WHERE id = ?1)";
        NEW_REVISION = "UPDATE groups SET revision = revision + 1 WHERE id = ?1";
        CONDEMN =
            "INSERT INTO media_condemned (key) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM media_refs WHERE key = ?1) \
             ON CONFLICT DO NOTHING";
        // What came into use again after it was condemned stays until that is over, too.
        CONDEMNED =
            "SELECT c.key FROM media_condemned c WHERE NOT EXISTS (SELECT 1 FROM media_refs WHERE key = c.key) \
             AND NOT EXISTS (SELECT 1 FROM derivatives WHERE key = c.key) LIMIT ?1";
        FORGET_CONDEMNED = "DELETE FROM media_condemned WHERE key = ?1";
        CHARGE_IMPORTS =
            "INSERT INTO media_imports (owner_id, hour, urls) VALUES (?1, ?2, ?3) \
             ON CONFLICT DO UPDATE SET urls = iif(hour = excluded.hour, urls, 0) + excluded.urls, hour = excluded.hour \
             WHERE iif(hour = excluded.hour, urls, 0) + excluded.urls <= ?4";
    }
}

fn kind_word(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Animation => "animation",
        MediaKind::Video => "video",
        MediaKind::Document => "document",
    }
}

fn file(row: &Row<'_>) -> Result<MediaFile> {
    let purpose = rows::text(row, 3)?;
    let kind = rows::text(row, 4)?;
    let kinds = [
        MediaKind::Image,
        MediaKind::Animation,
        MediaKind::Video,
        MediaKind::Document,
    ];
    let state = match rows::text(row, 11)? {
        "uploading" => FileState::Uploading,
        "ready" => FileState::Ready(rows::json(row, 12)?),
        _ => FileState::Failed(row.get(13)?),
    };
    Ok(MediaFile {
        id: rows::id(row, 0)?,
        owner: rows::id(row, 1)?,
        group: rows::id(row, 2)?,
        purpose: Purpose::ALL
            .into_iter()
            .find(|known| known.word() == purpose)
            .ok_or_else(|| rows::corrupt(format!("a file for '{purpose}'")))?,
        kind: kinds
            .into_iter()
            .find(|known| kind_word(*known) == kind)
            .ok_or_else(|| rows::corrupt(format!("a file of kind '{kind}'")))?,
        mime: row.get(5)?,
        name: row.get(6)?,
        key: row.get(7)?,
        bytes_max: rows::count(row, 8)?,
        created_at: rows::at(row, 9)?,
        expires_at: rows::at(row, 10)?,
        state,
    })
}

/// The columns `state`, `media` and `failure`.
fn state_columns(state: &FileState) -> Result<(&'static str, Option<String>, Option<&str>)> {
    Ok(match state {
        FileState::Uploading => ("uploading", None, None),
        FileState::Ready(media) => ("ready", Some(rows::to_json(media)?), None),
        FileState::Failed(why) => ("failed", None, Some(why)),
    })
}

/// Changes the content of a group, which has a new revision then.
fn edit_content(tx: &Tx, group: GroupId, at: Timestamp, edit: impl FnOnce(&mut Content)) -> Result<()> {
    let content: Option<Content> = tx.one(crate::sqlite::sql::CONTENT_OF_GROUP, [group.as_bytes()], |row| {
        rows::json(row, 0)
    })?;
    let mut content = content.ok_or(Error::NotFound)?;
    edit(&mut content);
    tx.exec(sql::SET_CONTENT, params![group.as_bytes(), rows::to_json(&content)?])?;
    tx.exec(sql::NEW_REVISION, [group.as_bytes()])?;
    let mut head = tx.head(group)?;
    head.touch(at);
    tx.save(&head)
}

/// A group within reach every post of which can still be edited.
fn editable(tx: &Tx, reach: &Reach, group: GroupId) -> Result<()> {
    let head = tx.live_head(reach, group)?;
    if tx.posts_of(group)?.iter().all(|post| post.state.is_editable()) {
        Ok(())
    } else {
        Err(Conflict::NotEditable(StateMask::from_bits(head.mask)).into())
    }
}

/// Gives files to a group whose posts can all be edited.
pub(super) fn add(tx: &Tx, reach: &Reach, group: GroupId, files: &[MediaFile], at: Timestamp) -> Result<()> {
    editable(tx, reach, group)?;
    let there = tx.one(sql::COUNT_FILES, [group.as_bytes()], |row| rows::count(row, 0))?;
    let most = usize::try_from(FILES_PER_GROUP_MAX).unwrap_or(usize::MAX);
    if usize::try_from(there.unwrap_or(0)).unwrap_or(usize::MAX) + files.len() > most {
        return Err(Conflict::TooManyFiles(FILES_PER_GROUP_MAX).into());
    }
    for file in files {
        let (state, media, failure) = state_columns(&file.state)?;
        tx.exec(
            sql::ADD_FILE,
            params![
                file.id.as_bytes(),
                reach.owner.as_bytes(),
                group.as_bytes(),
                file.purpose.word(),
                kind_word(file.kind),
                file.mime,
                file.name,
                file.key,
                i64::try_from(file.bytes_max).unwrap_or(i64::MAX),
                micros(file.created_at),
                micros(file.expires_at),
                state,
                media,
                failure,
            ],
        )?;
        tx.exec(crate::sqlite::sql::ADD_MEDIA_REF, params![file.key, group.as_bytes()])?;
    }
    edit_content(tx, group, at, |content| rules::add_files(content, files))
}

fn settle(tx: &Tx, id: MediaId, state: FileState, at: Timestamp) -> Result<MediaFile> {
    let found = tx.one(sql::FILE, [id.as_bytes()], file)?.ok_or(Error::NotFound)?;
    if tx.head(found.group)?.deleted {
        return Err(Error::NotFound);
    }
    if matches!(found.state, FileState::Ready(_)) {
        return Err(Conflict::FileReady.into());
    }
    let settled = MediaFile { state, ..found };
    let (word, media, failure) = state_columns(&settled.state)?;
    tx.exec(sql::SETTLE_FILE, params![id.as_bytes(), word, media, failure])?;
    if matches!(settled.state, FileState::Ready(_)) && settled.purpose == Purpose::Post {
        edit_content(tx, settled.group, at, |content| {
            rules::add_files(content, std::slice::from_ref(&settled));
        })?;
    }
    Ok(settled)
}

fn remove(tx: &Tx, reach: &Reach, id: MediaId, at: Timestamp) -> Result<MediaFile> {
    let found = tx
        .one(sql::FILE, [id.as_bytes()], file)?
        .filter(|file| file.owner == reach.owner)
        .ok_or(Error::NotFound)?;
    editable(tx, reach, found.group)?;
    tx.exec(sql::REMOVE_FILE, [id.as_bytes()])?;
    edit_content(tx, found.group, at, |content| {
        content.dismiss(id);
    })?;
    tx.exec(
        crate::sqlite::sql::PRUNE_MEDIA_REF,
        params![found.key, found.group.as_bytes()],
    )?;
    tx.exec(sql::CONDEMN, [&found.key])?;
    Ok(found)
}

fn expire(tx: &Tx, now: Timestamp, limit: u32) -> Result<u32> {
    let over: Vec<MediaId> = tx.all(sql::EXPIRED_UPLOADS, params![micros(now), limit], |row| {
        rows::id(row, 0)
    })?;
    for id in &over {
        tx.exec(
            sql::SETTLE_FILE,
            params![id.as_bytes(), "failed", None::<String>, rules::NEVER_UPLOADED],
        )?;
    }
    Ok(u32::try_from(over.len()).unwrap_or(u32::MAX))
}

/// Removes the files of a group that is going; the keys that they had.
pub(super) fn prune_group(tx: &Tx, group: GroupId) -> Result<Vec<String>> {
    let keys: Vec<String> = tx.all(sql::FILES_OF_GONE, [group.as_bytes()], |row| Ok(row.get(0)?))?;
    Ok(keys)
}

/// Condemns these keys unless a group shows them.
pub(super) fn condemn<'a>(tx: &Tx, keys: impl IntoIterator<Item = &'a String>) -> Result<()> {
    for key in keys {
        tx.exec(sql::CONDEMN, [key])?;
    }
    Ok(())
}

#[async_trait]
impl MediaRoom for SqliteStore {
    async fn add_files(&self, reach: &Reach, group: GroupId, files: Vec<MediaFile>, at: Timestamp) -> Result<()> {
        let reach = *reach;
        self.writer.call(move |tx| add(tx, &reach, group, &files, at)).await
    }

    async fn media_file(&self, id: MediaId) -> Result<Option<MediaFile>> {
        self.readers.quick(|db| db.one(sql::FILE, [id.as_bytes()], file))
    }

    async fn settle_file(&self, id: MediaId, state: FileState, at: Timestamp) -> Result<MediaFile> {
        self.writer.call(move |tx| settle(tx, id, state, at)).await
    }

    async fn remove_file(&self, reach: &Reach, id: MediaId, at: Timestamp) -> Result<MediaFile> {
        let reach = *reach;
        self.writer.call(move |tx| remove(tx, &reach, id, at)).await
    }

    async fn expire_uploads(&self, now: Timestamp, limit: u32) -> Result<u32> {
        self.writer.call(move |tx| expire(tx, now, limit)).await
    }

    async fn condemned(&self, limit: u32) -> Result<Vec<String>> {
        let limit = limit.min(CONDEMNED_LISTED_MAX);
        self.readers
            .call(move |db| db.all(sql::CONDEMNED, [limit], |row| Ok(row.get(0)?)))
            .await
    }

    async fn forget_condemned(&self, keys: Vec<String>) -> Result<()> {
        self.writer
            .call(move |tx| {
                keys.iter()
                    .try_for_each(|key| tx.exec(sql::FORGET_CONDEMNED, [key]).map(|_| ()))
            })
            .await
    }

    async fn charge_imports(&self, owner: UserId, urls: u32, max: u32, now: Timestamp) -> Result<bool> {
        if urls > max {
            return Ok(false);
        }
        let hour = rules::hour_of(now);
        self.writer
            .call(move |tx| Ok(tx.exec(sql::CHARGE_IMPORTS, params![owner.as_bytes(), hour, urls, max])? > 0))
            .await
    }
}

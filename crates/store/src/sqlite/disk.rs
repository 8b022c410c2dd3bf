//! Whether what is on the disk is whole, and whether more can be written to it.

use std::path::Path;

use super::{SqliteStore, sql};
use crate::{Error, Result};

/// A disk with less room than this, in bytes, counts as full: a commit of that size can be, and one that cannot be written
/// ends the process.
const ROOM_BYTES_MIN: u64 = 4 << 20;

/// Whether there is room to write to.
///
/// # Errors
/// [`Error::Unavailable`] with what is left.
pub(super) fn has_room(dir: &Path) -> Result<()> {
    let disk = rustix::fs::statvfs(dir).map_err(|error| Error::Unavailable(error.to_string()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= ROOM_BYTES_MIN {
        return Ok(());
    }
    let (free, dir) = (free / 1_024, dir.display());
    Err(Error::Unavailable(format!(
        "the disk is full: {free} KiB are left for {dir}"
    )))
}

impl SqliteStore {
    /// Reads through the whole database to see whether it is whole (`PRAGMA quick_check`, sqlite.org/pragma.html).
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the first thing that is wrong.
    pub async fn check(&self) -> Result<()> {
        let found = self
            .readers
            .call(|db| db.one(sql::QUICK_CHECK, [], |row| Ok(row.get::<_, String>(0)?)))
            .await?;
        match found.as_deref() {
            Some("ok") => Ok(()),
            found => Err(Error::Corrupt(found.unwrap_or("the check gave no answer").to_owned())),
        }
    }
}

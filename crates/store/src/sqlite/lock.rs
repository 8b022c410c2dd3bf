//! One owner of a data directory: an exclusive lock for the life of the store.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use jiff::Timestamp;

/// The file whose lock says who owns the directory.
pub const LOCK_FILE: &str = "broadside.lock";

/// The lock; it ends when this is dropped or the process dies, and the file stays.
#[derive(Debug)]
pub(super) struct DirLock(#[expect(dead_code, reason = "held for the lock that ends with it")] File);

/// Why the lock was not taken.
pub(super) enum LockError {
    /// Somebody has it; what they wrote into the file.
    Held(String),
    /// The file cannot be used.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Makes the directory, for its owner only, unless it exists.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

impl DirLock {
    /// Takes the lock and writes into the file who has it.
    pub(super) fn take(dir: &Path, now: Timestamp) -> Result<Self, LockError> {
        let path = dir.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                return Err(LockError::Held(holder.trim().to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "process {}, started {now:.0}", std::process::id())?;
        file.sync_all()?;
        Ok(Self(file))
    }
}

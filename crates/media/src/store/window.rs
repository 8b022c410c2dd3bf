//! A stored file as something to read and seek in, for parsers that do not wait.
//!
//! Only for threads of the blocking pool: each refill waits for the storage.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Handle;

/// Bytes that are read at once.
const BLOCK_BYTES: u64 = 64 * 1_024;
/// No honest file needs more reading than this to be understood, in bytes.
const READ_BYTES_MAX: u64 = 256 * 1_024 * 1_024;

/// A bounded view of a stored file.
pub(crate) struct Window {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    len: u64,
    at: u64,
    /// The bytes at hand, and where in the file they start. They stay after they were read, for a short way back.
    block: Bytes,
    block_start: u64,
    /// Bytes that may still be read from the storage.
    left: u64,
    runtime: Handle,
}

impl Window {
    /// A view of the `len` bytes at `path`. Must be made within a Tokio runtime.
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, path: Path, len: u64) -> Self {
        Self {
            objects,
            path,
            len,
            at: 0,
            block: Bytes::new(),
            block_start: 0,
            left: READ_BYTES_MAX,
            runtime: Handle::current(),
        }
    }

    /// The bytes at hand from the current place on.
    fn ready(&self) -> &[u8] {
        let skip = self
            .at
            .checked_sub(self.block_start)
            .and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.block.get(skip..)).unwrap_or_default()
    }

    fn refill(&mut self) -> io::Result<()> {
        let end = self.len.min(self.at.saturating_add(BLOCK_BYTES));
        let wanted = end.saturating_sub(self.at);
        if wanted > 0 {
            self.left = self.left.checked_sub(wanted).ok_or(io::ErrorKind::InvalidData)?;
            let read = self.objects.get_range(&self.path, self.at..end);
            self.block = self.runtime.block_on(read).map_err(io::Error::other)?;
            self.block_start = self.at;
        }
        Ok(())
    }
}

impl Read for Window {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ready().is_empty() {
            self.refill()?;
        }
        let count = self.ready().read(into)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidData)?;
        Ok(self.at)
    }
}

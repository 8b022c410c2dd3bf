//! Files that are on their way in, kept on disk: an upload of a gigabyte must not cost a gigabyte of memory.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file without a name that grows as bytes arrive; it is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Spool {
    /// An empty one in the system's directory for temporary files.
    pub(crate) fn new() -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("broadside-sandbox-{}-{number}.part", std::process::id()));
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        Ok(Self { file, path, length: 0 })
    }

    /// Bytes up to the end of the last one written.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Writes `bytes` at `offset`, over what is there.
    pub(crate) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)?;
        let end = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.length = self.length.max(end);
        Ok(())
    }

    /// Writes `bytes` at the end.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_at(self.length, bytes)
    }

    /// The file from its beginning, for reading.
    pub(crate) fn rewound(&mut self) -> io::Result<&mut File> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(&mut self.file)
    }

    /// Hands the whole content to `take`, a piece at a time.
    pub(crate) fn for_each_piece(&mut self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let file = self.rewound()?;
        let mut piece = vec![0; 64 * 1024];
        loop {
            let got = file.read(&mut piece)?;
            match piece.get(..got) {
                Some(bytes) if got > 0 => take(bytes),
                _ => return Ok(()),
            }
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // A file that stays behind is in the directory for temporary files.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_come_in_any_order_and_leave_no_file_behind() {
        let mut spool = Spool::new().unwrap();
        let path = spool.path.clone();
        spool.write_at(3, b"def").unwrap();
        spool.write_at(0, b"abc").unwrap();
        spool.append(b"!").unwrap();
        let mut whole = Vec::new();
        spool.for_each_piece(|piece| whole.extend_from_slice(piece)).unwrap();
        assert_eq!((whole.as_slice(), spool.len()), (b"abcdef!".as_slice(), 7));
        drop(spool);
        assert!(!path.exists());
    }
}

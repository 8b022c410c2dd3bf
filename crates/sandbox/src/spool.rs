//! Files that are on their way in, kept on disk: an upload of a gigabyte must not cost a gigabyte of memory.

use std::collections::BTreeMap;
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

/// Numbered pieces of a file, in whatever order they come.
#[derive(Debug)]
pub(crate) struct Segments {
    spool: Spool,
    /// Where each piece lies, and its length.
    places: BTreeMap<u32, (u64, usize)>,
}

impl Segments {
    /// None yet.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            spool: Spool::new()?,
            places: BTreeMap::new(),
        })
    }

    /// Keeps a piece. The same number again takes the place of the first.
    pub(crate) fn insert(&mut self, number: u32, bytes: &[u8]) -> io::Result<()> {
        let known = self.places.get(&number).filter(|(_, length)| *length == bytes.len());
        let offset = known.map_or(self.spool.len(), |(offset, _)| *offset);
        self.spool.write_at(offset, bytes)?;
        self.places.insert(number, (offset, bytes.len()));
        Ok(())
    }

    /// The length of all pieces together, if none between them is missing.
    pub(crate) fn total(&self) -> Option<usize> {
        let is_whole = self.places.keys().copied().eq((0..).take(self.places.len()));
        is_whole.then(|| self.places.values().map(|(_, length)| length).sum())
    }

    /// The file that they make up.
    pub(crate) fn joined(&mut self) -> io::Result<Spool> {
        let mut whole = Spool::new()?;
        let mut piece = Vec::new();
        for (offset, length) in self.places.values() {
            piece.resize(*length, 0);
            self.spool.file.seek(SeekFrom::Start(*offset))?;
            self.spool.file.read_exact(&mut piece)?;
            whole.append(&piece)?;
        }
        Ok(whole)
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

    #[test]
    fn numbered_pieces_make_up_a_file_once_none_is_missing_and_a_later_one_counts() {
        let mut segments = Segments::new().unwrap();
        for (number, bytes) in [(2, "gh"), (0, "xxx"), (0, "abc")] {
            segments.insert(number, bytes.as_bytes()).unwrap();
        }
        assert_eq!(segments.total(), None);
        for bytes in ["d", "def"] {
            segments.insert(1, bytes.as_bytes()).unwrap();
        }
        assert_eq!(segments.total(), Some(8));
        let mut whole = Vec::new();
        let mut joined = segments.joined().unwrap();
        joined.for_each_piece(|piece| whole.extend_from_slice(piece)).unwrap();
        assert_eq!(whole, b"abcdefgh");
    }
}

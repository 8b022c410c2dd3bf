//! What can go wrong with a file.

use std::fmt;

/// Why a file was not stored, read or understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// It has more bytes than its kind may have.
    #[error("the file is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit that it broke.
        bytes_max: u64,
    },
    /// It is none of the kinds that are taken here.
    #[error("this kind of file is not supported")]
    Unsupported,
    /// It ends before it should.
    #[error("the file is cut off: {0}")]
    Truncated(&'static str),
    /// It begins like a file of its kind but is none.
    #[error("the file is broken: {0}")]
    Malformed(&'static str),
    /// It would fill the memory of whoever draws it.
    #[error("the picture has {width}x{height} pixels; at most {pixels_max} in all are taken")]
    TooManyPixels {
        /// Pixels across.
        width: u64,
        /// Pixels down.
        height: u64,
        /// The limit.
        pixels_max: u64,
    },
    /// It was looked at before and found to be of no use; in words.
    #[error("{0}")]
    Refused(String),
    /// No file has this key.
    #[error("there is no such file")]
    NotFound,
    /// The key is not one that this store makes.
    #[error("this is not the key of a file")]
    BadKey,
    /// The range does not lie within the file.
    #[error("the range lies outside the file of {bytes} bytes")]
    BadRange {
        /// The length of the file.
        bytes: u64,
    },
    /// Whoever sent the file stopped or failed.
    #[error("the file could not be received: {0}")]
    Receive(std::io::Error),
    /// The storage failed.
    #[error("the media storage failed: {0}")]
    Storage(Storage),
}

impl Error {
    /// Whether the file is to blame, and not this server or the way to it.
    #[must_use]
    pub const fn is_about_the_file(&self) -> bool {
        matches!(
            self,
            Self::Empty
                | Self::TooLarge { .. }
                | Self::Unsupported
                | Self::Truncated(_)
                | Self::Malformed(_)
                | Self::TooManyPixels { .. }
                | Self::Refused(_)
        )
    }
}

/// A failure of the storage below, kept apart so that its words never change what this crate's errors look like.
#[derive(Debug)]
pub struct Storage(pub(crate) Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            other => Self::Storage(Storage(Box::new(other))),
        }
    }
}

/// Reading while probing: an early end is the file's fault, anything else the storage's.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::Truncated("it ends in the middle of its structure"),
            std::io::ErrorKind::InvalidData => Self::Malformed("its structure does not add up"),
            _ => Self::Storage(Storage(Box::new(error))),
        }
    }
}

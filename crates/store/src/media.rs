//! The room of files: what was asked to be uploaded, what came of it, and which bytes nobody needs any more.
//!
//! A file belongs to a group from the moment an upload is asked for. Its row says how far it is; what is published is in
//! the group's content, into which a file is put in the same transaction that calls it ready. While the content awaits
//! a file no post of the group is sent, so a file that arrives late never changes what went out.

use async_trait::async_trait;
use domain::content::{Media, MediaKind};
use domain::ids::{GroupId, MediaId, UserId};
use jiff::Timestamp;

use crate::{Reach, Result};

/// The most files of one group, those that failed included.
pub const FILES_PER_GROUP_MAX: u32 = 100;
/// The most keys that [`MediaRoom::condemned`] gives.
pub const CONDEMNED_LISTED_MAX: u32 = 1_000;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be published with the head of the group.
    Post,
    /// The cover of a film on Instagram; settings refer to it.
    Cover,
    /// The thumbnail of a film on YouTube; settings refer to it.
    Thumbnail,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Post, Self::Cover, Self::Thumbnail];

    /// The word that is stored.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Cover => "cover",
            Self::Thumbnail => "thumbnail",
        }
    }
}

/// How far a file is.
#[derive(Debug, Clone, PartialEq)]
pub enum FileState {
    /// Its upload was asked for and has not been completed.
    Uploading,
    /// It is stored and understood.
    Ready(Box<Media>),
    /// What came is of no use, or nothing came; in words for its owner.
    Failed(String),
}

/// A file of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaFile {
    /// Its id.
    pub id: MediaId,
    /// Whose it is.
    pub owner: UserId,
    /// The group that it belongs to.
    pub group: GroupId,
    /// What it is for.
    pub purpose: Purpose,
    /// What it was said to be: its limit follows from it.
    pub kind: MediaKind,
    /// The media type that was declared, which the upload must repeat.
    pub mime: String,
    /// The name it was given by its owner.
    pub name: String,
    /// The key under which it is or will be stored.
    pub key: String,
    /// The most bytes that it may have.
    pub bytes_max: u64,
    /// When its upload was asked for.
    pub created_at: Timestamp,
    /// When its upload must have been completed.
    pub expires_at: Timestamp,
    /// How far it is.
    pub state: FileState,
}

/// The verbs of files.
#[async_trait]
pub trait MediaRoom: Send + Sync {
    /// Adds files to a group: those that are uploading are awaited by it, those that are ready are part of it at once
    /// (unless they are for the settings), and its content has a new revision. All of them or none.
    ///
    /// [`crate::Error::NotFound`] when the group is not within reach; [`crate::Conflict::NotEditable`] unless every post
    /// of it can still be edited; [`crate::Conflict::TooManyFiles`].
    ///
    /// Race: a claim that commits first makes this a conflict. One that comes later reads a content that awaits the file.
    async fn add_files(&self, reach: &Reach, group: GroupId, files: Vec<MediaFile>, at: Timestamp) -> Result<()>;

    /// One file, of whoever.
    async fn media_file(&self, file: MediaId) -> Result<Option<MediaFile>>;

    /// Says what came of an upload. A ready file becomes part of its group's content in the same transaction; one that
    /// failed stays awaited, so that nothing goes out without it. A failed upload may be tried again.
    ///
    /// [`crate::Error::NotFound`] when the file or its group is gone; [`crate::Conflict::FileReady`] when it was ready
    /// before.
    ///
    /// Race: two completions of one file serialise here, and the second is the conflict.
    async fn settle_file(&self, file: MediaId, state: FileState, at: Timestamp) -> Result<MediaFile>;

    /// Takes a file out of its group; its bytes are condemned unless another group shows them.
    ///
    /// [`crate::Error::NotFound`] outside reach; [`crate::Conflict::NotEditable`] as for [`MediaRoom::add_files`].
    async fn remove_file(&self, reach: &Reach, file: MediaId, at: Timestamp) -> Result<MediaFile>;

    /// Calls uploads failed whose time is over, at most `limit`, and says how many.
    async fn expire_uploads(&self, now: Timestamp, limit: u32) -> Result<u32>;

    /// Keys of stored bytes that nothing refers to any more, at most `limit` and at most [`CONDEMNED_LISTED_MAX`].
    /// They are listed until [`MediaRoom::forget_condemned`] says that the bytes are gone.
    async fn condemned(&self, limit: u32) -> Result<Vec<String>>;

    /// Forgets condemned keys whose bytes are gone.
    async fn forget_condemned(&self, keys: Vec<String>) -> Result<()>;

    /// Counts `urls` imports of an owner in the hour of `now`, which begins at a full hour (UTC). `false`, and nothing
    /// is counted, when there would be more than `max`.
    ///
    /// Race: counted in one transaction, so callers at the same time share the hour exactly.
    async fn charge_imports(&self, owner: UserId, urls: u32, max: u32, now: Timestamp) -> Result<bool>;
}

//! The bytes of an upload: received here, or found in the storage.

use std::io;

use bytes::Bytes;
use domain::ids::MediaId;
use futures_util::stream::Stream;
use media::link::LinkError;
use store::{Conflict, FileState, MediaFile, Reach};

use crate::library::Arrival;
use crate::{Engine, Error};

/// Why an upload came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The URL was not made here, or was changed.
    #[error("this upload URL is not valid")]
    Invalid,
    /// The URL's time is over.
    #[error("this upload URL has expired; ask for a new one")]
    Expired,
    /// The upload has another media type than was declared.
    #[error("the Content-Type must be {declared}, as it was declared")]
    WrongType {
        /// What was declared.
        declared: String,
    },
    /// It is longer than it may be.
    #[error("the file is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: u64,
    },
    /// Somebody else is uploading the same file right now.
    #[error("this file is being uploaded already")]
    Busy,
    /// Another file was uploaded here before.
    #[error("a file was uploaded to this URL already; ask for a new one")]
    Done,
    /// The bytes are no file that can be published.
    #[error("{0}")]
    Unusable(media::Error),
    /// It is no picture of a kind that its purpose takes.
    #[error("this is not a picture of a kind that is taken here")]
    WrongKind,
    /// It has fewer pixels than its purpose needs.
    #[error("the picture is too small")]
    TooSmall,
    /// The bytes did not all arrive.
    #[error("the file did not arrive whole")]
    Incomplete,
    /// Nothing was uploaded yet.
    #[error("the file has not been uploaded yet")]
    Missing,
    /// The storage failed.
    #[error("the file could not be stored")]
    Storage(#[source] media::Error),
    /// The file or its group is gone, or the database does not answer.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl From<store::Error> for UploadError {
    fn from(error: store::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl From<media::Error> for UploadError {
    fn from(error: media::Error) -> Self {
        match error {
            media::Error::TooLarge { bytes_max } => Self::TooLarge { bytes_max },
            media::Error::Receive(_) => Self::Incomplete,
            media::Error::NotFound => Self::Missing,
            error if error.is_about_the_file() => Self::Unusable(error),
            error => Self::Storage(error),
        }
    }
}

/// An upload that may go on: its file, and the place of its one sender.
#[derive(Debug)]
pub struct Admitted {
    file: MediaFile,
    _arrival: Arrival,
}

impl Engine {
    /// Looks whether an upload may begin, before a byte of it is read: `token` is that of its URL, `name` the end of its
    /// path, `content_type` and `length` what its sender announces.
    ///
    /// # Errors
    /// An [`UploadError`].
    pub async fn admit_upload(
        &self,
        token: &str,
        name: &str,
        content_type: &str,
        length: Option<u64>,
    ) -> Result<Admitted, UploadError> {
        let id = self.library.upload_of(token).map_err(|error| match error {
            LinkError::Invalid => UploadError::Invalid,
            LinkError::Expired => UploadError::Expired,
        })?;
        let file = self.store.media_file(id).await?.ok_or(Error::NotFound)?;
        if !file.key.ends_with(&format!("/{name}")) {
            return Err(UploadError::Invalid);
        }
        if !is_same_type(content_type, &file.mime) {
            return Err(UploadError::WrongType { declared: file.mime });
        }
        if length.is_some_and(|length| length > file.bytes_max) {
            let bytes_max = file.bytes_max;
            return Err(UploadError::TooLarge { bytes_max });
        }
        if let FileState::Ready(media) = &file.state
            && length.is_some_and(|length| length != media.bytes)
        {
            return Err(UploadError::Done);
        }
        let arrival = self.library.arrive(id).await.ok_or(UploadError::Busy)?;
        Ok(Admitted {
            file,
            _arrival: arrival,
        })
    }

    /// Takes the bytes of an upload, and gives the file to its group when it is whole and understood. The same bytes may
    /// come again: the sender may not have heard that they arrived.
    ///
    /// # Errors
    /// An [`UploadError`]; nothing is kept of a file that is cut off or cannot be published, and it may be sent again.
    pub async fn receive_upload(
        &self,
        admitted: Admitted,
        bytes: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<(), UploadError> {
        let Admitted { file, _arrival } = admitted;
        if let FileState::Ready(media) = &file.state {
            let is_same = media::store::is_same(media, bytes)
                .await
                .map_err(|_| UploadError::Incomplete)?;
            return if is_same { Ok(()) } else { Err(UploadError::Done) };
        }
        let received = self.library.receive(&file, bytes).await;
        self.settle_file(&file, received).await.map(|_| ())
    }

    /// Finds out what became of an upload: looks at the bytes in the storage, if nobody did yet.
    ///
    /// # Errors
    /// An [`UploadError`]: [`UploadError::Missing`] while nothing is there.
    pub async fn complete_media(&self, reach: &Reach, file: MediaId) -> Result<MediaFile, UploadError> {
        let file = self.media_file(reach, file).await?;
        if matches!(file.state, FileState::Ready(_)) {
            return Ok(file);
        }
        self.look_for(&file).await
    }

    /// Looks whether the bytes of a file lie in the storage, and what they are.
    pub(crate) async fn look_for(&self, file: &MediaFile) -> Result<MediaFile, UploadError> {
        let _arrival = self.library.arrive(file.id).await.ok_or(UploadError::Busy)?;
        let adopted = self.library.adopt(file).await;
        match (&adopted, &file.state) {
            // Bytes that are of no use are removed when that is found out, so what is to be told is why.
            (Err(media::Error::NotFound), FileState::Failed(why)) => {
                Err(UploadError::Unusable(media::Error::Refused(why.clone())))
            }
            _ => self.settle_file(file, adopted).await,
        }
    }

    /// Writes down what a file turned out to be.
    async fn settle_file(
        &self,
        file: &MediaFile,
        outcome: Result<domain::content::Media, media::Error>,
    ) -> Result<MediaFile, UploadError> {
        let now = self.clock.now();
        match outcome {
            Ok(media) => {
                let state = FileState::Ready(Box::new(media));
                let settled = self.store.settle_file(file.id, state, now).await;
                self.wake();
                settled.map_err(|error| match error {
                    store::Error::Conflict(Conflict::FileReady) => UploadError::Done,
                    other => other.into(),
                })
            }
            Err(error) if error.is_about_the_file() => {
                let state = FileState::Failed(error.to_string());
                // Where clients put bytes by themselves they lie there still; elsewhere nothing was kept.
                if let Err(error) = self.library.delete(&file.key).await {
                    tracing::warn!(%error, "a file that is of no use could not be removed");
                }
                self.store.settle_file(file.id, state, now).await?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether two media types are the same but for case and spaces around.
fn is_same_type(given: &str, declared: &str) -> bool {
    given.trim().eq_ignore_ascii_case(declared.trim())
}

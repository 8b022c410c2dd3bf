//! Uploads: asked for, received or found in the storage, looked at, and given to their group.
//!
//! What must stay true: a file becomes part of a group only when it is stored whole and understood; nothing of a group is
//! sent while it awaits a file; and whoever has an upload's URL can do nothing with it but bring that one file.

mod receive;
mod wait;

use domain::capability::Capability;
use domain::content::MediaKind;
use domain::ids::{GroupId, MediaId, UserId};
use jiff::{SignedDuration, Timestamp};
use media::Allowance;
use media::fetch::FetchError;
use media::probe::{HEAD_BYTES, Probe, sniff};
use media::store::Limits;
use store::{FileState, Group, MediaFile, Purpose, Reach};
use tokio::sync::oneshot;

use crate::context::Halt;
use crate::{Engine, Error};

pub use receive::{Admitted, UploadError};
pub(crate) use wait::await_files;

/// How long an upload's URL works, as PostPost's do.
const UPLOAD_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// A file that somebody wants to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpload {
    /// The group that it is for.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// The media type that the upload will have.
    pub mime: String,
    /// What it is.
    pub kind: MediaKind,
}

/// Where a file is to be uploaded.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadSlot {
    /// The file.
    pub file: MediaFile,
    /// Where its bytes go, by one PUT. Whoever has it can bring the file, so it is told to nobody but its owner.
    pub put_url: url::Url,
    /// Where it can be read once it is there.
    pub file_url: url::Url,
}

/// What a picture that settings refer to may be.
#[derive(Debug, Clone, Copy)]
pub struct SettingRule {
    /// Its media types.
    pub mimes: &'static [&'static str],
    /// The most bytes.
    pub bytes_max: u64,
    /// The least pixels across and down.
    pub extent_min: (u32, u32),
}

impl SettingRule {
    /// The rule for pictures of this purpose, as PostPost's documents have it.
    #[must_use]
    pub const fn of(purpose: Purpose) -> Self {
        const MIB: u64 = 1_024 * 1_024;
        match purpose {
            Purpose::Thumbnail => Self {
                mimes: &["image/jpeg", "image/png"],
                bytes_max: 2 * MIB,
                extent_min: (640, 360),
            },
            Purpose::Cover | Purpose::Post => Self {
                mimes: &["image/jpeg", "image/png", "image/webp"],
                bytes_max: 8 * MIB,
                extent_min: (1, 1),
            },
        }
    }
}

/// Why a URL was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// As many URLs were imported in this hour as are allowed.
    #[error("at most {most} URLs an hour can be imported")]
    UsedUp {
        /// How many are allowed.
        most: u32,
        /// When the next hour begins.
        again_at: Timestamp,
    },
    /// The database does not answer.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl Engine {
    /// Makes room for a file in a group, which awaits it from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the group; [`Error::Conflict`] when it can no longer be edited or is full;
    /// [`Error::Invalid`] when this server takes no file of the kind.
    pub async fn ask_for_upload(&self, reach: &Reach, new: NewUpload) -> Result<UploadSlot, Error> {
        let group = self.group(reach, new.group).await?;
        let own = *self.library.limits();
        let limits = Limits {
            video_bytes_max: own.video_bytes_max.min(self.video_bytes_max(reach.owner).await?),
            ..own
        };
        let bytes_max = bytes_max(&group, new.kind, &limits);
        if bytes_max == 0 {
            return Err(Error::Invalid(format!("this server takes no {:?} files", new.kind)));
        }
        let now = self.clock.now();
        let (id, key) = self.library.new_upload(reach.owner, new.kind, &new.name);
        let file = MediaFile {
            id,
            owner: reach.owner,
            group: new.group,
            purpose: Purpose::Post,
            kind: new.kind,
            mime: new.mime,
            name: new.name,
            key,
            bytes_max,
            created_at: now,
            expires_at: now.saturating_add(UPLOAD_LIFE).unwrap_or(Timestamp::MAX),
            state: FileState::Uploading,
        };
        // Before the row, so that a storage that cannot sign leaves nothing awaited.
        let (put_url, file_url) = self
            .library
            .upload_urls(&file)
            .await
            .map_err(|error| Error::Files(error.to_string()))?;
        self.store.add_files(reach, new.group, vec![file.clone()], now).await?;
        Ok(UploadSlot {
            file,
            put_url,
            file_url,
        })
    }

    /// A file within reach.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn media_file(&self, reach: &Reach, file: MediaId) -> Result<MediaFile, Error> {
        let found = self.store.media_file(file).await?;
        found.filter(|file| file.owner == reach.owner).ok_or(Error::NotFound)
    }

    /// Where its owner reads a file, for a year at least; `None` until the server's address is known.
    #[must_use]
    pub fn file_url(&self, file: &MediaFile) -> Option<url::Url> {
        self.library.file_url(file.id, &file.key)
    }

    /// Stores a file that settings will refer to, such as a cover, for a group.
    ///
    /// # Errors
    /// An [`UploadError`]; nothing is left behind.
    pub async fn add_setting_file(
        &self,
        reach: &Reach,
        group: GroupId,
        purpose: Purpose,
        name: String,
        bytes: bytes::Bytes,
    ) -> Result<MediaFile, UploadError> {
        self.editable_group(reach, group).await?;
        let rule = SettingRule::of(purpose);
        let head = bytes.get(..HEAD_BYTES.min(bytes.len())).unwrap_or_default();
        let mime = sniff(head).map(|sniffed| sniffed.mime).ok_or(UploadError::WrongKind)?;
        if !rule.mimes.contains(&mime) {
            return Err(UploadError::WrongKind);
        }
        let stream = futures_util::stream::iter([Ok(bytes)]);
        let limits = self.library.limits().at_most(rule.bytes_max);
        let stored = self.library.put(reach.owner, Some(name), None, stream, &limits).await?;
        let (least_width, least_height) = rule.extent_min;
        if stored.width.unwrap_or(0) < least_width || stored.height.unwrap_or(0) < least_height {
            self.remove_bytes(&stored.key).await;
            return Err(UploadError::TooSmall);
        }
        let file = ready_file(reach.owner, group, purpose, stored, self.clock.now());
        self.give_files(reach, group, vec![file.clone()]).await?;
        Ok(file)
    }

    /// Looks at a ready file once more, for what is not kept of it.
    ///
    /// # Errors
    /// Those of the storage, and of a file that was changed behind this server's back.
    pub async fn probe_media(&self, file: &MediaFile) -> Result<Probe, media::Error> {
        self.library.probe(&file.key).await
    }

    /// Adds files that are stored already to a group; when it does not take them they are removed.
    ///
    /// # Errors
    /// Those of [`store::MediaRoom::add_files`].
    pub async fn give_media(
        &self,
        reach: &Reach,
        group: GroupId,
        media: Vec<domain::content::Media>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let file = |media| ready_file(reach.owner, group, Purpose::Post, media, now);
        let files = media.into_iter().map(file).collect();
        self.give_files(reach, group, files).await
    }

    async fn give_files(&self, reach: &Reach, group: GroupId, files: Vec<MediaFile>) -> Result<(), Error> {
        let keys: Vec<_> = files.iter().map(|file| file.key.clone()).collect();
        let given = self.store.add_files(reach, group, files, self.clock.now()).await;
        if given.is_err() {
            for key in keys {
                self.remove_bytes(&key).await;
            }
        }
        Ok(given?)
    }

    /// Takes a file out of its group and removes its bytes, unless another group shows them.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when the group can no longer be edited.
    pub async fn delete_media(&self, reach: &Reach, file: MediaId) -> Result<MediaFile, Error> {
        let removed = self.store.remove_file(reach, file, self.clock.now()).await?;
        self.wake();
        Ok(removed)
    }

    /// Imports the files of one request, one after the other, all of them or none: when one fails the others are removed.
    /// They are called by this name, or by none.
    ///
    /// # Errors
    /// An [`ImportError`] before anything is fetched; in the result, what became of each URL until one failed.
    pub async fn import_media(
        &self,
        owner: UserId,
        urls: &[String],
        name: Option<&str>,
    ) -> Result<Imports, ImportError> {
        let (engine, urls, name) = (self.clone(), urls.to_vec(), name.map(str::to_owned));
        let (tell, told) = oneshot::channel();
        self.work.spawn(async move {
            // Files that were stored for somebody who is gone by now are nobody's.
            let imported = engine.import(owner, &urls, name.as_deref()).await;
            if let Err(Ok(Imports::Done(media))) = tell.send(imported) {
                engine.discard_media(&media).await;
            }
        });
        told.await.unwrap_or_else(|_| Err(Error::from(Halt::Stopped).into()))
    }

    async fn import(&self, owner: UserId, urls: &[String], name: Option<&str>) -> Result<Imports, ImportError> {
        let now = self.clock.now();
        let count = u32::try_from(urls.len()).unwrap_or(u32::MAX);
        let most = self.settings.imports_per_hour;
        let is_allowed = self.store.charge_imports(owner, count, most, now).await;
        if !is_allowed.map_err(Error::from)? {
            let hours = now.as_second().div_euclid(3_600) + 1;
            let again_at = Timestamp::from_second(hours * 3_600).unwrap_or(now);
            return Err(ImportError::UsedUp { most, again_at });
        }
        let allowance = Allowance::default().with_films_of(self.video_bytes_max(owner).await?);
        let mut imported = Vec::with_capacity(urls.len());
        for url in urls {
            match self.library.import_securely(owner, url, name, &allowance).await {
                Ok(media) => imported.push(media),
                Err(error) => {
                    for media in &imported {
                        self.remove_bytes(&media.key).await;
                    }
                    let done = imported.len();
                    return Ok(Imports::Failed { done, error });
                }
            }
        }
        Ok(Imports::Done(imported))
    }

    /// The most bytes of a film under the plan that this user lives by.
    async fn video_bytes_max(&self, user: UserId) -> Result<u64, Error> {
        let user = self.store.user(user).await?;
        let payer = match user.as_ref().and_then(|user| user.manager) {
            Some(manager) => self.store.user(manager).await?,
            None => user,
        };
        Ok(payer.and_then(|payer| payer.plan.video_bytes_max).unwrap_or(u64::MAX))
    }

    /// Removes files that no group came to refer to.
    pub async fn discard_media(&self, media: &[domain::content::Media]) {
        for media in media {
            self.remove_bytes(&media.key).await;
        }
    }

    /// Removes stored bytes that nothing refers to; a failure only costs their room.
    async fn remove_bytes(&self, key: &str) {
        if let Err(error) = self.library.delete(key).await {
            tracing::warn!(%error, "a file that nothing refers to could not be removed");
        }
    }

    /// Removes what nobody needs any more: uploads whose time is over are called failed, and condemned bytes go.
    pub(crate) async fn clear_files(&self) -> Result<(), Error> {
        self.store.expire_uploads(self.clock.now(), CLEAR_BATCH).await?;
        let mut gone = Vec::new();
        for key in self.store.condemned(CLEAR_BATCH).await? {
            match self.media.discard(&key).await {
                Ok(()) | Err(media::Error::BadKey) => gone.push(key),
                Err(error) => tracing::warn!(%error, "a file that nothing refers to could not be removed"),
            }
        }
        if !gone.is_empty() {
            self.store.forget_condemned(gone).await?;
        }
        Ok(())
    }
}

/// Files that one round of housekeeping removes at most.
const CLEAR_BATCH: u32 = 100;

/// What became of the URLs of one request.
#[derive(Debug)]
pub enum Imports {
    /// All are stored.
    Done(Vec<domain::content::Media>),
    /// None is kept.
    Failed {
        /// How many had been stored before one failed.
        done: usize,
        /// Why the next one failed.
        error: FetchError,
    },
}

/// A file that is stored already, for a group.
pub(crate) fn ready_file(
    owner: UserId,
    group: GroupId,
    purpose: Purpose,
    media: domain::content::Media,
    now: Timestamp,
) -> MediaFile {
    MediaFile {
        id: media.id,
        owner,
        group,
        purpose,
        kind: media.kind,
        mime: media.mime.clone(),
        name: media.name.clone().unwrap_or_default(),
        key: media.key.clone(),
        bytes_max: media.bytes.max(1),
        created_at: now,
        expires_at: now,
        state: FileState::Ready(Box::new(media)),
    }
}

/// The most bytes that a file of this kind may have: what this server takes, and no more than any of the group's
/// platforms takes.
fn bytes_max(group: &Group, kind: MediaKind, limits: &Limits) -> u64 {
    let on_platform = |platform| {
        let capability = Capability::of(platform);
        match kind {
            MediaKind::Image | MediaKind::Animation => None,
            MediaKind::Video => capability.video.as_ref().map(|rule| rule.bytes_max),
            MediaKind::Document => capability.documents.as_ref().map(|rule| rule.bytes_max),
        }
    };
    // A platform that has no rule may be sent the file by another rule, so the server's own limit holds then. Pictures
    // are made smaller for platforms that take less.
    let platforms = group.posts.iter().map(|post| on_platform(post.platform));
    let most = platforms
        .collect::<Option<Vec<_>>>()
        .and_then(|all| all.into_iter().max());
    let own = limits.for_kind(kind);
    most.map_or(own, |most| most.min(own))
}

//! Files in an object store: streamed in, looked at, streamed out.
//! A key is `{owner}/{128 random bits}/{name}`, with a folder by kind before some names: nobody guesses it or makes it
//! collide, and an owner's files lie together. A file that turns out to be wrong leaves nothing behind.

use std::io;
use std::ops::Range;
use std::path::Path as FilePath;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use domain::content::{Media, MediaKind};
use domain::ids::{MediaId, UserId};
use futures_util::stream::{BoxStream, Stream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::signer::{HeaderValue, Method, SignedUrlOptions, Signer, Url};
use object_store::{GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use rand::{Rng, RngExt};
use reqwest::header::CONTENT_TYPE;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;
use crate::key::{is_key, sanitised};
use crate::probe::{self, Probe};

#[cfg(test)]
pub(crate) mod tests;
mod window;

pub(crate) use window::Window;

/// Object stores want parts of at least five mebibytes, and this is all of a file that is in memory at once.
const PART_BYTES: usize = 5 * 1_024 * 1_024;
/// How many files are looked at at the same time: each takes two threads of the pool for blocking work.
const PROBES_MAX: usize = 4;

/// How large files may be, in bytes, by kind; zero for a kind that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pictures and animations.
    pub image_bytes_max: u64,
    /// Films.
    pub video_bytes_max: u64,
    /// Other files of a known kind.
    pub document_bytes_max: u64,
}

impl Limits {
    /// Pictures up to 25 MB and films up to 150 MB, as for imports by URL.
    pub const IMPORT: Self = Self {
        image_bytes_max: 25_000_000,
        video_bytes_max: 150_000_000,
        document_bytes_max: 0,
    };

    /// The limit for this kind.
    #[must_use]
    pub const fn for_kind(&self, kind: MediaKind) -> u64 {
        match kind {
            MediaKind::Image | MediaKind::Animation => self.image_bytes_max,
            MediaKind::Video => self.video_bytes_max,
            MediaKind::Document => self.document_bytes_max,
        }
    }

    /// The same limits, none above `bytes_max`.
    #[must_use]
    pub fn at_most(&self, bytes_max: u64) -> Self {
        Self {
            image_bytes_max: self.image_bytes_max.min(bytes_max),
            video_bytes_max: self.video_bytes_max.min(bytes_max),
            document_bytes_max: self.document_bytes_max.min(bytes_max),
        }
    }

    /// The largest of the limits.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.image_bytes_max
            .max(self.video_bytes_max)
            .max(self.document_bytes_max)
    }
}

/// A file that is about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its id, minted by the caller.
    pub id: MediaId,
    /// The name it was given, if any.
    pub name: Option<String>,
    /// The media type that the uploader named. It is a wish: the bytes decide.
    pub declared_mime: Option<String>,
    key: String,
}

impl NewFile {
    /// A file of `owner` under a new key.
    #[must_use]
    pub fn new(
        id: MediaId,
        owner: UserId,
        name: Option<String>,
        declared_mime: Option<String>,
        rng: &mut dyn Rng,
    ) -> Self {
        let random: u128 = rng.random();
        let key = format!(
            "{owner}/{random:032x}/{}",
            sanitised(name.as_deref().unwrap_or_default())
        );
        Self {
            id,
            name,
            declared_mime,
            key,
        }
    }

    /// A file made from `media`, under a key of its own.
    pub(crate) fn under(key: String, media: &Media) -> Self {
        Self::keyed(media.id, key, None, None)
    }

    /// A file whose key was made before, by [`upload_key`](crate::key::upload_key).
    #[must_use]
    pub const fn keyed(id: MediaId, key: String, name: Option<String>, declared_mime: Option<String>) -> Self {
        Self {
            id,
            name,
            declared_mime,
            key,
        }
    }

    /// The key under which it will be stored.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// A stored file, or a part of it, being read.
pub struct Opened {
    /// Its bytes.
    pub stream: BoxStream<'static, io::Result<Bytes>>,
    /// How many bytes the stream has.
    pub length: u64,
    /// How many bytes the whole file has.
    pub total: u64,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("length", &self.length)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

/// Where files are kept.
#[derive(Debug, Clone)]
pub struct MediaStore {
    pub(crate) objects: Arc<dyn ObjectStore>,
    signer: Option<Arc<dyn Signer>>,
    probes: Arc<Semaphore>,
    /// The budget for decoding.
    pub(crate) darkroom: Arc<Semaphore>,
}

impl MediaStore {
    /// Keeps files in any object store.
    #[must_use]
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self {
            objects,
            signer: None,
            probes: Arc::new(Semaphore::new(PROBES_MAX)),
            darkroom: Arc::new(Semaphore::new(crate::derive::PERMITS)),
        }
    }

    /// Keeps files in an object store to which clients can upload by themselves, at URLs that `signer` signs.
    #[must_use]
    pub fn signing(objects: Arc<dyn ObjectStore>, signer: Arc<dyn Signer>) -> Self {
        Self {
            signer: Some(signer),
            ..Self::new(objects)
        }
    }

    /// Keeps files in memory, for tests and measurements.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Arc::new(InMemory::new()))
    }

    /// Whether clients upload to the storage itself, so that an upload can end without this server's knowing.
    #[must_use]
    pub const fn is_direct(&self) -> bool {
        self.signer.is_some()
    }

    /// A URL of the storage at which the file with `key` can be put for so long, by whoever has it, with exactly this
    /// media type; `None` when the storage has no such URLs.
    ///
    /// # Errors
    /// [`Error::BadKey`]; [`Error::Storage`] when the type is no header value or the storage cannot sign.
    pub async fn presigned_put(&self, key: &str, mime: &str, life: Duration) -> Result<Option<Url>, Error> {
        let Some(signer) = &self.signer else {
            return Ok(None);
        };
        let mime = HeaderValue::from_str(mime).map_err(|_| Error::from(io::Error::other("no header value")))?;
        let options = SignedUrlOptions::default().with_signed_header(CONTENT_TYPE, mime);
        let url = signer
            .signed_url_opts(Method::PUT, &path_of(key)?, life, &options)
            .await?;
        Ok(Some(url))
    }

    /// Keeps files in the folder `media` of a data directory, which is made if need be. A stored file is on the disk
    /// before its store is reported.
    ///
    /// # Errors
    /// [`Error::Storage`] when the folder cannot be made or used.
    pub fn local(data_dir: &FilePath) -> Result<Self, Error> {
        let folder = data_dir.join("media");
        std::fs::create_dir_all(&folder)?;
        let files = LocalFileSystem::new_with_prefix(folder)?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        Ok(Self::new(Arc::new(files)))
    }

    /// Stores a file and looks at it. What it is comes from its bytes; `limits` are those of the kind that it is.
    ///
    /// # Errors
    /// What [`Error`] lists; nothing is left behind.
    pub async fn put_stream(
        &self,
        new: NewFile,
        stream: impl Stream<Item = io::Result<Bytes>> + Send,
        limits: &Limits,
    ) -> Result<Media, Error> {
        let path = path_of(&new.key)?;
        let mut upload = self.objects.put_multipart(&path).await?;
        let written = match receive(&mut upload, stream, limits).await {
            Ok(written) => written,
            Err(error) => {
                // The upload may be broken already; what went wrong first is what counts.
                let _ = upload.abort().await;
                return Err(error);
            }
        };
        upload.complete().await?;
        match self.look_at(&path, written.bytes).await {
            Ok(found) => Ok(media(new, &found, written.bytes, written.sha256)),
            Err(error) => {
                let _ = self.objects.delete(&path).await;
                Err(error)
            }
        }
    }

    /// Looks at a file that was put into the storage without this server's help, and reads it through once. What it is
    /// comes from its bytes. A file that is too large is refused before it is read.
    ///
    /// # Errors
    /// What [`Error`] lists, [`Error::NotFound`] when nothing was put; the file stays where it is.
    pub async fn adopt(&self, new: NewFile, limits: &Limits) -> Result<Media, Error> {
        let path = path_of(&new.key)?;
        let bytes = self.objects.head(&path).await?.size;
        if bytes > limits.largest() {
            let bytes_max = limits.largest();
            return Err(Error::TooLarge { bytes_max });
        }
        let mut stream = self.objects.get(&path).await?.into_stream();
        let mut gauge = Gauge::new(limits);
        while let Some(chunk) = stream.next().await {
            gauge.take(&chunk?)?;
        }
        let written = gauge.end()?;
        let found = self.look_at(&path, written.bytes).await?;
        Ok(media(new, &found, written.bytes, written.sha256))
    }

    /// Looks at a stored file again.
    ///
    /// # Errors
    /// As [`probe::probe`], and [`Error::NotFound`].
    pub async fn probe(&self, key: &str) -> Result<Probe, Error> {
        let path = path_of(key)?;
        let bytes = self.objects.head(&path).await?.size;
        self.look_at(&path, bytes).await
    }

    async fn look_at(&self, path: &Path, bytes: u64) -> Result<Probe, Error> {
        let _permit = self.probe_permit().await?;
        let reader = window::Window::new(Arc::clone(&self.objects), path.clone(), bytes);
        tokio::task::spawn_blocking(move || probe::probe(reader, bytes))
            .await
            .map_err(|_| Error::from(io::Error::other("looking at a file failed")))?
    }

    /// Leave to read a file on a thread of the pool for blocking work.
    pub(crate) async fn probe_permit(&self) -> Result<OwnedSemaphorePermit, Error> {
        let permit = Arc::clone(&self.probes).acquire_owned().await;
        permit.map_err(|_| Error::from(io::Error::other("the store is closed")))
    }

    /// Opens a stored file, or the bytes of it in `range`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadKey`], and [`Error::BadRange`] for a range that is empty or does not start
    /// within the file; one that ends after it is cut.
    pub async fn open(&self, key: &str, range: Option<Range<u64>>) -> Result<Opened, Error> {
        let path = path_of(key)?;
        if let Some(range) = &range {
            let bytes = self.objects.head(&path).await?.size;
            if range.is_empty() || range.start >= bytes {
                return Err(Error::BadRange { bytes });
            }
        }
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let found = self.objects.get_opts(&path, options).await?;
        let (length, total) = (found.range.end - found.range.start, found.meta.size);
        let stream = found.into_stream().map(|chunk| chunk.map_err(io::Error::other)).boxed();
        Ok(Opened { stream, length, total })
    }

    /// Deletes a stored file. Deleting one that is gone already is fine.
    ///
    /// # Errors
    /// [`Error::BadKey`] and [`Error::Storage`].
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        match self.objects.delete(&path_of(key)?).await.map_err(Error::from) {
            Ok(()) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Where the file of this key lies.
pub(crate) fn path_of(key: &str) -> Result<Path, Error> {
    if !is_key(key) {
        return Err(Error::BadKey);
    }
    Path::parse(key).map_err(|_| Error::BadKey)
}

/// What came in.
struct Written {
    bytes: u64,
    sha256: [u8; 32],
}

/// Measures a file while it passes by: what its beginning says, its length against the limit of its kind, its hash.
struct Gauge<'a> {
    limits: &'a Limits,
    head: Vec<u8>,
    hash: Sha256,
    bytes: u64,
    bytes_max: u64,
    is_known: bool,
}

impl<'a> Gauge<'a> {
    fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            head: Vec::with_capacity(probe::HEAD_BYTES),
            hash: Sha256::new(),
            bytes: 0,
            bytes_max: limits.largest(),
            is_known: false,
        }
    }

    fn take(&mut self, chunk: &Bytes) -> Result<(), Error> {
        if !self.is_known {
            self.head.extend(chunk.iter().take(probe::HEAD_BYTES - self.head.len()));
            if self.head.len() == probe::HEAD_BYTES {
                self.bytes_max = limit_for(&self.head, self.limits)?;
                self.is_known = true;
            }
        }
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        if self.bytes > self.bytes_max {
            let bytes_max = self.bytes_max;
            return Err(Error::TooLarge { bytes_max });
        }
        self.hash.update(chunk);
        Ok(())
    }

    fn end(self) -> Result<Written, Error> {
        if self.bytes == 0 {
            return Err(Error::Empty);
        }
        if !self.is_known {
            limit_for(&self.head, self.limits)?;
        }
        Ok(Written {
            bytes: self.bytes,
            sha256: self.hash.finalize().into(),
        })
    }
}

async fn receive(
    upload: &mut Box<dyn MultipartUpload>,
    stream: impl Stream<Item = io::Result<Bytes>> + Send,
    limits: &Limits,
) -> Result<Written, Error> {
    let mut stream = pin!(stream);
    let mut part = BytesMut::new();
    let mut gauge = Gauge::new(limits);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(Error::Receive)?;
        gauge.take(&chunk)?;
        put_full_parts(upload, &mut part, chunk).await?;
    }
    let written = gauge.end()?;
    if !part.is_empty() {
        upload.put_part(PutPayload::from_bytes(part.freeze())).await?;
    }
    Ok(written)
}

/// Sends parts of one size as long as there are enough bytes; what is left stays in `part`.
async fn put_full_parts(
    upload: &mut Box<dyn MultipartUpload>,
    part: &mut BytesMut,
    mut chunk: Bytes,
) -> Result<(), Error> {
    while part.len() + chunk.len() >= PART_BYTES {
        let missing = chunk.split_to(PART_BYTES - part.len());
        part.extend_from_slice(&missing);
        upload.put_part(PutPayload::from_bytes(part.split().freeze())).await?;
    }
    part.extend_from_slice(&chunk);
    Ok(())
}

/// The limit for a file that starts like this.
fn limit_for(head: &[u8], limits: &Limits) -> Result<u64, Error> {
    let kind = probe::sniff(head).ok_or(Error::Unsupported)?.kind;
    match limits.for_kind(kind) {
        0 => Err(Error::Unsupported),
        bytes_max => Ok(bytes_max),
    }
}

/// Whether these bytes are exactly those of a stored file. Reading stops where they differ in length.
///
/// # Errors
/// Those of the stream.
pub async fn is_same(media: &Media, stream: impl Stream<Item = io::Result<Bytes>> + Send) -> io::Result<bool> {
    let mut stream = pin!(stream);
    let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        bytes = bytes.saturating_add(chunk.len() as u64);
        if bytes > media.bytes {
            return Ok(false);
        }
        hash.update(&chunk);
    }
    Ok(hex(&hash.finalize()) == media.sha256)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A stored file as a post refers to it.
pub(crate) fn media(new: NewFile, found: &Probe, bytes: u64, sha256: [u8; 32]) -> Media {
    Media {
        id: new.id,
        kind: found.kind,
        mime: found.mime.to_owned(),
        bytes,
        sha256: hex(&sha256),
        key: new.key,
        name: new.name,
        alt: None,
        width: found.width,
        height: found.height,
        duration_ms: found.duration_ms,
        frame_rate: found.frame_rate,
    }
}

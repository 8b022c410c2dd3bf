//! Stored files: taken in from uploads and links, read by connectors, and lent to platforms that fetch for themselves.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use connectors::MediaSource;
use domain::clock::{BoxFut, Clock};
use domain::content::{Media, MediaKind};
use domain::ids::{IdMint, MediaId, UserId};
use futures_util::stream::{BoxStream, Stream};
use jiff::{SignedDuration, Timestamp};
use media::fetch::{Allowance, FetchError, Fetcher};
use media::key::upload_key;
use media::link::{LinkError, LinkSigner};
use media::probe::Probe;
use media::store::{Limits, MediaStore, NewFile, Opened};
use rand::rngs::StdRng;
use store::MediaFile;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

/// How long a link to a file lives: longer than any platform takes to fetch it (Instagram's containers live a day).
const LINK_LIFE: SignedDuration = SignedDuration::from_hours(48);
/// How long the address of a file lives at least that its owner is told: settings may hold it until the post goes out.
/// Every answer of such a time shows the same address.
const FILE_URL_LIFE: SignedDuration = SignedDuration::from_hours(24 * 366);
/// How many uploads arrive at once.
const ARRIVALS_MAX: usize = 16;

/// The files of this installation.
pub struct Library {
    pub(crate) store: MediaStore,
    fetcher: Fetcher,
    signer: LinkSigner,
    clock: Arc<dyn Clock>,
    chance: Mutex<(IdMint, StdRng)>,
    public_url: RwLock<Option<Url>>,
    limits: Limits,
    /// Files whose bytes are arriving right now, in this process: one sender each.
    arriving: Arc<Mutex<HashSet<MediaId>>>,
    /// How many may arrive at once: each has a few mebibytes in memory.
    places: Arc<Semaphore>,
}

/// The place of an upload that is arriving; given back when it is dropped.
#[derive(Debug)]
pub struct Arrival {
    file: MediaId,
    arriving: Arc<Mutex<HashSet<MediaId>>>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.arriving
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.file);
    }
}

impl Library {
    /// Puts a library together. Links can be made once the server's address is known.
    #[must_use]
    pub fn new(store: MediaStore, fetcher: Fetcher, signer: LinkSigner, clock: Arc<dyn Clock>, rng: StdRng) -> Self {
        let chance = Mutex::new((IdMint::default(), rng));
        Self {
            store,
            fetcher,
            signer,
            clock,
            chance,
            public_url: RwLock::new(None),
            limits: Limits::IMPORT,
            arriving: Arc::default(),
            places: Arc::new(Semaphore::new(ARRIVALS_MAX)),
        }
    }

    /// The same with other limits for uploads.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How large uploads may be.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether clients upload to the storage itself, so that an upload can end without this server's knowing.
    #[must_use]
    pub const fn is_direct(&self) -> bool {
        self.store.is_direct()
    }

    /// Tells under which address the server can be reached from outside.
    pub fn set_public_url(&self, url: Url) {
        *self.public_url.write().unwrap_or_else(PoisonError::into_inner) = Some(url);
    }

    /// Stores a file that a user sends.
    ///
    /// # Errors
    /// Those of [`MediaStore::put_stream`]; nothing is left behind.
    pub async fn put(
        &self,
        owner: UserId,
        name: Option<String>,
        mime: Option<String>,
        bytes: impl Stream<Item = io::Result<Bytes>> + Send,
        limits: &Limits,
    ) -> Result<Media, media::Error> {
        self.store
            .put_stream(self.new_file(owner, name, mime), bytes, limits)
            .await
    }

    /// Imports what a user's URL holds, from public addresses and the operator's exceptions alone.
    ///
    /// # Errors
    /// Those of [`Fetcher::import`]; nothing is left behind.
    pub async fn import(&self, owner: UserId, url: &str, allowance: &Allowance) -> Result<Media, FetchError> {
        self.fetcher
            .import(&self.store, self.new_file(owner, None, None), url, allowance)
            .await
    }

    /// The same under a name, by https alone but for the operator's exceptions.
    pub(crate) async fn import_securely(
        &self,
        owner: UserId,
        url: &str,
        name: Option<&str>,
        allowance: &Allowance,
    ) -> Result<Media, FetchError> {
        self.fetcher.judge_secure(url)?;
        let new = self.new_file(owner, name.map(str::to_owned), None);
        self.fetcher.import(&self.store, new, url, allowance).await
    }

    /// A new key for an upload, and the id of its file.
    pub(crate) fn new_upload(&self, owner: UserId, kind: MediaKind, name: &str) -> (MediaId, String) {
        let now = self.clock.now();
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let (mint, rng) = &mut *chance;
        let id = MediaId::from_bytes(mint.next(now, rng));
        (id, upload_key(owner, kind, name, now, rng))
    }

    /// Where the file can be read, and where its bytes can be put until its time is over: at this server, or at the
    /// storage itself.
    pub(crate) async fn upload_urls(&self, file: &MediaFile) -> Result<(Url, Url), media::Error> {
        let unknown = || media::Error::from(io::Error::other("the address of this server is not known"));
        let file_url = self.file_url(file.id, &file.key).ok_or_else(unknown)?;
        let life = file.expires_at.duration_since(self.clock.now());
        let life = Duration::try_from(life).unwrap_or_default();
        let direct = self.store.presigned_put(&file.key, &file.mime, life).await?;
        let put_url = match direct {
            Some(url) => url,
            None => {
                let token = self
                    .signer
                    .sign_upload(file.id, file.expires_at)
                    .map_err(|_| media::Error::BadKey)?;
                let mut url = file_url.clone();
                url.query_pairs_mut().append_pair("upload", &token);
                url
            }
        };
        Ok((put_url, file_url))
    }

    /// The file that an upload token is for.
    pub(crate) fn upload_of(&self, token: &str) -> Result<MediaId, LinkError> {
        self.signer.verify_upload(token, self.clock.now())
    }

    /// Takes the place of the one sender of a file; `None` while another has it. Waits while too many files arrive.
    pub(crate) async fn arrive(&self, file: MediaId) -> Option<Arrival> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        arriving.insert(file).then(|| Arrival {
            file,
            arriving: Arc::clone(&self.arriving),
            _place: place,
        })
    }

    /// Stores the bytes of a file whose upload was asked for.
    pub(crate) async fn receive(
        &self,
        file: &MediaFile,
        bytes: impl Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<Media, media::Error> {
        self.store
            .put_stream(as_new(file), bytes, &self.limits.at_most(file.bytes_max))
            .await
    }

    /// Looks at bytes that were put into the storage by themselves.
    pub(crate) async fn adopt(&self, file: &MediaFile) -> Result<Media, media::Error> {
        self.store
            .adopt(as_new(file), &self.limits.at_most(file.bytes_max))
            .await
    }

    /// Looks at a stored file once more, for what is not kept of it.
    ///
    /// # Errors
    /// Those of [`MediaStore::probe`].
    pub async fn probe(&self, key: &str) -> Result<Probe, media::Error> {
        self.store.probe(key).await
    }

    /// Removes a file that nothing refers to.
    ///
    /// # Errors
    /// Those of [`MediaStore::delete`].
    pub async fn delete(&self, key: &str) -> Result<(), media::Error> {
        self.store.delete(key).await
    }

    /// Opens the file that a link of ours stands for, or the bytes of it in `range`.
    ///
    /// # Errors
    /// `Err(None)` for a link that is not ours or has expired.
    pub async fn open_link(
        &self,
        token: &str,
        name: &str,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<Opened, Option<media::Error>> {
        let key = self
            .signer
            .verify(token, name, self.clock.now())
            .map_err(|_: LinkError| None)?;
        self.store.open(&key, range).await.map_err(Some)
    }

    /// An unguessable public link that lives for two days; `None` until the server's address is known.
    #[must_use]
    pub fn link(&self, media: &Media) -> Option<Url> {
        let base = self.public_url.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let expires_at = self.clock.now().saturating_add(LINK_LIFE).unwrap_or(Timestamp::MAX);
        base.join(&self.signer.sign(&media.key, expires_at).ok()?).ok()
    }

    /// The address at which its owner reads a file, for a year at least; `None` until the server's address is known.
    ///
    /// Clients hold addresses against each other, so answers must not differ by when they were made. The address changes
    /// once a year, counted from the making of the file: a grid for all files would change all addresses at one instant.
    #[must_use]
    pub fn file_url(&self, id: MediaId, key: &str) -> Option<Url> {
        let base = self.public_url.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let until = ends_at(id.made_at(), self.clock.now());
        base.join(&self.signer.sign(key, until).ok()?).ok()
    }

    fn new_file(&self, owner: UserId, name: Option<String>, mime: Option<String>) -> NewFile {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let (mint, rng) = &mut *chance;
        let id = MediaId::from_bytes(mint.next(self.clock.now(), rng));
        NewFile::new(id, owner, name, mime, rng)
    }
}

/// The end of the address of a file made then: a whole number of lives after it, and one life from now at least.
fn ends_at(made_at: Timestamp, now: Timestamp) -> Timestamp {
    let age = now.duration_since(made_at).as_secs().max(0);
    let life = FILE_URL_LIFE.as_secs();
    let lives = i32::try_from(age / life + 2).unwrap_or(i32::MAX);
    let until = FILE_URL_LIFE
        .checked_mul(lives)
        .map(|lives| made_at.saturating_add(lives));
    until.and_then(Result::ok).unwrap_or(Timestamp::MAX)
}

fn as_new(file: &MediaFile) -> NewFile {
    NewFile::keyed(
        file.id,
        file.key.clone(),
        Some(file.name.clone()),
        Some(file.mime.clone()),
    )
}

impl MediaSource for Library {
    fn open<'a>(
        &'a self,
        media: &'a Media,
        offset: u64,
    ) -> BoxFut<'a, io::Result<BoxStream<'static, io::Result<Bytes>>>> {
        Box::pin(async move {
            let range = (offset > 0).then_some(offset..media.bytes);
            Ok(self
                .store
                .open(&media.key, range)
                .await
                .map_err(io::Error::other)?
                .stream)
        })
    }

    fn public_url(&self, media: &Media) -> Option<Url> {
        self.link(media)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stays_for_a_year_and_then_lives_for_a_year_more() {
        let made: Timestamp = "2026-03-01T12:00:00.123Z".parse().unwrap();
        let after = |age: SignedDuration| made.saturating_add(age).unwrap();
        let second = SignedDuration::from_secs(1);
        let first = ends_at(made, made);
        assert_eq!(first, after(FILE_URL_LIFE * 2));
        assert_eq!(ends_at(made, after(FILE_URL_LIFE - second)), first);
        assert_eq!(ends_at(made, after(FILE_URL_LIFE)), after(FILE_URL_LIFE * 3));
        // A clock that was set back, and an id of a far time, make an address that works all the same.
        assert_eq!(ends_at(made, after(-FILE_URL_LIFE)), first);
        assert_eq!(ends_at(Timestamp::MAX, made), Timestamp::MAX);
    }
}

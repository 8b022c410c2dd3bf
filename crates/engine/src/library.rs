//! Stored files: taken in from uploads and links, read by connectors, and lent to platforms that fetch for themselves.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use connectors::MediaSource;
use domain::clock::{BoxFut, Clock};
use domain::content::Media;
use domain::ids::{IdMint, MediaId, UserId};
use futures_util::stream::{BoxStream, Stream};
use jiff::{SignedDuration, Timestamp};
use media::fetch::{Allowance, FetchError, Fetcher};
use media::link::{LinkError, LinkSigner};
use media::store::{Limits, MediaStore, NewFile, Opened};
use rand::rngs::StdRng;
use url::Url;

/// How long a link to a file lives: longer than any platform takes to fetch it (Instagram's containers live a day).
const LINK_LIFE: SignedDuration = SignedDuration::from_hours(48);

/// The files of this installation.
pub struct Library {
    pub(crate) store: MediaStore,
    fetcher: Fetcher,
    signer: LinkSigner,
    clock: Arc<dyn Clock>,
    chance: Mutex<(IdMint, StdRng)>,
    public_url: RwLock<Option<Url>>,
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
        }
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

    fn new_file(&self, owner: UserId, name: Option<String>, mime: Option<String>) -> NewFile {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        let (mint, rng) = &mut *chance;
        let id = MediaId::from_bytes(mint.next(self.clock.now(), rng));
        NewFile::new(id, owner, name, mime, rng)
    }
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

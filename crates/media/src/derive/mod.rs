//! Pictures made from others, because a platform takes them only so or because they told where they were taken.
//!
//! What must stay true: a file and a recipe give the same bytes every time, so that a prepared post that is prepared
//! again sends the same; nothing is decoded that has not been held against the budget first; and a derivative holds
//! nothing but the picture (and the colours that its numbers stand for). Films are never decoded.

use std::io::{self, BufReader, Write};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use domain::content::Media;
use domain::derive::{Recipe, Survey};
use domain::ids::UserId;
use futures_util::stream::{self, StreamExt};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::error::Error;
use crate::store::{Limits, MediaStore, NewFile, Window, path_of};

mod develop;
mod heif;
mod jpeg;
mod png;
#[cfg(test)]
mod tests;
mod webp;

/// The most pixels of one picture that are decoded, and of all that are decoded at once.
pub const DECODE_PIXELS_MAX: u64 = 50_000_000;
/// The longest file that is decoded, in bytes: a JPEG is read whole by its decoder.
pub const DECODE_BYTES_MAX: u64 = 50 * 1_024 * 1_024;
/// How many pictures are decoded at the same time at the most: each takes a thread of the pool for blocking work.
const DECODES_MAX: u32 = 2;
/// How the budget for pixels is counted out.
const PIXELS_PER_PERMIT: u64 = 1_000_000;
/// Permits in all.
pub(crate) const PERMITS: usize = 50;

/// Bytes that are handed from the thread that reads to the one that writes at once, and how many such pieces may wait.
const PIECE_BYTES: usize = 64 * 1_024;
const PIECES_WAITING_MAX: usize = 4;

/// Derivatives are as large as platforms allow.
const NO_LIMITS: Limits = Limits {
    image_bytes_max: u64::MAX,
    video_bytes_max: 0,
    document_bytes_max: 0,
};

/// Under which key a derivative is kept: its owner's, and a name made of the file's content and the recipe. `None` for a
/// file that this store did not make.
#[must_use]
pub fn derivative_key(media: &Media, recipe: &Recipe) -> Option<String> {
    let owner: UserId = media.key.split('/').next()?.parse().ok()?;
    let mut hash = Sha256::new();
    hash.update(b"derivative\0");
    hash.update(media.sha256.as_bytes());
    hash.update(recipe.word().as_bytes());
    let name: String = hash
        .finalize()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(format!("{owner}/{name}/picture.{}", extension(media, recipe)))
}

fn extension(media: &Media, recipe: &Recipe) -> &'static str {
    match (recipe, media.mime.as_str()) {
        (Recipe::Clean, "image/png") => "png",
        (Recipe::Clean, "image/webp") => "webp",
        (Recipe::Clean, "image/gif") => "gif",
        (Recipe::Clean, "image/heic") => "heic",
        (Recipe::Clean, "image/heif") => "heif",
        (Recipe::Clean, "image/avif") => "avif",
        _ => "jpg",
    }
}

impl MediaStore {
    /// Looks for what a picture's file says beside the picture. Reads its head, and never decodes.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Malformed`], [`Error::Truncated`] and [`Error::Storage`].
    pub async fn survey(&self, media: &Media) -> Result<Survey, Error> {
        let window = self.window(media)?;
        let _permit = self.probe_permit().await?;
        let (mime, len) = (media.mime.clone(), media.bytes);
        blocking(move || {
            let mut reader = BufReader::new(window);
            match mime.as_str() {
                "image/jpeg" => jpeg::survey(&mut reader),
                "image/png" => png::survey(&mut reader, len),
                "image/webp" => webp::survey(&mut reader, len),
                "image/heic" | "image/heif" | "image/avif" => heif::survey(&mut reader, len),
                _ => Ok(Survey::default()),
            }
        })
        .await
    }

    /// The derivative of a picture by this recipe: the stored one, or one that is made and stored now. It keeps the
    /// picture's id and description.
    ///
    /// # Errors
    /// [`Error::TooManyPixels`] and [`Error::TooLarge`] when it is over the budget for decoding, or cannot be made small
    /// enough; those of [`MediaStore::survey`]. Nothing is left behind.
    pub async fn derive(&self, media: &Media, recipe: &Recipe) -> Result<Media, Error> {
        let key = derivative_key(media, recipe).ok_or(Error::BadKey)?;
        if let Some(stored) = self.stored(media, &key).await? {
            return Ok(stored);
        }
        let new = NewFile::under(key, media);
        let made = match *recipe {
            Recipe::Clean => self.cleaned(media, new).await?,
            Recipe::Jpeg {
                bytes_max,
                pixels_max,
                sides_sum_max,
            } => {
                let bounds = develop::Bounds {
                    bytes_max,
                    pixels_max,
                    sides_sum_max,
                };
                let bytes = self.developed(media, bounds).await?;
                self.put_stream(new, stream::iter([Ok(bytes)]), &NO_LIMITS).await?
            }
        };
        Ok(of(media, made))
    }

    /// The derivative that is kept under this key, if there is one.
    async fn stored(&self, media: &Media, key: &str) -> Result<Option<Media>, Error> {
        let mut opened = match self.open(key, None).await {
            Ok(opened) => opened,
            Err(Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut hash = Sha256::new();
        while let Some(chunk) = opened.stream.next().await {
            hash.update(&chunk.map_err(Error::Receive)?);
        }
        let found = self.probe(key).await?;
        let sha256 = hash.finalize().into();
        let new = NewFile::under(key.to_owned(), media);
        Ok(Some(of(media, crate::store::media(new, &found, opened.total, sha256))))
    }

    /// Copies a picture without what it tells beside itself: read on a thread of its own, written here, a few pieces in
    /// memory.
    async fn cleaned(&self, media: &Media, new: NewFile) -> Result<Media, Error> {
        let window = self.window(media)?;
        let permit = self.probe_permit().await?;
        let (mime, len) = (media.mime.clone(), media.bytes);
        let (pieces, mut waiting) = mpsc::channel(PIECES_WAITING_MAX);
        let reading = tokio::task::spawn_blocking(move || {
            // Given back with the last piece: looking at what was written needs one too.
            let _permit = permit;
            let mut reader = BufReader::new(window);
            let mut out = Pieces {
                out: pieces,
                piece: BytesMut::with_capacity(PIECE_BYTES),
            };
            let copied = match mime.as_str() {
                "image/jpeg" => jpeg::clean(&mut reader, &mut out),
                "image/png" => png::clean(&mut reader, len, &mut out),
                "image/webp" => webp::clean(&mut reader, len, &mut out),
                "image/heic" | "image/heif" | "image/avif" => heif::clean(&mut reader, len, &mut out),
                _ => Err(Error::Unsupported),
            };
            match copied.and_then(|()| out.flush().map_err(Error::from)) {
                Ok(()) => Ok(()),
                Err(error) => {
                    // Whoever writes must not take what came so far for the whole.
                    let _ = out.out.blocking_send(Err(io::ErrorKind::InvalidData.into()));
                    Err(error)
                }
            }
        });
        let stream = stream::poll_fn(move |context| waiting.poll_recv(context));
        let written = self.put_stream(new, stream, &NO_LIMITS).await;
        // What went wrong while reading says more than that the stream broke.
        reading.await.map_err(|_| crashed())??;
        written
    }

    /// Decodes a picture and makes a JPEG of it, when the budget has room.
    async fn developed(&self, media: &Media, bounds: develop::Bounds) -> Result<Bytes, Error> {
        if media.bytes > DECODE_BYTES_MAX {
            return Err(Error::TooLarge {
                bytes_max: DECODE_BYTES_MAX,
            });
        }
        let (width, height) = (media.width.unwrap_or(0).into(), media.height.unwrap_or(0).into());
        develop::check_pixels(width, height)?;
        let share = PERMITS as u32 / DECODES_MAX;
        let permits = u32::try_from((width * height).div_ceil(PIXELS_PER_PERMIT)).unwrap_or(u32::MAX);
        let permits = permits.clamp(share, PERMITS as u32);
        let permit = Arc::clone(&self.darkroom).acquire_many_owned(permits).await;
        let permit = permit.map_err(|_| crashed())?;
        let window = self.window(media)?;
        let mime = media.mime.clone();
        blocking(move || {
            // The thread holds its share of the budget, also when nobody waits for it any more.
            let _permit = permit;
            develop::jpeg(BufReader::new(window), &mime, &bounds)
        })
        .await
    }

    fn window(&self, media: &Media) -> Result<Window, Error> {
        Ok(Window::new(
            Arc::clone(&self.objects),
            path_of(&media.key)?,
            media.bytes,
        ))
    }
}

/// A derivative as a post refers to it: the file is another one, the picture is the same.
fn of(media: &Media, made: Media) -> Media {
    let stem = |name: &String| name.rsplit_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned());
    let extension = made.key.rsplit('.').next().unwrap_or_default().to_owned();
    Media {
        name: media.name.as_ref().map(|name| format!("{}.{extension}", stem(name))),
        alt: media.alt.clone(),
        ..made
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| crashed())?
}

fn crashed() -> Error {
    Error::from(io::Error::other("working on a picture failed"))
}

/// Whether an XMP packet says where a picture was taken, or that a film is hidden behind it (developer.android.com,
/// Motion Photo format), which may.
fn xmp_tells_location(packet: &[u8]) -> bool {
    const WORDS: &[&[u8]] = &[
        b"GPS",
        b"Location",
        b"City",
        b"MotionPhoto",
        b"MicroVideo",
        b"HasExtendedXMP",
    ];
    let says = |word: &&[u8]| packet.windows(word.len()).any(|window| window == *word);
    WORDS.iter().any(says)
}

/// Sends what is written to it on in pieces.
struct Pieces {
    out: mpsc::Sender<io::Result<Bytes>>,
    piece: BytesMut,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE_BYTES.saturating_sub(self.piece.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.piece.extend_from_slice(taken);
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = self.piece.split().freeze();
        let sent = self.out.blocking_send(Ok(piece));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

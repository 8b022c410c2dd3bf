//! A film of any length that is on no disk: each piece is made when it is asked for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use bytes::Bytes;
use connectors::MediaSource;
use domain::clock::BoxFut;
use domain::content::{Media, MediaKind};
use domain::ids::MediaId;
use engine::Files;
use futures_util::stream::{self, BoxStream, StreamExt};
use sandbox::samples::{VideoShape, mp4};
use sha2::{Digest, Sha256};
use url::Url;

/// Bytes that are made at once. What fills a film differs from one such piece to the next, so that one that is lost,
/// comes twice or comes elsewhere is noticed.
const PIECE_BYTES: u64 = 64 * 1_024;

/// A whole little film, and behind it a box that players skip (ISO/IEC 14496-12, 8.1.2).
#[derive(Debug, Clone)]
pub(crate) struct Film {
    shape: VideoShape,
    head: Bytes,
    /// Its length in bytes.
    pub(crate) bytes: u64,
    /// Bytes that were asked for so far.
    read: Arc<AtomicU64>,
}

impl Film {
    /// A film of this shape that has `bytes` in all.
    ///
    /// # Errors
    /// When no film is so short.
    pub(crate) fn of(shape: VideoShape, bytes: u64) -> anyhow::Result<Self> {
        let mut head = mp4(shape, 11);
        let rest = bytes
            .checked_sub(head.len() as u64)
            .filter(|rest| *rest >= 16)
            .context("the film is too short")?;
        head.extend(1_u32.to_be_bytes());
        head.extend(b"free");
        head.extend(rest.to_be_bytes());
        Ok(Self {
            shape,
            head: head.into(),
            bytes,
            read: Arc::default(),
        })
    }

    /// The film from `offset` on, in pieces.
    pub(crate) fn pieces(&self, offset: u64) -> impl Iterator<Item = Bytes> + Send + use<> {
        let film = self.clone();
        let mut at = offset;
        std::iter::from_fn(move || {
            let piece = (at < film.bytes).then(|| film.piece(at))?;
            at += piece.len() as u64;
            Some(piece)
        })
    }

    /// The bytes at `at`, up to the end of their piece.
    fn piece(&self, at: u64) -> Bytes {
        let in_head = usize::try_from(at).ok().filter(|at| *at < self.head.len());
        if let Some(at) = in_head {
            return self.head.slice(at..);
        }
        let number = at / PIECE_BYTES;
        let length = ((number + 1) * PIECE_BYTES).min(self.bytes) - at;
        let mut filling = number.to_be_bytes();
        filling.rotate_left(usize::try_from(at % 8).unwrap_or_default());
        let mut piece = filling.repeat(usize::try_from(length / 8 + 1).unwrap_or_default());
        piece.truncate(usize::try_from(length).unwrap_or_default());
        Bytes::from(piece)
    }

    /// SHA-256 of the film in lower-case hex. Makes all of it once.
    pub(crate) fn sha256(&self) -> String {
        let hash = self.pieces(0).fold(Sha256::new(), Digest::chain_update);
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The film as a post refers to it.
    pub(crate) fn media(&self) -> Media {
        Media {
            id: MediaId::default(),
            kind: MediaKind::Video,
            mime: "video/mp4".to_owned(),
            bytes: self.bytes,
            sha256: self.sha256(),
            key: "film.mp4".to_owned(),
            name: None,
            alt: None,
            width: Some(self.shape.width.into()),
            height: Some(self.shape.height.into()),
            duration_ms: Some(u64::from(self.shape.duration_s) * 1_000),
            frame_rate: Some(self.shape.fps.into()),
        }
    }

    /// How many of its bytes connectors read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

impl MediaSource for Film {
    fn open<'a>(
        &'a self,
        _media: &'a Media,
        offset: u64,
    ) -> BoxFut<'a, io::Result<BoxStream<'static, io::Result<Bytes>>>> {
        let read = Arc::clone(&self.read);
        let pieces = stream::iter(self.pieces(offset)).map(move |piece| {
            read.fetch_add(piece.len() as u64, Ordering::Relaxed);
            Ok(piece)
        });
        Box::pin(async { Ok(pieces.boxed()) })
    }

    fn public_url(&self, _media: &Media) -> Option<Url> {
        None
    }
}

impl Files for Film {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(film: &Film, offset: u64) -> Vec<u8> {
        film.pieces(offset).collect::<Vec<_>>().concat()
    }

    #[test]
    fn a_film_has_its_length_and_the_same_bytes_from_wherever_it_is_read() {
        let film = Film::of(VideoShape::default(), 700_001).unwrap();
        let whole = read(&film, 0);
        assert_eq!(whole.len(), 700_001);
        for offset in [1, 65_536, 65_539, 81_930, 300_000, 700_000] {
            let from = usize::try_from(offset).unwrap();
            assert!(read(&film, offset) == whole[from..], "{offset}");
        }
        assert_ne!(whole[327_680..327_688], whole[393_216..393_224]);
    }
}

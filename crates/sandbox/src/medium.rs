//! What the emulators look at in a file: its kind, its size, its frame.

use std::fmt::Write as _;
use std::io::Cursor;

use sha2::{Digest as _, Sha256};

/// The kinds of file that are told apart by their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Jpeg,
    Png,
    Gif,
    Webp,
    Mp4,
    Other,
}

impl Kind {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Self::Jpeg
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Self::Png
        } else if bytes.starts_with(b"GIF8") {
            Self::Gif
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Self::Webp
        } else if bytes.get(4..8) == Some(b"ftyp") {
            Self::Mp4
        } else {
            Self::Other
        }
    }

    pub(crate) const fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Mp4 => "video/mp4",
            Self::Other => "application/octet-stream",
        }
    }

    pub(crate) const fn is_image(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Gif | Self::Webp)
    }

    pub(crate) const fn is_video(self) -> bool {
        matches!(self, Self::Mp4)
    }
}

/// A file that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Medium {
    pub(crate) kind: Kind,
    pub(crate) sha256: String,
    pub(crate) size: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Whether the frame could be read, which tells an image from bytes that begin like one.
    pub(crate) readable: bool,
    /// Frames a second; 0 for images and where it cannot be told.
    pub(crate) fps: f64,
    /// Seconds; 0 for images and where it cannot be told.
    pub(crate) duration_s: f64,
}

impl Medium {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let kind = Kind::of(bytes);
        let mut medium = Self {
            kind,
            sha256: sha256_hex(bytes),
            size: bytes.len(),
            width: 0,
            height: 0,
            readable: false,
            fps: 0.0,
            duration_s: 0.0,
        };
        if kind.is_image()
            && let Ok(size) = imagesize::blob_size(bytes)
        {
            medium.width = size.width;
            medium.height = size.height;
            medium.readable = size.width > 0 && size.height > 0;
        }
        if kind.is_video() {
            medium.read_video(bytes);
        }
        medium
    }

    fn read_video(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let Ok(file) = re_mp4::Mp4::read(Cursor::new(bytes), length) else {
            return;
        };
        let video = file
            .tracks()
            .values()
            .find(|track| track.kind == Some(re_mp4::TrackKind::Video));
        let Some(track) = video else { return };
        self.width = usize::from(track.width);
        self.height = usize::from(track.height);
        self.readable = true;
        if track.timescale > 0 && track.duration > 0 {
            self.duration_s = to_f64(track.duration) / to_f64(track.timescale);
            let frames = u64::try_from(track.samples.len()).unwrap_or_default();
            self.fps = to_f64(frames) / self.duration_s;
        }
    }

    /// Width over height; 0 where unknown.
    pub(crate) fn ratio(&self) -> f64 {
        if self.height == 0 {
            0.0
        } else {
            to_f64(self.width as u64) / to_f64(self.height as u64)
        }
    }
}

fn to_f64(number: u64) -> f64 {
    // Exact up to 2^32, far beyond any frame count, duration or width that matters here.
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// SHA-256 in lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

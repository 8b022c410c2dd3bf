//! What the emulators look at in a file: its kind, its size, its frame.

use std::fmt::Write as _;
use std::io::{self, BufReader, Cursor, Read, Seek};

use sha2::{Digest as _, Sha256};

use crate::spool::Spool;

/// The kinds of file that are told apart by their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Jpeg,
    Png,
    Gif,
    Webp,
    Mp4,
    Bmp,
    Tiff,
    Pdf,
    /// A file of an office program, in its old form or in its new one, which is a ZIP archive.
    Office,
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
        } else if bytes.starts_with(b"BM") {
            Self::Bmp
        } else if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") {
            Self::Tiff
        } else if bytes.starts_with(b"%PDF-") {
            Self::Pdf
        } else if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
            Self::Office
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
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Pdf => "application/pdf",
            Self::Office | Self::Other => "application/octet-stream",
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
        let mut medium = Self::unread(kind, sha256_hex(bytes), bytes.len());
        if kind.is_image()
            && let Ok(size) = imagesize::blob_size(bytes)
        {
            medium.has_frame(size);
        }
        if kind.is_video() {
            medium.read_video(Cursor::new(bytes));
        }
        medium
    }

    /// The same of a file on disk, of which no more than a piece is ever in memory.
    pub(crate) fn of_spool(spool: &mut Spool) -> io::Result<Self> {
        let mut hash = Sha256::new();
        let mut kind = None;
        spool.for_each_piece(|piece| {
            kind.get_or_insert_with(|| Kind::of(piece));
            hash.update(piece);
        })?;
        let kind = kind.unwrap_or(Kind::Other);
        let size = usize::try_from(spool.len()).unwrap_or(usize::MAX);
        let mut medium = Self::unread(kind, hex(&hash.finalize()), size);
        if kind.is_image()
            && let Ok(size) = imagesize::reader_size(BufReader::new(spool.rewound()?))
        {
            medium.has_frame(size);
        }
        if kind.is_video() {
            medium.read_video(BufReader::new(spool.rewound()?));
        }
        Ok(medium)
    }

    fn unread(kind: Kind, sha256: String, size: usize) -> Self {
        Self {
            kind,
            sha256,
            size,
            width: 0,
            height: 0,
            readable: false,
            fps: 0.0,
            duration_s: 0.0,
        }
    }

    fn has_frame(&mut self, size: imagesize::ImageSize) {
        self.width = size.width;
        self.height = size.height;
        self.readable = size.width > 0 && size.height > 0;
    }

    fn read_video(&mut self, file: impl Read + Seek) {
        let length = u64::try_from(self.size).unwrap_or(u64::MAX);
        let Ok(file) = re_mp4::Mp4::read(file, length) else {
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
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{VideoShape, mp4};

    #[test]
    fn a_file_on_disk_is_judged_like_one_in_memory() {
        for bytes in [mp4(VideoShape::default(), 1), crate::samples::jpeg(320, 200, 1)] {
            let mut spool = Spool::new().unwrap();
            spool.append(&bytes).unwrap();
            let medium = Medium::of_spool(&mut spool).unwrap();
            assert!(medium.readable);
            assert_eq!(medium, Medium::of(&bytes));
        }
    }
}

//! What a file is, told from its bytes.
//!
//! Everything here reads files of strangers. Nothing is allocated by a number that a file names without holding it
//! against a bound first, every loop consumes input, and every read is of a few bytes at a known place.

use std::io::{BufReader, Read, Seek, SeekFrom};

use domain::content::MediaKind;

use crate::error::Error;

mod gif;
pub(crate) mod jpeg;
mod matroska;
mod mp4;
mod sniff;
#[cfg(test)]
mod tests;

pub use sniff::{Sniffed, sniff};

/// A picture with more pixels is refused: drawing it could take a gigabyte.
pub const PIXELS_MAX: u64 = 100_000_000;
/// How many bytes at the start of a file [`sniff`] looks at.
pub const HEAD_BYTES: usize = 64;

/// What was found out about a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// What it is.
    pub kind: MediaKind,
    /// Its media type.
    pub mime: &'static str,
    /// Pixels across, rotation applied.
    pub width: Option<u32>,
    /// Pixels down, rotation applied.
    pub height: Option<u32>,
    /// Length of a film in milliseconds.
    pub duration_ms: Option<u64>,
    /// Frames a second of a film, over its whole length.
    pub frame_rate: Option<f64>,
    /// The four letters that name a film's coding, such as `avc1` (mp4ra.org), or the name that Matroska has for it.
    pub codec: Option<String>,
    /// The same of a film's first sound track, if it has one.
    pub audio: Option<String>,
    /// By how many degrees, clockwise, the stored pixels are turned to be seen: 0, 90, 180 or 270.
    pub rotation: u16,
    /// Whether it is a picture in the colours of print, which hardly any platform takes.
    pub is_cmyk: bool,
}

impl Probe {
    const fn of(sniffed: Sniffed) -> Self {
        Self {
            kind: sniffed.kind,
            mime: sniffed.mime,
            width: None,
            height: None,
            duration_ms: None,
            frame_rate: None,
            codec: None,
            audio: None,
            rotation: 0,
            is_cmyk: false,
        }
    }

    fn sized(mut self, width: u64, height: u64) -> Result<Self, Error> {
        if width == 0 || height == 0 {
            return Err(Error::Malformed("it has no extent"));
        }
        if width.saturating_mul(height) > PIXELS_MAX {
            return Err(Error::TooManyPixels {
                width,
                height,
                pixels_max: PIXELS_MAX,
            });
        }
        self.width = u32::try_from(width).ok();
        self.height = u32::try_from(height).ok();
        Ok(self)
    }
}

/// Looks at a file of `len` bytes.
///
/// # Errors
/// [`Error::Unsupported`] for an unknown kind, [`Error::Truncated`], [`Error::Malformed`] and
/// [`Error::TooManyPixels`] for a known one that is not as it should be.
pub fn probe<R: Read + Seek>(mut reader: R, len: u64) -> Result<Probe, Error> {
    let head = read_head(&mut reader)?;
    if head.is_empty() {
        return Err(Error::Empty);
    }
    let sniffed = sniff(&head).ok_or(Error::Unsupported)?;
    let found = Probe::of(sniffed);
    let mut reader = BufReader::new(reader);
    reader.seek(SeekFrom::Start(0))?;
    match sniffed.mime {
        "image/jpeg" => {
            let picture = jpeg::read(&mut reader)?;
            let found = Probe {
                rotation: picture.rotation,
                is_cmyk: picture.components == 4,
                ..found
            };
            found.sized(picture.width.into(), picture.height.into())
        }
        "image/gif" => {
            let picture = gif::read(&mut reader)?;
            let mut found = found.sized(picture.width.into(), picture.height.into())?;
            if picture.frames > 1 {
                found.kind = MediaKind::Animation;
            }
            Ok(found)
        }
        "image/png" => {
            check_png(&mut reader, len)?;
            sized_by_header(found, reader)
        }
        "image/webp" => {
            check_webp(&head, len)?;
            sized_by_header(found, reader)
        }
        "image/heic" | "image/heif" | "image/avif" => {
            mp4::check_boxes(&mut reader, len)?;
            sized_by_header(found, reader)
        }
        "video/mp4" | "video/quicktime" | "video/3gpp" => {
            let film = mp4::read(&mut reader, len)?;
            Ok(Probe {
                width: Some(film.width),
                height: Some(film.height),
                duration_ms: Some(film.duration_ms),
                frame_rate: film.frame_rate,
                codec: Some(film.codec),
                audio: film.audio,
                rotation: film.rotation,
                ..found
            })
        }
        "video/webm" | "video/x-matroska" => {
            let film = matroska::read(&mut reader, len)?;
            let found = found.sized(film.width, film.height)?;
            Ok(Probe {
                duration_ms: film.duration_ms,
                frame_rate: film.frame_rate,
                codec: Some(film.codec),
                audio: film.audio,
                ..found
            })
        }
        _ => Ok(found),
    }
}

fn read_head<R: Read + Seek>(reader: &mut R) -> Result<Vec<u8>, Error> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.seek(SeekFrom::Start(0))?;
    reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

fn sized_by_header<R: std::io::BufRead + Seek>(found: Probe, mut reader: R) -> Result<Probe, Error> {
    reader.seek(SeekFrom::Start(0))?;
    let size = imagesize::reader_size(reader).map_err(|error| match error {
        imagesize::ImageError::IoError(error) => Error::from(error),
        _ => Error::Malformed("its header does not give its size"),
    })?;
    found.sized(size.width as u64, size.height as u64)
}

/// Walks the chunks of a PNG to its end (www.w3.org/TR/png, 5.3).
fn check_png<R: Read + Seek>(reader: &mut BufReader<R>, len: u64) -> Result<(), Error> {
    let mut at = 8;
    let mut is_first = true;
    loop {
        reader.seek(SeekFrom::Start(at))?;
        let mut header = [0; 8];
        reader.read_exact(&mut header)?;
        let [a, b, c, d, name @ ..] = header;
        let end = at + 12 + u64::from(u32::from_be_bytes([a, b, c, d]));
        if end > len {
            return Err(Error::Truncated("a chunk of the PNG ends after the file"));
        }
        match &name {
            b"IHDR" if is_first => is_first = false,
            _ if is_first => return Err(Error::Malformed("a PNG must start with its header")),
            b"IEND" => return Ok(()),
            _ => {}
        }
        at = end;
    }
}

/// Holds the length that a WebP names against the file's (developers.google.com/speed/webp, RIFF container).
fn check_webp(head: &[u8], len: u64) -> Result<(), Error> {
    let Some([a, b, c, d]) = head.get(4..8) else {
        return Err(Error::Truncated("a WebP has a header of 12 bytes"));
    };
    let named = u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
    if named + 8 > len {
        Err(Error::Truncated("a WebP is shorter than it says"))
    } else {
        Ok(())
    }
}

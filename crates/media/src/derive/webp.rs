//! WebP without what it tells beside itself (RFC 9649, 2.7): the Exif and XMP chunks are left out.

use std::io::{BufRead, Read, Seek, SeekFrom, Write};

use domain::derive::Survey;

use crate::error::Error;
use crate::exif;

/// The longest Exif or XMP that is looked into, in bytes; what is longer counts as telling everything.
const METADATA_BYTES_MAX: u32 = 256 * 1_024;
/// Where the first chunk begins.
const FIRST: u64 = 12;
/// In the first byte of the extended header: there is Exif, there is XMP, it moves.
const HAS_EXIF: u8 = 0x08;
const HAS_XMP: u8 = 0x04;
const MOVES: u8 = 0x02;

/// A chunk: its name, where that stands, and how long its body is.
struct Chunk {
    name: [u8; 4],
    at: u64,
    body: u32,
}

impl Chunk {
    /// The chunk at this place; `None` at the end of the file.
    fn next<R: BufRead + Seek>(reader: &mut R, at: u64, len: u64) -> Result<Option<Self>, Error> {
        if at + 8 > len {
            return Ok(None);
        }
        reader.seek(SeekFrom::Start(at))?;
        let mut header = [0; 8];
        reader.read_exact(&mut header)?;
        let [n0, n1, n2, n3, a, b, c, d] = header;
        let chunk = Self {
            name: [n0, n1, n2, n3],
            at,
            body: u32::from_le_bytes([a, b, c, d]),
        };
        if chunk.at + 8 + u64::from(chunk.body) > len {
            return Err(Error::Truncated("a chunk of the WebP ends after the file"));
        }
        Ok(Some(chunk))
    }

    /// Bodies of odd length are followed by a byte that means nothing.
    const fn end(&self) -> u64 {
        self.at + 8 + self.body as u64 + (self.body % 2) as u64
    }

    const fn is_about_the_picture(&self) -> bool {
        !matches!(&self.name, b"EXIF" | b"XMP ")
    }
}

/// Looks at the names of the chunks, and into those that may name a place.
pub(super) fn survey<R: BufRead + Seek>(reader: &mut R, len: u64) -> Result<Survey, Error> {
    let mut found = Survey::default();
    let mut at = FIRST;
    while let Some(chunk) = Chunk::next(reader, at, len)? {
        at = chunk.end();
        match &chunk.name {
            b"VP8X" => {
                let mut flags = [0];
                reader.read_exact(&mut flags)?;
                found.is_animated |= flags.first().is_some_and(|flags| flags & MOVES != 0);
            }
            b"ANIM" | b"ANMF" => found.is_animated = true,
            b"EXIF" | b"XMP " => found.tells_location |= tells_location(reader, &chunk)?,
            _ => {}
        }
    }
    Ok(found)
}

fn tells_location<R: BufRead>(reader: &mut R, chunk: &Chunk) -> Result<bool, Error> {
    if chunk.body > METADATA_BYTES_MAX {
        return Ok(true);
    }
    let mut body = Vec::new();
    reader.by_ref().take(chunk.body.into()).read_to_end(&mut body)?;
    Ok(if &chunk.name == b"EXIF" {
        exif::tells_location(body.strip_prefix(b"Exif\0\0").unwrap_or(&body))
    } else {
        super::xmp_tells_location(&body)
    })
}

/// Copies the picture. The container says its length first, so its chunks are walked twice.
pub(super) fn clean<R: BufRead + Seek>(reader: &mut R, len: u64, out: &mut dyn Write) -> Result<(), Error> {
    let mut kept = 4;
    let mut at = FIRST;
    while let Some(chunk) = Chunk::next(reader, at, len)? {
        at = chunk.end();
        if chunk.is_about_the_picture() {
            kept += chunk.end() - chunk.at;
        }
    }
    let kept = u32::try_from(kept).map_err(|_| Error::Malformed("a WebP is longer than it can say"))?;
    out.write_all(b"RIFF")?;
    out.write_all(&kept.to_le_bytes())?;
    out.write_all(b"WEBP")?;
    let mut at = FIRST;
    while let Some(chunk) = Chunk::next(reader, at, len)? {
        at = chunk.end();
        if chunk.is_about_the_picture() {
            copy(reader, &chunk, out)?;
        }
    }
    Ok(())
}

fn copy<R: BufRead + Seek>(reader: &mut R, chunk: &Chunk, out: &mut dyn Write) -> Result<(), Error> {
    out.write_all(&chunk.name)?;
    out.write_all(&chunk.body.to_le_bytes())?;
    let mut left = u64::from(chunk.body);
    if &chunk.name == b"VP8X" && left > 0 {
        let mut flags = [0];
        reader.read_exact(&mut flags)?;
        out.write_all(&flags.map(|flags| flags & !(HAS_EXIF | HAS_XMP)))?;
        left -= 1;
    }
    std::io::copy(&mut reader.by_ref().take(left), out)?;
    if chunk.body % 2 == 1 {
        out.write_all(&[0])?;
    }
    Ok(())
}

//! PNG without what it tells beside itself (www.w3.org/TR/png, 5.3 and 11): texts, times and Exif are left out.

use std::io::{BufRead, Read, Seek, SeekFrom, Write};

use domain::derive::Survey;

use crate::error::Error;
use crate::exif;

/// The longest Exif that is looked into, in bytes; what is longer counts as telling everything.
const EXIF_BYTES_MAX: u32 = 64 * 1_024;

/// A chunk: its name, where its length stands, and how long its body is.
struct Chunk {
    name: [u8; 4],
    at: u64,
    body: u32,
}

impl Chunk {
    fn next<R: BufRead + Seek>(reader: &mut R, at: u64, len: u64) -> Result<Self, Error> {
        reader.seek(SeekFrom::Start(at))?;
        let mut header = [0; 8];
        reader.read_exact(&mut header)?;
        let [a, b, c, d, name @ ..] = header;
        let chunk = Self {
            name,
            at,
            body: u32::from_be_bytes([a, b, c, d]),
        };
        if chunk.end() > len {
            return Err(Error::Truncated("a chunk of the PNG ends after the file"));
        }
        Ok(chunk)
    }

    const fn end(&self) -> u64 {
        self.at + 12 + self.body as u64
    }

    const fn is_about_the_picture(&self) -> bool {
        !matches!(&self.name, b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt" | b"tIME")
    }
}

/// Looks at the names of the chunks, and into those that may name a place.
pub(super) fn survey<R: BufRead + Seek>(reader: &mut R, len: u64) -> Result<Survey, Error> {
    let mut found = Survey::default();
    let mut at = 8;
    loop {
        let chunk = Chunk::next(reader, at, len)?;
        at = chunk.end();
        match &chunk.name {
            b"IEND" => return Ok(found),
            b"acTL" => found.is_animated = true,
            b"eXIf" => found.tells_location |= exif_tells_location(reader, &chunk)?,
            b"tEXt" | b"zTXt" | b"iTXt" => found.tells_location |= is_embedded_metadata(reader, &chunk)?,
            _ => {}
        }
    }
}

/// Copies the picture.
pub(super) fn clean<R: BufRead + Seek>(reader: &mut R, len: u64, out: &mut dyn Write) -> Result<(), Error> {
    reader.seek(SeekFrom::Start(0))?;
    std::io::copy(&mut reader.by_ref().take(8), out)?;
    let mut at = 8;
    loop {
        let chunk = Chunk::next(reader, at, len)?;
        at = chunk.end();
        if chunk.is_about_the_picture() {
            reader.seek(SeekFrom::Start(chunk.at))?;
            std::io::copy(&mut reader.by_ref().take(chunk.end() - chunk.at), out)?;
        }
        if &chunk.name == b"IEND" {
            return Ok(());
        }
    }
}

fn exif_tells_location<R: BufRead>(reader: &mut R, chunk: &Chunk) -> Result<bool, Error> {
    if chunk.body > EXIF_BYTES_MAX {
        return Ok(true);
    }
    let mut tiff = Vec::new();
    reader.by_ref().take(chunk.body.into()).read_to_end(&mut tiff)?;
    Ok(exif::tells_location(&tiff))
}

/// Texts under these names hold XMP, Exif or IPTC, often compressed: what they say is not looked into.
fn is_embedded_metadata<R: BufRead>(reader: &mut R, chunk: &Chunk) -> Result<bool, Error> {
    let mut keyword = Vec::new();
    reader
        .by_ref()
        .take(u64::from(chunk.body).min(80))
        .read_to_end(&mut keyword)?;
    Ok(keyword.starts_with(b"XML:com.adobe.xmp") || keyword.starts_with(b"Raw profile type"))
}

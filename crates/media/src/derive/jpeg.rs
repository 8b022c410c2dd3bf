//! JPEG without what it tells beside itself (ITU-T T.81, B.1): segments of applications and comments are left out but for
//! colours, and so is whatever comes after the picture (cameras append films, maps and smaller pictures).

use std::io::{BufRead, Write};

use domain::derive::Survey;

use crate::error::Error;
use crate::exif;
use crate::probe::jpeg::next_marker;

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// What becomes of a segment.
enum Verdict {
    Keep,
    Drop { tells_location: bool },
}

/// Reads the segments before the picture.
pub(super) fn survey<R: BufRead>(reader: &mut R) -> Result<Survey, Error> {
    let mut found = Survey::default();
    skip_start(reader)?;
    loop {
        let marker = next_marker(reader)?;
        match marker {
            SCAN | END => return Ok(found),
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let body = segment(reader)?;
        if let Verdict::Drop { tells_location } = judge(marker, &body) {
            found.tells_location |= tells_location;
        }
    }
}

/// Copies the picture.
pub(super) fn clean<R: BufRead>(reader: &mut R, out: &mut dyn Write) -> Result<(), Error> {
    skip_start(reader)?;
    out.write_all(&[0xff, START])?;
    let mut marker = next_marker(reader)?;
    loop {
        match marker {
            END => {
                out.write_all(&[0xff, END])?;
                return Ok(());
            }
            0x01 | 0xd0..=0xd7 => out.write_all(&[0xff, marker])?,
            _ => {
                let body = segment(reader)?;
                match judge(marker, &body) {
                    Verdict::Keep => write_segment(out, marker, &body)?,
                    Verdict::Drop { .. } => keep_upright(out, marker, &body)?,
                }
            }
        }
        marker = if marker == SCAN {
            copy_scan(reader, out)?
        } else {
            next_marker(reader)?
        };
    }
}

fn skip_start<R: BufRead>(reader: &mut R) -> Result<(), Error> {
    match next_marker(reader)? {
        START => Ok(()),
        _ => Err(Error::Malformed("a JPEG does not start as one")),
    }
}

fn segment<R: BufRead>(reader: &mut R) -> Result<Vec<u8>, Error> {
    let mut length = [0; 2];
    reader.read_exact(&mut length)?;
    let length = u16::from_be_bytes(length)
        .checked_sub(2)
        .ok_or(Error::Malformed("a JPEG segment has no length"))?;
    let mut body = vec![0; usize::from(length)];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn write_segment(out: &mut dyn Write, marker: u8, body: &[u8]) -> Result<(), Error> {
    let length = u16::try_from(body.len() + 2).map_err(|_| Error::Malformed("a JPEG segment is too long"))?;
    out.write_all(&[0xff, marker])?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(body)?;
    Ok(())
}

fn judge(marker: u8, body: &[u8]) -> Verdict {
    let drop = |tells_location| Verdict::Drop { tells_location };
    match marker {
        // JFIF, and Adobe's word on how colours are coded.
        0xe0 | 0xee => Verdict::Keep,
        0xe1 => match body.strip_prefix(b"Exif\0\0") {
            Some(tiff) => drop(exif::tells_location(tiff)),
            None => drop(super::xmp_tells_location(body)),
        },
        0xe2 if body.starts_with(b"ICC_PROFILE\0") => Verdict::Keep,
        // Other pictures behind this one, each with an Exif of its own (CIPA DC-007).
        0xe2 => drop(body.starts_with(b"MPF\0")),
        // Photoshop's resources; 0x0404 holds IPTC, which has fields for places.
        0xed => drop(body.windows(6).any(|window| window == b"8BIM\x04\x04")),
        0xe3..=0xef | 0xfe => drop(false),
        _ => Verdict::Keep,
    }
}

/// An Exif segment leaves its orientation behind, since the pixels are not turned.
fn keep_upright(out: &mut dyn Write, marker: u8, body: &[u8]) -> Result<(), Error> {
    let tiff = (marker == 0xe1).then(|| body.strip_prefix(b"Exif\0\0")).flatten();
    match tiff.and_then(exif::orientation).filter(|orientation| *orientation > 1) {
        Some(orientation) => {
            let body = [&b"Exif\0\0"[..], &exif::only_orientation(orientation)].concat();
            write_segment(out, marker, &body)
        }
        None => Ok(()),
    }
}

/// Copies coded data up to the next marker that is not part of it, and returns that.
fn copy_scan<R: BufRead>(reader: &mut R, out: &mut dyn Write) -> Result<u8, Error> {
    let mut after_ff = false;
    loop {
        let block = reader.fill_buf()?;
        let Some(first) = block.first().copied() else {
            return Err(Error::Truncated("a JPEG has no end marker"));
        };
        if after_ff {
            reader.consume(1);
            match first {
                // Fill bytes.
                0xff => {}
                0x00 | 0xd0..=0xd7 => {
                    out.write_all(&[0xff, first])?;
                    after_ff = false;
                }
                marker => return Ok(marker),
            }
            continue;
        }
        let plain = block.iter().position(|byte| *byte == 0xff).unwrap_or(block.len());
        after_ff = plain < block.len();
        out.write_all(block.get(..plain).unwrap_or_default())?;
        reader.consume(plain + usize::from(after_ff));
    }
}

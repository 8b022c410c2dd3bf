//! JPEG: extent and orientation (ITU-T T.81, B.1; Exif 2.32, 4.6.2 and 4.6.4).

use std::io::{BufRead, Seek};

use crate::error::Error;
use crate::exif;

/// A JPEG's extent as it is to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jpeg {
    /// Pixels across.
    pub(super) width: u16,
    /// Pixels down.
    pub(super) height: u16,
    /// Degrees, clockwise, by which its pixels are turned to be seen.
    pub(super) rotation: u16,
    /// Colour components: one is grey, three are the usual, four are those of print.
    pub(super) components: u8,
}

/// Reads markers to the first scan and makes sure that the picture ends.
pub(super) fn read<R: BufRead + Seek>(reader: &mut R) -> Result<Jpeg, Error> {
    let mut start = [0; 2];
    reader.read_exact(&mut start)?;
    let mut size = None;
    let mut orientation = 1;
    let mut components = 3;
    loop {
        let marker = next_marker(reader)?;
        match marker {
            // Restart markers and the like stand alone.
            0x01 | 0xd0..=0xd8 => continue,
            0xd9 => return Err(Error::Truncated("a JPEG ends before its picture")),
            _ => {}
        }
        let mut length = [0; 2];
        reader.read_exact(&mut length)?;
        let body = u16::from_be_bytes(length)
            .checked_sub(2)
            .ok_or(Error::Malformed("a JPEG segment has no length"))?;
        match marker {
            0xda => break,
            0xe1 => {
                let mut segment = vec![0; usize::from(body)];
                reader.read_exact(&mut segment)?;
                if let Some(tiff) = segment.strip_prefix(b"Exif\0\0") {
                    orientation = exif::orientation(tiff).unwrap_or(1);
                }
            }
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let mut frame = [0; 6];
                reader.read_exact(&mut frame)?;
                let [_, a, b, c, d, parts] = frame;
                components = parts;
                size = Some((u16::from_be_bytes([c, d]), u16::from_be_bytes([a, b])));
                reader.seek_relative(i64::from(body) - 6)?;
            }
            _ => reader.seek_relative(i64::from(body))?,
        }
    }
    let (width, height) = size.ok_or(Error::Malformed("a JPEG scan comes before its frame"))?;
    find_end(reader)?;
    let (width, height) = if is_on_its_side(orientation) {
        (height, width)
    } else {
        (width, height)
    };
    Ok(Jpeg {
        width,
        height,
        rotation: rotation(orientation),
        components,
    })
}

/// The turn in each orientation, mirrored ones included (Exif 2.32, 4.6.4).
const fn rotation(orientation: u16) -> u16 {
    match orientation {
        3 | 4 => 180,
        5 | 6 => 90,
        7 | 8 => 270,
        _ => 0,
    }
}

/// The next marker's code.
pub(crate) fn next_marker<R: BufRead>(reader: &mut R) -> Result<u8, Error> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    if byte != [0xff] {
        return Err(Error::Malformed("a JPEG segment does not start with a marker"));
    }
    // Any number of fill bytes may come before a marker's code.
    while byte == [0xff] {
        reader.read_exact(&mut byte)?;
    }
    let [marker] = byte;
    Ok(marker)
}

/// In coded data a 0xff is always followed by a zero, so the first end marker is the picture's. What comes after it
/// (cameras append films and maps) is nobody's business.
fn find_end<R: BufRead>(reader: &mut R) -> Result<(), Error> {
    let mut last = 0;
    loop {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Err(Error::Truncated("a JPEG has no end marker"));
        }
        let ends_across = last == 0xff && block.first() == Some(&0xd9);
        if ends_across || block.windows(2).any(|pair| pair == [0xff, 0xd9]) {
            return Ok(());
        }
        last = block.last().copied().unwrap_or(0);
        let used = block.len();
        reader.consume(used);
    }
}

/// The orientations 5 to 8 turn the picture by a quarter.
const fn is_on_its_side(orientation: u16) -> bool {
    orientation >= 5
}

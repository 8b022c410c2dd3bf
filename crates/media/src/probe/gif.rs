//! GIF: extent and number of pictures (www.w3.org/Graphics/GIF/spec-gif89a.txt).

use std::io::{BufRead, Seek};

use crate::error::Error;

/// What a GIF holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gif {
    /// Pixels across.
    pub(super) width: u16,
    /// Pixels down.
    pub(super) height: u16,
    /// Pictures in it; more than one make an animation.
    pub(super) frames: u32,
}

/// Walks the blocks of a GIF to its end.
pub(super) fn read<R: BufRead + Seek>(reader: &mut R) -> Result<Gif, Error> {
    let mut header = [0; 13];
    reader.read_exact(&mut header)?;
    let [.., w0, w1, h0, h1, flags, _, _] = header;
    skip_colors(reader, flags)?;
    let mut gif = Gif {
        width: u16::from_le_bytes([w0, w1]),
        height: u16::from_le_bytes([h0, h1]),
        frames: 0,
    };
    // Some writers leave the trailer out; a file that ends between two blocks is whole.
    while let Some(introducer) = reader.fill_buf()?.first().copied() {
        reader.consume(1);
        match introducer {
            0x2c => {
                let mut descriptor = [0; 9];
                reader.read_exact(&mut descriptor)?;
                let [.., flags] = descriptor;
                skip_colors(reader, flags)?;
                reader.seek_relative(1)?;
                skip_sub_blocks(reader)?;
                gif.frames = gif.frames.saturating_add(1);
            }
            0x21 => {
                reader.seek_relative(1)?;
                skip_sub_blocks(reader)?;
            }
            0x3b => break,
            _ => return Err(Error::Malformed("a GIF has a block of no known kind")),
        }
    }
    if gif.frames == 0 {
        Err(Error::Truncated("a GIF has no picture"))
    } else {
        Ok(gif)
    }
}

fn skip_colors<R: BufRead + Seek>(reader: &mut R, flags: u8) -> Result<(), Error> {
    if flags & 0x80 != 0 {
        reader.seek_relative(3 << ((flags & 7) + 1))?;
    }
    Ok(())
}

fn skip_sub_blocks<R: BufRead + Seek>(reader: &mut R) -> Result<(), Error> {
    loop {
        let mut size = [0];
        reader.read_exact(&mut size)?;
        let [size] = size;
        if size == 0 {
            return Ok(());
        }
        reader.seek_relative(i64::from(size))?;
    }
}

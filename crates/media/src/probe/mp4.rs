//! Films in the ISO base media format and QuickTime (ISO/IEC 14496-12): length, extent, frame rate, coding.
//!
//! Only the index is read: `moov`, wherever it lies, and the headers of fragments. The known parsers of this format
//! build a record for every sample, and trust the counts in the file; a kilobyte can make them fill the memory or stop
//! with a panic. Here tables are summed up and never unrolled.

use std::io::{Read, Seek, SeekFrom};

use crate::error::Error;

/// The largest index that is read, in bytes: ten hours of film need a fraction of it.
const INDEX_BYTES_MAX: u64 = 32 * 1_024 * 1_024;
/// The most boxes at the top of a file, so that a file of empty boxes ends.
const BOXES_MAX: u32 = 200_000;
/// The most bytes of fragment headers that are read.
const FRAGMENT_BYTES_MAX: u64 = 32 * 1_024 * 1_024;

/// What was found out about a film.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Film {
    /// Pixels across, rotation applied.
    pub(super) width: u32,
    /// Pixels down, rotation applied.
    pub(super) height: u32,
    /// Its length in milliseconds.
    pub(super) duration_ms: u64,
    /// Frames a second over its whole length.
    pub(super) frame_rate: Option<f64>,
    /// The four letters of its coding.
    pub(super) codec: String,
    /// The four letters of its first sound track's coding.
    pub(super) audio: Option<String>,
    /// Degrees, clockwise, by which its pictures are turned to be seen.
    pub(super) rotation: u16,
}

/// A box at the top of the file.
struct TopBox {
    name: [u8; 4],
    body: u64,
    end: u64,
}

/// Makes sure that the boxes at the top fill the file exactly and that there are data among them.
pub(super) fn check_boxes<R: Read + Seek>(reader: &mut R, len: u64) -> Result<(), Error> {
    walk(reader, len, |_, _| Ok(()))
}

/// Reads the index of a film of `len` bytes.
pub(super) fn read<R: Read + Seek>(reader: &mut R, len: u64) -> Result<Film, Error> {
    let mut index = None;
    let mut fragments = Vec::new();
    let mut fragment_bytes = 0;
    walk(reader, len, |reader, top| {
        let size = top.end - top.body;
        match &top.name {
            b"moov" if size > INDEX_BYTES_MAX => return Err(Error::Malformed("the index of the film is too large")),
            b"moov" if index.is_none() => index = Some(read_body(reader, top)?),
            b"moof" => {
                fragment_bytes += size;
                if fragment_bytes > FRAGMENT_BYTES_MAX {
                    return Err(Error::Malformed("the film has too many fragments"));
                }
                fragments.push(read_body(reader, top)?);
            }
            _ => {}
        }
        Ok(())
    })?;
    let index = index.ok_or(Error::Truncated("the film has no index"))?;
    let mut movie = Movie::read(&index)?;
    for fragment in &fragments {
        movie.add_fragment(fragment)?;
    }
    movie.film()
}

fn walk<R: Read + Seek>(
    reader: &mut R,
    len: u64,
    mut visit: impl FnMut(&mut R, &TopBox) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut at = 0;
    let mut has_data = false;
    for _ in 0..BOXES_MAX {
        if at == len {
            return if has_data {
                Ok(())
            } else {
                Err(Error::Truncated("the file ends before its data"))
            };
        }
        let top = top_box(reader, at, len)?;
        has_data |= top.name == *b"mdat";
        visit(reader, &top)?;
        at = top.end;
    }
    Err(Error::Malformed("the file has too many boxes"))
}

fn top_box<R: Read + Seek>(reader: &mut R, at: u64, len: u64) -> Result<TopBox, Error> {
    reader.seek(SeekFrom::Start(at))?;
    let mut header = [0; 8];
    reader.read_exact(&mut header)?;
    let [a, b, c, d, name @ ..] = header;
    let (body, size) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (at + 8, len - at),
        1 => {
            let mut large = [0; 8];
            reader.read_exact(&mut large)?;
            (at + 16, u64::from_be_bytes(large))
        }
        size => (at + 8, u64::from(size)),
    };
    let end = at
        .checked_add(size)
        .filter(|end| *end >= body)
        .ok_or(Error::Malformed("a box has an impossible size"))?;
    if end > len {
        return Err(Error::Truncated("a box ends after the file"));
    }
    Ok(TopBox { name, body, end })
}

fn read_body<R: Read + Seek>(reader: &mut R, top: &TopBox) -> Result<Vec<u8>, Error> {
    let size = usize::try_from(top.end - top.body).map_err(|_| Error::Malformed("a box has an impossible size"))?;
    let mut body = vec![0; size];
    reader.seek(SeekFrom::Start(top.body))?;
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// A box within another: its name and its body.
type Inner<'a> = ([u8; 4], &'a [u8]);

/// The first of `bytes` as a box, and the rest.
fn split_box(bytes: &[u8]) -> Result<(Inner<'_>, &[u8]), Error> {
    let broken = Error::Malformed("a box does not fit into its parent");
    let Some((header, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(broken);
    };
    let [a, b, c, d, name @ ..] = *header;
    let body = match u32::from_be_bytes([a, b, c, d]) {
        0 => Some(rest.len()),
        size => usize::try_from(size).ok().and_then(|size| size.checked_sub(8)),
    };
    match body.and_then(|body| rest.split_at_checked(body)) {
        Some((body, rest)) => Ok(((name, body), rest)),
        None => Err(broken),
    }
}

/// The boxes in `bytes`. QuickTime ends some lists with four zero bytes.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = Result<Inner<'_>, Error>> {
    std::iter::from_fn(move || {
        if bytes.len() < 8 {
            return None;
        }
        let found = split_box(bytes);
        bytes = found.as_ref().map_or(&[][..], |(_, rest)| rest);
        Some(found.map(|(inner, _)| inner))
    })
}

/// The body of the box at `path` in `bytes`.
fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Result<Option<&'a [u8]>, Error> {
    let Some((first, rest)) = path.split_first() else {
        return Ok(Some(bytes));
    };
    for found in boxes(bytes) {
        let (name, body) = found?;
        if name == **first {
            return find(body, rest);
        }
    }
    Ok(None)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Error> {
    let chunk = bytes.get(at..).and_then(<[u8]>::first_chunk);
    chunk
        .map(|chunk| u32::from_be_bytes(*chunk))
        .ok_or(Error::Malformed("a box is too short"))
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Error> {
    Ok(u64::from(u32_at(bytes, at)?) << 32 | u64::from(u32_at(bytes, at + 4)?))
}

/// Units a second and a number of them, from `mvhd` or `mdhd`, whose layouts begin alike.
fn time_header(body: &[u8]) -> Result<(u32, u64), Error> {
    let is_long = body.first() == Some(&1);
    let (scale, duration) = if is_long {
        (u32_at(body, 20)?, u64_at(body, 24)?)
    } else {
        (u32_at(body, 12)?, u64::from(u32_at(body, 16)?))
    };
    // All ones stand for "unknown".
    let is_unknown = duration == u64::MAX || (!is_long && duration == u64::from(u32::MAX));
    Ok((scale, if is_unknown { 0 } else { duration }))
}

fn milliseconds(units: u64, scale: u32) -> u64 {
    u128::from(units)
        .checked_mul(1_000)
        .and_then(|millis| millis.checked_div(scale.into()))
        .and_then(|millis| u64::try_from(millis).ok())
        .unwrap_or(0)
}

/// The film's index and its first track with pictures.
struct Movie {
    duration_ms: u64,
    track: u32,
    width: u32,
    height: u32,
    codec: String,
    audio: Option<String>,
    rotation: u16,
    scale: u32,
    frames: u64,
    units: u64,
    /// What a fragment's frame lasts when it does not say so.
    units_by_default: u32,
}

impl Movie {
    fn read(index: &[u8]) -> Result<Self, Error> {
        let header = find(index, &[b"mvhd"])?.ok_or(Error::Malformed("the film has no header"))?;
        let (scale, duration) = time_header(header)?;
        let mut movie = None;
        let mut audio = None;
        for found in boxes(index) {
            let (name, body) = found?;
            let handler = if name == *b"trak" {
                find(body, &[b"mdia", b"hdlr"])?
            } else {
                None
            };
            match handler.and_then(|hdlr| hdlr.get(8..12)) {
                Some(b"vide") if movie.is_none() => {
                    movie = Some(Self::read_track(index, body, milliseconds(duration, scale))?);
                }
                Some(b"soun") if audio.is_none() => audio = sound(body)?,
                _ => {}
            }
        }
        let movie = movie.ok_or(Error::Malformed("the film has no track with pictures"))?;
        Ok(Self { audio, ..movie })
    }

    fn read_track(index: &[u8], track: &[u8], duration_ms: u64) -> Result<Self, Error> {
        let missing = || Error::Malformed("the index of the film lacks a part");
        let header = find(track, &[b"tkhd"])?.ok_or_else(missing)?;
        let (media_scale, media_units) = time_header(find(track, &[b"mdia", b"mdhd"])?.ok_or_else(missing)?)?;
        let samples = find(track, &[b"mdia", b"minf", b"stbl"])?.ok_or_else(missing)?;
        let (codec, coded) = description(find(samples, &[b"stsd"])?.ok_or_else(missing)?)?;
        let (id, shown, rotation) = shown_extent(header)?;
        let (width, height) = if shown.0 == 0 || shown.1 == 0 { coded } else { shown };
        if width == 0 || height == 0 {
            return Err(Error::Malformed("the film has no extent"));
        }
        let (frames, units) = find(samples, &[b"stts"])?.map_or(Ok((0, 0)), sum_times)?;
        let duration_ms = if duration_ms > 0 {
            duration_ms
        } else {
            milliseconds(media_units, media_scale)
        };
        Ok(Self {
            duration_ms,
            track: id,
            width,
            height,
            codec,
            audio: None,
            rotation,
            scale: media_scale,
            frames,
            units,
            units_by_default: default_units(index, id)?,
        })
    }

    /// Adds the frames that a `moof` lists for the track.
    fn add_fragment(&mut self, fragment: &[u8]) -> Result<(), Error> {
        for found in boxes(fragment) {
            let (name, body) = found?;
            if name != *b"traf" {
                continue;
            }
            let header = find(body, &[b"tfhd"])?.ok_or(Error::Malformed("a fragment has no header"))?;
            if u32_at(header, 4)? != self.track {
                continue;
            }
            let units_by_default = fragment_units(header)?.unwrap_or(self.units_by_default);
            for found in boxes(body) {
                let (name, run) = found?;
                if name == *b"trun" {
                    let (frames, units) = run_times(run, units_by_default)?;
                    self.frames = self.frames.saturating_add(frames);
                    self.units = self.units.saturating_add(units);
                }
            }
        }
        Ok(())
    }

    fn film(self) -> Result<Film, Error> {
        let counted_ms = milliseconds(self.units, self.scale);
        let duration_ms = if self.duration_ms > 0 {
            self.duration_ms
        } else {
            counted_ms
        };
        if duration_ms == 0 || self.frames == 0 {
            return Err(Error::Malformed("the film has no frames"));
        }
        // One frame says nothing about a rate.
        let is_rated = self.frames > 1 && self.units > 0 && self.scale > 0;
        let frame_rate = is_rated.then(|| self.frames as f64 * f64::from(self.scale) / self.units as f64);
        Ok(Film {
            width: self.width,
            height: self.height,
            duration_ms,
            frame_rate,
            codec: self.codec,
            audio: self.audio,
            rotation: self.rotation,
        })
    }
}

/// The coding of a sound track.
fn sound(track: &[u8]) -> Result<Option<String>, Error> {
    let Some(stsd) = find(track, &[b"mdia", b"minf", b"stbl", b"stsd"])? else {
        return Ok(None);
    };
    let entries = stsd.get(8..).unwrap_or_default();
    Ok(split_box(entries).ok().map(|((name, _), _)| letters(name)))
}

fn letters(name: [u8; 4]) -> String {
    String::from_utf8_lossy(&name).trim().to_owned()
}

/// The id of a track, the extent in which it is shown, its matrix applied, and the turn in that matrix.
fn shown_extent(tkhd: &[u8]) -> Result<(u32, (u32, u32), u16), Error> {
    let is_long = tkhd.first() == Some(&1);
    let (id, matrix) = if is_long {
        (u32_at(tkhd, 20)?, 52)
    } else {
        (u32_at(tkhd, 12)?, 40)
    };
    // Extents are 16.16 fixed point; the matrix is a b u c d v x y w, and a quarter turn has a and d zero.
    let (width, height) = (u32_at(tkhd, matrix + 36)? >> 16, u32_at(tkhd, matrix + 40)? >> 16);
    let (a, b) = (
        u32_at(tkhd, matrix)?.cast_signed(),
        u32_at(tkhd, matrix + 4)?.cast_signed(),
    );
    let d = u32_at(tkhd, matrix + 16)?;
    let rotation = match (a.signum(), b.signum(), d) {
        (0, 1, 0) => 90,
        (0, -1, 0) => 270,
        (-1, _, _) => 180,
        _ => 0,
    };
    let shown = if matches!(rotation, 90 | 270) {
        (height, width)
    } else {
        (width, height)
    };
    Ok((id, shown, rotation))
}

/// The coding and coded extent of the first entry of a sample description.
fn description(stsd: &[u8]) -> Result<(String, (u32, u32)), Error> {
    let entries = stsd.get(8..).ok_or(Error::Malformed("a box is too short"))?;
    let ((name, entry), _) = split_box(entries)?;
    let extent = u32_at(entry, 24)?;
    Ok((letters(name), (extent >> 16, extent & 0xffff)))
}

/// Frames and time units of a `stts`, whose entries are a count and a length.
fn sum_times(stts: &[u8]) -> Result<(u64, u64), Error> {
    let count = usize::try_from(u32_at(stts, 4)?).unwrap_or(usize::MAX);
    let entries = stts.get(8..).unwrap_or_default();
    if entries.len() / 8 < count {
        return Err(Error::Malformed("the table of times is cut off"));
    }
    let mut sum = (0_u64, 0_u64);
    for entry in entries.chunks_exact(8).take(count) {
        let (frames, length) = (u64::from(u32_at(entry, 0)?), u64::from(u32_at(entry, 4)?));
        sum = (
            sum.0.saturating_add(frames),
            sum.1.saturating_add(frames.saturating_mul(length)),
        );
    }
    Ok(sum)
}

/// What a frame of this track lasts in fragments, from `mvex`.
fn default_units(index: &[u8], track: u32) -> Result<u32, Error> {
    for found in boxes(find(index, &[b"mvex"])?.unwrap_or_default()) {
        let (name, body) = found?;
        if name == *b"trex" && u32_at(body, 4)? == track {
            return u32_at(body, 12);
        }
    }
    Ok(0)
}

/// What a frame lasts in this fragment, when its header says so.
fn fragment_units(tfhd: &[u8]) -> Result<Option<u32>, Error> {
    let flags = u32_at(tfhd, 0)?;
    if flags & 0x08 == 0 {
        return Ok(None);
    }
    let offset = 8 + if flags & 0x01 != 0 { 8 } else { 0 } + if flags & 0x02 != 0 { 4 } else { 0 };
    u32_at(tfhd, offset).map(Some)
}

/// Frames and time units of a `trun`.
fn run_times(trun: &[u8], units_by_default: u32) -> Result<(u64, u64), Error> {
    let flags = u32_at(trun, 0)?;
    let count = u32_at(trun, 4)?;
    if flags & 0x100 == 0 {
        return Ok((count.into(), u64::from(count).saturating_mul(units_by_default.into())));
    }
    let start = 8 + [0x01, 0x04].iter().filter(|bit| flags & **bit != 0).count() * 4;
    let stride = [0x100, 0x200, 0x400, 0x800]
        .iter()
        .filter(|bit| flags & **bit != 0)
        .count()
        * 4;
    let rows = trun.get(start..).unwrap_or_default();
    if rows.len() / stride < usize::try_from(count).unwrap_or(usize::MAX) {
        return Err(Error::Malformed("a fragment's table is cut off"));
    }
    let mut units = 0_u64;
    for row in rows
        .chunks_exact(stride)
        .take(usize::try_from(count).unwrap_or(usize::MAX))
    {
        units = units.saturating_add(u32_at(row, 0)?.into());
    }
    Ok((count.into(), units))
}

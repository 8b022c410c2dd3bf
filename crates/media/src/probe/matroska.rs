//! Films in Matroska and WebM (www.rfc-editor.org/rfc/rfc9559, EBML by rfc8794): length, extent, frame rate, coding.
//!
//! Only the descriptions are read; pictures are skipped. Nothing is allocated beyond a bound, and every loop consumes
//! input.

use std::io::{Read, Seek, SeekFrom};

use crate::error::Error;

/// The largest description that is read, in bytes.
const BODY_BYTES_MAX: u64 = 4 * 1_024 * 1_024;
/// The most elements at the top of a segment.
const ELEMENTS_MAX: u32 = 200_000;
/// What durations are counted in unless the file says so: nanoseconds.
const SCALE_NS: u64 = 1_000_000;

const EBML: u64 = 0x1a45_dfa3;
const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_a966;
const TRACKS: u64 = 0x1654_ae6b;
const CLUSTER: u64 = 0x1f43_b675;

/// What was found out about a film.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Film {
    /// Pixels across.
    pub(super) width: u64,
    /// Pixels down.
    pub(super) height: u64,
    /// Its length in milliseconds; a recording that was never finished has none.
    pub(super) duration_ms: Option<u64>,
    /// Frames a second, where the film says that they last equally long.
    pub(super) frame_rate: Option<f64>,
    /// The name of its coding, such as `V_VP9`.
    pub(super) codec: String,
    /// The name of its first sound track's coding.
    pub(super) audio: Option<String>,
}

/// An element's head: its id, where its body begins, and how long that is (`None`: to the end).
struct Head {
    id: u64,
    body: u64,
    size: Option<u64>,
}

/// Reads the descriptions of a film of `len` bytes.
pub(super) fn read<R: Read + Seek>(reader: &mut R, len: u64) -> Result<Film, Error> {
    let header = head(reader, 0)?;
    let at = match (header.id, header.size) {
        (EBML, Some(size)) => end_of(header.body, size, len)?,
        _ => return Err(Error::Malformed("a Matroska file has no header")),
    };
    let segment = head(reader, at)?;
    if segment.id != SEGMENT {
        return Err(Error::Malformed("a Matroska file has no segment"));
    }
    let end = match segment.size {
        Some(size) => end_of(segment.body, size, len)?,
        None => len,
    };
    let mut film = Film::default();
    let (mut has_info, mut has_tracks, mut has_pictures) = (false, false, false);
    let mut at = segment.body;
    for _ in 0..ELEMENTS_MAX {
        if at >= end || (has_info && has_tracks && has_pictures) {
            break;
        }
        let found = head(reader, at)?;
        let size = match found.size {
            Some(size) => size,
            // A live recording: what follows can only be found by reading it all.
            None if found.id == CLUSTER => {
                has_pictures = true;
                break;
            }
            None => return Err(Error::Malformed("an element has no length")),
        };
        at = end_of(found.body, size, len)?;
        match found.id {
            INFO => {
                info(&body(reader, &found, size)?, &mut film)?;
                has_info = true;
            }
            TRACKS => {
                tracks(&body(reader, &found, size)?, &mut film)?;
                has_tracks = true;
            }
            CLUSTER => has_pictures = true,
            _ => {}
        }
    }
    if !has_tracks || !has_pictures {
        return Err(Error::Truncated("the film ends before its pictures"));
    }
    if film.codec.is_empty() {
        return Err(Error::Malformed("the film has no track with pictures"));
    }
    Ok(film)
}

fn end_of(body: u64, size: u64, len: u64) -> Result<u64, Error> {
    body.checked_add(size)
        .filter(|end| *end <= len)
        .ok_or(Error::Truncated("an element ends after the file"))
}

/// Reads the head of the element at `at`.
fn head<R: Read + Seek>(reader: &mut R, at: u64) -> Result<Head, Error> {
    reader.seek(SeekFrom::Start(at))?;
    let (id, id_bytes) = number(reader, 4, false)?;
    let (size, size_bytes) = number(reader, 8, true)?;
    let is_unknown = size == (1 << (7 * size_bytes)) - 1;
    Ok(Head {
        id,
        body: at + id_bytes + size_bytes,
        size: (!is_unknown).then_some(size),
    })
}

/// A number whose first byte says by its leading zeros how long it is; sizes are without that mark.
fn number(reader: &mut impl Read, bytes_max: u64, unmarked: bool) -> Result<(u64, u64), Error> {
    let mut first = [0];
    reader.read_exact(&mut first)?;
    let [first] = first;
    let bytes = u64::from(first.leading_zeros()) + 1;
    if bytes > bytes_max {
        return Err(Error::Malformed("a Matroska element has an impossible head"));
    }
    let mut value = u64::from(first);
    if unmarked {
        value &= (0x80 >> (bytes - 1)) - 1;
    }
    for _ in 1..bytes {
        let mut next = [0];
        reader.read_exact(&mut next)?;
        let [next] = next;
        value = value << 8 | u64::from(next);
    }
    Ok((value, bytes))
}

fn body<R: Read + Seek>(reader: &mut R, head: &Head, size: u64) -> Result<Vec<u8>, Error> {
    let size = usize::try_from(size)
        .ok()
        .filter(|size| *size as u64 <= BODY_BYTES_MAX)
        .ok_or(Error::Malformed("a description is too large"))?;
    let mut body = vec![0; size];
    reader.seek(SeekFrom::Start(head.body))?;
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// The elements in a body.
fn elements(mut bytes: &[u8]) -> impl Iterator<Item = Result<(u64, &[u8]), Error>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let found = element(bytes);
        bytes = found.as_ref().map_or(&[][..], |(_, _, rest)| rest);
        Some(found.map(|(id, body, _)| (id, body)))
    })
}

/// An element's id, its body, and what follows it.
type Split<'a> = (u64, &'a [u8], &'a [u8]);

fn element(mut bytes: &[u8]) -> Result<Split<'_>, Error> {
    let broken = || Error::Malformed("an element does not fit into its parent");
    let (id, _) = number(&mut bytes, 4, false).map_err(|_| broken())?;
    let (size, _) = number(&mut bytes, 8, true).map_err(|_| broken())?;
    let size = usize::try_from(size).map_err(|_| broken())?;
    let (body, rest) = bytes.split_at_checked(size).ok_or_else(broken)?;
    Ok((id, body, rest))
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn float(bytes: &[u8]) -> Option<f64> {
    match bytes.len() {
        4 => bytes.first_chunk().map(|four| f64::from(f32::from_be_bytes(*four))),
        8 => bytes.first_chunk().map(|eight| f64::from_be_bytes(*eight)),
        _ => None,
    }
}

/// Reads the length.
fn info(body: &[u8], film: &mut Film) -> Result<(), Error> {
    let (mut scale, mut duration) = (SCALE_NS, None);
    for found in elements(body) {
        match found? {
            (0x2a_d7b1, value) => scale = unsigned(value),
            (0x4489, value) => duration = float(value),
            _ => {}
        }
    }
    let millis = duration.map(|units| units * scale as f64 / 1e6);
    film.duration_ms = millis
        .filter(|millis| millis.is_finite() && *millis >= 1.0 && *millis < 1e15)
        .map(|millis| millis.round() as u64);
    Ok(())
}

fn tracks(body: &[u8], film: &mut Film) -> Result<(), Error> {
    for found in elements(body) {
        if let (0xae, entry) = found? {
            track(entry, film)?;
        }
    }
    Ok(())
}

fn track(entry: &[u8], film: &mut Film) -> Result<(), Error> {
    let (mut kind, mut codec, mut frame_ns, mut extent) = (0, String::new(), 0, (0, 0));
    for found in elements(entry) {
        match found? {
            (0x83, value) => kind = unsigned(value),
            (0x86, value) => {
                codec = String::from_utf8_lossy(value.get(..32).unwrap_or(value))
                    .trim_end_matches('\0')
                    .to_owned();
            }
            (0x23_e383, value) => frame_ns = unsigned(value),
            (0xe0, picture) => extent = extent_of(picture)?,
            _ => {}
        }
    }
    match kind {
        1 if film.codec.is_empty() => {
            (film.width, film.height) = extent;
            film.frame_rate = (frame_ns > 0).then(|| 1e9 / frame_ns as f64);
            film.codec = if codec.is_empty() { "unknown".to_owned() } else { codec };
        }
        2 if film.audio.is_none() => film.audio = Some(codec),
        _ => {}
    }
    Ok(())
}

fn extent_of(picture: &[u8]) -> Result<(u64, u64), Error> {
    let mut extent = (0, 0);
    for found in elements(picture) {
        match found? {
            (0xb0, value) => extent.0 = unsigned(value),
            (0xba, value) => extent.1 = unsigned(value),
            _ => {}
        }
    }
    Ok(extent)
}

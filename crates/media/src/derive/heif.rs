//! HEIC, HEIF and AVIF without what they tell beside themselves (ISO/IEC 23008-12; ISO/IEC 14496-12, 8.11).
//!
//! The file says where each of its items lies, so nothing is taken out: what is not the picture is blanked in its place,
//! and every other byte stays where it was.

use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

use domain::derive::Survey;

use crate::error::Error;
use crate::exif;

/// The largest description that is read, in bytes. One of a picture in a hundred tiles has a few thousand.
const DESCRIPTION_BYTES_MAX: u64 = 1_024 * 1_024;
/// The longest Exif or XMP that is looked into, in bytes; what is longer counts as telling everything.
const METADATA_BYTES_MAX: u64 = 256 * 1_024;
/// The most boxes at the top of a file, so that a file of empty boxes ends.
const BOXES_MAX: u32 = 10_000;
/// The most pieces of an item.
const EXTENTS_MAX: u64 = 1_000;

/// An Exif item that says nothing: where its TIFF begins, the head of that, and a directory without entries.
const EMPTY_EXIF: &[u8] = b"\0\0\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0";

/// Bytes of the file that become others, as many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Blank {
    from: u64,
    to: u64,
    /// What they begin with, as far as there is room,
    start: &'static [u8],
    /// and what fills the rest.
    fill: u8,
}

/// What is not the picture.
#[derive(Debug, Default)]
struct Beside {
    tells_location: bool,
    blanks: Vec<Blank>,
}

/// What an item is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Exif,
    /// XMP, and anything else that has a media type or is named by an address.
    Text,
}

/// Where a box lies.
#[derive(Debug, Clone, Copy)]
struct Span {
    name: [u8; 4],
    at: u64,
    body: u64,
    end: u64,
}

/// Looks at the items that are no pictures, and into those that may name a place.
pub(super) fn survey<R: BufRead + Seek>(reader: &mut R, len: u64) -> Result<Survey, Error> {
    Ok(Survey {
        tells_location: Beside::of(reader, len)?.tells_location,
        // A sequence of pictures is one file of the same kind; nothing here makes it stand still.
        is_animated: false,
    })
}

/// Copies the picture.
pub(super) fn clean<R: BufRead + Seek>(reader: &mut R, len: u64, out: &mut dyn Write) -> Result<(), Error> {
    let mut blanks = Beside::of(reader, len)?.blanks;
    blanks.sort_unstable();
    let mut at = 0;
    reader.seek(SeekFrom::Start(0))?;
    for blank in blanks {
        let before = blank.from.checked_sub(at);
        let before = before.ok_or(Error::Malformed("two items of a picture share their bytes"))?;
        copy(reader, before, out)?;
        let length = blank.to - blank.from;
        let start = usize::try_from(length)
            .ok()
            .and_then(|length| blank.start.get(..length));
        let start = start.unwrap_or(blank.start);
        out.write_all(start)?;
        io::copy(&mut io::repeat(blank.fill).take(length - start.len() as u64), out)?;
        reader.seek(SeekFrom::Start(blank.to))?;
        at = blank.to;
    }
    copy(reader, len.saturating_sub(at), out)
}

fn copy<R: BufRead>(reader: &mut R, length: u64, out: &mut dyn Write) -> Result<(), Error> {
    let copied = io::copy(&mut reader.by_ref().take(length), out)?;
    if copied == length {
        Ok(())
    } else {
        Err(Error::Truncated("a picture ends before its data"))
    }
}

impl Beside {
    fn of<R: BufRead + Seek>(reader: &mut R, len: u64) -> Result<Self, Error> {
        let mut beside = Self::default();
        let mut at = 0;
        for _ in 0..BOXES_MAX {
            if at >= len {
                return Ok(beside);
            }
            let top = top_box(reader, at, len)?;
            at = top.end;
            match &top.name {
                b"ftyp" | b"mdat" | b"free" | b"skip" | b"wide" | b"moof" | b"mfra" | b"sidx" => {}
                b"meta" => beside.read_items(reader, top, len)?,
                b"moov" => beside.read_index(&description(reader, top)?, top.body)?,
                // Films behind a picture ("mpvd"), XMP ("uuid"), and what else makers of cameras put there.
                _ => beside.drop_box(top),
            }
        }
        Err(Error::Malformed("a picture has too many boxes"))
    }

    /// A box that nobody needs becomes free space.
    fn drop_box(&mut self, span: Span) {
        self.tells_location = true;
        self.blanks.push(Blank {
            from: span.at + 4,
            to: span.at + 8,
            start: b"free",
            fill: 0,
        });
        self.blanks.push(Blank {
            from: span.body,
            to: span.end,
            start: b"",
            fill: 0,
        });
    }

    /// The index of a sequence of pictures: what it says of itself as a whole and of its tracks.
    fn read_index(&mut self, bytes: &[u8], at: u64) -> Result<(), Error> {
        for child in children(bytes, at)? {
            match &child.name {
                b"udta" | b"meta" | b"uuid" => self.drop_box(child),
                b"trak" => self.read_index(within(bytes, at, child)?, child.body)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_items<R: BufRead + Seek>(&mut self, reader: &mut R, meta: Span, len: u64) -> Result<(), Error> {
        let bytes = description(reader, meta)?;
        let bytes = bytes.get(4..).ok_or(TOO_SHORT)?;
        let at = meta.body + 4;
        let (mut items, mut places, mut data) = (Vec::new(), None, None);
        for child in children(bytes, at)? {
            match &child.name {
                b"iinf" => items = items_beside(within(bytes, at, child)?)?,
                b"iloc" => places = Some(child),
                b"idat" => data = Some(child),
                b"xml " | b"bxml" | b"uuid" => self.drop_box(child),
                _ => {}
            }
        }
        if items.is_empty() {
            return Ok(());
        }
        let places = places.ok_or(Error::Malformed("a picture does not say where its items are"))?;
        let places = places_of(within(bytes, at, places)?, data, len)?;
        for (id, item) in items {
            let spans = places.iter().filter(|(of, _)| *of == id).map(|(_, span)| *span);
            self.blank(reader, item, &spans.collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn blank<R: BufRead + Seek>(&mut self, reader: &mut R, item: Item, spans: &[Piece]) -> Result<(), Error> {
        let length: u64 = spans.iter().map(|(from, to)| to - from).sum();
        self.tells_location |= length > METADATA_BYTES_MAX || {
            let mut bytes = Vec::new();
            for (from, to) in spans {
                reader.seek(SeekFrom::Start(*from))?;
                reader.by_ref().take(to - from).read_to_end(&mut bytes)?;
            }
            item.tells_location(&bytes)
        };
        for (n, (from, to)) in spans.iter().enumerate() {
            let (start, fill) = match item {
                Item::Exif if n == 0 && to - from >= EMPTY_EXIF.len() as u64 => (EMPTY_EXIF, 0),
                Item::Exif => (&b""[..], 0),
                Item::Text => (&b""[..], b' '),
            };
            self.blanks.push(Blank {
                from: *from,
                to: *to,
                start,
                fill,
            });
        }
        Ok(())
    }
}

impl Item {
    fn tells_location(self, bytes: &[u8]) -> bool {
        match self {
            Self::Text => super::xmp_tells_location(bytes),
            Self::Exif => {
                // The item begins with the distance from there to the TIFF (ISO/IEC 23008-12, A.2.1).
                let mut fields = Fields(bytes);
                let tiff = fields.number(4).ok().and_then(|skip| usize::try_from(skip).ok());
                let tiff = tiff.and_then(|skip| fields.0.get(skip..)).unwrap_or_default();
                exif::tells_location(tiff)
            }
        }
    }
}

const TOO_SHORT: Error = Error::Truncated("a description of the picture ends too early");

/// The box at this place of the file.
fn top_box<R: BufRead + Seek>(reader: &mut R, at: u64, len: u64) -> Result<Span, Error> {
    reader.seek(SeekFrom::Start(at))?;
    let mut head = Vec::with_capacity(16);
    reader.by_ref().take(16).read_to_end(&mut head)?;
    span(&mut Fields(&head), at, len)
}

/// The head of a box that begins at `at` and may go to `limit`.
fn span(fields: &mut Fields<'_>, at: u64, limit: u64) -> Result<Span, Error> {
    let size = fields.number(4)?;
    let name = fields.name()?;
    let (head, size) = match size {
        0 => (8, limit - at),
        1 => (16, fields.number(8)?),
        size => (8, size),
    };
    let end = at.checked_add(size).filter(|end| size >= head && *end <= limit);
    Ok(Span {
        name,
        at,
        body: at + head,
        end: end.ok_or(Error::Truncated("a box of the picture ends after the file"))?,
    })
}

/// The boxes in a body that lies at `at` of the file.
fn children(bytes: &[u8], at: u64) -> Result<Vec<Span>, Error> {
    let limit = at + bytes.len() as u64;
    let mut spans = Vec::new();
    let mut next = at;
    while next + 8 <= limit {
        let rest = usize::try_from(next - at).ok().and_then(|skip| bytes.get(skip..));
        let child = span(&mut Fields(rest.ok_or(TOO_SHORT)?), next, limit)?;
        next = child.end;
        spans.push(child);
    }
    Ok(spans)
}

/// The body of a box among `bytes`, which lie at `at` of the file.
fn within(bytes: &[u8], at: u64, span: Span) -> Result<&[u8], Error> {
    let index = |place: u64| usize::try_from(place - at).map_err(|_| TOO_SHORT);
    bytes.get(index(span.body)?..index(span.end)?).ok_or(TOO_SHORT)
}

/// The body of a box that describes.
fn description<R: BufRead + Seek>(reader: &mut R, span: Span) -> Result<Vec<u8>, Error> {
    let length = span.end - span.body;
    if length > DESCRIPTION_BYTES_MAX {
        return Err(Error::Malformed("the description of a picture is too large"));
    }
    reader.seek(SeekFrom::Start(span.body))?;
    let mut bytes = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The items of an `iinf` that are no pictures, by their number.
fn items_beside(bytes: &[u8]) -> Result<Vec<(u64, Item)>, Error> {
    let mut fields = Fields(bytes);
    let version = fields.version()?;
    let count = fields.number(if version == 0 { 2 } else { 4 })?;
    let mut items = Vec::new();
    for entry in children(fields.0, 0)?
        .into_iter()
        .take(usize::try_from(count).unwrap_or(usize::MAX))
    {
        let mut entry = Fields(within(fields.0, 0, entry)?);
        let width = match entry.version()? {
            2 => 2,
            3 => 4,
            // Without the kind of the item; no HEIF has these (ISO/IEC 23008-12, 6.2).
            _ => return Err(Error::Unsupported),
        };
        let id = entry.number(width)?;
        entry.number(2)?;
        match &entry.name()? {
            b"Exif" => items.push((id, Item::Exif)),
            b"mime" | b"uri " => items.push((id, Item::Text)),
            _ => {}
        }
    }
    Ok(items)
}

/// From a place in the file to another.
type Piece = (u64, u64);

/// Where the items of an `iloc` lie, a piece each with the number of its item, in a file of `len` bytes.
fn places_of(bytes: &[u8], data: Option<Span>, len: u64) -> Result<Vec<(u64, Piece)>, Error> {
    let mut fields = Fields(bytes);
    let version = fields.version()?;
    if version > 2 {
        return Err(Error::Unsupported);
    }
    let sizes = fields.number(2)?;
    let [offset, length, base, index] = [12, 8, 4, 0].map(|shift| (sizes >> shift) & 0xf);
    let index = if version == 0 { 0 } else { index };
    let count = fields.number(if version < 2 { 2 } else { 4 })?;
    let mut places = Vec::new();
    for _ in 0..count {
        let id = fields.number(if version < 2 { 2 } else { 4 })?;
        let method = if version == 0 { 0 } else { fields.number(2)? & 0xf };
        let is_elsewhere = fields.number(2)? != 0;
        let start = fields.number(base)?;
        let extents = fields.number(2)?;
        if extents > EXTENTS_MAX {
            return Err(Error::Malformed("an item of a picture is in too many pieces"));
        }
        for _ in 0..extents {
            fields.number(index)?;
            let from = start.saturating_add(fields.number(offset)?);
            let to = from.saturating_add(fields.number(length)?);
            let (first, limit) = match (method, data) {
                (0, _) => (0, len),
                (1, Some(data)) => (data.body, data.end),
                // Made of other items, as pictures in tiles are: no place of its own.
                _ => (0, u64::MAX),
            };
            let (from, to) = (first.saturating_add(from), first.saturating_add(to));
            if to > limit {
                return Err(Error::Truncated("an item of a picture lies after its end"));
            }
            let is_here = method < 2 && !is_elsewhere && limit < u64::MAX;
            places.extend(is_here.then_some((id, (from, to))));
        }
    }
    Ok(places)
}

/// Fields of a box, in order.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// A number of so many bytes, at most eight; zero of none.
    fn number(&mut self, bytes: u64) -> Result<u64, Error> {
        let bytes = usize::try_from(bytes).map_err(|_| TOO_SHORT)?;
        let (number, rest) = self.0.split_at_checked(bytes).ok_or(TOO_SHORT)?;
        self.0 = rest;
        Ok(number.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    }

    fn name(&mut self) -> Result<[u8; 4], Error> {
        let (name, rest) = self.0.split_first_chunk().ok_or(TOO_SHORT)?;
        self.0 = rest;
        Ok(*name)
    }

    /// The version at the beginning of a full box; its flags are left out.
    fn version(&mut self) -> Result<u64, Error> {
        Ok(self.number(4)? >> 24)
    }
}

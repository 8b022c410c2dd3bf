//! Media types by magic bytes.

use domain::content::MediaKind;

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sniffed {
    /// What it is; a GIF is an image until more than one picture is found in it.
    pub kind: MediaKind,
    /// Its media type.
    pub mime: &'static str,
}

const fn image(mime: &'static str) -> Option<Sniffed> {
    Some(Sniffed {
        kind: MediaKind::Image,
        mime,
    })
}

const fn video(mime: &'static str) -> Option<Sniffed> {
    Some(Sniffed {
        kind: MediaKind::Video,
        mime,
    })
}

/// What a file is that starts with `head`; at least [`super::HEAD_BYTES`] of it, or all there is.
#[must_use]
pub fn sniff(head: &[u8]) -> Option<Sniffed> {
    match head {
        [0xff, 0xd8, 0xff, ..] => image("image/jpeg"),
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => image("image/png"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => image("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => image("image/webp"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => matroska(head),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some(Sniffed {
            kind: MediaKind::Document,
            mime: "application/pdf",
        }),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => iso_media(head),
        // QuickTime files from before there were brands.
        [_, _, _, _, rest @ ..]
            if [b"moov", b"mdat", b"wide", b"pnot"]
                .iter()
                .any(|name| rest.starts_with(*name)) =>
        {
            video("video/quicktime")
        }
        _ => None,
    }
}

/// Matroska names its profile near the start (www.matroska.org, EBML header).
fn matroska(head: &[u8]) -> Option<Sniffed> {
    let has = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
    if has(b"webm") {
        video("video/webm")
    } else if has(b"matroska") {
        video("video/x-matroska")
    } else {
        None
    }
}

/// Files of the ISO base media format by their brands (mp4ra.org), the major one first.
fn iso_media(head: &[u8]) -> Option<Sniffed> {
    let [a, b, c, d] = *head.first_chunk::<4>()?;
    let end = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?.min(head.len());
    let major = head.get(8..12)?;
    let compatible = head.get(16..end).unwrap_or_default();
    let brands = || std::iter::once(major).chain(compatible.chunks_exact(4));
    let has = |names: &[&[u8; 4]]| brands().any(|brand| names.iter().any(|name| name.as_slice() == brand));
    match major {
        b"qt  " => video("video/quicktime"),
        b"M4A " | b"M4B " | b"M4P " | b"F4A " => None,
        b"avif" | b"avis" => image("image/avif"),
        b"heic" | b"heix" | b"heim" | b"heis" => image("image/heic"),
        b"mif1" | b"msf1" | b"mif2" | b"miaf" if has(&[b"avif", b"avis"]) => image("image/avif"),
        b"mif1" | b"msf1" | b"mif2" | b"miaf" if has(&[b"heic", b"heix"]) => image("image/heic"),
        b"mif1" | b"msf1" | b"mif2" | b"miaf" => image("image/heif"),
        [b'3', b'g', b'p' | b'2', _] => video("video/3gpp"),
        _ => video("video/mp4"),
    }
}

//! Makers of small files, so that no binary lies in the repository.

/// A box of the ISO base media format.
pub(crate) fn iso_box(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(body.len() + 8).unwrap().to_be_bytes().to_vec();
    bytes.extend(name);
    bytes.extend(body);
    bytes
}

/// A box whose body starts with a version of zero and these flags.
fn full_box(name: &[u8; 4], flags: u32, body: &[u8]) -> Vec<u8> {
    iso_box(name, &[&flags.to_be_bytes(), body].concat())
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A PNG with one chunk of data that no decoder would take, but with all chunks in place.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |name: &[u8; 4], body: &[u8]| {
        [
            &u32::try_from(body.len()).unwrap().to_be_bytes()[..],
            name,
            body,
            &[0; 4],
        ]
        .concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [
        &b"\x89PNG\r\n\x1a\n"[..],
        &chunk(b"IHDR", &header),
        &chunk(b"IDAT", &[7; 40]),
        &chunk(b"IEND", &[]),
    ]
    .concat()
}

/// What of a JPEG differs between tests.
pub(crate) struct Jpeg {
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// The orientation in an EXIF segment, if there is to be one.
    pub(crate) orientation: Option<u16>,
    /// Whether EXIF is written the Intel way.
    pub(crate) little_endian: bool,
    /// Bytes of coded data.
    pub(crate) data: usize,
    /// Colour components; four for the colours of print.
    pub(crate) components: u8,
}

impl Default for Jpeg {
    fn default() -> Self {
        Self {
            width: 640,
            height: 480,
            orientation: None,
            little_endian: false,
            data: 100,
            components: 1,
        }
    }
}

impl Jpeg {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let segment = |marker: u8, body: &[u8]| {
            [
                &[0xff, marker][..],
                &u16::try_from(body.len() + 2).unwrap().to_be_bytes(),
                body,
            ]
            .concat()
        };
        let mut bytes = vec![0xff, 0xd8];
        bytes.extend(segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"));
        if let Some(orientation) = self.orientation {
            bytes.extend(segment(0xe1, &[b"Exif\0\0", &self.tiff(orientation)[..]].concat()));
        }
        bytes.extend(segment(0xdb, &[1; 65]));
        let (h, w) = (self.height.to_be_bytes(), self.width.to_be_bytes());
        let mut frame = vec![8, h[0], h[1], w[0], w[1], self.components];
        (1..=self.components).for_each(|n| frame.extend([n, 0x11, 0]));
        bytes.extend(segment(0xc0, &frame));
        bytes.extend(segment(0xda, &[1, 1, 0, 0, 63, 0]));
        bytes.extend(vec![0x55; self.data]);
        bytes.extend([0xff, 0xd9]);
        bytes
    }

    /// A directory with three entries, the orientation in the middle.
    fn tiff(&self, orientation: u16) -> Vec<u8> {
        let two = |value: u16| {
            if self.little_endian {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            }
        };
        let four = |value: u32| {
            if self.little_endian {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            }
        };
        let entry = |tag: u16, value: u16| [&two(tag)[..], &two(3), &four(1), &two(value), &two(0)].concat();
        let start = if self.little_endian { *b"II*\0" } else { *b"MM\0*" };
        [
            &start[..],
            &four(8),
            &two(3),
            &entry(0x010f, 1),
            &entry(0x0112, orientation),
            &entry(0x0131, 2),
            &four(0),
        ]
        .concat()
    }
}

/// A GIF with this many pictures, a global palette and a comment.
pub(crate) fn gif(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a".to_vec();
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([0x81, 0, 0]);
    bytes.extend([9; 12]);
    bytes.extend(b"\x21\xfe\x05hello\0");
    for _ in 0..frames {
        bytes.extend([0x21, 0xf9, 4, 0, 10, 0, 0, 0]);
        bytes.extend([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0x80]);
        bytes.extend([5; 6]);
        // Data in which an introducer and a trailer occur.
        bytes.extend([2, 4, 0x2c, 0x3b, 0x21, 0x2c, 1, 0x2c, 0]);
    }
    bytes.push(0x3b);
    bytes
}

/// A WebP of the extended kind.
pub(crate) fn webp(width: u32, height: u32) -> Vec<u8> {
    let mut extended = vec![0; 4];
    extended.extend(&(width - 1).to_le_bytes()[..3]);
    extended.extend(&(height - 1).to_le_bytes()[..3]);
    let chunks = [
        &b"WEBPVP8X"[..],
        &10_u32.to_le_bytes(),
        &extended,
        b"VP8 ",
        &4_u32.to_le_bytes(),
        &[0; 4],
    ]
    .concat();
    [
        &b"RIFF"[..],
        &u32::try_from(chunks.len()).unwrap().to_le_bytes(),
        &chunks,
    ]
    .concat()
}

/// A HEIC or AVIF with nothing but its extent.
pub(crate) fn heif(brand: &[u8; 4], width: u32, height: u32) -> Vec<u8> {
    let ispe = iso_box(b"ispe", &words(&[0, width, height]));
    let iprp = iso_box(b"iprp", &iso_box(b"ipco", &ispe));
    let ftyp = iso_box(b"ftyp", &[&b"mif1"[..], &[0; 4], b"mif1", brand].concat());
    [ftyp, full_box(b"meta", 0, &iprp), iso_box(b"mdat", &[0; 30])].concat()
}

/// The same with a picture of some bytes, and beside it an Exif in the data, an XMP in the description, and a box of the
/// camera's maker behind it all.
pub(crate) fn heif_that_tells(brand: &[u8; 4], exif: &[u8], xmp: &[u8], behind: &[u8]) -> Vec<u8> {
    let picture = [7; 40];
    let exif = [&[0; 4], exif].concat();
    let entry = |id: u8, kind: &[u8; 4]| full_box(b"infe", 2 << 24, &[&[0, id, 0, 0], &kind[..], &[0]].concat());
    let entries = [entry(1, b"hvc1"), entry(2, b"Exif"), entry(3, b"mime")].concat();
    let iinf = full_box(b"iinf", 0, &[&[0, 3], &entries[..]].concat());
    let ispe = iso_box(b"ispe", &words(&[0, 64, 48]));
    let iprp = iso_box(b"iprp", &iso_box(b"ipco", &ispe));
    let idat = iso_box(b"idat", &[b"\0\0\0\0", xmp].concat());
    let ftyp = iso_box(b"ftyp", &[&b"mif1"[..], &[0; 4], b"mif1", brand].concat());
    let number = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
    let meta = |data: usize| {
        let item = |id: u8, method: u8, from: usize, length: usize| {
            [&[0, id, 0, method, 0, 0, 0, 1][..], &number(from), &number(length)].concat()
        };
        let places = [
            item(1, 0, data, picture.len()),
            item(2, 0, data + picture.len(), exif.len()),
            item(3, 1, 4, xmp.len()),
        ];
        let iloc = full_box(b"iloc", 1 << 24, &[&[0x44, 0, 0, 3], &places.concat()[..]].concat());
        full_box(b"meta", 0, &[&iinf[..], &iloc, &iprp, &idat].concat())
    };
    let data = ftyp.len() + meta(0).len() + 8;
    let mdat = iso_box(b"mdat", &[&picture[..], &exif].concat());
    [ftyp, meta(data), mdat, iso_box(b"mpvd", behind)].concat()
}

/// What of a film differs between tests.
#[derive(Clone)]
pub(crate) struct Film {
    pub(crate) brand: [u8; 4],
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Turned by a quarter for showing.
    pub(crate) turned: bool,
    pub(crate) scale: u32,
    pub(crate) frames: u32,
    /// Time units of a frame.
    pub(crate) units: u32,
    /// Whether the index comes before the data.
    pub(crate) index_first: bool,
    /// Fragments into which the frames are put; zero for a film in one piece.
    pub(crate) fragments: u32,
    /// Whether a fragment lists the length of each frame.
    pub(crate) listed: bool,
    /// Whether there is a sound track before the pictures.
    pub(crate) sound: bool,
    /// Bytes of data.
    pub(crate) data: usize,
}

impl Default for Film {
    fn default() -> Self {
        Self {
            brand: *b"isom",
            width: 1_280,
            height: 720,
            turned: false,
            scale: 30_000,
            frames: 300,
            units: 1_001,
            index_first: true,
            fragments: 0,
            listed: false,
            sound: true,
            data: 3_000,
        }
    }
}

const STRAIGHT: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
const QUARTER_TURN: [u32; 9] = [0, 0x1_0000, 0, 0xffff_0000, 0, 0, 0, 0, 0x4000_0000];

impl Film {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let ftyp = iso_box(b"ftyp", &[&self.brand[..], &[0; 4], b"isom", b"mp41"].concat());
        let data = iso_box(b"mdat", &vec![0; self.data]);
        let index = self.index();
        if self.fragments > 0 {
            let fragments = (0..self.fragments).flat_map(|n| [self.fragment(n), iso_box(b"mdat", &[0; 16])].concat());
            return [ftyp, index, fragments.collect()].concat();
        }
        if self.index_first {
            [ftyp, index, data].concat()
        } else {
            [ftyp, data, index].concat()
        }
    }

    fn millis(&self) -> u32 {
        u32::try_from(u64::from(self.frames) * u64::from(self.units) * 1_000 / u64::from(self.scale)).unwrap()
    }

    fn index(&self) -> Vec<u8> {
        let millis = if self.fragments > 0 { 0 } else { self.millis() };
        let header = [
            words(&[0, 0, 1_000, millis, 0x1_0000, 0x0100_0000, 0, 0]),
            words(&STRAIGHT),
            words(&[0; 6]),
            words(&[3]),
        ];
        let mut body = full_box(b"mvhd", 0, &header.concat());
        if self.sound {
            body.extend(self.track(2, b"soun", millis));
        }
        body.extend(self.track(1, b"vide", millis));
        if self.fragments > 0 {
            let defaults = |id| full_box(b"trex", 0, &words(&[id, 1, self.units, 10, 0]));
            body.extend(iso_box(b"mvex", &[defaults(2), defaults(1)].concat()));
        }
        iso_box(b"moov", &body)
    }

    fn track(&self, id: u32, handler: &[u8; 4], millis: u32) -> Vec<u8> {
        let is_film = handler == b"vide";
        let matrix = if self.turned && is_film { QUARTER_TURN } else { STRAIGHT };
        let (width, height) = if is_film {
            (self.width << 16, self.height << 16)
        } else {
            (0, 0)
        };
        let header = [
            words(&[0, 0, id, 0, millis, 0, 0, 0, 0]),
            words(&matrix),
            words(&[width, height]),
        ]
        .concat();
        let frames = if self.fragments > 0 { 0 } else { self.frames };
        let time = words(&[0, 0, self.scale, frames * self.units, 0x55c4_0000]);
        let kind = [&words(&[0])[..], handler, &words(&[0, 0, 0]), b"\0"].concat();
        let runs = |runs: &[u32]| {
            if frames == 0 {
                words(&[0])
            } else {
                words(&[&[1], runs].concat())
            }
        };
        let tables = [
            full_box(b"stsd", 0, &[words(&[1]), self.description(is_film)].concat()),
            full_box(b"stts", 0, &runs(&[frames, self.units])),
            full_box(b"stsc", 0, &runs(&[1, frames, 1])),
            full_box(b"stsz", 0, &words(&[10, frames])),
            full_box(b"stco", 0, &runs(&[40])),
        ];
        let media_header = if is_film {
            full_box(b"vmhd", 1, &[0; 8])
        } else {
            full_box(b"smhd", 0, &[0; 4])
        };
        let place = iso_box(
            b"dinf",
            &full_box(b"dref", 0, &[words(&[1]), full_box(b"url ", 1, &[])].concat()),
        );
        let information = iso_box(
            b"minf",
            &[media_header, place, iso_box(b"stbl", &tables.concat())].concat(),
        );
        let media = [full_box(b"mdhd", 0, &time), full_box(b"hdlr", 0, &kind), information].concat();
        iso_box(
            b"trak",
            &[full_box(b"tkhd", 3, &header), iso_box(b"mdia", &media)].concat(),
        )
    }

    fn description(&self, is_film: bool) -> Vec<u8> {
        if !is_film {
            return iso_box(b"Opus", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 20]].concat());
        }
        let mut entry = vec![0, 0, 0, 0, 0, 0, 0, 1];
        entry.extend([0; 16]);
        entry.extend(u16::try_from(self.width).unwrap().to_be_bytes());
        entry.extend(u16::try_from(self.height).unwrap().to_be_bytes());
        entry.extend(words(&[0x48_0000, 0x48_0000, 0]));
        entry.extend(1_u16.to_be_bytes());
        entry.extend([0; 32]);
        entry.extend([0, 24, 0xff, 0xff]);
        entry.extend(iso_box(
            b"avcC",
            &[1, 66, 0, 30, 0xff, 0xe1, 0, 4, 0x67, 66, 0, 30, 1, 0, 2, 0x68, 0],
        ));
        iso_box(b"avc1", &entry)
    }

    fn fragment(&self, n: u32) -> Vec<u8> {
        let frames = self.frames / self.fragments;
        let header = full_box(b"mfhd", 0, &words(&[n + 1]));
        let run = if self.listed {
            let lengths = words(&vec![self.units; usize::try_from(frames).unwrap()]);
            full_box(b"trun", 0x101, &[words(&[frames, 0]), lengths].concat())
        } else {
            full_box(b"trun", 0x1, &words(&[frames, 0]))
        };
        let time = full_box(b"tfdt", 0, &words(&[n * frames * self.units]));
        let track = iso_box(
            b"traf",
            &[full_box(b"tfhd", 0x2_0000, &words(&[1])), time, run].concat(),
        );
        iso_box(b"moof", &[header, track].concat())
    }
}

/// An EBML element with a size of eight bytes.
pub(crate) fn ebml(id: &[u8], body: &[u8]) -> Vec<u8> {
    let size = (body.len() as u64 | 1 << 56).to_be_bytes();
    [id, &size, body].concat()
}

/// A WebM of ten seconds at this many frames a second, with sound.
pub(crate) fn webm(width: u16, height: u16, fps: u32) -> Vec<u8> {
    let header = ebml(b"\x1a\x45\xdf\xa3", &ebml(b"\x42\x82", b"webm"));
    let info = [
        ebml(b"\x2a\xd7\xb1", &1_000_000_u32.to_be_bytes()),
        ebml(b"\x44\x89", &10_000_f64.to_be_bytes()),
    ];
    let picture = [
        ebml(b"\xb0", &width.to_be_bytes()),
        ebml(b"\xba", &height.to_be_bytes()),
    ];
    let film = [
        ebml(b"\x83", &[1]),
        ebml(b"\x86", b"V_VP9"),
        ebml(b"\x23\xe3\x83", &(1_000_000_000 / fps).to_be_bytes()),
        ebml(b"\xe0", &picture.concat()),
    ];
    let sound = [ebml(b"\x83", &[2]), ebml(b"\x86", b"A_OPUS")];
    let tracks = [ebml(b"\xae", &sound.concat()), ebml(b"\xae", &film.concat())];
    let segment = [
        ebml(b"\x15\x49\xa9\x66", &info.concat()),
        ebml(b"\x16\x54\xae\x6b", &tracks.concat()),
        ebml(b"\x1f\x43\xb6\x75", &[0; 100]),
    ];
    [header, ebml(b"\x18\x53\x80\x67", &segment.concat())].concat()
}

//! A small MP4 with one H.264 track: a whole structure (ISO/IEC 14496-12), with frames that carry no picture.

/// What a sample video is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoShape {
    /// Pixels; a multiple of 2.
    pub width: u16,
    /// Pixels; a multiple of 2.
    pub height: u16,
    /// Frames a second.
    pub fps: u16,
    /// Seconds.
    pub duration_s: u16,
}

impl Default for VideoShape {
    fn default() -> Self {
        Self {
            width: 1080,
            height: 1920,
            fps: 30,
            duration_s: 5,
        }
    }
}

/// Bytes that a film has at least: LinkedIn takes none below 75 KB.
const BYTES_MIN: usize = 80 * 1024;
/// Ticks of the movie's clock in a second.
const MOVIE_TICKS: u32 = 1_000;
/// Ticks of the track's clock in a frame.
const FRAME_TICKS: u32 = 1_000;
/// The identity matrix of `mvhd` and `tkhd`.
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// An MP4 of this shape, `moov` first, of at least 80 KiB; `seed` makes its bytes differ from another's.
#[must_use]
pub fn mp4(shape: VideoShape, seed: u64) -> Vec<u8> {
    let frames = u32::from(shape.fps) * u32::from(shape.duration_s);
    let samples: Vec<Vec<u8>> = (0..frames).map(|frame| sample(frame, seed)).collect();
    let ftyp = boxed(
        b"ftyp",
        &[b"isom", &512_u32.to_be_bytes()[..], b"isomiso2avc1mp41"].concat(),
    );
    // The size of moov does not depend on the offset that it holds.
    let offset_of = |moov: &[u8]| u32::try_from(ftyp.len() + moov.len() + 8).unwrap_or(u32::MAX);
    let moov = moov(shape, &samples, offset_of(&moov(shape, &samples, 0)));
    let film = [ftyp, moov, boxed(b"mdat", &samples.concat())].concat();
    let missing = BYTES_MIN.saturating_sub(film.len() + 8);
    [film, boxed(b"free", &vec![0; missing])].concat()
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], kind, content].concat()
}

/// A box that begins with a version and flags.
fn full(kind: &[u8; 4], version_and_flags: u32, words: &[u32]) -> Vec<u8> {
    let mut content = version_and_flags.to_be_bytes().to_vec();
    words.iter().for_each(|word| content.extend(word.to_be_bytes()));
    boxed(kind, &content)
}

fn moov(shape: VideoShape, samples: &[Vec<u8>], data_offset: u32) -> Vec<u8> {
    let duration = u32::from(shape.duration_s) * MOVIE_TICKS;
    let mut header = vec![0, 0, MOVIE_TICKS, duration, 0x1_0000, 0x0100_0000, 0, 0];
    header.extend(MATRIX);
    header.extend([0; 6]);
    header.push(2);
    let mvhd = full(b"mvhd", 0, &header);
    let mut track = vec![0, 0, 1, 0, duration, 0, 0, 0, 0];
    track.extend(MATRIX);
    track.extend([u32::from(shape.width) << 16, u32::from(shape.height) << 16]);
    let tkhd = full(b"tkhd", 3, &track);
    let trak = boxed(b"trak", &[tkhd, mdia(shape, samples, data_offset)].concat());
    boxed(b"moov", &[mvhd, trak].concat())
}

fn mdia(shape: VideoShape, samples: &[Vec<u8>], data_offset: u32) -> Vec<u8> {
    let ticks = u32::from(shape.fps) * FRAME_TICKS;
    let language_undetermined = 0x55c4_0000;
    let mdhd = full(
        b"mdhd",
        0,
        &[0, 0, ticks, ticks * u32::from(shape.duration_s), language_undetermined],
    );
    let handler = [&[0; 8][..], b"vide", &[0; 12], b"VideoHandler\0"].concat();
    let hdlr = boxed(b"hdlr", &handler);
    let vmhd = full(b"vmhd", 1, &[0, 0]);
    let same_file = full(b"url ", 1, &[]);
    let dref = boxed(b"dref", &[&[0; 4][..], &1_u32.to_be_bytes(), &same_file].concat());
    let dinf = boxed(b"dinf", &dref);
    let minf = boxed(b"minf", &[vmhd, dinf, stbl(shape, samples, data_offset)].concat());
    boxed(b"mdia", &[mdhd, hdlr, minf].concat())
}

fn stbl(shape: VideoShape, samples: &[Vec<u8>], data_offset: u32) -> Vec<u8> {
    let count = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let stsd = boxed(b"stsd", &[&[0; 4][..], &1_u32.to_be_bytes(), &avc1(shape)].concat());
    let stts = full(b"stts", 0, &[1, count, FRAME_TICKS]);
    let stsc = full(b"stsc", 0, &[1, 1, count, 1]);
    let mut sizes = vec![0, count];
    sizes.extend(
        samples
            .iter()
            .map(|sample| u32::try_from(sample.len()).unwrap_or(u32::MAX)),
    );
    let stsz = full(b"stsz", 0, &sizes);
    let stco = full(b"stco", 0, &[1, data_offset]);
    boxed(b"stbl", &[stsd, stts, stsc, stsz, stco].concat())
}

fn avc1(shape: VideoShape) -> Vec<u8> {
    let mut entry = vec![0, 0, 0, 0, 0, 0, 0, 1];
    entry.extend([0; 16]);
    entry.extend(shape.width.to_be_bytes());
    entry.extend(shape.height.to_be_bytes());
    // 72 dots per inch both ways, one frame per sample, an empty compressor name, depth 24, no colour table.
    entry.extend([0, 0x48, 0, 0, 0, 0x48, 0, 0, 0, 0, 0, 0, 0, 1]);
    entry.extend([0; 32]);
    entry.extend([0, 0x18, 0xff, 0xff]);
    entry.extend(avcc(shape));
    boxed(b"avc1", &entry)
}

fn avcc(shape: VideoShape) -> Vec<u8> {
    let (sps, pps) = (sequence_parameters(shape), picture_parameters());
    let mut content = vec![1, 66, 0xc0, 40, 0xff, 0xe1];
    content.extend(u16::try_from(sps.len()).unwrap_or(u16::MAX).to_be_bytes());
    content.extend(sps);
    content.push(1);
    content.extend(u16::try_from(pps.len()).unwrap_or(u16::MAX).to_be_bytes());
    content.extend(pps);
    boxed(b"avcC", &content)
}

/// A sequence parameter set (ITU-T H.264, 7.3.2.1) of the Constrained Baseline profile, level 4.
fn sequence_parameters(shape: VideoShape) -> Vec<u8> {
    let (columns, rows) = (
        u32::from(shape.width.div_ceil(16)),
        u32::from(shape.height.div_ceil(16)),
    );
    let mut bits = BitWriter {
        bytes: vec![0x67, 66, 0xc0, 40],
        held: 0,
        count: 0,
    };
    // Parameter set id, frame number bits, picture order by decoding order, reference frames.
    [0, 0, 2, 1].into_iter().for_each(|value| bits.unsigned(value));
    bits.bit(0);
    bits.unsigned(columns - 1);
    bits.unsigned(rows - 1);
    bits.bit(1);
    bits.bit(1);
    let (cut_right, cut_bottom) = (
        (columns * 16 - u32::from(shape.width)) / 2,
        (rows * 16 - u32::from(shape.height)) / 2,
    );
    bits.bit(1);
    [0, cut_right, 0, cut_bottom]
        .into_iter()
        .for_each(|value| bits.unsigned(value));
    bits.bit(0);
    bits.finish()
}

fn picture_parameters() -> Vec<u8> {
    let mut bits = BitWriter {
        bytes: vec![0x68],
        held: 0,
        count: 0,
    };
    // Ids, no arithmetic coding, one slice group, one reference each way, no weighting, quantisers at 0.
    [0, 0].into_iter().for_each(|value| bits.unsigned(value));
    [0, 0].into_iter().for_each(|bit| bits.bit(bit));
    [0, 0, 0].into_iter().for_each(|value| bits.unsigned(value));
    [0, 0, 0].into_iter().for_each(|bit| bits.bit(bit));
    [0, 0, 0].into_iter().for_each(|value| bits.unsigned(value));
    [0, 0, 0].into_iter().for_each(|bit| bits.bit(bit));
    bits.finish()
}

/// One frame: a supplementary message that names the frame, so that no two are alike.
fn sample(frame: u32, seed: u64) -> Vec<u8> {
    let words = format!("sandbox sample video {seed:016x} frame {frame:08x}");
    let mut unit = vec![0x06, 5, u8::try_from(words.len()).unwrap_or(u8::MAX)];
    unit.extend(words.as_bytes());
    unit.push(0x80);
    let length = u32::try_from(unit.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], &unit].concat()
}

struct BitWriter {
    bytes: Vec<u8>,
    held: u8,
    count: u8,
}

impl BitWriter {
    fn bit(&mut self, bit: u8) {
        self.held = (self.held << 1) | bit;
        self.count += 1;
        if self.count == 8 {
            self.bytes.push(self.held);
            self.held = 0;
            self.count = 0;
        }
    }

    /// An unsigned Exp-Golomb number.
    fn unsigned(&mut self, value: u32) {
        let coded = value + 1;
        let length = u32::BITS - coded.leading_zeros();
        (1..length).for_each(|_| self.bit(0));
        (0..length)
            .rev()
            .for_each(|at| self.bit(u8::from((coded >> at) & 1 == 1)));
    }

    /// The stop bit, and zeroes up to the byte.
    fn finish(mut self) -> Vec<u8> {
        self.bit(1);
        while self.count != 0 {
            self.bit(0);
        }
        self.bytes
    }
}

//! A baseline JPEG whose every block is of one colour, so that only DC coefficients need encoding.

/// Bits of the standard luminance DC codes (ITU-T T.81, table K.3) for the categories 0 to 11: length, code.
const DC_CODES: [(u32, u32); 12] = [
    (2, 0b00),
    (3, 0b010),
    (3, 0b011),
    (3, 0b100),
    (3, 0b101),
    (3, 0b110),
    (4, 0b1110),
    (5, 0b11110),
    (6, 0b11_1110),
    (7, 0b111_1110),
    (8, 0b1111_1110),
    (9, 0b1_1111_1110),
];

/// A JPEG of `width` by `height` pixels (1 to 65,535 each) with a colour mosaic that depends on `seed`.
#[must_use]
pub fn jpeg(width: u16, height: u16, seed: u64) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    segment(&mut file, 0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    // Quantisation by 8 makes the DC coefficient of a flat block its value less 128.
    let mut quantisation = vec![0];
    quantisation.extend([8; 64]);
    segment(&mut file, 0xdb, &quantisation);
    let mut frame = vec![8];
    frame.extend(height.to_be_bytes());
    frame.extend(width.to_be_bytes());
    frame.extend([3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]);
    segment(&mut file, 0xc0, &frame);
    let mut dc_table = vec![0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
    dc_table.extend(0..12);
    segment(&mut file, 0xc4, &dc_table);
    // The only AC symbol is "end of block", with the code 0.
    segment(
        &mut file,
        0xc4,
        &[0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00],
    );
    segment(&mut file, 0xda, &[3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
    scan(&mut file, width, height, seed);
    file.extend([0xff, 0xd9]);
    file
}

fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    file.extend([0xff, marker]);
    file.extend(u16::try_from(content.len() + 2).unwrap_or(u16::MAX).to_be_bytes());
    file.extend(content);
}

fn scan(file: &mut Vec<u8>, width: u16, height: u16, seed: u64) {
    let mut bits = Bits {
        file,
        held: 0,
        count: 0,
    };
    let (columns, rows) = (width.div_ceil(8), height.div_ceil(8));
    let mut last = [0; 3];
    for row in 0..rows {
        for column in 0..columns {
            for (component, value) in colour(column, row, seed).into_iter().enumerate() {
                if let Some(last) = last.get_mut(component) {
                    bits.dc(value - *last);
                    *last = value;
                }
                bits.put(1, 0);
            }
        }
    }
    bits.finish();
}

/// Luminance and both chrominances of a block, each from -128 to 127.
fn colour(column: u16, row: u16, seed: u64) -> [i32; 3] {
    let phase = i32::try_from(seed.wrapping_mul(37) % 128).unwrap_or_default();
    let (x, y) = (i32::from(column), i32::from(row));
    let bounded = |value: i32| value.rem_euclid(200) - 100;
    [
        bounded(x * 2 + y + phase),
        bounded(x + phase * 3) / 2,
        bounded(y * 2 - phase) / 2,
    ]
}

struct Bits<'a> {
    file: &'a mut Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits<'_> {
    fn put(&mut self, length: u32, code: u32) {
        self.held = (self.held << length) | code;
        self.count += length;
        while self.count >= 8 {
            self.count -= 8;
            let byte = u8::try_from((self.held >> self.count) & 0xff).unwrap_or_default();
            self.file.push(byte);
            if byte == 0xff {
                self.file.push(0);
            }
        }
        self.held &= (1 << self.count) - 1;
    }

    fn dc(&mut self, difference: i32) {
        let category = u32::BITS - difference.unsigned_abs().leading_zeros();
        let index = usize::try_from(category).unwrap_or_default();
        let Some((length, code)) = DC_CODES.get(index) else {
            return;
        };
        self.put(*length, *code);
        if category > 0 {
            let low = if difference > 0 {
                difference
            } else {
                difference + (1 << category) - 1
            };
            self.put(category, low.unsigned_abs());
        }
    }

    fn finish(&mut self) {
        let missing = (8 - self.count) % 8;
        self.put(missing, (1 << missing) - 1);
    }
}

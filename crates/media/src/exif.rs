//! The first directory of a TIFF structure, as pictures carry it (Exif 2.32, 4.6).

/// The tag that turns a picture upright.
const ORIENTATION: u16 = 0x0112;
/// The tag that points to where the picture was taken.
const GPS: u16 = 0x8825;

/// The orientation that it names, from 1 to 8.
pub(crate) fn orientation(tiff: &[u8]) -> Option<u16> {
    let tiff = Tiff::of(tiff)?;
    let entry = tiff.entry(ORIENTATION)?;
    tiff.u16_at(entry.checked_add(8)?)
        .filter(|value| (1..=8).contains(value))
}

/// Whether it says where the picture was taken.
pub(crate) fn tells_location(tiff: &[u8]) -> bool {
    Tiff::of(tiff).is_some_and(|tiff| tiff.entry(GPS).is_some())
}

/// A structure that says nothing but this orientation.
pub(crate) fn only_orientation(orientation: u16) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    tiff.extend(orientation.to_be_bytes());
    // The other half of the value, and no directory after this one.
    tiff.extend([0; 6]);
    tiff
}

struct Tiff<'a> {
    bytes: &'a [u8],
    is_little: bool,
}

impl<'a> Tiff<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let is_little = match bytes.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        Some(Self { bytes, is_little })
    }

    fn u16_at(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    fn u32_at(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }

    /// Where the entry of a tag begins in the first directory.
    fn entry(&self, tag: u16) -> Option<usize> {
        let directory = usize::try_from(self.u32_at(4)?).ok()?;
        let entries = usize::from(self.u16_at(directory)?);
        (0..entries)
            .map_while(|n| directory.checked_add(2 + n * 12))
            .find(|entry| self.u16_at(*entry) == Some(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_with_an_orientation_alone_says_it_and_no_place() {
        for n in 1..=8 {
            let tiff = only_orientation(n);
            assert_eq!(orientation(&tiff), Some(n));
            assert!(!tells_location(&tiff));
        }
        assert_eq!(orientation(&only_orientation(9)), None);
    }

    #[test]
    fn a_pointer_to_a_place_is_seen_in_both_byte_orders() {
        assert!(tells_location(
            b"MM\0*\0\0\0\x08\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0"
        ));
        assert!(tells_location(
            b"II*\0\x08\0\0\0\x01\0\x25\x88\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0"
        ));
        assert!(!tells_location(b"II*\0\x08\0\0\0\xff\xff"));
    }
}

//! From any picture to a JPEG that a platform takes.

use std::io::{self, BufRead, Seek, Write};

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Rgb, RgbImage};

use super::DECODE_PIXELS_MAX;
use crate::error::Error;

/// The most memory that one decoder may take, in bytes: the largest picture at four bytes a pixel, and some.
const DECODER_BYTES_MAX: u64 = 256 * 1_024 * 1_024;
/// The longest side that a JPEG can have.
const SIDE_MAX: u32 = 65_500;
/// Qualities that are tried before the picture is made smaller.
const QUALITIES: &[u8] = &[90, 82, 74, 66, 58];
/// How often it is made smaller by a quarter before it is given up.
const SHRINKS_MAX: u32 = 12;

/// What a JPEG must keep to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes_max: u64,
    pub(super) pixels_max: Option<u64>,
    pub(super) sides_sum_max: Option<u32>,
}

/// Holds an extent against the budget.
pub(super) fn check_pixels(width: u64, height: u64) -> Result<(), Error> {
    if width.saturating_mul(height) > DECODE_PIXELS_MAX {
        return Err(Error::TooManyPixels {
            width,
            height,
            pixels_max: DECODE_PIXELS_MAX,
        });
    }
    Ok(())
}

/// Decodes, turns upright, puts on white, scales down, and encodes at the best quality that fits.
pub(super) fn jpeg<R: BufRead + Seek>(reader: R, mime: &str, bounds: &Bounds) -> Result<Bytes, Error> {
    let (picture, colours) = decode(reader, mime)?;
    let (mut width, mut height) = within(picture.width(), picture.height(), bounds);
    for _ in 0..SHRINKS_MAX {
        let is_whole = (width, height) == picture.dimensions();
        let scaled = (!is_whole).then(|| image::imageops::thumbnail(&picture, width, height));
        let drawn = scaled.as_ref().unwrap_or(&picture);
        for quality in QUALITIES {
            if let Some(bytes) = encode(drawn, *quality, colours.as_deref(), bounds.bytes_max)? {
                return Ok(bytes);
            }
        }
        if width.min(height) < 2 {
            break;
        }
        (width, height) = ((width - width / 4).max(1), (height - height / 4).max(1));
    }
    Err(Error::TooLarge {
        bytes_max: bounds.bytes_max,
    })
}

/// The pixels, and the profile that says what colours their numbers stand for.
fn decode<R: BufRead + Seek>(reader: R, mime: &str) -> Result<(RgbImage, Option<Vec<u8>>), Error> {
    let format = match mime {
        "image/jpeg" => ImageFormat::Jpeg,
        "image/png" => ImageFormat::Png,
        "image/webp" => ImageFormat::WebP,
        "image/gif" => ImageFormat::Gif,
        _ => return Err(Error::Unsupported),
    };
    let mut reader = ImageReader::with_format(reader, format);
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(undecodable)?;
    let (width, height) = decoder.dimensions();
    check_pixels(width.into(), height.into())?;
    limits.reserve(decoder.total_bytes()).map_err(undecodable)?;
    let orientation = decoder.orientation().map_err(undecodable)?;
    // A profile of another space (CMYK, grey) says nothing about the numbers that come out.
    let profile = decoder.icc_profile().map_err(undecodable)?;
    let colours = profile.filter(|profile| profile.get(16..20) == Some(b"RGB "));
    let mut picture = DynamicImage::from_decoder(decoder).map_err(undecodable)?;
    picture.apply_orientation(orientation);
    Ok((on_white(picture), colours))
}

fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let (width, height) = picture.dimensions();
    let mut flat = RgbImage::new(width, height);
    for (from, to) in picture.pixels().zip(flat.pixels_mut()) {
        let [red, green, blue, alpha] = from.0;
        let mixed = |colour: u8| {
            let (colour, alpha) = (u32::from(colour), u32::from(alpha));
            u8::try_from((colour * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
        };
        *to = Rgb([mixed(red), mixed(green), mixed(blue)]);
    }
    flat
}

/// The largest extent of the same shape within the bounds.
fn within(width: u32, height: u32, bounds: &Bounds) -> (u32, u32) {
    let (across, down) = (f64::from(width), f64::from(height));
    let by_side = f64::from(SIDE_MAX) / across.max(down);
    let by_pixels = bounds
        .pixels_max
        .map_or(1.0, |max| (max as f64 / (across * down)).sqrt());
    let by_sum = bounds.sides_sum_max.map_or(1.0, |max| f64::from(max) / (across + down));
    let factor = by_side.min(by_pixels).min(by_sum);
    if factor >= 1.0 {
        return (width, height);
    }
    // Rounded down, so that the bounds hold.
    let scaled = |side: f64| ((side * factor) as u32).max(1);
    (scaled(across), scaled(down))
}

/// `None` when it does not fit.
fn encode(picture: &RgbImage, quality: u8, colours: Option<&[u8]>, bytes_max: u64) -> Result<Option<Bytes>, Error> {
    let mut out = Bounded {
        bytes: Vec::new(),
        bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
        is_full: false,
    };
    let mut encoder = JpegEncoder::new_with_quality(&mut out, quality);
    if let Some(colours) = colours {
        // One that is too long for the format is left out.
        let _ = encoder.set_icc_profile(colours.to_vec());
    }
    let (width, height) = picture.dimensions();
    let encoded = encoder.encode(picture.as_raw(), width, height, ExtendedColorType::Rgb8);
    match encoded {
        Ok(()) => Ok(Some(Bytes::from(out.bytes))),
        Err(_) if out.is_full => Ok(None),
        Err(_) => Err(Error::Malformed("it cannot be made a JPEG")),
    }
}

/// Takes no more than it may hold, so that an encoder that is over its limit ends early.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.bytes_max {
            self.is_full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn undecodable(error: image::ImageError) -> Error {
    match error {
        image::ImageError::IoError(error) => Error::from(error),
        image::ImageError::Limits(_) => Error::TooLarge {
            bytes_max: DECODER_BYTES_MAX,
        },
        image::ImageError::Unsupported(_) => Error::Unsupported,
        _ => Error::Malformed("it cannot be decoded"),
    }
}

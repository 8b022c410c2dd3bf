//! Tests of derivatives: real pictures in, decoded pictures out.

use std::io::Cursor;

use domain::ids::MediaId;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, Rgb, RgbImage, Rgba, RgbaImage};
use object_store::memory::InMemory;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::samples;

/// A directory with an orientation and a pointer to a place, as cameras write it.
fn camera_exif(orientation: u16) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01".to_vec();
    tiff.extend(orientation.to_be_bytes());
    tiff.extend(b"\0\0\x88\x25\0\x04\0\0\0\x01\0\0\0\x26\0\0\0\0");
    tiff.extend(b"48.2082 N 16.3738 E");
    tiff
}

fn store() -> MediaStore {
    MediaStore::new(Arc::new(InMemory::new()))
}

/// A gradient with some noise, so that it does not shrink to nothing.
fn scene(width: u32, height: u32) -> RgbImage {
    let mut rng = StdRng::seed_from_u64(7);
    RgbImage::from_fn(width, height, |x, y| {
        let noise: u8 = rng.random_range(0..60);
        Rgb([(x * 190 / width) as u8 + noise, (y * 190 / height) as u8 + noise, noise])
    })
}

fn jpeg_of(picture: &RgbImage, exif: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
    }
    encoder
        .encode(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            ExtendedColorType::Rgb8,
        )
        .unwrap();
    bytes
}

fn png_of(picture: &DynamicImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_with_encoder(PngEncoder::new(&mut bytes)).unwrap();
    bytes
}

fn webp_of(picture: &RgbImage, exif: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    encoder.set_exif_metadata(exif.to_vec()).unwrap();
    encoder
        .encode(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            ExtendedColorType::Rgb8,
        )
        .unwrap();
    bytes
}

async fn put(store: &MediaStore, bytes: Vec<u8>) -> Media {
    let owner = UserId::from_bytes([0xab; 12]);
    let mut rng = StdRng::seed_from_u64(bytes.len() as u64);
    let new = NewFile::new(
        MediaId::from_bytes([1; 12]),
        owner,
        Some("me.png".to_owned()),
        None,
        &mut rng,
    );
    let stream = stream::iter([Ok(Bytes::from(bytes))]);
    let media = store.put_stream(new, stream, &NO_LIMITS).await.unwrap();
    Media {
        alt: Some("A scene".to_owned()),
        ..media
    }
}

async fn read(store: &MediaStore, media: &Media) -> Vec<u8> {
    let opened = store.open(&media.key, None).await.unwrap();
    let pieces: Vec<Bytes> = opened.stream.map(Result::unwrap).collect().await;
    pieces.concat()
}

fn decoded(bytes: &[u8]) -> RgbImage {
    image::load_from_memory(bytes).unwrap().into_rgb8()
}

fn jpeg_within(bytes_max: u64) -> Recipe {
    Recipe::Jpeg {
        bytes_max,
        pixels_max: None,
        sides_sum_max: None,
    }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_picture_and_recipe_give_the_same_bytes_on_every_installation() {
    let picture = png_of(&scene(300, 200).into());
    let (one, other) = (store(), store());
    let recipe = jpeg_within(1_000_000);
    let first = one.derive(&put(&one, picture.clone()).await, &recipe).await.unwrap();
    let second = other.derive(&put(&other, picture).await, &recipe).await.unwrap();
    assert_eq!(first.sha256, second.sha256);
    assert_eq!(
        (first.mime.as_str(), first.width, first.height),
        ("image/jpeg", Some(300), Some(200))
    );
    assert_eq!(
        (first.name.as_deref(), first.alt.as_deref()),
        (Some("me.jpg"), Some("A scene"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_derivative_is_made_once_and_found_again() {
    let store = store();
    let source = put(&store, png_of(&scene(60, 40).into())).await;
    let made = store.derive(&source, &jpeg_within(100_000)).await.unwrap();
    store.delete(&source.key).await.unwrap();
    let found = store.derive(&source, &jpeg_within(100_000)).await.unwrap();
    assert_eq!(found, made);
    assert!(
        store.derive(&source, &jpeg_within(99_999)).await.is_err(),
        "another recipe"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn quality_goes_first_and_size_second_until_it_fits() {
    let store = store();
    let source = put(&store, png_of(&scene(400, 400).into())).await;
    let whole = store.derive(&source, &jpeg_within(70_000)).await.unwrap();
    assert!(whole.bytes <= 70_000);
    assert_eq!(whole.width, Some(400), "a lower quality is enough");
    let small = store.derive(&source, &jpeg_within(9_000)).await.unwrap();
    assert!(small.bytes <= 9_000 && small.width < Some(400));
    assert_eq!(small.width, small.height, "the shape stays");
    let impossible = store.derive(&source, &jpeg_within(100)).await;
    assert!(matches!(impossible, Err(Error::TooLarge { bytes_max: 100 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_pixels_are_kept_to() {
    let store = store();
    let source = put(&store, png_of(&scene(400, 100).into())).await;
    let recipe = Recipe::Jpeg {
        bytes_max: 1_000_000,
        pixels_max: Some(10_000),
        sides_sum_max: None,
    };
    let made = store.derive(&source, &recipe).await.unwrap();
    assert_eq!((made.width, made.height), (Some(200), Some(50)));
    let recipe = Recipe::Jpeg {
        bytes_max: 1_000_000,
        pixels_max: None,
        sides_sum_max: Some(400),
    };
    let made = store.derive(&source, &recipe).await.unwrap();
    assert_eq!((made.width, made.height), (Some(320), Some(80)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_converted_picture_stands_upright_and_tells_nothing() {
    let store = store();
    let mut picture = RgbImage::from_pixel(64, 32, Rgb([0, 0, 255]));
    image::imageops::replace(&mut picture, &RgbImage::from_pixel(32, 32, Rgb([255, 0, 0])), 0, 0);
    let source = put(&store, jpeg_of(&picture, Some(&camera_exif(6)))).await;
    assert_eq!((source.width, source.height), (Some(32), Some(64)));
    let made = store.derive(&source, &jpeg_within(50_000)).await.unwrap();
    let bytes = read(&store, &made).await;
    assert!(!holds(&bytes, b"Exif") && !holds(&bytes, b"48.2082"));
    let upright = decoded(&bytes);
    assert_eq!(upright.dimensions(), (32, 64));
    // Turned by a quarter, what was left is at the top.
    let (top, bottom) = (upright.get_pixel(16, 8).0, upright.get_pixel(16, 56).0);
    assert!(top[0] > 200 && top[2] < 60, "{top:?}");
    assert!(bottom[2] > 200 && bottom[0] < 60, "{bottom:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_seen_through_is_put_on_white() {
    let store = store();
    let picture = RgbaImage::from_pixel(16, 16, Rgba([0, 0, 0, 0]));
    let source = put(&store, png_of(&picture.into())).await;
    let made = store.derive(&source, &jpeg_within(50_000)).await.unwrap();
    let pixel = *decoded(&read(&store, &made).await).get_pixel(8, 8);
    assert!(pixel.0.iter().all(|colour| *colour > 250), "{pixel:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_a_jpeg_keeps_every_pixel_and_its_orientation_and_nothing_else() {
    let store = store();
    let picture = scene(120, 80);
    let mut bytes = jpeg_of(&picture, Some(&camera_exif(8)));
    // What an editor and a camera add: XMP, IPTC, a comment, and a film behind the picture.
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<exif:GPSLatitude>48,12N</exif:GPSLatitude>";
    let iptc = b"Photoshop 3.0\x008BIM\x04\x04Vienna";
    for (marker, body) in [(0xe1_u8, &xmp[..]), (0xed, &iptc[..]), (0xfe, &b"at home"[..])] {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        let segment = [&[0xff, marker][..], &length, body].concat();
        bytes.splice(2..2, segment);
    }
    bytes.extend(b"a film of the garden");
    let source = put(&store, bytes.clone()).await;
    assert!(store.survey(&source).await.unwrap().tells_location);
    let made = store.derive(&source, &Recipe::Clean).await.unwrap();
    let cleaned = read(&store, &made).await;
    for word in [&b"48.2082"[..], b"GPS", b"Vienna", b"at home", b"garden"] {
        assert!(!holds(&cleaned, word));
    }
    assert!(!store.survey(&made).await.unwrap().tells_location);
    assert_eq!(
        (made.width, made.height),
        (source.width, source.height),
        "it is turned as before"
    );
    assert_eq!(decoded(&cleaned), decoded(&bytes));
    assert!(cleaned.ends_with(&[0xff, 0xd9]));
}

#[tokio::test(flavor = "multi_thread")]
async fn cleaning_a_png_and_a_webp_keeps_every_pixel() {
    let store = store();
    let picture = scene(50, 30);
    let mut png = png_of(&picture.clone().into());
    let exif = camera_exif(1);
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&length[..], name, body, &[0; 4]].concat()
    };
    png.splice(
        33..33,
        [chunk(b"eXIf", &exif), chunk(b"tEXt", b"Comment\0at home")].concat(),
    );
    for bytes in [png, webp_of(&picture, &exif)] {
        let source = put(&store, bytes).await;
        assert!(store.survey(&source).await.unwrap().tells_location, "{}", source.mime);
        let made = store.derive(&source, &Recipe::Clean).await.unwrap();
        let cleaned = read(&store, &made).await;
        assert!(
            !holds(&cleaned, b"48.2082") && !holds(&cleaned, b"at home"),
            "{}",
            source.mime
        );
        assert_eq!(made.mime, source.mime);
        assert_eq!(decoded(&cleaned), picture, "{}", source.mime);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_refused_before_anything_is_decoded() {
    let store = store();
    let source = put(&store, samples::png(7_000, 7_000)).await;
    let bomb = Media {
        width: Some(40_000),
        height: Some(40_000),
        ..source.clone()
    };
    let refused = store.derive(&bomb, &jpeg_within(1_000_000)).await;
    assert!(matches!(
        refused,
        Err(Error::TooManyPixels {
            width: 40_000,
            height: 40_000,
            ..
        })
    ));
    assert_eq!(store.darkroom.available_permits(), PERMITS);
    // A file that says another size than what is known of it is held against the budget by its own word.
    let mut jpeg = jpeg_of(&scene(40, 30), None);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg.splice(
        frame + 5..frame + 9,
        [9_900_u16.to_be_bytes(), 9_900_u16.to_be_bytes()].concat(),
    );
    let lying = put(&store, jpeg).await;
    let lying = Media {
        width: Some(1),
        height: Some(1),
        ..lying
    };
    let refused = store.derive(&lying, &jpeg_within(1_000_000)).await;
    assert!(
        matches!(refused, Err(Error::TooManyPixels { width: 9_900, .. })),
        "{refused:?}"
    );
    let long = Media {
        bytes: DECODE_BYTES_MAX + 1,
        ..source
    };
    assert!(matches!(
        store.derive(&long, &jpeg_within(9)).await,
        Err(Error::TooLarge { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_picture_leaves_nothing_behind() {
    let store = store();
    let source = put(&store, samples::png(100, 100)).await;
    let recipe = jpeg_within(1_000_000);
    let refused = store.derive(&source, &recipe).await;
    assert!(refused.as_ref().is_err_and(Error::is_about_the_file), "{refused:?}");
    let key = derivative_key(&source, &recipe).unwrap();
    assert!(matches!(store.open(&key, None).await, Err(Error::NotFound)));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pictures_at_once_are_cleaned_without_waiting_for_each_other() {
    let store = store();
    let mut sources = Vec::new();
    for n in 0..12 {
        sources.push(put(&store, jpeg_of(&scene(40 + n, 30), Some(&camera_exif(1)))).await);
    }
    let all = sources.iter().map(|source| store.derive(source, &Recipe::Clean));
    let made = futures_util::future::join_all(all).await;
    assert!(made.iter().all(Result::is_ok));
}

proptest! {
    #[test]
    fn no_file_makes_a_walk_fail_in_another_way_than_by_an_error(
        at in 0_usize..4_000, with in proptest::collection::vec(any::<u8>(), 1..40), cut in 0_usize..4_000
    ) {
        let picture = scene(20, 10);
        let (jpeg, png) = (jpeg_of(&picture, Some(&camera_exif(3))), png_of(&picture.clone().into()));
        for mut bytes in [jpeg, png, webp_of(&picture, &camera_exif(3))] {
            let at = at % bytes.len();
            let end = (at + with.len()).min(bytes.len());
            bytes.splice(at..end, with.iter().copied());
            bytes.truncate(bytes.len().saturating_sub(cut % 50));
            let len = bytes.len() as u64;
            let mut out = Vec::new();
            let _ = jpeg::survey(&mut Cursor::new(&bytes));
            let _ = jpeg::clean(&mut Cursor::new(&bytes), &mut out);
            let _ = png::survey(&mut Cursor::new(&bytes), len);
            let _ = png::clean(&mut Cursor::new(&bytes), len, &mut out);
            let _ = webp::survey(&mut Cursor::new(&bytes), len);
            let _ = webp::clean(&mut Cursor::new(&bytes), len, &mut out);
            prop_assert!(out.len() <= 4 * bytes.len() + 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heic_or_avif_that_tells_where_it_was_taken_stays_as_it_is_but_for_that() {
    let store = store();
    for (brand, mime, name) in [(b"heic", "image/heic", "me.heic"), (b"avif", "image/avif", "me.avif")] {
        let bytes = samples::heif_that_tells(brand, &camera_exif(1), b"<x exif:GPSLatitude='48'/>", b"a film");
        let source = put(&store, bytes.clone()).await;
        assert_eq!(source.mime, mime);
        assert!(store.survey(&source).await.unwrap().tells_location);
        let made = store.derive(&source, &Recipe::Clean).await.unwrap();
        assert_eq!((made.mime.as_str(), made.name.as_deref()), (mime, Some(name)));
        assert_eq!((made.width, made.height), (Some(64), Some(48)));
        let clean = read(&store, &made).await;
        assert_eq!(clean.len(), bytes.len());
        for word in [&b"48.2082 N"[..], b"GPSLatitude", b"a film", b"mpvd"] {
            assert!(holds(&bytes, word) && !holds(&clean, word));
        }
        assert!(holds(&clean, &[7; 40]), "the picture");
        let changed = bytes
            .iter()
            .zip(&clean)
            .filter(|(before, after)| before != after)
            .count();
        assert!(changed < camera_exif(1).len() + 26 + 6 + 4);
        assert!(!store.survey(&made).await.unwrap().tells_location);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heic_that_tells_no_place_needs_no_other_file_and_a_broken_one_is_refused() {
    let store = store();
    let exif = crate::exif::only_orientation(6);
    let mut bytes = samples::heif_that_tells(b"heic", &exif, b"<x/>", b"");
    let behind = bytes.len() - 8;
    bytes.truncate(behind);
    let source = put(&store, bytes.clone()).await;
    assert_eq!(store.survey(&source).await.unwrap(), Survey::default());
    let places = bytes.windows(4).position(|window| window == b"iloc").unwrap();
    bytes[places + 4] = 9;
    let broken = put(&store, bytes).await;
    assert!(matches!(store.survey(&broken).await, Err(Error::Unsupported)));
    assert!(store.derive(&broken, &Recipe::Clean).await.is_err());
}

proptest! {
    #[test]
    fn no_heic_however_broken_is_a_panic(at in 0_usize..600, byte: u8, cut in 0_usize..700) {
        let mut bytes = samples::heif_that_tells(b"heic", &camera_exif(1), b"<x/>", b"film");
        if let Some(broken) = bytes.get_mut(at) {
            *broken = byte;
        }
        bytes.truncate(bytes.len().min(cut));
        let len = bytes.len() as u64;
        let _ = heif::survey(&mut Cursor::new(&bytes), len);
        let _ = heif::clean(&mut Cursor::new(&bytes), len, &mut Vec::new());
    }
}

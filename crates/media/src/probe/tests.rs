//! Tests of what is found out about files.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::samples::{self, Film, Jpeg, iso_box};

fn look(bytes: &[u8]) -> Result<Probe, Error> {
    probe(Cursor::new(bytes), bytes.len() as u64)
}

fn extent(found: &Probe) -> (u32, u32) {
    (found.width.unwrap(), found.height.unwrap())
}

#[test]
fn pictures_are_known_by_their_bytes() {
    for (bytes, mime) in [
        (samples::png(640, 480), "image/png"),
        (Jpeg::default().bytes(), "image/jpeg"),
        (samples::gif(640, 480, 1), "image/gif"),
        (samples::webp(640, 480), "image/webp"),
        (samples::heif(b"heic", 640, 480), "image/heic"),
        (samples::heif(b"avif", 640, 480), "image/avif"),
        (samples::heif(b"jpeg", 640, 480), "image/heif"),
    ] {
        let found = look(&bytes).unwrap();
        assert_eq!(
            (found.kind, found.mime, extent(&found)),
            (MediaKind::Image, mime, (640, 480))
        );
        assert_eq!((found.duration_ms, found.frame_rate, found.codec), (None, None, None));
    }
}

#[test]
fn a_gif_with_more_than_one_picture_is_an_animation() {
    assert_eq!(look(&samples::gif(10, 20, 1)).unwrap().kind, MediaKind::Image);
    let found = look(&samples::gif(10, 20, 2)).unwrap();
    assert_eq!((found.kind, extent(&found)), (MediaKind::Animation, (10, 20)));
    assert_eq!(look(&samples::gif(10, 20, 500)).unwrap().kind, MediaKind::Animation);
}

#[test]
fn a_photograph_on_its_side_is_measured_as_it_is_seen() {
    for little_endian in [false, true] {
        for (orientation, seen) in [(None, (640, 480)), (Some(0), (640, 480)), (Some(9), (640, 480))]
            .into_iter()
            .chain((1..=4).map(|o| (Some(o), (640, 480))))
            .chain((5..=8).map(|o| (Some(o), (480, 640))))
        {
            let found = look(
                &Jpeg {
                    orientation,
                    little_endian,
                    ..Jpeg::default()
                }
                .bytes(),
            )
            .unwrap();
            assert_eq!(extent(&found), seen, "{orientation:?}");
        }
    }
}

#[test]
fn a_jpeg_may_have_fill_bytes_and_an_appendix() {
    let mut bytes = Jpeg::default().bytes();
    bytes.splice(2..2, [0xff, 0xff]);
    bytes.extend(vec![1; 10_000]);
    assert_eq!(extent(&look(&bytes).unwrap()), (640, 480));
}

#[test]
fn the_end_of_a_jpeg_is_found_wherever_the_blocks_fall() {
    for data in 8_190 - 200..8_192 + 20 {
        let bytes = Jpeg {
            data,
            ..Jpeg::default()
        }
        .bytes();
        assert!(look(&bytes).is_ok(), "{data}");
        assert!(
            matches!(look(&bytes[..bytes.len() - 1]), Err(Error::Truncated(_))),
            "{data}"
        );
    }
}

#[test]
fn a_film_has_length_extent_rate_and_coding() {
    let found = look(&Film::default().bytes()).unwrap();
    assert_eq!(
        (found.kind, found.mime, extent(&found)),
        (MediaKind::Video, "video/mp4", (1_280, 720))
    );
    assert_eq!(found.duration_ms, Some(10_010));
    assert!((found.frame_rate.unwrap() - 29.97).abs() < 0.001, "{found:?}");
    assert_eq!(found.codec.as_deref(), Some("avc1"));
}

#[test]
fn a_film_may_have_its_index_at_the_end_and_be_quicktime() {
    let film = Film {
        index_first: false,
        brand: *b"qt  ",
        sound: false,
        ..Film::default()
    };
    let found = look(&film.bytes()).unwrap();
    assert_eq!((found.mime, found.duration_ms), ("video/quicktime", Some(10_010)));
    let bytes = film.bytes();
    let found = look(&bytes[24..]).unwrap();
    assert_eq!((found.mime, found.duration_ms), ("video/quicktime", Some(10_010)));
}

#[test]
fn a_film_turned_by_a_quarter_is_measured_as_it_is_seen() {
    assert_eq!(
        extent(
            &look(
                &Film {
                    turned: true,
                    ..Film::default()
                }
                .bytes()
            )
            .unwrap()
        ),
        (720, 1_280)
    );
}

#[test]
fn turns_sound_and_the_colours_of_print_are_told() {
    let film = |turned, sound| {
        let film = Film {
            turned,
            sound,
            ..Film::default()
        };
        let found = look(&film.bytes()).unwrap();
        (found.rotation, found.audio)
    };
    assert_eq!(film(true, true), (90, Some("Opus".to_owned())));
    assert_eq!(film(false, false), (0, None));
    for (components, is_cmyk) in [(1, false), (3, false), (4, true)] {
        let picture = Jpeg {
            components,
            orientation: Some(8),
            ..Jpeg::default()
        };
        let found = look(&picture.bytes()).unwrap();
        assert_eq!(
            (found.is_cmyk, found.rotation, extent(&found)),
            (is_cmyk, 270, (480, 640))
        );
    }
}

#[test]
fn a_webm_has_length_extent_rate_and_coding() {
    let found = look(&samples::webm(640, 360, 15)).unwrap();
    assert_eq!((found.kind, extent(&found)), (MediaKind::Video, (640, 360)));
    assert_eq!(found.duration_ms, Some(10_000));
    assert!((found.frame_rate.unwrap() - 15.0).abs() < 0.001, "{found:?}");
    assert_eq!(
        (found.codec.as_deref(), found.audio.as_deref()),
        (Some("V_VP9"), Some("A_OPUS"))
    );
}

#[test]
fn a_film_in_fragments_is_summed_up() {
    for listed in [false, true] {
        let film = Film {
            fragments: 10,
            listed,
            scale: 25,
            units: 1,
            frames: 250,
            ..Film::default()
        };
        let found = look(&film.bytes()).unwrap();
        assert_eq!((found.duration_ms, found.frame_rate), (Some(10_000), Some(25.0)));
    }
}

#[test]
fn other_containers_are_told_apart() {
    assert_eq!(look(&samples::webm(640, 360, 25)).unwrap().mime, "video/webm");
    let found = look(b"%PDF-1.7\n").unwrap();
    assert_eq!((found.kind, found.mime), (MediaKind::Document, "application/pdf"));
    for unknown in [
        &b"hello"[..],
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html>",
        b"PK\x03\x04",
        b"\x7fELF",
        b"GIF88a..",
    ] {
        assert!(matches!(look(unknown), Err(Error::Unsupported)), "{unknown:?}");
    }
    let song = iso_box(b"ftyp", b"M4A \0\0\0\0M4A mp42isom");
    assert!(matches!(look(&song), Err(Error::Unsupported)));
    assert!(matches!(look(b""), Err(Error::Empty)));
}

#[test]
fn no_file_that_is_cut_off_passes() {
    for bytes in [
        samples::png(640, 480),
        Jpeg {
            orientation: Some(6),
            ..Jpeg::default()
        }
        .bytes(),
        samples::webp(640, 480),
        samples::webm(640, 480, 25),
        samples::heif(b"avif", 640, 480),
        Film {
            data: 100,
            ..Film::default()
        }
        .bytes(),
        Film {
            data: 100,
            index_first: false,
            ..Film::default()
        }
        .bytes(),
    ] {
        for end in 1..bytes.len() {
            let found = look(&bytes[..end]);
            assert!(
                found.as_ref().is_err_and(Error::is_about_the_file),
                "{end} of {}: {found:?}",
                bytes.len()
            );
        }
    }
    // A GIF may lack its trailer and end after any of its pictures.
    let bytes = samples::gif(10, 10, 1);
    for end in 1..bytes.len() - 1 {
        assert!(look(&bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn a_picture_that_would_fill_the_memory_is_refused() {
    assert!(look(&samples::png(10_000, 10_000)).is_ok());
    for bytes in [
        samples::png(10_000, 10_001),
        samples::png(u32::MAX, u32::MAX),
        samples::heif(b"heic", u32::MAX, 2),
        samples::gif(65_535, 65_535, 1),
    ] {
        assert!(matches!(
            look(&bytes),
            Err(Error::TooManyPixels {
                pixels_max: PIXELS_MAX,
                ..
            })
        ));
    }
    for bytes in [
        samples::png(0, 5),
        samples::gif(5, 0, 1),
        Jpeg {
            height: 0,
            ..Jpeg::default()
        }
        .bytes(),
    ] {
        assert!(matches!(look(&bytes), Err(Error::Malformed(_))));
    }
}

#[test]
fn a_film_that_lies_about_its_tables_is_refused_at_once() {
    let bytes = Film {
        sound: false,
        ..Film::default()
    }
    .bytes();
    let at = |name: &[u8]| bytes.windows(4).position(|window| window == name).unwrap();
    // Four billion entries in a table of one.
    let mut lying = bytes.clone();
    lying[at(b"stts") + 8..at(b"stts") + 12].copy_from_slice(&[0xff; 4]);
    assert!(matches!(look(&lying), Err(Error::Malformed(_))));
    // Four billion frames in one entry cost nothing: they are only summed up.
    let mut lying = bytes.clone();
    lying[at(b"stts") + 12..at(b"stts") + 20].copy_from_slice(&[0xff; 8]);
    assert!(look(&lying).is_ok());
    // A box that ends before it starts.
    let mut lying = bytes.clone();
    lying[at(b"moov") - 4..at(b"moov")].copy_from_slice(&[0, 0, 0, 3]);
    assert!(matches!(look(&lying), Err(Error::Malformed(_))));
    // An index of a gigabyte, as the header has it, in a file that could hold it.
    let huge = [
        iso_box(b"ftyp", b"isom\0\0\0\0"),
        [&(1_u32 << 30).to_be_bytes()[..], b"moov"].concat(),
    ]
    .concat();
    let found = probe(Cursor::new(&huge), 16 + (1 << 30));
    assert!(
        matches!(found, Err(Error::Malformed("the index of the film is too large"))),
        "{found:?}"
    );
}

#[test]
fn a_film_without_pictures_or_frames_is_refused() {
    let empty = Film {
        frames: 0,
        ..Film::default()
    }
    .bytes();
    assert!(matches!(look(&empty), Err(Error::Malformed("the film has no frames"))));
    let bytes = Film::default().bytes();
    let at = bytes.windows(4).position(|window| window == b"vide").unwrap();
    let mut sound = bytes;
    sound[at..at + 4].copy_from_slice(b"text");
    assert!(matches!(
        look(&sound),
        Err(Error::Malformed("the film has no track with pictures"))
    ));
}

proptest! {
    #[test]
    fn our_reader_of_films_agrees_with_another(
        turned: bool, index_first: bool, sound: bool,
        width in 2u32..5_000, height in 2u32..5_000,
        scale in prop::sample::select(vec![24u32, 25, 30, 600, 12_800, 24_000, 30_000, 90_000]),
        frames in 2u32..2_000, units in 1u32..3_003,
    ) {
        let bytes = Film { turned, index_first, sound, width, height, scale, frames, units, ..Film::default() }.bytes();
        let ours = look(&bytes).unwrap();
        let theirs = re_mp4::Mp4::read_bytes(&bytes).unwrap();
        let track = theirs.tracks().values().find(|track| track.kind == Some(re_mp4::TrackKind::Video)).unwrap();
        let (w, h) = (u32::from(track.width), u32::from(track.height));
        prop_assert_eq!(extent(&ours), if turned { (h, w) } else { (w, h) });
        prop_assert_eq!(ours.duration_ms.unwrap(), theirs.moov.mvhd.duration);
        let seconds = track.duration as f64 / track.timescale as f64;
        prop_assert!((ours.frame_rate.unwrap() - track.samples.len() as f64 / seconds).abs() < 1e-6);
    }

    #[test]
    fn damaged_files_are_answered_and_never_a_panic(
        which in 0usize..9, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = [
            samples::png(640, 480),
            Jpeg { orientation: Some(6), ..Jpeg::default() }.bytes(),
            samples::gif(10, 10, 3),
            samples::webp(640, 480),
            samples::heif(b"heic", 640, 480),
            Film { data: 50, ..Film::default() }.bytes(),
            Film { data: 50, fragments: 3, listed: true, ..Film::default() }.bytes(),
            Film { data: 50, index_first: false, turned: true, ..Film::default() }.bytes(),
            samples::webm(640, 480, 25),
        ][which].clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Err(error) = look(&bytes) {
            prop_assert!(error.is_about_the_file(), "{}", error);
        }
    }

    #[test]
    fn noise_behind_any_beginning_is_answered(start in 0usize..6, noise in prop::collection::vec(any::<u8>(), 0..300)) {
        let starts: [&[u8]; 6] = [
            b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\0\0\0\x18ftypisom", b"\0\0\0\x18ftypheic", b"RIFF\0\0\0\0WEBP",
        ];
        let _ = look(&[starts[start], &noise].concat());
    }
}

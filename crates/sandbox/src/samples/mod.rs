//! Sample media, made in code: images that decode, videos whose structure is whole, and a file that is too large.

mod jpeg;
mod mp4;
mod png;

use std::sync::OnceLock;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};

pub use jpeg::jpeg;
pub use mp4::{VideoShape, mp4};
pub use png::png;

use crate::answer::padded_body;
use crate::world::Shared;

/// The samples that are served below `/samples/`.
pub const NAMES: &[&str] = &[
    "image.jpg",
    "image2.jpg",
    "image3.jpg",
    "image2.png",
    "video.mp4",
    "video-15fps.mp4",
    "oversized.jpg",
];

/// The size of `oversized.jpg`, in bytes.
pub const OVERSIZED_BYTES: usize = 30 * 1024 * 1024;

/// The bytes of a sample by its name, except `oversized.jpg`, which is only ever streamed.
///
/// Each is made once; asking again is cheap.
#[must_use]
pub fn by_name(name: &str) -> Option<(&'static str, Bytes)> {
    static IMAGE: OnceLock<Bytes> = OnceLock::new();
    static SECOND: OnceLock<Bytes> = OnceLock::new();
    static THIRD: OnceLock<Bytes> = OnceLock::new();
    static IMAGE2: OnceLock<Bytes> = OnceLock::new();
    static VIDEO: OnceLock<Bytes> = OnceLock::new();
    static VIDEO_15FPS: OnceLock<Bytes> = OnceLock::new();
    let slow = VideoShape {
        fps: 15,
        ..VideoShape::default()
    };
    match name {
        "image.jpg" => Some(("image/jpeg", IMAGE.get_or_init(|| jpeg(1080, 1080, 1).into()).clone())),
        "image2.jpg" => Some(("image/jpeg", SECOND.get_or_init(|| jpeg(1080, 1080, 6).into()).clone())),
        "image3.jpg" => Some(("image/jpeg", THIRD.get_or_init(|| jpeg(1080, 1080, 7).into()).clone())),
        "image2.png" => Some(("image/png", IMAGE2.get_or_init(|| png(256, 256, 2).into()).clone())),
        "video.mp4" => Some((
            "video/mp4",
            VIDEO.get_or_init(|| mp4(VideoShape::default(), 3).into()).clone(),
        )),
        "video-15fps.mp4" => Some(("video/mp4", VIDEO_15FPS.get_or_init(|| mp4(slow, 4).into()).clone())),
        _ => None,
    }
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/{name}", get(serve))
}

async fn serve(Path(name): Path<String>) -> Response {
    if name == "oversized.jpg" {
        let body = padded_body(Bytes::from(jpeg(64, 64, 5)), OVERSIZED_BYTES);
        return with_length("image/jpeg", OVERSIZED_BYTES, body);
    }
    match by_name(&name) {
        Some((mime, bytes)) => with_length(mime, bytes.len(), Body::from(bytes)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn with_length(mime: &'static str, length: usize, body: Body) -> Response {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(mime));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::medium::{Kind, Medium};

    #[test]
    fn the_images_have_the_frame_they_were_asked_for() {
        for (bytes, kind) in [(jpeg(1080, 640, 1), Kind::Jpeg), (png(1080, 640, 1), Kind::Png)] {
            let medium = Medium::of(&bytes);
            assert_eq!(
                (medium.kind, medium.width, medium.height, medium.readable),
                (kind, 1080, 640, true)
            );
        }
        assert_ne!(jpeg(64, 64, 1), jpeg(64, 64, 2));
    }

    #[test]
    fn the_videos_have_their_frame_rate_and_length() {
        for fps in [15, 30] {
            let bytes = mp4(
                VideoShape {
                    fps,
                    ..VideoShape::default()
                },
                1,
            );
            let medium = Medium::of(&bytes);
            assert_eq!((medium.width, medium.height), (1080, 1920));
            assert!((medium.fps - f64::from(fps)).abs() < 0.01, "{}", medium.fps);
            assert!((medium.duration_s - 5.0).abs() < 0.01, "{}", medium.duration_s);
        }
    }

    #[test]
    fn every_video_sample_lies_inside_the_file() {
        let bytes = mp4(VideoShape::default(), 1);
        let length = u64::try_from(bytes.len()).unwrap();
        let file = re_mp4::Mp4::read(std::io::Cursor::new(&bytes), length).unwrap();
        let track = file.tracks().values().next().unwrap();
        assert_eq!(track.samples.len(), 150);
        assert!(
            track
                .samples
                .iter()
                .all(|sample| bytes.get(sample.byte_range()).is_some())
        );
        let first = &bytes[track.samples[0].byte_range()];
        assert_eq!(
            usize::try_from(u32::from_be_bytes(first[..4].try_into().unwrap())).unwrap() + 4,
            first.len()
        );
    }
}

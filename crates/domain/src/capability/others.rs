//! Platforms whose connectors are still to come: their limits stand here because posts to them are accepted and checked.

use jiff::SignedDuration;

use super::{AskRule, Capability, ImageRule, Pace, SendBudget, TextRule, VideoRule};
use crate::platform::Platform;
use crate::text::TextUnit;

const JPEG_PNG: &[&str] = &["image/jpeg", "image/png"];
const MP4_MOV: &[&str] = &["video/mp4", "video/quicktime"];
const MP4_MOV_WEBM: &[&str] = &["video/mp4", "video/quicktime", "video/webm"];
const MIB: u64 = 1_024 * 1_024;

const fn base(platform: Platform, units_max: u32, images: Option<ImageRule>, video: Option<VideoRule>) -> Capability {
    Capability {
        platform,
        text: TextRule {
            unit: TextUnit::CodePoints,
            units_max,
            bytes_max: None,
        },
        caption: None,
        images,
        video,
        documents: None,
        mixes_media: false,
        media_max: 20,
        needs_media: false,
        threads: false,
        first_comment: false,
        settings: &[],
        ask: AskRule {
            ask_after: SignedDuration::from_secs(1),
            ask_times: 3,
            settle_for: SignedDuration::from_secs(60),
            give_up_after: SignedDuration::from_hours(6),
        },
        send: SendBudget {
            base: SignedDuration::from_secs(60),
            bytes_per_second_min: 0,
        },
        pace: Pace {
            in_flight_max: 2,
            catch_up_gap: SignedDuration::from_secs(30),
        },
        retract: None,
    }
}

const fn images(count_max: u8, mib_max: u64) -> Option<ImageRule> {
    Some(ImageRule {
        count_max,
        bytes_max: mib_max * MIB,
        mimes: JPEG_PNG,
        alt_chars_max: None,
        aspect: None,
        pixels_max: None,
        sides_sum_max: None,
    })
}

const fn video(mib_max: u64, duration_ms: (u64, u64), frame_rate: Option<(f64, f64)>) -> Option<VideoRule> {
    Some(VideoRule {
        count_max: 1,
        bytes_max: mib_max * MIB,
        mimes: MP4_MOV,
        duration_ms,
        frame_rate,
    })
}

/// The same rule with WebM.
const fn or_webm(rule: Option<VideoRule>) -> Option<VideoRule> {
    match rule {
        Some(rule) => Some(VideoRule {
            mimes: MP4_MOV_WEBM,
            ..rule
        }),
        None => None,
    }
}

/// TikTok refuses films under 23 frames a second (developers.tiktok.com, media transfer guide).
pub(super) static TIKTOK: Capability = Capability {
    needs_media: true,
    ..base(
        Platform::TikTok,
        2_200,
        images(35, 20),
        or_webm(video(4_096, (3_000, 600_000), Some((23.0, 60.0)))),
    )
};
pub(super) static YOUTUBE: Capability = Capability {
    needs_media: true,
    ..base(
        Platform::YouTube,
        5_000,
        None,
        or_webm(video(262_144, (0, 43_200_000), None)),
    )
};
pub(super) static PINTEREST: Capability = Capability {
    needs_media: true,
    ..base(
        Platform::Pinterest,
        800,
        images(5, 20),
        video(2_048, (4_000, 900_000), None),
    )
};
pub(super) static REDDIT: Capability = base(
    Platform::Reddit,
    40_000,
    images(20, 20),
    video(1_024, (0, 900_000), None),
);
pub(super) static GOOGLE_BUSINESS: Capability = base(Platform::GoogleBusiness, 1_500, images(1, 5), None);
pub(super) static SNAPCHAT: Capability = Capability {
    needs_media: true,
    ..base(
        Platform::Snapchat,
        160,
        images(1, 20),
        video(500, (5_000, 60_000), None),
    )
};

//! Mastodon 4.x with default settings (docs.joinmastodon.org, `GET /api/v2/instance`).

use jiff::SignedDuration;

use super::{AskRule, Capability, ImageRule, Pace, RetractRule, SendBudget, TextRule, VideoRule};
use crate::platform::Platform;
use crate::text::TextUnit;

pub(super) static CAPABILITY: Capability = Capability {
    platform: Platform::Mastodon,
    text: TextRule {
        unit: TextUnit::Mastodon,
        units_max: 500,
        bytes_max: None,
    },
    caption: None,
    images: Some(ImageRule {
        count_max: 4,
        bytes_max: 16_777_216,
        mimes: &[
            "image/jpeg",
            "image/png",
            "image/gif",
            "image/webp",
            "image/heic",
            "image/heif",
            "image/avif",
        ],
        alt_chars_max: Some(1_500),
        aspect: None,
        pixels_max: Some(33_177_600),
        sides_sum_max: None,
    }),
    video: Some(VideoRule {
        count_max: 1,
        bytes_max: 103_809_024,
        mimes: &["video/mp4", "video/webm", "video/quicktime"],
        duration_ms: (0, u64::MAX),
        frame_rate: Some((0.0, 120.0)),
    }),
    documents: None,
    mixes_media: false,
    media_max: 4,
    needs_media: false,
    threads: true,
    first_comment: true,
    settings: &["visibility", "sensitive", "spoilerText", "language"],
    // The key is recorded only after the insert, so a slow server may still be at it for a minute.
    ask: AskRule {
        ask_after: SignedDuration::from_secs(1),
        ask_times: 3,
        settle_for: SignedDuration::from_secs(60),
        give_up_after: SignedDuration::from_mins(30),
    },
    send: SendBudget {
        base: SignedDuration::from_secs(30),
        bytes_per_second_min: 0,
    },
    pace: Pace {
        in_flight_max: 4,
        catch_up_gap: SignedDuration::from_secs(36),
    },
    retract: Some(RetractRule { within: None }),
};

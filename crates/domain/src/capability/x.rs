//! X API v2 (docs.x.com, and its published OpenAPI document 2.167).

use jiff::SignedDuration;

use super::{AskRule, Capability, ImageRule, Pace, RetractRule, SendBudget, TextRule, VideoRule};
use crate::platform::Platform;
use crate::text::TextUnit;

pub(super) static CAPABILITY: Capability = Capability {
    platform: Platform::X,
    text: TextRule {
        unit: TextUnit::Weighted,
        units_max: 280,
        bytes_max: None,
    },
    caption: None,
    images: Some(ImageRule {
        count_max: 4,
        bytes_max: 5 * 1_024 * 1_024,
        mimes: &["image/jpeg", "image/png", "image/webp", "image/gif"],
        alt_chars_max: Some(1_000),
        aspect: None,
        pixels_max: None,
        sides_sum_max: None,
    }),
    video: Some(VideoRule {
        count_max: 1,
        bytes_max: 512 * 1_024 * 1_024,
        mimes: &["video/mp4", "video/quicktime", "video/webm"],
        duration_ms: (500, 140_000),
        frame_rate: Some((0.0, 60.0)),
    }),
    documents: None,
    mixes_media: false,
    media_max: 4,
    needs_media: false,
    threads: true,
    first_comment: true,
    settings: &[
        "replyControl",
        "replySettings",
        "madeWithAi",
        "paidPartnership",
        "replyTo",
        "quoteTweet",
    ],
    // Timelines can lag a write by seconds: three looks over a minute before "absent" is believed.
    ask: AskRule {
        ask_after: SignedDuration::from_secs(1),
        ask_times: 3,
        settle_for: SignedDuration::from_secs(60),
        give_up_after: SignedDuration::from_hours(6),
    },
    send: SendBudget {
        base: SignedDuration::from_secs(30),
        bytes_per_second_min: 0,
    },
    pace: Pace {
        in_flight_max: 4,
        catch_up_gap: SignedDuration::from_secs(9),
    },
    retract: Some(RetractRule { within: None }),
};

//! Instagram content publishing (developers.facebook.com, Instagram Platform).

use jiff::SignedDuration;

use super::{AskRule, Capability, ImageRule, Pace, SendBudget, TextRule, VideoRule};
use crate::platform::Platform;
use crate::text::TextUnit;

pub(super) static CAPABILITY: Capability = Capability {
    platform: Platform::Instagram,
    text: TextRule {
        unit: TextUnit::CodePoints,
        units_max: 2_200,
        bytes_max: None,
    },
    caption: None,
    images: Some(ImageRule {
        count_max: 10,
        bytes_max: 8 * 1_024 * 1_024,
        mimes: &["image/jpeg"],
        alt_chars_max: Some(1_000),
        aspect: Some((0.8, 1.91)),
        pixels_max: None,
        sides_sum_max: None,
    }),
    video: Some(VideoRule {
        count_max: 10,
        bytes_max: 300 * 1_024 * 1_024,
        mimes: &["video/mp4", "video/quicktime"],
        duration_ms: (3_000, 900_000),
        frame_rate: Some((23.0, 60.0)),
    }),
    documents: None,
    mixes_media: true,
    media_max: 10,
    needs_media: true,
    threads: false,
    first_comment: true,
    settings: &["videoType", "contentType", "shareToFeed", "collaborators"],
    // A container says PUBLISHED by itself; FINISHED counts as "not published" only after a minute.
    ask: AskRule {
        ask_after: SignedDuration::from_secs(1),
        ask_times: 3,
        settle_for: SignedDuration::from_secs(60),
        give_up_after: SignedDuration::from_hours(23),
    },
    send: SendBudget {
        base: SignedDuration::from_secs(60),
        bytes_per_second_min: 0,
    },
    pace: Pace {
        in_flight_max: 2,
        catch_up_gap: SignedDuration::from_secs(30),
    },
    // The node that this login gives has no DELETE.
    retract: None,
};

//! Threads (developers.facebook.com, Threads API).

use jiff::SignedDuration;

use super::{AskRule, Capability, ImageRule, Pace, RetractRule, SendBudget, TextRule, VideoRule};
use crate::platform::Platform;
use crate::text::TextUnit;

pub(super) static CAPABILITY: Capability = Capability {
    platform: Platform::Threads,
    text: TextRule {
        unit: TextUnit::Threads,
        units_max: 500,
        bytes_max: None,
    },
    caption: None,
    images: Some(ImageRule {
        count_max: 20,
        bytes_max: 8 * 1_024 * 1_024,
        mimes: &["image/jpeg", "image/png"],
        alt_chars_max: Some(1_000),
        aspect: Some((0.1, 10.0)),
        pixels_max: None,
        sides_sum_max: None,
    }),
    video: Some(VideoRule {
        count_max: 20,
        bytes_max: 1_024 * 1_024 * 1_024,
        mimes: &["video/mp4", "video/quicktime"],
        duration_ms: (0, 300_000),
        frame_rate: Some((23.0, 60.0)),
    }),
    documents: None,
    mixes_media: true,
    media_max: 20,
    needs_media: false,
    threads: true,
    first_comment: true,
    settings: &[
        "replyControl",
        "topicTag",
        "linkAttachment",
        "pollAttachment",
        "gifAttachment",
        "textAttachment",
        "locationId",
        "quotePostId",
        "allowlistedCountryCodes",
        "textEntities",
        "isSpoilerMedia",
        "isGhostPost",
    ],
    // A container says PUBLISHED by itself; FINISHED counts as "not published" only after a minute.
    ask: AskRule {
        ask_after: SignedDuration::from_secs(2),
        ask_times: 3,
        settle_for: SignedDuration::from_secs(60),
        give_up_after: SignedDuration::from_hours(23),
    },
    send: SendBudget {
        base: SignedDuration::from_secs(60),
        bytes_per_second_min: 0,
    },
    // 250 posts in 24 hours.
    pace: Pace {
        in_flight_max: 2,
        catch_up_gap: SignedDuration::from_secs(30),
    },
    retract: Some(RetractRule { within: None }),
};

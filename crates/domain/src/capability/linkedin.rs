//! LinkedIn members and organizations (learn.microsoft.com, LinkedIn Posts, Images, Videos and Documents APIs, 2026-09).

use jiff::SignedDuration;

use super::{AskRule, Capability, DocumentRule, ImageRule, Pace, RetractRule, SendBudget, TextRule, VideoRule};
use crate::platform::Platform;
use crate::text::TextUnit;

pub(super) static CAPABILITY: Capability = Capability {
    platform: Platform::LinkedIn,
    text: TextRule {
        unit: TextUnit::Little,
        units_max: 3_000,
        bytes_max: None,
    },
    caption: None,
    images: Some(ImageRule {
        count_max: 20,
        // LinkedIn limits pixels and says nothing of bytes; what it says for pictures elsewhere is eight mebibytes.
        bytes_max: 8 * 1_024 * 1_024,
        mimes: &["image/jpeg", "image/png", "image/gif"],
        alt_chars_max: Some(4_086),
        aspect: None,
        pixels_max: Some(36_152_319),
        sides_sum_max: None,
    }),
    video: Some(VideoRule {
        count_max: 1,
        bytes_max: 500 * 1_024 * 1_024,
        mimes: &["video/mp4"],
        duration_ms: (3_000, 1_800_000),
        frame_rate: None,
    }),
    documents: Some(DocumentRule {
        count_max: 1,
        bytes_max: 100 * 1_024 * 1_024,
        mimes: &[
            "application/pdf",
            "application/msword",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ],
    }),
    mixes_media: false,
    media_max: 20,
    needs_media: false,
    threads: false,
    first_comment: true,
    settings: &[
        "visibility",
        "feedDistribution",
        "targetEntities",
        "isReshareDisabledByAuthor",
        "title",
        "card",
        "linkCard",
        "poll",
        "repostEnabled",
        "repostParentUrn",
        "repostVisibility",
    ],
    // A member's posts cannot be listed: the question is a second send of the same bytes, which names the first post for
    // about ten minutes. It must come after the minute that settles and long before those are over.
    ask: AskRule {
        ask_after: SignedDuration::from_secs(20),
        ask_times: 2,
        settle_for: SignedDuration::from_secs(60),
        give_up_after: SignedDuration::from_hours(1),
    },
    send: SendBudget {
        base: SignedDuration::from_secs(60),
        bytes_per_second_min: 0,
    },
    pace: Pace {
        in_flight_max: 2,
        catch_up_gap: SignedDuration::from_secs(60),
    },
    retract: Some(RetractRule { within: None }),
};

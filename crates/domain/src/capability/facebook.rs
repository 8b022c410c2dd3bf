//! Facebook Pages (developers.facebook.com, Pages API, Video API and Reels Publishing).

use jiff::SignedDuration;

use super::{AskRule, Capability, ImageRule, Pace, RetractRule, SendBudget, TextRule, VideoRule};
use crate::platform::Platform;
use crate::text::TextUnit;

pub(super) static CAPABILITY: Capability = Capability {
    platform: Platform::Facebook,
    text: TextRule {
        unit: TextUnit::Utf16,
        units_max: 63_206,
        bytes_max: None,
    },
    caption: None,
    images: Some(ImageRule {
        count_max: 10,
        // Guidance of the documentation, and what subcode 1366046 says; larger ones often pass.
        bytes_max: 4 * 1_024 * 1_024,
        mimes: &["image/jpeg", "image/png", "image/gif", "image/bmp", "image/tiff"],
        alt_chars_max: None,
        aspect: None,
        pixels_max: None,
        sides_sum_max: None,
    }),
    // A film of the feed. Reels and stories are held to narrower rules by the connector.
    video: Some(VideoRule {
        count_max: 1,
        bytes_max: 10 * 1_024 * 1_024 * 1_024,
        mimes: &["video/mp4", "video/quicktime"],
        duration_ms: (0, 14_400_000),
        frame_rate: None,
    }),
    documents: None,
    mixes_media: false,
    media_max: 10,
    needs_media: false,
    threads: false,
    first_comment: true,
    settings: &[
        "contentType",
        "videoType",
        "link",
        "childAttachments",
        "multiShareEndCard",
        "multiShareOptimized",
        "place",
        "tags",
        "targeting",
        "feedTargeting",
        "callToAction",
        "backdatedTime",
        "sponsorId",
        "sponsorRelationship",
        "title",
        "cover",
        "contentCategory",
        "embeddable",
    ],
    // Whether a post that was made invisibly is published is read from the post itself; lists lag by a minute.
    ask: AskRule {
        ask_after: SignedDuration::from_secs(2),
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
    retract: Some(RetractRule { within: None }),
};

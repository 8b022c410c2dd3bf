//! Bluesky (lexicons of app.bsky.feed.post and com.atproto.repo; checked against the reference PDS).

use jiff::SignedDuration;

use super::{AskRule, Capability, ImageRule, Pace, RetractRule, SendBudget, TextRule, VideoRule};
use crate::platform::Platform;
use crate::text::TextUnit;

pub(super) static CAPABILITY: Capability = Capability {
    platform: Platform::Bluesky,
    text: TextRule {
        unit: TextUnit::Graphemes,
        units_max: 300,
        bytes_max: Some(3_000),
    },
    caption: None,
    images: Some(ImageRule {
        count_max: 4,
        // The older servers' limit: newer ones take two million, and a post must fit both.
        bytes_max: 1_000_000,
        mimes: &["image/jpeg", "image/png", "image/webp", "image/gif"],
        alt_chars_max: Some(2_000),
        aspect: None,
        pixels_max: None,
        sides_sum_max: None,
    }),
    video: Some(VideoRule {
        count_max: 1,
        bytes_max: 100_000_000,
        mimes: &["video/mp4"],
        duration_ms: (0, 180_000),
        frame_rate: None,
    }),
    documents: None,
    mixes_media: false,
    media_max: 4,
    needs_media: false,
    threads: true,
    first_comment: true,
    settings: &["langs", "labels", "card", "linkCard"],
    // The record is read by its own key, and a write that was answered late is in the repository or it is not: a
    // minute covers a request that a proxy still holds.
    ask: AskRule {
        ask_after: SignedDuration::from_secs(1),
        ask_times: 2,
        settle_for: SignedDuration::from_secs(60),
        give_up_after: SignedDuration::from_hours(6),
    },
    send: SendBudget {
        base: SignedDuration::from_secs(30),
        bytes_per_second_min: 0,
    },
    pace: Pace {
        in_flight_max: 4,
        catch_up_gap: SignedDuration::from_secs(3),
    },
    retract: Some(RetractRule { within: None }),
};

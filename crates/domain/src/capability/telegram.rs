//! Telegram Bot API 10.1 (core.telegram.org/bots/api).

use jiff::SignedDuration;

use super::{AskRule, Capability, DocumentRule, ImageRule, Pace, RetractRule, SendBudget, TextRule, VideoRule};
use crate::platform::Platform;
use crate::text::TextUnit;

pub(super) static CAPABILITY: Capability = Capability {
    platform: Platform::Telegram,
    text: TextRule {
        unit: TextUnit::Utf16,
        units_max: 4_096,
        bytes_max: None,
    },
    caption: Some(TextRule {
        unit: TextUnit::Utf16,
        units_max: 1_024,
        bytes_max: None,
    }),
    images: Some(ImageRule {
        count_max: 10,
        bytes_max: 10 * 1_024 * 1_024,
        mimes: &["image/jpeg", "image/png", "image/webp"],
        alt_chars_max: None,
        aspect: Some((0.05, 20.0)),
        pixels_max: None,
        sides_sum_max: Some(10_000),
    }),
    video: Some(VideoRule {
        count_max: 10,
        bytes_max: 50 * 1_024 * 1_024,
        mimes: &["video/mp4"],
        duration_ms: (0, u64::MAX),
        frame_rate: None,
    }),
    // Telegram takes files of any kind; a PDF is what this server can be given.
    documents: Some(DocumentRule {
        count_max: 10,
        bytes_max: 50 * 1_024 * 1_024,
        mimes: &["application/pdf"],
    }),
    mixes_media: true,
    media_max: 10,
    needs_media: false,
    threads: true,
    first_comment: false,
    settings: &[
        "disableNotification",
        "disableWebPagePreview",
        "protectContent",
        "parseMode",
    ],
    // A bot cannot read what it sent: nothing can be asked, so nothing is waited for.
    ask: AskRule {
        ask_after: SignedDuration::from_secs(1),
        ask_times: 1,
        settle_for: SignedDuration::from_secs(60),
        give_up_after: SignedDuration::from_secs(0),
    },
    // Uploads are part of the irreversible call: 50 MB at 128 KiB/s stay below the longest budget.
    send: SendBudget {
        base: SignedDuration::from_secs(60),
        bytes_per_second_min: 131_072,
    },
    pace: Pace {
        in_flight_max: 1,
        catch_up_gap: SignedDuration::from_secs(3),
    },
    // "A message can only be deleted if it was sent less than 48 hours ago" (deleteMessage).
    retract: Some(RetractRule {
        within: Some(SignedDuration::from_hours(48)),
    }),
};

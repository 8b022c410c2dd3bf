//! What each platform takes, as plain data. One file a platform; `docs/platforms` tells the same in words.

use jiff::SignedDuration;
use serde::Serialize;

use crate::platform::Platform;
use crate::text::TextUnit;

mod others;
mod post_type;
mod quotas;

pub use self::post_type::PostType;
pub use self::quotas::{Counted, Quota, Scope, quotas};

/// The rule for a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextRule {
    /// How it is counted.
    pub unit: TextUnit,
    /// The most units.
    pub units_max: u32,
    /// The most UTF-8 bytes, where the platform limits those too.
    pub bytes_max: Option<u32>,
}

/// The rule for pictures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageRule {
    /// The most in one part.
    pub count_max: u8,
    /// The largest, in bytes.
    pub bytes_max: u64,
    /// The media types taken.
    pub mimes: &'static [&'static str],
    /// The longest description, in characters; `None` where there is none.
    pub alt_chars_max: Option<u32>,
    /// The narrowest and widest shape, as width divided by height.
    pub aspect: Option<(f64, f64)>,
    /// The most pixels in one, across times down.
    pub pixels_max: Option<u64>,
    /// The most pixels across and down, added up.
    pub sides_sum_max: Option<u32>,
}

impl ImageRule {
    /// Whether a picture of this extent has few enough pixels.
    #[must_use]
    pub fn takes_extent(&self, width: u32, height: u32) -> bool {
        let pixels = u64::from(width) * u64::from(height);
        let sum = u64::from(width) + u64::from(height);
        self.pixels_max.is_none_or(|max| pixels <= max) && self.sides_sum_max.is_none_or(|max| sum <= u64::from(max))
    }
}

/// The rule for films.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VideoRule {
    /// The most in one part.
    pub count_max: u8,
    /// The largest, in bytes.
    pub bytes_max: u64,
    /// The media types taken.
    pub mimes: &'static [&'static str],
    /// The shortest and longest, in milliseconds.
    pub duration_ms: (u64, u64),
    /// The lowest and highest frames a second.
    pub frame_rate: Option<(f64, f64)>,
}

/// The rule for documents.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DocumentRule {
    /// The most in one part.
    pub count_max: u8,
    /// The largest, in bytes.
    pub bytes_max: u64,
    /// The media types taken.
    pub mimes: &'static [&'static str],
}

/// How an unknown outcome is asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskRule {
    /// The first question comes this long after the outcome became unknown, and the next ones this far apart.
    #[serde(serialize_with = "seconds")]
    pub ask_after: SignedDuration,
    /// "Absent" counts only when it was the answer this often in a row …
    pub ask_times: u16,
    /// … and not before this long after the sender had to be done.
    #[serde(serialize_with = "seconds")]
    pub settle_for: SignedDuration,
    /// Without a verdict by then the post is unconfirmed.
    #[serde(serialize_with = "seconds")]
    pub give_up_after: SignedDuration,
}

/// How long an irreversible call may take, from its recorded intent to the last byte of the answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SendBudget {
    /// For a call without a body to speak of.
    #[serde(serialize_with = "seconds")]
    pub base: SignedDuration,
    /// The slowest rate at which a body is still awaited, in bytes a second.
    pub bytes_per_second_min: u64,
}

impl SendBudget {
    /// The budget of a call with a body of `bytes`, at most [`SendBudget::MAX`].
    #[must_use]
    pub fn for_bytes(&self, bytes: u64) -> SignedDuration {
        let extra = bytes
            .checked_div(self.bytes_per_second_min)
            .and_then(|s| i64::try_from(s).ok())
            .unwrap_or(0);
        self.base
            .saturating_add(SignedDuration::from_secs(extra))
            .min(Self::MAX)
    }

    /// No call may take longer.
    pub const MAX: SignedDuration = SignedDuration::from_mins(10);
}

/// How fast an account may post when it has fallen behind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pace {
    /// Posts of one account in flight at once.
    pub in_flight_max: u16,
    /// The least time between two posts of an account that are both late.
    #[serde(serialize_with = "seconds")]
    pub catch_up_gap: SignedDuration,
}

/// How a platform takes down what was published.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetractRule {
    /// Only so long after it was published; `None` for ever.
    #[serde(serialize_with = "maybe_seconds")]
    pub within: Option<SignedDuration>,
}

/// Everything that is known of a platform before talking to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Capability {
    /// Which.
    pub platform: Platform,
    /// The text of a post without media.
    pub text: TextRule,
    /// The text beside media, where another rule holds.
    pub caption: Option<TextRule>,
    /// Pictures, if it takes any.
    pub images: Option<ImageRule>,
    /// Films, if it takes any.
    pub video: Option<VideoRule>,
    /// Documents, if it takes any.
    pub documents: Option<DocumentRule>,
    /// Whether pictures and films go together.
    pub mixes_media: bool,
    /// The most media in one part, whatever they are.
    pub media_max: u8,
    /// Whether a post needs media.
    pub needs_media: bool,
    /// Whether a post may have replies of its own.
    pub threads: bool,
    /// Whether a comment can be put under it.
    pub first_comment: bool,
    /// The settings that a post may carry, by Broadside's names. A connector sees no others.
    pub settings: &'static [&'static str],
    /// How to ask after an unknown outcome.
    pub ask: AskRule,
    /// How long a send may take.
    pub send: SendBudget,
    /// How fast to catch up.
    pub pace: Pace,
    /// Whether and how its API takes posts down.
    pub retract: Option<RetractRule>,
}

/// One line a platform: its module, or the name of a constant of [`others`] for those without a connector yet.
macro_rules! capabilities {
    ({$($platform:ident => $module:ident;)+} {$($other:ident => $constant:ident;)+}) => {
        $(mod $module;)+

        impl Capability {
            /// What is known of this platform.
            #[must_use]
            pub fn of(platform: Platform) -> &'static Self {
                match platform {
                    $(Platform::$platform => &$module::CAPABILITY,)+
                    $(Platform::$other => &others::$constant,)+
                }
            }
        }
    };
}

capabilities! { {
    Bluesky => bluesky;
    Facebook => facebook;
    Instagram => instagram;
    LinkedIn => linkedin;
    Mastodon => mastodon;
    Telegram => telegram;
    Threads => threads;
    X => x;
} { // Without a connector yet.
    TikTok => TIKTOK;
    YouTube => YOUTUBE;
    Pinterest => PINTEREST;
    Reddit => REDDIT;
    GoogleBusiness => GOOGLE_BUSINESS;
    Snapchat => SNAPCHAT;
} }
fn maybe_seconds<S: serde::Serializer>(duration: &Option<SignedDuration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => seconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}

fn seconds<S: serde::Serializer>(duration: &SignedDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[cfg(test)]
mod tests;

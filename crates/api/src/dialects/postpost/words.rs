//! The words of this dialect: platforms, states and error codes, each a total function.

use domain::error::ErrorKind;
use domain::group::{StateBit, StateMask};
use domain::platform::Platform;
use domain::post::PostState;

/// The platforms that have a word here, in the order of the original's registry.
pub(super) const PLATFORMS: [Platform; 11] = [
    Platform::X,
    Platform::Instagram,
    Platform::Threads,
    Platform::TikTok,
    Platform::LinkedIn,
    Platform::YouTube,
    Platform::Facebook,
    Platform::Mastodon,
    Platform::Bluesky,
    Platform::Telegram,
    Platform::Pinterest,
];

/// The word for a platform; `None` for those that this dialect cannot name.
pub(super) const fn platform_word(platform: Platform) -> Option<&'static str> {
    match platform {
        Platform::X => Some("twitter"),
        Platform::Instagram => Some("instagram"),
        Platform::Threads => Some("threads"),
        Platform::TikTok => Some("tiktok"),
        Platform::LinkedIn => Some("linkedin"),
        Platform::YouTube => Some("youtube"),
        Platform::Facebook => Some("facebook"),
        Platform::Mastodon => Some("mastodon"),
        Platform::Bluesky => Some("bluesky"),
        Platform::Telegram => Some("telegram"),
        Platform::Pinterest => Some("pinterest"),
        _ => None,
    }
}

/// The name that people read.
pub(super) const fn display_name(platform: Platform) -> &'static str {
    match platform {
        Platform::X => "Twitter/X",
        other => other.name(),
    }
}

/// The platform of a word.
pub(super) fn platform(word: &str) -> Option<Platform> {
    PLATFORMS
        .into_iter()
        .find(|platform| platform_word(*platform) == Some(word))
}

/// A group's status words, in the order in which the original lists them.
pub(super) const GROUP_WORDS: [&str; 5] = ["draft", "scheduled", "published", "failed", "partially_published"];

/// What the posts of a group show to somebody who only knows whether they are done.
const DONE_WELL: [StateBit; 2] = [StateBit::Published, StateBit::Removed];
const DONE_BADLY: [StateBit; 4] = [
    StateBit::Failed,
    StateBit::Unconfirmed,
    StateBit::Missed,
    StateBit::Cancelled,
];

/// A group's status. As long as any post is not done the group is still scheduled: `processing` is no status of groups.
pub(super) fn group_word(mask: StateMask) -> &'static str {
    if mask.has(StateBit::Draft) || mask == StateMask::EMPTY {
        return "draft";
    }
    if mask.has_any(&[StateBit::Pending, StateBit::InFlight]) {
        return "scheduled";
    }
    match (mask.has_any(&DONE_WELL), mask.has_any(&DONE_BADLY)) {
        (true, false) => "published",
        (true, true) => "partially_published",
        (false, _) => "failed",
    }
}

/// The status that an update is refused with. A group that is not done and cannot be changed is being published.
pub(super) fn busy_group_word(mask: StateMask) -> &'static str {
    match group_word(mask) {
        "draft" | "scheduled" => "processing",
        word => word,
    }
}

/// Whether a group that can no longer be edited is done, and not on its way.
pub(super) fn is_over(mask: StateMask) -> bool {
    busy_group_word(mask) != "processing"
}

/// All masks that show as this word.
pub(super) fn masks_of(word: &str) -> Vec<StateMask> {
    StateMask::all().filter(|mask| group_word(*mask) == word).collect()
}

/// A post's status.
pub(super) const fn post_word(state: &PostState) -> &'static str {
    match state {
        PostState::Draft => "draft",
        PostState::Scheduled { .. } | PostState::Waiting { .. } => "scheduled",
        PostState::Publishing { armed: false, .. } => "pending",
        PostState::Publishing { armed: true, .. } | PostState::Processing { .. } | PostState::Reconciling { .. } => {
            "processing"
        }
        PostState::Published { .. } | PostState::Removed { .. } => "published",
        PostState::Failed { .. }
        | PostState::Unconfirmed { .. }
        | PostState::Missed { .. }
        | PostState::Cancelled { .. } => "failed",
    }
}

/// An error code and whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) word: &'static str,
    pub(super) retryable: bool,
}

impl Code {
    const fn once(word: &'static str) -> Self {
        Self { word, retryable: false }
    }

    const fn again(word: &'static str) -> Self {
        Self { word, retryable: true }
    }

    /// Nobody knows whether it was published: trying again by itself might publish it twice.
    pub(super) const OUTCOME_UNKNOWN: Self = Self::once("PUBLISH_OUTCOME_UNKNOWN");
    /// Found too late, so never sent.
    pub(super) const MISSED: Self = Self::again("PUBLISH_MISSED");
    /// Taken back before it was sent.
    pub(super) const CANCELLED: Self = Self::once("PUBLISH_CANCELLED");
    /// The first parts of a thread are live and the others are not.
    pub(super) const PARTIAL: Self = Self::once("THREAD_PARTIALLY_PUBLISHED");
    /// Our own check before sending.
    pub(super) const VALIDATION: Self = Self::once("PLATFORM_VALIDATION_ERROR");

    /// The code of a kind of failure.
    pub(super) const fn of(kind: ErrorKind) -> Self {
        match kind {
            // All of these are mended by connecting the account again, with the right scopes.
            ErrorKind::Auth | ErrorKind::Permission | ErrorKind::AccountGone => Self::once("PLATFORM_AUTH_EXPIRED"),
            ErrorKind::RateLimited | ErrorKind::QuotaExhausted => Self::again("RATE_LIMITED"),
            ErrorKind::ContentRejected
            | ErrorKind::TextTooLong
            | ErrorKind::MediaRejected
            | ErrorKind::Invalid
            | ErrorKind::DuplicateContent
            | ErrorKind::PolicyBlocked => Self::once("INVALID_CONTENT"),
            ErrorKind::TooLarge => Self::once("CONTENT_TOO_LARGE"),
            ErrorKind::PlatformDown | ErrorKind::NotReady | ErrorKind::Protocol => Self::again("PLATFORM_SERVER_ERROR"),
            ErrorKind::Network => Self::again("NETWORK_ERROR"),
            ErrorKind::Timeout => Self::again("TIMEOUT_ERROR"),
            ErrorKind::Validation => Self::VALIDATION,
            ErrorKind::AccountRestricted | ErrorKind::OperatorConfig | ErrorKind::Unknown => {
                Self::once("UNKNOWN_ERROR")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_with_a_word_is_listed_and_found_by_it() {
        let named: Vec<_> = Platform::ALL
            .iter()
            .copied()
            .filter(|it| platform_word(*it).is_some())
            .collect();
        assert_eq!(named.len(), PLATFORMS.len());
        for it in PLATFORMS {
            assert_eq!(platform(platform_word(it).unwrap()), Some(it));
        }
        // Broadside's own word is not this dialect's.
        assert_eq!(platform("x"), None);
        assert_eq!(platform("reddit"), None);
    }

    /// Every mask there can be has exactly one word, decided here a second time from the bits alone.
    #[test]
    fn every_mask_has_the_word_that_its_bits_say() {
        for mask in StateMask::all() {
            let bits = mask.bits();
            let has = |bit: StateBit| bits & bit as u16 != 0;
            let open = has(StateBit::Pending) || has(StateBit::InFlight);
            let good = has(StateBit::Published) || has(StateBit::Removed);
            let bad = bits & (16 | 32 | 64 | 128) != 0;
            let word = match (has(StateBit::Draft) || bits == 0, open, good, bad) {
                (true, ..) => "draft",
                (_, true, ..) => "scheduled",
                (_, _, true, true) => "partially_published",
                (_, _, true, false) => "published",
                (_, _, false, _) => "failed",
            };
            assert_eq!(group_word(mask), word, "{bits:#b}");
        }
    }

    #[test]
    fn the_filters_part_all_masks_among_the_five_words() {
        let total: usize = GROUP_WORDS.iter().map(|word| masks_of(word).len()).sum();
        assert_eq!(total, usize::from(StateMask::LIMIT));
        assert!(
            GROUP_WORDS
                .iter()
                .all(|word| masks_of(word).iter().all(|mask| group_word(*mask) == *word))
        );
    }

    /// Q6: a group that is being published is still `scheduled`, but an update is refused with `processing`.
    #[test]
    fn a_group_that_is_being_published_cannot_be_updated() {
        let sending = StateMask::EMPTY.with(StateBit::InFlight);
        assert_eq!(
            (group_word(sending), busy_group_word(sending)),
            ("scheduled", "processing")
        );
        let half_done = sending.with(StateBit::Published);
        assert_eq!(
            (group_word(half_done), busy_group_word(half_done)),
            ("scheduled", "processing")
        );
        assert_eq!(busy_group_word(StateMask::EMPTY.with(StateBit::Failed)), "failed");
    }

    /// Q7: the documented eight codes, and those that this server adds.
    #[test]
    fn every_kind_of_failure_has_a_code_and_transient_ones_are_retryable() {
        let known = [
            "PLATFORM_AUTH_EXPIRED",
            "RATE_LIMITED",
            "INVALID_CONTENT",
            "CONTENT_TOO_LARGE",
            "PLATFORM_SERVER_ERROR",
            "NETWORK_ERROR",
            "TIMEOUT_ERROR",
            "UNKNOWN_ERROR",
            "PLATFORM_VALIDATION_ERROR",
        ];
        for kind in ErrorKind::ALL {
            let code = Code::of(*kind);
            assert!(known.contains(&code.word), "{kind:?}");
            assert_eq!(code.retryable, kind.is_transient(), "{kind:?}");
        }
        let own = [Code::OUTCOME_UNKNOWN, Code::CANCELLED, Code::MISSED].map(|code| code.retryable);
        assert_eq!(own, [false, false, true]);
    }
}

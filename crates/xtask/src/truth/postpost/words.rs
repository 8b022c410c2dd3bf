//! The words of the dialect as its documents have them, written down a second time and apart from the server's.

use domain::error::ErrorKind;
use domain::log::{LogKind, LogRecord};
use domain::part::Part;
use domain::platform::Platform;
use domain::post::PostState;

/// The name of a platform in ids.
pub(super) fn platform(platform: Platform) -> &'static str {
    crate::chaos::outside::dialect_word(platform)
}

/// The status of a target.
pub(super) fn status(state: &PostState) -> &'static str {
    match state.word() {
        "draft" => "draft",
        "scheduled" | "waiting" => "scheduled",
        "published" | "removed" => "published",
        "processing" | "reconciling" => "processing",
        "publishing" => match state {
            PostState::Publishing { armed: true, .. } => "processing",
            _ => "pending",
        },
        _ => "failed",
    }
}

/// The status of a group with targets in these.
pub(super) fn of_group(is_draft: bool, posts: &[&'static str]) -> &'static str {
    let is_open = |word: &&&str| matches!(**word, "scheduled" | "pending" | "processing");
    let has = |wanted: &str| posts.contains(&wanted);
    if is_draft || posts.is_empty() || has("draft") {
        return "draft";
    }
    if posts.iter().any(|word| is_open(&word)) {
        return "scheduled";
    }
    match (has("published"), has("failed")) {
        (true, false) => "published",
        (true, true) => "partially_published",
        (false, _) => "failed",
    }
}

/// The code of a failure, and whether trying again may help.
pub(super) fn code(kind: ErrorKind) -> (&'static str, bool) {
    use ErrorKind as K;
    match kind {
        K::Auth | K::Permission | K::AccountGone => ("PLATFORM_AUTH_EXPIRED", false),
        K::RateLimited | K::QuotaExhausted => ("RATE_LIMITED", true),
        K::TooLarge => ("CONTENT_TOO_LARGE", false),
        K::PlatformDown | K::NotReady | K::Protocol => ("PLATFORM_SERVER_ERROR", true),
        K::Network => ("NETWORK_ERROR", true),
        K::Timeout => ("TIMEOUT_ERROR", true),
        K::Validation => ("PLATFORM_VALIDATION_ERROR", false),
        K::ContentRejected
        | K::TextTooLong
        | K::MediaRejected
        | K::Invalid
        | K::DuplicateContent
        | K::PolicyBlocked => ("INVALID_CONTENT", false),
        K::AccountRestricted | K::OperatorConfig | K::Unknown => ("UNKNOWN_ERROR", false),
    }
}

/// Nobody knows whether it was published.
pub(super) const UNKNOWN_OUTCOME: (&str, bool) = ("PUBLISH_OUTCOME_UNKNOWN", false);
/// Found too late.
pub(super) const MISSED: (&str, bool) = ("PUBLISH_MISSED", true);
/// The first parts of a thread are live and the others are not.
pub(super) const PARTIAL: (&str, bool) = ("THREAD_PARTIALLY_PUBLISHED", false);

/// Which of the six events an entry of the history is; most are none.
pub(super) fn event(record: &LogRecord) -> Option<&'static str> {
    let data = &record.entry.data;
    let part = data.get("part").and_then(serde_json::Value::as_u64).unwrap_or_default();
    let (is_head, is_comment) = (part == 0, part == u64::from(Part::FirstComment.number()));
    match record.entry.kind {
        LogKind::Scheduled => Some("scheduled"),
        LogKind::StatusChanged | LogKind::Resolved => Some("status_changed"),
        LogKind::Processing => Some("processing"),
        LogKind::PublishAttempted if is_head => Some("publish_attempted"),
        LogKind::PublishSucceeded if is_head => Some("publish_succeeded"),
        LogKind::PublishFailed if !is_comment => Some("publish_failed"),
        LogKind::Unconfirmed | LogKind::Missed => Some("publish_failed"),
        _ => None,
    }
}

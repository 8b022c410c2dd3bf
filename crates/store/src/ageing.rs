//! What is forgotten by its age, a batch at a time.

use jiff::{SignedDuration, Timestamp};

/// What was sent for a post is kept for this long after it was recorded, once the post is published, or was published and
/// taken down, and nobody looks at it any more. What a post that ended otherwise was sent is kept with it, since asking and
/// trying again need it.
pub const INTENTS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// What is told of accounts (connections, exchanges of tokens, actions) is kept for this long. The history of a post is
/// kept with its group.
pub const ACCOUNT_LOG_KEPT: SignedDuration = SignedDuration::from_hours(24 * 180);

/// Rows that one round of pruning looks at for each group that it may remove.
const ROWS_PER_GROUP: u32 = 10;

/// Intents recorded before this may go.
pub(crate) fn intents_from(now: Timestamp) -> Timestamp {
    now.saturating_sub(INTENTS_KEPT).unwrap_or(Timestamp::MIN)
}

/// Entries about accounts of before this go.
pub(crate) fn account_log_from(now: Timestamp) -> Timestamp {
    now.saturating_sub(ACCOUNT_LOG_KEPT).unwrap_or(Timestamp::MIN)
}

/// The most rows that one round looks at.
pub(crate) const fn looked_at(groups: u32) -> u32 {
    groups.saturating_mul(ROWS_PER_GROUP)
}

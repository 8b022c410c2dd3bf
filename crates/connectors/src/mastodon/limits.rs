//! What Mastodon's answers tell of its limits (docs.joinmastodon.org, "Rate limits").

use domain::capability::Scope;
use jiff::Timestamp;

use crate::quota::{Hint, Seen};

/// What is left of the window that the answer's headers are about. Which window that is differs between servers, so its
/// size is not believed, only what is left of it and until when.
pub(super) fn hints(seen: &Seen, now: Timestamp) -> Vec<Hint> {
    let quota = match seen.path.as_str() {
        path if path.ends_with("/api/v1/statuses") && seen.creating => "posts",
        path if path.ends_with("/media") && !seen.creating => "uploads",
        _ => return Vec::new(),
    };
    let hint = || {
        let left = seen.count("x-ratelimit-remaining")?;
        let reset = super::error::reset(&seen.answer)?;
        Some(Hint::left(
            Scope::Account,
            quota,
            None,
            left,
            seen.by_our_clock(reset, now),
        ))
    };
    hint().into_iter().collect()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_window_is_told_whichever_way_its_end_is_written() {
        let now = Timestamp::from_second(1_000).unwrap();
        for reset in ["1970-01-01T00:31:40.000000Z", "1900"] {
            let headers = [
                ("x-ratelimit-limit", "300"),
                ("x-ratelimit-remaining", "12"),
                ("x-ratelimit-reset", reset),
            ];
            let seen = Seen::created("/api/v1/statuses", 200, &headers, "");
            let until = Timestamp::from_second(1_900).unwrap();
            let expected = [Hint::left(Scope::Account, "posts", None, 12, until)];
            assert_eq!(hints(&seen, now), expected, "{reset}");
            let mut upload = Seen::created("/api/v2/media", 200, &headers, "");
            upload.creating = false;
            let expected = [Hint::left(Scope::Account, "uploads", None, 12, until)];
            assert_eq!(hints(&upload, now), expected);
        }
        assert_eq!(hints(&Seen::created("/api/v1/statuses", 200, &[], ""), now), []);
    }
}

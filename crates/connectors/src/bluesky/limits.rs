//! What a PDS tells of its limits (docs.bsky.app, "Rate limits").

use domain::capability::Scope;
use jiff::Timestamp;

use crate::quota::{Hint, Seen};

/// The window that a PDS tells of is the one with the least left; `RateLimit-Policy` (`5000;w=3600`) says which it is.
pub(super) fn hints(seen: &Seen, now: Timestamp) -> Vec<Hint> {
    if !seen.creating {
        return Vec::new();
    }
    let hint = || {
        let policy = seen.answer.header("ratelimit-policy")?;
        let (most, window) = policy.split_once(";w=")?;
        let left = seen.count("ratelimit-remaining")?;
        let until = Timestamp::from_second(seen.number("ratelimit-reset")?).ok()?;
        let until = seen.by_our_clock(until, now);
        let told = |quota| Hint::left(Scope::Account, quota, most.trim().parse().ok(), left, until);
        match window.trim() {
            "3600" => Some(told("points")),
            "86400" => Some(told("points_day")),
            // The limit of all requests of an address: it matters only when it is used up.
            _ => (left == 0).then(|| Hint::closed(Scope::Account, "points", until)),
        }
    };
    hint().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_says_which_window_is_meant() {
        let now = Timestamp::from_second(1_000).unwrap();
        let until = Timestamp::from_second(1_900).unwrap();
        let told = |policy: &str, left: &str| {
            let headers = [
                ("ratelimit-limit", "1"),
                ("ratelimit-remaining", left),
                ("ratelimit-reset", "1900"),
                ("ratelimit-policy", policy),
            ];
            hints(
                &Seen::created("/xrpc/com.atproto.repo.putRecord", 200, &headers, ""),
                now,
            )
        };
        let hour = Hint::left(Scope::Account, "points", Some(5_000), 40, until);
        assert_eq!(told("5000;w=3600", "40"), [hour]);
        let day = Hint::left(Scope::Account, "points_day", Some(35_000), 40, until);
        assert_eq!(told("35000;w=86400", "40"), [day]);
        assert_eq!(told("3000;w=300", "40"), []);
        assert_eq!(told("3000;w=300", "0"), [Hint::closed(Scope::Account, "points", until)]);
    }
}

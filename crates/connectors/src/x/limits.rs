//! What X's answers tell of its limits (docs.x.com, "Rate limits").

use domain::capability::Scope;
use jiff::Timestamp;

use crate::quota::{Hint, Seen};

/// The windows of `POST /2/tweets`, told on every answer. Windows of a day are missing for apps that pay as they go.
pub(super) fn hints(seen: &Seen, now: Timestamp) -> Vec<Hint> {
    if !seen.creating || !seen.path.ends_with("/2/tweets") {
        return Vec::new();
    }
    let window = |prefix: &str| {
        let left = seen.count(&format!("{prefix}-remaining"))?;
        let reset = Timestamp::from_second(seen.number(&format!("{prefix}-reset"))?).ok()?;
        Some((
            seen.count(&format!("{prefix}-limit")),
            left,
            seen.by_our_clock(reset, now),
        ))
    };
    let posts = window("x-rate-limit");
    let posts = posts.map(|(most, left, until)| Hint::left(Scope::Account, "posts", most, left, until));
    // An account's day has no quota of its own here: it matters only when it is over.
    let day = window("x-user-limit-24hour").filter(|(_, left, _)| *left == 0);
    let day = day.map(|(_, _, until)| Hint::closed(Scope::Account, "posts", until));
    let app = window("x-app-limit-24hour");
    let app = app.map(|(most, left, until)| Hint::left(Scope::App, "posts_day", most, left, until));
    [posts, day, app].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_of_a_posts_answer_is_told_and_no_other_calls() {
        let now = Timestamp::from_second(1_000).unwrap();
        let headers = [
            ("x-rate-limit-limit", "100"),
            ("x-rate-limit-remaining", "7"),
            ("x-rate-limit-reset", "1900"),
            ("x-user-limit-24hour-remaining", "0"),
            ("x-user-limit-24hour-reset", "80000"),
            ("x-app-limit-24hour-limit", "10000"),
            ("x-app-limit-24hour-remaining", "9000"),
            ("x-app-limit-24hour-reset", "87000"),
        ];
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let seen = Seen::created("/x/2/tweets", 201, &headers, "");
        assert_eq!(
            hints(&seen, now),
            [
                Hint::left(Scope::Account, "posts", Some(100), 7, at(1_900)),
                Hint::closed(Scope::Account, "posts", at(80_000)),
                Hint::left(Scope::App, "posts_day", Some(10_000), 9_000, at(87_000)),
            ]
        );
        assert_eq!(hints(&Seen::created("/2/media/upload", 200, &headers, ""), now), []);
        assert_eq!(hints(&Seen::created("/2/tweets", 201, &[], ""), now), []);
    }
}

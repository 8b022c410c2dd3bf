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

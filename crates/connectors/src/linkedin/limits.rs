//! What LinkedIn's refusals tell of its limits (learn.microsoft.com, LinkedIn API, "Rate limits").

use domain::capability::Scope;
use jiff::Timestamp;

use super::error::next_midnight;
use crate::quota::{Hint, Seen};

/// A refusal that names the application's day is everybody's; the member's own closes only the member's.
pub(super) fn hints(seen: &Seen, now: Timestamp) -> Vec<Hint> {
    let is_apps = seen.answer.status == 429
        && seen.answer.json().is_some_and(|body| {
            let words = body.get("message").and_then(serde_json::Value::as_str);
            words.is_some_and(|words| words.contains("APPLICATION DAY limit"))
        });
    let midnight = is_apps.then(|| next_midnight(now)).flatten();
    midnight
        .map(|midnight| Hint::closed(Scope::App, "posts_day", midnight))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_applications_own_day_is_everybodys() {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let refused = |whose: &str| {
            let body = format!(r#"{{"message":"Resource level throttle {whose} DAY limit for calls is reached."}}"#);
            hints(&Seen::created("/rest/posts", 429, &[], &body), now)
        };
        let midnight: Timestamp = "2026-11-23T00:01:00Z".parse().unwrap();
        assert_eq!(
            refused("APPLICATION"),
            [Hint::closed(Scope::App, "posts_day", midnight)]
        );
        assert_eq!(refused("MEMBER"), []);
    }
}

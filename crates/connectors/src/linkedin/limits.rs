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

//! What Meta's answers tell of its limits (developers.facebook.com, Graph API, "Rate limits").
//!
//! The headers give percentages of budgets whose size nobody tells. From eighty percent on calls are spread, so that the
//! hundredth is not reached; what Meta says of the time until access is regained is kept to the minute.

use domain::capability::Scope;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::quota::{Hint, Seen};

/// From this much of a budget on, in percent, calls are this far apart.
const EASING: &[(u64, SignedDuration)] = &[
    (100, SignedDuration::from_mins(30)),
    (90, SignedDuration::from_mins(5)),
    (80, SignedDuration::from_mins(1)),
];

/// What the usage headers say of the app and of the account.
pub(crate) fn hints(seen: &Seen, now: Timestamp) -> Vec<Hint> {
    let header = |name: &str| serde_json::from_str::<Value>(seen.answer.header(name)?).ok();
    let app = header("x-app-usage").and_then(|usage| eased(&usage));
    let account = header("x-business-use-case-usage").and_then(|usage| {
        let rows = usage.as_object()?.values().filter_map(Value::as_array).flatten();
        rows.filter_map(|row| regained(row).into_iter().chain(eased(row)).max())
            .max()
    });
    let until = |wait| now.checked_add(wait).ok();
    let app = app
        .and_then(until)
        .map(|until| Hint::closed(Scope::App, "app_calls", until));
    let account = account
        .and_then(until)
        .map(|until| Hint::closed(Scope::Account, "calls", until));
    app.into_iter().chain(account).collect()
}

fn eased(usage: &Value) -> Option<SignedDuration> {
    let percent = ["call_count", "total_time", "total_cputime"];
    let percent = percent.iter().filter_map(|name| usage.get(name)?.as_u64()).max()?;
    EASING.iter().find(|(from, _)| percent >= *from).map(|(_, wait)| *wait)
}

/// How long the account is held back, by its row of the usage header: minutes, 0 when it is not.
pub(super) fn regained(row: &Value) -> Option<SignedDuration> {
    let minutes = row.get("estimated_time_to_regain_access")?.as_i64()?;
    (minutes > 0).then(|| SignedDuration::from_mins(minutes.min(7 * 24 * 60)))
}

/// What an answer about a publishing limit says: `quota_usage` of `config.quota_total`, under names with this prefix.
/// The window is a rolling day, so the number is believed for an hour and then asked for again.
pub(crate) fn publishing_limit(body: &Value, prefix: &str, quota: &'static str, now: Timestamp) -> Option<Hint> {
    let row = body.get("data")?.get(0)?;
    let number = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
    let usage = number(row.get(format!("{prefix}quota_usage"))?)?;
    let total = number(row.get(format!("{prefix}config"))?.get("quota_total")?)?;
    let until = now.checked_add(SignedDuration::from_hours(1)).ok()?;
    let left = total.saturating_sub(usage);
    Some(Hint::left(Scope::Account, quota, Some(total), left, until))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Answer;

    fn seen(name: &'static str, value: &str) -> Seen {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Seen {
            creating: true,
            path: "/v23.0/1/media_publish".to_owned(),
            answer: Answer {
                status: 200,
                headers,
                body: bytes::Bytes::new(),
            },
        }
    }

    fn wait(name: &'static str, value: &str) -> Option<(Scope, i64)> {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let hint = hints(&seen(name, value), now).pop()?;
        let until = hint.told.closed_until.unwrap();
        Some((hint.scope, until.duration_since(now).as_mins()))
    }

    #[test]
    fn an_app_that_nears_its_limit_slows_down_before_it_is_refused() {
        for (percent, minutes) in [
            (79, None),
            (80, Some(1)),
            (95, Some(5)),
            (100, Some(30)),
            (140, Some(30)),
        ] {
            let usage = format!(r#"{{"call_count":{percent},"total_time":3,"total_cputime":0}}"#);
            assert_eq!(
                wait("x-app-usage", &usage),
                minutes.map(|minutes| (Scope::App, minutes)),
                "{percent}"
            );
        }
    }

    #[test]
    fn a_page_waits_as_long_as_its_header_says() {
        let usage = |minutes: u32| {
            format!(r#"{{"1":[{{"type":"pages","call_count":85,"estimated_time_to_regain_access":{minutes}}}]}}"#)
        };
        assert_eq!(
            wait("x-business-use-case-usage", &usage(12)),
            Some((Scope::Account, 12))
        );
        assert_eq!(wait("x-business-use-case-usage", &usage(0)), Some((Scope::Account, 1)));
        assert_eq!(wait("x-business-use-case-usage", "not json"), None);
    }

    #[test]
    fn a_publishing_limit_is_read_with_its_total() {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let body = serde_json::json!({"data": [{"reply_quota_usage": 3, "reply_config": {"quota_total": 50}}]});
        let hint = publishing_limit(&body, "reply_", "replies", now).unwrap();
        assert_eq!((hint.told.most, hint.told.left), (Some(50), Some(47)));
        assert_eq!(publishing_limit(&body, "", "posts", now), None);
    }
}

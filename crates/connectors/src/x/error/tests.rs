use domain::error::{Fate, Retry};
use serde_json::json;

use super::*;
use crate::signin::refusal::of_token_endpoint;

fn answer(status: u16, body: &Value) -> Answer {
    Answer {
        status,
        headers: reqwest::header::HeaderMap::new(),
        body: body.to_string().into(),
    }
}

fn problem(word: &str, detail: &str) -> Value {
    json!({"title": "T", "detail": detail, "type": format!("https://api.twitter.com/2/problems/{word}")})
}

fn blank(status: u16, detail: &str) -> Value {
    json!({"title": "Forbidden", "detail": detail, "type": "about:blank", "status": status})
}

fn errors(message: &str) -> Value {
    json!({
        "errors": [{"message": message, "parameters": {}}],
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": "https://api.twitter.com/2/problems/invalid-request",
    })
}

fn legacy(code: u16, message: &str) -> Value {
    json!({"errors": [{"code": code, "message": message}]})
}

/// What a retry is called in the tables.
fn retry(word: &str) -> Retry {
    match word {
        "never" => Retry::NEVER,
        "backoff" => Retry::BACKOFF,
        "refresh once" => Retry::when(When::AfterRefresh).at_most(1),
        "reconnect" => Retry::when(When::AfterReconnect),
        "in an hour" => Retry::when(AN_HOUR),
        "in 5 s twice" => Retry::when(When::After(SignedDuration::from_secs(5))).at_most(2),
        other => panic!("no retry is called {other}"),
    }
}

struct Case {
    status: u16,
    body: Value,
    kind: ErrorKind,
    retry: Retry,
}

/// Reads a table of: status | form of the body | words | kind | retry. A form is `blank` (a problem without a type),
/// `errors`, `oauth`, `none`, a number of the older errors, or else the last word of a problem's type.
fn cases(table: &str) -> impl Iterator<Item = Case> {
    table.lines().map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [status, form, words, kind, word] = cells[..] else {
            panic!("five cells: {line}")
        };
        let status = status.parse().unwrap();
        let body = match (form, form.parse()) {
            (_, Ok(number)) => legacy(number, words),
            ("blank", _) => blank(status, words),
            ("errors", _) => errors(words),
            ("oauth", _) => json!({"error": words, "error_description": "Value passed for the token was invalid."}),
            ("none", _) => json!({}),
            (word, _) => problem(word, words),
        };
        Case {
            status,
            body,
            kind: serde_json::from_value(json!(kind)).unwrap(),
            retry: retry(word),
        }
    })
}

const POSTS: &str = "\
401 | blank | Unauthorized | auth | refresh once
403 | unsupported-authentication | Authenticating with OAuth 2.0 Application-Only is forbidden | auth | reconnect
403 | oauth1-permissions | Your client app is not configured with the appropriate permissions | permission | reconnect
402 | credits | Your account does not have any credits | quota_exhausted | never
403 | blank | Your enrolled account does not have any credits to fulfill this request. | quota_exhausted | never
429 | usage-capped | Usage cap exceeded: Monthly product cap | quota_exhausted | never
403 | 344 | You have reached your daily limit for sending Tweets and messages | quota_exhausted | in an hour
403 | 185 | User is over daily status update limit. | quota_exhausted | in an hour
403 | blank | Your account is suspended and is not permitted to perform this action. | account_restricted | reconnect
403 | blank | User has been suspended. | account_restricted | reconnect
403 | 416 | Invalid / suspended application. | operator_config | never
403 | blank | This app is suspended; its account is suspended too. | operator_config | never
403 | 326 | To protect our users from spam, this account is temporarily locked. | account_restricted | reconnect
403 | 226 | This request looks like it might be automated. | policy_blocked | never
403 | client-forbidden | When authenticating requests you must use keys from a Project | operator_config | never
403 | blank | Your client is not enrolled | operator_config | never
403 | blank | Reply to this conversation is not allowed because you have not been mentioned | invalid | never
403 | blank | You attempted to reply to a Tweet that is deleted or not visible to you. | invalid | never
403 | blank | You are not permitted to perform this action. | invalid | never
400 | errors | Your media IDs are invalid. | not_ready | in 5 s twice
403 | blank | This user is not allowed to post a video longer than 2 minutes. | too_large | never
403 | blank | Text too long | text_too_long | never
400 | errors | Your Tweet text is too long. | text_too_long | never
403 | 186 | Tweet needs to be a bit shorter. | text_too_long | never
413 | none | | text_too_long | never
404 | resource-not-found | Could not find tweet with id: [1]. | invalid | never
400 | errors | The `reply_settings` field is invalid | invalid | never
400 | blank | BadRequest: Not found | invalid | never
429 | blank | Too Many Requests | rate_limited | backoff
429 | rate-limit-exceeded | Too Many Requests | rate_limited | backoff
403 | 88 | Rate limit exceeded | rate_limited | backoff";

const UPLOADS: &str = "\
413 | none | | too_large | never
400 | blank | This user is not allowed to post a video longer than 2 minutes | too_large | never
400 | errors | media_type is invalid | media_rejected | never
404 | resource-not-found | no such media | media_rejected | never
401 | blank | Unauthorized | auth | refresh once
429 | blank | Too Many Requests | rate_limited | backoff";

const TOKENS: &str = "\
400 | blank | Value passed for the redirect uri did not match | operator_config | never
401 | oauth | invalid_client | operator_config | never
401 | oauth | unauthorized_client | operator_config | never
400 | oauth | invalid_grant | auth | reconnect
400 | oauth | invalid_request | auth | reconnect
401 | none | | auth | reconnect";

fn check(call: Call, stage: Stage, table: &str) {
    for Case {
        status,
        body,
        kind,
        retry,
    } in cases(table)
    {
        let error = classify(call, stage, &answer(status, &body));
        assert_eq!(
            (error.kind, error.retry, error.fate),
            (kind, retry, Fate::NotPublished),
            "{status} {body}"
        );
    }
}

#[test]
fn every_documented_refusal_means_what_the_tables_say() {
    check(Call::Post, Stage::Send, POSTS);
    check(Call::Upload, Stage::Prepare, UPLOADS);
}

#[test]
fn every_refusal_of_the_token_endpoint_means_what_the_table_says() {
    for Case {
        status,
        body,
        kind,
        retry,
    } in cases(TOKENS)
    {
        let error = of_token_endpoint(Platform::X, Stage::Refresh, &[TOKEN_ROWS], &answer(status, &body), &[]);
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {body}");
    }
}

#[test]
fn every_row_is_met_by_some_documented_body() {
    let tests = include_str!("tests.rs");
    for row in [TOKEN_ROWS, UPLOAD_ROWS, ROWS].concat() {
        let mark = row
            .code
            .or(row.contains)
            .map_or_else(|| row.status.unwrap().to_string(), ToOwned::to_owned);
        let mark = if mark == CAP {
            "daily_cap".to_owned()
        } else {
            mark.to_lowercase()
        };
        assert!(tests.to_lowercase().contains(&mark), "no body for {mark}");
    }
}

#[test]
fn the_host_in_a_problems_type_does_not_matter() {
    for Case {
        status,
        body,
        kind,
        retry,
    } in cases(POSTS)
    {
        let moved: Value = serde_json::from_str(&body.to_string().replace("api.twitter.com", "api.x.com")).unwrap();
        let error = classify(Call::Post, Stage::Send, &answer(status, &moved));
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {moved}");
    }
}

#[test]
fn a_duplicate_says_that_an_earlier_call_landed() {
    let new = blank(403, "You are not allowed to create a Tweet with duplicate content.");
    for body in [new, legacy(187, "Status is a duplicate.")] {
        let error = classify(Call::Post, Stage::Send, &answer(403, &body));
        assert_eq!(
            (error.kind, error.fate),
            (ErrorKind::DuplicateContent, Fate::LandedEarlier { remote: None })
        );
    }
}

#[test]
fn a_server_error_on_a_create_leaves_the_outcome_open_and_on_an_upload_does_not() {
    for status in [500, 502, 503, 504] {
        let body = problem("internal-error", "Internal Server Error");
        let error = classify(Call::Post, Stage::Send, &answer(status, &body));
        assert_eq!(
            (error.kind, error.fate),
            (ErrorKind::PlatformDown, Fate::MayBePublished)
        );
        let error = classify(Call::Upload, Stage::Prepare, &answer(status, &body));
        assert_eq!((error.kind, error.fate), (ErrorKind::PlatformDown, Fate::NotPublished));
    }
}

fn limited(headers: &[(&'static str, &str)]) -> PlatformError {
    let mut full = answer(429, &blank(429, "Too Many Requests"));
    for (name, value) in headers {
        full.headers.insert(*name, value.parse().unwrap());
    }
    classify(Call::Post, Stage::Send, &full)
}

#[test]
fn the_last_of_the_used_up_windows_is_waited_out() {
    let at = |second| When::NotBefore(Timestamp::from_second(second).unwrap());
    let window = [("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1795338000")];
    assert_eq!(limited(&window).retry.when, at(1_795_338_000));
    let day = [
        ("x-user-limit-24hour-remaining", "0"),
        ("x-user-limit-24hour-reset", "1795400000"),
    ];
    assert_eq!(limited(&[window, day].concat()).retry.when, at(1_795_400_000));
    let free = [
        ("x-app-limit-24hour-remaining", "7"),
        ("x-app-limit-24hour-reset", "1795400000"),
    ];
    assert_eq!(limited(&[window, free].concat()).retry.when, at(1_795_338_000));
}

#[test]
fn a_429_with_requests_left_is_a_daily_cap() {
    let error = limited(&[("x-rate-limit-remaining", "57"), ("x-rate-limit-reset", "1795338000")]);
    assert_eq!((error.kind, error.retry.when), (ErrorKind::QuotaExhausted, AN_HOUR));
}

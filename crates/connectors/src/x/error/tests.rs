use domain::error::{Fate, Retry};
use serde_json::json;

use super::*;

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

type Case = (u16, Value, ErrorKind, Retry);

fn post_cases() -> Vec<Case> {
    use ErrorKind as K;
    let reconnect = || Retry::when(When::AfterReconnect);
    let hour = || Retry::when(AN_HOUR);
    let propagation = Retry::when(When::After(SignedDuration::from_secs(5))).at_most(2);
    vec![
        (
            401,
            json!({"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}),
            K::Auth,
            Retry::when(When::AfterRefresh).at_most(1),
        ),
        (
            403,
            problem(
                "unsupported-authentication",
                "Authenticating with OAuth 2.0 Application-Only is forbidden",
            ),
            K::Auth,
            reconnect(),
        ),
        (
            403,
            problem(
                "oauth1-permissions",
                "Your client app is not configured with the appropriate oauth1 app permissions",
            ),
            K::Permission,
            reconnect(),
        ),
        (
            402,
            problem("credits", "Your account does not have any credits"),
            K::QuotaExhausted,
            Retry::NEVER,
        ),
        (
            403,
            blank(
                403,
                "Your enrolled account does not have any credits to fulfill this request.",
            ),
            K::QuotaExhausted,
            Retry::NEVER,
        ),
        (
            429,
            problem("usage-capped", "Usage cap exceeded: Monthly product cap"),
            K::QuotaExhausted,
            Retry::NEVER,
        ),
        (
            403,
            legacy(344, "You have reached your daily limit for sending Tweets and messages"),
            K::QuotaExhausted,
            hour(),
        ),
        (
            403,
            legacy(185, "User is over daily status update limit."),
            K::QuotaExhausted,
            hour(),
        ),
        (
            403,
            blank(
                403,
                "Your account is suspended and is not permitted to perform this action.",
            ),
            K::AccountRestricted,
            reconnect(),
        ),
        (
            403,
            legacy(
                326,
                "To protect our users from spam, this account is temporarily locked.",
            ),
            K::AccountRestricted,
            reconnect(),
        ),
        (
            403,
            legacy(226, "This request looks like it might be automated."),
            K::PolicyBlocked,
            Retry::NEVER,
        ),
        (
            403,
            problem(
                "client-forbidden",
                "When authenticating requests you must use keys from a Project",
            ),
            K::OperatorConfig,
            Retry::NEVER,
        ),
        (
            403,
            blank(403, "Your client is not enrolled"),
            K::OperatorConfig,
            Retry::NEVER,
        ),
        (
            403,
            blank(
                403,
                "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author of the post you are replying to.",
            ),
            K::Invalid,
            Retry::NEVER,
        ),
        (
            403,
            blank(
                403,
                "You attempted to reply to a Tweet that is deleted or not visible to you.",
            ),
            K::Invalid,
            Retry::NEVER,
        ),
        (
            403,
            blank(403, "You are not permitted to perform this action."),
            K::Invalid,
            Retry::NEVER,
        ),
        (400, errors("Your media IDs are invalid."), K::NotReady, propagation),
        (
            403,
            blank(403, "This user is not allowed to post a video longer than 2 minutes."),
            K::TooLarge,
            Retry::NEVER,
        ),
        (400, errors("Your Tweet text is too long."), K::TooLarge, Retry::NEVER),
        (403, blank(403, "Text too long"), K::TooLarge, Retry::NEVER),
        (
            403,
            legacy(186, "Tweet needs to be a bit shorter."),
            K::TooLarge,
            Retry::NEVER,
        ),
        (413, json!({}), K::TooLarge, Retry::NEVER),
        (
            404,
            problem("resource-not-found", "Could not find tweet with id: [1]."),
            K::Invalid,
            Retry::NEVER,
        ),
        (
            400,
            errors("The `reply_settings` field is invalid"),
            K::Invalid,
            Retry::NEVER,
        ),
        (
            400,
            json!({"detail": "BadRequest: Not found"}),
            K::Invalid,
            Retry::NEVER,
        ),
        (429, blank(429, "Too Many Requests"), K::RateLimited, Retry::BACKOFF),
        (
            429,
            problem("rate-limit-exceeded", "Too Many Requests"),
            K::RateLimited,
            Retry::BACKOFF,
        ),
        (403, legacy(88, "Rate limit exceeded"), K::RateLimited, Retry::BACKOFF),
    ]
}

#[test]
fn every_documented_refusal_of_a_post_means_what_the_table_says() {
    for (status, body, kind, retry) in post_cases() {
        let error = classify(Call::Post, Stage::Send, &answer(status, &body));
        assert_eq!(
            (error.kind, error.retry, error.fate),
            (kind, retry, Fate::NotPublished),
            "{status} {body}"
        );
    }
}

#[test]
fn the_host_in_a_problems_type_does_not_matter() {
    for (status, body, kind, retry) in post_cases() {
        let moved: Value = serde_json::from_str(&body.to_string().replace("api.twitter.com", "api.x.com")).unwrap();
        let error = classify(Call::Post, Stage::Send, &answer(status, &moved));
        assert_eq!((error.kind, error.retry), (kind, retry), "{status} {moved}");
    }
}

#[test]
fn every_documented_refusal_of_an_upload_or_a_token_means_what_the_tables_say() {
    use ErrorKind as K;
    let reconnect = || Retry::when(When::AfterReconnect);
    let oauth = |word: &str| json!({"error": word, "error_description": "Value passed for the token was invalid."});
    let cases: Vec<(Call, u16, Value, K, Retry)> = vec![
        (Call::Upload, 413, json!({}), K::TooLarge, Retry::NEVER),
        (
            Call::Upload,
            400,
            blank(400, "This user is not allowed to post a video longer than 2 minutes"),
            K::TooLarge,
            Retry::NEVER,
        ),
        (
            Call::Upload,
            400,
            errors("media_type is invalid"),
            K::MediaRejected,
            Retry::NEVER,
        ),
        (
            Call::Upload,
            404,
            problem("resource-not-found", "no such media"),
            K::MediaRejected,
            Retry::NEVER,
        ),
        (
            Call::Upload,
            429,
            blank(429, "Too Many Requests"),
            K::RateLimited,
            Retry::BACKOFF,
        ),
        (
            Call::Token,
            401,
            oauth("invalid_client"),
            K::OperatorConfig,
            Retry::NEVER,
        ),
        (
            Call::Token,
            401,
            oauth("unauthorized_client"),
            K::OperatorConfig,
            Retry::NEVER,
        ),
        (Call::Token, 400, oauth("invalid_grant"), K::Auth, reconnect()),
        (Call::Token, 400, oauth("invalid_request"), K::Auth, reconnect()),
        (Call::Token, 401, json!({}), K::Auth, reconnect()),
    ];
    for (call, status, body, kind, retry) in cases {
        let stage = if call == Call::Token {
            Stage::Refresh
        } else {
            Stage::Prepare
        };
        let error = classify(call, stage, &answer(status, &body));
        assert_eq!(
            (error.kind, error.retry, error.fate),
            (kind, retry, Fate::NotPublished),
            "{status} {body}"
        );
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

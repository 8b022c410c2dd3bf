//! What refusals of a sign-in mean: on the way back from the consent page, at the token endpoint, and where identities
//! are asked for.

use domain::error::{ErrorKind, PlatformError, Retry, Stage, When};
use domain::platform::Platform;
use domain::secret::SecretText;
use serde_json::Value;

use super::refused;
use crate::http::{Answer, Failure};
use crate::rules::{self, Refusal, Row};

/// The code of a sign-in that the person declined.
pub const DENIED: &str = "access_denied";

/// The code of a call that was written and not answered: a code or a rotating refresh token may be spent.
pub const NO_ANSWER: &str = "no_answer";

/// Whether the person said no.
#[must_use]
pub fn is_denied(error: &PlatformError) -> bool {
    error.code.as_deref() == Some(DENIED)
}

const APP: &str = "does not accept this server's app; its operator must check the app's id, secret and settings there";
const AGAIN: &str = "did not accept the sign-in; start it again";
const RECONNECT: &str = "no longer accepts the sign-in; connect the account again";
const SLOWER: &str = "asks for fewer requests; try again later";
const DOWN: &str = "has trouble just now; try again later";

/// The words of platforms for a person's no (RFC 6749, 4.1.2.1; LinkedIn has its own).
const NO: &[&str] = &[
    "access_denied",
    "user_cancelled_authorize",
    "user_cancelled_login",
    "user_denied",
    "consent_denied",
];

/// The words of refusals that only the operator can mend (RFC 6749, 4.1.2.1 and 5.2; Google; LinkedIn; OpenID).
const OPERATOR: &[&str] = &[
    "invalid_client",
    "unauthorized_client",
    "invalid_scope",
    "unauthorized_scope_error",
    "unsupported_response_type",
    "unsupported_grant_type",
    "redirect_uri_mismatch",
    "invalid_redirect_uri",
    "invalid_client_metadata",
    "org_internal",
    "admin_policy_enforced",
];

/// The words of trouble that passes.
const PASSING: &[&str] = &["server_error", "temporarily_unavailable", "internal_error"];

/// The error of a consent page that sent the browser back without a code.
#[must_use]
pub fn of_callback(platform: Platform, word: &str, description: Option<&str>) -> PlatformError {
    let name = platform.name();
    let error = if NO.contains(&word) {
        let message = format!("The sign-in at {name} was declined");
        return refused(platform, ErrorKind::Permission, message).with_code(DENIED);
    } else if OPERATOR.contains(&word) {
        refused(platform, ErrorKind::OperatorConfig, format!("{name} {APP}"))
    } else if PASSING.contains(&word) {
        refused(platform, ErrorKind::PlatformDown, format!("{name} {DOWN}")).with_retry(Retry::BACKOFF)
    } else {
        refused(platform, ErrorKind::Auth, format!("{name} {AGAIN}"))
    };
    // Anybody can write the query of this address, so of the words only few are kept, and no links.
    let plain = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).take(200).collect() };
    let error = error.with_code(plain(word));
    match description {
        Some(words) => error.with_raw(&plain(words)),
        None => error,
    }
}

/// The error of a token endpoint's answer. `rows` are the platform's own readings, which come first; `secrets` were sent
/// and are taken out of its words.
#[must_use]
pub fn of_token_endpoint(
    platform: Platform,
    stage: Stage,
    rows: &[&[Row]],
    answer: &Answer,
    secrets: &[&SecretText],
) -> PlatformError {
    let refusal = read(answer, secrets);
    let code = refusal.code.as_deref();
    if let Some(error) = by_rows(platform, rows, stage, answer, &refusal) {
        return error;
    }
    let name = platform.name();
    let said = |list: &[&str]| code.is_some_and(|code| list.contains(&code));
    let (kind, words, when) = match answer.status {
        _ if said(OPERATOR) => (ErrorKind::OperatorConfig, APP, When::Never),
        _ if said(PASSING) => (ErrorKind::PlatformDown, DOWN, When::Backoff),
        429 => (ErrorKind::RateLimited, SLOWER, When::Backoff),
        500..=599 => (ErrorKind::PlatformDown, DOWN, When::Backoff),
        401 if code.is_none() => (ErrorKind::OperatorConfig, APP, When::Never),
        // Errors may come with status 200 (TikTok, Reddit). An answer without either is none that can be read.
        200..=299 if code.is_none() => (ErrorKind::Protocol, "gave an answer that cannot be read", When::Backoff),
        200..=299 | 400..=499 if stage == Stage::Refresh => (ErrorKind::Auth, RECONNECT, When::AfterReconnect),
        200..=299 | 400..=499 => (ErrorKind::Auth, AGAIN, When::AfterReconnect),
        _ => return rules::classify(platform, &[], stage, answer, &refusal),
    };
    let error = PlatformError::refused(platform, stage, kind, format!("{name} {words}"))
        .with_retry(Retry::when(when))
        .with_status(answer.status);
    described(error, &refusal)
}

/// The error of an identity endpoint's answer.
#[must_use]
pub fn of_identity(platform: Platform, rows: &[&[Row]], answer: &Answer, secrets: &[&SecretText]) -> PlatformError {
    let refusal = read(answer, secrets);
    if let Some(error) = by_rows(platform, rows, Stage::Connect, answer, &refusal) {
        return error;
    }
    let name = platform.name();
    let (kind, words, when) = match answer.status {
        401 => (ErrorKind::Auth, RECONNECT, When::AfterRefresh),
        403 => (
            ErrorKind::Permission,
            "does not let this sign-in see the account; connect it again and grant every permission",
            When::AfterReconnect,
        ),
        429 => (ErrorKind::RateLimited, SLOWER, When::Backoff),
        500..=599 => (ErrorKind::PlatformDown, DOWN, When::Backoff),
        _ => return rules::classify(platform, &[], Stage::Connect, answer, &refusal),
    };
    let error = PlatformError::refused(platform, Stage::Connect, kind, format!("{name} {words}"))
        .with_retry(Retry::when(when))
        .with_status(answer.status);
    described(error, &refusal)
}

/// The error of an exchange without an answer.
#[must_use]
pub fn of_failure(platform: Platform, stage: Stage, failure: Failure) -> PlatformError {
    let error = failure.into_error(platform, stage);
    match failure {
        Failure::NotWritten { .. } => error,
        Failure::NoAnswer { .. } => error.with_code(NO_ANSWER),
    }
}

/// What the platform's own rows say, if one matches. Of a Graph code with a subcode the code alone may match too.
fn by_rows(
    platform: Platform,
    rows: &[&[Row]],
    stage: Stage,
    answer: &Answer,
    refusal: &Refusal,
) -> Option<PlatformError> {
    let by = |refusal: &Refusal| {
        let code = refusal.code.as_deref();
        let mut tables = rows.iter();
        let table = tables.find(|table| rules::first_match(table, answer.status, code, &refusal.words).is_some())?;
        Some(rules::classify(platform, table, stage, answer, refusal))
    };
    if let Some(error) = by(refusal) {
        return Some(error);
    }
    let (main, _) = refusal.code.as_deref()?.split_once('/')?;
    let of_main = Refusal {
        code: Some(main.to_owned()),
        ..refusal.clone()
    };
    let mut error = by(&of_main)?;
    error.code.clone_from(&refusal.code);
    Some(error)
}

fn described(mut error: PlatformError, refusal: &Refusal) -> PlatformError {
    error.code.clone_from(&refusal.code);
    if refusal.words.is_empty() {
        error
    } else {
        error.with_raw(&refusal.words)
    }
}

/// Reads code and words out of whatever envelope an answer has: those of RFC 6749, of Meta's Graph, of Google, TikTok,
/// LinkedIn, Pinterest, Reddit and Snapchat.
#[must_use]
pub fn read(answer: &Answer, secrets: &[&SecretText]) -> Refusal {
    let body = answer.json().unwrap_or(Value::Null);
    let inner = body.get("error").filter(|error| error.is_object());
    let word = |value: Option<&Value>| match value {
        Some(Value::String(text)) if !text.is_empty() && text != "ok" => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let of_inner = inner.and_then(|error| {
        let code = word(error.get("status")).or_else(|| word(error.get("code")))?;
        Some(match word(error.get("error_subcode")) {
            Some(subcode) => format!("{code}/{subcode}"),
            None => code,
        })
    });
    let code = of_inner
        .or_else(|| word(body.get("error").filter(|error| error.is_string())))
        .or_else(|| word(body.get("error_code")))
        .or_else(|| word(body.get("code")));
    let words = [
        "error_description",
        "error_message",
        "message",
        "detail",
        "display_message",
    ];
    let text = |value: &Value| {
        words
            .iter()
            .find_map(|name| value.get(name)?.as_str().map(ToOwned::to_owned))
    };
    let told = inner.and_then(text).or_else(|| text(&body)).unwrap_or_default();
    Refusal {
        code: code.map(|code| without(&code, secrets)),
        words: without(&told, secrets),
        not_before: None,
    }
}

/// The text without these secrets, should the platform repeat them.
fn without(text: &str, secrets: &[&SecretText]) -> String {
    secrets
        .iter()
        .map(|secret| secret.expose())
        .filter(|secret| secret.len() >= 4)
        .fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn every_envelope_gives_its_code() {
        for (body, code) in [
            (r#"{"error":"invalid_grant","error_description":"no"}"#, "invalid_grant"),
            (
                r#"{"error":{"message":"no","type":"OAuthException","code":190,"error_subcode":463}}"#,
                "190/463",
            ),
            (
                r#"{"error":{"code":401,"status":"UNAUTHENTICATED","message":"no"}}"#,
                "UNAUTHENTICATED",
            ),
            (
                r#"{"data":{},"error":{"code":"access_token_invalid","message":"no"}}"#,
                "access_token_invalid",
            ),
            (
                r#"{"error_type":"OAuthException","code":400,"error_message":"no"}"#,
                "400",
            ),
            (r#"{"code":283,"message":"no"}"#, "283"),
            (
                r#"{"request_status":"ERROR","error_code":"E1","display_message":"no"}"#,
                "E1",
            ),
            (
                r#"{"status":401,"serviceErrorCode":65602,"code":"EXPIRED_ACCESS_TOKEN","message":"no"}"#,
                "EXPIRED_ACCESS_TOKEN",
            ),
        ] {
            let refusal = read(&answer(400, body), &[]);
            assert_eq!(refusal.code.as_deref(), Some(code), "{body}");
            assert_eq!(refusal.words, "no", "{body}");
        }
    }

    #[test]
    fn a_secret_that_the_platform_repeats_is_not_kept() {
        let secret = SecretText::from("AQBx7-very-secret");
        let body = r#"{"error":"invalid_grant","error_description":"Invalid code: AQBx7-very-secret."}"#;
        let error = of_token_endpoint(Platform::Facebook, Stage::Connect, &[], &answer(400, body), &[&secret]);
        assert_eq!(error.raw.as_deref(), Some("Invalid code: …."));
        assert!(!format!("{error:?} {error}").contains("very-secret"));
    }

    #[test]
    fn who_can_mend_a_refusal_is_told_by_its_kind() {
        let kind = |stage, status, body| of_token_endpoint(Platform::X, stage, &[], &answer(status, body), &[]).kind;
        let (connect, refresh) = (Stage::Connect, Stage::Refresh);
        assert_eq!(
            kind(connect, 401, r#"{"error":"invalid_client"}"#),
            ErrorKind::OperatorConfig
        );
        assert_eq!(kind(refresh, 401, ""), ErrorKind::OperatorConfig);
        assert_eq!(kind(refresh, 400, r#"{"error":"invalid_grant"}"#), ErrorKind::Auth);
        assert_eq!(kind(refresh, 200, r#"{"error":"invalid_grant"}"#), ErrorKind::Auth);
        assert_eq!(kind(refresh, 200, "{}"), ErrorKind::Protocol);
        assert_eq!(kind(refresh, 503, "<html>"), ErrorKind::PlatformDown);
        assert_eq!(kind(refresh, 429, ""), ErrorKind::RateLimited);
    }

    #[test]
    fn a_persons_no_is_told_from_a_wrong_app() {
        let no = of_callback(Platform::LinkedIn, "user_cancelled_authorize", Some("…"));
        assert!(is_denied(&no) && no.kind == ErrorKind::Permission);
        let app = of_callback(Platform::LinkedIn, "unauthorized_scope_error", Some("not authorized"));
        assert_eq!(app.kind, ErrorKind::OperatorConfig);
        assert!(!is_denied(&app));
    }
}

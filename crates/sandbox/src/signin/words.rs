//! How the platforms word what their sign-ins refuse.
//!
//! The bodies are those that clients of the platforms report; where none is known it is the one of RFC 6749.

use domain::platform::Platform;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::exchange::Dialect as _;
use crate::linkedin::LinkedIn;

/// Why a token endpoint refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No app has this id.
    UnknownClient,
    /// The app's secret is missing or wrong.
    WrongSecret,
    /// Nobody was given this code, or another app was.
    UnknownCode,
    /// The code was exchanged before.
    UsedCode,
    /// The code's time is over.
    ExpiredCode,
    /// The redirect address is not the one of the authorize request.
    Redirect,
    /// The verifier is missing or does not match the challenge.
    Verifier,
    /// The refresh token is unknown, spent, ended or revoked.
    RefreshToken,
    /// The grant type is none that the endpoint knows.
    GrantType,
    /// A long-lived token cannot be had for this token.
    Exchange,
}

impl Refusal {
    /// The error of RFC 6749 for it.
    fn standard(self) -> &'static str {
        match self {
            Self::UnknownClient | Self::WrongSecret => "invalid_client",
            Self::GrantType => "unsupported_grant_type",
            Self::UnknownCode
            | Self::UsedCode
            | Self::ExpiredCode
            | Self::Redirect
            | Self::Verifier
            | Self::RefreshToken
            | Self::Exchange => "invalid_grant",
        }
    }

    fn is_client(self) -> bool {
        matches!(self, Self::UnknownClient | Self::WrongSecret)
    }
}

/// The shape of RFC 6749.
pub(crate) fn standard(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
}

/// A Graph error.
pub(crate) fn graph(status: u16, code: i64, subcode: Option<u64>, message: &str) -> Answer {
    crate::graph::error(status, code, subcode, message, false)
}

/// The token endpoint's refusal in the platform's words.
pub(crate) fn refusal(platform: Platform, why: Refusal) -> Answer {
    match platform {
        Platform::X => x(why),
        Platform::LinkedIn => linkedin(why),
        Platform::Facebook => facebook(why),
        Platform::Instagram | Platform::Threads => meta(why),
        Platform::TikTok => tiktok(why),
        Platform::YouTube | Platform::GoogleBusiness => google(why),
        Platform::Pinterest => pinterest(why),
        Platform::Reddit => reddit(why),
        Platform::Mastodon => mastodon(why),
        Platform::Bluesky => bluesky(why),
        _ => plain(why),
    }
}

fn x(why: Refusal) -> Answer {
    let invalid = |what: &str| standard(400, "invalid_request", what);
    match why {
        Refusal::UnknownClient | Refusal::WrongSecret => {
            standard(401, "unauthorized_client", "Missing valid authorization header")
        }
        Refusal::UnknownCode | Refusal::UsedCode | Refusal::ExpiredCode => {
            invalid("Value passed for the authorization code was invalid.")
        }
        Refusal::Redirect => {
            invalid("Value passed for the redirect uri did not match the uri of the authorization code.")
        }
        Refusal::Verifier => invalid("Value passed for the code verifier did not match the code challenge."),
        Refusal::RefreshToken | Refusal::Exchange => invalid("Value passed for the token was invalid."),
        Refusal::GrantType => invalid("Missing required parameter [grant_type]."),
    }
}

fn linkedin(why: Refusal) -> Answer {
    match why {
        Refusal::UnknownClient => standard(401, "invalid_client", "Client authentication failed"),
        Refusal::WrongSecret => standard(401, "invalid_client", "Client authentication failed"),
        Refusal::UnknownCode | Refusal::UsedCode | Refusal::ExpiredCode | Refusal::Redirect | Refusal::Verifier => {
            standard(
                400,
                "invalid_request",
                "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization \
                 code. Or authorization code expired. Or external member binding exists",
            )
        }
        Refusal::RefreshToken | Refusal::Exchange => standard(
            400,
            "invalid_grant",
            "The provided authorization grant or refresh token is invalid, expired or revoked",
        ),
        Refusal::GrantType => standard(400, "unsupported_grant_type", "The grant type is not supported"),
    }
}

fn facebook(why: Refusal) -> Answer {
    match why {
        Refusal::UnknownClient => graph(
            400,
            101,
            None,
            "Error validating application. Cannot get application info due to a system error.",
        ),
        Refusal::WrongSecret => graph(400, 1, None, "Error validating client secret."),
        Refusal::UnknownCode => graph(400, 100, None, "Invalid verification code format."),
        Refusal::UsedCode => graph(400, 100, Some(36_009), "This authorization code has been used."),
        Refusal::ExpiredCode => graph(400, 100, Some(36_007), "This authorization code has expired."),
        Refusal::Redirect => graph(
            400,
            100,
            Some(36_008),
            "Error validating verification code. Please make sure your redirect_uri is identical to the one you used \
             in the OAuth dialog request",
        ),
        Refusal::Verifier => graph(400, 100, None, "Invalid code_verifier parameter value"),
        Refusal::RefreshToken | Refusal::Exchange => crate::graph::expired(),
        Refusal::GrantType => graph(400, 1, None, "Invalid grant_type"),
    }
}

/// Instagram and Threads have an envelope of their own here, which is not the one of their Graph errors.
fn meta(why: Refusal) -> Answer {
    let message = match why {
        Refusal::UnknownClient => "Invalid platform app",
        Refusal::WrongSecret => "Error validating client secret.",
        Refusal::UnknownCode | Refusal::UsedCode => "Matching code was not found or was already used",
        Refusal::ExpiredCode => "This authorization code has expired",
        Refusal::Redirect => {
            "Error validating verification code. Please make sure your redirect_uri is identical to the one you used \
             in the OAuth dialog request"
        }
        Refusal::Verifier | Refusal::RefreshToken | Refusal::Exchange => "Invalid access token",
        Refusal::GrantType => "Invalid grant_type",
    };
    let body = json!({ "error_type": "OAuthException", "code": 400, "error_message": message });
    Answer::json(400, &body)
}

/// TikTok's OAuth errors come with status 200.
fn tiktok(why: Refusal) -> Answer {
    let (error, description) = match why {
        Refusal::UnknownClient | Refusal::WrongSecret => ("invalid_client", "Client key or secret is incorrect."),
        Refusal::UnknownCode | Refusal::ExpiredCode | Refusal::UsedCode => {
            ("invalid_grant", "Authorization code is expired.")
        }
        Refusal::Redirect => (
            "invalid_request",
            "Redirect_uri is not matched with the uri when requesting code.",
        ),
        Refusal::Verifier => ("invalid_request", "Code verifier or code challenge is invalid."),
        Refusal::RefreshToken | Refusal::Exchange => ("invalid_grant", "Refresh token is invalid or expired."),
        Refusal::GrantType => ("unsupported_grant_type", "The grant type is not supported."),
    };
    Answer::ok(&json!({
        "error": error,
        "error_description": description,
        "log_id": "202611220000000000000000000SANDBOX",
    }))
}

fn google(why: Refusal) -> Answer {
    match why {
        Refusal::UnknownClient => standard(401, "invalid_client", "The OAuth client was not found."),
        Refusal::WrongSecret => standard(401, "invalid_client", "Unauthorized"),
        Refusal::UnknownCode => standard(400, "invalid_grant", "Malformed auth code."),
        Refusal::UsedCode | Refusal::ExpiredCode => standard(400, "invalid_grant", "Bad Request"),
        Refusal::Redirect => standard(400, "redirect_uri_mismatch", "Bad Request"),
        Refusal::Verifier => standard(400, "invalid_grant", "Invalid code verifier."),
        Refusal::RefreshToken | Refusal::Exchange => {
            standard(400, "invalid_grant", "Token has been expired or revoked.")
        }
        Refusal::GrantType => standard(400, "unsupported_grant_type", "Invalid grant_type"),
    }
}

fn pinterest(why: Refusal) -> Answer {
    let (status, code, message) = match why {
        Refusal::UnknownClient | Refusal::WrongSecret => (401, 2, "Authentication failed."),
        Refusal::UnknownCode | Refusal::UsedCode | Refusal::ExpiredCode => {
            (400, 283, "Authorization code is invalid or expired.")
        }
        Refusal::Redirect => (
            400,
            283,
            "The redirect_uri does not match the one of the authorization request.",
        ),
        Refusal::RefreshToken | Refusal::Exchange => (401, 283, "Refresh token is invalid or expired."),
        Refusal::Verifier | Refusal::GrantType => (400, 1, "Missing or invalid grant_type."),
    };
    Answer::json(status, &json!({ "code": code, "message": message }))
}

/// Reddit's token endpoint says most with status 200 or with a bare 400.
fn reddit(why: Refusal) -> Answer {
    match why {
        Refusal::UnknownClient | Refusal::WrongSecret => {
            Answer::json(401, &json!({ "message": "Unauthorized", "error": 401 }))
        }
        Refusal::RefreshToken | Refusal::Exchange => {
            Answer::json(400, &json!({ "message": "Bad Request", "error": 400 }))
        }
        other => Answer::ok(&json!({ "error": other.standard() })),
    }
}

fn mastodon(why: Refusal) -> Answer {
    match why {
        Refusal::UnknownClient | Refusal::WrongSecret => standard(
            401,
            "invalid_client",
            "Client authentication failed due to unknown client, no client authentication included, or unsupported \
             authentication method.",
        ),
        Refusal::GrantType => standard(
            400,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server.",
        ),
        _ => standard(
            400,
            "invalid_grant",
            "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used \
             in the authorization request, or was issued to another client.",
        ),
    }
}

fn bluesky(why: Refusal) -> Answer {
    let description = match why {
        Refusal::UnknownClient | Refusal::WrongSecret => "Client authentication failed",
        Refusal::UnknownCode => "Invalid code",
        Refusal::UsedCode => "Code replayed",
        Refusal::ExpiredCode => "Code expired",
        Refusal::Redirect => "The redirect_uri parameter must match the one used in the authorization request",
        Refusal::Verifier => "Invalid code_verifier",
        Refusal::RefreshToken | Refusal::Exchange => "Invalid refresh token",
        Refusal::GrantType => "Unsupported grant_type",
    };
    let status = if why.is_client() { 401 } else { 400 };
    standard(status, why.standard(), description)
}

fn plain(why: Refusal) -> Answer {
    let status = if why.is_client() { 401 } else { 400 };
    let description = match why {
        Refusal::UnknownClient | Refusal::WrongSecret => "Client authentication failed",
        Refusal::GrantType => "The grant type is not supported",
        Refusal::RefreshToken | Refusal::Exchange => "The refresh token is invalid, expired or revoked",
        _ => "The authorization code is invalid, expired, or was issued for another request",
    };
    standard(status, why.standard(), description)
}

/// A token that the API does not take; `expired` when it was good once.
pub(crate) fn bad_token(platform: Platform, expired: bool) -> Answer {
    match platform {
        Platform::LinkedIn if expired => LinkedIn.expired(),
        Platform::LinkedIn => LinkedIn.unknown_token(),
        Platform::Facebook | Platform::Instagram | Platform::Threads if expired => crate::graph::expired(),
        Platform::Facebook | Platform::Instagram | Platform::Threads => crate::graph::unauthorized(),
        Platform::TikTok => tiktok_error(
            401,
            "access_token_invalid",
            "The access token is invalid or not found in the request.",
        ),
        Platform::YouTube | Platform::GoogleBusiness => google_error(
            401,
            "UNAUTHENTICATED",
            "authError",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
             valid authentication credential.",
        ),
        Platform::Pinterest => Answer::json(401, &json!({ "code": 2, "message": "Authentication failed." })),
        Platform::Reddit => Answer::json(401, &json!({ "message": "Unauthorized", "error": 401 })),
        Platform::Snapchat => snap_error(401, "AUTHENTICATION_FAILED", "The access token is invalid"),
        _ => standard(401, "invalid_token", "The access token is invalid"),
    }
}

/// A token that was not granted what the request needs.
pub(crate) fn missing_scope(platform: Platform) -> Answer {
    match platform {
        Platform::LinkedIn => LinkedIn.missing_scope(),
        Platform::Facebook => graph(
            403,
            200,
            None,
            "(#200) The user has not granted the permission for this request",
        ),
        Platform::Instagram | Platform::Threads => graph(
            403,
            10,
            None,
            "(#10) Application does not have permission for this action",
        ),
        Platform::TikTok => tiktok_error(
            401,
            "scope_not_authorized",
            "The user did not authorize the scope required for completing this request.",
        ),
        Platform::YouTube | Platform::GoogleBusiness => google_error(
            403,
            "PERMISSION_DENIED",
            "insufficientPermissions",
            "Request had insufficient authentication scopes.",
        ),
        Platform::Pinterest => Answer::json(
            401,
            &json!({ "code": 3, "message": "You are not permitted to access that resource." }),
        ),
        Platform::Reddit => Answer::json(403, &json!({ "message": "Forbidden", "error": 403 })),
        Platform::Snapchat => snap_error(
            403,
            "AUTHORIZATION_PERMISSION_DENIED",
            "The token lacks the needed permission",
        ),
        _ => standard(403, "insufficient_scope", "The token lacks the needed scope"),
    }
}

/// A server error in the words of the platform's API.
pub(crate) fn server_error(platform: Platform, status: u16) -> Answer {
    let sorry = "Something went wrong, please try again.";
    match platform {
        Platform::LinkedIn => LinkedIn.server_error(status),
        Platform::Facebook | Platform::Instagram | Platform::Threads => crate::graph::server_error(status),
        Platform::TikTok => tiktok_error(status, "internal_error", sorry),
        Platform::YouTube | Platform::GoogleBusiness => {
            google_error(status, "INTERNAL", "backendError", "Internal error encountered.")
        }
        Platform::Pinterest => Answer::json(status, &json!({ "code": 12, "message": sorry })),
        Platform::Reddit => Answer::json(status, &json!({ "message": "Internal Server Error", "error": status })),
        Platform::Snapchat => snap_error(status, "INTERNAL_ERROR", sorry),
        _ => standard(status, "server_error", sorry),
    }
}

/// Too many requests, in the words of the platform's API.
pub(crate) fn rate_limited(platform: Platform, retry_after_s: u64, now: Timestamp) -> Answer {
    let reset = now
        .as_second()
        .saturating_add(i64::try_from(retry_after_s).unwrap_or(i64::MAX));
    match platform {
        Platform::LinkedIn => LinkedIn.rate_limited(retry_after_s, now),
        Platform::Facebook | Platform::Instagram | Platform::Threads => {
            graph(403, 4, None, "(#4) Application request limit reached")
        }
        Platform::TikTok => tiktok_error(429, "rate_limit_exceeded", "The API rate limit was exceeded."),
        Platform::YouTube | Platform::GoogleBusiness => {
            google_error(429, "RESOURCE_EXHAUSTED", "rateLimitExceeded", "Quota exceeded.")
        }
        Platform::Pinterest => Answer::json(
            429,
            &json!({ "code": 8, "message": "You have exceeded your rate limit." }),
        )
        .with("x-ratelimit-reset", retry_after_s.to_string()),
        Platform::Reddit => Answer::json(429, &json!({ "message": "Too Many Requests", "error": 429 }))
            .with("x-ratelimit-remaining", "0.0")
            .with("x-ratelimit-reset", retry_after_s.to_string()),
        Platform::Snapchat => snap_error(429, "RATE_LIMITED", "Too many requests"),
        Platform::X => standard(429, "too_many_requests", "Too Many Requests")
            .with("x-rate-limit-remaining", "0")
            .with("x-rate-limit-reset", reset.to_string()),
        _ => standard(429, "too_many_requests", "Too many requests").with("retry-after", retry_after_s.to_string()),
    }
}

/// TikTok's envelope, which always has an `error`.
pub(crate) fn tiktok_error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &tiktok_envelope(&json!({}), code, message))
}

pub(crate) fn tiktok_envelope(data: &Value, code: &str, message: &str) -> Value {
    let log_id = "202611220000000000000000000SANDBOX";
    json!({ "data": data, "error": { "code": code, "message": message, "log_id": log_id } })
}

/// Google's envelope; `reason` as in `errors[0]` of the older APIs.
pub(crate) fn google_error(status: u16, word: &str, reason: &str, message: &str) -> Answer {
    Answer::json(
        status,
        &json!({ "error": {
            "code": status,
            "message": message,
            "errors": [{ "message": message, "domain": "global", "reason": reason }],
            "status": word,
        }}),
    )
}

/// Snapchat's envelope.
pub(crate) fn snap_error(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(
        status,
        &json!({
            "request_status": "ERROR",
            "request_id": "sandbox",
            "error_code": code,
            "debug_message": message,
            "display_message": message,
        }),
    )
}

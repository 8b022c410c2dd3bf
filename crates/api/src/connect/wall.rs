//! What keeps strangers out of the pages: the headers of every answer, and the tie between a page and its browser.
//!
//! The token in a page's address is all that it takes to use the page: there is no session that a foreign site could
//! ride on. What a foreign site could still do is to have somebody's browser begin a sign-in of *its own* page (it knows
//! that token), or to send it to the callback with a state of its own, so that the visitor's account ends up connected
//! to the stranger (RFC 9700, 4.7). Against both, `GET /connect/{token}` leaves a cookie that holds the token
//! (`HttpOnly`, `SameSite=Lax`), every POST needs it, and so does the callback of a sign-in that was begun on a page:
//! browsers send no such cookie with another site's POST, and only the browser that opened the page has it. Browsers
//! that say where a POST comes from (`Sec-Fetch-Site`, Fetch Metadata) are believed as well; `Origin` cannot be used,
//! since it is `null` under `Referrer-Policy: no-referrer`.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};

use super::Notice;
use crate::state::ApiState;

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What the names of our cookies begin with.
const COOKIE_PREFIX: &str = "connect_";
/// How long a browser is tied to a page that it opened, in seconds; opening it again ties it again.
const COOKIE_AGE_S: u32 = 24 * 60 * 60;
/// So many of our cookies are looked at.
const COOKIES_MAX: usize = 20;

/// The middleware: the headers of every answer of these pages, and refusals as pages.
pub(super) async fn headers(State(api): State<ApiState>, request: Request, next: Next) -> Response {
    let mut response = paged(&api, next.run(request).await);
    tracing::debug!(status = response.status().as_u16(), "a connection page answered");
    let headers = response.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY, policy(api.public_url.scheme() == "https")),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (ROBOTS, "noindex"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Makes pages of refusals, our own and the framework's.
fn paged(api: &ApiState, mut response: Response) -> Response {
    if let Some(notice) = response.extensions_mut().remove::<Notice>() {
        return notice.page(super::base(api));
    }
    let status = response.status();
    let is_page = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_page && (status.is_client_error() || status.is_server_error()) {
        return Notice::unreadable(status).page(super::base(api));
    }
    response
}

/// Nothing but our own style sheet. Forms lead to platforms through a redirect, which browsers hold against
/// `form-action` too, with every further redirect there: so it can only name schemes.
const fn policy(is_https: bool) -> &'static str {
    if is_https {
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self' https:; frame-ancestors 'none'"
    } else {
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self' http: https:; frame-ancestors 'none'"
    }
}

/// Ties the browser that gets this answer to the page of this token.
pub(super) fn tie(api: &ApiState, token: &str, mut response: Response) -> Response {
    let secure = if api.public_url.scheme() == "https" {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "{}={token}; Path={}/connect; Max-Age={COOKIE_AGE_S}; HttpOnly; SameSite=Lax{secure}",
        cookie_name(token),
        super::base(api),
    );
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(SET_COOKIE, value);
    }
    response
}

/// The cookie is named after the page, so that several pages can be open at once.
fn cookie_name(token: &str) -> String {
    let hash = Sha256::digest(token.as_bytes());
    hash.iter().take(8).fold(COOKIE_PREFIX.to_owned(), |mut name, byte| {
        use std::fmt::Write;
        // Writing to a text cannot fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// The tokens of the pages that this browser is tied to.
pub(super) fn pages_of(headers: &HeaderMap) -> Vec<String> {
    let cookies = headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, token)| name.starts_with(COOKIE_PREFIX) && *name == cookie_name(token))
        .map(|(_, token)| token.to_owned())
        .take(COOKIES_MAX)
        .collect()
}

/// Whether a POST to the page of this token comes from that page, in a browser that opened it.
pub(super) fn is_from_page(headers: &HeaderMap, token: &str) -> bool {
    is_from_here(headers) && pages_of(headers).iter().any(|known| known == token)
}

/// Whether the browser does not say that the request comes from elsewhere.
pub(super) fn is_from_here(headers: &HeaderMap) -> bool {
    let said = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    matches!(said, None | Some(b"same-origin" | b"none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn a_browser_is_tied_to_the_pages_that_it_opened_and_to_no_other() {
        let (one, two) = (cookie_name("one"), cookie_name("two"));
        let headers = with(&[(COOKIE, &format!("a=b; {one}=one; {two}=one; {COOKIE_PREFIX}0=zero"))]);
        assert_eq!(pages_of(&headers), ["one"]);
        assert!(is_from_page(&headers, "one"));
        assert!(!is_from_page(&headers, "two"));
    }

    #[test]
    fn what_a_browser_says_about_the_origin_of_a_request_is_believed() {
        for (said, is_good) in [
            ("same-origin", true),
            ("none", true),
            ("same-site", false),
            ("cross-site", false),
        ] {
            assert_eq!(is_from_here(&with(&[(FETCH_SITE, said)])), is_good, "{said}");
        }
        assert!(is_from_here(&HeaderMap::new()));
    }

    #[test]
    fn plain_http_is_allowed_for_forms_only_where_the_server_speaks_it() {
        assert!(!policy(true).contains("http:"));
        assert!(policy(false).contains("http:"));
        assert!(!policy(true).contains("unsafe"));
    }
}

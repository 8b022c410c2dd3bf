//! The home page: what this is, where its dialects are, and whether it is well. No script, nothing from elsewhere.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{Html, IntoResponse, Response};

use crate::dialects::postpost;
use crate::health;
use crate::openapi::page::Page;
use crate::state::ApiState;

const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    version: &'a str,
    is_ready: bool,
    checks: Vec<(&'static str, Option<&'a str>)>,
    dialects: Vec<DialectRow>,
    platforms: Vec<&'static str>,
}

struct DialectRow {
    name: &'static str,
    address: String,
    credential: &'static str,
}

/// `GET /`.
pub(crate) async fn page(State(api): State<ApiState>) -> Response {
    let report = health::check(&api).await;
    let home = Home {
        version: api.version,
        is_ready: report.is_ready(),
        checks: report.lines().collect(),
        dialects: vec![
            DialectRow {
                name: "PostPost",
                address: api.address_of("/postpost/api/v1"),
                credential: "x-api-key or x-publora-key",
            },
            DialectRow {
                name: "PostPost as tools (MCP)",
                address: api.address_of("/mcp"),
                credential: "Authorization: Bearer",
            },
        ],
        platforms: api
            .engine
            .platforms()
            .into_iter()
            .map(domain::platform::Platform::name)
            .collect(),
    };
    shown(home.render())
}

/// `GET /docs`: what every dialect takes and answers.
pub(crate) async fn docs(State(api): State<ApiState>) -> Response {
    let page = Page {
        version: api.version,
        dialects: &[postpost::reference()],
    };
    shown(page.render())
}

fn shown(page: askama::Result<String>) -> Response {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    match page {
        Ok(page) => (headers, Html(page)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `GET /style.css`.
pub(crate) async fn style() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, include_str!("../templates/style.css")).into_response()
}

#[cfg(test)]
mod tests {
    use crate::testing::Door;

    #[tokio::test]
    async fn the_page_names_the_version_the_dialect_and_what_is_wrong() {
        let door = Door::open().await;
        let page = door.get("/").await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        for text in [
            "9.9.9",
            "http://127.0.0.1:4000/postpost/api/v1",
            "the publisher has not started",
            "Needs attention",
        ] {
            assert!(page.body.contains(text), "{text}");
        }
        assert!(!page.body.contains("<script") && !page.body.contains("style=") && !page.body.contains("<style"));
    }

    #[tokio::test]
    async fn the_style_is_served_beside_it() {
        let door = Door::open().await;
        let style = door.get("/style.css").await;
        assert_eq!(
            (style.status, style.header("content-type").as_str()),
            (200, "text/css; charset=utf-8")
        );
        assert!(style.body.contains("prefers-color-scheme: dark"));
    }
}

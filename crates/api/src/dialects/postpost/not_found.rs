//! What Express answers where there is no route: a small page, not JSON (github.com/pillarjs/finalhandler).

use std::fmt::Write;

use axum::extract::OriginalUri;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

/// No route, or not with this method: the original does not tell the two apart.
pub(super) async fn not_found(method: Method, OriginalUri(uri): OriginalUri) -> Response {
    let mut response = (StatusCode::NOT_FOUND, page(&method, uri.path())).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        "content-security-policy",
        HeaderValue::from_static("default-src 'none'"),
    );
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

fn page(method: &Method, path: &str) -> String {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot ",
    );
    for character in method.as_str().chars().chain(" ".chars()).chain(path.chars()) {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            // The original encodes what may not stand in a URL as it is; a client may have sent it all the same.
            c if c.is_ascii_graphic() || c == ' ' => page.push(c),
            c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                let _ = write!(page, "%{byte:02X}");
            }),
        }
    }
    page.push_str("</pre>\n</body>\n</html>\n");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_break_out_of_the_page() {
        let page = page(&Method::GET, "/api/v1/<script>alert('x')&\"ä");
        assert!(
            page.contains("<pre>Cannot GET /api/v1/&lt;script&gt;alert(&#39;x&#39;)&amp;&quot;%C3%A4</pre>"),
            "{page}"
        );
    }
}

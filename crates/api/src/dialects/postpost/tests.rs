//! The dialect over HTTP.

use domain::error::{ErrorKind, PlatformError, Retry, Stage, When};
use domain::plan::Plan;
use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::json;

use crate::testing::{Answer, Door};

mod files;
mod golden;
mod imports;
mod linkedin;
mod media;
mod plans;
mod properties;
mod threads;
mod updates;
mod workspace;

const POST: &str = r#"{"content":"hello","platforms":["twitter-123456789"]}"#;

/// Every endpoint, with an id where there is one.
const ENDPOINTS: [(&str, &str); 19] = [
    ("POST", "/create-post"),
    ("GET", "/get-post/0123456789abcdef01234567"),
    ("PUT", "/update-post/0123456789abcdef01234567"),
    ("DELETE", "/delete-post/0123456789abcdef01234567"),
    ("GET", "/list-posts"),
    ("GET", "/post-logs/0123456789abcdef01234567"),
    ("GET", "/platform-connections"),
    ("GET", "/workspace/users"),
    ("POST", "/workspace/users"),
    ("POST", "/workspace/users/attach"),
    ("DELETE", "/workspace/users/0123456789abcdef01234567"),
    ("POST", "/workspace/users/0123456789abcdef01234567/api-key"),
    ("POST", "/workspace/users/0123456789abcdef01234567/connection-url"),
    ("POST", "/get-upload-url"),
    ("POST", "/complete-media/0123456789abcdef01234567"),
    ("DELETE", "/media/0123456789abcdef01234567"),
    ("POST", "/attach-media/0123456789abcdef01234567"),
    ("POST", "/upload-instagram-cover"),
    ("POST", "/upload-youtube-thumbnail"),
];

async fn create(door: &Door, body: &str) -> String {
    let created = door.postpost("POST", "/create-post", body.to_owned()).await;
    assert_eq!(created.status, 200, "{}", created.body);
    created.json()["postGroupId"].as_str().unwrap().to_owned()
}

async fn ask(door: &Door, headers: &[(&str, &str)]) -> Answer {
    door.ask("GET", "/postpost/api/v1/list-posts", headers, "").await
}

fn refusal(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.json().as_object().unwrap().len(), 1, "{}", answer.body);
    (answer.status, answer.error())
}

fn says(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

#[tokio::test]
async fn every_endpoint_asks_for_a_key_before_it_looks_at_anything() {
    let door = Door::open().await;
    for (method, path) in ENDPOINTS {
        for prefix in ["/postpost/api/v1", "/api/v1"] {
            let answer = door.ask(method, &format!("{prefix}{path}"), &[], "{broken").await;
            assert_eq!(refusal(&answer), says(401, "API key is required"), "{method} {path}");
            let answer = door
                .ask(
                    method,
                    &format!("{prefix}{path}"),
                    &[("x-api-key", "sk_bogus.0")],
                    "{broken",
                )
                .await;
            assert_eq!(refusal(&answer), says(401, "Invalid API key"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn both_families_of_headers_are_understood_and_the_newer_wins() {
    let door = Door::open().await;
    let key = door.key.clone();
    for (headers, status) in [
        (vec![("x-api-key", key.as_str())], 200),
        (vec![("x-publora-key", key.as_str())], 200),
        (vec![("x-api-key", ""), ("x-publora-key", key.as_str())], 200),
        (vec![("x-api-key", key.as_str()), ("x-publora-key", "sk_bogus")], 200),
        (vec![("x-api-key", "sk_bogus"), ("x-publora-key", key.as_str())], 401),
        (vec![("x-api-key", "")], 401),
    ] {
        assert_eq!(ask(&door, &headers).await.status, status, "{headers:?}");
    }
    let bearer = format!("Bearer {key}");
    let answer = door
        .ask("GET", "/api/v1/list-posts", &[("authorization", &bearer)], "")
        .await;
    assert_eq!(refusal(&answer), says(401, "API key is required"));
}

#[tokio::test]
async fn a_revoked_key_and_one_whose_owner_is_gone_are_told_apart() {
    let door = Door::open().await;
    let (gone, key) = door.other("gone@example.com", Plan::default()).await;
    door.engine.remove_user(gone).await.unwrap();
    assert_eq!(
        refusal(&ask(&door, &[("x-api-key", &key)]).await),
        says(401, "Invalid API key owner")
    );
    let second = door.engine.create_key(door.owner.id, "second").await.unwrap();
    door.engine.revoke_key(door.owner.id, second.key.id).await.unwrap();
    let answer = ask(&door, &[("x-api-key", second.text.expose())]).await;
    assert_eq!(refusal(&answer), says(401, "Invalid API key"));
}

#[tokio::test]
async fn the_plan_is_asked_in_the_originals_order() {
    let door = Door::open().await;
    let plan = |api_access, mcp_access, workspaces| Plan {
        api_access,
        mcp_access,
        workspaces,
        ..Plan::default()
    };
    let none = "API access is not enabled for this account";
    let no_mcp = "MCP access is not enabled for this account";
    let (mcp, user) = (("x-postpost-client", "mcp"), ("x-postpost-user-id", "nobody"));
    let other = ("x-postpost-user-id", "0123456789abcdef01234567");
    let bad = "Invalid x-postpost-user-id";
    for (name, plan, headers, status, text) in [
        ("a", plan(false, false, false), vec![mcp, user], 403, none),
        ("b", plan(true, false, false), vec![mcp, user], 403, no_mcp),
        (
            "c",
            plan(true, false, false),
            vec![("x-publora-client", "mcp")],
            403,
            no_mcp,
        ),
        ("d", plan(true, true, false), vec![mcp, user], 400, bad),
        (
            "e",
            plan(true, true, false),
            vec![("x-publora-user-id", "nobody")],
            400,
            "Invalid x-publora-user-id",
        ),
        (
            "f",
            plan(true, true, false),
            vec![other],
            403,
            "Workspace access is not enabled for this key",
        ),
        (
            "g",
            plan(true, true, true),
            vec![other],
            403,
            "User is not managed by key",
        ),
    ] {
        let (_, key) = door.other(name, plan).await;
        let headers: Vec<_> = headers.into_iter().chain([("x-api-key", key.as_str())]).collect();
        assert_eq!(refusal(&ask(&door, &headers).await), says(status, text), "{name}");
    }
    let (id, key) = door.other("h", plan(true, false, false)).await;
    let id = id.to_string();
    for headers in [
        vec![("x-postpost-client", "MCP")],
        vec![("x-postpost-user-id", id.as_str())],
        vec![("x-postpost-user-id", "")],
    ] {
        let headers: Vec<_> = headers.into_iter().chain([("x-api-key", key.as_str())]).collect();
        assert_eq!(ask(&door, &headers).await.status, 200, "{headers:?}");
    }
}

/// Q15: a route that is not there answers 404 as a page, whether a key is given or not and whatever the method.
#[tokio::test]
async fn an_unknown_route_answers_a_page() {
    let door = Door::open().await;
    for (method, path) in [
        ("GET", "/api/v1/weather"),
        ("GET", "/api/v1/list-posts/today"),
        ("GET", "/api/v1/get-post/"),
        ("GET", "/api/v1/create-post"),
        ("PATCH", "/postpost/api/v1/update-post/0123456789abcdef01234567"),
        ("POST", "/postpost/api/v1/list-posts"),
        ("OPTIONS", "/api/v1/list-posts"),
    ] {
        let answer = door
            .ask(method, &format!("{path}?x=1"), &[("x-api-key", &door.key)], "")
            .await;
        assert_eq!(
            (answer.status, answer.header("content-type").as_str()),
            (404, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(
            answer.body.contains(&format!("<pre>Cannot {method} {path}</pre>")),
            "{}",
            answer.body
        );
    }
    let slash = door
        .ask("GET", "/api/v1/list-posts/", &[("x-api-key", &door.key)], "")
        .await;
    assert_eq!(slash.status, 200);
}

/// Q51: as the original's database driver has it.
#[tokio::test]
async fn an_id_that_is_none_fails_in_each_endpoints_words_and_an_unknown_one_is_not_found() {
    let door = Door::open().await;
    let (other, _) = door.other("other", Plan::default()).await;
    for (method, path, text) in [
        ("GET", "/get-post/", "Failed to fetch post group"),
        ("PUT", "/update-post/", "Failed to update post"),
        ("DELETE", "/delete-post/", "Failed to delete post group"),
        ("GET", "/post-logs/", "Failed to get post logs"),
    ] {
        let body = r#"{"status":"draft"}"#;
        for id in [
            "latest",
            "42",
            "0123456789abcdef0123456",
            "0123456789abcdef012345670",
            "0123456789abcdef0123456g",
            "%00%ff",
        ] {
            let answer = door.postpost(method, &format!("{path}{id}"), body).await;
            assert_eq!(refusal(&answer), says(500, text), "{method} {path}{id}");
        }
        for id in [
            "0123456789abcdef01234567",
            "0123456789ABCDEF01234567",
            other.to_string().as_str(),
        ] {
            let answer = door.postpost(method, &format!("{path}{id}"), body).await;
            assert_eq!(
                refusal(&answer),
                says(404, "Post group not found"),
                "{method} {path}{id}"
            );
        }
    }
}

#[tokio::test]
async fn an_id_is_read_with_its_percent_escapes() {
    let door = Door::open().await;
    let id = create(&door, POST).await;
    let escaped: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for path in ["get-post", "post-logs"] {
        let answer = door.postpost("GET", &format!("/{path}/{escaped}"), "").await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn nobody_reaches_a_group_of_somebody_else() {
    let door = Door::open().await;
    let id = create(&door, POST).await;
    let (_, key) = door.other("other", Plan::default()).await;
    for (method, path) in [
        ("GET", "get-post"),
        ("PUT", "update-post"),
        ("DELETE", "delete-post"),
        ("GET", "post-logs"),
    ] {
        let path = format!("/api/v1/{path}/{id}");
        let answer = door
            .ask(method, &path, &[("x-api-key", &key)], r#"{"status":"draft"}"#)
            .await;
        assert_eq!(refusal(&answer), says(404, "Post group not found"), "{path}");
    }
    assert_eq!(door.postpost("GET", &format!("/get-post/{id}"), "").await.status, 200);
}

/// Q16: a body that is no JSON object in UTF-8 is refused after the key; one that is too long is refused unread.
#[tokio::test]
async fn a_broken_body_is_refused_and_leaves_nothing() {
    let door = Door::open().await;
    for body in [
        &b"{\"content\":"[..],
        b"7",
        b"null",
        b"\"x\"",
        b"{}{}",
        b"{\"content\":\"\xff\",\"platforms\":[\"twitter-1\"]}",
        b" ",
    ] {
        for (method, path) in [
            ("POST", "/create-post"),
            ("PUT", "/update-post/0123456789abcdef01234567"),
        ] {
            let answer = door.postpost(method, path, body.to_vec()).await;
            assert_eq!(refusal(&answer), says(400, "Invalid JSON body"), "{method} {body:?}");
        }
    }
    let long = format!(
        r#"{{"content":"{}","platforms":["twitter-1"]}}"#,
        "a".repeat(1_024 * 1_024)
    );
    assert_eq!(
        refusal(&door.postpost("POST", "/create-post", long).await),
        says(413, "Request body is too large")
    );
    assert_eq!(
        refusal(&door.postpost("POST", "/create-post", "").await),
        says(400, "Content is required")
    );
    assert_eq!(
        door.postpost("GET", "/list-posts", "").await.json()["pagination"]["totalItems"],
        0
    );
}

#[tokio::test]
async fn a_past_time_is_now_and_a_draft_has_none() {
    let door = Door::open().await;
    let body = r#"{"content":"x","platforms":["twitter-1"],"scheduledTime":"2020-01-01T00:00:00Z"}"#;
    let past = door.postpost("POST", "/create-post", body).await.json();
    assert_eq!(past["scheduledTime"], "2026-03-15T09:00:00.000Z");
    assert_eq!(
        door.postpost("POST", "/create-post", POST).await.json()["scheduledTime"],
        json!(null)
    );
}

#[tokio::test]
async fn the_same_idempotency_key_makes_one_group() {
    let door = Door::open().await;
    let path = "/api/v1/create-post";
    let headers = [("x-api-key", door.key.as_str()), ("idempotency-key", "once")];
    let first = door.ask("POST", path, &headers, POST).await;
    let again = door
        .ask(
            "POST",
            path,
            &headers,
            r#"{ "platforms": ["twitter-123456789"], "content": "hello" }"#,
        )
        .await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    let other = door
        .ask(
            "POST",
            path,
            &headers,
            r#"{"content":"other","platforms":["twitter-1"]}"#,
        )
        .await;
    assert_eq!(
        (other.status, other.json()["code"].as_str()),
        (422, Some("IDEMPOTENCY_KEY_CONFLICT"))
    );
    assert_eq!(
        other.error(),
        "Idempotency key was already used with a different request body"
    );
    assert_eq!(
        door.postpost("GET", "/list-posts", "").await.json()["pagination"]["totalItems"],
        1
    );
    // Q17: nobody else's key is in the way, and after a day neither is one's own.
    let (_, key) = door.other("other", Plan::default()).await;
    let theirs = door.ask("POST", path, &[("x-api-key", &key), headers[1]], POST).await;
    assert_ne!(theirs.json()["postGroupId"], first.json()["postGroupId"]);
    door.clock.advance(SignedDuration::from_hours(25));
    let later = door.ask("POST", path, &headers, POST).await;
    assert_ne!(later.json()["postGroupId"], first.json()["postGroupId"]);
}

#[tokio::test]
async fn a_request_id_is_taken_over_returned_and_kept_in_the_history() {
    let door = Door::open().await;
    let headers = [("x-api-key", door.key.as_str()), ("x-request-id", "mine-1")];
    let answer = door.ask("POST", "/api/v1/create-post", &headers, POST).await;
    assert_eq!(answer.header("x-request-id"), "mine-1");
    let reach = engine::Reach { owner: door.owner.id };
    let log = door.engine.recent_log(&reach, 1).await.unwrap();
    assert_eq!(log[0].entry.data["request_id"], "mine-1");
    assert_eq!(door.get("/healthz").await.header("x-request-id").len(), 16);
}

#[tokio::test]
async fn a_group_in_flight_or_done_cannot_be_updated() {
    let door = Door::open().await;
    let at = r#"{"content":"x","platforms":["twitter-123456789"],"scheduledTime":"2026-03-15T09:00:00Z"}"#;
    let id = create(&door, at).await;
    door.publish().await;
    let answer = door
        .postpost("PUT", &format!("/update-post/{id}"), r#"{"status":"draft"}"#)
        .await;
    assert_eq!(
        refusal(&answer),
        says(400, "Cannot update post: post is currently in published status")
    );
}

#[tokio::test]
async fn a_lone_time_on_a_draft_is_kept_for_later() {
    let door = Door::open().await;
    let id = create(&door, POST).await;
    let path = format!("/update-post/{id}");
    let timed = door
        .postpost("PUT", &path, r#"{"scheduledTime":"2026-04-01T10:00:00Z"}"#)
        .await
        .json();
    assert_eq!(
        (&timed["postGroup"]["status"], &timed["scheduledTime"]),
        (&json!("draft"), &json!("2026-04-01T10:00:00.000Z"))
    );
    let scheduled = door.postpost("PUT", &path, r#"{"status":"scheduled"}"#).await.json();
    assert_eq!(scheduled["postGroup"]["status"], "scheduled");
    assert_eq!(scheduled["postGroup"]["scheduledTime"], "2026-04-01T10:00:00.000Z");
}

#[tokio::test]
async fn an_unconfirmed_post_reads_as_failed_and_not_retryable() {
    let door = Door::open().await;
    let lost = PlatformError::refused(Platform::X, Stage::Send, ErrorKind::Timeout, "No answer")
        .with_fate(domain::error::Fate::MayBePublished);
    door.scripts.answer(Platform::X, lost);
    let at = r#"{"content":"x","platforms":["twitter-123456789"],"scheduledTime":"2026-03-15T09:00:00Z"}"#;
    let id = create(&door, at).await;
    door.publish().await;
    let path = format!("/get-post/{id}");
    assert_eq!(
        door.postpost("GET", &path, "").await.json()["posts"][0]["status"],
        "processing"
    );
    // The platform never tells, so after a day the server gives up asking.
    for _ in 0..400 {
        door.clock.advance(SignedDuration::from_mins(10));
        door.publish().await;
    }
    let post = door.postpost("GET", &path, "").await.json()["posts"][0].clone();
    assert_eq!(
        (&post["status"], &post["error"]["code"]),
        (&json!("failed"), &json!("PUBLISH_OUTCOME_UNKNOWN"))
    );
    assert_eq!(post["error"]["retryable"], false);
    let logs = door.postpost("GET", &format!("/post-logs/{id}"), "").await.json();
    let last = logs["logs"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&last["event"], &last["metadata"]["errorCode"]),
        (&json!("publish_failed"), &json!("PUBLISH_OUTCOME_UNKNOWN"))
    );
}

/// The history of the seeds: 401, a refresh, 401 again.
pub(super) fn refused_token() -> PlatformError {
    PlatformError::refused(
        Platform::Threads,
        Stage::Send,
        ErrorKind::Auth,
        "Error validating access token",
    )
    .with_retry(Retry::when(When::AfterRefresh).at_most(1))
    .with_status(401)
    .with_raw("Invalid OAuth access token")
}

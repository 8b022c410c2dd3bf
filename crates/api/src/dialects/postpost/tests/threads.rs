//! Long texts, first comments, and times in the past.

use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use serde_json::{Value, json};

use super::create;
use crate::testing::Door;

/// Creates a post that goes out now, and shows its targets when all is done.
async fn published(door: &Door, body: &Value) -> Vec<Value> {
    let mut body = body.clone();
    body["scheduledTime"] = json!(door.now().to_string());
    let id = create(door, &body.to_string()).await;
    door.publish().await;
    let shown = door.postpost("GET", &format!("/get-post/{id}"), "").await.json();
    shown["posts"].as_array().unwrap().clone()
}

/// Q22: one target, one entry; the parts are the platform's affair.
#[tokio::test]
async fn a_long_text_is_a_thread_on_x_and_one_post_elsewhere() {
    let door = Door::open().await;
    let text = format!("{}. {}", "a".repeat(200), "b".repeat(200));
    let posts = published(
        &door,
        &json!({ "content": text, "platforms": ["twitter-123456789", "linkedin-ABC123"] }),
    )
    .await;
    let parts = [
        format!("{}. (1/2)", "a".repeat(200)),
        format!("{} (2/2)", "b".repeat(200)),
    ];
    assert_eq!(door.scripts.live(Platform::X), parts);
    assert_eq!(door.scripts.live(Platform::LinkedIn), std::slice::from_ref(&text));
    assert_eq!(posts.len(), 2);
    let head = format!("live-{}", posts[0]["_id"].as_str().unwrap());
    assert_eq!(
        (&posts[0]["postedId"], &posts[0]["content"]),
        (&json!(head), &json!(text))
    );
}

/// Q23.
#[tokio::test]
async fn a_thread_on_threads_fails_in_the_seeds_words() {
    let door = Door::open().await;
    let body = json!({ "content": "one\n---\ntwo", "platforms": ["threads-17841412345678"] });
    let posts = published(&door, &body).await;
    assert_eq!(posts[0]["status"], "failed");
    let error = &posts[0]["error"];
    assert_eq!(
        (&error["code"], &error["retryable"]),
        (&json!("PLATFORM_VALIDATION_ERROR"), &json!(false))
    );
    assert_eq!(
        error["message"],
        "Multi-part threads (nested replies) are temporarily blocked while we wait for Meta to approve additional \
         permissions for our app."
    );
    let single = published(
        &door,
        &json!({ "content": "one", "platforms": ["threads-17841412345678"] }),
    )
    .await;
    assert_eq!(single[0]["status"], "published");
}

/// Q24.
#[tokio::test]
async fn a_thread_that_stopped_on_its_way_says_how_far_it_came() {
    let door = Door::open().await;
    door.scripts.publish(Platform::X);
    let refused = PlatformError::refused(Platform::X, Stage::Send, ErrorKind::ContentRejected, "No.");
    door.scripts.answer(Platform::X, refused);
    let body = json!({ "content": "one\n---\ntwo\n---\nthree", "platforms": ["twitter-123456789"] });
    let posts = published(&door, &body).await;
    assert_eq!(posts[0]["status"], "failed");
    assert_eq!(
        posts[0]["postedId"],
        format!("live-{}", posts[0]["_id"].as_str().unwrap())
    );
    let error = &posts[0]["error"];
    assert_eq!(
        (&error["code"], &error["retryable"]),
        (&json!("THREAD_PARTIALLY_PUBLISHED"), &json!(false))
    );
    assert_eq!(error["message"], "Twitter thread partially published (1/3): No.");
}

/// Q25.
#[tokio::test]
async fn a_first_comment_follows_where_it_was_meant_to() {
    let door = Door::open().await;
    let both = json!(["twitter-123456789", "linkedin-ABC123"]);
    let mut body = json!({ "content": "post", "platforms": both, "firstComment": { "text": "first" } });
    published(&door, &body).await;
    for platform in [Platform::X, Platform::LinkedIn] {
        assert_eq!(door.scripts.live(platform), ["post", "first"]);
    }
    body["content"] = json!("again");
    body["firstComment"]["platforms"] = json!(["linkedin-ABC123", "nobody"]);
    published(&door, &body).await;
    assert_eq!(door.scripts.live(Platform::X), ["post", "first", "again"]);
    assert_eq!(
        door.scripts.live(Platform::LinkedIn),
        ["post", "first", "again", "first"]
    );
    for (comment, words) in [
        (json!("first"), "firstComment must be an object with a text"),
        (json!({ "text": " " }), "firstComment must be an object with a text"),
        (
            json!({ "text": "x", "platforms": "linkedin" }),
            "firstComment.platforms must be an array",
        ),
    ] {
        body["firstComment"] = comment;
        let answer = door.postpost("POST", "/create-post", body.to_string()).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, words));
    }
}

/// Q26.
#[tokio::test]
async fn a_time_in_the_past_is_now_and_said_to_be() {
    let door = Door::open().await;
    let body = r#"{"content":"x","platforms":["twitter-123456789"],"scheduledTime":"2026-03-15T08:58:00Z"}"#;
    let shown = door.postpost("POST", "/create-post", body).await.json();
    let (asked, now) = ("2026-03-15T08:58:00.000Z", "2026-03-15T09:00:00.000Z");
    assert_eq!(shown["scheduledTime"], now);
    assert_eq!(
        shown["warnings"],
        json!([{
            "code": "SCHEDULED_TIME_COERCED",
            "message":
                format!("Requested scheduled time {asked} was in the past and was changed to server time {now}."),
            "requested": asked,
            "effective": now,
        }])
    );
    let id = shown["postGroupId"].as_str().unwrap();
    let body = format!(r#"{{"scheduledTime":"{asked}"}}"#);
    let changed = door.postpost("PUT", &format!("/update-post/{id}"), body).await.json();
    assert_eq!(changed["warnings"][0]["effective"], now);
    let later = r#"{"content":"x","platforms":["twitter-123456789"],"scheduledTime":"2026-03-15T09:00:00Z"}"#;
    assert!(
        door.postpost("POST", "/create-post", later)
            .await
            .json()
            .get("warnings")
            .is_none()
    );
}

/// Q27.
#[tokio::test]
async fn the_disabled_linkedin_routes_are_no_routes() {
    let door = Door::open().await;
    for name in ["linkedin-posts", "linkedin-post-comments", "linkedin-post-reactions"] {
        let path = format!("/api/v1/{name}");
        let answer = door.ask("POST", &path, &[("x-api-key", &door.key)], "{}").await;
        assert_eq!(
            (answer.status, answer.header("content-type").as_str()),
            (404, "text/html; charset=utf-8")
        );
        assert!(answer.body.contains(&format!("Cannot POST {path}")), "{}", answer.body);
    }
}

/// Q50.
#[tokio::test]
async fn the_playground_takes_everything_and_keeps_nothing() {
    let door = Door::open().await;
    for platforms in [json!(["publora-playground"]), json!("[\"publora-playground\"]")] {
        let body = json!({ "content": "x", "platforms": platforms, "scheduledTime": "2026-03-16T09:00:00Z" });
        let answer = door.postpost("POST", "/create-post", body.to_string()).await;
        let shown = answer.json();
        assert_eq!(
            (answer.status, &shown["scheduledTime"]),
            (200, &json!("2026-03-16T09:00:00.000Z"))
        );
        let id = shown["postGroupId"].as_str().unwrap().to_owned();
        assert_eq!(door.postpost("GET", &format!("/get-post/{id}"), "").await.status, 404);
    }
    let listed = door.postpost("GET", "/list-posts", "").await.json();
    assert_eq!(listed["pagination"]["totalItems"], 0);
    let words = "Invalid platform ID format: publora-playground";
    let both = json!({ "content": "x", "platforms": ["twitter-1", "publora-playground"] });
    assert_eq!(
        door.postpost("POST", "/create-post", both.to_string()).await.error(),
        words
    );
    let id = create(&door, super::POST).await;
    let moved = json!({ "status": "draft", "platforms": ["publora-playground"] }).to_string();
    assert_eq!(
        door.postpost("PUT", &format!("/update-post/{id}"), moved).await.error(),
        words
    );
    // What is wrong is told there too.
    let blank = json!({ "content": " ", "platforms": ["publora-playground"] });
    assert_eq!(
        door.postpost("POST", "/create-post", blank.to_string()).await.error(),
        "Content is required"
    );
}

//! What `update-post` changes beyond the plan.

use serde_json::json;

use super::create;
use crate::testing::{Answer, Door};

async fn update(door: &Door, id: &str, key: Option<&str>, body: serde_json::Value) -> Answer {
    let mut headers = vec![("x-api-key", door.key.as_str())];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    let path = format!("/postpost/api/v1/update-post/{id}");
    door.ask("PUT", &path, &headers, body.to_string()).await
}

const SCHEDULED: &str =
    r#"{"content":"first","platforms":["twitter-123456789","threads-1"],"scheduledTime":"2026-03-16T09:00:00Z"}"#;

/// Q28.
#[tokio::test]
async fn an_update_changes_text_targets_and_settings_and_leaves_the_rest() {
    let door = Door::open().await;
    let id = create(&door, SCHEDULED).await;
    let body = json!({
        "status": "scheduled",
        "content": "second",
        "platforms": ["linkedin-ABC123", "twitter-123456789"],
        "platformSettings": { "linkedin": { "visibility": "CONNECTIONS", "colour": "red" } },
    });
    let answer = update(&door, &id, None, body).await;
    assert_eq!(
        (answer.status, answer.json()),
        (
            200,
            json!({
                "success": true, "message": "Post updated successfully", "scheduledTime": "2026-03-16T09:00:00.000Z",
                "postGroup": {
                    "_id": id, "status": "scheduled", "scheduledTime": "2026-03-16T09:00:00.000Z", "content": "second",
                    "platforms": ["linkedin-ABC123", "twitter-123456789"],
                },
            })
        )
    );
    let group = door
        .engine
        .group(&engine::Reach { owner: door.owner.id }, id.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(
        group.content.settings["linkedin"],
        json!({ "visibility": "CONNECTIONS" })
    );
    let shown = door.postpost("GET", &format!("/get-post/{id}"), "").await.json();
    let statuses: Vec<_> = shown["posts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|post| &post["status"])
        .collect();
    assert_eq!(statuses, ["scheduled", "scheduled"]);
}

/// Q28: the words of the early documents go before those of the later ones.
#[tokio::test]
async fn what_cannot_be_updated_is_refused_and_nothing_changes() {
    let door = Door::open().await;
    let id = create(&door, SCHEDULED).await;
    for (body, words) in [
        (json!({}), "Either status or scheduledTime must be provided"),
        (
            json!({ "content": "", "platforms": 0 }),
            "Either status or scheduledTime must be provided",
        ),
        (json!({ "status": "draft", "content": 7 }), "Content must be a string"),
        (json!({ "status": "draft", "content": "  " }), "Content is required"),
        (
            json!({ "status": "draft", "platforms": [] }),
            "At least one platform is required",
        ),
        (
            json!({ "status": "draft", "platforms": ["x"] }),
            "Invalid platform ID format: x",
        ),
        (
            json!({ "status": "draft", "platformSettings": [] }),
            "platformSettings must be an object",
        ),
        (
            json!({ "content": "new", "scheduledTime": "soon" }),
            "Invalid scheduled time format",
        ),
    ] {
        let answer = update(&door, &id, None, body.clone()).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, words), "{body}");
    }
    let shown = door.postpost("GET", &format!("/get-post/{id}"), "").await.json();
    assert_eq!(shown["posts"][0]["content"], "first");
    let now = create(
        &door,
        r#"{"content":"x","platforms":["twitter-123456789"],"scheduledTime":"2026-03-15T09:00:00Z"}"#,
    )
    .await;
    door.publish().await;
    let answer = update(&door, &now, None, json!({ "status": "draft", "content": "new" })).await;
    assert_eq!(
        answer.error(),
        "Cannot update post: post is currently in published status"
    );
}

/// Q29.
#[tokio::test]
async fn an_update_with_a_key_is_done_once_and_answered_alike() {
    let door = Door::open().await;
    let id = create(&door, SCHEDULED).await;
    let body = json!({ "status": "draft" });
    let first = update(&door, &id, Some("k"), body.clone()).await;
    assert_eq!(first.json()["postGroup"]["status"], "draft");
    update(&door, &id, None, json!({ "status": "scheduled" })).await;
    let again = update(&door, &id, Some("k"), body).await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    let shown = door.postpost("GET", &format!("/get-post/{id}"), "").await.json();
    assert_eq!(
        shown["posts"][0]["status"], "scheduled",
        "the second request changed nothing"
    );
    let other = update(&door, &id, Some("k"), json!({ "status": "scheduled" })).await;
    assert_eq!(
        (other.status, &other.json()["code"]),
        (422, &json!("IDEMPOTENCY_KEY_CONFLICT"))
    );
    // The key of one post's change is free for another's, and for a create.
    let second = create(&door, SCHEDULED).await;
    assert_eq!(
        update(&door, &second, Some("k"), json!({ "status": "scheduled" }))
            .await
            .status,
        200
    );
}

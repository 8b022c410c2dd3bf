//! Limits of plans over HTTP (Q40, Q41): each refusal with all of its keys, in their order (Q42).

use domain::plan::{Per, Plan};
use domain::platform::Platform;
use serde_json::{Value, json};

use super::create;
use super::media::{DRAFT, code, coded, path, slot};
use crate::testing::Door;

const TWO_TARGETS: &str = r#"{"content":"x","platforms":["twitter-123456789","linkedin-ABC123"],
    "scheduledTime":"2026-12-05T10:00:00.000Z"}"#;

fn small(change: impl FnOnce(&mut Plan)) -> Plan {
    let mut plan = Plan {
        name: "Small".to_owned(),
        ..Plan::default()
    };
    change(&mut plan);
    plan
}

async fn refused(door: &Door, plan: Plan, body: &str) -> Value {
    door.engine.set_plan(door.owner.id, plan).await.unwrap();
    let answer = door.postpost("POST", "/create-post", body.to_owned()).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    answer.json()
}

#[tokio::test]
async fn a_month_that_is_used_up_is_told_with_its_bounds() {
    let door = Door::open().await;
    create(&door, TWO_TARGETS).await;
    let told = refused(&door, small(|plan| plan.monthly_posts = Some(3)), TWO_TARGETS).await;
    let expected = json!({
        "error": "Post limit reached",
        "code": "POST_LIMIT_REACHED",
        "metric": "posts.platform_monthly",
        "message": "Monthly post limit reached. Your Small plan allows 3 platform posts per month.",
        "limit": 3, "used": 2, "requested": 2, "remaining": 1,
        "periodStart": "2026-12-01T00:00:00.000Z", "periodEnd": "2027-01-01T00:00:00.000Z",
        "planName": "Small",
    });
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_limit_of_each_connection_names_those_that_are_full() {
    let door = Door::open().await;
    create(
        &door,
        r#"{"content":"x","platforms":["twitter-123456789"],"scheduledTime":"2026-12-05T10:00:00Z"}"#,
    )
    .await;
    let plan = small(|plan| {
        plan.monthly_posts = Some(1);
        plan.monthly_posts_per = Per::Connection;
    });
    let told = refused(&door, plan, TWO_TARGETS).await;
    assert_eq!(told["scope"], "connection");
    assert_eq!((&told["used"], &told["remaining"]), (&Value::Null, &Value::Null));
    let blocked = json!([{ "platformSelection": "twitter-123456789", "used": 1, "remaining": 0 }]);
    assert_eq!(told["blockedPlatforms"], blocked);
}

#[tokio::test]
async fn the_other_limits_are_told_with_their_own_keys() {
    let door = Door::open().await;
    let queue = refused(&door, small(|plan| plan.queued_posts = Some(1)), TWO_TARGETS).await;
    assert_eq!(queue["code"], "SCHEDULED_POST_LIMIT_REACHED");
    assert_eq!(queue["metric"], "posts.scheduled_active");
    assert_eq!((&queue["used"], &queue["requested"]), (&json!(0), &json!(2)));
    let horizon = refused(&door, small(|plan| plan.horizon_days = Some(7)), TWO_TARGETS).await;
    assert_eq!(horizon["code"], "SCHEDULE_HORIZON_REACHED");
    assert_eq!(horizon["scheduledTime"], "2026-12-05T10:00:00.000Z");
    assert!(horizon["maxScheduledDate"].is_string() && horizon["requested"].is_null());
    let seats = refused(&door, small(|plan| plan.connections = Some(1)), TWO_TARGETS).await;
    assert_eq!(seats["code"], "CONNECTIONS_OVER_LIMIT");
    assert_eq!((&seats["overLimitBy"], &seats["limit"]), (&json!(2), &json!(1)));
    let only = small(|plan| plan.platforms = Some(vec![Platform::Bluesky, Platform::Reddit, Platform::LinkedIn]));
    let draft = r#"{"content":"x","platforms":["twitter-123456789"]}"#;
    let platform = refused(&door, only, draft).await;
    assert_eq!(platform["code"], "PLATFORM_NOT_AVAILABLE");
    assert_eq!(platform["disallowedPlatforms"], json!(["twitter"]));
    assert_eq!(
        platform["allowedPlatforms"],
        json!(["linkedin", "bluesky"]),
        "what has no word here is left out"
    );
}

#[tokio::test]
async fn a_draft_is_held_to_the_limits_when_it_is_scheduled() {
    let door = Door::open().await;
    let plan = small(|plan| plan.monthly_posts = Some(1));
    door.engine.set_plan(door.owner.id, plan).await.unwrap();
    let draft = create(
        &door,
        r#"{"content":"x","platforms":["twitter-123456789","linkedin-ABC123"]}"#,
    )
    .await;
    let body = r#"{"status":"scheduled","scheduledTime":"2026-12-05T10:00:00.000Z"}"#;
    let answer = door.postpost("PUT", &format!("/update-post/{draft}"), body).await;
    assert_eq!((answer.status, answer.error()), (403, "Post limit reached".to_owned()));
    assert_eq!(answer.json()["requested"], 2);
}

/// Q49: also of a user that somebody else manages; pictures are none of it.
#[tokio::test]
async fn a_plans_cap_on_videos_holds_for_uploads() {
    let door = Door::open().await;
    let too_long = async |group: &str, name: &str, mime: &str| {
        let slot = slot(&door, group, name, mime).await;
        let headers = [("content-type", mime), ("content-length", "2000000")];
        let answer = door.ask("PUT", &slot.upload_url, &headers, "").await;
        (answer.status == 413, answer.body)
    };
    let group = create(&door, DRAFT).await;
    assert!(!too_long(&group, "a.mp4", "video/mp4").await.0);
    door.engine
        .set_plan(door.owner.id, small(|plan| plan.video_bytes_max = Some(1_000_000)))
        .await
        .unwrap();
    let (is_refused, body) = too_long(&group, "b.mp4", "video/mp4").await;
    assert!(is_refused && body.contains("UPLOAD_TOO_LARGE"), "{body}");
    assert!(body.contains("1000000 bytes"), "{body}");
    assert!(!too_long(&group, "c.jpg", "image/jpeg").await.0);
    let client = door.postpost("POST", "/workspace/users", r#"{"username":"client@example.com"}"#);
    let client = client.await.json()["user"]["_id"].as_str().unwrap().to_owned();
    let acting = async |path: &str, body: Value| {
        let headers = [
            ("x-api-key", door.key.as_str()),
            ("x-postpost-user-id", client.as_str()),
        ];
        let path = format!("/postpost/api/v1{path}");
        door.ask("POST", &path, &headers, body.to_string()).await.json()
    };
    let made = acting("/create-post", serde_json::from_str(DRAFT).unwrap()).await;
    let body = json!({ "fileName": "d.mp4", "contentType": "video/mp4", "postGroupId": made["postGroupId"] });
    let url = path(acting("/get-upload-url", body).await["uploadUrl"].as_str().unwrap());
    let headers = [("content-type", "video/mp4"), ("content-length", "2000000")];
    let theirs = door.ask("PUT", &url, &headers, "").await;
    assert_eq!(code(&theirs), coded(413, "UPLOAD_TOO_LARGE"));
}

//! What LinkedIn's endpoints refuse before LinkedIn is asked, and what they say when it cannot be.

use domain::platform::Platform;
use serde_json::{Value, json};

use crate::testing::Door;

const SHARE: &str = "urn:li:share:7123456789012345678";

async fn refused(door: &Door, method: &str, path: &str, body: &Value) -> (u16, String) {
    let answer = door.postpost(method, path, body.to_string()).await;
    (answer.status, answer.error())
}

/// Each body with the text of its 400.
async fn all_refused(method: &str, path: &str, cases: &[(Value, &str)]) {
    let door = Door::open().await;
    for (body, text) in cases {
        let answer = refused(&door, method, path, body).await;
        assert_eq!(answer, (400, (*text).to_owned()), "{body}");
    }
}

#[tokio::test]
async fn statistics_of_posts_are_asked_for_in_one_of_two_ways() {
    let metrics = "IMPRESSION, MEMBERS_REACHED, RESHARE, REACTION, COMMENT";
    let one = format!("Invalid queryType. Must be one of: {metrics}");
    let many = |invalid: &str| format!("Invalid queryTypes: {invalid}. Must be one of: {metrics}, or \"ALL\"");
    let with = |key: &str, value: Value| {
        let mut body = json!({ "postedId": SHARE, "platformId": "linkedin-ABC123" });
        body[key] = value;
        body
    };
    all_refused(
        "POST",
        "/linkedin-post-statistics",
        &[
            (json!({ "postedId": SHARE }), "postedId and platformId are required"),
            (with("postedId", json!(5)), "postedId and platformId must be strings"),
            (with("other", json!(1)), "queryType or queryTypes is required"),
            (with("queryTypes", json!([])), "queryType or queryTypes is required"),
            (with("queryType", json!("impression")), &one),
            (with("queryTypes", json!(["SHARE", "REACTION", "X"])), &many("SHARE, X")),
            (with("queryTypes", json!("REACTION")), &many("REACTION")),
        ],
    )
    .await;
}

#[tokio::test]
async fn statistics_of_accounts_know_two_aggregations_and_whole_dates() {
    let with = |key: &str, value: Value| {
        let mut body = json!({ "platformId": "linkedin-ABC123", "queryTypes": "ALL" });
        body[key] = value;
        body
    };
    let fields = "dateRange.start and dateRange.end must have: year, month, day";
    let day = json!({ "year": 2026, "month": 1, "day": 2 });
    let reached = "MEMBERS_REACHED with DAILY aggregation is not supported by LinkedIn API";
    all_refused(
        "POST",
        "/linkedin-account-statistics",
        &[
            (json!({}), "platformId is required"),
            (with("platformId", json!(1)), "platformId must be a string"),
            (with("aggregation", json!(1)), "aggregation must be a string"),
            (
                with("aggregation", json!("WEEKLY")),
                "Invalid aggregation. Must be one of: DAILY, TOTAL",
            ),
            (with("dateRange", json!("x")), "dateRange must be an object"),
            (
                with("dateRange", json!({ "start": day })),
                "dateRange must have both 'start' and 'end' objects",
            ),
            (
                with("dateRange", json!({ "start": { "year": 2026 }, "end": day })),
                fields,
            ),
            (
                with(
                    "dateRange",
                    json!({ "start": day, "end": { "year": 2026, "month": 13, "day": 1 } }),
                ),
                fields,
            ),
            (with("aggregation", json!("daily")), reached),
        ],
    )
    .await;
}

#[tokio::test]
async fn followers_by_day_need_days() {
    all_refused(
        "POST",
        "/linkedin-followers",
        &[
            (json!({}), "platformId is required"),
            (json!({ "platformId": 7 }), "platformId must be a string"),
            (json!({ "platformId": "linkedin-" }), "Invalid platformId"),
            (
                json!({ "platformId": "linkedin-ABC123", "period": 1 }),
                "period must be a string",
            ),
            (
                json!({ "platformId": "linkedin-ABC123", "period": "week" }),
                "Invalid period. Must be one of: lifetime, daily",
            ),
            (
                json!({ "platformId": "linkedin-ABC123", "period": "daily" }),
                "dateRange is required for daily period",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn reactions_and_comments_are_judged_before_they_are_made() {
    let comment = |key: &str, value: Value| {
        let mut body = json!({ "postedId": SHARE, "platformId": "linkedin-ABC123", "message": "x" });
        body[key] = value;
        body
    };
    let kinds = "reactionType must be one of: LIKE, PRAISE, EMPATHY, INTEREST, APPRECIATION, ENTERTAINMENT";
    let required = "postedId, message, and platformId are required";
    all_refused(
        "POST",
        "/linkedin-comments",
        &[
            (comment("message", json!("")), required),
            (comment("message", json!("  ")), "message cannot be empty"),
            (
                comment("message", json!("x".repeat(1_251))),
                "message cannot exceed 1250 characters",
            ),
            (
                comment("parentComment", json!("zzz")),
                "parentComment must be a valid LinkedIn URN",
            ),
            (comment("platformId", json!(1)), "platformId must be a string"),
            (
                comment("postedId", json!("urn:li:share:x")),
                "postedId must be a valid LinkedIn URN",
            ),
        ],
    )
    .await;
    let react = |kind: &str| json!({ "postedId": SHARE, "platformId": "linkedin-ABC123", "reactionType": kind });
    let missing = "postedId, reactionType, and platformId are required";
    all_refused(
        "POST",
        "/linkedin-reactions",
        &[(react("LOVE"), kinds), (react(""), missing)],
    )
    .await;
    let door = Door::open().await;
    let wrong = format!("/linkedin-comments?postedId={SHARE}&commentId=abc&platformId=ABC123");
    let text = "commentId must be a valid LinkedIn URN or numeric ID".to_owned();
    assert_eq!(refused(&door, "DELETE", &wrong, &json!({})).await, (400, text));
    let elsewhere = format!("/linkedin-reactions?postedId={SHARE}&platformId=linkedin-none");
    let nobody = (404, "LinkedIn connection not found".to_owned());
    assert_eq!(refused(&door, "DELETE", &elsewhere, &json!({})).await, nobody);
}

#[tokio::test]
async fn a_reshare_names_a_post_and_who_sees_it() {
    let with = |key: &str, value: Value| {
        let mut body = json!({ "platformId": "linkedin-ABC123", "parent": SHARE });
        body[key] = value;
        body
    };
    let parent = "parent must be a valid LinkedIn post URN (urn:li:share:<id> or urn:li:ugcPost:<id>)";
    all_refused(
        "POST",
        "/linkedin-reshare",
        &[
            (json!({}), "platformId and parent are required"),
            (with("platformId", json!(1)), "platformId must be a string"),
            (with("platformId", json!("")), "platformId cannot be empty"),
            (with("parent", json!([])), "parent must be a string"),
            (with("parent", json!(" ")), "parent cannot be empty"),
            (with("parent", json!("urn:li:activity:1")), parent),
            (with("commentary", json!(1)), "commentary must be a string"),
            (
                with("commentary", json!("x".repeat(3_001))),
                "commentary cannot exceed 3000 characters",
            ),
            (
                with("commentary", json!("(".repeat(1_501))),
                "commentary exceeds 3000 characters after mention/text formatting — shorten the text",
            ),
            (with("visibility", json!(1)), "visibility must be a string"),
            (
                with("visibility", json!("ALL")),
                "visibility must be one of: PUBLIC, CONNECTIONS",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_an_organization_shares_is_public_and_the_words_for_it_are_in_any_case() {
    let door = Door::open().await;
    door.connect(Platform::LinkedIn, "99887766", None).await;
    let body = json!({ "platformId": "linkedin-99887766", "parent": SHARE, "visibility": "connections" });
    let words = "LinkedIn organization reposts cannot use CONNECTIONS visibility; choose PUBLIC";
    let answer = refused(&door, "POST", "/linkedin-reshare", &body).await;
    assert_eq!(answer, (400, words.to_owned()));
    for visibility in [json!("Public"), json!(""), json!(0), Value::Null] {
        let body = json!({ "platformId": "99887766", "parent": SHARE, "visibility": visibility });
        let answer = refused(&door, "POST", "/linkedin-reshare", &body).await;
        assert_eq!(
            answer,
            (500, "Failed to create LinkedIn reshare".to_owned()),
            "{visibility}"
        );
    }
}

/// Q52: what JavaScript takes for false counts as not given.
#[tokio::test]
async fn what_is_false_to_javascript_is_not_given() {
    let door = Door::open().await;
    for (path, key) in [
        ("/linkedin-account-statistics", "aggregation"),
        ("/linkedin-account-statistics", "dateRange"),
        ("/linkedin-followers", "period"),
        ("/linkedin-profile-summary", "dateRange"),
    ] {
        for falsy in [json!(""), json!(0), json!(false), Value::Null] {
            let mut body = json!({ "platformId": "linkedin-ABC123", "queryType": "REACTION" });
            body[key] = falsy;
            let (status, text) = refused(&door, "POST", path, &body).await;
            assert!(status >= 500, "{path} {body}: {status} {text}");
        }
    }
}

/// Q60.
#[tokio::test]
async fn what_cannot_be_had_is_null_and_never_nought() {
    let door = Door::open().await;
    let body = json!({ "postedId": "7", "platformId": "ABC123", "queryTypes": ["reaction"] });
    let answer = door
        .postpost("POST", "/linkedin-post-statistics", body.to_string())
        .await;
    assert_eq!(answer.status, 500);
    let body = json!({ "platformId": "ABC123", "queryTypes": ["reaction"] });
    let answer = door
        .postpost("POST", "/linkedin-account-statistics", body.to_string())
        .await;
    let failed = json!({ "metric": "REACTION", "error": "Failed to fetch metric from LinkedIn" });
    let expected = json!({
        "success": false, "metrics": { "REACTION": null }, "aggregation": "TOTAL", "cached": false, "errors": [failed],
    });
    assert_eq!((answer.status, answer.json()), (200, expected));
    let summary = door.postpost(
        "POST",
        "/linkedin-profile-summary",
        json!({ "platformId": "ABC123" }).to_string(),
    );
    let summary = summary.await;
    assert_eq!(
        (summary.status, summary.json()["errors"].as_array().map(Vec::len)),
        (502, Some(6))
    );
}

/// Q62.
#[tokio::test]
async fn those_can_be_mentioned_whose_connections_are_within_reach() {
    let door = Door::open().await;
    let people = door.postpost("GET", "/linkedin-mentionables?q=AD", "").await.json();
    assert_eq!(people["people"][0]["mention"], "@{urn:li:person:ABC123|Ada}");
    assert!(people["people"][0]["profileUrl"].is_string() && people["people"][0]["profilePicture"].is_string());
    let unlimited = door.postpost("GET", "/linkedin-mentionables?limit=0", "").await.json();
    assert_eq!(unlimited["people"].as_array().map(Vec::len), Some(1));
    let nobody = door.postpost("GET", "/linkedin-mentionables?q=bob", "").await.json();
    assert_eq!(nobody, json!({ "success": true, "people": [] }));
}

/// Q61: what cannot be sent is said in `details`, and nothing else is.
#[tokio::test]
async fn a_comment_that_failed_says_why() {
    let door = Door::open().await;
    let body = json!({ "postedId": SHARE, "platformId": "linkedin-ABC123", "message": "x", "parentComment": null });
    let answer = door.postpost("POST", "/linkedin-comments", body.to_string()).await;
    assert_eq!(
        (answer.status, answer.error()),
        (500, "Failed to create LinkedIn comment".to_owned())
    );
    assert!(answer.json()["details"].is_string());
}

/// Q63.
#[tokio::test]
async fn numbers_of_a_post_without_a_connection_are_null_and_an_issue() {
    let door = Door::open().await;
    let post = json!({ "platform": "mastodon", "platformId": "mastodon-1", "postedId": "9" });
    let answer = door
        .postpost("POST", "/post-statistics", json!({ "posts": [post] }).to_string())
        .await;
    let issues = json!({ "mastodon-1": "CONNECTION_NOT_FOUND" });
    let expected = json!({ "success": true, "stats": { "9": null }, "issues": issues });
    assert_eq!((answer.status, answer.json()), (200, expected));
    let answer = door
        .postpost(
            "POST",
            "/post-statistics",
            json!({ "posts": vec![post; 51] }).to_string(),
        )
        .await;
    assert_eq!(
        (answer.status, answer.error()),
        (400, "Maximum 50 posts per request".to_owned())
    );
}

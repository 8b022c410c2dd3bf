//! What the tools take, which request each call is, and what comes back.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::catalogue::{Catalogue, Refused};
use crate::names_of_later_tools;
use crate::testing::{Api, KEY, World};

/// Every tool of the baseline with all that it takes, and the request that it is.
const CALLS: [(&str, &str, &str, &str); 18] = [
    ("list_connections", "{}", "GET /platform-connections", ""),
    (
        "create_post",
        r#"{"content":"hello","platforms":["twitter-1"],"scheduledTime":"2027-01-01T00:00:00Z"}"#,
        "POST /create-post",
        r#"{"content":"hello","platforms":["twitter-1"],"scheduledTime":"2027-01-01T00:00:00Z"}"#,
    ),
    ("get_post", r#"{"postGroupId":"507f"}"#, "GET /get-post/507f", ""),
    (
        "update_post",
        r#"{"postGroupId":"507f","status":"draft","scheduledTime":"2027-01-01T00:00:00Z"}"#,
        "PUT /update-post/507f",
        r#"{"scheduledTime":"2027-01-01T00:00:00Z","status":"draft"}"#,
    ),
    (
        "delete_post",
        r#"{"postGroupId":"507f"}"#,
        "DELETE /delete-post/507f",
        "",
    ),
    (
        "get_upload_url",
        r#"{"postGroupId":"507f","fileName":"a b.jpg","contentType":"image/jpeg","type":"image"}"#,
        "POST /get-upload-url",
        r#"{"contentType":"image/jpeg","fileName":"a b.jpg","postGroupId":"507f","type":"image"}"#,
    ),
    ("list_workspace_users", "{}", "GET /workspace/users", ""),
    (
        "create_workspace_user",
        r#"{"username":"bo@example.com","displayName":"Bo"}"#,
        "POST /workspace/users",
        r#"{"displayName":"Bo","username":"bo@example.com"}"#,
    ),
    (
        "linkedin_post_stats",
        r#"{"postedId":"urn:li:share:1","platformId":"linkedin-A","queryTypes":["RESHARE"]}"#,
        "POST /linkedin-post-statistics",
        r#"{"platformId":"linkedin-A","postedId":"urn:li:share:1","queryTypes":["RESHARE"]}"#,
    ),
    (
        "linkedin_account_stats",
        r#"{"platformId":"linkedin-A","queryTypes":[],"aggregation":"DAILY"}"#,
        "POST /linkedin-account-statistics",
        r#"{"aggregation":"DAILY","platformId":"linkedin-A","queryTypes":[]}"#,
    ),
    (
        "list_posts",
        r#"{"status":"failed","platform":"x&y","fromDate":"2026-01-01T00:00:00+01:00","toDate":"2027","page":2,
            "limit":50.0,"sortBy":"updatedAt","sortOrder":"asc"}"#,
        "GET /list-posts?status=failed&platform=x%26y&fromDate=2026-01-01T00%3A00%3A00%2B01%3A00&toDate=2027&page=2&\
         limit=50&sortBy=updatedAt&sortOrder=asc",
        "",
    ),
    (
        "linkedin_followers",
        r#"{"platformId":"linkedin-A","period":"daily","dateRange":{"start":{"year":2026,"month":1,"day":2},
            "end":{"year":2026,"month":1,"day":3}}}"#,
        "POST /linkedin-followers",
        r#"{"dateRange":{"end":{"day":3,"month":1,"year":2026},"start":{"day":2,"month":1,"year":2026}},"period":"daily","platformId":"linkedin-A"}"#,
    ),
    (
        "linkedin_profile_summary",
        r#"{"platformId":"linkedin-A"}"#,
        "POST /linkedin-profile-summary",
        r#"{"platformId":"linkedin-A"}"#,
    ),
    (
        "linkedin_create_reaction",
        r#"{"postedId":"urn:li:share:1","platformId":"linkedin-A","reactionType":"LIKE"}"#,
        "POST /linkedin-reactions",
        r#"{"platformId":"linkedin-A","postedId":"urn:li:share:1","reactionType":"LIKE"}"#,
    ),
    (
        "linkedin_delete_reaction",
        r#"{"postedId":"urn:li:share:1","platformId":"linkedin-A"}"#,
        "DELETE /linkedin-reactions",
        r#"{"platformId":"linkedin-A","postedId":"urn:li:share:1"}"#,
    ),
    (
        "workspace_detach_user",
        r#"{"userId":"65f8"}"#,
        "DELETE /workspace/users/65f8",
        "",
    ),
    (
        "linkedin_create_comment",
        r#"{"postedId":"urn:li:share:1","platformId":"linkedin-A","message":"hi","parentComment":"urn:li:comment:(a,1)"}"#,
        "POST /linkedin-comments",
        r#"{"message":"hi","parentComment":"urn:li:comment:(a,1)","platformId":"linkedin-A","postedId":"urn:li:share:1"}"#,
    ),
    (
        "linkedin_delete_comment",
        r#"{"postedId":"urn:li:share:1","commentId":"663","platformId":"linkedin-A"}"#,
        "DELETE /linkedin-comments",
        r#"{"commentId":"663","platformId":"linkedin-A","postedId":"urn:li:share:1"}"#,
    ),
];

fn text(answer: &Value) -> (bool, String) {
    let result = &answer["result"];
    assert_eq!(result["content"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(result["content"][0]["type"], "text");
    let text = result["content"][0]["text"].as_str().unwrap().to_owned();
    (result["isError"] == json!(true), text)
}

#[tokio::test]
async fn the_tools_and_what_they_take_are_these() {
    let world = World::new();
    let session = world.open(KEY).await;
    let list = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"});
    let said = world.post(&[KEY, ("mcp-session-id", &session)], &list).await.json();
    assert_eq!(said["result"]["tools"].as_array().unwrap().len(), 18);
    let later: Vec<_> = names_of_later_tools().map(str::to_owned).collect();
    let all = Catalogue::with_later(&later, &Api::new().upstream()).await.unwrap();
    assert_eq!(
        json!(all.tools()[..18]),
        said["result"]["tools"],
        "the later ones stand behind those of the baseline"
    );
    let shown: Vec<_> = all.tools().iter().map(|tool| format!("{:#}\n", json!(tool))).collect();
    insta::assert_snapshot!(shown.concat());
}

#[tokio::test]
async fn every_call_is_one_request_with_the_callers_key_and_the_mark_of_a_tool() {
    let world = World::new();
    let session = world.open(KEY).await;
    for (number, (tool, arguments, line, body)) in CALLS.into_iter().enumerate() {
        let answer = world
            .call(&session, tool, &serde_json::from_str(arguments).unwrap())
            .await;
        assert!(!text(&answer).0, "{tool}: {answer}");
        assert_eq!(world.api.asked(), number + 1, "{tool}");
        let asked = world.api.last();
        assert_eq!(asked.line, line.replacen(" /", " /postpost/api/v1/", 1), "{tool}");
        assert_eq!(asked.body, body, "{tool}");
        assert_eq!(
            (asked.key.as_str(), asked.client.as_str()),
            ("sk_ada.1", "mcp"),
            "{tool}"
        );
    }
}

/// Q108.
#[tokio::test]
async fn optional_arguments_without_content_and_unknown_ones_are_not_sent() {
    let world = World::new();
    let session = world.open(KEY).await;
    let arguments = json!({"status": null, "platform": "", "page": 0, "limit": 5, "colour": "red"});
    world.call(&session, "list_posts", &arguments).await;
    assert_eq!(world.api.last().line, "GET /postpost/api/v1/list-posts?limit=5");
    let arguments = json!({"postGroupId": "a", "status": "draft", "scheduledTime": "", "content": "new"});
    world.call(&session, "update_post", &arguments).await;
    assert_eq!(world.api.last().body, r#"{"status":"draft"}"#);
}

#[tokio::test]
async fn no_id_leads_to_another_path() {
    let world = World::new();
    let session = world.open(KEY).await;
    for (id, segment) in [
        ("../list-posts", "%2E%2E%2Flist-posts"),
        ("a?b#c d", "a%3Fb%23c%20d"),
        ("ä", "%C3%A4"),
    ] {
        world.call(&session, "delete_post", &json!({"postGroupId": id})).await;
        assert_eq!(
            world.api.last().line,
            format!("DELETE /postpost/api/v1/delete-post/{segment}")
        );
    }
}

/// Q107.
#[tokio::test]
async fn wrong_arguments_are_all_named_and_nothing_is_asked() {
    let world = World::new();
    let session = world.open(KEY).await;
    for (tool, arguments, wrong) in [
        (
            "create_post",
            json!({"content": 1, "platforms": "twitter-1"}),
            "content must be a text; platforms must be a list of texts; scheduledTime is required",
        ),
        (
            "create_post",
            json!({"content": "a", "platforms": [1], "scheduledTime": "b"}),
            "platforms must be a list of texts",
        ),
        ("get_post", json!({"postGroupId": null}), "postGroupId is required"),
        (
            "update_post",
            json!({"postGroupId": "a", "status": "published"}),
            "status must be one of draft, scheduled",
        ),
        ("list_posts", json!({"page": "2"}), "page must be a number"),
        (
            "linkedin_followers",
            json!({"platformId": "linkedin-A", "dateRange": {"start": {"year": 2026, "month": 1, "day": 1}}}),
            "dateRange must have start and end, each with the numbers year, month and day",
        ),
    ] {
        let answer = world.call(&session, tool, &arguments).await;
        assert_eq!(
            text(&answer),
            (true, format!("Invalid arguments for tool {tool}: {wrong}"))
        );
    }
    let unknown = world.call(&session, "publish_everything", &json!({})).await;
    assert_eq!(
        unknown["error"],
        json!({"code": -32_602, "message": "Tool publish_everything not found"})
    );
    assert_eq!(world.api.asked(), 0);
}

#[tokio::test]
async fn a_result_is_the_answer_as_people_read_it_or_the_one_member_that_counts() {
    let world = World::new();
    let session = world.open(KEY).await;
    world
        .api
        .answers(200, r#"{"success":true,"postGroupId":"507f","posts":[]}"#);
    let answer = world.call(&session, "get_post", &json!({"postGroupId": "507f"})).await;
    let pretty = "{\n  \"success\": true,\n  \"postGroupId\": \"507f\",\n  \"posts\": []\n}";
    assert_eq!(answer["result"], json!({"content": [{"type": "text", "text": pretty}]}));
    for (tool, arguments, member) in [
        ("list_connections", json!({}), "connections"),
        ("list_workspace_users", json!({}), "users"),
        ("create_workspace_user", json!({"username": "bo@example.com"}), "user"),
    ] {
        world
            .api
            .answers(201, &json!({member: [{"z": 1, "a": 2}], "more": true}).to_string());
        assert_eq!(
            text(&world.call(&session, tool, &arguments).await).1,
            "[\n  {\n    \"a\": 2,\n    \"z\": 1\n  }\n]"
        );
    }
}

#[tokio::test]
async fn an_error_is_the_apis_own_word_or_its_status() {
    let world = World::new();
    let session = world.open(KEY).await;
    for (status, body, word) in [
        (404, r#"{"error":"Post group not found"}"#, "Post group not found"),
        (401, r#"{"error":"Invalid API key"}"#, "Invalid API key"),
        (
            403,
            r#"{"error":"MCP access is not enabled for this account","message":"no"}"#,
            "MCP access is not enabled for this account",
        ),
        (
            502,
            r#"{"success":false,"error":"Failed to fetch LinkedIn profile data","errors":[]}"#,
            "Failed to fetch LinkedIn profile data",
        ),
        (404, "<!DOCTYPE html><pre>Cannot GET /x</pre>", "API error: 404"),
        (500, r#"{"error":{"code":1}}"#, "API error: 500"),
        (500, r#"{"message":"only this"}"#, "API error: 500"),
        (200, "<html>", "The API answered something that is not JSON"),
    ] {
        world.api.answers(status, body);
        let answer = world.call(&session, "get_post", &json!({"postGroupId": "a"})).await;
        assert_eq!(text(&answer), (true, word.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn later_tools_are_offered_only_where_the_api_has_what_they_need() {
    let api = Api::new();
    let upstream = Arc::new(api.upstream());
    let with = async |name: &str| Catalogue::with_later(&[name.to_owned()], upstream.as_ref()).await;
    api.answers(401, r#"{"error":"API key is required"}"#);
    assert!(with("complete_media").await.unwrap().find("complete_media").is_some());
    let asked = api.last();
    assert_eq!(
        asked.line,
        "POST /postpost/api/v1/complete-media/000000000000000000000000"
    );
    assert_eq!(
        (asked.key.as_str(), asked.body.as_str()),
        ("", ""),
        "nothing is done in anybody's name"
    );
    api.answers(404, "<html>");
    let refused = with("complete_media").await.unwrap_err();
    assert!(
        matches!(
            refused,
            Refused::Missing {
                path: "/complete-media/{mediaId}",
                ..
            }
        ),
        "{refused}"
    );
    let refused = with("prune_everything").await.unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("there is no further tool 'prune_everything'"),
        "{refused}"
    );
    assert!(Catalogue::baseline().find("complete_media").is_none());
}

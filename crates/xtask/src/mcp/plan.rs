//! The calls that every client makes, and what is expected of them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Value, json};

/// How many tools there are.
const TOOLS: usize = 18;

/// Tools that need nothing but the owner that the plan is made for, and so must do what they are asked.
const MUST_SUCCEED: [&str; 8] = [
    "list_connections",
    "create_post",
    "get_post",
    "update_post",
    "list_posts",
    "delete_post",
    "list_workspace_users",
    "create_workspace_user",
];

/// The last call of the plan asks for what is no id; the answer to it is known.
const MALFORMED: &str = "Failed to fetch post group";

/// A call of every tool. Its text is read by the clients' scripts.
pub(super) static PLAN: LazyLock<Value> = LazyLock::new(|| {
    let linkedin = "linkedin-Tz9W5i6ZYG";
    let post = "urn:li:share:7123456789012345678";
    let calls = [
        ("list_connections", json!({})),
        (
            "create_post",
            json!({"content": "From a tool", "platforms": ["twitter-123456789"], "scheduledTime": "2099-01-01T00:00:00Z"}),
        ),
        ("get_post", json!({"postGroupId": "PLACEHOLDER"})),
        ("update_post", json!({"postGroupId": "PLACEHOLDER", "status": "draft"})),
        (
            "get_upload_url",
            json!({"postGroupId": "PLACEHOLDER", "fileName": "a.jpg", "contentType": "image/jpeg", "type": "image"}),
        ),
        ("list_posts", json!({"limit": 5, "sortOrder": "asc"})),
        ("delete_post", json!({"postGroupId": "PLACEHOLDER"})),
        ("list_workspace_users", json!({})),
        ("create_workspace_user", json!({"username": "PLACEHOLDER@example.com"})),
        ("workspace_detach_user", json!({"userId": "000000000000000000000000"})),
        (
            "linkedin_post_stats",
            json!({"postedId": post, "platformId": linkedin, "queryTypes": ["REACTION", "RESHARE"]}),
        ),
        (
            "linkedin_account_stats",
            json!({"platformId": linkedin, "queryTypes": ["COMMENT"]}),
        ),
        ("linkedin_followers", json!({"platformId": linkedin})),
        ("linkedin_profile_summary", json!({"platformId": linkedin})),
        (
            "linkedin_create_reaction",
            json!({"postedId": post, "platformId": linkedin, "reactionType": "LIKE"}),
        ),
        (
            "linkedin_delete_reaction",
            json!({"postedId": post, "platformId": linkedin}),
        ),
        (
            "linkedin_create_comment",
            json!({"postedId": post, "platformId": linkedin, "message": "From a tool"}),
        ),
        (
            "linkedin_delete_comment",
            json!({"postedId": post, "platformId": linkedin, "commentId": "6636062862760562688"}),
        ),
        ("get_post", json!({"postGroupId": "none"})),
    ];
    let calls = calls.map(|(tool, arguments)| json!({"tool": tool, "arguments": arguments}));
    json!(calls)
});

/// What a client printed.
#[derive(Debug, Deserialize)]
pub(super) struct Walk {
    server: String,
    protocol: Option<String>,
    tools: Vec<String>,
    calls: Vec<Call>,
}

#[derive(Debug, Deserialize)]
struct Call {
    tool: String,
    is_error: bool,
    text: String,
}

impl Walk {
    pub(super) fn summary(&self) -> String {
        let version = self.protocol.as_deref().unwrap_or("its own version");
        let (tools, calls) = (self.tools.len(), self.calls.len());
        let refused = self.calls.iter().filter(|call| call.is_error).count();
        format!("{version}, {tools} tools, {calls} calls, {refused} of them refused by the API in its own words")
    }
}

/// Holds a walk against what must be: every tool there and called, those of the core done, and each refusal in the
/// API's own words.
///
/// # Errors
/// Everything that is not as it should be.
pub(super) fn judge(walk: &Walk) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    if walk.server != "publora" {
        wrong.push(format!("the server calls itself {}", walk.server));
    }
    let listed: BTreeSet<_> = walk.tools.iter().collect();
    let called: BTreeSet<_> = walk.calls.iter().map(|call| &call.tool).collect();
    if listed.len() != TOOLS || walk.tools.len() != TOOLS || listed != called {
        wrong.push(format!("listed {:?}, called {called:?}", walk.tools));
    }
    let Some((malformed, calls)) = walk.calls.split_last() else {
        wrong.push("nothing was called".to_owned());
        return Err(wrong);
    };
    if !malformed.is_error || malformed.text != MALFORMED {
        wrong.push(format!("a malformed id was answered {:?}", malformed.text));
    }
    wrong.extend(calls.iter().filter_map(Call::fault));
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

impl Call {
    fn fault(&self) -> Option<String> {
        let Self { tool, is_error, text } = self;
        let is_json = serde_json::from_str::<Value>(text).is_ok();
        if *is_error && MUST_SUCCEED.contains(&tool.as_str()) {
            return Some(format!("{tool} failed: {text}"));
        }
        // An error without a word of the API's own: there is no such route, or something broke.
        if *is_error && (text.is_empty() || text.starts_with("API error: ")) {
            return Some(format!("{tool} was answered {text:?}"));
        }
        (!is_error && !is_json).then(|| format!("{tool} gave a result that is not JSON: {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk() -> Value {
        let calls = PLAN.as_array().unwrap().iter().map(|call| {
            let is_last = call["arguments"]["postGroupId"] == "none";
            let text = if is_last { MALFORMED } else { "{}" };
            json!({"tool": call["tool"], "is_error": is_last, "text": text})
        });
        let calls: Vec<_> = calls.collect();
        let tools: Vec<_> = calls[..TOOLS].iter().map(|call| call["tool"].clone()).collect();
        json!({"server": "publora", "protocol": "2025-11-25", "tools": tools, "calls": calls})
    }

    fn judged(walk: Value) -> Result<(), Vec<String>> {
        judge(&serde_json::from_value(walk).unwrap())
    }

    #[test]
    fn the_plan_calls_every_tool_and_a_walk_of_it_passes() {
        assert_eq!(judged(walk()), Ok(()));
    }

    #[test]
    fn one_thing_that_is_not_as_it_should_be_fails_the_walk() {
        let spoil: [fn(&mut Value); 7] = [
            |walk| walk["server"] = json!("other"),
            |walk| walk["tools"] = json!([]),
            |walk| walk["calls"] = json!([]),
            |walk| walk["calls"][1]["is_error"] = json!(true),
            |walk| walk["calls"][18]["text"] = json!("API error: 500"),
            |walk| walk["calls"][11]["text"] = json!("<html>"),
            |walk| {
                walk["calls"][11]["is_error"] = json!(true);
                walk["calls"][11]["text"] = json!("API error: 404");
            },
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let mut walk = walk();
            spoil(&mut walk);
            assert!(judged(walk).is_err(), "{number}");
        }
        let mut refused = walk();
        refused["calls"][11]["is_error"] = json!(true);
        refused["calls"][11]["text"] = json!("LinkedIn connection not found");
        assert_eq!(judged(refused), Ok(()), "the API may refuse in its own words");
    }
}

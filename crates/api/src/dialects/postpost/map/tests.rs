//! What callers ask, as the engine hears it.

use serde_json::{Value, json};

use super::super::update;
use super::*;

mod answers;

fn judged(body: &Value) -> Result<NewPost, String> {
    let body = body.to_string();
    create(wire::CreatePost::parse(body.as_bytes()).unwrap()).map_err(|error| error.to_string())
}

fn refused(body: &Value) -> String {
    judged(body).unwrap_err()
}

/// A good body with this key set to this value.
fn with(key: &str, value: Value) -> Value {
    let mut body = json!({ "content": "x", "platforms": ["twitter-1"] });
    body[key] = value;
    body
}

#[test]
fn a_create_is_judged_in_the_originals_order() {
    assert_eq!(refused(&json!({})), "Content is required");
    assert_eq!(refused(&json!({ "content": "x" })), "Platforms are required");
    let bad_time_and_settings =
        json!({ "content": "x", "platforms": ["bad"], "scheduledTime": "soon", "platformSettings": 3 });
    assert_eq!(refused(&bad_time_and_settings), "Invalid platform ID format: bad");
    let mut body = with("scheduledTime", json!("soon"));
    body["platformSettings"] = json!(3);
    assert_eq!(refused(&body), "Invalid scheduled time format");
}

#[test]
fn content_must_be_a_text_that_is_not_blank() {
    for content in [json!(null), json!(""), json!(" \n\u{feff}"), json!(0), json!(false)] {
        assert_eq!(refused(&with("content", content)), "Content is required");
    }
    // Q4: what is truthy and no text is refused, where the original fails in ways of its own.
    for content in [json!(12), json!(true), json!(["x"]), json!({})] {
        assert_eq!(refused(&with("content", content)), "Content must be a string");
    }
    let kept = judged(&with("content", json!("  kept as it is \n"))).unwrap();
    assert_eq!(kept.content.head.text, "  kept as it is \n");
}

#[test]
fn platforms_are_a_list_or_the_json_of_one() {
    for given in [json!(null), json!(""), json!(0), json!(false)] {
        assert_eq!(refused(&with("platforms", given)), "Platforms are required");
    }
    for given in ["not json", "twitter-1", "[\"twitter-1\""] {
        assert_eq!(
            refused(&with("platforms", json!(given))),
            "Invalid platforms JSON format"
        );
    }
    for given in [
        json!({}),
        json!(3),
        json!(true),
        json!("{}"),
        json!("3"),
        json!("null"),
        json!("\"twitter-1\""),
    ] {
        assert_eq!(refused(&with("platforms", given)), "Platforms must be an array");
    }
    for given in [json!([]), json!("[]")] {
        assert_eq!(refused(&with("platforms", given)), "At least one platform is required");
    }
    let targets = judged(&with(
        "platforms",
        json!("[\"telegram--100\", \"bluesky-did:plc:a-b\"]"),
    ))
    .unwrap()
    .targets;
    assert_eq!(
        targets,
        [
            Target {
                platform: Platform::Telegram,
                remote_id: "-100".to_owned()
            },
            Target {
                platform: Platform::Bluesky,
                remote_id: "did:plc:a-b".to_owned()
            }
        ]
    );
}

/// Q1: colons and other characters are fine in an id; white space, `/`, `?` and `#` are not. Q2: the name must be one
/// that this dialect knows.
#[test]
fn a_bad_id_is_repeated_as_javascript_would_write_it() {
    for (entry, shown) in [
        (json!("twitter"), "twitter"),
        (json!("Twitter-1"), "Twitter-1"),
        (json!("twitter-"), "twitter-"),
        (json!("-1"), "-1"),
        (json!(" twitter-1"), " twitter-1"),
        (json!("twitter-4 2"), "twitter-4 2"),
        (json!("twitter-4/2"), "twitter-4/2"),
        (json!("twitter-4?2"), "twitter-4?2"),
        (json!("twitter-4#2"), "twitter-4#2"),
        (json!("foo-1"), "foo-1"),
        (json!("x-1"), "x-1"),
        (json!("reddit-1"), "reddit-1"),
        (json!(""), ""),
        (json!(42), "42"),
        (json!(1.0), "1"),
        (json!(null), "null"),
        (json!({}), "[object Object]"),
        (json!(["twitter-1"]), "twitter-1"),
    ] {
        let text = format!("Invalid platform ID format: {shown}");
        assert_eq!(
            refused(&with("platforms", json!(["twitter-1", entry, "also bad"]))),
            text
        );
    }
}

#[test]
fn the_same_target_twice_is_refused() {
    let twice = json!(["twitter-1", "linkedin-1", "twitter-1"]);
    assert_eq!(
        refused(&with("platforms", twice)),
        "Platforms must not contain duplicates"
    );
    assert!(judged(&with("platforms", json!(["twitter-1", "linkedin-1"]))).is_ok());
}

/// Q3: a request has at most a hundred targets.
#[test]
fn a_hundred_targets_are_taken_and_one_more_is_refused() {
    let ids = |count| (0..count).map(|n| format!("twitter-{n}")).collect::<Vec<_>>();
    assert_eq!(judged(&with("platforms", json!(ids(100)))).unwrap().targets.len(), 100);
    assert_eq!(
        refused(&with("platforms", json!(ids(101)))),
        "At most 100 platforms are allowed"
    );
}

#[test]
fn a_falsy_time_means_a_draft_and_any_other_must_be_iso() {
    for time in [json!(null), json!(""), json!(0), json!(false)] {
        assert_eq!(judged(&with("scheduledTime", time)).unwrap().at, None);
    }
    let at = judged(&with("scheduledTime", json!("2031-05-06T12:00:00+05:30")))
        .unwrap()
        .at
        .unwrap();
    assert_eq!(at.to_string(), "2031-05-06T06:30:00Z");
    for time in [
        json!("2031-05-06"),
        json!(1_935_835_200_000_u64),
        json!(true),
        json!({}),
        json!([]),
    ] {
        assert_eq!(refused(&with("scheduledTime", time)), "Invalid scheduled time format");
    }
}

#[test]
fn settings_are_an_object_or_the_json_of_one() {
    for given in [
        json!([]),
        json!(null),
        json!(5),
        json!(true),
        json!(false),
        json!("[]"),
        json!("null"),
        json!("3"),
    ] {
        assert_eq!(
            refused(&with("platformSettings", given)),
            "platformSettings must be an object"
        );
    }
    for given in ["loud", "{\"tiktok\":", ""] {
        assert_eq!(
            refused(&with("platformSettings", json!(given))),
            "Invalid platformSettings JSON"
        );
    }
    let mut body = with("platforms", json!(["tiktok-7"]));
    body["platformSettings"] = json!("{\"tiktok\":{\"allowDuet\":true}}");
    let settings = judged(&body).unwrap().content.settings;
    assert_eq!(settings["tiktok"]["allowDuet"], true);
    assert_eq!(settings["tiktok"]["viewerSetting"], "PUBLIC_TO_EVERYONE");
}

#[test]
fn an_update_is_judged_in_the_originals_order() {
    let judged = |body: Value| {
        let body = body.to_string();
        update::judge(wire::UpdatePost::parse(body.as_bytes()).unwrap()).map_err(|error| error.to_string())
    };
    let nothing = "Either status or scheduledTime must be provided";
    for body in [
        json!({}),
        json!({ "status": "", "scheduledTime": "" }),
        json!({ "status": 0, "scheduledTime": null }),
    ] {
        assert_eq!(judged(body).unwrap_err(), nothing);
    }
    for status in [
        json!("published"),
        json!("Draft"),
        json!(1),
        json!(["draft"]),
        json!({}),
    ] {
        let body = json!({ "status": status, "scheduledTime": "soon" });
        assert_eq!(
            judged(body).unwrap_err(),
            "Status must be either 'draft' or 'scheduled'"
        );
    }
    let bad_time = json!({ "status": "draft", "scheduledTime": "soon" });
    assert_eq!(judged(bad_time).unwrap_err(), "Invalid scheduled time format");
    let draft = judged(json!({ "status": "draft" })).unwrap();
    assert_eq!((draft.draft, draft.at), (Some(true), None));
    let time_alone = judged(json!({ "scheduledTime": "2031-05-06T12:00:00Z" })).unwrap();
    assert_eq!((time_alone.draft, time_alone.at.is_some()), (None, true));
}

#[test]
fn bodies_that_mean_the_same_have_one_hash() {
    let hash = |body: &str| body_hash(body.as_bytes()).unwrap();
    assert_eq!(
        hash(r#"{"a":1,"b":[1,{"c":2,"d":3}]}"#),
        hash(r#" { "b" : [1, {"d":3,"c":2}], "a":1 } "#)
    );
    assert_ne!(hash(r#"{"a":[1,2]}"#), hash(r#"{"a":[2,1]}"#));
    assert_ne!(hash(r#"{"a":"1"}"#), hash(r#"{"a":1}"#));
    assert_ne!(hash(r#"{"a":"b,"}"#), hash(r#"{"a":"b"}"#));
    let deep = format!("{{\"z\":{}{}}}", "[".repeat(300), "]".repeat(300));
    assert!(matches!(body_hash(deep.as_bytes()), Err(Error::BodyTooDeep)));
}

//! The suite that all connectors share, and every setting of this one.

use serde_json::json;

use crate::behaviour::{Bench, Describes, EARLIER, Setting, Subject, behaves};

static SUBJECT: Subject = Subject {
    connector: &super::super::X,
    remote_id: None,
    describes: Describes::All,
    lacks: &[],
    settings: Some(settings),
};

fn settings(_: &mut Bench) -> Vec<Setting> {
    vec![
        Setting::new(
            PostType::Text,
            "replyControl",
            json!("following"),
            "/settings/reply_settings",
            json!("following"),
        ),
        Setting::new(
            PostType::Text,
            "replySettings",
            json!("verified"),
            "/settings/reply_settings",
            json!("verified"),
        ),
        Setting::new(
            PostType::Image,
            "madeWithAi",
            json!(true),
            "/settings/made_with_ai",
            json!(true),
        ),
        Setting::new(
            PostType::Text,
            "paidPartnership",
            json!(true),
            "/settings/paid_partnership",
            json!(true),
        ),
        Setting::new(
            PostType::Text,
            "replyTo",
            json!(EARLIER),
            "/settings/reply/in_reply_to_tweet_id",
            json!(EARLIER),
        ),
        Setting::new(
            PostType::Text,
            "quoteTweet",
            json!(format!("https://x.com/press/status/{EARLIER}")),
            "/settings/quote_tweet_id",
            json!(EARLIER),
        ),
    ]
}

behaves!(SUBJECT);

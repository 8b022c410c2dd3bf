//! The suite that all connectors share, and every setting of this one.

use serde_json::json;

use crate::behaviour::{Bench, Describes, Setting, Subject, behaves};

static SUBJECT: Subject = Subject {
    connector: &super::super::Telegram,
    remote_id: None,
    describes: Describes::Nothing,
    lacks: &[],
    settings: Some(settings),
};

fn settings(_: &mut Bench) -> Vec<Setting> {
    let yes = || json!(true);
    vec![
        Setting::new(
            PostType::Text,
            "disableNotification",
            yes(),
            "/settings/disable_notification",
            yes(),
        ),
        Setting::new(
            PostType::Link,
            "disableWebPagePreview",
            yes(),
            "/settings/link_preview_options/is_disabled",
            yes(),
        ),
        Setting::new(
            PostType::Image,
            "protectContent",
            yes(),
            "/settings/protect_content",
            yes(),
        ),
        Setting::new(
            PostType::Link,
            "parseMode",
            json!("HTML"),
            "/settings/parse_mode",
            json!("HTML"),
        ),
    ]
}

behaves!(SUBJECT);

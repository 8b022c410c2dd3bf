//! The suite that all connectors share, and every setting of this one.

use serde_json::json;

use crate::behaviour::{Bench, Describes, Setting, Subject, behaves};

static SUBJECT: Subject = Subject {
    connector: &super::super::Mastodon,
    remote_id: None,
    describes: Describes::All,
    lacks: &[],
    settings: Some(settings),
};

fn settings(_: &mut Bench) -> Vec<Setting> {
    vec![
        Setting::new(
            PostType::Text,
            "visibility",
            json!("private"),
            "/settings/visibility",
            json!("private"),
        ),
        Setting::new(
            PostType::Image,
            "sensitive",
            json!(true),
            "/settings/sensitive",
            json!(true),
        ),
        Setting::new(
            PostType::Text,
            "spoilerText",
            json!("Fish & more"),
            "/settings/spoiler_text",
            json!("Fish & more"),
        ),
        Setting::new(
            PostType::Text,
            "language",
            json!("de"),
            "/settings/language",
            json!("de"),
        ),
    ]
}

behaves!(SUBJECT);

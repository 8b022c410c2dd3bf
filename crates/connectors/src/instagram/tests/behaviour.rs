//! The suite that all connectors share, and every setting of this one.

use serde_json::json;

use crate::behaviour::{Bench, Describes, Setting, Subject, behaves};

static SUBJECT: Subject = Subject {
    connector: &super::super::Instagram,
    remote_id: None,
    describes: Describes::Pictures,
    lacks: &[],
    settings: Some(settings),
};

fn settings(_: &mut Bench) -> Vec<Setting> {
    let people = || json!(["ada", "grace"]);
    vec![
        Setting::new(
            PostType::Video,
            "videoType",
            json!("STORIES"),
            "/notes/product_type",
            json!("STORY"),
        ),
        Setting::new(
            PostType::Image,
            "contentType",
            json!("story"),
            "/notes/product_type",
            json!("STORY"),
        ),
        Setting::new(
            PostType::Video,
            "shareToFeed",
            json!(false),
            "/settings/share_to_feed",
            json!(false),
        ),
        Setting::new(
            PostType::Image,
            "collaborators",
            people(),
            "/settings/collaborators",
            people(),
        ),
    ]
}

behaves!(SUBJECT);

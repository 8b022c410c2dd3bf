//! The suite that all connectors share, and every setting of this one.

use serde_json::json;

use crate::behaviour::{Bench, Describes, Setting, Subject, behaves};

static SUBJECT: Subject = Subject {
    connector: &super::super::Bluesky,
    remote_id: None,
    describes: Describes::All,
    lacks: &[],
    settings: Some(settings),
};

fn settings(bench: &mut Bench) -> Vec<Setting> {
    let thumb = serde_json::to_value(bench.image(7)).unwrap();
    let size = thumb["bytes"].clone();
    let card = json!({ "uri": "https://example.com/", "title": "T", "description": "D", "thumb": thumb });
    let labels = json!({ "$type": "com.atproto.label.defs#selfLabels", "values": [{ "val": "nudity" }] });
    let uri = json!("https://example.com/today?dish=1&side=2");
    vec![
        Setting::new(
            PostType::Text,
            "langs",
            json!(["de", "fr"]),
            "/settings/langs",
            json!(["de", "fr"]),
        ),
        Setting::new(PostType::Image, "labels", json!(["nudity"]), "/settings/labels", labels),
        Setting::new(
            PostType::Text,
            "card",
            card,
            "/settings/embed/external/thumb/size",
            size,
        ),
        Setting::new(
            PostType::Link,
            "linkCard",
            json!({ "title": "T" }),
            "/settings/embed/external/uri",
            uri,
        ),
    ]
}

behaves!(SUBJECT);

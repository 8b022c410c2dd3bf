//! The suite that all connectors share, and every setting of this one.

use serde_json::{Value, json};

use crate::behaviour::{Bench, Describes, Setting, Subject, behaves};

static SUBJECT: Subject = Subject {
    connector: &super::super::Facebook,
    remote_id: None,
    describes: Describes::Pictures,
    lacks: &[],
    settings: Some(settings),
};

fn settings(bench: &mut Bench) -> Vec<Setting> {
    let cover = bench.image(9);
    let (film, feed) = (PostType::Video, PostType::Text);
    let link = || json!("https://example.com/a?b=c");
    let cards = || json!([{ "link": "https://example.com/1", "name": "One" }, { "link": "https://example.com/2" }]);
    let carousel = |name, value: Value, at| {
        let is = value.clone();
        Setting::new(feed, name, value, at, is)
            .beside("link", link())
            .beside("childAttachments", cards())
    };
    let countries = || json!({ "geo_locations": { "countries": ["FR"] } });
    let call = || json!({ "type": "LEARN_MORE", "value": { "link": "https://example.com/more" } });
    let backdated = || json!("2026-01-02T03:04:05+0000");
    vec![
        Setting::new(film, "contentType", json!("reel"), "/notes/kind", json!("reel")),
        Setting::new(film, "videoType", json!("STORIES"), "/notes/kind", json!("story")),
        Setting::new(feed, "link", link(), "/settings/link", link()),
        carousel("childAttachments", cards(), "/settings/child_attachments"),
        carousel("multiShareEndCard", json!(false), "/settings/multi_share_end_card"),
        carousel("multiShareOptimized", json!(false), "/settings/multi_share_optimized"),
        Setting::new(feed, "place", json!("106"), "/settings/place", json!(106)),
        Setting::new(feed, "tags", json!(["1", "2"]), "/settings/tags", json!("1,2")).beside("place", json!("106")),
        Setting::new(feed, "targeting", countries(), "/settings/targeting", countries()),
        Setting::new(
            feed,
            "feedTargeting",
            countries(),
            "/settings/feed_targeting",
            countries(),
        ),
        Setting::new(feed, "callToAction", call(), "/settings/call_to_action", call()).beside("link", link()),
        Setting::new(
            feed,
            "backdatedTime",
            backdated(),
            "/settings/backdated_time",
            backdated(),
        ),
        Setting::new(feed, "sponsorId", json!("7"), "/settings/sponsor_id", json!(7)),
        Setting::new(
            feed,
            "sponsorRelationship",
            json!("3"),
            "/settings/sponsor_relationship",
            json!(3),
        ),
        Setting::new(film, "title", json!("A & B"), "/settings/title", json!("A & B")),
        Setting::new(film, "cover", json!(cover), "/notes/thumbnail", json!(cover.sha256)),
        Setting::new(
            film,
            "contentCategory",
            json!("FOOD"),
            "/settings/content_category",
            json!("FOOD"),
        ),
        Setting::new(film, "embeddable", json!(false), "/settings/embeddable", json!(false)),
    ]
}

behaves!(SUBJECT);

//! The suite that all connectors share, and every setting of this one.

use serde_json::{Value, json};

use crate::behaviour::{Bench, Describes, Setting, Subject, behaves};

static SUBJECT: Subject = Subject {
    connector: &super::super::Threads,
    remote_id: None,
    describes: Describes::All,
    lacks: &[],
    settings: Some(settings),
};

fn settings(_: &mut Bench) -> Vec<Setting> {
    let text = |name, value: Value, at| {
        let is = value.clone();
        Setting::new(PostType::Text, name, value, at, is)
    };
    let spoiler = json!([{ "entity_type": "SPOILER", "offset": 0, "length": 2 }]);
    let mut all = vec![
        text("replyControl", json!("mentioned_only"), "/settings/reply_control"),
        text("topicTag", json!("rust"), "/settings/topic_tag"),
        text(
            "quotePostId",
            json!(crate::behaviour::EARLIER),
            "/settings/quote_post_id",
        ),
        text("textEntities", spoiler, "/settings/text_entities"),
        text("isGhostPost", json!(true), "/settings/is_ghost_post"),
        text(
            "linkAttachment",
            json!("https://example.com/a?b=c"),
            "/settings/link_attachment",
        ),
        text(
            "pollAttachment",
            json!({ "option_a": "yes", "option_b": "no" }),
            "/settings/poll_attachment",
        ),
        text(
            "gifAttachment",
            json!({ "gif_id": "7", "provider": "GIPHY" }),
            "/settings/gif_attachment",
        ),
        text(
            "textAttachment",
            json!({ "plaintext": "A long text" }),
            "/settings/text_attachment",
        ),
    ];
    let (countries, at) = (json!(["FR", "DE"]), "/settings/allowlisted_country_codes");
    let (place, spoils) = ("/settings/location_id", "/settings/is_spoiler_media");
    all.extend([
        Setting::new(PostType::Text, "allowlistedCountryCodes", countries, at, json!("FR,DE")),
        Setting::new(PostType::Text, "locationId", json!("7"), place, json!(7)),
        Setting::new(PostType::Image, "isSpoilerMedia", json!(true), spoils, json!(true)),
    ]);
    all
}

behaves!(SUBJECT);

//! The suite that all connectors share, and every setting of this one.

use serde_json::json;

use crate::behaviour::{Bench, Describes, Setting, Subject, behaves};

static SUBJECT: Subject = Subject {
    connector: &super::super::Threads,
    remote_id: None,
    describes: Describes::All,
    lacks: &[],
    settings,
};

fn settings(_: &mut Bench) -> Vec<Setting> {
    let link = || json!("https://example.com/a?b=c");
    let poll = || json!({ "option_a": "yes", "option_b": "no" });
    let gif = || json!({ "gif_id": "7", "provider": "GIPHY" });
    let long = || json!({ "plaintext": "A long text", "link_attachment_url": "https://example.com/" });
    let spoiler = || json!([{ "entity_type": "SPOILER", "offset": 0, "length": 2 }]);
    let earlier = || json!(crate::behaviour::EARLIER);
    vec![
        Setting::new(
            PostType::Text,
            "replyControl",
            json!("mentioned_only"),
            "/settings/reply_control",
            json!("mentioned_only"),
        ),
        Setting::new(
            PostType::Text,
            "topicTag",
            json!("rust"),
            "/settings/topic_tag",
            json!("rust"),
        ),
        Setting::new(
            PostType::Text,
            "linkAttachment",
            link(),
            "/settings/link_attachment",
            link(),
        ),
        Setting::new(
            PostType::Text,
            "pollAttachment",
            poll(),
            "/settings/poll_attachment",
            poll(),
        ),
        Setting::new(
            PostType::Text,
            "gifAttachment",
            gif(),
            "/settings/gif_attachment",
            gif(),
        ),
        Setting::new(
            PostType::Text,
            "textAttachment",
            long(),
            "/settings/text_attachment",
            long(),
        ),
        Setting::new(
            PostType::Text,
            "locationId",
            json!("7"),
            "/settings/location_id",
            json!(7),
        ),
        Setting::new(
            PostType::Text,
            "quotePostId",
            earlier(),
            "/settings/quote_post_id",
            earlier(),
        ),
        Setting::new(
            PostType::Text,
            "allowlistedCountryCodes",
            json!(["FR", "DE"]),
            "/settings/allowlisted_country_codes",
            json!("FR,DE"),
        ),
        Setting::new(
            PostType::Text,
            "textEntities",
            spoiler(),
            "/settings/text_entities",
            spoiler(),
        ),
        Setting::new(
            PostType::Image,
            "isSpoilerMedia",
            json!(true),
            "/settings/is_spoiler_media",
            json!(true),
        ),
        Setting::new(
            PostType::Text,
            "isGhostPost",
            json!(true),
            "/settings/is_ghost_post",
            json!(true),
        ),
    ]
}

behaves!(SUBJECT);

//! The suite that all connectors share, and every setting of this one.

use serde_json::json;

use crate::behaviour::{Bench, Describes, Setting, Subject, behaves};

static SUBJECT: Subject = Subject {
    connector: &super::super::LinkedIn,
    remote_id: Some("5515715"),
    describes: Describes::Pictures,
    lacks: &[],
    settings,
};

fn settings(bench: &mut Bench) -> Vec<Setting> {
    let thumb = serde_json::to_value(bench.image(7)).unwrap();
    let card = json!({ "uri": "https://example.com/a", "title": "T", "description": "D", "thumb": thumb });
    let link_card = json!({ "title": "T" });
    let link = json!("https://example.com/today?dish=1&side=2");
    let poll = json!({ "question": "Q?", "options": ["a", "b"], "duration": "ONE_DAY" });
    let targets = || json!([{ "industries": ["urn:li:industry:4"] }]);
    let repost = |name, value, at, is| {
        Setting::new(PostType::Text, name, value, at, is)
            .beside("repostEnabled", json!(true))
            .beside("repostParentUrn", json!(crate::behaviour::EARLIER))
    };
    let earlier = json!(crate::behaviour::EARLIER);
    vec![
        Setting::new(
            PostType::Text,
            "visibility",
            json!("LOGGED_IN"),
            "/settings/visibility",
            json!("LOGGED_IN"),
        ),
        Setting::new(
            PostType::Text,
            "feedDistribution",
            json!("NONE"),
            "/settings/distribution/feedDistribution",
            json!("NONE"),
        ),
        Setting::new(
            PostType::Text,
            "targetEntities",
            targets(),
            "/settings/distribution/targetEntities",
            targets(),
        ),
        Setting::new(
            PostType::Text,
            "isReshareDisabledByAuthor",
            json!(true),
            "/settings/isReshareDisabledByAuthor",
            json!(true),
        ),
        Setting::new(
            PostType::Document,
            "title",
            json!("A & B"),
            "/settings/content/media/title",
            json!("A & B"),
        ),
        Setting::new(
            PostType::Text,
            "card",
            card,
            "/settings/content/article/description",
            json!("D"),
        ),
        Setting::new(
            PostType::Link,
            "linkCard",
            link_card,
            "/settings/content/article/source",
            link,
        ),
        Setting::new(
            PostType::Text,
            "poll",
            poll,
            "/settings/content/poll/settings/duration",
            json!("ONE_DAY"),
        ),
        repost(
            "repostEnabled",
            json!(true),
            "/settings/reshareContext/parent",
            earlier.clone(),
        ),
        repost(
            "repostParentUrn",
            earlier.clone(),
            "/settings/reshareContext/parent",
            earlier,
        ),
        repost(
            "repostVisibility",
            json!("LOGGED_IN"),
            "/settings/visibility",
            json!("LOGGED_IN"),
        ),
    ]
}

behaves!(SUBJECT);

/// What a member can do: everything but comment first, since their comments cannot be found again.
mod member {
    use crate::behaviour::{Describes, Subject, behaves};

    static MEMBER: Subject = Subject {
        connector: &super::super::super::LinkedIn,
        remote_id: None,
        describes: Describes::Pictures,
        lacks: &[PostType::FirstComment],
        settings: |_| Vec::new(),
    };

    behaves!(MEMBER);
}

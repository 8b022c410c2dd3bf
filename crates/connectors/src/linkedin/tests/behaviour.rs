//! The suite that all connectors share, and every setting of this one.

use serde_json::{Value, json};

use crate::behaviour::{Bench, Describes, Setting, Subject, behaves};

static SUBJECT: Subject = Subject {
    connector: &super::super::LinkedIn,
    remote_id: Some("5515715"),
    describes: Describes::Pictures,
    lacks: &[],
    settings: Some(settings),
};

fn settings(bench: &mut Bench) -> Vec<Setting> {
    let mut all = of_the_post();
    all.extend(attachments(bench));
    all.extend(reposts());
    all
}

fn of_the_post() -> Vec<Setting> {
    let targets = || json!([{ "industries": ["urn:li:industry:4"] }]);
    let text = |name, value: Value, at| {
        let is = value.clone();
        Setting::new(PostType::Text, name, value, at, is)
    };
    vec![
        text("visibility", json!("LOGGED_IN"), "/settings/visibility"),
        text(
            "feedDistribution",
            json!("NONE"),
            "/settings/distribution/feedDistribution",
        ),
        text("targetEntities", targets(), "/settings/distribution/targetEntities"),
        text(
            "isReshareDisabledByAuthor",
            json!(true),
            "/settings/isReshareDisabledByAuthor",
        ),
    ]
}

fn attachments(bench: &mut Bench) -> Vec<Setting> {
    let thumb = serde_json::to_value(bench.image(7)).unwrap();
    let card = json!({ "uri": "https://example.com/a", "title": "T", "description": "D", "thumb": thumb });
    let link = json!("https://example.com/today?dish=1&side=2");
    let poll = json!({ "question": "Q?", "options": ["a", "b"], "duration": "ONE_DAY" });
    let (description, source) = (
        "/settings/content/article/description",
        "/settings/content/article/source",
    );
    let (title, duration) = (
        "/settings/content/media/title",
        "/settings/content/poll/settings/duration",
    );
    vec![
        Setting::new(PostType::Document, "title", json!("A & B"), title, json!("A & B")),
        Setting::new(PostType::Text, "card", card, description, json!("D")),
        Setting::new(PostType::Link, "linkCard", json!({ "title": "T" }), source, link),
        Setting::new(PostType::Text, "poll", poll, duration, json!("ONE_DAY")),
    ]
}

fn reposts() -> Vec<Setting> {
    let earlier = || json!(crate::behaviour::EARLIER);
    let repost = |name, value, at, is| {
        Setting::new(PostType::Text, name, value, at, is)
            .beside("repostEnabled", json!(true))
            .beside("repostParentUrn", earlier())
    };
    let parent = "/settings/reshareContext/parent";
    vec![
        repost("repostEnabled", json!(true), parent, earlier()),
        repost("repostParentUrn", earlier(), parent, earlier()),
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
        settings: None,
    };

    behaves!(MEMBER);
}

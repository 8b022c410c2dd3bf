//! What the settings change.

use super::*;

#[test]
fn an_upright_picture_is_fit_for_a_story_and_not_for_the_feed() {
    let rules = Capability::of(Platform::Instagram);
    let upright = Media {
        width: Some(1_080),
        height: Some(1_920),
        ..image()
    };
    let with = |settings: serde_json::Value| {
        let mut content = Content {
            head: with_media(vec![upright.clone()]),
            ..Content::default()
        };
        content.settings.insert("instagram".to_owned(), settings);
        let draft = Draft {
            platform: Platform::Instagram,
            content,
        };
        validate(&draft, rules)
            .iter()
            .map(|violation| violation.kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(with(serde_json::json!({ "videoType": "STORIES" })), []);
    assert_eq!(with(serde_json::json!({ "contentType": "story" })), []);
    assert_eq!(
        with(serde_json::json!({ "videoType": "REELS" })),
        [ErrorKind::Validation]
    );
    assert_eq!(with(serde_json::json!({})), [ErrorKind::Validation]);
}

//! Tests of a draft's parts.

use super::*;

fn part(text: &str) -> PartContent {
    PartContent {
        text: text.to_owned(),
        media: Vec::new(),
    }
}

fn draft(replies: &[&str], first_comment: Option<&str>) -> Draft {
    let content = Content {
        head: part("head"),
        replies: replies.iter().map(|text| part(text)).collect(),
        first_comment: first_comment.map(str::to_owned),
        settings: Settings::new(),
        ..Content::default()
    };
    Draft {
        platform: Platform::Mastodon,
        content,
    }
}

#[test]
fn the_parts_are_the_head_the_replies_and_the_comment_in_order() {
    assert_eq!(draft(&[], None).parts(), [Part::Head]);
    assert_eq!(
        draft(&["a", "b"], None).parts(),
        [Part::Head, Part::Reply(1), Part::Reply(2)]
    );
    assert_eq!(
        draft(&["a"], Some("c")).parts(),
        [Part::Head, Part::Reply(1), Part::FirstComment]
    );
    assert_eq!(draft(&[], Some("c")).parts(), [Part::Head, Part::FirstComment]);
}

#[test]
fn every_part_has_its_content_and_no_other_part_has_any() {
    let draft = draft(&["one", "two"], Some("comment"));
    let text = |p| draft.part(p).map(|content| content.text);
    assert_eq!(text(Part::Head).as_deref(), Some("head"));
    assert_eq!(text(Part::Reply(1)).as_deref(), Some("one"));
    assert_eq!(text(Part::Reply(2)).as_deref(), Some("two"));
    assert_eq!(text(Part::FirstComment).as_deref(), Some("comment"));
    for missing in [Part::Reply(0), Part::Reply(3), Part::Reply(u16::MAX)] {
        assert_eq!(text(missing), None);
    }
    assert!(draft.parts().into_iter().all(|p| draft.part(p).is_some()));
}

#[test]
fn the_settings_are_those_of_the_drafts_own_platform() {
    let mut draft = draft(&[], None);
    assert_eq!(draft.settings(), Settings::new());
    draft
        .content
        .settings
        .insert("mastodon".to_owned(), serde_json::json!({ "visibility": "unlisted" }));
    draft
        .content
        .settings
        .insert("x".to_owned(), serde_json::json!({ "visibility": "other" }));
    assert_eq!(draft.settings()["visibility"], "unlisted");
    draft
        .content
        .settings
        .insert("mastodon".to_owned(), serde_json::json!("not an object"));
    assert_eq!(draft.settings(), Settings::new());
}

#[test]
fn content_is_read_back_as_it_was_stored_and_empty_fields_are_left_out() {
    let content = draft(&["one"], Some("comment")).content;
    let json = serde_json::to_value(&content).unwrap();
    assert_eq!(json["head"]["text"], "head");
    assert_eq!(serde_json::from_value::<Content>(json).unwrap(), content);
    let bare = serde_json::to_value(Content::default()).unwrap();
    assert_eq!(bare, serde_json::json!({ "head": { "text": "" } }));
}

#[test]
fn parts_and_their_numbers_go_both_ways() {
    for part in [Part::Head, Part::Reply(1), Part::Reply(65_534), Part::FirstComment] {
        assert_eq!(Part::from_number(part.number()), part);
    }
    assert_eq!((Part::Head.number(), Part::FirstComment.number()), (0, u16::MAX));
}

#[test]
fn a_long_text_becomes_a_thread_only_where_that_was_asked_for() {
    let content = |auto_thread| Content {
        head: part(&"word ".repeat(100)),
        auto_thread,
        ..Content::default()
    };
    let parts = |platform, auto_thread| Draft::of(platform, content(auto_thread)).parts();
    assert_eq!(parts(Platform::X, true), [Part::Head, Part::Reply(1)]);
    assert_eq!(parts(Platform::X, false), [Part::Head]);
    assert_eq!(parts(Platform::Mastodon, true), [Part::Head]);
    let mut with_file = content(true);
    with_file.replies = vec![part("my own")];
    assert_eq!(Draft::of(Platform::X, with_file.clone()).content, with_file);
}

#[test]
fn a_first_comment_goes_where_it_was_meant_to() {
    let parts = |platform, on: &[Platform]| {
        let content = Content {
            head: part("head"),
            first_comment: Some("first".to_owned()),
            first_comment_on: on.to_vec(),
            ..Content::default()
        };
        Draft::of(platform, content).parts().len()
    };
    assert_eq!((parts(Platform::LinkedIn, &[]), parts(Platform::Facebook, &[])), (2, 2));
    let meant = [Platform::LinkedIn];
    assert_eq!(
        (parts(Platform::LinkedIn, &meant), parts(Platform::Facebook, &meant)),
        (2, 1)
    );
}

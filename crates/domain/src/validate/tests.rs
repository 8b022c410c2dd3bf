//! Each rule, at its limit and one past it.

use super::*;
use crate::content::Content;
use crate::ids::MediaId;
use crate::platform::Platform;
use crate::text::TextUnit;

mod story;

fn text(text: &str) -> PartContent {
    PartContent {
        text: text.to_owned(),
        media: Vec::new(),
    }
}

fn file(kind: MediaKind, mime: &str) -> Media {
    Media {
        id: MediaId::default(),
        kind,
        mime: mime.to_owned(),
        bytes: 1_000,
        sha256: String::new(),
        key: String::new(),
        name: None,
        alt: None,
        width: Some(1_000),
        height: Some(1_000),
        duration_ms: (kind == MediaKind::Video).then_some(10_000),
        frame_rate: (kind == MediaKind::Video).then_some(30.0),
    }
}

fn image() -> Media {
    file(MediaKind::Image, "image/jpeg")
}

fn video() -> Media {
    file(MediaKind::Video, "video/mp4")
}

/// A capability with every rule set to a small number.
fn rules() -> Capability {
    Capability {
        platform: Platform::Mastodon,
        text: TextRule {
            unit: TextUnit::CodePoints,
            units_max: 10,
            bytes_max: Some(20),
        },
        caption: None,
        images: Some(ImageRule {
            count_max: 3,
            bytes_max: 1_000,
            mimes: &["image/jpeg", "image/gif"],
            alt_chars_max: Some(5),
            aspect: Some((0.5, 2.0)),
            pixels_max: Some(4_000_000),
            sides_sum_max: Some(4_010),
        }),
        video: Some(VideoRule {
            count_max: 1,
            bytes_max: 1_000,
            mimes: &["video/mp4"],
            duration_ms: (1_000, 60_000),
            frame_rate: Some((23.0, 60.0)),
        }),
        documents: None,
        mixes_media: false,
        media_max: 4,
        needs_media: false,
        threads: true,
        first_comment: true,
        ..Capability::of(Platform::Mastodon).clone()
    }
}

fn found(head: PartContent, rules: &Capability) -> Vec<(ErrorKind, String)> {
    let content = Content {
        head,
        ..Content::default()
    };
    validate(
        &Draft {
            platform: rules.platform,
            content,
        },
        rules,
    )
    .into_iter()
    .map(|v| (v.kind, v.message))
    .collect()
}

fn with_media(media: Vec<Media>) -> PartContent {
    PartContent {
        text: "text".to_owned(),
        media,
    }
}

fn kinds(head: PartContent, rules: &Capability) -> Vec<ErrorKind> {
    found(head, rules).into_iter().map(|(kind, _)| kind).collect()
}

#[test]
fn a_picture_with_too_many_pixels_or_sides_that_are_too_long_is_found() {
    let of = |width, height| Media {
        width: Some(width),
        height: Some(height),
        ..image()
    };
    assert_eq!(
        kinds(with_media(vec![of(2_001, 2_000)]), &rules()),
        [ErrorKind::TooLarge]
    );
    assert_eq!(
        kinds(with_media(vec![of(2_600, 1_411)]), &rules()),
        [ErrorKind::TooLarge]
    );
    assert_eq!(kinds(with_media(vec![of(2_000, 2_000)]), &rules()), []);
}

#[test]
fn a_draft_within_all_rules_has_nothing_wrong() {
    assert_eq!(found(text("0123456789"), &rules()), vec![]);
    assert_eq!(found(with_media(vec![image(), image(), image()]), &rules()), vec![]);
    assert_eq!(found(with_media(vec![video()]), &rules()), vec![]);
}

#[test]
fn a_text_over_the_limit_says_by_how_much() {
    let violations = found(text("0123456789ab"), &rules());
    assert_eq!(
        violations,
        [(
            ErrorKind::TextTooLong,
            "The text counts 12 of at most 10; shorten it by 2".to_owned()
        )]
    );
}

#[test]
fn bytes_are_limited_beside_the_units() {
    assert_eq!(found(text(&"é".repeat(10)), &rules()), vec![]);
    let violations = found(text(&"中".repeat(7)), &rules());
    assert_eq!(
        violations,
        [(ErrorKind::TextTooLong, "The text has 21 bytes of at most 20".to_owned())]
    );
    let unlimited = Capability {
        text: TextRule {
            bytes_max: None,
            ..rules().text
        },
        ..rules()
    };
    assert_eq!(found(text(&"中".repeat(7)), &unlimited), vec![]);
}

#[test]
fn a_caption_has_its_own_limit_only_beside_media() {
    let rules = Capability {
        caption: Some(TextRule {
            unit: TextUnit::CodePoints,
            units_max: 3,
            bytes_max: None,
        }),
        ..rules()
    };
    let captioned = |text: &str| PartContent {
        text: text.to_owned(),
        media: vec![image()],
    };
    assert_eq!(kinds(captioned("abc"), &rules), []);
    assert_eq!(kinds(captioned("abcd"), &rules), [ErrorKind::TextTooLong]);
    assert_eq!(kinds(text("abcd"), &rules), []);
}

#[test]
fn a_part_needs_text_or_media() {
    assert_eq!(kinds(text(" \n"), &rules()), [ErrorKind::Validation]);
    assert_eq!(
        kinds(
            PartContent {
                text: String::new(),
                media: vec![image()]
            },
            &rules()
        ),
        []
    );
}

#[test]
fn a_platform_without_threads_refuses_replies() {
    let content = Content {
        head: text("a"),
        replies: vec![text("b")],
        ..Content::default()
    };
    let draft = Draft {
        platform: Platform::Mastodon,
        content,
    };
    assert_eq!(validate(&draft, &rules()), vec![]);
    let flat = Capability {
        threads: false,
        ..rules()
    };
    assert_eq!(validate(&draft, &flat).len(), 1);
}

#[test]
fn replies_and_the_first_comment_are_held_against_the_rules_too() {
    let long = "0123456789a";
    let content = Content {
        head: text("a"),
        replies: vec![text(long), text("")],
        first_comment: Some(long.to_owned()),
        ..Content::default()
    };
    let violations = validate(
        &Draft {
            platform: Platform::Mastodon,
            content,
        },
        &rules(),
    );
    let kinds: Vec<ErrorKind> = violations.iter().map(|v| v.kind).collect();
    assert_eq!(
        kinds,
        [ErrorKind::TextTooLong, ErrorKind::Validation, ErrorKind::TextTooLong]
    );
}

#[test]
fn a_platform_that_needs_media_refuses_text_alone() {
    let rules = Capability {
        needs_media: true,
        ..rules()
    };
    assert_eq!(kinds(text("a"), &rules), [ErrorKind::Validation]);
    assert_eq!(kinds(with_media(vec![image()]), &rules), []);
}

#[test]
fn images_and_videos_go_together_only_where_the_platform_mixes() {
    let both = || with_media(vec![image(), video()]);
    assert_eq!(kinds(both(), &rules()), [ErrorKind::Validation]);
    assert_eq!(
        kinds(
            both(),
            &Capability {
                mixes_media: true,
                ..rules()
            }
        ),
        []
    );
}

#[test]
fn images_videos_and_files_are_counted() {
    assert_eq!(kinds(with_media(vec![image(); 3]), &rules()), []);
    assert_eq!(kinds(with_media(vec![image(); 4]), &rules()), [ErrorKind::Validation]);
    assert_eq!(
        kinds(with_media(vec![image(); 5]), &rules()),
        [ErrorKind::Validation, ErrorKind::Validation]
    );
    assert_eq!(kinds(with_media(vec![video(); 2]), &rules()), [ErrorKind::Validation]);
}

#[test]
fn an_animation_counts_as_an_image() {
    let gif = file(MediaKind::Animation, "image/gif");
    assert_eq!(kinds(with_media(vec![gif.clone()]), &rules()), []);
    assert_eq!(kinds(with_media(vec![gif; 4]), &rules()), [ErrorKind::Validation]);
}

#[test]
fn what_the_platform_does_not_take_is_refused() {
    let document = file(MediaKind::Document, "application/pdf");
    assert_eq!(kinds(with_media(vec![document]), &rules()), [ErrorKind::Validation]);
    let no_video = Capability { video: None, ..rules() };
    assert_eq!(kinds(with_media(vec![video()]), &no_video), [ErrorKind::Validation]);
    let no_images = Capability {
        images: None,
        ..rules()
    };
    assert_eq!(kinds(with_media(vec![image()]), &no_images), [ErrorKind::Validation]);
}

#[test]
fn a_file_is_limited_in_bytes_and_kind() {
    for base in [image(), video()] {
        let sized = |bytes| with_media(vec![Media { bytes, ..base.clone() }]);
        assert_eq!(kinds(sized(1_000), &rules()), []);
        assert_eq!(kinds(sized(1_001), &rules()), [ErrorKind::TooLarge]);
        let odd = Media {
            mime: "application/x-odd".to_owned(),
            ..base
        };
        assert_eq!(kinds(with_media(vec![odd]), &rules()), [ErrorKind::Validation]);
    }
}

#[test]
fn a_description_is_limited_in_characters_not_bytes() {
    let described = |alt: &str| {
        with_media(vec![Media {
            alt: Some(alt.to_owned()),
            ..image()
        }])
    };
    assert_eq!(kinds(described("中文中文中"), &rules()), []);
    assert_eq!(kinds(described("abcdef"), &rules()), [ErrorKind::TextTooLong]);
}

#[test]
fn the_shape_of_an_image_is_limited_on_both_sides_with_half_a_percent_of_slack() {
    let shaped = |width, height| {
        with_media(vec![Media {
            width,
            height,
            ..image()
        }])
    };
    for (width, height) in [
        (500, 1_000),
        (498, 1_000),
        (2_000, 1_000),
        (2_010, 1_000),
        (1_000, 1_000),
    ] {
        assert_eq!(
            kinds(shaped(Some(width), Some(height)), &rules()),
            [],
            "{width}x{height}"
        );
    }
    for (width, height) in [(497, 1_000), (2_011, 1_000), (1, 1_000), (1_000, 1)] {
        assert_eq!(
            kinds(shaped(Some(width), Some(height)), &rules()),
            [ErrorKind::Validation],
            "{width}x{height}"
        );
    }
    for unknown in [(None, Some(1_000)), (Some(1), None), (Some(5), Some(0))] {
        assert_eq!(kinds(shaped(unknown.0, unknown.1), &rules()), []);
    }
}

#[test]
fn the_length_of_a_film_is_limited_on_both_sides() {
    let long = |ms| {
        with_media(vec![Media {
            duration_ms: ms,
            ..video()
        }])
    };
    for fine in [Some(1_000), Some(60_000), None] {
        assert_eq!(found(long(fine), &rules()), vec![]);
    }
    let short = found(long(Some(999)), &rules());
    assert_eq!(
        short,
        [(
            ErrorKind::Validation,
            "Video is shorter than the minimum duration".to_owned()
        )]
    );
    let long = found(long(Some(60_001)), &rules());
    assert_eq!(
        long,
        [(
            ErrorKind::Validation,
            "Video is longer than the maximum duration".to_owned()
        )]
    );
}

#[test]
fn the_frame_rate_is_limited_on_both_sides_with_half_a_frame_of_slack() {
    let rated = |rate| {
        with_media(vec![Media {
            frame_rate: rate,
            ..video()
        }])
    };
    for fine in [Some(22.5), Some(23.976), Some(29.97), Some(60.5), None] {
        assert_eq!(found(rated(fine), &rules()), vec![], "{fine:?}");
    }
    let slow = found(rated(Some(22.49)), &rules());
    assert_eq!(
        slow,
        [(
            ErrorKind::Validation,
            "Video FPS is below minimum requirement".to_owned()
        )]
    );
    let fast = found(rated(Some(60.51)), &rules());
    assert_eq!(
        fast,
        [(ErrorKind::Validation, "Video FPS is above maximum allowed".to_owned())]
    );
}

#[test]
fn a_violation_becomes_an_error_that_published_nothing() {
    let violation = Violation {
        kind: ErrorKind::TooLarge,
        message: "too long".to_owned(),
    };
    let error = violation.into_error(Platform::X);
    assert_eq!(
        (error.kind, error.fate, error.stage),
        (
            ErrorKind::TooLarge,
            crate::error::Fate::NotPublished,
            crate::error::Stage::Validate
        )
    );
}

#[test]
fn a_document_goes_alone_and_only_where_documents_are_taken() {
    let document = |mime: &str| Media {
        kind: MediaKind::Document,
        mime: mime.to_owned(),
        ..image()
    };
    let pdf = || document("application/pdf");
    let linkedin = Capability::of(Platform::LinkedIn);
    let violations = |media: Vec<Media>, capability: &Capability| {
        let draft = Draft {
            platform: capability.platform,
            content: Content {
                head: PartContent {
                    text: "x".to_owned(),
                    media,
                },
                ..Content::default()
            },
        };
        validate(&draft, capability).len()
    };
    assert_eq!(violations(vec![pdf()], linkedin), 0);
    assert_eq!(violations(vec![document("application/zip")], linkedin), 1);
    assert_eq!(violations(vec![pdf(), pdf()], linkedin), 1);
    assert_eq!(violations(vec![pdf(), image()], linkedin), 1);
    assert_eq!(violations(vec![pdf()], Capability::of(Platform::Threads)), 1);
}

/// The words are the PostPost documents' own.
#[test]
fn a_thread_that_the_server_would_make_on_threads_is_refused_in_the_documented_words() {
    let content = Content {
        head: PartContent {
            text: "one\n---\ntwo".to_owned(),
            media: Vec::new(),
        },
        auto_thread: true,
        ..Content::default()
    };
    let found = validate(
        &Draft::of(Platform::Threads, content.clone()),
        Capability::of(Platform::Threads),
    );
    assert_eq!(found[0].kind, ErrorKind::Validation);
    assert_eq!(
        found[0].message,
        "Multi-part threads (nested replies) are temporarily blocked while we wait for Meta to approve additional \
         permissions for our app."
    );
    assert!(validate(&Draft::of(Platform::X, content), Capability::of(Platform::X)).is_empty());
}

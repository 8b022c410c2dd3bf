use proptest::prelude::*;

use super::*;
use crate::text::TextUnit;

fn x(text: &str) -> Vec<String> {
    split(text, Platform::X)
}

fn weight(text: &str) -> usize {
    measure(TextUnit::Weighted, text)
}

#[test]
fn a_text_that_fits_and_other_platforms_texts_stay_whole() {
    let long = "word ".repeat(100);
    assert_eq!(x("short"), ["short"]);
    assert_eq!(x(&"a".repeat(280)), ["a".repeat(280)]);
    assert_eq!(split(&long, Platform::Mastodon).concat(), long);
    assert_eq!(x(&long).len(), 2);
}

#[test]
fn the_best_place_that_fits_is_taken_and_parts_are_numbered() {
    let (a, b) = ("a".repeat(150), "b".repeat(100));
    for (between, first, second) in [
        ("\n\n", a.clone(), b.clone()),
        ("\n", a.clone(), b.clone()),
        ("! ", format!("{a}!"), b.clone()),
    ] {
        let text = format!("{a}{between}{b} {b}");
        assert_eq!(
            x(&text),
            [format!("{first} (1/2)"), format!("{second} {b} (2/2)")],
            "{between:?}"
        );
    }
    assert_eq!(
        x(&format!("{a} {b} {b}")),
        [format!("{a} {b} (1/2)"), format!("{b} (2/2)")]
    );
    // Without any place the text is cut where it must be.
    assert_eq!(
        x(&"a".repeat(300)),
        [
            format!("{} (1/2)", "a".repeat(270)),
            format!("{} (2/2)", "a".repeat(30))
        ]
    );
    // A paragraph goes before a sentence that would hold more.
    let text = format!("one\n\n{}. {}", "c".repeat(100), "d".repeat(200));
    assert_eq!(x(&text)[0], "one (1/3)");
}

#[test]
fn a_ruler_on_a_line_of_its_own_parts_a_text_as_it_stands() {
    assert_eq!(x("one\n---\ntwo\n\n---\n\nthree"), ["one", "two", "three"]);
    assert_eq!(x("one\r\n---\r\ntwo\r\n\r\n---\r\n\r\nthree"), ["one", "two", "three"]);
    for whole in [
        "---\none",
        "one\n---",
        "one\n----\ntwo",
        "one --- two",
        "one\n--- \ntwo",
    ] {
        assert_eq!(x(whole), [whole], "{whole:?}");
    }
    let long = x(&format!("{} {}\n---\ntwo", "a".repeat(200), "b".repeat(200)));
    assert_eq!(long, ["a".repeat(200), "b".repeat(200), "two".to_owned()]);
}

#[test]
fn a_whole_series_of_numbers_is_kept_and_half_a_series_is_text() {
    assert_eq!(x("one [1/2]\n\ntwo [2/2]"), ["one [1/2]", "two [2/2]"]);
    assert_eq!(x("[1/3] a [2/3] b\n[3/3] c"), ["[1/3] a", "[2/3] b", "[3/3] c"]);
    let long = "a".repeat(400);
    assert_eq!(x(&format!("{long} [1/2] b [2/2]"))[0], format!("{long} [1/2]"));
    for text in [
        "see [1/2] there",
        "a [1/2] b [2/3]",
        "a [1/1]",
        "[1/x]",
        "a [1/2] b [2/2] c",
    ] {
        assert_eq!(x(text), [text], "{text}");
    }
}

#[test]
fn an_emoji_is_never_cut_in_two() {
    let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}";
    let parts = x(&family.repeat(200));
    assert!(parts.len() > 1);
    for part in &parts {
        assert!(part.starts_with(family) && weight(part) <= 280, "{part}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_splits_into_parts_that_fit_and_lose_no_word(text in "([a-zäß😀.!?\n -]{1,40}){0,40}") {
        let parts = x(&text);
        let has_marks = text.contains("---");
        if parts.len() > 1 {
            for part in &parts {
                prop_assert!(weight(part) <= 280, "{} {part:?}", weight(part));
            }
        }
        if !has_marks {
            let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let count = parts.len();
            let joined: String = parts.iter().enumerate().map(|(index, part)| {
                let number = format!(" ({}/{count})", index + 1);
                bare(part.strip_suffix(&number).unwrap_or(part))
            }).collect();
            prop_assert_eq!(joined, bare(&text));
        }
    }
}

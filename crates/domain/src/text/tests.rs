//! Tests of counting and finding.

use proptest::prelude::*;

use super::{Span, TextUnit, find_links, find_mentions, find_tags, from_little, measure, to_little};

fn weighted(text: &str) -> usize {
    measure(TextUnit::Weighted, text)
}

fn mastodon(text: &str) -> usize {
    measure(TextUnit::Mastodon, text)
}

#[test]
fn each_unit_counts_the_same_text_its_own_way() {
    let text = "e\u{301}👩‍👩‍👧🇩🇪";
    assert_eq!(measure(TextUnit::CodePoints, text), 9);
    assert_eq!(measure(TextUnit::Utf16, text), 2 + 8 + 4);
    assert_eq!(measure(TextUnit::Graphemes, text), 3);
    assert_eq!(measure(TextUnit::Weighted, text), 1 + 2 + 2);
    assert_eq!(measure(TextUnit::Mastodon, text), 3);
}

#[test]
fn x_counts_latin_once_and_chinese_twice() {
    for (text, units) in [
        ("", 0),
        ("hello", 5),
        ("dépôt", 5),
        ("中文", 4),
        ("“quoted” – done…", 17),
        ("\u{200b}\u{2010}\u{2018}", 3),
        ("\u{200e}\u{200f}", 4),
        ("\u{10ff}\u{1100}", 3),
        ("e\u{301}", 1),
        ("Ａ", 2),
    ] {
        assert_eq!(weighted(text), units, "{text}");
    }
}

#[test]
fn x_counts_an_emoji_as_two_however_it_is_built() {
    for emoji in ["😀", "☺", "☺️", "👍🏽", "👨‍👩‍👧‍👦", "🇫🇷", "1⃣", "#️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👩🏾‍🚀", "❤️‍🔥", "©️"]
    {
        assert_eq!(weighted(emoji), 2, "{emoji}");
        assert_eq!(weighted(&format!("a{emoji}b")), 4, "{emoji}");
    }
    assert_eq!(weighted("©"), 1);
    assert_eq!(weighted("🇫🇷🇩🇪"), 4);
    assert_eq!(weighted("🇫🇫"), 4);
    assert_eq!(weighted("⏩\u{fe0f}"), 4);
    assert_eq!(weighted("🇫"), 2);
    assert_eq!(weighted("1"), 1);
    assert_eq!(weighted("😀\u{200d}x"), 4);
}

#[test]
fn x_counts_every_url_as_23() {
    for url in [
        "http://a.co",
        "https://example.com/a/very/long/path?with=a&query=that#goes-on-and-on-and-on-and-on",
        "HTTPS://EXAMPLE.COM/",
        "https://example.com:8080/x",
        "https://example.com?x=1",
        "https://user.example.co.uk/a_(b)",
        "https://example.com/a_(b_(c))/d",
        "https://my_sub.example.com/",
        "https://bücher.example.de/",
        "https://foobar.پاکستان/",
        "https://例え.みんな",
        "https://xn--bcher-kva.xn--p1ai/",
        "example.com",
        "sub.example.co.jp/path",
        "t.co",
    ] {
        assert_eq!(weighted(url), 23, "{url}");
        assert_eq!(weighted(&format!("see {url} now")), 31, "{url}");
        assert_eq!(weighted(&format!("({url})")), 25, "{url}");
    }
}

#[test]
fn x_leaves_punctuation_outside_a_url() {
    for (text, units) in [
        ("https://example.com.", 24),
        ("https://example.com/a, b", 23 + 3),
        ("https://example.com/a).", 23 + 2),
        ("(https://example.com/a_(b))", 25),
        ("https://example.com/a_(b", 23 + 2),
        ("https://example.com/?x=1.", 24),
        ("https://example.com/中文", 23 + 4),
        ("中文https://example.com", 4 + 23),
        ("中文example.com中文", 4 + 23 + 4),
        ("https://example.com https://example.com", 47),
        ("example.com,example.org", 47),
        ("https://example.com/–x", 23),
        ("example.com?x=1", 23 + 4),
        ("bücher.みんな、次", 23 + 4),
        ("\"example.com\"", 25),
        ("$é example.com", 26),
        ("-a.com?b=c.de/x", 15),
    ] {
        assert_eq!(weighted(text), units, "{text}");
    }
}

#[test]
fn x_counts_what_is_no_url_by_its_characters() {
    let long_label = format!("https://{}.com", "a".repeat(64));
    for text in [
        "readme.txt",
        "e.g. this",
        "a.b.c",
        "1.5",
        "end.Start",
        "alice@example.com",
        "#example.com",
        "$example.com",
        "-example.com",
        "_example.com",
        "x/example.com",
        "https://",
        "https://localhost",
        "https://-example.com",
        "https://example.notatld",
        "xhttps://example.notatld",
        "http://192.168.0.1/",
        "https://example-.com",
        "https://example.com@",
        "...",
        "https://.com",
        "https://a.com-x",
        "a.com+x",
        long_label.as_str(),
    ] {
        assert_eq!(weighted(text), text.len(), "{text}");
    }
}

#[test]
fn a_host_label_is_measured_in_punycode() {
    let host = |n: usize| format!("http://{}.com", "あ".repeat(n));
    assert_eq!(weighted(&host(10)), 23);
    let too_long = "あいうえおかきくけこ".repeat(6);
    assert_eq!(weighted(&format!("http://{too_long}.com")), 7 + 120 + 4);
}

#[test]
fn mastodon_counts_urls_as_23_and_remote_mentions_by_their_local_name() {
    for (text, units) in [
        ("hello", 5),
        ("👨‍👩‍👧‍👦", 1),
        (
            "https://example.com/a/very/long/path/that/would/be/more/than/it/counts",
            23,
        ),
        ("http://a.co", 23),
        ("example.com", 11),
        ("gemini://example.org/x", 23),
        ("(https://example.com/a_(b)).", 26),
        ("https://example.com/中文。", 23),
        ("https://example.com/a?中文=1", 23),
        ("https://example.notatld", 23),
        ("https://example.invalidtoplevel", 31),
        ("@alice@example.social hi", 9),
        ("@alice", 6),
        ("(@alice.b@example.social)", 10),
        ("mail bob@alice@example.social", 29),
        ("/@alice@example.social", 22),
        ("@alice@example.social.", 7),
        ("@alice@", 7),
        ("@@example.social", 16),
        ("https://example.social/@alice@example.org", 23),
    ] {
        assert_eq!(mastodon(text), units, "{text}");
    }
}

fn shown<'a>(text: &'a str, spans: &'a [Span]) -> Vec<(&'a str, &'a str)> {
    spans
        .iter()
        .map(|span| (&text[span.start..span.end], span.url.as_str()))
        .collect()
}

#[test]
fn links_are_found_with_and_without_scheme() {
    for (text, expected) in [
        ("no link", vec![]),
        (
            "see https://a.com/foo?x=1#y end",
            vec![("https://a.com/foo?x=1#y", "https://a.com/foo?x=1#y")],
        ),
        (
            "https://a.com\nhttps://b.com",
            vec![("https://a.com", "https://a.com"), ("https://b.com", "https://b.com")],
        ),
        (
            "start middle.com/foo?b=x#h end",
            vec![("middle.com/foo?b=x#h", "https://middle.com/foo?b=x#h")],
        ),
        ("👨👩 my-site.dev, ok", vec![("my-site.dev", "https://my-site.dev")]),
        (
            "http://localhost:3000/x",
            vec![("http://localhost:3000/x", "http://localhost:3000/x")],
        ),
        (
            "詳細はhttps://a.com/bへ",
            vec![("https://a.com/bへ", "https://a.com/bへ")],
        ),
    ] {
        assert_eq!(shown(text, &find_links(text)), expected, "{text}");
    }
}

#[test]
fn punctuation_and_unbalanced_parentheses_are_not_part_of_a_link() {
    for (text, link) in [
        ("ends https://foo.com.", "https://foo.com"),
        ("a https://foo.com, b", "https://foo.com"),
        ("a https://foo.com/x; b", "https://foo.com/x"),
        ("what, https://foo.com/x?!", "https://foo.com/x"),
        ("(https://foo.com)", "https://foo.com"),
        ("(https://foo.com/a)", "https://foo.com/a"),
        ("https://foo.com/thing_(cool)", "https://foo.com/thing_(cool)"),
        ("(see https://foo.com/thing_(cool)).", "https://foo.com/thing_(cool)"),
        ("\"https://foo.com/a\"", "https://foo.com/a"),
        ("<https://foo.com/a>", "https://foo.com/a"),
        ("見る https://foo.com/a。", "https://foo.com/a"),
    ] {
        let spans = find_links(text);
        assert_eq!(shown(text, &spans), vec![(link, link)], "{text}");
    }
}

#[test]
fn what_only_looks_like_a_link_is_left_alone() {
    for text in [
        "not.. a..url ..here",
        "e.g.",
        "e.g./foo",
        "something-cool.jpg",
        "website.com.jpg",
        "website.com.jpg/foo",
        "alice@example.com",
        "@alice.example.com",
        "#tag.com",
        "1.5",
        "ftp://example.com/x",
        "mailto:a@example.com",
        "https://",
        "javascript:alert(1)",
        "x.y",
    ] {
        assert_eq!(find_links(text), vec![], "{text}");
    }
}

#[test]
fn mentions_are_handles_under_a_domain() {
    for (text, expected) in [
        ("@alice.com middle", vec![("@alice.com", "alice.com")]),
        ("start @a.bsky.social end", vec![("@a.bsky.social", "a.bsky.social")]),
        ("@a.com @b.com", vec![("@a.com", "a.com"), ("@b.com", "b.com")]),
        ("(@a.com)", vec![("@a.com", "a.com")]),
        ("@a.com!@#$chars", vec![("@a.com", "a.com")]),
        ("@a.com.", vec![("@a.com", "a.com")]),
        (
            "@full123-chars.test",
            vec![("@full123-chars.test", "full123-chars.test")],
        ),
        ("👨👩 @a.com", vec![("@a.com", "a.com")]),
        ("not@right.com", vec![]),
        ("@alice", vec![]),
        ("@a..com", vec![]),
        ("@-a.com", vec![]),
        ("@readme.txt", vec![]),
        ("@", vec![]),
    ] {
        assert_eq!(shown(text, &find_mentions(text)), expected, "{text}");
    }
}

#[test]
fn tags_start_with_a_letter_or_a_pictograph_and_lose_trailing_punctuation() {
    for (text, expected) in [
        ("#a #b", vec!["a", "b"]),
        ("body #tag body", vec!["tag"]),
        ("body #a1 #a_b #a--b", vec!["a1", "a_b", "a--b"]),
        ("#b_ #c-", vec!["b", "c"]),
        (
            "strips #punctuation, #like. #this!",
            vec!["punctuation", "like", "this"],
        ),
        ("its a #double#rainbow", vec!["double"]),
        ("with #🦋 and #butter🦋fly", vec!["🦋", "butter🦋fly"]),
        ("#👍🏻", vec!["👍🏻"]),
        ("#größe #日本語", vec!["größe", "日本語"]),
        ("#1 #_b #-b # ## ##hash x#y", vec![]),
        ("example.com/p#header", vec![]),
    ] {
        let tags: Vec<String> = find_tags(text).into_iter().map(|span| span.url).collect();
        assert_eq!(tags, expected, "{text}");
    }
    assert_eq!(find_tags(&format!("#{}", "a".repeat(64))).len(), 1);
    assert_eq!(find_tags(&format!("#{}", "a".repeat(65))).len(), 0);
}

#[test]
fn spans_are_bytes_not_characters() {
    let spans = find_tags("works with #🦋 emoji");
    assert_eq!((spans[0].start, spans[0].end), (11, 16));
    let spans = find_links("中文 https://a.com");
    assert_eq!((spans[0].start, spans[0].end), (7, 20));
}

/// Text in which links, mentions and tags are likely.
fn lively_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("https://"),
        Just("example.com"),
        Just("bücher.みんな"),
        Just("/"),
        Just("("),
        Just(")"),
        Just("."),
        Just("@"),
        Just("#"),
        Just(" "),
        Just("👨‍👩‍👧"),
        Just("中"),
        Just("a"),
        Just("-"),
        Just("_"),
        Just("?"),
        Just(":"),
        Just("1"),
        Just("\u{20e3}"),
        Just("\u{fe0f}"),
        Just("🇫"),
        Just("é"),
        Just("\u{301}"),
        Just("\n"),
        Just("。"),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn ascii_has_the_graphemes_that_unicode_finds_in_it(text in "[\\x00-\\x7f\\r\\n]{0,40}") {
        let found = unicode_segmentation::UnicodeSegmentation::graphemes(text.as_str(), true).count();
        prop_assert_eq!(measure(TextUnit::Graphemes, &text), found);
    }

    #[test]
    fn spans_lie_in_order_on_character_boundaries(text in prop_oneof![lively_text(), ".*"]) {
        for spans in [find_links(&text), find_mentions(&text), find_tags(&text)] {
            let mut last = 0;
            for span in spans {
                prop_assert!(span.start >= last && span.start < span.end);
                prop_assert!(text.get(span.start..span.end).is_some_and(|s| s.ends_with(&span.url) || span.url.ends_with(s)));
                last = span.end;
            }
        }
    }

    #[test]
    fn every_unit_counts_any_text(text in prop_oneof![lively_text(), ".*"]) {
        let chars = text.chars().count();
        prop_assert!(measure(TextUnit::Graphemes, &text) <= chars);
        prop_assert!(measure(TextUnit::Utf16, &text) >= chars);
        prop_assert!(weighted(&text) <= 23 * chars.max(1));
        prop_assert!(mastodon(&text) <= 23 * chars.max(1));
    }

    #[test]
    fn x_counts_every_line_for_itself(a in lively_text(), b in lively_text()) {
        let (a, b) = (format!("\n{a}"), format!("\n{b}"));
        prop_assert_eq!(weighted(&format!("{a}{b}")), weighted(&a) + weighted(&b));
    }
}

/// X's published vectors. Two of them are the counting before version 3, in which joined emoji counted one by one.
#[test]
fn the_published_vectors_of_x_hold_when_they_are_at_hand() {
    let Some(folder) = std::env::var_os("BROADSIDE_SPECS") else {
        eprintln!("skipped: set BROADSIDE_SPECS to a folder with twitter-text-conformance-validate.yml");
        return;
    };
    let file = std::path::Path::new(&folder).join("twitter-text-conformance-validate.yml");
    let vectors: serde_json::Value = serde_norway::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut checked = 0;
    for group in [
        "WeightedTweetsCounterTest",
        "WeightedTweetsWithDiscountedEmojiCounterTest",
        "UnicodeDirectionalMarkerCounterTest",
    ] {
        for vector in vectors["tests"][group].as_array().unwrap() {
            let joined = ["Count a mix of single byte", "Count unicode emoji chars outside"];
            let description = vector["description"].as_str().unwrap();
            if group == "WeightedTweetsCounterTest" && joined.iter().any(|start| description.starts_with(start)) {
                continue;
            }
            let expected = vector["expected"]["weightedLength"].as_u64().unwrap();
            assert_eq!(
                weighted(vector["text"].as_str().unwrap()) as u64,
                expected,
                "{description}"
            );
            checked += 1;
        }
    }
    for vector in vectors["tests"]["urls_without_protocol"].as_array().unwrap() {
        assert_eq!(weighted(vector["text"].as_str().unwrap()), 23, "{vector}");
        checked += 1;
    }
    assert_eq!(checked, 18 + 22 + 2 + 5);
}

#[test]
fn little_text_escapes_what_is_meant_literally_and_keeps_tags_and_mentions() {
    for (text, little) in [
        ("plain, 100 % & fine!", "plain, 100 % & fine!"),
        (
            r"a|b{c}d@e[f](g)<h>i#j\k*l_m~n",
            r"a\|b\{c\}d\@e\[f\]\(g\)\<h\>i\#j\\k\*l\_m\~n",
        ),
        ("#rust and (#Börse2) #1", r"#rust and \(#Börse2\) \#1"),
        ("#snake_case.", r"{hashtag|\#|snake\_case}."),
        ("#tail_ x", r"#tail\_ x"),
        (
            "hi @{urn:li:person:AbC-1|Ada (L.)} and @[Org_X](urn:li:organization:12)",
            r"hi @[Ada \(L.\)](urn:li:person:AbC-1) and @[Org\_X](urn:li:organization:12)",
        ),
        ("@[x](https://example.com)", r"\@\[x\]\(https://example.com\)"),
        ("@{urn:li:person:|x}", r"\@\{urn:li:person:\|x\}"),
        ("mail a@b.c", r"mail a\@b.c"),
    ] {
        assert_eq!(to_little(text), little);
    }
}

#[test]
fn what_little_text_shows_is_what_was_written() {
    let text = r"a|b{c}d@e[f](g)<h>i#j\k*l_m~n #tag #snake_case 🦀";
    assert_eq!(from_little(&to_little(text)), text);
    assert_eq!(
        from_little(r"{hashtag|\#|word} by @[Ada \(L.\)](urn:li:person:A)!"),
        "#word by Ada (L.)!"
    );
}

#[test]
fn escapes_count_on_linkedin_and_emoji_by_their_bytes_on_threads() {
    assert_eq!(measure(TextUnit::Little, "(a)"), 5);
    assert_eq!(measure(TextUnit::Little, "🦀"), 2);
    for (text, units) in [
        ("añ漢", 3),
        ("🦀", 4),
        ("👨‍👩‍👧‍👦", 25),
        ("🇫🇷", 8),
        ("❤️", 6),
        ("1️⃣", 7),
        ("©", 2),
        ("✓", 3),
        ("a\u{200d}b", 5),
        ("#1", 2),
    ] {
        assert_eq!(measure(TextUnit::Threads, text), units, "{text}");
    }
}

//! Comparing a text that was sent with one that X shows.
//!
//! X trims and normalises a text, escapes three characters, and puts a short link in place of every link, which its
//! entities tell the way back from (docs.x.com, "Data dictionary: Post"). A link without a scheme gets one.

use unicode_normalization::UnicodeNormalization;

use super::wire::{Entities, Post};

/// A text in the form in which two are compared: NFC, one space for each stretch of white space, links without scheme,
/// and no slashes, since X may or may not put one at the end of a host.
///
/// Prepared posts are fingerprinted in this form too, so that two posts which could be taken for each other never wait
/// for a verdict at the same time.
pub(super) fn comparable(text: &str) -> String {
    let text: String = text.nfc().collect();
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.replace("https://", "").replace("http://", "").replace('/', ""))
        .collect();
    words.join(" ")
}

/// The text of a post as its author wrote it, as far as X tells.
pub(super) fn written(post: &Post) -> String {
    match &post.note_post {
        Some(note) => restore(&note.text, note.entities.as_ref().or(post.entities.as_ref())),
        None => restore(&post.text, post.entities.as_ref()),
    }
}

fn restore(text: &str, entities: Option<&Entities>) -> String {
    let mut text = unescape(text);
    let urls = entities
        .and_then(|entities| entities.urls.as_deref())
        .unwrap_or_default();
    for url in urls {
        if let (Some(short), Some(long)) = (&url.url, &url.expanded_url)
            && !short.is_empty()
        {
            text = text.replace(short, long);
        }
    }
    text
}

const ESCAPES: &[(&str, char)] = &[
    ("&amp;", '&'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&quot;", '"'),
    ("&#39;", '\''),
];

/// Undoes HTML's escapes once, so that an author's own `&amp;lt;` stays what it was.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.find('&').and_then(|at| rest.split_at_checked(at)) {
        out.push_str(before);
        let escape = ESCAPES
            .iter()
            .find_map(|(name, c)| from.strip_prefix(name).map(|after| (*c, after)));
        let (c, after) = escape.unwrap_or(('&', from.strip_prefix('&').unwrap_or_default()));
        out.push(c);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Note, UrlEntity};
    use super::*;

    fn post(text: &str, urls: &[(&str, &str)]) -> Post {
        let urls = urls
            .iter()
            .map(|(short, long)| UrlEntity {
                url: Some((*short).into()),
                expanded_url: Some((*long).into()),
            })
            .collect();
        Post {
            text: text.into(),
            entities: Some(Entities { urls: Some(urls) }),
            ..Post::default()
        }
    }

    fn is_same(sent: &str, shown: &Post) -> bool {
        comparable(sent) == comparable(&written(shown))
    }

    #[test]
    fn what_x_does_to_a_text_is_undone() {
        assert!(is_same("fish & chips <3", &post("fish &amp; chips &lt;3", &[])));
        assert!(is_same("  two  lines\n\nhere ", &post("two lines\nhere", &[])));
        assert!(is_same("cafe\u{301}", &post("caf\u{e9}", &[])));
        let one = [("https://t.co/a", "https://example.com/x?a=1&b=2")];
        assert!(is_same(
            "see https://example.com/x?a=1&b=2!",
            &post("see https://t.co/a!", &one)
        ));
        assert!(is_same(
            "see example.com",
            &post("see https://t.co/a", &[("https://t.co/a", "http://example.com/")])
        ));
    }

    #[test]
    fn an_escape_that_the_author_wrote_stays_one() {
        assert!(is_same("write &lt; in HTML", &post("write &amp;lt; in HTML", &[])));
        assert!(!is_same("write < in HTML", &post("write &amp;lt; in HTML", &[])));
        assert_eq!(unescape("a & b &amp"), "a & b &amp");
    }

    #[test]
    fn another_text_or_another_link_is_another_post() {
        assert!(!is_same("one", &post("two", &[])));
        assert!(!is_same(
            "see https://example.com/1",
            &post("see https://t.co/a", &[("https://t.co/a", "https://example.com/2")])
        ));
    }

    #[test]
    fn a_long_post_is_read_from_its_note() {
        let mut shown = post("the first words… https://t.co/z", &[]);
        shown.note_post = Some(Note {
            text: "the first words and the last".into(),
            entities: None,
        });
        assert!(is_same("the first words and the last", &shown));
    }
}

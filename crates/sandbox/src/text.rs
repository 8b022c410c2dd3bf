//! Reading text the way platforms do: links, mentions, lengths.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

/// Where the links of a text are, in bytes.
pub(crate) fn links(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = next_scheme(text, from) {
        let rest = text.get(start..).unwrap_or_default();
        let length = rest
            .find(|letter: char| letter.is_whitespace() || "<>\"".contains(letter))
            .unwrap_or(rest.len());
        let whole = rest.get(..length).unwrap_or_default();
        let link = whole.trim_end_matches(['.', ',', '!', '?', ';', ':', ')', '\'', '…']);
        let host = link.split_once("://").map_or("", |(_, host)| host);
        if host.contains('.') || host.starts_with("localhost") || host.starts_with('[') {
            found.push(start..start + link.len());
        }
        from = start + length.max(1);
    }
    found
}

fn next_scheme(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    ["http://", "https://"]
        .into_iter()
        .filter_map(|scheme| rest.find(scheme))
        .min()
        .map(|at| from + at)
}

/// The length in grapheme clusters, where every link counts `link_length`.
pub(crate) fn length_with_links(text: &str, link_length: usize) -> usize {
    let links = links(text);
    let in_links: usize = links
        .iter()
        .filter_map(|link| text.get(link.clone()))
        .map(graphemes)
        .sum();
    graphemes(text) - in_links + links.len() * link_length
}

/// The length in grapheme clusters.
pub(crate) fn graphemes(text: &str) -> usize {
    if text.is_ascii() {
        return text.len() - text.matches("\r\n").count();
    }
    text.graphemes(true).count()
}

/// The length in UTF-16 code units.
pub(crate) fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text with `&`, `<`, `>` written as HTML entities.
pub(crate) fn html_escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_counted_as_everything_is() {
        for text in ["", "plain", "a\r\nb\n\r\rc", "\t \u{7f}\0"] {
            assert_eq!(graphemes(text), text.graphemes(true).count(), "{text:?}");
        }
    }

    #[test]
    fn links_end_before_punctuation() {
        let text = "See https://example.com/a?b=c, (http://example.org/x). http:// is none";
        let links: Vec<&str> = links(text).into_iter().map(|link| &text[link]).collect();
        assert_eq!(links, ["https://example.com/a?b=c", "http://example.org/x"]);
        assert_eq!(
            length_with_links("a https://example.com/very/long/path/that/does/not/matter", 23),
            25
        );
    }
}

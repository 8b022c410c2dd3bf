//! Counting and finding things in text, each platform's own way.
//!
//! Counting must never come out too low: the platform would refuse the post when it is due. Where a rule cannot be
//! followed to the letter, the module says so.

use serde::Serialize;

mod emoji;
mod entities;
mod little;
mod mastodon;
mod punycode;
#[cfg(test)]
mod tests;
mod threads;
mod tld;
mod urls;
mod weighted;

pub use entities::{Span, find_links, find_mentions, find_tags};
pub use little::{Mentioned, from_little, to_little, with_mentions};

/// How a platform counts the length of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextUnit {
    /// Unicode code points.
    CodePoints,
    /// UTF-16 code units.
    Utf16,
    /// Extended grapheme clusters (UAX 29).
    Graphemes,
    /// X's weighted characters, version 3 of its configuration.
    Weighted,
    /// Grapheme clusters, but a URL counts 23 and a remote mention only its local name.
    Mastodon,
    /// LinkedIn's `little` text: UTF-16 code units of the text with its escapes.
    Little,
    /// Code points, but an emoji counts its UTF-8 bytes.
    Threads,
}

/// The length of `text` in this unit.
#[must_use]
pub fn measure(unit: TextUnit, text: &str) -> usize {
    match unit {
        TextUnit::CodePoints => text.chars().count(),
        TextUnit::Utf16 => text.encode_utf16().count(),
        TextUnit::Graphemes => graphemes(text),
        TextUnit::Weighted => weighted::measure(text),
        TextUnit::Mastodon => mastodon::measure(text),
        TextUnit::Little => little::measure(text),
        TextUnit::Threads => threads::measure(text),
    }
}

fn graphemes(text: &str) -> usize {
    // Of all that ASCII has, only the end of a line is one sign of two (unicode.org/reports/tr29, GB3 to GB5).
    if text.is_ascii() {
        return text.len() - text.matches("\r\n").count();
    }
    unicode_segmentation::UnicodeSegmentation::graphemes(text, true).count()
}

//! The weighted length of a post (twitter-text, configuration version 3).

use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::text::links;

/// What a post may weigh.
pub(super) const WEIGHT_MAX: usize = 280;
/// What a link weighs.
const LINK_WEIGHT: usize = 23;

/// The weight of `text`.
pub(super) fn weight(text: &str) -> usize {
    let text: String = text.nfc().collect();
    let mut total = 0;
    let mut done = 0;
    for link in links(&text) {
        total += weight_without_links(text.get(done..link.start).unwrap_or_default()) + LINK_WEIGHT;
        done = link.end;
    }
    total + weight_without_links(text.get(done..).unwrap_or_default())
}

fn weight_without_links(text: &str) -> usize {
    text.graphemes(true)
        .map(|cluster| {
            if is_emoji(cluster) {
                2
            } else {
                cluster.chars().map(of_letter).sum()
            }
        })
        .sum()
}

fn is_emoji(cluster: &str) -> bool {
    let first = cluster.chars().next().map(u32::from).unwrap_or_default();
    let keycap = cluster.contains('\u{20e3}');
    let shown_as_emoji = cluster.contains('\u{fe0f}');
    matches!(first, 0x1f000..=0x1faff) || keycap || shown_as_emoji
}

fn of_letter(letter: char) -> usize {
    match u32::from(letter) {
        0..=4_351 | 8_192..=8_205 | 8_208..=8_223 | 8_242..=8_247 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_emoji_and_links_have_their_weights() {
        assert_eq!(weight("abc"), 3);
        assert_eq!(weight("日本"), 4);
        assert_eq!(weight("👩‍👩‍👧‍👧"), 2);
        assert_eq!(weight("e\u{301}"), 1);
        assert_eq!(weight("see https://example.com/a/very/long/path/indeed"), 27);
    }
}

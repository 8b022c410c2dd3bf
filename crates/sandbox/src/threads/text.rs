//! Text as Threads counts and reads it.

use unicode_segmentation::UnicodeSegmentation as _;

/// The length of a text: characters, but emoji by their bytes.
pub(super) fn length(text: &str) -> usize {
    text.graphemes(true)
        .map(|cluster| {
            if cluster.chars().any(is_emoji) {
                cluster.len()
            } else {
                cluster.chars().count()
            }
        })
        .sum()
}

/// Whether a character makes its cluster an emoji: the pictographic blocks of Unicode, and what asks for their
/// colourful form.
fn is_emoji(letter: char) -> bool {
    matches!(
        u32::from(letter),
        0x203c | 0x2049 | 0x20e3 | 0x2139 | 0x231a..=0x231b | 0x23e9..=0x23f3 | 0x25fd..=0x25fe | 0x2600..=0x27bf
            | 0x2b1b..=0x2b1c | 0x2b50 | 0x2b55 | 0x3030 | 0x303d | 0xfe0f | 0x1f000..=0x1faff
    )
}

/// The first hashtag of a text, which becomes its topic.
pub(super) fn first_tag(text: &str) -> Option<String> {
    text.split_whitespace().find_map(|word| {
        let tag = word.strip_prefix('#')?.trim_end_matches([',', '!', '?', ';', ':']);
        is_topic(tag).then(|| tag.to_owned())
    })
}

/// Whether a text can be a topic: from 1 to 50 characters, without what topics do not have.
pub(super) fn is_topic(tag: &str) -> bool {
    (1..=50).contains(&tag.chars().count()) && !tag.contains(['.', '&', ' ', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emoji_costs_its_bytes_and_a_letter_one() {
        let cases = [
            ("plain", 5),
            ("über", 4),
            ("日本", 2),
            ("🙂", 4),
            ("👩‍👧", 11),
            ("❤️", 6),
            ("a🇩🇪b", 10),
        ];
        for (text, expected) in cases {
            assert_eq!(length(text), expected, "{text}");
        }
    }

    #[test]
    fn the_first_hashtag_is_the_topic() {
        assert_eq!(first_tag("a #b.c d #rust, #two").as_deref(), Some("rust"));
        assert_eq!(first_tag("no # tag"), None);
    }
}
